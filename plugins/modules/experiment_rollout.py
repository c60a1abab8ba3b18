#!/usr/bin/python
# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: experiment_rollout
author: the modelops.serving authors (@modelops)
short_description: Walk a candidate to all of the traffic on evidence, or take it back
version_added: 0.1.0
description:
  - Gives a candidate of an experiment more and more of the traffic, judges it at each step against the baseline, and
    goes on, pauses or takes it back. The verdicts hold however often they are looked at.
  - Failed goes back. Inconclusive and error keep the weights and pause. Missing data never counts as good news.
  - Works tick by tick. Each tick is one short call on the target, and what it decided is on disk, with the weights,
    before anybody waits. So a killed run loses nothing, and the next one goes on from there.
  - One runner at a time carries a rollout out. O(action) of a second terminal is left as a request that it honours at
    its next tick; V(abort) also takes over from a runner that is gone.
  - Shows one line for each tick, and leaves a report as HTML, JSON and JUnit XML on the controller.
options:
  name:
    description: Name of the experiment, which is declared already.
    type: str
    required: true
  action:
    description:
      - V(run) begins a rollout, or goes on with one whose runner is gone.
      - V(plan) says what each step takes at the present rate of requests, and changes nothing. So does check mode.
      - V(status) says where the rollout stands.
      - V(pause) keeps the weights until V(resume), V(promote) skips what the present step waits for, and V(abort) gives
        the baseline everything back.
      - V(retry) is a new run of a plan that went back, with fresh evidence.
    type: str
    choices: [plan, run, status, pause, resume, promote, abort, retry]
    default: run
  full:
    description: With V(promote), skip all steps, and give the candidate all of the traffic.
    type: bool
    default: false
  baseline:
    description: The model that has the traffic now, and that the candidate is compared with.
    type: str
  candidate:
    description: The model that is to have it.
    type: str
  steps:
    description:
      - The candidate's percents, rising, the last of them 100. Two decimals are allowed.
      - A step is a number, or a mapping with C(weight), C(min_duration), and for a hold C(hold=manual), C(hold_timeout)
        and C(on_hold_timeout), which is C(rollback), C(promote) or C(pause).
      - The first may have C(mirror), a percent of requests that are copied to the candidate, instead of a weight.
        Nobody gets the answers to copies.
    type: list
    elements: raw
  step_weight:
    description: The short form of O(steps). The candidate gets so many percent more at each step.
    type: float
  max_weight:
    description: With O(step_weight), the percent before the last step, 50 unless it is set.
    type: float
  interval:
    description: With O(step_weight), how long each step lasts at least, such as V(2m).
    type: str
  gates:
    description: What the candidate has to pass. One of them, at least, counts requests and is enforced.
    type: list
    elements: dict
    suboptions:
      name:
        description: A name for reports; that of the kind unless it is set.
        type: str
      kind:
        description:
          - V(error_rate) compares the arms' shares of failed requests.
          - V(slower_than) compares their shares of requests that took longer than O(gates[].threshold_ms).
          - V(accuracy) compares their shares of wrong answers, by labels that somebody adds.
          - V(prediction_parity) asks both models the same, before the first percent.
          - V(metric) asks Prometheus, V(webhook) asks anybody over HTTP, at each tick.
          - V(manual) holds steps until somebody promotes.
        type: str
        required: true
        choices: [error_rate, slower_than, accuracy, metric, webhook, prediction_parity, manual]
      dry_run:
        description: Measure and report, and decide nothing.
        type: bool
      source:
        description:
          - Who counts. V(envoy) counts every upstream attempt, those that a retry hid included. V(log) counts what
            callers got. V(probe) counts requests that the rollout sends itself. V(prometheus) asks Prometheus.
          - Unless it is set, O(traffic.source) decides.
        type: str
        choices: [envoy, log, probe, prometheus]
      codes:
        description: The statuses that are failures, such as V(5xx) or V(429). V(5xx) unless it is set.
        type: list
        elements: str
      threshold_ms:
        description: From how many milliseconds on a request is slow.
        type: float
      percentile:
        description: The percentile that is to stay below O(gates[].threshold_ms), such as V(95); another way to set
          O(gates[].slo).
        type: float
      slo:
        description: The share of events, from 0 to 1, that the candidate may not exceed whatever the baseline does.
        type: float
      risk_budget:
        description:
          - The share of all requests, from 0 to 1, that may become events because of the candidate. A step is left when
            it is proven that the next one keeps it.
          - V(0.005) unless it or O(gates[].margin) is set.
        type: float
      margin:
        description: How many times as many events are too many. V(1.5) for V(slower_than) unless O(gates[].risk_budget)
          is set.
        type: float
      min_ratio:
        description: Harm matters from so many times as many events on, V(1.25) unless it is set.
        type: float
      min_difference:
        description: Harm matters from this difference of the shares on, V(0.001) unless it is set.
        type: float
      min:
        description: The least value that is successful.
        type: float
      max:
        description: The greatest value that is successful.
        type: float
      failure_min:
        description: A lower value is failed. What lies between it and O(gates[].min) is inconclusive.
        type: float
      failure_max:
        description: A greater value is failed. What lies between it and O(gates[].max) is inconclusive.
        type: float
      count:
        description: So many successful measurements make a step successful, one unless it is set.
        type: int
      failure_limit:
        description: More failed measurements than this make the gate failed, none unless it is set.
        type: int
      inconclusive_limit:
        description: More inconclusive measurements than this make the gate inconclusive, none unless it is set.
        type: int
      consecutive_error_limit:
        description: More errors in a row than this pause the rollout. Unless it is set, that of O(analysis).
        type: int
      query:
        description: PromQL for one number. C($candidate), C($baseline) and C($experiment) stand for their names,
          C($candidate_version) and C($baseline_version) for the names with versions.
        type: str
      url:
        description: Whom a V(webhook) asks, or where the labels of V(accuracy) are.
        type: str
      method:
        description: How a V(webhook) asks, V(GET) unless there is a body.
        type: str
      headers:
        description: What a V(webhook) sends along. It is kept in the data plane's folder, readable by its owner alone.
        type: dict
      body:
        description: JSON that a V(webhook) sends. In texts, the same names stand for the models as in O(gates[].query).
        type: raw
      timeout:
        description: How long a V(webhook) is waited for, or a person at a V(manual) hold.
        type: str
      result_path:
        description: JMESPath to the number, the yes or no, or the phase in a webhook's answer. Needs C(jmespath).
        type: str
      file:
        description: The labels of V(accuracy), on the target, as CSV, JSON or JSON lines with C(id) and C(label).
        type: path
      golden:
        description: Requests to ask both models, on the target, as JSON with C(requests).
        type: path
      agreement:
        description: The share of requests whose answers have to agree, V(1) unless it is set.
        type: float
      rtol:
        description: The relative tolerance of numbers.
        type: float
      atol:
        description: The absolute tolerance of numbers.
        type: float
      steps:
        description: The weights of the steps that a V(manual) gate holds, all but the last unless it is set.
        type: list
        elements: float
      on_timeout:
        description: What becomes of a hold that nobody ended in time.
        type: str
        choices: [rollback, promote, pause]
  analysis:
    description: How it is judged. Durations are such as V(90), V(30s) or V(1m30s).
    type: dict
    suboptions:
      interval:
        description: How long a window is, V(15s) unless it is set.
        type: str
      alpha_harm:
        description: How likely a candidate that is no worse may be taken back, over the whole walk. V(0.05) unless it
          is set.
        type: float
      alpha_promote:
        description: How likely a gate may let a candidate pass that breaks its budget or margin. V(0.05) unless it is
          set.
        type: float
      min_requests:
        description: So many requests of each arm are needed before a step may be left. V(300) unless it is set.
        type: int
      min_windows:
        description: So many windows are needed. V(2) unless it is set.
        type: int
      settle_windows:
        description: So many windows after a change the share of the arms is not judged. V(2) unless it is set.
        type: int
      baseline_windows:
        description: From so many windows of the baseline it is learnt how failures clump. V(20) unless it is set.
        type: int
      baseline_max:
        description: After this time the walk begins, whatever was learnt. V(10m) unless it is set.
        type: str
      post_check_windows:
        description: So many windows are watched after the last step. V(4) unless it is set.
        type: int
      max_step_duration:
        description: After this time a step that is not decided is inconclusive. V(30m) unless it is set.
        type: str
      max_duration:
        description: After this time the whole walk is inconclusive. V(4h) unless it is set.
        type: str
      consecutive_error_limit:
        description: More windows without data than this pause the rollout. V(4) unless it is set.
        type: int
      preflight_timeout:
        description: How long the checks before the start may take. V(2m) unless it is set.
        type: str
      ready_timeout:
        description: How long new weights may take until the data plane confirms them. V(1m) unless it is set.
        type: str
      verify_timeout:
        description: How long it may take until requests show them. V(1m) unless it is set.
        type: str
  policy:
    description: What to do when it cannot just go on.
    type: dict
    suboptions:
      on_harm:
        description: When a gate failed. V(rollback) unless it is set.
        type: str
        choices: [rollback, pause]
      on_inconclusive:
        description: When nobody can tell. V(pause) unless it is set.
        type: str
        choices: [pause, rollback]
      on_no_data:
        description: When there is no data. V(pause) unless it is set.
        type: str
        choices: [pause, rollback]
      on_no_traffic:
        description: When there are no requests. V(pause) unless it is set.
        type: str
        choices: [pause, rollback]
      on_interrupt:
        description: When the runner is ended by Ctrl-C or SIGTERM. V(rollback) unless it is set; V(hold) pauses.
        type: str
        choices: [rollback, hold]
      on_stale_resume:
        description: When it was without a runner for longer than O(policy.stale_after). V(rollback) unless it is set.
        type: str
        choices: [rollback, resume]
      stale_after:
        description: See O(policy.on_stale_resume). V(15m) unless it is set.
        type: str
      rollback_style:
        description:
          - V(weight_zero) keeps the candidate with the weight 0, so clients that pinned themselves still reach it.
          - V(remove) takes it out of the experiment, so they get 404 until they drop C(x-seldon-route).
          - V(weight_zero) unless it is set.
        type: str
        choices: [weight_zero, remove]
      rollback_confirm:
        description: How long to wait until the way back is confirmed before it is written again. V(1m) unless it is
          set.
        type: str
      rollback_timeout:
        description: After this time without confirmation it is stuck, and says what to do. V(5m) unless it is set.
        type: str
      infrastructure_windows:
        description: A fault of both arms that lasts for so many windows gives the baseline everything back. V(3) unless
          it is set.
        type: int
      pause_timeout:
        description: How long a runner waits while somebody paused it. V(1h) unless it is set.
        type: str
  traffic:
    description: Where the numbers come from, and what is sent if nobody else sends.
    type: dict
    default: {}
    suboptions:
      source:
        description:
          - V(data_plane) takes failures from Envoy's own statistics, and times from the access log.
          - V(probe) counts requests that the rollout sends itself, V(prometheus) asks Prometheus.
        type: str
        choices: [data_plane, probe, prometheus]
        default: data_plane
      rate:
        description: Send so many requests per second to the experiment. The report says that they are not callers'.
        type: float
        default: 0.0
      request:
        description: An inference request, or samples, as JSON on the target. A part of it verifies each change.
        type: path
      log:
        description: The edge's access log, on the target.
        type: path
      prometheus:
        description: Whom to ask.
        type: dict
        suboptions:
          url:
            description: Its address, without C(/api).
            type: str
            required: true
          dialect:
            description: Whose metrics it has. V(envoy) are Envoy's own, V(seldon) those of Seldon's agent.
            type: str
            choices: [envoy, seldon]
            default: envoy
          labels:
            description: Labels that tell these models' metrics from others of the same names.
            type: dict
            default: {}
          headers:
            description: What is sent along.
            type: dict
          ca_path:
            description: The certificates to trust, on the target.
            type: path
          stale_after:
            description: A sample that is older than this many seconds is no data.
            type: float
            default: 60.0
  host:
    description: The host name that callers use.
    type: str
    default: ml-api.local
  address:
    description: Where callers connect to. Without it, the rollout sends no requests.
    type: dict
    suboptions:
      address:
        description: The announced IPv4 address.
        type: str
        required: true
      http_port:
        description: The port for REST.
        type: int
        required: true
  event_webhook:
    description: Whom to tell when it starts, changes weights, judges and ends. Nobody waits for the answer.
    type: dict
    suboptions:
      url:
        description: Where events are posted as JSON.
        type: str
        required: true
      headers:
        description:
          - What is sent along.
          - Whoever goes on with a rollout by its name alone is not handed them, and posts no events.
        type: dict
      timeout:
        description: How many seconds one event may take.
        type: float
        default: 3.0
  report_directory:
    description: A folder on the controller for the report. Without it, there is none.
    type: path
  fail_on_pause:
    description: Fail the task when the rollout is paused in the end.
    type: bool
    default: true
  progress:
    description: V(normal) shows a line for each tick, V(quiet) shows what changes.
    type: str
    choices: [normal, quiet]
    default: normal
  store:
    description: Where experiments are declared.
    type: str
    choices: [envoy]
    default: envoy
  store_path:
    description: The folder that Envoy watches, on the target.
    type: path
    required: true
  call:
    description: For internal use. What the module does in one call.
    type: str
    choices: [plan, check, begin, tick, send, read, journal]
  token:
    description: For internal use. The right to carry the rollout out.
    type: str
  run:
    description: For internal use. Name of a new run.
    type: str
  holder:
    description: For internal use. Who carries it out.
    type: dict
    suboptions:
      name:
        description: User and host.
        type: str
        default: ''
      machine:
        description: The machine, where a process number means something.
        type: str
        default: ''
      pid:
        description: The process.
        type: int
        default: 0
      born:
        description: When the process began.
        type: str
        default: ''
  interrupt:
    description: For internal use. Who ended the runner.
    type: str
  probed:
    description: For internal use. What became of requests that were sent since the last tick.
    type: list
    elements: dict
    default: []
  requests:
    description: For internal use. How many requests to send as traffic.
    type: int
    default: 0
  seconds:
    description: For internal use. In how many seconds to send them.
    type: float
    default: 1.0
