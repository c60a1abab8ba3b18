# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports of smoke tests as they come out: all well, broken, invalid, with nothing measured, and with awkward texts."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Any

Report = dict[str, Any]

TITLES = {
    "address": "MetalLB address",
    "nginx": "NGINX",
    "mesh": "seldon-mesh",
    "envoy": "Envoy",
    "mlserver": "MLServer",
}
BUDGETS = {"nginx": [2, 3], "envoy": [2, 3], "mlserver": [5, 7]}
EXPERIMENT = "financial-ab-test-experiment"
# id, target, hop, name, severity, observed, expected
CHECKS = [
    (
        "address.connect",
        "",
        "address",
        "The announced address takes connections",
        "blocker",
        "127.0.77.1:18000 and :18443 accept",
        "both accept",
    ),
    (
        "address.exposure",
        "",
        "address",
        "Only NGINX answers at the announced address",
        "blocker",
        "15 inner ports refuse",
        "all inner ports refuse",
    ),
    ("path.success", "", "address", "Callers get as many good answers as they must", "blocker", "400 of 400", "99.8 %"),
    (
        "path.latency",
        "",
        "address",
        "Callers wait no longer than the budgets",
        "blocker",
        "P50 5.2, P95 7.1, P99 9.8 ms",
        "P50 11, P95 18, P99 25 ms",
    ),
    (
        "nginx.unknown_host",
        "",
        "nginx",
        "Another host name, or none, is refused",
        "blocker",
        "404",
        "404, no x-seldon-route",
    ),
    (
        "nginx.route",
        "",
        "nginx",
        "The host name leads to the model, with its headers both ways",
        "blocker",
        "200, x-seldon-route :baseline-predictor_1:",
        "200, x-seldon-route of a candidate",
    ),
    (
        "nginx.body_size",
        "",
        "nginx",
        "A body up to the limit passes, a larger one gets 413",
        "warning",
        "1048576 bytes: 200, 1048577 bytes: 413",
        "200, 413",
    ),
    (
        "nginx.certificate",
        "",
        "nginx",
        "The certificate of the gRPC port is valid for the host name",
        "blocker",
        "ml-api.local, 364 days left",
        "ml-api.local, at least 14 days left",
    ),
    ("nginx.grpc", "", "nginx", "gRPC calls pass over TLS", "blocker", "OK", "OK"),
    ("mesh.connect", "", "mesh", "seldon-mesh leads to Envoy", "blocker", "127.0.0.1:19000", "127.0.0.1:19000"),
    ("envoy.connect", "", "envoy", "Envoy answers", "blocker", "200", "200"),
    (
        "envoy.experiment",
        EXPERIMENT,
        "envoy",
        "The experiment answers through one of its candidates",
        "blocker",
        ":challenger-predictor_1:",
        "one of baseline-predictor, challenger-predictor",
    ),
    ("envoy.split", EXPERIMENT, "envoy", "The candidates get their shares", "blocker", "281, 119", "70 %, 30 %"),
    (
        "envoy.sticky",
        EXPERIMENT,
        "envoy",
        "x-seldon-route sent back leads to the same candidate",
        "warning",
        "20 of 20",
        "20 of 20",
    ),
    ("envoy.refusals", "", "envoy", "Calls for nobody get 404", "blocker", "404 for all 6", "404"),
    (
        "mlserver.live",
        "seldon",
        "mlserver",
        "The namespace's MLServer is live and ready",
        "blocker",
        "live, ready",
        "live, ready",
    ),
    ("mlserver.model_ready", "baseline-predictor", "mlserver", "The model is ready", "blocker", "200", "200"),
    ("mlserver.model_ready", "challenger-predictor", "mlserver", "The model is ready", "blocker", "200", "200"),
    (
        "mlserver.golden",
        "baseline-predictor",
        "mlserver",
        "The answers are the golden ones",
        "blocker",
        "12 of 12",
        "12 of 12",
    ),
    ("mlserver.latency", "", "mlserver", "The model answers within its budget", "warning", "4.21 ms", "7 ms"),
]


