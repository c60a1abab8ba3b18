# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gRPC client against a whole data plane: what really comes back, from whom."""

from __future__ import annotations

import datetime
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from plugins.module_utils._adapters.grpc_inference import GrpcAnswer, GrpcInference
from plugins.module_utils._core.inference import infer_faults, values
from plugins.module_utils._core.load import Pace
from plugins.module_utils._core.oip_messages import (
    MODEL_INFER,
    MODEL_METADATA,
    MODEL_READY,
    SERVER_LIVE,
    SERVER_READY,
    empty,
    infer_request,
    infer_response,
    live,
    metadata_response,
    model_name,
    ready,
)
from tests.live.data_plane import ADDRESS, BASELINE, ENHANCED, EXPERIMENT, HOST, NAMESPACES, DataPlane, wait_for
from tests.live.programs import pids

BY_EXPERIMENT = {"seldon-model": f"{EXPERIMENT}.experiment"}
TO_BASELINE = {**BY_EXPERIMENT, "x-seldon-route": f":{BASELINE}_1:"}
ROUTES = {f":{BASELINE}_1:", f":{ENHANCED}_1:"}
MIB = 2**20


def through_nginx(data_plane: DataPlane, **more: Any) -> GrpcInference:
    """Return a client of the whole path; what is given stands in for what is right."""
    target = f"{ADDRESS}:{data_plane.variables['data_plane_grpc_port']}"
    certificate = (data_plane.directory / "nginx" / "tls.crt").read_bytes()
    return GrpcInference(target, **{"authority": HOST, "root_certificates": certificate, "timeout": 30, **more})


def at_mlserver(data_plane: DataPlane, index: int = 0, **more: Any) -> GrpcInference:
    """Return a client of a namespace's MLServer, without encryption."""
    port = int(data_plane.variables["data_plane_mlserver_grpc_port"]) + index
    return GrpcInference(f"127.0.0.1:{port}", **{"timeout": 30, **more})


@pytest.fixture(scope="module")
def path(data_plane: DataPlane) -> Iterator[GrpcInference]:
    with through_nginx(data_plane) as client:
        yield client


@pytest.fixture(scope="module")
def server(data_plane: DataPlane) -> Iterator[GrpcInference]:
    with at_mlserver(data_plane) as client:
        yield client


def request(data_plane: DataPlane, name: str = f"{BASELINE}_1", *, row: int = 0, padding: float = 0) -> bytes:
    """Return the message for a held-out row, made larger by so many MiB."""
    more = {"parameters": {"padding": "x" * int(padding * MIB)}} if padding else {}
    return infer_request(name, {**data_plane.golden()["requests"][row], **more})


def infer(client: GrpcInference, message: bytes, metadata: Mapping[str, str] | None = None) -> GrpcAnswer:
    return client.call(MODEL_INFER, message, metadata)


# --- good calls -------------------------------------------------------------------------------------------------


def test_infer_through_the_path(data_plane: DataPlane, path: GrpcInference) -> None:
    for row, expected in enumerate(data_plane.golden()["models"][BASELINE]["answers"]):
        answer = infer(path, request(data_plane, "x", row=row), TO_BASELINE)
        assert (answer.code, answer.route) == ("OK", f":{BASELINE}_1:")
        found = infer_response(answer.message)
        assert infer_faults(found, model=BASELINE) == []
        assert values(found) == [expected]


def test_answer_over_grpc_says_what_rest_says(data_plane: DataPlane, path: GrpcInference) -> None:
    over_grpc = infer_response(infer(path, request(data_plane), TO_BASELINE).message)
    rest = data_plane.infer(f"{EXPERIMENT}.experiment", route=f":{BASELINE}_1:")
    assert infer_faults(rest.body, model=f"{BASELINE}_1") == []
    assert (over_grpc["model_name"], over_grpc["model_version"]) == (rest.model, "1")


def test_ready_and_metadata_through_the_path(path: GrpcInference) -> None:
    answer = path.call(MODEL_READY, model_name("x"), BY_EXPERIMENT)
    assert (answer.code, ready(answer.message)) == ("OK", True)
    assert answer.route in ROUTES
    found = metadata_response(path.call(MODEL_METADATA, model_name("x"), TO_BASELINE).message)
    # The runtime for scikit-learn does not know its inputs.
    assert (found["name"], found["inputs"]) == (f"{BASELINE}_1", [])


