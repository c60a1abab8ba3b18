# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a workload of a cluster runs as it is declared, and as it is meant to be declared."""

from __future__ import annotations

from typing import Any, Mapping, Sequence

from .errors import ServingError
from .pod_troubles import pod_troubles
from .policy_evaluator import selects
from .seldon_sizes import quantity

SHOWN = 4


def rolled_out(workloads: Sequence[Mapping[str, Any]], wanted: Mapping[str, Mapping[str, Any]]) -> bool:
    """Say whether there are workloads, and all of their pods are ready and those that were declared last.

    Args:
        workloads: Deployments and StatefulSets.
        wanted: By the name of a container, the ``memory`` that it is to ask for, and the values of ``env`` that it is
            to have. Who carries a setting over to the workload may come later than who waits for it.
    """
    return bool(workloads) and all(_is_up(each) and _is_meant(each, wanted) for each in workloads)


def troubles(
    titles: Sequence[str],
    found: Sequence[Sequence[Mapping[str, Any]]],
    pods: Sequence[Mapping[str, Any]],
    wanted: Mapping[str, Mapping[str, Any]],
) -> list[str]:
    """Return a line for each workload that does not run as it is meant to, with what its pods say.

    Args:
        titles: What each workload is called.
        found: What the API had under each of these names, none or one.
        pods: Pods of their namespaces; others may be among them.
        wanted: As in ``rolled_out``.
    """
    return [
        f"{title}: {_trouble(each[0], pods) if each else 'there is none'}"
        for title, each in zip(titles, found)
        if not rolled_out(each, wanted)
    ]


def _trouble(workload: Mapping[str, Any], pods: Sequence[Mapping[str, Any]]) -> str:
    if _is_up(workload):
        return "it runs, and without what was declared last"
    place, selector = workload["metadata"].get("namespace"), workload["spec"].get("selector") or {}
    own = [
        pod
        for pod in pods
        if pod["metadata"].get("namespace") == place and selects(selector, pod["metadata"].get("labels") or {})
    ]
    ready = int((workload.get("status") or {}).get("readyReplicas") or 0)
    said = [text for pod in own for text in pod_troubles(pod)] or ([] if own else ["it has no pods"])
    return "; ".join([f"{ready} of {workload['spec'].get('replicas', 1)} ready", *said[:SHOWN]])


def _is_up(workload: Mapping[str, Any]) -> bool:
    status = workload.get("status") or {}
    number = (workload.get("spec") or {}).get("replicas", 1)
    is_seen = int(status.get("observedGeneration") or 0) >= int(workload["metadata"].get("generation") or 0)
    counts = ("replicas", "updatedReplicas", "readyReplicas")
    return is_seen and all(int(status.get(name) or 0) == int(number) for name in counts)


def _is_meant(workload: Mapping[str, Any], wanted: Mapping[str, Mapping[str, Any]]) -> bool:
    containers = {each["name"]: each for each in workload["spec"]["template"]["spec"]["containers"]}
    return all(name in containers and _has(containers[name], each) for name, each in wanted.items())


def _has(container: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    asked = ((container.get("resources") or {}).get("requests") or {}).get("memory")
    env = {each["name"]: str(each.get("value", "")) for each in container.get("env") or ()}
    return ("memory" not in wanted or _is_same(asked, wanted["memory"])) and all(
        env.get(name) == str(value) for name, value in (wanted.get("env") or {}).items()
    )


def _is_same(one: Any, other: Any) -> bool:
    """Say whether two quantities are the same number; the API writes them in ways of its own."""
    try:
        return quantity(one) == quantity(other)
    except ServingError:
        return str(one) == str(other)


__all__ = ["rolled_out", "troubles"]
