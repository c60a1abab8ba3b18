# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pools that share no address with anything are never reported, and those that do always are."""

from __future__ import annotations

from ipaddress import IPv4Address

from hypothesis import given
from hypothesis import strategies as st

from tests.sample_clusters import judged

BASE = int(IPv4Address("198.51.100.0"))


def text(first: int, last: int) -> str:
    return f"{IPv4Address(BASE + first)}-{IPv4Address(BASE + last)}"


@given(ends=st.lists(st.integers(0, 255), min_size=2, max_size=12, unique=True))
def test_disjoint_ranges_are_never_reported(ends: list[int]) -> None:
    pairs = list(zip(sorted(ends)[::2], sorted(ends)[1::2], strict=False))
    pools = [{"name": f"pool-{first}", "addresses": [text(first, last)]} for first, last in pairs]
    assert judged({"all": {"metallb_address_pools": pools}}) == {"problems": [], "warnings": []}


SPANS = st.tuples(st.integers(0, 255), st.integers(0, 255)).map(sorted)


@given(one=SPANS, other=SPANS)
def test_ranges_that_overlap_are_reported_in_either_order(one: list[int], other: list[int]) -> None:
    overlap = max(one[0], other[0]) <= min(one[1], other[1])
    for spans in ((one, other), (other, one)):
        pools = [{"name": name, "addresses": [text(*span)]} for name, span in zip("ab", spans, strict=True)]
        problems = judged({"all": {"metallb_address_pools": pools}})["problems"]
        assert [each.endswith("of the pool 'a'. Every address belongs in one pool, once.") for each in problems] == (
            [True] if overlap else []
        )


@given(span=SPANS, host=st.integers(0, 255))
def test_a_host_is_reported_when_it_is_in_the_pool(span: list[int], host: int) -> None:
    case = {
        "all": {"metallb_address_pools": [{"name": "lan", "addresses": [text(*span)]}]},
        "hosts": {"server-1": {"ansible_host": str(IPv4Address(BASE + host))}},
    }
    assert len(judged(case)["problems"]) == (span[0] <= host <= span[1])
