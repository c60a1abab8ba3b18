# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Look at both arms of a rollout through every source that its gates name, in a few seconds at most."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Callable, Mapping, Sequence

from .._adapters.parity_source import check as check_parity
from .._adapters.parity_source import measure_parity
from .._adapters.webhook_gate import check_webhook, measure_webhook
from .._core.access_log import LogWindow, window_of
from .._core.analysis import Measurement
from .._core.errors import ServingError
from .._core.gates import CountedGate, MeasuredGate
from .._core.probed import Probed
from .._core.request_path import Question
from .._core.rollout_preflight import (
    ENVOY,
    LABELS,
    LOG,
    PROBE,
    PROMETHEUS,
    arms_of,
    source_of,
    source_problems,
    store_problems,
)
from .._core.rollout_runner import Look
from .._core.rollout_state import ANALYSE, HOLD, PAUSED, POST_CHECK, PREFLIGHT, Observation, State
from .._core.traffic import Arms, Counts

if TYPE_CHECKING:
    from .._adapters.access_log import AccessLog
    from .._adapters.http_probe import HttpProbe
    from .._adapters.prometheus_metrics import PrometheusMetrics
    from .._core.plan import Plan
    from .._core.ports import RolloutView
    from .._core.route_table import Model
    from .._core.traffic import CountSource

# A module call takes four seconds at most, so that Ctrl-C is never far; what is asked of others shares them.
GATE_SECONDS = 2.0


@dataclass(frozen=True)
class Sources:
    """Whoever can be asked. What is None was not configured."""

    probe: HttpProbe
    log: AccessLog | None
    counting: Mapping[str, CountSource]
    prometheus: PrometheusMetrics | None
    send: Callable[[int], Probed] | None


