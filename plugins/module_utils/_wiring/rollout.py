# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of experiment_rollout into a plan, a store and sources, and each call of the module into what it does."""

from __future__ import annotations

import json
import os
import time
from typing import Any, Callable, Collection, Mapping

from .._adapters.access_log import AccessLog
from .._adapters.envoy_admin import EnvoyAdmin
from .._adapters.envoy_files import EnvoyFiles
from .._adapters.envoy_metrics import EnvoyMetrics
from .._adapters.envoy_rollouts import EnvoyRollouts
from .._adapters.feedback_source import FeedbackSource
from .._adapters.http_load import HttpLoad
from .._adapters.http_probe import HttpProbe
from .._adapters.named_files import read_files
from .._adapters.process_identity import holder_here, is_gone
from .._adapters.prometheus_metrics import PrometheusMetrics
from .._core.access_log import LogWindow, window_of
from .._core.envoy_settings import EnvoySettings
from .._core.errors import ServingError
from .._core.feasibility import estimate
from .._core.http_message import http_request
from .._core.load import Pace
from .._core.observed_traffic import rate_of, seconds_of, traffic_of
from .._core.plan import Plan
from .._core.ports import RolloutView
from .._core.probed import Probed
from .._core.rollout import Rollout
from .._core.rollout_begin import Desk, Wish
from .._core.rollout_preflight import ENVOY, arms_of, source_of
from .._core.rollout_record import Holder
from .._core.rollout_runner import Runner
from .._core.rollout_state import Request
from .._core.traffic import Arms, CountSource
from .rollout_options import given, plan_values, without_headers
from .rollout_watch import RolloutWatch, Sources
from .store import envoy_store

# Any call of the module takes four seconds at most: so a store is not waited for any longer than this,
STORE_SECONDS = 2.5
# nor a server that is asked whether it is ready,
PROBE_SECONDS = 1.0
# nor are requests sent for longer, at this rate, to verify a route; whoever hangs up earlier than this makes a failure.
VERIFY_SECONDS, VERIFY_RATE = 1.2, 150.0
ANSWER_SECONDS = 2.0
RECENT_BYTES = 4 * 1024 * 1024


