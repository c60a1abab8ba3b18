# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The objects that a probe inside a cluster is made of: short Jobs that may do nothing, and end by themselves.

They keep to the level `restricted`: https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Iterable, Mapping

from .inside_questions import LISTENER_PORT, Asked, Source

COMPONENT = "smoke-test"
LABELS = {"app.kubernetes.io/managed-by": "modelops.serving", "app.kubernetes.io/component": COMPONENT}
SELECTOR = ",".join(f"{key}={value}" for key, value in LABELS.items())
RUN, ROLE = "modelops.serving/run", "modelops.serving/role"
PREFIX = "serving-smoke-"
OPEN, CLOSED, LISTENER = "open", "closed", "listener"
SCRIPT, PLAN, FOLDER = "probe.py", "plan.json", "/probe"
# A Job that has ended goes by itself, also when whoever made it was killed.
KEPT_SECONDS = 60
# Seconds that one question may take.
QUESTION_SECONDS = 2.0
# It asks again until policies are in force for its own pod.
PATIENCE_SECONDS = 20.0
BATCH, NETWORKING = "batch/v1", "networking.k8s.io/v1"
SIZES = {"cpu": "50m", "memory": "64Mi"}


@dataclass(frozen=True)
class Probe:
    """One run of probes: its name, the image that has Python, and how long its pods may live."""

    run: str
    image: str
    seconds: int
    script: str

    @property
    def namespace(self) -> str:
        """The throw-away namespace."""
        return PREFIX + self.run

    def labels(self, role: str) -> dict[str, str]:
        """Return the labels of a thing of this run."""
        return {**LABELS, RUN: self.run, ROLE: role}


def stage(probe: Probe) -> list[dict[str, Any]]:
    """Return the throw-away namespace with two pods that listen, one of which a policy closes."""
    labels = {**probe.labels("namespace"), "pod-security.kubernetes.io/enforce": "restricted"}
    closed = {
        "podSelector": {"matchLabels": {RUN: probe.run, ROLE: CLOSED}},
        "policyTypes": ["Ingress"],
    }
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": probe.namespace, "labels": labels}},
        _config(probe, probe.namespace, LISTENER, {SCRIPT: probe.script}),
        {
            "apiVersion": NETWORKING,
            "kind": "NetworkPolicy",
            "metadata": {"name": PREFIX + CLOSED, "namespace": probe.namespace, "labels": probe.labels(CLOSED)},
            "spec": closed,
        },
        *(_listener(probe, role) for role in (OPEN, CLOSED)),
    ]


def asker(probe: Probe, source: Source, asked: Iterable[Asked]) -> list[dict[str, Any]]:
    """Return the Job of one source, and what it asks."""
    role = role_of(source)
    plan = {"patience": PATIENCE_SECONDS, "timeout": QUESTION_SECONDS, "questions": [each.as_dict() for each in asked]}
    files = {SCRIPT: probe.script, PLAN: json.dumps(plan)}
    job = _job(probe, source, ["ask", f"{FOLDER}/{PLAN}"], role)
    return [job, _config(probe, source.namespace, role, files)]


def role_of(source: Source) -> str:
    """Return how objects call a source."""
    return source.name.replace(" ", "-")


def name_of(probe: Probe, role: str) -> str:
    """Return the name of a probe's Job and ConfigMap."""
    return f"{PREFIX}{probe.run}-{role}"[:63].rstrip("-")


def _config(probe: Probe, namespace: str, role: str, files: Mapping[str, str]) -> dict[str, Any]:
    metadata = {"name": name_of(probe, role), "namespace": namespace, "labels": probe.labels(role)}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": dict(files)}


def _listener(probe: Probe, role: str) -> dict[str, Any]:
    words = ["listen", str(LISTENER_PORT), str(probe.seconds)]
    job = _job(probe, Source(role, probe.namespace), words, LISTENER)
    container = job["spec"]["template"]["spec"]["containers"][0]
    container["ports"] = [{"containerPort": LISTENER_PORT}]
    # A node's own probe passes, whatever policies say.
    container["readinessProbe"] = {"tcpSocket": {"port": LISTENER_PORT}, "periodSeconds": 1}
    return job


def _job(probe: Probe, place: Source, words: list[str], files: str) -> dict[str, Any]:
    labels, role = place.labels, role_of(place)
    volume = {"name": "probe", "configMap": {"name": name_of(probe, files)}}
    container: dict[str, Any] = {
        "name": "probe",
        "image": probe.image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python", f"{FOLDER}/{SCRIPT}", *words],
        "volumeMounts": [{"name": "probe", "mountPath": FOLDER, "readOnly": True}],
        "resources": {"requests": dict(SIZES), "limits": dict(SIZES)},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    if labels:
        # It has labels of somebody who is called. A pod that is never ready is called by nobody.
        never = {"exec": {"command": ["python", "-c", "raise SystemExit(1)"]}}
        container["readinessProbe"] = {**never, "initialDelaySeconds": probe.seconds, "periodSeconds": probe.seconds}
    pod: dict[str, Any] = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 1,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 1000,
            "runAsGroup": 1000,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        "volumes": [volume],
    }
    return {
        "apiVersion": BATCH,
        "kind": "Job",
        "metadata": {"name": name_of(probe, role), "namespace": place.namespace, "labels": probe.labels(role)},
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": probe.seconds,
            "ttlSecondsAfterFinished": KEPT_SECONDS,
            "template": {"metadata": {"labels": {**probe.labels(role), **labels}}, "spec": pod},
        },
    }


__all__ = ["CLOSED", "COMPONENT", "LABELS", "OPEN", "PLAN", "PREFIX", "ROLE", "RUN", "SELECTOR", "Probe"]
__all__ += ["asker", "name_of", "role_of", "stage"]
