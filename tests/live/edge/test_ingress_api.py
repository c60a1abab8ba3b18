# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Routes on a real API server: what is made, what a second run leaves alone, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tests.api_server import APPLY, MERGE, ApiServer
from tests.live.edge.ingress_world import PATHS, TRAEFIK, World

GROUPS = ["", "networking.k8s.io", "traefik.io", "cert-manager.io"]
BACKEND = {"service": {"name": "grafana", "port": {"number": 80}}}
RULE = {"host": "grafana.example.com", "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": BACKEND}]}}


@pytest.fixture
def world(api: ApiServer, tmp_path: Path) -> World:
    api.establish(*TRAEFIK)
    return World(api, tmp_path)


def edge(namespace: str, controller: str = "nginx", **more: Any) -> dict[str, Any]:
    """Return an inventory with a route of REST and one of gRPC."""
    routes = [
        {"name": "models", "host": "ml-api.example.com", "namespace": namespace, **more},
        {
            "name": "models-grpc",
            "host": "grpc.example.com",
            "namespace": namespace,
            "protocol": "grpc",
            "tls": {"source": "private_ca"},
        },
    ]
    return {
        "seldon_topology": "namespaced",
        "ingress_controller": controller,
        "ingress_address": "192.0.2.200",
        "ingress_routes": routes,
    }


def central(controller: str = "nginx", **more: Any) -> dict[str, Any]:
    """Return a route of REST where there is one mesh for all, whose namespace goes without saying."""
    values = edge("", controller, **more)
    return {**values, "seldon_topology": "central", "ingress_routes": values["ingress_routes"][:1]}


def test_routes_live_from_a_look_before_to_the_last_one_gone(world: World, api: ApiServer) -> None:
    """Each step is told by check mode before, done once, and found done after."""
    path = PATHS["Ingress"].format("namespaces/seldon-system/")
    home = "/api/v1/namespaces/seldon-system"

    # First it is only told: not even the namespace is made.
    is_new = api.ask("GET", home).status == 404
    assert world.run(central(), "--check").require() > 0
    assert api.ask("GET", home).status == (404 if is_new else 200)
    assert world.run(central()).require() > 0
    assert world.named("Ingress", "seldon-system") == ["models"]

    # What others have made there stays, until the end.
    api.ask("PATCH", home, {"metadata": {"labels": {"a": "b"}}}, kind=MERGE).require()
    api.create(path, {"metadata": {"name": "grafana"}, "spec": {"rules": [RULE]}})
    world.run(central()).require(changed=0)

    world.run(central(timeout=900), "--check").require(changed=1)
    annotations = world.read("Ingress", "seldon-system", "models")["metadata"]["annotations"]
    assert annotations["nginx.ingress.kubernetes.io/proxy-read-timeout"] == "300"

    # The other controller takes over: its objects come, and those of the first one go.
    world.run(central("traefik")).require(changed=2)
    assert world.named("Ingress", "seldon-system") == []
    assert world.named("IngressRoute", "seldon-system") == ["models"]

    # A limit that is gone from the inventory is gone from the cluster.
    assert world.named("Middleware", "seldon-system") == ["models-body"]
    world.run(central("traefik", body_size="0")).require(changed=2)
    assert world.named("Middleware", "seldon-system") == []
    assert "middlewares" not in world.read("IngressRoute", "seldon-system", "models")["spec"]["routes"][0]
    world.run(central("traefik", body_size="0")).require(changed=0)

    world.run({**central("traefik"), "ingress_routes": []}).require(changed=1)
    assert [world.named(kind, "seldon-system") for kind in PATHS] == [[] for _ in PATHS]
    assert api.ask("GET", f"{path}/grafana").status == 200
    assert api.ask("GET", home).require()["metadata"]["labels"]["a"] == "b"


def hosts(certificate: x509.Certificate) -> list[str]:
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return list(names.get_values_for_type(x509.DNSName))


def certificate(data: dict[str, bytes], key: str = "tls.crt") -> x509.Certificate:
    return x509.load_pem_x509_certificate(data[key])


