# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which wheels are still to be fetched: those of which no pinned one lies there, whatever its name says."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tools.wheels import missing

WHOLE = b"a wheel"
SUM = hashlib.sha256(WHOLE).hexdigest()
PINS = {"joblib": {"version": "1.6.0", "sha256": ["0" * 64, SUM]}}
LINE = f"joblib==1.6.0 --hash=sha256:{'0' * 64} --hash=sha256:{SUM}"
FOLDERS = {
    "an empty folder": ({}, [LINE]),
    "the wheel of one of the architectures": ({"joblib-1.6.0-py3-none-any.whl": WHOLE}, []),
    "a wheel that was cut short": ({"joblib-1.6.0-py3-none-any.whl": WHOLE[:3]}, [LINE]),
    "a wheel of another version": ({"joblib-1.5.0-py3-none-any.whl": b"older"}, [LINE]),
    "something that pip does not take for a wheel": ({"joblib-1.6.0-py3-none-any.whl.part": WHOLE}, [LINE]),
}


@pytest.mark.parametrize(("files", "lines"), FOLDERS.values(), ids=FOLDERS.keys())
def test_what_is_missing(files: dict[str, bytes], lines: list[str], tmp_path: Path) -> None:
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    assert missing(PINS, tmp_path) == lines
