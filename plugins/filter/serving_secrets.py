# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Models of an inventory into the Secrets that they name, and that somebody else keeps in the cluster."""

from __future__ import annotations

DOCUMENTATION = r"""
name: serving_secrets
author: the modelops.serving authors (@modelops)
short_description: Tell which Secrets of a cluster the models of an inventory need
version_added: 0.1.0
description:
  - Those that the inventory has itself are left out.
options:
  _input:
    description: What the inventory wants, as the role P(modelops.serving.mlserver#role) describes it.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show which they are
  ansible.builtin.debug:
    msg: "{{ __mlserver_wanted | modelops.serving.serving_secrets }}"
"""

RETURN = r"""
_value:
  description: Dictionaries with C(namespace) and C(name).
  type: list
  elements: dict
"""

from typing import TYPE_CHECKING, Any

from ..module_utils._core.plain_data import plain
from ..module_utils._core.serving_plan import secrets_to_read

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def serving_secrets(settings: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return where they are, and their names."""
    return secrets_to_read(plain(settings))


class FilterModule:
    """Ansible's way to find filters."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"serving_secrets": serving_secrets}
