# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of a cluster that its API's objects decide: Kubernetes itself, and what Seldon runs on it.

Sources: the conditions, labels and names that Seldon Core v2.10 gives, in operator/ and scheduler/ of
https://github.com/SeldonIO/seldon-core/tree/v2.10.2
"""

from __future__ import annotations

import re
from typing import Callable, Iterator, Sequence

from .cluster_view import OPTIONAL, SELDON_KINDS, ClusterView, Object, condition, is_ready, status
from .experiment import Experiment
from .policy_flows import CENTRAL
from .seldon_conditions import conditions_of
from .seldon_conditions import is_ready as is_in_force
from .smoke import ERROR, FAIL, PASS, WARN, Check, Finding, Key, judged, skipped
from .smoke_platform import Platform
from .smoke_rights import Needed, spoken_rights
from .smoke_workloads import workload

OLDEST = (2, 10, 0)
TAG = re.compile(r":v?(\d+)\.(\d+)\.(\d+)[^:/@]*(@|$)")
API: Key = ("cluster.api", "")
RIGHTS: Key = ("cluster.rights", "")
SELDON: Key = ("cluster.kinds", "")

Ask = Callable[[], Finding]


def cluster_checks(
    view: ClusterView, platform: Platform, lacking: Callable[[], Sequence[Needed]] = tuple
) -> list[Check]:
    """Return the checks of Kubernetes, and of what runs inside it; ``lacking`` are rights besides those to read."""
    return [
        Check("cluster.api", lambda: judged(not view.problem, view.problem or f"it is {view.version}", "an answer")),
        Check("cluster.rights", lambda: _rights(view, lacking()), needs=(API,)),
        Check("cluster.kinds", lambda: _kinds(view), needs=(RIGHTS,)),
        Check("cluster.nodes", lambda: _nodes(view), needs=(RIGHTS,)),
        *(Check("cluster.volumes", _volumes(view, each), each, (RIGHTS,)) for each in platform.all),
        Check("cluster.version", lambda: _version(view, platform), needs=(RIGHTS,)),
        Check(
            "cluster.operator",
            workload(view, "deployments", platform.seldon_namespace, "seldon-v2-controller-manager"),
            needs=(RIGHTS,),
        ),
        *_runtime(view, platform),
        *_servers(view, platform),
        *_models(view, platform),
        *_experiments(view, platform),
    ]


def _runtime(view: ClusterView, platform: Platform) -> Iterator[Check]:
    for each in platform.runtimes:
        bound = (("cluster.volumes", each), RIGHTS)
        yield Check("scheduler.workload", _scheduler(view, each), each, bound)
        yield Check("envoy.workload", workload(view, "deployments", each, "seldon-envoy"), each, (RIGHTS,))


def _servers(view: ClusterView, platform: Platform) -> Iterator[Check]:
    for each in platform.servers:
        runs = ("mlserver.workload", each)
        yield Check("mlserver.workload", _pods_of_servers(view, each), each, (SELDON, ("cluster.volumes", each)))
        yield Check("mlserver.server", _server(view, each), each, (runs,))


def _models(view: ClusterView, platform: Platform) -> Iterator[Check]:
    for name, namespace in platform.models:
        home = namespace if namespace in platform.servers else platform.seldon_namespace
        needs = (("mlserver.server", home), ("scheduler.workload", platform.runtime_of(namespace)), SELDON)
        yield Check("mlserver.model", _model(view, platform, name, namespace), name, needs)


def _experiments(view: ClusterView, platform: Platform) -> Iterator[Check]:
    for each in platform.experiments:
        candidates = tuple(("mlserver.model", one.name) for one in each.candidates)
        homes = {namespace for name, namespace in platform.models if name in each.weights}
        runtimes = sorted({platform.runtime_of(home) for home in homes}) or list(platform.runtimes)
        needs = (*candidates, *(("scheduler.workload", runtime) for runtime in runtimes), SELDON)
        yield Check("scheduler.experiment", _experiment(view, platform, each), each.name, needs)
        yield Check("scheduler.order", _order(each), each.name, (SELDON,))


# Kubernetes


def _rights(view: ClusterView, lacking: Sequence[Needed]) -> Finding:
    closed = [kind for kind in view.denied if kind not in OPTIONAL]
    said = [f"may not list {', '.join(view.denied)}: {next(iter(view.denied.values()))}"] if view.denied else []
    said += [spoken_rights(lacking)] if lacking else []
    if closed:
        return Finding(FAIL, "; ".join(said), "all rights of the profile")
    if said:
        # What needs them says so by itself, and is skipped.
        return Finding(WARN, "; ".join(said), "all rights of the profile")
    return Finding(PASS, f"all {len(view.objects)} kinds may be read, and all of the profile may be done")


def _kinds(view: ClusterView) -> Finding:
    missing = [kind for kind in SELDON_KINDS if kind in view.missing]
    return judged(not missing, f"not served: {', '.join(missing)}" if missing else "all served", "all served")


def _nodes(view: ClusterView) -> Finding:
    nodes = view.all("nodes")
    down = [each for each in nodes if not is_ready(each)]
    if down:
        names = [f"{each['metadata']['name']} ({condition(each, 'Ready').get('reason') or 'unknown'})" for each in down]
        return Finding(FAIL, f"not ready: {', '.join(names)}", "all ready")
    return judged(bool(nodes), f"{len(nodes)} ready" if nodes else "there is no node", "all ready")


def _volumes(view: ClusterView, namespace: str) -> Ask:
    def ask() -> Finding:
        claims = view.all("persistentvolumeclaims", namespace)
        loose = [each for each in claims if status(each).get("phase") != "Bound"]
        found = [
            f"{each['metadata']['name']} is {status(each).get('phase') or 'new'}, "
            f"class {each['spec'].get('storageClassName') or 'none'}"
            for each in loose
        ]
        return judged(not loose, "; ".join(found) or f"{len(claims)} of {len(claims)} bound", "all bound")

    return ask


def _version(view: ClusterView, platform: Platform) -> Finding:
    oldest = ".".join(map(str, OLDEST))
    places = [("deployments", platform.seldon_namespace, "seldon-v2-controller-manager")]
    places += [("statefulsets", each, "seldon-scheduler") for each in platform.runtimes]
    places += [("deployments", each, "seldon-envoy") for each in platform.runtimes]
    images = [image for place in places for image in _images(view.one(*place))]
    found = {image: tuple(map(int, tag.groups()[:3])) for image in images for tag in [TAG.search(image)] if tag}
    old = sorted(image for image, version in found.items() if version < OLDEST)
    if old:
        return Finding(FAIL, ", ".join(old), f"{oldest} or newer")
    if not found:
        return Finding(ERROR, f"no version in {', '.join(sorted(set(images))) or 'any image'}", f"{oldest} or newer")
    versions = sorted(set(found.values()))
    return Finding(PASS, ", ".join(".".join(map(str, each)) for each in versions), f"{oldest} or newer")


def _images(found: Object | None) -> list[str]:
    """Return the images of Seldon's own, in a workload that may be missing."""
    pod = found["spec"]["template"]["spec"] if found else {}
    return [each["image"] for each in pod.get("containers") or () if "seldon" in each["image"]]


