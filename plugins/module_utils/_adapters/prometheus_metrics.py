# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask Prometheus what both arms of a rollout did, and for the value of any query."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, Mapping, Sequence
from urllib.parse import urlencode

from .._core.analysis import Measurement
from .._core.errors import ServingError
from .._core.excerpts import brief
from .._core.gates import CountedGate, MeasuredGate
from .._core.placeholders import filled
from .._core.prometheus import DOWN, Answers, Looker, one_number, read_samples, unread
from .._core.prometheus_dialects import dialect_of
from .._core.prometheus_samples import Sample
from .._core.traffic import Arms, Counts
from .http_call import Call, call

# Three scrapes of the usual fifteen seconds.
STALE_AFTER = 45.0
# Less than a socket can keep.
_LEAST_SECONDS = 0.001


@dataclass(frozen=True)
class PrometheusMetrics:
    """A Prometheus, or what answers its query API.

    ``dialect``: whose counters are counted, ``envoy`` or ``seldon``; ``labels``: those with all of these labels alone.
    ``timeout``: the seconds that one look may take, with all its queries. ``stale_after``: the age in seconds from
    which a sample is no data.
    """

    url: str = field(repr=False)
    dialect: str = "envoy"
    labels: Mapping[str, str] = field(default_factory=dict)
    timeout: float = 2.0
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    ca_path: str | None = None
    stale_after: float = STALE_AFTER

    def __post_init__(self) -> None:
        dialect_of(self.dialect, self.labels)
        try:
            self._call("1")
        except ServingError as error:
            raise ServingError(f"Prometheus cannot be asked: {error}.") from error

    def check(self) -> str:
        """Return why Prometheus cannot be asked, or nothing."""
        try:
            one_number(self.samples("1", self.timeout))
        except ServingError as error:
            return str(error)
        return ""

    def counts(self, gates: Sequence[CountedGate], arms: Arms, cursor: Mapping[str, Any] | None) -> Counts:
        """Return what was counted since the cursor; None begins."""
        if not gates:
            return Counts(cursor=dict(cursor or {}))
        dialect, deadline = dialect_of(self.dialect, self.labels), time.monotonic() + self.timeout
        # First the values: a target that is away while they are read is still missing from what comes after.
        queries = (dialect.values(gates, arms), dialect.ages(arms), DOWN)
        try:
            answers = Answers(*(self.samples(query, deadline - time.monotonic()) for query in queries))
        except ServingError as error:
            return unread(gates, str(error), cursor)
        return Looker(dialect, arms, self.stale_after).read(gates, answers, cursor or {})

    def measure(self, gate: MeasuredGate, arms: Arms) -> Measurement:
        """Return the value of a gate's query, with the names of the rollout put in."""
        query = str(filled(gate.source["query"], arms))
        try:
            value = one_number(self.samples(query, self.timeout))
        except ServingError as error:
            return Measurement(error=f"{error} ({brief(query)})")
        return Measurement(value, note=f"{brief(query)} is {value:g}")

    def samples(self, query: str, seconds: float) -> tuple[Sample, ...]:
        """Return the samples that a query gives now."""
        request = self._call(query)
        place = f"Prometheus at {request.place.rpartition('/api/v1/query')[0]}"
        try:
            reply = call(request, timeout=max(seconds, _LEAST_SECONDS))
            # A refused query has a status of its own, and says in the answer why.
            if 300 <= reply.status < 400:
                raise ServingError(reply.refusal)
            return read_samples(reply.status, reply.body)
        except ServingError as error:
            raise ServingError(f"{place}: {error}") from error

    def _call(self, query: str) -> Call:
        base, _mark, more = self.url.partition("?")
        given = f"{more}&" if more else ""
        url = f"{base.rstrip('/')}/api/v1/query?{given}{urlencode({'query': query})}"
        return Call(url, headers=self.headers, ca_path=self.ca_path)


__all__ = ["STALE_AFTER", "PrometheusMetrics"]