extends_documentation_fragment:
  - modelops.serving._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    details: A plan that succeeded and is still in force is not run again.
    support: full
seealso:
  - module: modelops.serving.experiment
  - module: modelops.serving.smoke_test
"""

EXAMPLES = r"""
- name: Roll out the enhanced predictor
  modelops.serving.experiment_rollout:
    name: financial-ab-test-experiment
    baseline: baseline-predictor
    candidate: enhanced-predictor
    steps: [5, 10, 25, 50, 100]
    gates:
      - name: errors
        kind: error_rate
        risk_budget: 0.005
      - name: slow95
        kind: slower_than
        threshold_ms: 18
        percentile: 95
    traffic:
      log: "{{ ansible_facts['user_dir'] }}/.local/share/modelops-serving/logs/access.log"
      request: "{{ ansible_facts['user_dir'] }}/.local/share/modelops-serving/samples/request.json"
    address:
      address: 127.0.77.1
      http_port: 18000
    store_path: "{{ ansible_facts['user_dir'] }}/.local/share/modelops-serving/envoy"

- name: Take it back from a second terminal
  modelops.serving.experiment_rollout:
    name: financial-ab-test-experiment
    action: abort
    store_path: "{{ ansible_facts['user_dir'] }}/.local/share/modelops-serving/envoy"
