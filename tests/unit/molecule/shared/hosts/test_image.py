# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cache of images, with a stand-in for mmdebstrap that makes an almost empty one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hosts import image
from tests.systemd_hosts import PROGRAM

STAND_IN = """#!/bin/sh
for last; do :; done
echo "$last" >>"$MADE"
mkdir -p "$last/etc"
echo outer >"$last/etc/hostname"
sleep "$SECONDS_EACH"
exit "$STATUS"
"""


class Cache:
    """A cache folder of its own, and how often an image was made for it."""

    def __init__(self, folder: Path) -> None:
        (folder / "bin").mkdir()
        (folder / "bin/mmdebstrap").write_text(STAND_IN, encoding="utf-8")
        (folder / "bin/mmdebstrap").chmod(0o755)
        self.made_log = folder / "made"
        self.made_log.touch()
        self.place = folder / "cache/modelops-serving/test-hosts"
        self._env = {
            **os.environ,
            "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
            "XDG_CACHE_HOME": str(folder / "cache"),
            "MADE": str(self.made_log),
        }

    def start(self, seconds: float = 0, status: int = 0) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, PROGRAM, "image"],
            env=self._env | {"SECONDS_EACH": str(seconds), "STATUS": str(status)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def made(self) -> list[str]:
        return self.made_log.read_text(encoding="utf-8").splitlines()

    def names(self) -> list[str]:
        return sorted(path.name for path in self.place.iterdir())


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    if os.geteuid() != 0:
        pytest.skip("only root can make an image")
    return Cache(tmp_path)


def test_image_is_made_once(cache: Cache) -> None:
    first = cache.start()
    answer = first.communicate()[0]
    assert first.returncode == 0
    assert answer == f"{cache.place / image.key()}\n"
    assert cache.start().communicate()[0] == answer
    assert len(cache.made()) == 1
    tree = Path(answer.strip())
    assert not (tree / "etc/hostname").exists()
    assert (tree / "etc/systemd/system/testhost-sysctl.service").is_file()
    assert (tree / "etc/systemd/system/apt-daily.timer").readlink() == Path("/dev/null")
    assert tree.stat().st_mode & 0o777 == 0o755


def test_two_at_once_make_one(cache: Cache) -> None:
    runs = [cache.start(seconds=0.5) for _ in range(2)]
    said = [process.communicate() for process in runs]
    assert [process.returncode for process in runs] == [0, 0]
    assert said[0][0] == said[1][0]
    assert len(cache.made()) == 1
    assert "Waiting for somebody else who makes the image" in said[0][1] + said[1][1]


def test_failure_leaves_no_image(cache: Cache) -> None:
    failed = cache.start(status=3)
    assert "mmdebstrap ended with 3" in failed.communicate()[1]
    assert failed.returncode == 1
    assert cache.names() == [f"{image.key()}.lock"]


def test_interrupt_leaves_no_image(cache: Cache) -> None:
    process = cache.start(seconds=60)
    wait_for_made(cache, 1)
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 130
    assert cache.names() == [f"{image.key()}.lock"]


def test_next_run_removes_what_a_killed_one_left(cache: Cache) -> None:
    process = cache.start(seconds=2)
    wait_for_made(cache, 1)
    process.kill()
    process.wait(20)
    assert len(cache.names()) == 2
    assert cache.start().wait(20) == 0
    assert cache.names() == sorted([image.key(), f"{image.key()}.lock"])


def test_other_recipe_makes_another_image(monkeypatch: pytest.MonkeyPatch) -> None:
    before = image.key()
    monkeypatch.setattr(image, "PACKAGES", [*image.PACKAGES, "another"])
    assert image.key() != before


def wait_for_made(cache: Cache, count: int) -> None:
    end = time.monotonic() + 20
    while len(cache.made()) < count:
        assert time.monotonic() < end, "the stand-in was not called"
        time.sleep(0.02)
