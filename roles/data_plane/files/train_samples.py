# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Train the two sample models, and keep held-out rows as requests with their golden answers.

Usage: train_samples.py TARGET

Writes TARGET/<model>/model.joblib for each model, TARGET/golden.json, and its first request alone as
TARGET/request.json, then says "changed" or "unchanged".
The data set ships inside scikit-learn (Wisconsin breast cancer, 30 features). The same script with the same library
versions trains the same models, so what is complete and unaltered is left alone.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import sys
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

GOLDEN_ROWS = 20
SEED = 7
STAMP = ".trained.json"
# New files are made here, never in a model's folder: whatever lies there belongs to the model.
UNFINISHED = ".unfinished"
LOCK = ".lock"


def sample_models() -> dict[str, Any]:
    """Return the untrained models by name: a plain baseline, and a better one."""
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415
    from sklearn.pipeline import make_pipeline  # noqa: PLC0415
    from sklearn.preprocessing import StandardScaler  # noqa: PLC0415
    from sklearn.tree import DecisionTreeClassifier  # noqa: PLC0415

    return {
        "baseline-predictor": DecisionTreeClassifier(max_depth=2, random_state=SEED),
        "enhanced-predictor": make_pipeline(StandardScaler(), LogisticRegression(random_state=SEED)),
    }


def recipe() -> str:
    """Return a fingerprint of everything that decides the result."""
    libraries = [f"{library} {version(library)}" for library in ("joblib", "numpy", "scipy", "scikit-learn")]
    return digest("\n".join([Path(__file__).read_text(), sys.version, *libraries]).encode())


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def is_complete(target: Path) -> bool:
    """Say whether a finished run of this recipe left its files, and nobody altered them since."""
    try:
        stamp = json.loads((target / STAMP).read_text())
        found = {name: digest((target / name).read_bytes()) for name in stamp["files"]}
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return bool(stamp["recipe"] == recipe() and stamp["files"] == found)


def request(row: Any) -> dict[str, Any]:
    """Return one row as an inference request of the Open Inference Protocol."""
    values = [float(value) for value in row]
    return {"inputs": [{"name": "predict", "shape": [1, len(values)], "datatype": "FP64", "data": values}]}


def train(target: Path) -> None:
    """Train every model; the stamp comes last, so what is interrupted is done again."""
    # These take seconds to load, and most runs find everything done.
    import joblib  # noqa: PLC0415
    from sklearn.datasets import load_breast_cancer  # noqa: PLC0415
    from sklearn.model_selection import train_test_split  # noqa: PLC0415

    (target / STAMP).unlink(missing_ok=True)
    shutil.rmtree(target / UNFINISHED, ignore_errors=True)
    data = load_breast_cancer()
    train_rows, held_out, train_labels, labels = train_test_split(
        data.data, data.target, test_size=0.3, stratify=data.target, random_state=SEED
    )
    golden = held_out[:GOLDEN_ROWS]
    files: dict[str, str] = {}
    answers: dict[str, Any] = {}
    for name, model in sample_models().items():
        model.fit(train_rows, train_labels)
        place(target, f"{name}/model.joblib", partial(joblib.dump, model), files)
        answers[name] = {
            "accuracy": round(float(model.score(held_out, labels)), 4),
            "answers": [int(label) for label in model.predict(golden)],
        }
    requests = [request(row) for row in golden]
    facts = {
        "features": list(data.feature_names),
        "classes": list(data.target_names),
        "requests": requests,
        "labels": [int(label) for label in labels[:GOLDEN_ROWS]],
        "models": answers,
    }
    place(target, "golden.json", lambda path: path.write_text(text(facts)), files)
    place(target, "request.json", lambda path: path.write_text(text(requests[0])), files)
    place(target, STAMP, lambda path: path.write_text(text({"recipe": recipe(), "files": dict(files)})), files)
    shutil.rmtree(target / UNFINISHED)


def text(facts: dict[str, Any]) -> str:
    return json.dumps(facts, indent=1, sort_keys=True, default=str) + "\n"


def place(target: Path, name: str, write: Callable[[Path], Any], files: dict[str, str]) -> None:
    """Write a file beside and move it in, so that under its own name it is always whole; note its digest."""
    unfinished = target / UNFINISHED / name
    final = target / name
    unfinished.parent.mkdir(parents=True, exist_ok=True)
    final.parent.mkdir(parents=True, exist_ok=True)
    write(unfinished)
    with unfinished.open("rb") as stream:
        os.fsync(stream.fileno())
    files[name] = digest(unfinished.read_bytes())
    unfinished.replace(final)


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit("Usage: train_samples.py TARGET")
    target = Path(sys.argv[1])
    try:
        target.mkdir(parents=True, exist_ok=True)
        with (target / LOCK).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            complete = is_complete(target)
            if not complete:
                train(target)
    except OSError as error:
        sys.exit(f"The sample models could not be written to {target}: {error}. Run again when that is mended.")
    print("unchanged" if complete else "changed")


if __name__ == "__main__":
    main()
