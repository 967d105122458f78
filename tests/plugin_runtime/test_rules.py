"""shortd_rules: who is led where, told of no more than he sent, and what cannot be a rule."""

from __future__ import annotations

import ipaddress
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any, NamedTuple
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from shortd.plugin import BadData, Link, Server, Visit
from shortd.testing import FakeClock, check_plugin
from shortd.visitors import bots
from shortd_rules import RuleList, Rules
from shortd_rules.networks import networks_of
from shortd_rules.times import dates, hours
from tests.plugin_runtime.conftest import PluginApp, Start
from tests.plugin_runtime.test_mobile import AGENTS

LINK = Link(1, "code", "http://s.example/code", "https://main.example/", "owner", 0)
CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0"
AGENTS = {
    **AGENTS,
    "chromebook": f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {CHROME} Safari/537.36",
    "edge": f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {CHROME} Safari/537.36 Edg/142.0.0.0",
    "edge_phone": f"Mozilla/5.0 (Linux; Android 10; K) {CHROME} Mobile Safari/537.36 EdgA/142.0",
    "chrome_ios": AGENTS["iphone"].replace("Version/18.5", "CriOS/142.0") + " Safari/604.1",
    "chrome_mac": f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {CHROME} Safari/537.36",
    "firefox_windows": "Mozilla/5.0 (Windows NT 10.0; rv:140.0) Gecko/20100101 Firefox/140.0",
    "opera_phone": f"Mozilla/5.0 (Linux; Android 10; K) {CHROME} Mobile Safari/537.36 OPR/80.0",
    "googlebot": "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "bot_phone": f"Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X) {CHROME} Mobile Safari/537.36"
    " (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "instagram": AGENTS["iphone"] + " Instagram 340.0.0 (iPhone15,2; iOS 18_7)",
}


def rule(name: str, **conditions: object) -> dict[str, Any]:
    return {"name": name, "url": f"https://{name}.example/", "conditions": conditions}


RULES = {
    "rules": [
        rule("bots", robot=True),
        rule("office", address=["10.1.0.0/16", "2001:db8:1::/48", "198.51.100.7"]),
        rule("mail", query=[{"key": "from", "value": "mail"}, {"key": "no", "match": "missing"}]),
        rule("ref", query=[{"key": "ref", "match": "any"}]),
        rule("beta", query=[{"key": "beta", "match": "empty"}]),
        rule("umlaut", query=[{"key": "größe", "value": "ä b"}]),
        rule("munich", city=["munich"]),
        rule("alps", country=["AT", "ch"]),
        rule("xmas", date={"from": "2026-12-24", "to": "2026-12-25", "zone": "Europe/Berlin"}),
        rule(
            "night",
            time={
                "zone": "Europe/Berlin",
                "days": ["mon", "tue", "wed", "thu", "fri"],
                "from": "22:00",
                "to": "06:00",
            },
        ),
        rule("news", referrer=["news.example", "bücher.example"]),
        rule("shop", referrer=["https://shop.example/sale"]),
        rule("ipad", system=["ios"], device=["tablet"]),
        rule("iphone-in-app", system=["ios"], browser=["instagram"]),
        rule("iphone", system=["ios"], device=["mobile"]),
        rule("edge", browser=["edge"]),
        rule("android", system=["android"], robot=False),
        rule("chromebook", system=["chromeos"]),
        rule("firefox-de", browser=["firefox"], language=["de"]),
        rule("swiss-french", language=["fr-CH", "rm"]),
        {"name": "own", "conditions": {"country": ["FR"]}},
        rule("mac", system=["macos"], device=["desktop"], browser=["chrome", "safari"]),
    ]
}
NOON = "2026-12-16T11:00"
"""A Wednesday, by UTC; it is 12:00 in Berlin."""


class Visitor(NamedTuple):
    """One of the table."""

    led_to: str
    """The name of a rule; empty: by none."""
    agent: str = "linux"
    language: str = "en"
    address: str = "203.0.113.9"
    query: str = ""
    referrer: str = ""
    at: str = NOON


