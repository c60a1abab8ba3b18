# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Charts, and the helm that reads them, from the folder that SERVING_ARTIFACTS names, as upstream names them."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support import ROOT

FOLDER = "SERVING_ARTIFACTS"
PINS: dict[str, Any] = yaml.safe_load((ROOT / "meta/pins.yml").read_text(encoding="utf-8"))
ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
HELM = f"helm-{PINS['helm']['version']}-linux-{ARCHITECTURE}.tar.gz"
METALLB = f"metallb-{PINS['metallb']['version']}.tgz"
NGINX = f"ingress-nginx-{PINS['ingress_nginx']['version']}.tgz"
# Which one it is, is K3s's own to say.
TRAEFIK = "traefik-[0-9]*.tgz"
KUBERNETES = PINS["k3s"]["version"].partition("+")[0]
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
AT_ONCE = 2
Place = tuple[str | int, ...]


@dataclass(frozen=True)
class Release:
    """A chart that becomes something in a cluster, and all that it is told; later values win."""

    name: str
    namespace: str
    chart: str
    values: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class Rendering:
    """What helm said to a release: objects, or why there are none."""

    status: int
    text: str
    errors: str

    @property
    def objects(self) -> list[dict[str, Any]]:
        assert self.status == 0, self.errors
        return [each for each in yaml.load_all(self.text, LOADER) if each]


@dataclass(frozen=True)
class Helm:
    """The program, and the folder that has charts."""

    program: Path
    artifacts: Path

    @property
    def checksum(self) -> str:
        """Return that of the archive, which may be of a build of one's own."""
        return hashlib.sha256((self.artifacts / HELM).read_bytes()).hexdigest()

    def chart(self, pattern: str) -> Path:
        return sorted(self.artifacts.glob(pattern))[-1]

    def defaults(self, pattern: str) -> dict[str, Any]:
        """Return what a chart says its values are."""
        said: dict[str, Any] = yaml.load(self.run("show", "values", self.chart(pattern)).text, LOADER)
        return said

    def render(self, release: Release) -> Rendering:
        """Render a release without a cluster."""
        with tempfile.TemporaryDirectory() as folder:
            files: list[str | Path] = []
            for number, values in enumerate(release.values):
                path = Path(folder, f"{number}.json")
                path.write_text(json.dumps(values), encoding="utf-8")
                files += ["--values", path]
            where: list[str | Path] = ["--namespace", release.namespace, "--kube-version", KUBERNETES, "--include-crds"]
            return self.run("template", release.name, self.chart(release.chart), *where, *files)

    def ignored(self, release: Release) -> list[str]:
        """Return what the chart does not read of the last values: another value there makes no difference."""
        plain, last = self.render(release), release.values[-1]
        assert plain.status == 0, plain.errors
        paths = list(leaves(last))
        others = [Release(**{**vars(release), "values": (*release.values[:-1], changed(last, path))}) for path in paths]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            texts = [rendering.text for rendering in pool.map(self.render, others)]
        # One that is refused was read: the text is empty then.
        return [".".join(map(str, path)) for path, text in zip(paths, texts, strict=True) if text == plain.text]

    def run(self, *words: str | Path) -> Rendering:
        done = subprocess.run([self.program, *words], capture_output=True, text=True, check=False)
        return Rendering(done.returncode, done.stdout, done.stderr)


def leaves(values: Any, path: Place = ()) -> Iterator[Place]:
    """Yield the way to everything in values that is neither a map nor a list with something in it."""
    inner = values.items() if isinstance(values, Mapping) else enumerate(values) if isinstance(values, list) else ()
    for key, value in inner:
        yield from leaves(value, (*path, key))
    if not inner:
        yield path


def at(values: Any, path: Place) -> Any:
    for key in path:
        values = values[key]
    return values


def changed(values: Mapping[str, Any], path: Place) -> Mapping[str, Any]:
    """Return values with another one of the same type at a place."""
    copied: dict[str, Any] = json.loads(json.dumps(values))
    *way, last = path
    at(copied, tuple(way))[last] = other(at(copied, path))
    return copied


def other(value: Any) -> Any:
    """Return another value of the same type."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, str):
        return f"{value}x"
    return [*value, "x"] if isinstance(value, list) else {"x": "x"}


def misfits(values: Any, defaults: Any, path: Place = ()) -> list[str]:
    """Return what has another type than the chart's own value in its place.

    Where the chart has nothing, or an empty map, anything may stand.
    """
    if defaults is None or (isinstance(defaults, Mapping) and not defaults):
        return []
    if type(values) is not type(defaults):
        return [f"{'.'.join(map(str, path))} is {values!r}, and the chart has {defaults!r}"]
    if not isinstance(values, dict):
        return []
    return [said for key, each in values.items() for said in misfits(each, defaults.get(key), (*path, key))]


def helm(folder: Path) -> Helm:
    """Return the program of the artifacts, unpacked below a folder; without artifacts the test is skipped."""
    named = os.environ.get(FOLDER)
    if not named:
        pytest.skip(f"{FOLDER} names no folder with helm and charts")
    artifacts = Path(named)
    missing = [name for name in (HELM, METALLB, NGINX, TRAEFIK) if not list(artifacts.glob(name))]
    if missing:
        pytest.skip(f"{artifacts}, which {FOLDER} names, has no {', '.join(missing)}")
    with tarfile.open(artifacts / HELM) as archive:
        archive.extractall(folder, filter="data")
    return Helm(folder / f"linux-{ARCHITECTURE}/helm", artifacts)
