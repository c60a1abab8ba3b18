# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host without grpcio can still load every module, and is told what it lacks when it needs it."""

from __future__ import annotations

import re
import sys

import pytest

from plugins.module_utils._adapters.optional import require_grpc
from tests.support import run

WITHOUT = """
import sys
sys.modules["grpc"] = None
from plugins.module_utils._adapters.optional import require_grpc
from plugins.module_utils._adapters.grpc_inference import GrpcInference
from plugins.module_utils._core.errors import ServingError
for needs_it in (require_grpc, lambda: GrpcInference("127.0.0.1:1")):
    try:
        needs_it()
    except ServingError as error:
        sys.stdout.write(f"{error}\\n")
"""


def test_it_is_there() -> None:
    assert require_grpc().__name__ == "grpc"


@pytest.mark.parametrize("flags", [(), ("-I",)], ids=["as it is", "from nowhere else"])
def test_without_it(root: object, flags: tuple[str, ...]) -> None:
    code = f"import sys; sys.path.insert(0, {str(root)!r})\n{WITHOUT}"
    said = run([sys.executable, *flags, "-c", code]).require()
    one = (
        rf"The Python library grpcio is missing on {re.escape(sys.executable)} \(.*grpc.*\): install it, "
        r"or set ansible_python_interpreter to a Python that has it\.\n"
    )
    assert re.fullmatch(one * 2, said)
