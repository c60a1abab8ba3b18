# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A topology that is wanted, and what a cluster has, into what stands in the way and what has to go."""

from __future__ import annotations

DOCUMENTATION = r"""
name: seldon_plan
author: the modelops.serving authors (@modelops)
short_description: Work out how a cluster gets the topology of Seldon Core v2 that is wanted, or loses it
version_added: 0.1.0
description:
  - A topology is not changed in place. Namespaces that would lose their scheduler need a confirmation.
  - What goes is named in the order in which it has to go, since experiments and models need a scheduler for it.
options:
  _input:
    description: What the inventory wants, as the role P(modelops.serving.seldon#role) describes it.
    type: dict
    required: true
  live:
    description: Seldon's objects of all namespaces, and the Services that are called as Seldon's.
    type: list
    elements: dict
    required: true
  storage:
    description: StorageClasses and PersistentVolumeClaims of all namespaces. Without it, volumes are not judged.
    type: list
    elements: dict
"""

EXAMPLES = r"""
- name: Show what is in the way
  ansible.builtin.debug:
    msg: "{{ (__seldon_wanted | modelops.serving.seldon_plan(live=[])).problems }}"
"""

RETURN = r"""
_value:
  description: What has to be done.
  type: dict
  contains:
    problems:
      description: What stands in the way, in sentences.
      type: list
      elements: str
    remove:
      description: Experiments, pipelines, models and servers that go, in order.
      type: list
      elements: dict
    runtimes:
      description: The namespaces that have a scheduler and an Envoy.
      type: list
      elements: str
    unmarked:
      description: Those of them that are not known as this collection's yet.
      type: list
      elements: str
    namespaces:
      description: The namespaces of the teams that have to be there.
      type: list
      elements: dict
    left:
      description: The namespaces whose scheduler and Envoy go.
      type: list
      elements: str
    aliases:
      description: Services by which scheduler and Envoy are known in the namespaces of the teams.
      type: list
      elements: dict
    stale_aliases:
      description: Such Services that are not wanted any more.
      type: list
      elements: dict
    experiments:
      description: The experiments that there are.
      type: list
      elements: str
"""

from typing import TYPE_CHECKING, Any

from ..module_utils._core.plain_data import plain
from ..module_utils._core.seldon_plan import runtime_plan

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


def seldon_plan(
    settings: Mapping[str, Any],
    *,
    live: Sequence[Mapping[str, Any]],
    storage: Sequence[Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """Return what has to be done."""
    return runtime_plan(plain(settings), plain(live), None if storage is None else plain(storage))


class FilterModule:
    """Ansible's way to find filters."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"seldon_plan": seldon_plan}
