# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Experiments of a cluster into those that are not in force."""

from __future__ import annotations

DOCUMENTATION = r"""
name: experiments_lost
author: the modelops.serving authors (@modelops)
short_description: Tell which experiments of Seldon Core v2 are not in force
version_added: 0.1.0
description:
  - Reads what Seldon's operator says of each. What it says may be older than a restart of a scheduler.
options:
  _input:
    description: The experiments of the cluster.
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Require that all are in force
  ansible.builtin.assert:
    that: (found.resources | modelops.serving.experiments_lost) == []
"""

RETURN = r"""
_value:
  description: Sentences, one for each.
  type: list
  elements: str
"""

from typing import TYPE_CHECKING, Any

from ..module_utils._core.plain_data import plain
from ..module_utils._core.seldon_states import experiments_lost as lost

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


def experiments_lost(live: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return those that are not in force, each with what Seldon says of it."""
    return lost(plain(live))


class FilterModule:
    """Ansible's way to find filters."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"experiments_lost": experiments_lost}
