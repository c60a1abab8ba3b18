# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gives tests a scheduler of upstream's, with two teams below it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api_plugin import running
from tests.api_programs import Programs
from tests.api_server import ApiServer
from tests.live.seldon.upstream.day import declare
from tests.live.seldon.upstream.programs import Upstream, lacking
from tests.support import ROOT


@pytest.fixture(scope="package")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the models that the data plane trains."""
    folder = tmp_path_factory.mktemp("samples")
    script = ROOT / "roles/data_plane/files/train_samples.py"
    subprocess.run([sys.executable, script, folder], check=True, stdout=subprocess.DEVNULL)
    return folder


# Of the session, or the API server would start first.
@pytest.fixture(scope="session")
def programs() -> None:
    if lacking():
        pytest.skip(lacking())


@pytest.fixture(scope="package")
def api(tmp_path_factory: pytest.TempPathFactory, programs_of_api: Programs) -> Iterator[ApiServer]:
    """Return a running API server for the day of these two teams."""
    with running(programs_of_api, tmp_path_factory.mktemp("api")) as server:
        yield server


@pytest.fixture(scope="package")
def central(
    programs: None, api: ApiServer, samples: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Upstream]:
    """Return a scheduler for two teams, whose models and experiments answer."""
    api.require((1, 21), "EndpointSlice, which an agent waits for,")
    folder = tmp_path_factory.mktemp("upstream") / "cluster"
    upstream = Upstream(api, folder, api.namespace(), [api.namespace(), api.namespace()], samples)
    try:
        upstream.start()
        declare(upstream)
        yield upstream
    finally:
        upstream.end()
