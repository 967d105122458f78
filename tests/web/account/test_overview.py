"""The account's own page: everything on it is changed in place, and its end is asked for twice."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from shortd.models.accounts import Theme
from shortd.store.schema import CODES, PREFERENCES
from shortd.testing import RunningApp, open_app
from shortd.upkeep.administration import Changes
from tests.api.v2.envelopes import everything
from tests.api.v2.people import PASSWORD, double_sha256
from tests.conftest import GENEROUS
from tests.web.account.test_signing_in import HOSTILE, wrong
from tests.web.surfer import Surfer, derived, new_password

CONFIRMED = derived("password", PASSWORD)
MAIL = {
    **GENEROUS,
    "SHORTD_MAIL__SMTP_URL": "smtp://127.0.0.1:9",
    "SHORTD_MAIL__FROM": "a@b.example",
}


def act(surfer: Surfer, part: str, /, **form: str) -> str:
    """Sends a form of the page: the page that comes of it."""
    answer = surfer.send(f"/-/account/{part}", form)
    assert answer.status_code == 303, answer.text
    return surfer.follow(answer).text


def refused(surfer: Surfer, part: str, /, **form: str) -> str:
    """The same for a form that comes back, having changed nothing."""
    before = everything(surfer.app)
    answer = surfer.send(f"/-/account/{part}", form)
    assert answer.status_code == 422
    assert everything(surfer.app) == before
    assert len(wrong(answer.text)) == 1
    return wrong(answer.text)[0]


def test_it_is_for_who_has_signed_in(app: RunningApp) -> None:
    for path in ("/-/account", "/-/account/keys", "/-/account/data.json", "/-/account/links.csv"):
        answer = Surfer(app).get(path)
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/-/login?next=%2F-%2Faccount")
    guest = Surfer(app)
    guest.cookies["shortd"] = app.userid
    assert guest.get("/-/account").status_code == 303
    answer = guest.send("/-/account/delete", {"name": "x", **CONFIRMED})
    assert answer.status_code == 403 and 'action="/-/login"' in answer.text


class TestName:
    def test_is_changed(self, ann: Surfer) -> None:
        assert 'value="Anna"' in act(ann, "name", username="Anna")
        assert ann.call("check_credentials")["username"] == "Anna"
        assert "Your name is changed." in act(ann, "name", username="")

    @pytest.mark.parametrize("name", ["a@b", "x" * 65, "BEN", "x" * 5000])
    def test_comes_back(self, app: RunningApp, ann: Surfer, name: str) -> None:
        Surfer(app).sign_up("ben")
        refused(ann, "name", username=name)

    def test_is_text(self, ann: Surfer) -> None:
        page = act(ann, "name", username="<b>'\"&{{ 7*7 }}")
        assert "<b>&#39;" not in page
        assert "&lt;b&gt;&#39;&#34;&amp;{{ 7*7 }}" in page


class TestEmail:
    def test_asks_for_the_password(self, ann: Surfer) -> None:
        said = refused(ann, "email", email="new@nowhere.example", password="wrong one")
        assert said == "This is not your password."
        assert refused(ann, "email", email="new@nowhere.example") == "Fill this in."

    def test_is_changed_and_no_longer_verified(self, app: RunningApp, ann: Surfer) -> None:
        administration = app.services.upkeep.administration
        app.run(administration.change(ann.credentials["userid"], Changes(verified=True)))
        assert "Not verified" not in ann.get("/-/account").text
        page = act(ann, "email", email="new@nowhere.example", **CONFIRMED)
        assert "new@nowhere.example" in page
        assert "Not verified" in page
        assert ann.call("get_account_info")["type"] == "registered"

    @pytest.mark.parametrize("email", ["ben@nowhere.example", "x", "a@b@c", HOSTILE])
    def test_comes_back(self, app: RunningApp, ann: Surfer, email: str) -> None:
        Surfer(app).sign_up("ben")
        refused(ann, "email", email=email, **CONFIRMED)

    def test_says_where_no_mail_is_sent(self, tmp_path: Path) -> None:
        with open_app(tmp_path / "data", environ=GENEROUS) as app:
            ann = Surfer(app)
            ann.sign_up("ann")
            assert everything(app)["outbox"] == []
            assert "not set up to send mail" in ann.get("/-/account").text

    def test_a_new_address_gets_a_mail(self, tmp_path: Path) -> None:
        with open_app(tmp_path / "data", environ=MAIL) as app:
            ann = Surfer(app)
            ann.sign_up("ann")
            assert len(everything(app)["outbox"]) == 1
            page = act(ann, "email", email="new@nowhere.example", **CONFIRMED)
            assert "on its way to the new address" in page
            app.clock.advance(60)
            assert "A mail is on its way." in act(ann, "verify")
            for _ in range(12):
                answer = ann.send("/-/account/verify")
            assert answer.status_code == 429
            assert wrong(answer.text)


class TestPassword:
    def test_is_changed_and_ends_all_other_logins(self, app: RunningApp, ann: Surfer) -> None:
        other = Surfer(app)
        other.sign_in("ann")
        page = act(ann, "password", **CONFIRMED, **derived("password_new", "Another 1"))
        assert "All other logins have ended" in page
        assert ann.is_in()
        assert not other.is_in()
        assert other.sign_in("ann").status_code == 422
        assert other.sign_in("ann", "Another 1").status_code == 303

    def test_typed_ones_are_derived_here(self, ann: Surfer) -> None:
        act(ann, "password", password=PASSWORD, **new_password("Another 1"))
        login = {"username_email": "ann", "password": double_sha256("Another 1")}
        assert ann.app.call("login", **login)["token"]

    @pytest.mark.parametrize(
        ("form", "said"),
        [
            ({**new_password("Another 1")}, "Fill this in."),
            ({"password": "wrong one", **new_password("Another 1")}, "This is not your password."),
            ({**CONFIRMED, **new_password("short")}, "A password has at least 8 characters."),
            (
                {**CONFIRMED, "password_new": "Another 1", "password_again": "Another 2"},
                "These are two different passwords.",
            ),
        ],
    )
    def test_comes_back(self, ann: Surfer, form: dict[str, str], said: str) -> None:
        assert refused(ann, "password", **form) == said

    def test_keys_end_if_they_are_to(self, ann: Surfer) -> None:
        ann.call("create_api_key", name="x")
        act(ann, "password", **CONFIRMED, **derived("password_new", "Another 1"))
        assert len(ann.call("list_api_keys")["keys"]) == 1
        old, new = derived("password", "Another 1"), derived("password_new", "Third one")
        act(ann, "password", **old, **new, end_keys="on")
        assert ann.call("list_api_keys")["keys"] == []


class TestLogins:
    def test_all_are_listed_and_one_is_ended(self, app: RunningApp, ann: Surfer) -> None:
        other = Surfer(app, address="198.51.100.9")
        other.sign_in("ann")
        page = ann.get("/-/account").text
        assert "198.51.100.9" in page
        assert page.count("this one") == 1
        ids = re.findall(r'name="id" value="(\w+)"', page)
        assert len(ids) == 2
        assert "That login has ended." in act(ann, "sessions/end", id=ids[1])
        assert ann.is_in()
        assert not other.is_in()

    def test_ones_own_is_ended(self, ann: Surfer) -> None:
        (own,) = re.findall(r'name="id" value="(\w+)"', ann.get("/-/account").text)
        answer = ann.send("/-/account/sessions/end", {"id": own})
        assert answer.headers["location"] == "/-/login"
        assert ann.cookies.keys() == {"said"}

    def test_nobody_elses(self, app: RunningApp, ann: Surfer) -> None:
        ben = Surfer(app)
        ben.sign_up("ben")
        (bens,) = re.findall(r'name="id" value="(\w+)"', ben.get("/-/account").text)
        for guess in (bens, bens[:8], "", "x" * 60):
            ann.send("/-/account/sessions/end", {"id": guess})
        assert ben.is_in()
        assert ann.is_in()

    @pytest.mark.parametrize("end_keys", [True, False])
    def test_everywhere_is_everywhere(self, app: RunningApp, ann: Surfer, end_keys: bool) -> None:
        other, kept = Surfer(app), dict(ann.cookies)
        other.sign_in("ann")
        ann.call("create_api_key", name="x")
        app.run(app.services.accounts.mailboxes.mail_reset("ann", "192.0.2.9", app.clock.now()))
        form = {"end_keys": "on"} if end_keys else {}
        assert "signed out everywhere" in act(ann, "sessions/end-all", **form)
        ann.cookies.update(kept)
        assert not ann.is_in()
        assert not other.is_in()
        with app.services.store.read() as txn:
            assert list(CODES.scan(txn)) == []
        ann.sign_in("ann")
        assert len(ann.call("list_api_keys")["keys"]) == (0 if end_keys else 1)

    @pytest.mark.parametrize(
        ("mode", "kept"), [("full", "198.51.100.9"), ("truncated", "198.51.100.0"), ("none", "")]
    )
    def test_addresses_are_kept_as_the_settings_have_it(
        self, tmp_path: Path, mode: str, kept: str
    ) -> None:
        environ = {**GENEROUS, "SHORTD_CLICKS__IP": mode}
        with open_app(tmp_path / "data", environ=environ) as app:
            ann = Surfer(app, address="198.51.100.9")
            ann.sign_up("ann")
            page = ann.get("/-/account").text
            assert (f'<span translate="no">{kept}</span>' in page) == bool(kept)
            assert ("198.51.100" in page) == bool(kept)
        raw = (tmp_path / "data" / "db" / "data.mdb").read_bytes()
        assert (b"198.51.100.9" in raw) == (mode == "full")

    def test_what_a_program_calls_itself_is_text(self, app: RunningApp, ann: Surfer) -> None:
        login = {"username_email": "ann", "password": double_sha256(PASSWORD)}
        headers = {"user-agent": "<script>x</script>" + "y" * 1000}
        app.post("login", login, headers=headers)
        page = ann.get("/-/account").text
        assert "&lt;script&gt;x&lt;/script&gt;yyy" in page
        assert "y" * 300 not in page


class TestLook:
    def test_pages_look_as_they_are_wanted(self, app: RunningApp, ann: Surfer) -> None:
        assert '<html lang="en">' in ann.get("/-/account").text
        page = act(ann, "look", language="de", theme="dark")
        assert '<html lang="de" data-theme="dark" data-keys="off">' in page
        other = Surfer(app)
        other.sign_in("ann")
        assert '<html lang="de" data-theme="dark"' in other.get("/-/account").text
        assert (ann.cookies["lang"], ann.cookies["theme"]) == ("de", "dark")
        page = act(ann, "look", language="", theme="auto", keys="on")
        assert '<html lang="en">' in page
        assert ann.cookies.keys() == {"shortd"}

    @pytest.mark.parametrize(
        "form", [{"language": "xx"}, {"theme": "pink"}, {"language": "e" * 40}]
    )
    def test_nothing_else(self, ann: Surfer, form: dict[str, str]) -> None:
        before = everything(ann.app)
        assert ann.send("/-/account/look", form).status_code == 422
        assert everything(ann.app) == before

    def test_it_ends_with_the_account(self, app: RunningApp, ann: Surfer) -> None:
        act(ann, "look", theme="dark")
        userid = ann.credentials["userid"]
        with app.services.store.read() as txn:
            kept = PREFERENCES.get(txn, (userid,))
        assert kept is not None
        assert kept.theme is Theme.DARK
        ann.send("/-/account/delete", {"name": "ann", **CONFIRMED})
        with app.services.store.read() as txn:
            assert PREFERENCES.get(txn, (userid,)) is None


class TestEnd:
    @pytest.mark.parametrize(
        ("form", "said"),
        [
            ({"name": "", **CONFIRMED}, "Fill this in."),
            ({"name": "ben", **CONFIRMED}, "This is not the account's name."),
            ({"name": "ann", "password": "wrong one"}, "This is not your password."),
            ({"name": "ann"}, "Fill this in."),
        ],
    )
    def test_a_slip_ends_nothing(self, ann: Surfer, form: dict[str, str], said: str) -> None:
        assert refused(ann, "delete", **form) == said
        assert ann.is_in()

    def test_it_takes_everything_along(self, app: RunningApp, ann: Surfer) -> None:
        short = ann.call("url", url="https://example.com/")["entry"]["shorturl"]
        answer = ann.send("/-/account/delete", {"name": " ann ", **CONFIRMED})
        assert answer.headers["location"] == "/"
        assert "shortd" not in ann.cookies
        assert app.visit(short).status_code == 404
        left = everything(app)
        assert left["accounts"] == left["links"] == left["tokens"] == []
        assert ann.sign_in("ann").status_code == 422


class TestKeys:
    def test_one_is_made_and_shown_once(self, app: RunningApp, ann: Surfer) -> None:
        answer = ann.send("/-/account/keys", {"name": HOSTILE[:-1], "days": "7", "scope": "write"})
        assert answer.status_code == 200
        (key,) = set(re.findall(r"api_key=(\w+)&", answer.text))
        assert "content-encoding" not in answer.headers
        page = ann.get("/-/account/keys").text
        assert key not in page
        assert "&lt;script&gt;alert" in page
        assert "never used" in page
        made = app.get(f"/shorten.json?api_key={key}&url=https%3A%2F%2Fexample.com%2F")
        assert made.status_code == 200
        app.run(app.services.accounts.save_uses())
        assert "never used" not in ann.get("/-/account/keys").text
        app.clock.advance(8 * 86_400)
        page = ann.get("/-/account/keys").text
        assert '<span class="tag bad">ended</span>' in page

    def test_and_ended(self, app: RunningApp, ann: Surfer) -> None:
        key = ann.call("create_api_key", name="x")
        answer = ann.send("/-/account/keys/end", {"id": key["key"]["id"]})
        assert "The key has ended." in ann.follow(answer).text
        assert ann.send("/-/account/keys/end", {"id": key["key"]["id"]}).status_code == 303
        url = f"/shorten.json?api_key={key['api_key']}&url=https%3A%2F%2Fexample.com%2F"
        assert app.get(url).status_code == 401

    def test_nobody_elses(self, app: RunningApp, ann: Surfer) -> None:
        ben = Surfer(app)
        ben.sign_up("ben")
        key = ben.call("create_api_key", name="x")["key"]["id"]
        ann.send("/-/account/keys/end", {"id": key})
        assert len(ben.call("list_api_keys")["keys"]) == 1

    def test_one_that_ends_beyond_the_calendar_is_shown(self, ann: Surfer) -> None:
        ann.call("create_api_key", name="x", expiration_utime=5 * 10**17)
        assert ann.get("/-/account/keys").status_code == 200

    @pytest.mark.parametrize(
        "form",
        [
            {"name": ""},
            {"name": "x" * 65},
            {"name": "a\nb"},
            {"name": "x", "days": "0"},
            {"name": "x", "days": "-1"},
            {"name": "x", "days": "soon"},
            {"name": "x", "days": "1e9"},
            {"name": "x", "scope": "admin"},
        ],
    )
    def test_comes_back(self, ann: Surfer, form: dict[str, str]) -> None:
        before = everything(ann.app)
        answer = ann.send("/-/account/keys", form)
        assert answer.status_code == 422
        assert wrong(answer.text)
        assert everything(ann.app) == before
