# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Systemd hosts as molecule's scenarios use them: they come up, lose their power, and go without a trace."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support import run
from tests.systemd_hosts import PROGRAM, Hosts, Traces, program, require_hosts

LAUNCHERS = ("nspawn", "unshare")
NAMES = ("server-1", "server-2", "agent-1")
# Bit 25 is CAP_SYS_TIME, 16 CAP_SYS_MODULE, 22 CAP_SYS_BOOT, 35 CAP_WAKE_ALARM.
FORBIDDEN = 1 << 25 | 1 << 16 | 1 << 22 | 1 << 35


@pytest.fixture(scope="module", autouse=True)
def able() -> None:
    require_hosts()


@pytest.fixture(scope="module", params=LAUNCHERS)
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    """Return three hosts that the tests leave as they found them."""
    hosts = Hosts(tmp_path_factory.mktemp("running") / "shared")
    hosts.up(*NAMES, options=("--launcher", request.param, "--owner", str(os.getpid()))).require()
    yield hosts
    hosts.do("down").require()


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[Hosts]:
    """Return a folder for hosts, and remove them when the test is over."""
    hosts = Hosts(tmp_path / "own")
    yield hosts
    hosts.do("down")


def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "gave up waiting"
        time.sleep(0.02)


def test_each_host_is_a_running_system(running: Hosts) -> None:
    for name in NAMES:
        said = running.ask(
            name, "systemctl is-system-running --wait; hostname; cat /proc/1/comm; systemctl --failed -q"
        )
        assert said.output == f"running\n{name}\nsystemd\n"


def test_hosts_know_one_another_and_nobody_else(running: Hosts) -> None:
    here, there = running.address("server-1"), running.address("agent-1")
    said = running.ask(
        "server-1", "getent ahostsv4 agent-1 | head -1; ping -q -c 1 -W 2 agent-1; ping -q -6 -c 1 agent-1"
    )
    assert said.require().split()[0] == there
    assert running.ask("server-1", "ip -4 route get 192.0.2.1").output.split()[6] == here, "there is a default route"
    assert running.ask("server-1", "curl -s -m 1 http://192.0.2.1").status == 28, "and it leads nowhere"
    assert running.ask("server-1", "getent hosts example.com").status == 2
    forwarding = Path(f"/proc/sys/net/ipv4/conf/{running.status()['bridge']}/forwarding")
    assert forwarding.read_text(encoding="ascii") == "0\n"


# A machine with container engines forwards; here it is a namespace of the test's own.
FORWARDING = 'echo 1 >/proc/sys/net/ipv4/ip_forward; exec "$@"'
LAY = """
from pathlib import Path
from hosts import network
from hosts.state import Scenario
network.lay(Scenario("demo", 9, Path("/nowhere"), "nspawn", Path("/nowhere"), (), ()))
print(*(Path("/proc/sys/net/ipv4/conf", name, "forwarding").read_text().strip() for name in ("lo", "th9")))
"""


def test_bridge_leads_nowhere_on_a_machine_that_forwards() -> None:
    said = run(
        ["unshare", "--net", "sh", "-ec", FORWARDING, "sh", sys.executable, "-c", LAY],
        env={"PYTHONPATH": str(PROGRAM.parent)},
    )
    assert said.require() == "1 0\n"


def test_hosts_cannot_change_the_machine_under_them(running: Hosts) -> None:
    # Nobody tries it: where it worked, it would be done.
    status = running.ask(
        "agent-1", "grep -E '^Cap(Eff|Bnd)' /proc/1/status; grep '^CapEff' /proc/self/status"
    ).require()
    held = [int(line.split()[1], 16) for line in status.splitlines()]
    assert len(held) == 3
    assert not any(each & FORBIDDEN for each in held)
    mounts = running.ask(
        "agent-1", "findmnt -n -o TARGET,OPTIONS /proc/sys; findmnt -n -o TARGET,OPTIONS /proc/sys/net"
    )
    assert [line.split()[1].split(",")[0] for line in mounts.require().splitlines()][:2] == ["ro", "rw"]


def test_what_roles_set_is_a_value_of_the_host_alone(running: Hosts) -> None:
    outside = Path("/proc/sys/vm/overcommit_memory")
    before = outside.read_text(encoding="ascii")
    said = running.ask(
        "server-2",
        "stat -c %T -f /proc/sys/vm/overcommit_memory && echo 42 >/var/lib/testhost/sysctl/vm/overcommit_memory"
        " && cat /proc/sys/vm/overcommit_memory",
    )
    assert said.require() == "overlayfs\n42\n"
    assert outside.read_text(encoding="ascii") == before != "42\n"
    assert running.ask("server-1", "cat /proc/sys/vm/overcommit_memory").output == before


