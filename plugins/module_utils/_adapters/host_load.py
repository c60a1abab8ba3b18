# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How busy this host is."""

from __future__ import annotations

import os


def host_load() -> dict[str, float]:
    """Return the number of cores that may be used, and the load average of the last minute."""
    return {"cores": len(os.sched_getaffinity(0)), "load_average": round(os.getloadavg()[0], 2)}


__all__ = ["host_load"]