class RolloutCall:
    """One call of the module."""

    def __init__(self, params: Mapping[str, Any]) -> None:
        self._params = params
        self._name = str(params["name"])
        self._files = EnvoyFiles(params["store_path"])
        store = envoy_store({**params, "wait_timeout": STORE_SECONDS})
        self._store = EnvoyRollouts(store, self._files, wait_timeout=STORE_SECONDS)
        self._desk = Desk(self._name, self._store, time.time, is_gone)

    def run(self) -> dict[str, Any]:
        """Return what came of the call."""
        calls: dict[str, Callable[[], dict[str, Any]]] = {
            "plan": self._plan,
            "check": self._check,
            "begin": self._begin,
            "tick": self._tick,
            "send": self._send_traffic,
            "read": self._read,
            "journal": self._journal,
        }
        return calls[self._params["call"]]()

    def _wish(self) -> Wish:
        params = self._params
        return Wish(
            action=params["action"],
            token=params["token"] or "",
            run=params["run"] or "",
            holder=Holder(**(params["holder"] or {"name": ""})),
            plan=plan_values(params),
            settings=given({key: params[key] for key in ("traffic", "event_webhook")}),
            full=params["full"],
        )

    def _check(self) -> dict[str, Any]:
        """Refuse what the desk would refuse."""
        view = self._store.view(self._name)
        if self._desk.held(view.record, time.time()) is None:
            self._desk.check(self._wish(), view)
        return {}

    def _begin(self) -> dict[str, Any]:
        asked_at = time.time()
        begun = self._desk.take(self._wish())
        now = time.time()
        held = begun.held
        return {
            "tick": begun.tick.as_dict() if begun.tick else None,
            "held": {"by": held.said(now), "expires_in": held.expires_in(now), "renewed": held.renewed}
            if held
            else None,
            "asked": begun.asked,
            "asked_at": asked_at,
            "settled": begun.settled.as_dict() if begun.settled else None,
            **self._begun_with(),
        }

    def _begun_with(self) -> dict[str, Any]:
        """Return what the run began with to whoever did not give it; headers stay here, and later calls read them."""
        record = self._store.view(self._name).record
        if record is None or plan_values(self._params) is not None:
            return {"settings": None, "withheld": False}
        webhook = record.settings.get("event_webhook") or {}
        return {"settings": without_headers(record.settings), "withheld": bool(webhook.get("headers"))}

    def _traffic(self, view: RolloutView) -> Mapping[str, Any]:
        """Return the traffic that is given with a plan; without one, what the run began with."""
        known = view.record.settings.get("traffic") if view.record else None
        traffic: Mapping[str, Any] = self._params["traffic"]
        return traffic if plan_values(self._params) is not None or not known else {**dict.fromkeys(traffic), **known}

    def _tick(self) -> dict[str, Any]:
        view = self._store.view(self._name)
        plan = self._begun_plan(view)
        interrupt = None
        if self._params["interrupt"]:
            interrupt = Request(f"{self._params['token']}-interrupt", "interrupt", self._params["interrupt"])
        watch = self._watch(plan, view)
        watch.probed = [Probed.from_dict(each) for each in self._params["probed"]]
        found = Runner(plan, self._store, time.time).tick(view, watch, self._params["token"], interrupt).as_dict()
        return {**found, "warnings": list(view.warnings)}

    def _begun_plan(self, view: RolloutView) -> Plan:
        """Return the plan that the run began with; where it is lost, the one that is given, if it is the same."""
        record = view.record
        if record is not None and record.plan is not None:
            return Plan.parse(record.plan)
        values = plan_values(self._params)
        if values is None:
            raise ServingError(f"The plan of {self._name!r} is lost. Set the plan that it began with.")
        plan = Plan.parse(values)
        if record is not None:
            Rollout(plan).refuse_other_plan(record.state)
        return plan

    def _send_traffic(self) -> dict[str, Any]:
        view = self._store.view(self._name)
        count, seconds = int(self._params["requests"]), float(self._params["seconds"])
        path = self._traffic(view)["request"]
        if not path or not self._params["address"]:
            raise ServingError("There is a traffic.rate, and nothing to send: set traffic.request and address.")
        arms = arms_of(view, self._begun_plan(view))
        return {"probed": self._send(path, arms, Pace(count / seconds, count)).as_dict()}

    def _send(self, path: str, arms: Arms, pace: Pace) -> Probed:
        """Send requests as callers of the experiment do, without a pin."""
        params = self._params
        body = _request_body(path)
        headers = {"Host": params["host"], "Content-Type": "application/json", "seldon-model": arms.route}
        request = http_request("POST", f"/v2/models/{arms.baseline.name}/infer", headers, body)
        engine = HttpLoad(params["address"]["address"], params["address"]["http_port"], timeout=ANSWER_SECONDS)
        return Probed.of(engine.run([request], pace), arms)

    def _watch(self, plan: Plan, view: RolloutView) -> RolloutWatch:
        traffic = self._traffic(view)
        prometheus = _prometheus(traffic["prometheus"])
        log = AccessLog(traffic["log"]) if traffic["log"] else None
        settings = self._files.settings()
        counting: dict[str, CountSource] = {}
        if settings is not None:
            counting[ENVOY] = EnvoyMetrics(
                EnvoyAdmin(EnvoySettings.parse(settings).admin_socket, timeout=PROBE_SECONDS)
            )
        if prometheus is not None:
            counting["prometheus"] = prometheus
        can_send = bool(traffic["request"] and self._params["address"])

        def send(count: int) -> Probed:
            most = int(VERIFY_SECONDS * VERIFY_RATE)
            return self._send(traffic["request"], arms_of(view, plan), Pace(VERIFY_RATE, min(count, most)))

        def labels(arms: Arms, since: Mapping[str, Any]) -> CountSource:
            def arms_of_ids(ids: Collection[str]) -> Mapping[str, str]:
                return log.arms_of(arms, ids, since) if log is not None and since else {}

            return FeedbackSource(arms_of_ids, timeout=PROBE_SECONDS)

        sources = Sources(
            probe=HttpProbe(timeout=PROBE_SECONDS),
            log=log,
            counting=counting,
            prometheus=prometheus,
            send=send if can_send else None,
        )
        return RolloutWatch(plan, sources, traffic["source"], labels=labels)

    def _read(self) -> dict[str, Any]:
        """Return where the rollout stands."""
        view = self._store.view(self._name)
        record = view.record
        now = time.time()
        found: dict[str, Any] = {
            "experiment": view.experiment.as_dict() if view.experiment else None,
            "ready": view.is_live,
            "outcomes": self._store.outcomes(self._name)[-10:],
            "requests": [dict(each.__dict__) for each in view.requests],
        }
        if record is None:
            return {**found, "state": None, "holder": None, "orphaned": False, "line": ""}
        held = self._desk.held(record, now)
        journal = self._store.journal(self._name)
        return {
            **found,
            "state": record.state.as_dict(),
            "holder": held.said(now) if held else None,
            # Somebody should be carrying it out, and nobody is.
            "orphaned": held is None and record.lock is not None and not record.state.is_terminal,
            "line": journal[-1].get("line", "") if journal else "",
            "events": [{**event, "at": line.get("at")} for line in journal for event in line.get("events", ())][-10:],
        }

    def _journal(self) -> dict[str, Any]:
        view = self._store.view(self._name)
        record = view.record
        if record is None:
            return {"lines": [], "plan": None, "state": None, "versions": {}}
        plan = self._begun_plan(view)
        lines = [line for line in self._store.journal(self._name) if line.get("run") == record.state.id]
        return {
            "lines": lines,
            "plan": without_headers(plan.as_dict()),
            "state": record.state.as_dict(),
            "versions": dict(record.versions),
        }

    def _plan(self) -> dict[str, Any]:
        """Return what a plan takes at the present rate, and what keeps it from beginning or from succeeding."""
        view = self._store.view(self._name)
        wish = self._wish()
        plan, _values = self._desk.plan_of(wish, view.record)
        settled = None
        if wish.action != "plan" and self._desk.held(view.record, time.time()) is None:
            settled = self._desk.check(wish, view)
        weights = view.experiment.weights if view.experiment else {plan.baseline: 1}
        state = Rollout(plan).start("check", weights, time.time())
        seen = self._watch(plan, view).look(view, state, 0).observation
        problems = list(seen.preflight or ())
        before = {
            name: {"value": each.value, "error": each.error, "note": each.note}
            for name, each in seen.measurements.items()
        }
        rate, window, counted = self._observed(view, plan)
        whole = rate + float(self._traffic(view)["rate"])
        found = estimate(plan, traffic_of(whole, plan.counted, window, counted))
        return {
            "plan": without_headers(plan.as_dict()),
            "weights": weights,
            "observed_rate": rate,
            "rate": whole,
            "estimate": found.as_dict(),
            "problems": problems,
            "before": before,
            "settled": settled is not None,
        }

    def _observed(self, view: RolloutView, plan: Plan) -> tuple[float, LogWindow, dict[str, Any]]:
        """Return the present rate, the requests of the last minute, and what Envoy counted since it started."""
        try:
            arms = arms_of(view, plan)
        except ServingError:
            return 0.0, LogWindow(), {}
        times, entries = [], []
        traffic = self._traffic(view)
        if traffic["log"]:
            now = time.time()
            for line, entry in AccessLog(traffic["log"]).recent(arms, RECENT_BYTES):
                at = seconds_of(json.loads(line)["time"])
                if now - at <= 60.0:
                    times.append(at)
                    entries.append(entry)
        gates = [gate for gate in plan.counted if source_of(gate, traffic["source"]) == ENVOY]
        settings = self._files.settings()
        counted: dict[str, Any] = {}
        if gates and settings is not None:
            admin = EnvoyAdmin(EnvoySettings.parse(settings).admin_socket, timeout=PROBE_SECONDS)
            counted = dict(EnvoyMetrics(admin).counts(gates, arms, {"began": 0}).pairs)
        return rate_of(times, time.time()), window_of(entries), counted


def _request_body(path: str) -> bytes:
    """Return the sample request; a file of samples has a list of them, of which the first is taken."""
    content = read_files([path], option="traffic.request")[path]
    try:
        values = json.loads(content)
        first = values["requests"][0] if "requests" in values else values
        if not first["inputs"]:
            raise KeyError("inputs")
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise ServingError(
            f"{path} holds no inference request ({error!r}). Set traffic.request to a file with one, as JSON with "
            "inputs, or to a file of samples."
        ) from error
    return json.dumps(first).encode()


def _prometheus(values: Mapping[str, Any] | None) -> PrometheusMetrics | None:
    if not values:
        return None
    return PrometheusMetrics(
        values["url"],
        dialect=values["dialect"],
        labels=values["labels"],
        timeout=PROBE_SECONDS,
        # What the run began with is kept without options that nobody set.
        headers=values.get("headers") or {},
        ca_path=values.get("ca_path"),
        stale_after=values["stale_after"],
    )


def own_holder(name: str) -> Holder:
    """Return this process as the holder of a lock."""
    return holder_here(name, os.getpid())


__all__ = ["RolloutCall", "own_holder"]
