# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an inventory says of the edge, into what is wrong with it."""

from __future__ import annotations

DOCUMENTATION = r"""
name: ingress_problems
author: the modelops.serving authors (@modelops)
short_description: Tell everything that is wrong with the edge of a cluster
version_added: 0.1.0
description:
  - Each sentence says what was found, where, and what to set.
options:
  _input:
    description:
      - What the inventory says. C(controller), C(topology), C(address), C(routes), and C(pools), the ranges and blocks
        of all address pools. C(is_proved) says whether models or experiments are asked through the routes.
    type: dict
    required: true
  certificates:
    description:
      - What M(community.crypto.x509_certificate_info) returned of certificates in files, by their paths. It was asked
        whether they are valid C(now) and C(soon). Files are not judged when this is left out.
    type: dict
  keys:
    description: What M(community.crypto.openssl_privatekey_info) returned of keys in files, by their paths.
    type: dict
"""

EXAMPLES = r"""
- name: Refuse an edge that makes no sense
  ansible.builtin.assert:
    that: (edge | modelops.serving.ingress_problems).problems | length == 0
"""

RETURN = r"""
_value:
  description: Lists of sentences, C(problems) and C(warnings).
  type: dict
"""

from typing import TYPE_CHECKING, Any

from ..module_utils._core.ingress_problems import Edge, edge_findings
from ..module_utils._core.ingress_tls import TlsFiles
from ..module_utils._core.plain_data import plain
from ..module_utils._core.preflight_cluster import is_true, listed
from ..module_utils._core.preflight_report import report

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def ingress_problems(
    edge: Mapping[str, Any],
    *,
    certificates: Mapping[str, Mapping[str, Any]] | None = None,
    keys: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, list[str]]:
    """Return problems and warnings."""
    said = plain(edge)
    texts = {name: str(said.get(name) or "") for name in ("controller", "topology", "address")}
    files = None if certificates is None or keys is None else TlsFiles(plain(certificates), plain(keys))
    routes, pools, is_proved = said.get("routes") or [], listed(said.get("pools")), is_true(said.get("is_proved"))
    return report(edge_findings(Edge(**texts, routes=routes, pools=pools, files=files, is_proved=is_proved)))


class FilterModule:
    """Ansible's way to find filters."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"ingress_problems": ingress_problems}
