# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is refused of an edge, each mistake with the sentence that helps."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from plugins.module_utils._core.ingress_problems import Edge, edge_findings, readable_routes

REST: dict[str, Any] = {"name": "models", "host": "ml-api.example.com"}
GRPC: dict[str, Any] = {
    "name": "models-grpc",
    "host": "grpc.example.com",
    "protocol": "grpc",
    "tls": {"source": "private_ca"},
}
GOOD = Edge("nginx", "central", "192.0.2.200", (REST, GRPC), ("192.0.2.200-192.0.2.219",))

EDGES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "all is well": ({}, []),
    "an address of a block": ({"address": "192.0.2.129", "pools": ("192.0.2.128/25",)}, []),
    "an address of no pool that is known": ({"address": "198.51.100.1", "pools": ()}, []),
    "REST with TLS, and nothing to prove": ({"routes": ({**REST, "tls": {"source": "private_ca"}},)}, []),
    "REST with TLS that cannot be proved": (
        {"routes": ({**REST, "tls": {"source": "private_ca"}}, GRPC), "is_proved": True},
        [
            "The route 'models' sends plain HTTP away to https, and models and experiments are proved over plain HTTP. "
            "Set redirect: false in it: callers come over HTTPS, and plain HTTP is answered as well."
        ],
    ),
    "REST with TLS beside plain HTTP": (
        {"routes": ({**REST, "tls": {"source": "private_ca"}, "redirect": False}, GRPC), "is_proved": True},
        [],
    ),
    "REST with TLS after a route that is asked": (
        {
            "routes": (REST, {"name": "safe", "host": "b.example.com", "tls": {"source": "private_ca"}}),
            "is_proved": True,
        },
        [],
    ),
    "REST with TLS to something else": (
        {"routes": ({**REST, "service": "web", "tls": {"source": "private_ca"}},), "is_proved": True},
        [],
    ),
    "redirects that make no sense": (
        {"routes": ({**REST, "redirect": "never"}, {**GRPC, "redirect": False})},
        [
            "The route 'models' has the redirect 'never'. Set redirect to true or false.",
            "The route 'models-grpc' has a redirect, and gRPC is spoken over TLS alone. Leave redirect out.",
        ],
    ),
    "no routes": ({"routes": ()}, []),
    "no controller, and so no address": ({"controller": "none", "address": "", "routes": ({},)}, []),
    "an unknown topology": (
        {"topology": "star"},
        ["seldon_topology is 'star'. Set it to central, namespaced or single."],
    ),
    "an unknown controller": (
        {"controller": "haproxy"},
        ["ingress_controller is 'haproxy'. Set it to nginx, traefik or none."],
    ),
    "no address": (
        {"address": ""},
        [
            "ingress_address is not set. Set it to an address of an address pool, such as one of "
            "192.0.2.200-192.0.2.219."
        ],
    ),
    "no address, and no pool": (
        {"address": "", "pools": ()},
        ["ingress_address is not set. Set it to an address of an address pool."],
    ),
    "an address that is none": (
        {"address": "ml-api.example.com"},
        ["ingress_address is 'ml-api.example.com', which is no IP address. Set one of an address pool."],
    ),
    "an address outside every pool": (
        {"address": "192.0.2.199", "pools": ("192.0.2.200-192.0.2.219", "nonsense")},
        [
            "ingress_address is 192.0.2.199, which lies in no address pool. Set one of 192.0.2.200-192.0.2.219, "
            "nonsense, or add it to metallb_address_pools."
        ],
    ),
    "a host name used twice, written differently": (
        {"routes": (REST, {**GRPC, "host": "ML-API.example.com"})},
        [
            "The routes 'models' and 'models-grpc' have one host, ml-api.example.com. Give each a host name of its "
            "own; gRPC and REST need two."
        ],
    ),
    "a name used twice": (
        {"routes": (REST, {**GRPC, "name": "models"})},
        ["ingress_routes has 2 routes 'models'. Give each its own name."],
    ),
    "a name that belongs to another route": (
        {"routes": ({**REST, "tls": {"source": "private_ca"}}, {**GRPC, "name": "models-https"})},
        [
            "The route 'models-https' would share the name models-https with an object of the route 'models'. Give it "
            "another name."
        ],
    ),
    "a mesh where none is": (
        {"routes": ({**REST, "namespace": "team-a"},)},
        [
            "The route 'models' leads to seldon-mesh in team-a, and with seldon_topology central the mesh is in "
            "seldon-system. Leave namespace out, or set seldon_topology to namespaced."
        ],
    ),
    "another service where one likes": ({"routes": ({**REST, "namespace": "team-a", "service": "grafana"},)}, []),
    "a mesh of a namespace": ({"topology": "namespaced", "routes": ({**REST, "namespace": "team-a"},)}, []),
    "no namespace where each has a mesh": (
        {"topology": "namespaced", "routes": (REST,)},
        ["The route 'models' has no namespace. Set namespace: with seldon_topology namespaced, each has a mesh."],
    ),
    "several mistakes at once": (
        {"topology": "star", "address": "", "routes": ({}, {**REST, "port": 0})},
        [
            "seldon_topology is 'star'. Set it to central, namespaced or single.",
            "ingress_address is not set. Set it to an address of an address pool, such as one of "
            "192.0.2.200-192.0.2.219.",
            "Route 1 of ingress_routes has no name. Set name to small letters, digits and hyphens, 56 at most.",
            "Route 1 of ingress_routes has no host. Set host to the name that callers use.",
            "The route 'models' has the port '0'. Set port to a whole number from 1 to 65535.",
        ],
    ),
}


