# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the objects of a probe in a cluster, look how far they are, read what they found, and take all of it away."""

from __future__ import annotations

import inspect
import json
from typing import Any, Iterable, Mapping, Sequence
from urllib.parse import quote

from .._core.cluster_view import Object, is_ready, status
from .._core.errors import ServingError
from .._core.inside_objects import PLAN, ROLE, RUN, SELECTOR
from .._core.pod_troubles import pod_troubles
from .._core.smoke_workloads import seconds_of
from . import inside_probe
from .kubernetes_api import KubernetesApi

PLACES = {
    "Namespace": ("/api/v1", "namespaces"),
    "ConfigMap": ("/api/v1", "configmaps"),
    "NetworkPolicy": ("/apis/networking.k8s.io/v1", "networkpolicies"),
    "Job": ("/apis/batch/v1", "jobs"),
}
# Whose image cannot be had, or may not run. What else a pod waits for comes with time.
HOPELESS = ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "CreateContainerConfigError")
# What a run of before left behind is older than any run lasts.
LEFT_SECONDS = 900
FOREGROUND = {"propagationPolicy": "Background", "gracePeriodSeconds": 0}


def script() -> str:
    """Return the program that probes run."""
    return inspect.getsource(inside_probe)


class InsideJobs:
    """The probes of one run, in namespaces of others and in a throw-away one, where there is any."""

    def __init__(self, api: KubernetesApi, run: str, namespaces: Sequence[str], own: str = "") -> None:
        self._api = api
        self._run = run
        self._namespaces = tuple(dict.fromkeys(namespaces))
        self._own = own

    def make(self, manifests: Iterable[Mapping[str, Any]]) -> None:
        """Make objects; a ConfigMap goes with the Job of its name."""
        owners: dict[tuple[str, str], Mapping[str, Any]] = {}
        for each in manifests:
            metadata = dict(each["metadata"])
            key = (metadata.get("namespace", ""), metadata["name"])
            if each["kind"] == "ConfigMap" and key in owners:
                metadata["ownerReferences"] = [owners[key]]
            reply = self._api.ask("POST", _place(each), {**each, "metadata": metadata})
            if reply.status >= 300:
                raise ServingError(f"the API refused {each['kind']} {'/'.join(filter(None, key))}: {reply.words}")
            if each["kind"] == "Job":
                uid = reply.body["metadata"]["uid"]
                owners[key] = {"apiVersion": each["apiVersion"], "kind": "Job", "name": key[1], "uid": uid}

    def pods(self) -> dict[tuple[str, str], Object]:
        """Return the pods of this run by namespace and role."""
        found = self._list("/api/v1/pods", f"{RUN}={self._run}")
        return {(each["metadata"]["namespace"], each["metadata"]["labels"][ROLE]): each for each in found}

    def found(self, pod: Object) -> Mapping[str, Any]:
        """Return what a probe that has ended said."""
        metadata = pod["metadata"]
        place = f"/api/v1/namespaces/{quote(metadata['namespace'])}/pods/{quote(metadata['name'])}/log"
        reply = self._api.ask("GET", place)
        if reply.status != 200 or "answers" not in reply.body:
            raise ServingError(f"the log of {metadata['namespace']}/{metadata['name']} has no answers: {reply.words}")
        answers: Mapping[str, Any] = reply.body["answers"]
        return answers

    def plan(self, namespace: str, name: str) -> Mapping[str, Any]:
        """Return what a probe was given to ask; nothing where it was not made yet."""
        reply = self._api.ask("GET", f"/api/v1/namespaces/{quote(namespace)}/configmaps/{quote(name)}")
        found: Mapping[str, Any] = json.loads(reply.body["data"][PLAN]) if reply.status == 200 else {}
        return found

    def remove(self) -> None:
        """Take away everything of this run."""
        selector = f"{SELECTOR},{RUN}={self._run}"
        self._remove(selector, 0, (*self._namespaces, *filter(None, [self._own])))

    def sweep(self) -> None:
        """Take away what runs left behind that were killed."""
        self._remove(SELECTOR, LEFT_SECONDS, self._namespaces)

    def _remove(self, selector: str, age: float, namespaces: Iterable[str]) -> None:
        scopes = [(kind, f"/namespaces/{quote(each)}") for each in namespaces for kind in ("Job", "ConfigMap")]
        if self._own:
            scopes.append(("Namespace", ""))
        for kind, scope in scopes:
            root, plural = PLACES[kind]
            path = f"{root}{scope}/{plural}"
            for each in self._list(path, selector, age):
                self._api.ask("DELETE", f"{path}/{quote(each['metadata']['name'])}", FOREGROUND)

    def _list(self, path: str, selector: str, age: float = 0) -> list[Object]:
        reply = self._api.ask("GET", path, labelSelector=selector)
        found = reply.body.get("items") or () if reply.status == 200 else ()
        old = [each for each in found if reply.now - seconds_of(each["metadata"]["creationTimestamp"]) >= age]
        return list(old if age else found)


def _place(manifest: Mapping[str, Any]) -> str:
    root, plural = PLACES[manifest["kind"]]
    namespace = manifest["metadata"].get("namespace")
    return f"{root}/namespaces/{namespace}/{plural}" if namespace else f"{root}/{plural}"


def hopeless(pod: Object) -> str:
    """Return why a pod will never run; empty while it may."""
    for each in status(pod).get("containerStatuses") or ():
        waiting = (each.get("state") or {}).get("waiting") or {}
        if waiting.get("reason") in HOPELESS:
            return f"{waiting['reason']}: {waiting.get('message') or each['image']}"
    return ""


def waiting_for(pod: Object | None) -> str:
    """Return what keeps a pod from being ready."""
    if pod is None:
        return "its pod was not made yet"
    return "" if is_ready(pod) else "; ".join(pod_troubles(pod)) or str(status(pod).get("phase") or "Pending")


__all__ = ["InsideJobs", "hopeless", "script", "waiting_for"]
