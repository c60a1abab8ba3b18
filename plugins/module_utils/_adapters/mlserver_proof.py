# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Load a model's folder in a throw-away process, as MLServer would, and bring back its last words."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess

# MLServer's own reading of a folder, then its own call. Standard output carries the verdict and nothing else: whatever
# a model prints goes to standard error. The alarm ends the process even when nobody is left to do so.
PROGRAM = r"""
import asyncio, json, os, signal, sys, traceback
signal.alarm(int(sys.argv[2]))
verdict = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
try:
    from mlserver.repository.load import load_model_settings
    settings = load_model_settings(sys.argv[1])
    model = settings.implementation(settings)
    reason = "" if asyncio.run(model.load()) else "its load() did not return True"
except BaseException as error:
    reason = "".join(traceback.format_exception_only(type(error), error)).strip()
json.dump({"reason": reason}, verdict)
verdict.flush()
os._exit(0)
"""


class MLServerProof:
    """Proves folders with the Python that runs MLServer."""

    def __init__(self, python: str, *, timeout: int) -> None:
        self._python = python
        self._timeout = timeout

    def refusal(self, path: str) -> str:
        """Return why a folder cannot be loaded, or nothing."""
        command = [self._python, "-c", PROGRAM, os.path.join(path, "model-settings.json"), str(self._timeout)]
        # Compiled files would become part of the model.
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        try:
            process = subprocess.Popen(
                command,
                # MLServer runs in the folder above the model's.
                cwd=os.path.dirname(path),
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            return f"{self._python} does not run ({error}); set python to the interpreter of MLServer's environment"
        return self._verdict(process)

    def _verdict(self, process: subprocess.Popen[bytes]) -> str:
        try:
            # The process ends itself by its alarm; the margin is for one that blocks signals.
            output, complaints = process.communicate(timeout=self._timeout + 5)
        except subprocess.TimeoutExpired:
            output, complaints = b"", b""
        finally:
            _end_group(process)
        try:
            return str(json.loads(output)["reason"])
        except ValueError:
            return self._end(process.returncode, complaints)

    def _end(self, status: int, complaints: bytes) -> str:
        if status in (-signal.SIGALRM, -signal.SIGKILL, None) and not complaints.strip():
            return f"it did not load within {self._timeout} seconds, or was killed"
        if status == -signal.SIGALRM:
            return f"it did not load within {self._timeout} seconds"
        last = complaints.decode(errors="replace").strip().splitlines()[-1:]
        return ": ".join([f"the process that tried it ended with status {status}", *last])


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """End the process and whatever it started; the group bears its number until the last one is gone."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


__all__ = ["MLServerProof"]