def check(*values: str, **changed: Any) -> Report:
    names = ("id", "target", "hop", "name", "severity", "observed", "expected")
    rest = {"status": "pass", "reason": "", "hint": "", "duration_ms": 1.4, "evidence": {}}
    return {**dict(zip(names, values, strict=True)), **rest, **changed}


def hop(name: str, median: float | None, *, status: str = "pass") -> Report:
    budget = BUDGETS.get(name)
    over = bool(budget and median is not None and median > budget[1])
    values = {"title": TITLES[name], "status": status, "median_ms": median, "budget_ms": budget, "over": over}
    return {"name": name, **values}


def latency(*, median: float = 5.2, n: int = 400) -> Report:
    """Return what a log-normal latency would give."""
    normal = NormalDist(math.log(median), 0.22)
    counts: dict[int, int] = {}
    for index in range(n):
        bucket = math.floor(normal.inv_cdf((index + 0.5) / n) / math.log(1.02))
        counts[bucket] = counts.get(bucket, 0) + 1
    buckets = [[round(1.02**key, 4), round(1.02 ** (key + 1), 4), counts[key]] for key in sorted(counts)]
    return {
        "rate": 100,
        "planned": n,
        "answered": n,
        "seconds": n / 100,
        "invalid": [],
        "first_request_ms": 9.31,
        "percentiles": [
            percentile(quantile, budget, normal, n) for quantile, budget in ((0.5, 11), (0.95, 18), (0.99, 25))
        ],
        "success": {
            "n": n,
            "failures": 0,
            "share": 1.0,
            "low": 0.9905,
            "high": 1.0,
            "budget": 0.998,
            "verdict": "within",
        },
        "buckets": buckets,
    }


def percentile(quantile: float, budget: float, normal: NormalDist, n: int) -> Report:
    reach = 2 * math.sqrt(quantile * (1 - quantile) / n)
    low, middle, high = (
        math.exp(normal.inv_cdf(min(max(q, 0.001), 1 - 0.5 / n)))
        for q in (quantile - reach, quantile, quantile + reach)
    )
    slower = round(n * (1 - normal.cdf(math.log(budget))))
    verdict = "missed" if slower > n * (1 - quantile) * 1.3 else "proven"
    times = {"ms": middle, "low_ms": low, "high_ms": high, "budget_ms": budget}
    return {"quantile": quantile, **times, "slower": slower, "verdict": verdict}


def shares() -> Report:
    candidates = [
        {
            "name": "baseline-predictor",
            "weight": 70,
            "share": 0.7,
            "count": 281,
            "observed": 0.7025,
            "low": 0.656,
            "high": 0.7451,
        },
        {
            "name": "challenger-predictor",
            "weight": 30,
            "share": 0.3,
            "count": 119,
            "observed": 0.2975,
            "low": 0.2549,
            "high": 0.344,
        },
    ]
    values = {"n": 400, "p_value": 0.913, "detectable": 0.107, "verdict": "pass"}
    return {"experiment": EXPERIMENT, **values, "candidates": candidates}


def counted(report: Report) -> Report:
    """Return the report with its checks counted and its verdict drawn."""
    statuses = [each["status"] for each in report["checks"]]
    broken = [each for each in report["checks"] if each["status"] == "fail" and each["severity"] == "blocker"]
    report["counts"] = {name: statuses.count(name) for name in ("pass", "fail", "warn", "skip", "error")}
    report["verdict"] = "failed" if broken else "passed"
    report["first_broken"] = {name: broken[0][name] for name in ("id", "hop", "target")} if broken else None
    return report


def change(report: Report, label: str, **changed: Any) -> None:
    """Change all checks of an id."""
    found = [each for each in report["checks"] if each["id"] == label]
    assert found, label
    for each in found:
        each.update(changed)


def passed() -> Report:
    """All is well."""
    versions = {"collection": "0.1.0", "ansible-core": "2.19.14", "python": "3.11.7"}
    run = {
        "id": "20261124T031500Z-1a2b3c",
        "started": "2026-11-24T03:15:00Z",
        "seconds": 12.3,
        "profile": "quick",
        "target": "localhost",
        "host": "ml-api.local",
        "address": "127.0.77.1:18000",
        "cores": 2,
        "load_average": 0.62,
        "busy": False,
        "versions": versions,
    }
    medians = {"address": None, "nginx": 0.34, "mesh": None, "envoy": 0.41, "mlserver": 4.21}
    return counted(
        {
            "schema": "modelops.serving/smoke_test/1",
            "run": run,
            "verdict": "",
            "first_broken": None,
            "counts": {},
            "hops": [hop(name, median) for name, median in medians.items()],
            "checks": [check(*row) for row in CHECKS],
            "latency": latency(),
            "shares": [shares()],
        }
    )


