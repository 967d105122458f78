"""What a visitor's headers say about him: device, system, browser, source, language, robot.

Parsing an unseen user agent takes about 0.2 ms, so it happens at drain time, behind a cache,
and never on the way to a plain redirect: only substring checks are used there
(`is_link_preview`, `platform_of`, `is_mobile_agent`).
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

import msgspec
import ua_parser

from shortd.bots import bot_name
from shortd.sources import DIRECT

UNKNOWN = "Unknown"
OTHER_BOT = "Other bot"
"""A robot of which no list has a name."""
PART = "\x1f"
"""Joins a value to its part ("Chrome", "107") in a rollup key."""

_LINK_PREVIEWS = (
    "slackbot",
    "slack-imgproxy",
    "whatsapp",
    "discordbot",
    "facebookexternalhit",
    "facebot",
    "telegrambot",
    "twitterbot",
    "linkedinbot",
    "skypeuripreview",
    "pinterestbot",
    "pinterest/0.",
    "redditbot",
    "vkshare",
    "viber",
    "line-poker",
    "kakaotalk-scrap",
    "mastodon/",
    "bluesky cardyb",
    "signal-desktop",
    "embedly",
    "iframely",
    "microsoft office",
    "ms-office",
    "bitlybot",
    "google-pagerenderer",
    "googleimageproxy",
    "zoombot",
    "snap url preview",
    "matrix-media-repo",
    "synapse/",
)


def is_link_preview(user_agent: str) -> bool:
    """Whether the agent fetches a link to show a card of it in a chat or feed."""
    lowered = user_agent.lower()
    return any(name in lowered for name in _LINK_PREVIEWS)


@lru_cache(maxsize=8192)
def platform_of(user_agent: str) -> str:
    """ios, android, windows, macos, linux or other; no parsing. iPads are ios.

    An iPad whose browser asks for desktop pages calls itself a Macintosh, and passes for one.
    """
    lowered = user_agent.lower()
    return next((platform for mark, platform in _PLATFORMS if mark in lowered), "other")


# In order: phones with Windows call themselves Android and iPhone as well, and Android is a Linux.
_PLATFORMS = (
    ("windows phone", "windows"),
    ("iphone", "ios"),
    ("ipad", "ios"),
    ("ipod", "ios"),
    ("android", "android"),
    ("windows", "windows"),
    ("macintosh", "macos"),
    ("mac os x", "macos"),
    ("linux", "linux"),
    ("x11", "linux"),
)


@lru_cache(maxsize=8192)
def is_mobile_agent(user_agent: str) -> bool:
    """Whether the agent runs on a phone or a tablet; no parsing."""
    lowered = user_agent.lower()
    return (
        platform_of(user_agent) in ("ios", "android")
        or "mobile" in lowered
        or ("tablet" in lowered and "tablet pc" not in lowered)
    )


class Agent(msgspec.Struct, frozen=True):
    """A parsed user agent; what it does not tell is "Unknown"."""

    device: str
    """Desktop, Mobile, Tablet, Bot or Unknown."""
    system: str
    system_version: str
    browser: str
    browser_version: str
    brand: str
    model: str
    bot: bool
    bot_name: str = ""


@lru_cache(maxsize=8192)
def parse_agent(user_agent: str) -> Agent:
    """Reads a User-Agent header."""
    parsed = ua_parser.parse(user_agent)
    browser, system, device = parsed.user_agent, parsed.os, parsed.device
    name = bot_name(user_agent)
    if not name and device is not None and device.family == "Spider":
        name = browser.family if browser else OTHER_BOT
    if not name and is_link_preview(user_agent):
        name = OTHER_BOT
    bot = bool(name)
    system_name = system.family if system else UNKNOWN
    brand = (device.brand if device and not bot else None) or UNKNOWN
    model = (device.model if device and not bot else None) or UNKNOWN
    return Agent(
        device="Bot" if bot else _device_kind(user_agent, system_name),
        system=system_name,
        system_version=(system.major if system else None) or UNKNOWN,
        browser=browser.family if browser else UNKNOWN,
        browser_version=(browser.major if browser else None) or UNKNOWN,
        brand=UNKNOWN if brand.startswith("Generic") else brand,
        model=UNKNOWN if model in _NO_MODELS else model,
        bot=bot,
        bot_name=name,
    )


# What the parser says where an agent tells no model; "K" is how browsers hide theirs.
_NO_MODELS = frozenset(("K", "wv", "Smartphone", "Feature Phone", "Tablet", "Android"))


def _device_kind(user_agent: str, system: str) -> str:
    if system == "iOS":
        return "Tablet" if "iPad" in user_agent else "Mobile"
    if system == "Android":
        return "Mobile" if "Mobile" in user_agent else "Tablet"
    if system in ("Windows", "Mac OS X", "Linux") or "X11;" in user_agent:
        return "Desktop"
    return "Mobile" if "Mobile" in user_agent else UNKNOWN


@lru_cache(maxsize=8192)
def referrer_host(referrer: str) -> str:
    """The host a visitor came from, or "Direct". The rest of a referrer is nobody's business."""
    try:
        host = urlsplit(referrer).hostname or ""
    except ValueError:
        return DIRECT
    return host.removeprefix("www.")[:253] or DIRECT


@lru_cache(maxsize=1024)
def primary_language(accept_language: str) -> str:
    """The language a browser asks for first ("en" of "en-GB,de;q=0.7"), or "Unknown"."""
    first = accept_language.partition(",")[0].partition(";")[0].strip().lower()
    language = first.partition("-")[0]
    return language if language.isascii() and language.isalpha() and len(language) <= 8 else UNKNOWN


def is_address(text: str) -> bool:
    """Whether this is an IP address."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=8192)
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