VISITORS = [
    Visitor(""),
    Visitor("", agent="windows"),
    Visitor("", agent="curl"),
    Visitor("", agent="none", language=""),
    Visitor("bots", agent="googlebot"),
    Visitor("bots", agent="bot_phone"),
    Visitor("bots", agent="googlebot", address="10.1.2.3"),
    Visitor("office", address="10.1.0.0"),
    Visitor("office", address="10.1.255.255"),
    Visitor("", address="10.2.0.0"),
    Visitor("office", address="198.51.100.7"),
    Visitor("", address="198.51.100.8"),
    Visitor("office", address="::ffff:10.1.2.3"),
    Visitor("office", address="2001:db8:1:ffff::1"),
    Visitor("", address="2001:db8:2::1"),
    Visitor("office", address="10.1.2.3", agent="iphone", query="from=mail"),
    Visitor("mail", query="from=mail"),
    Visitor("mail", query="a=b&from=mail"),
    Visitor("mail", query="from=post&from=mail"),
    Visitor("", query="from=Mail"),
    Visitor("", query="from"),
    Visitor("", query="from=mail&no"),
    Visitor("", query="from=mail&no=1"),
    Visitor("mail", query="fr%6Fm=m%61il"),
    Visitor("ref", query="ref"),
    Visitor("ref", query="ref="),
    Visitor("ref", query="ref=x"),
    Visitor("", query="Ref=x"),
    Visitor("beta", query="beta"),
    Visitor("beta", query="beta="),
    Visitor("", query="beta=1"),
    Visitor("umlaut", query="gr%C3%B6%C3%9Fe=%C3%A4+b"),
    Visitor("umlaut", query="gr%C3%B6%C3%9Fe=%C3%A4%20b"),
    Visitor("", query="gr%F6%DFe=%E4+b"),
    Visitor("", query="&&&=&=x&%&%zz=%"),
    Visitor("munich", address="203.0.113.33"),
    Visitor("", address="203.0.113.34"),
    Visitor("alps", address="203.0.113.65"),
    Visitor("alps", address="203.0.113.66"),
    Visitor("own", address="203.0.113.97"),
    Visitor("iphone", address="203.0.113.97", agent="iphone"),
    Visitor("xmas", at="2026-12-23T23:00"),
    Visitor("night", at="2026-12-23T22:59"),
    Visitor("xmas", at="2026-12-25T22:59"),
    Visitor("night", at="2026-12-25T23:00"),
    Visitor("", at="2026-12-26T23:00"),
    Visitor("night", at="2026-12-16T21:00"),
    Visitor("", at="2026-12-16T20:59"),
    Visitor("night", at="2026-12-17T04:59"),
    Visitor("", at="2026-12-17T05:00"),
    Visitor("night", at="2026-12-19T04:59"),
    Visitor("", at="2026-12-19T21:30"),
    Visitor("", at="2026-12-21T01:00"),
    Visitor("news", referrer="https://news.example/a?b"),
    Visitor("news", referrer="http://www.news.example:8080/"),
    Visitor("news", referrer="android-app://news.example/"),
    Visitor("", referrer="https://mynews.example/"),
    Visitor("", referrer="https://news.example.org/"),
    Visitor("news", referrer="https://xn--bcher-kva.example/"),
    Visitor("shop", referrer="https://shop.example/sale"),
    Visitor("shop", referrer="https://shop.example/sale/x?y"),
    Visitor("", referrer="https://shop.example/"),
    Visitor("", referrer="http://shop.example/sale"),
    Visitor("", referrer="https://shop.example.net/sale"),
    Visitor("", referrer="http://["),
    Visitor("ipad", agent="ipad"),
    Visitor("iphone", agent="iphone"),
    Visitor("iphone", agent="chrome_ios"),
    Visitor("iphone-in-app", agent="instagram"),
    Visitor("android", agent="pixel"),
    Visitor("android", agent="galaxy_tab"),
    Visitor("android", agent="opera_phone"),
    Visitor("edge", agent="edge"),
    Visitor("edge", agent="edge_phone"),
    Visitor("chromebook", agent="chromebook"),
    Visitor("firefox-de", language="de"),
    Visitor("firefox-de", language="DE-at,en;q=0.8"),
    Visitor("firefox-de", language="en,de;q=0.9"),
    Visitor("", language="en,de;q=0.8"),
    Visitor("firefox-de", agent="firefox_windows", language="de-DE,de;q=0.9"),
    Visitor("", agent="windows", language="de"),
    Visitor("", language="den"),
    Visitor("swiss-french", language="fr-CH"),
    Visitor("swiss-french", language="rm,en"),
    Visitor("", language="fr"),
    Visitor("", language="*"),
    Visitor("", language=";q=;,,q=,x;q=2,"),
    Visitor("", language="en-US,en;q=0.9,es-ES;q=0.7,es;q=0.6,it;q=0.5,pt;q=0.4,de;q=0.3"),
    Visitor("mac", agent="mac"),
    Visitor("mac", agent="chrome_mac"),
]


