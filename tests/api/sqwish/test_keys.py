"""Who may call: API keys, their scopes and ends, and what calls cost."""

from __future__ import annotations

from pathlib import Path

import pytest

from shortd.clock import SECOND
from shortd.models.common import NEVER
from shortd.store.schema import LINKS
from shortd.testing import RunningApp, open_app
from shortd.upkeep.administration import Changes
from tests.api.sqwish.people import Client, checked, client
from tests.conftest import GENEROUS

CALLS = {
    "shorten": {"url": "http://e.example/"},
    "stats": {"code": "theirs"},
    "ips": {"code": "theirs"},
}
MISSING = (401, "This call needs an API key.")
WRONG = (401, "This API key is not valid.")


def links(app: RunningApp) -> int:
    with app.services.store.read() as txn:
        return LINKS.count(txn)


@pytest.mark.parametrize("name", CALLS)
def test_without_a_valid_key_nothing_goes(ann: Client, written: str, name: str) -> None:
    ann.shorten(custom="theirs")
    nobody = Client(ann.app)
    assert nobody.refused(name, written, **CALLS[name]) == MISSING
    assert nobody.refused(name, written, api_key="", **CALLS[name]) == MISSING
    for wrong in ("x" * 32, "APIKEY", ann.key.upper(), ann.key + " ", "\u00e4", ann.person.userid):
        assert nobody.refused(name, written, api_key=wrong, **CALLS[name]) == WRONG
    # Whoever has no key is not told what else is wrong.
    assert nobody.refused(name, written, url="nonsense", limit="0") == MISSING
    assert links(ann.app) == 1


def test_a_key_does_what_its_scopes_allow(app: RunningApp, written: str) -> None:
    ann = client(app, "ann")
    reader = Client(app, ann.person, scopes=["read"])
    writer = Client(app, ann.person, scopes=["write"])
    code = writer.shorten()
    refusal = (403, "This API key does not allow this.")
    assert reader.refused("shorten", written, **CALLS["shorten"]) == refusal
    for name in ("stats", "ips"):
        assert writer.refused(name, written, code=code) == refusal
        assert reader.call(name, written, code=code)["code"] == code
    assert links(app) == 1


def test_a_key_ends(ann: Client, written: str) -> None:
    now = ann.app.clock.now()
    brief = Client(ann.app, ann.person, expiration_utime=now + 60 * SECOND)
    code = brief.shorten()
    ann.app.clock.advance(60)
    assert brief.refused("stats", written, code=code) == WRONG
    [row] = [
        one for one in ann.person.call("list_api_keys")["keys"] if one["expiration_utime"] == NEVER
    ]
    ann.person.call("delete_api_key", id=row["id"])
    assert ann.refused("stats", written, code=code) == WRONG


@pytest.mark.parametrize("name", CALLS)
def test_a_locked_accounts_keys_do_nothing(ann: Client, written: str, name: str) -> None:
    ann.shorten(custom="theirs")
    custody = ann.app.services.upkeep.administration
    ann.app.run(custody.change(ann.person.userid, Changes(locked=True)))
    refusal = ann.refused(name, written, **CALLS[name])
    assert refusal == (403, "This account is locked.")
    ann.app.run(custody.change(ann.person.userid, Changes(locked=False)))
    assert ann.call(name, written, **CALLS[name])


def test_calls_cost_the_keys_account(tmp_path: Path, written: str) -> None:
    environ = {
        **GENEROUS,
        "SHORTD_LIMITS__REGISTERED__API_CAPACITY": "3500",
        "SHORTD_LIMITS__REGISTERED__API_REFILL_RATE": "100",
        "SHORTD_LIMITS__CLIENT__API_REFILL_RATE": "0",
    }
    with open_app(tmp_path, environ=environ) as app:
        ann = client(app, "ann")
        code = ann.shorten()
        assert ann.refused("stats", written, code="nothere")[0] == 404
        answer = ann.send("stats", written, code=code)
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "5")
        assert checked(answer, written)["message"] == "Too many calls; wait and try again."
        app.clock.advance(5)
        assert ann.call("stats", written, code=code)


def test_a_list_that_cannot_be_paid_costs_nothing(tmp_path: Path, written: str) -> None:
    environ = {**GENEROUS, "SHORTD_LIMITS__REGISTERED__API_REFILL_RATE": "0"}
    with open_app(tmp_path, environ={**environ}) as app:
        ann = client(app, "ann")
        code = ann.shorten()
        for _ in range(3):
            app.visit(f"/{code}")
        left = ann.person.balance
        ann.app.services.limits.budgets.charge_account(
            ann.person.account, "127.0.0.1", left - 1002, app.clock.now()
        )
        assert ann.refused("ips", written, code=code)[0] == 429
        assert ann.person.balance == 1002
        assert len(ann.call("ips", written, code=code, limit="2")["iplist"]) == 2
        assert ann.person.balance == 0
