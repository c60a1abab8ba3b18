# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of the matrix is what the policies say today."""

from __future__ import annotations

import sys

import pytest

from tools import policy_matrix


def test_page_is_up_to_date() -> None:
    assert policy_matrix.PAGE.read_text(encoding="utf-8") == policy_matrix.page(), "run python -m tools.policy_matrix"


def test_stale_page_is_told_of_and_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path_factory.mktemp("page") / "page.md"
    monkeypatch.setattr(policy_matrix, "PAGE", page)
    monkeypatch.setattr(sys, "argv", ["policy_matrix", "--check"])
    assert policy_matrix.main() == 1
    assert not page.exists(), "a check writes nothing"
    monkeypatch.setattr(sys, "argv", ["policy_matrix"])
    assert policy_matrix.main() == 0
    monkeypatch.setattr(sys, "argv", ["policy_matrix", "--check"])
    assert policy_matrix.main() == 0
    assert capsys.readouterr().out.splitlines() == [
        "docs/network-policies.md is stale: run python -m tools.policy_matrix",
        "docs/network-policies.md: written",
        "up to date",
    ]


def test_options_that_are_wrong_make_no_page() -> None:
    with pytest.raises(ValueError, match="network_policies_topology"):
        policy_matrix.sample("star")
