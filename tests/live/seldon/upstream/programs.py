# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Seldon Core v2 as it comes: scheduler, agent and operator, with Envoy, rclone and MLServer, laid out as `central`.

One scheduler and one Envoy; an agent, an rclone and an MLServer for each of the namespaces. The programs come from
SERVING_ARTIFACTS. What a kubelet does is done here: containers get the environment that the operator wrote for them.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.api_server import MERGE, ApiServer
from tests.live.data_plane import Answer
from tests.live.seldon.crds import DEFINITIONS, GROUP, VERSION, path
from tests.live.seldon.upstream import pods
from tests.live.seldon.upstream.objects import ADMIN, bootstrap, server, server_config, server_spec
from tests.live.seldon.upstream.pods import NODE, Cluster, Pod

PROGRAMS = ("seldon-scheduler", "seldon-agent", "seldon-operator", "rclone")
BIN = Path(sys.executable).parent
ENVOY, MLSERVER = str(BIN / "envoy"), str(BIN / "mlserver")
DATA = 9000
# How long the scheduler waits for servers before it serves routes; then it waits ten seconds more.
# https://github.com/SeldonIO/seldon-core/blob/v2.10.2/scheduler/cmd/scheduler/main.go
READY_TIMEOUT = 60
SECONDS = 120
KAFKA = {"topicPrefix": "seldon", "bootstrap.servers": "127.0.0.1:9092", "consumer": {}, "producer": {}, "streams": {}}
ROW = {"inputs": [{"name": "predict", "shape": [1, 30], "datatype": "FP64", "data": [0.5] * 30}]}


def program(name: str) -> Path | None:
    """Return a program from SERVING_ARTIFACTS, or else from the path."""
    artifacts = os.environ.get("SERVING_ARTIFACTS")
    if artifacts and Path(artifacts, name).is_file():
        return Path(artifacts, name)
    found = shutil.which(name)
    return Path(found) if found else None


def lacking() -> str:
    """Return what is missing to run upstream's programs here."""
    missing = [name for name in PROGRAMS if program(name) is None]
    if missing:
        return f"SERVING_ARTIFACTS holds no {', '.join(missing)}"
    return pods.lacking()


def expand(text: str, known: Mapping[str, str]) -> str:
    """Put values in place of references, as a kubelet does: what is not known yet stays as it is."""
    return re.sub(r"\$\(([A-Za-z_][A-Za-z0-9_]*)\)", lambda found: known.get(found[1], found[0]), text)


def environment(container: Mapping[str, Any], facts: Mapping[str, str]) -> dict[str, str]:
    """Return a container's environment; later entries see earlier ones."""
    known: dict[str, str] = {}
    for entry in container.get("env", []):
        source = entry.get("valueFrom", {})
        if "fieldRef" in source:
            known[entry["name"]] = facts[source["fieldRef"]["fieldPath"]]
        elif "resourceFieldRef" in source:
            known[entry["name"]] = facts[source["resourceFieldRef"]["resource"]]
        else:
            known[entry["name"]] = expand(str(entry.get("value", "")), known)
    return known


