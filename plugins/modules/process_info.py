#!/usr/bin/python
# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell which processes of a directory run, and which of their ports are not free."""

from __future__ import annotations

DOCUMENTATION = r"""
module: process_info
author: the modelops.serving authors (@modelops)
short_description: Tell which declared processes run and which of their ports are not free
version_added: 0.1.0
description:
  - Looks for the processes of one directory by the TCP ports that they are declared to listen on.
  - A listening process belongs to the directory when its working directory lies inside it, and it either has the
    variable C(SERVING_CONFIG) in its environment or is NGINX, which overwrites its environment.
  - Names every port that a declared process cannot use, who holds it, and the variable to set.
  - A port is tried without C(SO_REUSEPORT), because servers that set it, such as gRPC's and Envoy, share a taken port
    without an error.
  - Changes nothing and fails on no conflict; the caller decides what a conflict means.
notes:
  - Needs Linux, for C(/proc).
  - An ordinary user cannot see who holds another user's port; such a port is a conflict without a holder.
extends_documentation_fragment:
  - modelops.serving._attributes.info
options:
  directory:
    description: The directory that the processes work in, or in a folder below. It need not exist.
    type: path
    required: true
  processes:
    description: The processes.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the process, different from the others.
        type: str
        required: true
      config:
        description: Fingerprint of the configuration that the process is to run with.
        type: str
      listens:
        description: Where the process listens. A process is known by this, so one without ports never runs.
        type: list
        elements: dict
        default: []
        suboptions:
          address:
            description: IP address.
            type: str
            required: true
          port:
            description: TCP port.
            type: int
            required: true
          variable:
            description: The variable that sets the port, named when it has to be changed.
            type: str
            required: true
          address_variable:
            description: The variable that sets the address, named when it has to be changed.
            type: str
"""

EXAMPLES = r"""
- name: Look at the data plane's processes
  modelops.serving.process_info:
    directory: /srv/serving
    processes:
      - name: nginx
        config: 5f70bf18a086
        listens:
          - address: 127.0.77.1
            port: 18000
            variable: data_plane_http_port
            address_variable: data_plane_address
  register: __data_plane_before

- name: Require free ports
  ansible.builtin.assert:
    that: __data_plane_before.conflicts | length == 0
    fail_msg: "{{ __data_plane_before.conflicts | map(attribute='message') | join(' ') }}"
"""

RETURN = r"""
conflicts:
  description: The ports that cannot be used.
  returned: always
  type: list
  elements: dict
  contains:
    address:
      description: The address as declared.
      type: str
    port:
      description: The port as declared.
      type: int
    variable:
      description: The variable that sets the port.
      type: str
    holder:
      description: C(pid) and C(name) of the process that holds the port; none when nobody does or it cannot be seen.
      type: dict
    message:
      description: What is wrong, and what to set.
      type: str
      sample: Port 18000 on 127.0.77.1 is taken by nginx (pid 4711). End it, or set data_plane_http_port to a free port.
processes:
  description: The state of each process, by name.
  returned: always
  type: dict
  contains:
    running:
      description: Whether a process of this directory listens on one of its ports.
      type: bool
    pids:
      description: The processes that do.
      type: list
      elements: int
    config:
      description: The fingerprint it was last started with, from C(run/<name>.config) in the directory, or none.
      type: str
    current:
      description: Whether it runs and was last started with the fingerprint given.
      type: bool
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._core.errors import ServingError
from ..module_utils._wiring.process_survey import ARGUMENTS, survey_from


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    try:
        result = survey_from(module.params)
    except ServingError as error:
        module.fail_json(msg=str(error), **error.facts)
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
