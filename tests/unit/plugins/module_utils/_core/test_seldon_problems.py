# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is refused of an inventory before a cluster is asked, each with what to set."""

from __future__ import annotations

from typing import Any

import pytest

from plugins.module_utils._core.seldon_problems import runtime_findings, serving_findings
from tests.sample_serving import MINIO, model, settings


def said(**changes: Any) -> list[str]:
    wanted = settings(**changes)
    return [finding.text for finding in (*runtime_findings(wanted), *serving_findings(wanted))]


@pytest.mark.parametrize("topology", ["central", "single"])
def test_what_is_right_is_silent(topology: str) -> None:
    assert said(topology=topology) == []


def test_namespaced_is_right_when_an_experiment_stays_in_one_namespace() -> None:
    assert said(topology="namespaced", models=[model("baseline"), model("enhanced")]) == []


RUNTIME: dict[str, tuple[dict[str, Any], list[str]]] = {
    "a topology that is none": (
        {"topology": "star"},
        ["seldon_topology is 'star'. Set it to central, namespaced or single."],
    ),
    "a size that is none": ({"size": "tiny"}, ["seldon_size is 'tiny'. Set it to small, medium or large."]),
    "nobody to serve": (
        {"namespaces": [], "secrets": [], "models": [], "experiments": []},
        ["serving_namespaces is empty, so nobody would be served. Set the namespaces of the teams."],
    ),
    "pipelines without Kafka": (
        {"pipelines": True},
        [
            "seldon_pipelines is true, and pipelines run on Kafka. Set seldon_kafka_bootstrap to its address, such as "
            "kafka.example.com:9092, or seldon_pipelines to false."
        ],
    ),
    "Kafka without pipelines": (
        {"kafka": "kafka.example.com:9092"},
        [
            "seldon_kafka_bootstrap is set, and nothing would use it: seldon_pipelines is false. Set seldon_pipelines "
            "to true, or leave the address out."
        ],
    ),
    "a team in the operator's namespace": (
        {"namespaces": [{"name": "team-a"}, {"name": "team-b"}, {"name": "seldon-system"}]},
        [
            "serving_namespaces has seldon-system, which is seldon_namespace, where the operator is. Set another name "
            "for the team, or for seldon_namespace."
        ],
    ),
    "one team twice": (
        {"namespaces": [{"name": "team-a"}, {"name": "team-b"}, {"name": "team-a"}]},
        ["serving_namespaces has 'team-a' 2 times. Keep one of them."],
    ),
    "a name that is none": (
        {"namespaces": [{"name": "team-a"}, {"name": "team-b"}, {"name": "Team_C"}]},
        [
            "Namespace 3 of serving_namespaces has the name 'Team_C'. Set name to small letters, digits and hyphens, "
            "63 at most."
        ],
    ),
    "a name that is too long for a server of its own": (
        {"namespaces": [{"name": "team-a"}, {"name": "team-b"}, {"name": "a" * 44}]},
        [
            f"The model server of the namespace '{'a' * 44}' would be called mlserver-{'a' * 44}, and a StatefulSet's "
            "name may have 52 characters. Give the namespace a shorter name."
        ],
    ),
}
SERVING: dict[str, tuple[dict[str, Any], list[str]]] = {
    "one name in two namespaces": (
        {"models": [model("baseline"), model("baseline", "team-b")], "experiments": []},
        [
            "The model 'baseline' is in team-a and team-b, and one scheduler knows models by their names alone "
            "(seldon_topology 'central'). Give each a name of its own, or set seldon_topology to namespaced."
        ],
    ),
    "one name twice in a namespace": (
        {"models": [model("baseline"), model("baseline")], "experiments": [], "topology": "namespaced"},
        ["serving_models has the model 'baseline' of team-a more than once. Keep one of them."],
    ),
    "a capability that no server has": (
        {"models": [model("baseline", requirements=["pytorch", "python"])], "experiments": []},
        [
            "The model 'baseline' of team-a needs pytorch, and mlserver-team-a has mlserver, python, sklearn. Set "
            "requirements, or the capabilities of the server."
        ],
    ),
    "a capability that another server has": (
        {
            "servers": [{"namespace": "team-b", "capabilities": ["sklearn", "xgboost"]}],
            "models": [model("baseline", requirements=["xgboost"])],
            "experiments": [],
        },
        [
            "The model 'baseline' of team-a needs xgboost, and mlserver-team-a has mlserver, python, sklearn. Set "
            "requirements, or the capabilities of the server. The server of team-b has it."
        ],
    ),
    "a capability that is misspelt": (
        {"models": [model("baseline", requirements=["scikit-learn"])], "experiments": []},
        [
            "The model 'baseline' of team-a needs scikit-learn, and mlserver-team-a has mlserver, python, sklearn. Did "
            "you mean sklearn? Set requirements, or the capabilities of the server."
        ],
    ),
    "a secret with two keys": (
        {"secrets": [{**MINIO, "data": {**MINIO["data"], "gs": {}}}]},
        [
            "The secret 'minio' of mlserver_secrets has 2 keys, gs and s3, and Seldon reads one that has a single key. "
            "Make a secret of each remote."
        ],
    ),
    "a secret with no key": (
        {"secrets": [{**MINIO, "data": {}}]},
        [
            "The secret 'minio' of mlserver_secrets has no key, and Seldon reads one that has a single key. Make a "
            "secret of each remote."
        ],
    ),
    "a remote whose name is not the scheme": (
        {"models": [model("baseline", storage_uri="minio://m/b", secret="minio")], "experiments": []},
        [
            "The model 'baseline' of team-a is stored at minio://m/b, and its secret 'minio' has a remote that is "
            "named 's3'. Set the remote's name to 'minio', or storage_uri to one that begins with s3:."
        ],
    ),
    "a remote without parameters and with a word that nobody reads": (
        {"secrets": [{**MINIO, "data": {"s3": {"name": "s3", "type": "s3", "parameter": {}}}}]},
        [
            "The secret 'minio' of mlserver_secrets has a remote without parameters. Set its parameters.",
            "The secret 'minio' of mlserver_secrets has a remote with 'parameter', which Seldon does not read. Did you "
            "mean parameters?",
        ],
    ),
    "a host in the path of an HTTP remote": (
        {
            "secrets": [
                {
                    "name": "web",
                    "namespace": "team-a",
                    "data": {"web": {"name": "web", "type": "http", "parameters": {"url": "https://example.com"}}},
                }
            ],
            "models": [model("baseline", storage_uri="web://models/iris", secret="web")],
            "experiments": [],
        },
        [
            "The model 'baseline' of team-a is stored at web://models/iris, and rclone would take its first part for "
            "the name of a host. Set storage_uri to web:models/iris, and the host in the remote's url."
        ],
    ),
    "a secret of nobody": (
        {"secrets": [{**MINIO, "namespace": "team-c"}]},
        [
            "The secret 'minio' of mlserver_secrets is for the namespace 'team-c', which is none of "
            "serving_namespaces. Set one of team-a and team-b."
        ],
    ),
    "a scheme that nothing explains": (
        {"models": [model("baseline", storage_uri="s3://models/b")], "experiments": []},
        [
            "The model 'baseline' of team-a is stored at s3://models/b, and nothing tells rclone what 's3' is. Set its "
            "secret to minio."
        ],
    ),
    "a path on no volume": (
        {"models": [model("baseline", storage_uri="/mnt/models/b")], "experiments": []},
        [
            "The model 'baseline' of team-a is stored at /mnt/models/b, which lies on no volume of its server (there "
            "is none). Add a volume to the server in mlserver_servers, or set another storage_uri."
        ],
    ),
    "no place at all": (
        {"models": [model("baseline", storage_uri="models/b")], "experiments": []},
        [
            "The model 'baseline' of team-a is stored at 'models/b'. Set storage_uri to a URI, such as "
            "s3://models/iris, or to a whole path on a volume of its server."
        ],
    ),
    "a model without server": (
        {"models": [model("baseline", server="")], "experiments": []},
        [
            "The model 'baseline' of team-a is to have no server, so the one scheduler of seldon_topology 'central' "
            "could place it at any team's. Leave server out, which means mlserver-team-a, or set it."
        ],
    ),
    "a model with the server of another": (
        {"models": [model("baseline", server="mlserver-team-b")], "experiments": []},
        [
            "The model 'baseline' of team-a names the server 'mlserver-team-b', and that of its namespace is "
            "mlserver-team-a. Leave server out."
        ],
    ),
    "a model of nobody": (
        {"models": [model("baseline", "team-c")], "experiments": []},
        [
            "The model 'baseline' of team-c is of a namespace that is none of serving_namespaces. Set one of team-a "
            "and team-b."
        ],
    ),
    "more replicas than its server": (
        {"models": [model("baseline", replicas=2)], "experiments": []},
        [
            "The model 'baseline' of team-a is to have 2 replicas, and mlserver-team-a has 1. Set replicas of the "
            "server to as many."
        ],
    ),
    "a word that nobody reads": (
        {"models": [model("baseline", storage="gs://x")], "experiments": []},
        ["The model 'baseline' of serving_models has 'storage', which nobody reads. Did you mean storage_uri?"],
    ),
    "candidates of two schedulers": (
        {"topology": "namespaced"},
        [
            "The experiment 'ab' has models of several schedulers, baseline (team-a) and enhanced (team-b), and each "
            "splits the traffic of its own namespace alone (seldon_topology 'namespaced'). Move them into one "
            "namespace, or set seldon_topology to central."
        ],
    ),
    "an experiment of a model that is none": (
        {"experiments": [{"name": "ab", "weights": {"baseline": 1, "enhancd": 1}}]},
        ["The experiment 'ab' has the model 'enhancd', which is not in serving_models. Did you mean enhanced?"],
    ),
    "one default for two experiments": (
        {
            "experiments": [
                {"name": "one", "default": "baseline", "weights": {"baseline": 1}},
                {"name": "two", "default": "baseline", "weights": {"baseline": 1}},
            ]
        },
        [
            "The experiments one and two have one default, 'baseline', and a model can be that of one alone. Take "
            "default out of all but one of them."
        ],
    ),
    "one name for two experiments": (
        {"experiments": [{"name": "one", "weights": {"baseline": 1}}, {"name": "one", "weights": {"enhanced": 1}}]},
        ["serving_experiments has 2 experiments 'one'. Give each a name of its own."],
    ),
    "an experiment that makes no sense": (
        {"experiments": [{"name": "ab", "weights": {"baseline": 0, "enhanced": 0}}]},
        ["Experiment 'ab' is refused: all weights are 0; set at least one above 0."],
    ),
    "a server of nobody, twice": (
        {"servers": [{"namespace": "team-c", "replica": 1}, {"namespace": "team-c"}]},
        [
            "The server of 'team-c' in mlserver_servers has 'replica', which nobody reads. Did you mean replicas?",
            "The server of 'team-c' in mlserver_servers has a namespace that is none of serving_namespaces. Set one of "
            "team-a and team-b.",
            "The server of 'team-c' in mlserver_servers has a namespace that is none of serving_namespaces. Set one of "
            "team-a and team-b.",
            "mlserver_servers names the namespace 'team-c' 2 times. Name it once.",
        ],
    ),
    "numbers that are none": (
        {"servers": [{"namespace": "team-a", "replicas": 0, "memory": "many"}]},
        [
            "The server of 'team-a' in mlserver_servers has the replicas '0'. Set replicas to a whole number, 1 "
            "or more.",
            "The server of 'team-a' in mlserver_servers has a memory that cannot be read: 'many' is no quantity. Write "
            "it as Kubernetes does, such as 500m or 1Gi.",
        ],
    ),
    "a volume without a source, at no place": (
        {"servers": [{"namespace": "team-a", "volumes": [{"name": "store", "mount": "models"}]}]},
        [
            "The server of 'team-a' in mlserver_servers has a volume whose mount is 'models'. Set mount to a whole "
            "path, "
            "such as /mnt/models.",
            "The server of 'team-a' in mlserver_servers has a volume with not exactly one of claim and nfs. Set claim, "
            "or nfs: {server: …, path: …}.",
        ],
    ),
    "a quota that its pods do not fit into": (
        {"servers": [{"namespace": "team-a", "replicas": 2, "quota": {"requests.memory": "2Gi", "limits.cpu": "5"}}]},
        [
            "The server of 'team-a' in mlserver_servers has a quota of 2Gi for requests.memory, and its pods ask for "
            "2688Mi. Set more, or fewer replicas.",
            "The server of 'team-a' in mlserver_servers has a quota of 5 for limits.cpu, and its pods ask for 6. Set "
            "more, or fewer replicas.",
        ],
    ),
    "a quota where all share a namespace": (
        {"topology": "single", "servers": [{"namespace": "team-a", "quota": {"pods": 3}}]},
        [
            "The server of 'team-a' in mlserver_servers has a quota, and its pods are in seldon-system with those of "
            "all teams. Leave quota out."
        ],
    ),
    "things that are no dictionaries": (
        {"servers": ["a"], "secrets": ["b"], "models": ["c"], "experiments": ["d"]},
        [
            "Server 1 of mlserver_servers is no dictionary. Write it as {namespace: …, replicas: …}.",
            "Secret 1 of mlserver_secrets is no dictionary. Write it as {name: …, namespace: …, data: …}.",
            "Model 1 of serving_models is no dictionary. Write it as {name: …, namespace: …, storage_uri: …}.",
            "Experiment 1 of serving_experiments is no dictionary. Write it as {name: …, candidates: …}.",
        ],
    ),
}


