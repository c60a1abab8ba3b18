# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller half of smoke_test: runs the module group by group, shows each check, writes the report."""

from __future__ import annotations

import platform
import time
import uuid
from datetime import datetime, timezone
from typing import Any, Iterable

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.release import __version__ as ansible_version

from ..module_utils._core.errors import ServingError
from ..module_utils._core.load import Pace
from ..module_utils._core.smoke import Result, examine, first_broken, result_from
from ..module_utils._core.smoke_catalogue import CATALOGUE, HOPS
from ..module_utils._core.smoke_load import Measured, load_checks
from ..module_utils._core.smoke_metrics import metrics_checks
from ..module_utils._core.smoke_report import build_report, summary
from ..module_utils._wiring.smoke_options import ARGUMENTS, Profile, budgets_from, experiments_from, store_options
from ..plugin_utils._collection import collection_version
from ..plugin_utils._progress import Progress
from ..plugin_utils._smoke_inside import asked_inside
from ..plugin_utils._smoke_metrics import Metrics
from ..plugin_utils._smoke_report import require_directory, write_reports

MODULE = "modelops.serving.smoke_test"
INFO = "modelops.serving.experiment_info"
# A slice of the load, so that Ctrl-C is never far and the progress shows.
SLICE_SECONDS = 2.0
# What is asked in one call of the module: a call costs half a second, and a few questions to a neighbour do not.
BATCHES = (("cluster",), ("address", "mlserver"), ("envoy", "mesh"), ("inside",), ("nginx",), ("latency",))
OF_A_CLUSTER = ("cluster", "inside")
NO_TARGET = "no experiment and no model that answers has a request; set samples"
BRIEF = ("verdict", "first_broken", "counts")
WHOLE = (*BRIEF, "hops", "checks", "latency", "shares")
NOT_ASKED = "the group load was not asked for"


