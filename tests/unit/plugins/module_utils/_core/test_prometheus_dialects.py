# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which counters of which exporter make a gate's requests and events."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest

from plugins.module_utils._core.counters import Counter, Reading
from plugins.module_utils._core.errors import ServingError
from plugins.module_utils._core.gates import CountedGate
from plugins.module_utils._core.prometheus_dialects import dialect_of
from plugins.module_utils._core.prometheus_samples import Sample
from plugins.module_utils._core.route_table import Endpoint, Model
from plugins.module_utils._core.traffic import Arms

PLACE = Endpoint("192.0.2.1", 80)
ARMS = Arms("ab", Model("new.one", 2, PLACE, PLACE), Model("old", 1, PLACE, PLACE), is_default=True)
ENVOY, SELDON = dialect_of("envoy", {}), dialect_of("seldon", {})
CLUSTERS = {"new": "new.one_2_http", "old": "old_1_http"}
TOTAL, CLASSES, CODES = (f"envoy_cluster_upstream_rq{ending}" for ending in ("_total", "_xx", ""))
RETRIED_CLASSES, RETRIED_CODES = (f"envoy_cluster_retry_upstream_rq{ending}" for ending in ("_xx", ""))
BUCKETS = "envoy_cluster_upstream_rq_time_bucket"
ATTEMPTS, LOADED = "seldon_model_infer_total", "seldon_loaded_model_gauge"


def errors(*codes: Any) -> CountedGate:
    return CountedGate("errors", "error_rate", source={"codes": list(codes)} if codes else {})


def slower_than(threshold: float) -> CountedGate:
    return CountedGate("slow", "slower_than", threshold_ms=threshold)


RIGHT = CountedGate("right", "accuracy")


def sample(metric: str, value: float, **labels: str) -> Sample:
    return Sample({"__name__": metric, "job": "j", "instance": "i", **labels}, value)


def envoy(metric: str, model: str, value: float, **labels: str) -> Sample:
    return sample(metric, value, envoy_cluster_name=CLUSTERS[model], **labels)


def buckets(model: str, **counts: float) -> list[Sample]:
    """Return buckets, each by its edge with an e before it."""
    return [envoy(BUCKETS, model, count, le=edge[1:].replace("inf", "+Inf")) for edge, count in counts.items()]


IDLE = [envoy(TOTAL, "new", 0), envoy(TOTAL, "old", 0)]
BUSY = [envoy(TOTAL, "new", 9), envoy(TOTAL, "old", 9)]


def counted(reading: Reading) -> dict[str, list[tuple[int, bool]]]:
    """Return the values of each arm, and whether they are events."""
    found: dict[str, list[tuple[int, bool]]] = {}
    for each in reading.counters:
        found.setdefault(each.arm, []).append((each.value, each.is_event))
    return found


BY_CLASS = [
    envoy(CLASSES, "new", 7, envoy_response_code_class="2"),
    envoy(CLASSES, "new", 2, envoy_response_code_class="5"),
    envoy(CLASSES, "old", 9, envoy_response_code_class="4"),
]
BY_CODE = [
    envoy(CODES, "new", 7, envoy_response_code="429"),
    envoy(CODES, "new", 2, envoy_response_code="503"),
    envoy(CODES, "old", 9, envoy_response_code="404"),
]

ENVOYS = {
    "nobody was asked": (errors(), IDLE, {}),
    "server errors": (
        errors(),
        [*BUSY, *BY_CLASS],
        {"candidate": [(7, False), (2, True)], "baseline": [(9, False)]},
    ),
    "client errors too": (
        errors("4xx", "5XX"),
        [*BUSY, *BY_CLASS],
        {"candidate": [(7, False), (2, True)], "baseline": [(9, True)]},
    ),
    "too many requests too": (
        errors("5xx", 429),
        [*BUSY, *BY_CODE],
        {"candidate": [(7, True), (2, True)], "baseline": [(9, False)]},
    ),
    "failures that a retry made good": (
        errors(),
        [*BUSY, *BY_CLASS, envoy(RETRIED_CLASSES, "new", 4, envoy_response_code_class="5")],
        {"candidate": [(7, False), (2, True), (4, True)], "baseline": [(9, False)]},
    ),
    "one code that a retry made good": (
        errors("503"),
        [*BUSY, *BY_CODE, envoy(RETRIED_CODES, "old", 4, envoy_response_code="503")],
        {"candidate": [(7, False), (2, True)], "baseline": [(9, False), (4, True)]},
    ),
    "one code": (
        CountedGate("errors", "error_rate", source={"codes": 429}),
        [*BUSY, *BY_CODE],
        {"candidate": [(7, True), (2, False)], "baseline": [(9, False)]},
    ),
    "slow answers": (
        slower_than(5),
        [*BUSY, *buckets("new", e1=3, e5=6, einf=9), *buckets("old", e1=0, e5=9, einf=9)],
        {"candidate": [(6, False), (3, True)], "baseline": [(9, False), (0, True)]},
    ),
    "edges as Prometheus 3 writes them": (
        slower_than(5),
        [*BUSY, *(envoy(BUCKETS, each, 9, le=edge) for each in ("new", "old") for edge in ("5.0", "+Inf"))],
        {"candidate": [(9, False), (0, True)], "baseline": [(9, False), (0, True)]},
    ),
    "nobody was slow or fast": (slower_than(18), IDLE, {}),
}


