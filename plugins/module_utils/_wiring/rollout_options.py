# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of experiment_rollout, and what of them is the plan."""

from __future__ import annotations

from typing import Any, Dict, Mapping

from .._core.gates import COUNTED, MEASURED, SOURCES
from .._core.plan import MANUAL

Spec = Dict[str, Dict[str, Any]]

ACTIONS = ("plan", "run", "status", "pause", "resume", "promote", "abort", "retry")
# What the module is told by the action plugin of the same name.
CALLS = ("plan", "check", "begin", "tick", "send", "read", "journal")


def _words(*names: str, **more: Any) -> Spec:
    return {name: {"type": "str", **more} for name in names}


def _numbers(kind: str, *names: str) -> Spec:
    return {name: {"type": kind} for name in names}


HEADERS: dict[str, Any] = {"type": "dict", "no_log": True}
GATE: Spec = {
    "name": {"type": "str"},
    "kind": {"type": "str", "required": True, "choices": [*COUNTED, *MEASURED, MANUAL]},
    "dry_run": {"type": "bool"},
    **_numbers("float", "threshold_ms", "percentile", "slo", "risk_budget", "margin", "min_ratio", "min_difference"),
    **_numbers("float", "min", "max", "failure_min", "failure_max", "rtol", "atol", "agreement"),
    **_numbers("int", "count", "failure_limit", "inconclusive_limit", "consecutive_error_limit"),
    **_words("query", "url", "method", "result_path"),
    "source": {"type": "str", "choices": list(SOURCES)},
    "codes": {"type": "list", "elements": "str"},
    "file": {"type": "path"},
    "golden": {"type": "path"},
    "headers": HEADERS,
    "body": {"type": "raw"},
    "timeout": {"type": "str"},
    "steps": {"type": "list", "elements": "float"},
    "on_timeout": {"type": "str", "choices": ["rollback", "promote", "pause"]},
}
ANALYSIS: Spec = {
    **_words("interval", "max_step_duration", "max_duration", "baseline_max"),
    **_words("preflight_timeout", "ready_timeout", "verify_timeout"),
    **_numbers("float", "alpha_harm", "alpha_promote"),
    **_numbers("int", "min_requests", "min_windows", "settle_windows", "baseline_windows", "post_check_windows"),
    **_numbers("int", "consecutive_error_limit"),
}
_PAUSE = {"type": "str", "choices": ["pause", "rollback"]}
POLICY: Spec = {
    "on_harm": {"type": "str", "choices": ["rollback", "pause"]},
    "on_inconclusive": _PAUSE,
    "on_no_data": _PAUSE,
    "on_no_traffic": _PAUSE,
    "on_interrupt": {"type": "str", "choices": ["rollback", "hold"]},
    "on_stale_resume": {"type": "str", "choices": ["rollback", "resume"]},
    "rollback_style": {"type": "str", "choices": ["weight_zero", "remove"]},
    **_words("stale_after", "rollback_confirm", "rollback_timeout", "pause_timeout"),
    **_numbers("int", "infrastructure_windows"),
}
PLAN: Spec = {
    **_words("baseline", "candidate", "interval"),
    "steps": {"type": "list", "elements": "raw"},
    **_numbers("float", "step_weight", "max_weight"),
    "gates": {"type": "list", "elements": "dict", "options": GATE},
    "analysis": {"type": "dict", "options": ANALYSIS},
    "policy": {"type": "dict", "options": POLICY},
}
PROMETHEUS: Spec = {
    "url": {"type": "str", "required": True},
    "dialect": {"type": "str", "choices": ["envoy", "seldon"], "default": "envoy"},
    "labels": {"type": "dict", "default": {}},
    "headers": HEADERS,
    "ca_path": {"type": "path"},
    "stale_after": {"type": "float", "default": 60.0},
}
TRAFFIC: Spec = {
    "source": {"type": "str", "choices": ["data_plane", "probe", "prometheus"], "default": "data_plane"},
    "rate": {"type": "float", "default": 0.0},
    "request": {"type": "path"},
    "log": {"type": "path"},
    "prometheus": {"type": "dict", "options": PROMETHEUS},
}
ADDRESS: Spec = {"address": {"type": "str", "required": True}, "http_port": {"type": "int", "required": True}}
WEBHOOK: Spec = {
    "url": {"type": "str", "required": True},
    "headers": HEADERS,
    "timeout": {"type": "float", "default": 3.0},
}
HOLDER: Spec = {
    **_words("name", "machine", "born", default=""),
    "pid": {"type": "int", "default": 0},
}
ARGUMENTS: Spec = {
    "name": {"type": "str", "required": True},
    "action": {"type": "str", "choices": list(ACTIONS), "default": "run"},
    "full": {"type": "bool", "default": False},
    **PLAN,
    "traffic": {"type": "dict", "default": {}, "apply_defaults": True, "options": TRAFFIC},
    "host": {"type": "str", "default": "ml-api.local"},
    "address": {"type": "dict", "options": ADDRESS},
    "event_webhook": {"type": "dict", "options": WEBHOOK},
    "report_directory": {"type": "path"},
    "fail_on_pause": {"type": "bool", "default": True},
    "progress": {"type": "str", "choices": ["normal", "quiet"], "default": "normal"},
    "store": {"type": "str", "choices": ["envoy"], "default": "envoy"},
    "store_path": {"type": "path", "required": True},
    "call": {"type": "str", "choices": list(CALLS)},
    "token": {"type": "str", "no_log": False},
    "run": {"type": "str"},
    "holder": {"type": "dict", "options": HOLDER},
    "interrupt": {"type": "str"},
    "probed": {"type": "list", "elements": "dict", "default": []},
    "requests": {"type": "int", "default": 0},
    "seconds": {"type": "float", "default": 1.0},
}


def plan_values(params: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the plan as the task gave it, or None when it gave none."""
    found = {key: given(params.get(key)) for key in PLAN if params.get(key) is not None}
    return {"name": params["name"], **found} if found else None


def without_headers(value: Any) -> Any:
    """Return a value without any headers, which may be secrets; a result is read by people and kept in reports."""
    if isinstance(value, Mapping):
        return {key: without_headers(each) for key, each in value.items() if key != "headers"}
    if isinstance(value, (list, tuple)):
        return [without_headers(each) for each in value]
    return value


def given(value: Any) -> Any:
    """Return a value without the options that nobody set."""
    if isinstance(value, Mapping):
        return {key: given(each) for key, each in value.items() if each is not None}
    if isinstance(value, (list, tuple)):
        return [given(each) for each in value]
    return value


__all__ = ["ACTIONS", "ARGUMENTS", "given", "plan_values", "without_headers"]
