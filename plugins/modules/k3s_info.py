#!/usr/bin/python
# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: k3s_info
author: the modelops.serving authors (@modelops)
short_description: Tell what a host has of K3s
version_added: 0.1.0
description:
  - Reads the version and checksum of the installed program, the state of its unit, and whether there is a datastore,
    a token and a node password from an earlier start.
  - Returns no secret and changes nothing.
extends_documentation_fragment:
  - modelops.serving._attributes.info
options:
  unit:
    description: The unit, V(k3s) on a server and V(k3s-agent) on an agent.
    type: str
    choices: [k3s, k3s-agent]
    required: true
"""

EXAMPLES = r"""
- name: Look at the host
  modelops.serving.k3s_info:
    unit: k3s
  register: __k3s_found
"""

RETURN = r"""
version:
  description: The version that the program gives; empty where there is none.
  returned: success
  type: str
  sample: v1.36.4+k3s1
sha256:
  description: The checksum of the program; empty where there is none.
  returned: success
  type: str
architecture:
  description: The machine, as the kernel names it.
  returned: success
  type: str
  sample: x86_64
state:
  description: The state of the unit as systemd has it, or V(absent).
  returned: success
  type: str
  sample: active
has_datastore:
  description: Whether the state of a cluster lies on this host, SQLite's or etcd's.
  returned: success
  type: bool
has_token:
  description: Whether a server was started here, which made or took over a token.
  returned: success
  type: bool
token_file:
  description: How a token is in C(/etc/rancher/k3s/token), V(full) with the cluster's CA or V(short); empty without.
  returned: success
  type: str
  sample: full
has_node_password:
  description: Whether a node of this host once registered.
  returned: success
  type: bool
manifests:
  description: Manifests of ours that K3s applies by itself.
  returned: success
  type: list
  elements: path
  sample: [/var/lib/rancher/k3s/server/manifests/kube-vip.yaml]
drop_ins:
  description: The files in C(config.yaml.d) that Ansible wrote.
  returned: success
  type: list
  elements: str
firewall:
  description: The rules that the role has set in the host's firewall. One without a port lets everything through.
  returned: success
  type: list
  elements: dict
  sample: [{firewall: ufw, source: 192.0.2.0/24, port: 0}]
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._core.errors import ServingError
from ..module_utils._wiring.k3s import INFO_ARGUMENTS, survey


def main() -> None:
    module = AnsibleModule(argument_spec=INFO_ARGUMENTS, supports_check_mode=True)
    try:
        found = survey(module.params)
    except ServingError as error:
        module.fail_json(msg=str(error), **error.facts)
    module.exit_json(changed=False, **found)


if __name__ == "__main__":
    main()
