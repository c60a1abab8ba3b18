# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The evidence of one gate that counts requests, and what it says at a tick."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Mapping

from .analysis import (
    ERROR,
    FAILED,
    HARM,
    INCONCLUSIVE,
    INFRASTRUCTURE,
    MORE_REQUESTS,
    NO_DATA,
    NO_TRAFFIC,
    SLO,
    SUCCESSFUL,
    Verdict,
)
from .dispersion import Dispersion
from .effort import missing_for_budget, missing_for_margin, per_request
from .estimators import binomial_tail_at_least
from .gates import OUTAGE_SHARE, CountedGate
from .sequential import Contrast, Pair, RatioTest, Tally, excess_bound, lower_bound, upper_bound

# A server that stands still for a moment makes all its requests of that moment slow, and no other server's. So one
# window may multiply the evidence of slowness by e at most, and an absolute limit has to be missed in several of them.
STALL_CAP, STALL_WINDOWS = 1.0, 3
# One window in a thousand may look like an outage that is none, of an arm that is all but broken.
_OUTAGE_ALPHA = 0.001

_NO_REQUESTS, _NO_WINDOWS = Tally(), Pair()
_NO_CONTRAST, _NOTHING_LEARNT = Contrast(), Dispersion()


@dataclass(frozen=True)
class Stake:
    """What hangs on a verdict.

    ``share``: the candidate's share of the traffic if it advances. ``mix``: requests of the baseline for each of the
    candidate's, at present. ``harm_alpha`` is already divided by the number of tests that can blame the candidate.
    """

    share: float
    mix: float
    harm_alpha: float
    promote_alpha: float
    min_requests: int


