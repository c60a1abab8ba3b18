#!/usr/bin/python
# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: experiment
author: the modelops.serving authors (@modelops)
short_description: Declare an experiment that splits traffic between models
version_added: 0.1.0
description:
  - Declares which models share the traffic of an experiment, and by which weights, as Seldon Core v2's Experiment does.
  - Reads, compares and writes. After a write it waits until the data plane confirms it, and returns what is live.
  - What makes no sense is refused before anything is written. What the data plane refuses is taken back.
extends_documentation_fragment:
  - modelops.serving._attributes
  - modelops.serving._experiment
  - modelops.serving._store
  - modelops.serving._store.envoy
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
seealso:
  - module: modelops.serving.experiment_info
  - module: modelops.serving.envoy_routes
"""

EXAMPLES = r"""
- name: Give three callers in ten to the candidate
  modelops.serving.experiment:
    name: financial-ab-test-experiment
    default: baseline-predictor
    candidates:
      - name: baseline-predictor
        weight: 70
      - name: enhanced-predictor
        weight: 30
    store_path: "{{ ansible_facts['user_dir'] }}/.local/share/modelops-serving/envoy"

- name: Move the weights, and leave the default and the mirror as they are
  modelops.serving.experiment:
    name: financial-ab-test-experiment
    weights:
      baseline-predictor: 50
      enhanced-predictor: 50
    store_path: "{{ ansible_facts['user_dir'] }}/.local/share/modelops-serving/envoy"

- name: End the experiment
  modelops.serving.experiment:
    name: financial-ab-test-experiment
    state: absent
    store_path: "{{ ansible_facts['user_dir'] }}/.local/share/modelops-serving/envoy"
"""

RETURN = r"""
experiment:
  description: The experiment as it is declared now, or would be in check mode. Empty when it is absent.
  returned: success
  type: dict
  sample:
    name: financial-ab-test-experiment
    default: baseline-predictor
    candidates: [{name: baseline-predictor, weight: 70}, {name: enhanced-predictor, weight: 30}]
live:
  description:
    - The experiment as the data plane itself says it serves it, with each candidate's share of the traffic.
    - Empty when it serves none of that name, in check mode, and when nothing had to change and it could not be asked.
  returned: success
  type: dict
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
live_version:
  description: The version of the routes in force, which starts with the time of the change. Null when it is not known.
  returned: success
  type: str
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._core.errors import ServingError
from ..module_utils._core.experiment import Request
from ..module_utils._wiring.store import STORE_OPTIONS, envoy_store, experiment_options, live_view


def main() -> None:
    module = AnsibleModule(
        argument_spec={**experiment_options(), **STORE_OPTIONS},
        mutually_exclusive=[("candidates", "weights")],
        supports_check_mode=True,
    )
    try:
        change = envoy_store(module.params).declare(Request.parse(module.params), dry_run=module.check_mode)
    except ServingError as error:
        module.fail_json(msg=str(error), **error.facts)
    for warning in change.warnings:
        module.warn(warning)
    version, live = live_view(change.live)
    module.exit_json(
        changed=change.changed,
        experiment=change.after,
        live=live.get(module.params["name"], {}),
        live_version=version,
        diff={"before": change.before, "after": change.after},
    )


if __name__ == "__main__":
    main()
