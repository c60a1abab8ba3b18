# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook for one experiment, on a cluster, with the inventory's words of one machine; and its module alone."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from tests.live.seldon.crds import path
from tests.live.seldon.stand_in import HOST
from tests.live.seldon.world import BASELINE, ENHANCED, NAME, SHADOW, World
from tests.support import Outcome, run

PROGRAM = Path(sys.executable).parent / "ansible-playbook"


def inventory(world: World, folder: Path, **values: Any) -> Path:
    """Return an inventory whose only host holds the kubeconfig."""
    models = [{"name": name, "namespace": world.namespace, "storage_uri": "/mnt/x"} for name in (BASELINE, ENHANCED)]
    host = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    known = {
        "k3s_kubeconfig": str(world.api.kubeconfig()),
        "k3s_kubeconfig_context": "test",
        "serving_namespaces": [{"name": world.namespace}],
        "serving_models": models,
        **values,
    }
    control = {"children": {"k3s_control": {"hosts": {"localhost": host}}}}
    file = folder / "hosts.yml"
    file.write_text(json.dumps({"all": {"children": {"control": control}, "vars": known}}), encoding="utf-8")
    return file


def play(world: World, folder: Path, *words: str, **values: Any) -> Outcome:
    """Run the playbook with what a user says."""
    file = inventory(world, folder, **values)
    return run([PROGRAM, "--inventory", file, "playbooks/experiment.yml", *words], timeout=180)


def said(outcome: Outcome) -> str:
    return " ".join(outcome.output.split())


def test_playbook_declares_moves_and_ends_an_experiment(world: World, tmp_path: Path) -> None:
    asked = {"experiment": NAME, "default": BASELINE, "weights": {BASELINE: 70, ENHANCED: 30}}
    proven = {"__mlserver_request_path": world.mesh.request_path}
    first = play(world, tmp_path, "--check", "--diff", "--extra-vars", json.dumps(asked))
    assert "changed=1" in first.require()
    added = [line for line in first.output.splitlines() if line.startswith("+")]
    assert any(ENHANCED in line for line in added)
    assert world.api.ask("GET", path("experiments", world.namespace, NAME)).status == 404
    done = play(world, tmp_path, "--extra-vars", json.dumps({**asked, **proven}))
    assert "changed=1" in done.require()
    assert f"{NAME} is live; call it by the header" in said(done)
    # Without an edge in the inventory nothing is claimed.
    moved = play(world, tmp_path, "--extra-vars", json.dumps({"experiment": NAME, "weights": {BASELINE: 1}}))
    moved.require()
    assert f"{NAME} is declared, and the request path was not asked" in said(moved)
    assert "set request_path" in said(moved)
    assert world.weights() == {BASELINE: 1}
    assert world.read()["spec"]["default"] == BASELINE
    play(world, tmp_path, "--extra-vars", f"experiment={NAME}", "--extra-vars", "state=absent").require()
    assert world.api.ask("GET", path("experiments", world.namespace, NAME)).status == 404


def test_playbook_without_a_name_or_a_place_says_what_to_set(world: World, tmp_path: Path) -> None:
    nothing = play(world, tmp_path)
    assert nothing.status == 2
    assert "Name an experiment by -e experiment=NAME" in said(nothing)
    unknown = {"experiment": "new", "weights": {SHADOW: 1}}
    assert "Places found for it: none." in said(play(world, tmp_path, "--extra-vars", json.dumps(unknown)))


MODULES = """
- hosts: localhost
  gather_facts: false
  module_defaults:
    group/modelops.serving.serving: &api
      store: kubernetes
      host: {host}
      api_key: {token}
      ca_cert: {ca}
      namespace: {namespace}
      wait_timeout: 20
  tasks:
    - modelops.serving.experiment:
        name: split
        weights: {{baseline: 70, enhanced: 30}}
        request_path: {path}
      register: declared
    - modelops.serving.experiment_info:
        name: split
      register: found
    - ansible.builtin.assert:
        that:
          - found.experiments | length == 1
          - found.experiments[0].ready
          - declared.live.candidates[1].share == 0.3
          - declared.live_version == "1"
          - declared.observed["split.experiment"] | length == 2
"""


def test_one_block_of_defaults_feeds_the_modules_and_no_secret_is_shown(world: World, tmp_path: Path) -> None:
    config = json.loads(world.api.kubeconfig().read_text())
    cluster, token = config["clusters"][0]["cluster"], config["users"][0]["user"]["token"]
    text = MODULES.format(
        host=cluster["server"],
        token=token,
        ca=cluster["certificate-authority"],
        namespace=world.namespace,
        path=json.dumps(world.mesh.request_path),
    )
    book = tmp_path / "book.yml"
    book.write_text(text)
    words = ["-vvv", "--inventory", "localhost,", "--connection", "local"]
    done = run([PROGRAM, *words, "--extra-vars", f"ansible_python_interpreter={sys.executable}", book], timeout=180)
    assert HOST in done.require()
    assert token not in done.output
