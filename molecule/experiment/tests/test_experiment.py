# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The weights that the ad hoc playbook declared, counted on the wire."""

from __future__ import annotations

import math
import sys
from typing import Any

CALLS = 300
# As converge.yml declares it.
SHARE = 0.6

PROGRAM = f"""
import collections, http.client
counts = collections.Counter()
connection = http.client.HTTPConnection("127.0.77.6", 27500, timeout=30)
headers = {{"Host": "ml-api.local", "seldon-model": "financial-ab-test-experiment.experiment"}}
for _ in range({CALLS}):
    connection.request("GET", "/v2/models/baseline-predictor/ready", headers=headers)
    response = connection.getresponse()
    response.read()
    counts[response.getheader("x-seldon-route")] += 1
print(counts[":enhanced-predictor_1:"], sum(counts.values()))
"""


def test_callers_are_split_by_the_new_weights(host: Any) -> None:
    enhanced, total = map(int, host.check_output("%s -c %s", sys.executable, PROGRAM).split())
    assert total == CALLS
    # Six standard deviations: once in a thousand million runs by chance.
    assert abs(enhanced - CALLS * SHARE) < 6 * math.sqrt(CALLS * SHARE * (1 - SHARE))
