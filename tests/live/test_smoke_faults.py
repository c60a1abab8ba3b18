# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The smoke test finds each fault of the request path, and blames the hop that has it and no other."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from plugins.module_utils._core.smoke_catalogue import HOPS
from tests.live.data_plane import BASELINE, ENHANCED, EXPERIMENT, HOST, NAMESPACES, DataPlane, wait_for
from tests.live.misbehaving import faults, route_edits
from tests.live.misbehaving.hops import ENVOY, NGINX, SOON, ask, ask_grpc_over_tls, complaints, skew, sticky
from tests.live.misbehaving.smoke import Report, play_smoke_test, smoke_test
from tests.live.misbehaving.switch import Misbehaving, Switch, running_misbehaving

ROUTE = f"{EXPERIMENT}.experiment"
INFERENCE, RESEARCH = NAMESPACES
SLOW = 60
HOUR = 3600
# Requests of the load, and how many a second: enough to see shares that are exchanged.
FEW = {"requests": 200, "rate": 200}
# MLServer 1.7 answers some malformed requests with 500. How long callers wait is the whole machine's matter: the system
# that it is a guest of may take its processors away for a moment.
NOISY = {"mlserver.malformed", "path.latency"}
# What one hop adds is a median, which such a moment moves more rarely.
TRIES = 3
REST = (f"nginx.route {BASELINE}", f"nginx.route {ENHANCED}", f"nginx.route {ROUTE}")


def sound(name: str, namespace: str) -> tuple[str, ...]:
    """Return the checks of a model's own server."""
    return (f"mlserver.live {namespace}", *(f"mlserver.{each} {name}" for each in ("infer", "golden", "success")))


@dataclass(frozen=True)
class Fault:
    """A fault, how plain calls see it, and what the smoke test is to say of it."""

    make: Callable[[Misbehaving], AbstractContextManager[None]]
    shows: Callable[[DataPlane], bool]
    # The hop to blame, and the check that must tell.
    hop: str
    check: str
    status: str = "fail"
    # Checks that must still pass.
    passes: tuple[str, ...] = ()


@contextmanager
def switched(misbehaving: Misbehaving, name: str, move: Callable[[Switch], None]) -> Iterator[None]:
    move(misbehaving.switches[name])
    try:
        yield
    finally:
        misbehaving.heal()


def model(name: str, move: Callable[[Switch], None]) -> Callable[[Misbehaving], AbstractContextManager[None]]:
    return lambda misbehaving: switched(misbehaving, name, move)


def plane(
    make: Callable[..., AbstractContextManager[None]], *arguments: Any, **more: Any
) -> Callable[[Misbehaving], AbstractContextManager[None]]:
    return lambda misbehaving: make(misbehaving.plane, *arguments, **more)


def is_silent(call: Callable[[], object]) -> bool:
    """Say whether nobody answers within a short time."""
    try:
        call()
    except OSError:
        return True
    return False


def nginx_fails(status: int) -> Callable[[DataPlane], bool]:
    """Return whether NGINX answers with this status, and Envoy with 200."""
    return lambda on: (sticky(on, ENHANCED).status, sticky(on, ENHANCED, **ENVOY).status) == (status, 200)


def seconds(on: DataPlane) -> float:
    started = time.monotonic()
    assert ask(on, name=ENHANCED)[0] == 200
    return time.monotonic() - started


def shares(on: DataPlane) -> float:
    """Return the share of the enhanced model among callers of the experiment, at Envoy."""
    routes = Counter(on.infer(ROUTE, **ENVOY).route for _ in range(100))
    return routes[f":{ENHANCED}_1:"] / routes.total()


def is_gone(on: DataPlane, call: Callable[..., Any], **more: Any) -> bool:
    """Say whether a hop takes no connection, or does not answer soon."""
    try:
        call(on, **more)
    except OSError:
        return True
    return False


