"""Which platform an agent is on, and what kind of device: by the words in it, without parsing.

Plugins ask on the way to a redirect, and statistics a moment later; both get the same answer.
"""

from __future__ import annotations

from functools import lru_cache

import re2

DESKTOP = "Desktop"
MOBILE = "Mobile"
TABLET = "Tablet"
UNKNOWN = "Unknown"
"""Also what is none of these: televisions, boxes, headsets."""


@lru_cache(maxsize=2048)
def platform_of(user_agent: str) -> str:
    """ios, android, windows, macos, linux or other. iPads are ios.

    An iPad whose browser asks for desktop pages calls itself a Macintosh, and passes for one.
    """
    lowered = user_agent.lower()
    if "macintosh" in lowered and "mobile/" in lowered:
        # An app's browser does so on an iPad, too, but keeps the build.
        return "ios"
    return next((platform for mark, platform in _PLATFORMS if mark in lowered), "other")


# In order: phones with Windows call themselves Android and iPhone as well, names of Android devices
# hold any word ("KLIPAD_V355B"), and an Android is a Linux.
_PLATFORMS = (
    ("windows phone", "windows"),
    ("android", "android"),
    ("iphone", "ios"),
    ("ipad", "ios"),
    ("ipod", "ios"),
    ("(ios ", "ios"),
    ("; ios ", "ios"),
    ("windows", "windows"),
    ("macintosh", "macos"),
    ("mac os x", "macos"),
    ("linux", "linux"),
    ("x11", "linux"),
)


@lru_cache(maxsize=2048)
def device_of(user_agent: str) -> str:
    """Desktop, Mobile, Tablet or Unknown."""
    platform = platform_of(user_agent)
    if _TELEVISION.search(user_agent):
        return UNKNOWN
    says_mobile = _MOBILE.search(user_agent) is not None
    if platform == "ios":
        return TABLET if _IPAD.search(user_agent) else MOBILE
    if _TABLET.search(user_agent):
        return TABLET
    if platform == "android":
        return MOBILE if says_mobile else _android_at_large(user_agent)
    if says_mobile:
        return MOBILE
    if platform in ("windows", "macos", "linux") or _PC.search(user_agent):
        return DESKTOP
    return UNKNOWN


def is_mobile_agent(user_agent: str) -> bool:
    """Whether the agent runs on a phone or a tablet."""
    return device_of(user_agent) in (MOBILE, TABLET)


def _android_at_large(user_agent: str) -> str:
    """What an Android device is that does not say "Mobile": a tablet, but for these."""
    if _LIVING_ROOM.search(user_agent):
        return UNKNOWN
    if _LAPTOP.search(user_agent):
        return DESKTOP
    # Programs that are no browser never say it: their devices are mostly phones.
    return TABLET if user_agent.startswith("Mozilla/") else MOBILE


_IPAD = re2.compile(r"(?i)ipad|macintosh")
_MOBILE = re2.compile(
    r"(?i)mobi|\bphone\b|\bmidp|symbian|opera mini|\bnokia|blackberry|windows (?:phone|ce)"
)
_TABLET = re2.compile(
    # "Tablet PC" is what a Windows can be used as. Amazon's tablets are KF and some letters.
    r"(?i)\btablet(?:[^ \w]|$| (?:[^pb]|p[^c]|b[^r]))|\bplaybook\b|\bkindle\b"
    r"|; (?-i:KF[A-Z]{2,5})\b"
)
_PC = re2.compile(r"\(PC;")
_LAPTOP = re2.compile(r"(?i)chromebook|elitebook|travelmate|inspiron|latitude")
_TELEVISION = re2.compile(
    r"(?i)(?:android|apple|google|opera|smart)[-_ ]?tv|hbbtv|nettv|inettvbrowser|smarthub|ce-html"
    r"|web0s|netcast|vidaa|\bviera|\bbravia|\broku|\bcrkey\b|\bomi/|brightsign|dune ?hd"
    r"|playstation|nintendo|; ?(?:meta |oculus )?quest\b|oculusbrowser|\bvr safari"
)
"""What says so on any system, and be it beside "Mobile"."""
_LIVING_ROOM = re2.compile(
    # Televisions, sticks and boxes, by what they are. A "latte_Natv" is a phone, a "BNTV" reads
    # books, and a "DTV" has a receiver.
    r"(?i)(?-i:(?:^|[^DN])TV)|\btv|box\b|\bbox|\bstb|stick\b|leanback|projector|chromecast|dongle"
    r"|media ?player|\bshell\b|\bled\d|uhd\b|\b[48]k\b"
    # Nvidia's, Amazon's, Google's, Xiaomi's.
    r"|\bshield\b|\baft[a-z]|nexus player|\badt-|\bmi ?(?:box|proj)"
    # Televisions are named by their inches: "55LEX-8162", "43U6510".
    r"|\b(?:24|28|32|39|4[0238]|50|55|58|6[05]|7[057]|8[256])[a-z]{1,5}[-_ ]?\d"
    # Boxes whose names say nothing.
    r"|\b(?:[ah]9[56]x?|x9[268]|tx[2-9]|t95|mxq|hk1|km[3689])"
    r"(?:[a-z]?\b|[-_ ]|air|mate|max|mini|pro)"
    r"|\b(?:tanix|vontar|beelink|ugoos|zidoo|rombica|nexon)"
    # Speakers with a screen, and headsets.
    r"|\baeo[a-z]{2}\b|\bportal|\bpico\b"
)
