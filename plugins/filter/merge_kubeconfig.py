# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster's kubeconfig merged into a user's."""

from __future__ import annotations

DOCUMENTATION = r"""
name: merge_kubeconfig
author: the modelops.serving authors (@modelops)
short_description: Merge a cluster's kubeconfig into a user's
version_added: 0.1.0
description:
  - Returns the user's kubeconfig with one cluster, context and user more, or with these brought up to date. Everything
    else stays, the current context too.
  - Where nothing is different the text is returned as it is, with its comments.
options:
  _input:
    description: The user's kubeconfig; empty when there is none.
    type: str
    required: true
  theirs:
    description: The cluster's, as K3s writes it.
    type: str
    required: true
  context:
    description: What the context, the cluster and the user are called.
    type: str
    required: true
  server:
    description: Where the API answers.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Show the merged names
  ansible.builtin.debug:
    msg: "{{ mine | modelops.serving.merge_kubeconfig(theirs, context='homelab', server='https://192.0.2.11:6443') }}"
"""

RETURN = r"""
_value:
  description: The kubeconfig.
  type: str
"""

from typing import TYPE_CHECKING, Any

import yaml

from ..module_utils._core.kubeconfig import merged
from ..plugin_utils._kubeconfig import changed

if TYPE_CHECKING:
    from collections.abc import Callable


def merge_kubeconfig(mine: str, theirs: str, *, context: str, server: str) -> str:
    """Return the user's kubeconfig with a cluster merged into it."""
    return changed(mine, lambda before: merged(before, yaml.safe_load(theirs), context=context, server=server))


class FilterModule:
    """Ansible's way to find filters."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"merge_kubeconfig": merge_kubeconfig}
