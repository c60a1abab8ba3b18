# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Routes as an inventory has them, into routes with everything that they leave out."""

from __future__ import annotations

DOCUMENTATION = r"""
name: ingress_routes
author: the modelops.serving authors (@modelops)
short_description: Fill in what routes leave out
version_added: 0.1.0
description:
  - Each route gets its namespace, which hangs on the topology, its path, its times, and the name of its Secret.
extends_documentation_fragment:
  - modelops.serving._ingress
  - modelops.serving._ingress.routes
"""

EXAMPLES = r"""
- name: Show which hosts there are
  ansible.builtin.debug:
    msg: "{{ ingress_routes | modelops.serving.ingress_routes(topology='central') | map(attribute='host') }}"
"""

RETURN = r"""
_value:
  description: The routes, each with C(secret), the name of the Secret that has its certificate.
  type: list
  elements: dict
"""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ..module_utils._core.ingress_problems import readable_routes
from ..module_utils._core.plain_data import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def ingress_routes(entries: Sequence[Any], *, topology: str) -> list[dict[str, Any]]:
    """Return the routes as plain data."""
    routes = readable_routes(plain(entries), topology=str(topology))
    return [{**asdict(route), "secret": route.secret} for route in routes]


class FilterModule:
    """Ansible's way to find filters."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"ingress_routes": ingress_routes}
