# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A K3s node as an inventory describes it, into the content of its config.yaml."""

from __future__ import annotations

DOCUMENTATION = r"""
name: k3s_node
author: the modelops.serving authors (@modelops)
short_description: Work out the configuration of a K3s node
version_added: 0.1.0
description:
  - Returns what stands in C(config.yaml), in K3s's own keys, from the options of the role P(modelops.serving.k3s#role).
  - Refuses keys that K3s would silently ignore, keys of the other type of node, and keys that an option decides.
options:
  _input:
    description: The node, as the role describes it.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show the configuration of a node
  ansible.builtin.debug:
    msg: "{{ __k3s_node | modelops.serving.k3s_node }}"
"""

RETURN = r"""
_value:
  description: What the node's files hold.
  type: dict
  contains:
    config:
      description: The content of C(config.yaml).
      type: dict
    secrets:
      description: Keys that nobody is to read in a diff.
      type: dict
    registration:
      description: Labels, taints and whom to join, which K3s heeds when the node joins, and never again.
      type: dict
    runs_pods:
      description: Whether the node has a kubelet.
      type: bool
"""

from typing import TYPE_CHECKING, Any

from ansible.errors import AnsibleFilterError

from ..module_utils._core.errors import ServingError
from ..module_utils._core.k3s_config import SECRET_KEYS, check_keys, node_config, registration

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def k3s_node(wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a node's files hold."""
    try:
        for name, content in wanted["config_drop_ins"].items():
            where = f"k3s_config_drop_ins['{name}']"
            secret = sorted(SECRET_KEYS.intersection(check_keys(content, wanted["type"], where=where)))
            if secret:
                raise ServingError(f"{where} sets '{secret[0]}', which is a secret. Set it in k3s_config.")
        config = node_config(wanted)
        return {
            "config": {key: value for key, value in config.items() if key not in SECRET_KEYS},
            "secrets": {key: value for key, value in config.items() if key in SECRET_KEYS},
            "registration": registration(wanted),
            "runs_pods": not config.get("disable-agent"),
        }
    except ServingError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    """Ansible's way to find filters."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"k3s_node": k3s_node}
