# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One data plane for all live tests that leave it as they found it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.live.data_plane import DataPlane, running


@pytest.fixture(scope="session")
def data_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DataPlane]:
    """Return a running data plane with the sample experiment, 70 to 30, and a third model to mirror to."""
    yield from running(tmp_path_factory.mktemp("live") / "plane")
