"""Redirect rules of other servers as data of the plugin `rules`, condition by condition."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from shortd.moving.options import Options
from shortd.moving.records import Condition, Rule
from shortd.moving.redirect_rules import as_data
from shortd.moving.times import Times
from shortd.plugin import Link, Server
from shortd_rules import RuleList, Rules

LINK = Link(1, "code", "http://s.example/code", "https://main.example/", "owner", 0)
TIMES = Times(Options())


def converted(*conditions: tuple[str, ...]) -> Any:
    """What a rule of these conditions asks for here, or why it has no equal."""
    data, left = as_data([rule(*conditions)], TIMES)
    assert (data is None) == bool(left)
    if data is None:
        return left[0]
    # Whatever comes out is taken by the plugin.
    plugin = RuleList(None, Server("http://s.example", ["s.example"], b"k" * 32))
    plugin.check(msgspec.convert(data, Rules), LINK)
    [kept] = data["rules"]
    assert kept["url"] == "https://there.example/"
    return kept["conditions"]


def rule(*conditions: tuple[str, ...], url: str = "https://there.example/") -> Rule:
    return Rule(url, tuple(Condition(*condition) for condition in conditions))


@pytest.mark.parametrize(
    ("condition", "asked"),
    [
        (("device", "", "ios"), {"system": ["ios"]}),
        (("device", "", "android"), {"system": ["android"]}),
        (("device", "", "Mobile"), {"device": ["mobile", "tablet"]}),
        (("device", "", "desktop"), {"device": ["desktop"]}),
        (("device", "", "windows"), {"system": ["windows"], "device": ["desktop"]}),
        (("device", "", "macos"), {"system": ["macos"]}),
        (("device", "", "linux"), {"system": ["linux"]}),
        (("device", "", "chromeos"), {"system": ["chromeos"]}),
        (("language", "", "es"), {"language": ["es"]}),
        (("language", "", "pt_BR"), {"language": ["pt-BR"]}),
        (("query-param", "a", "b c"), {"query": [{"key": "a", "match": "value", "value": "b c"}]}),
        (("query-param", "a", ""), {"query": [{"key": "a", "match": "value", "value": ""}]}),
        (("any-value-query-param", "a"), {"query": [{"key": "a", "match": "any"}]}),
        (("valueless-query-param", "a"), {"query": [{"key": "a", "match": "empty"}]}),
        (("ip-address", "", "192.0.2.7"), {"address": ["192.0.2.7"]}),
        (("ip-address", "", "192.0.2.7/24"), {"address": ["192.0.2.7/24"]}),
        (("ip-address", "", "11.22.*.*"), {"address": ["11.22.0.0/16"]}),
        (("ip-address", "", "11.*.*.*"), {"address": ["11.0.0.0/8"]}),
        (("ip-address", "", "11.22.33.*"), {"address": ["11.22.33.0/24"]}),
        (("ip-address", "", "2001:db8::/32"), {"address": ["2001:db8::/32"]}),
        (("geolocation-country-code", "", "de"), {"country": ["DE"]}),
        (("geolocation-city-name", "", "New York"), {"city": ["New York"]}),
        (
            ("before-date", "", "2026-01-01T00:00:00+01:00"),
            {"date": {"to": "2025-12-31T23:00:00Z"}},
        ),
        (("after-date", "", "2026-01-01T00:00:00Z"), {"date": {"from": "2026-01-01T00:00:00Z"}}),
        (("browser", "", "android_browser"), {"browser": ["android_browser"]}),
        (("browser", "", "Firefox"), {"browser": ["firefox"]}),
    ],
)
def test_every_kind_has_an_equal(condition: tuple[str, ...], asked: dict[str, Any]) -> None:
    assert converted(condition) == asked


@pytest.mark.parametrize(
    "condition",
    [
        ("device", "", "fridge"),
        ("language", "", ""),
        ("language", "", "*"),
        ("query-param", "", "x"),
        ("query-param", "a[b]", "x"),
        ("ip-address", "", "11.*.33.44"),
        ("ip-address", "", "300.1.1.1"),
        ("ip-address", "", "11.22.*"),
        ("ip-address", "", "*.*.*.*"),
        ("geolocation-country-code", "", "Germany"),
        ("geolocation-city-name", "", "Washington, D.C."),
        ("geolocation-city-name", "", ""),
        ("before-date", "", "soon"),
        ("browser", "", "lynx"),
        ("moon-phase", "", "full"),
        ("", "", ""),
    ],
)
def test_what_has_no_equal_is_told(condition: tuple[str, ...]) -> None:
    assert converted(condition).startswith("rule 1: ")
    assert converted(("device", "", "ios"), condition).startswith("rule 1: ")


def test_conditions_of_one_kind_mean_what_both_do() -> None:
    assert converted(("query-param", "a", "1"), ("any-value-query-param", "b")) == {
        "query": [{"key": "a", "match": "value", "value": "1"}, {"key": "b", "match": "any"}]
    }
    assert converted(
        ("after-date", "", "2026-01-01T00:00:00Z"),
        ("before-date", "", "2026-03-01T00:00:00Z"),
        ("after-date", "", "2026-02-01T00:00:00Z"),
        ("before-date", "", "2026-04-01T00:00:00Z"),
    ) == {"date": {"from": "2026-02-01T00:00:00Z", "to": "2026-03-01T00:00:00Z"}}
    assert converted(("device", "", "windows"), ("device", "", "desktop")) == {
        "system": ["windows"],
        "device": ["desktop"],
    }
    assert converted(("language", "", "de"), ("language", "", "de")) == {"language": ["de"]}
    assert "several" in converted(("device", "", "ios"), ("device", "", "android"))
    assert "several" in converted(("language", "", "de"), ("language", "", "fr"))
    assert "several" in converted(("device", "", "mobile"), ("device", "", "desktop"))


def test_a_rule_to_no_web_address_keeps_its_visitors_from_later_ones() -> None:
    ios, rest = ("device", "", "ios"), ("device", "", "mobile")
    data, left = as_data([rule(ios, url="myapp://open"), rule(rest, ("language", "", "de"))], TIMES)
    assert left == ["rule 1: its destination is no web address"]
    assert data == {
        "rules": [
            {"conditions": {"system": ["ios"]}},
            {
                "url": "https://there.example/",
                "conditions": {"device": ["mobile", "tablet"], "language": ["de"]},
            },
        ]
    }
    assert as_data([rule(ios, url="myapp://open")], TIMES) == (None, left)


def test_there_are_as_many_as_the_plugin_takes() -> None:
    rules = [rule(("query-param", "n", str(number))) for number in range(60)]
    data, left = as_data(rules, TIMES)
    assert data is not None and len(data["rules"]) == 50
    assert left == ["rules from 51 on: there are more than 50"]


def test_a_rule_without_conditions_leads_nobody() -> None:
    assert as_data([rule()], TIMES) == (None, ["rule 1: it has no conditions"])
