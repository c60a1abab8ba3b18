# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The resources of Seldon in a cluster: read, make, patch and delete Experiments, and read what is around them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Mapping, Sequence

from .._core.errors import ServingError
from .._core.seldon_experiment import GROUP, MANAGER, PLURAL, VERSION, Seen
from .._core.seldon_surroundings import OPERATOR, SCHEDULER, Surroundings

if TYPE_CHECKING:
    from .kubernetes_api import KubernetesApi, Reply

PATCH = "application/json-patch+json"
FORBIDDEN, ABSENT, CONFLICT, INVALID = 403, 404, 409, 422
# Where the operator is looked for by those who may not look everywhere.
USUAL_NAMESPACE = "seldon-system"


class SeldonCluster:
    """What one user sees and does in one namespace; without a namespace, in all of them."""

    def __init__(self, api: KubernetesApi, namespace: str | None) -> None:
        self._api = api
        self.namespace = namespace or ""
        # The API server's own time of day at its last answer.
        self.now = 0.0
        # Which version of the list of experiments was read last.
        self.list_version = ""

    # Experiments

    def read(self, name: str) -> Seen | None:
        """Return an experiment, or None when there is none."""
        reply = self._ask("GET", self._path(name))
        if reply.status == ABSENT:
            if not reply.body.get("details"):
                raise self._unknown_kind()
            return None
        return Seen(self._good(reply, "get", "read", name))

    def listed(self) -> list[Seen]:
        """Return all experiments, and remember which version of the list it was."""
        reply = self._ask("GET", self._path())
        if reply.status == ABSENT:
            raise self._unknown_kind()
        body = self._good(reply, "list", "read all experiments")
        self.list_version = str((body.get("metadata") or {}).get("resourceVersion") or "")
        return [Seen(item) for item in body["items"]]

    def create(self, resource: Mapping[str, Any], *, dry_run: bool) -> Seen | None:
        """Make one; None when somebody else made it first."""
        reply = self._ask("POST", self._path(), resource, fieldManager=MANAGER, **_dry(dry_run))
        name = str(resource["metadata"]["name"])
        if reply.status == CONFLICT:
            return None
        if reply.status == ABSENT:
            raise ServingError(f"Namespace {self.namespace!r} does not exist: {reply.words}. Nothing was changed.")
        return Seen(self._good(reply, "create", "make", name))

    def patch(self, name: str, operations: Sequence[Mapping[str, Any]], *, dry_run: bool) -> Seen | None:
        """Change one; None when it is no longer what the operations test."""
        body = list(operations)
        reply = self._ask("PATCH", self._path(name), body, kind=PATCH, fieldManager=MANAGER, **_dry(dry_run))
        # A failed test has no cause in its details; a value that is refused has one for each field.
        is_stale = reply.status == INVALID and not (reply.body.get("details") or {}).get("causes")
        if is_stale or reply.status in (CONFLICT, ABSENT):
            return None
        return Seen(self._good(reply, "patch", "change", name))

    def delete(self, seen: Seen, *, dry_run: bool) -> bool:
        """Delete one; False when it is no longer what was seen."""
        wanted = {"uid": seen.metadata["uid"], "resourceVersion": seen.metadata["resourceVersion"]}
        reply = self._ask("DELETE", self._path(seen.name), {"preconditions": wanted}, **_dry(dry_run))
        if reply.status == CONFLICT:
            return False
        if reply.status != ABSENT:
            self._good(reply, "delete", "delete", seen.name)
        return True

    # What is around them

    def surroundings(self) -> Surroundings:
        """Return what this user may see of Seldon."""
        core, mlops = "/api/v1", f"/apis/{GROUP}/{VERSION}"
        services = self._everywhere(core, "services", SCHEDULER)
        models = self._everywhere(mlops, "models")
        return Surroundings(
            namespace=self.namespace,
            operators=self._everywhere("/apis/apps/v1", "deployments", OPERATOR, USUAL_NAMESPACE),
            services=services if services is not None else self._here(core, "services", SCHEDULER),
            models=models if models is not None else self._here(mlops, "models"),
            experiments=self._everywhere(mlops, PLURAL),
            is_whole=services is not None and models is not None,
        )

    def _everywhere(
        self, group: str, plural: str, name: str = "", instead: str = ""
    ) -> tuple[Mapping[str, Any], ...] | None:
        found = self._items(f"{group}/{plural}", name)
        return (
            found if found is not None or not instead else self._items(f"{group}/namespaces/{instead}/{plural}", name)
        )

    def _here(self, group: str, plural: str, name: str = "") -> tuple[Mapping[str, Any], ...] | None:
        return self._items(f"{group}/namespaces/{self.namespace}/{plural}", name)

    def _items(self, path: str, name: str) -> tuple[Mapping[str, Any], ...] | None:
        reply = self._ask("GET", path, **({"fieldSelector": f"metadata.name={name}"} if name else {}))
        if reply.status in (FORBIDDEN, ABSENT):
            return None
        if reply.status >= 300:
            raise ServingError(f"{self._api.place}{path} answered {reply.status}: {reply.words}. Nothing was changed.")
        return tuple(reply.body.get("items") or ())

    # How it is asked

    def _path(self, name: str = "") -> str:
        place = f"namespaces/{self.namespace}/" if self.namespace else ""
        return f"/apis/{GROUP}/{VERSION}/{place}{PLURAL}" + (f"/{name}" if name else "")

    def _ask(self, method: str, path: str, body: Any = None, **more: str) -> Reply:
        reply = self._api.ask(method, path, body, **more)
        self.now = reply.now or self.now
        return reply

    def _good(self, reply: Reply, verb: str, what: str, name: str = "") -> Mapping[str, Any]:
        if reply.status < 300:
            return reply.body
        where = f"in namespace {self.namespace!r}" if self.namespace else "in all namespaces"
        one = f" {name!r}" if name else ""
        if reply.status == FORBIDDEN:
            raise ServingError(
                f"This user may not {what}{one} {where}: {reply.words}. Nothing was changed. Let a Role or a "
                f"ClusterRole allow the verb {verb} on the resource {PLURAL} of the group {GROUP}.",
                verb=verb,
                resource=f"{PLURAL}.{GROUP}",
            )
        if reply.status == 401:
            raise ServingError(
                f"The API server {self._api.place} does not know this user: {reply.words}. Nothing was changed. Set "
                "kubeconfig, context or api_key to what is valid there."
            )
        raise ServingError(
            f"The API server refuses to {what}{one} {where} ({reply.status}): {reply.words}. Nothing was changed."
        )

    def _unknown_kind(self) -> ServingError:
        return ServingError(
            f"The cluster {self._api.place} does not know {PLURAL}.{GROUP}/{VERSION}: Seldon Core v2 is not there. "
            "Bring it there with playbooks/serving.yml, or set kubeconfig and context to another cluster."
        )


def _dry(dry_run: bool) -> dict[str, str]:
    return {"dryRun": "All"} if dry_run else {}


__all__ = ["SeldonCluster"]