def test_directly_at_an_mlserver(data_plane: DataPlane, server: GrpcInference) -> None:
    assert live(server.call(SERVER_LIVE, empty()).message)
    assert ready(server.call(SERVER_READY, empty()).message)
    answer = infer(server, request(data_plane))
    assert (answer.code, answer.route) == ("OK", None)
    assert infer_faults(infer_response(answer.message), model=f"{BASELINE}_1") == []


# --- refusals, and by whom --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Refusal:
    """A call that is refused: what is said, and on which model's route, if there is one."""

    code: str
    details: str = ""
    route: str | None = None
    method: str = MODEL_INFER
    message: bytes | None = None
    metadata: Mapping[str, str] = field(default_factory=lambda: TO_BASELINE)


STALE = {**BY_EXPERIMENT, "x-seldon-route": ":gone_9:"}
REFUSALS = {
    "no metadata": Refusal("UNIMPLEMENTED", metadata={}),
    "unknown model": Refusal("UNIMPLEMENTED", metadata={"seldon-model": "nobody"}),
    "stale x-seldon-route": Refusal("UNIMPLEMENTED", metadata=STALE),
    "readiness of an unknown model": Refusal(
        "UNIMPLEMENTED", method=MODEL_READY, message=model_name("x"), metadata={"seldon-model": "nobody"}
    ),
    "a server's health, without a model": Refusal("UNIMPLEMENTED", method=SERVER_READY, message=empty(), metadata={}),
    # Envoy itself says no, and by then it has chosen the route.
    "the repository": Refusal(
        "UNIMPLEMENTED",
        route=f":{BASELINE}_1:",
        method="/inference.GRPCInferenceService/RepositoryIndex",
        message=b"",
    ),
    "a service that NGINX does not pass on": Refusal(
        "UNIMPLEMENTED", "Received http2 header with status: 404", method="/other.Service/Call", message=b""
    ),
    "bytes that are no message": Refusal("UNKNOWN", "DecodeError", f":{BASELINE}_1:", message=b"\xff\xff"),
    "no tensors": Refusal("INVALID_ARGUMENT", "(0 were received)", f":{BASELINE}_1:", message=b""),
}


@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS.keys())
def test_refusal(data_plane: DataPlane, path: GrpcInference, refusal: Refusal) -> None:
    message = request(data_plane) if refusal.message is None else refusal.message
    answer = path.call(refusal.method, message, refusal.metadata)
    assert (answer.code, answer.route) == (refusal.code, refusal.route)
    assert refusal.details in answer.details


def test_wrong_shape_is_an_internal_error_at_once(data_plane: DataPlane, path: GrpcInference) -> None:
    (tensor,) = data_plane.golden()["requests"][0]["inputs"]
    message = infer_request("x", {"inputs": [{**tensor, "shape": [1, 3], "data": tensor["data"][:3]}]})
    # Its HTTP status is 200, so Envoy does not try again, and the deadline is far from what that would take.
    answer = path.call(MODEL_INFER, message, BY_EXPERIMENT, timeout=30)
    assert answer.code == "INTERNAL"
    assert answer.route in ROUTES
    assert float(answer.metadata["x-envoy-upstream-service-time"]) < 500


def test_unknown_model_at_an_mlserver(data_plane: DataPlane, server: GrpcInference) -> None:
    answer = infer(server, request(data_plane, "nobody_1"))
    assert (answer.code, answer.details) == ("NOT_FOUND", "Model nobody_1 with version  not found")


@pytest.mark.parametrize(("mib", "code"), [(2.9, "OK"), (3.5, "UNKNOWN"), (4.1, "UNKNOWN")])
def test_large_message_through_nginx(data_plane: DataPlane, path: GrpcInference, mib: float, code: str) -> None:
    answer = infer(path, request(data_plane, padding=mib), TO_BASELINE)
    # What is above the size of a body gets HTTP's 413, and gRPC has no status for that.
    details = "" if code == "OK" else "Received http2 header with status: 413"
    assert (answer.code, answer.details) == (code, details)


@pytest.mark.parametrize(("mib", "code"), [(3.9, "OK"), (4.1, "RESOURCE_EXHAUSTED")])
def test_large_message_without_nginx(data_plane: DataPlane, server: GrpcInference, mib: float, code: str) -> None:
    message = request(data_plane, padding=mib)
    with GrpcInference(f"127.0.0.1:{data_plane.variables['data_plane_envoy_http_port']}", timeout=30) as envoy:
        at_envoy, at_server = infer(envoy, message, TO_BASELINE), infer(server, message)
    assert (at_envoy.code, at_envoy.route, at_server.code) == (code, f":{BASELINE}_1:", code)
    if code != "OK":
        assert at_envoy.details == at_server.details
        assert at_server.details.startswith("SERVER: Received message larger than max (")


