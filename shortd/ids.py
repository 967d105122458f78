"""Identifiers: the base-62 link ids of ww7 v2, and random account ids, tokens and codes.

Randomness comes in as a `Random`, so that tests can repeat a draw; the server passes
`random.SystemRandom()`, which reads the operating system's generator.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from random import Random

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
"""Digits 0-61 of the document's base-62 numbers (docs/deviations.md)."""

DRAWN_CODE_LENGTH = 6
DRAWN_IDS = 62**DRAWN_CODE_LENGTH
"""Link ids are drawn from [0, 62^6)."""

_BLOCK = struct.Struct(">512Q")
"""Random numbers of 64 bits."""
_DIGITS = {character: value for value, character in enumerate(ALPHABET)}
_PAIRS = [first + second for first in ALPHABET for second in ALPHABET]
"""Two digits at a time: links come by the thousand."""


def base62_encode(number: int) -> str:
    """Spells `number` in base 62, zero-padded with "A" to six characters.

    Raises OverflowError when the number does not fit.
    """
    if not 0 <= number < DRAWN_IDS:
        raise OverflowError(f"number does not fit {DRAWN_CODE_LENGTH} base-62 digits")
    head, last = divmod(number, 62**2)
    first, middle = divmod(head, 62**2)
    return _PAIRS[first] + _PAIRS[middle] + _PAIRS[last]


def base62_decode(code: str) -> int:
    """Reads a base-62 number; KeyError for a character outside the alphabet."""
    number = 0
    for character in code:
        number = number * 62 + _DIGITS[character]
    return number


def drawn_ids(random: Random) -> Iterator[int]:
    """Endless link ids, evenly from [0, 62^6); one read of randomness serves hundreds."""
    while True:
        for number in _BLOCK.unpack(random.randbytes(_BLOCK.size)):
            # 36 bits reach just beyond 62^6; what lies there is left out, or ids were uneven.
            if (link_id := number >> 28) < DRAWN_IDS:
                yield link_id


def random_id(random: Random) -> str:
    """A v1 id: 24 hex digits, 96 random bits."""
    return random.randbytes(12).hex()


def link_hex_id(link_id: int) -> str:
    """A link's v1 id: its number."""
    return f"{link_id:024x}"


def own_team_id(userid: str) -> str:
    """The v1 id of an account's own team, which is there from the beginning."""
    return hashlib.sha256(b"team:" + userid.encode()).hexdigest()[:24]


def random_text(random: Random, length: int) -> str:
    """Random [A-Za-z0-9]; 32 characters carry 190 bits (accounts and tokens)."""
    return "".join(random.choices(ALPHABET, k=length))


def token_digest(token: str) -> bytes:
    """What is stored of a token. A plain hash suffices: a token has 190 bits of its own."""
    return hashlib.sha256(token.encode()).digest()
