"""The three calls: what they answer, what they change, and what strangers cannot learn."""

from __future__ import annotations

import asyncio
import json
import re
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from shortd.ids import random_text
from shortd.models.accounts import Account, AccountType
from shortd.store.schema import ACCOUNTS
from shortd.store.txn import WriteTxn
from shortd.testing import RunningApp
from tests.api.v2.envelopes import checked, everything
from tests.api.v2.people import PASSWORD, Person, double_sha256, pbkdf2, registered
from tests.mail.conftest import PUBLIC_URL, AppWith
from tests.mail.post_office import PostOffice, link_of, query_of, text_of

EMAIL = "member@nowhere.example"
NEW = double_sha256("ResetNew121!")
ADDRESS = "203.0.113.7"
WRONG = "0" * 32


def mailed(app: RunningApp, office: PostOffice) -> dict[str, str]:
    """`email` and `code` of the mail that is due."""
    app.deliver()
    return query_of(office.next())


def forgotten(app: RunningApp, office: PostOffice, name: str = "Member") -> dict[str, str]:
    app.call("forgot_password", username_email=name)
    return mailed(app, office)


def reset(app: RunningApp, code: str, email: str = EMAIL, **inputs: Any) -> dict[str, Any]:
    return app.call("reset_password", **_inputs(code, email, **inputs))


def reset_refused(app: RunningApp, code: str, email: str = EMAIL, **inputs: Any) -> dict[str, Any]:
    return app.refused("reset_password", **_inputs(code, email, **inputs))


def _inputs(code: str, email: str, **inputs: Any) -> dict[str, Any]:
    return {"unique_code": code, "email": email, "password": NEW, **inputs}


def opens(app: RunningApp, password: str) -> bool:
    response = app.post("login", {"username_email": EMAIL, "password": password})
    return response.status_code == 200


def account_changed(app: RunningApp, userid: str, **changes: Any) -> None:
    """What no call does yet."""

    def change(txn: WriteTxn) -> None:
        account = ACCOUNTS.get(txn, (userid,))
        assert account is not None
        ACCOUNTS.put(txn, (userid,), msgspec.structs.replace(account, **changes))

    app.run(app.services.store.write(change))


def press(app: RunningApp, query: dict[str, str]) -> int:
    """Sends what the button of /-/verify sends: the status."""
    return app.request(
        "POST", "/-/verify", content=f"email={query['email']}&code={query['code']}"
    ).status_code