def test_certificates_of_the_private_ca(world: World, namespace: str) -> None:
    """They are for their hosts, last as long as they should, and their keys are never shown."""
    values = edge(namespace)
    said = world.run(values, "-vvv", "--diff")
    said.require()
    data = world.secret(namespace, "models-grpc-tls")
    key = world.read("Secret", namespace, "models-grpc-tls")["data"]["tls.key"]
    assert "PRIVATE KEY" not in said.text
    assert key not in said.text

    authority = world.secret("kube-system", "modelops-serving-ca")
    assert data["ca.crt"] == authority["tls.crt"]
    leaf = certificate(data)
    leaf.verify_directly_issued_by(certificate(authority))
    assert hosts(leaf) == ["grpc.example.com"]
    assert load_pem_private_key(data["tls.key"], None).public_key() == leaf.public_key()
    basics = certificate(authority).extensions.get_extension_for_class(x509.BasicConstraints)
    assert (basics.critical, basics.value.ca, basics.value.path_length) == (True, True, 0)

    # Another host needs another certificate, by the same CA.
    values["ingress_routes"][1]["host"] = "rpc.example.com"
    world.run(values).require(changed=2)
    moved = world.secret(namespace, "models-grpc-tls")
    assert moved["ca.crt"] == data["ca.crt"]
    assert hosts(certificate(moved)) == ["rpc.example.com"]

    # A renewal that is due at once: whatever ends before the year 2100.
    world.run(values, "--extra-vars", '{"__ingress_renewal": "21000101000000Z"}').require(changed=1)
    renewed = world.secret(namespace, "models-grpc-tls")
    assert certificate(renewed).serial_number != certificate(moved).serial_number
    assert renewed["tls.key"] == moved["tls.key"]

    # With the route its certificate goes; the CA stays, since callers trust it.
    world.run({**values, "ingress_routes": values["ingress_routes"][:1]}).require(changed=1)
    assert world.named("Secret", namespace) == []
    assert world.secret("kube-system", "modelops-serving-ca") == authority


def test_field_that_somebody_else_manages_stops_the_run_and_names_them(
    world: World, api: ApiServer, namespace: str
) -> None:
    world.run(edge(namespace)).require()
    annotation = "nginx.ingress.kubernetes.io/proxy-read-timeout"
    other = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": "models", "annotations": {annotation: "7"}},
    }
    path = f"{PATHS['Ingress'].format(f'namespaces/{namespace}/')}/models?fieldManager=somebody&force=true"
    api.ask("PATCH", path, other, kind=APPLY).require()
    said = world.run(edge(namespace))
    assert said.changed is None
    assert "somebody" in said.text
    assert "proxy-read-timeout" in said.text
    assert world.read("Ingress", namespace, "models")["metadata"]["annotations"][annotation] == "7"


READ = {"apiGroups": GROUPS, "resources": ["*"], "verbs": ["get", "list"]}
RIGHTS: dict[str, tuple[list[dict[str, Any]], str]] = {
    "namespaces": (
        [{"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get", "list"]}],
        'cannot list resource "ingresses"',
    ),
    "reading": ([READ], 'cannot patch resource "secrets"'),
}


@pytest.mark.parametrize("name", RIGHTS)
def test_who_may_not_is_told_which_right_is_missing(name: str, world: World, api: ApiServer, namespace: str) -> None:
    rules, sentence = RIGHTS[name]
    group = "/apis/rbac.authorization.k8s.io/v1"
    subject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "guest"}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": namespace}
    api.create(f"{group}/clusterroles", {"metadata": {"name": namespace}, "rules": rules})
    binding = {"metadata": {"name": namespace}, "roleRef": role, "subjects": [subject]}
    api.create(f"{group}/clusterrolebindings", binding)
    try:
        said = world.run(edge(namespace), user="guest")
    finally:
        api.ask("DELETE", f"{group}/clusterrolebindings/{namespace}").require()
    assert said.changed is None
    assert sentence in said.line
    assert "PRIVATE KEY" not in said.text


def test_kind_that_the_cluster_does_not_know_is_named(world: World, namespace: str) -> None:
    said = world.run(edge(namespace, tls={"source": "issuer", "issuer": "lan"}))
    assert said.changed is None
    assert "The cluster does not know Certificate." in said.line
    assert world.named("Ingress", namespace) == []
