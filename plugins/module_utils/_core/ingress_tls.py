# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with the certificates and keys that routes take from files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Iterable, Iterator, Mapping

from .ingress_routes import FILES, Route, Tls
from .preflight_report import Finding

Shown = Mapping[str, Any]
# What is shown of every file that can be read.
FINGERPRINTS = "public_key_fingerprints"


@dataclass(frozen=True)
class TlsFiles:
    """What was shown of files, by their paths.

    ``certificates``: by ``community.crypto.x509_certificate_info``, which was asked whether one is valid ``now`` and
    ``soon``. ``keys``: by ``community.crypto.openssl_privatekey_info``.
    """

    certificates: Mapping[str, Shown]
    keys: Mapping[str, Shown]


def certificate_findings(routes: Iterable[Route], files: TlsFiles) -> Iterator[Finding]:
    """Yield everything that is wrong with the files of routes."""
    for route in routes:
        if route.tls and route.tls.source == FILES:
            where = f"The route '{route.name}'"
            certificate = files.certificates.get(route.tls.certificate, {})
            key = files.keys.get(route.tls.key, {})
            for text in _files(route.tls, certificate, key):
                yield Finding(f"{where} {text}")
            if FINGERPRINTS in certificate:
                yield from (Finding(f"{where} {text}") for text in _validity(route, route.tls, certificate))
                if certificate["valid_at"]["now"] and not certificate["valid_at"]["soon"]:
                    yield Finding(
                        f"{where}: {route.tls.certificate} expires on {_day(certificate['not_after'])}. Put a newer "
                        "one there.",
                        is_warning=True,
                    )


def _files(tls: Tls, certificate: Shown, key: Shown) -> Iterator[str]:
    for option, path, shown in (("certificate", tls.certificate, certificate), ("key", tls.key, key)):
        if FINGERPRINTS not in shown:
            yield (
                f"cannot use {path}: {str(shown.get('msg') or 'it cannot be read').rstrip('.')}. Set tls.{option} to a "
                f"file on the controller with the {option} in PEM."
            )
    if FINGERPRINTS not in certificate or FINGERPRINTS not in key:
        return
    if certificate[FINGERPRINTS]["sha256"] != key[FINGERPRINTS]["sha256"]:
        yield f"has a certificate and a key that do not belong together. Set tls.key to the key of {tls.certificate}."


def _validity(route: Route, tls: Tls, certificate: Shown) -> Iterator[str]:
    if certificate["expired"]:
        day = _day(certificate["not_after"])
        yield f"has a certificate that expired on {day}. Put a newer one at {tls.certificate}."
    elif not certificate["valid_at"]["now"]:
        yield (
            f"has a certificate that is not valid before {_day(certificate['not_before'])}. Correct the clock, or put "
            f"another one at {tls.certificate}."
        )
    names = [name[4:].lower() for name in certificate["subject_alt_name"] or () if name.startswith("DNS:")]
    if not any(_covers(name, route.host) for name in names):
        yield (
            f"has a certificate for {', '.join(names) or 'no name'}, and not for {route.host}. Put one with that name "
            f"at {tls.certificate}."
        )


def _covers(name: str, host: str) -> bool:
    """Say whether a name of a certificate is a host's; a star stands for one label (RFC 6125, 6.4.3)."""
    if name.startswith("*."):
        return host.partition(".")[2] == name[2:]
    return name == host


def _day(time: str) -> str:
    """Return the day of a time in ASN.1's notation."""
    return f"{time[:4]}-{time[4:6]}-{time[6:8]}"


__all__ = ["TlsFiles", "certificate_findings"]
