# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The libraries that a host may lack: each is imported here, and only here, when somebody needs it.

Most calls of a module need none of them, and grpcio alone takes a tenth of a second to import.
"""

from __future__ import annotations

import importlib
import re
import sys
from typing import Any

from .._core.errors import ServingError

# What kubernetes.core asks for, too: both work with one environment.
KUBERNETES = (24, 2, 0)


def require_grpc() -> Any:
    """Return the library grpcio, or refuse and say what to do."""
    return _required("grpc", "grpcio")


def require_jmespath() -> Any:
    """Return the library jmespath, or refuse and say what to do."""
    return _required("jmespath", "jmespath")


def require_kubernetes() -> Any:
    """Return the library kubernetes, or refuse and say what to do."""
    library = _required("kubernetes", "kubernetes")
    found = tuple(int(part) for part in re.findall(r"\d+", str(library.__version__))[:3])
    if found < KUBERNETES:
        least = ".".join(map(str, KUBERNETES))
        raise ServingError(
            f"The Python library kubernetes on {sys.executable} is {library.__version__}, and {least} is the first "
            "that this works with: upgrade it, or set ansible_python_interpreter to a Python that has it."
        )
    return library


def _required(name: str, distribution: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ServingError(
            f"The Python library {distribution} is missing on {sys.executable} ({error}): install it, "
            "or set ansible_python_interpreter to a Python that has it."
        ) from error


__all__ = ["require_grpc", "require_jmespath", "require_kubernetes"]
