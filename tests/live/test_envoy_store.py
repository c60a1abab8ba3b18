# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Envoy store against a running Envoy: what is written is live, and what goes wrong loses nothing."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from plugins.module_utils._adapters.envoy_admin import EnvoyAdmin
from plugins.module_utils._adapters.envoy_files import EnvoyFiles
from plugins.module_utils._adapters.envoy_store import EnvoyStore
from plugins.module_utils._core.errors import ServingError
from plugins.module_utils._core.route_table import RouteTable
from tests.live.envoy_process import WATCHED, EnvoyProcess, request, run_python

WRITES = 1000
WRITERS = 4


@pytest.fixture
def envoy(tmp_path: Path) -> Iterator[EnvoyProcess]:
    process = EnvoyProcess(tmp_path / "envoy")
    process.start()
    try:
        process.declare_models()
        yield process
    finally:
        process.kill()


def unchanged(envoy: EnvoyProcess, before: dict[str, bytes]) -> bool:
    return envoy.contents() == before and envoy.live_weights() == {"baseline-predictor": 70, "enhanced-predictor": 30}


def test_change_is_live_when_it_returns(envoy: EnvoyProcess) -> None:
    change = envoy.store().declare(request(50, 50), dry_run=False)
    assert change.changed
    assert change.live is not None
    assert change.live.version == json.loads((envoy.directory / "listener_0.json").read_bytes())["version_info"]
    assert envoy.live_weights() == {"baseline-predictor": 50, "enhanced-predictor": 50}


def test_second_run_writes_nothing(envoy: EnvoyProcess) -> None:
    before = envoy.contents()
    change = envoy.store().declare(request(), dry_run=False)
    assert not change.changed
    assert unchanged(envoy, before)


def test_dry_run_writes_nothing_and_tells_the_same(envoy: EnvoyProcess) -> None:
    before = envoy.contents()
    told = envoy.store().declare(request(1, 99), dry_run=True)
    assert unchanged(envoy, before)
    done = envoy.store().declare(request(1, 99), dry_run=False)
    assert (told.changed, told.before, told.after) == (done.changed, done.before, done.after)


def test_models_come_and_go(envoy: EnvoyProcess) -> None:
    def known() -> list[str]:
        clusters = json.loads((envoy.directory / "clusters.json").read_bytes())["resources"]
        return [each["name"] for each in clusters if each["name"].endswith("_http")]

    store = envoy.store()
    table = RouteTable.parse(store.declare_table(_models(envoy, 3), [], dry_run=True).after)
    with pytest.raises(ServingError, match="model 'enhanced-predictor' is not known"):
        store.declare_table(table.models[:1], [], dry_run=False)
    store.declare_table(table.models[:1], [request(state="absent")], dry_run=False)
    assert known() == ["mirror_http", "baseline-predictor_1_http"]
    store.declare_table(table.models, [request()], dry_run=False)
    assert envoy.live_weights() == {"baseline-predictor": 70, "enhanced-predictor": 30}
    assert not store.declare_table(table.models, [request()], dry_run=False).changed


def _models(envoy: EnvoyProcess, count: int) -> Any:
    state = json.loads((envoy.directory / "listener_0.json").read_bytes())["resources"][0]["metadata"]
    return RouteTable.parse(state["filter_metadata"]["modelops.serving"]).models[:count]


ADD_ONE = """
import sys
from dataclasses import replace
from pathlib import Path
from plugins.module_utils._adapters.envoy_admin import EnvoyAdmin
from plugins.module_utils._adapters.envoy_files import EnvoyFiles
from plugins.module_utils._adapters.envoy_store import EnvoyStore
from plugins.module_utils._core.experiment import Request

def add_one(table):
    weights = table.experiment("ab").weights
    weights["enhanced-predictor"] += 1
    return table.with_request(Request.parse({"name": "ab", "weights": weights}))

store = EnvoyStore(EnvoyFiles(sys.argv[1]), lambda settings: EnvoyAdmin(settings.admin_socket), wait_timeout=300)
for _ in range(int(sys.argv[2])):
    assert store.change(add_one, dry_run=False).changed
"""


