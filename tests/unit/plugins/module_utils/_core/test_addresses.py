# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pools are written out in order, and what one machine cannot use is refused."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.module_utils._core.addresses import LARGEST_POOL, pool_addresses
from plugins.module_utils._core.errors import ServingError

GOOD = [
    pytest.param("127.0.77.1-127.0.77.3", ["127.0.77.1", "127.0.77.2", "127.0.77.3"], id="a range"),
    pytest.param(" 127.0.77.1 - 127.0.77.2 ", ["127.0.77.1", "127.0.77.2"], id="a range with blanks"),
    pytest.param("127.0.77.9-127.0.77.9", ["127.0.77.9"], id="a range of one"),
    pytest.param("127.0.77.255-127.0.78.0", ["127.0.77.255", "127.0.78.0"], id="a range over the edge of a block"),
    pytest.param("127.0.77.4/30", ["127.0.77.4", "127.0.77.5", "127.0.77.6", "127.0.77.7"], id="a block with its ends"),
    pytest.param("192.0.2.10/32", ["192.0.2.10"], id="a block of one"),
]

BAD = [
    pytest.param("", "The address pool is empty. Set it to a range or a CIDR block", id="empty"),
    pytest.param("  ", "The address pool is empty. Set it to a range or a CIDR block", id="blank"),
    pytest.param("2001:db8::/120", "The address pool '2001:db8::/120' is IPv6.", id="IPv6 block"),
    pytest.param("::1-::2", "The address pool '::1-::2' is IPv6.", id="IPv6 range"),
    pytest.param("127.0.77.1", "has no prefix length. Write one address as 127.0.77.1/32.", id="no prefix length"),
    pytest.param("127.0.77.1-", "names '', which is no IPv4 address", id="no last address"),
    pytest.param("127.0.77.1-2-3", "is no range of two addresses", id="three ends"),
    pytest.param("127.0.77.1-14", "names '14', which is no IPv4 address", id="short form of a range"),
    pytest.param("localhost/32", "is no CIDR block", id="a name"),
    pytest.param("127.0.77.0/33", "is no CIDR block", id="prefix too long"),
    pytest.param("127.0.77.0/255.255.255.240/1", "is no CIDR block", id="two slashes"),
    pytest.param("127.0.77.1/28", "Write the whole block as 127.0.77.0/28", id="starts inside the block"),
    pytest.param("127.0.77.3-127.0.77.1", "runs backwards. Write it as 127.0.77.1-127.0.77.3.", id="backwards"),
    pytest.param("127.0.0.0-127.0.0.0", "contains 127.0.0.0: the network's own address", id="first of the network"),
    pytest.param("127.255.255.252/30", "contains 127.255.255.255: the network's broadcast", id="last of the network"),
    pytest.param("127.0.0.1/32", "contains 127.0.0.1: localhost", id="localhost"),
    pytest.param("127.0.0.50-127.0.0.60", "contains 127.0.0.53: the local DNS resolver", id="resolver"),
    pytest.param("127.0.0.54/32", "contains 127.0.0.54: the local DNS resolver", id="second resolver"),
    pytest.param("0.0.0.0/32", "contains 0.0.0.0: no address of a machine", id="unspecified"),
    pytest.param("224.0.0.1/32", "contains 224.0.0.1: no address of a machine", id="multicast"),
    pytest.param("127.0.0.0/8", "has 16777216 addresses. Set one with 256 at most", id="all of the loopback"),
    pytest.param("127.0.76.0-127.0.77.0", "has 257 addresses. Set one with 256 at most", id="one too many"),
]


@pytest.mark.parametrize(("pool", "addresses"), GOOD)
def test_a_pool_is_written_out(pool: str, addresses: list[str]) -> None:
    assert pool_addresses(pool) == addresses


@pytest.mark.parametrize(("pool", "words"), BAD)
def test_a_bad_pool_is_refused_with_what_to_set(pool: str, words: str) -> None:
    with pytest.raises(ServingError) as refusal:
        pool_addresses(pool)
    assert words in str(refusal.value)


INSIDE = st.integers(int(IPv4Address("127.1.0.0")), int(IPv4Address("127.254.0.0")))


@given(first=INSIDE, size=st.integers(1, LARGEST_POOL))
def test_a_range_has_every_address_once_and_in_order(first: int, size: int) -> None:
    numbers = [
        int(IPv4Address(each)) for each in pool_addresses(f"{IPv4Address(first)}-{IPv4Address(first + size - 1)}")
    ]
    assert numbers == list(range(first, first + size))


@given(address=INSIDE, prefix=st.integers(24, 32))
def test_a_block_equals_the_range_between_its_ends(address: int, prefix: int) -> None:
    size = 2 ** (32 - prefix)
    first = IPv4Address(address - address % size)
    assert pool_addresses(f"{first}/{prefix}") == pool_addresses(f"{first}-{first + size - 1}")


@given(pool=st.text(alphabet="0123456789./- :", max_size=24))
def test_any_text_gives_addresses_or_a_refusal(pool: str) -> None:
    try:
        addresses = pool_addresses(pool)
    except ServingError as refusal:
        assert "et " in str(refusal) or "rite " in str(refusal), refusal  # noqa: PT017 - the law is about both outcomes
    else:
        assert 1 <= len(addresses) <= LARGEST_POOL
