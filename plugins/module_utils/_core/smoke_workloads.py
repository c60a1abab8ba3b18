# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a workload runs as it should, and what its pods say where it does not."""

from __future__ import annotations

import calendar
import re
from typing import Callable, Iterator

from .cluster_view import ClusterView, Object, status
from .pod_troubles import containers_of, end_of, pod_troubles
from .smoke import FAIL, PASS, WARN, Finding

# A restart that is older says nothing of today.
RECENT_SECONDS = 600
SHOWN = 3
TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)")
NAMES = {"deployments": "Deployment", "statefulsets": "StatefulSet", "daemonsets": "DaemonSet"}


def workload(view: ClusterView, kind: str, namespace: str, name: str) -> Callable[[], Finding]:
    """Return the question whether a workload has all its pods ready, and none of them restarted lately."""

    def ask() -> Finding:
        title = f"{NAMES[kind]} {namespace}/{name}"
        found = view.one(kind, namespace, name)
        if found is None:
            return Finding(FAIL, f"there is no {title}", "all its pods ready")
        wanted, ready = _counts(kind, found)
        pods = view.pods(namespace, found["spec"].get("selector") or {})
        troubles = [text for pod in pods for text in pod_troubles(pod)]
        if ready < wanted or not wanted:
            said = "; ".join([f"{title}: {ready} of {wanted} ready", *troubles[:SHOWN]])
            return Finding(FAIL, said, f"{max(wanted, 1)} of {max(wanted, 1)} ready")
        restarts = [text for pod in pods for text in _restarts(pod, view.now)]
        if restarts:
            return Finding(WARN, "; ".join(restarts[:SHOWN]), f"no restart within {RECENT_SECONDS // 60} minutes")
        return Finding(PASS, f"{ready} of {wanted} ready")

    return ask


def _counts(kind: str, found: Object) -> tuple[int, int]:
    """Return how many pods a workload wants, and how many are ready."""
    said = status(found)
    if kind == "daemonsets":
        return int(said.get("desiredNumberScheduled") or 0), int(said.get("numberReady") or 0)
    wanted = found["spec"].get("replicas")
    return 1 if wanted is None else int(wanted), int(said.get("readyReplicas") or 0)


def _restarts(pod: Object, now: float) -> Iterator[str]:
    for container in containers_of(pod):
        ended = (container.get("lastState") or {}).get("terminated") or {}
        since = now - seconds_of(str(ended.get("finishedAt") or ""))
        if ended and since < RECENT_SECONDS:
            name = f"{pod['metadata']['name']}, {container['name']}"
            yield f"{name}: restarted {max(since, 0):.0f} s ago, {end_of(ended)}"


def seconds_of(text: str) -> float:
    """Return a time of the API's as seconds since 1970; 0 for none."""
    found = TIME.match(text)
    return float(calendar.timegm((*map(int, found.groups()), 0, 0, 0))) if found else 0.0


__all__ = ["seconds_of", "workload"]
