# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each hop of a cluster takes: a probe beside the controller asks NGINX and the mesh the same thing in turn.

A model's own server is closed to probes. How long Envoy waited for it, Envoy says itself, in whole milliseconds:
x-envoy-upstream-service-time, https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/router_filter
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Iterator, Mapping, Sequence

from .inside_questions import INGRESS, Asked
from .request_path import infer
from .smoke import Check, Finding, skipped
from .smoke_inside import NOBODY_BESIDE
from .smoke_latency import NO_SAMPLE, WARM_UP, Rounds, judge_hop
from .smoke_through import LOOKS

if TYPE_CHECKING:
    from .request_path import RequestPath, SmokeModel
    from .smoke_inside import Inside
    from .smoke_latency import Budgets
    from .smoke_platform import Platform

PORT = 80
# What is cut off of a whole number of milliseconds, at the mean.
CUT_MS = 0.5
# What a probe asks lies in a ConfigMap, which holds 1 MiB of everything.
MOST_BYTES = 128 * 1024
# All models together.
SECONDS = 20.0
NO_TIME = "answers have no x-envoy-upstream-service-time, so nobody tells Envoy's part from the model's"


def latency_questions(platform: Platform, path: RequestPath, rounds: int) -> Iterator[Asked]:
    """Yield what the probe beside the controller is to measure: ``rounds`` of each model that has a request."""
    namespace, name = platform.ingress
    models = _measurable(platform, path) if name and rounds else []
    mesh = f"seldon-mesh.{platform.mesh_namespace}.svc.cluster.local"
    for model in models:
        split = path.split_of(model)
        question = infer(
            model.name, model.request or {}, host=path.host, seldon_model=split.route if split else model.name
        )
        more = {
            "doors": [[f"{name}.{namespace}.svc.cluster.local", PORT], [mesh, PORT]],
            "path": question.path,
            "headers": question.all_headers,
            "body": (question.body or b"").decode(),
            # Where others answer as well, whose answers count.
            "model": model.name if split else "",
            "looks": LOOKS,
            "rounds": rounds + WARM_UP,
            "seconds": SECONDS / len(models),
        }
        yield Asked(INGRESS, _id(model), True, "rounds", mesh, PORT, more)


def latency_checks(platform: Platform, path: RequestPath, inside: Inside, budgets: Budgets) -> list[Check]:
    """Return the checks of what models take, and of what Envoy and NGINX add."""
    found, reasons = _read(platform, path, inside)

    def of_model(model: SmokeModel) -> Callable[[], Finding]:
        def ask() -> Finding:
            if model.name not in found:
                return skipped(reasons[model.name])
            return judge_hop("mlserver", [found[model.name]], budgets)

        return ask

    def of_hop(hop: str) -> Callable[[], Finding]:
        def ask() -> Finding:
            return judge_hop(hop, list(found.values()), budgets) if found else skipped(_first(reasons))

        return ask

    models = [
        Check("mlserver.latency", of_model(each), each.name, (("mesh.inside", each.name),)) for each in path.models
    ]
    return [*models, *(Check(f"{hop}.latency", of_hop(hop)) for hop in ("envoy", "nginx"))]


def latency_rounds(platform: Platform, path: RequestPath, inside: Inside) -> list[Rounds]:
    """Return what was measured, by model."""
    return list(_read(platform, path, inside)[0].values())


def _read(platform: Platform, path: RequestPath, inside: Inside) -> tuple[dict[str, Rounds], dict[str, str]]:
    """Return the times of the models that were measured, and why others were not."""
    found, reasons = {}, {}
    for model in path.models:
        answer = inside.answer(_id(model))
        reason = _reason(platform, model, inside, answer)
        if reason:
            reasons[model.name] = reason
        else:
            found[model.name] = _rounds(model, answer)
    return found, reasons


def _reason(platform: Platform, model: SmokeModel, inside: Inside, answer: Mapping[str, Any]) -> str:
    if not platform.ingress[1]:
        return NOBODY_BESIDE
    if inside.reason:
        return inside.reason
    if model.request is None:
        return NO_SAMPLE
    if model.name not in platform.behind_mesh:
        return "the address leads to another mesh than the model's"
    if not answer:
        return f"its request is longer than {MOST_BYTES} bytes, and a probe takes no more"
    if not answer.get("reached"):
        return f"it could not be measured inside the cluster: {answer.get('text', 'no answer')}"
    return NO_TIME if None in answer["waited"] else ""


def _rounds(model: SmokeModel, answer: Mapping[str, Any]) -> Rounds:
    through_nginx, through_mesh = answer["times"]
    waited = [each + CUT_MS for each in answer["waited"]]
    mlserver, envoy, nginx = (tuple(each[WARM_UP:] or each) for each in (waited, through_mesh, through_nginx))
    return Rounds(model.name, mlserver, envoy, nginx, first_ms=through_nginx[0])


def _measurable(platform: Platform, path: RequestPath) -> Sequence[SmokeModel]:
    known = [each for each in path.models if each.request is not None and each.name in platform.behind_mesh]
    return [each for each in known if len(infer(each.name, each.request or {}).body or b"") <= MOST_BYTES]


def _id(model: SmokeModel) -> str:
    return f"latency/{model.name}"


def _first(reasons: Mapping[str, str]) -> str:
    return next(iter(reasons.values()), NO_SAMPLE)


__all__ = ["latency_checks", "latency_questions", "latency_rounds"]
