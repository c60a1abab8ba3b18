# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A user's kubeconfig without a cluster that is gone."""

from __future__ import annotations

DOCUMENTATION = r"""
name: kubeconfig_without
author: the modelops.serving authors (@modelops)
short_description: Take a cluster that is gone out of a user's kubeconfig
version_added: 0.1.0
description:
  - Returns the user's kubeconfig without a context, and without the cluster and the user of its name. Everything else
    stays.
  - A context of that name that leads elsewhere stays, too.
  - Where nothing is different the text is returned as it is, with its comments.
options:
  _input:
    description: The user's kubeconfig.
    type: str
    required: true
  context:
    description: What the context, the cluster and the user are called.
    type: str
    required: true
  servers:
    description: Where the API of the cluster answered, any of C(https://HOST:PORT).
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Show what is left
  ansible.builtin.debug:
    msg: "{{ mine | modelops.serving.kubeconfig_without(context='homelab', servers=['https://192.0.2.11:6443']) }}"
"""

RETURN = r"""
_value:
  description: The kubeconfig.
  type: str
"""

from typing import TYPE_CHECKING, Any

from ..module_utils._core.kubeconfig import without
from ..plugin_utils._kubeconfig import changed

if TYPE_CHECKING:
    from collections.abc import Callable


def kubeconfig_without(mine: str, *, context: str, servers: list[str]) -> str:
    """Return the user's kubeconfig without a cluster."""
    return changed(mine, lambda before: without(before, context=context, servers=servers))


class FilterModule:
    """Ansible's way to find filters."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"kubeconfig_without": kubeconfig_without}