# Seldon


def _scheduler(view: ClusterView, namespace: str) -> Ask:
    runs = workload(view, "statefulsets", namespace, "seldon-scheduler")

    def ask() -> Finding:
        finding = runs()
        found = view.one("statefulsets", namespace, "seldon-scheduler")
        replicas = 1 if found is None else found["spec"].get("replicas", 1)
        return Finding(FAIL, f"{replicas} replicas", "exactly 1") if replicas > 1 else finding

    return ask


def _pods_of_servers(view: ClusterView, namespace: str) -> Ask:
    def ask() -> Finding:
        servers = view.all("servers", namespace)
        if not servers:
            return Finding(FAIL, f"there is no Server in {namespace}", "a Server with all its pods ready")
        findings = [_pods_of_server(view, each) for each in servers]
        worst = [each for state in (FAIL, "warn") for each in findings if each.status == state]
        said = f"{len(servers)} Server with all pods ready"
        return worst[0] if worst else Finding(PASS, said)

    return ask


def _pods_of_server(view: ClusterView, server: Object) -> Finding:
    """Judge the workload that the operator makes of a Server: a StatefulSet of the same name, or a Deployment."""
    namespace, name = server["metadata"]["namespace"], server["metadata"]["name"]
    kind = "deployments" if view.one("deployments", namespace, name) else "statefulsets"
    return workload(view, kind, namespace, name)()


