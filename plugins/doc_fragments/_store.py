# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where experiments are declared."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  store:
    description:
      - Where experiments are declared.
      - V(envoy) is the folder of files that the Envoy of the role P(modelops.serving.data_plane#role) watches.
      - V(kubernetes) is a cluster with Seldon Core v2, where they are resources of the kind C(Experiment).
    type: str
    choices: [envoy, kubernetes]
    default: envoy
  store_path:
    description:
      - Absolute path of the folder C(envoy) of a data plane, on the host that the task runs on.
      - Required with O(store=envoy).
    type: path
  namespace:
    description:
      - Namespace of the resource, with O(store=kubernetes). It is the namespace of the experiment's baseline.
      - With one scheduler for all namespaces, the other models may be in others.
    type: str
  wait_timeout:
    description:
      - How many seconds to wait until a change is in force. A change that is refused, or not confirmed in time, is
        taken back.
      - With O(store=envoy), also for another change to finish, and for Envoy to answer.
      - By default 10 with O(store=envoy), and 60 with O(store=kubernetes).
    type: float
"""

    # The options of kubernetes.core, so that one dictionary of defaults serves both.
    KUBERNETES = r"""
options:
  kubeconfig:
    description:
      - Path of a kubeconfig on the host that the task runs on, or its content as a dictionary.
      - Without it, E(K8S_AUTH_KUBECONFIG) is used; then, in a pod, the pod's own account; then C(~/.kube/config).
      - Each of the options that let a client in has such a variable, as in the collection kubernetes.core.
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
    description: Path of the certificate of the authority that the API server's certificate is of.
    type: path
    aliases: [ssl_ca_cert]
  client_cert:
    description: Path of a user's certificate.
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
    description: Names and addresses that are reached without the proxy, with commas between them.
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
        description: What the proxy is told of the client.
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
"""

    ENVOY = r"""
options:
  store_path:
    description: Absolute path of the folder C(envoy) of a data plane, on the host that the task runs on.
    type: path
    required: true
  wait_timeout:
    description:
      - How many seconds to wait for another change to finish, for Envoy to answer, and for Envoy to confirm the change.
      - A change that Envoy refuses, or does not confirm in time, is taken back.
    type: float
    default: 10.0
"""
