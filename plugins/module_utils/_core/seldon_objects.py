# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a cluster has to have so that the models of an inventory are served: objects of Seldon, and those beside them.

Fields: https://docs.seldon.ai/seldon-core-2/user-guide/kubernetes-resources. Where a namespace has no runtime of its
own, Seldon's operator makes neither the account of its model servers nor their configuration, so we do.
"""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any, Mapping, Sequence

from .seldon_models import Model, World
from .seldon_remotes import PUBLIC, PUBLIC_REMOTE, PUBLIC_SECRET, Secret
from .seldon_servers import CPU_LIMIT, Server, cpu_limit
from .seldon_sizes import SIZES
from .seldon_topology import CENTRAL, Topology

GROUP = "mlops.seldon.io/v1alpha1"
MANAGED = {"app.kubernetes.io/managed-by": "modelops.serving"}
COMPONENT, TEAM = "app.kubernetes.io/component", "modelops.serving/team"
ACCOUNT, ROLE, BINDING = "seldon-server", "agent-role", "agent-rolebinding"
# How far a server may promise more memory than it has, as Seldon's charts have it.
OVERCOMMIT = 10
# Seldon's own probe starts a program every five seconds, and ends rclone when that once takes longer than a second. On
# two busy cores it does while a model is fetched. The operator keeps all else of the probe.
PATIENCE = {"timeoutSeconds": 10, "failureThreshold": 6}


def team_namespaces(topology: Topology) -> list[dict[str, Any]]:
    """Return the namespaces, with nothing that one that is there would not have."""
    homes = [name for name in topology.teams if topology.home(name) == name]
    return [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in homes]


def aliases(topology: Topology) -> list[dict[str, Any]]:
    """Return the Services by which scheduler and Envoy of another namespace are known in those of the teams."""
    return [
        _object(
            "v1",
            "Service",
            name,
            team,
            "seldon-alias",
            spec={"type": "ExternalName", "externalName": f"{name}.{topology.seldon}.svc.cluster.local"},
        )
        for team in topology.aliases
        for name in ("seldon-scheduler", "seldon-mesh")
    ]


def server_objects(world: World, settings: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return everything that model servers need, and the servers themselves, in the order in which they are made."""
    size = str(settings["size"])
    found: list[dict[str, Any]] = []
    for server in world.servers:
        if world.topology.kind == CENTRAL:
            found += identity(world.topology.home(server.team))
        found += _limits(server, world.topology, size)
    found += [_secret(each, world.topology.home(each.team)) for each in world.secrets]
    for server in world.servers:
        found.append(_server(server, world.topology, size))
        found += [_budget(server, world.topology)] if settings["budgets"] else []
    return found


def model_objects(models: Sequence[Model], topology: Topology) -> list[dict[str, Any]]:
    """Return the models, each with its server."""
    return [_model(each, topology) for each in models]


def _object(version: str, kind: str, name: str, namespace: str, component: str, **more: Any) -> dict[str, Any]:
    labels = {**MANAGED, COMPONENT: component}
    return {
        "apiVersion": version,
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        **more,
    }


def identity(namespace: str) -> list[dict[str, Any]]:
    """Return what Seldon's operator makes beside a runtime, for a namespace that has none."""
    group = "rbac.authorization.k8s.io"
    reads = ["get", "list", "watch"]
    rules = [
        {"apiGroups": [""], "resources": ["configmaps"], "verbs": reads},
        {"apiGroups": [""], "resources": ["secrets"], "verbs": reads},
        # The agent waits until its own Service has an address before it loads a model.
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": reads[1:]},
    ]
    subject = {"kind": "ServiceAccount", "name": ACCOUNT, "namespace": namespace}
    agent = json.dumps({"rclone": {"config_secrets": [PUBLIC_SECRET]}})
    # A field that the agent does not know ends it.
    tracing = json.dumps({"disable": True})
    return [
        _object("v1", "ServiceAccount", ACCOUNT, namespace, "server"),
        _object(f"{group}/v1", "Role", ROLE, namespace, "server", rules=rules),
        _object(
            f"{group}/v1",
            "RoleBinding",
            BINDING,
            namespace,
            "server",
            subjects=[subject],
            roleRef={"apiGroup": group, "kind": "Role", "name": ROLE},
        ),
        _object("v1", "ConfigMap", "seldon-agent", namespace, "server", data={"agent.yaml": agent}),
        _object("v1", "ConfigMap", "seldon-tracing", namespace, "server", data={"tracing.json": tracing}),
        _secret(Secret("", PUBLIC_SECRET, {PUBLIC: PUBLIC_REMOTE}), namespace),
    ]


def _secret(secret: Secret, namespace: str) -> dict[str, Any]:
    """Return a Secret with its one key."""
    texts = {key: json.dumps(_remote(remote), sort_keys=True) for key, remote in secret.remotes.items()}
    data = {str(key): b64encode(text.encode()).decode() for key, text in texts.items()}
    return _object("v1", "Secret", secret.name, namespace, "remote", type="Opaque", data=data)


