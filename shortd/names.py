"""Names and codes that people give to themselves, to teams, campaigns and keys."""

from __future__ import annotations

import re
import unicodedata

from shortd import errors

NAME_LENGTH = 64
_CODE = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}", re.ASCII)
_WIDTHS = {
    code: chr(int(unicodedata.decomposition(chr(code)).partition(" ")[2], 16))
    for code in range(0xFF00, 0xFFF0)
    if unicodedata.decomposition(chr(code))
}
"""The block of full-width and half-width letters, and the plain ones that they are."""
_RESERVED = re.compile(r"team-[0-9a-f]{12}", re.ASCII)


def folded(name: str) -> str:
    """What all spellings of one username have in common: however wide its letters are, whatever
    their case, and however they are composed (RFC 8265 3.3, with case folding, as Unicode compares
    without regard to case). Nothing is refused that people call themselves.
    """
    decomposed = unicodedata.normalize("NFD", name.translate(_WIDTHS))
    return unicodedata.normalize("NFC", decomposed.casefold())


def mailbox_of(email: str) -> str:
    """The mailbox that mail to an address ends in, as far as it can be told: without what follows
    a "+", without dots, however its letters are written. To be counted by, not to be mailed to.
    """
    local, at, domain = folded(email).rpartition("@")
    name = local.partition("+")[0].replace(".", "")
    return f"{name or local}{at}{domain}"


def check_name(name: str) -> str:
    """The name without surrounding white space. INVALID_FIELD unless it has 1 to 64 printable
    characters.
    """
    name = name.strip()
    if not name or len(name) > NAME_LENGTH or not name.isprintable():
        raise errors.INVALID_FIELD(
            "A name has 1 to %(most)s printable characters.", field="name", most=NAME_LENGTH
        )
    return name


def check_code(code: str) -> str:
    """The code. INVALID_FIELD unless it is up to 32 of a-z, 0-9, - and _, and no id's."""
    if not _CODE.fullmatch(code) or _RESERVED.fullmatch(code):
        raise errors.INVALID_FIELD(
            "A code has up to 32 of a-z, 0-9, - and _, and begins with none of the last two.",
            field="code",
        )
    return code


def own_team_code(team: str) -> str:
    """The code of an account's own team; nobody can choose one like it."""
    return f"team-{team[:12]}"


def code_from(name: str, otherwise: str) -> str:
    """A code made of a name's letters and digits; `otherwise` where it has none."""
    words = re.findall(r"[a-z0-9]+", name.lower(), re.ASCII)
    return "-".join(words)[:32].rstrip("-") or otherwise
