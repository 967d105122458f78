"""Logging in: names in all spellings, who is slowed by whom, and what nobody learns by that."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from shortd.accounts.accounts import label, typed_name
from shortd.testing import FakeClock, RunningApp, open_app
from tests.api.v2.people import PASSWORD, double_sha256, registered
from tests.conftest import GENEROUS

RIGHT, WRONG = double_sha256(PASSWORD), double_sha256("wrong")
OWNER, GUESSER = "192.0.2.1", "203.0.113.7"


def log_in(app: RunningApp, name: str, password: str = RIGHT, address: str = OWNER) -> str:
    answer = app.post("login", {"username_email": name, "password": password}, address=address)
    envelope = answer.json()
    return "in" if envelope["status"] == "success" else str(envelope["error"]["code"])


def sign_up(app: RunningApp, name: str, email: str = "other@nowhere.example") -> str:
    answer = app.post("signup", {"email": email, "username": name, "password": RIGHT}).json()
    return "in" if answer["status"] == "success" else str(answer["error"]["code"])


@pytest.mark.parametrize(
    ("name", "others"),
    [
        ("Jos\u00e9", ["Jose\u0301", "JOSÉ", "\uff4a\uff4f\uff53é", " Jos\u00e9 "]),
        ("\u0301", ["\u0341"]),
        ("\uff21\uff4e\uff4e \uff22", ["ann b"]),
    ],
)
def test_a_username_is_one_in_all_its_spellings(
    app: RunningApp, name: str, others: list[str]
) -> None:
    registered(app, username=name)
    for spelling in (name, *others):
        assert sign_up(app, spelling) == "username_taken"
        assert log_in(app, spelling) == "in"


@pytest.mark.parametrize("name", ["a@b", "a\uff20b", "x" * 65, "a\tb", "\u200b"])
def test_what_is_no_username(app: RunningApp, name: str) -> None:
    assert sign_up(app, name) == "invalid_field"


def test_a_name_is_shown_as_it_was_chosen(app: RunningApp) -> None:
    person = registered(app, username=" \uff21\uff4e\uff4e e\u0301 ")
    assert person.call("check_credentials")["username"] == "\uff21\uff4e\uff4e \u00e9"


SPELLINGS = {
    "Ann": ["ANN", " ann", "\uff41\uff4e\uff4e"],
    "ann@nowhere.example": ["Ann@NOWHERE.example", "ann@\uff4eowhere.example"],
    "nobody": ["NOBODY", "\uff4eobody"],
    "nobody@nowhere.example": ["Nobody@nowhere.Example", "nobody@\uff4eowhere.example"],
}


@pytest.mark.parametrize("name", SPELLINGS)
def test_the_throttle_tells_nothing_of_names(app: RunningApp, name: str) -> None:
    """Whether there is an account, and which names are one account's: all names answer alike, after
    tries of any of them in any spelling."""
    registered(app, name="ann", username="Ann")
    for number in range(10):
        assert log_in(app, name, WRONG, f"198.51.100.{number}") == "bad_credentials"
    for spelling in (name, *SPELLINGS[name]):
        assert log_in(app, spelling, WRONG, "198.51.100.1") == "login_limited"
    for other in SPELLINGS.keys() - {name}:
        for spelling in SPELLINGS[other][:1]:
            assert log_in(app, spelling, WRONG, "198.51.100.200") == "bad_credentials"


def test_owners_get_in_whoever_guesses(app: RunningApp) -> None:
    person = registered(app, username="Ann")
    for number in range(30):
        log_in(app, "ann", WRONG, f"198.51.100.{number % 3}")
    assert log_in(app, "ann", RIGHT, "198.51.100.1") == "login_limited"
    assert log_in(app, "ann", RIGHT, "192.0.2.77") == "in", "from a new address, at first try"
    # Where he signed up, under any name.
    for name in ("ann", "member@nowhere.example"):
        assert log_in(app, name, RIGHT, "127.0.0.1") == "in"
    changed = {"password": WRONG, "password_new": RIGHT}
    codes = [person.post("change_password", **changed).json()["error"]["code"] for _ in range(12)]
    assert codes == ["bad_credentials"] * 10 + ["login_limited"] * 2


def test_known_addresses_outlive_a_restart(tmp_path: Path) -> None:
    clock = FakeClock()
    with open_app(tmp_path, environ=GENEROUS, clock=clock) as app:
        registered(app, username="Ann")
        assert log_in(app, "ann", RIGHT, OWNER) == "in"
    with open_app(tmp_path, environ=GENEROUS, clock=clock) as app:
        for number in range(50):
            log_in(app, "ann", WRONG, f"198.51.{number}.1")
        assert log_in(app, "ann", RIGHT, "192.0.2.77") == "login_limited", "there are too many"
        assert log_in(app, "ann", RIGHT, OWNER) == "in"


def test_a_multi_gets_no_more_tries(app: RunningApp) -> None:
    registered(app, username="Ann")
    login = {"type": "login", "input": {"username_email": "ann", "password": WRONG}}
    answers = app.call("multi", call_queries=[login] * 40)["call_responses"]
    codes = [answer["error"]["code"] for answer in answers]
    assert codes == ["bad_credentials"] * 10 + ["login_limited"] * 30


def test_names_that_nobody_could_have_are_looked_at_once(app: RunningApp) -> None:
    began = time.perf_counter()
    for name in ("x" * 254, "a@b@c", "\u0001", "\ud7ff" * 254, "@"):
        assert log_in(app, name, WRONG, GUESSER) == "bad_credentials"
    assert time.perf_counter() - began < 30
    assert typed_name("\u0001") == "\u0001"
    assert label(None) == ""


def test_waiting_attempts_hold_nothing_of_the_database(app: RunningApp) -> None:
    """However many wait to be compared, others can read."""
    registered(app, username="Ann")
    logins = app.services.accounts.logins

    async def flood() -> None:
        async def attempt(number: int) -> Any:
            return await logins.log_in("ann", WRONG, f"10.{number}.0.1", app.clock.now())

        tasks = [asyncio.ensure_future(attempt(number)) for number in range(140)]
        await asyncio.sleep(0)
        for _ in range(10):
            assert app.services.accounts.accounts.named("ann") is not None
        await asyncio.gather(*tasks, return_exceptions=True)

    app.run(flood())
    assert isinstance(app.get("/-/health"), httpx.Response)
