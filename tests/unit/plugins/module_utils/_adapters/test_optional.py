# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host that lacks a library can still load every module, and is told what it lacks when it needs it."""

from __future__ import annotations

import re
import sys

import pytest

from plugins.module_utils._adapters.optional import require_grpc, require_jmespath, require_kubernetes
from plugins.module_utils._core.errors import ServingError
from tests.support import run

WITHOUT = """
import sys
sys.modules["grpc"] = sys.modules["jmespath"] = sys.modules["kubernetes"] = None
from plugins.module_utils._adapters.optional import require_grpc, require_jmespath
from plugins.module_utils._adapters.grpc_inference import GrpcInference
from plugins.module_utils._adapters.kubernetes_api import KubernetesApi
from plugins.module_utils._core.errors import ServingError
ask = lambda: KubernetesApi({}, timeout=1)
for needs_it in (require_grpc, lambda: GrpcInference("127.0.0.1:1"), require_jmespath, ask):
    try:
        needs_it()
    except ServingError as error:
        sys.stdout.write(f"{error}\\n")
"""


MISSING = [("grpcio", "grpc"), ("grpcio", "grpc"), ("jmespath", "jmespath"), ("kubernetes", "kubernetes")]


def test_it_is_there() -> None:
    assert require_grpc().__name__ == "grpc"
    assert require_jmespath().__name__ == "jmespath"
    assert require_kubernetes().__name__ == "kubernetes"


def test_too_old_a_client_of_kubernetes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(require_kubernetes(), "__version__", "24.1.9")
    with pytest.raises(ServingError, match=r"is 24\.1\.9, and 24\.2\.0 is the first that this works with"):
        require_kubernetes()
    monkeypatch.setattr("kubernetes.__version__", "24.2.0b1")
    assert require_kubernetes()


@pytest.mark.parametrize("flags", [(), ("-I",)], ids=["as it is", "from nowhere else"])
def test_without_it(root: object, flags: tuple[str, ...]) -> None:
    code = f"import sys; sys.path.insert(0, {str(root)!r})\n{WITHOUT}"
    said = run([sys.executable, *flags, "-c", code]).require()
    lines = [
        rf"The Python library {name} is missing on {re.escape(sys.executable)} \(.*{module}.*\): install it, "
        r"or set ansible_python_interpreter to a Python that has it\.\n"
        for name, module in [
            ("grpcio", "grpc"),
            ("grpcio", "grpc"),
            ("jmespath", "jmespath"),
            ("kubernetes", "kubernetes"),
        ]
    ]
    assert re.fullmatch("".join(lines), said)
