"""Sources: what referrers are called."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortd.visitors.sources import DIRECT, OTHER, SOURCE_LENGTH, source_of
from shortd.visitors.visitors import referrer_host


@pytest.mark.parametrize(
    ("referrer", "source"),
    [
        ("", DIRECT),
        ("https://l.facebook.com/l.php?u=x", "Facebook"),
        ("https://lm.facebook.com/", "Facebook"),
        ("android-app://com.facebook.katana/", "Facebook"),
        ("https://x.com/somebody/status/1", "Twitter/X"),
        ("https://t.co/abc", "Twitter/X"),
        ("https://out.reddit.com/t3_1", "Reddit"),
        ("https://www.google.de/", "Google"),
        ("https://www.google.com.au/", "Google"),
        ("https://news.google.com/", "Google"),
        ("https://mail.google.com/mail/u/0/", "Gmail"),
        ("android-app://com.google.android.gm/", "Gmail"),
        ("https://duckduckgo.com/", "DuckDuckGo"),
        # Outlook and Teams, by all their names, and their checks of links.
        ("https://outlook.cloud.microsoft/mail/", "Outlook"),
        ("https://outlook.live.com/", "Outlook"),
        ("https://outlook.office365.com/", "Outlook"),
        ("android-app://com.microsoft.office.outlook/", "Outlook"),
        ("https://eur01.safelinks.protection.outlook.com/?url=https%3A%2F%2Fa.example", "Outlook"),
        ("https://teams.cloud.microsoft/", "Microsoft Teams"),
        ("https://teams.live.com/v2/", "Microsoft Teams"),
        ("android-app://com.microsoft.teams/", "Microsoft Teams"),
        ("https://statics.teams.cdn.office.net/evergreen-assets/safelinks/1/", "Microsoft Teams"),
        ("https://search.yahoo.co.jp/", "Yahoo"),
        ("https://yandex.ru/", "Yandex"),
        # Those that only look like one.
        ("https://notfacebook.com/", "notfacebook.com"),
        ("https://facebook.com.evil.example/", "facebook.com.evil.example"),
        ("https://google.evil.example/", "google.evil.example"),
        ("https://max.com/", "max.com"),
        ("https://notoutlook.com/", "notoutlook.com"),
        ("https://cloud.microsoft/", "cloud.microsoft"),
        ("https://News.Example:8443/x", "news.example"),
        ("https://[2001:db8::1]/", "2001:db8::1"),
        # What is no host, and what is too long for one.
        ("https://<script>/", OTHER),
        ("https://b\xfccher.example/", OTHER),
        (f"https://{'a' * SOURCE_LENGTH}.example/", OTHER),
    ],
)
def test_sources_have_names(referrer: str, source: str) -> None:
    assert source_of(referrer_host(referrer)) == source


@given(st.text(max_size=300) | st.text(max_size=300).map("https://".__add__))
def test_no_source_is_long_or_strange(referrer: str) -> None:
    source = source_of(referrer_host(referrer))
    assert 0 < len(source) <= SOURCE_LENGTH
    assert source.isascii() and source.isprintable()
