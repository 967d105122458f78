"""Signing up, in and out on pages, and what a cookie is worth before and after."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlencode

import pytest

from shortd.clock import HOUR
from shortd.store.schema import ACCOUNTS, TOKENS
from shortd.testing import RunningApp, open_app
from tests.api.v2.envelopes import everything
from tests.api.v2.people import PASSWORD, double_sha256, pbkdf2
from tests.conftest import GENEROUS
from tests.web.surfer import Surfer, derived, new_password

HOSTILE = "\"'><script>alert(1)</script>{{ 7 * 7 }}\u202e"


def wrong(answer_text: str) -> list[str]:
    """What a page says is wrong, in its order."""
    found = re.findall(r'role="alert">(?:<svg.*?</svg><div><p>)?(.*?)</', answer_text)
    return [html.unescape(said) for said in found]


class TestSignUp:
    def test_makes_an_account_and_signs_in(self, app: RunningApp, surfer: Surfer) -> None:
        answer = surfer.sign_up("ann", next="/-/account")
        assert answer.headers["location"] == "/-/account"
        page = surfer.follow(answer)
        assert page.status_code == 200
        assert "Welcome" in page.text
        assert "Welcome" not in surfer.get("/-/account").text, "it is said once"
        assert surfer.call("check_credentials")["username"] == "ann"

    @pytest.mark.parametrize("derive", [pbkdf2, double_sha256])
    def test_without_a_script_the_server_derives(
        self, app: RunningApp, surfer: Surfer, derive: Callable[[str], str]
    ) -> None:
        form = {"email": "ann@nowhere.example", **new_password("Pa\u0308ssword 1")}
        assert surfer.send("/-/signup", form).status_code == 303
        login = {"username_email": form["email"], "password": derive("P\u00e4ssword 1")}
        assert app.call("login", **login)["userid"]

    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"email": ""}, "Fill this in."),
            ({"email": "a@b@c"}, ""),
            ({"username": "a@b"}, "A username has at most 64"),
            ({"username": "x" * 65}, "A username has at most 64"),
            (new_password(""), "Fill this in."),
            (new_password("1234567"), "at least 8 characters"),
            (new_password("x" * 1001), "At most 1000 characters."),
            ({"password_again": "12345679"}, "two different passwords"),
            ({"password_again": ""}, "two different passwords"),
            ({"email": "taken@nowhere.example"}, "in use"),
            ({"username": "TAKEN"}, "in use"),
        ],
    )
    def test_comes_back_with_what_was_typed(
        self, app: RunningApp, surfer: Surfer, changes: dict[str, str], said: str
    ) -> None:
        Surfer(app).sign_up("taken")
        before = everything(app)
        form = {"email": "ann@nowhere.example", "username": "ann", **new_password("12345678")}
        form |= changes
        answer = surfer.send("/-/signup", form)
        assert answer.status_code == 422
        assert said in " ".join(wrong(answer.text))
        assert 'aria-invalid="true"' in answer.text
        assert answer.text.count("autofocus") == 1
        for name in ("email", "username"):
            assert f'value="{form[name]}"' in answer.text
        assert form["password_new"] not in answer.text or not form["password_new"]
        assert everything(app) == before
        assert not surfer.cookies

    def test_hostile_text_is_text(self, surfer: Surfer) -> None:
        form = {"email": HOSTILE, "username": HOSTILE, "next": HOSTILE, **new_password(HOSTILE)}
        page = surfer.send("/-/signup", form).text
        assert "<script>alert" not in page
        assert "49" not in re.sub(r"\?v=\w+|\.\w{16}\.", "", page)

    def test_where_nobody_may(self, tmp_path: Path) -> None:
        environ = {**GENEROUS, "SHORTD_ACCOUNTS__SIGNUP": "false"}
        with open_app(tmp_path / "data", environ=environ) as app:
            surfer = Surfer(app)
            page = surfer.get("/-/signup").text
            assert "takes no new accounts" in page
            assert 'name="email"' not in page
            assert "/-/signup" not in surfer.get("/-/login").text
            form = {"email": "a@b.example", **new_password("12345678")}
            answer = surfer.send("/-/signup", form)
            assert answer.status_code == 422
            assert everything(app)["accounts"] == []


class TestSignIn:
    @pytest.mark.parametrize("stored", [[pbkdf2], [double_sha256], [pbkdf2, double_sha256]])
    @pytest.mark.parametrize("scripts", [True, False])
    def test_opens_accounts_of_every_client(
        self,
        app: RunningApp,
        surfer: Surfer,
        stored: list[Callable[[str], str]],
        scripts: bool,
    ) -> None:
        names = dict(zip(("password", "password_alt"), stored, strict=False))
        given = {name: derive(PASSWORD) for name, derive in names.items()}
        app.call("signup", email="ann@nowhere.example", username="ann", **given)
        typed = {"password": PASSWORD}
        by_script = {
            "password_pbkdf2": pbkdf2(PASSWORD),
            "password_sha256": double_sha256(PASSWORD),
        }
        for name in ("ann", "Ann@nowhere.example"):
            answer = surfer.send("/-/login", {"name": name, **(by_script if scripts else typed)})
            assert answer.status_code == 303
            assert answer.headers["location"] == "/-/dashboard"
            assert surfer.is_in()

    def test_one_message_for_all_that_is_wrong(self, app: RunningApp, surfer: Surfer) -> None:
        Surfer(app).sign_up("ann")
        answers = [
            surfer.sign_in("ann", "wrong password"),
            surfer.sign_in("nobody", "wrong password"),
            surfer.sign_in("nobody@nowhere.example", "wrong password"),
        ]
        assert {answer.status_code for answer in answers} == {422}
        assert len({tuple(wrong(answer.text)) for answer in answers}) == 1
        assert 'value="ann"' in answers[0].text
        assert not surfer.cookies

    def test_empty_fields(self, surfer: Surfer) -> None:
        answer = surfer.send("/-/login", {"name": " ", "password": ""})
        assert wrong(answer.text) == ["Fill this in.", "Fill this in."]

    def test_guessing_is_slowed(self, app: RunningApp, surfer: Surfer) -> None:
        Surfer(app).sign_up("ann")
        answers = [surfer.sign_in("ann", f"wrong {number}") for number in range(12)]
        assert answers[-1].status_code == 429
        assert int(answers[-1].headers["retry-after"]) > 0
        assert 'value="ann"' in answers[-1].text

    def test_a_locked_account_is_told_so(self, app: RunningApp, ann: Surfer) -> None:
        lock(app, "ann")
        assert not ann.is_in()
        answer = Surfer(app).sign_in("ann")
        assert answer.status_code == 422
        assert "locked" in " ".join(wrong(answer.text))

    @pytest.mark.parametrize(
        "wanted",
        [
            *("//evil.example/", "https://evil.example/-/account", "/\\evil.example", "\\\\evil"),
            *("/-/account/../../abc", "/-/account/%2e%2e/%2E%2e/abc", "/abc", "/-/open?code=a"),
            *("/-/files/x/y", "/-/../abc", "javascript:alert(1)", "/-/logout"),
            *(
                "/\t/evil.example",
                "///evil.example",
                "/-/account\r\nset-cookie: a=b",
                "evil.example",
            ),
            *("http:/-/account", "http:evil.example", "\x00", "/-/%2f%2fevil.example", "/-//evil"),
            *("/-/account@evil.example", "@evil.example", "?x", "#x", "/-/static/x", HOSTILE),
        ],
    )
    def test_it_leads_nowhere_else(self, app: RunningApp, ann: Surfer, wanted: str) -> None:
        for answer in (
            ann.get(f"/-/login?{urlencode({'next': wanted})}"),
            Surfer(app).sign_in("ann", next=wanted),
        ):
            assert answer.headers["location"] == "/-/dashboard"
            assert list(answer.headers) == list(dict.fromkeys(answer.headers))

    def test_it_leads_back(self, app: RunningApp, ann: Surfer) -> None:
        asked = Surfer(app).get("/-/account/keys?x=1&y=2")
        assert asked.status_code == 303
        page = Surfer(app).follow(asked)
        assert 'value="/-/account/keys?x=1&amp;y=2"' in page.text
        answer = Surfer(app).sign_in("ann", next="/-/account/keys?x=1&y=2")
        assert answer.headers["location"] == "/-/account/keys?x=1&y=2"

    def test_where_a_login_was_opened_is_known(self, app: RunningApp, ann: Surfer) -> None:
        page = ann.get("/-/account").text
        assert "Firefox, Windows" in page
        assert ann.address in page


class TestCookie:
    """Whatever happens, it stands for a login that is good, or for nothing."""

    def test_a_cookie_from_before_is_worth_nothing_after(
        self, app: RunningApp, surfer: Surfer
    ) -> None:
        Surfer(app).sign_up("ann")
        planted = app.call("temporary_account")["userid"]
        surfer.cookies["shortd"] = planted
        surfer.sign_in("ann")
        assert surfer.cookies["shortd"] != planted
        assert app.refused("check_credentials", userid=planted)["code"] == "bad_credentials"
        again = Surfer(app)
        again.cookies["shortd"] = planted
        assert not again.is_in()

    def test_each_sign_in_is_a_login_of_its_own(self, app: RunningApp, ann: Surfer) -> None:
        first = dict(ann.cookies)
        ann.sign_in("ann")
        assert ann.cookies != first
        stale = Surfer(app)
        stale.cookies.update(first)
        assert not stale.is_in(), "another one in its place has ended it"

    def test_signing_out_ends_it(self, app: RunningApp, ann: Surfer) -> None:
        kept = dict(ann.cookies)
        assert ann.get("/-/logout").status_code == 200
        assert ann.is_in(), "a link signs nobody out"
        assert ann.send("/-/logout").headers["location"] == "/"
        assert "shortd" not in ann.cookies
        ann.cookies.update(kept)
        assert not ann.is_in()
        assert ann.send("/-/logout").status_code == 303, "twice is no mistake"

    def test_it_ends_with_time(self, app: RunningApp, ann: Surfer) -> None:
        app.clock.advance(30 * 86_400 - 1)
        assert ann.is_in()
        app.clock.advance(2)
        assert not ann.is_in()

    @pytest.mark.parametrize(
        "value",
        [
            *("", "x", "a" * 32, f"{'a' * 32}.{'b' * 32}", "." * 64, "a" * 5000),
            *(f"{'a' * 32}.", '"', "@anonymous", "%00"),
        ],
    )
    def test_nonsense_is_nobody(self, surfer: Surfer, value: str) -> None:
        surfer.cookies["shortd"] = value
        assert surfer.get("/-/account").status_code == 303
        assert surfer.get("/-/login").status_code == 200

    def test_a_userid_alone_opens_no_account_that_was_signed_up_for(
        self, app: RunningApp, ann: Surfer
    ) -> None:
        other = Surfer(app)
        other.cookies["shortd"] = ann.credentials["userid"]
        assert not other.is_in()

    def test_its_last_use_is_written_once_an_hour(self, app: RunningApp, ann: Surfer) -> None:
        def uses() -> list[int]:
            app.run(app.services.accounts.save_uses())
            with app.services.store.read() as txn:
                return [row.use_utime for _, row in TOKENS.scan(txn)]

        ann.get("/-/account")
        assert uses() == [0], "it was opened within the hour"
        app.clock.advance(3600)
        used = app.clock.now()
        ann.get("/-/account")
        assert uses() == [used]
        app.clock.advance(3599)
        ann.get("/-/account")
        assert uses() == [used]
        app.clock.advance(1)
        ann.call("check_credentials")
        assert uses() == [used + HOUR], "whichever way it is used"


class TestComesAlong:
    """What somebody made here before he signed in."""

    @pytest.fixture
    def maker(self, app: RunningApp) -> Surfer:
        maker = Surfer(app)
        maker.cookies["shortd"] = app.userid
        return maker

    def test_signing_up_keeps_it(self, app: RunningApp, maker: Surfer) -> None:
        short = app.new_link(code="mine01")
        assert "You made <b>1 link</b>" in maker.get("/-/signup").text
        maker.sign_up("ann")
        assert maker.call("get_entry", shorturl=short)["entry"]["userid"] == app.userid
        planted = Surfer(app)
        planted.cookies["shortd"] = app.userid
        assert not planted.is_in(), "the userid is no credential any more"

    def test_signing_in_moves_it(self, app: RunningApp, maker: Surfer) -> None:
        Surfer(app).sign_up("ann")
        short, shared = app.new_link(code="mine01"), app.new_file(b"x" * 1000)
        app.visit(short)
        app.drain()
        assert "You made <b>2 links</b>" in maker.get("/-/login").text
        answer = maker.sign_in("ann")
        assert "The 2 links that you made here came along." in maker.get("/-/account").text
        assert answer.status_code == 303
        entries = {one["shorturl"]: one for one in maker.call("get_entries")["entries"]}
        assert set(entries) == {short, shared}
        assert entries[short]["count"] == 1
        assert app.visit(short).status_code == 302
        info = maker.get("/-/account").text
        assert "1.0 kB of" in info, "the file counts as the account's"
        with app.services.store.read() as txn:
            assert ACCOUNTS.get(txn, (app.userid,)) is None

    def test_more_than_one_write_moves(self, app: RunningApp, maker: Surfer) -> None:
        Surfer(app).sign_up("ann")
        for _ in range(3):
            urls = ["https://example.com/"] * 400
            app.call("urls", userid=app.userid, urls=urls)
        maker.sign_in("ann")
        assert "The 1,200 links" in maker.get("/-/account").text
        assert len(maker.call("get_entries", count=1000)["entries"]) == 1000

    def test_an_account_of_somebodys_moves_nowhere(self, app: RunningApp, ann: Surfer) -> None:
        Surfer(app).sign_up("ben")
        ann.call("url", url="https://example.com/")
        ann.sign_in("ben")
        assert ann.call("get_entries")["entries"] == []

    def test_a_wrong_password_moves_nothing(self, app: RunningApp, maker: Surfer) -> None:
        Surfer(app).sign_up("ann")
        app.new_link()
        before = everything(app)["links"]
        maker.sign_in("ann", "wrong password")
        assert everything(app)["links"] == before
        assert maker.cookies["shortd"] == app.userid


class TestForgotten:
    def test_the_answer_is_the_same_for_nobody(self, app: RunningApp, surfer: Surfer) -> None:
        Surfer(app).sign_up("ann")
        answers = [surfer.send("/-/forgot", {"name": name}) for name in ("ann", "nobody")]
        assert {answer.status_code for answer in answers} == {303}
        pages = [surfer.follow(answers[0]).text, surfer.send("/-/forgot", {"name": "nobody"})]
        assert "a mail is on its way" in str(pages[0])
        assert len(everything(app)["outbox"]) == 1

    @pytest.mark.parametrize("name", ["", " ", "\x07", "x" * 300])
    def test_what_is_nobodys_name(self, surfer: Surfer, name: str) -> None:
        answer = surfer.send("/-/forgot", {"name": name})
        assert answer.status_code == 422
        assert len(wrong(answer.text)) == 1

    def test_it_says_where_no_mail_is_sent(self, app: RunningApp, surfer: Surfer) -> None:
        assert "not set up to send mail" in surfer.get("/-/forgot").text


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("application/x-www-form-urlencoded", b"\xff=\xff", 400),
        ("application/x-www-form-urlencoded; charset=nonsense", b"a=b", 400),
        ("application/x-www-form-urlencoded", b"a=b&" * 200, 400),
        ("application/x-www-form-urlencoded", b"a=" + b"b" * 70_000, 413),
        ("multipart/form-data", b"--x", 400),
        ("multipart/form-data; boundary=x", b"--x", 400),
        ("application/json", b"{}", 400),
        ("", b"name=ann", 400),
        ("text/html", b"", 400),
    ],
)
def test_bodies_that_are_no_form(surfer: Surfer, kind: str, body: bytes, status: int) -> None:
    answer = surfer.send("/-/login", content=body, headers={"content-type": kind})
    assert answer.status_code == status


def test_a_form_may_come_as_multipart(app: RunningApp, surfer: Surfer) -> None:
    Surfer(app).sign_up("ann")
    form = {"name": "ann", **derived("password", PASSWORD)}
    parts = "".join(
        f'--x\r\ncontent-disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in form.items()
    )
    kind = {"content-type": "multipart/form-data; boundary=x"}
    assert surfer.send("/-/login", content=f"{parts}--x--\r\n", headers=kind).status_code == 303


def test_over_plain_http_it_warns(tmp_path: Path) -> None:
    own = "http://nas.lan:8080"
    with open_app(tmp_path / "data", environ={**GENEROUS, "SHORTD_PUBLIC_URL": own}) as app:
        for path in ("/-/login", "/-/signup"):
            page = Surfer(app, own).get(path).text
            assert "not encrypted (http)" in page
    with open_app(tmp_path / "data", environ=GENEROUS) as app:
        assert "not encrypted" not in Surfer(app).get("/-/login").text


def test_tries_are_paid_for(tmp_path: Path) -> None:
    limits = {
        "SHORTD_LIMITS__CLIENT__API_CAPACITY": "3000",
        "SHORTD_LIMITS__CLIENT__API_REFILL_RATE": "1",
    }
    with open_app(tmp_path / "data", environ=limits) as app:
        surfer = Surfer(app)
        statuses = [surfer.sign_in(f"n{number}").status_code for number in range(4)]
        assert statuses == [422, 422, 422, 429]


def lock(app: RunningApp, name: str) -> None:
    from shortd.upkeep.administration import Changes

    account = app.services.accounts.accounts.named(name)
    assert account is not None
    app.run(app.services.upkeep.administration.change(account.userid, Changes(locked=True)))


def test_an_operator_signs_in_anew(app: RunningApp, ann: Surfer) -> None:
    """A login of old was not opened for so much."""
    from shortd.upkeep.administration import Changes

    administration = app.services.upkeep.administration
    userid = ann.credentials["userid"]
    app.run(administration.change(userid, Changes(operator=True)))
    assert not ann.is_in()
    ann.sign_in("ann")
    assert ann.is_in()
    app.run(administration.change(userid, Changes(operator=False)))
    assert ann.is_in()
