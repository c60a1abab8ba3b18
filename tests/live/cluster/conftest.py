# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fresh hosts for each test: they come up within two seconds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.live.cluster.clusters import Cluster
from tests.systemd_hosts import require_hosts

Make = Callable[[Sequence[str]], Cluster]


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[Make]:
    """Return what brings up hosts of these names for a test."""
    require_hosts()
    made: list[Cluster] = []

    def make(names: Sequence[str]) -> Cluster:
        made.append(Cluster(tmp_path, names))
        return made[-1]

    yield make
    for each in made:
        each.down()
