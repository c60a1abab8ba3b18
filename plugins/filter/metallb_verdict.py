# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services that were promised addresses, into who has them and who answers for them."""

from __future__ import annotations

DOCUMENTATION = r"""
name: metallb_verdict
author: the modelops.serving authors (@modelops)
short_description: Tell whether Services have the addresses that they were promised, and who answers for them
version_added: 0.1.0
description:
  - Judges what was read of a cluster, and asks it nothing.
  - An address for which no node answers is a mistake only where pods behind it are ready, since MetalLB announces no
    other ones.
options:
  _input:
    description: What Services were told, as P(modelops.serving.metallb_plan#filter) returns it.
    type: list
    elements: dict
    required: true
  services:
    description: Services as they are now.
    type: list
    elements: dict
    default: []
  statuses:
    description: MetalLB's objects that name the node which answers for a Service.
    type: list
    elements: dict
    default: []
  slices:
    description: EndpointSlices of the Services.
    type: list
    elements: dict
    default: []
  events:
    description: Warnings about Services.
    type: list
    elements: dict
    default: []
"""

EXAMPLES = r"""
- name: Show who is without an address
  ansible.builtin.debug:
    msg: "{{ (__metallb_plan.services | modelops.serving.metallb_verdict(services=__metallb_now.resources)).without }}"
"""

RETURN = r"""
_value:
  description: Sentences.
  type: dict
  contains:
    without:
      description: Of Services that do not have their addresses, with the last warning about each.
      type: list
      elements: str
    silent:
      description: Of addresses for which nobody answers, and somebody should.
      type: list
      elements: str
    resting:
      description: Of addresses for which nobody answers, because no pod is ready.
      type: list
      elements: str
    answered:
      description: Of addresses for which a node answers.
      type: list
      elements: str
"""

from typing import TYPE_CHECKING, Any

from ..module_utils._core.metallb_verdict import verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Objects = Sequence[Mapping[str, Any]]


def metallb_verdict(
    promised: Objects, *, services: Objects = (), statuses: Objects = (), slices: Objects = (), events: Objects = ()
) -> dict[str, list[str]]:
    """Return who has what."""
    return verdict(promised, services, statuses, slices, events)


class FilterModule:
    """Ansible's way to find filters."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"metallb_verdict": metallb_verdict}
