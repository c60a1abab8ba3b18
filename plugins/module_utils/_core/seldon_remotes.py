# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where models are stored, and the Secrets that tell rclone how to get there.

Seldon's agent reads a Secret that has exactly one key, and takes it when the name of the remote in it is what the
storage URI has before its colon (https://docs.seldon.ai/seldon-core-2/user-guide/models/rclone).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Iterator, Mapping, Sequence

from .names import is_object_name, nearest_name
from .preflight_report import Finding, spoken

SECRETS = "mlserver_secrets"
SECRET_KEYS = ("name", "namespace", "data")
REMOTE_KEYS = ("name", "type", "parameters", "opt")
# Who asks Google's storage without an account, as Seldon's own charts name it.
PUBLIC, PUBLIC_SECRET = "gs", "seldon-rclone-gs-public"
PUBLIC_REMOTE: Mapping[str, Any] = {
    "name": PUBLIC,
    "type": "google cloud storage",
    "parameters": {"anonymous": "true"},
}


@dataclass(frozen=True)
class Secret:
    """A Secret of a team, and the remotes in it by key. Nothing here says what a remote's parameters are worth."""

    team: str
    name: str
    remotes: Mapping[str, Any]

    @property
    def remote(self) -> Mapping[str, Any]:
        """Return its only remote, or nothing."""
        found = list(self.remotes.values())
        return found[0] if len(found) == 1 and isinstance(found[0], Mapping) else {}


def parse_secrets(entries: Any) -> list[Secret]:
    """Return the secrets that can be read."""
    found = [each for each in entries or () if isinstance(each, Mapping)]
    return [
        Secret(str(each.get("namespace") or ""), str(each.get("name") or ""), data if isinstance(data, Mapping) else {})
        for each in found
        for data in [each.get("data")]
    ]


def secret_findings(entries: Any, teams: Sequence[str]) -> Iterator[Finding]:
    """Yield everything that is wrong with the secrets of an inventory."""
    for number, each in enumerate(entries or (), start=1):
        if not isinstance(each, Mapping):
            yield Finding(
                f"Secret {number} of {SECRETS} is no dictionary. Write it as {{name: …, namespace: …, data: …}}."
            )
            continue
        where = f"The secret '{each.get('name') or number}' of {SECRETS}"
        for key in each:
            if str(key) not in SECRET_KEYS:
                near = nearest_name(str(key), SECRET_KEYS)
                yield Finding(f"{where} has '{key}', which nobody reads. " + _meant(near, SECRET_KEYS))
        if not is_object_name(str(each.get("name") or "")):
            yield Finding(f"{where} has no name that a Secret can have. Set name to small letters, digits and hyphens.")
        if str(each.get("namespace") or "") not in teams:
            yield Finding(
                f"{where} is for the namespace '{each.get('namespace') or ''}', which is none of serving_namespaces. "
                f"Set one of {spoken(teams) or 'them, as soon as there is one'}."
            )
    secrets = parse_secrets(entries)
    for secret in secrets:
        yield from content_findings(secret, f"The secret '{secret.name}' of {SECRETS}")
    places = [(secret.team, secret.name) for secret in secrets]
    for team, name in sorted({each for each in places if places.count(each) > 1}):
        yield Finding(f"{SECRETS} has {places.count((team, name))} secrets '{name}' of {team}. Keep one of them.")


def content_findings(secret: Secret, where: str) -> Iterator[Finding]:
    """Yield what Seldon's agent would not read of a secret, wherever it comes from."""
    if len(secret.remotes) != 1:
        keys = f"{len(secret.remotes)} keys, {spoken(sorted(map(str, secret.remotes)))}" if secret.remotes else "no key"
        yield Finding(f"{where} has {keys}, and Seldon reads one that has a single key. Make a secret of each remote.")
        return
    remote = secret.remote
    if not remote:
        yield Finding(f"{where} has no remote of rclone. Write it as {{name: …, type: …, parameters: …}}.")
        return
    for key in ("name", "type", "parameters"):
        if not remote.get(key):
            yield Finding(f"{where} has a remote without {key}. Set its {key}.")
    for key in remote:
        if str(key) not in REMOTE_KEYS:
            near = nearest_name(str(key), REMOTE_KEYS)
            yield Finding(
                f"{where} has a remote with '{key}', which Seldon does not read. " + _meant(near, REMOTE_KEYS)
            )
    if remote.get("parameters") and not isinstance(remote["parameters"], Mapping):
        yield Finding(f"{where} has a remote whose parameters are no dictionary. Write them as {{key: value}}.")


def fit_findings(storage: str, secret: Secret, where: str) -> Iterator[Finding]:
    """Yield what keeps a model from being fetched with a secret that can be read; ``where`` names the model."""
    name, scheme = str(secret.remote.get("name") or ""), scheme_of(storage)
    if name and scheme != name:
        yield Finding(
            f"{where} is stored at {storage}, and its secret '{secret.name}' has a remote that is named '{name}'. Set "
            f"the remote's name to '{scheme}', or storage_uri to one that begins with {name}:."
            if scheme
            else f"{where} is stored at {storage}, which needs no secret. Leave secret out, or set storage_uri to one "
            f"that begins with {name}:."
        )
    # rclone makes a URL of it, and takes what stands between two slashes and the next one for another host.
    if secret.remote.get("type") == "http" and storage.startswith(f"{name}://"):
        yield Finding(
            f"{where} is stored at {storage}, and rclone would take its first part for the name of a host. Set "
            f"storage_uri to {name}:{storage[len(name) + 3 :]}, and the host in the remote's url."
        )


def scheme_of(storage: str) -> str:
    """Return what a storage URI has before its colon, which is the name of a remote."""
    return storage.partition(":")[0] if ":" in storage and not storage.startswith("/") else ""


def _meant(near: str, known: Sequence[str]) -> str:
    return f"Did you mean {near}?" if near else f"It may have {', '.join(known)}."


__all__ = [
    "PUBLIC",
    "PUBLIC_REMOTE",
    "PUBLIC_SECRET",
    "SECRETS",
    "Secret",
    "content_findings",
    "fit_findings",
    "parse_secrets",
    "scheme_of",
    "secret_findings",
]
