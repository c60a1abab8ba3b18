# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which counters a gate needs, by who counted: Envoy's clusters, or the agents beside Seldon's servers."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, field
from typing import Iterable, Mapping, Protocol, Sequence

from .counters import BASELINE, CANDIDATE, Counter, Reading
from .errors import ServingError
from .gates import CountedGate
from .prometheus_samples import Sample, any_of
from .route_table import Model
from .traffic import Arms

DEFAULT_CODES = ("5xx",)
_CODE = re.compile(r"[1-5](xx|[0-9][0-9])")


class Dialect(Protocol):
    """How one kind of exporter counts requests."""

    def values(self, gates: Sequence[CountedGate], arms: Arms) -> str:
        """Return the query for all counters that the gates need."""

    def ages(self, arms: Arms) -> str:
        """Return the query for the age of each target's oldest sample, on Prometheus' own clock."""

    def reading(self, gate: CountedGate, arms: Arms, samples: Sequence[Sample]) -> Reading:
        """Return a gate's counters; refuse, in words, what they cannot be read from."""


@dataclass(frozen=True)
class _Labelled:
    """Reads series with these labels alone, for a Prometheus that knows models of the same names elsewhere."""

    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def _ours(self) -> str:
        return "".join(f",{name}={json.dumps(value)}" for name, value in sorted(self.labels.items()))


class Envoy(_Labelled):
    """Envoy's own statistics of the models' clusters, where each attempt counts, so a retry hides no failure.

    ``upstream_rq_xx`` has the answers that went on to the caller, ``retry_upstream_rq_xx`` those that were tried again.
    An attempt that broke off before its answer is in neither when it was made again; the last one is, as 503. Times are
    those of the answers that went on. Of the two clusters of a model only the one for HTTP is read: Envoy counts a
    failed gRPC call as a 200. ``upstream_rq_total`` is there from the moment a cluster is, so it tells one that was
    never asked from a wrong name.
    """

    _TOTAL = "envoy_cluster_upstream_rq_total"
    _CLASSES = ("envoy_cluster_upstream_rq_xx", "envoy_cluster_retry_upstream_rq_xx")
    _CODES = ("envoy_cluster_upstream_rq", "envoy_cluster_retry_upstream_rq")
    _BUCKETS = ("envoy_cluster_upstream_rq_time_bucket",)
    _CLUSTER = "envoy_cluster_name"

    def values(self, gates: Sequence[CountedGate], arms: Arms) -> str:
        """Return the query for all counters that the gates need."""
        readable = [gate for gate in gates if gate.kind != "accuracy"]
        metrics = {self._TOTAL, *(name for gate in readable for name in self._metrics(gate))}
        return f"{{__name__=~{any_of(metrics)},{self._clusters(arms)}}}"

    def ages(self, arms: Arms) -> str:
        """Return the query for the age of each target's oldest sample, on Prometheus' own clock."""
        return f"max by (job,instance) (time() - timestamp({self._TOTAL}{{{self._clusters(arms)}}}))"

    def reading(self, gate: CountedGate, arms: Arms, samples: Sequence[Sample]) -> Reading:
        """Return a gate's counters; refuse, in words, what they cannot be read from."""
        _refuse_accuracy(gate)
        metrics, totals = self._metrics(gate), [sample for sample in samples if sample.metric == self._TOTAL]
        ours = [sample for sample in samples if sample.metric in metrics]
        for model in (arms.candidate, arms.baseline):
            self._check(metrics[0], model, self._of(model, totals), self._of(model, ours))
        by_arm = {CANDIDATE: self._of(arms.candidate, ours), BASELINE: self._of(arms.baseline, ours)}
        kind, counters = (self._timed if gate.kind == "slower_than" else self._answered)(gate, by_arm)
        return Reading(kind, frozenset(sample.target for sample in totals), tuple(counters))

    def _timed(self, gate: CountedGate, by_arm: Mapping[str, Sequence[Sample]]) -> tuple[str, list[Counter]]:
        edge = _edge(gate, [sample for samples in by_arm.values() for sample in samples])
        counters = [each for arm, samples in by_arm.items() for each in _histogram(arm, edge, samples)]
        return f"{self._BUCKETS[0]} {edge:g}", counters

    def _answered(self, gate: CountedGate, by_arm: Mapping[str, Sequence[Sample]]) -> tuple[str, list[Counter]]:
        codes = _codes(gate)
        return self._metrics(gate)[0], [
            Counter(arm, each.target, self._series(each), each.count, _is_event(self._code(each), codes))
            for arm, samples in by_arm.items()
            for each in samples
        ]

    def _metrics(self, gate: CountedGate) -> tuple[str, ...]:
        """Return the metrics that have a gate's requests and its events as well: others could disagree."""
        if gate.kind == "slower_than":
            return self._BUCKETS
        return self._CLASSES if all(code.endswith("xx") for code in _given(gate)) else self._CODES

    def _clusters(self, arms: Arms) -> str:
        return f"{self._CLUSTER}=~{any_of(map(self._cluster, (arms.candidate, arms.baseline)))}{self._ours}"

    def _of(self, model: Model, samples: Iterable[Sample]) -> list[Sample]:
        return [sample for sample in samples if sample.labels.get(self._CLUSTER) == self._cluster(model)]

    def _check(self, metric: str, model: Model, totals: Sequence[Sample], samples: Sequence[Sample]) -> None:
        """Refuse a cluster that nobody knows, and one that was asked but has not the metric."""
        asked = sum(total.count for total in totals)
        if totals and (samples or not asked):
            return
        cluster = f'{{{self._CLUSTER}="{self._cluster(model)}"}}'
        because = f", though {self._TOTAL} is {asked}" if totals else ""
        raise ServingError(f"no data: Prometheus has no {metric if totals else self._TOTAL}{cluster}{because}")

    @staticmethod
    def _cluster(model: Model) -> str:
        return f"{model.internal_name}_http"

    def _series(self, sample: Sample) -> str:
        """Return what tells a series from the others of its cluster at its target."""
        return f"{sample.metric}{sample.rest(('job', 'instance', self._CLUSTER))}"

    @staticmethod
    def _code(sample: Sample) -> str:
        return sample.labels.get("envoy_response_code") or f"{sample.labels.get('envoy_response_code_class')}xx"


