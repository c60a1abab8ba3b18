# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One data plane with models that misbehave when told to, for all live tests of rollouts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.live.rollouts import Rollouts, running_rollouts


@pytest.fixture(scope="package")
def lent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rollouts]:
    yield from running_rollouts(tmp_path_factory.mktemp("rollouts") / "plane")


@pytest.fixture
def rollouts(lent: Rollouts) -> Rollouts:
    """Return it without a rollout, with everything at the baseline, and called by nobody."""
    lent.reset()
    return lent


@pytest.fixture
def busy(rollouts: Rollouts) -> Iterator[Rollouts]:
    """Return it with callers until the end of the test."""
    with rollouts.called():
        yield rollouts