@dataclass
class RolloutWatch:
    """Looks at both arms. ``probed``: requests that were sent as traffic since the tick before."""

    plan: Plan
    sources: Sources
    default_source: str
    probed: Sequence[Probed] = ()
    labels: Callable[[Arms, Mapping[str, Any]], CountSource] | None = None
    problems: dict[str, str] = field(default_factory=dict)

    def look(self, view: RolloutView, state: State, probes: int) -> Look:
        """Return what was seen since the tick before; in the preflight, whether everything is ready to begin."""
        found = store_problems(view, self.plan) if state.phase == PREFLIGHT else []
        try:
            arms = arms_of(view, self.plan)
        except ServingError as error:
            return Look(Observation(preflight=tuple(found or [str(error)])), {})
        with ThreadPoolExecutor(max_workers=2) as pool:
            # A server that stands still takes its time to show it; everything else is done meanwhile.
            asked = {model.name: pool.submit(self._is_ready, model) for model in (arms.candidate, arms.baseline)}
            sent = self._send(probes)
            cursors = dict(state.cursors)
            window = self._read_log(arms, cursors)
            counts = self._counts(arms, cursors, window)
            ready = {name: answer.result() for name, answer in asked.items()}
        if state.phase == PREFLIGHT:
            found += [*source_problems(self.plan, self.default_source), *self._missing(arms, cursors, ready)]
        # Of a shared fault nobody is blamed: then the counts tell.
        candidate_ready = ready[arms.candidate.name] or (None if not ready[arms.baseline.name] else False)
        routed = window.routed if window is not None else sent.routed
        observation = Observation(
            preflight=tuple(found) if state.phase == PREFLIGHT else None,
            candidate_ready=candidate_ready,
            routed=routed,
            unrouted=window.unrouted if window is not None else 0,
            pinned=window.pinned if window is not None else 0,
            counts=counts.pairs,
            problems={**counts.problems, **self.problems},
            measurements=self._measure(arms, state, blocked=bool(found)),
            cursors=cursors,
        )
        return Look(observation, self._facts(observation, window, sent))

    def _send(self, count: int) -> Probed:
        if not count or self.sources.send is None:
            return Probed()
        try:
            return self.sources.send(count)
        except ServingError:
            # What keeps requests from being sent shows in that none arrive.
            return Probed()

    def _read_log(self, arms: Arms, cursors: dict[str, Any]) -> LogWindow | None:
        """Return the requests in the access log since the last time, or None when it cannot be read."""
        if self.sources.log is None:
            return None
        try:
            if LOG not in cursors:
                cursors[LOG] = self.sources.log.end()
                cursors.setdefault(LABELS + "_" + LOG, cursors[LOG])
                return LogWindow()
            entries, cursors[LOG] = self.sources.log.entries(arms, cursors[LOG])
        except ServingError as error:
            self.problems.update({gate.name: str(error) for gate in self._gates(LOG)})
            return None
        return window_of(entries)

    def _gates(self, source: str) -> list[CountedGate]:
        return [gate for gate in self.plan.counted if source_of(gate, self.default_source) == source]

    def _counts(self, arms: Arms, cursors: dict[str, Any], window: LogWindow | None) -> Counts:
        """Return what each gate counts, asked of its own source."""
        pairs: dict[str, Any] = {}
        problems: dict[str, str] = {}
        if window is not None:
            pairs.update({gate.name: window.counts(gate) for gate in self._gates(LOG)})
        sent = Probed.sum(self.probed)
        pairs.update({gate.name: sent.counts(gate) for gate in self._gates(PROBE)})
        for name in (ENVOY, PROMETHEUS, LABELS):
            gates = self._gates(name)
            if not gates:
                continue
            source = self._source(name, arms, cursors)
            if source is None:
                problems.update({gate.name: f"there is no {name} to ask" for gate in gates})
                continue
            found = source.counts(gates, arms, cursors.get(name))
            pairs.update(found.pairs)
            problems.update(found.problems)
            # A source that could not be asked goes on from where it was.
            cursors[name] = dict(found.cursor) or cursors.get(name)
        return Counts(pairs, problems)

    def _source(self, name: str, arms: Arms, cursors: Mapping[str, Any]) -> CountSource | None:
        if name == LABELS:
            return self.labels(arms, cursors.get(LABELS + "_" + LOG) or {}) if self.labels else None
        return self.sources.counting.get(name)

    def _is_ready(self, model: Model) -> bool:
        question = Question(f"/v2/models/{model.internal_name}/ready", str(model.http))
        # A server that is busy for a moment is not down.
        for _attempt in range(2):
            try:
                if self.sources.probe.ask(model.http, question).status == 200:
                    return True
            except ServingError:
                continue
        return False

    def _missing(self, arms: Arms, cursors: Mapping[str, Any], ready: Mapping[str, bool]) -> list[str]:
        """Return what the sources and the models lack before the start."""
        found = [f"{name} is not ready" for name, is_ready in ready.items() if not is_ready]
        found += [f"{name}: {text}" for name, text in self.problems.items()]
        found += [text for text in (check_parity(gate) for gate in self.plan.before) if text]
        webhooks = [gate for gate in self.plan.measured if gate.kind == "webhook"]
        found += [text for text in map(check_webhook, webhooks) if text]
        kinds = {gate.kind for gate in self.plan.measured}
        needs = bool(self._gates(PROMETHEUS)) or "metric" in kinds
        if needs and self.sources.prometheus is None:
            found.append("a gate asks Prometheus; set traffic.prometheus.url")
        elif needs and self.sources.prometheus is not None:
            found += [text for text in [self.sources.prometheus.check()] if text]
        if (self._gates(LOG) or self._gates(LABELS)) and self.sources.log is None:
            found.append("a gate reads the access log; set traffic.log")
        if self._gates(PROBE) and self.sources.send is None:
            found.append("a gate counts requests of the rollout's own; set traffic.rate and traffic.request")
        if self._gates(ENVOY) and not cursors.get(ENVOY):
            found.append("Envoy's statistics could not be read")
        if not found and self.sources.send is not None:
            found += self._unanswered(arms, self.sources.send)
        return found

    def _unanswered(self, arms: Arms, send: Callable[[int], Probed]) -> list[str]:
        """Return why requests do not come back from an arm, of which two are sent."""
        try:
            sent = send(2)
        except ServingError as error:
            return [str(error).rstrip(".")]
        if sent.routed.n:
            return []
        return [f"requests to {arms.route} are answered by neither model; ask every hop with playbooks/smoke_test.yml"]

    def _measure(self, arms: Arms, state: State, *, blocked: bool) -> dict[str, Measurement]:
        """Ask the measured gates: before the first percent those that are for that, later all others, side by side."""
        if state.phase == PREFLIGHT:
            # Nobody is asked anything of a rollout that cannot begin.
            gates = () if blocked else self.plan.before
        else:
            gates = self.plan.measured if state.phase in (ANALYSE, HOLD, POST_CHECK, PAUSED) else ()
        if not gates:
            return {}
        with ThreadPoolExecutor(max_workers=len(gates)) as pool:
            answers = list(pool.map(lambda gate: self._ask(gate, arms), gates))
        return {gate.name: answer for gate, answer in zip(gates, answers)}

    def _ask(self, gate: MeasuredGate, arms: Arms) -> Measurement:
        try:
            if gate.kind == "prediction_parity":
                return measure_parity(gate, arms, timeout=GATE_SECONDS)
            if gate.kind == "webhook":
                return measure_webhook(gate, arms, timeout=GATE_SECONDS)
            if self.sources.prometheus is not None:
                return self.sources.prometheus.measure(gate, arms)
        except ServingError as error:
            return Measurement(error=str(error))
        return Measurement(error="there is no Prometheus to ask; set traffic.prometheus.url")

    def _facts(self, seen: Observation, window: LogWindow | None, sent: Probed) -> dict[str, Any]:
        """Return what the journal keeps of this window."""
        return {
            "routed": seen.routed.as_dict(),
            "pinned": seen.pinned,
            "unrouted": seen.unrouted,
            "counts": {name: pair.as_dict() for name, pair in seen.counts.items()},
            "problems": dict(seen.problems),
            "client": window.client.as_dict() if window is not None else None,
            "latency": window.latency if window is not None else None,
            "probes": sent.sent,
            "synthetic": sum(each.sent for each in self.probed),
        }


__all__ = ["RolloutWatch", "Sources"]
