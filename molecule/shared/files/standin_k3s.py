#!/usr/bin/env python3
# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for k3s on test hosts. It is not K3s: it runs no pods, and its cluster is a document that servers share.

What a role can see is as K3s has it: files, words in the journal, readiness, joins, quorum, the few verbs of kubectl.
Source of the behaviour: https://docs.k3s.io and the sources of k3s-io/k3s. STANDIN_ROOT moves all folders.
"""

from __future__ import annotations

import base64
import errno
import fcntl
import hashlib
import http.client
import http.server
import json
import os
import platform
import random
import re
import secrets
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

VERSION = "v1.36.4+k3s1"
ROOT = Path(os.environ.get("STANDIN_ROOT", "/"))
CONFIG, RANCHER = ROOT / "etc/rancher", ROOT / "var/lib/rancher"
LOG, DELAY = RANCHER / "standin.log", RANCHER / "standin-delay"
KUBECONFIG, PASSWORD = CONFIG / "k3s/k3s.yaml", CONFIG / "node/password"
# Seconds: between heartbeats, until a silent node is not Ready, for one peer, for one write, between tries to join.
BEAT, GRACE, PEER, WRITE, RETRY = 1.0, 5.0, 1.5, 8.0, 2.0
NOT_HERE = 3
SAME_NAME = ("token", "token-file", "agent-token", "agent-token-file", "datastore-endpoint", "node-name", "data-dir")
ENVIRONMENT = {key: f"K3S_{key.upper().replace('-', '_')}" for key in SAME_NAME}
ENVIRONMENT.update({"server": "K3S_URL", "write-kubeconfig-mode": "K3S_KUBECONFIG_MODE"})
SHORT = {"-s": "--server", "-t": "--token", "-d": "--data-dir", "-c": "--config", "-v": "--v"}
AGENT_SWITCHES = """alsologtostderr debug disable-apiserver-lb disable-default-registry-endpoint docker enable-pprof
 nonroot-devices prefer-bundled-bin protect-kernel-defaults rootless selinux with-node-id"""
AGENT_FLAGS = """airgap-extra-registry bind-address config container-runtime-endpoint data-dir default-runtime
 flannel-cni-conf flannel-conf flannel-iface image-credential-provider-bin-dir image-credential-provider-config
 image-service-endpoint kube-proxy-arg kubelet-arg lb-server-port log node-external-dns node-external-ip
 node-internal-dns node-ip node-label node-name node-taint pause-image private-registry resolv-conf server snapshotter
 token token-file v vmodule vpn-auth vpn-auth-file"""
SERVER_SWITCHES = """cluster-init cluster-reset disable-agent disable-apiserver disable-cloud-controller
 disable-controller-manager disable-etcd disable-helm-controller disable-kube-proxy disable-network-policy
 disable-scheduler embedded-registry etcd-disable-snapshots etcd-expose-metrics etcd-s3 etcd-s3-skip-ssl-verify
 etcd-snapshot-compress flannel-external-ip flannel-ipv6-masq kine-tls secrets-encryption supervisor-metrics
 tls-san-security"""
SERVER_FLAGS = """advertise-address advertise-port agent-token agent-token-file apiserver-bind-address apiserver-port
 cluster-cidr cluster-dns cluster-domain cluster-reset-restore-path datastore-cafile datastore-certfile
 datastore-endpoint datastore-keyfile default-local-storage-path disable egress-selector-mode etcd-arg
 etcd-s3-access-key etcd-s3-bucket etcd-s3-bucket-lookup-type etcd-s3-config-secret etcd-s3-endpoint
 etcd-s3-endpoint-ca etcd-s3-folder etcd-s3-insecure etcd-s3-proxy etcd-s3-region etcd-s3-retention
 etcd-s3-secret-key etcd-s3-session-token etcd-s3-timeout etcd-snapshot-dir etcd-snapshot-name
 etcd-snapshot-reconcile-interval etcd-snapshot-retention etcd-snapshot-schedule-cron flannel-backend helm-job-image
 https-listen-port kube-apiserver-arg kube-cloud-controller-arg kube-cloud-controller-manager-arg kube-controller-arg
 kube-controller-manager-arg kube-scheduler-arg secrets-encryption-provider service-cidr service-node-port-range
 servicelb-namespace supervisor-port system-default-registry tls-san write-kubeconfig write-kubeconfig-group
 write-kubeconfig-mode"""
# What all servers of a cluster must have in common, with K3s's defaults.
CRITICAL = dict.fromkeys(("disable-network-policy", "embedded-registry", "secrets-encryption"), "false")
CRITICAL.update({"cluster-cidr": "10.42.0.0/16", "service-cidr": "10.43.0.0/16", "flannel-backend": "vxlan"})
BOOTSTRAP = "preparing server: failed to bootstrap cluster data: "
State = dict[str, Any]


class FatalError(Exception):
    """What ends the program, in K3s's words."""


class RefusedError(Exception):
    """What a server answers instead of what it was asked for."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status, self.reason = status, reason


class Request(NamedTuple):
    method: str
    path: str
    auth: str = ""
    body: bytes = b""


def log(level: str, message: str) -> None:
    sys.stderr.write(f'time="{time.strftime("%FT%TZ", time.gmtime())}" level={level} msg={json.dumps(message)}\n')
    sys.stderr.flush()


def note(what: str) -> None:
    """Add a line to the stand-in's own log, for those who count starts."""
    LOG.parent.mkdir(parents=True, exist_ok=True)
    try:
        with LOG.open("a") as stream:
            stream.write(f"{time.strftime('%FT%TZ', time.gmtime())} {what}\n")
    except OSError as error:
        error.filename = LOG
        raise


def write(path: Path, text: str, mode: int = 0o600) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o755 if CONFIG in path.parents else 0o700)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as error:
        beside.unlink(missing_ok=True)
        error.filename = path
        raise
    beside.chmod(mode)
    beside.replace(path)


def notify(text: str) -> None:
    path = os.environ.get("NOTIFY_SOCKET", "")
    if path:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as door:
            door.connect("\0" + path[1:] if path[0] == "@" else path)
            door.sendall(text.encode())


# --- config.yaml and the command line


def scalar(text: str) -> str:
    if text[:1] == '"':
        return str(json.loads(text))
    if text[:1] == "'" and re.fullmatch(r"'(?:[^']|'')*'", text):
        return text[1:-1].replace("''", "'")
    plain = re.split(r"\s#", text)[0].strip()
    if plain[:1] in tuple("'&*!|>{}[]%@`?,#") or plain.startswith(("- ", ": ")) or re.search(r":(\s|$)", plain):
        raise ValueError(text)
    return "" if plain in ("null", "~") else plain


