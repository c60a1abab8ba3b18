# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an answer that came through NGINX says, and of whom."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .inference import infer_faults
from .smoke import FAIL, Finding, judged

if TYPE_CHECKING:
    from .request_path import Answer, RequestPath

PASSED_ON = ("x-seldon-route", "x-request-id", "x-envoy-upstream-service-time")


def answers_for(path: RequestPath) -> str:
    """Return who is blamed for an answer of Envoy's own: Envoy, where nobody could ask it by itself before."""
    return "" if path.envoy else "envoy"


def is_envoys(answer: Answer) -> bool:
    """Say whether Envoy itself answers that it leads nowhere: its 404 is empty, and NGINX has a page for its own."""
    return (answer.status == 404 and not answer.body) or answer.status == 503


def judge_passage(answer: Answer, *, hop: str = "") -> Finding:
    """Judge an answer that came through NGINX: it is good, of the model that was routed to, with Envoy's headers.

    ``hop`` is to blame when Envoy itself says that it leads nowhere.
    """
    expected = f"200 with {', '.join(PASSED_ON)}"
    missing = [name for name in PASSED_ON if not answer.headers.get(name)]
    if answer.status != 200:
        return Finding(FAIL, answer.brief, expected, hop=hop if is_envoys(answer) else "")
    if missing:
        return Finding(FAIL, f"{answer.brief}; missing: {', '.join(missing)}", expected)
    faults = infer_faults(answer.body, model=answer.route.strip(":"))
    return judged(not faults, "; ".join(faults) or answer.brief, expected)


__all__ = ["answers_for", "is_envoys", "judge_passage"]
