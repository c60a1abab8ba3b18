#!/usr/bin/python
# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: preflight_info
author: the modelops.serving authors (@modelops)
short_description: Tell whether a host can be a node of K3s
version_added: 0.1.0
description:
  - Reads in one call what decides whether K3s can run on a host. The kernel is asked by what it shows in C(/proc) and
    C(/sys) and by its configuration; no module of it is loaded.
  - Judges nothing. The filter P(modelops.serving.preflight_problems#filter) does, with the inventory beside it.
  - Returns no secret and changes nothing.
notes:
  - Needs Linux, and the program C(ip).
  - An ordinary user cannot see which process holds another user's port.
extends_documentation_fragment:
  - modelops.serving._attributes.info
options:
  time:
    description: The controller's time, in seconds since the epoch, such as V({{ now(\).timestamp(\) }}).
    type: float
    required: true
  api_port:
    description: Port of the API.
    type: int
    default: 6443
  directory:
    description: The folder that K3s stores everything in. It need not exist.
    type: path
    default: /var/lib/rancher
  binary:
    description: Where the program of K3s is, if it is there.
    type: path
    default: /usr/local/bin/k3s
"""

EXAMPLES = r"""
- name: Look at the host
  modelops.serving.preflight_info:
    time: "{{ now().timestamp() }}"
  register: __preflight_found
"""

RETURN = r"""
architecture:
  description: The machine, as the kernel names it.
  returned: success
  type: str
  sample: x86_64
hostname:
  description: The name that the host gives itself.
  returned: success
  type: str
machine_id:
  description: The content of C(/etc/machine-id).
  returned: success
  type: str
board:
  description: The board, where the firmware names one.
  returned: success
  type: str
  sample: Raspberry Pi 4 Model B Rev 1.4
cores:
  description: How many cores it has.
  returned: success
  type: int
memory:
  description: Memory in bytes.
  returned: success
  type: int
swap:
  description: Swap in bytes.
  returned: success
  type: int
disk:
  description: The C(directory), the mount point (C(path)) of the file system it is on, and the bytes C(free) there.
  returned: success
  type: dict
clock_skew:
  description: Seconds that the host's clock is ahead of O(time). The way from the controller is part of it.
  returned: success
  type: float
kernel:
  description:
    - The C(release), C(features) by the name of their module, each V(ready), V(loadable), V(missing) or V(unknown), and
      whether only modules of other kernels lie on the disk (C(has_other_modules)).
  returned: success
  type: dict
cgroup:
  description: The C(version), 0 where there is none, and the C(controllers).
  returned: success
  type: dict
boot:
  description:
    - Flags of cgroups that the kernel is C(running) with, and the C(flags) in the C(file) of a Raspberry Pi.
  returned: success
  type: dict
selinux:
  description: The C(mode) V(enforcing), V(permissive) or V(disabled), and whether C(k3s_policy) is installed.
  returned: success
  type: dict
systemd:
  description: Whether systemd runs the host.
  returned: success
  type: bool
units:
  description:
    - Units of other distributions of Kubernetes that are C(running), units of nm-cloud-setup that are C(enabled), and
      units that run C(k3s).
  returned: success
  type: dict
firewalls:
  description: Which of firewalld and ufw are active.
  returned: success
  type: list
  elements: str
cni:
  description: Files in C(/etc/cni/net.d) of networks for a whole cluster.
  returned: success
  type: list
  elements: str
interfaces:
  description: The interfaces but for loopback.
  returned: success
  type: list
  elements: str
addresses:
  description: Addresses that others can reach, each with C(interface), C(address) and the length of its C(prefix).
  returned: success
  type: list
  elements: dict
default_route:
  description: Whether there is a default route, of either family.
  returned: success
  type: bool
listeners:
  description:
    - Who listens on ports that a node needs, with C(protocol), C(address), C(port), C(process), C(pid) and C(unit).
  returned: success
  type: list
  elements: dict
k3s_version:
  description: The version of K3s that is installed; empty where there is none.
  returned: success
  type: str
  sample: v1.36.4+k3s1
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._core.errors import ServingError
from ..module_utils._wiring.preflight import ARGUMENTS, preflight_from


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    try:
        found = preflight_from(module.params)
    except ServingError as error:
        module.fail_json(msg=str(error), **error.facts)
    module.exit_json(changed=False, **found)


if __name__ == "__main__":
    main()
