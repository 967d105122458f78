"""Hashes by bcrypt that came with links from elsewhere: read, and compared with what is typed.

They stay until the password is named for the first time. bcrypt reads 72 bytes at most and ends at
a NUL: what is more than that opens the link all the same, as it did where it came from.
This module must never make such a hash.
"""

from __future__ import annotations

import hmac
import re
import unicodedata

import bcrypt

from shortd.models.accounts import HashScheme, PasswordHash

MOST_COST = 15
"""Rounds are two to the power of it: 15 are 2 s of a core, and each further one doubles that."""
_LEAST_COST = 4
_READ_BYTES = 72
_FORM = re.compile(r"\$2[aby]?\$([0-9]{2})\$([./A-Za-z0-9]{21}[.Oeu])([./A-Za-z0-9]{31})")


def read_bcrypt(text: str) -> PasswordHash | None:
    """A hash as other programs keep it, `$2y$10$…`; None for what is none, and for one that costs
    too much to be compared."""
    found = _FORM.fullmatch(text)
    if found is None:
        return None
    cost, salt, digest = found.groups()
    if not _LEAST_COST <= int(cost) <= MOST_COST:
        return None
    return PasswordHash(salt.encode(), 0, int(cost), (digest.encode(),), HashScheme.BCRYPT)


def is_bcrypt_of(stored: PasswordHash, typed: str) -> bool:
    """Whether that is the password. Takes up to 2 s, or twice that where its characters can be
    spelled in two ways."""
    setting = f"$2b${stored.passes:02}${stored.salt.decode()}".encode()
    spellings = dict.fromkeys((unicodedata.normalize("NFC", typed), typed))
    return any(_matches(setting, stored.digests[0], spelling) for spelling in spellings)


def is_read_whole(typed: str) -> bool:
    """Whether bcrypt compares all of a password."""
    return _read(typed) == _encoded(typed)


def _matches(setting: bytes, digest: bytes, typed: str) -> bool:
    made = bcrypt.hashpw(_read(typed), setting)
    return hmac.compare_digest(made.rpartition(b"$")[2][-len(digest) :], digest)


def _read(typed: str) -> bytes:
    return _encoded(typed).partition(b"\0")[0][:_READ_BYTES]


def _encoded(typed: str) -> bytes:
    return typed.encode("utf-8", "surrogatepass")