@dataclass(frozen=True)
class Evidence:
    """All that a counted gate knows. The windows themselves are gone.

    ``seen`` holds the windows in which both arms had requests, ``weighed`` the same, discounted by what is known of
    clumping. ``absolute`` is for the limit that holds without comparison, and begins anew after a shared fault.
    ``seen_expected`` and ``absolute_expected`` are the events that the candidate would have had with the baseline's
    share of each window (direct standardization): the arms' weights in a bad hour are not those of a good one, and bare
    sums would compare the candidate's bad hour with the baseline's good one. ``alone`` holds the candidate's windows
    without a baseline. Windows of an outage stay outside. ``over`` counts the windows in which more of the candidate's
    requests than ``limit`` were events, where no single window may decide.
    """

    harm: RatioTest
    no_harm: RatioTest | None = None
    contrast: Contrast = _NO_CONTRAST
    dispersion: Dispersion = _NOTHING_LEARNT
    learns: bool = True
    seen: Pair = _NO_WINDOWS
    weighed: Pair = _NO_WINDOWS
    absolute: Pair = _NO_WINDOWS
    seen_expected: float = 0.0
    absolute_expected: float = 0.0
    alone: Tally = _NO_REQUESTS
    limit: float | None = None
    over: int = 0
    outage: Pair = _NO_WINDOWS
    outage_windows: int = 0
    errors_in_a_row: int = 0
    problem: str = ""
    cause: str = ""

    @classmethod
    def of(cls, gate: CountedGate) -> Evidence:
        """Return the evidence of a gate before the first window."""
        no_harm = RatioTest.no_harm(gate.margin) if gate.margin is not None else None
        if gate.kind != "slower_than":
            return cls(RatioTest.harm(), no_harm)
        return cls(RatioTest.harm(cap=STALL_CAP), no_harm, limit=gate.slo or 0.0)

    @property
    def drift(self) -> float:
        """How much the baseline's share of events was lower while the candidate had its requests; 0 when it was not.

        What the comparison of sums would give the candidate for nothing.
        """
        if not self.seen.candidate.n:
            return 0.0
        return max(0.0, self.seen.baseline.share - self.seen_expected / self.seen.candidate.n)

    @property
    def lasts(self) -> bool:
        """Whether an absolute limit may be taken to be missed for more than a moment."""
        return self.limit is None or self.over >= STALL_WINDOWS

    @property
    def known_discount(self) -> float:
        """The discount of what lets the candidate advance: 1 until it is known how failures clump."""
        return 1.0 if self.dispersion.phi is None else self.dispersion.discount

    def add(self, window: Pair, *, errors_count: bool) -> Evidence:
        """Return the evidence with one more window; ``errors_count`` says that an event may be an outage."""
        if window.candidate.n + window.baseline.n == 0:
            return self._without("there were no requests", NO_TRAFFIC)
        if errors_count and (_is_broken(window.baseline) or (self.outage_windows and _still_fails(window))):
            return replace(
                self, outage=self.outage + window, outage_windows=self.outage_windows + 1, errors_in_a_row=0, problem=""
            )
        over = self.over + (self.limit is not None and window.candidate.share > self.limit)
        settled = replace(self, over=over, outage=Pair(), outage_windows=0, errors_in_a_row=0, problem="", cause="")
        return settled._with(window)

    def _with(self, window: Pair) -> Evidence:
        # What is known of clumping before the window weighs the window.
        learnt = self.dispersion.add(window.baseline) if self.learns or self.dispersion.phi is None else self.dispersion
        if not window.is_comparison:
            return replace(self, dispersion=learnt, alone=self.alone + window.candidate)
        cautious, known = self.dispersion.discount, self.known_discount
        expected = window.candidate.n * window.baseline.share
        return replace(
            self,
            harm=self.harm.add(window, cautious),
            no_harm=self.no_harm.add(window, known) if self.no_harm else None,
            contrast=self.contrast.add(window),
            dispersion=learnt,
            seen=self.seen + window,
            weighed=self.weighed + window.discounted(known),
            absolute=self.absolute + window.discounted(cautious),
            seen_expected=self.seen_expected + expected,
            absolute_expected=self.absolute_expected + cautious * expected,
        )

    def unchanged(self) -> Evidence:
        """Return the evidence after a window of which nothing can be known yet: the source is well, and late."""
        return replace(self, errors_in_a_row=0, problem="", cause="")

    def without_data(self, problem: str) -> Evidence:
        """Return the evidence after a window that could not be measured."""
        return self._without(problem, NO_DATA)

    def _without(self, problem: str, cause: str) -> Evidence:
        return replace(self, errors_in_a_row=self.errors_in_a_row + 1, problem=problem, cause=cause)

    def rested(self) -> Evidence:
        """Return the evidence after a pause: what was a fault of both arms, or of the source, is forgotten."""
        return replace(
            self, over=0, absolute=Pair(), outage=Pair(), outage_windows=0, errors_in_a_row=0, problem="", cause=""
        )

    def taught(self) -> Evidence:
        """Return the evidence after the windows of the baseline alone, from which clumping was learnt."""
        return replace(self, learns=False)

    def as_dict(self) -> dict[str, Any]:
        """Return plain data."""
        plain = {key: value for key, value in self.__dict__.items() if key not in _PARTS}
        parts = {key: getattr(self, key) for key in _PARTS}
        return {**plain, **{key: None if part is None else part.as_dict() for key, part in parts.items()}}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Evidence:
        """Read what ``as_dict`` gave."""
        parts = {key: kind.from_dict(data[key]) for key, kind in _PARTS.items() if data[key] is not None}
        plain = {key: value for key, value in data.items() if key not in _PARTS}
        return cls(**plain, **parts)


_PARTS: dict[str, Any] = {
    "harm": RatioTest,
    "no_harm": RatioTest,
    "contrast": Contrast,
    "dispersion": Dispersion,
    "seen": Pair,
    "weighed": Pair,
    "absolute": Pair,
    "alone": Tally,
    "outage": Pair,
}


def judge_evidence(gate: CountedGate, evidence: Evidence, stake: Stake, *, explain: bool = True) -> Verdict:
    """Return the verdict of a counted gate. Without ``explain`` nobody works out how much is missing."""
    figures = _figures(gate, evidence, stake)
    shared = _shared_fault(gate, evidence, stake)
    if shared:
        phase, decided, cause, text = shared
    elif _is_harm(gate, evidence, stake):
        phase, decided, cause, text = FAILED, True, HARM, _harm_text(gate, evidence)
    elif _breaks_slo(gate, evidence, stake):
        phase, decided, cause, text = FAILED, True, SLO, _slo_text(gate, evidence)
    elif evidence.errors_in_a_row:
        decided = evidence.errors_in_a_row > gate.consecutive_error_limit
        phase, cause, text = ERROR, evidence.cause, _error_text(evidence)
    elif _may_advance(gate, evidence, stake):
        phase, decided, cause, text = SUCCESSFUL, True, "", _shares(gate, evidence.seen)
    else:
        phase, decided, cause, text = INCONCLUSIVE, False, MORE_REQUESTS, "more requests are needed"
    missing = None
    if explain and phase in (INCONCLUSIVE, ERROR) and cause != INFRASTRUCTURE:
        missing = missing_requests(gate, evidence, stake)
        text = _missing_text(text, missing, phase)
    return Verdict(gate.name, phase, f"{gate.name}: {text}", decided, cause, missing, gate.dry_run, figures)