@pytest.fixture
def database(tmp_path: Path) -> Path:
    writer = MMDBWriter(6, "GeoLite2-City", ipv4_compatible=True)
    for network, country, city in (
        ("203.0.113.32/31", "DE", "Munich"),
        ("203.0.113.34/31", "DE", ""),
        ("203.0.113.65/32", "AT", "Vienna"),
        ("203.0.113.66/32", "CH", ""),
        ("203.0.113.97/32", "FR", "Paris"),
    ):
        record: dict[str, object] = {"country": {"iso_code": country}}
        if city:
            record["city"] = {"names": {"en": city, "de": city.replace("unich", "ünchen")}}
        writer.insert_network(IPSet([network]), record)
    file = tmp_path / "cities.mmdb"
    writer.to_db_file(str(file))
    return file


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_the_table(start: Start, database: Path) -> None:
    assert len(VISITORS) >= 60
    clock = FakeClock()
    clock.set(moment(NOON))
    plugins = start(environ={"SHORTD_CLICKS__GEOIP_DB": str(database)}, clock=clock)
    plugins.set("rules", RULES)
    counted: Counter[str] = Counter()
    for visitor in VISITORS:
        clock.set(moment(visitor.at))
        led_to = f"https://{visitor.led_to or 'main'}.example/".replace("own.", "main.")
        assert come(plugins, visitor) == led_to, visitor
        told = plugins.explain(
            user_agent=AGENTS[visitor.agent],
            accept_language=visitor.language[:64],
            referrer=visitor.referrer,
            address=visitor.address,
            query=visitor.query,
        )
        assert told["location"] == led_to, visitor
        assert told["choice"] == (f"rules:{visitor.led_to}" if visitor.led_to else "")
        counted[visitor.led_to] += 1
    del counted[""]
    assert set(counted) == {rule["name"] for rule in RULES["rules"]}, "every rule leads somebody"
    clicks = plugins.app.call("get_plugin", **plugins.which(), plugin="rules")["clicks"]
    assert clicks == counted


def come(plugins: PluginApp, visitor: Visitor) -> str:
    sent = {
        "user-agent": AGENTS[visitor.agent],
        "accept-language": visitor.language,
        "referer": visitor.referrer,
    }
    url = plugins.shorturl + (f"?{visitor.query}" if visitor.query else "")
    answer = plugins.app.request("GET", url, headers=sent, address=visitor.address)
    assert answer.status_code == 302
    return answer.headers["location"]


def test_without_a_database_nobody_is_from_anywhere(start: Start) -> None:
    plugins = start()
    plugins.set("rules", {"rules": [rule("city", city=["Munich"]), rule("land", country=["DE"])]})
    assert come(plugins, Visitor("", address="203.0.113.33")) == "https://main.example/"
    assert plugins.explain(country="DE")["location"] == "https://land.example/"
    assert plugins.explain(city="MUNICH", country="FR")["location"] == "https://city.example/"


