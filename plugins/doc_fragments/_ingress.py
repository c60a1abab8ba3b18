# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the filters of an edge's routes take."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  topology:
    description: The value of C(seldon_topology), which says where the mesh is.
    type: str
    required: true
"""

    ROUTES = r"""
options:
  _input:
    description: Routes as P(modelops.serving.ingress#role) takes them. Those that make no sense are left out.
    type: list
    elements: dict
    required: true
"""