FAULTS = {
    "a model fails 5 % of the requests": Fault(
        model(BASELINE, lambda switch: switch.fail(0.05)),
        lambda on: Counter(ask(on)[0] for _ in range(20)) == {200: 19, 500: 1},
        "mlserver",
        f"mlserver.success {BASELINE}",
        passes=(*sound(ENHANCED, RESEARCH), f"nginx.route {ENHANCED}"),
    ),
    "a model fails half of the requests": Fault(
        model(ENHANCED, lambda switch: switch.fail(0.5)),
        lambda on: [ask(on, name=ENHANCED)[0] for _ in range(2)] in ([200, 500], [500, 200]),
        "mlserver",
        f"mlserver.success {ENHANCED}",
        passes=sound(BASELINE, INFERENCE),
    ),
    "a model fails all requests": Fault(
        model(ENHANCED, lambda switch: switch.fail(1)),
        lambda on: ask(on, name=ENHANCED)[0] == sticky(on, ENHANCED).status == 500,
        "mlserver",
        f"mlserver.infer {ENHANCED}",
        passes=sound(BASELINE, INFERENCE),
    ),
    "a model answers wrong with 200": Fault(
        model(ENHANCED, lambda switch: switch.wrong(0.2)),
        lambda on: len({ask(on, name=ENHANCED) for _ in range(5)}) == 2,
        "mlserver",
        f"mlserver.golden {ENHANCED}",
        passes=sound(BASELINE, INFERENCE),
    ),
    "a model is not loaded": Fault(
        plane(faults.unloaded, 1, f"{ENHANCED}_1"),
        lambda on: ask(on, name=ENHANCED)[0] in (400, 404),
        "mlserver",
        f"mlserver.model_ready {ENHANCED}",
        passes=sound(BASELINE, INFERENCE),
    ),
    "the MLServer of a namespace is down": Fault(
        plane(faults.stopped, f"mlserver-{RESEARCH}"),
        lambda on: is_gone(on, ask, name=ENHANCED) and ask(on)[0] == 200,
        "mlserver",
        f"mlserver.live {RESEARCH}",
        passes=sound(BASELINE, INFERENCE),
    ),
    "the MLServer of a namespace hangs": Fault(
        plane(faults.frozen, f"mlserver/{INFERENCE}"),
        lambda on: is_gone(on, sticky, name=BASELINE, timeout=1) and ask(on, name=ENHANCED)[0] == 200,
        "mlserver",
        f"mlserver.live {INFERENCE}",
        passes=(*sound(ENHANCED, RESEARCH), f"nginx.route {ENHANCED}"),
    ),
    "Envoy hangs": Fault(
        plane(faults.frozen, "envoy"),
        lambda on: is_gone(on, sticky, name=BASELINE, timeout=1, **ENVOY) and ask(on)[0] == 200,
        "envoy",
        "envoy.connect",
    ),
    "Envoy is dead, and nobody starts it": Fault(
        plane(faults.killed, "envoy"),
        lambda on: is_gone(on, sticky, name=BASELINE, **ENVOY) and sticky(on, BASELINE).status == 502,
        "envoy",
        "envoy.connect",
    ),
    "Envoy has other weights than declared": Fault(
        plane(faults.edited_routes, route_edits.ROUTES, route_edits.other_weights),
        lambda on: shares(on) > 0.5,
        "envoy",
        f"envoy.split {EXPERIMENT}",
    ),
    "Envoy refused the routes, and goes on with the old ones": Fault(
        plane(faults.edited_routes, route_edits.ROUTES, route_edits.refused),
        lambda on: shares(on) < 0.5,
        "envoy",
        f"envoy.routes {EXPERIMENT}",
    ),
    "Envoy has no routes": Fault(
        plane(faults.edited_routes, route_edits.ROUTES, route_edits.no_routes),
        lambda on: sticky(on, BASELINE, **ENVOY).status == 404,
        "envoy",
        f"envoy.infer {BASELINE}",
    ),
    "Envoy leads to a model at the wrong server": Fault(
        plane(faults.edited_routes, route_edits.CLUSTERS, route_edits.wrong_server(ENHANCED, BASELINE)),
        lambda on: (sticky(on, ENHANCED, **ENVOY).status, sticky(on, BASELINE, **ENVOY).status) == (404, 200),
        "envoy",
        f"envoy.infer {ENHANCED}",
    ),
    "Envoy leads to the default model at the wrong server": Fault(
        plane(faults.edited_routes, route_edits.CLUSTERS, route_edits.wrong_server(BASELINE, ENHANCED)),
        lambda on: (sticky(on, ENHANCED, **ENVOY).status, sticky(on, BASELINE, **ENVOY).status) == (200, 404),
        "envoy",
        f"envoy.infer {BASELINE}",
    ),
    "Envoy leads gRPC to the wrong server": Fault(
        plane(faults.edited_routes, route_edits.CLUSTERS, route_edits.wrong_server(ENHANCED, BASELINE, "grpc")),
        lambda on: ask_grpc_over_tls(on, ENHANCED) == "NOT_FOUND" and sticky(on, ENHANCED).status == 200,
        "envoy",
        f"envoy.grpc {ENHANCED}",
        passes=REST,
    ),
    "NGINX leads to a port where nobody is": Fault(
        plane(faults.edited_nginx, r"(upstream seldon-mesh .*?\n\s+server [^:]+):\d+;", r"\1:1;"),
        nginx_fails(502),
        "nginx",
        f"nginx.route {BASELINE}",
    ),
    "NGINX leads past Envoy": Fault(
        lambda misbehaving: faults.edited_nginx(
            misbehaving.plane,
            rf":{misbehaving.plane.variables['data_plane_envoy_http_port']};",
            f":{misbehaving.plane.variables['data_plane_mlserver_http_port']};",
        ),
        nginx_fails(404),
        "nginx",
        f"nginx.route {BASELINE}",
    ),
    "NGINX serves another host name": Fault(
        plane(faults.edited_nginx, f"server_name {HOST};", "server_name ml.example.com;"),
        nginx_fails(404),
        "nginx",
        f"nginx.route {BASELINE}",
    ),
    "NGINX serves any host name": Fault(
        plane(
            faults.edited_nginx,
            r"(server_name _;\s+)return 404;",
            r"\1location / {proxy_pass http://seldon-mesh; proxy_http_version 1.1;}",
        ),
        lambda on: sticky(on, BASELINE, headers={"Host": "example.com"}).status == 200,
        "nginx",
        "nginx.unknown_host",
    ),
    "NGINX drops seldon-model": Fault(
        plane(faults.edited_nginx, r"(proxy_set_header Host \$host;)", r'\1 proxy_set_header seldon-model "";'),
        lambda on: [on.infer(ROUTE, name="nobody", **hop).status for hop in (NGINX, ENVOY)] == [404, 200],
        "nginx",
        f"nginx.route {ROUTE}",
    ),
    "NGINX drops x-seldon-route": Fault(
        plane(faults.edited_nginx, r"(proxy_set_header Host \$host;)", r'\1 proxy_set_header x-seldon-route "";'),
        lambda on: [on.infer(ROUTE, route=":gone_9:", **hop).status for hop in (NGINX, ENVOY)] == [200, 404],
        "nginx",
        f"nginx.route {ROUTE}",
    ),
    "NGINX leads gRPC to a port where nobody is": Fault(
        plane(faults.edited_nginx, r"(upstream seldon-mesh-grpc .*?\n\s+server [^:]+):\d+;", r"\1:1;"),
        lambda on: ask_grpc_over_tls(on) == "UNAVAILABLE" and sticky(on, BASELINE).status == 200,
        "nginx",
        f"nginx.grpc {BASELINE}",
        passes=(*REST, "nginx.certificate"),
    ),
    "NGINX is stopped": Fault(
        plane(faults.stopped, "nginx"),
        lambda on: is_gone(on, sticky, name=BASELINE) and sticky(on, BASELINE, **ENVOY).status == 200,
        "address",
        "address.connect",
    ),
    "the certificate has expired": Fault(
        plane(faults.certificate, days=(-30, -1)),
        lambda on: ask_grpc_over_tls(on) == "UNAVAILABLE" and sticky(on, BASELINE).status == 200,
        "nginx",
        "nginx.certificate",
        passes=REST,
    ),
    "the certificate is of another host": Fault(
        plane(faults.certificate, name="ml.example.com"),
        lambda on: ask_grpc_over_tls(on) == "UNAVAILABLE" and sticky(on, BASELINE).status == 200,
        "nginx",
        "nginx.certificate",
        passes=REST,
    ),
    "NGINX's clock is an hour ahead": Fault(
        plane(faults.other_clock),
        lambda on: abs(skew(on) - HOUR) < SOON and sticky(on, BASELINE).status == 200,
        "nginx",
        "nginx.clock",
        "warn",
        passes=(*REST, "nginx.certificate", "nginx.latency", "path.success"),
    ),
}