class TestForgotPassword:
    @pytest.mark.parametrize("name", ["Member", "mEMBER", EMAIL, f"  {EMAIL.upper()} "])
    def test_the_mail_goes_to_the_account(
        self, app: RunningApp, office: PostOffice, member: Person, name: str
    ) -> None:
        response = app.post("forgot_password", {"username_email": name})
        envelope = checked(response, "forgot_password")
        assert (envelope["output"], envelope["weight"]) == ({}, 5000)
        assert mailed(app, office)["email"] == EMAIL
        assert office.recipients == [EMAIL]

    def test_the_link_leads_to_public_url_whatever_the_request_claims(
        self, app: RunningApp, office: PostOffice, member: Person
    ) -> None:
        lies = {
            "host": "evil.example",
            "x-forwarded-host": "evil.example",
            "x-forwarded-proto": "http",
            "forwarded": "host=evil.example",
            "origin": "https://evil.example",
            "referer": "https://evil.example/",
        }
        app.post("forgot_password", {"username_email": "Member"}, headers=lies)
        app.deliver()
        mail = office.next()
        link = link_of(mail)
        pattern = rf"{PUBLIC_URL}/-/reset\?email=member%40nowhere\.example&code=[0-9a-f]{{32}}"
        assert re.fullmatch(pattern, link)
        assert "evil" not in mail.as_string()
        assert link.replace("&", "&amp;") in text_of(mail, "html")

    @pytest.mark.parametrize(
        "name",
        [
            "nobody",
            "nobody@nowhere.example",
            "a@b@c",
            "\r\nBcc: evil@example.com",
            "member@nowhere.example,evil@example.com",
            "<member@nowhere.example>",
            '"member"@nowhere.example',
            "member@nowhere.example.",
            "é" * 254,
        ],
    )
    def test_of_what_is_no_account_nothing_is_told_and_nothing_stays(
        self, app: RunningApp, office: PostOffice, member: Person, name: str
    ) -> None:
        before = everything(app)
        answers = [
            app.post("forgot_password", {"username_email": one}) for one in (name, "Nobody at all")
        ]
        assert everything(app) == before
        app.call("forgot_password", username_email="Member")
        answers.append(app.post("forgot_password", {"username_email": "Member"}))
        bodies = [{**answer.json(), "utime": 0} for answer in answers]
        assert bodies[0] == bodies[1] == bodies[2]
        headers = [dict(answer.headers) for answer in answers]
        assert headers[0] == headers[1] == headers[2]

    @pytest.mark.parametrize(
        "name",
        [
            "",
            " \t",
            "member@nowhere.example\r\nBcc: evil@example.com",
            "Member\nBcc: evil@example.com",
            "member@nowhere.example\0",
            "\u202emember",
        ],
    )
    def test_what_can_be_nobodys_name_is_refused(
        self, app: RunningApp, member: Person, name: str
    ) -> None:
        before = everything(app)
        error = app.refused("forgot_password", username_email=name)
        assert (error["http_status"], error["field"]) == (400, "username_email")
        assert everything(app) == before

    def test_a_temporary_account_has_no_mailbox(self, app: RunningApp, office: PostOffice) -> None:
        userid = app.call("temporary_account")["userid"]
        app.call("forgot_password", username_email=userid)
        app.deliver()
        assert office.all() == []

    def test_too_many_are_dropped_in_silence(
        self, app: RunningApp, office: PostOffice, member: Person
    ) -> None:
        """3 an hour, 10 a day, whoever asks and by whatever name."""
        sent = []
        for minute in range(0, 25 * 60, 5):
            name = ("Member", EMAIL, EMAIL.upper())[minute % 3]
            app.call("forgot_password", username_email=name)
            app.deliver()
            if office.all():
                sent.append(minute)
            app.clock.advance(300)
        assert sent[:7] == [0, 5, 10, 60, 65, 70, 120]
        assert len([minute for minute in sent if minute < 24 * 60]) == 10
        assert sent[10] == 24 * 60

    def test_a_dropped_mail_leaves_the_last_code_alive(
        self, app: RunningApp, office: PostOffice, member: Person
    ) -> None:
        for _ in range(3):
            query = forgotten(app, office)
        app.call("forgot_password", username_email="Member")
        assert reset(app, query["code"])["userid"] == member.userid

    def test_both_ways_end_in_one_commit(self, app: RunningApp, member: Person) -> None:
        """The slow part of the call. As many for an account, for none, and for one that was sent
        enough."""

        def commits(name: str) -> int:
            before = last_commit(app)
            app.call("forgot_password", username_email=name)
            return last_commit(app) - before

        assert [commits(name) for name in ("Member", "nobody", EMAIL, "x@y.z") * 3] == [1] * 12

    def test_nothing_of_the_answer_waits_for_the_mail(
        self, app: RunningApp, office: PostOffice, member: Person
    ) -> None:
        office.close()
        app.call("forgot_password", username_email="Member")
        assert app.services.mail.delivery.outcomes["postponed"] == 0

    def test_strangers_do_not_see_mail_wait(self, app: RunningApp, member: Person) -> None:
        app.call("forgot_password", username_email="Member")
        assert app.get("/-/health", address="203.0.113.7").json()["mail"] is None
        assert app.get("/-/metrics", address="203.0.113.7").status_code == 403
        seen = app.get("/-/health").json()["mail"]
        since = app.clock.now()
        assert seen == {"waiting": 1, "given_up": 0, "oldest_utime": since, "fault": None}
        app.clock.advance(3601)
        told = app.get("/-/health").json()
        assert told["status"] == "degraded"
        assert told["mail"]["fault"].startswith("a mail has waited since ")
        assert app.get("/-/health", address="203.0.113.7").json()["status"] == "ok"

    def test_known_and_unknown_take_as_long(self, app: RunningApp, tmp_path: Path) -> None:
        """Interleaved, over HTTP, all of it real but the network. Each account is asked for once,
        so that all of them are sent a mail."""
        rounds = 60
        for number in range(rounds):
            registered_directly(app, f"known{number}@nowhere.example")
        taken: dict[str, list[float]] = {"known": [], "strange": []}
        for number in range(rounds):
            for kind in ("known", "strange") if number % 2 else ("strange", "known"):
                body = {"username_email": f"{kind}{number}@nowhere.example"}
                began = time.perf_counter()
                answer = app.post("forgot_password", body, address=f"203.0.113.{number}")
                assert answer.status_code == 200
                taken[kind].append(time.perf_counter() - began)
        assert app.services.mail.delivery.outbox.status().waiting == rounds
        # The quickest tenth: whatever else the machine does makes none of them quicker.
        known, strange = (statistics.quantiles(times, n=10)[0] for times in taken.values())
        assert 0.7 < known / strange < 1.4, (known, strange)


