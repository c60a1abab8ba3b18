# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Labels and taints of nodes, kept as they are declared.

K3s sets them when a node registers, and never again. What was declared last stands in an annotation of the node, so
that what is declared no more can be told from what somebody else put there.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Iterable, Mapping, Sequence

from .errors import ServingError

ANNOTATION = "serving.modelops/declared"
EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
TAINT = re.compile(r"(?P<key>[^=:\s]+)(?:=(?P<value>[^=:\s]*))?:(?P<effect>\w+)")
LABEL_KEY = re.compile(r"(?:[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")
LABEL_VALUE = re.compile(r"(?:[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?")


@dataclass(frozen=True)
class Taint:
    """A taint; a node has one of each key and effect."""

    key: str
    effect: str
    value: str = ""

    @classmethod
    def parse(cls, text: str) -> Taint:
        """Read K3s's form: ``key=value:Effect`` or ``key:Effect``."""
        match = TAINT.fullmatch(text)
        if not match or match["effect"] not in EFFECTS:
            raise ServingError(f"'{text}' is no taint. Write it as key=value:Effect, with one of {', '.join(EFFECTS)}.")
        return cls(match["key"], match["effect"], match["value"] or "")

    def __str__(self) -> str:
        return f"{self.key}={self.value}:{self.effect}" if self.value else f"{self.key}:{self.effect}"

    @property
    def slot(self) -> str:
        """What it shares with the taint that it would replace."""
        return f"{self.key}:{self.effect}"


@dataclass(frozen=True)
class Declared:
    """What an inventory says of a node."""

    labels: Mapping[str, str]
    taints: Sequence[Taint]

    @classmethod
    def parse(cls, values: Mapping[str, Any], *, node: str) -> Declared:
        """Read labels and taints, or refuse what the cluster would refuse."""
        labels = {str(key): str(value) for key, value in (values.get("labels") or {}).items()}
        for key, value in labels.items():
            if not LABEL_KEY.fullmatch(key) or not LABEL_VALUE.fullmatch(value):
                raise ServingError(f"The label {key}={value} of {node} is none that Kubernetes takes. Change it.")
        return cls(labels, tuple(Taint.parse(str(each)) for each in values.get("taints") or ()))

    def as_text(self) -> str:
        """Return what stands in the annotation."""
        taints = sorted(each.slot for each in self.taints)
        return json.dumps({"labels": sorted(self.labels), "taints": taints}, separators=(",", ":"))


@dataclass(frozen=True)
class Change:
    """The arguments of kubectl that bring one node to what is declared, and what changes, as text."""

    node: str
    commands: tuple[tuple[str, ...], ...]
    before: tuple[str, ...]
    after: tuple[str, ...]


def change(node: Mapping[str, Any], declared: Declared) -> Change | None:
    """Return what to do with a node, or None when it is as declared."""
    name = node["metadata"]["name"]
    labels: Mapping[str, str] = node["metadata"].get("labels") or {}
    taints = [
        Taint(each["key"], each["effect"], each.get("value") or "") for each in node.get("spec", {}).get("taints") or ()
    ]
    had = _had(node)
    set_labels = {key: value for key, value in declared.labels.items() if labels.get(key) != value}
    old_labels = [key for key in had["labels"] if key in labels and key not in declared.labels]
    wanted = {each.slot: each for each in declared.taints}
    set_taints = [each for each in declared.taints if each not in taints]
    old_taints = [each for each in taints if each.slot in had["taints"] and each.slot not in wanted]
    commands: list[tuple[str, ...]] = []
    if set_labels or old_labels:
        pairs = [*(f"{key}={value}" for key, value in sorted(set_labels.items())), *(f"{key}-" for key in old_labels)]
        commands.append(("label", "node", name, "--overwrite", *pairs))
    if set_taints or old_taints:
        pairs = [*(str(each) for each in set_taints), *(f"{each.slot}-" for each in old_taints)]
        commands.append(("taint", "node", name, "--overwrite", *pairs))
    # Last, so that a change that stops half-way is taken up again.
    if _annotation(node) != declared.as_text() and (declared.labels or declared.taints or _annotation(node)):
        commands.append(("annotate", "node", name, "--overwrite", f"{ANNOTATION}={declared.as_text()}"))
    if not commands:
        return None
    before = _shown(
        labels, [*set_labels, *old_labels], taints, {*(t.slot for t in set_taints), *(t.slot for t in old_taints)}
    )
    after = _shown(declared.labels, set_labels, declared.taints, {each.slot for each in set_taints})
    return Change(name, tuple(commands), before, after)


def _shown(
    labels: Mapping[str, str], keys: Iterable[str], taints: Iterable[Taint], slots: Iterable[str]
) -> tuple[str, ...]:
    wanted = set(slots)
    shown = [f"label {key}={labels[key]}" for key in sorted(keys) if key in labels]
    return (*shown, *(f"taint {each}" for each in taints if each.slot in wanted))


def _annotation(node: Mapping[str, Any]) -> str:
    return str((node["metadata"].get("annotations") or {}).get(ANNOTATION, ""))


def _had(node: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the labels and taints that were declared last; of an unreadable note, none."""
    try:
        found = json.loads(_annotation(node) or "{}")
        return {key: [str(each) for each in found.get(key, ())] for key in ("labels", "taints")}
    except (ValueError, AttributeError, TypeError):
        return {"labels": [], "taints": []}


__all__ = ["Change", "Declared", "Taint", "change"]
