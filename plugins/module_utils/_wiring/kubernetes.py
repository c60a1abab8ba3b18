# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parameters into experiments of a cluster. Who may come in is said as the collection kubernetes.core has it."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Any, Dict, Mapping, Sequence

from .._adapters.http_probe import HttpProbe
from .._adapters.kubernetes_api import KubernetesApi
from .._adapters.kubernetes_store import KubernetesStore
from .._adapters.kubernetes_wait import Wait
from .._adapters.seldon_cluster import SeldonCluster
from .._core.errors import ServingError
from .._core.request_path import Question, endpoint

if TYPE_CHECKING:
    from typing import Callable

    from .._core.request_path import Answer
    from .._core.split_proof import Route

Spec = Dict[str, Dict[str, Any]]

CALL_SECONDS = 10.0
WAIT_SECONDS = 60.0
# What is asked of one route before Seldon's conditions are read again.
QUESTIONS, QUESTION_SECONDS = 200, 1.0
AGENT = "modelops.serving"

# The names, types and aliases are those of kubernetes.core (plugins/module_utils/args_common.py, 6.x).
API_OPTIONS: Spec = {
    "kubeconfig": {"type": "raw", "no_log": True},
    "context": {"type": "str"},
    "host": {"type": "str"},
    "api_key": {"type": "str", "no_log": True},
    "username": {"type": "str"},
    "password": {"type": "str", "no_log": True},
    "validate_certs": {"type": "bool", "aliases": ["verify_ssl"]},
    "ca_cert": {"type": "path", "aliases": ["ssl_ca_cert"]},
    "client_cert": {"type": "path", "aliases": ["cert_file"]},
    "client_key": {"type": "path", "aliases": ["key_file"]},
    "proxy": {"type": "str"},
    "no_proxy": {"type": "str"},
    "proxy_headers": {
        "type": "dict",
        "options": {
            "proxy_basic_auth": {"type": "str", "no_log": True},
            "basic_auth": {"type": "str", "no_log": True},
            "user_agent": {"type": "str"},
        },
    },
    "persist_config": {"type": "bool"},
    "impersonate_user": {"type": "str"},
    "impersonate_groups": {"type": "list", "elements": "str"},
}
REQUEST_PATH: Spec = {
    "request_path": {
        "type": "dict",
        "options": {
            "address": {"type": "str", "required": True},
            "http_port": {"type": "int", "default": 80},
            "host": {"type": "str", "required": True},
        },
    }
}


def cluster_from(params: Mapping[str, Any]) -> SeldonCluster:
    """Return the experiments that the options name; without a namespace, those of all namespaces."""
    return SeldonCluster(KubernetesApi(params, timeout=CALL_SECONDS), params["namespace"])


def kubernetes_store(params: Mapping[str, Any]) -> KubernetesStore:
    """Return the store of one namespace."""
    if not params["namespace"]:
        raise ServingError("namespace is not set; set the namespace of the experiment, which is that of its baseline.")
    ask, cluster = _asker(params["request_path"]), cluster_from(params)
    timeout = WAIT_SECONDS if params["wait_timeout"] is None else params["wait_timeout"]
    wait = Wait(cluster, ask, timeout=timeout, sleep=time.sleep, clock=time.monotonic)
    return KubernetesStore(cluster, wait, take_over=params["take_over"], sleep=time.sleep, chance=random.random)


def _asker(path: Mapping[str, Any] | None) -> Callable[[Route], Sequence[Answer]] | None:
    """Return how to ask a route of the request path; None where there is none to ask."""
    if path is None:
        return None
    place, probe = endpoint(path, "http_port"), HttpProbe(timeout=CALL_SECONDS)
    if place is None:
        raise ServingError("request_path has the http_port 0; set the port on which models are served over HTTP.")

    def ask(route: Route) -> list[Answer]:
        # Whoever answers this has been routed like an inference, and no model has to work for it.
        headers = {"seldon-model": route.header, "User-Agent": AGENT}
        question = Question(f"/v2/models/{route.model}/ready", path["host"], headers)
        rounds = probe.rounds([(place, question)], QUESTIONS, seconds=QUESTION_SECONDS)
        return [answer for (answer,) in rounds]

    return ask


__all__ = ["API_OPTIONS", "REQUEST_PATH", "cluster_from", "kubernetes_store"]
