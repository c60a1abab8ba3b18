# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands on the host after the role has run."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import pytest

# As molecule.yml sets them.
LISTENERS = [
    "127.0.77.5:27000",
    "127.0.77.5:27043",
    *(f"127.0.0.1:{port}" for port in (27010, 27011, 27013, 27100, 27101, 27110, 27111, 27120, 27121)),
]
SECRETS = ["nginx/tls.key", "envoy/admin.sock", "envoy/store.json", "supervisor/supervisor.sock"]


@pytest.fixture(scope="module")
def variables(host: Any) -> dict[str, Any]:
    return dict(host.ansible.get_variables())


@pytest.fixture(scope="module")
def directory() -> str:
    # As host_vars set it; testinfra returns variables as they are written.
    return f"{os.environ['MOLECULE_EPHEMERAL_DIRECTORY']}/plane"


@pytest.mark.parametrize("listener", LISTENERS)
def test_listens(host: Any, listener: str) -> None:
    address, port = listener.split(":")
    # MLServer's gRPC port shows as an IPv6 socket that takes IPv4 calls.
    assert host.check_output("ss -Hltn sport = :%s", port).count(address) == 1


@pytest.mark.parametrize("name", SECRETS)
def test_secret_is_the_owners_alone(host: Any, directory: str, name: str) -> None:
    assert host.file(f"{directory}/{name}").mode & 0o077 == 0


def test_every_model_answers_through_the_whole_path(host: Any, variables: dict[str, Any]) -> None:
    for model in variables["serving_models"]:
        program = (
            "import urllib.request as r;"
            f"q = r.Request('http://127.0.77.5:27000/v2/models/{model['name']}/ready',"
            " headers={'Host': 'ml-api.local'});"
            "a = r.urlopen(q, timeout=30); print(a.status, a.headers['x-seldon-route'])"
        )
        assert host.check_output("%s -c %s", sys.executable, program).startswith("200 :")


def test_experiment_is_declared_as_the_inventory_says(host: Any, directory: str, variables: dict[str, Any]) -> None:
    (routes,) = json.loads(host.file(f"{directory}/envoy/listener_0.json").content)["resources"]
    declared = routes["metadata"]["filter_metadata"]["modelops.serving"]["experiments"]
    assert declared == variables["serving_experiments"]


def test_nginx_lives_in_the_folder_and_nowhere_else(host: Any, directory: str) -> None:
    (master,) = [each for each in host.process.filter(comm="nginx") if directory in each.args]
    assert host.check_output("readlink /proc/%s/cwd", str(master.pid)) == f"{directory}/nginx"
    opened = host.check_output("find /proc/%s/fd -lname '/*' -printf '%%l\n'", str(master.pid)).split()
    assert [path for path in opened if not path.startswith((directory, "/dev/"))] == []
