# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Workloads of a cluster into whether they run as they are meant to."""

from __future__ import annotations

DOCUMENTATION = r"""
name: rolled_out
author: the modelops.serving authors (@modelops)
short_description: Tell whether Deployments and StatefulSets run as they are meant to
version_added: 0.1.0
description:
  - They do when all of their pods are ready, and are those that were declared last. None at all do not.
options:
  _input:
    description: Deployments and StatefulSets, as the API gives them.
    type: list
    elements: dict
    required: true
  wanted:
    description:
      - By the name of a container, the C(memory) that it is to ask for, and values of C(env) that it is to have.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Wait for the scheduler
  kubernetes.core.k8s_info:
    api_version: apps/v1
    kind: StatefulSet
    namespace: seldon-system
    name: seldon-scheduler
  register: found
  until: found.resources | modelops.serving.rolled_out(wanted=meant)
  vars:
    meant: {scheduler: {memory: 256Mi}}
"""

RETURN = r"""
_value:
  description: Whether they do.
  type: bool
"""

from typing import TYPE_CHECKING, Any

from ..module_utils._core.plain_data import plain
from ..module_utils._core.workloads import rolled_out as are_rolled_out

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


def rolled_out(workloads: Sequence[Mapping[str, Any]], wanted: Mapping[str, Mapping[str, Any]] | None = None) -> bool:
    """Return whether they run as they are meant to."""
    return are_rolled_out(plain(workloads), plain(wanted or {}))


class FilterModule:
    """Ansible's way to find filters."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"rolled_out": rolled_out}
