# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs of the smoke test on a data plane, and what their reports say."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from plugins.action.smoke_test import ActionModule
from plugins.module_utils._core.ports import experiment_view
from plugins.module_utils._wiring.smoke import SmokeTest
from plugins.module_utils._wiring.smoke_options import ARGUMENTS
from plugins.module_utils._wiring.store import STORE_OPTIONS, envoy_store, live_view
from plugins.plugin_utils._progress import Progress
from tests.live.data_plane import PORTS, DataPlane

FILE = "smoke_test.json"


@dataclass(frozen=True, repr=False)
class Report:
    """How a run ended, and the report that it left."""

    failed: bool
    output: str
    content: dict[str, Any]

    @property
    def first_broken(self) -> str:
        """The broken check that is nearest to the caller, as :meth:`checks` names it, or nothing."""
        found = self.content["first_broken"]
        return f"{found['id']} {found['target']}".strip() if found else ""

    def checks(self, *statuses: str) -> dict[str, dict[str, Any]]:
        """Return the checks of these statuses by their id and target."""
        found = [each for each in self.content["checks"] if each["status"] in statuses]
        return {f"{each['id']} {each['target']}".strip(): each for each in found}

    def __repr__(self) -> str:
        lines = [
            f"{each['status']:5} {name} at {each['hop']}: {each['observed']} {each['reason']}"
            for name, each in self.checks("fail", "warn", "error", "skip").items()
        ]
        return "\n".join([f"first broken: {self.first_broken}", *lines])


def play_smoke_test(plane: DataPlane, **variables: Any) -> Report:
    """Run the playbook of the smoke test on a data plane, and return its report."""
    path = plane.directory / "reports" / FILE
    path.unlink(missing_ok=True)
    play = plane.play("smoke_test.yml", variables=variables)
    assert path.exists(), play.output
    return Report(play.status != 0, play.output, json.loads(path.read_bytes()))


def smoke_test(plane: DataPlane, directory: Path, **options: Any) -> Report:
    """Run the smoke test in this process, which takes a third of the time, and return its report."""
    path = directory / FILE
    path.unlink(missing_ok=True)
    task = {**options_for(plane), **options, "report_directory": str(directory)}
    outcome = InThisProcess(task).outcome()
    return Report(bool(outcome.get("failed")), str(outcome["msg"]), json.loads(path.read_bytes()))


class InThisProcess(ActionModule):
    """The action plugin, with what it would run on a target run here."""

    def __init__(self, task: dict[str, Any]) -> None:
        self._task = SimpleNamespace(args=task, register="report")
        self._vars: dict[str, Any] = {}
        self._progress = Progress()
        self._results = []
        self._host = {"cores": 0, "load_average": 0.0}

    def outcome(self) -> dict[str, Any]:
        return self._ask(_parsed(ARGUMENTS, self._task.args))

    def _execute_module(self, module_name: str, module_args: dict[str, Any], **_more: Any) -> dict[str, Any]:
        if module_name.endswith("experiment_info"):
            return {"experiments": _experiments(_parsed(STORE_OPTIONS, module_args))}
        # As it would come back from a target.
        found: dict[str, Any] = json.loads(json.dumps(SmokeTest(_parsed(ARGUMENTS, module_args)).run()))
        return found


def _experiments(store: dict[str, Any]) -> list[dict[str, Any]]:
    reading = envoy_store(store).read()
    _version, live = live_view(reading.live)
    views = [experiment_view(each) for each in reading.experiments]
    return [{**each, "ready": live.get(each["name"]) == each} for each in views]


def _parsed(spec: dict[str, Any], arguments: dict[str, Any]) -> dict[str, Any]:
    result = ArgumentSpecValidator(spec).validate(arguments)
    assert not result.error_messages, result.error_messages
    return dict(result.validated_parameters)


def options_for(plane: DataPlane) -> dict[str, Any]:
    """Return the options of the module, as the role sets them."""
    values = plane.variables
    http, grpc = (values[f"data_plane_mlserver_{each}_port"] for each in ("http", "grpc"))
    places = {each["name"]: place for place, each in enumerate(values["serving_namespaces"])}
    inner = [values[name] for name in PORTS if "envoy" in name]
    return {
        "address": {
            "address": values["data_plane_address"],
            "http_port": values["data_plane_http_port"],
            "grpc_port": values["data_plane_grpc_port"],
            "ca_path": str(plane.directory / "nginx" / "tls.crt"),
        },
        "envoy": {
            "address": "127.0.0.1",
            "http_port": values["data_plane_envoy_http_port"],
            "stats_port": values["data_plane_envoy_stats_port"],
        },
        "models": [
            {
                "name": each["name"],
                "namespace": each["namespace"],
                "http": f"127.0.0.1:{http + places[each['namespace']]}",
                "grpc": f"127.0.0.1:{grpc + places[each['namespace']]}",
            }
            for each in values["serving_models"]
        ],
        "samples": [str(plane.directory / "samples" / "golden.json")],
        "store_path": str(plane.directory / "envoy"),
        "body_limit": 3 * 2**20,
        "closed_ports": inner + [port + place for port in (http, grpc) for place in places.values()],
        "enforce_budgets": False,
        # What hangs is waited for a few times.
        "timeout": 3.0,
    }
