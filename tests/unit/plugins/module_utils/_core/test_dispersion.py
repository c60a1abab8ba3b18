# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Overdispersion against SciPy's chi-square statistic, and what it does to clumped failures."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy import stats

from plugins.module_utils._core.dispersion import UNKNOWN_DISCOUNT, Dispersion
from plugins.module_utils._core.sequential import Pair, RatioTest, Tally


def dispersion(tallies: list[tuple[int, int]]) -> Dispersion:
    found = Dispersion()
    for n, events in tallies:
        found = found.add(Tally(n, events))
    return found


def test_phi_is_the_statistic_of_scipy_per_degree_of_freedom() -> None:
    rng = np.random.default_rng(3)
    n = rng.integers(200, 900, size=20)
    events = 5 * rng.binomial(n // 5, 0.02)
    found = dispersion(list(zip(n.tolist(), events.tolist(), strict=True)))
    statistic = stats.chi2_contingency(np.array([events, n - events]), correction=False)[0]
    assert found.phi == pytest.approx(statistic / 19)
    assert found.discount == pytest.approx(19 / statistic)


UNKNOWN = {
    "too few windows": [(100, 1)] * 11,
    "too few events": [(100, 0)] * 21 + [(100, 9)],
    "nothing but events": [(10, 10)] * 12,
    "nothing": [],
}


@pytest.mark.parametrize("tallies", UNKNOWN.values(), ids=UNKNOWN.keys())
def test_too_little_is_no_estimate(tallies: list[tuple[int, int]]) -> None:
    found = dispersion(tallies)
    assert found.phi is None
    assert found.discount == UNKNOWN_DISCOUNT


def test_evener_than_chance_is_no_more_than_independent() -> None:
    assert dispersion([(100, 1)] * 12).phi == 1.0


def test_empty_windows_are_no_windows() -> None:
    assert dispersion([(0, 0)] * 30) == Dispersion()


def test_it_survives_as_plain_data() -> None:
    found = dispersion([(100, 1), (200, 3)])
    assert Dispersion.from_dict(json.loads(json.dumps(found.as_dict()))) == found


def false_alarms(*, discounted: bool, runs: int) -> float:
    """Return the share of runs in which equal arms, both failing in clumps of five, look different."""
    rng, alarms = np.random.default_rng(20261128), 0
    for _run in range(runs):
        past = Dispersion()
        for clumps in rng.binomial(750, 0.0008, size=20).tolist():
            past = past.add(Tally(750, 5 * clumps))
        test, discount = RatioTest.harm(), past.discount if discounted else 1.0
        n_c = rng.binomial(750, np.repeat([0.05, 0.1, 0.25, 0.5], 10))
        x_c, x_b = 5 * rng.binomial(n_c // 5, 0.004), 5 * rng.binomial((750 - n_c) // 5, 0.004)
        for n, candidate, baseline in zip(n_c.tolist(), x_c.tolist(), x_b.tolist(), strict=True):
            test = test.add(Pair(Tally(n, candidate), Tally(750 - n, baseline)), discount)
            if test.rejects(0.05):
                alarms += 1
                break
    return alarms / runs


def test_clumped_failures_are_no_harm() -> None:
    assert false_alarms(discounted=False, runs=300) > 0.2
    assert false_alarms(discounted=True, runs=1000) <= 0.05
