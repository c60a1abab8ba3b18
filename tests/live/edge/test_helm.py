# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way of an archive to a host: verified, unpacked, linked, and left alone. What is in it does not matter here."""

from __future__ import annotations

import hashlib
import io
import platform
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tests.live.edge.plays import Played, play

ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())


class Release:
    """A folder with archives as upstream names them, and a home to bring them to."""

    def __init__(self, folder: Path) -> None:
        self.archives = folder / "archives"
        self.home = folder / "home"
        self._folder = folder
        self.archives.mkdir()
        self.home.mkdir()

    @property
    def binary(self) -> Path:
        return self.home / "bin/helm"

    def publish(self, version: str) -> str:
        """Make an archive, and return its checksum."""
        path = self.archives / f"helm-{version}-linux-{ARCHITECTURE}.tar.gz"
        content = f"this is {version}\n".encode()
        with tarfile.open(path, "w:gz") as archive:
            member = tarfile.TarInfo(f"linux-{ARCHITECTURE}/helm")
            member.size, member.mode = len(content), 0o755
            archive.addfile(member, io.BytesIO(content))
        return hashlib.sha256(path.read_bytes()).hexdigest()

    def play(self, *words: str, **variables: Any) -> Played:
        wanted = {
            "helm_artifacts_directory": str(self.archives),
            "helm_directory": str(self.home / "helm"),
            "helm_binary": str(self.binary),
            **variables,
        }
        return play(self._folder, "helm", ["main.yml"], Path("/nonexistent"), wanted, *words)


@pytest.fixture
def release(tmp_path: Path) -> Release:
    return Release(tmp_path)


def test_archive_is_brought_once_and_the_next_version_takes_its_place(release: Release) -> None:
    one = {"helm_version": "v3.1.0", "helm_sha256": {ARCHITECTURE: release.publish("v3.1.0")}}
    assert release.play("--check", **one).changed > 0
    assert list(release.home.iterdir()) == []
    assert release.play(**one).changed > 0
    assert release.binary.read_text() == "this is v3.1.0\n"
    assert release.binary.stat().st_mode & 0o777 == 0o755
    assert release.play(**one).changed == 0
    assert release.play("--check", **one).changed == 0
    other = {"helm_version": "v3.2.0", "helm_sha256": {ARCHITECTURE: release.publish("v3.2.0")}}
    assert release.play(**other).changed > 0
    assert release.binary.read_text() == "this is v3.2.0\n"
    assert release.play(helm_state="absent", **other).changed > 0
    assert release.play(helm_state="absent", **other).changed == 0
    assert not release.binary.is_symlink()


def test_other_archive_than_the_pinned_one_is_refused(release: Release) -> None:
    release.publish("v3.20.2")
    assert "did not match" in release.play().refusal
    assert not release.binary.exists()


def test_version_without_a_checksum_is_refused_with_what_to_set(release: Release) -> None:
    refusal = release.play(helm_version="v3.1.0").refusal
    assert f"Set helm_sha256: {{{ARCHITECTURE}: ...}}" in refusal
    assert list(release.home.iterdir()) == []
