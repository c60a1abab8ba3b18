# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of smoke_test into what is asked of Prometheus."""

from __future__ import annotations

import json
import time
from typing import Any, Dict, Mapping

from .._adapters.prometheus_metrics import PrometheusMetrics
from .._core.errors import ServingError
from .._core.prometheus import one_number
from .._core.prometheus_samples import Sample
from .._core.smoke_metrics import AGENT, COUNTERS, EDGE, EDGES, ENVOY, MLSERVER, SERVERS, Meant, Reading, Target

Spec = Dict[str, Dict[str, Any]]

# One look with all its queries; a call of the module takes four seconds at most.
LOOK_SECONDS = 3.0
METRICS: Spec = {
    "url": {"type": "str", "required": True},
    "headers": {"type": "dict", "no_log": True},
    "ca_path": {"type": "path"},
    "labels": {"type": "dict", "default": {}},
    "stale_after": {"type": "float", "default": 60.0},
    "targets": {
        "type": "dict",
        "default": {},
        "apply_defaults": True,
        "options": {each: {"type": "str"} for each in (ENVOY, SERVERS, EDGE)},
    },
}


def meant_from(params: Mapping[str, Any]) -> Meant:
    """Return what to ask for: a cluster's agents count, and on one machine MLServer itself does."""
    values, cluster = params["metrics"], params["cluster"]
    edge = EDGES.get(cluster["ingress_controller"], "") if cluster else ""
    usual = {ENVOY: "envoy_server_live", SERVERS: AGENT if cluster else MLSERVER, EDGE: edge}
    labels = {str(name): str(value) for name, value in values["labels"].items()}
    words = ",".join(f"{name}={json.dumps(value)}" for name, value in sorted(labels.items()))
    given = {part: values["targets"][part] for part in usual}
    # An empty selector leaves a part out.
    parts = {
        part: f"{name}{{{words}}}" if words and given[part] is None else given[part] or name
        for part, name in usual.items()
        if (name if given[part] is None else given[part])
    }
    models = {
        str(each["name"]): str(each["name"]) if cluster else f"{each['name']}_{each['version']}"
        for each in params["models"]
    }
    return Meant(parts, COUNTERS["seldon" if cluster else "mlserver"], models, labels)


class MetricsSide:
    """The half of a smoke test that asks Prometheus."""

    def __init__(self, params: Mapping[str, Any]) -> None:
        values = params["metrics"]
        self._meant = meant_from(params)
        self._prometheus = PrometheusMetrics(
            values["url"],
            dialect="seldon",
            labels=self._meant.labels,
            timeout=LOOK_SECONDS,
            headers=values["headers"] or {},
            ca_path=values["ca_path"],
        )

    def read(self) -> Reading:
        """Return what it has now."""
        deadline = time.monotonic() + LOOK_SECONDS

        def ask(query: str) -> tuple[Sample, ...]:
            return self._prometheus.samples(query, deadline - time.monotonic())

        meant = self._meant
        try:
            now = one_number(ask("time()"))
            targets = {}
            for part in meant.parts:
                ages = {each.target: each.value for each in ask(meant.age(part))}
                known = [Target(each.target, each.value >= 1, ages.get(each.target)) for each in ask(meant.up(part))]
                targets[part] = sorted(known, key=lambda each: each.name)
            # Counters come last: they are no older than the scrapes that were just told of.
            return Reading("", now, targets, ask(meant.counts) if meant.models else ())
        except ServingError as error:
            return Reading(str(error))


__all__ = ["METRICS", "MetricsSide", "meant_from"]
