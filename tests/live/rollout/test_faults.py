# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rollouts among things that break or do not answer: holds, webhooks, a model, Envoy, a disk, and pinned clients."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.live.data_plane import ENHANCED, EXPERIMENT, wait_for
from tests.live.misbehaving import faults
from tests.live.programs import kill
from tests.live.rollouts import ERRORS, ROUTE, Rollouts, plan

CANDIDATE_ROUTE = f":{ENHANCED}_1:"
HELD = {"weight": 50, "hold": "manual"}
# How long one event may take.
HEARING_SECONDS = 30


@pytest.fixture
def rollouts(busy: Rollouts) -> Rollouts:
    return busy


def pinned(rollouts: Rollouts) -> int:
    """Return the status that a client gets that pinned itself to the candidate."""
    return rollouts.plane.infer(ROUTE, route=CANDIDATE_ROUTE).status


STICKY = {
    "weight_zero": (
        200,
        "weight 0 does not drain clients that are pinned to the candidate by x-seldon-route; ",
    ),
    "remove": (
        404,
        "the candidate left the experiment: clients pinned to it get 404 until they drop x-seldon-route",
    ),
}


@pytest.mark.parametrize(
    ("style", "status", "words"), [(style, *each) for style, each in STICKY.items()], ids=STICKY.keys()
)
def test_pinned_clients_when_it_goes_back(rollouts: Rollouts, style: str, status: int, words: str) -> None:
    with (
        rollouts.called(rate=20, headers={"x-seldon-route": CANDIDATE_ROUTE}),
        rollouts.running(plan(HELD, 100, policy={"rollback_style": style}), at="analyse") as run,
    ):
        assert pinned(rollouts) == 200
        aborted = rollouts.play(action="abort")
        play = run.end()
    assert aborted.status == 0, aborted.output
    assert rollouts.ended().phase == "rolled_back", play.output
    assert rollouts.share() == (100, 0)
    assert pinned(rollouts) == status
    assert rollouts.plane.infer(ROUTE).status == 200, "whoever drops the header is served"
    assert f"sticky: {words}" in play.said
    assert words in rollouts.report()["outcome"]["sticky"]
    (text,) = [text for name, text in rollouts.events() if name == "sticky"]
    assert "no requests" not in text


def test_hold_ends_by_itself_as_the_step_has_it(rollouts: Rollouts) -> None:
    held = {"hold": "manual", "hold_timeout": "1s"}
    steps = [
        {"weight": 30, **held, "on_hold_timeout": "promote"},
        {"weight": 60, **held, "on_hold_timeout": "rollback"},
    ]
    play = rollouts.play(plan(*steps, 100))
    assert play.status != 0
    state = rollouts.ended()
    assert (state.phase, state.step, state.cause, rollouts.share()) == ("rolled_back", 1, "deadline", (100, 0))
    assert "all gates pass; promote to go on within 1s, else promote" in play.said
    assert "because nobody promoted it within 1s" in play.said
    assert state.skipped == ()


class Answers(BaseHTTPRequestHandler):
    """Answers whatever ``says`` says."""

    says: Any = "false"

    def do_GET(self) -> None:
        body = type(self).says.encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name that it has above
        pass


