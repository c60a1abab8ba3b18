# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""mlserver_models against a running MLServer: real models, real refusals, a real kill."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import joblib
import pytest
from sklearn.dummy import DummyClassifier

from plugins.module_utils._core.errors import ServingError
from plugins.module_utils._wiring.model_delivery import deliver_from
from plugins.module_utils._wiring.process_survey import survey_from

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE = 120


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


class MLServer:
    """A real MLServer in a folder of its own, with whatever models the test puts beside."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.repository = home / "ns"
        self.ports = free_ports(3)
        self.url = f"http://127.0.0.1:{self.ports[0]}"
        self.process: subprocess.Popen[bytes] | None = None
        self.repository.mkdir(parents=True)
        ports = dict(zip(("http_port", "grpc_port", "metrics_port"), self.ports, strict=True))
        settings = {"debug": False, "host": "127.0.0.1", "parallel_workers": 0, **ports}
        (self.repository / "settings.json").write_text(json.dumps(settings))

    def start(self) -> None:
        with (self.home / "log").open("ab") as log:
            command = [str(Path(sys.executable).with_name("mlserver")), "start", "."]
            # The mark that launch.py gives to every program of a data plane.
            marked = {**os.environ, "SERVING_CONFIG": "abc"}
            self.process = subprocess.Popen(command, cwd=self.repository, env=marked, stdout=log, stderr=log)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def models(self, *entries: dict[str, Any], **more: Any) -> dict[str, Any]:
        """Run the module's work."""
        params = {"url": self.url, "repository": str(self.repository), "python": sys.executable, "models": entries}
        dry_run = more.pop("dry_run", False)
        return deliver_from({"purge": False, "wait_timeout": PATIENCE, **params, **more}, dry_run=dry_run)

    def ask(self, model: str, question: dict[str, Any] | None = None) -> int:
        """Return the class that a model predicts, or the status of its refusal."""
        row = {"name": "predict", "shape": [1, 2], "datatype": "FP64", "data": [0.0, 0.0]}
        request = urllib.request.Request(
            f"{self.url}/v2/models/{model}/infer",
            data=json.dumps(question or {"inputs": [row]}).encode(),
            headers={"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                return int(json.load(response)["outputs"][0]["data"][0])
        except urllib.error.HTTPError as error:
            return error.code

    def log(self) -> str:
        return (self.home / "log").read_text()

    def tree(self) -> dict[str, bytes]:
        return {str(path): path.read_bytes() for path in self.home.rglob("*") if path.is_file() and path.name != "log"}


class Storage:
    """Folders of models; each model answers with one number."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def model(self, name: str, answer: int, **more: Any) -> dict[str, Any]:
        folder = self.home / f"{name}-{answer}"
        folder.mkdir(parents=True, exist_ok=True)
        model = DummyClassifier(strategy="constant", constant=answer).fit([[0, 0], [0, 1]], [answer, 0])
        joblib.dump(model, folder / "model.joblib")
        return {"name": name, "storage_uri": str(folder), "requirements": ["sklearn"], **more}

    def custom(self, name: str, code: str) -> dict[str, Any]:
        """Return a model with code of its own."""
        folder = self.home / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "its_code.py").write_text(CUSTOM.format(code=code))
        (folder / "model-settings.json").write_text('{"implementation": "its_code.Model"}')
        return {"name": name, "storage_uri": str(folder)}


CUSTOM = """
import os, sys, time
from mlserver import MLModel

class Model(MLModel):
    async def load(self):
        {code}
"""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MLServer]:
    """One server for all tests that leave it running."""
    server = MLServer(tmp_path_factory.mktemp("mlserver"))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def server(running: MLServer) -> MLServer:
    """The running server without any model."""
    running.models(purge=True)
    return running


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[MLServer]:
    """A server of the test's own, not started."""
    server = MLServer(tmp_path / "alone")
    yield server
    server.kill()


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(tmp_path / "storage")


def outcome(result: dict[str, Any]) -> tuple[bool, list[str], list[str], list[str]]:
    return result["changed"], result["loaded"], result["unloaded"], result["superfluous"]


UNCHANGED: tuple[bool, list[str], list[str], list[str]] = (False, [], [], [])


def test_a_model_answers_and_a_second_run_changes_nothing(server: MLServer, storage: Storage) -> None:
    models = storage.model("a", 3), storage.model("b", 4)
    planned = server.models(*models, dry_run=True)
    assert outcome(planned) == (True, ["a_1", "b_1"], [], [])
    done = server.models(*models)
    assert done == {key: value for key, value in planned.items() if key != "warnings"}
    assert (server.ask("a_1"), server.ask("b_1")) == (3, 4)
    before = server.tree()
    assert outcome(server.models(*models)) == UNCHANGED
    assert outcome(server.models(*models, dry_run=True)) == UNCHANGED
    assert server.tree() == before


def test_check_mode_leaves_everything_as_it_is(server: MLServer, storage: Storage) -> None:
    server.models(storage.model("a", 3))
    before = server.tree()
    planned = server.models(storage.model("a", 5), storage.model("b", 4), purge=True, dry_run=True)
    assert outcome(planned) == (True, ["a_1", "b_1"], [], [])
    assert server.tree() == before
    assert server.ask("a_1") == 3


def test_a_version_comes_beside_the_one_before_and_purge_removes_that(server: MLServer, storage: Storage) -> None:
    server.models(storage.model("a", 3))
    second = storage.model("a", 5, version=2)
    assert outcome(server.models(second)) == (True, ["a_2"], [], ["a_1"])
    assert (server.ask("a_1"), server.ask("a_2")) == (3, 5)
    assert outcome(server.models(second, purge=True, dry_run=True)) == (True, [], ["a_1"], ["a_1"])
    assert outcome(server.models(second, purge=True)) == (True, [], ["a_1"], ["a_1"])
    assert (server.ask("a_1"), server.ask("a_2")) == (404, 5)
    assert not (server.repository / "a_1").exists()
    assert outcome(server.models(second, purge=True)) == UNCHANGED


def test_changed_content_is_loaded_in_place_and_shows_in_the_difference(server: MLServer, storage: Storage) -> None:
    server.models(storage.model("a", 3))
    result = server.models(storage.model("a", 5))
    assert outcome(result) == (True, ["a_1"], [], [])
    assert server.ask("a_1") == 5
    before, after = result["diff"]["before"]["a_1"]["files"], result["diff"]["after"]["a_1"]["files"]
    assert before["model-settings.json"] == after["model-settings.json"]
    assert before["model.joblib"] != after["model.joblib"]


def test_a_broken_model_is_refused_with_its_reason_and_the_others_answer(server: MLServer, storage: Storage) -> None:
    good = storage.model("a", 3)
    server.models(good)
    broken = storage.model("b", 4)
    path = Path(broken["storage_uri"]) / "model.joblib"
    path.write_bytes(path.read_bytes()[:100])
    before = server.tree()
    with pytest.raises(ServingError) as refusal:
        server.models(good, broken)
    with pytest.raises(Exception, match=r".") as reason:
        joblib.load(path)
    assert str(refusal.value).startswith(f"MLServer cannot load b_1 from {path.parent}: ")
    assert str(reason.value) in str(refusal.value)
    assert list(refusal.value.facts["refused"]) == ["b_1"]  # type: ignore[call-overload]  # a mapping
    assert server.ask("a_1") == 3
    assert server.tree() == before


REFUSED = [
    pytest.param("raise RuntimeError('no licence')", "RuntimeError: no licence", id="an exception"),
    pytest.param("print('noise'); return False", "its load() did not return True", id="not ready"),
    pytest.param("sys.exit(3)", "SystemExit: 3", id="an exit"),
    pytest.param("print('last words', file=sys.stderr); os.abort()", "status -6: last words", id="a crash"),
    pytest.param("time.sleep(600)", "it did not load within 10 seconds", id="no end"),
    pytest.param("import nothing_of_this_name", "No module named 'nothing_of_this_name'", id="a missing library"),
]


@pytest.mark.parametrize(("code", "reason"), REFUSED)
def test_a_model_that_fails_in_any_way_is_refused(code: str, reason: str, server: MLServer, storage: Storage) -> None:
    with pytest.raises(ServingError) as refusal:
        server.models(storage.custom("c", code), wait_timeout=10 if "sleep" in code else PATIENCE)
    assert reason in str(refusal.value)
    assert not (server.repository / "c_1").exists()
    assert list((server.home / "ns.staging/new").iterdir()) == []


def test_a_model_with_code_of_its_own_is_served_and_stays_unchanged(server: MLServer, storage: Storage) -> None:
    model = storage.custom("c", "return True")
    assert outcome(server.models(model)) == (True, ["c_1"], [], [])
    assert outcome(server.models(model)) == UNCHANGED


def test_what_loads_in_the_proof_and_not_in_the_server_is_taken_back(
    server: MLServer, storage: Storage, tmp_path: Path
) -> None:
    good = storage.custom("c", "return True")
    server.models(good)
    installed = (server.repository / "c_1/its_code.py").read_bytes()
    # The second process that loads it fails: the proof is the first.
    mark = tmp_path / "mark"
    bad = storage.custom("c", f"os.mkdir({str(mark)!r}); return True")
    with pytest.raises(
        ServingError, match=r"c_1: HTTP status 500 .*; the version before was put back\. See MLServer's"
    ):
        server.models(bad)
    assert (server.repository / "c_1/its_code.py").read_bytes() == installed
    storage.custom("c", "return True")
    assert outcome(server.models(good)) == UNCHANGED


def test_a_python_that_is_not_there_is_named(server: MLServer, storage: Storage) -> None:
    with pytest.raises(ServingError, match=r"/no/python does not run .* set python to the interpreter of MLServer's"):
        server.models(storage.model("a", 3), python="/no/python")


def test_a_folder_that_is_there_and_not_loaded_is_loaded(server: MLServer, storage: Storage) -> None:
    model = storage.model("a", 3)
    server.models(model)
    request = urllib.request.Request(f"{server.url}/v2/repository/models/a_1/unload", data=b"{}", method="POST")
    urllib.request.urlopen(request, timeout=10).close()
    assert outcome(server.models(model)) == (True, ["a_1"], [], [])
    assert server.ask("a_1") == 3


def test_a_run_killed_between_installing_and_loading_is_finished_by_the_next(
    server: MLServer, storage: Storage
) -> None:
    server.models(storage.model("a", 3))
    changed = storage.model("a", 5)
    # The state that such a run leaves: the new folder and its mark, and the server still with the old model.
    shutil.copy(Path(changed["storage_uri"]) / "model.joblib", server.repository / "a_1/model.joblib")
    (server.home / "ns.staging/pending/a_1").touch()
    assert server.ask("a_1") == 3
    assert outcome(server.models(changed, dry_run=True)) == (True, ["a_1"], [], [])
    assert outcome(server.models(changed)) == (True, ["a_1"], [], [])
    assert server.ask("a_1") == 5
    assert outcome(server.models(changed)) == UNCHANGED


def test_a_killed_server_comes_back_with_every_good_model(alone: MLServer, storage: Storage) -> None:
    models = storage.model("a", 3), storage.model("b", 4)
    # Not started yet: check mode tells what comes, and changes nothing.
    before = alone.tree()
    assert outcome(alone.models(*models, dry_run=True)) == (True, ["a_1", "b_1"], [], [])
    assert alone.tree() == before
    alone.start()
    assert outcome(alone.models(*models)) == (True, ["a_1", "b_1"], [], [])
    broken = storage.model("c", 6)
    (Path(broken["storage_uri"]) / "model.joblib").write_bytes(b"\x80")
    with pytest.raises(ServingError, match="MLServer cannot load c_1"):
        alone.models(*models, broken)
    alone.kill()
    assert outcome(alone.models(*models, dry_run=True)) == UNCHANGED
    alone.start()
    assert outcome(alone.models(*models)) == UNCHANGED
    assert (alone.ask("a_1"), alone.ask("b_1")) == (3, 4)
    assert "Some of the models failed" not in alone.log()


def test_a_folder_that_ends_the_server_is_mended_without_a_server(alone: MLServer, storage: Storage) -> None:
    model = storage.model("a", 3)
    alone.start()
    alone.models(model)
    alone.kill()
    (alone.repository / "a_1/model.joblib").write_bytes(b"\x80")
    alone.start()
    assert alone.process is not None
    assert alone.process.wait(timeout=PATIENCE) == 0
    with ThreadPoolExecutor() as pool:
        run = pool.submit(alone.models, model)
        while not (alone.home / "ns.staging/pending/a_1").exists():
            assert not run.done(), run.result()
            time.sleep(0.01)
        alone.start()
        assert outcome(run.result()) == (True, ["a_1"], [], [])
    assert alone.ask("a_1") == 3


def test_a_server_that_does_not_come_is_named(alone: MLServer) -> None:
    with pytest.raises(
        ServingError, match=r"did not answer within 1 seconds: .*refused.* See its log, and check that url"
    ):
        alone.models(wait_timeout=1)


def test_two_runs_at_once_take_turns(server: MLServer, storage: Storage) -> None:
    model = storage.model("a", 3)
    code = (
        "import json, sys; sys.path.insert(0, sys.argv[1])\n"
        "from plugins.module_utils._wiring.model_delivery import deliver_from\n"
        "print(deliver_from(json.loads(sys.argv[2]), dry_run=False)['changed'])\n"
    )
    params = {
        "url": server.url,
        "repository": str(server.repository),
        "python": sys.executable,
        "models": [model],
        "purge": False,
        "wait_timeout": PATIENCE,
    }
    command = [sys.executable, "-c", code, str(Path(__file__).parents[2]), json.dumps(params)]
    runs = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert sorted(run.communicate(timeout=PATIENCE)[0].strip() for run in runs) == ["False", "True"]


def test_no_time_to_wait_is_refused(alone: MLServer) -> None:
    with pytest.raises(ServingError, match=r"^wait_timeout is 0\. Set the seconds to wait, 1 or more\.$"):
        alone.models(wait_timeout=0)


@pytest.mark.parametrize("url", ["ftp://127.0.0.1", "127.0.0.1:18100"])
def test_an_address_that_is_none_is_refused(url: str, alone: MLServer) -> None:
    with pytest.raises(ServingError, match=r"is no address of an MLServer\. Set url to one such as"):
        alone.models(url=url)


def test_another_servers_address_is_noticed(server: MLServer, alone: MLServer, storage: Storage) -> None:
    with pytest.raises(
        ServingError, match=r"a_1: .* sees no such folder; is it the server of this repository\?; its fol"
    ):
        alone.models(storage.model("a", 3), url=server.url)
    assert not (alone.repository / "a_1").exists()


def test_the_sample_models_give_their_golden_answers(server: MLServer, tmp_path: Path) -> None:
    script = Path(__file__).parents[2] / "roles/data_plane/files/train_samples.py"
    subprocess.run([sys.executable, script, tmp_path], check=True, timeout=PATIENCE, stdout=subprocess.DEVNULL)
    golden = json.loads((tmp_path / "golden.json").read_text())
    names = list(golden["models"])
    server.models(*({"name": name, "storage_uri": str(tmp_path / name), "requirements": ["sklearn"]} for name in names))
    for name in names:
        answers = [server.ask(f"{name}_1", request) for request in golden["requests"]]
        assert answers == golden["models"][name]["answers"]


def test_process_info_sees_every_port_of_the_server(server: MLServer, tmp_path: Path) -> None:
    """gRPC listens as ::ffff:127.0.0.1 and shares its port with anyone who asks the same way."""
    ask = [{"name": "m", "listens": [{"address": "127.0.0.1", "port": port, "variable": "v"}]} for port in server.ports]
    deadline = time.monotonic() + PATIENCE
    for declared in ask:
        while not survey_from({"directory": str(server.home), "processes": [declared]})["processes"]["m"]["running"]:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert survey_from({"directory": str(server.home), "processes": [declared]})["conflicts"] == []
        [conflict] = survey_from({"directory": str(tmp_path), "processes": [declared]})["conflicts"]
        assert server.process is not None
        assert conflict["holder"] == {"pid": server.process.pid, "name": "mlserver"}
