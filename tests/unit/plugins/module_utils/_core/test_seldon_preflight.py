# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a preflight takes for granted about models is what the roles do."""

from __future__ import annotations

import pytest
import yaml

from plugins.module_utils._core.seldon_preflight import CAPABILITIES
from tests.sample_clusters import judged
from tests.support import ROOT


def test_capabilities_are_those_that_the_role_has_by_default() -> None:
    said = yaml.safe_load((ROOT / "roles/mlserver/defaults/main.yml").read_text(encoding="utf-8"))
    assert list(CAPABILITIES) == said["mlserver_capabilities"]


def test_no_sentence_has_a_value_out_of_a_secret() -> None:
    secret = {"name": "A", "namespace": "x", "data": {"s3": {"name": "hush", "parameters": "hush-hush", "type": "s3"}}}
    said = judged({"all": {"serving_namespaces": [{"name": "team-a"}], "mlserver_secrets": [secret]}})
    assert len(said["problems"]) == 3
    assert not any("hush-hush" in text for text in said["problems"])


@pytest.mark.parametrize("inventory", ["homelab", "ha"])
def test_inventories_serve_what_makes_sense(inventory: str) -> None:
    folder = ROOT / "inventories" / inventory / "group_vars/all"
    values = {
        name: value
        for file in ("seldon.yml", "mlserver.yml", "serving.yml")
        for name, value in yaml.safe_load((folder / file).read_text(encoding="utf-8")).items()
    }
    assert judged({"all": {**values, "ingress_address": "192.0.2.200"}})["problems"] == []
