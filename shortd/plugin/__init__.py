"""The interface for plugin authors: import everything from here.

It must never import the machinery that runs plugins, which knows it.

    class Hours(Struct, frozen=True, forbid_unknown_fields=True):
        closed_url: str
        opens: int
        closes: int

    class OpeningHours(Plugin[None, Hours]):
        \"\"\"Leads elsewhere outside opening hours.\"\"\"

        name = "hours"
        Data = Hours

        @hookimpl
        def destination(self, link: Link, visit: Visit, data: Hours) -> str | None:
            hour = visit.utime // 3_600_000_000 % 24
            return None if data.opens <= hour < data.closes else data.closed_url

The hooks are in `shortd.plugin.hookspecs`, what they are given in `shortd.plugin.types`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar

from msgspec import Struct

from shortd.errors import ShortdError
from shortd.hosts.destinations import parse_destination
from shortd.models.common import NEVER
from shortd.models.links import Forwarding, Terms, Utm
from shortd.plugin.belongings import (
    BadRow,
    Belongings,
    Http,
    HttpAnswer,
    HttpFault,
    NoBelongings,
    NoServer,
    Store,
    StoreFull,
    Table,
)
from shortd.plugin.hookspecs import DataT, Hookspecs, hookimpl
from shortd.plugin.links import Links, LinkTerms, LiveLinks, NoLinks
from shortd.plugin.pages import (
    Access,
    Caller,
    Frame,
    NoFrame,
    Person,
    SignInOffer,
    Template,
)
from shortd.plugin.patterns import DestinationPatterns
from shortd.plugin.refused import Refused, sendable, sentence
from shortd.plugin.types import (
    Account,
    Counts,
    Destination,
    Event,
    File,
    Hold,
    ImportedLink,
    Interstitial,
    Link,
    Panel,
    Refuse,
    SignIn,
    Sources,
    Visit,
    Words,
)
from shortd.visitors.visitors import Agent

__all__ = [
    "NEVER",
    "Access",
    "Account",
    "Agent",
    "BadData",
    "BadRow",
    "Caller",
    "Counts",
    "Destination",
    "DestinationPatterns",
    "Event",
    "File",
    "Forwarding",
    "Hold",
    "Http",
    "HttpAnswer",
    "HttpFault",
    "ImportedLink",
    "Interstitial",
    "Link",
    "LinkTerms",
    "Links",
    "NoServer",
    "Panel",
    "Person",
    "Plugin",
    "Refuse",
    "Refused",
    "Server",
    "SignIn",
    "SignInOffer",
    "Sources",
    "Store",
    "StoreFull",
    "Table",
    "Template",
    "Terms",
    "Utm",
    "Visit",
    "Words",
    "hookimpl",
]

if TYPE_CHECKING:
    from litestar import Request, Response

SettingsT = TypeVar("SettingsT")
"""A plugin's settings: its `Settings`, or None where it has none."""


class BadData(ValueError):
    """A link's data cannot be used (`Plugin.check`)."""

    def __init__(self, message: str, field: str = "", /, **places: object) -> None:
        """`field` is the path below the data: `variants[1].url`. Pages say the message in their
        reader's language, if a catalogue has it. So what changes in it is better a value of
        `places`: `BadData("At most %(most)s.", "count", most=5)`.
        """
        self.sentence = sentence(message, places)
        super().__init__(str(self.sentence))
        self.field = sendable(field)
        """Empty if it is about all of the data."""

    def below(self, place: str) -> BadData:
        """The same of a field below another: "zone" is `time.zone`, and "[1]" is `time[1]`."""
        between = "." if self.field and not self.field.startswith("[") else ""
        said = self.sentence
        return BadData(said.text, f"{place}{between}{self.field}", **said.places)


T = TypeVar("T")
Begin = Callable[[Coroutine[Any, Any, None]], None]
"""Has a coroutine run elsewhere, beside whatever else happens."""
Wait = Callable[[Coroutine[Any, Any, Any], float], Any]
"""Runs a coroutine elsewhere and waits for its result, for at most so many seconds."""


