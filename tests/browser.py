# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A headless Chromium that is spoken to over a pipe, in the DevTools protocol: no port, no driver, no library."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import signal
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any

Values = dict[str, Any]


class Browser:
    """One page in one Chromium; every request that the page makes is noted."""

    def __init__(self, profile: Path) -> None:
        # Chromium reads commands from its descriptor 3 and answers on 4.
        theirs_in, self._write = os.pipe()
        self._read, theirs_out = os.pipe()
        # Two that are out of the way, so that one does not overwrite the other on the way to 3 and 4.
        high = [fcntl.fcntl(each, fcntl.F_DUPFD, 10) for each in (theirs_in, theirs_out)]
        command = [
            "chromium",
            "--headless=new",
            "--no-sandbox",
            "--remote-debugging-pipe",
            f"--user-data-dir={profile}",
            # No service of the browser's own asks the network, and no name resolves.
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-dev-shm-usage",
            "--disable-extensions",
            "--disable-gpu",
            "--disable-sync",
            "--host-resolver-rules=MAP * ~NOTFOUND",
            "--hide-scrollbars",
            "--no-first-run",
            "about:blank",
        ]
        self._log = (profile.parent / "chromium.log").open("wb")
        # The shell puts them there; it is gone before Chromium runs.
        moved = f'exec "$@" 3<&{high[0]} 4>&{high[1]}'
        self._process = subprocess.Popen(
            ["bash", "-c", moved, "bash", *command],
            pass_fds=high,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            env={**os.environ, "HOME": str(profile.parent)},
            start_new_session=True,
        )
        for each in (theirs_in, theirs_out, *high):
            os.close(each)
        self._buffer = b""
        self._number = 0
        self._session = ""
        self.requests: list[str] = []
        self.loaded = False

    def __enter__(self) -> Browser:
        try:
            target = self.call("Target.createTarget", url="about:blank")["targetId"]
            self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
            for domain in ("Page", "Network", "Runtime"):
                self.call(f"{domain}.enable")
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        os.close(self._write)
        os.close(self._read)
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._log.close()

    def call(self, method: str, **parameters: object) -> Values:
        """Ask the browser, and wait for its answer."""
        self._number += 1
        number = self._number
        session = {"sessionId": self._session} if self._session else {}
        message = json.dumps({"id": number, "method": method, "params": parameters, **session})
        os.write(self._write, message.encode() + b"\0")
        deadline = time.monotonic() + 60
        while True:
            answer = self._receive(deadline)
            if answer.get("id") == number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                result: Values = answer["result"]
                return result

    def open(self, path: Path, *, width: int, dark: bool = False, media: str = "screen") -> None:
        """Open a page on a screen so wide, and wait until it stands."""
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 600
        )
        self.call("Emulation.setEmulatedMedia", media=media, features=scheme)
        self.requests, self.loaded = [], False
        self.call("Page.navigate", url=path.as_uri())
        deadline = time.monotonic() + 60
        while not self.loaded:
            self._receive(deadline)

    def ask(self, expression: str) -> Any:
        """Return what an expression of JavaScript is worth on the page."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def picture(self, path: Path) -> None:
        """Take a picture of the whole page."""
        answer = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(answer["data"]))

    def paper(self, path: Path) -> None:
        """Print the page."""
        answer = self.call("Page.printToPDF", paperWidth=8.27, paperHeight=11.69, printBackground=False)
        path.write_bytes(base64.b64decode(answer["data"]))

    def _receive(self, deadline: float) -> Values:
        """Return the next message, and note what it tells of the page."""
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._read], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, "Chromium does not answer"
            data = os.read(self._read, 1 << 20)
            assert data, "Chromium has ended"
            self._buffer += data
        text, self._buffer = self._buffer.split(b"\0", 1)
        message: Values = json.loads(text)
        if message.get("method") == "Network.requestWillBeSent":
            self.requests.append(message["params"]["request"]["url"])
        if message.get("method") == "Page.loadEventFired":
            self.loaded = True
        return message
