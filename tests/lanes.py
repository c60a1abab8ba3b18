# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lanes for the tests, by what they do to each other, and by how long they take.

A pytest plugin. `make test` runs all but the last, `make test-all` all of them (tests/whole_run.py). Without --lane all
tests run.

- `together` start programs and hosts of their own, and wait for conditions, never for a time: two at once.
- `waiting` watch rollouts, servers and calls, which wait for a clock most of their time: two at once.
- `alone` measure, or need a machine that has nothing else to do that matters.
- `aside` need nothing but a processor: they take what those two leave.
- `long` take minutes each, run one after another as those of `alone` do, and each has a shorter relative elsewhere.
"""

from __future__ import annotations

from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

TOGETHER, WAITING, ALONE, ASIDE, LONG = "together", "waiting", "alone", "aside", "long"
LANES = (TOGETHER, WAITING, ALONE, ASIDE, LONG)
TWO_AT_ONCE = (TOGETHER, WAITING)
# What runs in folders, name spaces, hosts and ports of its own, and waits for conditions, never for a time.
BESIDE_OTHERS = (
    # A data plane is among what it serves.
    "tests/house/test_artifact.py",
    "tests/live/cluster/",
    "tests/live/edge/",
    "tests/live/metallb/",
    "tests/live/policies/",
    "tests/live/seldon/",
    "tests/live/test_faults.py",
    "tests/live/test_ingress_headers.py",
    "tests/live/test_launch.py",
    "tests/live/test_lifecycle.py",
    "tests/live/test_machines.py",
    "tests/live/test_mlserver_models.py",
    "tests/live/test_refusals.py",
    "tests/live/test_runs.py",
    "tests/live/test_testhosts.py",
    "tests/live/test_train_samples.py",
    "tests/molecule/test_scenarios.py::test_scenario[k3s_",
    "tests/molecule/test_scenarios.py::test_scenario[preflight",
    "tests/molecule/test_scenarios.py::test_scenario[data_plane_systemd",
)
# What waits for a clock, and has limits of time, the longest file first.
FOR_A_CLOCK = (
    "tests/live/rollout/test_runners.py",
    "tests/live/rollout/test_verdicts.py",
    "tests/live/rollout/test_faults.py",
    "tests/live/rollout/test_sources.py",
    "tests/unit/molecule/",
    "tests/unit/plugins/module_utils/_adapters/",
)
# What is asked of text, of functions, and of pages.
FOR_A_PROCESSOR = (
    "tests/unit/",
    "tests/house/test_docs.py",
    "tests/house/test_ingress_picture.py",
    "tests/house/test_lint.py",
    "tests/house/test_oldest_core.py",
    "tests/house/test_report_page.py",
    "tests/house/test_rollout_page.py",
    "tests/house/test_sanity.py",
    "tests/house/test_setup.py",
    "tests/house/test_skip_contract.py",
    "tests/house/test_whole_run.py",
)
# Each with the shorter one that goes the same way.
SCENARIO = "tests/molecule/test_scenarios.py::test_scenario"
ARTIFACT = "tests/house/test_artifact.py::test_site"
SOURCES, BENCH = "tests/live/rollout/test_sources.py::test_by", "tests/live/test_bench.py::test"
RUNNERS, SERVICES = "tests/live/rollout/test_runners.py::test", "tests/live/edge/test_metallb_services.py::test"
DAYS, FAULTS = "tests/live/cluster/test_k3s_days.py::test", "tests/live/cluster/test_k3s_faults.py::test"
TAKES_MINUTES = {
    # The rules themselves.
    f"{DAYS}_firewall_lets": "tests/unit/roles/test_k3s_firewall.py",
    # What the files hold of a hardened node.
    f"{DAYS}_hardened_with": "tests/unit/roles/test_k3s_files.py",
    # What is to be changed, and what is somebody else's.
    f"{DAYS}_labels_and_taints": "tests/unit/plugins/module_utils/_core/test_k3s_nodes.py",
    # The same node, taken out while it answers, and while it does not.
    f"{DAYS}_node_is_taken_out_and": f"{DAYS}_node_that_does_not_answer_any_more_is_taken_out",
    f"{DAYS}_pod_that_nothing": f"{DAYS}_node_that_does_not_answer_any_more_is_taken_out",
    # A start that fails is given up, and noted by nobody.
    f"{FAULTS}_server_that_does_not_come_back": "tests/unit/plugins/module_utils/_core/test_k3s_start.py",
    # A name that the cluster has, of a node that is gone.
    f"{FAULTS}_name_of_a_node": f"{FAULTS}_host_that_was_wiped_joins_again_under_its_name",
    # Which of the servers leads.
    f"{FAULTS}_server_that_leads": "tests/unit/plugins/module_utils/_core/test_k3s_cluster.py",
    # What else a line's end takes from a Service, and leaves.
    f"{SERVICES}_annotation_of": f"{SERVICES}_address_that_somebody_else_set_is_left_unless_it_is_taken_over",
    f"{SERVICES}_key_that": f"{SERVICES}_line_that_is_taken_away_takes_the_annotation_away",
    f"{SERVICES}_where_metallb_goes": f"{SERVICES}_line_that_is_taken_away_takes_the_annotation_away",
    # The same playbooks, on a data plane that is there already.
    f"{SCENARIO}[experiment": "tests/live/test_lifecycle.py",
    f"{SCENARIO}[rollout": "tests/live/rollout/test_verdicts.py",
    f"{SCENARIO}[smoke_test": "tests/live/test_smoke_test.py",
    # The same playbook of the artefact, which changes nothing.
    f"{ARTIFACT}_serves": f"{ARTIFACT}_runs_by_its_full_name_in_check_mode",
    # One who is killed elsewhere.
    f"{RUNNERS}_killed_on_another": f"{RUNNERS}_killed_in_each_phase_it_goes_on_to_the_end",
    # A candidate that is promoted, by each source; that each one takes a bad one back says more.
    f"{SOURCES}_prometheus[good": f"{SOURCES}_prometheus[bad",
    f"{SOURCES}_requests_of_its_own[good": f"{SOURCES}_requests_of_its_own[bad",
    # The same bench, with a candidate that does not fail.
    f"{BENCH}_failing_candidate": f"{BENCH}_healthy_candidate_is_promoted_and_put_back",
}
# Of two processes, none waits for the other one at the end when what takes longest begins first.
LONGEST = ("tests/molecule/", *FOR_A_CLOCK)
# Files whose tests share nothing that takes long to make: any process takes the next of them. A file that is not here
# stays with one process, which makes what its tests share once.
SPREAD = ("tests/live/cluster/", "tests/molecule/")
# Files that are one to the processes: their webhooks have the same ports of this machine.
AS_ONE = ("tests/live/edge/test_releases.py", "tests/live/seldon/test_seldon_releases.py")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--lane", choices=LANES, help="only the tests of one lane")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    wanted = config.getoption("lane")
    left_out = [item for item in items if wanted and lane(item.nodeid) != wanted]
    if left_out:
        items[:] = [item for item in items if lane(item.nodeid) == wanted]
        if wanted in TWO_AT_ONCE:
            items.sort(key=place)
        config.hook.pytest_deselected(items=left_out)


def place(item: pytest.Item) -> int:
    """Return how late a test runs in a lane of two processes."""
    return next((index for index, each in enumerate(LONGEST) if item.nodeid.startswith(each)), len(LONGEST))


def lane(test: str) -> str:
    """Return where a test runs."""
    if test.startswith(tuple(TAKES_MINUTES)):
        return LONG
    lanes = {WAITING: FOR_A_CLOCK, ASIDE: FOR_A_PROCESSOR, TOGETHER: BESIDE_OTHERS}
    return next((each for each, tests in lanes.items() if test.startswith(tests)), ALONE)


class ByFile(LoadScopeScheduling):
    """Hands tests to the processes, by file where its tests share something."""

    def _split_scope(self, nodeid: str) -> str:
        if nodeid.startswith(SPREAD):
            return nodeid
        return AS_ONE[0] if nodeid.startswith(AS_ONE) else nodeid.partition("::")[0]


# Where xdist is switched off, nobody asks.
@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFile:
    return ByFile(config, log)