def _remote(remote: Mapping[str, Any]) -> dict[str, Any]:
    """Return a remote as Seldon's agent reads it: every parameter is text."""
    written = {key: remote[key] for key in ("name", "type")}
    maps = {key: remote.get(key) for key in ("parameters", "opt") if remote.get(key)}
    return {
        **written,
        **{key: {str(name): _text(value) for name, value in (each or {}).items()} for key, each in maps.items()},
    }


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _server(server: Server, topology: Topology, size: str) -> dict[str, Any]:
    agent: dict[str, Any] = {"name": "agent"}
    spec: dict[str, Any] = {"serverConfig": "mlserver", "replicas": server.replicas}
    if topology.kind == CENTRAL:
        agent["env"] = [{"name": "SELDON_REPLICA_CONFIG", "value": _announcement(server)}]
    else:
        spec["capabilities"] = list(server.capabilities)
    containers = [
        *([agent] if len(agent) > 1 else []),
        _rclone(server),
        *_mlserver(server, size),
    ]
    spec["podSpec"] = {"containers": containers}
    if server.volumes:
        spec["podSpec"]["volumes"] = [{"name": each.name, **each.source} for each in server.volumes]
    # Nothing that a server has on its disk is anywhere else than in the storage of models.
    spec["statefulSetPersistentVolumeClaimRetentionPolicy"] = {"whenDeleted": "Delete", "whenScaled": "Delete"}
    made = _object(GROUP, "Server", topology.server(server.team), topology.home(server.team), "server", spec=spec)
    made["metadata"]["labels"][TEAM] = server.team
    return made


def _announcement(server: Server) -> str:
    """Return what the agent tells the scheduler, with a name that Envoy finds from another namespace.

    The agent's own words for its capabilities and its memory do not count beside it, and its ports do.
    """
    return json.dumps(
        {
            "inferenceSvc": "$(POD_NAME).$(POD_NAMESPACE).svc.cluster.local",
            "memoryBytes": "$(MEMORY_REQUEST)",
            "overCommitPercentage": OVERCOMMIT,
            "capabilities": list(server.capabilities),
        }
    )


def _rclone(server: Server) -> dict[str, Any]:
    mounts = [{"name": each.name, "mountPath": each.mount, "readOnly": True} for each in server.volumes]
    return {"name": "rclone", "livenessProbe": PATIENCE, **({"volumeMounts": mounts} if mounts else {})}


def _mlserver(server: Server, size: str) -> list[dict[str, Any]]:
    found: dict[str, Any] = {"name": "mlserver"}
    if server.image:
        found["image"] = server.image
    if server.asks:
        asked = server.parts(SIZES[size])["mlserver"]
        found["resources"] = {
            "requests": {"cpu": asked["cpu"], "memory": asked["memory"]},
            "limits": {"memory": asked["memory"]},
        }
    return [found] if len(found) > 1 else []


def _budget(server: Server, topology: Topology) -> dict[str, Any]:
    """Return that one pod may be missing at a time: with a single one, a node can still be emptied."""
    name = topology.server(server.team)
    spec = {"maxUnavailable": 1, "selector": {"matchLabels": {"seldon-server-name": name}}}
    return _object("policy/v1", "PodDisruptionBudget", name, topology.home(server.team), "server", spec=spec)


def _limits(server: Server, topology: Topology, size: str) -> list[dict[str, Any]]:
    """Return the quota of a namespace; Seldon's pods have no limit of CPU, so where one counts, they get one."""
    if not server.quota or topology.home(server.team) != server.team:
        return []
    hard = {str(key): str(value) for key, value in server.quota.items()}
    found = [_object("v1", "ResourceQuota", "serving", server.team, "quota", spec={"hard": hard})]
    if CPU_LIMIT in hard:
        most = cpu_limit(server.parts(SIZES[size]).values())
        found.append(limit_range(server.team, format(most, "f")))
    return found


def limit_range(namespace: str, cpu: str = "1") -> dict[str, Any]:
    """Return the cores that a container may have where nothing is said of it."""
    spec = {"limits": [{"type": "Container", "default": {"cpu": cpu}}]}
    return _object("v1", "LimitRange", "serving", namespace, "quota", spec=spec)


def _model(model: Model, topology: Topology) -> dict[str, Any]:
    spec: dict[str, Any] = {
        "storageUri": model.storage,
        "requirements": list(model.requirements),
        "replicas": model.replicas,
        "server": topology.server(model.team),
    }
    if model.secret:
        spec["secretName"] = model.secret
    if model.memory:
        spec["memory"] = model.memory
    if model.parameters:
        spec["parameters"] = [{"name": name, "value": value} for name, value in model.parameters]
    made = _object(GROUP, "Model", model.name, topology.home(model.team), "model", spec=spec)
    made["metadata"]["labels"][TEAM] = model.team
    return made


__all__ = [
    "COMPONENT",
    "GROUP",
    "MANAGED",
    "PATIENCE",
    "TEAM",
    "aliases",
    "identity",
    "limit_range",
    "model_objects",
    "server_objects",
    "team_namespaces",
]
