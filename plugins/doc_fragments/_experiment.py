# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an experiment is to be."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  name:
    description: Name of the experiment. Callers reach it by the header C(seldon-model), value C(<name>.experiment).
    type: str
    required: true
  candidates:
    description:
      - The models that take part. They must be declared already.
      - A candidate's share of the traffic is its weight divided by the sum of the weights, which need not be 100.
      - A candidate with weight 0 gets no new callers, but callers who send C(x-seldon-route) back still reach it.
      - Left out, the candidates of an existing experiment stay as they are.
    type: list
    elements: dict
    suboptions:
      name:
        description: Name of the model.
        type: str
        required: true
      weight:
        description: A whole number, 0 or more.
        type: int
        required: true
  weights:
    description: The short form of O(candidates), a dictionary of model names and weights.
    type: dict
  default:
    description:
      - The candidate whose own callers, those who name the model and not the experiment, are split as well.
      - It is the baseline, and is listed first. Without one, the candidate listed first is the baseline.
      - A model can be the default of one experiment only.
      - Left out, the default of an existing experiment stays; an empty string takes it away.
    type: str
  mirror:
    description:
      - A model that gets a copy of a part of the requests. Its answers are thrown away.
      - Left out, the mirror of an existing experiment stays; O(mirror.percent=0) takes it away.
    type: dict
    suboptions:
      name:
        description: Name of the model. It must not be a candidate.
        type: str
        required: true
      percent:
        description: How many of 100 requests are copied, from 0 to 100.
        type: int
        required: true
  state:
    description: Whether the experiment is to exist. Without it, each model gets its own callers only.
    type: str
    choices: [present, absent]
    default: present
"""
