# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an experiment is: candidates with whole weights, one of them perhaps the default, perhaps a mirror.

The words and the rules are those of Seldon Core v2's Experiment resource
(https://docs.seldon.ai/seldon-core-2/user-guide/experiments). A candidate's share of the traffic is its weight
divided by the sum of the weights; the sum need not be 100.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Mapping, Sequence

from .errors import ServingError

# Seldon adds ".experiment" to a name to make a route of it, so a dot would clash; the rest is Kubernetes' rule.
NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
NAME_LENGTH = 63
# Envoy refuses a route whose weights add up to more than an unsigned 32-bit number.
TOTAL_WEIGHT_LIMIT = 2**32 - 1


@dataclass(frozen=True)
class Candidate:
    """A model that takes part, and its weight."""

    name: str
    weight: int


@dataclass(frozen=True)
class Mirror:
    """A model that gets a copy of ``percent`` of the requests; its answers are thrown away."""

    name: str
    percent: int


@dataclass(frozen=True)
class Experiment:
    """A split of traffic, with the baseline first: the default, or else the candidate that was listed first."""

    name: str
    candidates: tuple[Candidate, ...]
    default: str | None = None
    mirror: Mirror | None = None

    @property
    def route(self) -> str:
        """The value of the ``seldon-model`` header that calls this experiment."""
        return f"{self.name}.experiment"

    @property
    def models(self) -> tuple[str, ...]:
        """All the models this experiment needs, candidates first."""
        mirrored = (self.mirror.name,) if self.mirror else ()
        return tuple(candidate.name for candidate in self.candidates) + mirrored

    @property
    def weights(self) -> dict[str, int]:
        """The weights by candidate, baseline first."""
        return {candidate.name: candidate.weight for candidate in self.candidates}

    def as_dict(self) -> dict[str, Any]:
        """Return the experiment as inventories write it."""
        spec: dict[str, Any] = {
            "name": self.name,
            "candidates": [{"name": each.name, "weight": each.weight} for each in self.candidates],
        }
        if self.default:
            spec["default"] = self.default
        if self.mirror:
            spec["mirror"] = {"name": self.mirror.name, "percent": self.mirror.percent}
        return spec


@dataclass(frozen=True)
class Request:
    """What somebody asks an experiment to be. What is None stays as it is.

    An empty ``default`` takes the default away; a mirror with ``percent`` 0 takes the mirror away.
    """

    name: str
    candidates: tuple[Candidate, ...] | None = None
    default: str | None = None
    mirror: Mirror | None = None
    present: bool = True

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> Request:
        """Read options as a task or an inventory gives them; ``weights`` is the short form of ``candidates``."""
        name = str(values.get("name") or "")
        if values.get("candidates") is not None and values.get("weights") is not None:
            raise ServingError(f"Experiment {name!r} has both candidates and weights: set one of them.")
        mirror = values.get("mirror")
        return cls(
            name=name,
            candidates=_candidates(name, values),
            default=values.get("default"),
            mirror=None if mirror is None else Mirror(str(mirror.get("name") or ""), _whole(mirror.get("percent"))),
            present=(values.get("state") or "present") == "present",
        )

    def applied_to(self, current: Experiment | None) -> Experiment | None:
        """Return what the experiment becomes, or None when it is to be absent; refuse what makes no sense."""
        if not self.present:
            return None
        candidates = self.candidates if self.candidates is not None else (current.candidates if current else ())
        default = self.default if self.default is not None else (current.default if current else None)
        mirror = self.mirror if self.mirror is not None else (current.mirror if current else None)
        _refuse(self.name, _problems(self.name, candidates, default or None, mirror))
        return Experiment(
            name=self.name,
            candidates=_baseline_first(candidates, default or None),
            default=default or None,
            mirror=mirror if mirror and mirror.percent else None,
        )


def bad_name(what: str, name: str) -> list[str]:
    """Say what is wrong with the name of a model or an experiment; nothing, if all is well."""
    if NAME.fullmatch(name) and len(name) <= NAME_LENGTH:
        return []
    return [
        f"{what} {name!r} is not a name: set lower-case letters, digits and dashes, "
        f"a letter or digit at both ends, at most {NAME_LENGTH} (no dots, no capitals)"
    ]


def _candidates(name: str, values: Mapping[str, Any]) -> tuple[Candidate, ...] | None:
    if values.get("weights") is not None:
        return tuple(Candidate(str(model), _whole(weight)) for model, weight in values["weights"].items())
    if values.get("candidates") is None:
        return None
    for each in values["candidates"]:
        if "name" not in each or each.get("weight") is None:
            raise ServingError(f"Experiment {name!r}: candidate {dict(each)!r} needs a name and a weight.")
    return tuple(Candidate(str(each["name"]), _whole(each["weight"])) for each in values["candidates"])


def _whole(value: Any) -> int:
    """Return a whole number; what is none is passed on as it came, for the refusal to show it."""
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]+", value):
        return int(value)
    return value  # type: ignore[no-any-return]  # judged by _is_whole, which names it


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _problems(name: str, candidates: Sequence[Candidate], default: str | None, mirror: Mirror | None) -> list[str]:
    names = [candidate.name for candidate in candidates]
    problems = bad_name("experiment", name)
    for each in dict.fromkeys(names):
        problems += bad_name("candidate", each)
        if names.count(each) > 1:
            problems.append(f"candidate {each!r} is listed {names.count(each)} times; list it once")
    problems += _weight_problems(candidates)
    if default and default not in names:
        problems.append(f"default {default!r} is not a candidate; set one of: {', '.join(names)}")
    return problems + (_mirror_problems(mirror, names) if mirror else [])


def _weight_problems(candidates: Sequence[Candidate]) -> list[str]:
    if not candidates:
        return ["it has no candidates; set candidates or weights"]
    problems = [
        f"the weight of {each.name!r} is {each.weight!r}; set a whole number, 0 or more"
        for each in candidates
        if not _is_whole(each.weight) or each.weight < 0
    ]
    if problems:
        return problems
    total = sum(each.weight for each in candidates)
    if total == 0:
        return ["all weights are 0; set at least one above 0"]
    if total > TOTAL_WEIGHT_LIMIT:
        return [f"the weights add up to {total}; at most {TOTAL_WEIGHT_LIMIT} fit"]
    return []


def _mirror_problems(mirror: Mirror, candidates: Sequence[str]) -> list[str]:
    problems = bad_name("mirror", mirror.name)
    if mirror.name in candidates:
        problems.append(f"mirror {mirror.name!r} is also a candidate; set another model")
    if not _is_whole(mirror.percent) or not 0 <= mirror.percent <= 100:
        problems.append(f"the mirror's percent is {mirror.percent!r}; set a whole number from 0 to 100")
    return problems


def _refuse(name: str, problems: Sequence[str]) -> None:
    if problems:
        raise ServingError(f"Experiment {name!r} is refused: {'; '.join(problems)}.", problems=list(problems))


def _baseline_first(candidates: Sequence[Candidate], default: str | None) -> tuple[Candidate, ...]:
    # Seldon builds routes in this order and stops at the first candidate that is not ready: with the baseline first
    # that leaves all traffic on the baseline, the other way round it leaves no route at all.
    baseline = default or candidates[0].name
    first = [each for each in candidates if each.name == baseline]
    return tuple(first + sorted((each for each in candidates if each.name != baseline), key=lambda each: each.name))


__all__ = [
    "Candidate",
    "Experiment",
    "Mirror",
    "Request",
    "bad_name",
]
