"""The pages `/-/verify` and `/-/reset`, as a browser without scripts uses them."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from structlog.testing import capture_logs

from shortd.testing import RunningApp
from shortd.web.policies import FORM_HEADERS, script_headers
from tests.api.v2.envelopes import everything
from tests.api.v2.people import Person, double_sha256, pbkdf2, registered
from tests.mail.conftest import AppWith
from tests.mail.post_office import PostOffice, link_of, query_of
from tests.mail.test_calls import EMAIL, WRONG, forgotten, mailed, opens
from tests.web.test_pages import read

BROWSER = {"accept": "text/html"}
PASSWORD = "pässword: 50% & + more"
HOSTILE = "\"'><script>alert(1)</script>{{ 7 * 7 }}"


def send(app: RunningApp, path: str, form: dict[str, str], **headers: str) -> httpx.Response:
    return app.request("POST", path, content=urlencode(form), headers={**BROWSER, **headers})


def form_of(response: httpx.Response) -> dict[str, str]:
    """The fields of a page's form, as they would be sent."""
    document = read(response.text)
    (form,) = document.all("form")
    assert form["method"] == "post"
    return {
        str(field["name"]): field.get("value") or ""
        for field in document.all("input")
        if field.get("name")
    }


@pytest.fixture
def verifying(app: RunningApp, office: PostOffice, member: Person) -> dict[str, str]:
    """What the link of a mail says."""
    member.call("verify_email")
    return mailed(app, office)


@pytest.fixture
def resetting(app: RunningApp, office: PostOffice, member: Person) -> dict[str, str]:
    return forgotten(app, office)


class TestVerify:
    def test_opening_the_link_does_nothing(
        self, app: RunningApp, member: Person, verifying: dict[str, str]
    ) -> None:
        before = everything(app)
        for method in ("GET", "HEAD", "GET"):
            response = app.request(method, f"/-/verify?{urlencode(verifying)}")
            assert response.status_code == 200
        assert everything(app) == before
        assert form_of(response) == verifying

    def test_the_button_finishes_it(
        self, app: RunningApp, member: Person, verifying: dict[str, str]
    ) -> None:
        page = app.get(f"/-/verify?{urlencode(verifying)}")
        response = send(app, "/-/verify", form_of(page))
        assert response.status_code == 200
        assert "Your address is verified" in response.text
        assert member.call("get_account_info")["type"] == "verified"

    def test_pressing_twice_is_no_mistake(
        self, app: RunningApp, member: Person, verifying: dict[str, str]
    ) -> None:
        first = send(app, "/-/verify", verifying)
        before = everything(app)["accounts"]
        assert send(app, "/-/verify", verifying).text == first.text
        assert everything(app)["accounts"] == before

    def test_a_wrong_code_says_what_to_do(self, app: RunningApp, verifying: dict[str, str]) -> None:
        response = send(app, "/-/verify", {**verifying, "code": WRONG})
        assert response.status_code == 403
        assert "ask for a new one" in response.text


