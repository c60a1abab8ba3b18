# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A connection to this machine that fails as ssh does, as long as a file is there."""

from __future__ import annotations

import os
from typing import Any

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.connection import local

DOCUMENTATION = """
name: dropping
short_description: this machine, when it can be reached
description: Fails as long as there is a file whose path is in TEST_CONNECTION_DROPS.
author: the modelops.serving authors
options:
  become_success_timeout:
    description: As of local.
    type: int
    default: 10
  become_strip_preamble:
    description: As of local.
    type: bool
    default: true
extends_documentation_fragment: connection_pipelining
"""


class Connection(local.Connection):
    transport = "dropping"

    def exec_command(self, *arguments: Any, **more: Any) -> tuple[int, bytes, bytes]:
        self._drop()
        found: tuple[int, bytes, bytes] = super().exec_command(*arguments, **more)
        return found

    def put_file(self, *arguments: Any, **more: Any) -> None:
        self._drop()
        super().put_file(*arguments, **more)

    def _drop(self) -> None:
        if os.path.exists(os.environ["TEST_CONNECTION_DROPS"]):
            raise AnsibleConnectionFailure("Failed to connect to the host via a wire")
