# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of the role network_policies, and what a cluster has, into who would be reached by whom."""

from __future__ import annotations

DOCUMENTATION = r"""
name: network_policies_audit
author: the modelops.serving authors (@modelops)
short_description: Tell what NetworkPolicies would block
version_added: 0.1.0
description:
  - Compares who may reach whom today with who could under the policies of the role
    P(modelops.serving.network_policies#role), for the pods that are there and the ports that they declare.
  - Pods of one workload are looked at once.
options:
  _input:
    description: The options of the role, without their prefix.
    type: dict
    required: true
  namespaces:
    description: The namespaces of the cluster, as its API gives them.
    type: list
    elements: dict
    required: true
  pods:
    description: Its pods.
    type: list
    elements: dict
    required: true
  policies:
    description: Its NetworkPolicies.
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Show what would be blocked
  ansible.builtin.debug:
    msg: >-
      {{ (__network_policies_options | modelops.serving.network_policies_audit(
            namespaces=namespaces.resources, pods=pods.resources, policies=policies.resources)).blocked }}
"""

RETURN = r"""
_value:
  description: Sentences, each about some ports of one workload.
  type: dict
  contains:
    blocked:
      description: What gets through today, and would not.
      type: list
      elements: str
    opened:
      description: What does not get through today, and would.
      type: list
      elements: str
    open:
      description: All that would get through.
      type: list
      elements: str
"""

from typing import TYPE_CHECKING, Any

from ansible.errors import AnsibleFilterError

from ..module_utils._core.errors import ServingError
from ..module_utils._core.policy_audit import Found, audit
from ..module_utils._core.policy_settings import read

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


def network_policies_audit(
    options: Mapping[str, Any],
    *,
    namespaces: Sequence[Mapping[str, Any]],
    pods: Sequence[Mapping[str, Any]],
    policies: Sequence[Mapping[str, Any]],
) -> dict[str, list[str]]:
    """Return what would be blocked, what would be opened, and what would be open."""
    settings, problems = read(options)
    if problems:
        raise AnsibleFilterError(" ".join(problems))
    try:
        return audit(settings, Found(namespaces, pods, policies))
    except ServingError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    """Ansible's way to find filters."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"network_policies_audit": network_policies_audit}
