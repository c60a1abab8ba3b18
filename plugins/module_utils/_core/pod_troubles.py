# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a pod is not ready, in the words of the API."""

from __future__ import annotations

from typing import Any, Iterator, Mapping

from .cluster_view import Object, condition, is_ready, status


def pod_troubles(pod: Object) -> Iterator[str]:
    """Yield why a pod is not ready, in the words of the API."""
    if is_ready(pod):
        return
    name = pod["metadata"]["name"]
    placed = condition(pod, "PodScheduled")
    if placed.get("status") == "False":
        yield f"{name} has no node: {placed.get('message') or placed.get('reason')}"
    for container in containers_of(pod):
        waiting = (container.get("state") or {}).get("waiting") or {}
        ended = (container.get("lastState") or {}).get("terminated") or {}
        if waiting.get("reason"):
            words = [waiting["reason"], waiting.get("message"), end_of(ended)]
            yield f"{name}, {container['name']}: {', '.join(filter(None, words))}"
        elif (container.get("state") or {}).get("running") is not None and not container.get("ready"):
            yield f"{name}, {container['name']}: {', '.join(filter(None, ['runs and is not ready', end_of(ended)]))}"


def end_of(ended: Mapping[str, Any]) -> str:
    """Return how a container's last process ended, in words; nothing for none."""
    return f"ended before with {ended.get('reason')} ({ended.get('exitCode')})" if ended else ""


def containers_of(pod: Object) -> list[Mapping[str, Any]]:
    """Return what is said of each container, of those first that run before the others."""
    said = status(pod)
    return [*(said.get("initContainerStatuses") or ()), *(said.get("containerStatuses") or ())]


__all__ = ["containers_of", "end_of", "pod_troubles"]