@pytest.mark.parametrize(("gate", "samples", "found"), ENVOYS.values(), ids=ENVOYS.keys())
def test_envoy(gate: CountedGate, samples: list[Sample], found: dict[str, list[tuple[int, bool]]]) -> None:
    reading = ENVOY.reading(gate, ARMS, samples)
    assert counted(reading) == found
    assert reading.targets == {"j/i"}


def test_a_series_is_told_from_its_neighbours() -> None:
    samples = [*BUSY, *BY_CLASS, envoy(RETRIED_CLASSES, "new", 4, envoy_response_code_class="5")]
    reading = ENVOY.reading(errors(), ARMS, samples)
    series = f'{RETRIED_CLASSES}{{envoy_response_code_class="5"}}'
    assert Counter("candidate", "j/i", series, 4, True) in reading.counters
    assert len({(each.target, each.key) for each in reading.counters}) == len(reading.counters) == 4


def test_another_threshold_is_another_kind() -> None:
    samples = [*BUSY, *buckets("new", e1=3, e5=6, einf=9), *buckets("old", e1=0, e5=9, einf=9)]
    assert ENVOY.reading(slower_than(1), ARMS, samples).kind != ENVOY.reading(slower_than(5), ARMS, samples).kind


REFUSED = {
    "an unknown cluster": (
        errors(),
        [envoy(TOTAL, "old", 1)],
        f'no data: Prometheus has no {TOTAL}{{envoy_cluster_name="new.one_2_http"}}',
    ),
    "a metric that is dropped": (
        errors(),
        [*BUSY, envoy(CLASSES, "new", 9, envoy_response_code_class="2")],
        f'no data: Prometheus has no {CLASSES}{{envoy_cluster_name="old_1_http"}}, though {TOTAL} is 9',
    ),
    "between the edges": (
        slower_than(18),
        [*BUSY, *buckets("new", e1=3, e25=6, einf=9), *buckets("old", e1=0, e25=9, einf=9)],
        "threshold_ms of gate 'slow' is 18, but Envoy's buckets end at 1, 25; "
        "set one of these, or count slow answers in an access log",
    ),
    "buckets that do not fit": (
        slower_than(5),
        [*BUSY, *buckets("new", e5=10, einf=9), *buckets("old", e5=9, einf=9)],
        'no data: the buckets of {envoy_cluster_name="new.one_2_http"} at j/i do not fit together',
    ),
    "a bucket that is missing": (
        slower_than(5),
        [*BUSY, *buckets("new", einf=9), *buckets("old", e5=9, einf=9)],
        'no data: the buckets of {envoy_cluster_name="new.one_2_http"} at j/i do not fit together',
    ),
    "a bucket without an edge": (
        slower_than(5),
        [*BUSY, envoy(BUCKETS, "new", 1), envoy(BUCKETS, "old", 1)],
        f'no data: {BUCKETS}{{envoy_cluster_name="new.one_2_http",instance="i",job="j"}} is a bucket without an edge',
    ),
    "not a number": (
        errors(),
        [*BUSY, *BY_CLASS, envoy(CLASSES, "old", math.nan, envoy_response_code_class="2")],
        f'no data: {CLASSES}{{envoy_cluster_name="old_1_http",envoy_response_code_class="2",instance="i",job="j"}} '
        "is nan, which counts nothing",
    ),
    "a rate": (
        errors(),
        [*BUSY, *BY_CLASS, envoy(CLASSES, "old", 0.5)],
        f'no data: {CLASSES}{{envoy_cluster_name="old_1_http",instance="i",job="j"}} is 0.5, which counts nothing',
    ),
    "a strange code": (
        errors("5xx", "600", "oops"),
        [*BUSY, *BY_CODE],
        "codes of gate 'errors' holds 600, oops; set classes like 5xx or statuses like 429",
    ),
    "right answers": (RIGHT, BUSY, "Prometheus does not know which answers were right; give the gate its labels"),
}


