# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The specification of a rollout: its plans can be carried out, no option is missing, and no default is wrong.

A line whose comment begins with "default" claims that the plan is the same without it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import yaml

from plugins.module_utils._adapters import envoy_metrics, webhook_gate
from plugins.module_utils._core import parity, prometheus_dialects
from plugins.module_utils._core.gates import AGREEMENT, MARGIN, MIN_DIFFERENCE, MIN_RATIO, RISK_BUDGET
from plugins.module_utils._core.plan import Judging, Plan, Policy
from plugins.module_utils._wiring import rollout_options, rollout_watch
from plugins.module_utils._wiring.rollout_options import ARGUMENTS, PLAN, TRAFFIC, WEBHOOK, plan_values
from plugins.modules import experiment_rollout
from tests.support import ROOT

PAGE = (ROOT / "docs/specification.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```yaml\n(.*?)^```$", PAGE.partition("## A rollout")[2], re.MULTILINE | re.DOTALL)
PLANS: list[dict[str, Any]] = yaml.safe_load(BLOCKS[0])["rollouts"]
SAMPLES = sorted(ROOT.glob("playbooks/vars/*.yml"))
# What only whoever measures knows: these are handed on as they are given, and have no default in the plan.
SOURCES = {
    "codes": [envoy_metrics.SERVER_ERRORS],
    "timeout": f"{min(webhook_gate.MOST_SECONDS, rollout_watch.GATE_SECONDS):g}s",
    "agreement": AGREEMENT,
    "rtol": parity.RTOL,
    "atol": parity.ATOL,
}
# What is written in sentences of the module, for kinds or conditions.
SAID = {"margin": MARGIN, "risk_budget": RISK_BUDGET, "min_ratio": MIN_RATIO, "min_difference": MIN_DIFFERENCE}

Path = tuple[Any, ...]


def marked(block: str) -> Iterator[tuple[Path, Any]]:
    """Yield the path and the value of each option that is said to have its default."""
    lines = block.splitlines()

    def walk(node: yaml.Node, path: Path) -> Iterator[tuple[Path, yaml.Node]]:
        pairs: list[tuple[Any, yaml.Node]] = []
        if isinstance(node, yaml.MappingNode):
            pairs = [(key.value, value) for key, value in node.value]
        elif isinstance(node, yaml.SequenceNode):
            pairs = list(enumerate(node.value))
        for key, value in pairs:
            yield (*path, key), value
            yield from walk(value, (*path, key))

    root = yaml.compose(block, yaml.SafeLoader)
    assert root is not None
    values = yaml.safe_load(block)
    for path, node in walk(root, ()):
        _text, _mark, comment = lines[node.start_mark.line].partition(" # ")
        if isinstance(path[-1], str) and comment.startswith("default") and node.end_mark.line == node.start_mark.line:
            value = values
            for key in path:
                value = value[key]
            yield path, value


DEFAULTS = [(path[1:], value) for path, value in marked(BLOCKS[0])]


def without(plan: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """Return a plan without one option."""
    copy: dict[str, Any] = yaml.safe_load(yaml.safe_dump(dict(plan)))
    place: Any = copy
    for key in path[:-1]:
        place = place[key]
    del place[path[-1]]
    return copy


def plan_of(values: Mapping[str, Any]) -> Plan:
    """Return the plan that the module makes of a task's options."""
    found = plan_values({**dict.fromkeys(PLAN), **values})
    assert found is not None
    return Plan.parse(found)


def spoken(path: Path) -> str:
    return ".".join(str(each) for each in path)


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: str(plan["name"]))
def test_plan_of_the_page_can_be_carried_out(plan: dict[str, Any]) -> None:
    assert plan_of(plan).name == plan["name"]


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_sample_plan_can_be_carried_out(path: Any) -> None:
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    for plan in content.get("rollouts") or [content["rollout"]]:
        assert plan_of(plan).steps[-1].weight == 100
        assert set(plan) <= {*PLAN, "name", "traffic", "event_webhook"}


def options(spec: Mapping[str, Any], path: Path = ()) -> Iterator[Path]:
    for name, option in spec.items():
        yield (*path, name)
        yield from options(option.get("options", {}), (*path, name))


