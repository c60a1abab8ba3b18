# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks for a cluster's edge as long as there is no cluster: left out in check mode, refused else."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.support import Outcome, run

PLAYBOOKS = ("edge.yml", "network_policies.yml", "serving.yml")
OTHER = """\
apiVersion: v1
kind: Config
contexts:
  - name: other
    context: {cluster: other, user: other}
"""


def play(inventory: str, playbook: str, *words: str, kubeconfig: Path = Path("/nonexistent/config")) -> Outcome:
    program = Path(sys.executable).with_name("ansible-playbook")
    where = ["--inventory", f"inventories/{inventory}", "--extra-vars", f"k3s_kubeconfig={kubeconfig}"]
    return run([program, *where, *words, f"playbooks/{playbook}"], timeout=120)


@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_check_mode_says_what_is_left_out(playbook: str) -> None:
    said = play("homelab", playbook, "--check").require()
    assert "/nonexistent/config has no context homelab yet. All that it is for would be made." in said
    assert "changed=1" in said


@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_without_the_cluster_nothing_is_tried(playbook: str, tmp_path: Path) -> None:
    kubeconfig = tmp_path / "config"
    kubeconfig.write_text(OTHER)
    done = play("homelab", playbook, kubeconfig=kubeconfig)
    assert done.status != 0
    said = " ".join(done.output.split())
    assert f"{kubeconfig} has no context homelab, so the cluster cannot be asked. Nothing was changed." in said


@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_one_machine_has_no_cluster(playbook: str) -> None:
    assert "skipping: no hosts matched" in play("local", playbook).require()
