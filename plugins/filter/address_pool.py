# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A pool of addresses, as an inventory writes it, into its addresses."""

from __future__ import annotations

DOCUMENTATION = r"""
name: address_pool
author: the modelops.serving authors (@modelops)
short_description: List the addresses of a pool
version_added: 0.1.0
description:
  - Writes out an address pool in MetalLB's notation, so that one machine can pick its virtual address from the same
    data that announces addresses on a cluster.
  - IPv4 only, with 256 addresses at most.
  - Refuses V(127.0.0.0) and V(127.255.255.255), V(127.0.0.1), and the local resolvers' V(127.0.0.53) and V(127.0.0.54).
options:
  _input:
    description: The pool, as a range V(first-last) or as a CIDR block. A block includes its first and its last address.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Show the virtual address
  ansible.builtin.debug:
    msg: "{{ '127.0.77.1-127.0.77.14' | modelops.serving.address_pool | first }}"
  # => 127.0.77.1

- name: Refuse an address outside the pool
  ansible.builtin.assert:
    that: address in ('127.0.77.0/28' | modelops.serving.address_pool)
"""

RETURN = r"""
_value:
  description: The addresses, in order.
  type: list
  elements: str
"""

from typing import TYPE_CHECKING, Any

from ansible.errors import AnsibleFilterError

from ..module_utils._core.addresses import pool_addresses
from ..module_utils._core.errors import ServingError

if TYPE_CHECKING:
    from collections.abc import Callable


def address_pool(pool: str) -> list[str]:
    """Return the addresses of a pool."""
    try:
        return pool_addresses(pool)
    except ServingError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    """Ansible's way to find filters."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"address_pool": address_pool}