def test_clock_of_a_host_may_be_wrong(running: Hosts) -> None:
    wrong = "ls /usr/lib/*/faketime/libfaketime.so.1 >/etc/ld.so.preload && echo +1d >/etc/faketimerc"
    # A server of ssh that is half under its spell takes no more connections.
    running.ask("server-2", f"{wrong} && systemctl restart ssh").require()
    here = running.ask("server-2", "date +%s; python3 -c 'import time; print(int(time.time()))'").require()
    assert [round((int(line) - time.time()) / 3600) for line in here.splitlines()] == [24, 24]
    running.ask("server-2", "rm /etc/ld.so.preload /etc/faketimerc && systemctl restart ssh").require()


def test_power_cut_keeps_files_and_nothing_else(running: Hosts) -> None:
    write = "echo kept | tee /etc/kept /var/lib/rancher/kept >/run/lost && ip addr add 192.0.2.7/32 dev eth0"
    running.ask("server-1", f"{write} && systemd-run --quiet sleep 60 && pgrep sleep").require()
    running.do("cut", "server-1").require()
    assert [host["running"] for host in running.status()["hosts"]] == [False, True, True]
    assert running.ask("server-2", "ping -q -c 1 -W 1 server-1").status == 1
    running.do("start", "server-1").require()
    assert [host["running"] for host in running.status()["hosts"]] == [True, True, True]
    said = running.ask(
        "server-1", "cat /etc/kept /var/lib/rancher/kept; ls /run/lost 2>&1; ip -4 -br addr show eth0; pgrep sleep"
    )
    address = running.address("server-1")
    assert said.output.splitlines()[:2] == ["kept", "kept"]
    assert "cannot access '/run/lost'" in said.output
    assert said.output.splitlines()[-1].split()[2:] == [f"{address}/24"], "the added address is gone, and so is sleep"
    assert running.ask("server-1", "systemctl is-system-running --wait; nproc").output.startswith("running\n")


def test_data_folder_may_hold_layers_of_a_container_engine(running: Hosts) -> None:
    layers = "lowerdir=lower,upperdir=upper,workdir=work"
    said = running.ask(
        "agent-1",
        "cd /var/lib/rancher && mkdir lower upper work root && unshare --mount sh -ec"
        f" 'mount -t overlay x -o {layers} root && touch root/x' && ls upper && rm -r lower upper work root",
    )
    assert said.require() == "x\n"


def test_second_up_finds_the_hosts(running: Hosts) -> None:
    before = running.launchers()
    running.up(*NAMES).require()
    assert running.launchers() == before
    assert "holds other hosts" in running.up("server-1").output
    assert running.launchers() == before


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_down_leaves_nothing(hosts: Hosts, launcher: str) -> None:
    hosts.up("a", "b", options=("--launcher", launcher, "--cgroups", "2")).require()
    assert hosts.ask("b", "test -e /sys/fs/cgroup/cgroup.procs && ping -q -c 1 a").status == 0
    hosts.do("cut", "a").require()
    traces = Traces(hosts)
    assert len(traces.left()) > 10
    hosts.do("down").require()
    assert traces.left() == []
    assert hosts.do("down").require() == "", "a second time it finds nothing to do"


def test_down_fails_when_the_machine_is_not_as_before(hosts: Hosts) -> None:
    hosts.up("a").require()
    state = hosts.state()
    state["before"]["vm/swappiness"] = "as it was"
    (hosts.folder / "state.json").write_text(json.dumps(state), encoding="utf-8")
    traces = Traces(hosts)
    said = hosts.do("down")
    assert said.status == 1
    assert "not as it was before them: vm.swappiness was 'as it was' and is" in said.output
    assert traces.left() == []
    assert hosts.do("down").status == 0


