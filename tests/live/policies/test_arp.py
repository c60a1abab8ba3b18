# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who answers for an address, heard on networks of the test's own."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.live.policies.test_policy_enforcement import lacking
from tests.support import ROOT

SECONDS = 60
# A bridge with as many hosts as are wanted, each of which has the address.
SCRIPT = """
import json, subprocess, sys
from pathlib import Path
from plugins.module_utils._adapters.arp import answering
from plugins.module_utils._core.errors import ServingError
from tests.live.policies.world import prepared
prepared()
def ip(*words):
    subprocess.run(["ip", *words], check=True)
ip("link", "add", "br0", "type", "bridge")
ip("addr", "add", "192.0.2.1/24", "dev", "br0")
ip("link", "set", "br0", "up")
for number in range(int(sys.argv[1])):
    space, mac = f"h{number}", f"02:00:00:00:00:0{number + 1}"
    ip("netns", "add", space)
    ip("link", "add", f"v{number}", "type", "veth", "peer", "name", "eth0", "address", mac, "netns", space)
    ip("link", "set", f"v{number}", "master", "br0", "up")
    ip("-netns", space, "addr", "add", "192.0.2.200/24", "dev", "eth0")
    ip("-netns", space, "link", "set", "eth0", "up")
try:
    print(json.dumps(answering(sys.argv[2])))
except ServingError as error:
    print(json.dumps(str(error)))
"""


@pytest.fixture(scope="module", autouse=True)
def able() -> None:
    if lacking():
        pytest.skip(lacking())


def answers(hosts: int, address: str = "192.0.2.200") -> list[str] | str:
    command = ["unshare", "--net", "--mount", "--fork", "--kill-child", sys.executable, "-c", SCRIPT]
    done = subprocess.run(
        [*command, str(hosts), address], capture_output=True, text=True, cwd=ROOT, timeout=SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr
    found: list[str] | str = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("hosts", [0, 1, 2])
def test_everybody_is_heard_who_has_the_address(hosts: int) -> None:
    assert answers(hosts) == [f"02:00:00:00:00:0{number + 1}" for number in range(hosts)]


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("198.51.100.1", "the address is not on a network of this host, and ARP goes no further"),
        ("2001:db8::1", "2001:db8::1 is no IPv4 address, and ARP knows no other"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_the_reason(address: str, words: str) -> None:
    assert answers(1, address) == words
