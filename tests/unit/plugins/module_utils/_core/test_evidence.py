# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a gate says of its evidence: harm, limits, outages, missing data, and how much is missing."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

import numpy as np
import pytest

from plugins.module_utils._core.analysis import ERROR, FAILED, INCONCLUSIVE, SUCCESSFUL, Verdict
from plugins.module_utils._core.evidence import Evidence, Stake, judge_evidence, missing_requests
from plugins.module_utils._core.gates import CountedGate
from plugins.module_utils._core.sequential import Pair, Tally, upper_bound

STAKE = Stake(share=0.25, mix=9.0, harm_alpha=0.05, promote_alpha=0.05, min_requests=300)
ERRORS = CountedGate("errors", "error_rate", risk_budget=0.005)
LIMITED = CountedGate("errors", "error_rate", risk_budget=0.005, slo=0.01)
SLOW = CountedGate("slow95", "slower_than", threshold_ms=18.0, slo=0.05, margin=1.5)

NOTHING = Pair()


def window(n_c: int, x_c: int, n_b: int, x_b: int) -> Pair:
    return Pair(Tally(n_c, x_c), Tally(n_b, x_b))


def gathered(gate: CountedGate, windows: Sequence[Pair | str]) -> Evidence:
    """Return the evidence after windows; a text is why there was none. Each survives a restart."""
    evidence = Evidence.of(gate)
    for each in windows:
        if isinstance(each, str):
            evidence = evidence.without_data(each)
        else:
            evidence = evidence.add(each, errors_count=gate.kind == "error_rate")
        evidence = Evidence.from_dict(json.loads(json.dumps(evidence.as_dict(), allow_nan=False)))
    return evidence


def judged(gate: CountedGate, windows: Sequence[Pair | str], stake: Stake = STAKE) -> Verdict:
    return judge_evidence(gate, gathered(gate, windows), stake)


CALM = window(100, 0, 900, 2)
LATE = window(100, 5, 900, 45)

# The gate, its windows, and the verdict's phase, decided, cause and reason.
Case = tuple[CountedGate, Sequence[Pair | str], str, bool, str, str]

