# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is refused of the certificates and keys in files."""

from __future__ import annotations

from typing import Any

import pytest

from plugins.module_utils._core.ingress_routes import parse_route
from plugins.module_utils._core.ingress_tls import TlsFiles, certificate_findings

ROUTE = parse_route(
    {
        "name": "models",
        "host": "ML-api.example.com",
        "tls": {"source": "files", "certificate": "/tls/models.crt", "key": "/tls/models.key"},
    },
    topology="central",
)
# As community.crypto shows them.
CERTIFICATE: dict[str, Any] = {
    "public_key_fingerprints": {"sha256": "aa:bb"},
    "expired": False,
    "not_before": "20260101000000Z",
    "not_after": "20270102000000Z",
    "valid_at": {"now": True, "soon": True},
    "subject_alt_name": ["DNS:other.example.com", "DNS:ml-api.example.com", "IP:192.0.2.7"],
}
KEY: dict[str, Any] = {"public_key_fingerprints": {"sha256": "aa:bb"}}

CASES: dict[str, tuple[dict[str, Any], dict[str, Any], list[tuple[str, bool]]]] = {
    "all is well": ({}, {}, []),
    "a star covers one label": ({"subject_alt_name": ["DNS:*.example.com"]}, {}, []),
    "it expires soon": (
        {"valid_at": {"now": True, "soon": False}},
        {},
        [("The route 'models': /tls/models.crt expires on 2027-01-02. Put a newer one there.", True)],
    ),
    "it has expired": (
        {"expired": True, "valid_at": {"now": False, "soon": False}},
        {},
        [
            (
                "The route 'models' has a certificate that expired on 2027-01-02. Put a newer one at /tls/models.crt.",
                False,
            )
        ],
    ),
    "it begins later": (
        {"valid_at": {"now": False, "soon": True}},
        {},
        [
            (
                "The route 'models' has a certificate that is not valid before 2026-01-01. Correct the clock, or put "
                "another one at /tls/models.crt.",
                False,
            )
        ],
    ),
    "a key of another one": (
        {},
        {"public_key_fingerprints": {"sha256": "cc:dd"}},
        [
            (
                "The route 'models' has a certificate and a key that do not belong together. Set tls.key to the key of "
                "/tls/models.crt.",
                False,
            )
        ],
    ),
    "for another host": (
        {"subject_alt_name": ["DNS:*.com", "DNS:example.com"]},
        {},
        [
            (
                "The route 'models' has a certificate for *.com, example.com, and not for "
                "ml-api.example.com. Put one with that name at /tls/models.crt.",
                False,
            )
        ],
    ),
    "for nobody": (
        {"subject_alt_name": None},
        {},
        [
            (
                "The route 'models' has a certificate for no name, and not for ml-api.example.com. Put one with that "
                "name at /tls/models.crt.",
                False,
            )
        ],
    ),
    "files that cannot be read": (
        {"public_key_fingerprints": None, "msg": "No such file."},
        {"public_key_fingerprints": None},
        [
            (
                "The route 'models' cannot use /tls/models.crt: No such file. Set tls.certificate to a file on the "
                "controller with the certificate in PEM.",
                False,
            ),
            (
                "The route 'models' cannot use /tls/models.key: it cannot be read. Set tls.key to a file on the "
                "controller with the key in PEM.",
                False,
            ),
        ],
    ),
}


def shown(values: dict[str, Any]) -> dict[str, Any]:
    """Return what a module shows; of a file that it cannot read, there are no fingerprints."""
    return values if values["public_key_fingerprints"] else {"msg": values["msg"]} if "msg" in values else {}


@pytest.mark.parametrize("name", CASES)
def test_files_are_judged(name: str) -> None:
    certificate, key, expected = CASES[name]
    certificates = {"/tls/models.crt": shown({**CERTIFICATE, **certificate})}
    found = certificate_findings([ROUTE], TlsFiles(certificates, {"/tls/models.key": shown({**KEY, **key})}))
    assert [(each.text, each.is_warning) for each in found] == expected


def test_other_sources_have_no_files() -> None:
    route = parse_route({"name": "a", "host": "a.example.com", "tls": {"source": "private_ca"}}, topology="central")
    assert list(certificate_findings([route], TlsFiles({}, {}))) == []
