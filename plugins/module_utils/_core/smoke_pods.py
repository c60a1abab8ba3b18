# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What pods of a cluster say when they are asked through the API server: Envoy of its updates, MLServer of its health.

Where NetworkPolicies isolate a pod, that way is open from the pod's own node alone
(https://kubernetes.io/docs/concepts/services-networking/network-policies/), so from an API server that runs there.

The names of its counters: https://www.envoyproxy.io/docs/envoy/v1.34.1/configuration/upstream/cluster_manager/cluster_stats
and …/configuration/http/http_conn_man/rds
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Callable, Iterator, Mapping, Protocol, Sequence

from .cluster_view import ClusterView, Object, is_ready, status
from .errors import ServingError
from .policy_flows import NAME
from .smoke import ERROR, FAIL, PASS, SKIP, WARN, Check, Finding, skipped
from .smoke_cluster import RIGHTS
from .smoke_platform import Platform

STATS_PORT, MLSERVER_PORT = 9003, 9000
STATS = "update_(success|rejected)$|connected_state$|membership_healthy$"
CONNECTED = "control_plane.connected_state"
ROUTES = re.compile(r"http\..*\.rds\..*\.update_success")
REFUSED = re.compile(r"(cluster_manager\.cds|listener_manager\.lds|http\..*\.rds\..*)\.update_rejected")
HEALTHY = re.compile(r"cluster\.(?P<model>.+)_\d+_http\.membership_healthy")
EXPECTED = "connected, with routes, none refused, a healthy server for each model"


class PodAsker(Protocol):
    """Whoever asks a port of a pod through the API server."""

    def refusal(self, namespace: str) -> str:
        """Return why the pods of a namespace may not be asked; empty when they may."""

    def ask_pod(self, namespace: str, pod: str, port: int, path: str, **query: str) -> tuple[int, Mapping[str, Any]]:
        """Return status and body of a GET; raises ServingError when the API server did not reach the pod."""


def pod_checks(view: ClusterView, platform: Platform, asker: PodAsker, *, walled: bool) -> list[Check]:
    """Return the checks of each runtime's Envoy, and of each namespace's MLServers; policies may be their walls."""
    asked = _Asked(view, asker, walled)
    return [
        *(
            Check("mlserver.live", _live(asked, each), each, (("mlserver.workload", each),))
            for each in platform.servers
        ),
        *(
            Check(
                "envoy.updates",
                _updates(asked, platform, each),
                each,
                (RIGHTS, ("envoy.workload", each), ("scheduler.workload", each)),
            )
            for each in platform.runtimes
        ),
    ]


@dataclass(frozen=True)
class _Asked:
    """A cluster whose pods are asked."""

    view: ClusterView
    asker: PodAsker
    walled: bool

    def ready(self, namespace: str, name: str) -> list[Object]:
        """Return the pods of a kind that are ready."""
        return [each for each in self.view.pods(namespace, {"matchLabels": {NAME: name}}) if is_ready(each)]

    def unreached(self, pod: Object, error: ServingError, expected: str) -> Finding:
        """Return what it means that the API server did not reach a pod."""
        node, servers = status(pod).get("hostIP"), self.view.ready_addresses("default", "kubernetes")
        if self.walled and set(servers) != {node}:
            name = pod["metadata"]["name"]
            return skipped(
                f"NetworkPolicies keep API servers of other nodes out of {name}; its calls show through NGINX"
            )
        # What lies between the API server and a pod is not on the path of a request.
        return Finding(ERROR, str(error), expected)


def _live(asked: _Asked, namespace: str) -> Callable[[], Finding]:
    def ask() -> Finding:
        refusal = asked.asker.refusal(namespace)
        if refusal:
            return skipped(refusal)
        pods = asked.ready(namespace, "seldon-server")
        return _gravest([_health(asked, namespace, each) for each in pods], "no pod of a server is ready")

    return ask


def _health(asked: _Asked, namespace: str, found_pod: Object) -> Finding:
    expected, pod = "live: 200, ready: 200", found_pod["metadata"]["name"]
    try:
        found = {
            each: asked.asker.ask_pod(namespace, pod, MLSERVER_PORT, f"/v2/health/{each}")[0]
            for each in ("live", "ready")
        }
    except ServingError as error:
        return asked.unreached(found_pod, error, expected)
    text = ", ".join(f"{name}: {code}" for name, code in found.items())
    return Finding(PASS if set(found.values()) == {200} else FAIL, f"{pod}: {text}", expected)


def _updates(asked: _Asked, platform: Platform, namespace: str) -> Callable[[], Finding]:
    def ask() -> Finding:
        refusal = asked.asker.refusal(namespace)
        if refusal:
            return skipped(refusal)
        ready = asked.ready(namespace, "seldon-envoy")
        models = [
            name
            for name, home in platform.models
            if platform.runtime_of(home) == namespace and is_ready(asked.view.one("models", home, name) or {})
        ]
        return _gravest([_of_pod(asked, namespace, pod, models) for pod in ready], "no pod of Envoy is ready")

    return ask


def _gravest(findings: Sequence[Finding], without: str) -> Finding:
    order = (FAIL, ERROR, WARN, SKIP, PASS)
    found = [each for kind in order for each in findings if each.status == kind]
    return found[0] if found else Finding(FAIL, without, "a pod that is ready")


def _of_pod(asked: _Asked, namespace: str, found: Object, models: Sequence[str]) -> Finding:
    pod, ask = found["metadata"]["name"], asked.asker.ask_pod
    try:
        ready, _body = ask(namespace, pod, STATS_PORT, "/ready")
        code, body = ask(namespace, pod, STATS_PORT, "/stats", format="json", filter=STATS)
    except ServingError as error:
        return asked.unreached(found, error, EXPECTED)
    if ready != 200 or code != 200:
        return Finding(FAIL, f"{pod}: /ready {ready}, /stats {code}", "200 for both")
    return judge_stats(pod, counted(body), models)


def counted(body: Mapping[str, Any]) -> dict[str, int]:
    """Return counters by name, out of Envoy's JSON."""
    found = [each for each in body.get("stats") or () if isinstance(each.get("value"), int)]
    return {str(each["name"]): each["value"] for each in found}


def judge_stats(pod: str, stats: Mapping[str, int], models: Sequence[str]) -> Finding:
    """Judge the counters of one Envoy, which must lead to these models."""
    faults = list(_faults(stats, models))
    if faults:
        return Finding(FAIL, f"{pod}: {'; '.join(faults)}", EXPECTED, evidence=_kept(stats))
    refused = {name: value for name, value in stats.items() if REFUSED.fullmatch(name) and value}
    if refused:
        # They count since Envoy started: what was refused may have been mended since.
        said = ", ".join(f"{name}: {value}" for name, value in refused.items())
        return Finding(WARN, f"{pod} refused updates: {said}", EXPECTED, evidence=_kept(stats))
    return Finding(PASS, f"{pod} is connected, and leads to {len(models)} of {len(models)} models")


def _faults(stats: Mapping[str, int], models: Sequence[str]) -> Iterator[str]:
    if not stats.get(CONNECTED):
        yield "not connected to the scheduler"
    if not any(value for name, value in stats.items() if ROUTES.fullmatch(name)):
        yield "no routes"
        return
    healthy: dict[str, int] = {}
    for name, value in stats.items():
        found = HEALTHY.fullmatch(name)
        if found:
            healthy[found["model"]] = max(healthy.get(found["model"], 0), value)
    for model in models:
        if model not in healthy:
            yield f"it knows no server of {model}"
        elif not healthy[model]:
            yield f"no server of {model} has an address"


def _kept(stats: Mapping[str, int]) -> dict[str, int]:
    return {name: value for name, value in stats.items() if REFUSED.fullmatch(name) or name == CONNECTED}


__all__ = ["STATS", "STATS_PORT", "PodAsker", "counted", "judge_stats", "pod_checks"]
