# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The libraries that a host may lack: each is imported here, and only here."""

from __future__ import annotations

import sys
from typing import Any

from .._core.errors import ServingError

_missing: dict[str, str] = {}

try:
    import grpc
except ImportError as error:
    grpc = None
    _missing["grpc"] = str(error)


def require_grpc() -> Any:
    """Return the library grpcio, or refuse and say what to do."""
    if grpc is None:
        raise ServingError(
            f"The Python library grpcio is missing on {sys.executable} ({_missing['grpc']}): install it, "
            "or set ansible_python_interpreter to a Python that has it."
        )
    return grpc


__all__ = ["require_grpc"]