def test_reading_the_list_of_robots_is_not_its_time(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugins, names, read = start(), bots._names, Event()
    plugins.set("rules", {"rules": [rule("no", robot=True), rule("yes", robot=False)]})

    def slow() -> Any:
        if not read.is_set():
            read.set()
            time.sleep(0.15)
        return names()

    monkeypatch.setattr(bots, "_names", slow)
    bots.robot_of.cache_clear()
    assert plugins.visit(user_agent=AGENTS["mac"]) == "https://yes.example/"
    assert read.is_set() and plugins.state("rules")["state"] == "on"


def test_a_query_leads_whether_or_not_it_goes_on(start: Start) -> None:
    plugins = start()
    data = {"rules": [rule("a", query=[{"key": "a", "match": "any"}])]}
    for mode, behind in (("no", ""), ("visitor", "?a=1&b"), ("link", "?a=1&b")):
        url = plugins.make(forward_query=mode)
        plugins.set("rules", data, url)
        assert plugins.visit(f"{url}?a=1&b") == f"https://a.example/{behind}"
        assert plugins.visit(f"{url}?qr") == "https://main.example/"
        assert plugins.visit(f"{url}?qr&a") == "https://a.example/" + ("?a" if behind else "")


def test_a_query_leads_past_a_password(start: Start) -> None:
    plugins = start()
    plugins.app.call("set_terms", **plugins.which(), password="secret")
    plugins.set("rules", {"rules": [rule("a", query=[{"key": "a", "match": "any"}])]})
    page = plugins.app.get(f"{plugins.shorturl}?a=1", headers={"accept": "text/html"})
    assert 'name="query" value="a=1"' in page.text
    code = plugins.shorturl.rpartition("/")[2]
    form = {"code": code, "password": "secret", "query": "a=1", "referrer": ""}
    proved = plugins.app.request("POST", "/-/open", content=urlencode(form))
    assert plugins.app.get(proved.headers["location"]).headers["location"] == "https://a.example/"


def test_explain_tells_why_earlier_rules_do_not_hold(start: Start) -> None:
    plugins = start()
    data = {
        "rules": [
            rule("swiss", language=["de-CH"], device=["mobile"]),
            {"conditions": {"referrer": ["news.example"]}},
            rule("draw", weight=100),
        ]
    }
    plugins.set("rules", data)
    told = plugins.explain(accept_language="de", user_agent=AGENTS["iphone"])
    steps = {step["question"]: step["answer"] for step in told["steps"]}
    assert steps["plugin rules: rule 1 swiss"] == "no: language de"
    assert steps["plugin rules: rule 2"] == "no: referrer none"
    assert steps["plugin rules: rule 3 draw"] == "yes"
    assert steps["plugin rules"] == "goes to https://draw.example/ as rules:draw"


def test_rules_come_before_phones_and_a_split(start: Start) -> None:
    plugins = start()
    plugins.set("mobile", {"ios": "https://ios.example/"})
    plugins.set("ab", {"variants": [{"url": "https://b.example/", "weight": 100}]})
    plugins.set("rules", {"rules": [rule("french", language=["fr"]), rule("bots", robot=True)]})
    assert plugins.visit(user_agent=AGENTS["iphone"], accept_language="fr").startswith(
        "https://french."
    )
    assert plugins.visit(user_agent=AGENTS["iphone"]) == "https://ios.example/"
    assert plugins.visit(user_agent=AGENTS["linux"]) == "https://b.example/"


# Draws


def started(secret: bytes = b"k" * 32) -> RuleList:
    return RuleList(None, Server("http://s.example", ["s.example"], secret))


def made(*rules: dict[str, Any]) -> Rules:
    return msgspec.convert({"rules": list(rules)}, Rules)


def choice(plugin: RuleList, data: Rules, visit: Visit) -> str:
    answer = plugin.destination(LINK, visit, data)
    return "" if answer is None else answer.choice


def visit(number: int, **more: Any) -> Visit:
    return Visit(0, address=f"10.0.{number >> 8}.{number & 255}", user_agent="agent", **more)


def test_each_draw_is_one_of_those_that_are_left() -> None:
    plugin, data = started(), made(rule("third", weight=33), rule("half", weight=50))
    drawn = Counter(choice(plugin, data, visit(number)) for number in range(20_000))
    # Exceeded once in 100,000 tests of a true draw.
    for name, share in (("third", 0.33), ("half", 0.67 / 2), ("", 0.67 / 2)):
        assert abs(drawn[name] - 20_000 * share) < 4.5 * (20_000 * share * (1 - share)) ** 0.5
    assert plugin.shares(data, LINK) == {"third": 33, "half": 33.5}
    other = started(b"x" * 32)
    same = sum(choice(plugin, data, visit(n)) == choice(other, data, visit(n)) for n in range(999))
    assert 200 < same < 500


def test_everybody_stays_with_his_draw_wherever_the_rule_stands() -> None:
    plugin = started()
    half, phones = rule("half", weight=50), rule("ios", system=["ios"])
    before, after = made(half, phones), made(phones, half)
    for number in range(300):
        drawn = choice(plugin, before, visit(number))
        assert choice(plugin, after, visit(number)) == drawn
        assert choice(plugin, before, visit(number, referrer="x", is_qr=True)) == drawn
    unnamed = made(*({"url": "https://x.example/", "conditions": {"weight": 50}} for _ in "ab"))
    drawn_twice = Counter(choice(plugin, unnamed, visit(number)) for number in range(1000))
    assert min(drawn_twice[name] for name in ("1", "2", "")) > 150


def test_shares_are_told_of_draws_alone() -> None:
    plugin = started()
    assert plugin.shares(made(rule("half", weight=50), rule("ios", system=["ios"])), LINK) == {}
    assert plugin.shares(made(rule("half", weight=50), {"url": "https://x.example/"}), LINK) == {
        "half": 50,
        "2": 50,
    }


# Networks

ADDRESSES = st.ip_addresses()
NETWORKS = st.one_of(
    st.builds(lambda a, n: f"{a}/{n}", st.ip_addresses(v=4), st.integers(0, 32)),
    st.builds(lambda a, n: f"{a}/{n}", st.ip_addresses(v=6), st.integers(0, 128)),
    st.builds(lambda a, n: f"::ffff:{a}/{n}", st.ip_addresses(v=4), st.integers(96, 128)),
    ADDRESSES.map(str),
)


def unmapped(address: Any) -> Any:
    return (address.version == 6 and address.ipv4_mapped) or address


@settings(max_examples=150)
@given(st.lists(NETWORKS, min_size=1, max_size=8), ADDRESSES, st.data())
def test_networks_are_those_of_the_library(texts: list[str], any_one: Any, data: Any) -> None:
    known = []
    for text in texts:
        network = ipaddress.ip_network(text, strict=False)
        if network.version == 6 and network.network_address.ipv4_mapped and network.prefixlen >= 96:
            whole = (network.network_address.ipv4_mapped, network.prefixlen - 96)
            network = ipaddress.IPv4Network(whole)
        known.append(network)
    networks = networks_of(texts)
    one = data.draw(st.sampled_from(known))
    edges = [one.network_address, one.broadcast_address]
    beside = [edge + step for edge in edges for step in (-1, 1) if 0 <= int(edge) + step < 2**32]
    for address in (any_one, *edges, *beside):
        expected = any(
            unmapped(address) in network
            for network in known
            if network.version == unmapped(address).version
        )
        assert networks.has(str(address)) is expected
        if address.version == 4:
            assert networks.has(f"::ffff:{address}") is expected
            hexadecimal = f"::ffff:{int(address) >> 16:x}:{int(address) & 0xFFFF:x}"
            assert networks.has(hexadecimal) is expected
    for nonsense in ("", "nonsense", "1.2.3", "1.2.3.4/32"):
        assert not networks.has(nonsense)


# Times

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
ZONES = (
    *("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"),
    *("Pacific/Apia", "America/St_Johns", "Africa/Casablanca"),
)
CLOCKS = st.builds(lambda minute: f"{minute // 60:02}:{minute % 60:02}", st.integers(0, 1439))


def walls(zone: ZoneInfo, instant: datetime) -> tuple[int, int]:
    """Weekday and minute that a clock on the wall shows, by the library alone."""
    local = instant.astimezone(zone)
    return local.weekday(), local.hour * 60 + local.minute


@settings(max_examples=150)
@given(
    st.sampled_from(ZONES),
    st.lists(st.sampled_from(DAYS), unique=True),
    CLOCKS,
    CLOCKS | st.just("24:00"),
    st.integers(0, 4_000_000_000),
)
def test_hours_are_those_of_the_clock_on_the_wall(
    zone: str, days: list[str], begin: str, end: str, second: int
) -> None:
    asked = {"zone": zone, "days": days, "from": begin, "to": end}
    if begin == end:
        with pytest.raises(BadData) as refused:
            hours(read_time(asked))
        assert refused.value.field == "to"
        return
    hold = hours(read_time(asked))
    # All minutes that the hours take in, day by day.
    first = int(begin[:2]) * 60 + int(begin[3:])
    last = int(end[:2]) * 60 + int(end[3:])
    within = {
        (day, minute) if minute < 1440 else ((day + 1) % 7, minute - 1440)
        for day in range(7)
        if not days or DAYS[day] in days
        for minute in range(first, last if last > first else last + 1440)
    }
    instant = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=second)
    for _ in range(60):
        utime = (instant - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
        assert hold(utime) == (walls(ZoneInfo(zone), instant) in within), instant
        instant += timedelta(minutes=17, seconds=1)


@pytest.mark.parametrize(
    ("instant", "holds"),
    [
        # Put forward at 02:00 on 29 March 2026, back at 03:00 on 25 October, in Berlin.
        ("2026-03-29T00:59", False),
        ("2026-03-29T01:00", True),
        ("2026-03-29T01:29", True),
        ("2026-03-29T01:30", False),
        ("2026-10-25T00:30", True),
        ("2026-10-25T00:59", True),
        ("2026-10-25T01:00", False),
        ("2026-10-25T01:29", False),
        ("2026-10-25T01:30", True),
        ("2026-10-25T02:29", True),
        ("2026-10-25T02:30", False),
    ],
)
def test_days_on_which_the_clock_is_changed(instant: str, holds: bool) -> None:
    hold = hours(read_time({"zone": "Europe/Berlin", "from": "02:30", "to": "03:30"}))
    assert hold(round(moment(instant).timestamp()) * 1_000_000) is holds


def test_the_end_of_all_days_breaks_nothing() -> None:
    data = made(rule("x", time={"zone": "Pacific/Kiritimati", "from": "12:00"}))
    for utime in (0, 253_402_300_799_999_999):
        started().explain(LINK, Visit(utime), data)


def read_time(asked: dict[str, Any]) -> Any:
    return made(rule("x", time=asked)).rules[0].conditions.time


def read_date(asked: dict[str, Any]) -> Any:
    return made(rule("x", date=asked)).rules[0].conditions.date


@pytest.mark.parametrize(
    ("asked", "first", "beyond"),
    [
        ({"from": "2026-12-01"}, "2026-12-01T00:00", None),
        ({"to": "2026-12-01"}, None, "2026-12-02T00:00"),
        ({"from": "2026-12-01", "to": "2026-12-01"}, "2026-12-01T00:00", "2026-12-02T00:00"),
        ({"from": "2026-03-29", "zone": "Europe/Berlin"}, "2026-03-28T23:00", None),
        ({"to": "2026-03-29", "zone": "Europe/Berlin"}, None, "2026-03-29T22:00"),
        ({"from": "2026-07-01T18:30", "zone": "Asia/Tokyo"}, "2026-07-01T09:30", None),
        ({"from": "2026-07-01T18:30:15Z", "zone": "Asia/Tokyo"}, "2026-07-01T18:30:15", None),
        ({"to": "2026-07-01T18:30+02:00"}, None, "2026-07-01T16:30"),
    ],
)
def test_dates(asked: dict[str, str], first: str | None, beyond: str | None) -> None:
    hold = dates(read_date(asked))
    if first is not None:
        utime = round(moment(first).timestamp()) * 1_000_000
        assert hold(utime) and not hold(utime - 1)
    if beyond is not None:
        utime = round(moment(beyond).timestamp()) * 1_000_000
        assert hold(utime - 1) and not hold(utime)


# What cannot be a rule


def in_conditions(**conditions: object) -> dict[str, Any]:
    return {"rules": [rule("ok", robot=True), rule("x", **conditions)]}


C = "data.rules[1].conditions."


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({}, "data.rules"),
        ({"rules": []}, "data.rules"),
        ({"rules": {}}, "data.rules"),
        ({"rules": [{"conditions": {"robot": True}}] * 51}, "data.rules"),
        ({"rules": [5]}, "data.rules[0]"),
        ({"rules": [{"nope": 1}]}, "data.rules[0]"),
        ({"rules": [rule("a"), rule("b")]}, "data.rules[0].conditions"),
        ({"rules": [{"url": "ftp://x"}]}, "data.rules[0].url"),
        ({"rules": [{"url": "http://127.0.0.1:8080/x"}]}, "data.rules[0].url"),
        ({"rules": [{"url": "x" * 8193}]}, "data.rules[0].url"),
        ({"rules": [{"url": None}]}, "data.rules[0].url"),
        ({"rules": [{"name": "A"}]}, "data.rules[0].name"),
        ({"rules": [{"name": "7"}]}, "data.rules[0].name"),
        ({"rules": [{"name": "a" * 33}]}, "data.rules[0].name"),
        ({"rules": [{"name": "a\n"}]}, "data.rules[0].name"),
        (in_conditions(nope=1), C[:-1]),
        (in_conditions(country="DE"), f"{C}country"),
        (in_conditions(country=["DEU"]), f"{C}country[0]"),
        (in_conditions(country=["DE", "ß"]), f"{C}country[1]"),
        (in_conditions(country=["DE"] * 201), f"{C}country"),
        (in_conditions(city=[""]), f"{C}city[0]"),
        (in_conditions(city=["A", " "]), f"{C}city[1]"),
        (in_conditions(city=["A, B"]), f"{C}city[0]"),
        (in_conditions(language=["de", "german language"]), f"{C}language[1]"),
        (in_conditions(language=["*"]), f"{C}language[0]"),
        (in_conditions(system=["beos"]), f"{C}system[0]"),
        (in_conditions(device=["fridge"]), f"{C}device[0]"),
        (in_conditions(browser=["lynx"]), f"{C}browser[0]"),
        (in_conditions(time={"zone": "Mars/Olympus"}), f"{C}time.zone"),
        (in_conditions(time={"zone": "../../etc/passwd"}), f"{C}time.zone"),
        (in_conditions(time={"zone": "/etc/passwd"}), f"{C}time.zone"),
        (in_conditions(time={"zone": "Europe"}), f"{C}time.zone"),
        (in_conditions(time={"zone": ""}), f"{C}time.zone"),
        (in_conditions(time={"zone": "a\0b"}), f"{C}time.zone"),
        (in_conditions(time={"days": ["monday"]}), f"{C}time.days[0]"),
        (in_conditions(time={"from": "24:00"}), f"{C}time.from"),
        (in_conditions(time={"from": "8:00"}), f"{C}time.from"),
        (in_conditions(time={"to": "24:01"}), f"{C}time.to"),
        (in_conditions(time={"from": "08:00", "to": "08:00"}), f"{C}time.to"),
        (in_conditions(time={"begin": "08:00"}), f"{C}time"),
        (in_conditions(date={}), f"{C}date.from"),
        (in_conditions(date={"from": "2026-02-30"}), f"{C}date.from"),
        (in_conditions(date={"to": "9999-12-31"}), f"{C}date.to"),
        (in_conditions(date={"from": "0001-01-01", "zone": "Asia/Tokyo"}), f"{C}date.from"),
        (in_conditions(date={"from": "2026-01-01 18:00"}), f"{C}date.from"),
        (in_conditions(date={"from": "2026-01-02", "to": "2026-01-01"}), f"{C}date.to"),
        (in_conditions(date={"to": "2026-01-01", "zone": "x"}), f"{C}date.zone"),
        (in_conditions(query=[{}]), f"{C}query[0].key"),
        (in_conditions(query=[{"key": ""}]), f"{C}query[0].key"),
        (in_conditions(query=[{"key": "a", "match": "all"}]), f"{C}query[0].match"),
        (in_conditions(query=[{"key": "a", "match": "any", "value": "b"}]), f"{C}query[0].value"),
        (in_conditions(query=[{"key": "a"}] * 11), f"{C}query"),
        (in_conditions(referrer=["a b"]), f"{C}referrer[0]"),
        (in_conditions(referrer=["x.example", "ftp://x.example"]), f"{C}referrer[1]"),
        (in_conditions(referrer=["https://"]), f"{C}referrer[0]"),
        (in_conditions(referrer=["http://["]), f"{C}referrer[0]"),
        (in_conditions(referrer=["user@x.example"]), f"{C}referrer[0]"),
        (in_conditions(referrer=["x.example:99999"]), f"{C}referrer[0]"),
        (in_conditions(referrer=["x.example", "*.example.com"]), f"{C}referrer[1]"),
        (in_conditions(referrer=["https://*.example.com/"]), f"{C}referrer[0]"),
        (in_conditions(referrer=["a%2eexample"]), f"{C}referrer[0]"),
        (in_conditions(referrer=["a\\b.example"]), f"{C}referrer[0]"),
        (in_conditions(address=["10.0.0.0/33"]), f"{C}address[0]"),
        (in_conditions(address=["10.0.0.1", "300.0.0.1"]), f"{C}address[1]"),
        (in_conditions(address=["10.0.0.0/255.0.0.0"]), f"{C}address[0]"),
        (in_conditions(address=["fe80::1%eth0"]), f"{C}address[0]"),
        (in_conditions(address=["10.1.*.*"]), f"{C}address[0]"),
        (in_conditions(robot="yes"), f"{C}robot"),
        (in_conditions(weight=0), f"{C}weight"),
        (in_conditions(weight=101), f"{C}weight"),
        (in_conditions(weight=1.5), f"{C}weight"),
        (
            {"rules": [rule(f"r{number}", city=["x" * 100] * 4) for number in range(50)]},
            "data",
        ),
    ],
)
def test_rules_that_cannot_be_are_refused(
    refuse: Callable[[Any], dict[str, Any]], data: Any, field: str
) -> None:
    error = refuse(data)
    assert error["http_status"] == 400
    assert error["field"] == field
    assert error["message"]


