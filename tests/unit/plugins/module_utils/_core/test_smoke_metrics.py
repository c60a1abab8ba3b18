# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Prometheus has is judged: a target that is down, one that nobody scraped, and counts that do not fit."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from plugins.module_utils._core.prometheus_samples import Sample
from plugins.module_utils._core.smoke import Result, examine
from plugins.module_utils._core.smoke_metrics import AGENT, Meant, Observed, Reading, Target, metrics_checks

MEANT = Meant({"envoy": "envoy_server_live", "servers": AGENT}, ("seldon_model_infer_total",), {"a": "a", "b": "b"})
UP = {"envoy": [Target("envoy/1", True, 3.0)], "servers": [Target("agent/1", True, 2.0), Target("agent/2", True, 4.0)]}
NOW, ENDED = 1000.0, 990.0


def counted(model: str, value: float, *, replica: int = 1, code: str = "200", target: str = "") -> Sample:
    labels = {"server": "mlserver", "server_replica": str(replica), "model": model, "code": code}
    place = {"job": "agent", "instance": target or str(replica)}
    return Sample({"__name__": "seldon_model_infer_total", **place, **labels}, value)


BEFORE = Reading("", 900.0, UP, [counted("a", 5), counted("a", 1, code="500"), counted("b", 7, replica=2)])
AFTER = Reading("", NOW, UP, [counted("a", 75), counted("a", 2, code="500"), counted("b", 37, replica=2)])
SEEN = Observed(MEANT, AFTER, BEFORE, ENDED, {"a": 70, "b": 30})


def judged(seen: Observed | None) -> dict[str, Result]:
    return {each.label: each for each in examine(metrics_checks(seen), (), lambda: 0.0)}


def told(seen: Observed) -> dict[str, tuple[str, str]]:
    return {
        name: (each.status, each.observed)
        for name, each in judged(seen).items()
        if each.status in ("fail", "warn", "error")
    }


def test_what_fits_passes_and_says_how_much() -> None:
    found = judged(SEEN)
    assert {each.status for each in found.values()} == {"pass"}
    assert found["metrics.counted[a]"].observed == "71 were counted; the others are retries, or of other callers"
    assert found["metrics.counted[b]"].observed == "30 were counted"
    assert found["metrics.targets[servers]"].observed == "2 up, scraped 4 s ago at most"


def test_a_reading_comes_back_as_it_was() -> None:
    assert Reading.from_dict(json.loads(json.dumps(AFTER.as_dict()))) == AFTER


def targets(part: str, *found: Target) -> Observed:
    return replace(SEEN, after=replace(AFTER, targets={**UP, part: found}))


def counts(*found: Sample) -> Observed:
    return replace(SEEN, after=replace(AFTER, counts=[*found, counted("b", 37, replica=2)]))


FAULTS: dict[str, tuple[Observed, dict[str, tuple[str, str]]]] = {
    "nobody was ever scraped": (
        targets("envoy"),
        {"metrics.targets[envoy]": ("warn", "no target has envoy_server_live, nor had it within 1h")},
    ),
    "a target is down": (
        targets("envoy", Target("envoy/1", True, 3.0), Target("envoy/2", False)),
        {"metrics.targets[envoy]": ("warn", "envoy/2 is down")},
    ),
    "a target lost its metric": (
        targets("envoy", Target("envoy/1", True)),
        {"metrics.targets[envoy]": ("warn", "envoy/1 is up without envoy_server_live")},
    ),
    "a target is scraped no more": (
        targets("envoy", Target("envoy/1", True, 61.0)),
        {"metrics.targets[envoy]": ("warn", "envoy/1 was scraped 61 s ago")},
    ),
    "a server is down": (
        targets("servers", Target("agent/1", False)),
        {
            "metrics.targets[servers]": ("warn", "agent/1 is down"),
            "metrics.counted[a]": ("error", "Prometheus cannot scrape agent/1"),
            "metrics.counted[b]": ("error", "Prometheus cannot scrape agent/1"),
        },
    ),
    "a scrape is older than the load": (
        targets("servers", Target("agent/1", True, 15.0)),
        {
            f"metrics.counted[{model}]": ("error", "agent/1 was last scraped 5 s before the load ended")
            for model in "ab"
        },
    ),
    "the metric is missing": (
        counts(),
        {"metrics.counted[a]": ("warn", 'there is no seldon_model_infer_total{model="a"}')},
    ),
    "fewer than were answered": (counts(counted("a", 74)), {"metrics.counted[a]": ("warn", "69 were counted")}),
    "one server is scraped twice": (
        counts(counted("a", 75), counted("a", 75, target="other")),
        {
            "metrics.counted[a]": (
                "warn",
                "agent/1 and agent/other have the same counts, so one server is scraped twice",
            )
        },
    ),
    "Prometheus does not answer": (
        replace(SEEN, after=Reading("nobody there")),
        {"metrics.answers": ("warn", "nobody there")},
    ),
    "it did not answer before": (
        replace(SEEN, before=Reading("nobody there")),
        {f"metrics.counted[{model}]": ("error", "before the load: nobody there") for model in "ab"},
    ),
}


@pytest.mark.parametrize(("seen", "said"), FAULTS.values(), ids=FAULTS.keys())
def test_fault_is_told_apart(seen: Observed, said: dict[str, tuple[str, str]]) -> None:
    assert told(seen) == said


def test_counters_that_began_anew_are_counted_from_zero() -> None:
    assert judged(counts(counted("a", 70)))["metrics.counted[a]"].observed == "65 were counted"
    began = judged(counts(counted("a", 4), counted("a", 66, replica=2)))["metrics.counted[a]"]
    assert (began.status, began.observed) == ("pass", "70 were counted")


SKIPPED: dict[str, tuple[dict[str, Any], str]] = {
    "no load": ({"answered": {}}, "no load was sent, so there is nothing to be counted"),
    "it was not called": ({"answered": {"b": 30}}, "it answered nothing of the load"),
}


@pytest.mark.parametrize(("changes", "reason"), SKIPPED.values(), ids=SKIPPED.keys())
def test_what_was_not_called_is_not_counted(changes: dict[str, Any], reason: str) -> None:
    found = judged(replace(SEEN, **changes))["metrics.counted[a]"]
    assert (found.status, found.reason) == ("skip", reason)


def test_without_an_address_nothing_is_asked() -> None:
    [(name, found)] = judged(None).items()
    assert (name, found.status) == ("metrics.answers", "skip")
    assert "serving_metrics" in found.reason


def test_queries_name_labels_and_no_more_than_the_models() -> None:
    meant = replace(MEANT, models={"a": "a.b"}, labels={"cluster": "x"})
    assert meant.counts == '{__name__=~"seldon_model_infer_total",model=~"a\\\\.b",cluster="x"}'
