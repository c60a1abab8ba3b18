# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a new split is in force, from the answers of the request path: Wald's sequential test against every split
that may be there in its place.

ln L = sum over the models of x ln(new / other), x of the answers came from that model. The new split is in force when
ln L >= ln(k^2 / 0.01) against each other split, k the number of times that the count began anew; it begins anew at
ln L <= -ln(100), and when an answer cannot be of the new split. Error: at most 1 % at the first beginning, 1.7 % over
all of them (0.01 times the sum of 1 / k^2). Against the old split it takes about ln(100) / KL(new | old) answers: 223
for 5 -> 10 %, 50 for 10 -> 25 %. Source: Wald, Sequential Analysis, 1947. What is none of the splits that were thought
of is found by a test by G over 100 answers or more, and by the Bayes factor of routing.ShareCheck, for any number of
models; one that is off by less than about 15 points may be missed.

The other splits: the old one; the middle between both, which is what Seldon before 2.8.4 made of an edit when it put
the new weights beside the old ones, and what callers see while half of the Envoys have the change; and all traffic on
the baseline, which is what Seldon leaves when a candidate cannot be reached.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field, replace
from typing import Dict, Iterable, Mapping

from .experiment import Experiment
from .routing import ALARM_ALPHA, CONCENTRATION

Shares = Dict[str, float]

ERROR = 0.01
# Even what is plain at the first answer is asked for so often: a route may come and go while Seldon builds it anew, and
# fewer answers would fit splits that nobody thought of.
FEWEST = 100
# More are not asked for: splits that so many answers cannot tell apart are as good as the same to callers.
MOST = 6000
SAME = 1e-9
ROUTED = re.compile(r":(?P<model>[^:]+?)(_\d+)?:")


def model_of(route: str) -> str:
    """Return the model in a value of ``x-seldon-route``, such as ``:baseline_1:``; empty when there is none."""
    found = ROUTED.search(route)
    return found["model"] if found else ""


@dataclass(frozen=True)
class Route:
    """What callers with one value of the header ``seldon-model`` get: shares by model, or no answer at all (None).

    ``is_moved``: whether they got something else before.
    """

    header: str
    model: str
    new: Shares | None
    others: tuple[Shares, ...] = ()
    is_moved: bool = True


def routes_of(before: Experiment | None, after: Experiment | None) -> tuple[Route, ...]:
    """Return the routes that a change touches, with what each must become."""
    known = after or before
    if known is None:
        return ()
    old, new = (_shares(each.weights) if each else None for each in (before, after))
    others = _others(before, after)
    routes = [Route(known.route, known.models[0], new, others if new else (), not _is_unmoved(old, new))]
    defaults = [each.default for each in (before, after) if each and each.default]
    for name in dict.fromkeys(defaults):
        # A default's own callers are split as long as it is the default; else they get the model itself.
        alone = {name: 1.0}
        then = (new if after and after.default == name else None) or alone
        was = (old if before and before.default == name else None) or alone
        wrong = _distinct(then, (was, *(others if then is new and was is old else ())))
        routes.append(Route(name, name, then, wrong, not _is_unmoved(was, then)))
    if after is None and not defaults:
        # That nobody answers proves nothing where the way there is wrong.
        routes.append(Route(known.models[0], known.models[0], {known.models[0]: 1.0}, is_moved=False))
    return tuple(routes)


