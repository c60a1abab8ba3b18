# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask a running Envoy, through its admin socket, what it accepted and what it serves."""

from __future__ import annotations

import http.client
import json
import socket
from typing import Any
from urllib.parse import urlencode


class _UnixConnection(http.client.HTTPConnection):
    """An HTTP connection to a unix socket."""

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class EnvoyAdmin:
    """Envoy's admin interface. Every call raises OSError while Envoy is away."""

    def __init__(self, admin_socket: str, *, timeout: float = 3.0) -> None:
        self._socket = admin_socket
        self._timeout = timeout

    def versions(self) -> dict[str, str]:
        """Return the version in force by stat prefix: of the clusters, and of every route file.

        An Envoy that is still reading its first files counts as away. One that refused them shows an empty version.
        """
        state = self._get("/ready").strip()
        if state != b"LIVE":
            raise OSError(f"Envoy is {state.decode('utf-8', 'replace')}")
        found = self._json("/stats", type="TextReadouts", format="json", filter=r"\.version_text$")
        ending = ".version_text"
        named = (stat for stat in found["stats"] if stat.get("name", "").endswith(ending))
        return {stat["name"][: -len(ending)]: stat["value"] for stat in named}

    def refusals(self) -> int:
        """Return how many updates Envoy rejected or could not read since it started."""
        return sum(self.counters(r"\.(cds|rds\.listener_[01])\.update_(rejected|failure)$").values())

    def counters(self, pattern: str) -> dict[str, int]:
        """Return the counters whose names match."""
        found = self._json("/stats", type="Counters", format="json", filter=pattern)
        return {stat["name"]: int(stat["value"]) for stat in found["stats"] if "value" in stat}

    def numbers(self, pattern: str) -> dict[str, int]:
        """Return the counters and gauges whose names match, as they are at one moment."""
        found = self._json("/stats", format="json", filter=pattern)
        return {stat["name"]: int(stat["value"]) for stat in found["stats"] if "value" in stat}

    def buckets(self, pattern: str) -> dict[str, dict[float, int]]:
        """Return the histograms whose names match: by upper bound, how many values were no greater since the start."""
        found = self._json("/stats", type="Histograms", format="json", histogram_buckets="cumulative", filter=pattern)
        return {
            each["name"]: {float(bucket["upper_bound"]): int(bucket["cumulative"]) for bucket in each["buckets"]}
            for stat in found["stats"]
            for each in stat.get("histograms", ())
        }

    def route_configuration(self, name: str) -> dict[str, Any] | None:
        """Return version and metadata of the routes in force, without the routes; None before the first update."""
        mask = "version_info,route_config.name,route_config.metadata"
        found = self._json("/config_dump", resource="dynamic_route_configs", mask=mask)
        for config in found.get("configs", []):
            if config["route_config"]["name"] == name:
                return dict(config)
        return None

    def _json(self, path: str, **query: str) -> dict[str, Any]:
        return dict(json.loads(self._get(f"{path}?{urlencode(query)}")))

    def _get(self, path: str) -> bytes:
        connection = _UnixConnection(self._socket, self._timeout)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            body = response.read()
        except http.client.HTTPException as error:
            raise OSError(f"Envoy's admin socket {self._socket} answered badly: {error!r}") from error
        finally:
            connection.close()
        # 503 is how /ready says that Envoy is not LIVE yet.
        if response.status not in (200, 503):
            raise OSError(f"Envoy's admin socket {self._socket} answered {response.status} to {path}")
        return body


__all__ = ["EnvoyAdmin"]
