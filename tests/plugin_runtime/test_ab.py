"""shortd_ab: the split is what the weights say, everybody keeps his own, and clicks are exact."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shortd.plugin import Destination, Link, Server, Visit
from shortd_ab import AB, Split, Variant
from tests.plugin_runtime.conftest import PluginApp, Start

CRITICAL = {1: 15.14, 2: 18.42, 3: 21.11, 10: 35.56}
"""Chi-square by degrees of freedom, exceeded once in 10 000 tests of a true split."""
VISITORS = 20_000
LINK = Link(1, "code", "http://s.example/code", "https://main.example/", "owner", 0)


def started(secret: bytes = b"k" * 32) -> AB:
    return AB(None, Server("http://s.example", ["s.example"], secret))


def split(*weights: int) -> Split:
    return Split(
        [Variant(f"https://v{number}.example/", weight) for number, weight in enumerate(weights, 1)]
    )


def visit(number: int, agent: str = "agent") -> Visit:
    return Visit(
        0, address=f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}", user_agent=agent
    )


def chi_square(weights: tuple[int, ...], choices: Counter[str]) -> float:
    shares = {str(number): weight for number, weight in enumerate(weights, 1)}
    shares["main"] = 100 - sum(weights)
    assert all(not choices[name] for name, share in shares.items() if not share)
    expected = {name: share / 100 * choices.total() for name, share in shares.items() if share}
    return sum((choices[name] - many) ** 2 / many for name, many in expected.items())


@pytest.mark.parametrize(
    "weights", [(50,), (1,), (99,), (33, 33), (50, 50), (20, 30, 10), (10,) * 10, (1,) * 10]
)
@pytest.mark.parametrize("vary", ["address", "user_agent"])
def test_the_split_is_what_the_weights_say(weights: tuple[int, ...], vary: str) -> None:
    plugin, data = started(), split(*weights)
    visits = (
        visit(number) if vary == "address" else visit(1, f"agent {number}")
        for number in range(VISITORS)
    )
    choices = Counter(plugin.destination(LINK, one, data).choice for one in visits)
    freedom = len(weights) - (sum(weights) == 100)
    assert (
        chi_square(weights, choices)
        < CRITICAL[min(degree for degree in CRITICAL if degree >= freedom)]
    )


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.integers(1, 10), min_size=1, max_size=10),
    st.text(max_size=20),
    st.text(max_size=20),
)
def test_everybody_keeps_his_own(weights: list[int], address: str, agent: str) -> None:
    data = split(*weights)
    one = Visit(0, address=address, user_agent=agent)
    later = Visit(10**15, address=address, user_agent=agent, referrer="x", is_qr=True)
    assert started().destination(LINK, one, data) == started().destination(LINK, later, data)


def test_a_visitor_is_dealt_anew_for_each_link() -> None:
    plugin, data = started(), split(50)
    other = Link(2, "other", "http://s.example/other", "https://main.example/", "owner", 0)
    same = sum(
        plugin.destination(LINK, visit(number), data)
        == plugin.destination(other, visit(number), data)
        for number in range(1000)
    )
    assert 400 < same < 600


def test_another_servers_split_tells_nothing_about_ours() -> None:
    data = split(50)
    ours, theirs = started(), started(b"x" * 32)
    same = sum(
        ours.destination(LINK, visit(number), data) == theirs.destination(LINK, visit(number), data)
        for number in range(1000)
    )
    assert 400 < same < 600


def test_the_rest_goes_to_the_main_destination() -> None:
    answers = {started().destination(LINK, visit(n), split(1)).choice for n in range(1000)}
    assert answers == {"1", "main"}
    assert Destination(choice="main") in {
        started().destination(LINK, visit(n), split(1)) for n in range(5)
    }


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({}, "data.variants"),
        ({"variants": []}, "data.variants"),
        ({"variants": [{"url": "https://b.example/", "weight": 5}] * 11}, "data.variants"),
        ({"variants": [{"url": "https://b.example/", "weight": 0}]}, "data.variants[0].weight"),
        ({"variants": [{"url": "https://b.example/", "weight": 101}]}, "data.variants[0].weight"),
        ({"variants": [{"url": "https://b.example/", "weight": 1.5}]}, "data.variants[0].weight"),
        ({"variants": [{"url": "https://b.example/"}]}, "data.variants[0].weight"),
        ({"variants": [{"url": "", "weight": 5}]}, "data.variants[0].url"),
        ({"variants": [{"url": "ftp://b.example/", "weight": 5}]}, "data.variants[0].url"),
        ({"variants": [{"url": "http://127.0.0.1:8080/x", "weight": 5}]}, "data.variants[0].url"),
        ({"variants": [{"url": "https://b.example/", "weight": 51}] * 2}, "data.variants"),
    ],
)
def test_splits_that_cannot_be_are_refused(start: Start, data: dict[str, Any], field: str) -> None:
    plugins = start()
    error = plugins.app.refused("set_plugin", **plugins.which(), plugin="ab", data=data)
    assert error["http_status"] == 400
    assert error["field"] == field


def clicks(plugins: PluginApp) -> dict[str, int]:
    answer: dict[str, int] = plugins.app.call("get_plugin", **plugins.which(), plugin="ab")[
        "clicks"
    ]
    return answer


def test_clicks_by_variant_are_exact_live_and_drained(start: Start) -> None:
    plugins = start()
    variants = [{"url": f"https://v{number}.example/", "weight": 30} for number in (1, 2)]
    plugins.set("ab", {"variants": variants})
    led: Counter[str] = Counter()
    for number in range(200):
        led[plugins.visit(user_agent=f"agent {number}")] += 1
        plugins.visit(method="HEAD", user_agent=f"agent {number}")
        if number == 100:
            plugins.app.drain()
    expected = {
        "1": led["https://v1.example/"],
        "2": led["https://v2.example/"],
        "main": led["https://main.example/"],
    }
    assert min(expected.values()) > 20
    assert clicks(plugins) == expected
    plugins.app.drain()
    assert clicks(plugins) == expected
    assert plugins.app.call("get_entry", **plugins.which())["entry"]["count"] == 200


def test_clicks_of_choices_are_bounded_by_names(start: Start) -> None:
    source = """
    class Many(Plugin[None, Data]):
        name = "many"
        Data = Data

        @hookimpl
        def destination(self, link: Link, visit: Visit, data: Data) -> Destination:
            return Destination(choice=visit.user_agent)
    """
    plugins = start(many=source)
    plugins.set("many")
    for number in range(100):
        plugins.visit(user_agent=f"n{number}")
    for _ in range(2):
        counted = plugins.app.call("get_plugin", **plugins.which(), plugin="many")["clicks"]
        assert len(counted) == 65
        assert counted["other"] == 36
        assert sum(counted.values()) == 100
        plugins.app.drain()


def test_two_variants_that_lead_to_one_place_are_two(start: Start) -> None:
    plugins = start()
    plugins.set("ab", {"variants": [{"url": "https://same.example/", "weight": 50}] * 2})
    for number in range(60):
        assert plugins.visit(user_agent=f"agent {number}") == "https://same.example/"
    assert set(clicks(plugins)) == {"1", "2"}
