"""What v1 calls cost, and who pays."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from shortd.api.v1.registry import CALLS, Call
from shortd.testing import RunningApp, open_app
from tests.api.v1.people import checked, client, refused, send, succeeded
from tests.api.v1.samples import World
from tests.conftest import GENEROUS

ADDRESS = "192.0.2.1"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with open_app(tmp_path / "data", environ=GENEROUS) as app:
        yield World(app)


def client_level(app: RunningApp) -> int:
    """What the address of the tests has left."""
    budgets = app.services.limits.budgets
    return budgets.buckets.balance(*budgets.client_bucket(ADDRESS), app.clock.now())


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_a_call_is_paid_by_the_account_or_by_the_address(world: World, call: Call) -> None:
    body, token = world.good(call), world.owner.access_token
    mine, anybodys = world.owner.balance, client_level(world.app)
    answer = succeeded(send(world.app, call.name, body, token=token, address=ADDRESS))
    entries = sum(len(value) for value in answer.values() if isinstance(value, list))
    cost = 1000 + 100 * entries * ("total" in answer)
    of_account = 0 if call.scope is None else cost
    assert mine - world.owner.balance == of_account
    assert anybodys - client_level(world.app) == cost - of_account


def test_a_page_costs_what_is_on_it(world: World) -> None:
    for inputs, entries in (({}, 2), ({"size": 1}, 1), ({"page": 5}, 0)):
        before = world.owner.balance
        world.owner.ask("entity/team/list", **inputs)
        assert before - world.owner.balance == 1000 + 100 * entries


def test_a_call_that_fails_is_paid_for(world: World) -> None:
    before = world.owner.balance
    assert world.owner.denied("entity/team/delete", teamId="0" * 24) == 404
    assert before - world.owner.balance == 1000


def test_without_a_good_token_nothing_is(world: World) -> None:
    before = client_level(world.app)
    answer = checked(send(world.app, "entity/team/list", {}, token="x", address=ADDRESS))
    assert answer["status"]["code"] == 401
    assert client_level(world.app) == before


def test_a_short_bucket_refuses_whole_calls(tmp_path: Path) -> None:
    limits = {
        "SHORTD_LIMITS__REGISTERED__API_CAPACITY": "5500",
        "SHORTD_LIMITS__REGISTERED__API_REFILL_RATE": "100",
    }
    with open_app(tmp_path / "data", environ={**GENEROUS, **limits}) as app:
        # A key and two lists: 1000 + 2 x 1100.
        ann = client(app, "ann")
        for _ in range(2):
            ann.ask("entity/team/list")
        ann.ask("entity/tracker/list")
        assert ann.balance == 1300
        ann.ask("entity/tracker/list")
        response = ann.send("entity/tracker/list")
        status = refused(response)
        assert (response.status_code, status["code"]) == (429, 429)
        assert response.headers["retry-after"] == "7"
        assert ann.balance == 300
        app.clock.advance(7)
        # Enough for the call, too little for what it lists: the call is given back.
        assert refused(ann.send("entity/team/list"))["code"] == 429
        assert ann.balance == 1000
        app.clock.advance(1)
        ann.ask("entity/team/list")
        assert ann.balance == 0
        assert ann.ask("authen/revoke-token") == {}, "who has nothing left can log out"


def test_addresses_pay_for_tokens(tmp_path: Path) -> None:
    limits = {
        "SHORTD_LIMITS__CLIENT__API_CAPACITY": "3000",
        "SHORTD_LIMITS__CLIENT__API_REFILL_RATE": "100",
    }
    with open_app(tmp_path / "data", environ={**GENEROUS, **limits}) as app:
        body = {"refreshToken": "x"}
        codes = []
        for _ in range(4):
            codes.append(refused(send(app, "authen/refresh-token", body, address=ADDRESS))["code"])
        assert codes == [401, 401, 401, 429]
        assert refused(send(app, "authen/refresh-token", body, address="192.0.2.2"))["code"] == 401
