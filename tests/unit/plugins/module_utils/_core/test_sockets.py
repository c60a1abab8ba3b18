# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel's tables are read as people write addresses, and overlaps are seen in every form."""

from __future__ import annotations

import pytest

from plugins.module_utils._core.errors import ServingError
from plugins.module_utils._core.sockets import Listener, parse_address, parse_socket_table

HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
LISTENING = "00000000:00000000 00:00000000 00000000  1000        0 {inode} 1 0000000000000000 100 0 0 10 0\n"
IPV4 = "   0: {address} 00000000:0000 {state} " + LISTENING
IPV6 = "   0: {address} 00000000000000000000000000000000:0000 {state} " + LISTENING

TABLES = [
    pytest.param(IPV4, "0100007F:4650", "127.0.0.1", 18000, id="IPv4"),
    pytest.param(IPV4, "00000000:0050", "0.0.0.0", 80, id="every IPv4 address"),
    pytest.param(IPV6, "00000000000000000000000001000000:4650", "::1", 18000, id="IPv6 localhost"),
    pytest.param(IPV6, "B80D0120000000000000000001000000:01BB", "2001:db8::1", 443, id="IPv6"),
    pytest.param(IPV6, "00000000000000000000000000000000:4650", "::", 18000, id="every address"),
    pytest.param(IPV6, "0000000000000000FFFF00000100007F:4650", "127.0.0.1", 18000, id="IPv4 in IPv6, as gRPC does"),
]


@pytest.mark.parametrize(("row", "local", "address", "port"), TABLES)
def test_a_listener_is_read(row: str, local: str, address: str, port: int) -> None:
    text = HEAD + row.format(address=local, state="0A", inode=4242)
    assert parse_socket_table(text, byteorder="little") == [Listener(parse_address(address), port, 4242)]


def test_a_big_endian_machine_prints_the_bytes_as_they_are() -> None:
    text = HEAD + IPV4.format(address="7F000001:4650", state="0A", inode=1)
    assert parse_socket_table(text, byteorder="big") == [Listener(parse_address("127.0.0.1"), 18000, 1)]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param(HEAD, id="no sockets"),
        pytest.param(HEAD + IPV4.format(address="0100007F:4650", state="01", inode=1), id="a connection"),
        pytest.param(HEAD + IPV4.format(address="0100007F:4650", state="06", inode=0), id="a connection that is over"),
        pytest.param(HEAD + "   0: 0100007F:4650 0000", id="half a line"),
    ],
)
def test_what_does_not_listen_is_left_out(text: str) -> None:
    assert parse_socket_table(text, byteorder="little") == []


@pytest.mark.parametrize(
    ("listening", "wanted", "overlaps", "certain"),
    [
        pytest.param("127.0.0.1", "127.0.0.1", True, True, id="the same address"),
        pytest.param("127.0.0.2", "127.0.0.1", False, True, id="another address"),
        pytest.param("0.0.0.0", "127.0.0.1", True, True, id="all of IPv4 against one"),
        pytest.param("127.0.0.1", "0.0.0.0", True, True, id="one against all of IPv4"),
        pytest.param("0.0.0.0", "::1", False, True, id="all of IPv4 against IPv6"),
        pytest.param("::", "127.0.0.1", True, False, id="everything against IPv4, unless IPv6 only"),
        pytest.param("::", "::1", True, True, id="everything against IPv6"),
        pytest.param("127.0.0.1", "::", True, True, id="one against everything"),
        pytest.param("::ffff:127.0.0.1", "127.0.0.1", True, True, id="IPv4 in IPv6"),
    ],
)
def test_overlaps(listening: str, wanted: str, overlaps: bool, certain: bool) -> None:
    listener = Listener(parse_address(listening), 18000, 1)
    assert listener.overlaps(parse_address(wanted)) is overlaps
    assert listener.is_certain(parse_address(wanted)) is certain


def test_a_name_is_no_address() -> None:
    with pytest.raises(ServingError, match=r"^'localhost' is no IP address$"):
        parse_address("localhost")
