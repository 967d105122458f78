"""What observe hooks may be told on a server, also strange things, for `check_plugin`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from msgspec import structs

from shortd.plugin.types import Account, File, Link, SignIn, Visit

HOWS = ("password", "key", "issuer", "passkey", "proxy", "link", "plugin")
_TYPES = ("temporary", "registered", "verified", "custom", "anonymous")
_FILENAMES = ("note.txt", "Café ☕.pdf", "x" * 255, ".env", "a\u202eb")


class Telling(NamedTuple):
    """A hook, and what it is given but for the event."""

    hook: str
    given: tuple[Any, ...]
    visit: Visit | None = None


def tellings(link: Link, data: object, visits: Sequence[Visit]) -> Iterator[Telling]:
    """All hooks; about clicks, one for each visit that is one."""
    odd = structs.replace(
        link,
        code="ß☕",
        url="https://example.com/" + "x" * 2000,
        title="<b>",
        tags=("a,b", "☕"),
        note="\n",
        enabled=False,
        expiration_count=1,
    )
    for visit in visits:
        if visit.counts:
            for choice in ("", "ab:1", "ab:1 notices:seen"):
                yield Telling("click_recorded", (link, visit, choice, data), visit)
    for one, before in ((link, odd), (odd, link)):
        yield Telling("link_created", (one, data))
        yield Telling("link_changed", (one, before, data))
        yield Telling("link_changed", (one, before, None))
        yield Telling("link_deleted", (one, data))
    for filename in _FILENAMES:
        shared = structs.replace(link, url=filename, is_file=True)
        file = File(shared, link.owner, filename, 0, "", encrypted=filename == ".env")
        yield Telling("file_stored", (file, data))
    for kind in _TYPES:
        account = Account(link.owner, kind, link.utime, "", "")
        yield Telling("account_created", (account,))
        named = structs.replace(account, username="Ann ☕", email="a@example.org")
        for how in HOWS:
            for address, agent in (("", ""), ("2001:db8::7", "x" * 2000)):
                yield Telling("account_signed_in", (named, SignIn(how, address, agent)))
