# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Print those of the pinned packages (NAME==VERSION ...) that this Python does not have in exactly that version."""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, version


def is_installed(pin: str) -> bool:
    name, wanted = pin.split("==")
    try:
        return version(name) == wanted
    except PackageNotFoundError:
        return False


def main() -> None:
    for pin in sys.argv[1:]:
        if not is_installed(pin):
            print(pin)


if __name__ == "__main__":
    main()
