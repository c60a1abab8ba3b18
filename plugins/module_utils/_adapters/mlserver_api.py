# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask a running MLServer through the model repository API of the Open Inference Protocol."""

from __future__ import annotations

import http.client
import json
import time
from urllib.parse import quote, urlsplit

from .._core.errors import ServingError

# A look at a server, as opposed to a wait for one.
GLANCE_SECONDS = 5.0
PAUSE_SECONDS = 0.1


class MLServerApi:
    """One MLServer, by the address of its own HTTP port."""

    def __init__(self, url: str, *, timeout: float) -> None:
        parts = urlsplit(url)
        if parts.scheme != "http" or not parts.hostname:
            raise ServingError(f"{url!r} is no address of an MLServer. Set url to one such as http://127.0.0.1:18100.")
        self._url = url
        self._host = parts.hostname
        self._port = parts.port or 80
        self._timeout = timeout

    def states(self) -> dict[str, str] | None:
        """Return the state of each model it sees, or None when it does not answer."""
        try:
            status, body = self._call("POST", "/v2/repository/index", min(GLANCE_SECONDS, self._timeout))
        except OSError:
            return None
        if status != 200:
            raise ServingError(
                f"{self._url} answered {status} to the repository index. Set url to that of an MLServer."
            )
        return {str(item["name"]): str(item["state"]) for item in json.loads(body)}

    def wait(self) -> None:
        """Wait until it answers."""
        seen = self._until("/v2/health/live")
        if seen:
            raise ServingError(
                f"MLServer at {self._url} did not answer within {self._timeout:g} seconds: {seen}. "
                "See its log, and check that url names its HTTP port."
            )

    def load(self, model: str) -> str:
        """Load a model, wait until it is ready, and return why that failed, or nothing."""
        try:
            status, body = self._call("POST", f"/v2/repository/models/{quote(model)}/load", self._timeout)
        except OSError as error:
            return f"no answer to the load call ({error})"
        if status == 404:
            return f"{self._url} sees no such folder; is it the server of this repository?"
        if status != 200:
            return f"HTTP status {status} ({body.decode(errors='replace').strip()[:200]})"
        return self.refusal(model)

    def refusal(self, model: str) -> str:
        """Wait until a model is ready, and return why it is not, or nothing."""
        return self._until(f"/v2/models/{quote(model)}/ready")

    def unload(self, model: str) -> None:
        """Unload a model, if it is loaded."""
        try:
            status, body = self._call("POST", f"/v2/repository/models/{quote(model)}/unload", self._timeout)
        except OSError as error:
            raise ServingError(
                f"MLServer at {self._url} did not answer the call to unload {model}: {error}."
            ) from error
        # 404: it is not loaded.
        if status not in (200, 404):
            raise ServingError(
                f"MLServer at {self._url} did not unload {model}: HTTP status {status} "
                f"({body.decode(errors='replace').strip()[:200]}). See its log."
            )

    def _until(self, path: str) -> str:
        """Ask until the answer is yes or the time is over; return what was in the way."""
        deadline = time.monotonic() + self._timeout
        while True:
            seen = self._refusal(path, max(deadline - time.monotonic(), PAUSE_SECONDS))
            if not seen or time.monotonic() >= deadline:
                return seen
            time.sleep(PAUSE_SECONDS)

    def _refusal(self, path: str, timeout: float) -> str:
        try:
            status, _body = self._call("GET", path, timeout)
        except OSError as error:
            return str(error)
        return "" if status == 200 else f"HTTP status {status} to {path}"

    def _call(self, method: str, path: str, timeout: float) -> tuple[int, bytes]:
        """Return status and body; raise OSError when there is no answer."""
        connection = http.client.HTTPConnection(self._host, self._port, timeout=timeout)
        try:
            body = b"{}" if method == "POST" else None
            connection.request(method, path, body=body, headers={"Content-Type": "application/json"})
            response = connection.getresponse()
            return response.status, response.read()
        except http.client.HTTPException as error:
            raise OSError(f"a broken answer: {error!r}") from error
        finally:
            connection.close()


__all__ = ["MLServerApi"]
