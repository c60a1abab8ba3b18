# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from plugins.module_utils._core.names import unknown_names

KNOWN = ("web_host", "web_port")


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        pytest.param([], [], id="no names"),
        pytest.param(["web_port", "web_host"], [], id="right names"),
        pytest.param(["web_prot"], ["There is no variable 'web_prot'; did you mean 'web_port'?"], id="a slip"),
        pytest.param(
            ["qqq"], ["There is no variable 'qqq'; remove it, or set one of: web_host, web_port."], id="nothing near"
        ),
        pytest.param(
            ["web_prot", "web_hots", "web_port"],
            [
                "There is no variable 'web_hots'; did you mean 'web_host'?",
                "There is no variable 'web_prot'; did you mean 'web_port'?",
            ],
            id="two slips, sorted",
        ),
    ],
)
def test_names_nobody_reads(names: list[str], expected: list[str]) -> None:
    assert unknown_names(names, KNOWN) == expected