class Upstream:
    """Everything that runs, and ways to ask it."""

    def __init__(self, api: ApiServer, folder: Path, system: str, teams: Sequence[str], samples: Path) -> None:
        self.api, self.system, self.teams, self.samples = api, system, teams, samples
        port = int(json.loads(api.kubeconfig().read_text())["clusters"][0]["cluster"]["server"].rpartition(":")[2])
        self.cluster = Cluster(folder, port)
        self.kubeconfig = folder / "kubeconfig"
        self._write_kubeconfig(port)
        self.scheduler, self.envoy, self.operator = map(self.cluster.pod, ("scheduler", "envoy", "operator"))
        self.servers = {team: self.cluster.pod(f"{server(team)}-0") for team in teams}
        self._name()

    # Its life

    def start(self) -> None:
        self.api.establish(*DEFINITIONS)
        self._make(self.system, "serverconfigs", "ServerConfig", "mlserver", server_config())
        self.start_scheduler()
        self.start_envoy()
        for team in self.teams:
            self._make(team, "servers", "Server", server(team), server_spec())
        self.start_operator()
        for team in self.teams:
            self.start_server(team)

    def end(self) -> None:
        self.cluster.end()

    def start_scheduler(self) -> None:
        (self.scheduler.folder / "mnt/kafka.json").write_text(json.dumps(KAFKA))
        self.scheduler.start(
            "scheduler",
            [
                str(program("seldon-scheduler")),
                "--namespace=" + self.system,
                "--db-path=/mnt/db",
                "--kafka-config-path=/mnt/kafka.json",
                "--scaling-config-path=",
                f"--scheduler-ready-timeout-seconds={READY_TIMEOUT}",
                "--envoy-accesslog-path=/dev/null",
                "--log-level=info",
            ],
        )

    def lose_state(self) -> None:
        """Throw away what the scheduler keeps on its volume."""
        shutil.rmtree(self.scheduler.folder / "mnt/db")

    def start_envoy(self) -> None:
        (self.envoy.folder / "mnt/envoy.json").write_text(json.dumps(bootstrap()))
        options = ["--concurrency", "1", "--disable-hot-restart", "--log-level", "warning"]
        self.envoy.start("envoy", [ENVOY, "--config-path", "/mnt/envoy.json", *options])

    def start_operator(self) -> None:
        words = ["--clusterwide", f"--namespace={self.system}", f"--watch-namespaces={','.join(self.teams)}"]
        known = {"KUBECONFIG": str(self.kubeconfig), "POD_NAMESPACE": self.system}
        self.operator.start("operator", [str(program("seldon-operator")), *words, "--log-level=debug"], known)

    def start_server(self, team: str) -> None:
        """Do what a kubelet does with the pod that the operator asks for."""
        pod, name = self.servers[team], server(team)
        found = self.wait(lambda: self.get("/apis/apps/v1", team, "statefulsets", name), f"StatefulSet {name}")
        containers = {each["name"]: each for each in found["spec"]["template"]["spec"]["containers"]}
        facts = {
            "metadata.name": f"{name}-0",
            "metadata.namespace": team,
            "status.podIP": pod.address,
            "requests.memory": "1073741824",
        }
        known = {each: environment(container, facts) for each, container in containers.items()}
        (pod.folder / "mnt/config").mkdir(exist_ok=True)
        (pod.folder / "mnt/config/agent.yaml").write_text('{"rclone": {"config_secrets": []}}')
        (pod.folder / "mnt/agent/models").mkdir(parents=True, exist_ok=True)
        self._publish(team, f"{name}-0", pod)
        words = ["rcd", "--rc-no-auth", "--config=/mnt/rclone.conf", "--rc-addr=0.0.0.0:5572"]
        pod.start("rclone", [str(program("rclone")), *words])
        pod.start("mlserver", [MLSERVER, "start", "/mnt/agent/models"], known["mlserver"])
        agent = {"KUBECONFIG": str(self.kubeconfig), **known["agent"]}
        pod.start("agent", [str(program("seldon-agent")), f"--namespace={team}"], agent)

    # Objects

    def get(self, group: str, namespace: str, plural: str, name: str) -> Any:
        answer = self.api.ask("GET", f"{group}/namespaces/{namespace}/{plural}/{name}")
        return answer.body if answer.status == 200 else None

    def model(self, team: str, name: str, sample: str, on: str | None = None, **more: Any) -> None:
        spec = {"storageUri": str(self.samples / sample), "requirements": ["sklearn"], "server": on or server(team)}
        self._make(team, "models", "Model", name, {**spec, **more})

    def experiment(self, team: str, name: str, **spec: Any) -> None:
        self._make(team, "experiments", "Experiment", name, spec)

    def patch(self, team: str, plural: str, name: str, **spec: Any) -> Any:
        return self.api.ask("PATCH", path(plural, team, name), {"spec": spec}, kind=MERGE).require()

    def delete(self, team: str, plural: str, name: str) -> None:
        self.api.ask("DELETE", path(plural, team, name)).require()

    def conditions(self, team: str, plural: str, name: str) -> dict[str, dict[str, Any]]:
        found = self.read(team, plural, name)
        return {each["type"]: each for each in found.get("status", {}).get("conditions", [])}

    def read(self, team: str, plural: str, name: str) -> Any:
        return self.api.ask("GET", path(plural, team, name)).require()

    def is_ready(self, team: str, plural: str, name: str) -> bool:
        return self.conditions(team, plural, name).get("Ready", {}).get("status") == "True"

    # Traffic

    def call(
        self, route: str, sticky: str = "", *, model: str = "any", header: bool = True, port: int = DATA
    ) -> Answer:
        """Ask Envoy for a prediction."""
        sent = {"Content-Type": "application/json"}
        sent.update({"seldon-model": route} if header else {})
        sent.update({"x-seldon-route": sticky} if sticky else {})
        return self.send("POST", f"/v2/models/{model}/infer", json.dumps(ROW).encode(), sent, port)

    def send(self, method: str, target: str, body: bytes | None, headers: Mapping[str, str], port: int) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        try:
            with self.envoy.network():
                connection.connect()
            connection.request(method, target, body, dict(headers))
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, found, answer.read())
        finally:
            connection.close()

    def split(self, route: str, calls: int = 200) -> Counter[str]:
        """Return how many calls each model answered, or which status they had instead."""
        answers = (self.call(route) for _ in range(calls))
        return Counter(each.route.strip(":") if each.route else str(each.status) for each in answers)

    def routes(self, listener: str = "listener_0") -> list[dict[str, Any]]:
        """Return the routes that the scheduler has sent, in their order."""
        tables = [each["route_config"] for each in self._dump("dynamic_route_configs")]
        tables = [each for each in tables if each["name"] == listener]
        return [route for table in tables for host in table["virtual_hosts"] for route in host.get("routes", [])]

    def count(self, name: str) -> int:
        """Return one of Envoy's counters."""
        said = self.send("GET", f"/stats?filter=^{name}$", None, {}, ADMIN).body.decode()
        return int(said.rpartition(":")[2] or 0)

    def clusters(self) -> dict[str, dict[str, Any]]:
        return {each["cluster"]["name"]: each["cluster"] for each in self._dump("dynamic_active_clusters")}

    def _dump(self, kind: str) -> list[dict[str, Any]]:
        """Return one part of what Envoy has; it refuses to speak of what nobody has told it yet."""
        answer = self.send("GET", f"/config_dump?resource={kind}", None, {}, ADMIN)
        return list(json.loads(answer.body).get("configs", [])) if answer.status == 200 else []

    def wait(self, condition: Callable[[], Any], what: str, seconds: float = SECONDS) -> Any:
        """Return what a condition holds as soon as it holds; a program that ended is an end of it."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                found = condition()
            except OSError:
                found = None
            if found:
                return found
            dead = [f"{pod.name}/{each}" for pod in self.cluster.pods.values() for each in pod.dead()]
            assert not dead, f"{dead} ended"
            assert time.monotonic() < deadline, f"{what} did not come within {seconds:g} s; see {self.cluster.folder}"
            time.sleep(0.05)

    # Its making

    def _make(self, namespace: str, plural: str, kind: str, name: str, spec: Mapping[str, Any]) -> None:
        body = {"apiVersion": f"{GROUP}/{VERSION}", "kind": kind, "metadata": {"name": name}, "spec": dict(spec)}
        self.api.create(path(plural, namespace), body)

    def _name(self) -> None:
        """Give the names that Services give in this topology."""
        self.envoy.know({"seldon-scheduler": self.scheduler.address, **self.announced()})
        # Services of the type ExternalName.
        self.operator.know({f"seldon-scheduler.{team}": self.scheduler.address for team in self.teams})
        for pod in self.servers.values():
            pod.know({"seldon-scheduler": self.scheduler.address, "seldon-mesh": self.envoy.address})

    def announced(self) -> dict[str, str]:
        """Return the names of the servers' own Services, as anybody in the cluster may write them."""
        return {f"{pod.name}.{team}.svc.cluster.local": pod.address for team, pod in self.servers.items()}

    def _publish(self, team: str, name: str, pod: Pod) -> None:
        """Say that a pod can be reached, where its agent waits for it."""
        labels = {"kubernetes.io/service-name": name}
        body = {
            "metadata": {"name": name, "labels": labels},
            "addressType": "IPv4",
            "endpoints": [{"addresses": [pod.address], "conditions": {"ready": True}}],
        }
        self.api.create(f"/apis/discovery.k8s.io/v1/namespaces/{team}/endpointslices", body)

    def _write_kubeconfig(self, port: int) -> None:
        config = json.loads(self.api.kubeconfig().read_text())
        seen = {"server": f"https://{NODE}:{port}", "tls-server-name": "127.0.0.1"}
        config["clusters"][0]["cluster"].update(seen)
        self.kubeconfig.touch(mode=0o600)
        self.kubeconfig.write_text(json.dumps(config))