SLOW_MODEL = Fault(
    model(ENHANCED, lambda switch: switch.slow(SLOW)),
    lambda on: seconds(on) >= SLOW / 1000,
    "mlserver",
    f"mlserver.latency {ENHANCED}",
    "warn",
    passes=sound(BASELINE, INFERENCE),
)

# Two of them as a user sees them.
PLAYED = ("a model answers wrong with 200", "Envoy is dead, and nobody starts it")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Misbehaving]:
    yield from running_misbehaving(tmp_path_factory.mktemp("faults") / "plane")


def told(report: Report, check: str = "") -> dict[str, dict[str, Any]]:
    """Return the checks that blame a hop, apart from what MLServer and the machine cause without any fault."""
    return {
        name: each for name, each in report.checks("fail", "warn").items() if name == check or each["id"] not in NOISY
    }


def asked(run: Callable[[], Report], check: str = "") -> Report:
    """Return a report, of a later run when hops were slow for once: what a fault does, it does each time."""
    for _ in range(TRIES):
        report = run()
        if not any(each["id"].endswith(".latency") for name, each in told(report, check).items() if name != check):
            break
    return report


@contextmanager
def made(running: Misbehaving, fault: Fault) -> Iterator[None]:
    """Make a fault, see that it is there, and in the end that it is gone."""
    with fault.make(running):
        wait_for(partial(fault.shows, running.plane), "the fault shows", SOON)
        yield
    wait_for(lambda: not complaints(running.plane), "the fault is gone", SOON)


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_fault_is_found_where_it_is(running: Misbehaving, fault: Fault, tmp_path: Path) -> None:
    with made(running, fault):
        report = asked(partial(smoke_test, running.plane, tmp_path, **FEW), fault.check)
    assert fault.check in report.checks(fault.status), report
    assert {each["hop"] for each in told(report, fault.check).values()} == {fault.hop}, report
    assert report.failed == (fault.status == "fail"), report
    assert report.content["verdict"] == ("failed" if report.failed else "passed")
    if report.failed:
        assert report.content["first_broken"]["hop"] == fault.hop, report
    assert set(fault.passes) <= set(report.checks("pass")), report


