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
  - modelops.serving._store.envoy
options:
  name:
    description: Return this experiment only. Without it, all are returned.
    type: str
seealso:
  - module: modelops.serving.experiment
"""

EXAMPLES = r"""
- name: Read all experiments
  modelops.serving.experiment_info:
    store_path: "{{ ansible_facts['user_dir'] }}/.local/share/modelops-serving/envoy"
  register: serving

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
      description: Whether the data plane serves the experiment just as it is declared.
      type: bool
declared_version:
  description: The version of the declared routes.
  returned: success
  type: str
live_version:
  description: The version of the routes in force. Null when the data plane could not be asked.
  returned: success
  type: str
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._core.errors import ServingError
from ..module_utils._core.ports import experiment_view
from ..module_utils._wiring.store import STORE_OPTIONS, envoy_store, live_view


def main() -> None:
    module = AnsibleModule(argument_spec={"name": {"type": "str"}, **STORE_OPTIONS}, supports_check_mode=True)
    try:
        reading = envoy_store(module.params).read()
    except ServingError as error:
        module.fail_json(msg=str(error), **error.facts)
    for warning in reading.warnings:
        module.warn(warning)
    version, live = live_view(reading.live)
    declared = [experiment_view(each) for each in reading.experiments]
    module.exit_json(
        changed=False,
        experiments=[
            {**each, "ready": live.get(each["name"]) == each}
            for each in declared
            if module.params["name"] in (None, each["name"])
        ],
        declared_version=reading.version,
        live_version=version,
    )


if __name__ == "__main__":
    main()
