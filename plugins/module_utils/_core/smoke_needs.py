# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must hold before the checks of NGINX say anything of NGINX."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .smoke import Key

if TYPE_CHECKING:
    from .experiment import Experiment
    from .request_path import RequestPath, SmokeModel

CONNECTED: Key = ("address.connect", "")
ENVOY_ANSWERS: Key = ("envoy.connect", "")
MESH_ANSWERS: Key = ("mesh.connect", "")
REFUSED: Key = ("envoy.refusals", "")
CERTIFIED: Key = ("nginx.certificate", "")


def behind_model(model: SmokeModel) -> tuple[Key, ...]:
    """Return what is behind NGINX on the way to a model, as far as it is asked: on a cluster, or on one machine."""
    return (("mlserver.model", model.name), ("mesh.inside", model.name), ("envoy.infer", model.name))


def behind_experiment(path: RequestPath, experiment: Experiment) -> tuple[Key, ...]:
    """Return what is behind NGINX on the way to an experiment."""
    inside = tuple((id_, each.name) for each in path.active(experiment) for id_ in ("mlserver.model", "mesh.inside"))
    own = tuple((id_, experiment.name) for id_ in ("scheduler.experiment", "scheduler.route", "envoy.experiment"))
    return (REFUSED, *inside, *own)


def behind_grpc(model: SmokeModel) -> tuple[Key, ...]:
    """Return what is behind NGINX on the way of gRPC to a model."""
    return (CERTIFIED, ("mlserver.model", model.name), ("mesh.inside", model.name), ("envoy.grpc", model.name))


__all__ = ["CERTIFIED", "CONNECTED", "ENVOY_ANSWERS", "MESH_ANSWERS", "behind_experiment", "behind_grpc"]
__all__ += ["behind_model"]
