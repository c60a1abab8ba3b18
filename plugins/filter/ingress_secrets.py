# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates and keys of hosts, into the Secrets that routes name."""

from __future__ import annotations

DOCUMENTATION = r"""
name: ingress_secrets
author: the modelops.serving authors (@modelops)
short_description: Make the Secrets that have the certificates of routes
version_added: 0.1.0
description:
  - A route without material has none, such as one whose certificate cert-manager makes.
extends_documentation_fragment:
  - modelops.serving._ingress
  - modelops.serving._ingress.routes
options:
  material:
    description: By the name of the route, C(certificate) and C(key) in PEM, and C(authority) where there is one.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Keep the certificates
  kubernetes.core.k8s:
    definition: "{{ ingress_routes | modelops.serving.ingress_secrets(topology='central', material=pairs) }}"
  no_log: true
"""

RETURN = r"""
_value:
  description: The Secrets.
  type: list
  elements: dict
"""

from typing import TYPE_CHECKING, Any

from ..module_utils._core.ingress_objects import secret_objects
from ..module_utils._core.ingress_problems import readable_routes
from ..module_utils._core.plain_data import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


def ingress_secrets(
    entries: Sequence[Any], *, topology: str, material: Mapping[str, Mapping[str, str]]
) -> list[dict[str, Any]]:
    """Return the Secrets."""
    return secret_objects(readable_routes(plain(entries), topology=str(topology)), material)


class FilterModule:
    """Ansible's way to find filters."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"ingress_secrets": ingress_secrets}
