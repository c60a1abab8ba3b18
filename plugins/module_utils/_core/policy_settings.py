# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of NetworkPolicies, read into settings, with everything that is wrong with them at once."""

from __future__ import annotations

import re
from ipaddress import ip_network
from typing import Any, Iterator, Mapping

from .address_spans import address_span
from .names import nearest_name
from .policy_flows import CENTRAL, COMPONENTS, TCP, TOPOLOGIES, UDP, Flow, Peer, Port, Settings

PREFIX = "network_policies_"
# https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-label-names
NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
# Denying everything there would end the cluster.
SYSTEM = ("kube-system", "kube-public", "kube-node-lease", "metallb-system")
# Where a controller is by default, and its pods' labels.
CONTROLLERS = {
    "nginx": (
        "ingress-nginx",
        (("app.kubernetes.io/name", "ingress-nginx"), ("app.kubernetes.io/component", "controller")),
    ),
    "traefik": ("kube-system", (("app.kubernetes.io/name", "traefik"),)),
    "none": ("", ()),
}
# What an option is that is left out; the role's are the same.
DEFAULTS: Mapping[str, Any] = {
    "topology": CENTRAL,
    "namespaces": [],
    "seldon_namespace": "seldon-system",
    "ingress_controller": "nginx",
    "ingress_namespace": "",
    "monitoring_namespace": "monitoring",
    "monitoring_labels": {"app.kubernetes.io/name": "prometheus"},
    "api_servers": [],
    "api_port": 6443,
    "storage": [],
    "components": [],
    "control_plane_tls": False,
    "extra_flows": [],
}
PROTOCOLS = (TCP, UDP, "SCTP")
LARGEST = 65535
EXAMPLE = "198.51.100.0/24"