# --- connections that come to nothing ---------------------------------------------------------------------------


def another() -> bytes:
    """Return a certificate for the same host that somebody else made."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, HOST)])
    today = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(today)
        .not_valid_after(today + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM)


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        pytest.param({"authority": "another.host"}, "UNAVAILABLE", "Hostname Verification", id="another name"),
        pytest.param(
            {"root_certificates": another()}, "UNAVAILABLE", "CERTIFICATE_VERIFY_FAILED", id="another certificate"
        ),
        pytest.param({"root_certificates": None}, "UNAVAILABLE", "", id="no encryption"),
        # The certificate is for the address as well, and NGINX knows no such host.
        pytest.param({"authority": None}, "UNIMPLEMENTED", "http2 header with status: 404", id="the address as name"),
    ],
)
def test_wrong_way_in(data_plane: DataPlane, more: dict[str, Any], code: str, said: str) -> None:
    with through_nginx(data_plane, timeout=5) as right, through_nginx(data_plane, **more) as wrong:
        answer = wrong.call(MODEL_INFER, request(data_plane), BY_EXPERIMENT, timeout=5)
        assert (answer.code, answer.route) == (code, None)
        assert said in answer.details
        assert infer(right, request(data_plane), BY_EXPERIMENT).code == "OK"


@contextmanager
def frozen(data_plane: DataPlane, namespace: str) -> Iterator[None]:
    """Hold an MLServer still for a while: its port takes connections, and nothing answers."""
    (pid,) = pids(data_plane)[f"mlserver/{namespace}"]
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_deadline_is_kept_while_a_server_stands_still(data_plane: DataPlane, path: GrpcInference) -> None:
    message = request(data_plane)
    with frozen(data_plane, NAMESPACES[0]), through_nginx(data_plane, timeout=0.5) as hurried:
        assert path.call(MODEL_INFER, message, TO_BASELINE, timeout=0.3).code == "DEADLINE_EXCEEDED"
        result = hurried.load(MODEL_INFER, [message], Pace(50, 25), TO_BASELINE)
        assert result.statuses == {"timeout": 25}
        assert (result.answered, result.latency.minimum, result.latency.maximum) == (0, 500_000, 500_000)
        assert infer(path, message, {"seldon-model": ENHANCED}).code == "OK"
    wait_for(lambda: infer(path, message, TO_BASELINE).code == "OK", "the server goes on")


def test_server_that_is_gone_is_unavailable(data_plane: DataPlane, path: GrpcInference) -> None:
    message = request(data_plane)
    (pid,) = pids(data_plane)[f"mlserver/{NAMESPACES[0]}"]
    with at_mlserver(data_plane) as direct:
        assert infer(direct, message).code == "OK"
        os.kill(pid, signal.SIGKILL)
        # A sticky call is made once only, so Envoy says at once what it sees.
        wait_for(lambda: infer(path, message, TO_BASELINE).code == "UNAVAILABLE", "Envoy misses the server", 30)
        assert infer(path, message, {"seldon-model": ENHANCED}).code == "OK"
        wait_for(lambda: infer(direct, message).code == "OK", "the server runs again")
    wait_for(lambda: infer(path, message, TO_BASELINE).code == "OK", "Envoy finds the server again")


# --- a load -----------------------------------------------------------------------------------------------------


def test_load_is_split_by_route(data_plane: DataPlane, path: GrpcInference) -> None:
    messages = [request(data_plane, row=row) for row in range(4)]
    result = path.load(MODEL_INFER, messages, Pace(100, 200), BY_EXPERIMENT)
    assert result.statuses == {"OK": 200}
    assert (result.sent, result.answered, result.successes, result.closed) == (200, 200, 200, 0)
    counts = {route: latency.count for route, latency in result.routes.items()}
    assert set(counts) == ROUTES
    assert sum(counts.values()) == 200
    # 30 of 100; five standard deviations to each side.
    assert 28 <= counts[f":{ENHANCED}_1:"] <= 92
    assert result.seconds >= 199 / 100
    assert 0 < result.service.minimum <= result.latency.maximum


def test_load_counts_refusals(data_plane: DataPlane, path: GrpcInference) -> None:
    result = path.load(MODEL_INFER, [request(data_plane)], Pace(100, 50), {"seldon-model": "nobody"})
    assert (result.statuses, result.answered, result.successes) == ({"UNIMPLEMENTED": 50}, 50, 0)
    assert result.routes == {}
