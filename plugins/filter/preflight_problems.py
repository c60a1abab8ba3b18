# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An inventory of a cluster, and what its hosts showed, into what is wrong with them."""

from __future__ import annotations

DOCUMENTATION = r"""
name: preflight_problems
author: the modelops.serving authors (@modelops)
short_description: Tell everything that is wrong with a cluster's inventory, or with its hosts
version_added: 0.1.0
description:
  - Without O(found.hosts) it judges the inventory, and touches no host.
  - With O(found.hosts) it judges the hosts by what M(modelops.serving.preflight_info) returned of them.
  - Each sentence says what was found, where, and what to set. What is true of several hosts is said once.
  - No secret is told, and none is read, but for whether there is a datastore of your own, and how secrets for models
    are made up.
options:
  _input:
    description: The variables of hosts, by host, such as C(hostvars).
    type: dict
    required: true
  hosts:
    description: The hosts of the cluster.
    type: list
    elements: str
    required: true
  contract:
    description:
      - The options of the roles P(modelops.serving.k3s#role) and P(modelops.serving.preflight#role), as their argument
        specifications have them. They give defaults, and the names that may be set.
      - Of options of the cluster's other roles, names alone are looked at. With them, a variable that begins like
        theirs, or with C(serving_), and that nobody reads, is a problem.
    type: dict
    required: true
  found:
    description: What was looked at.
    type: dict
    suboptions:
      hosts:
        description:
          - What M(modelops.serving.preflight_info) returned, by host. One that is missing was not asked. With it, the
            hosts are judged, and without it the inventory.
        type: dict
      certificates:
        description:
          - What M(community.crypto.x509_certificate_info) returned of the certificates that routes take from files, by
            their paths. It was asked whether they are valid C(now) and C(soon). Files are judged with the inventory,
            unless this is left out.
        type: dict
      keys:
        description: What M(community.crypto.openssl_privatekey_info) returned of their keys, by their paths.
        type: dict
  settings:
    description: How strict the judgement of hosts is.
    type: dict
    suboptions:
      version:
        description: The version of K3s where the inventory says none.
        type: str
      clock_skew:
        description: Seconds that a clock may differ.
        type: int
      free_disk:
        description: GiB that must be free.
        type: int
      layer2:
        description: Whether address pools are announced on the nodes' own networks.
        type: bool
"""

EXAMPLES = r"""
- name: Refuse an even number of servers
  ansible.builtin.assert:
    that: not report.problems
    fail_msg: "{{ report.problems | join(' ') }}"
  vars:
    report: >-
      {{ hostvars | modelops.serving.preflight_problems(hosts=['server-1', 'server-2'],
                                                        contract={'k3s_servers': {'type': 'list'}}) }}
"""

RETURN = r"""
_value:
  description: Lists of sentences, C(problems), with which K3s would fail, and C(warnings), with which it can live.
  type: dict
"""

from typing import TYPE_CHECKING, Any

from ..module_utils._core.ingress_tls import TlsFiles
from ..module_utils._core.plain_data import plain
from ..module_utils._core.preflight_cluster import OWN_PREFIXES, ROLE_PREFIXES, known_variables, parse_cluster
from ..module_utils._core.preflight_host import host_findings
from ..module_utils._core.preflight_inventory import inventory_findings
from ..module_utils._core.preflight_report import report

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

SETTINGS: dict[str, Any] = {"version": "", "clock_skew": 30, "free_disk": 4, "layer2": True}


def preflight_problems(
    variables: Mapping[str, Mapping[str, Any]],
    *,
    hosts: Sequence[str],
    contract: Mapping[str, Any],
    found: Mapping[str, Mapping[str, Any]] | None = None,
    settings: Mapping[str, Any] | None = None,
) -> dict[str, list[str]]:
    """Return problems and warnings."""
    hosts = [str(host) for host in hosts]
    # Only what is looked at is read: a variable is worked out when it is, and may be a secret.
    judged = {name: option for name, option in contract.items() if name.startswith(OWN_PREFIXES)}
    wanted = known_variables(judged)
    own = {host: variables[host] for host in hosts}
    values = {host: {name: plain(each[name]) for name in wanted if name in each} for host, each in own.items()}
    prefixes = OWN_PREFIXES if len(judged) == len(contract) else (*OWN_PREFIXES, *ROLE_PREFIXES)
    names = {host: [str(name) for name in each if name.startswith(prefixes)] for host, each in own.items()}
    cluster = parse_cluster(hosts, values, names, plain(judged))
    seen = plain(found or {})
    if "hosts" in seen:
        return report(host_findings(cluster, seen["hosts"], {**SETTINGS, **(settings or {})}))
    files = TlsFiles(seen["certificates"], seen["keys"]) if "certificates" in seen else None
    return report(inventory_findings(cluster, contract, files))


class FilterModule:
    """Ansible's way to find filters."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"preflight_problems": preflight_problems}