def test_host_that_may_set_the_clock_is_refused(hosts: Hosts, tmp_path: Path) -> None:
    # A launcher that gives away what it should keep.
    other = tmp_path / "bin"
    other.mkdir()
    (other / "systemd-nspawn").write_text(
        '#!/bin/sh\nfor word; do shift; case $word in --drop-*) ;; *) set -- "$@" "$word" ;; esac; done\n'
        'exec /usr/bin/systemd-nspawn "$@"\n'
    )
    (other / "systemd-nspawn").chmod(0o755)
    path = {"PATH": f"{other}:{os.environ['PATH']}"}
    said = program("up", "unsafe", "--hosts", "a", "--state", str(hosts.folder), env=path)
    assert said.status == 1
    assert "a may set the clock of this machine (CapEff has CAP_SYS_TIME)." in said.output
    assert not hosts.folder.exists()


def test_failed_start_shows_what_the_host_said(hosts: Hosts, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    said = hosts.up("a", "b", options=("--bind", f"{tmp_path / 'file'}:/usr"))
    assert said.status == 1
    assert "a ended with 1 at its start:\n" in said.output
    assert not hosts.folder.exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_up_takes_its_hosts_along(hosts: Hosts, number: signal.Signals) -> None:
    process = start_without_end(hosts)
    traces = Traces(hosts)
    process.send_signal(number)
    assert process.wait(20) == 130
    assert traces.left() == []


def test_killed_up_is_cleaned_by_gc_and_by_down(hosts: Hosts) -> None:
    for command in ("gc", "down"):
        process = start_without_end(hosts)
        traces = Traces(hosts)
        process.kill()
        process.wait(20)
        for pid in hosts.launchers():
            os.kill(pid, signal.SIGKILL)
        assert traces.left()
        hosts.do(command).require()
        assert traces.left() == []


def start_without_end(hosts: Hosts) -> subprocess.Popen[bytes]:
    """Return a running up that waits for a host which never answers."""
    command = [sys.executable, str(PROGRAM), "up", "slow", "--hosts", "a", "--state", str(hosts.folder)]
    process = subprocess.Popen([*command, "--bind", "/dev/null:/usr/sbin/sshd"], stderr=subprocess.DEVNULL)
    until(lambda: (hosts.folder / "hosts/a/console.log").exists() and 0 not in hosts.launchers())
    return process


def test_gc_takes_what_is_over_and_leaves_the_rest(hosts: Hosts, tmp_path: Path) -> None:
    owner = subprocess.Popen(["sleep", "100"])
    hosts.up("a", options=("--owner", str(owner.pid))).require()
    other = Hosts(tmp_path / "other")
    try:
        other.up("a").require()
        assert other.address("a") != hosts.address("a")
        program("gc").require()
        assert hosts.ask("a", "true").status == other.ask("a", "true").status == 0
        other.do("cut", "a").require()
        traces = Traces(hosts)
        owner.kill()
        owner.wait()
        # The folder may be empty: what is needed is written down twice.
        (hosts.folder / "state.json").unlink()
        assert "Removing the hosts of own" in program("gc").require()
        assert traces.left() == []
        assert other.do("start", "a").status == 0, "a power cut is no end"
    finally:
        owner.kill()
        other.do("down").require()


REFUSED = {
    "no name": (("up", "x", "--hosts", "a,,b"), "'' is no name for a host."),
    "a name with dots": (("up", "x", "--hosts", "a.b"), "'a.b' is no name for a host."),
    "one name twice": (("up", "x", "--hosts", "a,a"), "Two hosts have one name."),
    "nothing to bind": (("up", "x", "--hosts", "a", "--bind", "/no/such:/mnt"), "There is no /no/such:/mnt here"),
    "no hosts to cut": (("cut", "a"), "There are no hosts in "),
    "no hosts to show": (("status",), "There are no hosts in "),
}


@pytest.mark.parametrize(("words", "text"), REFUSED.values(), ids=REFUSED.keys())
def test_refused_before_anything_is_made(hosts: Hosts, words: tuple[str, ...], text: str) -> None:
    said = hosts.do(*words)
    assert said.status == 1
    assert text in said.output
    assert not hosts.folder.exists()


def test_unknown_host_is_named_with_those_there_are(running: Hosts) -> None:
    said = running.do("cut", "server-9")
    assert said.output == "There is no host 'server-9' here, only server-1, server-2, agent-1.\n"


def test_probe_leaves_nothing_and_says_what_a_kubelet_lacks() -> None:
    found = json.loads(program("probe", "--json").require())
    assert found["hosts"] == {"able": True, "missing": []}
    assert found["kubelet"]["able"] is (found["kubelet"]["missing"] == [])
    assert not list(Path("/run/netns").glob("th0*"))
    assert not list(Path("/sys/fs/cgroup").rglob("th0-*"))