def named(values: Any, path: Path = ()) -> Iterator[Path]:
    """Yield the paths of what is set, whatever list it stands in."""
    if isinstance(values, Mapping):
        for name, value in values.items():
            yield (*path, name)
            yield from named(value, (*path, name))
    elif isinstance(values, list):
        for each in values:
            yield from named(each, path)


def test_every_option_stands_there() -> None:
    spec = {**PLAN, "traffic": ARGUMENTS["traffic"], "event_webhook": ARGUMENTS["event_webhook"]}
    assert ARGUMENTS["traffic"]["options"] is TRAFFIC
    assert ARGUMENTS["event_webhook"]["options"] is WEBHOOK
    there = {path for plan in PLANS for path in named(plan)}
    assert sorted(set(options(spec)) - there) == []


def test_every_form_of_a_step_stands_there() -> None:
    there = {key for plan in PLANS for step in plan.get("steps", ()) if isinstance(step, Mapping) for key in step}
    assert there == {"weight", "mirror", "min_duration", "hold", "hold_timeout", "on_hold_timeout"}


@pytest.mark.parametrize(("path", "value"), DEFAULTS, ids=[spoken(path) for path, _value in DEFAULTS])
def test_default_is_what_there_is_without_it(path: Path, value: Any) -> None:
    number, *rest = path
    plan = PLANS[number]
    if rest[0] in ("traffic", "event_webhook"):
        option: dict[str, Any] = {"options": ARGUMENTS}
        for key in rest:
            option = option["options"][key]
        assert value == option["default"]
    elif rest[-1] in SOURCES and rest[0] == "gates":
        assert value == SOURCES[rest[-1]]
        assert prometheus_dialects.DEFAULT_CODES == (envoy_metrics.SERVER_ERRORS,)
    else:
        assert plan_of(without(plan, tuple(rest))) == plan_of(plan)


@pytest.mark.parametrize(
    ("where", "settings"), [("analysis", Judging()), ("policy", Policy())], ids=["analysis", "policy"]
)
def test_every_setting_has_its_default(where: str, settings: Judging | Policy) -> None:
    assert {path[-1] for path, _value in DEFAULTS if path[1] == where} == set(vars(settings))


def test_what_the_command_line_says_is_the_roles() -> None:
    specs = yaml.safe_load((ROOT / "roles/data_plane/meta/argument_specs.yml").read_text(encoding="utf-8"))
    declared = specs["argument_specs"]["rollout"]["options"]
    assert {*yaml.safe_load(BLOCKS[1]), "rollout", "rollouts"} == set(declared)
    assert {path[-1]: value for path, value in marked(BLOCKS[1])} == {
        name: option["default"] for name, option in declared.items() if "default" in option
    }


# What the module's own documentation says

UNLESS = re.compile(r"V\(([^)]*)\) unless it\b")


def stated(documented: Mapping[str, Any], path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Yield each default that a sentence states."""
    for name, option in documented.items():
        text = option["description"]
        for found in UNLESS.findall(" ".join([text] if isinstance(text, str) else text)):
            yield (*path, name), found
        yield from stated(option.get("suboptions", {}), (*path, name))


STATED = list(stated(yaml.safe_load(experiment_rollout.DOCUMENTATION)["options"]))


def test_module_states_every_default_of_analysis_and_policy() -> None:
    for where, spec in (("analysis", rollout_options.ANALYSIS), ("policy", rollout_options.POLICY)):
        assert {path[-1] for path, _value in STATED if path[0] == where} == set(spec)


@pytest.mark.parametrize(("path", "text"), STATED, ids=[spoken(path) for path, _text in STATED])
def test_default_that_the_module_states_is_the_pages(path: Path, text: str) -> None:
    there = [
        value for marked_path, value in DEFAULTS if tuple(key for key in marked_path if isinstance(key, str)) == path
    ]
    assert there, f"the page states no default of {spoken(path)}"
    wanted = yaml.safe_load(text)
    assert all(value in (wanted, [wanted]) for value in there), there
    if path[0] == "gates" and path[-1] in SAID:
        assert SAID[path[-1]] == wanted