@pytest.mark.parametrize("name", EDGES)
def test_edge_is_judged(name: str) -> None:
    changes, sentences = EDGES[name]
    assert [each.text for each in edge_findings(replace(GOOD, **changes))] == sentences


HELP = "Set path to a slash, and letters, digits, dots, hyphens, underscores and slashes."
ENTRIES: dict[str, tuple[Any, str]] = {
    "no dictionary": ("models", "Route 1 of ingress_routes is no dictionary. Write it as {name: …, host: …}."),
    "a name that an object cannot have": (
        {**REST, "name": "My_Models"},
        "The route 'My_Models' is no name that its objects can have. Set name to small letters, digits and hyphens, "
        "56 at most.",
    ),
    "a name too long for what is added": (
        {**REST, "name": "m" * 57},
        f"The route '{'m' * 57}' is no name that its objects can have. Set name to small letters, digits and hyphens, "
        "56 at most.",
    ),
    "a wildcard": (
        {**REST, "host": "*.example.com"},
        "The route 'models' has the host '*.example.com', which is no host name. Set host to one such as "
        "ml-api.example.com.",
    ),
    "an address as host": (
        {**REST, "host": "192.0.2.7"},
        "The route 'models' has the host '192.0.2.7', which is no host name. Set host to one such as "
        "ml-api.example.com.",
    ),
    "a key that nobody reads": (
        {**REST, "hots": "x"},
        "The route 'models' has 'hots', which nobody reads. Did you mean host?",
    ),
    "a protocol of its own": (
        {**REST, "protocol": "http3"},
        "The route 'models' has the protocol 'http3'. Set protocol to rest or grpc.",
    ),
    "a path with a rewrite": (
        {**REST, "path": "/v2/(.*)"},
        f"The route 'models' has the path '/v2/(.*)'. {HELP}",
    ),
    "a path with a line more": ({**REST, "path": "/v2\n"}, f"The route 'models' has the path '/v2\n'. {HELP}"),
    "a path without a slash": ({**REST, "path": "v2"}, f"The route 'models' has the path 'v2'. {HELP}"),
    "a service that is none": (
        {**REST, "service": "seldon.mesh"},
        "The route 'models' has the service 'seldon.mesh', which is no name of one. Set service to small letters, "
        "digits and hyphens.",
    ),
    "a port that is a word": (
        {**REST, "port": "http"},
        "The route 'models' has the port 'http'. Set port to a whole number from 1 to 65535.",
    ),
    "a time of no length": (
        {**REST, "timeout": 0},
        "The route 'models' has the timeout '0'. Set timeout to a whole number from 1 to 86400.",
    ),
    "a size in words": (
        {**REST, "body_size": "64MB"},
        "The route 'models' has the body_size '64MB'. Set body_size to a number with k, m or g, such as 64m, or to 0 "
        "for any.",
    ),
    "a size of a stream": (
        {**GRPC, "body_size": "1m"},
        "The route 'models-grpc' has a body_size, and a gRPC stream has no largest body. Leave body_size out.",
    ),
    "gRPC without TLS": (
        {**GRPC, "tls": None},
        "The route 'models-grpc' is gRPC without TLS, and edges speak HTTP/2 with callers over TLS alone. Set tls.",
    ),
    "TLS in one word": (
        {**REST, "tls": "private_ca"},
        "The route 'models' has the tls 'private_ca'. Write it as {source: private_ca}.",
    ),
    "TLS from nowhere": (
        {**REST, "tls": {"source": "acme"}},
        "The route 'models' has the tls.source 'acme'. Set tls.source to files, issuer or private_ca.",
    ),
    "files without a key": (
        {**REST, "tls": {"source": "files", "certificate": "/a.pem"}},
        "The route 'models' takes its certificate from files, and tls.key is not set. Set tls.key.",
    ),
    "a file that lies anywhere": (
        {**REST, "tls": {"source": "files", "certificate": "~/a.pem", "key": "a.key"}},
        "The route 'models' has the tls.key 'a.key'. Set tls.key to a whole path on the controller, from / or ~.",
    ),
    "an issuer without a name": (
        {**REST, "tls": {"source": "issuer"}},
        "The route 'models' takes its certificate from issuer, and tls.issuer is not set. Set tls.issuer.",
    ),
    "an issuer of another kind": (
        {**REST, "tls": {"source": "issuer", "issuer": "lan", "issuer_kind": "Vault"}},
        "The route 'models' has the tls.issuer_kind 'Vault'. Set tls.issuer_kind to ClusterIssuer or Issuer.",
    ),
    "TLS with a key that nobody reads": (
        {**REST, "tls": {"source": "issuer", "issuer": "lan", "issuer_kin": "Issuer"}},
        "The route 'models' has 'tls.issuer_kin', which nobody reads. Did you mean issuer_kind?",
    ),
}


@pytest.mark.parametrize("name", ENTRIES)
def test_route_is_judged(name: str) -> None:
    entry, sentence = ENTRIES[name]
    assert [each.text for each in edge_findings(replace(GOOD, routes=(entry,)))] == [sentence]


def test_what_is_right_is_read_beside_what_is_wrong() -> None:
    assert [route.name for route in readable_routes(({}, GRPC), topology="central")] == ["models-grpc"]
