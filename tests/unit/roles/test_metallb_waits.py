# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role metallb waits for a cluster that is not ready to judge pools, and for nothing else."""

from __future__ import annotations

import re

import pytest
import yaml

from tests.support import ROOT

# As kubernetes.core hands on what an API server said.
WAITS = {
    "nobody answers": 'failed calling webhook "ipaddresspoolvalidationwebhook.metallb.io": connection refused',
    # Of several servers, each takes up new kinds by itself.
    "a server has not heard of the kinds": "Failed to apply object: b'404 page not found\\n'",
}
GIVES_UP = {
    "a denial": 'admission webhook "ipaddresspoolvalidationwebhook.metallb.io" denied the request: overlaps',
    "a permission": 'ipaddresspools.metallb.io "home" is forbidden: User "x" cannot patch resource',
    "an object": 'namespaces "metallb-system" not found',
}


@pytest.mark.parametrize(
    ("message", "waits"),
    [(each, True) for each in WAITS.values()] + [(each, False) for each in GIVES_UP.values()],
    ids=[*WAITS, *GIVES_UP],
)
def test_only_what_may_pass_is_waited_for(message: str, waits: bool) -> None:
    words = yaml.safe_load((ROOT / "roles/metallb/vars/main.yml").read_text(encoding="utf-8"))["__metallb_not_yet"]
    assert bool(re.search(words, message)) == waits
