# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ansible-playbook that notes how long each call of a module takes, and how much memory it holds meanwhile.

python -m tools.bench.watched_playbook FOLDER ARGUMENTS    with ansible-playbook's own arguments

Each call is a line of JSON in FOLDER/calls.jsonl, and what was sent to the target for the first tick of a rollout is
FOLDER/payload.py. Ansible forks its workers, so what is put around its functions here is around theirs, too.
"""

from __future__ import annotations

import os
import resource
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ansible.cli.playbook import main as run_playbook
from ansible.plugins.action import ActionBase

from tools.bench.calls import CALLS, PAYLOAD, TICK, Call

PAGE_SIZE = os.sysconf("SC_PAGE_SIZE")


class _Watch:
    """Puts timers around the controller's side of a call."""

    def __init__(self, folder: Path) -> None:
        self._calls, self._payload = folder / CALLS, folder / PAYLOAD
        self._parts: dict[str, float] = {}

    def install(self) -> None:
        """Replace Ansible's functions by timed ones."""
        build = self._timed(ActionBase._configure_module, "built")

        def built(action: Any, *positional: Any, **named: Any) -> Any:
            found = build(action, *positional, **named)
            if _called(named) == TICK and not self._payload.exists():
                self._payload.write_bytes(found[0].b_module_data)
            return found

        whole = ActionBase._execute_module

        def noted(action: Any, *positional: Any, **named: Any) -> Any:
            self._parts.clear()
            processor, start = _processor_of_children(), time.perf_counter()
            found = whole(action, *positional, **named)
            seconds, processor = time.perf_counter() - start, _processor_of_children() - processor
            built, ran = (self._parts.get(name, 0.0) for name in ("built", "ran"))
            held = (_resident(pid) for pid in (os.getpid(), os.getppid()))
            # One write for a line; the worker that writes it is the only one.
            with self._calls.open("a", encoding="utf-8") as stream:
                stream.write(Call(_called(named), seconds, built, ran, processor, *held).line())
            return found

        ActionBase._low_level_execute_command = self._timed(ActionBase._low_level_execute_command, "ran")
        ActionBase._configure_module, ActionBase._execute_module = built, noted

    def _timed(self, inner: Callable[..., Any], name: str) -> Callable[..., Any]:
        def timed(*positional: Any, **named: Any) -> Any:
            start = time.perf_counter()
            try:
                return inner(*positional, **named)
            finally:
                self._parts[name] = self._parts.get(name, 0.0) + time.perf_counter() - start

        return timed


def _called(named: Mapping[str, Any]) -> str:
    """Return which of its calls experiment_rollout is asked for; of other modules there is none."""
    return str((named.get("module_args") or {}).get("call", ""))


def _processor_of_children() -> float:
    """Return the seconds of a core that all processes took that this one started and saw end."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _resident(pid: int) -> int:
    """Return the bytes of memory that a process has in use."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * PAGE_SIZE
    except OSError:
        return 0


def main() -> None:
    folder, *arguments = sys.argv[1:]
    _Watch(Path(folder)).install()
    run_playbook(["ansible-playbook", *arguments])


if __name__ == "__main__":
    main()
