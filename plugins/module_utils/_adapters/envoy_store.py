# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ExperimentStore on Envoy's watched files.

The route file of ``seldon_http`` carries the table it was made from, so weights and state are one file and one write.
A change goes: lock, read, build, ask ``envoy --mode validate``, keep the last good files, replace them one by one, and
wait until Envoy shows each new version; whatever goes wrong on the way puts the last good files back.
"""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Callable, Dict, Mapping, Sequence

from .._core import envoy
from .._core.envoy_bootstrap import static_copy
from .._core.envoy_settings import EnvoySettings
from .._core.errors import ServingError
from .._core.ports import Change, Live, Reading
from .._core.route_table import RouteTable

if TYPE_CHECKING:
    from .._core.experiment import Request
    from .._core.route_table import Model
    from .envoy_admin import EnvoyAdmin
    from .envoy_files import EnvoyFiles

Json = Dict[str, Any]

CLUSTERS = "clusters.json"
ROUTES = f"{envoy.SELDON_HTTP.name}.json"
MIRROR_ROUTES = f"{envoy.SELDON_MIRRORS.name}.json"
VERSION_STAT = {
    CLUSTERS: "cluster_manager.cds",
    ROUTES: envoy.SELDON_HTTP.stat_prefix,
    MIRROR_ROUTES: envoy.SELDON_MIRRORS.stat_prefix,
}
POLL_SECONDS = 0.003
# Envoy takes a file within 10 ms; one not taken by then is looked for among the refused, at a price.
PATIENCE_SECONDS = 0.1


@dataclass(frozen=True)
class _Current:
    """What the files say now."""

    table: RouteTable
    resources: Mapping[str, list[Json] | None]
    versions: Mapping[str, str]
    # Files that could not be read, and why; the rest of this speaks of their last good versions.
    broken: Mapping[str, str]

    @property
    def warnings(self) -> tuple[str, ...]:
        return tuple(self.broken.values())

    def differs(self, name: str, wanted: Sequence[Json]) -> bool:
        return name in self.broken or self.resources[name] != wanted


class EnvoyStore:
    """Experiments and models of one data plane's Envoy."""

    def __init__(
        self,
        files: EnvoyFiles,
        admin: Callable[[EnvoySettings], EnvoyAdmin],
        *,
        wait_timeout: float,
        rolled_out_by: Callable[[str], str] = lambda _name: "",
    ) -> None:
        """``rolled_out_by`` says who is rolling an experiment out at the moment; empty when nobody is."""
        self._files = files
        self._connect = admin
        self._wait_timeout = wait_timeout
        self._rolled_out_by = rolled_out_by

    def read(self) -> Reading:
        """Return the declared experiments, and those in force in Envoy."""
        settings = self._settings()
        with self._files.lock(timeout=self._wait_timeout, shared=True):
            declared = self.declared()
        return replace(declared, live=self._live(self._connect(settings)))

    def declared(self) -> Reading:
        """Return what the files say, without asking Envoy; who wants more than a glance holds the lock."""
        current = self._current()
        table = current.table
        return Reading(
            table.experiments,
            current.versions[ROUTES],
            warnings=current.warnings,
            models=table.models,
            rollouts=table.rollouts,
        )

    def declare(self, request: Request, *, dry_run: bool, force: bool = False) -> Change:
        """Bring one experiment to the requested state; ``force`` does so also while somebody rolls it out."""
        change = self.change(lambda table: table.with_request(request), dry_run=dry_run, is_rollout=force)
        pair = [RouteTable.parse(state).experiment(request.name) for state in (change.before, change.after)]
        before, after = (each.as_dict() if each else {} for each in pair)
        return replace(change, before=before, after=after)

    def declare_table(self, models: Sequence[Model], requests: Sequence[Request], *, dry_run: bool) -> Change:
        """Bring all models, and the named experiments, to the requested state in one write."""
        if dry_run and self._files.settings() is None:
            after = RouteTable().with_models(models, requests)
            return Change(RouteTable().as_dict(), after.as_dict(), changed=True)
        change = self.change(lambda table: table.with_models(models, requests), dry_run=dry_run)
        return replace(change, before=_without_rollouts(change.before), after=_without_rollouts(change.after))

    def change(self, update: Callable[[RouteTable], RouteTable], *, dry_run: bool, is_rollout: bool = False) -> Change:
        """Read the table, let ``update`` make another of it, and bring that into force; no writer comes between.

        Nobody but a rollout changes an experiment that is being rolled out.
        """
        settings = self._settings()
        admin = self._connect(settings)
        with self._files.lock(timeout=self._wait_timeout, shared=dry_run):
            current = self._current()
            wanted = update(current.table)
            if not is_rollout:
                self._refuse_rolled_out(current.table, wanted)
            resources = _resources(wanted, settings)
            writes = _writes(current, resources, _versions(admin))
            if writes and not dry_run:
                self._files.validate(settings.envoy, _static_copy(settings, resources))
                self._write(_Watch(admin, self._files, settings.log, self._wait_timeout), current, writes)
            live = None if dry_run else self._live(admin)
        before, after = current.table.as_dict(), wanted.as_dict()
        return Change(before, after, changed=bool(writes), live=live, warnings=current.warnings)

    def _refuse_rolled_out(self, before: RouteTable, wanted: RouteTable) -> None:
        for each in before.experiments:
            by = self._rolled_out_by(each.name) if wanted.experiment(each.name) != each else ""
            if by:
                raise ServingError(
                    f"Experiment {each.name!r} is being rolled out by {by}. Nothing was changed. Wait for its end, or "
                    f"abort it: playbooks/rollout.yml -e action=abort -e experiment={each.name}. The module experiment "
                    "changes it all the same with force: true, which pauses the rollout."
                )

    def _settings(self) -> EnvoySettings:
        values = self._files.settings()
        if values is None:
            raise ServingError(
                f"There is no Envoy store in {self._files.directory} (no store.json). Set store_path to the folder "
                "'envoy' of a data plane, or bring one up first with the role modelops.serving.data_plane."
            )
        return EnvoySettings.parse(values)

    def _current(self) -> _Current:
        found = {name: self._files.read(name, _check_state if name == ROUTES else _no_check) for name in VERSION_STAT}
        resources = {name: content["resources"] if content else None for name, (content, _warning) in found.items()}
        routes = resources[ROUTES]
        return _Current(
            table=envoy.state_of(routes[0]) if routes else RouteTable(),
            resources=resources,
            versions={
                name: str((content or {}).get("version_info", "")) for name, (content, _warning) in found.items()
            },
            broken={name: warning for name, (_content, warning) in found.items() if warning},
        )

    def _write(self, watch: _Watch, current: _Current, writes: Sequence[tuple[str, list[Json]]]) -> None:
        live_versions = watch.start()
        names = list(dict.fromkeys(name for name, _resources in writes))
        for name in names:
            # A file that is broken, or that Envoy does not have in force, is no file to go back to.
            in_force = live_versions.get(VERSION_STAT[name]) == current.versions[name] and name not in current.broken
            if current.resources[name] is not None and (in_force or not self._files.has_good(name)):
                self._files.keep_as_good(name)
        written: list[str] = []
        try:
            for name, resources in writes:
                version = _version(resources)
                written.append(name)
                self._files.replace(name, {"version_info": version, "resources": resources})
                watch.wait_for(name, version)
        except BaseException:
            for name in reversed(written):
                self._files.restore(name)
            raise
        for name in names:
            self._files.settle(name)

    def _live(self, admin: EnvoyAdmin) -> Live | None:
        try:
            found = admin.route_configuration(envoy.SELDON_HTTP.name)
        except OSError:
            return None
        if found is None:
            return None
        experiments = envoy.state_of(found["route_config"]).experiments
        return Live(found["version_info"], experiments)


