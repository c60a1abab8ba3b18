# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real Kubernetes API server on the loopback: no nodes, no controllers, but real validation, RBAC and conflicts.

Two users: `admin`, who may do everything, and `guest`, whom a test gives what it wants to see. Without controllers
a namespace that is deleted stays "Terminating", and nothing makes pods or addresses: a test says it itself.
"""

from __future__ import annotations

import http.client
import json
import secrets
import ssl
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.api_programs import Programs
from tests.live.envoy_process import free_ports

HOST = "127.0.0.1"
USERS = {"admin": "system:masters", "guest": "guests"}
START_SECONDS = 120
ATTEMPTS = 3
# Whatever ends the tests ends these.
CONTAINED = ("setpriv", "--pdeathsig", "KILL")
JSON, MERGE, APPLY = "application/json", "application/merge-patch+json", "application/apply-patch+yaml"
# A K3s that is built without its manifests does not give itself this right, and ends after a quarter of an hour.
K3S_RULES = ({"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["get", "list", "watch"]},)
CERTIFICATES = """
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=ca -keyout ca.key -out ca.crt
openssl req -newkey rsa:2048 -nodes -subj /CN=api -keyout api.key -out api.csr
printf 'subjectAltName=IP:127.0.0.1,DNS:localhost' >san
openssl x509 -req -in api.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile san -out api.crt
openssl genrsa -out sa.key 2048
openssl rsa -in sa.key -pubout -out sa.pub
"""


@dataclass(frozen=True)
class Answer:
    """What the server answered to one request."""

    status: int
    body: Any

    def require(self) -> Any:
        """Return the body of an answer that had to be good."""
        __tracebackhide__ = True
        assert self.status < 300, f"{self.status}: {json.dumps(self.body)[:2000]}"
        return self.body


class ApiServer:
    """The server and its datastore, in a folder of their own, started and ended by their ids.

    Flags are more of kube-apiserver's own, as name=value.
    """

    def __init__(self, programs: Programs, folder: Path, *flags: str) -> None:
        self.programs = programs
        self.folder = folder
        self._flags = flags
        folder.mkdir(mode=0o700)
        self._tokens = {user: secrets.token_hex(16) for user in USERS}
        rows = [f'{self._tokens[user]},{user},{user},"{group}"\n' for user, group in USERS.items()]
        self._private("tokens.csv", "".join(rows))
        self._processes: list[subprocess.Popen[bytes]] = []
        self._port = 0
        self._namespaces = 0

    # What tests ask it

    @property
    def version(self) -> tuple[int, int]:
        """Return its minor version, as (1, 20)."""
        major, minor = self.programs.version().removeprefix("v").split(".")[:2]
        return int(major), int(minor)

    def require(self, version: tuple[int, int], what: str) -> None:
        """Skip the test where the server is too old for an object."""
        if self.version < version:
            needed = ".".join(map(str, version))
            pytest.skip(f"{what} needs Kubernetes {needed}, this server is {self.programs.version()}")

    def kubeconfig(self, user: str = "admin") -> Path:
        """Return a file that lets a client in as one of the users."""
        return self.folder / f"{user}.kubeconfig"

    def pids(self) -> list[int]:
        """Return its processes."""
        return [process.pid for process in self._processes]

    def namespace(self, labels: Mapping[str, str] | None = None) -> str:
        """Make a namespace that no other test has."""
        self._namespaces += 1
        name = f"test-{self._namespaces}"
        metadata = {"name": name, "labels": dict(labels or {})}
        self.ask("POST", "/api/v1/namespaces", {"metadata": metadata}).require()
        return name

    def create(self, path: str, body: Mapping[str, Any]) -> Any:
        """Make an object that has to be taken."""
        return self.ask("POST", path, body).require()

    def establish(self, *definitions: Mapping[str, Any]) -> None:
        """Bring in custom resources, and wait until they are served."""
        path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
        for definition in definitions:
            answer = self.ask("POST", path, definition)
            assert answer.status in (201, 409), answer
        for definition in definitions:
            group, version = definition["spec"]["group"], definition["spec"]["versions"][0]["name"]
            served = f"/apis/{group}/{version}/{definition['spec']['names']['plural']}"
            self._wait(lambda served=served: self.ask("GET", served).status == 200, f"{served} to be served")

    def allow(self, namespace: str, rules: Sequence[Mapping[str, Any]], user: str = "guest") -> None:
        """Give a user rights in one namespace, or in all of them where none is named."""
        group = "rbac.authorization.k8s.io"
        kind, scope = ("Role", f"/namespaces/{namespace}") if namespace else ("ClusterRole", "")
        path = f"/apis/{group}/v1{scope}/{kind.lower()}"
        role = {"apiGroup": group, "kind": kind, "name": user}
        subject = {"apiGroup": group, "kind": "User", "name": user}
        binding = {"metadata": {"name": user}, "roleRef": role, "subjects": [subject]}
        self.create(f"{path}s", {"metadata": {"name": user}, "rules": list(rules)})
        self.create(f"{path}bindings", binding)

    def ask(self, method: str, path: str, body: Any = None, *, kind: str = JSON, user: str = "admin") -> Answer:
        """Send one request. The kind is the body's media type; a merge patch has one of its own."""
        context = ssl.create_default_context(cafile=str(self.folder / "ca.crt"))
        connection = http.client.HTTPSConnection(HOST, self._port, timeout=30, context=context)
        headers = {"Authorization": f"Bearer {self._tokens.get(user, 'unknown')}", "Content-Type": kind, "Accept": JSON}
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        return Answer(answer.status, json.loads(text) if text.startswith("{") else text)

    # Its life

    def start(self) -> None:
        """Start it; somebody else may take a port in between, so try again with others."""
        if not self.programs.is_k3s:
            subprocess.run(["sh", "-ec", CERTIFICATES], cwd=self.folder, check=True, capture_output=True)
        for attempt in range(1, ATTEMPTS + 1):
            try:
                self._start()
                return
            except AssertionError:
                self.stop()
                if attempt == ATTEMPTS or "address already in use" not in self._said():
                    raise

    def stop(self) -> None:
        """End it. What it wrote goes with the tests' folder."""
        for process in reversed(self._processes):
            process.kill()
            process.wait()
        self._processes = []

    def _start(self) -> None:
        if self.programs.is_k3s:
            self._port, *_ = free_ports(2)
            flags = [f"--kube-apiserver-arg={flag}" for flag in self._flags]
            self._run([*k3s_command(self.programs.api, self.folder, self._port), *flags])
            self._wait((self.folder / "ca").is_symlink, "K3s to make its certificates", self._link_k3s_ca)
        else:
            assert self.programs.etcd is not None
            store, peers, self._port = free_ports(3)
            self._run(etcd_command(self.programs.etcd, self.folder, store, peers))
            flags = [f"--{flag}" for flag in self._flags]
            self._run([*api_command(self.programs.api, self.folder, store, self._port), *flags])
        self._wait(self._is_ready, "the API server to be ready")
        if self.programs.is_k3s:
            self.allow("default", K3S_RULES, user="system:k3s-controller")
        for user, token in self._tokens.items():
            self._private(f"{user}.kubeconfig", json.dumps(self._kubeconfig(user, token)))

    def _is_ready(self) -> bool:
        try:
            # The roles that the server makes itself come last.
            return (
                self.ask("GET", "/readyz").status == 200 and self.ask("GET", "/api/v1/namespaces/default").status == 200
            )
        except OSError:
            return False

    def _link_k3s_ca(self) -> None:
        made = self.folder / "k3s/server/tls/server-ca.crt"
        if made.is_file():
            (self.folder / "ca.crt").write_bytes(made.read_bytes())
            (self.folder / "ca").symlink_to(made)

    def _run(self, command: Sequence[str]) -> None:
        with (self.folder / "log").open("ab") as log:
            self._processes.append(
                subprocess.Popen([*CONTAINED, *command], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            )

    def _wait(self, condition: Any, what: str, meanwhile: Any = None) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not condition():
            dead = [process.args for process in self._processes if process.poll() is not None]
            assert not dead, f"{dead} ended:\n{self._said()[-3000:]}"
            assert time.monotonic() < deadline, f"Waited in vain for {what}:\n{self._said()[-3000:]}"
            if meanwhile:
                meanwhile()
            time.sleep(0.05)

    def _said(self) -> str:
        return (self.folder / "log").read_text(encoding="utf-8", errors="replace")

    def _private(self, name: str, text: str) -> None:
        path = self.folder / name
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8")

    def _kubeconfig(self, user: str, token: str) -> dict[str, Any]:
        # JSON is YAML, too.
        cluster = {"server": f"https://{HOST}:{self._port}", "certificate-authority": str(self.folder / "ca.crt")}
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "test", "cluster": cluster}],
            "users": [{"name": user, "user": {"token": token}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": user}}],
            "current-context": "test",
        }


def etcd_command(program: Path, folder: Path, clients: int, peers: int) -> list[str]:
    address, between = f"http://{HOST}:{clients}", f"http://{HOST}:{peers}"
    return [
        str(program),
        f"--data-dir={folder / 'etcd'}",
        f"--listen-client-urls={address}",
        f"--advertise-client-urls={address}",
        f"--listen-peer-urls={between}",
        f"--initial-advertise-peer-urls={between}",
        f"--initial-cluster=default={between}",
    ]


def api_command(program: Path, folder: Path, store: int, port: int) -> list[str]:
    return [
        str(program),
        f"--etcd-servers=http://{HOST}:{store}",
        f"--bind-address={HOST}",
        f"--advertise-address={HOST}",
        f"--secure-port={port}",
        f"--cert-dir={folder}",
        f"--tls-cert-file={folder / 'api.crt'}",
        f"--tls-private-key-file={folder / 'api.key'}",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={folder / 'sa.pub'}",
        f"--service-account-signing-key-file={folder / 'sa.key'}",
        "--authorization-mode=RBAC",
        f"--token-auth-file={folder / 'tokens.csv'}",
        "--service-cluster-ip-range=10.96.0.0/16",
        "--disable-admission-plugins=ServiceAccount",
        # The default asks a port that a loopback address cannot be an endpoint of.
        "--endpoint-reconciler-type=none",
    ]


def k3s_command(program: Path, folder: Path, port: int) -> list[str]:
    return [
        str(program),
        "server",
        "--disable-agent",
        f"--data-dir={folder / 'k3s'}",
        f"--bind-address={HOST}",
        f"--advertise-address={HOST}",
        f"--https-listen-port={port}",
        f"--write-kubeconfig={folder / 'k3s.kubeconfig'}",
        "--write-kubeconfig-mode=600",
        "--disable=coredns,servicelb,traefik,local-storage,metrics-server",
        "--disable-cloud-controller",
        "--disable-helm-controller",
        # The network of pods needs programs that a K3s may carry for its kubelet alone.
        "--flannel-backend=none",
        "--disable-network-policy",
        "--disable-scheduler",
        # One controller it has to have: this one looks after nodes, of which there are none. Its port would be taken
        # by any other K3s of this machine.
        "--kube-controller-manager-arg=controllers=ttl-controller",
        "--kube-controller-manager-arg=secure-port=0",
        "--kube-apiserver-arg=disable-admission-plugins=ServiceAccount",
        f"--kube-apiserver-arg=token-auth-file={folder / 'tokens.csv'}",
    ]
