# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Address pools as an inventory has them, into what is wrong with them."""

from __future__ import annotations

DOCUMENTATION = r"""
name: metallb_problems
author: the modelops.serving authors (@modelops)
short_description: Tell everything that is wrong with address pools and who is to have their addresses
version_added: 0.1.0
description:
  - Judges what the options of the role P(modelops.serving.metallb#role) say, and asks no cluster.
  - Each sentence says what was found, where, and what to set.
options:
  _input:
    description: What the inventory wants, as the role describes it.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Refuse pools that overlap
  ansible.builtin.assert:
    that: (__metallb_wanted | modelops.serving.metallb_problems) == []
"""

RETURN = r"""
_value:
  description: Sentences.
  type: list
  elements: str
"""

from typing import TYPE_CHECKING, Any

from ..module_utils._core.metallb_objects import settings_findings
from ..module_utils._core.preflight_report import report

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def metallb_problems(settings: Mapping[str, Any]) -> list[str]:
    """Return what is wrong."""
    return report(settings_findings(settings))["problems"]


class FilterModule:
    """Ansible's way to find filters."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"metallb_problems": metallb_problems}
