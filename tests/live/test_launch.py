# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The start script ends earlier lives of a program, and nothing that is not ours."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SCRIPT = Path(__file__).parents[2] / "roles/data_plane/files/launch.py"
MARK = {"SERVING_CONFIG": "abc"}
SLEEP = shutil.which("sleep") or "/bin/sleep"


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "it did not happen within 20 seconds"
        time.sleep(0.02)


def launch(*arguments: str | Path, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", "-S", SCRIPT, *arguments]
    environment = {**os.environ, **MARK}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture
def plane(tmp_path: Path) -> Path:
    for name in ("run", "logs", "nginx", "envoy", "supervisor", "programs"):
        (tmp_path / name).mkdir()
    return tmp_path


@pytest.fixture
def sleeper() -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Start programs that wait, and end them with the test."""
    with ExitStack() as stack:

        def start(folder: Path, *, marked: bool, program: str = SLEEP) -> subprocess.Popen[bytes]:
            plain = {name: value for name, value in os.environ.items() if name not in MARK}
            process = subprocess.Popen([program, "300"], cwd=folder, env={**plain, **(MARK if marked else {})})
            stack.callback(process.wait)
            stack.callback(process.kill)
            # Until it has become the program, it still looks like this one.
            wait_for(lambda: Path(f"/proc/{process.pid}/comm").read_text().strip() == Path(program).name[:15])
            return process

        yield start


def test_a_program_starts_and_notes_its_configuration(plane: Path) -> None:
    done = launch("start", plane, "envoy", "/bin/sh", "-c", "pwd; ulimit -Sn", folder=plane / "envoy")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0] == str(plane / "envoy")
    assert (plane / "run/envoy.config").read_text() == "abc"
    assert [path.name for path in (plane / "run").iterdir()] == ["envoy.config"]


@pytest.mark.parametrize(
    ("earlier", "ends"),
    [
        pytest.param(("nginx", True, "sleep"), True, id="marked, in the same folder"),
        pytest.param(("nginx", False, "nginx"), True, id="an NGINX without the mark, in the same folder"),
        pytest.param(("nginx", False, "sleep"), False, id="another program, in the same folder"),
        pytest.param(("envoy", True, "sleep"), False, id="marked, in another folder"),
        pytest.param(("..", False, "nginx"), False, id="an NGINX outside"),
    ],
)
def test_a_start_ends_earlier_lives_only(
    plane: Path, sleeper: Callable[..., subprocess.Popen[bytes]], earlier: tuple[str, bool, str], ends: bool
) -> None:
    folder, marked, program = earlier
    copy = shutil.copy(SLEEP, plane / "programs" / program)
    process = sleeper(plane / folder, marked=marked, program=str(copy))
    launch("start", plane, "nginx", "/bin/true", folder=plane / "nginx")
    assert (process.poll() is not None) is ends


SERVER = """
import os, pathlib, socket
pathlib.Path("starts").open("a").write(f"{os.getpid()} {os.getsid(0)}\\n")
server = socket.socket(socket.AF_UNIX)
server.bind("supervisor.sock")
server.listen()
while True:
    server.accept()
"""


def test_a_detached_program_has_a_session_of_its_own_and_starts_once(plane: Path) -> None:
    command: list[str | Path] = [
        sys.executable,
        "-I",
        "-S",
        SCRIPT,
        "detach",
        plane,
        "supervisor",
        sys.executable,
        "-c",
        SERVER,
    ]
    try:
        at_once = [subprocess.Popen(command, env={**os.environ, **MARK}) for _ in range(4)]
        assert [each.wait(60) for each in at_once] == [0, 0, 0, 0]
        starts = (plane / "supervisor/starts").read_text().splitlines()
        assert len(starts) == 1
        assert int(starts[0].split()[1]) not in (os.getsid(0), 0)
    finally:
        assert launch("end", plane).stdout == "ended 1\n"
    assert launch("end", plane).stdout == "ended 0\n"


def test_all_programs_end_and_others_stay(plane: Path, sleeper: Callable[..., subprocess.Popen[bytes]]) -> None:
    ours = [sleeper(plane / name, marked=True) for name in ("envoy", "nginx", "supervisor")]
    other = sleeper(plane / "envoy", marked=False)
    assert launch("end", plane).stdout == "ended 3\n"
    assert [process.poll() is not None for process in [*ours, other]] == [True, True, True, False]
    assert launch("end", plane).stdout == "ended 0\n"


def test_programs_of_a_removed_folder_end(plane: Path, sleeper: Callable[..., subprocess.Popen[bytes]]) -> None:
    process = sleeper(plane / "envoy", marked=True)
    shutil.rmtree(plane)
    assert launch("end", plane).stdout == "ended 1\n"
    assert process.poll() is not None


def test_a_wrong_call_is_refused() -> None:
    done = launch("start", "/nowhere")
    assert done.returncode == 1
    assert done.stderr.startswith("Usage: launch.py start DIRECTORY NAME COMMAND...")
