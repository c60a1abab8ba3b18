# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One laboratory with real MetalLB for all tests here; without its programs each of them is skipped."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import api_programs
from tests.api_server import ApiServer
from tests.live.metallb import programs, wire
from tests.live.metallb.lab import NODES, Lab, until
from tests.live.metallb.roles import Role

# EndpointSlices, by which speakers know where pods are, are served from here on.
OLDEST = (1, 21)


def lacking() -> str:
    return programs.lacking(os.environ) or api_programs.lacking() or wire.lacking()


@pytest.fixture(scope="session")
def cold_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Return a laboratory with an API server of its own, whose webhook does not answer yet."""
    reason = lacking()
    if reason:
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("metallb")
    # No address of a pod is reached from here, but the name of the webhook's service leads to this machine.
    server = ApiServer(api_programs.require(), folder / "server", "enable-aggregator-routing=false")
    server.require(OLDEST, "MetalLB")
    server.start()
    lab = None
    try:
        lab = Lab(server, folder)
        lab.install()
        yield lab
    finally:
        if lab:
            lab.close()
        server.stop()


@pytest.fixture(scope="session")
def lab(cold_lab: Lab) -> Lab:
    """Return a laboratory in which everything runs."""
    cold_lab.mount_certificate()
    until(cold_lab.cluster.is_judged, "the webhook to judge")
    for node in NODES:
        cold_lab.start_speaker(node)
    return cold_lab


@pytest.fixture
def role(lab: Lab, tmp_path: Path) -> Role:
    """Return the role, for a namespace that no other test has."""
    return Role(lab, lab.cluster.api.namespace(), tmp_path)