def missing_requests(gate: CountedGate, evidence: Evidence, stake: Stake) -> int | None:
    """Return how many more requests the candidate is expected to need, or None when no number would do."""
    seen, discount = evidence.seen, evidence.known_discount
    floor = max(
        stake.min_requests - seen.candidate.n, (stake.min_requests - seen.baseline.n) / stake.mix if stake.mix else 0.0
    )
    if evidence.no_harm is not None:
        # Before there is any event, one that is as rare as the limit allows is assumed.
        likely = seen if seen.candidate.events + seen.baseline.events else _assumed(gate)
        one = per_request(likely, stake.mix).discounted(discount)
        more = missing_for_margin(evidence.no_harm, one, alpha=stake.promote_alpha)
    else:
        more = missing_for_budget(
            evidence.weighed,
            share=stake.share,
            budget=(gate.risk_budget or 0.0) - stake.share * evidence.drift,
            alpha=stake.promote_alpha,
            mix=stake.mix,
        )
        more = None if more is None else math.ceil(more / discount)
    return None if more is None else max(0, math.ceil(floor), more)


def _assumed(gate: CountedGate) -> Pair:
    share = gate.slo or 0.01
    return Pair(Tally(1.0, share), Tally(1.0, share))


def _is_broken(tally: Tally) -> bool:
    if tally.share <= OUTAGE_SHARE:
        return False
    return binomial_tail_at_least(int(tally.events), int(tally.n), OUTAGE_SHARE) <= _OUTAGE_ALPHA


def _still_fails(window: Pair) -> bool:
    """Whether an outage goes on: a server that hangs leaves a window with few answers, too few to prove one anew."""
    return (window.baseline if window.baseline.n else window.candidate).share > OUTAGE_SHARE


def _shared_fault(gate: CountedGate, evidence: Evidence, stake: Stake) -> tuple[str, bool, str, str] | None:
    """Return the verdict when the baseline is broken, whatever the candidate does: it blames no arm."""
    outage = evidence.outage
    if evidence.outage_windows and _is_broken(outage.candidate):
        text = f"both arms are broken: {_shares(gate, outage)}"
        return INCONCLUSIVE, True, INFRASTRUCTURE, text
    if evidence.outage_windows:
        decided = evidence.outage_windows > gate.consecutive_error_limit
        text = f"the baseline is broken, so nothing can be compared with it: {_shares(gate, outage)}"
        return ERROR, decided, INFRASTRUCTURE, text
    if _exceeds_slo(gate, evidence, stake) and _baseline_exceeds_slo(gate, evidence):
        text = f"both arms miss the limit of {_percent(gate.slo or 0.0)}: {_shares(gate, evidence.absolute)}"
        return INCONCLUSIVE, True, INFRASTRUCTURE, text
    return None


def _is_harm(gate: CountedGate, evidence: Evidence, stake: Stake) -> bool:
    """T1: proven worse, and by enough to matter; without a baseline, worse than the baseline ever was."""
    contrast = evidence.contrast
    matters = contrast.ratio >= gate.min_ratio and contrast.difference >= gate.min_difference
    return (matters and evidence.harm.rejects(stake.harm_alpha)) or _is_worse_alone(gate, evidence, stake)


def _is_worse_alone(gate: CountedGate, evidence: Evidence, stake: Stake) -> bool:
    if not evidence.alone.n or not evidence.weighed.baseline.n or not evidence.lasts:
        return False
    alone = evidence.alone.discounted(evidence.dispersion.discount)
    before = upper_bound(evidence.weighed.baseline, stake.harm_alpha / 2.0)
    # There is nothing to compare with at the same time, so it has to be plain.
    allowed = gate.risk_budget if gate.risk_budget is not None else before * ((gate.margin or 1.0) - 1.0)
    return lower_bound(alone, stake.harm_alpha / 2.0) > before + allowed


