# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The k3s program of a host: its version, and the cluster by its built-in kubectl."""

from __future__ import annotations

import json
import subprocess
from typing import Any, Sequence

from .._core.errors import ServingError

CALL_SECONDS = 30
PEER_SECONDS = 5
NOT_FOUND = "NotFound"


class K3sProgram:
    """Calls k3s. ``kubeconfig`` is who asks; none is the administrator, on a server, whose API has a ``port``."""

    def __init__(self, path: str, *, kubeconfig: str = "", port: int = 6443) -> None:
        self._path = path
        self._port = port
        self._kubeconfig = ["--kubeconfig", kubeconfig] if kubeconfig else []

    def version(self) -> str:
        """Return the version that the program has; empty where there is none that runs."""
        try:
            done = self._run(["--version"])
        except ServingError:
            return ""
        words = done.stdout.split()
        return words[2] if done.returncode == 0 and words[:2] == ["k3s", "version"] and len(words) > 2 else ""

    def readiness(self, address: str = "") -> str:
        """Return why the API is not ready, or nothing. With an ``address`` it is the one of another server."""
        host = f"[{address}]" if ":" in address else address
        other = [f"--server=https://{host}:{self._port}", f"--request-timeout={PEER_SECONDS}s"] if address else []
        done = self._kubectl("get", "--raw", "/readyz", *other)
        if done.returncode == 0 and done.stdout.strip() == "ok":
            return ""
        return f"the API is not ready: {_last(done.stderr or done.stdout)}"

    def nodes(self) -> list[dict[str, Any]]:
        """Return all nodes."""
        found: list[dict[str, Any]] = self._json("get", "nodes", "--output", "json")["items"]
        return found

    def node(self, name: str) -> dict[str, Any] | None:
        """Return a node, or None when the cluster has none of this name."""
        done = self._kubectl("get", "node", name, "--output", "json")
        if done.returncode and NOT_FOUND in done.stderr:
            return None
        return _parsed(done, f"get node {name}")

    def change(self, *arguments: str) -> None:
        """Have kubectl change something."""
        done = self._kubectl(*arguments)
        if done.returncode:
            raise ServingError(f"`k3s kubectl {' '.join(arguments)}` failed: {_last(done.stderr or done.stdout)}")

    def _json(self, *arguments: str) -> dict[str, Any]:
        return _parsed(self._kubectl(*arguments), " ".join(arguments))

    def _kubectl(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self._run(["kubectl", *self._kubeconfig, *arguments])

    def _run(self, arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
        command = [self._path, *arguments]
        try:
            return subprocess.run(
                command, capture_output=True, text=True, errors="replace", check=False, timeout=CALL_SECONDS
            )
        except subprocess.TimeoutExpired:
            said = f"no answer within {CALL_SECONDS} s"
            return subprocess.CompletedProcess(command, 1, "", said)
        except OSError as error:
            raise ServingError(f"{self._path} does not run: {error.strerror}.") from error


def _parsed(done: subprocess.CompletedProcess[str], what: str) -> dict[str, Any]:
    if done.returncode:
        raise ServingError(f"`k3s kubectl {what}` failed: {_last(done.stderr or done.stdout)}")
    try:
        found: dict[str, Any] = json.loads(done.stdout)
    except ValueError as error:
        raise ServingError(f"`k3s kubectl {what}` gave no JSON: {error}") from error
    return found


def _last(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"


__all__ = ["K3sProgram"]
