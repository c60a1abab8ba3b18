# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a smoke test asks: every check by its id, with the hop it judges and what to do when it fails."""

from __future__ import annotations

from .smoke_catalogue_cluster import CLUSTER
from .smoke_rule import BLOCKER, HOPS, PATH, WARNING, Rule

CATALOGUE = {
    "address.connect": Rule(
        "address",
        "The announced address takes connections",
        BLOCKER,
        "Check that NGINX runs and listens there, and that nothing between this host and the address drops packets.",
    ),
    "address.exposure": Rule(
        "address",
        "Only NGINX answers at the announced address",
        BLOCKER,
        "Bind the inner ports to an address of their own: whoever reaches them goes around NGINX.",
    ),
    "nginx.unknown_host": Rule(
        "nginx",
        "Another host name, or none, is refused",
        BLOCKER,
        "Check server_name and the default server (the Ingress' host): only the API's own name may be routed.",
    ),
    "nginx.paths": Rule(
        "nginx",
        "A path outside /v2 is refused",
        BLOCKER,
        "Check which server answers that path: the route of the API must end at Envoy, which has no such path.",
    ),
    "nginx.route": Rule(
        "nginx",
        "The host name leads to the model, with its headers both ways",
        BLOCKER,
        "Envoy answers the same question when it is asked directly. Check NGINX's upstream, and that it passes "
        "seldon-model inwards and x-seldon-route, X-Request-Id and x-envoy-upstream-service-time outwards.",
    ),
    "nginx.body_size": Rule(
        "nginx",
        "A body up to the limit passes, a larger one gets 413",
        WARNING,
        "Set client_max_body_size (proxy-body-size of an Ingress, data_plane_body_size here) to the declared limit.",
    ),
    "nginx.certificate": Rule(
        "nginx",
        "The certificate of the gRPC port is valid for the host name",
        BLOCKER,
        "Renew the certificate. On one machine: remove nginx/tls.crt and nginx/tls.key from the data plane's folder, "
        "and run site.yml again.",
    ),
    "nginx.clock": Rule(
        "nginx",
        "NGINX's clock agrees with this host's",
        WARNING,
        "Set up NTP on both hosts: certificates, logs and rollouts compare times.",
    ),
    "nginx.grpc": Rule(
        "nginx",
        "gRPC calls pass over TLS",
        BLOCKER,
        "Envoy answers the same call when it is asked directly. Check NGINX's gRPC server: HTTP/2, and grpc_pass to "
        "Envoy.",
    ),
    "nginx.grpc_refusals": Rule(
        "nginx",
        "gRPC calls for nobody are refused",
        BLOCKER,
        "Check the routes: a call without a known seldon-model must end with UNIMPLEMENTED.",
    ),
    "nginx.latency": Rule(
        "nginx",
        "NGINX adds no more than its budget",
        WARNING,
        "Compare with a quiet machine; look at NGINX's log, at keep-alive to Envoy and at worker_processes.",
    ),
    "mesh.connect": Rule(
        "mesh",
        "seldon-mesh leads to Envoy",
        BLOCKER,
        "Check the Service seldon-mesh: port 80, its selector, and that it has endpoints that are ready.",
    ),
    "envoy.connect": Rule(
        "envoy",
        "Envoy answers",
        BLOCKER,
        "Look at Envoy's log and whether its process runs.",
    ),
    "envoy.routes": Rule(
        "envoy",
        "Envoy serves the experiments just as they are declared",
        BLOCKER,
        "Look at Envoy's log for a rejected update, then declare the experiment again.",
    ),
    "envoy.infer": Rule(
        "envoy",
        "Envoy leads to the model",
        BLOCKER,
        "The model's MLServer answers the same question when it is asked directly. Check that the model is routed to "
        "the server that holds it.",
    ),
    "envoy.experiment": Rule(
        "envoy",
        "The experiment answers through one of its candidates",
        BLOCKER,
        "All its candidates answer when they are asked directly. Check the experiment's route.",
    ),
    "envoy.sticky": Rule(
        "envoy",
        "x-seldon-route sent back leads to the same candidate",
        WARNING,
        "Check that the experiment's sticky routes name each candidate's version.",
    ),
    "envoy.internal_header": Rule(
        "envoy",
        "A caller cannot choose the server's model by seldon-internal-model",
        WARNING,
        "Remove the header at the edge: who sends it is served by another model than the route says.",
    ),
    "envoy.refusals": Rule(
        "envoy",
        "Calls for nobody get 404",
        BLOCKER,
        "Check the routes: a name that is unknown, misspelled or stale must lead nowhere.",
    ),
    "envoy.grpc": Rule(
        "envoy",
        "gRPC calls lead to the model",
        BLOCKER,
        "The model's MLServer answers gRPC directly. Check the gRPC cluster of the model.",
    ),
    "envoy.split": Rule(
        "envoy",
        "The candidates get their shares",
        BLOCKER,
        "Compare the declared weights with those in force (experiment_info), and see who else changes them.",
    ),
    "envoy.latency": Rule(
        "envoy",
        "Envoy adds no more than its budget",
        WARNING,
        "Compare with a quiet machine; look at retries and at Envoy's concurrency.",
    ),
    "mlserver.live": Rule(
        "mlserver",
        "The namespace's MLServer is live and ready",
        BLOCKER,
        "Look at its log and whether its process runs.",
    ),
    "mlserver.model_ready": Rule(
        "mlserver",
        "The model is ready",
        BLOCKER,
        "Look for the model's name in the log of its MLServer; load it again with mlserver_models.",
    ),
    "mlserver.infer": Rule(
        "mlserver",
        "The model answers, and its answer is well formed",
        BLOCKER,
        "Ask the model directly with the same request and read its error.",
    ),
    "mlserver.echo": Rule(
        "mlserver",
        "The request's id comes back, and the request fits the model's metadata",
        WARNING,
        "Check the inputs in the model's model-settings.json against the request.",
    ),
    "mlserver.golden": Rule(
        "mlserver",
        "The answers are the golden ones",
        BLOCKER,
        "The model answers, but not what was recorded for it. Check its version and its files, then what changed in "
        "the libraries it was trained with.",
    ),
    "mlserver.malformed": Rule(
        "mlserver",
        "Malformed requests are refused",
        WARNING,
        "Check the model's inputs before it predicts. A 5xx for a caller's mistake is tried again by Envoy, which "
        "takes seconds and counts against the model; a 200 hides the mistake.",
    ),
    "mlserver.success": Rule(
        "mlserver",
        "The model answers as often as it must",
        BLOCKER,
        "Read the errors in the log of its MLServer. Envoy's retries hide them from callers, who only wait longer.",
    ),
    "mlserver.errors": Rule(
        "mlserver",
        "Envoy counted no more errors of the model than allowed",
        BLOCKER,
        "Read the errors in the log of its MLServer. Envoy's retries hide them from callers, who only wait longer.",
    ),
    "mlserver.grpc": Rule(
        "mlserver",
        "MLServer answers gRPC",
        BLOCKER,
        "Look at the MLServer's log, and at the port in its settings.json.",
    ),
    "mlserver.latency": Rule(
        "mlserver",
        "The model answers within its budget",
        WARNING,
        "Measure the model alone; look at its size, at its batch settings and at the load of its host.",
    ),
    # Judged where callers stand; what is wrong names its own hop.
    "path.success": Rule(
        "address",
        "Callers get as many good answers as they must",
        BLOCKER,
        "The statuses name the hop: 502 and 504 come from NGINX, 503 from Envoy, 500 from MLServer.",
    ),
    "path.latency": Rule(
        "address",
        "Callers wait no longer than the budgets",
        BLOCKER,
        "See which hop is over its own budget. On a busy machine, measure again when it is quiet.",
    ),
    "metrics.answers": Rule(
        "metrics",
        "Prometheus answers",
        WARNING,
        "Check url, headers and ca_path of metrics (serving_metrics): Prometheus is asked by the host that the task "
        "runs on.",
    ),
    "metrics.targets": Rule(
        "metrics",
        "Prometheus scrapes Envoy, the servers and the edge",
        WARNING,
        "Prometheus' page of targets says why a scrape fails. What no target has was never scraped: look at the "
        "monitors' selectors and namespaces, and at the NetworkPolicies (monitoring_namespace). Where the metric has "
        "another name, set targets of metrics.",
    ),
    "metrics.counted": Rule(
        "metrics",
        "The model's counter rises by what it answered",
        WARNING,
        "Fewer: a replica of the server is not scraped. Twice as many: two jobs scrape it. None: look for the "
        "counter's label model.",
    ),
    **CLUSTER,
}


__all__ = ["BLOCKER", "CATALOGUE", "HOPS", "PATH", "WARNING", "Rule"]
