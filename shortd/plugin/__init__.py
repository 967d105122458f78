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

from collections.abc import Collection, Mapping, Sequence
from typing import ClassVar, Generic, TypeVar

from msgspec import Struct

from shortd.errors import Sentence, ShortdError
from shortd.hosts.destinations import parse_destination
from shortd.plugin.hookspecs import DataT, Hookspecs, hookimpl
from shortd.plugin.types import (
    Account,
    Counts,
    Destination,
    File,
    ImportedLink,
    Interstitial,
    Link,
    Panel,
    Sources,
    Visit,
)

__all__ = [
    "Account",
    "BadData",
    "Counts",
    "Destination",
    "File",
    "ImportedLink",
    "Interstitial",
    "Link",
    "Panel",
    "Plugin",
    "Server",
    "Sources",
    "Visit",
    "hookimpl",
]

SettingsT = TypeVar("SettingsT")
"""A plugin's settings: its `Settings`, or None where it has none."""


class BadData(ValueError):
    """A link's data cannot be used; `field` is the path below it: `variants[1].url`.

    Pages say the message in their reader's language, if a catalogue has it. So what changes in it
    is better a value of `places`: `BadData("At most %(most)s.", "count", most=5)`.
    """

    def __init__(self, message: str, field: str = "", /, **places: object) -> None:
        self.sentence = Sentence(message, places)
        super().__init__(str(self.sentence))
        self.field = field

    def below(self, place: str) -> BadData:
        """The same of a field below another: "zone" is `time.zone`, and "[1]" is `time[1]`."""
        between = "." if self.field and not self.field.startswith("[") else ""
        said = self.sentence
        return BadData(said.text, f"{place}{between}{self.field}", **said.places)


class Server:
    """The server that a plugin runs in."""

    __slots__ = ("hosts", "public_url", "secret")

    def __init__(self, public_url: str, hosts: Collection[str], secret: bytes) -> None:
        self.public_url = public_url
        """Base of the default short host, with its path if it has one, without a trailing slash.
        In pages and routes of a plugin's own, addresses of this server begin with it."""
        self.hosts = hosts
        """Names of all short hosts, as `host` or `host:port`: of teams' domains, too, as they come
        and go."""
        self.secret = secret
        """32 bytes that this plugin alone has, the same after a restart: for keyed hashes."""


class Plugin(Hookspecs[DataT], Generic[SettingsT, DataT]):
    """A plugin: one subclass, one instance per server.

    The first line of its docstring is its summary. `Plugin[None, None]` has neither settings
    nor data. One that is `everywhere` gets None for links without data, and says so:
    `Plugin[None, Hours | None]`.
    """

    name: ClassVar[str]
    """[a-z][a-z0-9_]*; what it goes by in settings, calls and commands. An entry point and a
    dropped file have this name, too."""
    Settings: ClassVar[type[Struct] | None] = None
    """Type of [plugins.NAME]; `self.settings` holds it. Make it frozen; unknown keys are errors."""
    Data: ClassVar[type[Struct] | None] = None
    """Type of a link's data, validated when it is saved. Make it frozen and
    forbid_unknown_fields; a new field needs a default."""
    everywhere: ClassVar[bool] = False
    """Whether it decides about links without its data, too: every redirect then pays for it."""

    def __init__(self, settings: SettingsT, server: Server) -> None:
        self.settings = settings
        self.server = server

    def start(self) -> None:
        """Called once, before the server answers. If it raises, the plugin is left out."""

    def stop(self) -> None:
        """Called once, after the last hook."""

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
