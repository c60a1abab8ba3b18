#!/usr/bin/python
# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: smoke_test
author: the modelops.serving authors (@modelops)
short_description: Ask every hop of the request path, and say which one is at fault
version_added: 0.1.0
requirements:
  - kubernetes >= 24.2.0, with O(cluster)
description:
  - Asks the announced address, NGINX, seldon-mesh, Envoy and every MLServer, each by itself as far as it can be
    reached from the host that the task runs on, and then all of them together.
  - Every check runs. One that means nothing, because something it needs is broken, is skipped and names that hop.
  - Shows a line for each check while it runs, and writes a report as HTML, JSON and JUnit XML on the controller.
  - On a cluster, first reads the objects that its API has, asks pods through it, and runs short probes inside.
  - Calls the models some hundred times, at a rate that it says, and stops by itself. A part of the load that the
    host of the generator was too busy for is sent once more.
options:
  profile:
    description:
      - How much is asked. V(quick) takes some 15 seconds and finds shares that are ten points off.
      - V(full) takes about a minute, and finds shares that are five points off.
    type: str
    choices: [quick, full]
    default: quick
  groups:
    description:
      - Ask these groups of checks only. They run in this order, from the inside out.
      - V(cluster) and V(inside) ask nothing without O(cluster). With it, the probes of V(inside) measure V(latency).
    type: list
    elements: str
    choices: [cluster, address, mlserver, envoy, mesh, inside, nginx, latency, load, metrics]
    default: [cluster, address, mlserver, envoy, mesh, inside, nginx, latency, load, metrics]
  host:
    description: The host name that callers use. No DNS is needed; connections go to O(address).
    type: str
    default: ml-api.local
  hosts:
    description:
      - Host names by namespace, where each namespace has an Envoy of its own; O(host) is one of them.
      - What callers ask of a model or an experiment goes to the host of its namespace, and is skipped where it has
        none. Without this, O(host) leads to all models.
    type: dict
  address:
    description: Where callers connect to.
    type: dict
    required: true
    suboptions:
      address:
        description: The announced IPv4 address.
        type: str
        required: true
      http_port:
        description: The port for REST.
        type: int
        required: true
      grpc_port:
        description: The port for gRPC over TLS. Without it, gRPC is not asked through NGINX.
        type: int
      grpc_host:
        description: The host name that callers of gRPC use. Without it, that of O(host).
        type: str
      grpc_hosts:
        description: With O(hosts), the host names of gRPC by namespace.
        type: dict
        default: {}
      ca_path:
        description: The certificates to trust on O(address.grpc_port), on the target. Without it, those of the host.
        type: path
      ca:
        description: The certificates themselves, in place of O(address.ca_path).
        type: str
  cluster:
    description:
      - The cluster that serves the path. Its API is read, and short probes run inside it. Without it, there is none.
      - The options that let a client in are those of the collection kubernetes.core, with the same variables.
    type: dict
    suboptions:
      kubeconfig:
        description: Path of a kubeconfig on the host that the task runs on, or its content as a dictionary.
        type: raw
      context:
        description: Name of a context in the kubeconfig.
        type: str
      host:
        description: Address of the API server, such as C(https://192.0.2.11:6443).
        type: str
      api_key:
        description: Token of a user of the API server.
        type: str
      username:
        description: Name of a user, for an API server that asks for passwords.
        type: str
      password:
        description: Password of that user.
        type: str
      validate_certs:
        description: Whether the certificate of the API server must be valid.
        type: bool
        aliases: [verify_ssl]
      ca_cert:
        description: Path of the certificates to trust for the API server.
        type: path
        aliases: [ssl_ca_cert]
      client_cert:
        description: Path of a client's certificate.
        type: path
        aliases: [cert_file]
      client_key:
        description: Path of the key to that certificate.
        type: path
        aliases: [key_file]
      proxy:
        description: Address of an HTTP proxy on the way to the API server.
        type: str
      no_proxy:
        description: Hosts that are reached without the proxy, with commas between them.
        type: str
      proxy_headers:
        description: Headers for the proxy.
        type: dict
        suboptions:
          proxy_basic_auth:
            description: User and password for the proxy, with a colon between them.
            type: str
          basic_auth:
            description: User and password, with a colon between them.
            type: str
          user_agent:
            description: The name of the client.
            type: str
      persist_config:
        description: Whether a token that was renewed is written into the kubeconfig.
        type: bool
      impersonate_user:
        description: Name of a user to act as.
        type: str
      impersonate_groups:
        description: Groups to act as a member of.
        type: list
        elements: str
      topology:
        description: Where schedulers and Envoys are, as in the role P(modelops.serving.seldon#role).
        type: str
        choices: [central, namespaced, single]
        default: central
      namespaces:
        description: The namespaces of the teams.
        type: list
        elements: str
        required: true
      seldon_namespace:
        description: The namespace of Seldon's operator.
        type: str
        default: seldon-system
      metallb_namespace:
        description: The namespace of MetalLB.
        type: str
        default: metallb-system
      ingress_controller:
        description: Who serves O(address.address). With V(none), it is somebody else's, and nothing of it is looked at.
        type: str
        choices: [nginx, traefik, none]
        default: nginx
      ingress_namespace:
        description: The namespace of the controller. Without it, the usual one.
        type: str
      mesh_namespace:
        description: The namespace of the mesh that O(host) leads to, where O(cluster.topology) is V(namespaced).
        type: str
      exposed_services:
        description: Other Services, as C(namespace/name), that are meant to be reached from outside.
        type: list
        elements: str
        default: []
      network_policies:
        description:
          - The options of the role P(modelops.serving.network_policies#role), without their prefix. What probes inside
            the cluster must and must not reach follows from them.
          - Without it, no NetworkPolicies are wanted, and none are asked about.
          - They are tried with O(profile=full).
        type: dict
      probe:
        description:
          - Short Jobs inside the cluster. They have no rights, end by themselves, and are taken away at the end.
          - Where the image or a right is missing, what only they can ask is skipped, with the reason.
        type: dict
        default: {}
        suboptions:
          enabled:
            description: Whether they run.
            type: bool
            default: true
          image:
            description: An image that has Python 3.8 or newer as C(python). The nodes of model servers have this one.
            type: str
            default: docker.io/seldonio/mlserver:1.7.1
          timeout:
            description: Seconds that they may take together.
            type: int
            default: 120
  mesh:
    description: Where the Service seldon-mesh answers. Without it, there is none to ask by itself.
    type: dict
    suboptions:
      address:
        description: Its IPv4 address.
        type: str
        required: true
      http_port:
        description: Its port.
        type: int
        required: true
  envoy:
    description: Where Envoy answers. Without it, Envoy is only asked through NGINX.
    type: dict
    suboptions:
      address:
        description: Its IPv4 address.
        type: str
        required: true
      http_port:
        description: The port of its listener for inference.
        type: int
        required: true
      stats_port:
        description: The port of C(/stats/prometheus). Without it, errors that Envoy's retries hide are not counted.
        type: int
  models:
    description: The models.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the model.
        type: str
        required: true
      namespace:
        description: The namespace whose MLServer serves it.
        type: str
        required: true
      version:
        description: The version that is served.
        type: int
        default: 1
      http:
        description: Address and REST port of its MLServer. Without it, that server is not asked by itself.
        type: str
      grpc:
        description: Address and gRPC port of its MLServer.
        type: str
  samples:
    description:
      - Files on the target with requests and golden answers, as JSON. C(requests) is a list of inference requests of
        the Open Inference Protocol, C(models) has for each model's name its C(answers), one for each request.
      - A model without C(answers) is called, and what it answers is not compared. A model in no file is only asked
        whether it is ready.
    type: list
    elements: path
    default: []
  store:
    description:
      - Where experiments are declared. All that are declared there are asked, unless O(experiments) is set.
      - With V(kubernetes), those in the namespaces of O(cluster).
    type: str
    choices: [envoy, kubernetes]
    default: envoy
  store_path:
    description: Folder of the store, with O(store=envoy).
    type: path
  experiments:
    description: The experiments to ask, as M(modelops.serving.experiment_info) returns them.
    type: list
    elements: dict
    suboptions:
      name:
        description: Name of the experiment.
        type: str
        required: true
      candidates:
        description: Its candidates, baseline first.
        type: list
        elements: dict
        required: true
        suboptions:
          name:
            description: Name of the model.
            type: str
            required: true
          weight:
            description: Its weight.
            type: int
            required: true
      default:
        description: The candidate whose own callers are split as well.
        type: str
      ready:
        description: Whether the data plane serves it as it is declared.
        type: bool
  metrics:
    description:
      - The Prometheus that scrapes the platform, or what answers its query API. It is asked before and after the load,
        and waited for until it has scraped the servers once more.
      - Without it, what it has is not asked.
    type: dict
    suboptions:
      url:
        description: Its address, without C(/api), as the host of the task reaches it.
        type: str
        required: true
      headers:
        description: What is sent along, such as C(Authorization). They are in no log.
        type: dict
      ca_path:
        description: The certificates to trust, on the target.
        type: path
      labels:
        description: Labels that tell this platform's series from others of the same names.
        type: dict
        default: {}
      stale_after:
        description:
          - A target whose last scrape is older than this many seconds is no longer scraped. For so long a scrape after
            the load is waited for.
        type: float
        default: 60.0
      targets:
        description:
          - By part of the platform, the selector of a metric that each of its targets always has. Whoever had it within
            the last hour is a target that must be up. An empty one leaves the part out.
        type: dict
        default: {}
        suboptions:
          envoy:
            description: Envoy. Without it, C(envoy_server_live), with O(metrics.labels).
            type: str
          servers:
            description:
              - Whoever counts the answers of models. Without it, C(seldon_server_replica_memory_capacity_bytes_gauge)
                of Seldon's agents with O(cluster), C(rest_server_requests_total) of MLServer elsewhere.
            type: str
          edge:
            description:
              - Who serves O(address.address). Without it, with O(cluster.ingress_controller=nginx)
                C(nginx_ingress_controller_config_last_reload_successful), with V(traefik)
                C(traefik_config_last_reload_success), else nobody.
            type: str
  body_limit:
    description: How many bytes a request may have. One of this size must pass, one byte more must get 413.
    type: int
  closed_ports:
    description: Ports of the inner hops, which must not answer at O(address.address).
    type: list
    elements: int
    default: []
  rate:
    description: Requests per second of the load. Without it, 125 in the quick profile, 50 in the full one.
    type: float
  requests:
    description: How many requests the load has. Without it, 500 in the quick profile, 2,000 in the full one.
    type: int
  timeout:
    description: Seconds that an answer may take.
    type: float
    default: 5.0
  budgets:
    description: What callers and hops may take. The defaults are the published figures of the platform.
    type: dict
    default: {}
    suboptions:
      p50_ms:
        description: Milliseconds within which half of the callers have their answer.
        type: float
        default: 11.0
      p95_ms:
        description: Milliseconds within which 95 of 100 callers have their answer.
        type: float
        default: 18.0
      p99_ms:
        description: Milliseconds within which 99 of 100 callers have their answer.
        type: float
        default: 25.0
      success_percent:
        description: How many of 100 calls get a good answer.
        type: float
        default: 99.8
      nginx_ms:
        description: Milliseconds that NGINX adds at the median, from and to.
        type: list
        elements: float
        default: [2.0, 3.0]
      envoy_ms:
        description: Milliseconds that the routing adds at the median, from and to.
        type: list
        elements: float
        default: [2.0, 3.0]
      mlserver_ms:
        description: Milliseconds that an inference takes at the median, from and to.
        type: list
        elements: float
        default: [5.0, 7.0]
  enforce_budgets:
    description: Whether callers that wait longer than the percentiles of O(budgets) fail the task, or are a warning.
    type: bool
    default: true
  report_directory:
    description:
      - Folder on the controller for C(smoke_test.html), C(smoke_test.json) and C(smoke_test.xml), which replace those
        of the run before. Without it, no report is written.
    type: path
  inside:
    description: A step of the probes inside a cluster. The action plugin sets it.
    type: dict
    suboptions:
      step:
        description: What to do now.
        type: str
        choices: [start, look, give_up, end]
        required: true
      run:
        description: Names the run that the probes belong to.
        type: str
        required: true
      rounds:
        description: How many times each model is asked at each hop to measure it; V(0) measures none.
        type: int
        default: 0
  known:
    description: What earlier groups found. The action plugin sets it.
    type: list
    elements: dict
    default: []
  load:
    description: One part of the load. The action plugin sets it.
    type: dict
    suboptions:
      target:
        description: The value of the C(seldon-model) header.
        type: str
        required: true
      requests:
        description: How many requests.
        type: int
        required: true
notes:
  - In check mode nothing is asked, and every group is named.
  - gRPC is asked where the Python library C(grpcio) is installed on the target, and skipped with a reason elsewhere.
extends_documentation_fragment:
  - modelops.serving._attributes
attributes:
  check_mode:
    support: full
    details: Changes nothing in either mode. In check mode it sends no request.
  diff_mode:
    support: N/A
    details: Changes nothing.
  idempotent:
    support: full
    details: Changes nothing, however often it runs.
seealso:
  - module: modelops.serving.experiment_info
  - name: How to read the report
    description: What the report shows, and what to do about each check.
    link: https://example.com/modelops/serving/docs/guides/smoke_test.md
"""

EXAMPLES = r"""
- name: Ask every hop of a data plane on this host
  modelops.serving.smoke_test:
    address:
      address: 127.0.77.1
      http_port: 18000
    envoy:
      address: 127.0.0.1
      http_port: 19000
      stats_port: 19003
    models:
      - name: baseline-predictor
        namespace: financial-inference
        http: 127.0.0.1:18100
      - name: enhanced-predictor
        namespace: financial-research
        http: 127.0.0.1:18101
    samples:
      - "{{ ansible_facts['user_dir'] }}/.local/share/modelops-serving/samples/golden.json"
    store_path: "{{ ansible_facts['user_dir'] }}/.local/share/modelops-serving/envoy"
    report_directory: reports

- name: Ask a cluster, its walls included
  modelops.serving.smoke_test:
    host: ml-api.example.com
    address:
      address: 192.0.2.200
      http_port: 80
    cluster:
      kubeconfig: ~/.kube/config
      namespaces: [financial-inference, financial-research]
      network_policies:
        namespaces: [{name: financial-inference}, {name: financial-research}]
    models:
      - name: baseline-predictor
        namespace: financial-inference
      - name: enhanced-predictor
        namespace: financial-research
    store: kubernetes

- name: Ask a cluster, and its Prometheus for what it counted meanwhile
  modelops.serving.smoke_test:
    host: ml-api.example.com
    address:
      address: 192.0.2.200
      http_port: 80
    cluster:
      kubeconfig: ~/.kube/config
      namespaces: [financial-inference]
    models:
      - name: baseline-predictor
        namespace: financial-inference
    store: kubernetes
    metrics:
      url: https://metrics.example.com:9090
      headers:
        Authorization: "Bearer {{ prometheus_token }}"
      labels:
        cluster: homelab

- name: Ask only what callers see, with budgets of our own
  modelops.serving.smoke_test:
    profile: full
    address:
      address: 192.0.2.10
      http_port: 80
    models:
      - name: baseline-predictor
        namespace: financial-inference
    groups: [address, nginx, load]
    budgets:
      p99_ms: 40
"""

RETURN = r"""
verdict:
  description: V(passed) or V(failed).
  returned: always
  type: str
first_broken:
  description: Id, hop and target of the failed check nearest to the caller. Null when there is none.
  returned: always
  type: dict
counts:
  description: How many checks have the status C(pass), C(fail), C(warn), C(skip) and C(error).
  returned: always
  type: dict
hops:
  description: Name, status, added median and budget of each hop.
  returned: always
  type: list
  elements: dict
checks:
  description: Every check, from the caller inwards.
  returned: always
  type: list
  elements: dict
  contains:
    id:
      description: Name of the check, the hop first.
      type: str
    target:
      description: The namespace, model or experiment. Empty where there is only one.
      type: str
    hop:
      description: The hop that is judged.
      type: str
    status:
      description: C(pass), C(fail), C(warn), C(skip) or C(error), which means that nobody can tell.
      type: str
    observed:
      description: What was seen.
      type: str
    expected:
      description: What should have been seen.
      type: str
    reason:
      description: Why it was skipped, or cannot be told.
      type: str
    hint:
      description: What to do about it.
      type: str
latency:
  description: Percentiles of the load with intervals and verdicts, and the share of good answers. Null without a load.
  returned: always
  type: dict
shares:
  description: Observed and declared shares of each experiment.
  returned: always
  type: list
  elements: dict
reports:
  description: Paths of the reports on the controller.
  returned: always
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._core.errors import ServingError
from ..module_utils._wiring.smoke import SmokeTest
from ..module_utils._wiring.smoke_options import ARGUMENTS


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    try:
        found = SmokeTest(module.params).run()
    except ServingError as error:
        module.fail_json(msg=str(error), **error.facts)
    module.exit_json(changed=False, **found)


if __name__ == "__main__":
    main()
