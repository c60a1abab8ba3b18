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
  - While somebody rolls the experiment out, other weights are refused.
  - With O(store=kubernetes), Seldon's conditions are not believed alone, because they may speak of the state before.
    The request path is asked until its answers prove the new split, or O(wait_timeout) is over.
options:
  force:
    description:
      - Change the experiment also while somebody rolls it out. The rollout then pauses, and says what was changed.
    type: bool
    default: false
  take_over:
    description:
      - With O(store=kubernetes), change also an experiment that another program keeps, such as Argo CD, Flux or Helm,
        as the API server remembers it in C(managedFields).
      - That program puts its own back unless it is told not to, in Argo CD by C(ignoreDifferences).
    type: bool
    default: false
  request_path:
    description:
      - With O(store=kubernetes), where callers come in, as it is reached from the host that the task runs on.
      - Some hundred questions whether a model is ready are asked there; they are routed as inferences are.
      - Without it nothing proves that callers get the new split. RV(live) is then empty, and a warning says so.
    type: dict
    suboptions:
      address:
        description: IPv4 address of the Ingress, or of Seldon's Envoy.
        type: str
        required: true
      http_port:
        description: Port on which it serves HTTP.
        type: int
        default: 80
      host:
        description: Host name that the Ingress routes to Seldon.
        type: str
        required: true
extends_documentation_fragment:
  - modelops.serving._attributes
  - modelops.serving._experiment
  - modelops.serving._store
  - modelops.serving._store.kubernetes
requirements:
  - kubernetes >= 24.2.0, with O(store=kubernetes)
  - Seldon Core 2.10.0 or later, with O(store=kubernetes)
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
  - module: modelops.serving.experiment_rollout
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

- name: Move the weights on a cluster, and prove it at the Ingress
  modelops.serving.experiment:
    store: kubernetes
    kubeconfig: ~/.kube/config
    namespace: financial-inference
    name: financial-ab-test-experiment
    weights:
      baseline-predictor: 50
      enhanced-predictor: 50
    request_path:
      address: 192.0.2.200
      host: ml-api.example.com

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
    - With O(store=kubernetes), empty unless the answers of O(request_path) proved it.
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
  description:
    - The version of the routes in force, which starts with the time of the change. Null when it is not known.
    - With O(store=kubernetes), the generation of the resource that was proven to be in force.
  returned: success
  type: str
observed:
  description:
    - With O(store=kubernetes) and O(request_path), how many of the answers that are the proof came from each model, by
      the value of the header C(seldon-model) that asked for them.
  returned: success
  type: dict
  sample:
    financial-ab-test-experiment.experiment: {baseline-predictor: 31, enhanced-predictor: 14}
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._core.errors import ServingError
from ..module_utils._core.experiment import Request
from ..module_utils._wiring.kubernetes import REQUEST_PATH
from ..module_utils._wiring.store import REQUIRED_IF, STORE_OPTIONS, experiment_options, live_view, store_from


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **experiment_options(),
            **STORE_OPTIONS,
            **REQUEST_PATH,
            "force": {"type": "bool", "default": False},
            "take_over": {"type": "bool", "default": False},
        },
        mutually_exclusive=[("candidates", "weights")],
        required_if=[*REQUIRED_IF, ("store", "kubernetes", ["namespace"])],
        supports_check_mode=True,
    )
    try:
        request, force = Request.parse(module.params), module.params["force"]
        change = store_from(module.params).declare(request, dry_run=module.check_mode, force=force)
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
        observed=change.observed,
        diff={"before": change.before, "after": change.after},
    )


if __name__ == "__main__":
    main()
