"""What counts as one client."""

from __future__ import annotations

from ipaddress import IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortd.blocks import BlockHashes, block, blocks


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("192.0.2.1", ("192.0.2.1",)),
        ("::ffff:192.0.2.1", ("192.0.2.1",)),
        (
            "2001:DB8:1:2345:6:7:8:9",
            ("2001:db8:1:2345::/64", "2001:db8:1:2300::/56", "2001:db8:1::/48"),
        ),
        ("::1", ("::/64", "::/56", "::/48")),
        ("", ("unknown",)),
        ("localhost", ("unknown",)),
        ("192.0.2.1:80", ("unknown",)),
        ("192.0.2.001", ("unknown",)),
        ("[2001:db8::1]", ("unknown",)),
        ("fe80::1%eth0", ("fe80::/64", "fe80::/56", "fe80::/48")),
    ],
)
def test_blocks_of_an_address(address: str, expected: tuple[str, ...]) -> None:
    assert blocks(address) == expected
    assert block(address) == expected[0]


ADDRESSES = st.integers(0, 2**128 - 1).map(lambda number: str(IPv6Address(number)))


@given(ADDRESSES, ADDRESSES)
def test_who_shares_a_block_shares_the_wider_ones(one: str, other: str) -> None:
    if len(blocks(one)) == len(blocks(other)):
        pairs = zip(blocks(one), blocks(other), strict=True)
        shared = [first == second for first, second in pairs]
        assert shared == sorted(shared)


def test_hashes_tell_blocks_apart_and_need_the_key() -> None:
    hashes = BlockHashes(b"k" * 32)
    assert hashes.of("192.0.2.1") == hashes.of("192.0.2.1") != hashes.of("192.0.2.2")
    assert BlockHashes(b"other").of("192.0.2.1") != hashes.of("192.0.2.1")
    assert len(hashes.of("")) == 16
