# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation: every plugin and role explains itself, and no link leads nowhere."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support import ROOT, files, run

COLLECTION = "modelops.serving"
KINDS = {"module": "modules", "filter": "filter", "lookup": "lookup"}
PLUGINS = sorted(
    (kind, path.stem) for kind, folder in KINDS.items() for path in ROOT.joinpath("plugins", folder).glob("*.py")
)
ROLES = sorted(path.parent.parent.name for path in ROOT.glob("roles/*/meta/argument_specs.yml"))
PAGES = [path for path in files() if path.suffix == ".md" and path.name != "CHANGELOG.md"]
LINK = re.compile(r"\[[^]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)


def documentation(kind: str, env: Mapping[str, str] | None = None) -> dict[str, dict[str, object]]:
    """Return what ansible-doc says of every plugin of a kind; a warning of it is a failure."""
    names = [f"{COLLECTION}.{name}" for its_kind, name in PLUGINS if its_kind == kind]
    said = run(["ansible-doc", "--json", "--type", kind, *names], env=env).require()
    assert said.startswith("{"), said
    found: dict[str, dict[str, object]] = json.loads(said)
    return found


@pytest.fixture(scope="module")
def documented() -> dict[str, dict[str, dict[str, object]]]:
    return {kind: documentation(kind) for kind in {plugin[0] for plugin in PLUGINS}}


@pytest.mark.parametrize(("kind", "name"), PLUGINS, ids=["-".join(plugin) for plugin in PLUGINS])
def test_plugin_explains_itself(kind: str, name: str, documented: dict[str, dict[str, dict[str, object]]]) -> None:
    entry = documented[kind][f"{COLLECTION}.{name}"]
    assert entry["doc"]
    assert f"{COLLECTION}.{name}" in str(entry["examples"])
    assert entry["return"]


@pytest.mark.parametrize("role", ROLES)
def test_role_explains_itself(role: str) -> None:
    said = run(["ansible-doc", "--json", "--type", "role", f"{COLLECTION}.{role}"]).require()
    assert json.loads(said)[f"{COLLECTION}.{role}"]["entry_points"]["main"]["short_description"]


def test_collection_documentation_has_no_fault(tmp_path: Path) -> None:
    """References between plugins resolve, and so do the names of options in their texts."""
    address = ROOT / ".venv/collections/ansible_collections/modelops/serving"
    command: list[str | Path] = ["antsibull-docs", "lint-collection-docs", "--plugin-docs", "--skip-rstcheck", address]
    run(command, env={"HOME": str(tmp_path)}).require()


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as code forges make them."""
    headings = HEADING.findall(page.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_links_of_the_page_lead_somewhere(page: Path) -> None:
    broken = []
    for link in LINK.findall((ROOT / page).read_text(encoding="utf-8")):
        target, anchor = [*link.split("#", maxsplit=1), ""][:2]
        if "://" in link or link.startswith("mailto:"):
            continue
        place = (ROOT / page).parent / target if target else ROOT / page
        if not place.exists() or (anchor and anchor not in anchors(place)):
            broken.append(link)
    assert broken == []
