# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rollouts on a data plane whose models misbehave when told to: callers, runs of the playbook, and what is on disk."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plugins.module_utils._adapters.envoy_admin import EnvoyAdmin
from plugins.module_utils._adapters.envoy_rollouts import recorded
from plugins.module_utils._adapters.envoy_store import EnvoyStore
from plugins.module_utils._adapters.rollout_files import RolloutFiles
from plugins.module_utils._core.experiment import Request
from plugins.module_utils._core.rollout_record import Record, newest
from plugins.module_utils._core.rollout_state import State
from plugins.module_utils._wiring.store import envoy_store
from tests.live.callers import Callers, called
from tests.live.data_plane import BASELINE, ENHANCED, EXPERIMENT, DataPlane, Play
from tests.live.misbehaving.switch import Misbehaving, running_misbehaving
from tests.live.runs import Run
from tests.support import run as run_command

ROUTE = f"{EXPERIMENT}.experiment"
PLAY_SECONDS = 150
PHASE_SECONDS = 60
# The shortest phase takes a second.
POLL_SECONDS = 0.05
ERRORS = {"name": "errors", "kind": "error_rate", "risk_budget": 0.1}


def plan(*steps: Any, gates: Sequence[Mapping[str, Any]] = (ERRORS,), **more: Any) -> dict[str, Any]:
    """Return a plan that is over in a few seconds; ``analysis`` adds to what makes it short."""
    short = {
        "interval": "1s",
        "baseline_windows": 0,
        "settle_windows": 1,
        "min_windows": 1,
        "min_requests": 20,
        "post_check_windows": 1,
    }
    return {
        "name": EXPERIMENT,
        "baseline": BASELINE,
        "candidate": ENHANCED,
        "steps": list(steps),
        "gates": [dict(each) for each in gates],
        **more,
        "analysis": {**short, **more.get("analysis", {})},
    }


class RolloutRun(Run):
    """A run of the playbook for rollouts in the background."""

    def signal(self, number: int) -> None:
        """Send a signal to ansible-playbook itself, as ``kill`` does."""
        os.kill(self._process.pid, number)

    def press_ctrl_c(self) -> None:
        """Interrupt it once, as a terminal does: the whole group in the foreground."""
        os.killpg(self._process.pid, signal.SIGINT)

    def kill_all(self) -> None:
        """Kill -9 ansible-playbook, its workers, and the module that runs at this moment."""
        while found := self.leftovers():
            for pid in found:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
            self._process.poll()
            time.sleep(0.02)
        self._process.wait()

    def end(self) -> Play:
        """Wait for the end, for a limited time."""
        try:
            return Play(self._process.wait(PLAY_SECONDS), self.output())
        except subprocess.TimeoutExpired:
            self.kill_all()
            raise AssertionError(f"no end within {PLAY_SECONDS} s:\n{self.output()}") from None


