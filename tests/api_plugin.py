# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gives tests the fixture `api`: one Kubernetes API server for a run, started when the first test needs it.

A pytest plugin. Where it has to be built first, that begins as soon as it is known that a test needs it, and goes on
beside the tests that come before.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import api_programs
from tests.api_programs import Programs
from tests.api_server import ApiServer
from tests.support import ROOT

FIXTURE = "api"
BUILDER = pytest.StashKey[subprocess.Popen[bytes]]()


def pytest_report_header() -> str:
    found = api_programs.at_hand()
    if found:
        return f"Kubernetes API: {found.version()} ({found.origin}, {found.api})"
    return api_programs.lacking() or "Kubernetes API: Debian's, built when a test needs it"


def pytest_collection_finish(session: pytest.Session) -> None:
    needed = any(FIXTURE in getattr(item, "fixturenames", ()) for item in session.items)
    if needed and not session.config.option.collectonly and not api_programs.at_hand() and not api_programs.lacking():
        # What it says is said again by whoever waits for it, or builds in its place when it failed.
        session.config.stash[BUILDER] = subprocess.Popen(
            [sys.executable, "-m", "tests.debian_api_server"],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            process_group=0,
        )


def pytest_unconfigure(config: pytest.Config) -> None:
    builder = config.stash.get(BUILDER, None)
    if builder is not None and builder.poll() is None:
        os.kill(builder.pid, signal.SIGTERM)
        builder.wait()


@pytest.fixture(scope="session")
def programs_of_api(pytestconfig: pytest.Config) -> Programs:
    """Return what an API server is made of; without it the test is skipped, with the reason."""
    reason = api_programs.lacking()
    if reason:
        pytest.skip(reason)
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")
    # Whoever waits for the build wants to see how far it is.
    with capture.global_and_fixture_disabled() if capture else contextlib.nullcontext():
        return api_programs.require()


@contextlib.contextmanager
def running(programs: Programs, folder: Path) -> Iterator[ApiServer]:
    """Have an API server of one's own, as long as a `with` lasts."""
    server = ApiServer(programs, folder / "server")
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def api(tmp_path_factory: pytest.TempPathFactory, programs_of_api: Programs) -> Iterator[ApiServer]:
    """Return a running API server, which all tests share."""
    with running(programs_of_api, tmp_path_factory.mktemp("api")) as server:
        yield server


@pytest.fixture
def namespace(api: ApiServer) -> str:
    """Return a namespace that no other test has."""
    return api.namespace()
