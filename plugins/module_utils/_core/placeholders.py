# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The names of a rollout, put into what a gate asks: ``$candidate``, ``${baseline_version}_http``, ``$experiment``."""

from __future__ import annotations

import re
from typing import Any

from .traffic import Arms

_NAMES = "candidate_version|candidate|baseline_version|baseline|experiment"
_PLACEHOLDER = re.compile(rf"\$(?:({_NAMES})(?![A-Za-z0-9_])|\{{({_NAMES})\}})")


def filled(value: Any, arms: Arms) -> Any:
    """Return a value with the names in all its texts, however deep they lie; any other ``$`` stays as it is."""
    if isinstance(value, dict):
        return {key: filled(each, arms) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [filled(each, arms) for each in value]
    if not isinstance(value, str):
        return value
    names = {
        "candidate": arms.candidate.name,
        "candidate_version": arms.candidate.internal_name,
        "baseline": arms.baseline.name,
        "baseline_version": arms.baseline.internal_name,
        "experiment": arms.experiment,
    }
    return _PLACEHOLDER.sub(lambda found: names[found[1] or found[2]], value)


__all__ = ["filled"]
