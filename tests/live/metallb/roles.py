# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role metallb on a laboratory: pools, announcements and pins as an inventory has them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.live.edge.plays import Played, play
from tests.live.metallb.cluster import NAMESPACE
from tests.live.metallb.lab import Lab, until

PARTS = ("validate.yml", "pools.yml", "services.yml", "verify.yml")
LAN_POOL = {"name": "lan", "addresses": ["192.0.2.200-192.0.2.219"]}


class Role:
    """Everything of the role but the chart, which is installed by hand here."""

    def __init__(self, lab: Lab, namespace: str, folder: Path) -> None:
        self._lab = lab
        self.namespace = namespace
        self._folder = folder

    def play(self, *words: str, **variables: Any) -> Played:
        parts = variables.pop("parts", PARTS)
        wanted = {"metallb_namespace": NAMESPACE, "metallb_address_pools": [LAN_POOL], "metallb_wait_timeout": 30}
        kubeconfig = self._lab.cluster.api.kubeconfig()
        return play(self._folder, "metallb", parts, kubeconfig, {**wanted, **variables}, *words)

    def pin(self, name: str, address: str, **more: str) -> dict[str, Any]:
        return {"namespace": self.namespace, "name": name, "addresses": [address], **more}

    def service(self, name: str, **annotations: str) -> None:
        self._lab.cluster.service(self.namespace, name, **annotations)

    def address(self, name: str) -> str:
        """Wait until a Service has an address, and return it."""
        until(lambda: bool(self._addresses(name)), f"an address for {name}", 30)
        return self._addresses(name)[0]

    def _addresses(self, name: str) -> list[str]:
        return self._lab.cluster.addresses(self.namespace, name)
