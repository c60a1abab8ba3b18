# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read a cluster through its API as it is now, ask what its user may do, and ask its pods through it."""

from __future__ import annotations

from typing import Any, Iterable, Mapping, Sequence
from urllib.parse import quote

from .._core.cluster_view import KINDS, ClusterView
from .._core.errors import ServingError
from .._core.smoke_rights import ASKING, Needed, Right, spoken_rights
from .kubernetes_api import KubernetesApi, Reply

USER = "the user of this kubeconfig"
REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
# What an API server itself says when it did not reach a pod.
UNREACHED = (403, 502, 503, 504)


class ClusterReader:
    """Whatever a smoke test asks of one API server, without changing anything."""

    def __init__(self, api: KubernetesApi) -> None:
        self._api = api
        self._may: dict[Needed, bool] = {}

    def view(self) -> ClusterView:
        """Return all objects of the kinds that checks look at."""
        try:
            version = self._api.ask("GET", "/version")
            if version.status != 200:
                return ClusterView(problem=f"{self._api.place} answers: {version.words}")
            return self._read(str(version.body.get("gitVersion") or ""))
        except ServingError as error:
            return ClusterView(problem=str(error))

    def _read(self, version: str) -> ClusterView:
        objects: dict[str, Sequence[Mapping[str, Any]]] = {}
        missing, denied = set(), {}
        now = 0.0
        for kind, paths in KINDS.items():
            reply = self._first(paths)
            now = reply.now or now
            if reply.status == 404:
                missing.add(kind)
            elif reply.status != 200:
                denied[kind] = reply.words
            else:
                objects[kind] = list(reply.body.get("items") or ())
        return ClusterView(objects, frozenset(missing), denied, version=version, now=now)

    def _first(self, paths: Sequence[str]) -> Reply:
        """Return the answer of the first address that the API serves."""
        reply = self._api.ask("GET", paths[0])
        for path in paths[1:]:
            if reply.status != 404:
                break
            reply = self._api.ask("GET", path)
        return reply

    def lacking(self, needed: Iterable[Needed]) -> list[Needed]:
        """Return the rights that the user has not."""
        return [each for each in needed if not self._may_do(*each)]

    def _may_do(self, namespace: str, right: Right) -> bool:
        """Say whether the user may do something in a namespace; whoever may do it in all is asked about it once."""
        if ("", right) not in self._may:
            self._may["", right] = self._review("", right)
        if (namespace, right) not in self._may:
            self._may[namespace, right] = self._may["", right] or self._review(namespace, right)
        return self._may[namespace, right]

    def _review(self, namespace: str, right: Right) -> bool:
        kind, _slash, part = right.resource.partition("/")
        place = {"namespace": namespace, "group": right.group, "resource": kind, "subresource": part}
        reply = self._api.ask("POST", REVIEWS, {"spec": {"resourceAttributes": {**place, "verb": right.verb}}})
        return reply.status < 300 and bool((reply.body.get("status") or {}).get("allowed"))

    def refusal(self, namespace: str) -> str:
        """Return why pods of a namespace may not be asked through the API server; empty when they may."""
        lacking = self.lacking((namespace, right) for right in ASKING)
        return f"{USER} {spoken_rights(lacking)}" if lacking else ""

    def ask_pod(self, namespace: str, pod: str, port: int, path: str, **query: str) -> tuple[int, Mapping[str, Any]]:
        """Return status and body of a GET at a port of a pod."""
        place = f"/api/v1/namespaces/{quote(namespace)}/pods/{quote(pod)}:{port}/proxy{path}"
        reply = self._api.ask("GET", place, **query)
        if reply.status in UNREACHED:
            raise ServingError(f"the API server did not reach {namespace}/{pod}:{port}: {reply.words}")
        return reply.status, reply.body


__all__ = ["USER", "ClusterReader"]
