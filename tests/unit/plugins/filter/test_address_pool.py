# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter hands the pool to the core and its refusal to Ansible."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError

from plugins.filter.address_pool import FilterModule

address_pool = FilterModule().filters()["address_pool"]


def test_the_addresses_come_back_as_a_list() -> None:
    assert address_pool("127.0.77.1-127.0.77.2") == ["127.0.77.1", "127.0.77.2"]


def test_a_refusal_is_a_filter_error_with_the_same_words() -> None:
    with pytest.raises(AnsibleFilterError, match=r"contains 127\.0\.0\.1: localhost, which everything else"):
        address_pool("127.0.0.1/32")
