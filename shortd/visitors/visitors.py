"""What a visitor's headers say about him: device, system, browser, source, language, robot.

Parsing an unseen user agent takes about 0.2 ms, so it happens at drain time, behind a cache,
and never on the way to a plain redirect. What is asked there (`bots.robot_of`, `devices`) needs
no parsing, and is what statistics say, too.
"""

from __future__ import annotations

import asyncio
from functools import cache, lru_cache
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec
from werkzeug.datastructures import LanguageAccept
from werkzeug.http import parse_accept_header

from shortd.visitors.bots import robot_of
from shortd.visitors.devices import DESKTOP, MOBILE, UNKNOWN, device_of
from shortd.visitors.sources import DIRECT, site_of

if TYPE_CHECKING:
    from ua_parser import OS, Device, Resolver, UserAgent

PART = "\x1f"
"""Joins a value to its part ("Chrome", "107") in a rollup key."""
HOST_LENGTH = 253
"""Characters of a host (RFC 1035, 2.3.4)."""

LANGUAGE_LIMIT = 64
"""Characters of Accept-Language that are looked at."""
LIKED = 0.9
"""The least weight of a language that a visitor is as well led by as by the first."""

_SITES = ("http", "https", "android-app")


class Agent(msgspec.Struct, frozen=True):
    """A parsed user agent; what it does not tell is "Unknown"."""

    device: str
    """Desktop, Mobile, Tablet, Bot or Unknown."""
    system: str
    """The operating system, such as "Windows" or "iOS"."""
    system_version: str
    """Such as "10"."""
    browser: str
    """Such as "Firefox" or "Mobile Safari"."""
    browser_version: str
    """Such as "120.0"."""
    brand: str
    """Of the device, such as "Samsung"."""
    model: str
    """Of the device, such as "iPhone"."""
    bot: bool
    """Whether it is a robot's."""
    bot_name: str = ""
    """Of a robot, such as "Googlebot"."""


async def parser_ready() -> None:
    """Has the parser made, on a thread, before pages ask for agents: its thousands of patterns take
    0.1 s and 9 MB, which a server spends when it has a visitor."""
    if not parse_agent.cache_info().currsize:
        await asyncio.to_thread(parse_agent, "")


@lru_cache(maxsize=2048)
def parse_agent(user_agent: str) -> Agent:
    """Reads a User-Agent header."""
    browser, system, device = _parsed(user_agent)
    robot = robot_of(user_agent)
    system_name = _told(system.family if system else None)
    brand = model = UNKNOWN
    if device is not None and robot is None:
        brand, model = _told(device.brand), _told(device.model)
    return Agent(
        device="Bot" if robot else _device(user_agent, system_name),
        system=system_name,
        system_version=_told(system.major if system else None),
        browser=_told(browser.family if browser else None),
        browser_version=_told(browser.major if browser else None),
        brand=UNKNOWN if brand.startswith("Generic") else brand,
        model=UNKNOWN if model in _NO_MODELS else model,
        bot=robot is not None,
        bot_name=robot.name if robot else "",
    )


def _parsed(user_agent: str) -> tuple[UserAgent | None, OS | None, Device | None]:
    """What the parser says of browser, system and device.

    It raises where a name comes out empty, as that of a device in "Android 13;   Build/1", and says
    nothing of the others then. An agent is a stranger's: it may not fail what reads it, be that the
    drain, which would try the same click again for ever.
    """
    from ua_parser import Domain

    resolve = _resolver()
    said: list[Any] = []
    for domain, name in (
        (Domain.USER_AGENT, "user_agent"),
        (Domain.OS, "os"),
        (Domain.DEVICE, "device"),
    ):
        try:
            said.append(getattr(resolve(user_agent, domain), name))
        except Exception:
            said.append(None)
    browser, system, device = said
    return browser, system, device


@cache
def _resolver() -> Resolver:
    """The parser itself, without a cache of its own beside ours."""
    from ua_parser import BestAvailableResolver
    from ua_parser.loaders import load_lazy_builtins

    return BestAvailableResolver(load_lazy_builtins())


