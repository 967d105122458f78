"""Sources and robots: what referrers and user agents are called."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortd.bots import bot_name
from shortd.sources import DIRECT, OTHER, SOURCE_LENGTH, source_of
from shortd.visitors import parse_agent, referrer_host


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
        ("https://search.yahoo.co.jp/", "Yahoo"),
        ("https://yandex.ru/", "Yandex"),
        # Those that only look like one.
        ("https://notfacebook.com/", "notfacebook.com"),
        ("https://facebook.com.evil.example/", "facebook.com.evil.example"),
        ("https://google.evil.example/", "google.evil.example"),
        ("https://max.com/", "max.com"),
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


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        ("Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)", "AhrefsBot"),
        ("Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)", "bingbot"),
        ("Claude-Web/1.0 (web crawler; +https://www.anthropic.com/)", "Claude-Web"),
        ("facebookexternalhit/1.1", "facebookexternalhit"),
        ("sqlmap/1.7.8#stable (https://sqlmap.org)", "sqlmap"),
    ],
)
def test_robots_have_names(user_agent: str, name: str) -> None:
    assert bot_name(user_agent) == name
    assert (parse_agent(user_agent).device, parse_agent(user_agent).bot_name) == ("Bot", name)


@pytest.mark.parametrize(
    "user_agent",
    [
        "curl/8.14.1",
        "Wget/1.21.4",
        "python-requests/2.32.4",
        "Go-http-client/2.0",
        "okhttp/4.9",
        # People inside an app.
        "Mozilla/5.0 (iPhone; CPU iPhone OS 16_0 like Mac OS X) Mobile/15E148 [FBAN/FBIOS]",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 13_3 like Mac OS X) Mobile/15E148 Snapchat/10.77.0.54",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 16_0 like Mac OS X) Mobile/15E148 [Pinterest/iOS]",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 16_0 like Mac OS X) Mobile/15E148 LinkedInApp",
        "Mozilla/5.0 (Linux; Android 13) Chrome/112.0 Mobile Safari/537.36 Instagram 275.0",
    ],
)
def test_scripts_and_apps_are_no_robots(user_agent: str) -> None:
    agent = parse_agent(user_agent)
    assert (agent.bot, agent.bot_name) == (False, "")


@given(st.text(st.characters(max_codepoint=255), max_size=512))
def test_every_agent_is_a_robot_or_not(user_agent: str) -> None:
    agent = parse_agent(user_agent)
    assert agent.bot is bool(agent.bot_name) is (agent.device == "Bot")


def test_no_agent_takes_long() -> None:
    # Python's own patterns take 70 ms for the second of these.
    for user_agent in ("- " * 256, "a" * 512, "http://a.b/" * 46, "bo craw 1.0 " * 42):
        began = time.thread_time()
        for number in range(20):
            bot_name(f"{user_agent}{number}")
        assert time.thread_time() - began < 20 * 0.01
