# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The objects that roles write, held to the kinds that charts bring: a field that they do not know is lost."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from plugins.module_utils._core.ingress_objects import route_objects
from plugins.module_utils._core.ingress_problems import readable_routes
from plugins.module_utils._core.metallb_objects import wanted_objects
from tests import charts
from tests.charts import METALLB, TRAEFIK, Helm, Release
from tests.live.edge import metallb_crds
from tests.sample_metallb import LAN, settings

SELECTORS = [{"matchLabels": {"wired": "yes"}}]
POOL = {**LAN, "auto_assign": False, "avoid_buggy_ips": True, "service_allocation": {"priority": 1}}
LAYER2 = {"name": "all", "interfaces": ["eth0"], "node_selectors": SELECTORS, "service_selectors": SELECTORS}
PEER = {"name": "router", "spec": {"myASN": 64500, "peerASN": 64501, "peerAddress": "192.0.2.1"}}
FULL = settings(
    pools=[POOL], l2_advertisements=[LAYER2], bgp_peers=[PEER], bgp_advertisements=[{"name": "all"}], bgp_backend="frr"
)
ROUTES = [
    {"name": "models", "host": "ml-api.example.com"},
    {"name": "open", "host": "open.example.com", "body_size": "0"},
    {"name": "rpc", "host": "rpc.example.com", "protocol": "grpc", "tls": {"source": "private_ca"}},
]
OBJECTS: dict[str, list[dict[str, Any]]] = {
    METALLB: wanted_objects(FULL),
    TRAEFIK: route_objects(readable_routes(ROUTES, topology="central"), controller="traefik"),
}
NAMED = [
    pytest.param(chart, each, id=f"{each['kind']}-{each['metadata']['name']}")
    for chart, objects in OBJECTS.items()
    for each in objects
]
Schemas = dict[tuple[str, str], dict[str, Any]]


def strict(schema: Any) -> Any:
    """Return a schema that refuses what an API server would leave out."""
    if isinstance(schema, list):
        return [strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: strict(each) for key, each in schema.items()}
    is_closed = isinstance(schema.get("properties"), dict) and "type" in schema
    if is_closed and not schema.get("x-kubernetes-preserve-unknown-fields"):
        found.setdefault("additionalProperties", False)
    return found


def schemas(definitions: list[dict[str, Any]]) -> Schemas:
    """Return the schema of a spec, by version and kind."""
    found = {}
    for each in definitions:
        spec = each["spec"]
        for version in spec["versions"]:
            whole = version["schema"]["openAPIV3Schema"]
            key = (f"{spec['group']}/{version['name']}", spec["names"]["kind"])
            found[key] = strict(whole["properties"].get("spec", {}))
    return found


@pytest.fixture(scope="module")
def brought(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Schemas]:
    """Return the schemas of each chart."""
    helm: Helm = charts.helm(tmp_path_factory.mktemp("helm"))
    rendered = {chart: helm.render(Release("one", "one", chart, ())).objects for chart in OBJECTS}
    return {
        chart: schemas([each for each in objects if each["kind"] == "CustomResourceDefinition"])
        for chart, objects in rendered.items()
    }


def complaints(brought: Schemas, item: dict[str, Any]) -> list[str]:
    checked = Draft202012Validator(brought[item["apiVersion"], item["kind"]]).iter_errors(item["spec"])
    return [f"{error.json_path}: {error.message}" for error in checked]


@pytest.mark.parametrize(("chart", "item"), NAMED)
def test_every_field_is_known(brought: dict[str, Schemas], chart: str, item: dict[str, Any]) -> None:
    assert complaints(brought[chart], item) == []


def test_field_that_is_not_known_is_found(brought: dict[str, Schemas]) -> None:
    (pool,) = [each for each in OBJECTS[METALLB] if each["kind"] == "IPAddressPool"]
    wrong = {**pool, "spec": {**pool["spec"], "autoAssigned": True}}
    assert len(complaints(brought[METALLB], wrong)) == 1
    selector = {"matchLabel": {"wired": "yes"}}
    (layer2,) = [each for each in OBJECTS[METALLB] if each["kind"] == "L2Advertisement"]
    wrong = {**layer2, "spec": {**layer2["spec"], "nodeSelectors": [selector]}}
    assert len(complaints(brought[METALLB], wrong)) == 1


def test_kinds_of_other_tests_know_no_more_than_those_of_the_chart(brought: dict[str, Schemas]) -> None:
    """What tests without a chart have in its place has no field that the chart does not have."""
    for key, schema in schemas(metallb_crds.DEFINITIONS).items():
        assert set(schema["properties"]) <= set(brought[METALLB][key]["properties"])
