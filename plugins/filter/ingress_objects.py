# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Routes as an inventory has them, into the objects that a controller carries out."""

from __future__ import annotations

DOCUMENTATION = r"""
name: ingress_objects
author: the modelops.serving authors (@modelops)
short_description: Make the objects of a cluster that routes are
version_added: 0.1.0
description:
  - For C(nginx) a route is an Ingress, for C(traefik) an IngressRoute with what belongs to it.
  - A route whose certificate comes from an issuer has a Certificate of cert-manager as well.
extends_documentation_fragment:
  - modelops.serving._ingress
  - modelops.serving._ingress.routes
options:
  controller:
    description: Who carries them out.
    type: str
    choices: [nginx, traefik]
    required: true
"""

EXAMPLES = r"""
- name: Keep the routes
  kubernetes.core.k8s:
    definition: "{{ ingress_routes | modelops.serving.ingress_objects(topology='central', controller='nginx') }}"
"""

RETURN = r"""
_value:
  description: The objects.
  type: list
  elements: dict
"""

from typing import TYPE_CHECKING, Any

from ..module_utils._core.ingress_objects import route_objects
from ..module_utils._core.ingress_problems import readable_routes
from ..module_utils._core.plain_data import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def ingress_objects(entries: Sequence[Any], *, topology: str, controller: str) -> list[dict[str, Any]]:
    """Return the objects."""
    return route_objects(readable_routes(plain(entries), topology=str(topology)), controller=str(controller))


class FilterModule:
    """Ansible's way to find filters."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"ingress_objects": ingress_objects}