VERDICTS: dict[str, Case] = {
    "nothing seen": (ERRORS, [], INCONCLUSIVE, False, "more_requests", "errors: more requests are needed"),
    "enough, and all is well": (
        ERRORS,
        [CALM] * 20,
        SUCCESSFUL,
        True,
        "",
        "errors: 0 % of the candidate's requests and 0.222 % of the baseline's failed",
    ),
    "too few yet": (
        ERRORS,
        [CALM] * 3,
        INCONCLUSIVE,
        False,
        "more_requests",
        r"errors: \d+ more requests of the candidate are needed",
    ),
    "the candidate alone fails": (
        ERRORS,
        [window(100, 5, 900, 2)] * 12,
        FAILED,
        True,
        "harm",
        "errors: 5 % of the candidate's requests and 0.222 % of the baseline's failed: 22.5 times as many, "
        r"evidence [\d.e+]+",
    ),
    "only the candidate ever fails": (
        ERRORS,
        [window(100, 5, 900, 0)] * 12,
        FAILED,
        True,
        "harm",
        "errors: 5 % of the candidate's requests and 0 % of the baseline's failed: only the candidate's, "
        r"evidence [\d.e+]+",
    ),
    "proven, and too small to matter": (
        CountedGate("errors", "error_rate", risk_budget=0.005, min_difference=0.2),
        [window(100, 5, 900, 2)] * 12,
        INCONCLUSIVE,
        False,
        "more_requests",
        "errors: at these shares of events no number of requests is enough",
    ),
    "the candidate is the better one": (
        ERRORS,
        [window(100, 0, 900, 90)] * 10,
        SUCCESSFUL,
        True,
        "",
        "errors: 0 % of the candidate's requests and 10 % of the baseline's failed",
    ),
    "past its limit, as the only one": (
        CountedGate("errors", "error_rate", risk_budget=0.005, slo=0.01, min_ratio=100.0),
        [window(100, 6, 900, 7)] * 12,
        FAILED,
        True,
        "slo",
        "errors: the candidate misses the limit of 1 %: 6 % of the candidate's requests and 0.778 % of the "
        "baseline's failed",
    ),
    "both past the limit": (
        LIMITED,
        [window(100, 6, 900, 54)] * 12,
        INCONCLUSIVE,
        True,
        "infrastructure",
        "errors: both arms miss the limit of 1 %: 6 % of the candidate's requests and 6 % of the baseline's failed",
    ),
    "both broken, in one window": (
        ERRORS,
        [CALM] * 30 + [window(100, 60, 900, 500)],
        INCONCLUSIVE,
        True,
        "infrastructure",
        "errors: both arms are broken: 60 % of the candidate's requests and 55.6 % of the baseline's failed",
    ),
    "both broken, and few requests show it": (
        ERRORS,
        [CALM] * 30 + [window(3, 3, 97, 90)] * 3,
        INCONCLUSIVE,
        True,
        "infrastructure",
        "errors: both arms are broken: 100 % of the candidate's requests and 92.8 % of the baseline's failed",
    ),
    "both broken, and then hardly any answers": (
        ERRORS,
        [CALM] * 30 + [window(100, 60, 900, 500), window(2, 2, 3, 3), window(1, 1, 0, 0), window(0, 0, 0, 0)],
        INCONCLUSIVE,
        True,
        "infrastructure",
        "errors: both arms are broken: 61.2 % of the candidate's requests and 55.7 % of the baseline's failed",
    ),
    "both broken, and then a few good answers": (
        ERRORS,
        [CALM] * 30 + [window(100, 60, 900, 500), window(2, 0, 3, 0)],
        SUCCESSFUL,
        True,
        "",
        "errors: 0 % of the candidate's requests and 0.222 % of the baseline's failed",
    ),
    "the baseline is broken": (
        ERRORS,
        [CALM] * 30 + [window(100, 0, 900, 500)],
        ERROR,
        False,
        "infrastructure",
        "errors: the baseline is broken, so nothing can be compared with it: 0 % of the candidate's requests and "
        "55.6 % of the baseline's failed",
    ),
    "the baseline stays broken": (
        ERRORS,
        [CALM] * 30 + [window(100, 0, 900, 500)] * 5,
        ERROR,
        True,
        "infrastructure",
        "errors: the baseline is broken, .*",
    ),
    "the outage is over": (
        ERRORS,
        [CALM] * 30 + [window(100, 60, 900, 500), CALM],
        SUCCESSFUL,
        True,
        "",
        "errors: 0 % of the candidate's requests and 0.222 % of the baseline's failed",
    ),
    "slow answers are no outage": (
        CountedGate("slow50", "slower_than", threshold_ms=11.0, slo=0.5, margin=1.5),
        [window(1000, 450, 9000, 4000)] * 2,
        SUCCESSFUL,
        True,
        "",
        "slow50: 45 % of the candidate's requests and 44.4 % of the baseline's were slower than 11 ms",
    ),
    "as late as the baseline": (
        SLOW,
        [LATE] * 16,
        SUCCESSFUL,
        True,
        "",
        "slow95: 5 % of the candidate's requests and 5 % of the baseline's were slower than 18 ms",
    ),
    "later than the baseline": (
        SLOW,
        [window(100, 15, 900, 40)] * 20,
        FAILED,
        True,
        "harm",
        "slow95: 15 % of the candidate's requests and 4.44 % of the baseline's were slower than 18 ms: 3.38 times as "
        r"many, evidence [\d.e+]+",
    ),
    "no data once": (ERRORS, [CALM, "the target is down"], ERROR, False, "no_data", "errors: the target is down; .*"),
    "no data five times": (
        ERRORS,
        [CALM, *["the target is down"] * 5],
        ERROR,
        True,
        "no_data",
        r"errors: the target is down, 5 windows in a row; \d+ more requests of the candidate are needed",
    ),
    "no requests once": (ERRORS, [CALM, NOTHING], ERROR, False, "no_traffic", "errors: there were no requests; .*"),
    "no requests five times": (
        ERRORS,
        [CALM, *[NOTHING] * 5],
        ERROR,
        True,
        "no_traffic",
        r"errors: there were no requests, 5 windows in a row; \d+ more requests of the candidate are needed",
    ),
    "data after an error": (ERRORS, [CALM] * 20 + ["down"] * 4 + [CALM], SUCCESSFUL, True, "", "errors: 0 % .*"),
    "harm does not hide behind missing data": (
        ERRORS,
        [*[window(100, 5, 900, 2)] * 12, "the target is down"],
        FAILED,
        True,
        "harm",
        "errors: 5 % .*",
    ),
    "worse than the baseline ever was, with all the traffic": (
        ERRORS,
        [CALM] * 20 + [window(1000, 60, 0, 0)],
        FAILED,
        True,
        "harm",
        "errors: 6 % of the candidate's requests failed since it has all of them; 0.222 % of the baseline's did before",
    ),
    "as good as the baseline was, with all the traffic": (
        ERRORS,
        [CALM] * 20 + [window(1000, 2, 0, 0)],
        SUCCESSFUL,
        True,
        "",
        "errors: 0 % .*",
    ),
    "past the limit, with all the traffic": (
        CountedGate("errors", "error_rate", margin=100.0, slo=0.01),
        [window(1000, 60, 0, 0)],
        FAILED,
        True,
        "slo",
        "errors: the candidate misses .*",
    ),
}


