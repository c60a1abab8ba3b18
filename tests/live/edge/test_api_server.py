# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The API server that the other tests stand on is a real one: it validates, refuses, and keeps to itself."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import kubernetes
import pytest

from tests.api_programs import Programs
from tests.api_server import APPLY, MERGE, ApiServer
from tests.support import ROOT
from tests.systemd_hosts import is_alive

MAP = {"metadata": {"name": "one"}, "data": {"key": "value"}}


def maps(namespace: str) -> str:
    return f"/api/v1/namespaces/{namespace}/configmaps"


def test_object_is_made_read_and_changed(api: ApiServer, namespace: str) -> None:
    api.create(maps(namespace), MAP)
    api.ask("PATCH", f"{maps(namespace)}/one", {"data": {"key": "new"}}, kind=MERGE).require()
    assert api.ask("GET", f"{maps(namespace)}/one").require()["data"] == {"key": "new"}


def test_wrong_object_is_refused_with_its_field(api: ApiServer, namespace: str) -> None:
    answer = api.ask("POST", maps(namespace), {"metadata": {"name": "Not_A_Name"}})
    assert answer.status == 422
    assert "metadata.name" in answer.body["message"]


def test_second_manager_of_a_field_is_a_conflict(api: ApiServer, namespace: str) -> None:
    wanted = {"apiVersion": "v1", "kind": "ConfigMap", **MAP}
    api.ask("PATCH", f"{maps(namespace)}/one?fieldManager=first", wanted, kind=APPLY).require()
    other = {**wanted, "data": {"key": "other"}}
    answer = api.ask("PATCH", f"{maps(namespace)}/one?fieldManager=second", other, kind=APPLY)
    assert answer.status == 409
    assert '"first"' in answer.body["message"]


def test_guest_may_what_a_test_allows_and_no_more(api: ApiServer, namespace: str) -> None:
    assert api.ask("GET", maps(namespace), user="guest").status == 403
    api.allow(namespace, [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["list"]}])
    # The server learns of a new role from its own watch.
    deadline = time.monotonic() + 10
    while api.ask("GET", maps(namespace), user="guest").status != 200:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert api.ask("POST", maps(namespace), MAP, user="guest").status == 403


def test_no_token_is_no_user(api: ApiServer) -> None:
    answer = api.ask("GET", "/api/v1/namespaces", user="nobody")
    assert answer.status == 401


def test_python_client_comes_in_by_the_kubeconfig(api: ApiServer, namespace: str) -> None:
    with kubernetes.config.new_client_from_config(str(api.kubeconfig())) as client:
        found = kubernetes.client.CoreV1Api(client).list_namespace()
    assert namespace in {item.metadata.name for item in found.items}


@pytest.mark.parametrize("user", ["admin", "guest"])
def test_secrets_are_for_their_owner_alone(api: ApiServer, user: str) -> None:
    for path in (api.kubeconfig(user), api.folder / "tokens.csv"):
        assert path.stat().st_mode & 0o777 == 0o600, path


def test_nothing_listens_beyond_the_loopback(api: ApiServer) -> None:
    said = subprocess.run(["ss", "-Htlnp"], stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
    mine = [line for line in said if any(f"pid={pid}," in line for pid in api.pids())]
    assert mine
    assert {line.split()[3].rpartition(":")[0] for line in mine} <= {"127.0.0.1", "[::1]"}


ENDED_BY_FORCE = """
import sys
from pathlib import Path
from tests.api_programs import at_hand
from tests.api_server import ApiServer
server = ApiServer(at_hand(), Path(sys.argv[1]))
server.start()
print(*server.pids(), flush=True)
sys.stdin.read()
"""


def test_nothing_outlives_tests_that_are_killed(api: ApiServer, tmp_path: Path) -> None:
    command = [sys.executable, "-c", ENDED_BY_FORCE, str(tmp_path / "server")]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as tests:
        assert tests.stdout is not None
        pids = [int(word) for word in tests.stdout.readline().split()]
        assert len(pids) == len(api.pids())
        assert all(is_alive(pid) for pid in pids)
        tests.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 10
    while any(is_alive(pid) for pid in pids):
        assert time.monotonic() < deadline, pids
        time.sleep(0.05)


def test_program_that_ends_at_once_is_told_with_its_words(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\necho cannot go on\nexit 3\n")
    broken.chmod(0o755)
    server = ApiServer(Programs("test", broken, broken), tmp_path / "server")
    with pytest.raises(AssertionError, match="cannot go on"):
        server.start()
    assert server.pids() == []


def test_custom_resource_with_labels_is_applied(api: ApiServer, namespace: str) -> None:
    """The source that Debian's is built from crashes here, as it comes."""
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"kind": "Sample", "plural": "samples", "singular": "sample", "listKind": "SampleList"}
    api.establish(
        {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": "samples.example.com"},
            "spec": {"group": "example.com", "scope": "Namespaced", "names": names, "versions": [version]},
        }
    )
    labels = {"one": "1", "two": "2", "three": "3"}
    sample = {"apiVersion": "example.com/v1", "kind": "Sample", "metadata": {"name": "one", "labels": labels}}
    path = f"/apis/example.com/v1/namespaces/{namespace}/samples/one?fieldManager=test"
    assert api.ask("PATCH", path, sample, kind=APPLY).require()["metadata"]["labels"] == labels
