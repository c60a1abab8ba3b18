# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects of routes in a cluster, into those that no route needs any more."""

from __future__ import annotations

DOCUMENTATION = r"""
name: ingress_stale
author: the modelops.serving authors (@modelops)
short_description: Find the objects of routes that are not wanted any more
version_added: 0.1.0
description:
  - A Secret is wanted as long as its route has TLS, whoever fills it.
extends_documentation_fragment:
  - modelops.serving._ingress
options:
  _input:
    description: Objects that are in the cluster.
    type: list
    elements: dict
    required: true
  wanted:
    description: What P(modelops.serving.ingress_objects#filter) made of the routes.
    type: list
    elements: dict
    required: true
  routes:
    description: The routes, as P(modelops.serving.ingress#role) takes them.
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Take away what is not wanted any more
  kubernetes.core.k8s:
    state: absent
    definition: >-
      {{ found | modelops.serving.ingress_stale(wanted=[], routes=[], topology='central') }}
"""

RETURN = r"""
_value:
  description: The objects, as far as is needed to remove them.
  type: list
  elements: dict
"""

from typing import TYPE_CHECKING, Any

from ..module_utils._core.ingress_objects import stale_objects
from ..module_utils._core.ingress_problems import readable_routes
from ..module_utils._core.plain_data import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


def ingress_stale(
    found: Sequence[Mapping[str, Any]], *, wanted: Sequence[Mapping[str, Any]], routes: Sequence[Any], topology: str
) -> list[dict[str, Any]]:
    """Return what is to be removed."""
    return stale_objects(found, wanted, readable_routes(plain(routes), topology=str(topology)))


class FilterModule:
    """Ansible's way to find filters."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"ingress_stale": ingress_stale}