class Seldon(_Labelled):
    """Seldon's counters of the attempts that its agents passed on to a model, over REST and gRPC.

    https://docs.seldon.ai/seldon-core-2/user-guide/operational-monitoring/operational names them. REST has HTTP's
    statuses for codes, gRPC the names of its own. The gauge of loaded models tells one that was never asked from a
    wrong name.
    """

    _ATTEMPTS = "seldon_model_infer_total"
    _LOADED = "seldon_loaded_model_gauge"

    def values(self, gates: Sequence[CountedGate], arms: Arms) -> str:
        """Return the query for all counters that the gates need."""
        return f"{self._attempts(arms)} or {self._loaded(arms)}"

    def ages(self, arms: Arms) -> str:
        """Return the query for the age of each target's oldest sample, on Prometheus' own clock."""
        times = f"timestamp({self._attempts(arms)}) or timestamp({self._loaded(arms)})"
        return f"max by (job,instance) (time() - ({times}))"

    def reading(self, gate: CountedGate, arms: Arms, samples: Sequence[Sample]) -> Reading:
        """Return a gate's counters; refuse, in words, what they cannot be read from."""
        _refuse_accuracy(gate)
        if gate.kind == "slower_than":
            raise ServingError(
                "Seldon has no histogram of latencies for each model; count slow answers in Envoy's metrics "
                "or in an access log"
            )
        codes = _codes(gate)
        counters: list[Counter] = []
        for arm, model in ((CANDIDATE, arms.candidate), (BASELINE, arms.baseline)):
            ours = [sample for sample in samples if sample.metric == self._ATTEMPTS and self._is_of(model, sample)]
            if not ours and not any(self._is_loaded(model, sample) for sample in samples):
                raise ServingError(
                    f'no data: Prometheus has neither {self._ATTEMPTS}{{model="{model.name}"}} '
                    f'nor {self._LOADED}{{model_internal="{model.internal_name}"}}'
                )
            counters += [
                Counter(arm, each.target, each.neighbour, each.count, _is_event(_status(each), codes)) for each in ours
            ]
        return Reading(self._ATTEMPTS, frozenset(sample.target for sample in samples), tuple(counters))

    def _attempts(self, arms: Arms) -> str:
        return f"{self._ATTEMPTS}{{model=~{any_of((arms.candidate.name, arms.baseline.name))}{self._ours}}}"

    def _loaded(self, arms: Arms) -> str:
        names = any_of((arms.candidate.internal_name, arms.baseline.internal_name))
        return f"{self._LOADED}{{model_internal=~{names}{self._ours}}}"

    def _is_loaded(self, model: Model, sample: Sample) -> bool:
        is_it = sample.metric == self._LOADED and sample.labels.get("model_internal") == model.internal_name
        return is_it and sample.value >= 1

    @staticmethod
    def _is_of(model: Model, sample: Sample) -> bool:
        return sample.labels.get("model") == model.name