@contextlib.contextmanager
def answering(says: str) -> Iterator[str]:
    """Serve an answer on the loopback address, and return where; the body of the block may change ``Answers.says``."""
    Answers.says = says
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextlib.contextmanager
def silent() -> Iterator[str]:
    """Take connections, and never answer."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"


def test_webhook_says_no_and_nobody_hears_the_events(rollouts: Rollouts) -> None:
    with answering("false") as url, silent() as nobody:
        gates: list[dict[str, Any]] = [ERRORS, {"name": "somebody", "kind": "webhook", "url": url}]
        held = {"name": "hold", "kind": "manual", "timeout": "1s", "on_timeout": "pause"}
        wanted = plan(50, 100, gates=[*gates, held], event_webhook={"url": nobody, "timeout": HEARING_SECONDS})
        play = rollouts.play(wanted)
        assert play.status != 0
        state = rollouts.ended()
        assert (state.phase, state.cause, rollouts.share()) == ("rolled_back", "limit", (100, 0)), play.output
        assert "somebody: 1 measurement failed" in play.said
        lost = re.search(r"(\d+) events did not reach the webhook", play.said)
        assert lost, play.output
        # Nobody waited for any of them.
        assert state.renewed - state.started < int(lost[1]) * HEARING_SECONDS

        again = rollouts.play(wanted)
        assert again.status != 0
        assert f"The rollout {state.id} of '{EXPERIMENT}' with this plan is over (rolled_back: " in again.said
        assert "Set action to retry for a new run of the same plan." in again.said

        Answers.says = "true"
        retried = rollouts.play(wanted, action="retry")
        assert retried.status != 0
        later = rollouts.ended()
        assert (later.phase, later.cause, rollouts.share()) == ("paused", "deadline", (50, 50)), retried.output
        assert later.id != state.id
        assert "because nobody promoted it within 1s" in retried.said
    assert [each["phase"] for each in rollouts.outcomes()] == ["rolled_back", "paused"]


def test_candidate_that_is_unloaded_goes_back_at_once(rollouts: Rollouts) -> None:
    with rollouts.running(plan(HELD, 100), at="analyse") as run:
        with faults.unloaded(rollouts.plane, 1, f"{ENHANCED}_1"):
            play = run.end()
        assert play.status != 0
    state = rollouts.ended()
    assert (state.phase, state.cause, rollouts.share()) == ("rolled_back", "candidate_not_ready", (100, 0)), play.output
    assert f"because {ENHANCED} is not ready" in play.said


def test_killed_envoy_is_nobodys_fault(rollouts: Rollouts) -> None:
    with rollouts.running(plan(HELD, 100), at="analyse") as run:
        kill(rollouts.plane, "envoy")
        wait_for(lambda: rollouts.plane.infer(ROUTE).status == 200, "Envoy is back")
        state = rollouts.reach(run, "hold", "paused")
    blamed = {"harm", "slo", "limit", "candidate_not_ready"}
    assert state.cause not in blamed, state
    assert rollouts.share() == (50, 50)
    assert not blamed & {line["cause"] for line in rollouts.journal()}


@pytest.fixture
def small_disk(rollouts: Rollouts) -> Iterator[Path]:
    """Keep what is written of the rollout on a file system of its own that is soon full."""
    if os.geteuid() != 0:
        pytest.skip("needs root to mount a small tmpfs")
    rollouts.folder.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(rollouts.folder)], check=True)
    try:
        yield rollouts.folder
    finally:
        subprocess.run(["umount", str(rollouts.folder)], check=True)


def fill(path: Path) -> None:
    """Write to a file until there is no room any more."""
    with contextlib.suppress(OSError), path.open("ab", buffering=0) as stream:
        while True:
            stream.write(b"x" * 4096)


def test_connection_that_drops_is_waited_for(
    rollouts: Rollouts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drops = tmp_path / "drops"
    monkeypatch.setenv("ANSIBLE_CONNECTION_PLUGINS", str(Path(__file__).with_name("connections")))
    monkeypatch.setenv("TEST_CONNECTION_DROPS", str(drops))
    told = "weights unchanged at 50: Failed to connect to the host via a wire"
    with rollouts.running(plan(HELD, 100), at="hold", ansible_connection="dropping") as run:
        drops.touch()
        wait_for(lambda: " ".join(run.output().split()).count(told) >= 2, lambda: f"it says so:\n{run.output()}")
        assert not run.is_over()
        drops.unlink()
        promoted = rollouts.play(action="promote")
        play = run.end()
    assert (promoted.status, play.status) == (0, 0), play.output
    assert (rollouts.ended().phase, rollouts.share()) == ("succeeded", (0, 100))
    assert "adopted" not in {name for name, _text in rollouts.events()}, "the same runner went on"


def test_full_disk_stops_the_clock_and_loses_nothing(rollouts: Rollouts, small_disk: Path) -> None:
    # The step lasts, so that a busy machine finds it as it was when the disk fills.
    with rollouts.running(plan({"weight": 50, "min_duration": "20s"}, 100), at="verify_route") as run:
        before = rollouts.files()["listener_0.json"]
        told = f"weights unchanged at 50: Failed to write {small_disk}/record.json: No space left on device."

        def is_told_twice() -> bool:
            # A record that was being written when the disk became full left its room to the next one.
            fill(filler)
            return " ".join(run.output().split()).count(told) >= 2

        filler = small_disk / "filler"
        wait_for(is_told_twice, lambda: f"the walk says why it stands still:\n{run.output()}")
        record = rollouts.record
        assert record is not None
        assert record.state.phase in ("verify_route", "analyse")
        assert rollouts.share() == (50, 50)
        assert rollouts.files()["listener_0.json"] == before
        filler.unlink()
        play = run.end()
    assert play.status == 0, play.output
    assert (rollouts.ended().phase, rollouts.share()) == ("succeeded", (0, 100))
    assert [name for name, _text in rollouts.events()] == ["start", "step", "step", "succeeded"]
