# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a tick of a rollout costs, and where the time goes."""

from __future__ import annotations

import re
import subprocess
import time
from collections import defaultdict
from collections.abc import Sequence

from tools.bench.calls import TICK, Call
from tools.bench.figures import Check, NotMeasuredError, Row, Table, percentile
from tools.bench.parts import LOOKS, PARTS, WHOLE, Times, timed_parts
from tools.bench.section import Bench
from tools.bench.watched import Watched, watched

LIMIT_SECONDS = 1.0
COLUMNS = ("P50 ms", "P95 ms", "max ms", "n")
# How long a process may take that only starts, and does nothing.
START_SECONDS = 60
IMPORTED = re.compile(r"^import time:\s+(\d+) \|\s+\d+ \|\s+(\S+)$", re.MULTILINE)
OURS, ANSIBLE, OTHERS = "this collection's modules", "Ansible's modules", "all others"
# The call that no module knows: it ends when its options are read.
NO_CALL = "nothing"


def ticks(bench: Bench) -> list[Table]:
    """Time the calls that the action plugin makes, then each part alone."""
    seen = watched(bench)
    bench.say("the parts of a tick")
    starts, imports = _started(bench, seen)
    parts = timed_parts(bench)
    return [_calls_table(seen.ticks), _parts_table(seen.ticks, starts, imports, parts)]


def row(name: str, samples: Sequence[float], *checks: Check) -> Row:
    """Return a row of times in seconds, shown in milliseconds."""
    found = (percentile(samples, 0.5), percentile(samples, 0.95), max(samples))
    return Row(name, (*(f"{1000 * each:.1f}" for each in found), str(len(samples))), checks)


def _calls_table(calls: Sequence[Call]) -> Table:
    whole = [call.seconds for call in calls]
    rows = (
        row("**one call**", whole, Check("P95", percentile(whole, 0.95), LIMIT_SECONDS, "s")),
        row("of that: the controller builds the module", [call.built for call in calls]),
        row("of that: the module runs, on this machine", [call.ran for call in calls]),
        row("the controller's rest", [call.seconds - call.built - call.ran for call in calls]),
        row("what the module takes of a core", [call.processor for call in calls]),
    )
    text = (
        "A rollout by `playbooks/rollout.yml` with the candidate at 50 %, beside 50 requests a second. The times are "
        "those that the action plugin waits for its module, at every tick; a longer interval makes them no shorter. "
        "The bench takes `PYTHONUNBUFFERED` out of its environment: where it is set on the target, Python reads what "
        "Ansible sends it byte by byte, and a tick takes a quarter of a second more."
    )
    return Table("One tick", text, COLUMNS, rows)


def _parts_table(calls: Sequence[Call], starts: Times, imports: Times, parts: Times) -> Table:
    rest = [whole - sum(parts[name][index] for name in PARTS) for index, whole in enumerate(parts[WHOLE])]
    rows = [
        row("the controller builds the module", [call.built for call in calls]),
        row("the controller sends it, and reads its answer", [call.seconds - call.built - call.ran for call in calls]),
        *(row(name, samples) for name, samples in starts.items()),
        *(row(f"of that: imports {name}", samples) for name, samples in imports.items()),
        row(f"**{WHOLE}**", parts[WHOLE]),
        *(row(f"of that: {name}", parts[name]) for name in PARTS),
        row("of that: all the rest", rest),
        *(row(f"of the look: {name}", parts[name]) for name in LOOKS),
    ]
    text = (
        "The first two are of the same calls as above. A bare Python, and the module as it was sent, with a call that "
        "it refuses when all is imported and its options are read, are started alone; the interpreter itself says how "
        "long it imports (`-X importtime`). Ansible sends source in an archive, so all of it is compiled at each call. "
        "What the module does then is timed in the bench's own process, with the same options, at ticks of a real "
        "rollout of its own; the parts of a look may go on beside each other."
    )
    return Table("Where the time of a tick goes", text, COLUMNS, tuple(rows))


def _started(bench: Bench, seen: Watched) -> tuple[Times, Times]:
    """Return the seconds that a bare Python and the refused module take, and those of imports by whose they are."""
    interpreter = _interpreter(seen.payload)
    refused = _refused(seen.payload)
    starts: Times = {"Python starts": [], "Python starts, unpacks, imports and reads the options": []}
    imports: Times = defaultdict(list)
    for _each in range(bench.sizes.starts):
        for samples, code in zip(starts.values(), (b"", refused), strict=True):
            start = time.perf_counter()
            _run([interpreter], code)
            samples.append(time.perf_counter() - start)
    for _each in range(bench.sizes.starts):
        for name, seconds in import_seconds(_run([interpreter, "-X", "importtime"], refused)).items():
            imports[name].append(seconds)
    return starts, imports


def _run(command: Sequence[str], code: bytes) -> str:
    """Feed code to an interpreter, as Ansible does, and return what it says on its second output."""
    done = subprocess.run([*command, "-"], input=code, capture_output=True, timeout=START_SECONDS, check=False)
    if code and b"value of call must be one of" not in done.stdout:
        raise NotMeasuredError(f"the module did not refuse its call: {done.stdout[-500:]!r} {done.stderr[-500:]!r}")
    return done.stderr.decode(errors="replace")


def _interpreter(payload: bytes) -> str:
    return payload.split(b"\n", 1)[0].removeprefix(b"#!").decode().strip()


def _refused(payload: bytes) -> bytes:
    known = f'"call": "{TICK}"'.encode()
    if payload.count(known) != 1:
        raise NotMeasuredError(f"the module that was sent does not have {known!r} once")
    return payload.replace(known, f'"call": "{NO_CALL}"'.encode())


def import_seconds(said: str) -> dict[str, float]:
    """Return the seconds that were spent on imports, by whose modules they were, from what the interpreter says."""
    found = dict.fromkeys((OURS, ANSIBLE, OTHERS), 0.0)
    for microseconds, name in IMPORTED.findall(said):
        top = name.partition(".")[0]
        found[{"ansible_collections": OURS, "ansible": ANSIBLE}.get(top, OTHERS)] += int(microseconds) / 1e6
    return found
