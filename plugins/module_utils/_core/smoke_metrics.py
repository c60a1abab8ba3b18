# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of what Prometheus has: the targets of Envoy, of the servers and of the edge, and the answers of each model.

The names of metrics: Seldon's agents (scheduler/pkg/metrics/agent.go of Seldon Core v2.10), Envoy
(https://www.envoyproxy.io/docs/envoy/v1.34.1/configuration/observability/statistics), ingress-nginx
(https://kubernetes.github.io/ingress-nginx/user-guide/monitoring/), Traefik
(https://doc.traefik.io/traefik/observability/metrics/overview/) and MLServer (its /metrics).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Callable, Mapping, Sequence

from .prometheus_samples import Sample, any_of
from .smoke import ERROR, FAIL, PASS, Check, Finding, Key, skipped

ENVOY, SERVERS, EDGE = PARTS = ("envoy", "servers", "edge")
AGENT, MLSERVER = "seldon_server_replica_memory_capacity_bytes_gauge", "rest_server_requests_total"
# By whose counters are read: the metric, and by the controller of the edge, what such a target has at all times.
COUNTERS: Mapping[str, Sequence[str]] = {
    "seldon": ("seldon_model_infer_total",),
    "mlserver": ("model_infer_request_success_total", "model_infer_request_failure_total"),
}
EDGES = {
    "nginx": "nginx_ingress_controller_config_last_reload_successful",
    "traefik": "traefik_config_last_reload_success",
}
# How far back a target is known by what it had before it went down.
KNOWN_FOR = "1h"
# What tells a series of one server from that of another, whoever scraped it.
OWN = ("namespace", "server", "server_replica", "model", "model_internal", "method_type", "code", "version")
NOT_NAMED = "nobody says where Prometheus answers (metrics; serving_metrics in the inventory)"
NO_LOAD = "no load was sent, so there is nothing to be counted"
SHOWN = 3
ANSWERS: Key = ("metrics.answers", "")


@dataclass(frozen=True)
class Meant:
    """What to ask Prometheus for: by part, the selector of a metric; and the models by their label in ``counters``."""

    parts: Mapping[str, str]
    counters: Sequence[str]
    models: Mapping[str, str]
    labels: Mapping[str, str] = field(default_factory=dict)

    def up(self, part: str) -> str:
        """Return the query whether targets are up; one that is down is known by what it had."""
        return f"max by (job,instance) (up and on (job,instance) last_over_time({self.parts[part]}[{KNOWN_FOR}]))"

    def age(self, part: str) -> str:
        """Return the query for the age of each target's last scrape, on Prometheus' own clock."""
        return f"max by (job,instance) (time() - timestamp({self.parts[part]}))"

    @property
    def counts(self) -> str:
        """The query for all counters of the models."""
        more = "".join(f",{name}={json.dumps(value)}" for name, value in sorted(self.labels.items()))
        return f"{{__name__=~{any_of(self.counters)},model=~{any_of(self.models.values())}{more}}}"


@dataclass(frozen=True)
class Target:
    """Who is scraped; without an age it has not the metric that its part has."""

    name: str
    is_up: bool
    age: float | None = None


@dataclass(frozen=True)
class Reading:
    """What Prometheus said at one moment of its own clock; ``problem`` says why it said nothing."""

    problem: str = ""
    now: float = 0.0
    targets: Mapping[str, Sequence[Target]] = field(default_factory=dict)
    counts: Sequence[Sample] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return the reading as plain data."""
        targets = {part: [[each.name, each.is_up, each.age] for each in found] for part, found in self.targets.items()}
        counts = [[dict(each.labels), each.value] for each in self.counts]
        return {"problem": self.problem, "now": self.now, "targets": targets, "counts": counts}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Reading:
        """Return the reading that ``as_dict`` described."""
        targets = {part: [Target(*each) for each in found] for part, found in values["targets"].items()}
        counts = [Sample(labels, value) for labels, value in values["counts"]]
        return cls(values["problem"], values["now"], targets, counts)

    def older(self, moment: float) -> list[Target]:
        """Return the servers that are up, and were last scraped before a moment."""
        servers = self.targets.get(SERVERS, ())
        return [each for each in servers if each.is_up and each.age is not None and self.now - each.age < moment]


@dataclass(frozen=True)
class Observed:
    """What was read before and after a load, when that ended on Prometheus' clock, and whom it was answered by."""

    meant: Meant
    after: Reading
    before: Reading = Reading()
    ended: float = 0.0
    answered: Mapping[str, int] = field(default_factory=dict)
    stale_after: float = 60.0


def metrics_checks(observed: Observed | None) -> list[Check]:
    """Return the checks of what Prometheus has."""
    if observed is None:
        return [Check("metrics.answers", lambda: skipped(NOT_NAMED))]
    seen = observed
    return [
        Check("metrics.answers", lambda: _answers(seen.after)),
        *(Check("metrics.targets", _targets(seen, part), part, (ANSWERS,)) for part in seen.meant.parts),
        *(Check("metrics.counted", _counted(seen, model), model, (ANSWERS,)) for model in seen.meant.models),
    ]


def _answers(after: Reading) -> Finding:
    return Finding(FAIL, after.problem, "an answer") if after.problem else Finding(PASS, "it answers")


def _targets(seen: Observed, part: str) -> Callable[[], Finding]:
    def ask() -> Finding:
        if seen.after.problem:
            return skipped(seen.after.problem)
        found, selector = seen.after.targets.get(part, ()), seen.meant.parts[part]
        expected = f"targets with {selector}, all up, scraped within {seen.stale_after:g} s"
        if not found:
            return Finding(FAIL, f"no target has {selector}, nor had it within {KNOWN_FOR}", expected)
        bad = [f"{each.name} is down" for each in found if not each.is_up]
        bad += [f"{each.name} is up without {selector}" for each in found if each.is_up and each.age is None]
        bad += [
            f"{each.name} was scraped {each.age:.0f} s ago"
            for each in found
            if each.is_up and each.age is not None and each.age > seen.stale_after
        ]
        if bad:
            return Finding(FAIL, _listed(bad), expected)
        return Finding(PASS, f"{len(found)} up, scraped {max(each.age or 0 for each in found):.0f} s ago at most")

    return ask


def _counted(seen: Observed, model: str) -> Callable[[], Finding]:
    def ask() -> Finding:
        answered = seen.answered.get(model, 0)
        if seen.after.problem or not answered:
            return skipped(seen.after.problem or (NO_LOAD if not seen.answered else "it answered nothing of the load"))
        expected = f"{answered} or more, which it answered"
        doubt = _doubt(seen)
        if doubt:
            return Finding(ERROR, doubt, expected)
        label = seen.meant.models[model]
        series = [each for each in seen.after.counts if each.labels.get("model") == label]
        if not series:
            return Finding(FAIL, f'there is no {seen.meant.counters[0]}{{model="{label}"}}', expected)
        twins = _twins(series)
        if twins:
            return Finding(FAIL, f"{twins} have the same counts, so one server is scraped twice", expected)
        grown = _growth(seen.before.counts, series)
        more = "; the others are retries, or of other callers" if grown > answered else ""
        return Finding(PASS if grown >= answered else FAIL, f"{grown} were counted{more}", expected)

    return ask


def _doubt(seen: Observed) -> str:
    """Return why nobody can tell what was counted."""
    if seen.before.problem:
        return f"before the load: {seen.before.problem}"
    servers = seen.after.targets.get(SERVERS, ())
    down = [each.name for each in servers if not each.is_up]
    if down:
        return f"Prometheus cannot scrape {_listed(down)}"
    old = [
        f"{each.name} was last scraped {seen.ended - (seen.after.now - (each.age or 0)):.0f} s before the load ended"
        for each in seen.after.older(seen.ended)
    ]
    return _listed(old)


def _twins(series: Sequence[Sample]) -> str:
    """Return two targets that have the same series with the same counts."""
    seen: dict[tuple[object, ...], str] = {}
    for each in series:
        key = (each.metric, each.value, *(each.labels.get(name) for name in OWN))
        other = seen.setdefault(key, each.target)
        if each.value and other != each.target:
            return f"{other} and {each.target}"
    return ""


def _growth(before: Sequence[Sample], after: Sequence[Sample]) -> int:
    """Return by how much counters rose; one that is lower than it was began anew."""
    was = {str(each): each.count for each in before}
    return sum(each.count - (was.get(str(each), 0) if each.count >= was.get(str(each), 0) else 0) for each in after)


def _listed(words: Sequence[str]) -> str:
    more = f", and {len(words) - SHOWN} more" if len(words) > SHOWN else ""
    return ", ".join(words[:SHOWN]) + more


__all__ = ["AGENT", "COUNTERS", "EDGE", "EDGES", "ENVOY", "MLSERVER", "PARTS", "SERVERS"]
__all__ += ["Meant", "Observed", "Reading", "Target", "metrics_checks"]
