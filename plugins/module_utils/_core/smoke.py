# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of the request path: run them, tell what is broken from what is behind it, and add them up."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Callable, Iterable, Iterator, Mapping, Sequence, Tuple

from .errors import ServingError
from .smoke_catalogue import BLOCKER, CATALOGUE, HOPS

PASS, FAIL, WARN, SKIP, ERROR = "pass", "fail", "warn", "skip", "error"
STATUSES = (PASS, FAIL, WARN, SKIP, ERROR)

# A check by its id and its target; the target is empty where there is only one.
Key = Tuple[str, str]


@dataclass(frozen=True)
class Finding:
    """What a check saw. ``hop`` overrides the hop that is judged, where only the answer tells."""

    status: str
    observed: str = ""
    expected: str = ""
    reason: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)
    hop: str = ""


@dataclass(frozen=True)
class Check:
    """A question about a target, and the checks that must hold before it means anything."""

    id: str
    ask: Callable[[], Finding]
    target: str = ""
    needs: tuple[Key, ...] = ()

    @property
    def key(self) -> Key:
        return (self.id, self.target)


@dataclass(frozen=True)
class Result:
    """A check and what came of it. ``root`` is the check that broke, where this one was skipped for its sake."""

    id: str
    target: str
    hop: str
    status: str
    observed: str = ""
    expected: str = ""
    reason: str = ""
    duration_ms: float = 0.0
    evidence: Mapping[str, Any] = field(default_factory=dict)
    root: Key | None = None

    @property
    def key(self) -> Key:
        return (self.id, self.target)

    @property
    def label(self) -> str:
        return label(self.key)

    def as_dict(self) -> dict[str, Any]:
        """Return the result as a report has it."""
        rule = CATALOGUE[self.id]
        values = {name: value for name, value in asdict(self).items() if name != "root"}
        needs_hint = self.status in (FAIL, WARN, ERROR)
        return {**values, "name": rule.name, "severity": rule.severity, "hint": rule.hint if needs_hint else ""}

    def as_state(self) -> dict[str, Any]:
        """Return what later groups of checks must know of this one."""
        root = list(self.root) if self.root else None
        return {"id": self.id, "target": self.target, "hop": self.hop, "status": self.status, "root": root}


def result_from(values: Mapping[str, Any]) -> Result:
    """Return the result that ``as_state`` or ``as_dict`` described."""
    root = values.get("root")
    names = ("id", "target", "hop", "status", "observed", "expected", "reason", "duration_ms", "evidence")
    known = {name: values[name] for name in names if name in values}
    return Result(**known, root=(root[0], root[1]) if root else None)


def label(key: Key) -> str:
    """Return a check's name for people."""
    return f"{key[0]}[{key[1]}]" if key[1] else key[0]


def judged(ok: bool, observed: object, expected: object, **evidence: Any) -> Finding:
    """Return a finding that passes or fails."""
    return Finding(PASS if ok else FAIL, str(observed), str(expected), evidence=evidence)


def skipped(reason: str) -> Finding:
    """Return a finding for what cannot be asked here."""
    return Finding(SKIP, reason=reason)


def examine(checks: Iterable[Check], known: Iterable[Result], clock: Callable[[], float]) -> Iterator[Result]:
    """Ask every check whose needs hold, in order; ``known`` are the results of earlier groups."""
    results = {result.key: result for result in known}
    for check in checks:
        result = _skip_behind(check, results) or _ask(check, clock)
        results[check.key] = result
        yield result


def _skip_behind(check: Check, results: Mapping[Key, Result]) -> Result | None:
    """Return the result of a check that means nothing, because one it needs does not hold."""
    hop = CATALOGUE[check.id].hop
    for need in check.needs:
        found = results.get(need)
        # What could not be asked for lack of means says nothing about what is behind it.
        root = None if found is None else found.key if found.status == FAIL else found.root
        if found is None or root is None:
            continue
        broken = results[root].hop if root in results else found.hop
        title = HOPS.get(broken, broken)
        return Result(check.id, check.target, hop, SKIP, reason=f"{title} is broken: {label(root)}", root=root)
    return None


def _ask(check: Check, clock: Callable[[], float]) -> Result:
    started = clock()
    try:
        finding = check.ask()
    except ServingError as error:
        finding = Finding(FAIL, observed=str(error))
    rule = CATALOGUE[check.id]
    status = WARN if finding.status == FAIL and rule.severity != BLOCKER else finding.status
    return Result(
        check.id,
        check.target,
        finding.hop or rule.hop,
        status,
        finding.observed,
        finding.expected,
        finding.reason,
        round((clock() - started) * 1000, 1),
        dict(finding.evidence),
    )


def in_path_order(results: Sequence[Result]) -> list[Result]:
    """Return results from the caller inwards, each hop's in the order they were asked."""
    order = list(HOPS)
    return sorted(results, key=lambda each: order.index(each.hop))


def first_broken(results: Sequence[Result]) -> Result | None:
    """Return the broken check that is nearest to the caller."""
    return next((each for each in in_path_order(results) if each.status == FAIL), None)


def _is_own(result: Result) -> bool:
    return result.id.startswith(f"{result.hop}.")


def counts(results: Sequence[Result]) -> dict[str, int]:
    """Return how many results have each status."""
    return {status: sum(each.status == status for each in results) for status in STATUSES}


def hop_status(hop: str, results: Sequence[Result]) -> str:
    """Return the gravest status among a hop's checks; a hop that was only skipped is skipped.

    A check of the whole path says something about a hop only when it found a fault there.
    """
    found = {each.status for each in results if each.hop == hop and (_is_own(each) or each.status in (FAIL, WARN))}
    return next((status for status in (FAIL, ERROR, WARN, PASS) if status in found), SKIP)


__all__ = [
    "ERROR",
    "FAIL",
    "PASS",
    "SKIP",
    "WARN",
    "Check",
    "Finding",
    "Result",
    "counts",
    "examine",
    "first_broken",
    "hop_status",
    "in_path_order",
    "judged",
    "label",
    "result_from",
    "skipped",
]
