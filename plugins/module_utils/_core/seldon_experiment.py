# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An experiment as Seldon's resource: what it says, whose it is, and how it is changed without losing a write.

The resource is Experiment of mlops.seldon.io/v1alpha1 (https://docs.seldon.ai/seldon-core-2/). It is changed by a JSON
Patch (RFC 6902) that first tests what was read: the API server does both at once, so nobody comes between, and writes
to the status or to other annotations do no harm.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Sequence

from .errors import ServingError
from .experiment import Experiment, Request
from .rollout_record import Lock

Json = Dict[str, Any]
Operations = List[Json]

GROUP, VERSION, PLURAL = "mlops.seldon.io", "v1alpha1", "experiments"
# Under this name the API server remembers which fields are ours.
MANAGER = "modelops.serving"
LABELS = {"app.kubernetes.io/managed-by": MANAGER}
# Whoever rolls an experiment out writes here who it is, and for how long that holds.
LOCK = "modelops.serving/lock"
FIELDS = ("candidates", "default", "mirror")

# Programs that people drive by hand: what they wrote stays as they wrote it, and nobody puts it back.
HANDS = ("kubectl", "ansible", "OpenAPI-Generator", "python-requests", "curl", "k9s", "Mozilla")
# Programs that put back what they find in a repository, and what tells of them.
KEEPERS = (
    ("argocd", "Argo CD"),
    ("kustomize-controller", "Flux"),
    ("helm-controller", "Flux"),
    ("flux", "Flux"),
    ("fleet", "Fleet"),
    ("helm", "Helm"),
)
MARKS = (
    ("argocd.argoproj.io/", "Argo CD"),
    ("kustomize.toolkit.fluxcd.io/", "Flux"),
    ("helm.toolkit.fluxcd.io/", "Flux"),
    ("meta.helm.sh/", "Helm"),
)


@dataclass(frozen=True)
class Seen:
    """An Experiment resource as the API server returned it."""

    resource: Mapping[str, Any]

    @property
    def metadata(self) -> Mapping[str, Any]:
        return self.resource["metadata"]  # type: ignore[no-any-return]  # the API server's own

    @property
    def spec(self) -> Json:
        return dict(self.resource.get("spec") or {})

    @property
    def name(self) -> str:
        return str(self.metadata["name"])

    @property
    def namespace(self) -> str:
        return str(self.metadata["namespace"])

    @property
    def title(self) -> str:
        """Its name in sentences."""
        return f"Experiment {self.name!r} in namespace {self.namespace!r}"

    @property
    def generation(self) -> int:
        return int(self.metadata.get("generation") or 0)

    @property
    def annotations(self) -> Mapping[str, str]:
        return self.metadata.get("annotations") or {}

    @property
    def is_leaving(self) -> bool:
        """Whether it is deleted, and only waits for its finalizers."""
        return bool(self.metadata.get("deletionTimestamp"))

    @property
    def is_pipeline(self) -> bool:
        return self.spec.get("resourceType") == "pipeline"

    def experiment(self) -> Experiment:
        """Return what it says; refuse what makes no sense."""
        values = {"name": self.name, **{field: self.spec.get(field) or None for field in FIELDS}}
        found = Request.parse(values).applied_to(None)
        if found is None:
            raise ServingError(f"{self.title} says nothing.")
        return found

    def lock_at(self, now: float) -> str:
        """Say who rolls it out at a time of the API server's clock; empty when nobody does."""
        text = self.annotations.get(LOCK)
        if not text:
            return ""
        try:
            lock = Lock.from_dict(json.loads(text))
        except (ValueError, KeyError, TypeError, AttributeError):
            return f"somebody whose lock cannot be read ({LOCK}: {text[:200]})"
        return lock.said(now) if lock.expires_in(now) > 0 else ""

    def keeper(self) -> str:
        """Say which other program holds the candidates; empty when they are ours, or were written by hand."""
        owners = {
            str(entry.get("manager") or "unknown"): str(entry.get("time") or "")
            for entry in self.metadata.get("managedFields") or ()
            if "f:candidates" in ((entry.get("fieldsV1") or {}).get("f:spec") or {})
        }
        # Some API servers leave the former owner in the list beside us; then the later of the two is the owner.
        since = owners.pop(MANAGER, "")
        for manager, time in sorted(owners.items()):
            if not manager.startswith(HANDS) and time >= since and not (since and time == since):
                return self._tool(manager)
        return ""

    def _tool(self, manager: str) -> str:
        known = next((tool for start, tool in KEEPERS if start in manager.lower()), "")
        texts = [*(self.metadata.get("labels") or {}), *self.annotations]
        marked = next((tool for start, tool in MARKS if any(text.startswith(start) for text in texts)), "")
        tool = known or marked
        return f"{tool} (field manager {manager!r})" if tool else f"the field manager {manager!r}"


def spec_of(experiment: Experiment) -> Json:
    """Return the fields of the resource's spec that say what an experiment is."""
    return {key: value for key, value in experiment.as_dict().items() if key in FIELDS}


def is_same(spec: Mapping[str, Any], experiment: Experiment) -> bool:
    """Whether a spec says just this, with the candidates in this order."""
    return {field: spec[field] for field in FIELDS if spec.get(field)} == spec_of(experiment)


def resource_of(namespace: str, experiment: Experiment) -> Json:
    """Return a new resource."""
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": "Experiment",
        "metadata": {"name": experiment.name, "namespace": namespace, "labels": LABELS},
        "spec": spec_of(experiment),
    }


