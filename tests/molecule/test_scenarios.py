# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every molecule scenario, one test each."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import LAST_LINE
from tests.support import ROOT, run
from tests.systemd_hosts import lacking, program, require_hosts

ARTIFACTS = os.environ.get("SERVING_ARTIFACTS", "")
SCENARIOS = sorted(path.parent.name for path in ROOT.glob("molecule/*/molecule.yml"))


@pytest.fixture(scope="module", autouse=True)
def nothing_left() -> Iterator[None]:
    """Remove the hosts that an earlier run left when it was killed, and what this one leaves."""
    if not lacking():
        program("gc").require()
    yield
    if not lacking():
        program("gc").require()


def real_k3s() -> dict[str, str]:
    """Return what a scenario has to know about a real K3s on this machine: nothing where the stand-in is used."""
    if not ARTIFACTS:
        return {}
    kubelet = json.loads(program("probe", "--json").require())["kubelet"]
    if kubelet["able"]:
        return {}
    return {"K3S_NO_KUBELET": "; ".join(kubelet["missing"]), "K3S_LIMIT": "localhost,k3s_server"}


# Images of a platform come over the network of its hosts, whatever that is.
@pytest.mark.timeout(1500 if not os.environ.get("PLATFORM_INVENTORY") else 3 * 3600)
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_scenario(scenario: str, tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    settings = (ROOT / "molecule" / scenario / "molecule.yml").read_text(encoding="utf-8")
    if "shared/create.yml" in settings:
        require_hosts()
    if "PLATFORM_INVENTORY" in settings and not os.environ.get("PLATFORM_INVENTORY"):
        pytest.skip("PLATFORM_INVENTORY names no inventory of hosts on which a whole platform may be made and hurt")
    has_k3s = "k3s_server" in settings
    said = run(
        ["molecule", "test", "--scenario-name", scenario],
        env={
            # Two runs of one scenario must not share a state folder.
            "MOLECULE_EPHEMERAL_DIRECTORY": str(tmp_path / "molecule"),
            "TESTHOSTS_OWNER": str(os.getpid()),
            "NO_COLOR": "1",
            "COLUMNS": "160",
            **(real_k3s() if has_k3s else {}),
        },
        timeout=1400 if scenario != "platform" else 3 * 3600 - 60,
    ).require()
    # Molecule goes on with no hosts when it does not find its shared settings. A play for hosts that an inventory does
    # not have passes over it.
    assert "Missing playbook" not in said
    assert re.search(r"^\S+ +: ok=[1-9]", said, re.MULTILINE)
    which = re.findall(r"msg: '?(k3s: [^'\n]*)", said)
    assert bool(which) is has_k3s
    skipped = re.findall(r"^SKIPPED .*", said, re.MULTILINE)
    for line in (*which[:1], *(f"{scenario}: {each}" for each in skipped)):
        record_property(LAST_LINE, line)
    assert ARTIFACTS or not skipped, "with the stand-in everything runs"
