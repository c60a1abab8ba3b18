# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gives each file an API server of its own, and each test a namespace that Seldon's stand-in serves."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.api_plugin import running
from tests.api_programs import Programs
from tests.api_server import ApiServer
from tests.live.seldon.world import World


# With one scheduler for all, what a test leaves in any namespace stands in the way of the next.
@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory, programs_of_api: Programs) -> Iterator[ApiServer]:
    """Return a running API server that no other file has."""
    with running(programs_of_api, tmp_path_factory.mktemp("api")) as server:
        yield server


@pytest.fixture
def world(api: ApiServer, namespace: str) -> Iterator[World]:
    made = World(api, namespace)
    yield made
    made.stop()
