# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of variables into complaints about those that nobody reads."""

from __future__ import annotations

DOCUMENTATION = r"""
name: unknown_names
author: the modelops.serving authors (@modelops)
short_description: Find misspelt names of variables
version_added: 0.1.0
description:
  - Returns a sentence for each name that is not among the known ones, and suggests the nearest.
  - An argument specification cannot do this, because it never sees a variable that it does not know.
options:
  _input:
    description: The names in use.
    type: list
    elements: str
    required: true
  known:
    description: The names there are.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Refuse misspelt variables
  ansible.builtin.assert:
    that: not problems
    fail_msg: "{{ problems | join(' ') }}"
  vars:
    problems: "{{ ['web_prot'] | modelops.serving.unknown_names(['web_host', 'web_port']) }}"
"""

RETURN = r"""
_value:
  description: A sentence for each unknown name, in the order of the names.
  type: list
  elements: str
  sample: ["There is no variable 'web_prot'; did you mean 'web_port'?"]
"""

from typing import TYPE_CHECKING, Any

from ..module_utils._core.names import unknown_names

if TYPE_CHECKING:
    from collections.abc import Callable


class FilterModule:
    """Ansible's way to find filters."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"unknown_names": unknown_names}
