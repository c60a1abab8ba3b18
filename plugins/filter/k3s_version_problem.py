# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why K3s cannot go from one version to another."""

from __future__ import annotations

DOCUMENTATION = r"""
name: k3s_version_problem
author: the modelops.serving authors (@modelops)
short_description: Tell why a host must not go from one version of K3s to another
version_added: 0.1.0
description:
  - K3s cannot go back, and goes forward by one minor version at a time.
options:
  _input:
    description: The version that is installed; empty when there is none.
    type: str
    required: true
  wanted:
    description: The version that is wanted.
    type: str
    required: true
  where:
    description: The host, for the text.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Show why not
  ansible.builtin.debug:
    msg: "{{ 'v1.36.4+k3s1' | modelops.serving.k3s_version_problem('v1.35.7+k3s1', 'server-1') }}"
"""

RETURN = r"""
_value:
  description: What was found, where, and what to set; empty when nothing is wrong.
  type: str
"""

from typing import TYPE_CHECKING, Any

from ansible.errors import AnsibleFilterError

from ..module_utils._core.errors import ServingError
from ..module_utils._core.k3s_cluster import version_problem

if TYPE_CHECKING:
    from collections.abc import Callable


def k3s_version_problem(installed: str, wanted: str, where: str) -> str:
    """Return why a host must not go from one version to another, or nothing."""
    try:
        return version_problem(installed, wanted, where=where)
    except ServingError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    """Ansible's way to find filters."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"k3s_version_problem": k3s_version_problem}
