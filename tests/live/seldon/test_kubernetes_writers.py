# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several writers at once, and writers and API servers that end in the middle: no update of an experiment is lost."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from plugins.module_utils._adapters.kubernetes_api import KubernetesApi
from plugins.module_utils._adapters.kubernetes_store import ATTEMPTS
from plugins.module_utils._adapters.seldon_cluster import SeldonCluster
from plugins.module_utils._core.errors import ServingError, UnreachableError
from tests.live.seldon.crds import path
from tests.live.seldon.forwarder import Forwarder
from tests.live.seldon.test_kubernetes_store import experiment, refusal
from tests.live.seldon.world import BASELINE, ENHANCED, NAME, SHADOW, World, until
from tests.support import ROOT


def before_each(monkeypatch: pytest.MonkeyPatch, method: str, what: Callable[[int], None]) -> None:
    """Do something before each call of a kind, given its number."""
    real, count = getattr(SeldonCluster, method), iter(range(1, 100))

    def write(self: SeldonCluster, *words: Any, **options: Any) -> Any:
        what(next(count))
        return real(self, *words, **options)

    monkeypatch.setattr(SeldonCluster, method, write)


def once_written(world: World, what: Callable[[], None]) -> threading.Thread:
    """Do something when the split 0 to 100 is written, and not yet in force."""

    def run() -> None:
        until(lambda: world.weights() == {BASELINE: 0, ENHANCED: 100}, seconds=60)
        what()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_storm_of_status_writes_disturbs_no_change(world: World) -> None:
    world.declare(70, 30)
    world.seldon.storm(blows=True)
    until(lambda: world.seldon.writes > 3)
    for baseline in (0, 100, 40):
        assert world.declare(baseline, 100 - baseline).live is not None
    world.seldon.storm(blows=False)