@pytest.mark.parametrize("case", VERDICTS.values(), ids=VERDICTS.keys())
def test_verdict(case: Case) -> None:
    gate, windows, phase, decided, cause, reason = case
    found = judged(gate, windows)
    assert (found.phase, found.decided, found.cause) == (phase, decided, cause)
    if windows:
        assert re.fullmatch(reason, found.reason), found.reason
    json.dumps(found.as_dict(), allow_nan=False)


def test_a_bad_hour_in_a_later_step_blames_nobody() -> None:
    """Bare sums would say that 2 % of the candidate's requests failed, and 0.6 % of the baseline's."""
    evidence = gathered(LIMITED, [CALM] * 20 + [window(500, 30, 500, 30)] * 4)
    assert evidence.absolute.candidate.share > 0.01 > evidence.absolute.baseline.share
    assert judge_evidence(LIMITED, evidence, STAKE).cause == "infrastructure"


def test_a_bad_hour_in_an_earlier_step_lets_nobody_through() -> None:
    """The baseline failed often while the candidate had little traffic; that is no budget for later."""
    stake = Stake(1.0, 1.0, 0.05, 0.05, 300)
    windows = [window(5, 0, 995, 40)] * 4 + [window(500, 4, 500, 1)] * 8
    evidence = gathered(ERRORS, windows)
    assert evidence.drift > 0.01
    assert judge_evidence(ERRORS, evidence, stake).phase != SUCCESSFUL


def test_missing_requests_are_about_enough() -> None:
    """With so many more like those, the gate passes; with a tenth less it does not."""
    evidence = gathered(ERRORS, [window(300, 1, 2700, 9)])
    missing = missing_requests(ERRORS, evidence, STAKE)
    assert missing is not None

    def after(more: float) -> Verdict:
        ahead = Pair(Tally(more, more / 300), Tally(9 * more, 9 * more / 300))
        return judge_evidence(ERRORS, evidence.add(ahead, errors_count=False), STAKE)

    assert after(missing).phase == SUCCESSFUL
    assert after(0.9 * missing).phase == INCONCLUSIVE