class ActionModule(ActionBase):
    """Orders the groups; what is asked of a hop is asked by the module, on the target."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        self._vars = task_vars or {}
        self._progress = Progress()
        self._results: list[Result] = []
        self._host: dict[str, Any] = {"cores": 0, "load_average": 0.0}
        self._targets: dict[str, dict[str, int]] | None = None
        _validated, params = self.validate_argument_spec(argument_spec=ARGUMENTS)
        if self._task.check_mode:
            text = f"In check mode nothing is asked. It would ask: {', '.join(_groups(params))}."
            self._progress.say(f"\n{text}")
            return {"changed": False, "msg": text}
        try:
            return self._ask(params)
        except ServingError as error:
            raise AnsibleActionFail(str(error), result=error.facts) from error

    def _ask(self, params: dict[str, Any]) -> dict[str, Any]:
        budgets, directory = budgets_from(params), params["report_directory"]
        profile, address = Profile(params), params["address"]
        # What would be refused in the end is refused now. The folder may lie in a data plane, which has to be there.
        Pace(profile.rate, profile.requests)
        experiments = self._experiments(params)
        if directory:
            require_directory(directory)
        self._progress.say(f"\nAsking {params['host']} at {address['address']}:{address['http_port']}, hop by hop:")
        started, clock = datetime.now(timezone.utc), time.perf_counter()
        arguments = {**self._task.args, "experiments": experiments}
        measured = Measured()
        groups = _groups(params)
        for batch in [[each for each in batch if each in groups] for batch in BATCHES]:
            found = self._run(arguments, params, batch) if batch else {"checks": []}
            measured.rounds = found.get("rounds") or measured.rounds
            self._take([result_from(each) for each in found["checks"]])
        metrics = Metrics(params, lambda: self._call(arguments, "metrics")["metrics"], self._progress.note)
        if "load" in groups:
            if "metrics" in groups:
                metrics.begin()
            self._load(arguments, params, measured)
        why = NO_TARGET if "load" in params["groups"] else NOT_ASKED
        models = [str(each["name"]) for each in params["models"]] if measured.results else []
        checks = load_checks(measured, budgets, models=models, enforce=params["enforce_budgets"], why=why)
        for check in checks:
            self._take(examine([check], self._results, time.perf_counter))
        if "metrics" in groups:
            self._take(examine(metrics_checks(metrics.end(measured)), self._results, time.perf_counter))
        run = self._about(params, started, time.perf_counter() - clock)
        report = build_report(run, self._results, measured, budgets)
        return self._outcome(report, write_reports(report, directory) if directory else [])

    def _run(self, arguments: dict[str, Any], params: dict[str, Any], groups: list[str]) -> dict[str, Any]:
        """Run groups on the target; probes inside a cluster take longer than one call may."""
        if groups != ["inside"]:
            return self._call(arguments, *groups)
        rounds = Profile(params).rounds if "latency" in _groups(params) else 0
        return asked_inside(
            lambda step, run: self._call(arguments, "inside", inside={"step": step, "run": run, "rounds": rounds}),
            self._progress.note,
            params["cluster"]["probe"]["timeout"],
        )

    def _call(self, arguments: dict[str, Any], *groups: str, **more: Any) -> dict[str, Any]:
        """Run groups on the target."""
        known = [each.as_state() for each in self._results]
        found = self._execute_module(
            module_name=MODULE,
            module_args={**arguments, "groups": list(groups), "known": known, **more},
            task_vars=self._vars,
        )
        if found.get("failed"):
            raise AnsibleActionFail(str(found.get("msg", "The module failed.")), result=found)
        self._host, self._targets = found["host"], found["targets"]
        return dict(found)

    def _take(self, results: Iterable[Result]) -> None:
        for result in results:
            self._results.append(result)
            self._progress.check(result)

    def _experiments(self, params: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the experiments to ask; those of the store, unless the task names them."""
        store = store_options(params)
        if params["experiments"] is not None or not store:
            return list(params["experiments"] or [])
        found = self._execute_module(module_name=INFO, module_args=store, task_vars=self._vars)
        if found.get("failed"):
            raise AnsibleActionFail(str(found.get("msg", "The store could not be read.")), result=found)
        return experiments_from(found["experiments"], params)

    def _load(self, arguments: dict[str, Any], params: dict[str, Any], measured: Measured) -> None:
        """Send the load to all targets in slices, and take in what came of it."""
        profile = Profile(params)
        targets = self._targets if self._targets is not None else self._call(arguments)["targets"]
        measured.weights = {name: weights for name, weights in targets.items() if weights}
        each = max(profile.requests // max(len(targets), 1), 1)
        slice_size = max(int(profile.rate * SLICE_SECONDS), 1)
        for name in targets:
            for sent in range(0, each, slice_size):
                count = min(slice_size, each - sent)
                self._progress.note(
                    f"{count} requests to {name} at {profile.rate:g} a second ({sent} of {each} are answered)"
                )
                measured.add(name, *self._slice(arguments, {"target": name, "requests": count}))

    def _slice(self, arguments: dict[str, Any], wanted: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Send one slice; once more, when this machine was too busy to measure it."""
        found = self._call(arguments, "load", load=wanted)
        if found["load"]["invalid"]:
            self._progress.note(f"once more: {found['load']['invalid'][0]}")
            found = self._call(arguments, "load", load=wanted)
        return found["load"], found["counted"]

    def _about(self, params: dict[str, Any], started: datetime, seconds: float) -> dict[str, Any]:
        """Return when, where and on what this ran."""
        address = params["address"]
        return {
            "id": f"{started:%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:6]}",
            "started": f"{started:%Y-%m-%dT%H:%M:%SZ}",
            "seconds": round(seconds, 1),
            "profile": params["profile"],
            "target": str(self._vars.get("inventory_hostname", "")),
            "host": params["host"],
            "address": f"{address['address']}:{address['http_port']}",
            **self._host,
            "busy": self._host["load_average"] > self._host["cores"],
            "versions": {
                "collection": collection_version(),
                "ansible-core": ansible_version,
                "python": platform.python_version(),
            },
        }

    def _outcome(self, report: dict[str, Any], paths: list[str]) -> dict[str, Any]:
        """Return the result of the task; it fails once, for the broken hop that is nearest to the caller."""
        text = summary(report)
        self._progress.say(f"\n{text}")
        if paths:
            self._progress.say(f"Report: {paths[-1]}")
        # Whoever reads the terminal has seen the checks; whoever reads the result gets them all.
        keys = BRIEF if self._task.register is None and not self._progress.is_verbose else WHOLE
        result: dict[str, Any] = {"changed": False, "msg": text, "reports": paths, **{key: report[key] for key in keys}}
        broken = first_broken(self._results)
        if broken is None:
            return result
        hint = CATALOGUE[broken.id].hint
        message = f"{HOPS[broken.hop]} is broken: {broken.label} found {broken.observed}"
        expected = f", expected {broken.expected}" if broken.expected else ""
        return {**result, "failed": True, "msg": f"{message}{expected}. {hint} {text}"}


def _groups(params: dict[str, Any]) -> list[str]:
    """Return the groups that there is something for."""
    return [each for each in params["groups"] if params["cluster"] or each not in OF_A_CLUSTER]
