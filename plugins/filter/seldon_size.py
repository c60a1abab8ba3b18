# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The name of a size into what the parts of Seldon Core v2 ask of a cluster."""

from __future__ import annotations

DOCUMENTATION = r"""
name: seldon_size
author: the modelops.serving authors (@modelops)
short_description: Tell what the parts of Seldon Core v2 ask for in a size
version_added: 0.1.0
description:
  - Returns cores, memory and disk of the operator, the scheduler, Envoy, and the three containers of a model server.
options:
  _input:
    description: The size, V(small), V(medium) or V(large).
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Show what a scheduler asks for
  ansible.builtin.debug:
    msg: "{{ ('small' | modelops.serving.seldon_size).scheduler }}"
"""

RETURN = r"""
_value:
  description: What each part asks for, in Kubernetes' own words.
  type: dict
"""

from typing import TYPE_CHECKING, Any

from ansible.errors import AnsibleFilterError

from ..module_utils._core.seldon_sizes import SIZES

if TYPE_CHECKING:
    from collections.abc import Callable


def seldon_size(name: str) -> dict[str, dict[str, str]]:
    """Return what each part asks for."""
    if str(name) not in SIZES:
        raise AnsibleFilterError(f"seldon_size is '{name}'. Set it to {', '.join(SIZES)}.")
    return {part: dict(asked) for part, asked in SIZES[str(name)].items()}


class FilterModule:
    """Ansible's way to find filters."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"seldon_size": seldon_size}
