# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role sets a data plane's Envoy to, and hands to the store as ``store.json``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Mapping

from .errors import ServingError
from .route_table import Endpoint


@dataclass(frozen=True)
class Retry:
    """How often a plain route tries again, and on what; ``base_interval`` in seconds."""

    on: str
    count: int
    base_interval: float

    def as_policy(self) -> dict[str, Any]:
        return {
            "retry_on": self.on,
            "num_retries": self.count,
            "retry_back_off": {"base_interval": f"{self.base_interval:.3f}s"},
        }


@dataclass(frozen=True)
class EnvoySettings:
    """What a data plane's Envoy is set to; the role writes it as ``store.json``."""

    directory: str
    envoy: str
    log: str
    http: Endpoint
    mirrors: Endpoint
    stats: Endpoint
    retry: Retry
    max_connections: int
    max_body_bytes: int

    @property
    def admin_socket(self) -> str:
        return f"{self.directory}/admin.sock"

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> EnvoySettings:
        """Read the settings as the role gives them, numbers as text included."""
        try:
            retry = values["retry"]
            listeners = {
                name: Endpoint.parse(f"{values[name]['address']}:{values[name]['port']}")
                for name in ("http", "mirrors", "stats")
            }
            return cls(
                directory=str(values["directory"]),
                envoy=str(values["envoy"]),
                log=str(values["log"]),
                retry=Retry(str(retry["on"]), int(retry["count"]), float(retry["base_interval"])),
                max_connections=int(values["max_connections"]),
                max_body_bytes=int(values["max_body_bytes"]),
                **listeners,
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ServingError(f"Envoy's settings are incomplete or malformed: {error!r}.") from error


__all__ = ["EnvoySettings", "Retry"]