def last_commit(app: RunningApp) -> int:
    with app.services.store.read() as txn:
        number: int = txn.raw.id()
    return number


def registered_directly(app: RunningApp, email: str) -> None:
    """An account without the cost of a password."""
    userid = random_text(Random(email), 32)
    row = Account(userid, AccountType.REGISTERED, app.clock.now(), email=email)
    app.run(app.services.store.write(lambda txn: ACCOUNTS.put(txn, (userid,), row)))


class TestResetPassword:
    def test_it_sets_the_password_and_logs_in(
        self, app: RunningApp, office: PostOffice, member: Person
    ) -> None:
        query = forgotten(app, office)
        envelope = checked(
            app.post("reset_password", _inputs(query["code"], query["email"])), "reset_password"
        )
        output = envelope["output"]
        assert envelope["weight"] == 5000
        assert output == {
            "userid": member.userid,
            "token": output["token"],
            "email_verified": False,
            "username": "Member",
        }
        assert Person(app, output["userid"], output["token"]).entries() == []
        assert opens(app, NEW)
        assert not opens(app, double_sha256(PASSWORD))

    def test_every_other_login_ends(
        self, app: RunningApp, office: PostOffice, member: Person
    ) -> None:
        app.call("login", username_email=EMAIL, password=double_sha256(PASSWORD))
        reset(app, forgotten(app, office)["code"])
        assert member.refused("get_entries")["code"] == "bad_credentials"
        assert len(everything(app)["tokens"]) == 1

    def test_both_derivations(self, app: RunningApp, office: PostOffice, member: Person) -> None:
        code = forgotten(app, office)["code"]
        reset(app, code, password=pbkdf2("ResetNew121!"), password_alt=NEW)
        assert opens(app, pbkdf2("ResetNew121!"))
        assert opens(app, NEW)

    @pytest.mark.parametrize("email", [EMAIL, f" {EMAIL}\n", "MEMBER@NOWHERE.EXAMPLE"])
    def test_the_address_may_be_spelled_differently(
        self, app: RunningApp, office: PostOffice, member: Person, email: str
    ) -> None:
        code = forgotten(app, office)["code"]
        assert reset(app, code.upper(), email)["userid"] == member.userid

    def test_a_code_works_once(self, app: RunningApp, office: PostOffice, member: Person) -> None:
        code = forgotten(app, office)["code"]
        reset(app, code)
        error = reset_refused(app, code, password="ab" * 32)
        assert (error["http_status"], error["code"]) == (403, "wrong_code")
        assert "used" in error["message"]
        assert opens(app, NEW)

    def test_of_two_at_once_one_wins(
        self, app: RunningApp, office: PostOffice, member: Person
    ) -> None:
        code = forgotten(app, office)["code"]

        async def both() -> Sequence[str | BaseException]:
            mailboxes, now = app.services.accounts.mailboxes, app.clock.now()

            async def one(password: str) -> str:
                account = await mailboxes.try_reset(EMAIL, code, ADDRESS, now)
                login = await mailboxes.reset_password(account, code, [password], ADDRESS, now)
                assert login.account.userid == member.userid
                return password

            return await asyncio.gather(one("ab" * 32), one("cd" * 32), return_exceptions=True)

        outcomes = app.run(both())
        (won,) = [outcome for outcome in outcomes if isinstance(outcome, str)]
        assert opens(app, won)
        assert len(everything(app)["tokens"]) == 2, "one of the reset, one of the login"

    def test_a_newer_code_ends_the_older(
        self, app: RunningApp, office: PostOffice, member: Person
    ) -> None:
        old = forgotten(app, office)["code"]
        new = forgotten(app, office)["code"]
        assert reset_refused(app, old)["code"] == "wrong_code"
        reset(app, new)

    def test_a_code_lives_for_an_hour(
        self, app: RunningApp, office: PostOffice, member: Person
    ) -> None:
        code = forgotten(app, office)["code"]
        app.clock.advance(3600 - 1e-6)
        other = reset_refused(app, WRONG)
        app.clock.advance(1e-6)
        assert reset_refused(app, code) == other
        app.sweep()
        assert everything(app)["codes"] == []

    def test_ten_wrong_tries_end_a_code(
        self, app: RunningApp, office: PostOffice, member: Person
    ) -> None:
        code = forgotten(app, office)["code"]
        for _ in range(9):
            reset_refused(app, WRONG)
        ((_, row),) = everything(app)["codes"]
        assert row.attempts == 9
        reset_refused(app, WRONG)
        # Who has been wrong so often waits, besides.
        assert reset_refused(app, code)["code"] == "login_limited"
        app.clock.advance(60)
        assert reset_refused(app, code)["code"] == "wrong_code"
        reset(app, forgotten(app, office)["code"])

    def test_nine_do_not(self, app: RunningApp, office: PostOffice, member: Person) -> None:
        code = forgotten(app, office)["code"]
        for _ in range(9):
            reset_refused(app, WRONG)
        reset(app, code)

    def test_an_attempt_is_counted_even_if_many_come_at_once(
        self, app: RunningApp, office: PostOffice, member: Person
    ) -> None:
        code = forgotten(app, office)["code"]

        async def guess() -> None:
            tries = [
                app.services.accounts.mailboxes.try_reset(
                    EMAIL, f"{number:032x}", f"203.0.113.{number}", app.clock.now()
                )
                for number in range(30)
            ]
            await asyncio.gather(*tries, return_exceptions=True)

        app.run(guess())
        app.clock.advance(1)
        assert reset_refused(app, code)["code"] == "wrong_code"

    @pytest.mark.parametrize("email", [EMAIL, "nobody@nowhere.example"])
    def test_a_wrong_code_tells_nothing(
        self, app: RunningApp, office: PostOffice, member: Person, email: str
    ) -> None:
        forgotten(app, office)
        passwords = dict(everything(app)["accounts"])
        before = last_commit(app)
        error = reset_refused(app, WRONG, email)
        assert error == {
            "code": "wrong_code",
            "message": "This code is wrong, used or too old; ask for a new one.",
            "field": None,
            "http_status": 403,
        }
        assert last_commit(app) - before == 1, "as much work for no account as for one"
        assert dict(everything(app)["accounts"]) == passwords

    def test_a_code_is_that_of_one_account(
        self, app: RunningApp, office: PostOffice, member: Person
    ) -> None:
        registered(app, "other")
        code = forgotten(app, office)["code"]
        assert reset_refused(app, code, "other@nowhere.example")["code"] == "wrong_code"

    def test_a_code_for_verifying_resets_nothing(
        self, app: RunningApp, office: PostOffice, member: Person
    ) -> None:
        member.call("verify_email")
        assert reset_refused(app, mailed(app, office)["code"])["code"] == "wrong_code"

    def test_another_address_ends_the_code(
        self, app: RunningApp, office: PostOffice, member: Person
    ) -> None:
        code = forgotten(app, office)["code"]
        account_changed(app, member.userid, email="new@nowhere.example")
        for email in (EMAIL, "new@nowhere.example"):
            assert reset_refused(app, code, email)["code"] == "wrong_code"

    def test_a_changed_password_ends_the_code(
        self, app: RunningApp, office: PostOffice, member: Person
    ) -> None:
        code = forgotten(app, office)["code"]
        member.call("change_password", password=double_sha256(PASSWORD), password_new="ab" * 32)
        assert reset_refused(app, code)["code"] == "wrong_code"

    @pytest.mark.parametrize(
        "email", ["nonsense", "a@b@c", "a b@c.example", "a@b.example\r\nBcc: x@y.example", '"@"']
    )
    def test_a_malformed_address_is_named(self, app: RunningApp, email: str) -> None:
        error = reset_refused(app, WRONG, email)
        assert (error["http_status"], error["field"]) == (400, "email")

    def test_a_code_is_stored_as_a_digest_alone(
        self, app: RunningApp, office: PostOffice, member: Person, tmp_path: Path
    ) -> None:
        app.call("forgot_password", username_email="Member")
        ((_, mail),) = everything(app)["outbox"]
        ((_, row),) = everything(app)["codes"]
        assert mail.code.encode() not in row.digest
        app.deliver()
        code = query_of(office.next())["code"]
        assert code == mail.code
        assert code not in repr(everything(app))

    def test_no_code_gets_into_the_log(
        self, app: RunningApp, office: PostOffice, member: Person
    ) -> None:
        with capture_logs() as logged:
            code = forgotten(app, office)["code"]
            app.get(f"/-/reset?email={EMAIL}&code={code}")
            app.post("reset_password", _inputs(code, EMAIL, password="short"))
            reset(app, code)
        assert code not in json.dumps(logged, default=repr)


