# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which API server is taken of several, and a builder that never shows half of one."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from tests import api_programs, debian_api_server
from tests.api_programs import given


def tools(folder: Path, *names: str) -> str:
    folder.mkdir()
    for name in names:
        (folder / name).write_text("#!/bin/sh\necho Kubernetes v1.99.3\n")
        (folder / name).chmod(0o755)
    return str(folder)


@pytest.fixture
def machine(tmp_path: Path) -> dict[str, str]:
    """Return the environment of a machine that has everything."""
    return {
        "KUBEBUILDER_ASSETS": tools(tmp_path / "assets", "kube-apiserver", "etcd"),
        "PATH": tools(tmp_path / "path", "kube-apiserver", "etcd", "k3s"),
        "SERVING_ARTIFACTS": tools(tmp_path / "artifacts", "k3s"),
    }


def test_first_that_is_there_is_taken(machine: dict[str, str]) -> None:
    taken = []
    for gone in ("KUBEBUILDER_ASSETS", "kube-apiserver", "k3s", "SERVING_ARTIFACTS"):
        found = given(machine)
        assert found is not None
        taken.append((found.origin, found.api.name, found.is_k3s))
        if gone in machine:
            del machine[gone]
        else:
            Path(machine["PATH"], gone).unlink()
    assert taken == [
        ("KUBEBUILDER_ASSETS", "kube-apiserver", False),
        ("PATH", "kube-apiserver", False),
        ("PATH", "k3s", True),
        ("SERVING_ARTIFACTS", "k3s", True),
    ]
    assert given(machine) is None


def test_server_without_a_datastore_is_none(machine: dict[str, str]) -> None:
    for name in ("etcd", "k3s"):
        Path(machine["PATH"], name).unlink()
    assert given({"PATH": machine["PATH"]}) is None


def test_version_is_the_programs_own(machine: dict[str, str]) -> None:
    found = given(machine)
    assert found is not None
    assert found.version() == "v1.99.3"


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("KUBEBUILDER_ASSETS", "SERVING_ARTIFACTS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", tools(tmp_path / "bin", "apt-get", "make", "jq"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setitem(debian_api_server.NEEDS, str(tmp_path / "no/go"), "golang")
    assert api_programs.lacking().endswith("these packages are missing: dpkg-dev golang rsync")


# A builder of nothing much: what it makes, and how it ends, is the test's.


@pytest.fixture
def recipe(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Let a build take its source from nowhere, and return where the program gets its place."""

    def source(part: Path) -> Path:
        (part / "source/_output/bin").mkdir(parents=True)
        return part / "source"

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(debian_api_server, "_source", source)
    return debian_api_server.place().parent


def build(monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    monkeypatch.setattr(debian_api_server, "MAKE", ("sh", "-ec", script))


def test_failed_build_says_why_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch, recipe: Path) -> None:
    build(monkeypatch, "touch _output/bin/kube-apiserver; echo out of luck; exit 7")
    with pytest.raises(debian_api_server.BuildError, match="ended with 7:\nout of luck"):
        debian_api_server.program()
    assert [path.suffix for path in recipe.iterdir()] == [".lock"]


def test_what_an_interrupted_build_left_is_gone(monkeypatch: pytest.MonkeyPatch, recipe: Path) -> None:
    build(monkeypatch, "echo whole >_output/bin/kube-apiserver")
    # Somebody may be at work on another recipe.
    for name in (f"{debian_api_server.place().name}-old.part", "other-new.part"):
        (recipe / name).mkdir(parents=True)
    folder = debian_api_server.program()
    assert (folder / "kube-apiserver").read_text() == "whole\n"
    assert {path.name for path in recipe.iterdir()} == {folder.name, f"{folder.name}.lock", "other-new.part"}


def test_second_builder_waits_and_builds_nothing(
    monkeypatch: pytest.MonkeyPatch, recipe: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    began, may_end = tmp_path / "began", tmp_path / "may-end"
    build(
        monkeypatch,
        f"echo x >>{began}; while test ! -e {may_end}; do sleep 0.05; done; echo whole >_output/bin/kube-apiserver",
    )
    both = [threading.Thread(target=debian_api_server.program) for _ in range(2)]
    for each in both:
        each.start()
    deadline = time.monotonic() + 30
    said = ""
    while "Waiting for somebody else" not in said or not began.exists():
        assert time.monotonic() < deadline
        assert not debian_api_server.place().exists(), "nobody sees half of it"
        said += capfd.readouterr().err
        time.sleep(0.02)
    may_end.touch()
    for each in both:
        each.join(30)
    assert began.read_text() == "x\n"
    assert (debian_api_server.place() / "kube-apiserver").is_file()
