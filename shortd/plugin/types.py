"""What hooks are given and what they answer: frozen Structs, never raw rows.

Times are Unix time in µs. None of these carries a secret: no password hash, no token, no key of
a file. Authors import them from `shortd.plugin`.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from msgspec import Struct

from shortd.models.links import Terms
from shortd.visitors.bots import robot_of
from shortd.visitors.devices import (
    DESKTOP,
    MOBILE,
    TABLET,
    device_of,
    is_mobile_agent,
    platform_of,
)
from shortd.visitors.visitors import Agent, liked_languages, parse_agent, primary_language

NAME_PATTERN = re.compile(r"[a-z][a-z0-9_]{0,31}", re.ASCII)
"""What a plugin can be called."""
CHOICE_PATTERN = re.compile(r"[a-z0-9_-]{1,32}", re.ASCII)
"""What a plugin can call a choice."""
FORM_FACTORS = {DESKTOP: "desktop", MOBILE: "mobile", TABLET: "tablet"}


class Link(Terms, frozen=True, gc=False):
    """A short link, with its terms."""

    id: int
    """Permanent; a code that is made again has another id."""
    code: str
    """As it is kept, which may be any characters; `short_url` has it escaped."""
    short_url: str
    """As visitors see it, scheme included."""
    url: str
    """The destination its owner gave; of a file's link, the file's name."""
    owner: str
    """The userid of its account."""
    utime: int
    """When it was made."""
    is_file: bool = False
    """It shares a file: no plugin decides where it leads."""


class Visit(Struct, frozen=True, gc=False):
    """One request for a link.

    What is parsed from the headers are properties over a cache: what nobody asks costs nothing.
    """

    utime: int
    """When it came."""
    is_get: bool = True
    """False for HEAD, and for a look that is no visit (a preview page)."""
    is_prefetch: bool = False
    """A browser or a cache fetches ahead, before anybody has asked for it."""
    is_qr: bool = False
    """Comes from a tracked QR code."""
    address: str = ""
    """The visitor's IP address, as far as it can be believed; empty if there is none."""
    user_agent: str = ""
    """The header `User-Agent` as it came."""
    referrer: str = ""
    """The same of `Referer`: the page that the link stands on, as far as its browser tells."""
    accept_language: str = ""
    """The same of `Accept-Language`; `language` and `languages` read it."""
    do_not_track: bool = False
    """The visitor sent `DNT: 1` or `Sec-GPC: 1`."""
    query: str = ""
    """What stands behind the "?" of the address that was asked for, escaped, without our own mark
    of QR codes: whether or not the link passes it on to its destination."""
    country: str = ""
    """ISO 3166-1 alpha-2 code, such as "DE"; empty if unknown."""
    city_of: Callable[[str], str] | None = None
    """Tells the city of an address, where there is a database: ask `city`."""

    @property
    def counts(self) -> bool:
        """Whether the visit is a click: an answered GET that is no prefetch."""
        return self.is_get and not self.is_prefetch

    @property
    def language(self) -> str:
        """The language asked for first: "en" of "en-GB,de;q=0.7"; else "Unknown"."""
        return primary_language(self.accept_language)

    @property
    def languages(self) -> tuple[str, ...]:
        """What is asked for with a weight of 0.9 and more, best first, in small letters: "es-es"
        and "es" of "es-ES,es;q=0.9,en;q=0.8".
        """
        return liked_languages(self.accept_language)

    @property
    def city(self) -> str:
        """In English, such as "Munich"; empty if unknown, as where the operator's database has no
        cities. An unseen address is looked up first.
        """
        return self.city_of(self.address) if self.city_of is not None and self.address else ""

    @property
    def platform(self) -> str:
        """ios, android, windows, macos, linux or other. iPads are ios, Android tablets android."""
        return platform_of(self.user_agent)

    @property
    def system(self) -> str:
        """The platform, with Chromebooks apart from other computers with Linux: chromeos."""
        platform = self.platform
        return "chromeos" if platform == "linux" and "CrOS " in self.user_agent else platform

    @property
    def form_factor(self) -> str:
        """desktop, mobile, tablet or empty. Robots, too, are what they claim to run on."""
        return FORM_FACTORS.get(device_of(self.user_agent), "")

    @property
    def is_mobile(self) -> bool:
        """Whether the visitor holds a phone or a tablet, of whatever platform."""
        return is_mobile_agent(self.user_agent)

    @property
    def is_link_preview(self) -> bool:
        """Whether a robot says that it fetches links to show cards of them in a chat or feed. Not
        all say so: what cards must not show is better kept from every robot (`is_bot`).
        """
        robot = robot_of(self.user_agent)
        return robot is not None and robot.is_preview

    @property
    def agent(self) -> Agent:
        """The whole parsed user agent. An unseen one takes about 0.2 ms."""
        return parse_agent(self.user_agent)

    @property
    def is_bot(self) -> bool:
        """Whether the visitor is a robot, by a list of names or in its own words. Somebody inside
        an app is none, and a script (curl) is none. An unseen agent takes about 0.05 ms.
        """
        return robot_of(self.user_agent) is not None

    @property
    def device(self) -> str:
        """Desktop, Mobile, Tablet, Bot or Unknown. Parses the user agent."""
        return parse_agent(self.user_agent).device

    @property
    def browser(self) -> str:
        """Such as "Firefox" or "Mobile Safari"; else "Unknown". Parses the user agent."""
        return parse_agent(self.user_agent).browser


