# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The units that keep a data plane alive: as the role leaves them, after a kill, and after a power cut."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

# The controller has no data plane.
testinfra_hosts = ["ansible://data_plane"]
PROGRAMS = ("envoy", "nginx", "mlserver-financial-inference", "mlserver-financial-research")
MODELS = ("baseline-predictor", "enhanced-predictor")
FOLDER = "/root/.local/share/modelops-serving"
# The defaults of the role.
LISTENERS = {
    "127.0.77.1:18000": "nginx",
    "127.0.77.1:18443": "nginx",
    **{f"127.0.0.1:{port}": "envoy" for port in (19000, 19001, 19003)},
    **{f"127.0.0.1:{port}": "mlserver-financial-inference" for port in (18100, 18200, 18300)},
    **{f"127.0.0.1:{port}": "mlserver-financial-research" for port in (18101, 18201, 18301)},
}
# What is private lies in folders that are the owner's alone, and is the owner's alone itself.
SECRETS = {
    "": 0o700,
    "envoy": 0o700,
    "envoy/admin.sock": 0o600,
    "envoy/store.json": 0o600,
    "nginx/nginx.conf": 0o600,
    "nginx/tls.key": 0o600,
}
# Envoy tries again for longer than that, while a server is down.
ANSWER = "curl --silent --show-error --fail --max-time 5 --include --json @%s --header 'Host: ml-api.local' %s"
SECONDS = 180


@pytest.fixture(scope="module")
def prefix(host: Any) -> str:
    """Return what the names of the units begin with."""
    return f"modelops-serving-{host.check_output('printf %%s %s | sha256sum', FOLDER)[:8]}-"


def shown(host: Any, unit: str, name: str) -> str:
    return str(host.check_output("systemctl show --property %s --value %s", name, unit))


def asked(host: Any, model: str) -> Any:
    """Ask a model through NGINX, Envoy and MLServer."""
    url = f"http://127.0.77.1:18000/v2/models/{model}/infer"
    return host.run(ANSWER, f"{FOLDER}/samples/request.json", url)


def answer(said: str) -> tuple[str, str]:
    """Return the route and the model of an answer."""
    head, _, body = said.replace("\r", "").partition("\n\n")
    headers = dict(line.split(": ", 1) for line in head.splitlines()[1:])
    return headers["x-seldon-route"], str(json.loads(body)["model_name"])


def wait(is_so: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + SECONDS
    while not is_so():
        assert time.monotonic() < deadline, f"{what} takes more than {SECONDS} s"
        time.sleep(0.2)


def answers(host: Any) -> bool:
    # That is what comes of a connection that a power cut has ended.
    with contextlib.suppress(RuntimeError):
        return all(asked(host, model).rc == 0 for model in MODELS)
    return False


@pytest.mark.parametrize("program", PROGRAMS)
def test_unit_runs_and_starts_with_the_machine(host: Any, prefix: str, program: str) -> None:
    service = host.service(prefix + program)
    assert service.is_running
    assert service.is_enabled
    assert shown(host, prefix + program, "NRestarts") == "0"
    file = host.file(f"/etc/systemd/system/{prefix}{program}.service")
    assert (file.user, file.group, file.mode) == ("root", "root", 0o644)


def test_nothing_of_ours_failed_and_nothing_else_was_left_running(host: Any, prefix: str) -> None:
    assert host.check_output("systemctl list-units --failed --plain --no-legend") == ""
    units = host.check_output("systemctl list-units --all --plain --no-legend 'modelops-serving-*'").splitlines()
    assert sorted(line.split()[0] for line in units) == sorted(f"{prefix}{program}.service" for program in PROGRAMS)
    assert not host.file(f"{FOLDER}/supervisor").exists


def test_nginx_of_the_package_neither_runs_nor_starts_with_the_machine(host: Any) -> None:
    assert host.package("nginx").is_installed
    assert not host.service("nginx").is_running
    assert not host.service("nginx").is_enabled
    assert host.check_output("ss -Hltn sport = :80") == ""


@pytest.mark.parametrize("name", SECRETS)
def test_secret_is_roots_alone(host: Any, name: str) -> None:
    file = host.file(f"{FOLDER}/{name}")
    assert (file.user, file.mode) == ("root", SECRETS[name])


def test_units_listen_where_they_should_and_nowhere_else(host: Any, prefix: str) -> None:
    units = {pid: program for program in PROGRAMS for pid in pids(host, prefix + program)}
    found = set()
    for line in host.check_output("ss -Hltnp").splitlines():
        # MLServer's gRPC port shows as an IPv6 socket that takes IPv4 calls.
        listener = line.split()[3].replace("[::ffff:127.0.0.1]", "127.0.0.1")
        found |= {(listener, units[pid]) for pid in re.findall(r"pid=(\d+)", line) if pid in units}
    assert found == set(LISTENERS.items())


def pids(host: Any, unit: str) -> list[str]:
    """Return the processes of a unit."""
    return str(host.check_output("cat $(find /sys/fs/cgroup -path %s)", f"*/{unit}.service/cgroup.procs")).split()


@pytest.mark.parametrize("model", MODELS)
def test_model_answers_through_the_whole_path(host: Any, model: str) -> None:
    said = asked(host, model)
    assert said.rc == 0, said.stderr
    route, name = answer(said.stdout)
    assert route == f":{name}:"
    assert name in [f"{each}_1" for each in MODELS]


# All servers have the same unit, and take seconds to come up.
@pytest.mark.parametrize("program", PROGRAMS[:3])
def test_killed_program_comes_back(host: Any, prefix: str, program: str) -> None:
    unit = prefix + program
    before = shown(host, unit, "MainPID")
    host.check_output("kill -9 %s", before)
    wait(lambda: shown(host, unit, "NRestarts") == "1", "the restart")
    wait(lambda: answers(host), "an answer")
    assert shown(host, unit, "MainPID") not in ("0", before)
    # It stays, and took no other one along.
    assert [shown(host, unit, "NRestarts"), host.service(unit).is_running] == ["1", True]


def test_all_are_back_after_a_power_cut(host: Any, prefix: str) -> None:
    # /run is gone with the power.
    host.check_output("touch /run/before")
    name = host.backend.get_hostname()
    program = Path(os.environ["MOLECULE_PROJECT_DIRECTORY"], "molecule/shared/testhosts.py")
    for command in ("cut", "start"):
        subprocess.run([sys.executable, program, command, name], check=True, timeout=120)
    wait(lambda: answers(host), "an answer")
    assert not host.file("/run/before").exists
    for each in PROGRAMS:
        assert host.service(prefix + each).is_running
        assert shown(host, prefix + each, "NRestarts") == "0"
