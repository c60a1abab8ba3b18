# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with one route as an inventory has it."""

from __future__ import annotations

import re
from typing import Any, Iterator, Mapping

from .ingress_routes import BODY_SIZE, FILES, GRPC, ISSUER, PATHS, REST, TLS_SOURCES
from .names import nearest_name
from .preflight_report import Finding

KEYS = (
    "name",
    "host",
    "protocol",
    "namespace",
    "path",
    "service",
    "port",
    "connect_timeout",
    "timeout",
    "body_size",
    "tls",
    "redirect",
)
TLS_KEYS = ("source", "certificate", "key", "issuer", "issuer_kind")
# What each source has to be told.
NEEDED = {FILES: ("certificate", "key"), ISSUER: ("issuer",)}
# Room is left for what is added to it, such as -https.
NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,54}[a-z0-9])?")
LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
# Names for which Traefik's Host and an Ingress mean the same: no wildcards.
HOST = re.compile(rf"({LABEL.pattern}\.)*{LABEL.pattern}", re.IGNORECASE)
LONGEST_HOST = 253
# What ingress-nginx takes as a path of the types Exact and Prefix (strict-validate-path-type).
PATH = re.compile(r"/[A-Za-z0-9._\-/]*")
LARGEST_PORT = 65535
LONGEST_TIME = 86400


def entry_findings(entry: Any, number: int) -> Iterator[Finding]:
    """Yield everything that is wrong with a route; ``number`` is its place in the list."""
    if not isinstance(entry, Mapping):
        yield Finding(f"Route {number} of ingress_routes is no dictionary. Write it as {{name: …, host: …}}.")
        return
    name = str(entry.get("name") or "")
    where = f"The route '{name}'" if name else f"Route {number} of ingress_routes"
    if not NAME.fullmatch(name):
        what = "is no name that its objects can have" if name else "has no name"
        yield Finding(f"{where} {what}. Set name to small letters, digits and hyphens, 56 at most.")
    for text in (*_keys(entry, KEYS), *_host(entry), *_words(entry), *_numbers(entry), *_tls(entry), *_redirect(entry)):
        yield Finding(f"{where} {text}")


def _keys(entry: Mapping[str, Any], known: tuple[str, ...], within: str = "") -> Iterator[str]:
    for key in entry:
        if key not in known:
            near = nearest_name(str(key), known)
            hint = f"Did you mean {near}?" if near else f"It may have {', '.join(known)}."
            yield f"has '{within}{key}', which nobody reads. {hint}"


def _host(entry: Mapping[str, Any]) -> Iterator[str]:
    host = str(entry.get("host") or "")
    if not host:
        yield "has no host. Set host to the name that callers use."
    elif not HOST.fullmatch(host) or len(host) > LONGEST_HOST or host.replace(".", "").isdigit():
        yield f"has the host '{host}', which is no host name. Set host to one such as ml-api.example.com."


def _words(entry: Mapping[str, Any]) -> Iterator[str]:
    protocol = str(entry.get("protocol") or REST)
    if protocol not in PATHS:
        yield f"has the protocol '{protocol}'. Set protocol to {REST} or {GRPC}."
    path = str(entry.get("path") or "/")
    if not PATH.fullmatch(path):
        allowed = "letters, digits, dots, hyphens, underscores and slashes"
        yield f"has the path '{path}'. Set path to a slash, and {allowed}."
    for key in ("namespace", "service"):
        value = str(entry.get(key) or "")
        if value and not LABEL.fullmatch(value):
            yield f"has the {key} '{value}', which is no name of one. Set {key} to small letters, digits and hyphens."
    size = str(entry.get("body_size") or "")
    if size and not BODY_SIZE.fullmatch(size):
        yield f"has the body_size '{size}'. Set body_size to a number with k, m or g, such as 64m, or to 0 for any."
    elif size and protocol == GRPC:
        yield "has a body_size, and a gRPC stream has no largest body. Leave body_size out."


def _numbers(entry: Mapping[str, Any]) -> Iterator[str]:
    for key, largest in (("port", LARGEST_PORT), ("connect_timeout", LONGEST_TIME), ("timeout", LONGEST_TIME)):
        value = entry.get(key)
        if value is not None and not (str(value).isascii() and str(value).isdigit() and 0 < int(value) <= largest):
            yield f"has the {key} '{value}'. Set {key} to a whole number from 1 to {largest}."


def _redirect(entry: Mapping[str, Any]) -> Iterator[str]:
    value = entry.get("redirect")
    if value is not None and not isinstance(value, bool):
        yield f"has the redirect '{value}'. Set redirect to true or false."
    elif value is not None and entry.get("protocol") == GRPC:
        yield "has a redirect, and gRPC is spoken over TLS alone. Leave redirect out."


def _tls(entry: Mapping[str, Any]) -> Iterator[str]:
    tls = entry.get("tls")
    if not tls:
        if entry.get("protocol") == GRPC:
            yield "is gRPC without TLS, and edges speak HTTP/2 with callers over TLS alone. Set tls."
        return
    if not isinstance(tls, Mapping):
        yield f"has the tls '{tls}'. Write it as {{source: private_ca}}."
        return
    yield from _keys(tls, TLS_KEYS, within="tls.")
    source = str(tls.get("source") or "")
    if source not in TLS_SOURCES:
        yield f"has the tls.source '{source}'. Set tls.source to {', '.join(TLS_SOURCES[:-1])} or {TLS_SOURCES[-1]}."
    for key in NEEDED.get(source, ()):
        if not tls.get(key):
            yield f"takes its certificate from {source}, and tls.{key} is not set. Set tls.{key}."
        elif source == FILES and not str(tls[key]).startswith(("/", "~")):
            yield f"has the tls.{key} '{tls[key]}'. Set tls.{key} to a whole path on the controller, from / or ~."
    kind = str(tls.get("issuer_kind") or "")
    if kind and kind not in ("ClusterIssuer", "Issuer"):
        yield f"has the tls.issuer_kind '{kind}'. Set tls.issuer_kind to ClusterIssuer or Issuer."


__all__ = ["entry_findings"]
