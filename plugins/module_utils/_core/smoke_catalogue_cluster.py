# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a smoke test asks of a cluster besides the path itself: its objects, and what pods reach."""

from __future__ import annotations

from .smoke_rule import BLOCKER, WARNING, Rule

CLUSTER = {
    "cluster.api": Rule(
        "cluster",
        "The API answers",
        BLOCKER,
        "Check that the servers are up, that kubeconfig names the right address and context, and that its certificate "
        "has not run out.",
    ),
    "cluster.rights": Rule(
        "cluster",
        "What the profile reads, asks and makes is allowed",
        BLOCKER,
        'Give the user of the kubeconfig the roles of the guide, "What its user needs". Without those to read nothing '
        "else is asked; without the others it is a warning, and what needs them is skipped.",
    ),
    "cluster.kinds": Rule(
        "cluster",
        "The kinds of Seldon Core v2 are served",
        BLOCKER,
        "Install Seldon's CRDs (playbooks/serving.yml). They are installed by server-side apply or by helm: a "
        "client-side apply fails at their size.",
    ),
    "cluster.version": Rule(
        "cluster",
        "Seldon Core v2 is as new as it must be",
        BLOCKER,
        "Raise the versions of Seldon's charts. Before 2.10.0 Envoy tries nothing again when a candidate fails.",
    ),
    "cluster.nodes": Rule(
        "cluster",
        "The nodes are ready",
        WARNING,
        "kubectl describe node says why. Pods of a lost node come up elsewhere only after five minutes.",
    ),
    "cluster.operator": Rule(
        "cluster",
        "Seldon's operator runs",
        BLOCKER,
        "Read its log and its events. Without it, no change of a Model or an Experiment reaches a scheduler.",
    ),
    "cluster.volumes": Rule(
        "cluster",
        "The volumes of Seldon's pods are bound",
        BLOCKER,
        "kubectl describe the claim. A claim without a class needs a StorageClass that is marked as the default.",
    ),
    "address.workload": Rule(
        "address",
        "MetalLB runs",
        BLOCKER,
        "Read the logs of its controller, which hands addresses out, and of its speakers, which announce them.",
    ),
    "address.service": Rule(
        "address",
        "The controller's Service has its address, out of a pool that is announced",
        BLOCKER,
        "Look at the Service's events: MetalLB says there why it gives no address. Set metallb_address_pools and "
        "metallb_l2_advertisements, and switch K3s's own servicelb off.",
    ),
    "address.announced": Rule(
        "address",
        "A node that is ready announces the address, and can serve it",
        BLOCKER,
        "kubectl get servicel2statuses -A names the node. With externalTrafficPolicy Local only nodes with a ready pod "
        "of the controller may announce, and none with the label "
        "node.kubernetes.io/exclude-from-external-load-balancers.",
    ),
    "address.one_answers": Rule(
        "address",
        "One host alone answers for the address",
        WARNING,
        "Two answer when a host has the address by itself, or when speakers do not see each other: look for it among "
        "the hosts and in the router's DHCP, and let port 7946 through between the nodes.",
    ),
    "address.exposed_services": Rule(
        "address",
        "No Service but the controller's can be reached from outside",
        BLOCKER,
        "Make the Service ClusterIP; for Seldon's own, set scheduler.serviceType and envoy.serviceType of its runtime "
        "chart. What is meant to be reached belongs in exposed_services.",
    ),
    "nginx.workload": Rule(
        "nginx",
        "The ingress controller runs",
        BLOCKER,
        "Read its log and its events.",
    ),
    "nginx.ingress": Rule(
        "nginx",
        "The host has a route of the controller's class that leads to seldon-mesh:80",
        BLOCKER,
        "Declare it in ingress_routes. A route lies in the namespace of the mesh, and the mesh's port is 80, not that "
        "of Envoy's pods.",
    ),
    "mesh.service": Rule(
        "mesh",
        "The Service leads to all of Envoy's pods that are ready",
        BLOCKER,
        "Compare its selector with the labels of Envoy's pods. In a central topology the namespaces of the teams have "
        "an ExternalName instead, and no SeldonRuntime, which would overwrite it.",
    ),
    "mesh.inside": Rule(
        "mesh",
        "A pod beside the controller reaches models through the Service",
        BLOCKER,
        "This goes around the controller, so the fault is behind it. Check the NetworkPolicies between its namespace "
        "and Envoy's, and the cluster's DNS.",
    ),
    "envoy.workload": Rule(
        "envoy",
        "Envoy runs",
        BLOCKER,
        "Read its log and its events.",
    ),
    "envoy.updates": Rule(
        "envoy",
        "Envoy is connected to the scheduler, has routes, and refused none",
        BLOCKER,
        "Its log names what it refused. Weights that add up to zero make it refuse all routes. After a restart the "
        "scheduler waits for its servers before it sends any.",
    ),
    "scheduler.workload": Rule(
        "scheduler",
        "The scheduler runs, exactly once",
        BLOCKER,
        "Read its log, its events and the state of its volume. It keeps its state in memory, so there must be one.",
    ),
    "scheduler.service": Rule(
        "scheduler",
        "The Service leads to the scheduler",
        BLOCKER,
        "The operator and the agents look for seldon-scheduler in the namespace of the Model or Server. In a central "
        "topology the namespaces of the teams have an ExternalName instead, and no SeldonRuntime, which would "
        "overwrite it.",
    ),
    "scheduler.experiment": Rule(
        "scheduler",
        "The scheduler has taken the experiment",
        BLOCKER,
        "The reason is the scheduler's own; a refusal shows as ModelReady, and Ready stays what it was. Mend the "
        "experiment. When it was lost with the scheduler's state, declare it again.",
    ),
    "scheduler.route": Rule(
        "scheduler",
        "Envoy has the experiment's route",
        BLOCKER,
        "Its candidates answer in the same way. A scheduler that lost its state may have lost the experiment, while "
        "its status stays Ready: change its spec, or restart Seldon's operator, which declares all of them again.",
    ),
    "scheduler.order": Rule(
        "scheduler",
        "The experiment's baseline is its first candidate",
        WARNING,
        "Put the default first. Reports and rollouts take the first candidate for the baseline.",
    ),
    "mlserver.workload": Rule(
        "mlserver",
        "The pods of the server run",
        BLOCKER,
        "Read the logs of its three containers, agent, rclone and mlserver, and its events.",
    ),
    "mlserver.server": Rule(
        "mlserver",
        "Seldon takes the server for ready",
        BLOCKER,
        "Look at the conditions of the Server and at the operator's log. Its serverConfig is looked up in the "
        "operator's namespace.",
    ),
    "mlserver.model": Rule(
        "mlserver",
        "Seldon has loaded the model",
        BLOCKER,
        "ScheduleFailed: compare requirements with the server's capabilities, its name, its memory. ModelFailed: read "
        "the logs of rclone and agent, and look at the storage's secret, which has one key and the name of its scheme.",
    ),
    "policies.declared": Rule(
        "policies",
        "The cluster has the NetworkPolicies that are wanted, and as they are wanted",
        BLOCKER,
        "Run playbooks/network_policies.yml. Where a policy keeps differing, somebody else writes it as well.",
    ),
    "policies.enforced": Rule(
        "policies",
        "The cluster enforces NetworkPolicies",
        BLOCKER,
        "A policy that denies everything blocked nothing. Do not start K3s with --disable-network-policy; another "
        "network of pods has to bring its own enforcement.",
    ),
    "policies.closed": Rule(
        "policies",
        "What must not be reached is not",
        BLOCKER,
        "The names say who reached what. Look for a policy of somebody else's that allows it.",
    ),
    "policies.open": Rule(
        "policies",
        "What must be reached is",
        BLOCKER,
        "The names say who was kept from what, and which policies select the two. Without DNS by UDP and TCP nothing "
        "else works.",
    ),
}


__all__ = ["CLUSTER"]
