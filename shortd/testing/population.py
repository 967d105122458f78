"""Visitors of all kinds, also strange ones."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from msgspec import structs

from shortd.clock import SECOND
from shortd.plugin.types import Visit

AGENTS = {
    "firefox": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "chrome": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/140.0.0.0 Safari/537.36",
    "safari": "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like "
    "Gecko) Version/18.5 Safari/605.1.15",
    "iphone": "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, "
    "like Gecko) Version/18.5 Mobile/15E148 Safari/604.1",
    "ipad": "Mozilla/5.0 (iPad; CPU OS 16_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like "
    "Gecko) Version/16.6 Mobile/15E148 Safari/604.1",
    "android phone": "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like "
    "Gecko) Chrome/140.0.0.0 Mobile Safari/537.36",
    "android tablet": "Mozilla/5.0 (Linux; Android 14; SM-X710) AppleWebKit/537.36 (KHTML, like "
    "Gecko) Chrome/140.0.0.0 Safari/537.36",
    "windows phone": "Mozilla/5.0 (Windows Phone 10.0; Android 6.0.1; Microsoft; Lumia 950) "
    "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/52.0.2743.116 Mobile Safari/537.36 Edge/15",
    "curl": "curl/8.14.1",
    "python": "python-requests/2.32.4",
    "search engine": "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "link preview": "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
    "none": "",
    "long": "Mozilla/5.0 " + "(padding) " * 800,
    "markup": "\"><script>alert(1)</script>' OR 1=1 -- ${7*7} {{7*7}}",
    "odd bytes": "Mozilla \x00\x7f\x80\xff \t caf\xe9",
}
"""User agents by what they are."""

_LANGUAGES = ("", "en-GB,de;q=0.7", "zh-Hant-TW", "*", ";;q=,,=", "x" * 5000, "\xff\xfe")
_REFERRERS = (
    *("", "https://news.example/a?b=c", "android-app://org.example/", "javascript:alert(1)"),
    *("http://[::1", "//", "\xe4\xf6 " * 500),
)
_ADDRESSES = ("", "198.51.100.7", "2001:db8::7", "::ffff:198.51.100.7", "127.0.0.1")
_COUNTRIES = ("", "DE", "US")
_QUERIES = ("", "a=b&c", "%00%ff&&=", "q=" + "x" * 2000)
# Leap days, both changes of the clocks in Europe, the ends of years.
_MOMENTS = (
    datetime(1970, 1, 1, tzinfo=UTC),
    datetime(2024, 2, 29, 23, 59, 59, tzinfo=UTC),
    datetime(2026, 3, 29, 1, 0, tzinfo=UTC),
    datetime(2026, 10, 25, 0, 59, 59, 999_999, tzinfo=UTC),
    datetime(2026, 10, 25, 1, 0, tzinfo=UTC),
    datetime(2026, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    datetime(2099, 1, 1, tzinfo=UTC),
)


def population(now: int) -> Iterator[Visit]:
    """Some 150 visits, the same ones each time; those without a time of their own at `now` (µs).

    Every agent comes for a click, by QR code, with HEAD, as a prefetch and with DNT; every other
    header in each of its forms.
    """
    plain = Visit(
        utime=now,
        address="198.51.100.7",
        user_agent=AGENTS["firefox"],
        referrer="https://news.example/",
        accept_language="en-GB,en;q=0.8",
    )
    for agent in AGENTS.values():
        visit = structs.replace(plain, user_agent=agent)
        yield visit
        yield structs.replace(visit, is_qr=True)
        yield structs.replace(visit, is_get=False)
        yield structs.replace(visit, is_prefetch=True)
        yield structs.replace(visit, do_not_track=True)
    moments = [int(moment.timestamp()) * SECOND + moment.microsecond for moment in _MOMENTS]
    for name, values in (
        ("accept_language", _LANGUAGES),
        ("referrer", _REFERRERS),
        ("address", _ADDRESSES),
        ("country", _COUNTRIES),
        ("query", _QUERIES),
        ("utime", [*moments, *(now + hour * 3600 * SECOND for hour in range(1, 7 * 24, 5))]),
    ):
        for value in values:
            yield structs.replace(plain, **{name: value})
    # Nothing at all.
    yield Visit(utime=now)
