"""Visitors: what headers tell, and what of them is kept."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortd.visitors.devices import UNKNOWN
from shortd.visitors.sources import DIRECT
from shortd.visitors.visitors import (
    PART,
    Agent,
    kept_address,
    parse_agent,
    primary_language,
    referrer_host,
)

WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
MOBILE_SAFARI = "AppleWebKit/605.1.15 (KHTML, like Gecko) Version/16.1 Mobile/15E148 Safari/604.1"


@pytest.mark.parametrize(
    ("user_agent", "agent"),
    [
        (
            f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/107.0.0.0 Safari/537.36",
            Agent("Desktop", "Windows", "10", "Chrome", "107", UNKNOWN, UNKNOWN, False),
        ),
        (
            "Mozilla/5.0 (X11; Linux x86_64; rv:109.0) Gecko/20100101 Firefox/115.0",
            Agent("Desktop", "Linux", UNKNOWN, "Firefox", "115", UNKNOWN, UNKNOWN, False),
        ),
        (
            "Mozilla/5.0 (X11; OpenBSD amd64; rv:109.0) Gecko/20100101 Firefox/115.0",
            Agent("Desktop", "OpenBSD", UNKNOWN, "Firefox", "115", UNKNOWN, UNKNOWN, False),
        ),
        (
            f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {WEBKIT} Chrome/115.0.0.0 Safari/537.36",
            Agent("Desktop", "Chrome OS", "14541", "Chrome", "115", UNKNOWN, UNKNOWN, False),
        ),
        (
            f"Mozilla/5.0 (iPhone; CPU iPhone OS 16_1 like Mac OS X) {MOBILE_SAFARI}",
            Agent("Mobile", "iOS", "16", "Mobile Safari", "16", "Apple", "iPhone", False),
        ),
        (
            f"Mozilla/5.0 (iPad; CPU OS 16_1 like Mac OS X) {MOBILE_SAFARI}",
            Agent("Tablet", "iOS", "16", "Mobile Safari", "16", "Apple", "iPad", False),
        ),
        (
            f"Mozilla/5.0 (Linux; Android 13; SM-S908B) {WEBKIT} Chrome/112.0.0.0 Mobile"
            " Safari/537.36",
            Agent("Mobile", "Android", "13", "Chrome Mobile", "112", "Samsung", "SM-S908B", False),
        ),
        (
            f"Mozilla/5.0 (Linux; Android 12; SM-X906C) {WEBKIT} Chrome/80.0.3987.119"
            " Safari/537.36",
            Agent("Tablet", "Android", "12", "Chrome", "80", "Samsung", "SM-X906C", False),
        ),
        (
            "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
            Agent("Bot", UNKNOWN, UNKNOWN, "Googlebot", "2", UNKNOWN, UNKNOWN, True, "Googlebot"),
        ),
        (
            "curl/8.4.0",
            Agent(UNKNOWN, UNKNOWN, UNKNOWN, "curl", "8", UNKNOWN, UNKNOWN, False),
        ),
        ("", Agent(UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, False)),
        (
            # A device without a name: the parser raises, and still knows the rest.
            "Mozilla/5.0 (Linux; Android 13;   Build/_J/)",
            Agent("Tablet", "Android", "13", "Android", "13", UNKNOWN, UNKNOWN, False),
        ),
    ],
)
def test_what_a_user_agent_tells(user_agent: str, agent: Agent) -> None:
    assert parse_agent(user_agent) == agent


PIECES = ["", " ", *"\t_-/;()x9", "Mozilla/5.0", "(Linux; Android 13;", "Build/", "Mobile"]
PIECES += ["like Mac OS X", "CPU iPhone OS", "Windows NT 10.0", "Version/", "Safari/", "Chrome/"]
PIECES += ["SAMSUNG SM-", "HUAWEI", "Opera Mini/", "Smart-TV", "bot/", "AppleWebKit/537.36"]


@given(st.text(max_size=300) | st.lists(st.sampled_from(PIECES), max_size=20).map("".join))
def test_no_user_agent_is_too_strange(user_agent: str) -> None:
    agent = parse_agent(user_agent)
    assert agent.device in ("Desktop", "Mobile", "Tablet", "Bot", UNKNOWN)
    assert all((agent.system, agent.browser, agent.brand, agent.model))


@pytest.mark.parametrize(
    ("referrer", "host"),
    [
        ("", DIRECT),
        ("https://www.Example.com:8080/path?secret=1#x", "example.com"),
        ("http://user:secret@news.example/", "news.example"),
        ("android-app://com.google.android.gm/", "com.google.android.gm"),
        ("https://wwwx.example/", "wwwx.example"),
        ("https://[2001:db8::1]/", "2001:db8::1"),
        ("https://www.com/", "www.com"),
        ("https://www.co.uk/", "www.co.uk"),
        ("https://www.example.co.uk/", "example.co.uk"),
        ("https://www.example.com./", "example.com"),
        ("https://example.com.:443/", "example.com"),
        ("https://www.localhost/", "www.localhost"),
        ("http://localhost:8000/", "localhost"),
        # What is no site.
        ("chrome-extension://mhjfbmdgcfjbbpaeojofohoefgiehjai/index.html", DIRECT),
        ("moz-extension://0f4d2b52-6ad8-4b3a-9cdb-1f2c6b3a4d5e/", DIRECT),
        ("safari-web-extension://E4C8F1B2/page.html", DIRECT),
        ("capacitor://localhost/", DIRECT),
        ("file://server/share/page.html", DIRECT),
        ("about:blank", DIRECT),
        ("no url at all", DIRECT),
        ("https://[broken", DIRECT),
    ],
)
def test_a_referrer_is_kept_as_a_host(referrer: str, host: str) -> None:
    assert referrer_host(referrer) == host


@given(st.text(max_size=400) | st.text(max_size=400).map("https://".__add__))
def test_no_referrer_is_too_strange(referrer: str) -> None:
    host = referrer_host(referrer)
    assert 0 < len(host) <= 253
    assert "/" not in host


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", UNKNOWN),
        ("en-GB,de;q=0.7", "en"),
        ("DE", "de"),
        ("fr;q=0.9", "fr"),
        (" pt-BR ", "pt"),
        ("*", UNKNOWN),
        ("e1", UNKNOWN),
        ("überlang", UNKNOWN),
        ("muchtoolong", UNKNOWN),
        ("-de", UNKNOWN),
    ],
)
def test_the_language_asked_for_first(header: str, language: str) -> None:
    assert primary_language(header) == language


@given(st.text(max_size=80))
def test_a_language_can_be_a_rollup_key(header: str) -> None:
    language = primary_language(header)
    assert language == UNKNOWN or (language.isascii() and language.islower())
    assert PART not in language


@pytest.mark.parametrize(
    ("address", "full", "truncated"),
    [
        ("198.51.100.77", "198.51.100.77", "198.51.100.0"),
        ("2001:DB8:1:2:3:4:5:6", "2001:db8:1:2:3:4:5:6", "2001:db8:1::"),
        ("::ffff:198.51.100.77", "198.51.100.77", "198.51.100.0"),
        ("fe80::1%eth0", "fe80::1%eth0", "fe80::"),
        ("unix socket", "", ""),
        ("", "", ""),
    ],
)
def test_an_address_as_it_is_kept(address: str, full: str, truncated: str) -> None:
    assert kept_address(address, "full") == full
    assert kept_address(address, "truncated") == truncated
    assert kept_address(address, "none") == ""


@given(st.ip_addresses().map(str))
def test_a_truncated_address_tells_the_network_alone(address: str) -> None:
    kept = kept_address(address, "truncated")
    full = ip_address(kept_address(address, "full"))
    network = ip_network(f"{kept}/{24 if full.version == 4 else 48}")
    assert full in network
    assert kept_address(kept, "truncated") == kept
