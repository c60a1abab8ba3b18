# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Workloads of a cluster into what keeps them from running as they are meant to."""

from __future__ import annotations

DOCUMENTATION = r"""
name: workload_troubles
author: the modelops.serving authors (@modelops)
short_description: Tell why Deployments and StatefulSets do not run as they are meant to
version_added: 0.1.0
description:
  - A line for each that does not, with what its pods say, in the words of the API.
options:
  _input:
    description: What each workload is called.
    type: list
    elements: str
    required: true
  found:
    description: What the API had under each of these names, a list of none or one.
    type: list
    elements: list
    required: true
  pods:
    description: The pods of their namespaces, as the API gives them; others may be among them.
    type: list
    elements: dict
    required: true
  wanted:
    description: As of P(modelops.serving.rolled_out#filter).
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Require the scheduler
  ansible.builtin.assert:
    that: troubles | length == 0
    fail_msg: "{{ troubles | join(', ') }}"
  vars:
    # Registered by tasks with kubernetes.core.k8s_info before.
    troubles: "{{ ['scheduler'] | modelops.serving.workload_troubles([found.resources], pods.resources) }}"
"""

RETURN = r"""
_value:
  description: The lines; none when all run.
  type: list
  elements: str
"""

from typing import TYPE_CHECKING, Any

from ..module_utils._core.plain_data import plain
from ..module_utils._core.workloads import troubles

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Thing = Mapping[str, Any]


def workload_troubles(
    titles: Sequence[str],
    found: Sequence[Sequence[Thing]],
    pods: Sequence[Thing],
    wanted: Mapping[str, Thing] | None = None,
) -> list[str]:
    """Return a line for each workload that does not run as it is meant to."""
    return troubles(plain(titles), plain(found), plain(pods), plain(wanted or {}))


class FilterModule:
    """Ansible's way to find filters."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"workload_troubles": workload_troubles}