class Destination(Struct, frozen=True, gc=False):
    """Where a visit goes. An empty `url` is the link's own destination."""

    url: str = ""
    """http or https, as any destination: no user name, no host of this server."""
    choice: str = ""
    """A name for the variant, up to 32 of a-z, 0-9, - and _. Clicks are counted by it
    (`get_plugin`). A link has room for 64 names; clicks beyond go under "other"."""


class Sources(Struct, frozen=True):
    """Origins that a page may load from: `https://host` or `https://host:port`, `*.` allowed."""

    img: tuple[str, ...] = ()
    """Pictures."""
    script: tuple[str, ...] = ()
    """Besides the scripts with the page's own nonce."""
    connect: tuple[str, ...] = ()
    """fetch, XMLHttpRequest, sendBeacon."""
    frame: tuple[str, ...] = ()
    """Frames within it."""


class Interstitial(Struct, frozen=True):
    """A page in place of the redirect.

    The server sends it with status 200, `no-store`, and a Content-Security-Policy that
    forbids everything but `sources` and what carries the nonce: scripts and styles. The page
    leads on to the destination by itself (a meta refresh needs no script).
    """

    html: str
    """A whole document. Whatever comes from a link or a visitor must be escaped in it."""
    sources: Sources = Sources()
    """What it may load from elsewhere; nothing, as a rule."""
    tracking: bool = True
    """Whether it tells somebody about the visitor; then who sends DNT or Sec-GPC never gets it."""
    referrer_policy: str = "no-referrer"
    """One of the header's values. "origin" shows this server's name to the page's sources."""
    choice: str = ""
    """As a destination's; counted besides it, whichever plugin led the visit there."""


class File(Struct, frozen=True):
    """A file that was stored whole."""

    link: Link
    """The link that shares it."""
    owner: str
    """The userid of the account that sent it."""
    filename: str
    """As it was named by whoever sent it, without folders."""
    filesize: int
    """Plain size in bytes."""
    filetype: str
    """The media type that was said, such as "text/plain"."""
    encrypted: bool
    """By whoever sent it: its content is not known to the server."""


class Account(Struct, frozen=True):
    """An account."""

    userid: str
    """Permanent."""
    type: str
    """temporary, registered, verified, custom or anonymous (the one account whose links were made
    without one). A temporary one's userid is its credential."""
    utime: int
    """When it was made."""
    username: str = ""
    """Empty if it has none, as a temporary one."""
    email: str = ""
    """The same."""


class SignIn(Struct, frozen=True):
    """How somebody signed in to an account."""

    how: str
    """password, key (an API key made a login), issuer, passkey, proxy, link (that was mailed) or
    plugin."""
    address: str = ""
    """As far as it can be believed; of one that is kept, what `[clicks] ip` keeps."""
    user_agent: str = ""
    """The header `User-Agent` as it came."""


class Event(Struct, frozen=True):
    """What an observe hook is told of, beside the thing itself."""

    id: str
    """The same however often this plugin is told of it, also after a restart: who must not do a
    thing twice remembers it."""
    utime: int
    """When it happened."""
    attempt: int = 1
    """1 the first time; plain hooks are never told again."""


class Counts(Struct, frozen=True):
    """What a link's clicks come to at this moment."""

    count: int = 0
    """All clicks."""
    count_qr: int = 0
    """Those that came by a tracked QR code."""
    last_utime: int = 0
    """Time of the last visit; 0 if there was none."""
    choices: dict[str, int] = {}
    """This plugin's own choices (`Destination.choice`)."""


class Words(str):
    """A text in English that pages say in their reader's language, where a catalogue of the
    server's has it: in panels. Programs are told the text as it is.
    """

    __slots__ = ()


class Panel(Struct, frozen=True):
    """A small table about a link, for its owner."""

    title: str
    """What stands above it."""
    rows: tuple[tuple[str, str | int], ...] = ()
    """Label and value. Plain text: it is escaped wherever it is shown. What is no name or number
    may be `Words`, as may the title."""


class ImportedLink(Terms, frozen=True):
    """A link that an importer has read, with its terms."""

    url: str
    """Where it is to lead."""
    code: str = ""
    """Where it is to stand; empty: one is drawn."""
    utime: int = 0
    """When it was made; 0 is now."""
    line: int = 0
    """Where it stands in the file, for messages; 0 if lines mean nothing there."""


class Refuse(Struct, frozen=True):
    """No link may lead there (`check_destination`)."""

    message: str
    """Why, for who set the destination: one sentence; 300 characters of it are shown."""


class Hold(Struct, frozen=True):
    """A link that leads there is kept from visitors until the operator has looked at it
    (`check_destination`)."""

    reason: str
    """Why, for the operator and the link's owner: one sentence; 300 characters of it are kept."""