class TestReset:
    def test_the_form_sets_the_password_as_clients_derive_it(
        self, app: RunningApp, member: Person, resetting: dict[str, str]
    ) -> None:
        page = app.get(f"/-/reset?{urlencode(resetting)}")
        form = {**form_of(page), "password": PASSWORD, "again": PASSWORD}
        response = send(app, "/-/reset", form)
        assert response.status_code == 200
        assert "Your new password is set" in response.text
        assert everything(app)["tokens"] == [], "nobody holds the token of the reset"
        assert opens(app, pbkdf2(PASSWORD))
        assert opens(app, double_sha256(PASSWORD))

    def test_opening_the_link_does_nothing(
        self, app: RunningApp, resetting: dict[str, str]
    ) -> None:
        before = everything(app)
        page = app.get(f"/-/reset?{urlencode(resetting)}")
        assert form_of(page) == {**resetting, "password": "", "again": ""}
        assert everything(app) == before

    @pytest.mark.parametrize(
        ("password", "again", "words"),
        [
            ("", "", "1 to 1000"),
            ("x" * 1001, "x" * 1001, "1 to 1000"),
            ("one", "two", "two different"),
            ("one", "", "two different"),
        ],
    )
    def test_a_slip_costs_no_attempt(
        self, app: RunningApp, resetting: dict[str, str], password: str, again: str, words: str
    ) -> None:
        before = everything(app)
        form = {**resetting, "password": password, "again": again}
        response = send(app, "/-/reset", form)
        assert response.status_code == 400
        assert words in response.text
        assert everything(app) == before
        assert form_of(response) == {**resetting, "password": "", "again": ""}

    def test_a_password_is_the_same_however_it_is_typed(
        self, app: RunningApp, resetting: dict[str, str]
    ) -> None:
        form = {**resetting, "password": "Cafe\u0301", "again": "Caf\u00e9"}
        assert send(app, "/-/reset", form).status_code == 200
        assert opens(app, pbkdf2("Caf\u00e9"))
        assert opens(app, double_sha256("Caf\u00e9"))
        assert not opens(app, pbkdf2("Cafe\u0301"))

    def test_a_second_press_is_told_that_it_was_the_second(
        self, app: RunningApp, resetting: dict[str, str]
    ) -> None:
        form = {**resetting, "password": PASSWORD, "again": PASSWORD}
        send(app, "/-/reset", form)
        response = send(app, "/-/reset", form)
        assert response.status_code == 403
        assert "used already" in response.text
        assert opens(app, pbkdf2(PASSWORD))

    def test_a_wrong_code_costs_no_derivation(
        self, app: RunningApp, resetting: dict[str, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        derived: list[str] = []
        hasher = app.services.security.hasher
        monkeypatch.setattr(hasher, "derive", derived.append)
        form = {**resetting, "code": WRONG, "password": PASSWORD, "again": PASSWORD}
        assert send(app, "/-/reset", form).status_code == 403
        assert derived == []

    @pytest.mark.parametrize(
        ("public_url", "warned"),
        [
            ("https://s.example.org", False),
            ("http://127.0.0.1:8080", False),
            ("http://localhost:8080", False),
            ("http://[::1]:8080", False),
            ("http://nas.local:8080", True),
            ("http://192.168.1.5", True),
        ],
    )
    def test_plain_http_is_warned_of(
        self, app_with: AppWith, public_url: str, warned: bool
    ) -> None:
        with app_with(PUBLIC_URL=public_url) as app:
            page = app.get(f"/-/reset?email=a@b.example&code={WRONG}")
            assert ("not encrypted" in page.text) is warned


@pytest.mark.parametrize("path", ["/-/verify", "/-/reset"])
class TestBoth:
    def test_headers(self, app: RunningApp, path: str) -> None:
        headers = app.get(f"{path}?email=a@b.example&code={WRONG}").headers
        form = script_headers(["https://s.example.org/-/static/"], form=True)
        wanted = FORM_HEADERS if path == "/-/verify" else form
        for name, value in wanted:
            assert headers[name] == value
        assert headers["cache-control"] == "no-store"
        assert headers["referrer-policy"] == "strict-origin"
        assert "form-action 'self'" in headers["content-security-policy"]

    @pytest.mark.parametrize(
        "query",
        [
            "",
            "email=a@b.example",
            f"code={WRONG}",
            f"email=&code={WRONG}",
            "email=a@b.example&code=short",
            f"email=a@b.example&code={WRONG}0",
            f"email=a@b.example&code={WRONG}%0A",
            f"email=a@b.example&code={'g' * 32}",
            f"email={'a' * 400}@b.example&code={WRONG}",
        ],
    )
    def test_an_incomplete_link_says_so(self, app: RunningApp, path: str, query: str) -> None:
        for response in (
            app.get(f"{path}?{query}", headers=BROWSER),
            app.request("POST", path, content=query, headers=BROWSER),
        ):
            assert response.status_code == 400
            assert "not complete" in response.text

    def test_what_a_link_claims_stays_text(self, app: RunningApp, path: str) -> None:
        query = urlencode({"email": HOSTILE, "code": WRONG})
        response = app.get(f"{path}?{query}", headers=BROWSER)
        assert form_of(response)["email"] == HOSTILE
        assert "<script>" not in response.text

    @pytest.mark.parametrize(
        "body",
        [
            b"\xff\xfe",
            b"email=%ff&code=1",
            b"nonsense",
            b"a=1&" * 11 + b"b=2",
            b'{"email": "a@b.example"}',
        ],
    )
    def test_a_body_that_is_no_form(self, app: RunningApp, path: str, body: bytes) -> None:
        response = app.request("POST", path, content=body)
        assert response.status_code == 400
        assert response.json()["error"]["code"] == "bad_form"

    def test_a_body_too_large(self, app: RunningApp, path: str) -> None:
        response = app.request("POST", path, content=b"email=" + b"x" * 20_000)
        assert response.status_code == 413

    def test_a_malformed_address_is_refused(self, app: RunningApp, path: str) -> None:
        form = {"email": "a@b@c", "code": WRONG, "password": "x", "again": "x"}
        response = send(app, path, form)
        assert response.status_code == 400

    @pytest.mark.parametrize("site", ["cross-site", "same-site"])
    def test_forms_of_other_sites_are_refused(self, app: RunningApp, path: str, site: str) -> None:
        form = {"email": EMAIL, "code": WRONG, "password": "x", "again": "x"}
        refused = send(app, path, form, **{"sec-fetch-site": site})
        assert refused.status_code == 403
        assert "not sent by a page" in refused.text
        taken = send(app, path, form, **{"sec-fetch-site": "same-origin"})
        assert taken.status_code == 403, "for its code"
        assert "not sent by a page" not in taken.text

    def test_guessing_is_paid_for(self, app_with: AppWith, path: str) -> None:
        limits = {"LIMITS__CLIENT__API_CAPACITY": "12000", "LIMITS__CLIENT__API_REFILL_RATE": "1"}
        form = {"email": EMAIL, "code": WRONG, "password": "x", "again": "x"}
        with app_with(**limits) as app:
            statuses = [send(app, path, form).status_code for _ in range(3)]
            assert statuses == [403, 403, 429]
            # Looking is free.
            assert app.get(f"{path}?email=a@b.example&code={WRONG}").status_code == 200

    def test_the_host_of_a_request_means_nothing(
        self, app: RunningApp, office: PostOffice, path: str
    ) -> None:
        page = app.get(
            f"{path}?email=a@b.example&code={WRONG}",
            headers={"host": "evil.example", "x-forwarded-host": "evil.example"},
        )
        assert "evil" not in page.text

    def test_the_log_has_no_code(self, app: RunningApp, path: str) -> None:
        with capture_logs() as logged:
            app.get(f"{path}?email=a@b.example&code={WRONG}")
            send(app, path, {"email": "a@b.example", "code": WRONG})
            app.request("PUT", f"{path}?code={WRONG}")
        assert WRONG not in json.dumps(logged, default=repr)


def test_a_mail_leads_to_its_page(app: RunningApp, office: PostOffice) -> None:
    """The very address in the mail, on the server that it names."""
    person = registered(app, "o'brien+tag")
    for call, inputs in (
        ("verify_email", person.credentials),
        ("forgot_password", {"username_email": "o'brien+tag@nowhere.example"}),
    ):
        app.call(call, **inputs)
        app.deliver()
        mail = office.next()
        page: Any = app.get(link_of(mail))
        assert page.status_code == 200
        assert form_of(page).items() >= query_of(mail).items()
