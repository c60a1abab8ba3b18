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
        raise AnsibleFilterError(f"The kubeconfig is no YAML: {error}. Nothing was changed.") from error
    except ServingError as error:
        raise AnsibleFilterError(str(error)) from error
    return mine if after == (before or {}) else str(yaml.dump(after, Dumper=AnsibleDumper, sort_keys=False))


__all__ = ["changed"]
