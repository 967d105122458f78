"""A population of visitors: who they say they are, and what everybody would call that.

The names were written down by hand, from what the makers of these browsers and robots say.
"""

from __future__ import annotations

from typing import NamedTuple

from shortd.visitors.devices import UNKNOWN

WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
APPLE_WEBKIT = "AppleWebKit/605.1.15 (KHTML, like Gecko)"


class Kind(NamedTuple):
    """A user agent, and what there is to know of it."""

    user_agent: str
    device: str
    system: tuple[str, str]
    browser: tuple[str, str]
    brand: tuple[str, str] = (UNKNOWN, UNKNOWN)
    bot: str = ""


NOTHING = (UNKNOWN, UNKNOWN)
LINUX = ("Linux", UNKNOWN)

KINDS = (
    # Desktops
    Kind(
        f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/142.0.0.0 Safari/537.36",
        "Desktop",
        ("Windows", "10"),
        ("Chrome", "142"),
    ),
    Kind(
        f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/141.0.0.0 Safari/537.36"
        " Edg/141.0.0.0",
        "Desktop",
        ("Windows", "10"),
        ("Edge", "141"),
    ),
    Kind(
        "Mozilla/5.0 (Windows NT 6.1; WOW64; Trident/7.0; rv:11.0) like Gecko",
        "Desktop",
        ("Windows", "7"),
        ("IE", "11"),
    ),
    Kind(
        "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
        "Desktop",
        LINUX,
        ("Firefox", "145"),
    ),
    Kind(
        f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {APPLE_WEBKIT} Version/18.5"
        " Safari/605.1.15",
        "Desktop",
        ("Mac OS X", "10"),
        ("Safari", "18"),
        ("Apple", "Mac"),
    ),
    Kind(
        f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {WEBKIT} Chrome/142.0.0.0 Safari/537.36",
        "Desktop",
        ("Chrome OS", "14541"),
        ("Chrome", "142"),
    ),
    # Phones
    Kind(
        f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) {APPLE_WEBKIT} Version/18.5"
        " Mobile/15E148 Safari/604.1",
        "Mobile",
        ("iOS", "18"),
        ("Mobile Safari", "18"),
        ("Apple", "iPhone"),
    ),
    Kind(
        f"Mozilla/5.0 (iPhone; CPU iPhone OS 17_2 like Mac OS X) {APPLE_WEBKIT}"
        " Mobile/15E148 [FBAN/FBIOS;FBAV/500.0.0.0]",
        "Mobile",
        ("iOS", "17"),
        ("Facebook", "500"),
        ("Apple", "iPhone"),
    ),
    Kind(
        f"Mozilla/5.0 (Linux; Android 15; Pixel 9) {WEBKIT} Chrome/142.0.0.0 Mobile Safari/537.36",
        "Mobile",
        ("Android", "15"),
        ("Chrome Mobile", "142"),
        ("Google", "Pixel 9"),
    ),
    Kind(
        f"Mozilla/5.0 (Linux; Android 10; K) {WEBKIT} Chrome/142.0.0.0 Mobile Safari/537.36",
        "Mobile",
        ("Android", "10"),
        ("Chrome Mobile", "142"),
    ),
    Kind(
        f"Mozilla/5.0 (Linux; Android 13; SAMSUNG SM-S918B) {WEBKIT} SamsungBrowser/25.0"
        " Chrome/121.0.0.0 Mobile Safari/537.36",
        "Mobile",
        ("Android", "13"),
        ("Samsung Internet", "25"),
        ("Samsung", "SM-S918B"),
    ),
    # A phone whose name has "bot" in it.
    Kind(
        f"Mozilla/5.0 (Linux; Android 9; CUBOT X19) {WEBKIT} Chrome/80.0.0.0 Mobile Safari/537.36",
        "Mobile",
        ("Android", "9"),
        ("Chrome Mobile", "80"),
        ("Cubot", "X19"),
    ),
    # Tablets
    Kind(
        f"Mozilla/5.0 (iPad; CPU OS 17_6 like Mac OS X) {APPLE_WEBKIT} Version/17.6"
        " Mobile/15E148 Safari/604.1",
        "Tablet",
        ("iOS", "17"),
        ("Mobile Safari", "17"),
        ("Apple", "iPad"),
    ),
    Kind(
        f"Mozilla/5.0 (Linux; Android 12; SM-X906C) {WEBKIT} Chrome/80.0.3987.119 Safari/537.36",
        "Tablet",
        ("Android", "12"),
        ("Chrome", "80"),
        ("Samsung", "SM-X906C"),
    ),
    # Robots
    Kind(
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        "Bot",
        NOTHING,
        ("Googlebot", "2"),
        bot="Googlebot",
    ),
    # One that looks like a phone.
    Kind(
        "Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X Build/MMB29P) AppleWebKit/537.36 (KHTML, like"
        " Gecko) Chrome/141.0.0.0 Mobile Safari/537.36 (compatible; Googlebot/2.1;"
        " +http://www.google.com/bot.html)",
        "Bot",
        ("Android", "6"),
        ("Googlebot", "2"),
        bot="Googlebot",
    ),
    Kind(
        "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko); compatible; GPTBot/1.2;"
        " +https://openai.com/gptbot",
        "Bot",
        NOTHING,
        ("GPTBot", "1"),
        bot="GPTBot",
    ),
    Kind(
        f"Mozilla/5.0 (X11; Linux x86_64) {WEBKIT} HeadlessChrome/142.0.0.0 Safari/537.36",
        "Bot",
        LINUX,
        ("HeadlessChrome", "142"),
        bot="HeadlessChrome",
    ),
    # One that only the list knows, and one that nobody knows by name.
    Kind("ltx71 - (http://ltx71.com/)", "Bot", NOTHING, NOTHING, bot="ltx71"),
    Kind(
        "Mozilla/5.0 (compatible; SomethingNew-Crawler/0.1)",
        "Bot",
        NOTHING,
        ("SomethingNew-Crawler", "0"),
        bot="SomethingNew-Crawler",
    ),
    # Scripts are ordinary visitors.
    Kind("curl/8.14.1", UNKNOWN, NOTHING, ("curl", "8")),
    Kind("python-requests/2.32.4", UNKNOWN, NOTHING, ("Python Requests", "2")),
    # Odd ones
    Kind("", UNKNOWN, NOTHING, NOTHING),
    Kind("\"><script>alert(1)</script>' OR 1=1 --", UNKNOWN, NOTHING, NOTHING),
    Kind("Mozilla/5.0 " + "(padding) " * 60 + "end", UNKNOWN, NOTHING, NOTHING),
)

SOURCES = (
    ("", "Direct"),
    ("https://www.facebook.com/", "Facebook"),
    ("http://m.facebook.com/", "Facebook"),
    ("https://t.co/Xyz", "Twitter/X"),
    ("https://www.google.co.uk/", "Google"),
    ("https://www.linkedin.com/", "LinkedIn"),
    ("android-app://com.google.android.gm/", "Gmail"),
    ("https://www.news.example/secret?token=1", "news.example"),
    ("https://google.evil.example/", "google.evil.example"),
    ("=cmd|' /C calc'!A0", "Direct"),
)
"""Referrers, and what they stand for."""

LANGUAGES = (("en-GB,en;q=0.7", "en"), ("de", "de"), ("", UNKNOWN), ("*", UNKNOWN))
"""Accept-Language headers, and the language they ask for first."""

PLACES = (
    ("81.2.69.160", "GB"),
    ("2001:218::1", "JP"),
    ("192.168.1.9", "Local"),
    ("100.64.3.2", "Local"),
    ("fd00::1", "Local"),
    ("8.8.8.8", UNKNOWN),
)
"""Addresses, and where they are by `databases.countries`."""