"""

RETURN = r"""
phase:
  description:
    - Where the rollout stands. V(succeeded), V(rolled_back), V(failed), V(aborted) and V(stuck) are over; V(paused)
      waits for somebody; the others are under way.
  returned: success or failure
  type: str
  sample: succeeded
run:
  description: Name of the run.
  returned: when there is a rollout
  type: str
step:
  description: Number of the present step, from 1; 0 before the first.
  returned: when there is a rollout
  type: int
steps:
  description: The percents of the steps.
  returned: when there is a rollout
  type: list
  elements: float
weight:
  description: The candidate's percent of what it shares with the baseline.
  returned: when there is a rollout
  type: float
weights:
  description: The declared weights by model.
  returned: when there is a rollout
  type: dict
cause:
  description: Why it is paused or went back, in one word for programs, such as V(harm), V(no_traffic) or V(user).
  returned: when there is a rollout
  type: str
reason:
  description: The same in a sentence.
  returned: when there is a rollout
  type: str
analysis:
  description: What all gates say, with each one's figures. The phase is successful, failed, inconclusive or error.
  returned: when gates were judged
  type: dict
rolled_back:
  description: Whether the baseline has everything again.
  returned: when there is a rollout
  type: bool
needs_human:
  description: Whether it is stuck, and somebody has to look.
  returned: when there is a rollout
  type: bool
