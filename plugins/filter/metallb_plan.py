# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pools that are wanted, and those of a cluster, into what has to be done."""

from __future__ import annotations

DOCUMENTATION = r"""
name: metallb_plan
author: the modelops.serving authors (@modelops)
short_description: Work out how a cluster gets the address pools that are wanted
version_added: 0.1.0
description:
  - Returns the objects to remove and to apply, each in an order that MetalLB takes.
  - Names pools that would go, and addresses in use that no pool would have any more, unless they were confirmed.
  - Names addresses that are promised to a Service while another one has them.
  - Only what carries this collection's label is removed, and only what this collection told Services is taken back.
options:
  _input:
    description: What the inventory wants, as the role P(modelops.serving.metallb#role) describes it.
    type: dict
    required: true
  live:
    description: MetalLB's objects in the cluster.
    type: list
    elements: dict
    required: true
  services:
    description: All Services of the cluster.
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Show what would be done
  ansible.builtin.debug:
    msg: "{{ __metallb_wanted | modelops.serving.metallb_plan(live=[], services=[]) }}"
"""

RETURN = r"""
_value:
  description: What has to be done.
  type: dict
  contains:
    problems:
      description: What would be lost, in sentences.
      type: list
      elements: str
    remove:
      description: Objects that go, in order.
      type: list
      elements: dict
    replaces:
      description: Whether a wanted pool takes addresses of one that is removed.
      type: bool
    apply:
      description: Objects that are wanted, in order.
      type: list
      elements: dict
    services:
      description: Services with the annotations that pin their addresses.
      type: list
      elements: dict
    released_services:
      description: Services that were told an address, and that the inventory does not name any more.
      type: list
      elements: dict
    missing_services:
      description: Services that have an address in the inventory, and do not exist yet.
      type: list
      elements: str
"""

from typing import TYPE_CHECKING, Any

from ..module_utils._core.metallb_plan import plan

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


def metallb_plan(
    settings: Mapping[str, Any], *, live: Sequence[Mapping[str, Any]], services: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Return what has to be done."""
    return plan(settings, live, services)


class FilterModule:
    """Ansible's way to find filters."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"metallb_plan": metallb_plan}
