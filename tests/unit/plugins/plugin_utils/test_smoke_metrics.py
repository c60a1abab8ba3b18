# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""After a load, Prometheus is waited for until it has scraped every server once more, and no longer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from plugins.module_utils._core.smoke_load import Measured
from plugins.module_utils._core.smoke_metrics import Reading, Target
from plugins.module_utils._wiring.smoke_options import ARGUMENTS
from plugins.plugin_utils import _smoke_metrics
from plugins.plugin_utils._smoke_metrics import Metrics
from tests.unit.plugins.module_utils._core.test_smoke_load import load


def params(**metrics: Any) -> dict[str, Any]:
    options = {
        "address": {"address": "192.0.2.1", "http_port": 80},
        "models": [{"name": name, "namespace": "team"} for name in ("a", "b")],
        "metrics": {"url": "http://metrics.example.com:9090", **metrics} if metrics else None,
    }
    result = ArgumentSpecValidator(ARGUMENTS).validate(options)
    assert not result.error_messages
    return dict(result.validated_parameters)


class Prometheus:
    """Says at each look how long ago its one server was scraped, ten seconds after the look before."""

    def __init__(self, *ages: float) -> None:
        self._ages = list(ages)
        self.looks = 0

    def __call__(self) -> Mapping[str, Any]:
        self.looks += 1
        age = self._ages.pop(0)
        return Reading("", 1000.0 + 10 * self.looks, {"servers": [Target("x", True, age)]}).as_dict()


def measured() -> Measured:
    found = Measured({"ab.experiment": {"a": 70, "b": 30}})
    found.add("ab.experiment", load({2: 10}, routes={":a_1:": 6, ":a_2:": 1, ":b_1:": 3}).as_dict(), {})
    return found


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_smoke_metrics, "PAUSE_SECONDS", 0)


def test_it_looks_until_the_servers_were_scraped_after_the_load() -> None:
    prometheus, notes = Prometheus(1, 5, 15, 9), list[str]()
    metrics = Metrics(params(stale_after=60), prometheus, notes.append)
    metrics.begin()
    found = metrics.end(measured())
    assert found is not None
    # The load had ended when it was looked for the second time, at 1020; the scrape at 1031 is the first one after it.
    assert (prometheus.looks, found.ended, found.after.now) == (4, 1020.0, 1040.0)
    assert notes == ["waiting until Prometheus scrapes x again"] * 2
    assert found.answered == {"a": 7, "b": 3}


def test_it_waits_no_longer_than_a_scrape_may_be_old() -> None:
    prometheus = Prometheus(1, 5)
    metrics = Metrics(params(stale_after=0), prometheus, lambda _text: None)
    metrics.begin()
    found = metrics.end(measured())
    assert found is not None
    assert [each.name for each in found.after.older(found.ended)] == ["x"]


def test_without_a_load_nothing_is_waited_for() -> None:
    prometheus = Prometheus(5)
    metrics = Metrics(params(stale_after=60), prometheus, lambda _text: None)
    assert metrics.end(Measured()) is not None
    assert prometheus.looks == 1


def test_without_an_address_nobody_is_asked() -> None:
    prometheus = Prometheus()
    metrics = Metrics(params(), prometheus, lambda _text: None)
    metrics.begin()
    assert metrics.end(measured()) is None
    assert prometheus.looks == 0