class TestVerifyEmail:
    def test_registered_becomes_verified_with_its_limits(
        self, app_with: AppWith, office: PostOffice
    ) -> None:
        limits = {
            "LIMITS__VERIFIED__API_CAPACITY": "777000",
            "LIMITS__VERIFIED__LINK_CAPACITY": "888000",
        }
        with app_with(MAIL__SMTP_URL=office.url, **limits) as app:
            member = registered(app)
            envelope = checked(member.post("verify_email"), "verify_email")
            assert (envelope["output"], envelope["weight"]) == ({}, 5000)
            assert member.call("get_account_info")["type"] == "registered"
            app.deliver()
            mail = office.next()
            assert link_of(mail).startswith(f"{PUBLIC_URL}/-/verify?email=member%40")
            assert press(app, query_of(mail)) == 200
            info = member.call("get_account_info")
            assert (info["type"], info["email_verified"]) == ("verified", True)
            assert (info["api_capacity"], info["link_capacity"]) == (777_000, 888_000)
            assert member.call("check_credentials")["email_verified"] is True

    def test_the_new_limits_hold_for_the_links_at_once(
        self, app_with: AppWith, office: PostOffice
    ) -> None:
        limits = {
            "LIMITS__REGISTERED__LINK_CAPACITY": "1000",
            "LIMITS__REGISTERED__LINK_REFILL_RATE": "0",
            "LIMITS__VERIFIED__LINK_REFILL_RATE": "1000",
        }
        with app_with(MAIL__SMTP_URL=office.url, **limits) as app:
            member = registered(app)
            shorturl = member.shorten()["shorturl"]
            assert [app.get(shorturl).status_code for _ in range(2)] == [302, 429]
            member.call("verify_email")
            press(app, mailed(app, office))
            app.clock.advance(1)
            assert [app.get(shorturl).status_code for _ in range(2)] == [302, 429]

    def test_custom_stays_custom(self, app: RunningApp, office: PostOffice, member: Person) -> None:
        account_changed(app, member.userid, type=AccountType.CUSTOM)
        member.call("verify_email")
        assert press(app, mailed(app, office)) == 200
        info = member.call("get_account_info")
        assert (info["type"], info["email_verified"]) == ("custom", True)

    def test_once_verified_there_is_nothing_to_mail(
        self, app: RunningApp, office: PostOffice, member: Person
    ) -> None:
        member.call("verify_email")
        press(app, mailed(app, office))
        error = member.refused("verify_email")
        assert (error["http_status"], error["code"]) == (409, "already_verified")
        app.deliver()
        assert office.all() == []

    def test_not_for_temporary_accounts(self, app: RunningApp) -> None:
        userid = app.call("temporary_account")["userid"]
        error = app.refused("verify_email", userid=userid)
        assert (error["http_status"], error["code"]) == (403, "not_registered")

    def test_too_many_are_refused_with_a_time(
        self, app: RunningApp, office: PostOffice, member: Person
    ) -> None:
        for _ in range(3):
            member.call("verify_email")
            app.clock.advance(60)
        response = member.post("verify_email")
        assert checked(response, "verify_email")["error"]["code"] == "mail_limited"
        wait = int(response.headers["retry-after"])
        assert wait == 3600 - 180
        app.clock.advance(wait - 1)
        assert member.post("verify_email").status_code == 429
        app.clock.advance(1)
        assert member.post("verify_email").status_code == 200
        # Of the other kind there may be as many.
        app.deliver()
        office.all()
        forgotten(app, office)

    def test_histories_are_forgotten(self, app: RunningApp, member: Person) -> None:
        member.call("verify_email")
        app.clock.advance(86_399)
        app.sweep()
        assert len(everything(app)["mail_histories"]) == 1
        app.clock.advance(1)
        app.sweep()
        assert everything(app)["mail_histories"] == []

    def test_the_link_lives_for_a_day(
        self, app: RunningApp, office: PostOffice, member: Person
    ) -> None:
        member.call("verify_email")
        query = mailed(app, office)
        app.clock.advance(86_400)
        assert press(app, query) == 403
        assert member.call("get_account_info")["type"] == "registered"

    def test_a_newer_link_ends_the_older(
        self, app: RunningApp, office: PostOffice, member: Person
    ) -> None:
        member.call("verify_email")
        old = mailed(app, office)
        member.call("verify_email")
        new = mailed(app, office)
        assert [press(app, old), press(app, new)] == [403, 200]

    def test_ten_wrong_tries_end_it(
        self, app: RunningApp, office: PostOffice, member: Person
    ) -> None:
        member.call("verify_email")
        query = mailed(app, office)
        for _ in range(10):
            assert press(app, {**query, "code": WRONG}) == 403
        assert press(app, query) == 429
        app.clock.advance(60)
        assert press(app, query) == 403

    def test_another_address_ends_it(
        self, app: RunningApp, office: PostOffice, member: Person
    ) -> None:
        member.call("verify_email")
        query = mailed(app, office)
        account_changed(app, member.userid, email="new@nowhere.example")
        assert press(app, query) == 403
        assert press(app, {**query, "email": "new@nowhere.example"}) == 403


