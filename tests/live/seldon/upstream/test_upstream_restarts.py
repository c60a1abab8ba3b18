# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is left of models and experiments of two teams when their scheduler ends, with its volume and without it."""

from __future__ import annotations

import threading
from collections.abc import Callable

from tests.live.seldon.upstream.day import SIBLING, SPLIT, becomes, served, shares, status
from tests.live.seldon.upstream.programs import Upstream


class Caller(threading.Thread):
    """Calls without a pause, and keeps whatever was not 200."""

    def __init__(self, upstream: Upstream, *routes: str) -> None:
        super().__init__(daemon=True)
        self._upstream, self._routes, self._done = upstream, routes, threading.Event()
        self.calls, self.wrong = 0, list[tuple[str, str]]()
        self.start()

    def run(self) -> None:
        while not self._done.wait(0.02):
            for route in self._routes:
                self.calls += 1
                try:
                    said = str(self._upstream.call(route).status)
                except OSError as error:
                    said = repr(error)
                if said != "200":
                    self.wrong.append((route, said))

    def finish(self) -> None:
        self._done.set()
        self.join()


def restart(central: Upstream, between: Callable[[], None] = lambda: None) -> None:
    """Kill the scheduler and start it again; return when Envoy listens to the new one."""
    before = central.count("cluster_manager.cds.update_success")
    central.scheduler.kill("scheduler")
    between()
    central.start_scheduler()
    central.wait(lambda: central.count("cluster_manager.cds.update_success") > before, "Envoy at the new scheduler")


def test_killed_scheduler_that_keeps_its_volume_fails_no_call(central: Upstream) -> None:
    routes = ("base", "shadow", f"{SPLIT}.experiment", f"{SIBLING}.experiment")
    caller = Caller(central, *routes)
    restart(central)
    served(central, *routes)
    caller.finish()
    assert caller.calls > 100
    assert caller.wrong == []
    becomes(central, f"{SPLIT}.experiment", {"base_1": 70, "better_1": 30})


def test_lost_volume_is_healed_by_a_restart_of_the_operator(central: Upstream) -> None:
    restart(central, central.lose_state)
    served(central, "base", "better", "shadow")
    # Experiments of one namespace are back, or of both: whoever asks first. The status never tells.
    lost = [each for each in (f"{SPLIT}.experiment", f"{SIBLING}.experiment") if not shares(central, each)]
    assert len(lost) < 2
    both = list(zip(central.teams, (SPLIT, SIBLING), strict=True))
    central.wait(lambda: all(status(central, *each) == "True" for each in both), "Ready")
    central.operator.stop("operator")
    central.start_operator()
    becomes(central, f"{SPLIT}.experiment", {"base_1": 70, "better_1": 30})
    becomes(central, f"{SIBLING}.experiment", {"shadow_1": 1, "better_1": 1})
    becomes(central, "base", {"base_1": 70, "better_1": 30})