def test_edit_between_reading_and_writing_is_never_overwritten(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.declare(70, 30)
    other = {"spec": {"candidates": [{"name": BASELINE, "weight": 90}, {"name": ENHANCED, "weight": 10}]}}
    before_each(monkeypatch, "patch", lambda number: world.edit(other) if number == 1 else None)
    said = refusal(world, 0, 100)
    assert "changed by somebody else meanwhile" in said
    assert f"candidates was {BASELINE}=70 {ENHANCED}=30 and is {BASELINE}=90 {ENHANCED}=10" in said
    assert world.weights() == {BASELINE: 90, ENHANCED: 10}


def test_same_edit_by_somebody_else_is_nobodys_conflict(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.declare(70, 30)
    same = {"spec": {"candidates": [{"name": BASELINE, "weight": 0}, {"name": ENHANCED, "weight": 100}]}}
    before_each(monkeypatch, "patch", lambda number: world.edit(same) if number == 1 else None)
    change = world.declare(0, 100)
    assert not change.changed
    assert change.live is not None


def test_edit_while_waiting_is_left_as_it_is(world: World) -> None:
    world.settle(70, 30)
    world.quirks(is_idle=True)
    other = {"spec": {"candidates": [{"name": BASELINE, "weight": 90}, {"name": ENHANCED, "weight": 10}]}}
    editor = once_written(world, lambda: world.edit(other))
    assert "changed by somebody else before it was in force" in refusal(world, 0, 100)
    editor.join()
    assert world.weights() == {BASELINE: 90, ENHANCED: 10}


def test_lock_that_comes_between_is_respected(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.declare(70, 30)
    holder = {"name": "alice", "machine": "", "pid": 0, "born": ""}
    lock = json.dumps({"token": "t", "holder": holder, "renewed": 9e9, "ttl": 120})

    def annotate(number: int) -> None:
        if number == 1:
            world.annotate(**{"modelops.serving/lock": lock})

    before_each(monkeypatch, "patch", annotate)
    assert "is being rolled out by alice" in refusal(world, 0, 100)
    assert world.weights() == {BASELINE: 70, ENHANCED: 30}


@pytest.mark.parametrize("has_annotations", [False, True])
def test_other_annotations_that_come_between_disturb_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, has_annotations: bool
) -> None:
    world.declare(70, 30)
    if has_annotations:
        world.annotate(first="1")
    before_each(monkeypatch, "patch", lambda number: world.annotate(**{f"note-{number}": "x"}))
    assert world.declare(0, 100).changed


def test_what_changes_under_every_write_is_given_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.declare(70, 30)
    world.seldon.storm(blows=True)
    before_each(monkeypatch, "delete", lambda number: world.annotate(n=str(number)))
    assert f"changed under each of {ATTEMPTS} writes" in refusal(world, state="absent")
    assert world.weights() == {BASELINE: 70, ENHANCED: 30}


def test_other_creator_wins_and_is_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = {"candidates": [{"name": BASELINE, "weight": 1}]}
    several = path("experiments", world.namespace)
    before_each(monkeypatch, "create", lambda _number: world.api.create(several, experiment(spec)))
    assert "it was not there, and is there now" in refusal(world, 70, 30)
    assert world.weights() == {BASELINE: 1}


def insist(world: World, failures: list[str], **options: Any) -> None:
    """Declare something again and again, as long as somebody else comes between."""
    for _attempt in range(30):
        try:
            world.declare(request_path=None, **options)
        except ServingError as error:
            if "somebody else" not in str(error):
                failures.append(str(error))
            continue
        return
    failures.append("never let")


def test_two_writers_at_once_lose_no_update(world: World) -> None:
    """One moves weights, one the mirror; each leaves what the other says as it is."""
    world.declare(100, 0)
    world.seldon.storm(blows=True)
    rounds, failures = 6, list[str]()

    def weights() -> None:
        for number in range(1, rounds + 1):
            insist(world, failures, baseline=100 - number, enhanced=number)

    def mirror() -> None:
        for number in range(1, rounds + 1):
            insist(world, failures, mirror={"name": SHADOW, "percent": number})

    threads = [threading.Thread(target=each) for each in (weights, mirror)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    world.seldon.storm(blows=False)
    assert failures == []
    assert world.weights() == {BASELINE: 100 - rounds, ENHANCED: rounds}
    assert world.read()["spec"]["mirror"] == {"name": SHADOW, "percent": rounds}


# Those who end in the middle

KILLED = """
import json, os, signal, sys
from plugins.module_utils._adapters.seldon_cluster import SeldonCluster
from plugins.module_utils._core.experiment import Request
from plugins.module_utils._wiring.kubernetes import kubernetes_store
params, moment = json.loads(sys.argv[1]), sys.argv[2]
real = SeldonCluster.patch
def patch(self, *words, **options):
    if moment == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    real(self, *words, **options)
    os.kill(os.getpid(), signal.SIGKILL)
SeldonCluster.patch = patch
request = Request.parse({"name": "split", "weights": {"baseline": 0, "enhanced": 100}})
kubernetes_store(params).declare(request, dry_run=False)
"""


@pytest.mark.parametrize(("moment", "is_written"), [("before", False), ("after", True)])
def test_writer_that_is_killed_leaves_one_state_or_the_other(world: World, moment: str, is_written: bool) -> None:
    world.declare(70, 30)
    done = subprocess.run([sys.executable, "-c", KILLED, json.dumps(world.params()), moment], cwd=ROOT, check=False)
    assert done.returncode == -signal.SIGKILL
    assert world.weights() == ({BASELINE: 0, ENHANCED: 100} if is_written else {BASELINE: 70, ENHANCED: 30})
    again = world.declare(0, 100)
    assert again.changed is not is_written
    assert again.live is not None


@pytest.fixture
def forwarder(world: World) -> Iterator[Forwarder]:
    made = Forwarder(int(cluster_of(world)["server"].rpartition(":")[2]))
    yield made
    made.stop()


def cluster_of(world: World) -> dict[str, str]:
    found: dict[str, str] = json.loads(world.api.kubeconfig().read_text())["clusters"][0]["cluster"]
    return found


def way(world: World, forwarder: Forwarder, **more: Any) -> dict[str, Any]:
    """Return the options that lead to the API server through the forwarder, by a token."""
    token = json.loads(world.api.kubeconfig().read_text())["users"][0]["user"]["token"]
    return {
        "kubeconfig": None,
        "host": f"https://127.0.0.1:{forwarder.port}/",
        "api_key": token,
        "ca_cert": cluster_of(world)["certificate-authority"],
        **more,
    }


def test_answer_that_is_lost_is_looked_for(world: World, forwarder: Forwarder, monkeypatch: pytest.MonkeyPatch) -> None:
    world.declare(70, 30)
    real, lost = KubernetesApi.ask, list[Any]()

    def ask(self: KubernetesApi, method: str, *words: Any, **options: Any) -> Any:
        reply = real(self, method, *words, **options)
        if method == "PATCH" and not lost:
            lost.append(reply)
            raise UnreachableError("The answer was lost.")
        return reply

    monkeypatch.setattr(KubernetesApi, "ask", ask)
    change = world.declare(0, 100, **way(world, forwarder))
    assert change.changed
    assert lost
    assert change.live is not None


def test_api_server_that_goes_away_while_waiting_is_waited_for(world: World, forwarder: Forwarder) -> None:
    world.settle(70, 30)
    world.quirks(is_idle=True)

    def outage() -> None:
        forwarder.cut()
        threading.Event().wait(1.5)
        forwarder.mend()
        world.quirks()

    breaker = once_written(world, outage)
    assert world.declare(0, 100, **way(world, forwarder)).live is not None
    breaker.join()
    assert forwarder.connections > 1


def test_api_server_that_stays_away_leaves_what_was_written_and_says_so(
    world: World, forwarder: Forwarder, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.settle(70, 30)
    world.quirks(is_idle=True)
    # The first look after the write, whose answer has come.
    before_each(monkeypatch, "read", lambda _number: forwarder.cut() if world.weights()[BASELINE] == 0 else None)
    said = refusal(world, 0, 100, wait_timeout=3.0, **way(world, forwarder))
    assert "did not come into force within 3 s: The API server" in said
    assert "could not be put back" in said
    assert "stays as it was written" in said
    assert world.weights() == {BASELINE: 0, ENHANCED: 100}


def test_api_server_that_is_lost_with_the_answer_leaves_it_open_whether_it_was_written(
    world: World, forwarder: Forwarder, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.settle(70, 30)
    world.quirks(is_idle=True)
    real = KubernetesApi.ask

    def ask(self: KubernetesApi, method: str, *words: Any, **options: Any) -> Any:
        reply = real(self, method, *words, **options)
        if method == "PATCH":
            forwarder.cut()
            raise UnreachableError("The answer was lost.")
        return reply

    monkeypatch.setattr(KubernetesApi, "ask", ask)
    said = refusal(world, 0, 100, **way(world, forwarder))
    assert f"The API server https://127.0.0.1:{forwarder.port} did not answer" in said
    assert f"lost while experiment '{NAME}' in namespace '{world.namespace}' was written" in said
    assert "Run this again when it answers." in said
    assert world.weights() == {BASELINE: 0, ENHANCED: 100}


def test_api_server_that_never_answers_is_named(world: World, forwarder: Forwarder) -> None:
    forwarder.cut()
    said = refusal(world, 70, 30, **way(world, forwarder))
    assert f"The API server https://127.0.0.1:{forwarder.port} did not answer" in said
    assert world.api.ask("GET", path("experiments", world.namespace, NAME)).status == 404