class TestAddresses:
    @pytest.mark.parametrize(
        ("email", "recipient"),
        [
            ("a@bücher.example", "a@xn--bcher-kva.example"),
            ("a@XN--BCHER-KVA.example", "a@xn--bcher-kva.example"),
            ("o'brien+tag@nowhere.example", "o'brien+tag@nowhere.example"),
            ("me@nas", "me@nas"),
            ("{{7*7}}@nowhere.example", "{{7*7}}@nowhere.example"),
        ],
    )
    def test_a_link_for_any_address_leads_back(
        self, app: RunningApp, office: PostOffice, email: str, recipient: str
    ) -> None:
        app.call("signup", email=email, password=double_sha256(PASSWORD))
        query = forgotten(app, office, email)
        assert office.recipients == [recipient]
        assert query["email"] == recipient
        reset(app, query["code"], query["email"])

    def test_a_mailbox_beyond_ascii_takes_smtputf8(self, app_with: AppWith) -> None:
        for enabled, arrives in ((True, True), (False, False)):
            office = PostOffice(enable_SMTPUTF8=enabled)
            office.open()
            try:
                with app_with(MAIL__SMTP_URL=office.url) as app:
                    email = f"jürgen{int(enabled)}@bücher.example"
                    app.call("signup", email=email, password=double_sha256(PASSWORD))
                    app.call("forgot_password", username_email=email)
                    app.deliver()
                    mails = office.all()
                    assert bool(mails) is arrives
                    if arrives:
                        assert mails[0]["To"] == "jürgen1@xn--bcher-kva.example"
                        query = query_of(mails[0])
                        reset(app, query["code"], query["email"])
                    else:
                        ((_, mail),) = everything(app)["outbox"]
                        assert "SMTPUTF8" in mail.reason
                        assert mail.given_up_utime
            finally:
                office.close()

    def test_letters_that_fold_alike_do_not_divert_a_mail(
        self, app: RunningApp, office: PostOffice
    ) -> None:
        """The mail goes to the stored address, never to what was typed."""
        registered(app, "mike")
        app.call("forgot_password", username_email="mi\u212ae@nowhere.example")
        app.deliver()
        assert set(office.recipients) <= {"mike@nowhere.example"}

    @settings(
        max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    @given(text=st.text(max_size=40))
    def test_no_name_makes_a_fault(self, app: RunningApp, text: str) -> None:
        for body in (
            {"username_email": text},
            {"username_email": f"{text}@nowhere.example"},
            {"username_email": f"a@{text}"},
        ):
            response = app.post("forgot_password", body)
            assert response.status_code in (200, 400, 429), response.text
        for email in (text, f"{text}@nowhere.example", f"a@{text}"):
            response = app.post("reset_password", _inputs(WRONG, email))
            assert response.status_code in (400, 403, 429), response.text