def change_of(seen: Seen, experiment: Experiment) -> Operations:
    """Return the patch that makes an experiment of what was seen, if it still is what was seen."""
    wanted = spec_of(experiment)
    operations: Operations = []
    for field in FIELDS:
        path = f"/spec/{field}"
        if field not in wanted:
            operations += [{"op": "remove", "path": path}] if field in seen.spec else []
        elif seen.spec.get(field) != wanted[field]:
            kind = "replace" if field in seen.spec else "add"
            operations.append({"op": kind, "path": path, "value": wanted[field]})
    return [*_still(seen), *operations]


def return_of(written: Seen, before: Seen) -> Operations:
    """Return the patch that puts back what was before, if it still is what we wrote."""
    return [*_still(written), {"op": "replace", "path": "/spec", "value": before.spec}]


def _still(seen: Seen) -> Operations:
    """Test that it is the same resource, with the same spec, and in the same hands."""
    if LOCK in seen.annotations or seen.annotations:
        path, value = f"/metadata/annotations/{LOCK.replace('/', '~1')}", seen.annotations.get(LOCK)
    else:
        path, value = "/metadata/annotations", None
    return [
        {"op": "test", "path": "/metadata/uid", "value": seen.metadata["uid"]},
        {"op": "test", "path": "/spec", "value": seen.spec},
        # The API server takes null for what is not there.
        {"op": "test", "path": path, "value": value},
    ]


def difference(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Say in one line what somebody else changed."""
    parts = [
        f"{field} was {_brief(before.get(field))} and is {_brief(now.get(field))}"
        for field in FIELDS
        if before.get(field) != now.get(field)
    ]
    return "; ".join(parts) or "another field of its spec is different"


def _brief(value: object) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return " ".join(f"{each.get('name')}={each.get('weight')}" for each in value if isinstance(each, Mapping))
    if isinstance(value, Mapping):
        return f"{value.get('name')}={value.get('percent')}%"
    return repr(value) if value else "not set"


__all__ = [
    "FIELDS",
    "GROUP",
    "LABELS",
    "LOCK",
    "MANAGER",
    "PLURAL",
    "VERSION",
    "Seen",
    "change_of",
    "difference",
    "is_same",
    "resource_of",
    "return_of",
    "spec_of",
]
