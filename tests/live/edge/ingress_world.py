# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the part of the role ingress that keeps routes, against an API server, and reads what is there afterwards."""

from __future__ import annotations

import base64
import json
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.api_server import ApiServer
from tests.support import COLLECTIONS, ROOT, run

PROGRAM = Path(sys.executable).parent / "ansible-playbook"
DEFAULTS: dict[str, Any] = yaml.safe_load((ROOT / "roles/ingress/defaults/main.yml").read_text(encoding="utf-8"))
RECAP = re.compile(r"^localhost +: ok=\d+ +changed=(\d+) +unreachable=0 +failed=0 ", re.MULTILINE)


def definition(kind: str, group: str, version: str) -> dict[str, Any]:
    """Return a custom resource of which nothing is known but that its spec is an object."""
    singular = kind.lower()
    schema = {
        "type": "object",
        "properties": {"spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
        "required": ["spec"],
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{singular}s.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": kind, "plural": f"{singular}s", "singular": singular},
            "versions": [
                {"name": version, "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}},
            ],
        },
    }


TRAEFIK = [definition(kind, "traefik.io", "v1alpha1") for kind in ("IngressRoute", "Middleware", "ServersTransport")]
PATHS = {
    "Ingress": "/apis/networking.k8s.io/v1/{}ingresses",
    "IngressRoute": "/apis/traefik.io/v1alpha1/{}ingressroutes",
    "Middleware": "/apis/traefik.io/v1alpha1/{}middlewares",
    "ServersTransport": "/apis/traefik.io/v1alpha1/{}serverstransports",
    "Secret": "/api/v1/{}secrets",
}


@dataclass(frozen=True)
class Said:
    """How a run ended; ``changed`` is None when it failed."""

    changed: int | None
    text: str

    @property
    def line(self) -> str:
        """What was said, without the breaks and marks that showing it adds."""
        return " ".join(self.text.replace("\\", "").split())

    def require(self, changed: int | None = None) -> int:
        assert self.changed is not None, self.text
        assert changed is None or self.changed == changed, self.text
        return self.changed


class World:
    """A cluster, and the inventory of its edge."""

    def __init__(self, api: ApiServer, folder: Path) -> None:
        self.api = api
        self.folder = folder

    def run(self, values: Mapping[str, Any], *options: str, part: str = "routes", user: str = "admin") -> Said:
        """Run a part of the role with what an inventory says."""
        text = self._play({"localhost": values}, *options, part=part, user=user)
        found = RECAP.search(text)
        return Said(int(found[1]) if found else None, text)

    def run_each(self, cases: Mapping[str, Mapping[str, Any]], *, part: str) -> dict[str, Said]:
        """Run a part of the role with several inventories at once, and return what was said of each."""
        text = self._play(cases, f"--forks={len(cases)}", part=part, callback="ansible.posix.json")
        told = json.JSONDecoder().raw_decode(text, text.index('{\n    "custom_stats"'))[0]
        tasks = [task["hosts"] for play in told["plays"] for task in play["tasks"]]
        said = {}
        for name in cases:
            stats = told["stats"][name]
            lines = [json.dumps(hosts[name]) for hosts in tasks if name in hosts]
            said[name] = Said(None if stats["failures"] else stats["changed"], "\n".join(lines))
        return said

    def _play(
        self, cases: Mapping[str, Mapping[str, Any]], *options: str, part: str, user: str = "admin", callback: str = ""
    ) -> str:
        """Run a part of the role on this machine, once for each inventory, and return what was said."""
        play = {
            "hosts": "all",
            "gather_facts": False,
            "module_defaults": {"group/kubernetes.core.k8s": {"kubeconfig": str(self.api.kubeconfig(user))}},
            "tasks": [{"ansible.builtin.include_role": {"name": "modelops.serving.ingress", "tasks_from": part}}],
        }
        local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
        hosts = {name: {"ingress_accept_eol": True, **values} for name, values in cases.items()}
        book, inventory = self.folder / "play.yml", self.folder / "inventory.json"
        book.write_text(json.dumps([play]), encoding="utf-8")
        inventory.write_text(json.dumps({"all": {"vars": local, "hosts": hosts}}), encoding="utf-8")
        env = {"ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS), "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}
        if callback:
            env["ANSIBLE_STDOUT_CALLBACK"] = callback
        return run([PROGRAM, "--inventory", inventory, *options, book], env=env).output

    def named(self, kind: str, namespace: str) -> list[str]:
        """Return the names of the objects of a kind that are ours."""
        selector = "?labelSelector=app.kubernetes.io%2Fcomponent%3Dingress-route"
        found = self.api.ask("GET", PATHS[kind].format(f"namespaces/{namespace}/") + selector).require()
        return sorted(item["metadata"]["name"] for item in found["items"])

    def read(self, kind: str, namespace: str, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.api.ask(
            "GET", f"{PATHS[kind].format(f'namespaces/{namespace}/')}/{name}"
        ).require()
        return found

    def secret(self, namespace: str, name: str) -> dict[str, bytes]:
        data = self.read("Secret", namespace, name)["data"]
        return {key: base64.b64decode(value) for key, value in data.items()}
