# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Models that are wanted, and what a cluster has, into the objects to make and to remove."""

from __future__ import annotations

DOCUMENTATION = r"""
name: serving_plan
author: the modelops.serving authors (@modelops)
short_description: Work out how a cluster comes to serve the models of an inventory
version_added: 0.1.0
description:
  - Returns the objects to remove and to make, each in an order that Seldon Core v2 takes.
  - Judges what only the cluster knows, such as secrets that somebody else keeps there, and models made by hand.
  - Only what carries this collection's label is removed.
options:
  _input:
    description: What the inventory wants, as the role P(modelops.serving.mlserver#role) describes it.
    type: dict
    required: true
  live:
    description: Seldon's objects of all namespaces, and those that carry this collection's label.
    type: list
    elements: dict
    required: true
  secrets:
    description: The Secrets of the cluster that models name, and the inventory does not have.
    type: list
    elements: dict
    default: []
  storage:
    description: StorageClasses and PersistentVolumeClaims of all namespaces. Without it, volumes are not judged.
    type: list
    elements: dict
"""

EXAMPLES = r"""
- name: Show what would be made
  ansible.builtin.debug:
    msg: "{{ (__mlserver_wanted | modelops.serving.serving_plan(live=[])).models }}"
"""

RETURN = r"""
_value:
  description: What has to be done.
  type: dict
  contains:
    problems:
      description: What stands in the way, in sentences.
      type: list
      elements: str
    namespaces:
      description: Namespaces that have to be there.
      type: list
      elements: dict
    remove_models:
      description: Models that go, before their servers do.
      type: list
      elements: dict
    remove:
      description: Everything else that goes, in order.
      type: list
      elements: dict
    servers:
      description: Model servers, and what they need, in order.
      type: list
      elements: dict
    models:
      description: Models, each with its server.
      type: list
      elements: dict
    experiments:
      description: Experiments of the inventory, each with its namespace.
      type: list
      elements: dict
"""

from base64 import b64decode
from typing import TYPE_CHECKING, Any

import yaml

from ..module_utils._core.plain_data import plain
from ..module_utils._core.seldon_remotes import Secret
from ..module_utils._core.serving_plan import serving_plan as planned

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


def serving_plan(
    settings: Mapping[str, Any],
    *,
    live: Sequence[Mapping[str, Any]],
    secrets: Sequence[Mapping[str, Any]] = (),
    storage: Sequence[Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """Return what has to be done."""
    found = [_secret(each) for each in plain(secrets)]
    return planned(plain(settings), plain(live), found, None if storage is None else plain(storage))


def _secret(each: Mapping[str, Any]) -> Secret:
    """Read a Secret of the cluster as Seldon's agent does: its value is JSON or YAML."""
    metadata = each["metadata"]
    remotes = {key: _remote(value) for key, value in (each.get("data") or {}).items()}
    return Secret(metadata["namespace"], metadata["name"], remotes)


def _remote(value: str) -> Any:
    try:
        return yaml.safe_load(b64decode(value))
    except (ValueError, yaml.YAMLError):
        return None


class FilterModule:
    """Ansible's way to find filters."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"serving_plan": serving_plan}
