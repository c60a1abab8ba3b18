# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts the objects of a cluster on a real API server, as they are wanted, again and again."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Mapping
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from plugins.module_utils._core.cluster_view import KINDS
from plugins.module_utils._wiring.smoke import SmokeTest
from plugins.module_utils._wiring.smoke_options import ARGUMENTS
from tests.api_server import ApiServer
from tests.live.edge import metallb_crds
from tests.live.seldon import crds
from tests.sample_smoke_cluster import ADDRESS, EXPERIMENT, GRPC_HOST, HOST, LATELY, MODELS, Key, Names, Thing, healthy

L2_STATUS = metallb_crds.definition("ServiceL2Status", "servicel2statuses", "v1beta1", {})
# Whose status is a resource of its own.
STATUS = {
    "nodes",
    "pods",
    "services",
    "persistentvolumeclaims",
    "deployments",
    "statefulsets",
    "daemonsets",
    "experiments",
    "models",
    "servers",
}
SHARED = {"ingressclasses"}
CUSTOM = {
    each["spec"]["names"]["plural"]: {
        "apiVersion": f"{each['spec']['group']}/{each['spec']['versions'][0]['name']}",
        "kind": each["spec"]["names"]["kind"],
    }
    for each in (*crds.DEFINITIONS, *metallb_crds.DEFINITIONS, L2_STATUS)
}
AT_ONCE = {"gracePeriodSeconds": 0}


class World:
    """A cluster of its own on a server that others use as well."""

    def __init__(self, api: ApiServer) -> None:
        self._api = api
        api.establish(*crds.DEFINITIONS, *metallb_crds.DEFINITIONS, L2_STATUS)
        spaces = [api.namespace() for _ in range(5)]
        self.names = Names(spaces[0], (spaces[1], spaces[2]), spaces[3], spaces[4], f"{spaces[0]}-")
        self.healthy = healthy(self.names)
        self._there: dict[Key, Thing] = {}
        self.show(self.healthy)

    def show(self, wanted: Mapping[Key, Thing]) -> None:
        """Have exactly these objects."""
        for key in [each for each in self._there if each not in wanted]:
            self._remove(key)
        for key, each in wanted.items():
            was = self._there.get(key)
            if was == each:
                continue
            if was is None or _body(key, each) != _body(key, was):
                if was is not None:
                    self._remove(key)
                self._make(key, each)
            if key[0] in STATUS and "status" in each:
                self._say(key, each["status"])
            self._there[key] = copy.deepcopy(each)

    def _place(self, key: Key, *, one: bool) -> str:
        kind, namespace, name = key
        paths = KINDS[kind]
        path = paths[-1] if self._api.version < (1, 21) else paths[0]
        root, _slash, plural = path.rpartition("/")
        scope = f"{root}/namespaces/{namespace}" if namespace else root
        return f"{scope}/{plural}/{name}" if one else f"{scope}/{plural}"

    def _make(self, key: Key, thing: Thing) -> None:
        answer = self._api.ask("POST", self._place(key, one=False), {**CUSTOM.get(key[0], {}), **_timely(thing)})
        if not (key[0] in SHARED and answer.status == 409):
            answer.require()

    def _say(self, key: Key, status: Thing) -> None:
        place = self._place(key, one=True)
        found = self._api.ask("GET", place).require()
        self._api.ask("PUT", f"{place}/status", {**found, "status": _timely(status)}).require()

    def _remove(self, key: Key) -> None:
        self._api.ask("DELETE", self._place(key, one=True), AT_ONCE).require()
        del self._there[key]

    def close(self) -> None:
        """Leave nothing that others would see: nodes, Services that have addresses, and routes of hosts."""
        for key in list(self._there):
            if key[0] in ("nodes", "services", "ingresses"):
                self._remove(key)

    def params(self, user: str = "admin", **changes: Any) -> dict[str, Any]:
        """Return the options of a task that asks this cluster."""
        names = self.names
        cluster = {
            "kubeconfig": str(self._api.kubeconfig(user)),
            "namespaces": list(names.teams),
            "seldon_namespace": names.seldon,
            "metallb_namespace": names.metallb,
            "ingress_namespace": names.ingress,
            **changes.pop("cluster", {}),
        }
        candidates = [{"name": name, "weight": weight} for name, weight in zip(MODELS, (70, 30), strict=True)]
        return {
            "host": HOST,
            "address": {"address": ADDRESS, "http_port": 80, "grpc_port": 443, "grpc_host": GRPC_HOST},
            "models": [{"name": name, "namespace": team} for name, team in zip(MODELS, names.teams, strict=True)],
            "experiments": [{"name": EXPERIMENT, "candidates": candidates, "default": MODELS[0]}],
            "groups": ["cluster"],
            "cluster": cluster,
            **changes,
        }

    def ask(self, **changes: Any) -> dict[str, dict[str, Any]]:
        """Return what the checks of the cluster find, by name."""
        result = ArgumentSpecValidator(ARGUMENTS).validate(self.params(**changes))
        assert not result.error_messages, result.error_messages
        found = SmokeTest(result.validated_parameters).run()
        return {f"{each['id']} {each['target']}".strip(): each for each in found["checks"]}


def _body(key: Key, thing: Thing) -> Thing:
    """Return what is not said through a resource of its own."""
    return {name: value for name, value in thing.items() if name != "status" or key[0] not in STATUS}


def _timely(thing: Thing) -> Thing:
    """Put the time of a restart that was a moment ago into the server's own present."""
    lately = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 120))
    found: Thing = json.loads(json.dumps(thing).replace(LATELY, lately))
    return found