# What the parser says where an agent tells no model; "K" is how browsers hide theirs.
_NO_MODELS = frozenset(("K", "wv", "Smartphone", "Feature Phone", "Tablet", "Android", "Desktop"))


def _told(name: str | None) -> str:
    # The parser's "Other" is no value, and its "Spider" no brand. "Other" is what statistics have
    # for values beyond those that they keep.
    return UNKNOWN if not name or name in ("Other", "Spider") else name


def _device(user_agent: str, system: str) -> str:
    device = device_of(user_agent)
    if device == UNKNOWN and "CFNetwork/" in user_agent:
        # Apps by Apple's library tell the version of its kernel alone, which the parser knows.
        return {"iOS": MOBILE, "Mac OS X": DESKTOP}.get(system, UNKNOWN)
    return device


@lru_cache(maxsize=2048)
def referrer_host(referrer: str) -> str:
    """The host a visitor came from, or "Direct". The rest of a referrer is nobody's business."""
    return site_of(_place(referrer)[1])[:HOST_LENGTH] or DIRECT


@lru_cache(maxsize=1024)
def bare_referrer(referrer: str) -> str:
    """A referrer without all but scheme and host, from which `referrer_host` reads the same."""
    scheme, host = _place(referrer)
    if not host:
        return ""
    # What `site_of` takes away comes on top.
    host = host[: HOST_LENGTH + len("www.")]
    return f"{scheme}://[{host}]" if ":" in host else f"{scheme}://{host}"


def _place(referrer: str) -> tuple[str, str]:
    """Scheme and host of a site; two empty texts for anything else."""
    try:
        parts = urlsplit(referrer)
        host = parts.hostname or ""
    except ValueError:
        return "", ""
    # What an extension or a file on disk puts in place of a host is no site.
    return (parts.scheme, host) if parts.scheme in _SITES else ("", "")


def within_bytes(text: str, most: int) -> str:
    """A text cut to so many bytes of UTF-8, between characters."""
    if text.isascii():
        return text[:most]
    return text.encode("utf-8", "surrogatepass")[:most].decode("utf-8", "ignore")


@lru_cache(maxsize=1024)
def primary_language(accept_language: str) -> str:
    """The language a browser asks for first ("en" of "en-GB,de;q=0.7"), or "Unknown"."""
    first = accept_language.partition(",")[0].partition(";")[0].strip().lower()
    language = first.partition("-")[0]
    return language if language.isascii() and language.isalpha() and len(language) <= 8 else UNKNOWN


@lru_cache(maxsize=1024)
def liked_languages(accept_language: str) -> tuple[str, ...]:
    """The languages with a weight of `LIKED` and more, in small letters, best first: "es-es" and
    "es" of "es-ES,es;q=0.9,en;q=0.8".
    """
    if len(accept_language) >= LANGUAGE_LIMIT:
        # What the last one weighs has been cut off.
        accept_language = accept_language.rpartition(",")[0]
    weighed = parse_accept_header(accept_language, LanguageAccept)
    return tuple(
        language.lower().replace("_", "-")
        for language, weight in weighed
        if weight >= LIKED and language != "*"
    )


def is_address(text: str) -> bool:
    """Whether this is an IP address."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def is_loopback(text: str) -> bool:
    """Whether this is an address of this very machine, in any spelling."""
    try:
        address = ip_address(text)
    except ValueError:
        return False
    return ((address.version == 6 and address.ipv4_mapped) or address).is_loopback


@lru_cache(maxsize=2048)
def kept_address(address: str, mode: str) -> str:
    """An address as `[clicks] ip` wants it kept: full, truncated (/24, /48) or not at all."""
    if mode == "none":
        return ""
    try:
        parsed = ip_address(address)
    except ValueError:
        return ""
    if parsed.version == 6 and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    if mode == "full":
        return str(parsed)
    prefix = 24 if parsed.version == 4 else 48
    return str(ip_network((parsed, prefix), strict=False).network_address)
