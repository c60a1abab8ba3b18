# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an earlier K3s left in its folders, the note of a start, and the lock around it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from plugins.module_utils._adapters.k3s_files import K3sFiles, StartRecord, alone, digest
from plugins.module_utils._core.errors import ServingError

FLAGS = ("has_datastore", "has_token", "has_node_password")


def survey(folder: Path) -> dict[str, object]:
    found = K3sFiles(config=str(folder / "etc"), data=str(folder / "data")).survey("Ansible managed")
    return {key: value for key, value in found.items() if key != "architecture"}


def test_a_fresh_host_has_nothing(tmp_path: Path) -> None:
    assert survey(tmp_path) == dict.fromkeys(FLAGS, False) | {
        "drop_ins": [],
        "manifests": [],
        "firewall": [],
        "token_file": "",
    }


@pytest.mark.parametrize("database", ["etcd/member", "state.db"])
def test_a_host_that_served_has_its_state(tmp_path: Path, database: str) -> None:
    for name in (f"data/server/db/{database}", "data/server/token", "etc/node/password"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    assert survey(tmp_path) == dict.fromkeys(FLAGS, True) | {
        "drop_ins": [],
        "manifests": [],
        "firewall": [],
        "token_file": "",
    }


def test_an_etcd_without_members_is_no_datastore(tmp_path: Path) -> None:
    # A server that was killed while it joined leaves one.
    (tmp_path / "data/server/db/etcd").mkdir(parents=True)
    assert survey(tmp_path)["has_datastore"] is False


def test_only_drop_ins_of_ours_are_named(tmp_path: Path) -> None:
    folder = tmp_path / "etc/k3s/config.yaml.d"
    folder.mkdir(parents=True)
    for name, text in {
        "50-a.yaml": "# Ansible managed\nv: 1\n",
        "90-b.yaml": "v: 2\n",
        "c.txt": "# Ansible managed\n",
    }.items():
        (folder / name).write_text(text)
    assert survey(tmp_path)["drop_ins"] == [str(folder / "50-a.yaml")]


def test_only_manifests_of_ours_are_named(tmp_path: Path) -> None:
    folder = tmp_path / "data/server/manifests"
    folder.mkdir(parents=True)
    (folder / "coredns.yaml").write_text("kind: Deployment\n")
    (folder / "kube-vip.yaml").write_text("# Ansible managed\n")
    assert survey(tmp_path)["manifests"] == [str(folder / "kube-vip.yaml")]


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        ('[{"firewall": "ufw", "source": "192.0.2.7", "port": 0}]', ["192.0.2.7"]),
        ('[{"source": "192.0.2.7"}, "x"]', []),
        ('{"firewall": "ufw"}', []),
        ("[{", []),
    ],
    ids=["a note", "other keys", "no list", "half a note"],
)
def test_rules_of_the_firewall_are_those_of_the_note(tmp_path: Path, text: str, rules: list[str]) -> None:
    (tmp_path / "etc/k3s").mkdir(parents=True)
    (tmp_path / "etc/k3s/firewall.json").write_text(text)
    found = survey(tmp_path)["firewall"]
    assert isinstance(found, list)
    assert [each["source"] for each in found] == rules


@pytest.mark.parametrize(("text", "form"), [("K10ab::server:hush", "full"), ("hush", "short")])
def test_token_is_known_by_its_form_and_told_to_nobody(tmp_path: Path, text: str, form: str) -> None:
    (tmp_path / "etc/k3s").mkdir(parents=True)
    (tmp_path / "etc/k3s/token").write_text(f"{text}\n")
    assert survey(tmp_path)["token_file"] == form
    assert "hush" not in str(survey(tmp_path))


def test_digests(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * 3_000_000)
    assert digest(str(path)) == hashlib.sha256(b"x" * 3_000_000).hexdigest()
    assert digest(str(tmp_path / "missing")) == ""
    with pytest.raises(ServingError, match=r"cannot be read: Is a directory\."):
        digest(str(tmp_path))


def test_a_note_is_found_again_and_is_roots_alone(tmp_path: Path) -> None:
    record = StartRecord(str(tmp_path))
    assert record.load() == {}
    record.save({"/a": "1"})
    assert StartRecord(str(tmp_path)).load() == {"/a": "1"}
    assert [(path.name, path.stat().st_mode & 0o777) for path in tmp_path.iterdir()] == [("started.json", 0o600)]


def test_a_note_that_nobody_can_read_is_none(tmp_path: Path) -> None:
    (tmp_path / "started.json").write_text('{"/a": ')
    assert StartRecord(str(tmp_path)).load() == {}


def test_two_runs_take_turns(tmp_path: Path) -> None:
    lock = str(tmp_path / "lock")
    busy = pytest.raises(ServingError, match=r"^Another run has been starting K3s here for 0\.1 s\. ")
    with alone(lock, 1), busy, alone(lock, 0.1):
        pytest.fail("both have it")
    with alone(lock, 0.1):
        pass
