# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The probe of the smoke test, run for real in a network of its own.

python -m tests.live.policies.inside_world <question.json

The question is that of `world`, with ``plans`` beside it: for each party that asks, what its probe is given. The answer
holds what each probe said, in each round.
"""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from plugins.module_utils._adapters import inside_probe
from tests.live.policies.world import ZONE, World, prepared

ANSWER = 0x80


class InsideWorld(World):
    """A world whose parties run the probe, and whose listeners answer what they are asked."""

    def answer(self) -> None:
        """Answer as a DNS server would, for as long as the world lasts."""
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        poll = select.poll()
        sockets = {each.fileno(): each for each in (*self._listeners, *self._echoes)}
        for number in sockets:
            poll.register(number, select.POLLIN)
        streams = {each.fileno() for each in self._listeners}
        while True:
            for number, _ in poll.poll():
                if number in streams:
                    threading.Thread(target=_reply, args=(sockets[number].accept()[0],), daemon=True).start()
                else:
                    data, sender = sockets[number].recvfrom(512)
                    sockets[number].sendto(_answered(data), sender)

    def probes(self, rules: str, plans: dict[str, Any], folder: Path) -> dict[str, Any]:
        """Return what the probes of all parties say that have something to ask, all at once."""
        self._rounds += 1
        subprocess.run(
            ["nft", "-f", "-"], input=f"flush ruleset\n{ZONE.format(self._rounds)}{rules}", text=True, check=True
        )
        running = {}
        for index, party in enumerate(self._parties):
            if party["name"] not in plans:
                continue
            path = folder / f"{index}.json"
            path.write_text(json.dumps(plans[party["name"]]), encoding="utf-8")
            command = ["nsenter", f"--net=/run/netns/p{index}", sys.executable, inside_probe.__file__, "ask", str(path)]
            running[party["name"]] = subprocess.Popen(command, stdout=subprocess.PIPE, env={"PATH": os.environ["PATH"]})
        return {name: json.loads(process.communicate()[0])["answers"] for name, process in running.items()}


def _answered(data: bytes) -> bytes:
    return data[:2] + bytes([data[2] | ANSWER]) + data[3:] if len(data) > 2 else data


def _reply(connection: socket.socket) -> None:
    with connection:
        connection.settimeout(2)
        try:
            asked = connection.recv(512)
            if len(asked) > 4:
                connection.sendall(asked[:2] + _answered(asked[2:]))
        except OSError:
            return


def main() -> None:
    """Answer the question that comes in."""
    question = json.load(sys.stdin)
    prepared()
    world = InsideWorld(question["parties"], question["ports"])
    world.answer()
    folder = Path(question["folder"])
    found = [world.probes(rules, question["plans"], folder) for rules in question["rounds"]]
    json.dump(found, sys.stdout)
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
