# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A feature is there when the kernel shows it, wherever it does; it is missing only when that is known."""

from __future__ import annotations

from dataclasses import replace

import pytest

from plugins.module_utils._core.kernel_features import (
    FEATURES,
    LOADABLE,
    MISSING,
    READY,
    UNKNOWN,
    Evidence,
    kernel_settings,
    module_names,
    state,
)

DARK = Evidence(filesystems=frozenset(), paths=frozenset(), builtin=None, modules=None, settings=None)
NONE: frozenset[str] = frozenset()
OVERLAY, BR_NETFILTER = (next(each for each in FEATURES if each.module == name) for name in ("overlay", "br_netfilter"))

STATES = [
    pytest.param(DARK, UNKNOWN, id="nothing can be read"),
    pytest.param(replace(DARK, filesystems=frozenset({"ext4", "overlay"})), READY, id="its file system is registered"),
    pytest.param(replace(DARK, paths=frozenset({"/sys/module/overlay"})), READY, id="its module is loaded"),
    pytest.param(replace(DARK, builtin=frozenset({"overlay"}), modules=NONE), READY, id="it is built in"),
    pytest.param(
        replace(DARK, settings={"CONFIG_OVERLAY_FS": "y"}), READY, id="its setting is y, with no modules at all"
    ),
    pytest.param(replace(DARK, modules=frozenset({"overlay"})), LOADABLE, id="its module lies on the disk"),
    pytest.param(
        replace(DARK, settings={"CONFIG_OVERLAY_FS": "m"}), MISSING, id="its setting is m, and no file is there"
    ),
    pytest.param(
        replace(DARK, settings={"CONFIG_OVERLAY_FS": "m"}, modules=frozenset({"overlay"})), LOADABLE, id="m, and a file"
    ),
    pytest.param(replace(DARK, settings={"CONFIG_EXT4_FS": "y"}), MISSING, id="its setting is off"),
    pytest.param(
        replace(DARK, modules=frozenset({"ext4"})), MISSING, id="the modules are known, and it is none of them"
    ),
    pytest.param(replace(DARK, filesystems=frozenset({"ext4"})), UNKNOWN, id="its file system is not registered yet"),
]


@pytest.mark.parametrize(("seen", "expected"), STATES)
def test_state_of_a_feature(seen: Evidence, expected: str) -> None:
    assert state(OVERLAY, seen) == expected


def test_a_sysctl_shows_a_feature_where_modules_are_not_shown() -> None:
    paths = frozenset({"/proc/sys/net/bridge/bridge-nf-call-iptables"})
    assert state(BR_NETFILTER, replace(DARK, paths=paths, modules=NONE)) == READY


def test_names_of_modules_are_the_kernels() -> None:
    text = (
        "kernel/fs/overlayfs/overlay.ko:\n"
        "kernel/net/bridge/br_netfilter.ko.xz: kernel/net/bridge/bridge.ko.xz kernel/net/llc/llc.ko.xz\n"
        "kernel/drivers/net/snd-dummy.ko.zst:\n"
    )
    assert module_names(text) == {"overlay", "br_netfilter", "snd_dummy"}
    assert module_names("kernel/drivers/net/vxlan/vxlan.ko\nkernel/net/ipv6/ipv6.ko\n") == {"vxlan", "ipv6"}


def test_settings_are_those_that_are_on() -> None:
    text = "# CONFIG_A is not set\nCONFIG_B=y\nCONFIG_C=m\nCONFIG_D=300\n"
    assert kernel_settings(text) == {"CONFIG_B": "y", "CONFIG_C": "m"}