def _server(view: ClusterView, namespace: str) -> Ask:
    def ask() -> Finding:
        faults = []
        for each in view.all("servers", namespace):
            bad = said_false(each) or ([] if is_ready(each) else ["Ready was never said"])
            wanted, there = each["spec"].get("replicas", 1), status(each).get("replicas")
            bad += [f"{there} replicas of {wanted}"] if there is not None and there < wanted else []
            faults += [f"{each['metadata']['name']}: {', '.join(bad)}"] if bad else []
        return judged(not faults, "; ".join(faults) or "Ready", "Ready, with all replicas")

    return ask


def _model(view: ClusterView, platform: Platform, name: str, namespace: str) -> Ask:
    def ask() -> Finding:
        found = view.one("models", namespace, name)
        if found is None:
            return Finding(FAIL, f"there is no Model {namespace}/{name}", "ModelAvailable")
        server = found["spec"].get("server")
        if server and not any(each["metadata"]["name"] == server for each in _eligible(view, platform, namespace)):
            return Finding(FAIL, f"it is pinned to the Server {server}, which is not there", "a Server that is there")
        if not is_ready(found):
            return Finding(FAIL, _state(found), "ModelAvailable")
        if not server and platform.topology == CENTRAL:
            return Finding("warn", "it names no server, and any namespace's may get it", "spec.server")
        return Finding(PASS, f"ModelAvailable, {status(found).get('availableReplicas', 1)} replicas")

    return ask


def _eligible(view: ClusterView, platform: Platform, namespace: str) -> Sequence[Object]:
    return view.all("servers", namespace) or view.all("servers", platform.seldon_namespace)


def _state(model: Object) -> str:
    """Return why a model is not ready: its state is a message, and the text is a reason."""
    said = [condition(model, kind) for kind in ("ModelReady", "Ready")]
    found = next((each for each in said if each.get("message") or each.get("reason")), {})
    state, reason = found.get("message") or "no state yet", found.get("reason")
    return f"{state}: {reason}" if reason else str(state)


def said_false(thing: Object) -> list[str]:
    """Return every condition that is False, whatever its type: refusals come under types of other kinds."""
    bad = [each for each in status(thing).get("conditions") or () if each.get("status") == "False"]
    return [f"{each['type']}=False ({each.get('reason') or each.get('message') or 'no reason'})" for each in bad]


def _experiment(view: ClusterView, platform: Platform, experiment: Experiment) -> Ask:
    def ask() -> Finding:
        places = [view.one("experiments", each, experiment.name) for each in platform.all]
        found = next((each for each in places if each is not None), None)
        if found is None:
            return Finding(FAIL, f"there is no Experiment {experiment.name} in {', '.join(platform.all)}", "Ready")
        # A refusal is never taken back, so one that is older than the rest says nothing of today.
        if is_in_force(conditions_of(found)):
            return Finding(PASS, "Ready")
        return Finding(FAIL, ", ".join(said_false(found)) or "Ready was never said", "Ready, and no condition False")

    return ask


def _order(experiment: Experiment) -> Ask:
    def ask() -> Finding:
        if not experiment.default:
            return skipped("it has no default, so nothing says which candidate is the baseline")
        first = experiment.candidates[0].name
        return judged(first == experiment.default, f"{first} comes first", f"{experiment.default} comes first")

    return ask


__all__ = ["API", "OLDEST", "RIGHTS", "SELDON", "cluster_checks", "said_false"]
