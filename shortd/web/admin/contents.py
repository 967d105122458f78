"""What the operator's lists show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from shortd.models.accounts import Account
from shortd.models.links import Link
from shortd.teams.domains import Subscription
from shortd.upkeep.people import Holds, Seen, Which
from shortd.web.forms import Form, filled


class ListPage(msgspec.Struct, frozen=True, kw_only=True):
    """A page of a list."""

    q: str = ""
    older: str = ""
    """Address of the next page; empty where there is none."""
    first: str = ""
    """Address of the first page; empty on it."""
    is_cut: bool = False
    """It ends here as so much was read, and there may be more."""


class PeoplePage(ListPage, frozen=True, kw_only=True):
    """admin/people.html."""

    rows: Sequence[Seen]
    which: Which


class PersonPage(msgspec.Struct, frozen=True, kw_only=True):
    """admin/person.html."""

    seen: Seen
    holds: Holds
    most_stored: int
    """Bytes that its files may have."""
    is_own: bool
    sends_mail: bool
    takes_passwords: bool
    """Whether a password opens anything."""
    forms: dict[str, Form[Any]] = {}
    """Those that were refused, by what they do."""

    @property
    def account(self) -> Account:
        return self.seen.account

    @property
    def address(self) -> str:
        return f"/-/admin/people/{self.seen.handle}"

    @property
    def name(self) -> str:
        """Empty for one that nobody has signed up for."""
        return self.account.username or self.account.email

    def form(self, name: str) -> Form[Any]:
        return self.forms.get(name) or filled()


class NewPersonPage(msgspec.Struct, frozen=True, kw_only=True):
    """admin/new_person.html."""

    form: Form[Any]
    sends_mail: bool
    takes_passwords: bool


class LinkRow(msgspec.Struct, frozen=True, kw_only=True):
    """A link in a list, or alone."""

    link: Link
    short_url: str
    owner: str
    """Whose it is; empty for who has not signed up."""
    handle: str
    """What pages call that account by; empty if it is gone."""
    is_locked: bool = False
    """The owner is."""

    @property
    def is_barred(self) -> bool:
        return self.link.rare is not None and self.link.rare.barred


class LinksPage(ListPage, frozen=True, kw_only=True):
    """admin/links.html."""

    rows: Sequence[LinkRow]
    owner: str
    to: str
    off: bool
    unknown: bool = False
    """There is no account of that name."""


class LinkPage(msgspec.Struct, frozen=True, kw_only=True):
    """admin/link.html."""

    row: LinkRow
    clicks: int
    stored: int
    """Bytes of its file; -1 for none."""
    forms: dict[str, Form[Any]] = {}

    @property
    def address(self) -> str:
        return f"/-/admin/links/{self.row.link.id}"

    def form(self, name: str) -> Form[Any]:
        return self.forms.get(name) or filled()


class DomainsPage(ListPage, frozen=True, kw_only=True):
    """admin/domains.html."""

    rows: Sequence[Subscription]
    refused: str = ""
    """Id of the domain whose form was refused."""
    form: Form[Any]
    blank: Form[Any] = filled()
