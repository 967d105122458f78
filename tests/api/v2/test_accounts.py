"""The account calls: temporary_account, signup, login, logout, and who am I."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from shortd.accounts import tokens
from shortd.clock import DAY, SECOND
from shortd.models.common import ACCOUNT_NEVER
from shortd.store.check import faults
from shortd.testing import RunningApp, open_app
from tests.api.v2.envelopes import checked, everything
from tests.api.v2.people import PASSWORD, Person, double_sha256, path_of, registered, temporary
from tests.conftest import GENEROUS

HEX = double_sha256(PASSWORD)
WRONG = "0" * 64


@contextmanager
def app_with(tmp_path: Path, **settings: str) -> Iterator[RunningApp]:
    environ = {**GENEROUS, **{f"SHORTD_{name}": value for name, value in settings.items()}}
    with open_app(tmp_path / "other", environ=environ) as app:
        yield app


def log_in(app: RunningApp, name: str, password: str = HEX) -> Person:
    output = app.call("login", username_email=name, password=password)
    return Person(app, output["userid"], output["token"])


class TestTemporaryAccount:
    def test_its_userid_is_its_credential(self, app: RunningApp) -> None:
        output = app.call("temporary_account")
        assert output.keys() == {"userid"}
        assert re.fullmatch(r"[A-Za-z0-9]{32}", output["userid"])
        assert app.call("url", userid=output["userid"], url="https://example.com/")

    def test_every_call_makes_another(self, app: RunningApp) -> None:
        assert len({temporary(app).userid for _ in range(10)}) == 10

    def test_a_token_beside_it_means_nothing(self, guest: Person) -> None:
        for token in (None, "x" * 32):
            assert guest.call("get_entries", token=token) == {"entries": [], "total": 0}

    def test_the_moment_of_its_end(self, app: RunningApp, guest: Person) -> None:
        entry = guest.shorten()
        ends = guest.call("get_account_info")["expiration_utime"]
        assert ends == app.clock.now() + 30 * DAY
        app.clock.advance(30 * 86_400 - 1e-6)
        assert guest.shorten()
        assert app.get(path_of(entry)).status_code == 302
        app.clock.advance(1e-6)
        error = guest.refused("get_entries")
        assert (error["http_status"], error["code"]) == (401, "account_expired")
        for suffix in ("", "+", ".svg", ".png"):
            assert app.get(path_of(entry) + suffix).status_code == 404

    def test_the_sweep_removes_all_of_it(
        self, app: RunningApp, guest: Person, member: Person
    ) -> None:
        # More links than one transaction of the sweep takes.
        entries = guest.call("urls", urls=["https://example.com/"] * 120)["entries"]
        for entry in entries[:3]:
            app.get(path_of(entry))
        app.drain()
        kept = member.shorten()
        app.get(path_of(kept))
        app.sweep()
        assert len(everything(app)["links"]) == 121
        app.clock.advance(30 * 86_400)
        app.sweep()
        app.drain()
        rows = everything(app)
        assert [link.id for _, link in rows["links"]] == [kept["id"]]
        assert [account.userid for _, account in rows["accounts"]] == [member.userid]
        for name in ("counts", "day_stats", "visits"):
            assert {key[0] for key, _ in rows[name]} <= {kept["id"]}
        with app.services.store.read() as txn:
            assert list(faults(txn)) == []
        assert guest.refused("get_entries")["code"] == "bad_credentials"
        # Its codes are free again.
        again = temporary(app).shorten(shorturl=entries[0]["shorturl"])
        assert app.get(path_of(again)).status_code == 302

    def test_days_may_be_a_fraction(self, tmp_path: Path) -> None:
        with app_with(tmp_path, ACCOUNTS__TEMPORARY_DAYS="0.5") as app:
            guest = temporary(app)
            info = guest.call("get_account_info")
            assert info["expiration_utime"] - info["create_utime"] == 12 * 3600 * SECOND

    def test_switched_off(self, tmp_path: Path) -> None:
        with app_with(tmp_path, ACCOUNTS__TEMPORARY="false") as app:
            error = app.refused("temporary_account")
            assert (error["http_status"], error["code"]) == (403, "signup_closed")
            assert everything(app)["accounts"] == []
            assert registered(app).shorten()


class TestSignup:
    def test_output(self, app: RunningApp) -> None:
        output = app.call("signup", email="a@nowhere.example", password=HEX, username="A B")
        assert output.keys() == {"email", "email_verified", "token", "userid", "username"}
        assert output["email"] == "a@nowhere.example"
        assert output["username"] == "A B"
        assert output["email_verified"] is False
        for name in ("userid", "token"):
            assert re.fullmatch(r"[A-Za-z0-9]{32}", output[name])
        assert output["userid"] != output["token"]

    @pytest.mark.parametrize("username", [None, "", "  "])
    def test_username_is_optional(self, app: RunningApp, username: str | None) -> None:
        output = app.call("signup", email="a@nowhere.example", password=HEX, username=username)
        assert "username" not in output
        # No name is no name: a second account without one is not a double.
        app.call("signup", email="b@nowhere.example", password=HEX, username=username)
        assert "username" not in app.call("login", username_email="a@nowhere.example", password=HEX)

    def test_the_token_is_valid_at_once(self, app: RunningApp) -> None:
        assert registered(app).shorten()

    @pytest.mark.parametrize(
        "email", ["a@nowhere.example", "A@NOWHERE.Example", " a@nowhere.example\t"]
    )
    def test_email_is_unique_whatever_its_case(self, app: RunningApp, email: str) -> None:
        app.call("signup", email="a@nowhere.example", password=HEX)
        before = everything(app)
        error = app.refused("signup", email=email, password=HEX)
        assert (error["http_status"], error["code"], error["field"]) == (
            409,
            "email_taken",
            "email",
        )
        assert everything(app) == before

    @pytest.mark.parametrize("username", ["Test User", "TEST USER", "test user", " Test User "])
    def test_username_is_unique_whatever_its_case(self, app: RunningApp, username: str) -> None:
        app.call("signup", email="a@nowhere.example", password=HEX, username="Test User")
        before = everything(app)
        error = app.refused("signup", email="b@nowhere.example", password=HEX, username=username)
        assert (error["http_status"], error["code"]) == (409, "username_taken")
        assert error["field"] == "username"
        assert everything(app) == before

    def test_white_space_around_the_email_is_dropped(self, app: RunningApp) -> None:
        output = app.call("signup", email=" a@nowhere.example\n", password=HEX)
        assert output["email"] == "a@nowhere.example"
        assert log_in(app, "\ta@nowhere.example ").userid == output["userid"]

    @pytest.mark.parametrize(
        "email",
        [
            "",
            " ",
            "a",
            "@",
            "a@",
            "@b.example",
            "a@@b.example",
            "a b@c.example",
            "a@b.example,c@d.example",
            "a@b..example",
            "a\0@b.example",
            "a@b.example\nBcc: x@y.example",
            "a@" + "b" * 320,
        ],
    )
    def test_no_email_address(self, app: RunningApp, email: str) -> None:
        error = app.refused("signup", email=email, password=HEX)
        assert (error["http_status"], error["code"]) == (400, "invalid_field")
        assert error["field"] == "email"
        assert everything(app)["accounts"] == []

    @pytest.mark.parametrize(
        "email", ["root@localhost", "me@nas.local", "me@home.arpa", "me@nas", "ü@bücher.example"]
    )
    def test_addresses_of_a_home_network(self, app: RunningApp, email: str) -> None:
        userid = app.call("signup", email=email, password=HEX)["userid"]
        assert log_in(app, email).userid == userid

    @pytest.mark.parametrize(
        "username", ["a@b", "x" * 65, "tab\there", "nul\0", "line\nbreak", "\u202e"]
    )
    def test_no_username(self, app: RunningApp, username: str) -> None:
        error = app.refused("signup", email="a@nowhere.example", password=HEX, username=username)
        assert (error["http_status"], error["code"]) == (400, "invalid_field")
        assert error["field"] == "username"
        assert everything(app)["accounts"] == []

    @pytest.mark.parametrize("username", ["x" * 64, "ü" * 64, "用户", "ΐ" * 64])
    def test_unusual_usernames(self, app: RunningApp, username: str) -> None:
        userid = app.call("signup", email="a@nowhere.example", password=HEX, username=username)[
            "userid"
        ]
        assert log_in(app, username.upper()).userid == userid

    @pytest.mark.parametrize(
        "password", ["", "Trial151!", HEX[:-1], HEX + "0", HEX[:-1] + "g", HEX[:-1] + "\n"]
    )
    def test_no_derived_password(self, app: RunningApp, password: str) -> None:
        for field in ("password", "password_alt"):
            inputs = {"password": HEX, field: password}
            error = app.refused("signup", email="a@nowhere.example", **inputs)
            assert (error["http_status"], error["field"]) == (400, field)
        assert everything(app)["accounts"] == []

    def test_two_at_once_make_one_account(self, app: RunningApp) -> None:
        answer = app.call(
            "multi",
            call_queries=[
                {"type": "signup", "input": {"email": f"{name}@nowhere.example", "password": HEX}}
                for name in ("a", "A")
            ],
        )
        statuses = [response["status"] for response in answer["call_responses"]]
        assert statuses == ["success", "error"]
        assert len(everything(app)["accounts"]) == 1

    def test_switched_off(self, tmp_path: Path) -> None:
        with app_with(tmp_path, ACCOUNTS__SIGNUP="false") as app:
            guest = temporary(app)
            for inputs in ({}, {"userid": guest.userid}):
                error = app.refused("signup", email="a@nowhere.example", password=HEX, **inputs)
                assert (error["http_status"], error["code"]) == (403, "signup_closed")


class TestConversion:
    def test_userid_and_entries_stay(self, app: RunningApp, guest: Person) -> None:
        entry = guest.shorten(tag=3)
        app.get(path_of(entry))
        app.clock.advance(86_400)
        member = registered(app, userid=guest.userid)
        assert member.userid == guest.userid
        assert member.entries() == [{**entry, "count": 1}]
        info = member.call("get_account_info")
        assert info["type"] == "registered"
        assert info["expiration_utime"] == ACCOUNT_NEVER
        assert info["create_utime"] == app.clock.now() - DAY

    def test_from_then_on_the_token_is_needed(self, app: RunningApp, guest: Person) -> None:
        registered(app, userid=guest.userid)
        error = guest.refused("get_entries")
        assert (error["http_status"], error["code"]) == (401, "token_required")

    def test_its_links_outlive_the_temporary_account(self, app: RunningApp, guest: Person) -> None:
        entry = guest.shorten()
        app.get(path_of(entry))
        registered(app, userid=guest.userid)
        app.clock.advance(31 * 86_400)
        app.sweep()
        assert app.get(path_of(entry)).status_code == 302

    def test_once_only(self, app: RunningApp, guest: Person) -> None:
        registered(app, userid=guest.userid)
        before = everything(app)
        error = app.refused(
            "signup", email="thief@nowhere.example", password=HEX, userid=guest.userid
        )
        assert (error["http_status"], error["code"]) == (401, "bad_credentials")
        assert error["field"] == "userid"
        assert everything(app) == before

    def test_of_nobody(self, app: RunningApp) -> None:
        error = app.refused("signup", email="a@nowhere.example", password=HEX, userid="x" * 32)
        assert (error["http_status"], error["code"]) == (401, "bad_credentials")
        assert everything(app)["accounts"] == []

    def test_too_late(self, app: RunningApp, guest: Person) -> None:
        app.clock.advance(30 * 86_400)
        error = app.refused("signup", email="a@nowhere.example", password=HEX, userid=guest.userid)
        assert (error["http_status"], error["code"]) == (401, "account_expired")

    def test_a_refused_one_leaves_the_account_as_it_was(
        self, app: RunningApp, guest: Person, member: Person
    ) -> None:
        entry = guest.shorten()
        before = everything(app)
        error = app.refused(
            "signup", email="member@nowhere.example", password=HEX, userid=guest.userid
        )
        assert error["code"] == "email_taken"
        assert everything(app) == before
        assert guest.entries() == [entry]


class TestLogin:
    @pytest.mark.parametrize(
        "name",
        ["Member", "MEMBER", "member@nowhere.example", "MEMBER@Nowhere.Example", " Member "],
    )
    def test_by_either_name_in_any_case(self, app: RunningApp, member: Person, name: str) -> None:
        output = app.call("login", username_email=name, password=HEX)
        assert output.keys() == {"email", "email_verified", "token", "userid", "username"}
        assert output["userid"] == member.userid
        assert output["email"] == "member@nowhere.example"
        assert output["username"] == "Member"
        assert output["token"] != member.token

    def test_the_password_in_either_case(self, app: RunningApp, member: Person) -> None:
        assert log_in(app, "Member", HEX.upper()).userid == member.userid

    def test_either_derivation(self, app: RunningApp) -> None:
        alt = "ab" * 32
        userid = registered(app, password_alt=alt).userid
        for password in (HEX, alt, alt.upper()):
            assert log_in(app, "member@nowhere.example", password).userid == userid

    def test_every_login_is_a_token_of_its_own(self, app: RunningApp, member: Person) -> None:
        one, two = log_in(app, "Member"), log_in(app, "Member")
        assert len({member.token, one.token, two.token}) == 3
        one.call("logout")
        for person in (member, two):
            assert person.entries() == []

    def test_unknown_names_and_wrong_passwords_answer_alike(
        self, app: RunningApp, member: Person
    ) -> None:
        wrong = app.post("login", {"username_email": "Member", "password": WRONG})
        unknown = app.post("login", {"username_email": "Nobody", "password": HEX})
        assert wrong.content == unknown.content
        assert wrong.headers == unknown.headers
        error = checked(wrong, "login")["error"]
        assert wrong.status_code == 401
        assert error["code"] == "bad_credentials"

    def test_a_temporary_account_has_no_login(self, app: RunningApp, guest: Person) -> None:
        for name in (guest.userid, "\0", "x" * 254, " "):
            assert app.refused("login", username_email=name, password=WRONG)["http_status"] == 401
        for name in ("", "x" * 255):
            error = app.refused("login", username_email=name, password=WRONG)
            assert (error["http_status"], error["field"]) == (400, "username_email")

    def test_tokens_end(self, tmp_path: Path) -> None:
        with app_with(tmp_path, LIMITS__REGISTERED__TOKEN_DAYS="0.5") as app:
            member = registered(app)
            app.clock.advance(43_200 - 1e-6)
            assert member.entries() == []
            app.clock.advance(1e-6)
            error = member.refused("get_entries")
            assert (error["http_status"], error["code"]) == (401, "bad_credentials")
            assert error["field"] == "token"
            app.sweep()
            assert everything(app)["tokens"] == []
            assert log_in(app, "member@nowhere.example").entries() == []

    def test_a_login_too_many_ends_the_oldest(
        self, app: RunningApp, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(tokens, "TOKENS_PER_ACCOUNT", 3)
        people = [registered(app)]
        for _ in range(3):
            app.clock.advance(1)
            people.append(log_in(app, "member@nowhere.example"))
        assert people[0].refused("get_entries")["code"] == "bad_credentials"
        for person in people[1:]:
            assert person.entries() == []

    def test_neither_tokens_nor_passwords_are_stored(self, app: RunningApp, member: Person) -> None:
        assert member.token is not None
        app.run(app.services.store.write(lambda txn: None))
        stored = (app.services.settings.data_dir / "db" / "data.mdb").read_bytes()
        for secret in (member.token, HEX):
            assert secret.encode() not in stored
            assert bytes.fromhex(HEX) not in stored
        # The search would find what is there.
        assert member.userid.encode() in stored


class TestCredentials:
    """`userid` and `token` of every call that takes them, by the example of one."""

    def test_missing_token(self, member: Person) -> None:
        for inputs in ({}, {"token": None}):
            error = Person(member.app, member.userid).refused("get_entries", **inputs)
            assert (error["http_status"], error["code"]) == (401, "token_required")
            assert error["field"] == "token"

    def test_wrong_token(self, member: Person) -> None:
        error = Person(member.app, member.userid, "x" * 32).refused("get_entries")
        assert (error["http_status"], error["code"]) == (401, "bad_credentials")
        assert error["field"] == "token"

    def test_unknown_userid(self, member: Person) -> None:
        error = Person(member.app, "x" * 32, member.token).refused("get_entries")
        assert (error["http_status"], error["code"]) == (401, "bad_credentials")
        assert error["field"] == "userid"

    def test_case_matters(self, member: Person) -> None:
        assert member.token is not None
        for person in (
            Person(member.app, member.userid.swapcase(), member.token),
            Person(member.app, member.userid, member.token.swapcase()),
        ):
            assert person.refused("get_entries")["code"] == "bad_credentials"

    @pytest.mark.parametrize("text", ["", "x" * 31, "x" * 33, "x" * 31 + "\n", "x" * 31 + "é"])
    def test_malformed(self, member: Person, text: str) -> None:
        for field in ("userid", "token"):
            error = member.refused("get_entries", **{field: text})
            assert (error["http_status"], error["field"]) == (400, field)


class TestLogout:
    def test_ends_this_token_only(self, app: RunningApp, member: Person) -> None:
        other = log_in(app, "Member")
        assert other.call("logout") == {}
        assert other.refused("get_entries")["code"] == "bad_credentials"
        assert other.refused("logout")["code"] == "bad_credentials"
        assert member.entries() == []

    def test_is_not_for_temporary_accounts(self, guest: Person) -> None:
        error = guest.refused("logout")
        assert (error["http_status"], error["code"]) == (403, "not_registered")
        assert guest.entries() == []


class TestCheckCredentials:
    def test_registered(self, member: Person) -> None:
        assert member.call("check_credentials") == {
            "email": "member@nowhere.example",
            "email_verified": False,
            "username": "Member",
        }

    def test_without_a_username(self, app: RunningApp) -> None:
        output = registered(app).call("check_credentials")
        assert output == {"email": "member@nowhere.example", "email_verified": False}

    def test_temporary(self, guest: Person) -> None:
        assert guest.call("check_credentials") == {"email": "", "email_verified": False}


class TestGetAccountInfo:
    def test_registered(self, app: RunningApp, member: Person) -> None:
        now = app.clock.now()
        info = member.call("get_account_info")
        assert info == {
            "api_balance": 10**9,
            "api_balance_utime": now,
            "api_capacity": 10**9,
            "api_refill_rate": 2000,
            "create_utime": now,
            "email": "member@nowhere.example",
            "email_verified": False,
            "expiration_utime": ACCOUNT_NEVER,
            "link_balance": 129_600_000_000,
            "link_balance_utime": now,
            "link_capacity": 129_600_000_000,
            "link_refill_rate": 50_000,
            "max_file_bytes": 5 << 30,
            "storage_quota": 50 << 30,
            "storage_used": 0,
            "type": "registered",
            "username": "Member",
        }

    def test_temporary(self, app: RunningApp, guest: Person) -> None:
        info = guest.call("get_account_info")
        # What a temporary account does not have is left out.
        assert info.keys().isdisjoint({"email", "username"})
        assert info["type"] == "temporary"
        assert info["email_verified"] is False
        assert info["expiration_utime"] == app.clock.now() + 30 * DAY
        limits = app.services.settings.limits.temporary
        assert info["link_capacity"] == limits.link_capacity
        assert info["api_refill_rate"] == limits.api_refill_rate

    def test_balances_before_this_calls_cost(self, app: RunningApp, guest: Person) -> None:
        entry = guest.shorten()
        app.get(path_of(entry))
        first = guest.call("get_account_info")
        assert first["api_balance"] == first["api_capacity"] - 1000
        assert first["link_balance"] == first["link_capacity"] - 1000
        second = guest.call("get_account_info")
        assert second["api_balance"] == first["api_balance"] - 2000
        assert second["link_balance"] == first["link_balance"]

    def test_limits_are_those_of_the_type(self, tmp_path: Path) -> None:
        settings = {
            "LIMITS__TEMPORARY__API_CAPACITY": "5000",
            "LIMITS__TEMPORARY__LINK_REFILL_RATE": "5",
            "LIMITS__REGISTERED__LINK_REFILL_RATE": "7",
        }
        with app_with(tmp_path, **settings) as app:
            guest = temporary(app)
            info = guest.call("get_account_info")
            assert (info["api_capacity"], info["link_refill_rate"]) == (5000, 5)
            member = registered(app, userid=guest.userid)
            info = member.call("get_account_info")
            assert (info["api_capacity"], info["link_refill_rate"]) == (10**9, 7)
