# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of a host are read below a root, and what cannot be read is as good as nothing."""

from __future__ import annotations

import gzip
from pathlib import Path

from plugins.module_utils._adapters.host_tree import HostTree
from tests.fake_hosts import host_tree


def test_what_is_there_is_read(tmp_path: Path) -> None:
    tree = host_tree(tmp_path, {"/proc/version": "Linux\n", "/proc/model": "Raspberry Pi 5\0", "/etc/empty/": ""})
    assert (tree.read("/proc/version"), tree.text("/proc/model")) == ("Linux\n", "Raspberry Pi 5")
    assert (tree.names("/proc"), tree.names("/etc/empty")) == (["model", "version"], [])
    assert tree.has("/proc/version")


def test_what_is_not_there_is_nothing(tmp_path: Path) -> None:
    tree = HostTree(str(tmp_path))
    assert (tree.read("/proc/version"), tree.text("/proc/version"), tree.names("/proc")) == (None, "", [])
    assert not tree.has("/proc/version")


def test_a_packed_file_is_unpacked_and_a_broken_one_is_nothing(tmp_path: Path) -> None:
    packed = gzip.compress(b"CONFIG_VETH=y\n" * 100)
    tree = host_tree(tmp_path, {"/a.gz": packed, "/b.gz": packed[:20], "/c.gz": b"text"})
    assert tree.read("/a.gz") == "CONFIG_VETH=y\n" * 100
    assert (tree.read("/b.gz"), tree.read("/c.gz")) == (None, None)


def test_bytes_that_are_no_text_do_not_stop_anybody(tmp_path: Path) -> None:
    assert host_tree(tmp_path, {"/x": b"a\xff"}).read("/x") == "a\ufffd"
