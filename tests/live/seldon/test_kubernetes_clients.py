# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every way into a cluster, and those who may not do what they ask: each is told what is missing, and where."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from plugins.module_utils._core.errors import ServingError
from plugins.module_utils._wiring.store import experiments_from
from tests.live.seldon.crds import GROUP, path
from tests.live.seldon.forwarder import Forwarder
from tests.live.seldon.test_kubernetes_store import refusal
from tests.live.seldon.world import BASELINE, ENHANCED, NAME, World, until

EXPERIMENTS = "experiments"


def config(world: World, user: str = "admin") -> Any:
    return json.loads(world.api.kubeconfig(user).read_text())


def names(world: World, **options: Any) -> list[str]:
    """Return what can be read with these options and no others."""
    given = {"kubeconfig": None, **options}
    return [each["name"] for each in experiments_from(world.params(**given))[0]["experiments"]]


@pytest.fixture
def declared(world: World) -> World:
    world.declare(70, 30)
    return world


def token_of(world: World, user: str = "admin") -> str:
    return str(config(world, user)["users"][0]["user"]["token"])


def direct(world: World, user: str = "admin") -> dict[str, Any]:
    cluster = config(world)["clusters"][0]["cluster"]
    authority = cluster["certificate-authority"]
    return {"host": cluster["server"], "api_key": token_of(world, user), "ca_cert": authority}


# Ways in


def test_kubeconfig_with_a_context(declared: World, tmp_path: Path) -> None:
    both = config(declared)
    both["users"].append({"name": "nobody", "user": {"token": "unknown"}})
    both["contexts"].append({"name": "other", "context": {"cluster": "test", "user": "nobody"}})
    both["current-context"] = "other"
    file = tmp_path / "config"
    file.write_text(json.dumps(both))
    with pytest.raises(ServingError, match="does not know this user"):
        names(declared, kubeconfig=str(file))
    assert names(declared, kubeconfig=str(file), context="test") == [NAME]
    assert names(declared, kubeconfig=both, context="test") == [NAME]


def test_host_token_and_authority(declared: World) -> None:
    assert names(declared, **direct(declared)) == [NAME]
    with pytest.raises(ServingError, match=r"did not answer: .*CERTIFICATE_VERIFY_FAILED"):
        names(declared, **{**direct(declared), "ca_cert": None})
    assert names(declared, **{**direct(declared), "ca_cert": None, "validate_certs": False}) == [NAME]