def remarks() -> Report:
    """It serves, but two hops are over budget, callers wait too long at the end, and the machine was busy."""
    report = passed()
    report["run"].update(busy=True, load_average=5.4)
    report["hops"] = [
        hop("address", None),
        hop("nginx", 3.6, status="warn"),
        hop("mesh", None),
        hop("envoy", 2.4),
        hop("mlserver", 9.84, status="warn"),
    ]
    report["latency"] = latency(median=15.6)
    change(
        report,
        "mlserver.latency",
        status="warn",
        observed="9.84 ms",
        hint="Measure the model alone; look at its size, at its batch settings and at the load of its host.",
    )
    change(
        report,
        "nginx.certificate",
        status="warn",
        severity="warning",
        observed="ml-api.local, 9 days left",
        hint="Renew the certificate.",
        evidence={"subject": "CN=ml-api.local", "not_after": "2026-12-03T00:00:00Z", "names": ["ml-api.local"]},
    )
    change(
        report,
        "nginx.grpc",
        status="skip",
        observed="",
        expected="",
        reason="the Python library grpcio is missing on /usr/bin/python3",
    )
    return counted(report)


def broken() -> Report:
    """NGINX leads nowhere, and nothing behind it could be asked through it."""
    report = passed()
    skip = {
        "status": "skip",
        "observed": "",
        "expected": "",
        "duration_ms": 0.0,
        "reason": "NGINX is broken: nginx.route",
    }
    for name in ("path.success", "path.latency", "nginx.body_size", "nginx.grpc", "envoy.split", "mlserver.latency"):
        change(report, name, **skip)
    change(
        report,
        "nginx.route",
        status="fail",
        observed="502 Bad Gateway with the body <html><head><title>502 Bad Gateway</title></head>, "
        "x-request-id 9d0c2c7de0a54d1f8c3b, no x-seldon-route",
        hint="Envoy answers the same question when it is asked directly. Check NGINX's upstream, and that it passes "
        "seldon-model inwards and x-seldon-route, X-Request-Id and x-envoy-upstream-service-time outwards.",
        evidence={
            "status": 502,
            "headers": {"server": "nginx", "x-request-id": "9d0c2c7de0a54d1f8c3b"},
            "asked": "POST /v2/models/financial-ab-test-experiment/infer",
        },
    )
    report["hops"] = [hop(name, None, status="fail" if name == "nginx" else "pass") for name in TITLES]
    report["latency"], report["shares"] = None, []
    return counted(report)


def invalid() -> Report:
    """The generator was too slow."""
    report = passed()
    reasons = ["12.4 % of the requests left more than 1 ms late", "the generator used 97 % of its core"]
    report["latency"] = {**latency(), "invalid": reasons, "percentiles": [], "buckets": []}
    change(report, "path.latency", status="error", observed="", reason=f"INVALID: {'; '.join(reasons)}")
    return counted(report)


def awkward() -> Report:
    """Texts that are long, have no space, or would break a page or an XML file."""
    report = broken()
    report["run"].update(
        target="a-host-with-a-very-long-name." * 5, address="2001:db8:0000:0000:0000:0000:0000:0001.18000"
    )
    change(
        report,
        "nginx.route",
        observed="\x00\x1b[31m<script>alert(1)</script> & \ud800 ]]> " + "x" * 600,
        hint="y" * 300,
    )
    change(report, "address.connect", status="warn", target="n" * 120, name="N" * 90, reason="\x0bvertical")
    report["shares"] = [{**shares(), "experiment": "e" * 200, "verdict": "fail", "p_value": 0.0}]
    report["shares"][0]["candidates"][0]["name"] = "c" * 200
    return counted(report)


REPORTS = {"passed": passed, "remarks": remarks, "broken": broken, "invalid": invalid, "awkward": awkward}