def _exceeds_slo(gate: CountedGate, evidence: Evidence, stake: Stake) -> bool:
    if gate.slo is None or not evidence.lasts:
        return False
    return lower_bound(evidence.absolute.candidate, stake.harm_alpha) > gate.slo


def _baseline_exceeds_slo(gate: CountedGate, evidence: Evidence) -> bool:
    return evidence.absolute_expected > (gate.slo or 0.0) * evidence.absolute.candidate.n


def _breaks_slo(gate: CountedGate, evidence: Evidence, stake: Stake) -> bool:
    """T3: the candidate misses the limit that holds without comparison, and the baseline keeps it."""
    alone = evidence.alone.discounted(evidence.dispersion.discount)
    if gate.slo is not None and alone.n and evidence.lasts and lower_bound(alone, stake.harm_alpha) > gate.slo:
        return True
    return _exceeds_slo(gate, evidence, stake)


def _may_advance(gate: CountedGate, evidence: Evidence, stake: Stake) -> bool:
    """T2, or T1 reversed."""
    seen = evidence.seen
    if min(seen.candidate.n, seen.baseline.n) < stake.min_requests:
        return False
    if evidence.no_harm is not None:
        return evidence.no_harm.rejects(stake.promote_alpha)
    bound = excess_bound(evidence.weighed, stake.promote_alpha) + evidence.drift
    return stake.share * bound <= (gate.risk_budget or 0.0)


def _figures(gate: CountedGate, evidence: Evidence, stake: Stake) -> dict[str, float | None]:
    seen, contrast = evidence.seen, evidence.contrast
    figures: dict[str, float | None] = {
        "candidate_n": seen.candidate.n,
        "candidate_events": seen.candidate.events,
        "baseline_n": seen.baseline.n,
        "baseline_events": seen.baseline.events,
        "alone_n": evidence.alone.n,
        "alone_events": evidence.alone.events,
        "ratio": contrast.ratio if math.isfinite(contrast.ratio) else None,
        "difference": contrast.difference,
        "evidence": evidence.harm.evidence,
        "evidence_needed": 1.0 / stake.harm_alpha,
        "phi": evidence.dispersion.phi,
    }
    if evidence.no_harm is not None:
        return {
            **figures,
            "no_harm": evidence.no_harm.evidence,
            "no_harm_needed": 1.0 / stake.promote_alpha,
        }
    bound = excess_bound(evidence.weighed, stake.promote_alpha) + evidence.drift
    return {**figures, "excess": bound, "excess_allowed": (gate.risk_budget or 0.0) / stake.share}


def _percent(share: float) -> str:
    return f"{100.0 * share:.3g} %"


def _shares(gate: CountedGate, pair: Pair) -> str:
    return (
        f"{_percent(pair.candidate.share)} of the candidate's requests and {_percent(pair.baseline.share)} of the "
        f"baseline's {gate.event}"
    )


def _harm_text(gate: CountedGate, evidence: Evidence) -> str:
    if evidence.alone.n:
        return (
            f"{_percent(evidence.alone.share)} of the candidate's requests {gate.event} since it has all of them; "
            f"{_percent(evidence.seen.baseline.share)} of the baseline's did before"
        )
    ratio = evidence.contrast.ratio
    times = "only the candidate's" if math.isinf(ratio) else f"{ratio:.3g} times as many"
    return f"{_shares(gate, evidence.seen)}: {times}, evidence {min(evidence.harm.evidence, 1e6):.3g}"


def _slo_text(gate: CountedGate, evidence: Evidence) -> str:
    found = _shares(gate, evidence.absolute)
    if evidence.alone.n:
        found = f"{_percent(evidence.alone.share)} of its requests {gate.event}"
    return f"the candidate misses the limit of {_percent(gate.slo or 0.0)}: {found}"


def _error_text(evidence: Evidence) -> str:
    again = f", {evidence.errors_in_a_row} windows in a row" if evidence.errors_in_a_row > 1 else ""
    return f"{evidence.problem}{again}"


def _missing_text(text: str, missing: int | None, phase: str) -> str:
    if phase == ERROR:
        return f"{text}; {missing} more requests of the candidate are needed" if missing else text
    if missing is None:
        return "at these shares of events no number of requests is enough"
    return f"{max(missing, 1)} more requests of the candidate are needed"


__all__ = ["Evidence", "Stake", "judge_evidence", "missing_requests"]
