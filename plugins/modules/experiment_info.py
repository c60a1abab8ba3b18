#!/usr/bin/python
# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: experiment_info
author: the modelops.serving authors (@modelops)
short_description: Read which experiments split traffic now
version_added: 0.1.0
description:
  - Returns the experiments that are declared, and those that the data plane itself says it serves.
extends_documentation_fragment:
  - modelops.serving._attributes.info
  - modelops.serving._store
  - modelops.serving._store.kubernetes
options:
  name:
    description: Return this experiment only. Without it, all are returned.
    type: str
requirements:
  - kubernetes >= 24.2.0, with O(store=kubernetes)
seealso:
  - module: modelops.serving.experiment
"""

EXAMPLES = r"""
- name: Read all experiments
  modelops.serving.experiment_info:
    store_path: "{{ ansible_facts['user_dir'] }}/.local/share/modelops-serving/envoy"
  register: serving

- name: Read the experiments of all namespaces of a cluster
  modelops.serving.experiment_info:
    store: kubernetes
    kubeconfig: ~/.kube/config
  register: cluster

- name: Show the split
  ansible.builtin.debug:
    msg: "{{ serving.experiments }}"
"""

RETURN = r"""
experiments:
  description: The declared experiments, sorted by name.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name of the experiment.
      type: str
    seldon_model:
      description: Value of the C(seldon-model) header that calls it.
      type: str
    candidates:
      description: Name, weight and share (0 to 1) of each candidate, baseline first.
      type: list
      elements: dict
    default:
      description: The candidate whose own callers are split as well.
      type: str
    mirror:
      description: Name and percent of the mirror.
      type: dict
    ready:
      description:
        - Whether the data plane serves the experiment just as it is declared.
        - With O(store=kubernetes), whether Seldon says so, which is no proof. The module
          M(modelops.serving.experiment) asks the request path.
      type: bool
    namespace:
      description: Namespace of the experiment, with O(store=kubernetes).
      type: str
    conditions:
      description: Type, status, reason and time of each of Seldon's conditions, with O(store=kubernetes).
      type: list
      elements: dict
declared_version:
  description: The version of the declared routes; with O(store=kubernetes), that of the list of experiments.
  returned: success
  type: str
live_version:
  description:
    - The version of the routes in force. Null when the data plane could not be asked, and with O(store=kubernetes).
  returned: success
  type: str
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._core.errors import ServingError
from ..module_utils._wiring.store import REQUIRED_IF, STORE_OPTIONS, experiments_from


def main() -> None:
    module = AnsibleModule(
        argument_spec={"name": {"type": "str"}, **STORE_OPTIONS},
        required_if=REQUIRED_IF,
        supports_check_mode=True,
    )
    try:
        found, warnings = experiments_from(module.params)
    except ServingError as error:
        module.fail_json(msg=str(error), **error.facts)
    for warning in warnings:
        module.warn(warning)
    name = module.params["name"]
    experiments = [each for each in found["experiments"] if name in (None, each["name"])]
    module.exit_json(changed=False, **{**found, "experiments": experiments})


if __name__ == "__main__":
    main()
