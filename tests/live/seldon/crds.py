# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinds of objects that Seldon Core v2 brings, as far as this collection writes and reads them.

Written from the fields that its documentation names (https://docs.seldon.ai/seldon-core-2/): types are checked, no
values are, a field that is not here is dropped, lists are replaced as a whole, and the status is a subresource.
"""

from __future__ import annotations

from typing import Any

GROUP, VERSION = "mlops.seldon.io", "v1alpha1"
Fields = dict[str, Any]

TEXT: Fields = {"type": "string"}
TEXTS: Fields = {"type": "array", "items": TEXT}
NUMBER: Fields = {"type": "integer", "format": "int32"}
SWITCH: Fields = {"type": "boolean"}
FREE: Fields = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


def record(*required: str, **fields: Fields) -> Fields:
    """Return an object with these fields, some of which have to be there."""
    return {"type": "object", "properties": fields, **({"required": list(required)} if required else {})}


def each(item: Fields) -> Fields:
    """Return a list, which is always replaced as a whole."""
    return {"type": "array", "items": item, "x-kubernetes-list-type": "atomic"}


CONDITION = record(
    "status",
    "type",
    type=TEXT,
    status=TEXT,
    severity=TEXT,
    reason=TEXT,
    message=TEXT,
    lastTransitionTime={"type": "string"},
)
EXPERIMENT = record(
    "candidates",
    default=TEXT,
    candidates=each(record("name", "weight", name=TEXT, weight=NUMBER)),
    mirror=record("name", "percent", name=TEXT, percent=NUMBER),
    resourceType=TEXT,
)
MODEL = record(
    "storageUri",
    storageUri=TEXT,
    artifactVersion=NUMBER,
    modelType=TEXT,
    schemaUri=TEXT,
    secretName=TEXT,
    requirements=TEXTS,
    memory={"anyOf": [{"type": "integer"}, {"type": "string"}], "x-kubernetes-int-or-string": True},
    replicas=NUMBER,
    minReplicas=NUMBER,
    maxReplicas=NUMBER,
    server=TEXT,
    preloaded=SWITCH,
    dedicated=SWITCH,
    parameters=each(record("name", "value", name=TEXT, value=TEXT)),
    explainer=record(type=TEXT, modelRef=TEXT, pipelineRef=TEXT),
    llm=record(modelRef=TEXT, pipelineRef=TEXT),
    logger=record(percent=NUMBER),
    dataflow=record(cleanTopicsOnDelete=SWITCH),
)
SERVER = record(
    "serverConfig",
    serverConfig=TEXT,
    replicas=NUMBER,
    minReplicas=NUMBER,
    maxReplicas=NUMBER,
    capabilities=TEXTS,
    extraCapabilities=TEXTS,
    podSpec=FREE,
    imageOverrides=FREE,
    deploymentStrategy=FREE,
    statefulSetPersistentVolumeClaimRetentionPolicy=FREE,
    disableAutoUpdate=SWITCH,
)
CLAIMS = each(record("name", "spec", name=TEXT, spec=FREE))
SERVER_CONFIG = record("podSpec", podSpec=FREE, volumeClaimTemplates=CLAIMS)
RUNTIME = record(
    "seldonConfig",
    seldonConfig=TEXT,
    config=FREE,
    overrides=each(
        record("name", name=TEXT, disable=SWITCH, replicas=NUMBER, serviceType=TEXT, podSpec=FREE),
    ),
    disableAutoUpdate=SWITCH,
)
COMPONENT = record(
    "name",
    name=TEXT,
    labels=FREE,
    annotations=FREE,
    replicas=NUMBER,
    podSpec=FREE,
    volumeClaimTemplates=CLAIMS,
)
CONFIG = record(components=each(COMPONENT), config=FREE)
PIPELINE = record(
    "steps",
    input=FREE,
    steps=each(FREE),
    output=FREE,
    dataflow=record(cleanTopicsOnDelete=SWITCH),
    allowCycles=SWITCH,
    maxStepRevisits=NUMBER,
)
COUNTED: Fields = {
    "replicas": NUMBER,
    "availableReplicas": NUMBER,
    "selector": TEXT,
    "modelgwReady": TEXT,
    "loadedModels": NUMBER,
}


def definition(kind: str, plural: str, short: str, spec: Fields, *, scaled: bool = False) -> Fields:
    """Return one kind; a scaled one has replicas, which others may set."""
    status = record(
        observedGeneration={"type": "integer", "format": "int64"},
        annotations=FREE,
        conditions=each(CONDITION),
        **COUNTED,
    )
    scale = {
        "specReplicasPath": ".spec.replicas",
        "statusReplicasPath": ".status.replicas",
        "labelSelectorPath": ".status.selector",
    }
    schema = record(apiVersion=TEXT, kind=TEXT, metadata={"type": "object"}, spec=spec, status=status)
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": kind,
                "plural": plural,
                "singular": kind.lower(),
                "listKind": f"{kind}List",
                "shortNames": [short],
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}, **({"scale": scale} if scaled else {})},
                    "schema": {"openAPIV3Schema": schema},
                }
            ],
        },
    }


DEFINITIONS = [
    definition("Experiment", "experiments", "mlx", EXPERIMENT),
    definition("Model", "models", "mlm", MODEL, scaled=True),
    definition("Pipeline", "pipelines", "mlp", PIPELINE),
    definition("Server", "servers", "mls", SERVER, scaled=True),
    definition("ServerConfig", "serverconfigs", "mlc", SERVER_CONFIG),
    definition("SeldonConfig", "seldonconfigs", "mlsc", CONFIG),
    definition("SeldonRuntime", "seldonruntimes", "mlsr", RUNTIME),
]


def path(plural: str, namespace: str, name: str = "") -> str:
    """Return where the objects of a kind are, or one of them."""
    return f"/apis/{GROUP}/{VERSION}/namespaces/{namespace}/{plural}{f'/{name}' if name else ''}"
