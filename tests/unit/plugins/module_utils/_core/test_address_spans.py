# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs of addresses are read as they are written, and meet when they share an address."""

from __future__ import annotations

from ipaddress import IPv4Address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.module_utils._core.address_spans import Span, address_span, block_span, families, pool_span
from plugins.module_utils._core.errors import ServingError

GOOD = [
    pytest.param("192.0.2.1-192.0.2.9", 4, "192.0.2.1", 9, id="a range"),
    pytest.param(" 192.0.2.1 - 192.0.2.9 ", 4, "192.0.2.1", 9, id="a range with blanks"),
    pytest.param("192.0.2.7-192.0.2.7", 4, "192.0.2.7", 1, id="a range of one"),
    pytest.param("192.0.2.8/29", 4, "192.0.2.8", 8, id="a block"),
    pytest.param("192.0.2.10/32", 4, "192.0.2.10", 1, id="a block of one"),
    pytest.param("2001:db8::-2001:db8::f", 6, "2001:db8::", 16, id="an IPv6 range"),
    pytest.param("2001:db8:0::/126", 6, "2001:db8::", 4, id="an IPv6 block, not in its short form"),
]
BAD = [
    pytest.param("192.0.2.9-192.0.2.1", "runs backwards. Write it as 192.0.2.1-192.0.2.9.", id="backwards"),
    pytest.param("192.0.2.1-2001:db8::1", "mixes IPv4 and IPv6. Write a range of each.", id="two families"),
    pytest.param("192.0.2.1-9", "is no range of two addresses. Write it as 192.0.2.200-", id="a short form"),
    pytest.param("192.0.2.1-192.0.2.5-192.0.2.9", "is no range of two addresses.", id="three ends"),
    pytest.param("192.0.2.1-", "is no range of two addresses.", id="one end"),
    pytest.param("192.0.2.10", "has no prefix length. Write one address as 192.0.2.10/32.", id="one address"),
    pytest.param("2001:db8::1", "has no prefix length. Write one address as 2001:db8::1/128.", id="one IPv6 address"),
    pytest.param("192.0.2.10/29", "starts inside a CIDR block. Write the whole block as 192.0.2.8/29,", id="inside"),
    pytest.param("192.0.2.0/33", "is neither a range nor a CIDR block.", id="prefix too long"),
    pytest.param("lan", "is neither a range nor a CIDR block. Write it as 192.0.2.200-", id="a word"),
]


@pytest.mark.parametrize(("text", "version", "first", "size"), GOOD)
def test_a_pool_is_read(text: str, version: int, first: str, size: int) -> None:
    span = pool_span(text, pool="lan")
    start = address_span(first)
    assert start is not None
    assert (span.version, span.first, span.last) == (version, start.first, start.first + size - 1)
    assert span.text == text.strip()


@pytest.mark.parametrize(("text", "words"), BAD)
def test_a_bad_pool_is_refused_with_what_to_write(text: str, words: str) -> None:
    with pytest.raises(ServingError) as refusal:
        pool_span(text, pool="lan")
    assert str(refusal.value).startswith(f"The pool 'lan' has '{text}', which {words}")


@pytest.mark.parametrize("text", ["10.42.0.0", "10.42.0.0/33", "pods", ""])
def test_what_is_no_block_is_none(text: str) -> None:
    assert block_span(text) is None


def test_a_block_may_be_named_by_any_address_of_it() -> None:
    assert block_span("10.42.7.1/16") == Span(
        4, int(IPv4Address("10.42.0.0")), int(IPv4Address("10.42.255.255")), "10.42.7.1/16"
    )


@pytest.mark.parametrize("text", ["server-1", "192.0.2.0/24", ""])
def test_what_is_no_address_is_none(text: str) -> None:
    assert address_span(text) is None


def test_families_are_named_in_their_order() -> None:
    spans = [span for span in map(block_span, ("2001:db8::/32", "192.0.2.0/24")) if span]
    assert (families(spans), families([])) == ("IPv6 and IPv4", "nothing")


NUMBERS = st.integers(0, 60)
SPANS = st.builds(
    lambda version, ends: Span(version, min(ends), max(ends), "x"), st.sampled_from((4, 6)), st.tuples(NUMBERS, NUMBERS)
)


def addresses(span: Span) -> set[tuple[int, int]]:
    return {(span.version, number) for number in range(span.first, span.last + 1)}


@given(one=SPANS, other=SPANS)
def test_two_meet_when_they_share_an_address(one: Span, other: Span) -> None:
    assert one.meets(other) == other.meets(one) == bool(addresses(one) & addresses(other))


@given(one=SPANS, other=SPANS)
def test_one_lies_in_another_that_has_all_its_addresses(one: Span, other: Span) -> None:
    assert one.lies_in(other) == (addresses(one) <= addresses(other))


@given(number=st.integers(0, 2**32 - 1), prefix=st.integers(8, 32))
def test_a_block_is_the_range_between_its_ends(number: int, prefix: int) -> None:
    block = ip_network((number, prefix), strict=False)
    whole = pool_span(str(block), pool="lan")
    span = pool_span(f"{block[0]}-{block[-1]}", pool="lan")
    assert (whole.first, whole.last) == (span.first, span.last)


@given(text=st.text(alphabet="0123456789abcdef.:/- ", max_size=24))
def test_any_text_gives_a_span_or_a_refusal(text: str) -> None:
    try:
        span = pool_span(text, pool="lan")
    except ServingError as refusal:
        assert "Write " in str(refusal)  # noqa: PT017 - the law is about both outcomes
    else:
        assert span.first <= span.last
