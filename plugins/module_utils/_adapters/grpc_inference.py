# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Call a server of the Open Inference Protocol over gRPC."""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import Any, Iterable, Mapping, Sequence

from .._core.errors import ServingError
from .._core.load import LoadResult, Pace
from .grpc_load import GrpcLoad
from .optional import require_grpc

# An answer that is too large must be the server's or a proxy's refusal, not ours.
_MESSAGE_BYTES = 256 * 2**20
# What waits at once during a load. NGINX and MLServer take a hundred or more on a connection, and the rest would queue
# inside grpcio, unseen.
CALLS = 100


@dataclass(frozen=True)
class GrpcAnswer:
    """How a call ended: a status by its name, and what came along."""

    code: str
    details: str
    message: bytes
    metadata: Mapping[str, str]

    @property
    def route(self) -> str | None:
        """The model that answered, as Envoy names it."""
        return self.metadata.get("x-seldon-route")


class GrpcInference:
    """One server by its ``address:port``: in plaintext, or over TLS with root certificates (b"": the library's own)."""

    def __init__(
        self,
        target: str,
        *,
        authority: str | None = None,
        root_certificates: bytes | None = None,
        timeout: float = 5.0,
    ) -> None:
        self._grpc = require_grpc()
        self._target = target
        self._timeout = timeout
        self._is_closed = False
        options = _options(authority, encrypted=root_certificates is not None)
        if root_certificates is None:
            self._channel = self._grpc.insecure_channel(target, options=options)
        else:
            credentials = self._grpc.ssl_channel_credentials(root_certificates or None)
            self._channel = self._grpc.secure_channel(target, credentials, options=options)

    def __enter__(self) -> GrpcInference:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; calls that are under way end as CANCELLED."""
        self._is_closed = True
        self._channel.close()

    def call(
        self, method: str, message: bytes, metadata: Mapping[str, str] | None = None, timeout: float | None = None
    ) -> GrpcAnswer:
        """Make one call and wait for its end; a status other than OK is an answer too."""
        self._require_open()
        # Without serializers, messages are bytes.
        call = self._channel.unary_unary(method)
        seconds = self._timeout if timeout is None else timeout
        try:
            answer, ended = call.with_call(message, timeout=seconds, metadata=_pairs(metadata))
        except self._grpc.RpcError as error:
            # An answer that is nothing but a status carries its headers in its one block, which is the last.
            found = {**_metadata(error.trailing_metadata()), **_metadata(error.initial_metadata())}
            return GrpcAnswer(error.code().name, error.details() or "", b"", found)
        return GrpcAnswer(ended.code().name, ended.details() or "", answer, _metadata(ended.initial_metadata()))

    def load(
        self, method: str, messages: Sequence[bytes], pace: Pace, metadata: Mapping[str, str] | None = None
    ) -> LoadResult:
        """Make calls at their planned times, in an open loop; a first call warms the connection up."""
        self._require_open()
        if not messages:
            raise ServingError("There is no message to send. Hand over one at least.")
        load = GrpcLoad(self._grpc, self._channel, calls=CALLS, timeout=self._timeout)
        return load.run(method, messages, pace, _pairs(metadata))

    def _require_open(self) -> None:
        if self._is_closed:
            raise ServingError(f"The channel to {self._target} is closed. Open another one.")


def _options(authority: str | None, *, encrypted: bool) -> list[tuple[str, Any]]:
    options: list[tuple[str, Any]] = [
        # The server that is named, and no proxy out of the environment.
        ("grpc.enable_http_proxy", 0),
        # What fails is seen, and each object has connections of its own.
        ("grpc.enable_retries", 0),
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.max_receive_message_length", _MESSAGE_BYTES),
    ]
    if authority is not None:
        options.append(("grpc.default_authority", authority))
        if encrypted:
            options.append(("grpc.ssl_target_name_override", authority))
    return options


def _pairs(metadata: Mapping[str, str] | None) -> list[tuple[str, str]]:
    return [(name.lower(), value) for name, value in (metadata or {}).items()]


def _metadata(found: Iterable[tuple[str, str | bytes]] | None) -> dict[str, str]:
    return {
        name.lower(): value if isinstance(value, str) else value.decode(errors="backslashreplace")
        for name, value in found or ()
    }


__all__ = ["GrpcAnswer", "GrpcInference"]