@dataclass(frozen=True)
class RouteProof:
    """Answers of one route so far, and whether they prove that it is as it is to be."""

    route: Route
    counts: Mapping[str, int] = field(default_factory=dict)
    absent: int = 0
    # Of all beginnings together.
    seen: Mapping[str, int] = field(default_factory=dict)
    total: int = 0
    beginning: int = 1
    last_fault: str = ""

    def add(self, model: str, fault: str = "", *, is_absent: bool = False) -> RouteProof:
        """Return the proof with one more answer: the model it came from, or no route, or something else."""
        counted = replace(self, total=self.total + 1)
        if fault and not is_absent:
            # Whoever answered, it was no answer that tells of a route.
            return replace(counted, last_fault=fault)
        if is_absent:
            if self.route.new is not None:
                return counted._anew(fault)
            return replace(counted, absent=self.absent + 1)
        counted = replace(counted, seen=_plus(self.seen, model))
        if self.route.new is None:
            return counted._anew(f"model {model!r} answered")
        found = replace(counted, counts=_plus(self.counts, model))
        if model not in self.route.new:
            return found._anew(f"model {model!r} answered, which is to get no traffic")
        wrong = next((other for other in self.route.others if found._evidence(other) <= math.log(ERROR)), None)
        if wrong is not None or found.log_surprise >= -math.log(ALARM_ALPHA):
            return found._anew("")
        return found

    def _anew(self, fault: str) -> RouteProof:
        again, fault = self.beginning + 1, fault or self.last_fault
        return RouteProof(self.route, seen=self.seen, total=self.total, beginning=again, last_fault=fault)

    @property
    def n(self) -> int:
        """The answers since it last began."""
        return sum(self.counts.values()) + self.absent

    @property
    def said(self) -> str:
        """Who answered, in words."""
        total = sum(self.seen.values())
        shares = [f"{model} {count / total * 100:.3g} %" for model, count in sorted(self.seen.items())]
        return f"{', '.join(shares)} of {total} answers" if shares else "nobody"

    @property
    def is_proven(self) -> bool:
        """Whether the route is as it is to be."""
        needed = math.log(self.beginning**2 / ERROR)
        return self._is_likely and all(self._evidence(other) >= needed for other in self.route.others)

    @property
    def is_all_one(self) -> bool:
        """Whether enough was asked, and the answers are rather the new split's than another's, without a proof."""
        return self.total >= MOST and self._is_likely and all(self._evidence(other) > 0 for other in self.route.others)

    @property
    def _is_likely(self) -> bool:
        """Whether the answers are enough, and such as the new split gives in 999 of 1,000 cases (a test by G)."""
        shares, n = self.route.new or {}, self.n
        if n < FEWEST:
            return False
        surprise = 2 * sum(x * math.log(x / (n * shares[model])) for model, x in self.counts.items())
        return surprise <= _limit(sum(share > 0.0 for share in shares.values()) - 1)

    def _evidence(self, other: Shares) -> float:
        """Return the logarithm of how much likelier the answers are under the new split than under another."""
        found = 0.0
        for model, count in self.counts.items():
            new, old = (self.route.new or {}).get(model, 0.0), other.get(model, 0.0)
            if new <= 0.0:
                return -math.inf
            found = math.inf if old <= 0.0 else found + count * math.log(new / old)
        return found

    @property
    def log_surprise(self) -> float:
        """The logarithm of the Bayes factor against the new split; infinite when what cannot be was seen."""
        shares = {model: share for model, share in (self.route.new or {}).items() if share > 0.0}
        if any(model not in shares for model in self.counts):
            return math.inf
        found = math.lgamma(CONCENTRATION) - math.lgamma(CONCENTRATION + sum(self.counts.values()))
        for model, share in shares.items():
            count, prior = self.counts.get(model, 0), CONCENTRATION * share
            found += math.lgamma(prior + count) - math.lgamma(prior) - count * math.log(share)
        return found


def _limit(freedom: int) -> float:
    """Return what chi squared exceeds in 1 of 1,000 cases, by Wilson and Hilferty's approximation of 1931."""
    if freedom < 1:
        return SAME
    spread = 2 / (9 * freedom)
    return freedom * (1 - spread + 3.09 * math.sqrt(spread)) ** 3


def _others(before: Experiment | None, after: Experiment | None) -> tuple[Shares, ...]:
    if after is None:
        return ()
    new = _shares(after.weights)
    found: list[Shares] = [{after.candidates[0].name: 1.0}]
    if before:
        old = _shares(before.weights)
        found += [old, {name: (old.get(name, 0.0) + new.get(name, 0.0)) / 2 for name in {**old, **new}}]
    return _distinct(new, found)


def _distinct(new: Shares, others: Iterable[Shares]) -> tuple[Shares, ...]:
    """Return the splits that are not the new one, each once."""
    found: list[Shares] = []
    for other in others:
        if not any(_is_same(other, each) for each in (new, *found)):
            found.append(other)
    return tuple(found)


def _is_unmoved(old: Shares | None, new: Shares | None) -> bool:
    return (old is None and new is None) or (old is not None and new is not None and _is_same(old, new))


def _is_same(one: Shares, other: Shares) -> bool:
    return all(abs(one.get(name, 0.0) - other.get(name, 0.0)) < SAME for name in {*one, *other})


def _plus(counts: Mapping[str, int], model: str) -> dict[str, int]:
    return {**counts, model: counts.get(model, 0) + 1}


def _shares(weights: Mapping[str, int]) -> Shares:
    total = sum(weights.values())
    return {name: weight / total for name, weight in weights.items()}


__all__ = ["ERROR", "FEWEST", "MOST", "Route", "RouteProof", "model_of", "routes_of"]
