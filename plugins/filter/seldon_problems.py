# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Seldon Core v2 and what it is to serve, as an inventory has them, into what is wrong with them."""

from __future__ import annotations

DOCUMENTATION = r"""
name: seldon_problems
author: the modelops.serving authors (@modelops)
short_description: Tell everything that is wrong with a topology, and with the models that it is to serve
version_added: 0.1.0
description:
  - Judges what the options of the roles P(modelops.serving.seldon#role) and P(modelops.serving.mlserver#role) say, and
    asks no cluster.
  - Models, secrets and experiments are judged when they are among the settings.
  - Each sentence says what was found, where, and what to set. None has a value out of a secret.
options:
  _input:
    description: What the inventory wants, as the roles describe it.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Refuse a model that no server can run
  ansible.builtin.assert:
    that: (__mlserver_wanted | modelops.serving.seldon_problems) == []
"""

RETURN = r"""
_value:
  description: Sentences.
  type: list
  elements: str
"""

from typing import TYPE_CHECKING, Any

from ..module_utils._core.plain_data import plain
from ..module_utils._core.preflight_report import report
from ..module_utils._core.seldon_problems import runtime_findings, serving_findings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def seldon_problems(settings: Mapping[str, Any]) -> list[str]:
    """Return what is wrong."""
    said = plain(settings)
    serving = serving_findings(said) if "models" in said else iter(())
    return report([*runtime_findings(said), *serving])["problems"]


class FilterModule:
    """Ansible's way to find filters."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"seldon_problems": seldon_problems}