@pytest.fixture(scope="module")
def refuse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Any], dict[str, Any]]]:
    from shortd.testing import open_app
    from tests.conftest import GENEROUS

    with open_app(tmp_path_factory.mktemp("rules") / "data", environ=GENEROUS) as app:
        plugins = PluginApp(app)
        yield lambda data: app.refused("set_plugin", **plugins.which(), plugin="rules", data=data)


def test_as_many_as_there_can_be_stay_quick(start: Start) -> None:
    """None of them holds, and all of them look at everything a hostile visitor sends."""
    plugins = start()
    conditions = {
        "robot": False,
        "browser": ["firefox"],
        "language": ["xx-y"],
        "address": ["192.0.2.0/24"],
        "referrer": ["news.example"],
        "query": [{"key": "k", "value": "v"}],
    }
    rules = []
    for left_out in range(50):
        # Each begins with another of them.
        keep = list(conditions)[left_out % len(conditions) :]
        rules.append({"conditions": {name: conditions[name] for name in keep}})
    plugins.set("rules", {"rules": rules})
    hostile = {
        "user-agent": "Mozilla/5.0 " + "(compatible; " * 40,
        "accept-language": "a-b-c-d;q=1," * 8,
        "referer": "http://" + "a." * 500,
    }
    query = "&".join(f"{number}=%25" for number in range(3000))
    call = plugins.app.services.plugin_runtime.plugins.running["rules"].guard.calls["destination"]
    taken = []
    for _ in range(30):
        before = call.nanoseconds
        answer = plugins.app.request("GET", f"{plugins.shorturl}?{query}", headers=hostile)
        assert answer.headers["location"] == "https://main.example/"
        taken.append(call.nanoseconds - before)
    assert call.failures == 0
    # What the machine holds up for once is no rule's fault.
    assert 0 < statistics.median(taken) < call.limit


def test_data_of_another_version_never_hold() -> None:
    """What `check` would refuse may be there all the same, from another server."""
    data = made(rule("x", country=["nowhere"]), rule("y", time={"zone": "Gone/Zone"}), rule("z"))
    assert choice(started(), data, visit(1)) == "z"
    assert started().explain(LINK, visit(1), data)[0] == ("rule 1 x", "no: cannot be read")


def test_the_kit_finds_nothing_wrong() -> None:
    data = made(rule("a", robot=True, language=["de"]), rule("b", weight=50))
    check_plugin(RuleList, data=[msgspec.to_builtins(data)])
