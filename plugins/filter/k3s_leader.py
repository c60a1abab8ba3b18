# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The server that the others join."""

from __future__ import annotations

DOCUMENTATION = r"""
name: k3s_leader
author: the modelops.serving authors (@modelops)
short_description: Name the K3s server that the others join
version_added: 0.1.0
description:
  - Returns the first server that runs with a datastore, else the first that has one, else the first.
  - By position alone, a server that comes back empty would begin a second cluster.
options:
  _input:
    description: The servers, as the inventory names them.
    type: list
    elements: str
    required: true
  found:
    description: What M(modelops.serving.k3s_info) returned, by server. One that is missing has nothing.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show who leads
  ansible.builtin.debug:
    msg: "{{ ['server-1', 'server-2'] | modelops.serving.k3s_leader({'server-2': {'has_datastore': true}}) }}"
  # => server-2
"""

RETURN = r"""
_value:
  description: The name of the server.
  type: str
"""

from typing import TYPE_CHECKING, Any

from ansible.errors import AnsibleFilterError

from ..module_utils._core.errors import ServingError
from ..module_utils._core.k3s_cluster import leader

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


def k3s_leader(servers: Sequence[str], found: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the server that the others join."""
    try:
        return leader(servers, found)
    except ServingError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    """Ansible's way to find filters."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"k3s_leader": k3s_leader}
