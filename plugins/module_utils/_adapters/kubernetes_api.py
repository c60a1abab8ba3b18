# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask a Kubernetes API server, as the user that a kubeconfig, a token or a pod's own account names.

Who may come in is found as the collection kubernetes.core finds it (plugins/module_utils/k8s/client.py, 6.x): the
options, then the environment variables K8S_AUTH_*, then the pod's own account, then the kubeconfig of the user.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any, Mapping
from urllib.parse import urlencode

from .._core.errors import ServingError, UnreachableError
from .optional import require_kubernetes

JSON, PATCH = "application/json", "application/json-patch+json"
# Options, and what the client library calls them.
NAMES = {
    "host": "host",
    "validate_certs": "verify_ssl",
    "ca_cert": "ssl_ca_cert",
    "client_cert": "cert_file",
    "client_key": "key_file",
    "proxy": "proxy",
    "no_proxy": "no_proxy",
    "username": "username",
    "password": "password",
}
OTHER_NAMES = ("kubeconfig", "context", "api_key", "persist_config", "impersonate_user", "impersonate_groups")
PROXY_HEADERS = ("proxy_basic_auth", "basic_auth", "user_agent")


@dataclass(frozen=True)
class Reply:
    """What the API server answered; ``now`` is its own time of day, in seconds since 1970."""

    status: int
    body: Mapping[str, Any] = field(default_factory=dict)
    now: float = 0.0

    @property
    def words(self) -> str:
        """Its own words."""
        return str(self.body.get("message") or f"HTTP status {self.status}")


class KubernetesApi:
    """One API server, as one user."""

    def __init__(self, options: Mapping[str, Any], *, timeout: float) -> None:
        library = require_kubernetes()
        given = _given(options)
        configuration = _configuration(library, given)
        # Who asks has to know whether a request was sent once or more often.
        configuration.retries = False
        self._client = library.client.ApiClient(configuration)
        self._failures = (library.client.exceptions.ApiException,)
        self._timeout = timeout
        self._headers = _impersonated(given)
        self.place = str(configuration.host)

    def ask(self, method: str, path: str, body: Any = None, *, kind: str = JSON, **query: str) -> Reply:
        """Send one request, once; whatever its status, an answer is returned."""
        address = path + (f"?{urlencode(query)}" if query else "")
        headers: dict[str, Any] = {"Accept": JSON, "Content-Type": kind, **self._headers}
        try:
            _nothing, status, found = self._client.call_api(
                address,
                method,
                header_params=headers,
                body=body,
                auth_settings=["BearerToken"],
                _request_timeout=self._timeout,
            )
            return _reply(status, self._client.last_response.data, found)
        except self._failures as error:
            if not error.status:
                raise self._unreachable(error.reason) from error
            return _reply(error.status, error.body, error.headers)
        except Exception as error:
            # The library lets through whatever its HTTP client, a plugin for credentials or a proxy raises.
            raise self._unreachable(error) from error

    def _unreachable(self, why: object) -> UnreachableError:
        return UnreachableError(f"The API server {self.place} did not answer: {_brief(why)}.")


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    found = {}
    for name in (*NAMES, *OTHER_NAMES):
        value: Any = options.get(name)
        if value is None:
            value = os.environ.get(f"K8S_AUTH_{name.upper()}")
            if value is None and name in NAMES:
                value = os.environ.get(f"K8S_AUTH_{NAMES[name].upper()}")
            if value is not None and name in ("validate_certs", "persist_config"):
                value = value.lower() not in ("0", "false", "no")
            if value is not None and name == "impersonate_groups":
                value = [group for group in value.split(",") if group]
        if value is not None:
            found[name] = value
    headers = options.get("proxy_headers") or {}
    variables = {name: os.environ.get(f"K8S_AUTH_PROXY_HEADERS_{name.upper()}") for name in PROXY_HEADERS}
    found["proxy_headers"] = {
        name: headers.get(name) or variables[name] for name in PROXY_HEADERS if headers.get(name) or variables[name]
    }
    return found


def _configuration(library: Any, given: Mapping[str, Any]) -> Any:
    configuration = type.__call__(library.client.Configuration)
    host = given.get("host")
    has_all = host and (
        given.get("api_key")
        or (given.get("username") and given.get("password"))
        or (given.get("client_cert") and given.get("client_key"))
    )
    if not has_all:
        _load(library, given, configuration)
    for name, known in NAMES.items():
        if given.get(name) is not None:
            setattr(configuration, known, given[name])
    configuration.host = str(configuration.host).rstrip("/")
    if given.get("api_key"):
        configuration.api_key = {"authorization": f"Bearer {given['api_key']}"}
    if given["proxy_headers"]:
        configuration.proxy_headers = library.client.rest.urllib3.util.make_headers(**given["proxy_headers"])
    return configuration


def _load(library: Any, given: Mapping[str, Any], configuration: Any) -> None:
    config, source, context = library.config, given.get("kubeconfig"), given.get("context")
    more = {"context": context, "persist_config": bool(given.get("persist_config"))}
    try:
        if not source and not context:
            try:
                config.load_incluster_config(client_configuration=configuration)
                return
            except config.ConfigException:
                pass
        if isinstance(source, dict):
            config.load_kube_config_from_dict(config_dict=source, client_configuration=configuration, **more)
        else:
            config.load_kube_config(config_file=source, client_configuration=configuration, **more)
    except Exception as error:
        # A file that is no YAML, lacks a key or names a program that is not there: all raise errors of their own.
        raise ServingError(
            f"Nobody is let into a cluster: {_brief(error)}. Set kubeconfig to the path of a kubeconfig on the host "
            "that the task runs on, and context to a context in it; or set host and api_key."
        ) from error


def _impersonated(given: Mapping[str, Any]) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    if given.get("impersonate_user"):
        headers["Impersonate-User"] = given["impersonate_user"]
    for number, group in enumerate(given.get("impersonate_groups") or ()):
        # One header for each: the names are the same to HTTP, and different keys here.
        headers[_Header("Impersonate-Group", number)] = group
    return headers


class _Header(str):
    """A header's name that may come several times."""

    def __new__(cls, name: str, number: int) -> _Header:
        made = super().__new__(cls, name)
        made.number = number
        return made

    number: int

    def lower(self) -> _Header:
        return _Header(super().lower(), self.number)

    def __hash__(self) -> int:
        return hash((str(self), self.number))

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, _Header) and (str(self), self.number) == (str(other), other.number))


def _reply(status: int, content: Any, headers: Mapping[str, str]) -> Reply:
    try:
        body = json.loads(content)
    except (ValueError, TypeError):
        body = {}
    date = (headers or {}).get("Date")
    try:
        now = parsedate_to_datetime(date).timestamp() if date else 0.0
    except (ValueError, TypeError):
        now = 0.0
    return Reply(int(status), body if isinstance(body, dict) else {}, now)


def _brief(error: object) -> str:
    return " ".join(str(error).split())[:500] or type(error).__name__


__all__ = ["JSON", "PATCH", "KubernetesApi", "Reply"]
