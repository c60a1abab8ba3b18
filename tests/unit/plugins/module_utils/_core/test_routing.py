# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The routing tests against SciPy, the design's tables, and their promises over many looks."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from plugins.module_utils._core.routing import Routed, ShareCheck, SplitChange


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 5000), st.integers(0, 5000), st.sampled_from([0.01, 0.05, 0.3, 0.5, 0.9]))
def test_share_check_is_the_bayes_factor_of_scipy(candidate: int, baseline: int, share: float) -> None:
    n = candidate + baseline
    wanted = stats.betabinom.logpmf(candidate, n, 100 * share, 100 * (1 - share)) - stats.binom.logpmf(
        candidate, n, share
    )
    assert ShareCheck(share, Routed(candidate, baseline)).log_evidence == pytest.approx(float(wanted), abs=1e-6)


SHARES = {
    "as configured": (0.1, Routed(100, 900), False),
    "half instead of a tenth": (0.1, Routed(75, 75), True),
    "few requests are no proof": (0.1, Routed(3, 3), False),
    "one hit on a share of zero": (0.0, Routed(1, 10), True),
    "none on a share of zero": (0.0, Routed(0, 10_000), False),
    "one miss of a share of all": (1.0, Routed(10, 1), True),
    "nothing seen": (0.3, Routed(), False),
}


@pytest.mark.parametrize(("share", "routed", "alarms"), SHARES.values(), ids=SHARES.keys())
def test_share_check(share: float, routed: Routed, alarms: bool) -> None:
    assert ShareCheck(share).add(routed).alarms() is alarms


def looks(rng: np.random.Generator, share: float, configured: float, count: int) -> int | None:
    """Return after how many looks of 50 requests the check alarms, or None."""
    check = ShareCheck(configured)
    for look, hits in enumerate(rng.binomial(50, share, size=count).tolist(), start=1):
        check = check.add(Routed(hits, 50 - hits))
        if check.alarms():
            return look
    return None


def test_false_alarms_stay_below_alpha() -> None:
    rng = np.random.default_rng(20261201)
    assert sum(looks(rng, 0.1, 0.1, 100) is not None for _run in range(1000)) <= 1


# The design's table: 30 % configured, the true share -> requests until it is found.
@pytest.mark.parametrize(("share", "promised"), [(0.35, 1450), (0.40, 450), (0.50, 150)])
def test_power(share: float, promised: int) -> None:
    rng = np.random.default_rng(20261202)
    found = [looks(rng, share, 0.3, 200) or 200 for _run in range(200)]
    assert 50 * float(np.median(found)) == pytest.approx(promised, rel=0.25)


# The design's table: how many requests show a change of the split.
CHANGES = {
    (0.0, 0.05): 90,
    (0.05, 0.10): 223,
    (0.10, 0.25): 50,
    (0.25, 0.50): 33,
    (0.50, 1.00): 7,
    (0.50, 0.0): 7,
    (0.10, 0.0): 44,
    (0.05, 0.0): 90,
}


@pytest.mark.parametrize(("change", "requests"), CHANGES.items(), ids=lambda value: str(value))
def test_expected_requests_of_a_change(change: tuple[float, float], requests: int) -> None:
    assert SplitChange(*change).expected_requests == pytest.approx(requests, abs=1)


SPLITS = {
    "the first hit where none could be": (SplitChange(0.0, 0.05), Routed(1, 0), True),
    "no hit yet": (SplitChange(0.0, 0.05), Routed(0, 80), False),
    "a baseline hit when all is to be the candidate's": (SplitChange(0.5, 1.0), Routed(20, 1), False),
    "seven in a row": (SplitChange(0.5, 1.0), Routed(7, 0), True),
    "too few": (SplitChange(0.5, 1.0), Routed(6, 0), False),
    "nothing on the candidate any more": (SplitChange(0.1, 0.0), Routed(0, 44), True),
    "one on the candidate still": (SplitChange(0.1, 0.0), Routed(1, 200), False),
    "nothing changes": (SplitChange(0.1, 0.1), Routed(), True),
}


@pytest.mark.parametrize(("change", "routed", "in_force"), SPLITS.values(), ids=SPLITS.keys())
def test_split_change(change: SplitChange, routed: Routed, in_force: bool) -> None:
    assert change.add(routed).is_in_force is in_force


def test_requests_of_the_old_split_do_not_hold_up_the_new_one() -> None:
    change = SplitChange(0.1, 0.5).add(Routed(20, 180))
    assert change.seen == Routed()
    assert change.add(Routed(10, 10)).is_in_force


def test_a_split_is_seldom_taken_for_the_other() -> None:
    rng = np.random.default_rng(20261203)
    wrong = 0
    for _run in range(1000):
        change = SplitChange(0.10, 0.25)
        for hits in rng.binomial(10, 0.10, size=60).tolist():
            change = change.add(Routed(hits, 10 - hits))
            if change.is_in_force or change.seen == Routed():
                wrong += change.is_in_force
                break
    assert wrong <= 0.01 * 1000 + 10


@pytest.mark.parametrize(("candidate", "baseline"), [(-1, 3), (3, -1)])
def test_impossible_counts_are_refused(candidate: int, baseline: int) -> None:
    with pytest.raises(ValueError, match=f"{candidate} and {baseline} are no counts of requests"):
        Routed(candidate, baseline)


def test_it_survives_as_plain_data() -> None:
    check, change = ShareCheck(0.1, Routed(3, 40)), SplitChange(0.1, 0.25, Routed(3, 40))
    assert ShareCheck.from_dict(json.loads(json.dumps(check.as_dict()))) == check
    assert SplitChange.from_dict(json.loads(json.dumps(change.as_dict()))) == change
    assert not math.isnan(change.log_evidence)


def test_requests_that_no_arm_answered_raise_no_alarm_by_themselves() -> None:
    """The baseline stands still: most of its requests are given up, and the candidate looks larger."""
    seen = Routed(60, 440)
    assert ShareCheck(0.05).add(seen).alarms()
    assert not ShareCheck(0.05).add(seen, 700).alarms()
    assert ShareCheck(0.05).add(seen, 700).seen == Routed(60, 1140)
    # What cannot be explained by them is an alarm all the same.
    assert ShareCheck(0.05).add(Routed(100, 100), 50).alarms()
    assert ShareCheck(0.5).add(Routed(0, 100), 20).alarms()