@dataclass(frozen=True)
class Rollouts:
    """A data plane, and rollouts of its experiment."""

    misbehaving: Misbehaving

    @property
    def plane(self) -> DataPlane:
        return self.misbehaving.plane

    @property
    def envoy_directory(self) -> Path:
        return self.plane.directory / "envoy"

    @property
    def folder(self) -> Path:
        """The folder of what is kept of the experiment's rollouts."""
        return self.envoy_directory / "rollouts" / EXPERIMENT

    @property
    def reports(self) -> Path:
        return self.plane.directory / "reports"

    # Runs

    def play(self, wanted: Mapping[str, Any] | None = None, *arguments: str, **variables: Any) -> Play:
        """Run the playbook to its end; without a plan, the experiment is named alone."""
        return self.plane.play("rollout.yml", *arguments, variables=self._variables(wanted, variables))

    def start(self, wanted: Mapping[str, Any] | None = None, **variables: Any) -> RolloutRun:
        """Run the playbook in the background."""
        return RolloutRun(self.plane, "rollout.yml", variables=self._variables(wanted, variables))

    def _variables(self, wanted: Mapping[str, Any] | None, more: Mapping[str, Any]) -> dict[str, Any]:
        given = {"experiment": EXPERIMENT} if wanted is None else {"rollout": wanted}
        return {**given, "data_plane_report_directory": str(self.reports), **more}

    @contextmanager
    def running(self, wanted: Mapping[str, Any] | None, *, at: str = "", **variables: Any) -> Iterator[RolloutRun]:
        """Run the playbook in the background, wait for a phase, and leave nothing of it in the end."""
        run = self.start(wanted, **variables)
        try:
            if at:
                self.reach(run, at)
            yield run
        finally:
            run.kill_all()

    def reach(self, run: RolloutRun, *phases: str, step: int | None = None) -> State:
        """Wait until the rollout is in one of these phases, at a step if that matters."""
        deadline = time.monotonic() + PHASE_SECONDS
        while time.monotonic() < deadline:
            over, state = run.is_over(), self.state
            if state and state.phase in phases and step in (None, state.step):
                return state
            assert not over, f"over before {' or '.join(phases)}: {state}\n{run.output()}"
            time.sleep(POLL_SECONDS)
        raise AssertionError(f"not {' or '.join(phases)} within {PHASE_SECONDS} s, but {self.state}\n{run.output()}")

    def change_by_module(self, **options: Any) -> Play:
        """Run the module ``experiment`` alone, as somebody may do at a terminal."""
        values = {"name": EXPERIMENT, "store_path": str(self.envoy_directory), **options}
        _command, environment = self.plane.command("experiment.yml")
        program = Path(sys.executable).with_name("ansible")
        words = ["localhost", "--connection", "local", "--module-name", "modelops.serving.experiment"]
        done = run_command([program, *words, "--args", json.dumps(values)], env=environment)
        return Play(done.status, done.output)

    # What is on disk, and in force

    @property
    def store(self) -> EnvoyStore:
        return envoy_store({"store_path": str(self.envoy_directory), "wait_timeout": 10.0})

    @property
    def record(self) -> Record | None:
        """The true record: of the one with the weights and the one beside them, the newer."""
        with_weights = self.store.declared().rollouts.get(EXPERIMENT)
        beside = Record.from_dict(with_weights) if with_weights else None
        return newest(beside, recorded(str(self.envoy_directory), EXPERIMENT))

    @property
    def state(self) -> State | None:
        record = self.record
        return record.state if record else None

    def holder(self) -> int:
        """Return the process that carries it out."""
        record = self.record
        assert record is not None
        assert record.lock is not None
        return record.lock.holder.pid

    def ended(self) -> State:
        """Return the state of a run that nobody carries out any more."""
        record = self.record
        assert record is not None
        assert record.lock is None, record.lock
        return record.state

    def journal(self) -> list[dict[str, Any]]:
        """Return the ticks of the last run."""
        return list(RolloutFiles(str(self.folder)).journal())

    def events(self) -> list[tuple[str, str]]:
        """Return what was told in the last run: a name and a sentence each."""
        return [(each["name"], each["text"]) for line in self.journal() for each in line["events"]]

    def phases(self) -> list[str]:
        """Return the phases of the last run in order, each as often as it began."""
        found = [line["phase"] for line in self.journal()]
        return [each for before, each in zip(["", *found], found, strict=False) if each != before]

    def outcomes(self) -> list[dict[str, Any]]:
        return list(RolloutFiles(str(self.folder)).outcomes())

    def report(self) -> dict[str, Any]:
        """Return the report that the last run left, which stands there in three forms."""
        stem = self.reports / f"rollout-{EXPERIMENT}"
        assert all(stem.with_suffix(suffix).stat().st_size for suffix in (".json", ".xml", ".html"))
        found: dict[str, Any] = json.loads(stem.with_suffix(".json").read_bytes())
        return found

    def weights(self) -> tuple[int, int]:
        """Return the weights that Envoy has in force: the baseline's, then the candidate's."""
        live = self.store.read().live
        assert live is not None
        found = next(each.weights for each in live.experiments if each.name == EXPERIMENT)
        return found[BASELINE], found.get(ENHANCED, 0)

    def share(self) -> tuple[int, int]:
        """Return the weights as parts of a hundred."""
        baseline, candidate = self.weights()
        return 100 * baseline // (baseline + candidate), 100 * candidate // (baseline + candidate)

    def files(self) -> dict[str, bytes]:
        """Return every file of the store, apart from its lock and its sockets."""
        return {
            str(path.relative_to(self.envoy_directory)): path.read_bytes()
            for path in sorted(self.envoy_directory.rglob("*"))
            if path.is_file() and path.name != ".lock"
        }

    def attempts(self, name: str = ENHANCED) -> tuple[int, int]:
        """Return how many attempts a model has had since Envoy started, and how many failed, by Envoy's counters."""
        counters = EnvoyAdmin(str(self.envoy_directory / "admin.sock")).counters(rf"^cluster\.{name}_1_http\.")
        prefix = f"cluster.{name}_1_http."
        return tuple(  # type: ignore[return-value]  # two of them
            sum(counters.get(f"{prefix}{family}upstream_rq_{which}", 0) for family in ("", "retry."))
            for which in ("completed", "5xx")
        )

    # What happens meanwhile

    def called(self, **more: Any) -> AbstractContextManager[Callers]:
        """Have callers call the experiment in the background."""
        return called(self.plane, ROUTE, **more)

    def declare(self, baseline: int, candidate: int, *, force: bool = False, **more: Any) -> None:
        """Declare other weights; ``force`` does so while somebody rolls out."""
        weights = {BASELINE: baseline, ENHANCED: candidate}
        request = Request.parse({"name": EXPERIMENT, "weights": weights, **more})
        self.store.declare(request, dry_run=False, force=force)

    def edit_routes(self, edit: Callable[[list[Any]], None]) -> None:
        """Give Envoy other routes by hand; whoever declares something afterwards writes over them."""
        path = self.envoy_directory / "listener_0.json"
        content = json.loads(path.read_bytes())
        edit(content["resources"])
        # Envoy notices nothing but a rename.
        beside = path.with_name("edited")
        beside.write_text(json.dumps({**content, "version_info": "edited"}))
        beside.replace(path)

    def reset(self) -> None:
        """Heal both models, give the baseline everything, and forget all rollouts."""
        self.misbehaving.heal()
        self.store.declare(Request.parse({"name": EXPERIMENT, "state": "absent"}), dry_run=False, force=True)
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.rmtree(self.reports, ignore_errors=True)
        self.declare(100, 0, default=BASELINE)


def running_rollouts(directory: Path) -> Iterator[Rollouts]:
    """Bring up a data plane with both models, and lend it."""
    for misbehaving in running_misbehaving(directory):
        yield Rollouts(misbehaving)