def test_writers_at_once_never_lose_an_update(envoy: EnvoyProcess) -> None:
    envoy.store().declare(request(1, 0), dry_run=False)
    writers = [run_python(ADD_ONE, str(envoy.directory), str(WRITES // WRITERS)) for _ in range(WRITERS)]
    for writer in writers:
        _out, errors = writer.communicate(timeout=800)
        assert writer.returncode == 0, errors.decode()
    assert envoy.live_weights() == {"baseline-predictor": 1, "enhanced-predictor": WRITES}


DIE_BEFORE = """
import os, signal, sys
from plugins.module_utils._adapters import envoy_files
from plugins.module_utils._adapters.envoy_admin import EnvoyAdmin
from plugins.module_utils._adapters.envoy_store import EnvoyStore
from plugins.module_utils._core.experiment import Request

rename = os.replace
def die(source, target):
    if target.endswith("listener_0.json"):
        if sys.argv[2] == "after":
            rename(source, target)
        os.kill(os.getpid(), signal.SIGKILL)
    rename(source, target)
envoy_files.os.replace = die
files = envoy_files.EnvoyFiles(sys.argv[1])
store = EnvoyStore(files, lambda settings: EnvoyAdmin(settings.admin_socket), wait_timeout=10)
weights = {"baseline-predictor": 5, "enhanced-predictor": 95}
store.declare(Request.parse({"name": "ab", "weights": weights}), dry_run=False)
"""


@pytest.mark.parametrize(("moment", "weights"), [("before", (70, 30)), ("after", (5, 95))])
def test_power_loss_around_the_rename(envoy: EnvoyProcess, moment: str, weights: tuple[int, int]) -> None:
    writer = run_python(DIE_BEFORE, str(envoy.directory), moment)
    writer.communicate(timeout=60)
    assert writer.returncode == -signal.SIGKILL
    expected = dict(zip(("baseline-predictor", "enhanced-predictor"), weights, strict=True))
    envoy.kill()
    envoy.start()
    assert envoy.live_weights() == expected
    assert envoy.store().declare(request(60, 40), dry_run=False).changed
    assert envoy.live_weights() == {"baseline-predictor": 60, "enhanced-predictor": 40}
    assert not list(envoy.directory.glob("*.new")) + list(envoy.directory.glob("*.next-good"))


def test_full_disk_loses_nothing(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root to mount a small tmpfs")
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(disk)], check=True)
    envoy = EnvoyProcess(disk / "envoy")
    try:
        envoy.start()
        envoy.declare_models()
        before = envoy.contents()
        filler = disk / "filler"
        _fill(filler)
        with pytest.raises(ServingError, match="No space left on device"):
            envoy.store().declare(request(50, 50), dry_run=False)
        assert unchanged(envoy, before)
        envoy.kill()
        envoy.start()
        assert unchanged(envoy, before)
        filler.unlink()
        assert envoy.store().declare(request(50, 50), dry_run=False).changed
    finally:
        envoy.kill()
        subprocess.run(["umount", str(disk)], check=True)


def _fill(path: Path) -> None:
    with contextlib.suppress(OSError), path.open("wb", buffering=0) as stream:
        while True:
            stream.write(b"x" * 4096)


class _NoCheck(EnvoyFiles):
    """Leaves out Envoy's own check, so that a running Envoy gets to see what it refuses."""

    def validate(self, envoy: str, content: dict[str, Any]) -> None:
        pass


NO_BACK_OFF = {"on": "5xx", "count": 1, "base_interval": 0}


def test_what_envoy_would_refuse_is_never_written(envoy: EnvoyProcess) -> None:
    before = envoy.contents()
    envoy.configure(retry=NO_BACK_OFF)
    with pytest.raises(ServingError, match=r"Envoy would refuse these routes: .*BaseInterval.*Nothing was changed"):
        envoy.store().declare(request(50, 50), dry_run=False)
    envoy.configure()
    assert unchanged(envoy, before)


def test_what_envoy_refuses_is_taken_back_before_a_restart_can_meet_it(envoy: EnvoyProcess) -> None:
    before = envoy.contents()
    envoy.configure(retry=NO_BACK_OFF)
    with pytest.raises(ServingError, match=r"Envoy refused .*listener_0.json: .*The last good file was put back"):
        envoy.store(files=_NoCheck(str(envoy.directory))).declare(request(50, 50), dry_run=False)
    envoy.configure()
    assert unchanged(envoy, before)
    envoy.kill()
    envoy.start()
    assert unchanged(envoy, before)


def _half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _half_moved(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    other.rename(path)


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "half-written": (_half, "is not whole JSON"),
    "half of it moved into place": (_half_moved, "is not whole JSON"),
    "empty": (lambda path: path.write_bytes(b""), "is not whole JSON"),
    "another kind of JSON": (lambda path: path.write_text("[]"), "is not a JSON object"),
    "another object": (lambda path: path.write_text("{}"), "is not a file of this store"),
    "gone": (lambda path: path.unlink(), "is gone or empty"),
    "seeded anew": (lambda path: path.write_text('{"version_info": "0", "resources": []}'), "is gone or empty"),
}


@pytest.mark.parametrize("name", WATCHED)
@pytest.mark.parametrize(("damage", "words"), DAMAGES.values(), ids=DAMAGES.keys())
def test_damaged_file_is_read_around_and_mended(
    envoy: EnvoyProcess, name: str, damage: Callable[[Path], object], words: str
) -> None:
    path = envoy.directory / name
    whole = json.loads(path.read_bytes())
    damage(path)
    assert_mended(envoy, path, whole, words)


def test_routes_without_their_table_are_read_around_and_mended(envoy: EnvoyProcess) -> None:
    path = envoy.directory / "listener_0.json"
    whole = json.loads(path.read_bytes())
    (routes,) = whole["resources"]
    others = {key: value for key, value in routes.items() if key != "metadata"}
    path.write_text(json.dumps({**whole, "resources": [others]}))
    assert_mended(envoy, path, whole, "does not carry its experiments")


def assert_mended(envoy: EnvoyProcess, path: Path, whole: dict[str, Any], words: str) -> None:
    reading = envoy.store().read()
    assert [each.weights for each in reading.experiments] == [{"baseline-predictor": 70, "enhanced-predictor": 30}]
    assert words in reading.warnings[0]
    assert reading.warnings[0].endswith(f"Went on from {path}.last-good.")
    assert envoy.store().declare(request(), dry_run=False).changed
    assert envoy.live_weights() == {"baseline-predictor": 70, "enhanced-predictor": 30}
    assert json.loads(path.read_bytes())["resources"] == whole["resources"]
    assert not envoy.store().declare(request(), dry_run=False).changed


def test_damage_without_a_good_copy_is_named_with_the_way_out(envoy: EnvoyProcess) -> None:
    path = envoy.directory / "listener_0.json"
    path.write_text("{}")
    path.with_name("listener_0.json.last-good").unlink()
    with pytest.raises(ServingError, match=r"listener_0.json is not a file of this store. There is no last good copy"):
        envoy.store().declare(request(), dry_run=False)


def test_lock_that_is_a_link_is_not_followed(envoy: EnvoyProcess, tmp_path: Path) -> None:
    lock = envoy.directory / ".lock"
    lock.unlink()
    lock.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ServingError, match="Failed to lock"):
        envoy.store().declare(request(50, 50), dry_run=False)
    assert not (tmp_path / "elsewhere").exists()


def test_good_file_that_envoy_missed_is_written_again(envoy: EnvoyProcess) -> None:
    path = envoy.directory / "listener_0.json"
    content = json.loads(path.read_bytes())
    path.write_text(json.dumps({**content, "version_info": "overwritten in place, which Envoy does not notice"}))
    assert envoy.store().declare(request(), dry_run=True).changed
    assert envoy.store().declare(request(), dry_run=False).changed
    assert not envoy.store().declare(request(), dry_run=False).changed


def test_envoy_away_is_told_before_anything_is_written(envoy: EnvoyProcess) -> None:
    envoy.kill()
    before = envoy.contents()
    with pytest.raises(ServingError, match=r"Envoy did not answer within 0.2 s .*Nothing was changed"):
        envoy.store(wait_timeout=0.2).declare(request(50, 50), dry_run=False)
    assert envoy.contents() == before
    assert not envoy.store().declare(request(), dry_run=False).changed
    envoy.start()
    assert unchanged(envoy, before)


def test_envoy_that_restarts_meanwhile_is_waited_for(envoy: EnvoyProcess) -> None:
    envoy.kill()
    program = ADD_ONE.replace("wait_timeout=300", "wait_timeout=60")
    writer = run_python(program, str(envoy.directory), "1")
    envoy.start()
    _out, errors = writer.communicate(timeout=90)
    assert writer.returncode == 0, errors.decode()
    assert envoy.live_weights() == {"baseline-predictor": 70, "enhanced-predictor": 31}


def test_envoy_that_dies_during_a_change_leaves_the_old_one(envoy: EnvoyProcess) -> None:
    class DiesAtTheRename(EnvoyFiles):
        def replace(self, name: str, content: dict[str, Any]) -> None:
            envoy.kill()
            super().replace(name, content)

    before = envoy.contents()
    with pytest.raises(ServingError, match=r"did not confirm .* it stopped answering"):
        envoy.store(wait_timeout=0.5, files=DiesAtTheRename(str(envoy.directory))).declare(
            request(50, 50), dry_run=False
        )
    envoy.start()
    assert unchanged(envoy, before)


def test_interrupt_takes_the_change_back(envoy: EnvoyProcess) -> None:
    class Interrupted(EnvoyFiles):
        def replace(self, name: str, content: dict[str, Any]) -> None:
            super().replace(name, content)
            raise KeyboardInterrupt

    before = envoy.contents()
    with pytest.raises(KeyboardInterrupt):
        envoy.store(files=Interrupted(str(envoy.directory))).declare(request(50, 50), dry_run=False)
    envoy.kill()
    envoy.start()
    assert unchanged(envoy, before)


def test_lock_that_is_held_is_named(envoy: EnvoyProcess) -> None:
    with (
        EnvoyFiles(str(envoy.directory)).lock(timeout=1),
        pytest.raises(ServingError, match=r"Another change has held .*/\.lock for 0.1 s. Nothing was changed"),
    ):
        envoy.store(wait_timeout=0.1).declare(request(50, 50), dry_run=False)


def test_no_store_is_told_with_what_to_set(tmp_path: Path) -> None:
    store = EnvoyStore(EnvoyFiles(str(tmp_path)), lambda settings: EnvoyAdmin(settings.admin_socket), wait_timeout=1)
    with pytest.raises(ServingError, match=r"no Envoy store in .* Set store_path to the folder"):
        store.read()
