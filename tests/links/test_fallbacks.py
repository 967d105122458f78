"""Ended links that lead elsewhere: by date, by clicks, inside all other rules."""

from __future__ import annotations

from pathlib import Path

import pytest

from shortd.clock import DAY
from shortd.errors import ShortdError
from shortd.models.common import NEVER
from shortd.testing import open_app
from tests.conftest import GENEROUS
from tests.links.keeper import TARGET, Keeper

BY_DATE, BY_COUNT = "https://over.example/", "https://enough.example/?a=b#c"


def test_an_ended_link_leads_to_its_fallback(keeper: Keeper) -> None:
    end = keeper.app.clock.now() + DAY
    path = keeper.link(expiration_utime=end, date_fallback=BY_DATE)
    assert keeper.goes(path) == TARGET
    keeper.app.clock.advance(86_400)
    assert keeper.goes(path) == BY_DATE
    assert keeper.count(path) == 2
    keeper.change(path, expiration_utime=NEVER)
    assert keeper.goes(path) == TARGET


def test_a_link_whose_clicks_are_used_up_leads_to_its_fallback(keeper: Keeper) -> None:
    path = keeper.link(expiration_count=2, count_fallback=BY_COUNT)
    assert [keeper.goes(path) for _ in range(4)] == [TARGET, TARGET, BY_COUNT, BY_COUNT]
    assert keeper.count(path) == 4
    keeper.app.drain()
    assert keeper.count(path) == 4
    keeper.change(path, expiration_count=5)
    assert [keeper.goes(path) for _ in range(2)] == [TARGET, BY_COUNT]


def test_the_date_is_asked_first(keeper: Keeper) -> None:
    path = keeper.link(expiration_utime=1, expiration_count=1, count_fallback=BY_COUNT)
    keeper.change(path, date_fallback=BY_DATE)
    assert keeper.goes(path) == BY_DATE
    # Over by date, and that leads nowhere: the clicks are not asked any more.
    keeper.change(path, date_fallback="")
    assert keeper.goes(path) == 410


def test_without_a_fallback_an_ended_link_is_gone(keeper: Keeper) -> None:
    path = keeper.link(expiration_utime=1, date_fallback=BY_DATE)
    keeper.change(path, date_fallback="")
    assert keeper.goes(path) == 410
    assert keeper.row(path).rare is None


def test_a_fallback_has_an_ascii_location(keeper: Keeper) -> None:
    path = keeper.link(expiration_utime=1, date_fallback="https://exämple.com/ä")
    assert keeper.goes(path) == "https://xn--exmple-cua.com/%C3%A4"


def test_looks_at_a_fallback_count_nothing(keeper: Keeper) -> None:
    path = keeper.link(expiration_count=1, count_fallback=BY_COUNT)
    keeper.goes(path)
    for options in ({"method": "HEAD"}, {"headers": {"sec-purpose": "prefetch"}}):
        assert keeper.goes(path, **options) == BY_COUNT
    assert keeper.goes(path, "WhatsApp/2") == BY_COUNT
    assert "enough.example" in keeper.visit(path + "+").text
    assert keeper.visit(path + ".svg").status_code == 200
    assert keeper.count(path) == 2


def test_a_disabled_link_has_no_fallback(keeper: Keeper) -> None:
    path = keeper.link(expiration_utime=1, date_fallback=BY_DATE)
    keeper.call("set_enabled", path, enabled=False)
    assert keeper.goes(path) == 404


def test_a_fallback_is_not_asked_for_the_password(keeper: Keeper) -> None:
    path = keeper.link(expiration_utime=1, date_fallback=BY_DATE, password="secret")
    assert keeper.goes(path) == BY_DATE


def test_a_fallback_gets_neither_campaign_nor_plugins(keeper: Keeper) -> None:
    path = keeper.link(expiration_count=1, count_fallback=BY_COUNT, utm_source="mail")
    split = {"variants": [{"url": "https://b.example/", "weight": 100}]}
    keeper.call("set_plugin", path, plugin="ab", data=split)
    assert keeper.goes(path) == "https://b.example/?utm_source=mail"
    assert keeper.goes(path) == BY_COUNT
    assert keeper.call("get_plugin", path, plugin="ab")["clicks"] == {"1": 1}


def test_a_fallback_costs_the_owner_a_redirect(tmp_path: Path) -> None:
    poor = {"LINK_CAPACITY": "2000", "LINK_REFILL_RATE": "0"}
    environ = {f"SHORTD_LIMITS__TEMPORARY__{name}": value for name, value in poor.items()}
    with open_app(tmp_path, environ={**GENEROUS, **environ}) as app:
        keeper = Keeper(app)
        path = keeper.link(expiration_utime=1, date_fallback=BY_DATE)
        assert [keeper.goes(path) for _ in range(3)] == [BY_DATE, BY_DATE, 429]
        assert keeper.goes(path, method="HEAD") == BY_DATE


def test_explain_says_where_an_ended_link_leads(keeper: Keeper) -> None:
    path = keeper.link(expiration_count=1, count_fallback=BY_COUNT)
    keeper.goes(path)
    explanation = keeper.call("explain", path)
    assert (explanation["outcome"], explanation["location"]) == ("redirect", BY_COUNT)
    steps = {step["question"]: step["answer"] for step in explanation["steps"]}
    assert steps["are its clicks used up"] == "yes"
    assert steps["where do visits go now"] == BY_COUNT


@pytest.mark.parametrize("name", ["date_fallback", "count_fallback", "destination"])
@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("ftp://a.example/", "invalid_url"),
        ("http://127.0.0.1:8080/x", "url_loops"),
        ("https://me:secret@a.example/", "invalid_url"),
        ("javascript:alert(1)", "invalid_url"),
    ],
)
def test_fallbacks_are_checked_as_destinations_are(
    keeper: Keeper, name: str, url: str, code: str
) -> None:
    path = keeper.link()
    before = keeper.row(path)
    with pytest.raises(ShortdError) as refusal:
        keeper.change(path, title="new", **{name: url})
    assert (refusal.value.code, refusal.value.field) == (code, name)
    assert keeper.row(path) == before
