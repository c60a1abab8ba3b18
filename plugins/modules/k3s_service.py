#!/usr/bin/python
# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: k3s_service
author: the modelops.serving authors (@modelops)
short_description: Keep K3s running with its files as they are
version_added: 0.1.0
description:
  - Starts K3s, or starts it again when a file that it reads at its start is not what it was last started with, and
    waits until it is ready.
  - A note on the host, C(/etc/rancher/k3s/started.json), holds what it was last started with. So a run that was cut
    off after it wrote a file, and before the start, is made good by the next one.
  - A server that is an etcd member is not restarted before the other members, each of which is asked for its
    C(/readyz), can do without it. With C(throttle=1) a change of configuration goes through a cluster one server at a
    time.
  - A member that does not run is started again at once. Of one that listens and does not answer, the other members tell
    whether it may go; it may when they are a majority without it, or when there is none.
  - Ready means that the unit is active, that a server's C(/readyz) says so, and that the node is C(Ready) with the
    version that is wanted, as its kubelet reported after the start.
  - On failure it says what the journal says, and what to do about it where that is known.
notes:
  - Needs systemd.
extends_documentation_fragment:
  - modelops.serving._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: full
options:
  unit:
    description: The unit, V(k3s) on a server and V(k3s-agent) on an agent.
    type: str
    choices: [k3s, k3s-agent]
    required: true
  version:
    description: The version that the node has to run.
    type: str
    required: true
  node_name:
    description: The name of the node in the cluster.
    type: str
    required: true
  runs_pods:
    description: Whether the host has a kubelet. A server with C(disable-agent) has none, and no node in the cluster.
    type: bool
    default: true
  has_network:
    description: Whether the pods' network comes with K3s. With a CNI that comes later, no node is ready before that.
    type: bool
    default: true
  api_port:
    description: The port of the servers' API.
    type: int
    default: 6443
  inputs:
    description: The files that K3s reads at its start, itself among them. One that is missing counts as such.
    type: list
    elements: path
    required: true
  announced:
    description: Those of O(inputs) that an earlier task would have changed, in check mode.
    type: list
    elements: path
    default: []
  other_servers:
    description:
      - The addresses of the other servers, one of which tells who the members of etcd are when that of this host
        listens and does not answer.
    type: list
    elements: str
    default: []
  timeout:
    description: Seconds to wait for readiness, and before that for the other members of etcd.
    type: int
    default: 300
"""

EXAMPLES = r"""
- name: Start K3s, one server at a time
  modelops.serving.k3s_service:
    unit: k3s
    version: v1.36.4+k3s1
    node_name: server-1
    inputs:
      - /usr/local/bin/k3s
      - /etc/rancher/k3s/config.yaml
      - /etc/systemd/system/k3s.service
  throttle: 1
"""

RETURN = r"""
reasons:
  description: Why it was started; empty when it was not.
  returned: success
  type: list
  elements: str
  sample: [/etc/rancher/k3s/config.yaml changed]
runs_pods:
  description: As given.
  returned: success
  type: bool
  sample: true
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._core.errors import ServingError
from ..module_utils._wiring.k3s import SERVICE_ARGUMENTS, keep_running


def main() -> None:
    module = AnsibleModule(argument_spec=SERVICE_ARGUMENTS, supports_check_mode=True)
    try:
        plan = keep_running(module.params, dry_run=module.check_mode)
    except ServingError as error:
        module.fail_json(msg=str(error), **error.facts)
    module.exit_json(changed=plan.changes, reasons=list(plan.reasons), runs_pods=module.params["runs_pods"])


if __name__ == "__main__":
    main()
