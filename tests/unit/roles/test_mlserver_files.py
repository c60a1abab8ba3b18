# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role mlserver hands to the API, in full, for every topology and each inventory.

With UPDATE_GOLDEN=1 in the environment, a run writes the expected files anew.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests import golden
from tests.sample_serving import MINIO, model
from tests.staged_role import shown
from tests.support import ROOT

GOLDEN = Path(__file__).parent / "golden/mlserver"
PINNED = re.match(
    r"v(\d+\.\d+)", yaml.safe_load((ROOT / "meta/pins.yml").read_text(encoding="utf-8"))["k3s"]["version"]
)
TOPOLOGIES = ("central", "namespaced", "single")
# Everything that can be said, as far as a topology takes it.
GIVEN: dict[str, Any] = {
    "serving_namespaces": [{"name": "team-a"}, {"name": "team-b"}],
    "serving_models": [
        model("baseline", memory="100Mi", parameters={"threshold": 0.5}),
        model("stored", storage_uri="s3://models/stored", secret="minio", replicas=2),
        model("mounted", "team-b", storage_uri="/mnt/models/mounted"),
    ],
    "serving_experiments": [{"name": "ab", "default": "baseline", "weights": {"stored": 30, "baseline": 70}}],
    "mlserver_secrets": [MINIO],
}
SERVERS: list[dict[str, Any]] = [
    {"namespace": "team-a", "replicas": 2, "image": "registry.example.com/mlserver:1.7.1-sklearn", "memory": "2Gi"},
    {
        "namespace": "team-b",
        "capabilities": ["sklearn"],
        "volumes": [
            {"name": "store", "mount": "/mnt/models", "nfs": {"server": "192.0.2.5", "path": "/models"}},
            {"name": "more", "mount": "/mnt/more", "claim": "more"},
        ],
    },
]
QUOTA = {"limits.cpu": "20", "requests.memory": "12Gi", "pods": "10"}
INVENTORIES = ("homelab", "ha")


def hosts() -> dict[str, dict[str, Any]]:
    """Return what is said of each topology; where all share a namespace there is no quota."""
    found = {}
    for topology in TOPOLOGIES:
        quota = {} if topology == "single" else {"quota": QUOTA}
        servers = [{**SERVERS[0], **quota}, SERVERS[1]]
        found[topology] = {**GIVEN, "seldon_topology": topology, "mlserver_servers": servers}
    return found


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the plan of each case."""
    folder = tmp_path_factory.mktemp("rendered")
    plan = "{{ __mlserver_wanted | modelops.serving.serving_plan(live=[]) | to_yaml(sort_keys=false) }}"
    places = [shown(folder / "topologies", "mlserver", plan, hosts())]
    places += [shown(folder / name, "mlserver", plan, {name: {}}, name) for name in INVENTORIES]
    together = folder / "all"
    together.mkdir()
    for place in places:
        for path in place.iterdir():
            path.rename(together / path.name)
    return together


CASES = [*TOPOLOGIES, *INVENTORIES]


@pytest.mark.parametrize("name", CASES)
def test_cluster_gets_what_is_expected(name: str, rendered: Path) -> None:
    text = (rendered / name).read_text(encoding="utf-8")
    expected = GOLDEN / f"{name}.txt"
    golden.hold(text, expected)
    plan = yaml.safe_load(text)
    assert (plan["problems"], plan["remove"], plan["remove_models"]) == ([], [], [])


def test_files_are_those_of_the_cases() -> None:
    assert sorted(path.stem for path in GOLDEN.glob("*.txt")) == sorted(CASES)


@pytest.mark.parametrize("name", CASES)
def test_objects_fit_the_pinned_kubernetes(name: str, rendered: Path) -> None:
    """Seldon's own kinds are held against its charts, where these are at hand."""
    assert PINNED
    plan = yaml.safe_load((rendered / name).read_text(encoding="utf-8"))
    objects = [each for each in plan["namespaces"] + plan["servers"] if "seldon.io" not in each["apiVersion"]]
    assert objects
    for each in objects:
        assert kubernetes_validate.validate(each, PINNED[1], strict=True) == PINNED[1]