def _nowhere(coroutine: Coroutine[Any, Any, Any], _seconds: float = 0) -> Any:
    coroutine.close()
    raise RuntimeError("this plugin is not started")


def _now() -> int:
    return time.time_ns() // 1000


class Server:
    """The server that a plugin runs in."""

    __slots__ = (
        *("_begin", "_now", "_wait", "belongings", "frame", "hosts", "links"),
        *("public_url", "secret"),
    )

    def __init__(
        self,
        public_url: str,
        hosts: Collection[str],
        secret: bytes,
        belongings: Belongings | None = None,
        wait: Wait = _nowhere,
        begin: Begin = _nowhere,
        now: Callable[[], int] = _now,
    ) -> None:
        self._wait = wait
        self._begin = begin
        self._now = now
        self.public_url = public_url
        """Base of the default short host, with its path if it has one, without a trailing slash.
        In pages and routes of a plugin's own, addresses of this server begin with it."""
        self.hosts = hosts
        """Names of all short hosts, as `host` or `host:port`: of teams' domains, too, as they come
        and go."""
        self.secret = secret
        """32 bytes that this plugin alone has, the same after a restart: for keyed hashes."""
        self.belongings: Belongings = belongings or NoBelongings()
        """What the plugin has as `self.store`, `self.folder` and `self.http`."""
        # Handed over once there are services, and pages.
        self.links: Links = NoLinks()
        """What the plugin has as `self.links`."""
        self.frame: Frame = NoFrame()
        """What draws its pages."""

    def wait(self, coroutine: Coroutine[Any, Any, T], seconds: float = 30) -> T:
        """Runs a coroutine on the plugin's own event loop and waits for its result: for plain
        observe hooks and jobs, which run in a thread.

        Raises what the coroutine raises, and TimeoutError when it is not done in time; it is
        cancelled then. RuntimeError where waiting would hold up an event loop: in `async def`
        hooks, routes and hooks that decide, which await it, or cannot wait.
        """
        result: T = self._wait(coroutine, seconds)
        return result

    def begin(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Runs a coroutine on the plugin's own event loop, beside its hooks, for as long as it
        takes: what works something off. May be called in `start`, in hooks and in routes.

        It is cancelled when the server stops, and has two seconds then to end what it is at, with
        `self.store` still there. What it raises is counted and logged as a failure of the plugin;
        nothing begins it again.
        """
        self._begin(coroutine)

    def now(self) -> int:
        """The time, in µs since 1970; in tests, that of `app.clock`."""
        return self._now()


class Plugin(Hookspecs[DataT], Generic[SettingsT, DataT]):
    """A plugin: one subclass, one instance per server.

    The first line of its docstring is its summary. `Plugin[None, None]` has neither settings
    nor data. One that is `everywhere` gets None for links without data, and says so:
    `Plugin[None, Hours | None]`.
    """

    name: ClassVar[str]
    """`[a-z][a-z0-9_]*`; what it goes by in settings, calls and commands. An entry point and a
    dropped file have this name, too."""
    Settings: ClassVar[type[Struct] | None] = None
    """Type of [plugins.NAME]; `self.settings` holds it. Make it frozen; unknown keys are errors."""
    Data: ClassVar[type[Struct] | None] = None
    """Type of a link's data, validated when it is saved. Make it frozen and
    forbid_unknown_fields; a new field needs a default."""
    everywhere: ClassVar[bool] = False
    """Whether it decides about links without its data, and hears of them, too: every redirect then
    pays for it."""
    idle_hooks: Collection[str] = ()
    """Hooks that its settings leave nothing to do for, by name. Set in `start`, they are never
    called, and cost nothing."""
    pages: ClassVar[Mapping[str, str]] = {}
    """Pages of `routes` that the navigation shows to who may see them: title to path, such as
    {"Webhooks": "/"}. At most 5, titles of up to 30 characters."""

    def __init__(self, settings: SettingsT, server: Server) -> None:
        self.settings = settings
        """`[plugins.NAME]` as a `Settings`; None if it has none."""
        self.server = server
        """The server that it runs in."""

    def __deepcopy__(self, memo: object) -> Self:
        # Litestar copies its handlers, with what methods of the plugin belong to.
        return self

    # Not properties: a plugin may have had something of its own by such a name before.

    @cached_property
    def store(self) -> Store:
        """The plugin's own tables in the database. NoServer where no server runs it."""
        return self.server.belongings.store

    @cached_property
    def folder(self) -> Path:
        """A folder of the plugin's own in the data directory, made when it is first asked for; it
        is in backups. NoServer where no server runs the plugin, OSError where none can be made."""
        return self.server.belongings.folder

    @cached_property
    def http(self) -> Http:
        """Requests to other servers. NoServer where no server runs the plugin."""
        return self.server.belongings.http

    links = LiveLinks()
    """Makes, changes and finds links. NoServer where no server runs the plugin, and in `start`."""

    def template(self, name: str) -> Template:
        """A Jinja template in the folder `templates` beside the plugin's module, for `page`."""
        return Template(name)

    async def page(
        self,
        caller: Caller,
        title: str,
        content: Template | str,
        /,
        *,
        status: int = 200,
        **values: object,
    ) -> Response[bytes]:
        """A page that looks like the server's own: its navigation, style, language and policy.

        `content` is a Jinja template, by its file (`self.template("list.html")`) or as a text:
        `"<p>Hello {{ name }}</p>"`. It makes what stands below the title, and is given `values`,
        which are escaped. What comes from somebody belongs into values, never into the text.
        Addresses in it begin at the root: `/-/x/NAME/list`. Scripts and styles of its own, or from
        elsewhere, do not work.
        """
        return await self.server.frame.page(self, caller, title, content, values, status)

    async def sign_in(
        self,
        request: Request[Any, Any, Any],
        person: Person,
        *,
        wanted: str = "",
        create: bool = False,
        link_by_email: bool = False,
    ) -> Response[bytes]:
        """Signs somebody in on the plugin's word: an answer with the cookie of a login, which leads
        on to `wanted`, a page of the server. Where that cannot be, a page that says why.

        His account is the one that this plugin has signed him in to before. With `create`, who has
        none gets one, for which he needs an address; with `link_by_email`, a verified address opens
        the account that has it. Only for public routes, and only once the plugin is sure.
        """
        return await self.server.frame.sign_in(self, request, person, wanted, create, link_by_email)

    def start(self) -> None:
        """Called once, before the server answers. If it raises, the plugin is left out."""

    def stop(self) -> None:
        """Called once, after the last hook."""

    def wants(self, hook: str, about: Link | Account | None) -> bool:
        """Whether an observe hook, by its name, wants to hear of what has just happened to a link
        (a file's, too) or an account; with None, whether it wants to hear of anything at all now.

        Asked before an event is kept for it, so that what nobody wants costs next to nothing: of
        many events at once with None first, and then of each thing. In any thread, also where all
        of the server waits: answer from memory, within microseconds. Where it fails, the hook
        hears of everything.
        """
        return True

    def check(self, data: DataT, link: Link) -> None:
        """What the type of `data` cannot say, asked before it is saved. Raises ValueError with
        a message for the link's owner; `BadData` names the field, too.
        """

    def shares(self, data: DataT, link: Link) -> Mapping[str, float]:
        """What share of the visitors each choice (`Destination.choice`) is meant to have, in
        percent. Statistics show it beside what each has got; empty for choices that nobody splits.
        """
        return {}

    def explain(self, link: Link, visit: Visit, data: DataT) -> Sequence[tuple[str, str]]:
        """What led to the answer of `destination`, as questions and answers in words: `explain`
        and the page "What would happen?" show them. Asked there alone, never for a visit.
        """
        return ()

    def check_url(self, url: str, field: str = "") -> str:
        """A URL as a destination must be, without surrounding white space. Raises BadData."""
        try:
            # What is blocked is refused when the data are kept, with an error of its own.
            return parse_destination(url, self.server.hosts, is_set=False).url
        except ShortdError as refusal:
            said = refusal.sentence
            raise BadData(said.text, field, **said.places) from None
