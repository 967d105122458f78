"""Identifiers: the base-62 link ids of ww7 v2, and random account ids, tokens and codes.

Randomness comes in as a `Random`, so that tests can repeat a draw; the server passes
`random.SystemRandom()`, which reads the operating system's generator.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from random import Random

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
"""Digits 0-61 of the document's base-62 numbers (NOTES "id and code")."""

DRAWN_CODE_LENGTH = 6
DRAWN_IDS = 62**DRAWN_CODE_LENGTH
"""Link ids are drawn from [0, 62^6)."""

_DIGITS = {character: value for value, character in enumerate(ALPHABET)}


def base62_encode(number: int, length: int = DRAWN_CODE_LENGTH) -> str:
    """Spells `number` in base 62, zero-padded with "A" to `length` characters.

    Raises OverflowError when the number does not fit.
    """
    characters = []
    for _ in range(length):
        number, digit = divmod(number, 62)
        characters.append(ALPHABET[digit])
    if number:
        raise OverflowError(f"number does not fit {length} base-62 digits")
    return "".join(reversed(characters))


def base62_decode(code: str) -> int:
    """Reads a base-62 number; KeyError for a character outside the alphabet."""
    number = 0
    for character in code:
        number = number * 62 + _DIGITS[character]
    return number


def drawn_ids(random: Random) -> Iterator[int]:
    """Endless link ids, evenly from [0, 62^6); one read of randomness serves hundreds."""
    while True:
        block = random.randbytes(5 * 512)
        for start in range(0, len(block), 5):
            # 36 bits reach just beyond 62^6; what lies there is left out, or ids were uneven.
            number = int.from_bytes(block[start : start + 5], "big") >> 4
            if number < DRAWN_IDS:
                yield number


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