def test_slow_model_is_named_and_callers_wait_too_long_for_it(running: Misbehaving, tmp_path: Path) -> None:
    with made(running, SLOW_MODEL):
        report = asked(partial(smoke_test, running.plane, tmp_path, **FEW, enforce_budgets=True), SLOW_MODEL.check)
    assert SLOW_MODEL.check in report.checks("warn"), report
    assert {each["hop"] for each in told(report, SLOW_MODEL.check).values()} == {SLOW_MODEL.hop}, report
    assert set(SLOW_MODEL.passes) <= set(report.checks("pass")), report
    latency = {**report.checks("fail", "error")}["path.latency"]
    # A generator that could not keep its rate says so, and no numbers.
    assert latency["status"] == "error" or report.first_broken == "path.latency", report
    assert latency["observed"] == "INVALID" or latency["hop"] == SLOW_MODEL.hop, report


@pytest.mark.parametrize("fault", [FAULTS[name] for name in PLAYED], ids=PLAYED)
def test_playbook_fails_once_and_names_the_hop(running: Misbehaving, fault: Fault) -> None:
    with made(running, fault):
        report = play_smoke_test(running.plane, **FEW)
    assert report.failed
    assert report.output.count("fatal: ") == 1
    assert f"{HOPS[fault.hop]} is broken: " in " ".join(report.output.split()), report.output
    assert report.content["first_broken"]["hop"] == fault.hop, report


def test_nothing_is_blamed_when_all_faults_are_gone(running: Misbehaving) -> None:
    report = asked(partial(play_smoke_test, running.plane, **FEW))
    assert (report.content["verdict"], report.failed, report.first_broken) == ("passed", False, ""), report
    assert told(report) == {}, report
    assert {*report.checks("skip")} == {"mesh.connect", "metrics.answers"}, report
