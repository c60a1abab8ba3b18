# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of mlserver_models into a delivery of models."""

from __future__ import annotations

from typing import Any, Mapping

from .._adapters.mlserver_api import MLServerApi
from .._adapters.mlserver_proof import MLServerProof
from .._adapters.mlserver_repository import MLServerRepository
from .._core.errors import ServingError
from .._core.mlserver import parse_models
from .._core.model_delivery import Delivery

MODEL: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "version": {"type": "int", "default": 1},
    "storage_uri": {"type": "str", "required": True},
    "requirements": {"type": "list", "elements": "str", "default": []},
}
ARGUMENTS: dict[str, Any] = {
    "url": {"type": "str", "required": True},
    "repository": {"type": "path", "required": True},
    "models": {"type": "list", "elements": "dict", "required": True, "options": MODEL},
    "python": {"type": "path", "required": True},
    "purge": {"type": "bool", "default": False},
    "wait_timeout": {"type": "int", "default": 60},
}


def deliver_from(params: Mapping[str, Any], *, dry_run: bool) -> dict[str, Any]:
    """Bring the models into the server and return what was done."""
    timeout = int(params["wait_timeout"])
    if timeout < 1:
        raise ServingError(f"wait_timeout is {timeout}. Set the seconds to wait, 1 or more.")
    delivery = Delivery(
        repository=MLServerRepository(params["repository"], timeout=timeout),
        server=MLServerApi(params["url"], timeout=timeout),
        prover=MLServerProof(params["python"], timeout=timeout),
    )
    try:
        return delivery.run(parse_models(params["models"]), purge=params["purge"], dry_run=dry_run)
    except OSError as error:
        raise ServingError(
            f"The repository {params['repository']} could not be worked on: {error}. Mend that and run again; "
            "what was begun is then finished or taken back."
        ) from error


__all__ = ["ARGUMENTS", "deliver_from"]
