# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real MetalLB on two hosts of a wire, a server that holds the API, and somebody on the same wire who asks."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

from tests.api_server import HOST, ApiServer
from tests.live.metallb.arp import Ear
from tests.live.metallb.cluster import CERTIFICATE, CONTROLLER_POD, MEMBERS, NAMESPACE, Cluster
from tests.live.metallb.programs import Program, Seat, certificates, controller, speaker
from tests.live.metallb.wire import Relay, Space, Wire

SERVER, ASKER = "192.0.2.10", "192.0.2.100"
API_PORT, WEBHOOK_PORT = 6443, 9443
NODES = {"node-a": "192.0.2.11", "node-b": "192.0.2.12"}
MACS = {"node-a": "02:00:00:00:00:0a", "node-b": "02:00:00:00:00:0b"}
BY_MAC = {mac: node for node, mac in MACS.items()}
SIDE = {"node-a": "02:00:00:00:01:0a", "node-b": "02:00:00:00:01:0b"}
# The two networks of the hosts, and the interfaces that lead there.
LAN, OTHER = "eth0", "eth1"


class Lab:
    """The hosts, their cables and their programs."""

    def __init__(self, api: ApiServer, folder: Path) -> None:
        self.cluster = Cluster(api)
        self._folder = folder
        self.wire = Wire(LAN, OTHER)
        self.server, self.asker = self.wire.host(), self.wire.host()
        self.hosts: dict[str, Space] = {node: self.wire.host() for node in NODES}
        self._plug()
        self.ears = {interface: Ear(self.asker, interface) for interface in (LAN, OTHER)}
        # The API server is this machine's. The hosts reach it over the wire, and it reaches the webhook of theirs.
        self._api = Relay((SERVER, API_PORT), self.server, (HOST, self.cluster.port()), None)
        self.webhook = Relay((HOST, 0), None, (HOST, WEBHOOK_PORT), self.server)
        self._programs: dict[str, Program] = {}

    # Its life

    def install(self) -> None:
        """Declare what the chart declares, and start the controller: its webhook does not answer yet."""
        self.cluster.install(self.webhook.port)
        self.cluster.node("server")
        for node in NODES:
            self.cluster.node(node)
        self.cluster.pod(CONTROLLER_POD, "controller", "server", SERVER)
        for node, address in NODES.items():
            self.cluster.pod(f"speaker-{node}", "speaker", node, address)
        self.start_controller()

    def start_controller(self) -> None:
        """Start it as in a new pod, which has no certificate yet."""
        shutil.rmtree(certificates(self._place("controller")), ignore_errors=True)
        self._programs["controller"] = controller(self._seat("controller", self.server), CONTROLLER_POD)

    def mount_certificate(self) -> None:
        """Give the controller the certificate that it made: a kubelet takes a while, too."""
        folder = certificates(self._place("controller"))
        until(lambda: self.cluster.mount(CERTIFICATE, folder), "a certificate of the webhook")

    def start_speaker(self, node: str) -> None:
        place = self._place(node)
        until(lambda: self.cluster.mount(MEMBERS, place), "the key of the speakers")
        self._programs[node] = speaker(self._seat(node, self.hosts[node]), node, NODES[node])

    def program(self, name: str) -> Program:
        return self._programs[name]

    def close(self) -> None:
        for program in self._programs.values():
            program.kill()
        for relay in (self._api, self.webhook):
            relay.close()
        for ear in self.ears.values():
            ear.close()
        self.wire.close()

    # What tests ask

    def answering(self, address: str, interface: str = LAN) -> list[str]:
        """Return which nodes say on a wire that they have an address, each as often as it says so."""
        names = BY_MAC if interface == LAN else {mac: node for node, mac in SIDE.items()}
        return [names.get(mac, mac) for mac in self.ears[interface].who_has(address, ASKER)]

    def settle(self, address: str, *nodes: str, seconds: float = 30, interface: str = LAN) -> str:
        """Wait until one node answers, and no other one, and return which; ``nodes`` says which ones would do."""
        wanted = nodes or tuple(NODES)
        found: list[str] = []

        def one() -> bool:
            found[:] = self.answering(address, interface)
            return len(found) == 1 and found[0] in wanted

        until(one, f"one of {wanted} to answer for {address}", seconds, lambda: f"{found} answered")
        return found[0]

    def _plug(self) -> None:
        self.wire.plug(self.server, LAN, LAN, "02:00:00:00:00:10", f"{SERVER}/24")
        self.wire.plug(self.asker, LAN, LAN, "02:00:00:00:00:64", f"{ASKER}/24")
        self.wire.plug(self.asker, OTHER, OTHER, "02:00:00:00:01:64", "198.51.100.100/24")
        for number, (node, address) in enumerate(NODES.items(), 11):
            self.wire.plug(self.hosts[node], LAN, LAN, MACS[node], f"{address}/24")
            self.wire.plug(self.hosts[node], OTHER, OTHER, SIDE[node], f"198.51.100.{number}/24")

    def _place(self, name: str) -> Path:
        place = self._folder / name
        place.mkdir(exist_ok=True)
        return place

    def _seat(self, name: str, space: Space) -> Seat:
        place = self._place(name)
        return Seat(space, place, self.cluster.kubeconfig(place, f"https://{SERVER}:{API_PORT}"), NAMESPACE)


def until(condition: Callable[[], bool], what: str, seconds: float = 60, instead: Callable[[], object] = str) -> float:
    """Wait for a condition, and return how long it took."""
    begun = time.monotonic()
    while not condition():
        waited = time.monotonic() - begun
        assert waited < seconds, f"Waited {waited:.0f} s in vain for {what}. {instead()}"
        time.sleep(0.1)
    return time.monotonic() - begun
