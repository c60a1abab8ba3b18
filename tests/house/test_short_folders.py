# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run of the tests writes has a short path, whoever runs it, and goes when nothing failed."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from tests.support import ROOT, run

INNER = """
def test_inner(tmp_path):
    print("folder:", tmp_path)
    assert {verdict}
"""
# Of the 107 bytes that the path of a socket may have.
MOST_BYTES = 30


@pytest.mark.parametrize("processes", ["0", "1"], ids=["alone", "beside others"])
@pytest.mark.parametrize("passes", [True, False], ids=["passing", "failing"])
def test_folder_is_short_and_goes_with_its_reason(passes: bool, processes: str, tmp_path: Path) -> None:
    (tmp_path / "test_inner.py").write_text(INNER.format(verdict=passes), encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    words = ["-p", "tests.short_folders", "-p", "no:cacheprovider", "-rP", "-n", processes, str(tmp_path)]

    said = run([sys.executable, "-m", "pytest", *words], cwd=ROOT, env={"TMPDIR": "/tmp"}).output
    [folder] = {Path(each).parent for each in re.findall(r"^folder: (\S+)$", said, re.MULTILINE)}
    assert len(str(folder)) <= MOST_BYTES
    assert folder.exists() is not passes
    assert ("what the tests wrote is kept in" in said) is not passes
    if not passes:
        run(
            ["rm", "-r", str(next(each for each in (folder, *folder.parents) if each.name.startswith("mo-")))]
        ).require()
