# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role on a machine without NGINX, and run by an ordinary user."""

from __future__ import annotations

import shlex
import stat
import sys
from pathlib import Path

import pytest

from tests.live.data_plane import ADDRESS, BASELINE, HOST, NAMESPACES, ROOT, DataPlane, model
from tests.throw_away_root import ThrowAwayRoot

# What the role reads and nobody may have to copy: the checkout, the venv, and the Python it was made from.
READ = (ROOT, Path(sys.prefix), Path(sys.base_prefix))
# Somebody with a home, and with the right to pass through the folders above what the role reads.
USER = "useradd --create-home dana && chmod a+x {folders}"
AS_USER = "setpriv --reuid=dana --regid=dana --clear-groups env HOME=/home/dana"
WITHOUT_NGINX = "apt-get purge --yes 'nginx*' >/dev/null 2>&1"
# The home of whoever runs the tests may hold a data plane.
A_HOME = "mkdir /home/new && export HOME=/home/new"
# In a runlevel, a package starts its service when nothing keeps it from that.
IN_A_RUNLEVEL = (
    "rm -f /usr/sbin/policy-rc.d /run/nginx.pid /sbin/runlevel"
    " && printf '#!/bin/sh\\necho N 2\\n' >/sbin/runlevel && chmod +x /sbin/runlevel"
)
CURL = "curl --silent --fail --header 'Host: {host}' http://{address}:{port}/v2/models/{name}/ready"


class Machine:
    """A throw-away copy of this machine, and the commands of a small data plane in somebody's home there."""

    def __init__(self, tmp_path: Path) -> None:
        shared = tmp_path / "shared"
        shared.mkdir()
        tmp_path.chmod(0o755)
        self._plane = DataPlane(shared / "plane")
        self._plane.variables |= {
            "data_plane_directory": "~/.local/share/modelops-serving",
            "serving_namespaces": [{"name": NAMESPACES[0]}],
            "serving_models": [model(BASELINE, NAMESPACES[0], BASELINE)],
            "serving_experiments": [],
        }
        self.root = ThrowAwayRoot(tmp_path / "machine", shared, *READ)

    def play(self, playbook: str, prefix: str = "env") -> str:
        """Return the shell command that runs a playbook."""
        command, _ = self._plane.command(playbook)
        return f"{prefix} ANSIBLE_HOME=/tmp/ansible ANSIBLE_COLLECTIONS_PATH=/mnt/collections {shlex.join(command)}"

    def ask(self) -> str:
        """Return the shell command that asks the model through the whole path."""
        port = self._plane.variables["data_plane_http_port"]
        return CURL.format(host=HOST, address=ADDRESS, port=port, name=BASELINE)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    machine = Machine(tmp_path)
    machine.root.require()
    return machine


@pytest.fixture
def user() -> str:
    """Return the shell command that makes the user; skip where this would change a folder of this machine."""
    root = Path("/").stat().st_dev
    above = {folder for path in READ for folder in (path, *path.parents)}
    closed = [folder for folder in above if not folder.stat().st_mode & stat.S_IXOTH]
    outside = [str(folder) for folder in closed if folder.stat().st_dev != root]
    if outside:
        pytest.skip(f"an ordinary user may not pass through {', '.join(outside)}")
    return USER.format(folders=shlex.join(map(str, [*closed, Path("/")])))


def test_ordinary_user_is_told_that_nginx_is_missing(machine: Machine, user: str) -> None:
    done = machine.root(
        f"{user} && {WITHOUT_NGINX} && touch /tmp/stamp && {{ {machine.play('site.yml', AS_USER)}; echo status=$?; }}"
        " && find / -xdev -user dana -newer /tmp/stamp -not -path '/tmp/*'"
    )
    said, _, rest = done.require().partition("status=")
    assert "Missing packages: nginx. Only root can install them: sudo apt-get install nginx" in said
    assert rest == "2\n", "nothing was changed"


def test_root_installs_nginx_and_starts_no_service(machine: Machine) -> None:
    said = machine.root(
        f"{A_HOME} && {IN_A_RUNLEVEL} && {WITHOUT_NGINX} && {machine.play('site.yml')} && {machine.ask()}"
        " && test ! -e /run/nginx.pid && test ! -e /usr/sbin/policy-rc.d"
        f" && {machine.play('reset.yml')} && test ! -e $HOME/.local/share/modelops-serving && echo ALL GONE"
    ).require()
    assert said.endswith("ALL GONE\n")


def test_ordinary_user_has_everything_in_the_home_folder(machine: Machine, user: str) -> None:
    done = machine.root(
        f"{user} && {machine.play('site.yml', AS_USER)} && {machine.ask()} && echo SECOND RUN"
        f" && {machine.play('site.yml', AS_USER)} && echo FILES"
        " && find / -xdev -user dana -not -path '/home/dana*' -not -path '/tmp/*' -not -path '/proc/*' && echo END"
        f" && {machine.play('reset.yml', AS_USER)} && echo LEFT && find /home/dana/.local/share && ps -u dana -o args="
        "; echo ALL GONE"
    )
    said = done.require()
    second = said.partition("SECOND RUN")[2]
    assert "changed=0" in second.partition("FILES")[0]
    assert "FILES\nEND\n" in said
    assert said.endswith("LEFT\n/home/dana/.local/share\nALL GONE\n")
