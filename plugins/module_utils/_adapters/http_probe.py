# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask one question over HTTP, TCP or TLS, and bring back what came and how long it took."""

from __future__ import annotations

import contextlib
import http.client
import re
import socket
import ssl
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Iterator, Sequence

from .._core.errors import ServingError
from .._core.request_path import Answer, Endpoint, Question

COUNTER = re.compile(r"(?P<name>\w+)\{(?P<labels>[^}]*)\} (?P<value>\d+)")
CLUSTER = re.compile(r'envoy_cluster_name="(?P<model>[^"]+)_(http|grpc)"')
TOTAL = "envoy_cluster_upstream_rq_total"
# Answers that Envoy tried again are counted apart.
CLASSES = ("envoy_cluster_upstream_rq_xx", "envoy_cluster_retry_upstream_rq_xx")
FIVES = 'envoy_response_code_class="5"'
# What a series of questions notes for one that got no answer.
NO_ANSWER = 0


class HttpProbe:
    """Asks whom it is told to, without a proxy and without trying again."""

    def __init__(self, *, timeout: float) -> None:
        self._timeout = timeout

    def connect(self, place: Endpoint) -> float:
        """Return the seconds that a TCP connection took."""
        started = time.perf_counter()
        with _explained(place, self._timeout):
            socket.create_connection((place.address, place.port), self._timeout).close()
        return time.perf_counter() - started

    def connected(self, places: Sequence[Endpoint]) -> list[Endpoint]:
        """Return the places that take a TCP connection.

        They are tried at once: where nothing refuses, each takes as long as a caller is ready to wait.
        """
        with ThreadPoolExecutor(max(len(places), 1)) as pool:
            return [place for place, takes in zip(places, pool.map(self._takes, places)) if takes]

    def _takes(self, place: Endpoint) -> bool:
        try:
            self.connect(place)
        except ServingError:
            return False
        return True

    def ask(self, place: Endpoint, question: Question) -> Answer:
        """Ask on a connection of its own."""
        with _explained(place, self._timeout), self._connected(place) as connection:
            return _exchange(connection, question)

    def rounds(
        self, questions: Sequence[tuple[Endpoint, Question]], count: int, *, seconds: float
    ) -> list[list[Answer]]:
        """Ask all questions in turn, ``count`` times or until the seconds are over, each on one connection.

        A question without an answer ends the round; the round counts with what came so far, and status 0.
        """
        deadline = time.perf_counter() + seconds
        rounds: list[list[Answer]] = []
        with contextlib.ExitStack() as stack:
            connections = [stack.enter_context(self._connected(place)) for place, _question in questions]
            while len(rounds) < count and (not rounds or time.perf_counter() < deadline):
                rounds.append([self._attempt(one, *each) for one, each in zip(connections, questions)])
        return rounds

    def _attempt(self, connection: http.client.HTTPConnection, place: Endpoint, question: Question) -> Answer:
        started = time.perf_counter()
        try:
            return _exchange_again(connection, question)
        except (OSError, http.client.HTTPException) as error:
            # The next one begins on a new connection.
            connection.close()
            why = f"{place}: {error or type(error).__name__}"
            return Answer(NO_ANSWER, {}, why.encode(), time.perf_counter() - started)

    @contextlib.contextmanager
    def _connected(self, place: Endpoint) -> Iterator[http.client.HTTPConnection]:
        connection = http.client.HTTPConnection(place.address, place.port, timeout=self._timeout)
        try:
            yield connection
        finally:
            connection.close()

    def certificate(self, place: Endpoint, host: str, roots: str) -> float:
        """Return for how many seconds the certificate is valid; refuse one that is not, for this host and now.

        ``roots`` are the certificates to trust; without them, those of this host are.
        """
        try:
            context = ssl.create_default_context(cadata=roots or None)
            with _explained(place, self._timeout):
                raw = socket.create_connection((place.address, place.port), self._timeout)
                with raw, context.wrap_socket(raw, server_hostname=host) as secured:
                    ends = str((secured.getpeercert() or {}).get("notAfter", ""))
        except ssl.SSLCertVerificationError as error:
            raise ServingError(f"the certificate at {place} is refused: {error.verify_message}") from error
        except (OSError, ssl.SSLError) as error:
            raise ServingError(f"no TLS with {place}: {error}") from error
        return ssl.cert_time_to_seconds(ends) - time.time()

    def counters(self, place: Endpoint) -> dict[str, tuple[int, int]]:
        """Return what Envoy counted of each model's clusters since it started: requests, and 5xx answers."""
        answer = self.ask(place, Question("/stats/prometheus?filter=upstream_rq", str(place)))
        if answer.status != 200:
            raise ServingError(f"Envoy's statistics at {place} answered {answer.brief}.")
        found: dict[str, tuple[int, int]] = {}
        for counter in COUNTER.finditer(answer.body.decode("utf-8", "replace")):
            cluster = CLUSTER.search(counter["labels"])
            if cluster is None:
                continue
            total, bad = found.get(cluster["model"], (0, 0))
            if counter["name"] == TOTAL:
                total += int(counter["value"])
            elif counter["name"] in CLASSES and FIVES in counter["labels"]:
                bad += int(counter["value"])
            found[cluster["model"]] = (total, bad)
        return found

    def time_of_day(self) -> float:
        """Return this host's time of day, in seconds since 1970."""
        return time.time()

    def clock(self) -> float:
        """Return seconds on a clock that never goes back."""
        return time.perf_counter()


def _exchange_again(connection: http.client.HTTPConnection, question: Question) -> Answer:
    """Ask on a connection that may have been in use; one that the server closed meanwhile says nothing of the answer.

    MLServer closes after a 500 without having said so.
    """
    is_used = connection.sock is not None
    try:
        return _exchange(connection, question)
    except (ConnectionResetError, BrokenPipeError, http.client.BadStatusLine):
        # RemoteDisconnected is both. A connection of this question's own that is closed has not been answered.
        if not is_used:
            raise
    connection.close()
    return _exchange(connection, question)


def _exchange(connection: http.client.HTTPConnection, question: Question) -> Answer:
    started = time.perf_counter()
    connection.putrequest(question.method, question.path, skip_host=True, skip_accept_encoding=True)
    for name, value in question.all_headers.items():
        connection.putheader(name, value)
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        # A server that refuses a body may answer and close before it has read it all; the answer tells.
        connection.endheaders(question.body)
    response = connection.getresponse()
    body = response.read()
    headers = {name.lower(): value for name, value in response.getheaders()}
    return Answer(response.status, headers, body, time.perf_counter() - started)


@contextlib.contextmanager
def _explained(place: Endpoint, timeout: float) -> Iterator[None]:
    """Say in words what kept an answer from coming."""
    try:
        yield
    except ssl.SSLError:
        raise
    except ConnectionRefusedError as error:
        raise ServingError(f"{place} refuses connections: nothing listens there") from error
    except TimeoutError as error:
        raise ServingError(f"{place} did not answer within {timeout:g} seconds") from error
    except (OSError, http.client.HTTPException) as error:
        raise ServingError(f"{place} broke the connection off ({error or type(error).__name__})") from error


__all__ = ["HttpProbe"]
