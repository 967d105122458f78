"""Who asks for a plugin's page, who may, and how it comes to look like the server's own.

Declared here; what draws pages and knows logins is handed over by the server. It must never import
that.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct

from shortd.plugin.belongings import not_here
from shortd.plugin.types import Account

if TYPE_CHECKING:
    from litestar import Request, Response


class Access(StrEnum):
    """Who may use a route: `@get("/list", access=Access.ACCOUNT)`. Without a word, operators."""

    PUBLIC = "public"
    """Everybody, on all hosts. Who has signed in is known where the server's pages stand."""
    ACCOUNT = "account"
    """Whoever has signed in with an account that he signed up for, and programs with an API key
    (`Authorization: Bearer KEY`); a key that may only read is refused for anything but GET and
    HEAD. Others are sent to the sign-in."""
    OPERATOR = "operator"
    """Operators who have signed in. For everybody else there is nothing there."""


class Caller(Struct, frozen=True):
    """Who asks: a handler that has the parameter `caller: Caller` is given it."""

    request: Any
    """Litestar's request."""
    account: Account | None = None
    """Who has signed in. None for strangers, for a public route on a host that is not that of the
    server's pages, and before a demanded second factor is set up."""
    is_operator: bool = False
    """Whether the account is an operator's."""
    language: str = "en"
    """Code of the language that he reads."""
    address: str = ""
    """His IP address, as far as it can be believed."""


class Person(Struct, frozen=True):
    """Somebody whom a plugin has asked who he is, for `self.sign_in`."""

    subject: str
    """By which the plugin knows him for good: 1 to 255 characters, and never somebody else's. His
    account is found by it alone."""
    email: str = ""
    """Needed where an account is to be made for him (`create`)."""
    email_is_verified: bool = False
    """Whether the plugin is sure that the address is his."""
    username: str = ""
    """What an account that is made is called, if it can be and nobody else is."""


class SignInOffer(Struct, frozen=True):
    """A button on the page for signing in (`authenticate`)."""

    label: str
    """Up to 40 characters: "Sign in with a badge"."""
    path: str
    """Of one of the plugin's public routes for GET, below its own: "/begin". It is given the query
    parameter `next`, a page of the server to lead on to, for `self.sign_in`; and `again=1` for
    somebody who is signed in and is to prove anew that it is he."""


class Template(Struct, frozen=True):
    """A template of the plugin's own, by its name in the folder `templates` beside the plugin's
    module (`self.template`)."""

    name: str
    """Such as "list.html"."""


class Frame(Protocol):
    """What draws pages, and opens logins, for a plugin."""

    async def page(
        self,
        plugin: object,
        caller: Caller,
        title: str,
        content: Template | str,
        values: dict[str, object],
        status: int,
    ) -> Response[bytes]: ...

    async def sign_in(
        self,
        plugin: object,
        request: Request[Any, Any, Any],
        person: Person,
        wanted: str,
        create: bool,
        link_by_email: bool,
    ) -> Response[bytes]: ...


class NoFrame:
    """Of a plugin that no server runs."""

    async def page(self, *given: object) -> Response[bytes]:
        raise not_here("page")

    async def sign_in(self, *given: object) -> Response[bytes]:
        raise not_here("sign_in")
