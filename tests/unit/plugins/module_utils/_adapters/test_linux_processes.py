# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables of sockets that are made up: who listens for UDP. What TCP shows is tested on real sockets."""

from __future__ import annotations

from pathlib import Path

import pytest

from plugins.module_utils._adapters.linux_processes import LinuxProcesses
from plugins.module_utils._core.errors import ServingError

HEAD = "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref\n"
# Port 51820 of the kernel, which belongs to no process, and a client's socket with a peer.
TABLE = (
    f"{HEAD}  1: 00000000:CA6C 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 0 2 0 0\n"
    "  2: 0B0200C0:8000 010200C0:0035 01 00000000:00000000 00:00000000 00000000     0        0 77 2 0 0\n"
)


def test_udp_sockets_without_a_peer_listen(tmp_path: Path) -> None:
    (tmp_path / "net").mkdir()
    (tmp_path / "net/udp").write_text(TABLE)
    processes = LinuxProcesses("/", proc=str(tmp_path))
    assert [(str(each.address), each.port, each.inode) for each in processes.udp_listeners()] == [("0.0.0.0", 51820, 0)]


def test_a_host_without_proc_is_named(tmp_path: Path) -> None:
    with pytest.raises(ServingError, match=r"/net/udp cannot be read\. Run this on a Linux host"):
        LinuxProcesses("/", proc=str(tmp_path)).udp_listeners()
