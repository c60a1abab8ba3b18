#!/usr/bin/python
# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: k3s_nodes
author: the modelops.serving authors (@modelops)
short_description: Keep labels and taints of nodes as declared, and forget nodes
version_added: 0.1.0
description:
  - K3s sets C(node-label) and C(node-taint) when a node registers, and never again. This keeps them as declared.
  - What was declared last stands in the annotation C(serving.modelops/declared) of the node. So a label or taint that
    is declared no more goes away, and what somebody else put there stays.
  - Runs on a server, by the kubectl inside K3s.
extends_documentation_fragment:
  - modelops.serving._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  nodes:
    description: The nodes that are declared. Each must have registered.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The name of the node.
        type: str
        required: true
      labels:
        description: Its labels.
        type: dict
        default: {}
      taints:
        description: Its taints, as C(key=value:Effect) or C(key:Effect).
        type: list
        elements: str
        default: []
  absent:
    description:
      - Nodes that the cluster is to forget, with the secret of their node password. Without that, a host that comes
        back under the old name is refused.
    type: list
    elements: str
    default: []
  only_lost:
    description:
      - Whether a node of O(absent) must be one that nothing is heard of. One that is C(Ready) is waited for a minute,
        and then refused.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Keep labels and taints
  modelops.serving.k3s_nodes:
    nodes:
      - name: agent-1
        labels: {example.com/zone: attic}
        taints: [example.com/dedicated=models:NoSchedule]

- name: Forget a node
  modelops.serving.k3s_nodes:
    absent: [agent-2]
"""

RETURN = r"""
changed_nodes:
  description: The nodes whose labels or taints were changed.
  returned: success
  type: list
  elements: str
removed_nodes:
  description: The nodes that were forgotten.
  returned: success
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._core.errors import ServingError
from ..module_utils._wiring.k3s import NODES_ARGUMENTS, bring_about_nodes


def main() -> None:
    module = AnsibleModule(argument_spec=NODES_ARGUMENTS, supports_check_mode=True)
    try:
        found = bring_about_nodes(module.params, dry_run=module.check_mode)
    except ServingError as error:
        module.fail_json(msg=str(error), **error.facts)
    module.exit_json(**found)


if __name__ == "__main__":
    main()
