# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where experiments are declared."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  store:
    description:
      - Where experiments are declared.
      - V(envoy) is the folder of files that the Envoy of the role P(modelops.serving.data_plane#role) watches.
    type: str
    choices: [envoy]
    default: envoy
"""

    ENVOY = r"""
options:
  store_path:
    description: Absolute path of the folder C(envoy) of a data plane, on the host that the task runs on.
    type: path
    required: true
  wait_timeout:
    description:
      - How many seconds to wait for another change to finish, for Envoy to answer, and for Envoy to confirm the change.
      - A change that Envoy refuses, or does not confirm in time, is taken back.
    type: float
    default: 10.0
"""