@pytest.mark.parametrize(("gate", "samples", "said"), REFUSED.values(), ids=REFUSED.keys())
def test_envoy_refuses(gate: CountedGate, samples: list[Sample], said: str) -> None:
    with pytest.raises(ServingError, match=f"^{re.escape(said)}$"):
        ENVOY.reading(gate, ARMS, samples)


def test_envoy_asks_for_what_the_gates_need() -> None:
    clusters = r'envoy_cluster_name=~"new\\.one_2_http|old_1_http"'
    by_code, by_class = "|".join((RETRIED_CODES, CODES)), "|".join((RETRIED_CLASSES, BUCKETS, TOTAL, CLASSES))
    assert ENVOY.values([errors("5xx", "oops", "429"), RIGHT], ARMS) == f'{{__name__=~"{by_code}|{TOTAL}",{clusters}}}'
    assert ENVOY.values([slower_than(5), errors()], ARMS) == f'{{__name__=~"{by_class}",{clusters}}}'
    assert ENVOY.ages(ARMS) == f"max by (job,instance) (time() - timestamp({TOTAL}{{{clusters}}}))"


# --- Seldon -----------------------------------------------------------------------------------------------------


def seldon(model: str, code: str, value: float) -> Sample:
    return sample(ATTEMPTS, value, model=model, code=code)


def loaded(name: str, value: float = 1) -> Sample:
    return sample(LOADED, value, model_internal=name)


SELDONS = {
    "over REST": (
        errors(),
        [seldon("new.one", "200", 7), seldon("new.one", "503", 2), seldon("old", "404", 9)],
        {"candidate": [(7, False), (2, True)], "baseline": [(9, False)]},
    ),
    "over gRPC": (
        errors(),
        [seldon("new.one", "OK", 7), seldon("new.one", "Unavailable", 2), seldon("old", "InvalidArgument", 9)],
        {"candidate": [(7, False), (2, True)], "baseline": [(9, False)]},
    ),
    "a code that nobody knows": (
        errors(),
        [seldon("new.one", "Unheard", 7), seldon("old", "", 2)],
        {"candidate": [(7, True)], "baseline": [(2, True)]},
    ),
    "client errors too": (
        errors("5xx", "4xx"),
        [seldon("new.one", "NotFound", 7), seldon("old", "422", 2)],
        {"candidate": [(7, True)], "baseline": [(2, True)]},
    ),
    "nobody was asked yet": (errors(), [loaded("new.one_2"), loaded("old_1")], {}),
}


@pytest.mark.parametrize(("gate", "samples", "found"), SELDONS.values(), ids=SELDONS.keys())
def test_seldon(gate: CountedGate, samples: list[Sample], found: dict[str, list[tuple[int, bool]]]) -> None:
    reading = SELDON.reading(gate, ARMS, samples)
    assert (reading.kind, counted(reading), set(reading.targets)) == (ATTEMPTS, found, {"j/i"})


NO_CANDIDATE = (
    f'no data: Prometheus has neither {ATTEMPTS}{{model="new.one"}} nor {LOADED}{{model_internal="new.one_2"}}'
)
SELDON_REFUSED = {
    "nothing": (errors(), [], NO_CANDIDATE),
    "unloaded": (errors(), [seldon("old", "200", 1), loaded("new.one_2", 0), loaded("new.one_1")], NO_CANDIDATE),
    "slow answers": (
        slower_than(5),
        [],
        "Seldon has no histogram of latencies for each model; "
        "count slow answers in Envoy's metrics or in an access log",
    ),
    "right answers": (RIGHT, [], "Prometheus does not know which answers were right; give the gate its labels"),
}


@pytest.mark.parametrize(("gate", "samples", "said"), SELDON_REFUSED.values(), ids=SELDON_REFUSED.keys())
def test_seldon_refuses(gate: CountedGate, samples: list[Sample], said: str) -> None:
    with pytest.raises(ServingError, match=f"^{re.escape(said)}$"):
        SELDON.reading(gate, ARMS, samples)


def test_seldon_asks_for_attempts_and_for_loaded_models() -> None:
    attempts = rf'{ATTEMPTS}{{model=~"new\\.one|old"}}'
    held = rf'{LOADED}{{model_internal=~"new\\.one_2|old_1"}}'
    assert SELDON.values([errors()], ARMS) == f"{attempts} or {held}"
    assert SELDON.ages(ARMS) == f"max by (job,instance) (time() - (timestamp({attempts}) or timestamp({held})))"


def test_labels_narrow_every_query() -> None:
    ours = r',namespace="a\"b",zone="1"}'
    for name, queries in (("envoy", 1), ("seldon", 2)):
        dialect = dialect_of(name, {"zone": "1", "namespace": 'a"b'})
        for query in (dialect.values([errors()], ARMS), dialect.ages(ARMS)):
            assert query.count(ours) == query.count("{") == queries
