# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of the role network_policies into the policies that they mean."""

from __future__ import annotations

DOCUMENTATION = r"""
name: network_policies
author: the modelops.serving authors (@modelops)
short_description: Work out the NetworkPolicies that a serving platform needs
version_added: 0.1.0
description:
  - Nothing may enter or leave the namespaces, but what Seldon Core v2 needs in the chosen topology.
  - Says everything that is wrong with the options at once, instead of failing with the first.
options:
  _input:
    description: The options of the role P(modelops.serving.network_policies#role), without their prefix.
    type: dict
    required: true
  found:
    description: The NetworkPolicies that the cluster has, as its API gives them.
    type: list
    elements: dict
    default: []
"""

EXAMPLES = r"""
- name: Show the policies
  ansible.builtin.debug:
    msg: "{{ (__network_policies_options | modelops.serving.network_policies).documents }}"
"""

RETURN = r"""
_value:
  description: What the options mean. All lists but C(problems) are empty when there are problems with the options.
  type: dict
  contains:
    problems:
      description: What is wrong with the options, and policies of others that have a name of ours.
      type: list
      elements: str
    documents:
      description: The namespaces, which are made when they are missing, and the policies.
      type: list
      elements: dict
    stale:
      description: Policies of ours that are not wanted any more, as far as their removal needs it.
      type: list
      elements: dict
"""

from typing import TYPE_CHECKING, Any

from ..module_utils._core.network_policies import foreign, in_order, manifests, namespaces, stale
from ..module_utils._core.policy_settings import read

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


def network_policies(options: Mapping[str, Any], found: Sequence[Mapping[str, Any]] = ()) -> dict[str, list[Any]]:
    """Return problems, or what the cluster has to have."""
    settings, problems = read(options)
    if problems:
        return {"problems": problems, "documents": [], "stale": []}
    wanted = manifests(settings)
    return {
        "problems": list(foreign(wanted, found)),
        "documents": [*namespaces(settings), *in_order(wanted)],
        "stale": stale(wanted, found),
    }


class FilterModule:
    """Ansible's way to find filters."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"network_policies": network_policies}