def read_yaml(text: str, where: Path) -> dict[str, list[str]]:
    """Read a flat mapping of scalars and block lists; anything else that YAML may hold is refused."""
    found: dict[str, list[str]] = {}
    items: list[str] | None = None
    key = ""
    for number, line in enumerate(text.splitlines(), 1):
        try:
            if not line.strip() or line.lstrip().startswith("#") or line.rstrip() == "---":
                continue
            item = re.fullmatch(r" *- +(.*)", line)
            if item and items is not None:
                items.append(scalar(item[1].strip()))
                found[key] = items
                continue
            pair = re.fullmatch(r"(['\"]?)([\w.+-]+)\1:(?: +(.*))?", line)
            if not pair:
                raise ValueError(line)
            key, value = pair[2], (pair[3] or "").strip()
            items = None if value else []
            found[key] = [] if value in ("[]", "{}") else [scalar(value)]
        except ValueError as error:
            raise FatalError(f"yaml: {where}: line {number}: the stand-in cannot read this: {error}") from error
    return found


class Config:
    """What config.yaml, its drop-ins, the command line and the environment say, as texts."""

    def __init__(self, node_type: str, arguments: list[str]) -> None:
        own = node_type == "server"
        self.switches = set((AGENT_SWITCHES + (" " + SERVER_SWITCHES if own else "")).split())
        self.flags = set((AGENT_FLAGS + (" " + SERVER_FLAGS if own else "")).split())
        given = list(self._parse(arguments))
        main = Path(dict(given).get("config") or os.environ.get("K3S_CONFIG_FILE") or CONFIG / "k3s/config.yaml")
        drop_ins = main.with_name(main.name + ".d").glob("*.y*ml")
        self.values: dict[str, list[str]] = {}
        for path in [main, *sorted(drop_ins)]:
            for key, values in read_yaml(path.read_text(), path).items() if path.is_file() else ():
                name = key.removesuffix("+")
                if name not in self.switches | self.flags:
                    log("warning", f"Unknown flag --{name} found in config.yaml, skipping\n")
                    continue
                self.values[name] = [*(self.values.get(name, []) if name != key else []), *values]
        for name, value in given:
            self.values.setdefault(name, []).append(value)
        for name, variable in ENVIRONMENT.items():
            if name not in self.values and os.environ.get(variable):
                self.values[name] = [os.environ[variable]]
        self.data = Path(self.text("data-dir") or RANCHER / "k3s")
        self.name = self.text("node-name", socket.gethostname()).lower()
        self.port = int(self.text("https-listen-port", "6443"))

    def _parse(self, arguments: list[str]) -> Iterator[tuple[str, str]]:
        rest = iter(arguments)
        for argument in rest:
            flag, given, value = SHORT.get(argument, argument).partition("=")
            name = flag.lstrip("-")
            if not flag.startswith("-") or name not in self.switches | self.flags:
                raise FatalError(f"flag provided but not defined: -{name}")
            if not given and name in self.flags:
                value = next(rest, "")
                if not value:
                    raise FatalError(f"flag needs an argument: --{name}")
            yield name, value

    def text(self, key: str, default: str = "") -> str:
        return (self.values.get(key) or [default])[-1] or default

    def items(self, key: str) -> list[str]:
        return [each for value in self.values.get(key, ()) for each in value.split(",") if each]

    def on(self, key: str) -> bool:
        return bool(self.values.get(key)) and self.values[key][-1].lower() not in ("false", "0")

    def secret(self, key: str) -> str:
        path = self.text(f"{key}-file")
        return Path(path).read_text().strip() if path and not self.text(key) else self.text(key)

    def address(self) -> str:
        """Return the address that other nodes reach this one by."""
        given = [self.text("advertise-address"), *self.items("node-ip")]
        found = subprocess.run(["hostname", "-I"], capture_output=True, text=True, check=False).stdout.split()
        return next((each for each in [*given, *found] if each), "127.0.0.1")

    def critical(self) -> dict[str, str]:
        return {key: (self.text(key) or "true") if key in self.values else value for key, value in CRITICAL.items()}


def credentials(token: str) -> tuple[str, str]:
    """Return the hash of the CA that a token holds, if any, and its password."""
    match = re.fullmatch(r"K10([0-9a-f]*)::(?:\w*:)?(.+)", token)
    return (match[1], match[2]) if match else ("", token)


# --- HTTPS


def call(base: str, request: Request, ca: str = "", wait: float = PEER) -> bytes:
    """Return what a server answers. Without its CA, whoever answers is believed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED if ca else ssl.CERT_NONE
    if ca:
        context.load_verify_locations(cadata=ca)
    parts = urlsplit(base)
    door = http.client.HTTPSConnection(parts.hostname or "", parts.port or 443, timeout=wait, context=context)
    try:
        door.request(request.method, request.path, request.body, {"Authorization": request.auth})
        answer = door.getresponse()
        body = answer.read()
    except http.client.HTTPException as error:
        raise ConnectionError("EOF") from error
    finally:
        door.close()
    if answer.status >= 300:
        raise RefusedError(answer.status, answer.reason, body.decode(errors="replace"))
    return body


def go_words(error: OSError, base: str) -> str:
    """Return what Go says of the same trouble."""
    if isinstance(error, ssl.SSLCertVerificationError):
        late = "expired" in error.verify_message or "not yet valid" in error.verify_message
        why = "certificate has expired or is not yet valid" if late else "certificate signed by unknown authority"
        return f"tls: failed to verify certificate: x509: {why}"
    if isinstance(error, TimeoutError):
        return f"dial tcp {urlsplit(base).netloc}: i/o timeout"
    return f"dial tcp {urlsplit(base).netloc}: connect: {(error.strerror or str(error)).lower()}"


def trusted(base: str, ca_hash: str) -> str:
    """Return the CA of a server, which must be the one of the token, and valid today."""
    try:
        ca = call(base, Request("GET", "/cacerts"), wait=5).decode()
        call(base, Request("GET", "/cacerts"), ca, wait=5)
    except OSError as error:
        late = isinstance(error, ssl.SSLError)
        what = "CA cert validation failed" if late else "failed to get CA certs"
        raise FatalError(f'{what}: Get "{base}/cacerts": {go_words(error, base)}') from error
    found = hashlib.sha256(ca.encode()).hexdigest()
    if ca_hash and ca_hash != found:
        raise FatalError(f"token CA hash does not match the Cluster CA certificate hash: {ca_hash} != {found}")
    return ca


class Door(http.server.BaseHTTPRequestHandler):
    """Hands each request to the answer of its gate."""

    def _any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        request = Request(self.command, self.path, self.headers.get("Authorization", ""), body)
        status, reason = 200, "OK"
        try:
            reply = self.server.answer(request)  # type: ignore[attr-defined]  # ours, which has it
        except RefusedError as error:
            status, reason, reply = error.status, error.reason, str(error).encode()
        except OSError as error:
            status, reason, reply = 503, "Service Unavailable", go_words(error, "").encode()
        self.send_response_only(status, reason)
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    do_GET = do_POST = do_PATCH = do_DELETE = _any  # noqa: N815 - the names that the library calls


class Gate(http.server.ThreadingHTTPServer):
    """Listens with TLS; a visitor who never says anything hinders nobody."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(
        self, place: tuple[str, int], pair: tuple[Path, Path], answer: Callable[[Request], bytes], *, callers: str = ""
    ) -> None:
        self.answer = answer
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*pair)
        if callers:
            self.context.verify_mode = ssl.CERT_REQUIRED
            self.context.load_verify_locations(cadata=callers)
        self.address_family = socket.AF_INET6 if ":" in place[0] else socket.AF_INET
        try:
            super().__init__(place, Door)
        except OSError as error:
            text = f"listen tcp {place[0]}:{place[1]}: bind: {(error.strerror or '').lower()}"
            raise FatalError(text) from error
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def server_bind(self) -> None:
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()

    def finish_request(self, request: Any, client_address: Any) -> None:
        request.settimeout(10)
        with self.context.wrap_socket(request, server_side=True) as secure:
            Door(secure, client_address, self)

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass


