# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Expected files. What a test found is held to them; UPDATE_GOLDEN=1 in the environment writes them anew."""

from __future__ import annotations

import os
from pathlib import Path


def hold(text: str, path: Path) -> None:
    """Require that a file has this text."""
    if os.environ.get("UPDATE_GOLDEN"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    expected = path.read_text(encoding="utf-8")
    assert text == expected, "if that is meant, write the files anew with UPDATE_GOLDEN=1"
