"""An authenticator app and recovery codes behind a password, on pages and at the API; and who must
have one."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from pathlib import Path
from typing import ClassVar

import pyotp
import pytest

from shortd.models.mail import MailPurpose
from shortd.store.check import faults
from shortd.store.schema import OUTBOX, PASSKEYS, SECOND_FACTORS, TOKENS
from shortd.testing import RunningApp, open_app
from shortd.upkeep.administration import Changes
from tests.api.v2.people import PASSWORD, double_sha256
from tests.authenticator import Authenticator
from tests.conftest import GENEROUS
from tests.mail.post_office import PostOffice, post_office
from tests.web.account.test_kept_forms import hidden
from tests.web.account.test_passkeys import OWN, PAGE, add, names, options
from tests.web.account.test_signing_in import wrong
from tests.web.surfer import Surfer, derived

STRANGER = "203.0.113.7"
WRONG_CODE = "This code is wrong, or was used before."


class Phone:
    """An authenticator app, whose clock is that of the server."""

    def __init__(self, app: RunningApp, secret: str) -> None:
        self.totp = pyotp.TOTP(secret)
        self._app = app

    def code(self, seconds: int = 0) -> str:
        """What it shows now, or shall show then."""
        return self.totp.at(self._app.clock.now() // 1_000_000 + seconds)


def set_up(surfer: Surfer) -> tuple[Phone, list[str]]:
    """An app, and the recovery codes that come with it."""
    page = surfer.follow(surfer.send(f"{PAGE}/app")).text
    [shown] = re.findall(r'id="secret">(.*?)<', page)
    phone = Phone(surfer.app, shown.replace(" ", ""))
    answer = surfer.send(f"{PAGE}/app/code", {"code": phone.code()})
    assert answer.status_code == 200, answer.text
    return phone, recovery_codes(answer.text)


def recovery_codes(page: str) -> list[str]:
    [shown] = re.findall(r'id="codes".*?>(.*?)</pre>', page, re.DOTALL)
    return html.unescape(shown).split()


def password(surfer: Surfer, **more: str) -> dict[str, str]:
    """What the page that asks for a code sends along, after the right password."""
    answer = surfer.sign_in("ann", **more)
    assert answer.status_code == 200, answer.text
    assert "One more proof" in answer.text
    return hidden(answer.text)


def step(surfer: Surfer, code: str, **more: str) -> str:
    """What comes of a password and a code."""
    answer = surfer.send("/-/login/code", {**password(surfer, **more), "code": code})
    if answer.status_code == 303:
        return "in"
    return " ".join(wrong(answer.text))


def elsewhere(surfer: Surfer, address: str = "192.0.2.1") -> Surfer:
    return Surfer(surfer.app, surfer.own, address)


class TestSetUp:
    def test_it_takes_a_code_of_the_app(self, app: RunningApp, ann: Surfer) -> None:
        page = ann.follow(ann.send(f"{PAGE}/app")).text
        assert page.count("data:image/svg+xml;base64,") == 1
        refused = ann.send(f"{PAGE}/app/code", {"code": "000000"})
        assert refused.status_code == 422 and wrong(refused.text) == [WRONG_CODE]
        assert elsewhere(ann).sign_in("ann").status_code == 303, "nothing is asked for yet"
        phone, codes = set_up(ann)
        assert len(set(codes)) == 10
        assert all(re.fullmatch(r"[a-z2-9]{4}-[a-z2-9]{4}", code) for code in codes)
        later = ann.get(PAGE).text
        assert codes[0] not in later and 'id="secret"' not in later
        assert "10 recovery codes are left" in later
        password(elsewhere(ann))
        assert phone.code()

    def test_the_image_says_the_secret(self, ann: Surfer) -> None:
        account = ann.app.services.accounts.accounts.named("ann")
        assert account is not None
        ann.send(f"{PAGE}/app")
        factors, now = ann.app.services.accounts.factors, ann.app.clock.now()
        secret = factors.waiting_secret(account, now)
        parsed = pyotp.parse_uri(factors.uri(account, secret))
        assert (parsed.secret, parsed.name, parsed.issuer) == (secret, "ann", "127.0.0.1:8080")

    def test_nothing_of_it_is_in_the_clear(self, app: RunningApp, ann: Surfer) -> None:
        _, codes = set_up(ann)
        with app.services.store.read() as txn:
            row = SECOND_FACTORS.get(txn, (ann.credentials["userid"],))
        assert row is not None
        for code in codes:
            assert code.replace("-", "").encode() not in b"".join(row.recovery)

    def test_a_secret_waits_for_a_quarter_of_an_hour(self, app: RunningApp, ann: Surfer) -> None:
        ann.send(f"{PAGE}/app")
        assert 'id="secret"' in ann.get(PAGE).text
        app.clock.advance(901)
        ann.send("/-/account/confirm", derived("password", PASSWORD))
        assert 'id="secret"' not in ann.get(PAGE).text
        assert ann.send(f"{PAGE}/app/code", {"code": "000000"}).status_code == 422

    def test_new_recovery_codes_end_the_old(self, app: RunningApp, ann: Surfer) -> None:
        _, old = set_up(ann)
        new = recovery_codes(ann.send(f"{PAGE}/recovery-codes").text)
        assert not set(old) & set(new)
        assert step(elsewhere(ann), old[0]) == WRONG_CODE
        assert step(elsewhere(ann), new[0]) == "in"

    def test_without_the_app_the_password_is_enough(self, ann: Surfer) -> None:
        _, codes = set_up(ann)
        assert "removed" in ann.follow(ann.send(f"{PAGE}/app/end")).text
        surfer = elsewhere(ann)
        assert surfer.sign_in("ann").status_code == 303
        assert ann.send(f"{PAGE}/recovery-codes").status_code == 404, "they belong to an app"
        assert codes


class TestSignIn:
    def test_nobody_is_in_before_the_code(self, app: RunningApp, ann: Surfer) -> None:
        phone, _ = set_up(ann)
        app.clock.advance(60)
        surfer = elsewhere(ann)
        with app.services.store.read() as txn:
            before = len(list(TOKENS.scan(txn)))
        fields = password(surfer, next="/-/account")
        assert not surfer.cookies
        with app.services.store.read() as txn:
            assert len(list(TOKENS.scan(txn))) == before
        answer = surfer.send("/-/login/code", {**fields, "code": phone.code()})
        assert answer.headers["location"] == "/-/account"
        assert surfer.is_in()
        again = surfer.send("/-/login/code", {**fields, "code": phone.code(30)})
        assert again.status_code == 422, "a sign-in is finished once"
        assert wrong(again.text) == ["That took too long. Sign in again."]

    def test_what_was_made_here_comes_along(self, app: RunningApp, ann: Surfer) -> None:
        phone, _ = set_up(ann)
        app.clock.advance(60)
        surfer = elsewhere(ann)
        surfer.send("/-/new", {"url": "https://example.com/kept"})
        answer = surfer.send("/-/login/code", {**password(surfer), "code": phone.code()})
        assert "came along" in surfer.follow(answer).text

    def test_a_form_is_kept(self, app: RunningApp, ann: Surfer) -> None:
        phone, _ = set_up(ann)
        app.clock.advance(31 * 86_400)
        asked = ann.send("/-/account/name", {"username": "Änne"})
        fields = password(ann, **hidden(asked.text))
        assert fields["kept_action"] == "/-/account/name"
        slip = ann.send("/-/login/code", {**fields, "code": "000000"})
        assert hidden(slip.text) == fields, "a slip costs nothing"
        answer = ann.send("/-/login/code", {**fields, "code": phone.code()})
        assert answer.status_code == 200
        assert hidden(answer.text) == {"username": "Änne"}

    def test_it_takes_ten_minutes_at_most(self, app: RunningApp, ann: Surfer) -> None:
        phone, _ = set_up(ann)
        surfer = elsewhere(ann)
        fields = password(surfer)
        app.clock.advance(600)
        answer = surfer.send("/-/login/code", {**fields, "code": phone.code()})
        assert answer.status_code == 422 and not surfer.cookies
        assert 'name="password"' in answer.text

    def test_another_password_ends_it(self, app: RunningApp, ann: Surfer) -> None:
        phone, _ = set_up(ann)
        app.clock.advance(60)
        surfer = elsewhere(ann)
        fields = password(surfer)
        form = derived("password", PASSWORD) | derived("password_new", "Another 1")
        assert ann.send("/-/account/password", form).status_code == 303
        answer = surfer.send("/-/login/code", {**fields, "code": phone.code()})
        assert answer.status_code == 422 and not surfer.cookies

    @pytest.mark.parametrize("ticket", ["", "x", "x.y", "." + "00" * 40, "é" * 10])
    def test_a_ticket_is_ours(self, app: RunningApp, ann: Surfer, ticket: str) -> None:
        phone, _ = set_up(ann)
        app.clock.advance(60)
        given = ticket.replace("x.", ann.credentials["userid"] + ".")
        form = {"ticket": given, "code": phone.code()}
        assert elsewhere(ann).send("/-/login/code", form).status_code == 422

    def test_anothers_ticket_is_no_help(self, app: RunningApp, ann: Surfer) -> None:
        phone, _ = set_up(ann)
        ben = elsewhere(ann)
        ben.sign_up("ben")
        of_ben, _ = set_up(ben)
        app.clock.advance(60)
        fields = password(elsewhere(ann))
        userid, _, rest = fields["ticket"].partition(".")
        forged = f"{ben.credentials['userid']}.{rest}"
        surfer = elsewhere(ann)
        answer = surfer.send("/-/login/code", {"ticket": forged, "code": of_ben.code()})
        assert answer.status_code == 422 and not surfer.cookies
        form = {**fields, "code": of_ben.code()}
        assert wrong(surfer.send("/-/login/code", form).text) == [WRONG_CODE]
        assert userid == ann.credentials["userid"] and phone.code()

    def test_a_locked_account_is_told_first(self, app: RunningApp, ann: Surfer) -> None:
        set_up(ann)
        administration = app.services.upkeep.administration
        app.run(administration.change(ann.credentials["userid"], Changes(locked=True)))
        answer = elsewhere(ann).sign_in("ann")
        assert answer.status_code == 422 and "locked" in answer.text


class TestCodes:
    @pytest.mark.parametrize(
        ("seconds", "comes"),
        [(-60, WRONG_CODE), (-30, "in"), (0, "in"), (30, "in"), (60, WRONG_CODE)],
    )
    def test_a_clock_may_be_half_a_minute_wrong(
        self, app: RunningApp, ann: Surfer, seconds: int, comes: str
    ) -> None:
        phone, _ = set_up(ann)
        app.clock.advance(300)
        assert step(elsewhere(ann), phone.code(seconds)) == comes

    def test_a_code_is_good_once(self, app: RunningApp, ann: Surfer) -> None:
        phone, _ = set_up(ann)
        assert step(elsewhere(ann), phone.code()) == WRONG_CODE, "it has set the app up"
        app.clock.advance(60)
        assert step(elsewhere(ann), phone.code()) == "in"
        assert step(elsewhere(ann), phone.code()) == WRONG_CODE
        assert step(elsewhere(ann), phone.code(-30)) == WRONG_CODE, "nor is one before it"
        assert step(elsewhere(ann), phone.code(30)) == "in"

    def test_a_clock_that_ran_ahead_keeps_nobody_out(self, app: RunningApp, ann: Surfer) -> None:
        phone, _ = set_up(ann)
        app.clock.jump(86_400)
        assert step(elsewhere(ann), phone.code()) == "in"
        app.clock.jump(-86_000)
        assert step(elsewhere(ann), phone.code()) == "in"

    def test_it_may_be_typed_in_groups(self, app: RunningApp, ann: Surfer) -> None:
        phone, codes = set_up(ann)
        app.clock.advance(60)
        code = phone.code()
        assert step(elsewhere(ann), f" {code[:3]} {code[3:]} ") == "in"
        assert step(elsewhere(ann), codes[0].upper().replace("-", " ")) == "in"

    @pytest.mark.parametrize("code", ["0", "a", "é", "1" * 32, "٠١٢٣٤٥", "----", "\u202e12345"])
    def test_anything_may_be_typed(self, ann: Surfer, code: str) -> None:
        set_up(ann)
        assert step(elsewhere(ann), code) == WRONG_CODE

    def test_a_recovery_code_is_good_once(self, ann: Surfer) -> None:
        _, codes = set_up(ann)
        assert step(elsewhere(ann), codes[3]) == "in"
        assert step(elsewhere(ann), codes[3]) == WRONG_CODE
        assert "9 recovery codes are left" in ann.get(PAGE).text
        for number, code in enumerate(codes):
            assert step(elsewhere(ann, f"192.0.2.{number + 2}"), code) == (
                WRONG_CODE if number == 3 else "in"
            )
        assert "0 recovery codes are left" in ann.get(PAGE).text


class TestGuessing:
    def test_a_stranger_is_slowed_and_the_owner_is_not(self, app: RunningApp, ann: Surfer) -> None:
        """Who knows the password has ten tries; the owner, from where he signed in before, and from
        a new place, gets in meanwhile."""
        phone, codes = set_up(ann)
        stranger = elsewhere(ann, STRANGER)
        fields = password(stranger)
        answers = []
        for number in range(14):
            form = {**fields, "code": f"{number:06}"}
            answers.append(stranger.send("/-/login/code", form))
        assert [answer.status_code for answer in answers[:10]] == [422] * 10
        limited = answers[-1]
        assert limited.status_code == 429
        assert int(limited.headers["retry-after"]) > 0
        assert stranger.send("/-/login/code", {**fields, "code": codes[0]}).status_code == 429, (
            "not even with a right one"
        )
        assert step(elsewhere(ann), phone.code(30)) == "in"
        assert step(elsewhere(ann, "198.51.100.9"), codes[1]) == "in"

    def test_the_log_and_the_metrics_tell_of_it(self, app: RunningApp, ann: Surfer) -> None:
        set_up(ann)
        step(elsewhere(ann), "000000")
        metrics = app.get("/-/metrics").text
        assert 'shortd_secrets_total{outcome="failed",secret="second_factor"} 1.0' in metrics


class TestApi:
    LOGIN: ClassVar = {"username_email": "ann", "password": double_sha256(PASSWORD)}

    def test_a_password_alone_is_refused(self, app: RunningApp, ann: Surfer) -> None:
        phone, codes = set_up(ann)
        error = app.refused("login", **self.LOGIN)
        assert (error["http_status"], error["code"]) == (403, "second_factor_required")
        assert error["field"] == "second_factor" and "API key" in error["message"]
        app.clock.advance(60)
        login = app.call("login", **self.LOGIN, second_factor=phone.code())
        assert app.call("check_credentials", userid=login["userid"], token=login["token"])
        again = app.refused("login", **self.LOGIN, second_factor=phone.code())
        assert (again["http_status"], again["code"]) == (403, "wrong_code")
        assert app.call("login", **self.LOGIN, second_factor=codes[0])["token"]

    def test_a_wrong_password_says_nothing_of_it(self, app: RunningApp, ann: Surfer) -> None:
        set_up(ann)
        wrong_one = {**self.LOGIN, "password": double_sha256("wrong")}
        assert app.refused("login", **wrong_one)["code"] == "bad_credentials"

    def test_api_keys_go_on(self, app: RunningApp, ann: Surfer) -> None:
        key = ann.call("create_api_key", name="x", scopes=["write"])["api_key"]
        set_up(ann)
        url = f"/shorten.json?api_key={key}&url=https://example.com/"
        assert app.get(url).status_code == 200

    def test_one_that_nobody_asks_for_is_no_mistake(self, app: RunningApp, ann: Surfer) -> None:
        assert app.call("login", **self.LOGIN, second_factor="123456")["token"]


@contextmanager
def with_policy(tmp_path: Path, policy: str, **more: str) -> Iterator[RunningApp]:
    environ = {**GENEROUS, "SHORTD_PUBLIC_URL": OWN, "SHORTD_AUTH__SECOND_FACTOR": policy, **more}
    with open_app(tmp_path / "data", environ=environ) as app:
        yield app


def make_operator(app: RunningApp, name: str) -> None:
    account = app.services.accounts.accounts.named(name)
    assert account is not None
    change = Changes(operator=True)
    app.run(app.services.upkeep.administration.change(account.userid, change))


class TestWhoMust:
    def test_everybody_sets_one_up_before_all_else(self, tmp_path: Path) -> None:
        with with_policy(tmp_path, "all") as app:
            surfer = Surfer(app, OWN)
            surfer.sign_up("ann")
            for path in ("/", "/-/dashboard", "/-/account", "/-/account/keys", "/-/tools"):
                assert surfer.get(path).headers["location"] == PAGE, path
            assert surfer.get("/-/account/data.json").headers["location"] == PAGE
            for path in ("/-/new", "/-/account/keys", "/-/account/look", "/-/links/bulk"):
                answer = surfer.send(path, {"url": "https://example.com/", "name": "x"})
                assert (answer.status_code, answer.headers.get("location")) == (303, PAGE), path
            by_hand = app.post("url", {**surfer.credentials, "url": "https://example.com/"})
            assert by_hand.status_code == 403
            assert by_hand.json()["error"]["code"] == "second_factor_required"
            by_script = surfer.send(
                "/v2/url", content='{"url":"https://example.com/"}', headers={"shortd-page": "1"}
            )
            assert by_script.status_code == 403
            assert app.refused("login", **TestApi.LOGIN)["code"] == "second_factor_required"
            page = surfer.get(PAGE).text
            assert "asks for more than a password" in page
            phone, _ = set_up(surfer)
            assert surfer.get("/-/dashboard").status_code == 200
            assert surfer.call("url", url="https://example.com/")["entry"]
            app.clock.advance(60)
            assert step(Surfer(app, OWN), phone.code()) == "in"

    def test_signing_out_is_always_possible(self, tmp_path: Path) -> None:
        with with_policy(tmp_path, "all") as app:
            surfer = Surfer(app, OWN)
            surfer.sign_up("ann")
            assert surfer.get("/-/logout").status_code == 200
            assert surfer.send("/-/logout").headers["location"] == "/"

    def test_a_passkey_is_enough_and_then_the_password_is_not(self, tmp_path: Path) -> None:
        with with_policy(tmp_path, "all") as app:
            surfer, key = Surfer(app, OWN), Authenticator(OWN)
            surfer.sign_up("ann")
            add(surfer, key)
            assert surfer.get("/-/dashboard").status_code == 200
            other = Surfer(app, OWN)
            asked = other.sign_in("ann", next="/-/account")
            assert "One more proof" in asked.text and not other.cookies
            assert 'name="code"' not in asked.text
            form = {**hidden(asked.text), "credential": key.sign(options(asked.text))}
            assert other.send("/-/login/passkey", form).headers["location"] == "/-/account"
            assert app.refused("login", **TestApi.LOGIN)["code"] == "second_factor_required"

    def test_where_nobody_must_a_passkey_leaves_the_password_alone(self, tmp_path: Path) -> None:
        with with_policy(tmp_path, "off") as app:
            surfer = Surfer(app, OWN)
            surfer.sign_up("ann")
            add(surfer, Authenticator(OWN))
            assert Surfer(app, OWN).sign_in("ann").status_code == 303

    def test_operators_alone(self, tmp_path: Path) -> None:
        with with_policy(tmp_path, "operators") as app:
            ann, ben = Surfer(app, OWN), Surfer(app, OWN)
            ann.sign_up("ann")
            ben.sign_up("ben")
            make_operator(app, "ann")
            ann.sign_in("ann")
            assert ann.get("/-/dashboard").headers["location"] == PAGE
            assert ben.get("/-/dashboard").status_code == 200
            set_up(ann)
            assert ann.get("/-/dashboard").status_code == 200

    def test_who_made_links_without_an_account_is_left_alone(self, tmp_path: Path) -> None:
        with with_policy(tmp_path, "all") as app:
            surfer = Surfer(app, OWN)
            assert surfer.send("/-/new", {"url": "https://example.com/"}).status_code == 303
            assert surfer.get("/").status_code == 200

    def test_whom_an_issuer_vouches_for_needs_none(self, tmp_path: Path) -> None:
        with with_policy(tmp_path, "all") as app:
            surfer = Surfer(app, OWN)
            surfer.sign_up("ann")
            vouch(app, surfer)
            assert surfer.get("/-/dashboard").status_code == 200


def vouch(app: RunningApp, surfer: Surfer) -> None:
    """Makes the login one that an issuer has opened."""
    from msgspec.structs import replace

    from shortd.ids import token_digest
    from shortd.store.txn import WriteTxn

    key = (surfer.credentials["userid"], token_digest(surfer.credentials["token"]))

    def put(txn: WriteTxn) -> None:
        row = TOKENS.get(txn, key)
        assert row is not None
        TOKENS.put(txn, key, replace(row, vouched=True))

    app.run(app.services.store.write(put))


class TestLost:
    def test_the_operator_removes_all_of_it(self, app: RunningApp, ann: Surfer) -> None:
        set_up(ann)
        change = Changes(second_factor=False)
        app.run(app.services.upkeep.administration.change(ann.credentials["userid"], change))
        assert elsewhere(ann).sign_in("ann").status_code == 303

    def test_a_new_password_leaves_it_where_the_address_is_known(
        self, app: RunningApp, ann: Surfer
    ) -> None:
        phone, _ = set_up(ann)
        change = Changes(verified=True)
        app.run(app.services.upkeep.administration.change(ann.credentials["userid"], change))
        code = forgotten(app, ann)
        reset = {
            "email": "ann@nowhere.example",
            "unique_code": code,
            "password": TestApi.LOGIN["password"],
        }
        error = app.refused("reset_password", **reset)
        assert error["code"] == "second_factor_required"
        app.clock.advance(60)
        assert app.call("reset_password", **reset, second_factor=phone.code())["token"]
        password(elsewhere(ann))

    def test_and_the_page_opens_nothing(self, app: RunningApp, ann: Surfer) -> None:
        set_up(ann)
        change = Changes(verified=True)
        app.run(app.services.upkeep.administration.change(ann.credentials["userid"], change))
        code = forgotten(app, ann)
        form = {
            "email": "ann@nowhere.example",
            "code": code,
            "password": PASSWORD,
            "again": PASSWORD,
        }
        surfer = elsewhere(ann)
        assert surfer.send("/-/reset", form).status_code == 200
        assert not surfer.cookies
        password(surfer)

    def test_whoever_signed_up_with_anothers_address_leaves_nothing(
        self, app: RunningApp, ann: Surfer
    ) -> None:
        """The address was never verified, so that its owner takes the account as his own."""
        set_up(ann)
        code = forgotten(app, ann)
        reset = {
            "email": "ann@nowhere.example",
            "unique_code": code,
            "password": TestApi.LOGIN["password"],
        }
        assert app.call("reset_password", **reset)["token"]
        assert elsewhere(ann).sign_in("ann").status_code == 303


def forgotten(app: RunningApp, surfer: Surfer) -> str:
    surfer.send("/-/forgot", {"name": "ann"})
    with app.services.store.read() as txn:
        mail = OUTBOX.get(txn, (surfer.credentials["userid"], MailPurpose.RESET))
    assert mail is not None
    return mail.code


class TestEnd:
    def test_what_is_kept_is_told_but_for_secrets(self, tmp_path: Path) -> None:
        with with_policy(tmp_path, "off") as app:
            ann, key = Surfer(app, OWN), Authenticator(OWN)
            ann.sign_up("ann")
            add(ann, key, "Phone of Ann")
            phone, codes = set_up(ann)
            told = ann.get("/-/account/data.json").text
            assert "Phone of Ann" in told and '"recovery_codes":10' in told
            with app.services.store.read() as txn:
                row = SECOND_FACTORS.get(txn, (ann.credentials["userid"],))
                [passkey] = [one for _, one in PASSKEYS.scan(txn)]
            assert row is not None
            rows = (row.secret, row.handle, *row.recovery, passkey.credential, passkey.digest)
            encoded = [base64.b64encode(secret).decode() for secret in rows]
            for secret in (phone.totp.secret, *codes, *encoded, *(one.hex() for one in rows)):
                assert secret not in told

    def test_all_of_it_ends_with_the_account(self, tmp_path: Path) -> None:
        with with_policy(tmp_path, "off") as app:
            ann, key = Surfer(app, OWN), Authenticator(OWN)
            ann.sign_up("ann")
            add(ann, key)
            set_up(ann)
            form = {"name": "ann", **derived("password", PASSWORD)}
            assert ann.send("/-/account/delete", form).status_code == 303
            with app.services.store.read() as txn:
                assert not list(PASSKEYS.scan(txn)) and not list(SECOND_FACTORS.scan(txn))
                assert list(faults(txn)) == []
            asked = json.loads(app.services.accounts.passkeys.request_options(app.clock.now()))
            late = Surfer(app, OWN).send("/-/login/passkey", {"credential": key.sign(asked)})
            assert late.status_code == 422


class TestMail:
    @pytest.fixture
    def office(self) -> Iterator[PostOffice]:
        with post_office() as office:
            yield office

    def test_the_owner_is_told(self, tmp_path: Path, office: PostOffice) -> None:
        with with_policy(tmp_path, "off", SHORTD_MAIL__SMTP_URL=office.url) as app:
            ann, key = Surfer(app, OWN), Authenticator(OWN)
            ann.sign_up("ann")
            app.deliver()
            set_up(ann)
            app.deliver()
            assert len(office.all()) == 1, "the address is nobody's yet, as far as is known"
            change = Changes(verified=True)
            app.run(app.services.upkeep.administration.change(ann.credentials["userid"], change))
            add(ann, key)
            app.deliver()
            assert "A passkey was added." in text(office.next())
            ann.send(f"{PAGE}/recovery-codes")
            ann.send(f"{PAGE}/app/end")
            app.deliver()
            told = text(office.next())
            assert "New recovery codes were made" in told
            assert "not asked for any more" in told, "one mail tells of both"
            assert f"{OWN}/-/account/second-factor" in told

    def test_too_many_are_told_later(self, tmp_path: Path, office: PostOffice) -> None:
        with with_policy(tmp_path, "off", SHORTD_MAIL__SMTP_URL=office.url) as app:
            ann = Surfer(app, OWN)
            ann.sign_up("ann")
            app.deliver()
            change = Changes(verified=True)
            app.run(app.services.upkeep.administration.change(ann.credentials["userid"], change))
            for number in range(5):
                add(ann, Authenticator(OWN), f"Number {number}")
                app.deliver()
            assert len(office.all()) == 1 + 3
            app.clock.advance(3601)
            app.deliver()
            assert text(office.next()).count("A passkey was added.") == 1
            assert len(names(ann)) == 0, "the proof is over"


def text(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content())
