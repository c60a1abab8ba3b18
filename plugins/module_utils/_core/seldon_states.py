# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far models are, and which experiments are in force, as Seldon's operator tells it of them.

The state of a model is in a condition's message, and what went wrong in its reason
(https://docs.seldon.ai/seldon-core-2/user-guide/kubernetes-resources/model). The operator does not say which generation
a condition is of, so one that was there before a change says nothing of what came after.
"""

from __future__ import annotations

from typing import Any, Mapping, Sequence

from .seldon_conditions import conditions_of, is_ready

READY, STATE = "Ready", "ModelReady"
FAILED = ("ModelFailed", "LoadFailed")
# Said as well of what has just been declared, while the agent of a new server is on its way to the scheduler.
UNPLACED = "ScheduleFailed"
Live = Sequence[Mapping[str, Any]]


def model_states(
    wanted: Live, live: Live, before: Live, servers: Live = (), *, settled: bool = False
) -> dict[str, Any]:
    """Return which models are ready, which failed, and whether there is anything to wait for.

    Args:
        wanted: The models that were declared.
        live: Those of the cluster, now.
        before: Those of the cluster, before they were declared.
        servers: The servers that were declared.
        settled: Whether servers had time to report, so that a model without a place will not get one.
    """
    final = (*FAILED, UNPLACED) if settled else FAILED
    now, earlier = _by_key(live), _by_key(before)
    waiting: list[str] = []
    failed: list[str] = []
    behind: list[tuple[str, str]] = []
    for each in wanted:
        model = now.get(_key(each), {})
        if _condition(model, READY).get("status") == "True" and not _is_old(model, earlier.get(_key(each))):
            continue
        is_final = _condition(model, STATE).get("message") in final and not _is_old(model, earlier.get(_key(each)))
        (failed if is_final else waiting).append(_sentence(each, model))
        server = (_key(each)[0], str(each["spec"]["server"]))
        behind += [server] if server not in behind else []
    replicas = {_key(each): int(each["spec"].get("replicas") or 1) for each in servers}
    return {
        "done": not waiting,
        "failed": failed,
        "waiting": waiting,
        "problems": failed + waiting,
        # Named as a StatefulSet does it.
        "pods": [
            {"namespace": key[0], "name": f"{key[1]}-{number}"}
            for key in behind
            for number in range(replicas.get(key, 1))
        ],
    }


def experiments_lost(live: Live) -> list[str]:
    """Return the experiments that are not in force, each with what Seldon says of it."""
    found = {"/".join(_key(each)): conditions_of(each) for each in live}
    return [
        f"{name}: {'; '.join(each.said for each in conditions.values()) or 'Seldon says nothing of it'}"
        for name, conditions in sorted(found.items())
        if not is_ready(conditions)
    ]


def _is_old(model: Mapping[str, Any], before: Mapping[str, Any] | None) -> bool:
    """Say whether what is told was told before the model was changed."""
    if before is None or before["metadata"].get("generation") == model["metadata"].get("generation"):
        return False
    return _told(before) == _told(model)


def _told(model: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    keys = ("type", "status", "message", "reason", "lastTransitionTime")
    return [tuple(each.get(key) for key in keys) for each in (model.get("status") or {}).get("conditions") or ()]


def _sentence(wanted: Mapping[str, Any], model: Mapping[str, Any]) -> str:
    name = "/".join(_key(wanted))
    if not model:
        return f"{name} is not there."
    condition = _condition(model, STATE)
    state = condition.get("message") or "no state yet"
    reason = condition.get("reason")
    return f"{name}: {state}{f', {reason}' if reason else ''}"


def _condition(model: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    conditions = (model.get("status") or {}).get("conditions") or ()
    return next((each for each in conditions if each.get("type") == kind), {})


def _by_key(live: Live) -> dict[tuple[str, str], Mapping[str, Any]]:
    return {_key(each): each for each in live}


def _key(each: Mapping[str, Any]) -> tuple[str, str]:
    return str(each["metadata"]["namespace"]), str(each["metadata"]["name"])


__all__ = ["experiments_lost", "model_states"]
