# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plain calls to each hop of a data plane, to see that a fault is there, and that it is gone."""

from __future__ import annotations

import http.client
import json
import time
from email.utils import parsedate_to_datetime
from typing import Any

import grpc
from mlserver.grpc import dataplane_pb2 as messages
from mlserver.grpc.dataplane_pb2_grpc import GRPCInferenceServiceStub

from tests.live.data_plane import ADDRESS, BASELINE, ENHANCED, EXPERIMENT, HOST, Answer, DataPlane

# The models, each at the place of its namespace.
SERVERS = (BASELINE, ENHANCED)
SOON = 30
NGINX = {"port": "data_plane_http_port", "address": ADDRESS}
ENVOY = {"port": "data_plane_envoy_http_port", "address": "127.0.0.1"}
CLOCK_SECONDS = 5


def post(plane: DataPlane, server: int, path: str, content: Any, timeout: float = SOON) -> tuple[int, bytes]:
    """Ask the MLServer of a namespace itself, and return status and body."""
    port = plane.variables["data_plane_mlserver_http_port"] + server
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request("POST", path, json.dumps(content), {"Content-Type": "application/json"})
        with connection.getresponse() as response:
            return response.status, response.read()
    finally:
        connection.close()


def ask(plane: DataPlane, row: int = 0, name: str = BASELINE) -> tuple[int, int | None]:
    """Ask a model's own MLServer for one held-out row, and return the status and the class that it predicts.

    NGINX and Envoy hide failures by trying again.
    """
    request = plane.golden()["requests"][row]
    status, body = post(plane, SERVERS.index(name), f"/v2/models/{name}_1/infer", request)
    return status, predicted(body) if status == 200 else None


def predicted(body: bytes) -> int:
    return int(json.loads(body)["outputs"][0]["data"][0])


def ask_grpc(plane: DataPlane, row: int = 0, name: str = BASELINE) -> int | str:
    """Ask the same over gRPC, and return the class, or the code of the refusal."""
    port = plane.variables["data_plane_mlserver_grpc_port"] + SERVERS.index(name)
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        return _infer(channel, plane, row, f"{name}_1")


def ask_grpc_over_tls(plane: DataPlane, name: str = BASELINE) -> int | str:
    """Ask through NGINX, trusting the data plane's own certificate alone."""
    trusted = (plane.directory / "nginx" / "tls.crt").read_bytes()
    target = f"{ADDRESS}:{plane.variables['data_plane_grpc_port']}"
    options = [("grpc.ssl_target_name_override", HOST), ("grpc.default_authority", HOST)]
    with grpc.secure_channel(target, grpc.ssl_channel_credentials(trusted), options=options) as channel:
        return _infer(channel, plane, 0, name, ("seldon-model", name))


def _infer(channel: Any, plane: DataPlane, row: int, name: str, *metadata: tuple[str, str]) -> int | str:
    (given,) = plane.golden()["requests"][row]["inputs"]
    contents = messages.InferTensorContents(fp64_contents=given["data"])
    tensor = messages.ModelInferRequest.InferInputTensor(
        name=given["name"], datatype="FP64", shape=given["shape"], contents=contents
    )
    request = messages.ModelInferRequest(model_name=name, inputs=[tensor])
    try:
        answer = GRPCInferenceServiceStub(channel).ModelInfer(request, metadata=list(metadata), timeout=SOON)
    except grpc.RpcError as error:
        return str(error.code().name)
    return int(answer.outputs[0].contents.int64_contents[0])


def sticky(plane: DataPlane, name: str, **more: Any) -> Answer:
    """Ask one candidate of the experiment through NGINX, or Envoy, which does not try such a request again."""
    return plane.infer(f"{EXPERIMENT}.experiment", route=f":{name}_1:", **more)


def skew(plane: DataPlane) -> float:
    """Return how many seconds NGINX's clock is ahead."""
    answer = plane.call("/", headers={"Host": "example.com"})
    return parsedate_to_datetime(answer.headers["date"]).timestamp() - time.time()


def complaints(plane: DataPlane) -> list[str]:
    """Return what is wrong with a data plane, hop by hop, or nothing."""
    golden = {name: model["answers"][0] for name, model in plane.golden()["models"].items()}
    found = []
    for name in SERVERS:
        answers = {
            "its MLServer": ask(plane, name=name),
            "Envoy": _seen(sticky(plane, name, **ENVOY)),
            "NGINX": _seen(sticky(plane, name)),
        }
        found += [f"{name} at {hop}: {seen}" for hop, seen in answers.items() if seen != (200, golden[name])]
    # The baseline's own callers are split.
    if (code := ask_grpc_over_tls(plane, ENHANCED)) != golden[ENHANCED]:
        found.append(f"gRPC: {code}")
    if (status := plane.call("/", headers={"Host": "example.com"}).status) != 404:
        found.append(f"an unknown host: {status}")
    if abs(skew(plane)) > CLOCK_SECONDS:
        found.append(f"NGINX's clock: {skew(plane):+.0f} s")
    return found


def _seen(answer: Answer) -> tuple[int, int | None]:
    return answer.status, predicted(answer.body) if answer.status == 200 else None