DIALECTS: dict[str, type[Envoy] | type[Seldon]] = {"envoy": Envoy, "seldon": Seldon}
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")

# The HTTP status of each gRPC code, as https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto maps
# them; the names are those that Go prints.
_GRPC = {
    "OK": "200",
    "Canceled": "499",
    "InvalidArgument": "400",
    "DeadlineExceeded": "504",
    "NotFound": "404",
    "AlreadyExists": "409",
    "PermissionDenied": "403",
    "Unauthenticated": "401",
    "ResourceExhausted": "429",
    "FailedPrecondition": "400",
    "Aborted": "409",
    "OutOfRange": "400",
    "Unimplemented": "501",
    "Unavailable": "503",
}
# Unknown, Internal and DataLoss are this in that table; so is what nobody has heard of.
_UNKNOWN = "500"


def dialect_of(name: str, labels: Mapping[str, str]) -> Dialect:
    """Return how an exporter counts, read from series with these labels alone."""
    strange = [label for label in labels if not _LABEL.fullmatch(str(label))]
    if strange:
        raise ServingError(f"Prometheus has no label {strange[0]!r}; set labels that all series of the models have.")
    if name not in DIALECTS:
        raise ServingError(f"Prometheus' metrics have the dialect {name!r}; set one of: {', '.join(sorted(DIALECTS))}.")
    return DIALECTS[name]({label: str(value) for label, value in labels.items()})


def _status(sample: Sample) -> str:
    """Return the HTTP status of an attempt that an agent counted."""
    code = sample.labels.get("code", "")
    return code if code.isdigit() else _GRPC.get(code, _UNKNOWN)


def _given(gate: CountedGate) -> tuple[str, ...]:
    given = gate.source.get("codes") or DEFAULT_CODES
    return tuple(str(code).lower() for code in (given if isinstance(given, (list, tuple)) else [given]))


def _codes(gate: CountedGate) -> tuple[str, ...]:
    """Return the statuses and the classes of statuses that are failures."""
    codes = _given(gate)
    strange = [code for code in codes if not _CODE.fullmatch(code)]
    if strange:
        raise ServingError(
            f"codes of gate {gate.name!r} holds {', '.join(strange)}; set classes like 5xx or statuses like 429"
        )
    return codes


def _is_event(code: str, codes: Sequence[str]) -> bool:
    return code in codes or f"{code[:1]}xx" in codes


def _edge(gate: CountedGate, samples: Iterable[Sample]) -> float:
    """Return the edge of a bucket at which a gate's threshold lies."""
    threshold = gate.threshold_ms or 0.0
    edges = sorted({_le(sample) for sample in samples})
    if edges and threshold not in edges:
        listed = ", ".join(f"{edge:g}" for edge in edges if math.isfinite(edge))
        raise ServingError(
            f"threshold_ms of gate {gate.name!r} is {threshold:g}, but Envoy's buckets end at {listed}; "
            "set one of these, or count slow answers in an access log"
        )
    return threshold


def _le(sample: Sample) -> float:
    """Return the upper edge of a bucket. Prometheus 3 writes 1.0 where Prometheus 2 wrote 1."""
    try:
        return float(sample.labels.get("le", ""))
    except ValueError as error:
        raise ServingError(f"no data: {sample} is a bucket without an edge") from error


def _histogram(arm: str, edge: float, samples: Iterable[Sample]) -> list[Counter]:
    """Return the fast and the slow answers of an arm. Both are counters, and so is every sum of them."""
    found: dict[tuple[str, str], dict[float, int]] = {}
    for sample in samples:
        place = (sample.target, sample.rest(("job", "instance", "le")))
        found.setdefault(place, {})[_le(sample)] = sample.count
    counters: list[Counter] = []
    for (target, series), buckets in found.items():
        fast, every = buckets.get(edge), buckets.get(math.inf)
        if fast is None or every is None or fast > every:
            raise ServingError(f"no data: the buckets of {series} at {target} do not fit together")
        counters.append(Counter(arm, target, f"{series} fast", fast, False))
        counters.append(Counter(arm, target, f"{series} slow", every - fast, True))
    return counters


def _refuse_accuracy(gate: CountedGate) -> None:
    if gate.kind == "accuracy":
        raise ServingError("Prometheus does not know which answers were right; give the gate its labels")


__all__ = ["DEFAULT_CODES", "DIALECTS", "Dialect", "Envoy", "Seldon", "dialect_of"]