@pytest.mark.parametrize("name", [*RUNTIME, *SERVING])
def test_what_is_wrong_is_said_with_what_to_set(name: str) -> None:
    changes, sentences = {**RUNTIME, **SERVING}[name]
    assert said(**changes) == sentences


def test_names_are_those_of_a_namespace_where_each_has_a_scheduler() -> None:
    models = [model("baseline", server=""), model("baseline", "team-b")]
    assert said(topology="namespaced", models=models, experiments=[]) == []


def test_path_has_to_be_on_a_volume() -> None:
    servers = [{"namespace": "team-a", "volumes": [{"name": "store", "mount": "/mnt/models/", "claim": "models"}]}]
    right, wrong = model("one", storage_uri="/mnt/models/one"), model("two", storage_uri="/mnt/models-of-others/two")
    assert said(servers=servers, models=[right], experiments=[]) == []
    (sentence,) = said(servers=servers, models=[right, wrong], experiments=[])
    assert "lies on no volume of its server (/mnt/models/)" in sentence


def test_namespaces_with_a_scheduler_of_their_own_have_room_for_it_in_a_quota() -> None:
    server = {"namespace": "team-a", "quota": {"requests.memory": "1344Mi"}}
    assert said(servers=[server]) == []
    sentence = "has a quota of 1344Mi for requests.memory, and its pods ask for 1728Mi"
    assert sentence in said(servers=[server], topology="namespaced", experiments=[])[0]


def test_no_sentence_has_a_value_out_of_a_secret() -> None:
    broken = [{**MINIO, "data": {**MINIO["data"], "more": {"name": "x", "parameters": "hush"}}}, {**MINIO, "name": "A"}]
    texts = said(secrets=broken, models=[model("baseline", storage_uri="x://y", secret="minio")])
    assert texts
    assert not any("hush" in text for text in texts)