def test_variables_of_the_environment(declared: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("K8S_AUTH_KUBECONFIG", str(declared.api.kubeconfig()))
    assert names(declared) == [NAME]
    # An option comes first.
    with pytest.raises(ServingError, match="does not know this user"):
        names(declared, **{**direct(declared), "api_key": "unknown"})


def test_account_of_a_pod(declared: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = config(declared)["clusters"][0]["cluster"]["server"]
    address, _colon, port = server.removeprefix("https://").partition(":")
    (tmp_path / "token").write_text(token_of(declared))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", address)
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", port)
    place = "kubernetes.config.incluster_config"
    monkeypatch.setattr(f"{place}.SERVICE_TOKEN_FILENAME", str(tmp_path / "token"))
    monkeypatch.setattr(f"{place}.SERVICE_CERT_FILENAME", direct(declared)["ca_cert"])
    assert names(declared) == [NAME]


@pytest.fixture
def proxy(world: World) -> Iterator[Forwarder]:
    made = Forwarder(int(config(world)["clusters"][0]["cluster"]["server"].rpartition(":")[2]))
    yield made
    made.stop()


def test_proxy_with_a_password(declared: World, proxy: Forwarder) -> None:
    address = f"http://127.0.0.1:{proxy.port}"
    headers = {"proxy_basic_auth": "user:secret", "basic_auth": None, "user_agent": None}
    assert names(declared, **direct(declared), proxy=address, proxy_headers=headers) == [NAME]
    assert "proxy-authorization: Basic dXNlcjpzZWNyZXQ=" in proxy.requests[0]
    assert names(declared, **direct(declared), proxy=address, no_proxy="127.0.0.1") == [NAME]
    assert len(proxy.requests) == 1


def test_another_user_with_several_groups(declared: World) -> None:
    """The last of the groups is the one that may."""
    group = "rbac.authorization.k8s.io"
    place = f"/apis/{group}/v1/namespaces/{declared.namespace}"
    rule = {"apiGroups": [GROUP], "resources": [EXPERIMENTS], "verbs": ["list"]}
    declared.api.create(f"{place}/roles", {"metadata": {"name": "readers"}, "rules": [rule]})
    for number, name in enumerate(("first", "last")):
        subject = {"apiGroup": group, "kind": "Group", "name": name}
        role = {"apiGroup": group, "kind": "Role", "name": "readers" if number else "none"}
        binding = {"metadata": {"name": f"{name}"}, "roleRef": role, "subjects": [subject]}
        declared.api.create(f"{place}/rolebindings", binding)
    with pytest.raises(ServingError, match='User "somebody" cannot list'):
        names(declared, **direct(declared), impersonate_user="somebody", impersonate_groups=["first"])
    for groups in (["first", "last"], ["last", "first"]):
        somebody = {"impersonate_user": "somebody", "impersonate_groups": groups}
        until(partial(_may, declared, **direct(declared), **somebody))
        assert names(declared, **direct(declared), **somebody) == [NAME]


def _may(world: World, **options: Any) -> bool:
    """Say whether a user may read; the server learns of a new role from its own watch."""
    try:
        names(world, **options)
    except ServingError:
        return False
    return True


BAD_FILES = {"that is not there": None, "that is no YAML": "{", "with nothing in it": "{}"}


@pytest.mark.parametrize("text", BAD_FILES.values(), ids=BAD_FILES.keys())
def test_kubeconfig_that_lets_nobody_in(world: World, tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "config"
    if text is not None:
        file.write_text(text)
    with pytest.raises(ServingError, match=r"Nobody is let into a cluster: .* Set kubeconfig to the path"):
        names(world, kubeconfig=str(file))


# Those who may not


def allow(world: World, verbs: Sequence[str], *, more: Sequence[dict[str, Any]] = ()) -> None:
    rules = [{"apiGroups": [GROUP], "resources": [EXPERIMENTS], "verbs": list(verbs)}, *more]
    world.api.allow(world.namespace, rules)
    several = path(EXPERIMENTS, world.namespace)
    until(lambda: world.api.ask("GET", several, user="guest").status != 403)


def test_user_without_rights_is_told_what_is_missing(world: World) -> None:
    said = refusal(world, 70, 30, kubeconfig=str(world.api.kubeconfig("guest")))
    assert f"This user may not read {NAME!r} in namespace {world.namespace!r}" in said
    assert f"allow the verb get on the resource experiments of the group {GROUP}" in said
    with pytest.raises(ServingError, match="allow the verb list"):
        names(world, kubeconfig=str(world.api.kubeconfig("guest")))


@pytest.mark.parametrize("dry_run", [True, False])
def test_reader_may_not_write_not_even_in_check_mode(world: World, dry_run: bool) -> None:
    allow(world, ["get", "list"])
    guest = {"kubeconfig": str(world.api.kubeconfig("guest")), "dry_run": dry_run}
    assert "allow the verb create" in refusal(world, 70, 30, **guest)
    world.declare(70, 30)
    assert "allow the verb patch" in refusal(world, 0, 100, **guest)
    assert "allow the verb delete" in refusal(world, state="absent", **guest)
    assert world.weights() == {BASELINE: 70, ENHANCED: 30}
    assert not world.declare(70, 30, **guest).changed


def test_user_of_one_namespace_works_and_is_told_what_could_not_be_seen(world: World) -> None:
    allow(world, ["get", "list", "create", "patch", "delete"])
    change = world.declare(70, 30, kubeconfig=str(world.api.kubeconfig("guest")))
    assert change.live is not None
    for part in ("which Seldon runs", "who schedules this namespace", "whether the models are ready"):
        assert part in change.warnings[0]
    assert world.declare(state="absent", kubeconfig=str(world.api.kubeconfig("guest"))).changed


def test_cluster_without_seldon_and_namespace_without_a_name_are_refused(world: World) -> None:
    with pytest.raises(ServingError, match="namespace is not set"):
        world.declare(70, 30, namespace=None)
    said = refusal(world, 70, 30, namespace="missing")
    assert "has no Service seldon-scheduler" in said
