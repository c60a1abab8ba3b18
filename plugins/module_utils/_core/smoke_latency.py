# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a caller waits for, hop by hop: the same question asked behind each hop in turn."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any, Callable, Mapping, Sequence

from .request_path import infer
from .smoke import PASS, Check, Finding, Key, judged, skipped

if TYPE_CHECKING:
    from .ports import Prober
    from .request_path import Question, RequestPath, SmokeModel
    from .smoke import Result

# The first calls open connections and wake processes.
WARM_UP = 10
# A median is over its budget from here on; a single machine's noise stays below.
TOLERANCE = 1.5
UPPER = 0.95
OUT_OF_REACH = "NGINX, Envoy and MLServer cannot all be asked by themselves from this host"
NO_SAMPLE = "no model has a request to measure with; set samples"


@dataclass(frozen=True)
class Budgets:
    """What callers and hops may take, in milliseconds, and the share of good answers, in percent."""

    p50_ms: float
    p95_ms: float
    p99_ms: float
    success_percent: float
    nginx_ms: tuple[float, float]
    envoy_ms: tuple[float, float]
    mlserver_ms: tuple[float, float]

    @property
    def quantiles(self) -> dict[float, float]:
        return {0.5: self.p50_ms, 0.95: self.p95_ms, 0.99: self.p99_ms}

    def of_hop(self, hop: str) -> tuple[float, float]:
        found: tuple[float, float] = getattr(self, f"{hop}_ms")
        return found


@dataclass(frozen=True)
class Rounds:
    """Times of one model in milliseconds, each round asked of MLServer, through Envoy, and through NGINX."""

    model: str
    mlserver: tuple[float, ...]
    envoy: tuple[float, ...]
    nginx: tuple[float, ...]
    first_ms: float

    def added(self, hop: str) -> list[float]:
        """Return what a hop adds in each round."""
        if hop == "mlserver":
            return list(self.mlserver)
        inner = self.mlserver if hop == "envoy" else self.envoy
        return [outer - one for outer, one in zip(getattr(self, hop), inner)]

    def added_upper(self, hop: str) -> float:
        """Return what a hop adds to the 95th percentile."""
        inner = {"mlserver": (), "envoy": self.mlserver, "nginx": self.envoy}[hop]
        return _upper(getattr(self, hop)) - _upper(inner)

    def as_dict(self) -> dict[str, Any]:
        """Return what this adds up to, by hop."""
        hops = {
            hop: {"median_ms": median(self.added(hop)), "upper_ms": self.added_upper(hop)}
            for hop in ("nginx", "envoy", "mlserver")
        }
        return {"model": self.model, "rounds": len(self.mlserver), "first_ms": self.first_ms, "hops": hops}


def _upper(times: Sequence[float]) -> float:
    return sorted(times)[min(len(times) - 1, int(len(times) * UPPER))] if times else 0.0


class Latency:
    """Measures models once, and answers the checks of all hops from that."""

    def __init__(self, path: RequestPath, prober: Prober, *, rounds: int) -> None:
        self._path = path
        self._prober = prober
        self._rounds = rounds
        self.measured: dict[str, Rounds] = {}

    def checks(self, budgets: Budgets, known: Sequence[Result]) -> list[Check]:
        """Return the checks of the hops' latency; only models whose answers can be trusted are measured."""
        broken = {each.target for each in known if each.id in _TRUST and each.status not in (PASS, "warn")}
        sound = [each for each in self._path.models if each.name not in broken]
        # Without any, the first one's fault is the reason.
        needs = () if sound else tuple((id_, each.name) for each in self._path.models[:1] for id_ in _TRUST)
        models = [
            Check("mlserver.latency", self._of_model(each, budgets), each.name, _needs(each)) for each in sound or ()
        ]
        hops = [Check(f"{hop}.latency", self._of_hop(hop, sound, budgets), needs=needs) for hop in ("envoy", "nginx")]
        return [*models, *hops]

    def _of_model(self, model: SmokeModel, budgets: Budgets) -> Callable[[], Finding]:
        def ask() -> Finding:
            reason = self._measure(model)
            if reason:
                return skipped(reason)
            return judge_hop("mlserver", [self.measured[model.name]], budgets)

        return ask

    def _of_hop(self, hop: str, models: Sequence[SmokeModel], budgets: Budgets) -> Callable[[], Finding]:
        def ask() -> Finding:
            found = [self.measured[each.name] for each in models if each.name in self.measured]
            return judge_hop(hop, found, budgets) if found else skipped(self._reason())

        return ask

    def _reason(self) -> str:
        return OUT_OF_REACH if any(each.request for each in self._path.models) else NO_SAMPLE

    def _measure(self, model: SmokeModel) -> str:
        """Measure a model, or return why that cannot be done."""
        if model.request is None:
            return NO_SAMPLE
        if model.http is None or self._path.envoy is None:
            return OUT_OF_REACH
        questions = [
            (model.http, infer(model.internal_name, model.request, host=str(model.http))),
            (self._path.envoy, self._through(model, model.request)),
            (self._path.http, self._through(model, model.request)),
        ]
        answers = self._prober.rounds(questions, WARM_UP + self._rounds)
        kept = answers[WARM_UP:] or answers
        mlserver, envoy, nginx = (tuple(each.seconds * 1000 for each in column) for column in zip(*kept))
        self.measured[model.name] = Rounds(model.name, mlserver, envoy, nginx, answers[0][-1].seconds * 1000)
        return ""

    def _through(self, model: SmokeModel, request: Mapping[str, Any]) -> Question:
        """Return a question that leads to this very model, also where its own callers are split."""
        experiment = self._path.split_of(model)
        if experiment is None or len(experiment.candidates) < 2:
            return infer(model.name, request, host=self._path.host, seldon_model=model.name)
        return infer(
            model.name, request, host=self._path.host, seldon_model=experiment.route, x_seldon_route=model.route
        )


_TRUST = ("nginx.route", "mlserver.success")


def _needs(model: SmokeModel) -> tuple[Key, ...]:
    return tuple((id_, model.name) for id_ in _TRUST)


def judge_hop(hop: str, measured: Sequence[Rounds], budgets: Budgets) -> Finding:
    """Return whether a hop keeps to its budget, over all models that were measured."""
    added = [one for each in measured for one in each.added(hop)]
    low, high = budgets.of_hop(hop)
    found = median(added)
    expected = f"{high:g} ms at the median (budget {low:g} to {high:g}; a fault from {high * TOLERANCE:g})"
    # The difference of two medians may be noise below nothing.
    seen = f"{'takes' if hop == 'mlserver' else 'adds'} {max(found, 0.0):.2f} ms"
    return judged(found <= high * TOLERANCE, seen, expected, median_ms=round(found, 3), rounds=len(added))


def worst_hop(measured: Sequence[Mapping[str, Any]], budgets: Budgets, *, quantile: float) -> str:
    """Return the hop that takes most in proportion to its budget, at the median or in the tail."""
    key = "median_ms" if quantile <= 0.5 else "upper_ms"
    ratios = {
        hop: max(each["hops"][hop][key] for each in measured) / budgets.of_hop(hop)[1]
        for hop in ("nginx", "envoy", "mlserver")
        if measured
    }
    return max(ratios, key=lambda hop: ratios[hop]) if ratios else "mlserver"


__all__ = ["NO_SAMPLE", "WARM_UP", "Budgets", "Latency", "Rounds", "judge_hop", "worst_hop"]