def test_missing_requests_for_a_margin_are_about_enough() -> None:
    evidence = gathered(SLOW, [LATE] * 3)
    missing = missing_requests(SLOW, evidence, STAKE)
    assert missing is not None
    needed = -(-missing // 100)
    assert judged(SLOW, [LATE] * (3 + needed)).phase == SUCCESSFUL
    assert judged(SLOW, [LATE] * (2 + needed * 9 // 10)).phase == INCONCLUSIVE


def test_the_fewest_requests_are_waited_for() -> None:
    found = judged(ERRORS, [CALM], Stake(0.05, 9.0, 0.05, 0.05, 300))
    assert found.missing == 200


def test_clumps_are_learnt_from_the_baseline_before_the_walk() -> None:
    evidence = Evidence.of(ERRORS)
    for number in range(20):
        evidence = evidence.add(window(0, 0, 750, 10 if number % 4 == 0 else 0), errors_count=True)
    learnt = evidence.taught()
    assert learnt.dispersion.phi == pytest.approx(7.95, rel=0.01)
    # What is learnt stays: a shock of both arms must not make the harm test deaf.
    shocked = learnt.add(window(100, 15, 900, 150), errors_count=True)
    assert shocked.dispersion == learnt.dispersion
    assert shocked.harm.log_evidence < 0.0
    assert shocked.weighed.candidate.n == pytest.approx(100 / 7.95, rel=0.01)


def test_a_pause_forgets_the_shared_fault_and_keeps_the_rest() -> None:
    evidence = gathered(LIMITED, [window(100, 6, 900, 54)] * 12)
    rested = evidence.rested()
    assert judge_evidence(LIMITED, evidence, STAKE).cause == "infrastructure"
    assert judge_evidence(LIMITED, rested, STAKE).cause == "more_requests"
    assert rested.seen == evidence.seen


def test_figures_show_the_evidence_against_its_threshold() -> None:
    figures = judged(ERRORS, [CALM] * 20).figures
    assert figures["evidence_needed"] == 20.0
    assert figures["candidate_n"] == 2000
    assert figures["excess_allowed"] == 0.02
    high = upper_bound(Tally(2000, 0), 0.025)
    assert figures["excess"] is not None
    assert figures["excess"] <= high


def test_false_rollbacks_stay_below_alpha() -> None:
    """A whole gate with both of its tests, on two arms that are as good as the limit allows, over 2,000 runs."""
    rng, runs, false = np.random.default_rng(20261204), 2000, 0
    stake = Stake(1.0, 9.0, 0.05 / LIMITED.tests, 0.05, 300)
    for _run in range(runs):
        evidence = Evidence.of(LIMITED)
        past = rng.binomial(2000, 0.01, size=12).tolist()
        for events in past:
            evidence = evidence.add(window(0, 0, 2000, events), errors_count=True)
        evidence = evidence.taught()
        for x_c, x_b in zip(
            rng.binomial(500, 0.01, size=8).tolist(), rng.binomial(4500, 0.01, size=8).tolist(), strict=True
        ):
            evidence = evidence.add(window(500, x_c, 4500, x_b), errors_count=True)
            if judge_evidence(LIMITED, evidence, stake, explain=False).phase == FAILED:
                false += 1
                break
    assert false <= 0.05 * runs


def test_a_moment_in_which_a_server_stands_still_does_not_blame_it() -> None:
    """All of the candidate's requests of one window are slow, and none of the baseline's; errors are judged at once."""
    stall = window(100, 100, 100, 0)
    calm = window(100, 1, 100, 1)
    assert judged(SLOW, [calm, stall, calm, calm]).phase != FAILED
    assert judged(SLOW, [calm, stall, stall, calm]).phase != FAILED
    assert judged(SLOW, [calm, *[stall] * 5]).phase == FAILED
    assert judged(ERRORS, [calm, stall]).phase == FAILED
