# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Policies mean what Kubernetes says that they mean, also where people think otherwise."""

from __future__ import annotations

import pytest

from plugins.module_utils._core.errors import ServingError
from plugins.module_utils._core.policy_evaluator import Pod, Policies, selects
from tests.sample_policies import CASES, Case, expression


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_case(case: Case) -> None:
    policies = Policies(case.policies, case.namespaces)
    assert policies.allow(case.source, case.target, case.port, case.protocol) is case.passes


def test_policy_without_a_namespace_is_the_default_ones() -> None:
    denies = {"metadata": {"name": "p"}, "spec": {"podSelector": {}}}
    policies = Policies([denies], {})
    assert [policies.isolates(Pod("x", name), "Ingress") for name in ("default", "data")] == [True, False]


def test_operator_that_there_is_not_is_refused() -> None:
    with pytest.raises(ServingError, match="operator 'Gt'"):
        selects(expression("generation", "Gt", "1"), {"generation": "2"})