class _Watch:
    """Waits for Envoy to take a file, and finds out when it refuses."""

    def __init__(self, admin: EnvoyAdmin, files: EnvoyFiles, log: str, timeout: float) -> None:
        self._admin = admin
        self._files = files
        self._log = log
        self._timeout = timeout
        self._refusals = 0
        self._log_start = 0

    def start(self) -> dict[str, str]:
        """Note what Envoy refused so far, and return its versions; refuse to begin while it is away."""
        deadline = time.monotonic() + self._timeout
        while True:
            try:
                self._refusals = self._admin.refusals()
                self._log_start = self._files.log_size(self._log)
                return self._admin.versions()
            except OSError as error:
                if time.monotonic() > deadline:
                    raise ServingError(
                        f"Envoy did not answer within {self._timeout:g} s ({error}), so nothing could confirm it. "
                        f"Nothing was changed. See {self._log}, and start Envoy with playbooks/data_plane.yml."
                    ) from error
                time.sleep(0.05)

    def wait_for(self, name: str, version: str) -> None:
        """Return when Envoy shows the version of a file; raise when it refuses, or is too slow."""
        started = time.monotonic()
        answer = "it stopped answering"
        while time.monotonic() < started + self._timeout:
            try:
                shown = self._admin.versions().get(VERSION_STAT[name])
                if shown == version:
                    return
                if time.monotonic() > started + PATIENCE_SECONDS and self._admin.refusals() > self._refusals:
                    raise self._refused(name)
                answer = f"it still shows version {shown!r}"
            except OSError as error:
                answer = f"it stopped answering ({error})"
            time.sleep(POLL_SECONDS)
        raise ServingError(
            f"Envoy did not confirm {self._files.path(name)} within {self._timeout:g} s: {answer}. "
            f"The last good file was put back. See {self._log}."
        )

    def _refused(self, name: str) -> ServingError:
        words = self._files.log_since(self._log, self._log_start)
        return ServingError(
            f"Envoy refused {self._files.path(name)}: {words}. The last good file was put back.", envoy=words
        )