# --- the cluster's state, and its copies on the servers


class Store:
    """One server's copy of the state. A write is one when a majority of the members has it."""

    def __init__(self, path: Path, kind: str, name: str) -> None:
        self.path, self.kind, self.name = path, kind, name
        self.state: State = {}
        self.seen: dict[str, float] = {}
        self._mutex = threading.RLock()
        self._lease = ("", 0.0)

    def load(self) -> State:
        self.state = json.loads(self.path.read_text())
        return self.state

    def save(self, state: State) -> None:
        with self._mutex:
            write(self.path, json.dumps(state))
            self.state = state

    def voters(self) -> dict[str, str]:
        return {name: each["url"] for name, each in self.state["members"].items() if each["voter"]}

    def ask(self, urls: Iterable[str], path: str, said: Any) -> dict[str, Any]:
        """Return the answers of those that answered."""
        request = Request("POST", f"/standin/{path}", f"Bearer {self.state['admin']}", json.dumps(said).encode())

        def one(url: str) -> tuple[str, Any]:
            with suppress(OSError, RefusedError):
                return url, json.loads(call(url, request, self.state["cert"]))
            return url, None

        with ThreadPoolExecutor(8) as pool:
            return {url: answer for url, answer in pool.map(one, urls) if answer is not None}

    def others(self) -> list[str]:
        return [url for name, url in self.voters().items() if name != self.name]

    def sync(self) -> bool:
        """Take the newest state of a majority, and say whether there is one."""
        if self.kind == "external":
            return bool(self.load())
        answers = self.ask(self.others(), "state", {})
        with self._mutex:
            for answer in answers.values():
                for node, age in answer["ages"].items():
                    self.seen[node] = max(self.seen.get(node, 0.0), time.monotonic() - age)
            newest = max((answer["state"] for answer in answers.values()), key=_rev, default=self.state)
            if _rev(newest) > _rev(self.state):
                self.save(newest)
            return (len(answers) + (self.name in self.voters())) * 2 > len(self.voters())

    def grant(self, holder: str) -> State | None:
        """Let one writer write, for a short while."""
        with self._mutex:
            if self._lease[0] not in ("", holder) and self._lease[1] > time.monotonic():
                return None
            self._lease = (holder, time.monotonic() + 2 * PEER)
            return self.state

    def release(self, holder: str) -> bool:
        with self._mutex:
            if self._lease[0] == holder:
                self._lease = ("", 0.0)
            return True

    def commit(self, holder: str, state: State) -> bool:
        with self._mutex:
            if self._lease[0] not in ("", holder) or _rev(state) <= _rev(self.state):
                return False
            self.save(state)
            return self.release(holder)

    def change(self, edit: Callable[[State], Any]) -> Any:
        """Change the state on a majority of the members, or refuse."""
        if self.kind == "external":
            with self._mutex, self.path.with_suffix(".lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                state = self.load()
                result = edit(state)
                self.save(state)
                return result
        deadline = time.monotonic() + WRITE
        while time.monotonic() < deadline:
            done, result = self._try(secrets.token_hex(4), edit)
            if done:
                return result
            time.sleep(random.uniform(0.05, 0.3))
        raise RefusedError(500, "Internal Server Error", "etcdserver: request timed out")

    def _try(self, holder: str, edit: Callable[[State], Any]) -> tuple[bool, Any]:
        voters = self.voters()
        own = self.name in voters
        granted = {url: state for url, state in self.ask(self.others(), "grant", [holder]).items() if state}
        mine = self.grant(holder)
        try:
            newest = max(granted.values(), key=_rev, default=self.state)
            if _rev(newest) > _rev(self.state):
                self.commit(holder, newest)
                return False, None
            if not mine or (len(granted) + own) * 2 <= len(voters):
                return False, None
            state = json.loads(json.dumps(self.state))
            result = edit(state)
            state["rev"] += 1
            learners = [each["url"] for each in self.state["members"].values() if not each["voter"]]
            answers = self.ask([*granted, *learners], "commit", [holder, state])
            acks = sum(bool(answers.get(url)) for url in granted)
            return (self.commit(holder, state) * own + acks) * 2 > len(voters), result
        finally:
            self.release(holder)
            self.ask(granted, "release", [holder])


def _rev(state: State) -> int:
    return int(state["rev"])


class Server:
    """`k3s server`."""

    def __init__(self, config: Config) -> None:
        self.config, self.name = config, config.name
        self.folder = config.data / "server"
        host = config.address()
        self.url = f"https://{f'[{host}]' if ':' in host else host}:{config.port}"
        self.over = threading.Event()
        self.why = ""
        self.store = self._store()
        self.started = time.monotonic()

    def _store(self) -> Store:
        database = self.folder / "db"
        etcd, sqlite = database / "etcd/member/snap/db", database / "state.db"
        endpoint = self.config.text("datastore-endpoint")
        if endpoint:
            if not endpoint.startswith("sqlite://"):
                raise FatalError(
                    f"datastore-endpoint {endpoint.partition(':')[0]} is not in the stand-in; sqlite:// is"
                )
            return Store(Path(endpoint[9:]), "external", self.name)
        if etcd.exists() or self.config.on("cluster-init") or (self.config.text("server") and not sqlite.exists()):
            return Store(etcd, "etcd", self.name)
        return Store(sqlite, "sqlite", self.name)

    def prepare(self) -> None:
        """Have a state on disk: the one that is there, that of the cluster to join, or a new one."""
        store, given = self.store, credentials(self.config.secret("token"))[1]
        old = self.folder / "db/state.db"
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if store.path.exists():
            if given not in ("", store.load()["token"]):
                raise FatalError(
                    f"Error: {BOOTSTRAP}failed to reconcile with local datastore: "
                    "bootstrap data already found and encrypted with different token"
                )
        elif store.kind == "etcd" and old.exists():
            log("info", "Migrating content from sqlite to etcd")
            store.save(json.loads(old.read_text()))
            old.rename(f"{old}.migrated")
        elif store.kind == "etcd" and self.config.text("server"):
            store.save(self.join(self.config.text("server").rstrip("/")))
        else:
            store.save(self.new(given or secrets.token_hex(16)))
        if store.kind == "sqlite":
            store.save({**store.state, "members": {self.name: {"url": self.url, "voter": True}}})
        self.agent_password = self.config.secret("agent-token") or store.state["token"]
        write(self.folder / "tls/server-ca.crt", store.state["cert"], 0o644)
        write(self.folder / "tls/server-ca.key", store.state["key"])

    def new(self, token: str) -> State:
        folder = self.folder / "tls"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        key, cert = folder / "server-ca.key", folder / "server-ca.crt"
        command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        command += ["-days", "3650", "-subj", f"/CN=k3s-server-ca@{int(time.time())}", "-keyout", str(key)]
        command += ["-addext", "subjectAltName=IP:127.0.0.1,IP:::1"]
        try:
            subprocess.run([*command, "-out", str(cert)], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError) as error:
            said = getattr(error, "stderr", b"").decode().lower()
            raise FatalError(f"the stand-in could not make a certificate with openssl: {said or error}") from error
        random_ones = {each: secrets.token_hex(32) for each in ("admin", "kubelet")}
        shared = {"cert": cert.read_text(), "key": key.read_text(), "token": token, "critical": self.config.critical()}
        members = {self.name: {"url": self.url, "voter": True}}
        return {"rev": 1, **shared, **random_ones, "members": members, "nodes": {}, "secrets": {}}

    def join(self, base: str) -> State:
        checking = f"Error: {BOOTSTRAP}failed to check if bootstrap data has been initialized: "
        ca_hash, password = credentials(self.config.secret("token"))
        if not password:
            raise FatalError(f"{checking}token is required to join a cluster")
        said = {"name": self.name, "url": self.url, "critical": self.config.critical()}
        request = Request("POST", "/v1-k3s/server-bootstrap", basic("server", password), json.dumps(said).encode())
        try:
            return json.loads(call(base, request, trusted(base, ca_hash), wait=WRITE + 2))
        except FatalError as error:
            raise FatalError(f"{checking}failed to validate token: {error}") from error
        except OSError as error:
            raise FatalError(f'{checking}Get "{base}{request.path}": {go_words(error, base)}') from error
        except RefusedError as error:
            if error.status == 409:
                raise FatalError(f"ETCD join failed: {error}") from error
            if error.status == 400:
                raise FatalError(f"Error: {BOOTSTRAP}failed to validate server configuration: {error}") from error
            text = f"{base}{request.path}: {error.status} {error.reason}"
            raise FatalError(f"{checking}failed to validate token: {text}") from error

    def add(self, state: State, said: dict[str, Any]) -> None:
        """Take a server in, which cannot vote before it has started."""
        wrong = [key for key, value in state["critical"].items() if said["critical"].get(key) != value]
        if self.store.kind != "etcd" or wrong:
            text = f"critical configuration value mismatch between servers: {', '.join(wrong)}"
            raise RefusedError(400, "Bad Request", text if wrong else "etcd disabled")
        member = state["members"].get(said["name"])
        if member and (member["voter"] or member["url"] != said["url"]):
            text = "duplicate node name found, please use a unique name for this node"
            raise RefusedError(409, "Conflict", text)
        if any(not each["voter"] for name, each in state["members"].items() if name != said["name"]):
            raise RefusedError(409, "Conflict", "etcdserver: too many learner members in cluster")
        state["members"][said["name"]] = {"url": said["url"], "voter": False}

    def run(self) -> None:
        self.prepare()
        delay()
        pair = (self.folder / "tls/server-ca.crt", self.folder / "tls/server-ca.key")
        bind = self.config.text("bind-address")
        place = bind or ("::" if socket.has_dualstack_ipv6() else "0.0.0.0")
        gate = Gate((place, self.config.port), pair, self.answer)
        etcd = self.etcd(pair) if self.store.kind == "etcd" else None
        try:
            while not self.store.sync() or not self.vote():
                text = self.stranger() if not self.is_member() else "context deadline exceeded"
                log("info", f"Failed to test data store connection: {text}")
                self.over.wait(BEAT)
            self.files()
            log("info", "k3s is up and running")
            notify("READY=1\nSTATUS=stand-in, no K3s")
            threading.Thread(target=self.beat, daemon=True).start()
            self.over.wait()
            raise FatalError(self.why)
        finally:
            gate.server_close()
            if etcd:
                etcd.server_close()

    def etcd(self, pair: tuple[Path, Path]) -> Gate:
        """Listen where K3s's etcd answers by HTTP, to those who have its client's certificate."""
        folder, cert = self.folder / "tls/etcd", self.store.state["cert"]
        for name, source in (("server-ca.crt", pair[0]), ("client.crt", pair[0]), ("client.key", pair[1])):
            write(folder / name, source.read_text())
        write(self.folder / "db/etcd/name", member_name(self.name))
        # Below another root several share one machine.
        return Gate(("127.0.0.1", 2382 if Path("/") == ROOT else 0), pair, self.members, callers=cert)

    def members(self, request: Request) -> bytes:
        said = json.loads(request.body or b"{}")
        if request.path == "/v3/cluster/member/remove":
            names = [name for name in self.store.state["members"] if member_number(name) == said["ID"]]
            if not names:
                raise RefusedError(404, "Not Found", '{"message":"etcdserver: member not found"}')
            self.store.change(lambda state: state["members"].pop(names[0], None))
        elif request.path != "/v3/cluster/member/list":
            raise RefusedError(404, "Not Found", "404 page not found")
        found = []
        for name, each in self.store.state["members"].items():
            url = urlsplit(each["url"])
            peer = f"https://{url.netloc.rpartition(':')[0]}:2380"
            found.append(
                {"ID": member_number(name), "name": member_name(name), "peerURLs": [peer]}
                | ({} if each["voter"] else {"isLearner": True})
            )
        return json.dumps({"header": {}, "members": found}).encode()

    def vote(self) -> bool:
        """Become a full member, by the address that this server has now."""
        store = self.store

        def edit(state: State) -> None:
            state["members"][self.name] = {"url": self.url, "voter": True}

        if store.kind == "etcd" and not self.is_member():
            return False
        try:
            if store.state["members"].get(self.name) != {"url": self.url, "voter": True}:
                store.change(edit)
        except RefusedError:
            return False
        return True

    def is_member(self) -> bool:
        known = self.store.state["members"].get(self.name)
        return bool(known) and urlsplit(known["url"]).hostname == urlsplit(self.url).hostname

    def stranger(self) -> str:
        found = " ".join(f"{name}={each['url']}" for name, each in self.store.state["members"].items())
        text = "this server is a not a member of the etcd cluster"
        return f"{text}. Found [{found}], expect: {self.name}={self.url}"

    def files(self) -> None:
        """Write what administrators and joining nodes need."""
        state, config = self.store.state, self.config
        ca_hash = hashlib.sha256(state["cert"].encode()).hexdigest()
        write(self.folder / "token", f"K10{ca_hash}::server:{state['token']}\n")
        agent_token = self.folder / "agent-token"
        for link in [self.folder / "node-token", *([agent_token] if self.agent_password == state["token"] else [])]:
            if not link.is_symlink():
                link.unlink(missing_ok=True)
                link.symlink_to(self.folder / "token")
        if self.agent_password != state["token"]:
            agent_token.unlink(missing_ok=True)
            write(agent_token, f"K10{ca_hash}::node:{self.agent_password}\n")
        data = {"certificate-authority-data": state["cert"], "client-certificate-data": state["cert"]}
        data["client-key-data"] = f"admin:{state['admin']}"
        target = Path(config.text("write-kubeconfig") or KUBECONFIG)
        host = config.text("bind-address") or "127.0.0.1"
        write(target, kubeconfig(f"https://{host}:{config.port}", data))
        mode = config.text("write-kubeconfig-mode", "0600")
        try:
            target.chmod(int(mode, 8))
        except ValueError:
            log("error", f"Failed to set {target} to mode {mode}: invalid syntax")
        log("info", f"Wrote kubeconfig {target}")

    def beat(self) -> None:
        """Say again and again that this server lives, and notice when it is no member any more."""
        store = self.store
        if not self.config.on("disable-agent"):
            threading.Thread(target=self.enrol, daemon=True).start()
        while not self.over.wait(BEAT):
            store.seen[self.name] = time.monotonic()
            newest = store.ask(store.others(), "beat", [self.name]).values()
            with suppress(OSError):  # a full disk: the others have the state
                if any(each["rev"] > _rev(store.state) for each in newest):
                    store.sync()
            if store.kind == "etcd" and not self.is_member():
                self.why = "the member has been permanently removed from the cluster"
                self.over.set()

    def enrol(self) -> None:
        """Register the server's own node."""
        labels = ["control-plane", *(["etcd"] if self.store.kind == "etcd" else [])]
        while not self.over.is_set():
            try:
                self.register(node_of(self.config, [f"node-role.kubernetes.io/{each}=true" for each in labels]))
                agent_files(self.config, self.store.state, f"https://127.0.0.1:{self.config.port}")
                return
            except (RefusedError, OSError) as error:
                text = rejected() if isinstance(error, RefusedError) and error.status == 403 else str(error)
                log("info", f"Waiting to retrieve agent configuration; server is not ready: {text}")
            except FatalError as error:
                self.why = str(error)
                self.over.set()
            self.over.wait(RETRY)

    def register(self, said: dict[str, Any]) -> None:
        name = said["node"]["metadata"]["name"]

        def edit(state: State) -> None:
            known = state["secrets"].setdefault(f"{name}.node-password.k3s", said["password"])
            if known != said["password"]:
                raise RefusedError(403, "Forbidden", "unable to verify password for node")
            old = state["nodes"].get(name)
            fresh = said["node"]
            if old:
                old["status"].update(fresh["status"])
                old["metadata"]["labels"].update(said["roles"])
                old["metadata"]["annotations"].update(fresh["metadata"]["annotations"])
            state["nodes"][name] = old or fresh

        self.store.change(edit)
        self.store.seen[name] = time.monotonic()

    # --- what it answers

    def answer(self, request: Request) -> bytes:
        path = request.path.partition("?")[0]
        if path in ("/ping", "/cacerts"):
            return b"pong" if path == "/ping" else str(self.store.state["cert"]).encode()
        if path.startswith("/v1-k3s/"):
            return self.admit(path, request)
        user, _, key = request.auth.removeprefix("Bearer ").rpartition(":")
        if not key or key != self.store.state["admin" if user in ("admin", "") else "kubelet"]:
            raise RefusedError(401, "Unauthorized", "Unauthorized")
        said = json.loads(request.body or b"null")
        if path.startswith("/standin/"):
            return json.dumps(self.peer(path, said)).encode()
        if path in ("/readyz", "/livez", "/healthz"):
            if self.store.sync():
                return b"ok"
            raise RefusedError(500, "InternalError", f"[+]ping ok\n[-]etcd failed: reason withheld\n{path[1:]} failed")
        if not self.store.sync():
            raise RefusedError(500, "Internal Server Error", "etcdserver: request timed out")
        if user != "admin" and request.method != "GET":
            raise RefusedError(403, "Forbidden", f'User "{user}" cannot {request.method.lower()} {path}')
        return json.dumps(self.api(request.method, path, said)).encode()

    def admit(self, path: str, request: Request) -> bytes:
        """Take in a server or a node that has the right token."""
        pairs = {"server-bootstrap": ("server", self.store.state["token"]), "config": ("node", self.agent_password)}
        if request.auth != basic(*pairs.get(path.rpartition("/")[2], ("", ""))):
            raise RefusedError(401, "Unauthorized", "not authorized")
        said = json.loads(request.body)
        if path == "/v1-k3s/server-bootstrap":
            self.store.change(lambda state: self.add(state, said))
            return json.dumps(self.store.state).encode()
        self.register(said)
        state = self.store.state
        urls = [each["url"] for each in state["members"].values()]
        return json.dumps({**{key: state[key] for key in ("cert", "key", "kubelet")}, "urls": urls}).encode()

    def peer(self, path: str, said: Any) -> Any:
        store = self.store
        if path == "/standin/beat":
            store.seen[said[0]] = time.monotonic()
            urls = [each["url"] for each in store.state["members"].values()]
            return {"rev": store.state["rev"], "urls": urls}
        if path == "/standin/state":
            ages = {name: time.monotonic() - seen for name, seen in store.seen.items()}
            return {"state": store.state, "ages": ages}
        verbs: dict[str, Callable[..., Any]] = {"grant": store.grant, "commit": store.commit, "release": store.release}
        return verbs[path.rpartition("/")[2]](*said)

    def api(self, method: str, path: str, said: Any) -> Any:
        """Answer for nodes, and for secrets with their passwords."""
        match = re.fullmatch(r"/api/v1/(?:namespaces/kube-system/)?(nodes|secrets)(?:/([^/]+))?", path)
        if not match:
            raise RefusedError(404, "NotFound", "the server could not find the requested resource")
        kind, name = match[1], match[2] or ""
        if (method, kind, name) == ("GET", "nodes", ""):
            nodes = sorted(self.store.state["nodes"].items())
            return {"apiVersion": "v1", "kind": "List", "items": [self.shown(each) for _, each in nodes]}
        if name not in self.store.state[kind]:
            raise RefusedError(404, "NotFound", f'{kind} "{name}" not found')

        def edit(state: State) -> None:
            if method == "PATCH":
                merge(state["nodes"][name], said)
                return
            state[kind].pop(name, None)
            if kind == "nodes":
                state["secrets"].pop(f"{name}.node-password.k3s", None)
                if len(state["members"]) > 1:
                    state["members"].pop(name, None)

        if method != "GET":
            self.store.change(edit)
        return self.shown(self.store.state[kind].get(name))

    def shown(self, node: Any) -> Any:
        """Return a node with its conditions as they are now."""
        if not isinstance(node, dict):
            return {}
        node = json.loads(json.dumps(node))
        name, labels = node["metadata"]["name"], node["metadata"]["labels"]
        lives = time.monotonic() - self.store.seen.get(name, self.started) < GRACE
        ready = ("True", "KubeletReady") if lives else ("Unknown", "NodeStatusUnknown")
        heard = node["status"].pop("heard", "")
        conditions = [{"type": "Ready", "status": ready[0], "reason": ready[1], "lastHeartbeatTime": heard}]
        if labels.get("node-role.kubernetes.io/etcd") == "true":
            member = self.store.state["members"].get(name)
            reason = "NotAMember" if not member else "MemberNotLearner" if member["voter"] else "MemberIsLearner"
            status = str(reason == "MemberNotLearner")
            conditions.insert(0, {"type": "EtcdIsVoter", "status": status, "reason": reason})
        node["status"]["conditions"] = conditions
        return node


def member_name(node: str) -> str:
    """Return the name that a node has in etcd: with something behind it, so that one who comes back is another."""
    return f"{node}-{hashlib.sha256(node.encode()).hexdigest()[:8]}"


def member_number(node: str) -> str:
    return str(int(hashlib.sha256(node.encode()).hexdigest()[:15], 16))


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def merge(old: State, patch: State) -> None:
    for key, value in patch.items():
        if value is None:
            old.pop(key, None)
        elif isinstance(value, dict):
            merge(old.setdefault(key, {}), value)
        else:
            old[key] = value


# --- nodes


def delay() -> None:
    """Wait as long as a file says, so that a test can end this program while it starts."""
    if DELAY.is_file():
        time.sleep(float(DELAY.read_text()))


def rejected() -> str:
    return (
        f"Node password rejected, duplicate hostname or contents of '{PASSWORD}' may not match server node-passwd "
        "entry, try enabling a unique node name with the --with-node-id flag"
    )


def node_of(config: Config, roles: list[str]) -> dict[str, Any]:
    """Return this host as a node, with what proves that it is the one of before."""
    if not PASSWORD.is_file():
        write(PASSWORD, secrets.token_hex(16) + "\n")
    pairs = [each.partition("=") for each in [*config.items("node-label"), *roles]]
    arch = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    own = {"kubernetes.io/hostname": config.name, "kubernetes.io/os": "linux", "kubernetes.io/arch": arch}
    labels = {**own, "node.kubernetes.io/instance-type": "k3s", **{key: value for key, _, value in pairs}}
    internal = config.items("node-ip") or [config.address()]
    taints = [taint(each) for each in config.items("node-taint")]
    addresses = [{"type": "InternalIP", "address": each} for each in internal]
    addresses += [{"type": "ExternalIP", "address": each} for each in config.items("node-external-ip")]
    info = {"kubeletVersion": VERSION, "architecture": arch, "containerRuntimeVersion": "standin://0"}
    annotations = {"k3s.io/hostname": config.name, "k3s.io/internal-ip": ",".join(internal)}
    heard = {"heard": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
    node = {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": config.name, "labels": labels, "annotations": annotations},
        "spec": {"taints": taints} if taints else {},
        "status": {"addresses": [*addresses, {"type": "Hostname", "address": config.name}], "nodeInfo": info} | heard,
    }
    password = hashlib.sha256(PASSWORD.read_text().strip().encode()).hexdigest()
    return {"node": node, "roles": dict(each.split("=") for each in roles), "password": password}


def taint(text: str) -> dict[str, str]:
    match = re.fullmatch(r"([^=:]+)(?:=([^=:]*))?:(NoSchedule|PreferNoSchedule|NoExecute)", text)
    if not match:
        raise FatalError(f"invalid taint spec: {text}")
    return {"key": match[1], "effect": match[3], **({"value": match[2]} if match[2] else {})}


def kubeconfig(url: str, data: dict[str, str]) -> str:
    def lines(names: str) -> str:
        keys = [key for key in data if key.startswith(names)]
        shown = {
            key: base64.b64encode(data[key].encode()).decode() if key.endswith("-data") else data[key] for key in keys
        }
        return "".join(f"    {key}: {value}\n" for key, value in shown.items())

    return (
        f"apiVersion: v1\nclusters:\n- cluster:\n{lines('certificate')}    server: {url}\n  name: default\n"
        "contexts:\n- context:\n    cluster: default\n    user: default\n  name: default\n"
        "current-context: default\nkind: Config\npreferences: {}\n"
        f"users:\n- name: default\n  user:\n{lines('client')}"
    )


def agent_files(config: Config, cluster: dict[str, Any], url: str) -> None:
    """Write what the node asks its server with."""
    folder = config.data / "agent"
    write(folder / "server-ca.crt", cluster["cert"])
    write(folder / "client-kubelet.crt", cluster["cert"])
    write(folder / "client-kubelet.key", f"system:node:{config.name}:{cluster['kubelet']}")
    names = {
        f"client-{key}": str(folder / f"client-kubelet.{end}") for key, end in (("certificate", "crt"), ("key", "key"))
    }
    names["certificate-authority"] = str(folder / "server-ca.crt")
    write(folder / "kubelet.kubeconfig", kubeconfig(url, names))
    for left in ("var/lib/kubelet/pods", "run/k3s"):
        (ROOT / left).mkdir(parents=True, exist_ok=True)


class Agent:
    """`k3s agent`: like the real one it tries to join for ever."""

    def __init__(self, config: Config) -> None:
        self.config, self.token = config, config.secret("token")
        self.url = config.text("server").rstrip("/")
        if not self.token or not self.url:
            raise FatalError(f"--{'server' if self.token else 'token'} is required")
        self.balancer = config.data / "agent/etc/k3s-agent-load-balancer.json"
        self.urls = [self.url, *(json.loads(self.balancer.read_text()) if self.balancer.exists() else [])]

    def run(self) -> None:
        name, port = self.config.name, int(self.config.text("lb-server-port", "6444"))
        cluster = self.join()
        self.urls = cluster["urls"]
        agent_files(self.config, cluster, f"https://127.0.0.1:{port}")
        delay()
        pair = (self.config.data / "agent/server-ca.crt", self.config.data / "agent/serving-kubelet.key")
        write(pair[1], cluster["key"])
        Gate(("127.0.0.1", port), pair, self.forward)
        log("info", "k3s agent is up and running")
        notify("READY=1\nSTATUS=stand-in, no K3s")
        auth = f"Bearer system:node:{name}:{cluster['kubelet']}"
        while True:
            write(self.balancer, json.dumps(self.urls))
            with ThreadPoolExecutor(8) as pool:
                found = list(pool.map(lambda url: self.beat(url, cluster["cert"], auth), self.urls))
            self.urls = next((each["urls"] for each in sorted(found, key=_rev, reverse=True) if each["rev"]), self.urls)
            time.sleep(BEAT)

    def beat(self, url: str, ca: str, auth: str) -> dict[str, Any]:
        with suppress(OSError, RefusedError):
            request = Request("POST", "/standin/beat", auth, json.dumps([self.config.name]).encode())
            return json.loads(call(url, request, ca))
        return {"rev": 0}

    def join(self) -> dict[str, Any]:
        ca_hash, password = credentials(self.token)
        said = json.dumps(node_of(self.config, [])).encode()
        request = Request("POST", "/v1-k3s/config", basic("node", password), said)
        while True:
            for url in self.urls:
                try:
                    found: dict[str, Any] = json.loads(call(url, request, trusted(url, ca_hash), wait=WRITE + 2))
                    return found
                except FatalError as error:
                    log("error", f"Failed to validate connection to cluster at {self.url}: {error}")
                except (OSError, RefusedError) as error:
                    log("info", f"Waiting to retrieve agent configuration; server is not ready: {_said(error, url)}")
            time.sleep(RETRY)

    def forward(self, request: Request) -> bytes:
        """Ask the servers in turn, as the real one's load balancer does."""
        for url in self.urls:
            with suppress(OSError):
                return call(url, request, wait=WRITE + 2)
        raise RefusedError(503, "Service Unavailable", "no server answers")


def _said(error: Exception, url: str) -> str:
    if isinstance(error, RefusedError):
        text = f"{url}/v1-k3s/config: {error.status} {error.reason}"
        return rejected() if error.status == 403 else f"failed to retrieve configuration from server: {text}"
    assert isinstance(error, OSError)
    return f'failed to retrieve configuration from server: Get "{url}/v1-k3s/config": {go_words(error, url)}'


# --- kubectl


VALUES = {"kubeconfig", "output", "namespace", "raw", "timeout", "grace-period", "context", "request-timeout", "server"}
DRAINING = {"force", "ignore-daemonsets", "delete-emptydir-data", "disable-eviction"}


class Kubectl:
    """The few verbs that roles call, against the server that a kubeconfig names."""

    def __init__(self, arguments: list[str]) -> None:
        self.words: list[str] = []
        self.options: dict[str, str] = {}
        rest = iter(arguments)
        for each in rest:
            flag, given, value = {"-o": "--output", "-n": "--namespace"}.get(each, each).partition("=")
            name = flag[2:]
            if not flag.startswith("--"):
                self.words.append(each)
            elif name in VALUES:
                self.options[name] = value if given else next(rest, "")
            elif name in {"overwrite", "ignore-not-found", *DRAINING}:
                self.options[name] = value or "true"
            else:
                raise FatalError(f"error: unknown flag: --{name}")
        path = Path(self.options.get("kubeconfig") or os.environ.get("KUBECONFIG") or KUBECONFIG)
        try:
            self.kubeconfig = path.read_text()
        except OSError as error:
            raise FatalError(f"error: open {path}: {(error.strerror or '').lower()}") from error

    def run(self) -> int:
        verb, *rest = self.words or [""]
        if verb == "get" and "raw" in self.options:
            sys.stdout.write(self.ask("GET", self.options["raw"]).decode())
            return 0
        if verb in ("cordon", "uncordon", "drain"):
            self.on_schedule(verb, rest)
            return 0
        kind, *names = rest or [""]
        kind = {"node": "nodes", "no": "nodes", "secret": "secrets"}.get(kind, kind)
        action = getattr(self, f"on_{verb}", None)
        if not action or kind not in ("nodes", "secrets") or (kind == "secrets" and verb != "delete"):
            return absent(f"kubectl {' '.join(self.words)}")
        action(kind, names)
        return 0

    def ask(self, method: str, path: str, said: Any = None) -> bytes:
        url = self.options.get("server") or self._field("server") or "https://localhost:8080"
        ca = self._field("certificate-authority-data") or self._file("certificate-authority")
        key = self._field("client-key-data") or self._file("client-key")
        body = b"" if said is None else json.dumps(said).encode()
        try:
            return call(url, Request(method, path, f"Bearer {key}", body), ca, wait=WRITE + 4)
        except RefusedError as error:
            raise FatalError(self._explained(error)) from error
        except ConnectionRefusedError as error:
            text = f"The connection to the server {urlsplit(url).netloc} was refused"
            raise FatalError(f"{text} - did you specify the right host or port?") from error
        except OSError as error:
            raise FatalError(f"Unable to connect to the server: {go_words(error, url)}") from error

    def _explained(self, error: RefusedError) -> str:
        if error.status == 401:
            return "error: You must be logged in to the server (Unauthorized)"
        if error.reason == "InternalError":
            text = f"an error on the server ({json.dumps(str(error))}) has prevented the request from succeeding"
            return f"Error from server (InternalError): {text}"
        return f"Error from server{f' ({error.reason})' if ' ' not in error.reason else ''}: {error}"

    def _field(self, name: str) -> str:
        match = re.search(rf"^\s+{name}: (\S+)$", self.kubeconfig, re.MULTILINE)
        if not match:
            return ""
        return base64.b64decode(match[1]).decode() if name.endswith("-data") else match[1]

    def _file(self, name: str) -> str:
        path = self._field(name)
        return Path(path).read_text() if path else ""

    def node(self, name: str) -> State:
        found: State = json.loads(self.ask("GET", f"/api/v1/nodes/{name}"))
        return found

    def patch(self, name: str, said: Any, done: str) -> None:
        self.ask("PATCH", f"/api/v1/nodes/{name}", said)
        sys.stdout.write(f"node/{name} {done}\n")

    def on_get(self, kind: str, names: list[str]) -> None:
        nodes = [self.node(name) for name in names] or json.loads(self.ask("GET", "/api/v1/nodes"))["items"]
        if self.options.get("output") == "json":
            found = nodes[0] if len(names) == 1 else {"apiVersion": "v1", "kind": "List", "items": nodes}
            sys.stdout.write(json.dumps(found, indent=4) + "\n")
            return
        for each in nodes:
            ready = next(one["status"] for one in each["status"]["conditions"] if one["type"] == "Ready")
            version = each["status"]["nodeInfo"]["kubeletVersion"]
            sys.stdout.write(f"{each['metadata']['name']} Ready={ready} {version}\n")

    def on_label(self, kind: str, names: list[str]) -> None:
        self._pairs("labels", names)

    def on_annotate(self, kind: str, names: list[str]) -> None:
        self._pairs("annotations", names)

    def _pairs(self, field: str, words: list[str]) -> None:
        """Set what is key=value, and remove what is key-."""
        name, *pairs = words or [""]
        old = self.node(name)["metadata"].get(field, {})
        said: dict[str, str | None] = {}
        for pair in pairs:
            key, given, value = pair.partition("=")
            self._over(f"'{key}' already has a value ({old.get(key)})", given and old.get(key, value) != value)
            said[key if given else key.removesuffix("-")] = value if given else None
        self.patch(name, {"metadata": {field: said}}, "labeled" if field == "labels" else "annotated")

    def _over(self, what: str, differs: object) -> None:
        if differs and self.options.get("overwrite") != "true":
            raise FatalError(f"error: {what}, and --overwrite is false")

    def on_taint(self, kind: str, names: list[str]) -> None:
        name, *pairs = names or [""]
        found = {(each["key"], each["effect"]): each for each in self.node(name)["spec"].get("taints", [])}
        for pair in pairs:
            key, _, effect = pair.removesuffix("-").partition(":")
            if pair.endswith("-"):
                gone = [each for each in found if each[0] == key and effect in ("", each[1])]
                if not gone:
                    raise FatalError(f'error: taint "{pair[:-1]}" not found')
                for each in gone:
                    del found[each]
                continue
            new = taint(pair)
            self._over(f"node {name} already has {new['key']} taint(s)", found.get((new["key"], effect), new) != new)
            found[new["key"], effect] = new
        self.patch(name, {"spec": {"taints": list(found.values()) or None}}, "modified")

    def on_delete(self, kind: str, names: list[str]) -> None:
        folder = "nodes" if kind == "nodes" else f"namespaces/{self.options.get('namespace', 'default')}/secrets"
        for name in names:
            try:
                self.ask("DELETE", f"/api/v1/{folder}/{name}")
            except FatalError as error:
                if "(NotFound)" not in str(error) or self.options.get("ignore-not-found") != "true":
                    raise
                continue
            sys.stdout.write(f'{kind[:-1]} "{name}" deleted\n')

    def on_schedule(self, verb: str, names: list[str]) -> None:
        """Cordon, uncordon, or drain, which moves no pods since there are none."""
        for name in names:
            self.patch(name, {"spec": {"unschedulable": None if verb == "uncordon" else True}}, f"{verb}ed")


# --- the program


def absent(what: str) -> int:
    sys.stderr.write(f"k3s {what}: not in the stand-in\n")
    return NOT_HERE


def snapshots(arguments: list[str]) -> int:
    """`k3s etcd-snapshot save|ls`: the state in a file."""
    server = Server(Config("server", []))
    folder = server.folder / "db/snapshots"
    verb = (arguments or ["save"])[0]
    if verb not in ("save", "ls", "list") or len(arguments) > 1:
        return absent(f"etcd-snapshot {' '.join(arguments)}")
    if server.store.kind != "etcd":
        raise FatalError("etcd datastore is not in use")
    if verb == "save":
        server.store.load()
        found = server.store.ask([f"https://127.0.0.1:{server.config.port}"], "state", {})
        if not found:
            raise FatalError("see server log for details: the server does not answer")
        name = f"on-demand-{server.name}-{int(time.time())}"
        write(folder / name, json.dumps(next(iter(found.values()))["state"]))
        sys.stdout.write(f"Snapshot {name} saved.\n")
        return 0
    sys.stdout.write("Name Location Size Created\n")
    for path in sorted(folder.glob("*")):
        created = time.strftime("%FT%TZ", time.gmtime(path.stat().st_mtime))
        sys.stdout.write(f"{path.name} file://{path} {path.stat().st_size} {created}\n")
    return 0


def encryption(arguments: list[str]) -> int:
    """`k3s secrets-encrypt status`."""
    if arguments != ["status"]:
        return absent(f"secrets-encrypt {' '.join(arguments)}")
    store = Server(Config("server", [])).store
    on = store.path.exists() and store.load()["critical"]["secrets-encryption"] == "true"
    more = "Current Rotation Stage: start\nServer Encryption Hashes: All hashes match\n"
    sys.stdout.write(f"Encryption Status: Enabled\n{more}" if on else "Encryption Status: Disabled\n")
    return 0


def daemon(node_type: str, arguments: list[str]) -> int:
    """Run a server or an agent until it is told to end."""
    config = Config(node_type, arguments)
    if config.on("cluster-reset"):
        return absent("server --cluster-reset")
    status = 1
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    note(f"start {node_type} {config.name}")
    log("info", f"Starting k3s {VERSION} (stand-in)")
    try:
        (Server if node_type == "server" else Agent)(config).run()
    except SystemExit:
        status = 0
    finally:
        with suppress(OSError):
            note(f"stop {node_type} {config.name} {status}")
    return status


def main(arguments: list[str]) -> int:
    """Do what the command line says."""
    program = Path(arguments[0]).name
    words = arguments[1:] if program not in ("kubectl", "crictl", "ctr") else [program, *arguments[1:]]
    verb, *rest = words or [""]
    try:
        if verb in ("--version", "-v"):
            sys.stdout.write(f"k3s version {VERSION} (standin0)\n")
            return 0
        if verb in ("server", "agent"):
            return daemon(verb, rest)
        if verb == "kubectl":
            with suppress(OSError):
                note(f"kubectl {' '.join(rest)}")
            return Kubectl(rest).run()
        other = {"etcd-snapshot": snapshots, "secrets-encrypt": encryption}.get(verb)
        if not other and verb.startswith("-"):
            raise FatalError(f"flag provided but not defined: {verb}")
        return other(rest) if other else absent(" ".join(words))
    except FatalError as error:
        log("fatal", str(error)) if verb != "kubectl" else sys.stderr.write(f"{error}\n")
    except OSError as error:
        what = "write" if error.errno == errno.ENOSPC else "open"
        log("fatal", f"{what} {error.filename}: {(error.strerror or str(error)).lower()}")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv))
