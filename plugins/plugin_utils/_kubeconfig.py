# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A user's kubeconfig as text, changed by one of the core's functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml
from ansible.errors import AnsibleFilterError
from ansible.parsing.yaml.dumper import AnsibleDumper

from ..module_utils._core.errors import ServingError

if TYPE_CHECKING:
    from collections.abc import Callable


def changed(mine: str, change: Callable[[Any], Any]) -> str:
    """Return the text with what ``change`` makes of it; as it is, with its comments, where nothing is different."""
    try:
        before = yaml.safe_load(mine)
        after = change(before)
    except yaml.YAMLError as error:
        # Not the error's own words: they quote the line, which may hold a secret.
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark else ""
        raise AnsibleFilterError(
            f"The user's kubeconfig is no YAML{where}. Mend it, or set k3s_kubeconfig to another file."
        ) from None
    except ServingError as error:
        raise AnsibleFilterError(str(error)) from error
    return mine if after == (before or {}) else str(yaml.dump(after, Dumper=AnsibleDumper, sort_keys=False))


__all__ = ["changed"]
