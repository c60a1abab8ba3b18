# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Namespaces, models and experiments into what a data plane has for each of them."""

from __future__ import annotations

DOCUMENTATION = r"""
name: data_plane_layout
author: the modelops.serving authors (@modelops)
short_description: Lay out what a data plane has for each namespace, model and experiment
version_added: 0.1.0
description:
  - Gives each namespace an MLServer with ports, a folder, settings and a process, each model the addresses of its
    server, and each model and experiment a question to ask in the end.
options:
  _input:
    description: What is to be served, and how.
    type: dict
    required: true
    suboptions:
      namespaces:
        description: The namespaces, as in C(serving_namespaces).
        type: list
        elements: dict
        required: true
      models:
        description: The models, as in C(serving_models). One of another namespace is left out.
        type: list
        elements: dict
        required: true
      experiments:
        description: The experiments that are live in the end, as in C(serving_experiments).
        type: list
        elements: dict
        required: true
      home:
        description: The folder for which C(~) stands in C(storage_uri).
        type: path
        required: true
      samples:
        description: The names of sample models as C(models), and as C(request) the file of a request that fits them.
        type: dict
        required: true
      mlserver:
        description:
          - What the MLServers share, as C(program), C(address), C(settings), and C(versions) of what they run with.
          - C(directory) is the folder above theirs.
          - C(http_port), C(grpc_port) and C(metrics_port) are those of the first one; the next one has the next ports.
        type: dict
        required: true
"""

EXAMPLES = r"""
- name: Show the ports of each namespace
  ansible.builtin.debug:
    msg: "{{ (wanted | modelops.serving.data_plane_layout).servers }}"
  vars:
    wanted:
      namespaces: [{name: team}]
      models: [{name: churn, namespace: team, storage_uri: ~/models/churn}]
      experiments: []
      home: /home/serving
      samples: {models: [], request: ""}
      mlserver:
        program: /srv/serving/venv/bin/mlserver
        directory: /srv/serving/mlserver
        address: 127.0.0.1
        http_port: 18100
        grpc_port: 18200
        metrics_port: 18300
        settings: {host: 127.0.0.1}
        versions: mlserver==1.7.1
"""

RETURN = r"""
_value:
  description: Lists of dictionaries, in the order of the input.
  type: dict
  contains:
    servers:
      description: The C(namespace), C(directory), C(http_port), C(grpc_port) and C(metrics_port) of each MLServer.
      type: list
      elements: dict
    folders:
      description: Folders of the MLServers, as M(modelops.serving.files) takes them.
      type: list
      elements: dict
    files:
      description: Settings of the MLServers, as M(modelops.serving.files) takes them.
      type: list
      elements: dict
    processes:
      description:
        - Processes of the MLServers. M(modelops.serving.process_info) takes their C(name), C(config) and C(listens).
      type: list
      elements: dict
    models:
      description: The models by namespace, each with the addresses of its server as C(http) and C(grpc).
      type: list
      elements: dict
    routes:
      description: The models, as M(modelops.serving.envoy_routes) takes them.
      type: list
      elements: dict
    asked:
      description: The models, as M(modelops.serving.smoke_test) takes them.
      type: list
      elements: dict
    probes:
      description: What to ask by which C(header), as C(method), C(model), C(question) and perhaps C(request).
      type: list
      elements: dict
"""

from typing import TYPE_CHECKING, Any

from ansible.errors import AnsibleFilterError

from ..module_utils._core.errors import ServingError
from ..module_utils._core.layout import layout

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def data_plane_layout(wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a data plane has for these namespaces, models and experiments."""
    try:
        return layout(wanted)
    except ServingError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    """Ansible's way to find filters."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"data_plane_layout": data_plane_layout}
