# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a smoke test is told of the request path, and what it refuses to be told."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from plugins.module_utils._core.errors import ServingError
from plugins.module_utils._core.request_path import (
    Answer,
    Question,
    RequestPath,
    Row,
    infer,
    parse_experiment,
    parse_model,
    parse_samples,
)
from plugins.module_utils._core.route_table import Endpoint

REQUEST = {"inputs": [{"name": "predict", "shape": [1, 1], "datatype": "FP64", "data": [1.0]}]}
MODEL = {"name": "a", "namespace": "team", "version": 2, "http": "127.0.0.1:18100"}


def file(**values: Any) -> dict[str, bytes]:
    return {"samples.json": json.dumps(values).encode()}


def test_samples_belong_to_models() -> None:
    samples = parse_samples(file(requests=[REQUEST], models={"a": {"answers": [1]}, "b": {"accuracy": 0.9}}))
    assert (samples["a"].requests, samples["a"].answers) == ((REQUEST,), (1,))
    # Nobody recorded what b answers, and that is no answer.
    assert samples["b"].answers is None
    model = parse_model(MODEL, samples)
    assert (model.internal_name, model.route, model.request) == ("a_2", ":a_2:", REQUEST)
    assert (model.http, model.grpc) == (Endpoint("127.0.0.1", 18100), None)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{", "samples.json holds no samples"),
        (b"[]", "samples.json holds no samples"),
        (b'{"requests": [1], "models": {}}', "samples.json holds no samples"),
        (b'{"requests": [{}], "models": {"a": []}}', "samples.json holds no samples"),
        (b'{"requests": [{}], "models": {"a": {"answers": [1, 2]}}}', "no answer to each request for a"),
        (b'{"requests": [], "models": {"a": {}}}', "or no requests at all"),
    ],
)
def test_bad_samples_are_refused(content: bytes, words: str) -> None:
    with pytest.raises(ServingError, match=re.escape(words)):
        parse_samples({"samples.json": content})


def path(**more: Any) -> RequestPath:
    samples = parse_samples(file(requests=[REQUEST], models={"a": {}, "b": {}}))
    models = tuple(parse_model({**MODEL, "name": name}, samples) for name in ("a", "b", "c"))
    return RequestPath("ml-api.local", Endpoint("127.0.77.1", 18000), models=models, **more)


def experiment(**weights: int) -> Any:
    candidates = [{"name": name, "weight": weight} for name, weight in weights.items()]
    return parse_experiment({"name": "e", "candidates": candidates, "default": "a"})


@pytest.mark.parametrize(
    ("weights", "request_"),
    [({"a": 7, "b": 3}, REQUEST), ({"a": 7, "c": 3}, None), ({"a": 7, "c": 0}, REQUEST)],
)
def test_an_experiment_is_asked_what_all_its_candidates_understand(weights: dict[str, int], request_: Any) -> None:
    assert path().request_for(experiment(**weights)) == request_


def test_only_the_default_is_split() -> None:
    split = path(experiments=(experiment(a=7, b=3),))
    assert split.split_of(split.model("a")) is not None
    assert split.split_of(split.model("b")) is None


def test_a_candidate_that_is_no_model_is_refused() -> None:
    with pytest.raises(
        ServingError, match="'nobody' takes part in an experiment and is not in models, which has: a, b"
    ):
        path().model("nobody")


def test_a_question_has_the_headers_that_it_names() -> None:
    question = infer("a", REQUEST, host="ml-api.local", seldon_model="e.experiment", x_seldon_route=":a_2:")
    assert question.method == "POST"
    assert question.all_headers == {
        "Host": "ml-api.local",
        "Content-Type": "application/json",
        "Content-Length": str(len(json.dumps(REQUEST))),
        "seldon-model": "e.experiment",
        "x-seldon-route": ":a_2:",
    }
    assert Question("/").all_headers == {}


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (Answer(404, {}, b"", 0.1), ""),
        (Answer(200, {}, b"", 0.1), "an unknown model: 200"),
        (Answer(404, {"x-seldon-route": ":a_2:"}, b"", 0.1), "an unknown model: 404, x-seldon-route :a_2:"),
        (Answer(503, {}, b"no healthy\n upstream", 0.1), "an unknown model: 503: no healthy upstream"),
    ],
)
def test_a_row_says_what_is_wrong(answer: Answer, fault: str) -> None:
    assert Row("an unknown model", Question("/"), (404,)).fault(answer) == fault
