"""Links as a plugin makes, changes and finds them: `self.links`.

Declared here, made by the server that runs the plugin. It must never import what makes them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol, TypedDict, Unpack

from msgspec import Struct

from shortd.models.links import Forwarding
from shortd.plugin.belongings import not_here
from shortd.plugin.types import Account, Link

Owner = Account | str
"""An account, or its userid such as `link.owner`."""
Named = Link | str
"""A link, or its short URL."""


class LinkTerms(TypedDict, total=False):
    """What a link is given, or given anew. Empty texts remove what is there."""

    password: str
    """A visitor has to name it first."""
    tag: int
    """64 bits, each a mark of the owner's own."""
    enabled: bool
    """False: visits find no link."""
    valid_since: int
    """Unix time in µs; before it, visits find no link. 0 removes it."""
    expiration_utime: int
    """Unix time in µs, from which on the link has ended. `NEVER` removes it."""
    date_fallback: str
    """Where visits go once that has come."""
    expiration_count: int
    """Redirects allowed in all; 0 removes it."""
    counts_unique: bool
    """`expiration_count` counts unique clicks."""
    count_fallback: str
    """Where visits go once that is reached."""
    unique_minutes: int
    """A visitor's clicks within so many minutes count as one; 0: all count."""
    utm_source: str
    """A campaign parameter that goes on its destinations, as the next four."""
    utm_medium: str
    """The same."""
    utm_campaign: str
    """The same."""
    utm_term: str
    """The same."""
    utm_content: str
    """The same."""
    title: str
    """What lists call it."""
    tags: Sequence[str]
    """Names, each once; they replace those that are there."""
    hidden: bool
    """Left out of lists unless they ask for it."""
    forwarding: Forwarding
    """Whether a visitor's query goes on to the destination."""
    robots: bool | Literal["server"]
    """Whether search engines may list it; "server": as the settings have it."""
    note: str
    """The owner's own, which visitors never see."""


class Links(Protocol):
    """Makes, changes, disables and finds links by the same rules as the API calls.

    With an `account` (whoever asks: `caller.account`) it happens as that account, by its rights and
    within its limits; without one as the operator, who may do anything to any link, and the audit
    log has a line that names the plugin. Links are named by their short URLs, with a scheme or
    without, or are links that the plugin was given.

    Raises Refused, such as `entry_not_found` for a link that is not there or not the account's,
    `code_taken`, `invalid_url`, `destination_blocked`, `rate_limited`. All of it may be awaited on
    the server's event loop and on the plugin's own.
    """

    async def make(
        self,
        url: str,
        *,
        account: Owner | None = None,
        code: str = "",
        host: str = "",
        data: Struct | Mapping[str, Any] | None = None,
        **terms: Unpack[LinkTerms],
    ) -> Link:
        """A new link. Without a `code` one is drawn; an empty `host` is the default one. `data` are
        this plugin's own. One that is made as the operator belongs to the only operator, or to
        nobody where there are several. An existing link is never replaced."""

    async def change(
        self,
        link: Named,
        *,
        account: Owner | None = None,
        url: str | None = None,
        code: str | None = None,
        **terms: Unpack[LinkTerms],
    ) -> Link:
        """The link with other terms, another destination or another code; all else stays."""

    async def disable(self, link: Named, *, account: Owner | None = None, reason: str = "") -> Link:
        """Turns a link off. What the operator has turned off, its owner cannot turn on again;
        `reason` stands in the audit log."""

    async def enable(self, link: Named, *, account: Owner | None = None, reason: str = "") -> Link:
        """Turns a link on again."""

    async def find(self, short_url: str, *, account: Owner | None = None) -> Link | None:
        """The link at a short URL, or None; with an account, only one that it may see."""

    async def of(self, account: Owner, after: Link | None = None, limit: int = 100) -> list[Link]:
        """Links that an account has made, the newest first; behind `after` for the next page. At
        most 1000 at once."""

    async def all(self, after: Link | None = None, limit: int = 100) -> list[Link]:
        """Links of all accounts in the order of their addresses; behind `after`, whether or not it
        is still there, for the next page. An empty list is the end. At most 1000 at once."""

    async def search(self, text: str, limit: int = 100) -> list[Link]:
        """Links of all accounts with a text in their code, destination or title, at most 1000. With
        very many links it looks through some of them alone, as the operator's pages do at once."""

    async def set_data(
        self,
        link: Named,
        data: Struct | Mapping[str, Any] | None,
        *,
        account: Owner | None = None,
    ) -> Link:
        """Keeps this plugin's data of a link, checked as when its owner sets them (`check`); None
        removes them."""


class NoLinks:
    """Of a plugin that no server runs."""

    def __getattr__(self, name: str) -> Any:
        raise not_here("links")


class LiveLinks:
    """`self.links` of a plugin: there once the server is ready, and no earlier. (No property, which
    would forbid a plugin to have something of its own by that name.)"""

    def __get__(self, plugin: Any, kind: type | None = None) -> Links:
        found: Links = plugin.server.links
        return found
