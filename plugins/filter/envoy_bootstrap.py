# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of a data plane's Envoy into its bootstrap."""

from __future__ import annotations

DOCUMENTATION = r"""
name: envoy_bootstrap
author: the modelops.serving authors (@modelops)
short_description: Make the bootstrap configuration of a data plane's Envoy
version_added: 0.1.0
description:
  - Turns the settings of a data plane's Envoy into the configuration that Envoy starts with.
  - The listeners are those of Seldon Core v2. Their routes and clusters come from watched files in O(_input.directory),
    which M(modelops.serving.envoy_routes) and M(modelops.serving.experiment) write.
options:
  _input:
    description: The settings, the same that the role writes to C(store.json).
    type: dict
    required: true
    suboptions:
      directory:
        description: Absolute path of the folder that holds the watched files and the admin socket.
        type: path
        required: true
      envoy:
        description: Path of the Envoy program.
        type: path
        required: true
      log:
        description: Path of Envoy's log, quoted when Envoy rejects a change.
        type: path
        required: true
      http:
        description: Where listener C(seldon_http) listens, as C(address) (IPv4) and C(port).
        type: dict
        required: true
      mirrors:
        description: Where listener C(seldon_mirrors) listens, as C(address) (IPv4) and C(port).
        type: dict
        required: true
      stats:
        description: Where C(/ready) and C(/stats/prometheus) are served, as C(address) (IPv4) and C(port).
        type: dict
        required: true
      retry:
        description: How plain routes try again, as C(on), C(count) and C(base_interval) in seconds.
        type: dict
        required: true
      max_connections:
        description: How many connections Envoy takes at most.
        type: int
        required: true
      max_body_bytes:
        description: How large a request body may be, in bytes. Envoy holds a gRPC message of that size whole.
        type: int
        required: true
"""

EXAMPLES = r"""
- name: Write Envoy's bootstrap
  ansible.builtin.copy:
    content: "{{ envoy_settings | modelops.serving.envoy_bootstrap | to_nice_json }}"
    dest: "{{ envoy_settings.directory }}/bootstrap.json"
    mode: "0600"
"""

RETURN = r"""
_value:
  description: Envoy's bootstrap.
  type: dict
"""

from typing import TYPE_CHECKING, Any

from ansible.errors import AnsibleFilterError

from ..module_utils._core.envoy_bootstrap import bootstrap
from ..module_utils._core.envoy_settings import EnvoySettings
from ..module_utils._core.errors import ServingError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def envoy_bootstrap(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the bootstrap for these settings."""
    try:
        return bootstrap(EnvoySettings.parse(settings))
    except ServingError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    """Ansible's way to find filters."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"envoy_bootstrap": envoy_bootstrap}
