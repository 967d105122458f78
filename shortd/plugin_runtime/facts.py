"""What observe hooks are told: facts, gathered from rows, and kept where a hook hears of them
later.

A fact that is kept outlives a restart, perhaps into another version: what is read need not be what
was written, and says so by an exception.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec

from shortd.models import accounts as account_rows
from shortd.models import files as file_rows
from shortd.models import links as link_rows
from shortd.plugin.types import Account, File, Link, SignIn, Visit
from shortd.plugin_runtime.deciding import ShortUrlOf, shown_link
from shortd.plugin_runtime.running import Running
from shortd.store.schema import ACCOUNTS, FILES, LINKS
from shortd.store.txn import Change

_OF_HOOK = {
    "click_recorded": ("link", "visit", "choice"),
    "link_created": ("link",),
    "link_changed": ("link", "before"),
    "link_deleted": ("link",),
    "file_stored": ("file",),
    "account_created": ("account",),
    "account_signed_in": ("account", "sign_in"),
}
"""What each hook is given of the facts, in this order, before a link's data and the event."""


class Facts(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a hook is given; others are None."""

    link: Link | None = None
    before: Link | None = None
    visit: Visit | None = None
    choice: str = ""
    file: File | None = None
    account: Account | None = None
    sign_in: SignIn | None = None
    data: bytes | None = None
    """The link's data of the plugin that is told, as the row keeps them."""


class Happening(NamedTuple):
    """Something that happened."""

    hook: str
    facts: Facts
    rows: Sequence[link_rows.Link] = ()
    """The link's, as it is now and before: they say which plugins it concerns."""

    @property
    def subject(self) -> str:
        """What it is about: a link or an account."""
        if self.rows:
            return f"link {self.rows[0].id}"
        account = self.facts.account
        return "" if account is None else f"account {account.userid}"

    @property
    def about(self) -> Link | Account | None:
        """The same, as plugins see it."""
        facts = self.facts
        return facts.link or (facts.file.link if facts.file is not None else facts.account)


encode = msgspec.msgpack.Encoder().encode
decode = msgspec.msgpack.Decoder(Facts).decode


def arguments(hook: str, facts: Facts) -> tuple[Any, ...]:
    """What a hook is called with, but for data and event."""
    return tuple(getattr(facts, name) for name in _OF_HOOK[hook])


def data_of(running: Running, hook: str, raw: bytes | None) -> tuple[Any, ...]:
    """A link's data, for a hook that is given any. Raises what the plugin's type does not take."""
    if hook.startswith("account_"):
        return ()
    return (None if raw is None or running.decode is None else running.decode(raw),)


def hears(running: Running, happening: Happening) -> bool:
    """Whether a plugin is told: of links without its data only one that wants all, and of nothing
    that it does not want to hear of.
    """
    plugin = running.plugin
    if not (plugin.Data is None or plugin.everywhere or not happening.rows) and not any(
        row.plugins and running.name in row.plugins for row in happening.rows
    ):
        return False
    return running.wants(happening.hook, happening.about)


def raw_data(running: Running, happening: Happening) -> bytes | None:
    """A link's data of a plugin, as they are now."""
    plugins = happening.rows[0].plugins if happening.rows else None
    return plugins.get(running.name) if plugins else None


def happenings(changes: Sequence[Change], short_url_of: ShortUrlOf) -> Iterator[Happening]:
    """What one transaction did, net: a link that was moved was deleted and put again."""
    links: dict[int, tuple[link_rows.Link | None, link_rows.Link | None]] = {}
    for change in changes:
        if change.table == LINKS.name:
            link_id = (change.before or change.after).id
            first, _ = links.get(link_id, (_living(change.before), None))
            links[link_id] = (first, _living(change.after))
    shared = {}
    for first, last in links.values():
        if last is not None and last.filekey:
            shared[last.filekey] = last
        if last is not None:
            link = shown_link(last, short_url_of(last))
            if first is None:
                yield Happening("link_created", Facts(link), (last,))
            elif first != last:
                before = shown_link(first, short_url_of(first))
                yield Happening("link_changed", Facts(link, before), (last, first))
        elif first is not None:
            link = shown_link(first, short_url_of(first))
            yield Happening("link_deleted", Facts(link), (first,))
    for change in changes:
        before, after = change.before, change.after
        if change.table == FILES.name and before is None and after is not None:
            row = shared.get(change.key[0])
            if row is not None:
                file = _shown_file(after, shown_link(row, short_url_of(row)))
                yield Happening("file_stored", Facts(file=file), (row,))
        elif change.table == ACCOUNTS.name and after is not None and _is_new(before, after):
            yield Happening("account_created", Facts(account=shown_account(after)))


def shown_account(row: account_rows.Account) -> Account:
    """An account as plugins see it."""
    return Account(
        userid=row.userid,
        type=row.type.value,
        utime=row.create_utime,
        username=row.username,
        email=row.email,
    )


def _living(row: link_rows.Link | None) -> link_rows.Link | None:
    """The row; None for a link that is deleted, though that may be undone: then it is made anew."""
    return None if row is None or row.owner == account_rows.DELETED else row


def _is_new(before: account_rows.Account | None, after: account_rows.Account) -> bool:
    """Whether an account was made, or registered after having been a temporary one."""
    temporary = account_rows.AccountType.TEMPORARY
    return before is None or (before.type is temporary and after.type is not temporary)


def _shown_file(row: file_rows.File, link: Link) -> File:
    return File(
        link=link,
        owner=row.owner,
        filename=row.filename,
        filesize=row.filesize,
        filetype=row.filetype,
        encrypted=row.encryption is not file_rows.Encryption.NONE,
    )
