# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every molecule scenario, one test each."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import ROOT, run

SCENARIOS = sorted(path.parent.name for path in ROOT.glob("molecule/*/molecule.yml"))


@pytest.mark.timeout(1500)
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_scenario(scenario: str, tmp_path: Path) -> None:
    # Two runs of one scenario must not share a state folder.
    said = run(
        ["molecule", "test", "--scenario-name", scenario],
        env={"MOLECULE_EPHEMERAL_DIRECTORY": str(tmp_path / "molecule"), "NO_COLOR": "1", "COLUMNS": "160"},
        timeout=1400,
    ).require()
    # Molecule goes on with no hosts when it does not find its shared settings.
    assert "Missing playbook" not in said
    assert "skipping: no hosts matched" not in said
