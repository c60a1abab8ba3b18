#!/usr/bin/python
# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: envoy_routes
author: the modelops.serving authors (@modelops)
short_description: Declare the models and experiments that an Envoy routes
version_added: 0.1.0
description:
  - Does for the Envoy of one machine what Seldon Core v2's scheduler does on a cluster.
  - Given the models that are loaded and the experiments over them, it programs a route for each,
    in one change that Envoy confirms.
  - To change one experiment on a running data plane, use M(modelops.serving.experiment).
extends_documentation_fragment:
  - modelops.serving._attributes
  - modelops.serving._store.envoy
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  models:
    description:
      - All models that Envoy can reach.
      - A model that is not listed any more is removed. That is refused while an experiment uses it.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the model, the value of the header C(seldon-model).
        type: str
        required: true
      version:
        description: Version of the model. Its server knows it as C(<name>_<version>).
        type: int
        default: 1
      http:
        description: Where its server takes REST calls, as IPv4 address and port.
        type: str
        required: true
      grpc:
        description: Where its server takes gRPC calls, as IPv4 address and port.
        type: str
        required: true
  experiments:
    description:
      - Experiments to declare or to remove. Those that are not named stay as they are.
      - What an experiment's options leave out stays as it is, as with M(modelops.serving.experiment).
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the experiment.
        type: str
        required: true
      candidates:
        description: The models that take part.
        type: list
        elements: dict
        suboptions:
          name:
            description: Name of the model.
            type: str
            required: true
          weight:
            description: A whole number, 0 or more.
            type: int
            required: true
      weights:
        description: The short form of O(experiments[].candidates), a dictionary of model names and weights.
        type: dict
      default:
        description: The candidate whose own callers are split as well. An empty string takes it away.
        type: str
      mirror:
        description: A model that gets a copy of a part of the requests.
        type: dict
        suboptions:
          name:
            description: Name of the model. It must not be a candidate.
            type: str
            required: true
          percent:
            description: How many of 100 requests are copied, from 0 to 100. 0 takes the mirror away.
            type: int
            required: true
      state:
        description: Whether the experiment is to exist.
        type: str
        choices: [present, absent]
        default: present
seealso:
  - module: modelops.serving.experiment
"""

EXAMPLES = r"""
- name: Route two models and an experiment over them
  modelops.serving.envoy_routes:
    store_path: "{{ ansible_facts['user_dir'] }}/.local/share/modelops-serving/envoy"
    models:
      - name: baseline-predictor
        http: 127.0.0.1:18100
        grpc: 127.0.0.1:18200
      - name: enhanced-predictor
        http: 127.0.0.1:18101
        grpc: 127.0.0.1:18201
    experiments:
      - name: financial-ab-test-experiment
        default: baseline-predictor
        weights:
          baseline-predictor: 70
          enhanced-predictor: 30
"""

RETURN = r"""
routes:
  description: The models and experiments as they are declared now, or would be in check mode.
  returned: success
  type: dict
  contains:
    models:
      description: The models, sorted by name.
      type: list
      elements: dict
    experiments:
      description: The experiments, sorted by name, those declared elsewhere included.
      type: list
      elements: dict
live_version:
  description: The version of the routes in force. Null in check mode, and when Envoy could not be asked.
  returned: success
  type: str
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._core.errors import ServingError
from ..module_utils._core.experiment import Request
from ..module_utils._core.route_table import Model
from ..module_utils._wiring.store import ENVOY_OPTIONS, envoy_store, experiment_options, live_view

MODEL_OPTIONS = {
    "name": {"type": "str", "required": True},
    "version": {"type": "int", "default": 1},
    "http": {"type": "str", "required": True},
    "grpc": {"type": "str", "required": True},
}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "models": {"type": "list", "elements": "dict", "required": True, "options": MODEL_OPTIONS},
            "experiments": {"type": "list", "elements": "dict", "default": [], "options": experiment_options()},
            **ENVOY_OPTIONS,
        },
        supports_check_mode=True,
    )
    try:
        models = [Model.parse(each) for each in module.params["models"]]
        requests = [Request.parse(each) for each in module.params["experiments"]]
        change = envoy_store(module.params).declare_table(models, requests, dry_run=module.check_mode)
    except ServingError as error:
        module.fail_json(msg=str(error), **error.facts)
    for warning in change.warnings:
        module.warn(warning)
    module.exit_json(
        changed=change.changed,
        routes=change.after,
        live_version=live_view(change.live)[0],
        diff={"before": change.before, "after": change.after},
    )


if __name__ == "__main__":
    main()