holder:
  description: Who carries it out at the moment.
  returned: with O(action=status)
  type: str
orphaned:
  description: Whether somebody should carry it out, and nobody does.
  returned: with O(action=status)
  type: bool
outcomes:
  description: How the last runs ended, the oldest first.
  returned: with O(action=status)
  type: list
  elements: dict
plan:
  description: The plan with all defaults.
  returned: with O(action=plan), and in check mode
  type: dict
estimate:
  description: Requests and seconds that each step is expected to take, and what keeps the plan from success.
  returned: with O(action=plan), and in check mode
  type: dict
reports:
  description: Paths of the reports on the controller.
  returned: when there is a report
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common.parameters import remove_values

from ..module_utils._core.errors import ServingError
from ..module_utils._wiring.rollout import RolloutCall
from ..module_utils._wiring.rollout_options import ARGUMENTS


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    # Ansible masks whatever contains a secret, and a header may be "1": then no number could be relied on, and no word
    # that contains it. So what was given is masked here, and what is found holds no headers and stays as it is.
    invocation = {"module_args": remove_values(module.params, module.no_log_values)}
    module.no_log_values = set()
    try:
        found = RolloutCall(module.params).run()
    except ServingError as error:
        module.fail_json(msg=str(error), invocation=invocation, **error.facts)
    module.exit_json(changed=False, invocation=invocation, **found)


if __name__ == "__main__":
    main()
