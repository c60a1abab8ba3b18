# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults of a running data plane, each made for a while and undone: stopped programs, edited files, a wrong clock."""

from __future__ import annotations

import datetime
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from plugins.module_utils._adapters.envoy_admin import EnvoyAdmin
from tests.live.data_plane import HOST, DataPlane, wait_for
from tests.live.misbehaving.hops import SOON, post
from tests.live.programs import kill, pids

MASTER = "^nginx: master"
# The clock alone: neither the time that passes nor the times of files.
ONE_HOUR_AHEAD = {
    "FAKETIME": "+1h",
    # Each ten seconds it would look at its variables again, which NGINX has taken away.
    "FAKETIME_CACHE_DURATION": "86400",
    "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    "NO_FAKE_STAT": "1",
}


def supervisorctl(plane: DataPlane, *arguments: str) -> None:
    """Have the supervisor of a data plane do something, and demand that this works."""
    program = Path(sys.executable).with_name("supervisorctl")
    settings = plane.directory / "supervisor" / "supervisord.conf"
    command = [str(program), "-c", str(settings), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@contextmanager
def stopped(plane: DataPlane, program: str) -> Iterator[None]:
    """Have the supervisor end a program, and start it again."""
    supervisorctl(plane, "stop", program)
    try:
        yield
    finally:
        supervisorctl(plane, "start", program)


@contextmanager
def frozen(plane: DataPlane, folder: str) -> Iterator[None]:
    """Stop the clock of a program's processes: they keep their ports, and answer nothing."""
    members = pids(plane)[folder]
    for pid in members:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in members:
            os.kill(pid, signal.SIGCONT)


@contextmanager
def killed(plane: DataPlane, folder: str) -> Iterator[None]:
    """Kill a program that nobody starts again meanwhile."""
    with frozen(plane, "supervisor"):
        kill(plane, folder)
        yield


@contextmanager
def replaced(path: Path, content: bytes, take: Callable[[], object]) -> Iterator[None]:
    """Put other content into a file for a while; ``take`` makes the program that reads it take it."""
    before = path.read_bytes()
    assert content != before, f"{path} is to be different"
    _move(path, content)
    try:
        take()
        yield
    finally:
        _move(path, before)
        take()


def _move(path: Path, content: bytes) -> None:
    # Envoy notices nothing but a rename, and nobody reads half a file.
    beside = path.with_name(path.name + ".beside")
    beside.write_bytes(content)
    beside.chmod(path.stat().st_mode)
    beside.replace(path)


def reload_nginx(plane: DataPlane) -> None:
    """Have NGINX read its files, and wait until only its new worker is left."""
    # NGINX writes over its command lines; a worker on its way out says so there.
    old = {pid for pid, command in plane.processes().items() if command.startswith("nginx: worker")}
    os.kill(plane.pid(MASTER), signal.SIGHUP)

    def is_new() -> bool:
        workers = {pid for pid, command in plane.processes().items() if command.startswith("nginx: worker")}
        return len(workers) == 1 and workers.isdisjoint(old)

    wait_for(is_new, "NGINX has a new worker and no other", SOON)


@contextmanager
def edited_nginx(plane: DataPlane, pattern: str, replacement: str) -> Iterator[None]:
    """Run NGINX for a while with another configuration."""
    path = plane.directory / "nginx" / "nginx.conf"
    text, count = re.subn(pattern, replacement, path.read_text())
    assert count, f"{path} has nothing like {pattern}"
    with replaced(path, text.encode(), lambda: reload_nginx(plane)):
        yield


@contextmanager
def other_clock(plane: DataPlane) -> Iterator[None]:
    """Run NGINX for a while with its clock one hour ahead."""
    path = plane.directory / "supervisor" / "supervisord.conf"
    (library,) = Path("/usr/lib").glob("*/faketime/libfaketime.so.1")
    variables = ",".join(f'{name}="{value}"' for name, value in {**ONE_HOUR_AHEAD, "LD_PRELOAD": library}.items())
    head, mark, rest = path.read_text().partition("[program:nginx]")
    text = head + mark + re.sub("^environment=", f"environment={variables},", rest, count=1, flags=re.MULTILINE)
    with replaced(path, text.encode(), lambda: restart_nginx(plane)):
        pid = plane.pid(MASTER)
        yield
    # The library forgets its shared memory when the program that loaded it becomes another one.
    for name in (f"faketime_shm_{pid}", f"sem.faketime_sem_{pid}"):
        Path("/dev/shm", name).unlink(missing_ok=True)


def restart_nginx(plane: DataPlane) -> None:
    """Have the supervisor start NGINX anew, as its changed settings say, and wait until it is there."""
    old = plane.pid(MASTER)
    supervisorctl(plane, "update")
    wait_for(lambda: any(re.search(MASTER, command) for command in plane.processes().values()), "NGINX runs", SOON)
    assert plane.pid(MASTER) != old


@contextmanager
def certificate(plane: DataPlane, *, name: str = HOST, days: Sequence[int] = (-1, 365)) -> Iterator[None]:
    """Serve another certificate for a while; ``days`` from now it becomes valid, and ends."""
    folder = plane.directory / "nginx"
    key = serialization.load_pem_private_key((folder / "tls.key").read_bytes(), password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    begin, end = (now + datetime.timedelta(days=each) for each in days)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    with replaced(folder / "tls.crt", pem, lambda: reload_nginx(plane)):
        yield


@contextmanager
def edited_routes(plane: DataPlane, name: str, edit: Callable[[list[Any]], None]) -> Iterator[None]:
    """Give Envoy for a while another version of a file that it watches; it may refuse it."""
    path = plane.directory / "envoy" / name
    content = json.loads(path.read_bytes())
    version = content["version_info"]
    edit(content["resources"])
    content["version_info"] = "edited"
    admin = EnvoyAdmin(str(plane.directory / "envoy" / "admin.sock"))
    refusals = admin.refusals()

    def is_taken() -> bool:
        wanted = json.loads(path.read_bytes())["version_info"]
        return wanted in admin.versions().values() or (wanted != version and admin.refusals() > refusals)

    with replaced(path, json.dumps(content).encode(), lambda: wait_for(is_taken, f"Envoy took {name}", SOON)):
        yield


@contextmanager
def unloaded(plane: DataPlane, server: int, model: str) -> Iterator[None]:
    """Have an MLServer unload a model, and load it again."""
    repository(plane, server, model, "unload")
    try:
        yield
    finally:
        repository(plane, server, model, "load")


def repository(plane: DataPlane, server: int, model: str, action: str) -> None:
    """Have an MLServer load or unload a model."""
    status, body = post(plane, server, f"/v2/repository/models/{model}/{action}", {})
    assert status == 200, body