class Reading:
    """Options on their way to settings; what is wrong is noted, and something takes its place."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = {**DEFAULTS, **values}
        self.problems: list[str] = []

    def settings(self) -> Settings:
        """Return the settings, which are good for use when there are no problems."""
        api = self._strings("api_servers")
        found = Settings(
            topology=self._choice("topology", TOPOLOGIES),
            namespaces=self._namespaces(),
            seldon_namespace=self._namespace("seldon_namespace", str(self._values["seldon_namespace"])),
            ingress=self._ingress(),
            monitoring=self._monitoring(),
            api=Peer(
                "api", blocks=tuple(self._block(each, f"{PREFIX}api_servers", may_be_address=True) for each in api)
            ),
            api_port=self._number(self._values["api_port"], f"{PREFIX}api_port"),
            storage=tuple(self._storage()),
            components=self._components(),
            tls=bool(self._values["control_plane_tls"]),
            extra=tuple(self._extra()),
        )
        self._clashes(found)
        return found

    # Namespaces

    def _namespaces(self) -> tuple[str, ...]:
        names = [str(each.get("name") or "") for each in self._dicts("namespaces")]
        if not names:
            self._note(
                f"{PREFIX}namespaces is empty. Set serving_namespaces to the namespaces of the teams, such as "
                "[{name: team-a}]."
            )
        for name in sorted({each for each in names if names.count(each) > 1}):
            self._note(f"{PREFIX}namespaces has '{name}' {names.count(name)} times. Name each namespace once.")
        return tuple(self._namespace("namespaces", name) for name in dict.fromkeys(names))

    def _namespace(self, option: str, name: str) -> str:
        if not NAME.fullmatch(name):
            self._note(
                f"{PREFIX}{option} has '{name}', which is no name of a namespace. Set one of small letters, digits and "
                "hyphens."
            )
        return name

    def _clashes(self, found: Settings) -> None:
        """Note namespaces that are to be closed and cannot be."""
        others = dict.fromkeys(SYSTEM, "belongs to the cluster itself")
        if found.ingress:
            others[found.ingress.namespace] = "holds the ingress controller"
        if found.monitoring:
            others[found.monitoring.namespace] = "holds what scrapes metrics"
        for option, names in (("namespaces", found.namespaces), ("seldon_namespace", (found.seldon_namespace,))):
            for name in names:
                if name in others:
                    self._note(f"{PREFIX}{option} has '{name}', which {others[name]}. Set another namespace.")
        if found.seldon_namespace in found.namespaces:
            self._note(
                f"'{found.seldon_namespace}' is in {PREFIX}namespaces, and it is {PREFIX}seldon_namespace. Give models "
                "namespaces of their own."
            )

    # Parties

    def _ingress(self) -> Peer | None:
        controller = self._choice("ingress_controller", tuple(CONTROLLERS))
        usual, labels = CONTROLLERS.get(controller, ("", ()))
        name = str(self._values["ingress_namespace"] or usual) if usual else ""
        return Peer("ingress", self._namespace("ingress_namespace", name), labels) if name else None

    def _monitoring(self) -> Peer | None:
        name = str(self._values["monitoring_namespace"] or "")
        labels = self._labels(self._values["monitoring_labels"], f"{PREFIX}monitoring_labels")
        return Peer("monitoring", self._namespace("monitoring_namespace", name), labels) if name else None

    def _components(self) -> tuple[str, ...]:
        names = self._strings("components")
        for name in names:
            if name not in COMPONENTS:
                self._note(self._unknown(f"{PREFIX}components", name, COMPONENTS))
        return tuple(names)

    # Flows

    def _storage(self) -> Iterator[tuple[Peer, tuple[Port, ...]]]:
        for index, each in enumerate(self._dicts("storage")):
            where = f"{PREFIX}storage[{index}]"
            yield self._peer(each, where, f"storage-{index}"), self._ports(each, where)

    def _extra(self) -> Iterator[Flow]:
        entries = self._dicts("extra_flows")
        names = [str(each.get("name") or "") for each in entries]
        for name in sorted({each for each in names if names.count(each) > 1}):
            self._note(f"{PREFIX}extra_flows has '{name}' {names.count(name)} times. Give each flow its own name.")
        for name, each in zip(names, entries):
            where = f"{PREFIX}extra_flows '{name}'"
            if not NAME.fullmatch(name):
                self._note(f"{where} has no name of small letters, digits and hyphens. Set its name.")
            source = self._peer(_dict(each.get("from")), f"{where} from", f"extra-{name}-from")
            target = self._peer(_dict(each.get("to")), f"{where} to", f"extra-{name}-to")
            closed = [str(one.get("name")) for one in self._dicts("namespaces")] + [self._values["seldon_namespace"]]
            if not {source.namespace, target.namespace} & set(closed):
                self._note(f"{where} touches none of the closed namespaces {', '.join(closed)}. Set one of them.")
            yield Flow(source, target, self._ports(each, where))

    def _peer(self, value: Mapping[str, Any], where: str, name: str) -> Peer:
        namespace, blocks = str(value.get("namespace") or ""), _list(value.get("cidrs"))
        if bool(namespace) == bool(blocks):
            self._note(f"{where} has {'both namespace and' if namespace else 'neither namespace nor'} cidrs. Set one.")
        if namespace and not NAME.fullmatch(namespace):
            self._note(f"{where} has namespace '{namespace}', which is no name of a namespace.")
        labels = self._labels(value.get("labels"), where)
        if labels and not namespace:
            self._note(f"{where} has labels, and no namespace whose pods would have them. Set its namespace.")
        return Peer(name, namespace, labels, tuple(self._block(str(each), where) for each in blocks))

    def _ports(self, value: Mapping[str, Any], where: str) -> tuple[Port, ...]:
        entries = _list(value.get("ports"))
        if not entries:
            self._note(f"{where} has no ports. Set them, such as [{{port: 443}}].")
        return tuple(self._port(_dict(each) or {"port": each}, where) for each in entries)

    def _port(self, value: Mapping[str, Any], where: str) -> Port:
        number = self._number(value.get("port"), where)
        end = self._number(value["end_port"], where) if value.get("end_port") else 0
        if end and end < number:
            self._note(f"{where} has ports {number} to {end}, which run backwards. Swap them.")
        protocol = str(value.get("protocol") or TCP)
        if protocol not in PROTOCOLS:
            self._note(self._unknown(f"{where} protocol", protocol, PROTOCOLS))
        return Port(number, protocol, end)

    # Values

    def _block(self, text: str, where: str, *, may_be_address: bool = False) -> str:
        address = address_span(text)
        if address and may_be_address:
            return f"{text}/{32 if address.version == 4 else 128}"
        try:
            if address is None and "/" in text:
                return str(ip_network(text))
        except ValueError as error:
            self._note(f"{where} has '{text}', which is no CIDR block ({error}). Write it as {EXAMPLE}.")
            return text
        self._note(f"{where} has '{text}', which is no CIDR block. Write it as {EXAMPLE}.")
        return text

    def _number(self, value: Any, where: str) -> int:
        text = str(value)
        if not text.isdigit() or not 0 < int(text) <= LARGEST:
            self._note(f"{where} has port '{value}'. Set a number from 1 to {LARGEST}.")
            return 0
        return int(text)

    def _labels(self, value: Any, where: str) -> tuple[tuple[str, str], ...]:
        if value and not hasattr(value, "items"):
            self._note(f"{where} has labels '{value}'. Set them as {{key: value}}.")
        return tuple((str(key), str(each)) for key, each in _dict(value).items())

    def _choice(self, option: str, choices: tuple[str, ...]) -> str:
        value = str(self._values[option])
        if value not in choices:
            self._note(self._unknown(f"{PREFIX}{option}", value, choices))
        return value

    def _unknown(self, where: str, value: str, choices: tuple[str, ...]) -> str:
        near = nearest_name(value, choices)
        return f"{where} has '{value}'. Set one of {', '.join(choices)}{f'; did you mean {near}?' if near else '.'}"

    def _dicts(self, option: str) -> list[Mapping[str, Any]]:
        return [_dict(each) for each in _list(self._values[option])]

    def _strings(self, option: str) -> list[str]:
        return [str(each) for each in _list(self._values[option])]

    def _note(self, sentence: str) -> None:
        if sentence not in self.problems:
            self.problems.append(sentence)


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else []


def _dict(value: Any) -> Mapping[str, Any]:
    return value if hasattr(value, "items") else {}


def read(values: Mapping[str, Any]) -> tuple[Settings, list[str]]:
    """Return settings, and everything that is wrong with the options they come from."""
    reading = Reading(values)
    return reading.settings(), reading.problems


__all__ = ["DEFAULTS", "PREFIX", "read"]
