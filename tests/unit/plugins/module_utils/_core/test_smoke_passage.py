# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is blamed for an answer that came through NGINX."""

from __future__ import annotations

import pytest

from plugins.module_utils._core.request_path import Answer, RequestPath
from plugins.module_utils._core.route_table import Endpoint
from plugins.module_utils._core.smoke_passage import answers_for, judge_passage

PLACE = Endpoint("192.0.2.200", 80)
GOOD = {"x-seldon-route": ":iris_1:", "x-request-id": "1", "x-envoy-upstream-service-time": "2"}
BODY = b'{"model_name": "iris_1", "outputs": [{"name": "p", "shape": [1], "datatype": "INT64", "data": [1]}]}'

CASES: dict[str, tuple[Answer, str, str]] = {
    "all is well": (Answer(200, GOOD, BODY, 0.0), "pass", ""),
    "Envoy has no route": (Answer(404, {}, b"", 0.0), "fail", "envoy"),
    "Envoy has nobody behind a route": (Answer(503, {}, b"no healthy upstream", 0.0), "fail", "envoy"),
    "NGINX has no route": (Answer(404, {}, b"<html>404</html>", 0.0), "fail", ""),
    "NGINX reaches nobody": (Answer(502, {}, b"<html>502</html>", 0.0), "fail", ""),
    "NGINX drops a header": (Answer(200, {**GOOD, "x-request-id": ""}, BODY, 0.0), "fail", ""),
}


@pytest.mark.parametrize(("answer", "status", "hop"), CASES.values(), ids=CASES.keys())
def test_envoy_is_blamed_for_its_own_answers_where_nobody_asked_it_before(
    answer: Answer, status: str, hop: str
) -> None:
    alone = RequestPath("ml-api.example.com", PLACE)
    found = judge_passage(answer, hop=answers_for(alone))
    assert (found.status, found.hop) == (status, hop)
    # Where Envoy was asked, and answered well, it is NGINX that leads elsewhere.
    asked = judge_passage(answer, hop=answers_for(RequestPath("ml-api.example.com", PLACE, envoy=PLACE)))
    assert (asked.status, asked.hop) == (status, "")
