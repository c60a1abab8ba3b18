# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Models of a cluster into which of them are ready, and what the others wait for."""

from __future__ import annotations

DOCUMENTATION = r"""
name: model_states
author: the modelops.serving authors (@modelops)
short_description: Tell how far models of Seldon Core v2 are
version_added: 0.1.0
description:
  - A condition that was there before a model was changed is not taken for an answer.
options:
  _input:
    description: The models that were declared.
    type: list
    elements: dict
    required: true
  live:
    description: The models of the cluster, as they are now.
    type: list
    elements: dict
    required: true
  before:
    description: The models of the cluster, as they were before they were declared.
    type: list
    elements: dict
    default: []
  servers:
    description: The servers that were declared. One that is not among them is taken to have one replica.
    type: list
    elements: dict
    default: []
  settled:
    description:
      - Whether servers had time to report to the scheduler. A model that has no place then will not get one, and counts
        as failed.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Wait for models
  kubernetes.core.k8s_info:
    api_version: mlops.seldon.io/v1alpha1
    kind: Model
  register: found
  until: (wanted | modelops.serving.model_states(live=found.resources)).done
"""

RETURN = r"""
_value:
  description: How far they are.
  type: dict
  contains:
    done:
      description: Whether none of them is on its way any more.
      type: bool
    failed:
      description: Those that failed, each with the reason.
      type: list
      elements: str
    waiting:
      description: Those that are on their way, each with how far it is.
      type: list
      elements: str
    problems:
      description: Both of them.
      type: list
      elements: str
    pods:
      description: The pods of the servers of both of them, as dictionaries with C(namespace) and C(name).
      type: list
      elements: dict
"""

from typing import TYPE_CHECKING, Any

from ..module_utils._core.plain_data import plain
from ..module_utils._core.seldon_states import model_states as states

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


def model_states(
    wanted: Sequence[Mapping[str, Any]],
    *,
    live: Sequence[Mapping[str, Any]],
    before: Sequence[Mapping[str, Any]] = (),
    servers: Sequence[Mapping[str, Any]] = (),
    settled: bool = False,
) -> dict[str, Any]:
    """Return how far they are."""
    return states(plain(wanted), plain(live), plain(before), plain(servers), settled=settled)


class FilterModule:
    """Ansible's way to find filters."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"model_states": model_states}
