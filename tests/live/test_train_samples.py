# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sample models are trained once, the same every time, and an interrupted training heals."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import joblib
import pytest

SCRIPT = Path(__file__).parents[2] / "roles/data_plane/files/train_samples.py"
FILES = ("baseline-predictor/model.joblib", "enhanced-predictor/model.joblib", "golden.json")


def train(target: Path) -> str:
    done = subprocess.run([sys.executable, SCRIPT, target], capture_output=True, text=True, check=True, timeout=120)
    return done.stdout


def contents(target: Path) -> dict[str, bytes]:
    return {name: (target / name).read_bytes() for name in FILES}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("samples")
    assert train(target) == "changed\n"
    return target


def test_a_second_run_leaves_everything_as_it_is(trained: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in trained.rglob("*") if path.name != ".lock"}
    assert train(trained) == "unchanged\n"
    assert {path: path.stat().st_mtime_ns for path in trained.rglob("*") if path.name != ".lock"} == before


def test_training_elsewhere_gives_the_same_bytes(trained: Path, tmp_path: Path) -> None:
    train(tmp_path)
    assert contents(tmp_path) == contents(trained)


def test_a_models_folder_holds_the_model_alone(trained: Path) -> None:
    for model in ("baseline-predictor", "enhanced-predictor"):
        assert [path.name for path in (trained / model).iterdir()] == ["model.joblib"]


def test_the_golden_answers_are_those_of_the_models_as_saved(trained: Path) -> None:
    golden = json.loads((trained / "golden.json").read_text())
    rows = [request["inputs"][0]["data"] for request in golden["requests"]]
    assert len(rows) == len(golden["labels"]) == 20
    for name, expected in golden["models"].items():
        assert joblib.load(trained / name / "model.joblib").predict(rows).tolist() == expected["answers"]


def test_the_enhanced_model_is_better_and_the_rows_tell_them_apart(trained: Path) -> None:
    models = json.loads((trained / "golden.json").read_text())["models"]
    assert models["baseline-predictor"]["accuracy"] == pytest.approx(0.91, abs=0.01)
    assert models["enhanced-predictor"]["accuracy"] == pytest.approx(0.98, abs=0.01)
    assert models["baseline-predictor"]["answers"] != models["enhanced-predictor"]["answers"]


@pytest.mark.parametrize("name", FILES)
def test_an_altered_file_is_trained_again(name: str, trained: Path) -> None:
    good = contents(trained)
    (trained / name).write_bytes(good[name][:-1])
    assert train(trained) == "changed\n"
    assert contents(trained) == good


@pytest.mark.parametrize("last_seen", [".unfinished", "enhanced-predictor", "golden.json"])
def test_a_training_killed_in_the_middle_heals(last_seen: str, trained: Path, tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, SCRIPT, tmp_path], stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not (tmp_path / last_seen).exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.0005)
    process.kill()
    process.wait()
    # What has its own name is whole, whenever the run ended.
    whole = contents(trained)
    assert all((tmp_path / name).read_bytes() == whole[name] for name in FILES if (tmp_path / name).exists())
    train(tmp_path)
    assert contents(tmp_path) == whole
    assert train(tmp_path) == "unchanged\n"


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = subprocess.run(
        [sys.executable, SCRIPT, tmp_path / "file/samples"], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 1
    assert f"could not be written to {tmp_path}/file/samples: [Errno 20]" in done.stderr