def _without_rollouts(table: Json) -> Json:
    return {key: value for key, value in table.items() if key != "rollouts"}


def _versions(admin: EnvoyAdmin) -> dict[str, str] | None:
    try:
        return admin.versions()
    except OSError:
        return None


def _resources(table: RouteTable, settings: EnvoySettings) -> dict[str, list[Json]]:
    return {
        CLUSTERS: envoy.clusters(table, settings),
        MIRROR_ROUTES: [envoy.mirror_routes(table)],
        ROUTES: [envoy.routes(table, settings)],
    }


def _writes(
    current: _Current, wanted: Mapping[str, list[Json]], live_versions: Mapping[str, str] | None
) -> list[tuple[str, list[Json]]]:
    """Return the files to write, in order: clusters are there before a route needs them, and leave after."""

    def missed(name: str) -> bool:
        # A file that is right but not in force is written again: Envoy refused it, or never saw it move.
        return live_versions is not None and live_versions.get(VERSION_STAT[name]) != current.versions[name]

    names = {cluster["name"] for cluster in wanted[CLUSTERS]}
    leaving = [cluster for cluster in current.resources[CLUSTERS] or [] if cluster["name"] not in names]
    steps = [(CLUSTERS, wanted[CLUSTERS] + leaving), (MIRROR_ROUTES, wanted[MIRROR_ROUTES]), (ROUTES, wanted[ROUTES])]
    writes = [(name, resources) for name, resources in steps if missed(name) or current.differs(name, resources)]
    if leaving:
        writes.append((CLUSTERS, wanted[CLUSTERS]))
    return writes


def _static_copy(settings: EnvoySettings, resources: Mapping[str, list[Json]]) -> Json:
    (routes,), (mirror_routes,) = resources[ROUTES], resources[MIRROR_ROUTES]
    return static_copy(settings, clusters=resources[CLUSTERS], routes=routes, mirror_routes=mirror_routes)


def _check_state(routes: list[Json]) -> None:
    if routes:
        envoy.state_of(routes[0])


def _no_check(resources: list[Json]) -> None:
    """Take any resources: a difference from what is wanted is found by comparing."""


def _version(resources: Sequence[Json]) -> str:
    # Envoy does not compare versions, so only one that never came before proves that this very file was taken.
    digest = hashlib.sha256(json.dumps(resources, sort_keys=True).encode()).hexdigest()[:12]
    return f"{datetime.now(timezone.utc).isoformat(timespec='microseconds')}-{digest}"


__all__ = ["EnvoyStore"]
