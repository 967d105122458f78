"""Whatever an issuer answers wrongly: nobody gets in, the page says what failed and what to change,
and the log has it under the same number."""

from __future__ import annotations

import re
import time
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from structlog.testing import capture_logs

from shortd.issuers import asking, faults
from tests.issuers.conftest import BEGIN, Issuer, Start, sign_in
from tests.web.surfer import Surfer

WRONG_TOKENS: dict[str, tuple[dict[str, Any], faults.FaultKind, str]] = {
    "expired": ({"exp": -3600}, faults.CLOCK, "exp is"),
    "no end": ({"exp": None}, faults.CLAIM, "exp is missing"),
    "an end that is no time": ({"exp": "tomorrow"}, faults.CLOCK, "exp is 'tomorrow'"),
    "an end that never comes": ({"exp": True}, faults.CLOCK, "exp is True"),
    "of the future": ({"iat": +3600, "exp": +7200}, faults.CLOCK, "iat is"),
    "not yet": ({"nbf": +3600}, faults.CLOCK, "nbf is"),
    "another audience": ({"aud": "other"}, faults.AUDIENCE, "aud is 'other', expected 'shortd'"),
    "several audiences": ({"aud": ["other", "more"]}, faults.AUDIENCE, "aud is"),
    "no audience": ({"aud": None}, faults.CLAIM, "aud is missing"),
    "another party": ({"aud": ["shortd", "x"], "azp": "x"}, faults.AUDIENCE, "azp is 'x'"),
    "another issuer": ({"iss": "https://evil.example"}, faults.ISSUER, "iss is"),
    "no issuer": ({"iss": None}, faults.CLAIM, "iss is missing"),
    "another nonce": ({"nonce": "x"}, faults.NONCE, ""),
    "no nonce": ({"nonce": None}, faults.NONCE, "there is none"),
    "a nonce that is no text": ({"nonce": 1}, faults.NONCE, ""),
    "no subject": ({"sub": None}, faults.CLAIM, "sub is missing"),
    "an empty subject": ({"sub": ""}, faults.CLAIM, "sub is empty"),
    "a subject that is a number": ({"sub": 7}, faults.CLAIM, "sub is 7"),
    "a long subject": ({"sub": "x" * 256}, faults.CLAIM, "longer than 255"),
    "no address": ({"email": None}, faults.CLAIM, "email is missing"),
    "an address that is none": ({"email": "ann"}, faults.CLAIM, "email is no address"),
    "an address that is a list": ({"email": ["a@example.org"]}, faults.CLAIM, "email is missing"),
}
_TIMES = ("exp", "iat", "nbf")


def refused(surfer: Surfer, path: str, kind: faults.FaultKind, detail: str = "") -> None:
    """Asks for the page, which has to refuse for this reason, and nobody is signed in by it."""
    with capture_logs() as lines:
        answer = surfer.get(path)
    assert answer.status_code == kind.status, answer.text
    from markupsafe import escape

    assert str(escape(str(kind.said))) in answer.text
    assert str(escape(str(kind.change))) in answer.text
    assert "http://127.0.0.1:8080/-/login/oidc/home/callback" in answer.text
    (line,) = [line for line in lines if line["event"] == "sign_in_failed"]
    assert (line["fault"], line["issuer"]) == (kind.name, "home")
    assert re.search(rf"number {line['id']} in the log", answer.text)
    assert detail in line.get("detail", "")
    assert str(escape(line.get("detail", ""))) in answer.text
    assert "shortd" not in surfer.cookies
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("case", WRONG_TOKENS)
def test_a_wrong_token_opens_nothing(start: Start, issuer: Issuer, case: str) -> None:
    claims, kind, detail = WRONG_TOKENS[case]
    surfer = Surfer(start("create = true"))
    now = issuer.told.now
    moved = {
        name: value + now if name in _TIMES and type(value) is int else value
        for name, value in claims.items()
    }
    issuer.tell(claims=moved)
    refused(surfer, issuer.visit(surfer.get(BEGIN)), kind, detail)
    assert surfer.app.services.accounts.accounts.named("ann@example.org") is None


def test_clocks_may_differ_by_a_little(start: Start, issuer: Issuer) -> None:
    app = start("create = true")
    for apart in (-50, 50):
        issuer.tell(now=app.clock.now() // 1_000_000 + apart)
        assert sign_in(Surfer(app), issuer).status_code == 303


@pytest.mark.parametrize(
    ("told", "kind", "detail"),
    [
        ({"alg": "none"}, faults.ALGORITHM, "alg is 'none'"),
        ({"alg": "HS256"}, faults.ALGORITHM, "alg is 'HS256'"),
        ({"alg": "HS256 with the key"}, faults.ALGORITHM, "alg is 'HS256'"),
        ({"alg": "PS256"}, faults.ALGORITHM, "alg is 'PS256'"),
        ({"alg": "broken"}, faults.MALFORMED, "no signed token"),
        ({"key": "unknown"}, faults.KEYS, "kid is 'two'"),
        ({"key": "foreign"}, faults.SIGNATURE, "kid is 'one'"),
        ({"key": "foreign", "kid": False}, faults.SIGNATURE, "kid is None"),
        ({"token": "no id_token"}, faults.MALFORMED, "there is no id_token"),
        ({"token": "refused"}, faults.EXCHANGE, "400 invalid_grant"),
        ({"token": "error"}, faults.EXCHANGE, "500"),
        ({"token": "html"}, faults.ANSWER, "(200)"),
        ({"token": "list"}, faults.ANSWER, "(200)"),
        ({"token": "redirect"}, faults.ANSWER, "(302)"),
        ({"token": "huge"}, faults.TOO_LARGE, "too much"),
        ({"token": "endless"}, faults.TOO_LARGE, ""),
        ({"jwks": "error"}, faults.ANSWER, "/keys answers 500"),
        ({"jwks": "html"}, faults.ANSWER, "/keys: "),
        ({"jwks": "list"}, faults.ANSWER, "/keys: "),
        ({"jwks": "deep"}, faults.ANSWER, "/keys: "),
        ({"jwks": "packed"}, faults.ANSWER, "/keys: "),
        ({"jwks": "redirect"}, faults.ANSWER, "/keys answers 302"),
        ({"jwks": "huge"}, faults.TOO_LARGE, "too much"),
        ({"jwks": "endless"}, faults.TOO_LARGE, "too much"),
        (
            {"claims": {"email": None}, "userinfo": {"sub": "bob-2"}},
            faults.SUBJECT,
            "another sub",
        ),
        ({"claims": {"email": None}, "userinfo": {"sub": None}}, faults.SUBJECT, ""),
        ({"error": "access_denied"}, faults.DENIED, "access_denied because it was told so"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_a_wrong_answer_opens_nothing(
    start: Start, issuer: Issuer, told: dict[str, Any], kind: faults.FaultKind, detail: str
) -> None:
    surfer = Surfer(start("create = true"))
    issuer.tell(**told)
    refused(surfer, issuer.visit(surfer.get(BEGIN)), kind, detail)


@pytest.mark.parametrize(
    ("told", "kind", "detail"),
    [
        ({"discovery": "error"}, faults.ANSWER, "openid-configuration answers 500"),
        ({"discovery": "html"}, faults.ANSWER, ""),
        ({"discovery": "list"}, faults.ANSWER, ""),
        ({"discovery": "deep"}, faults.ANSWER, ""),
        ({"discovery": "redirect"}, faults.ANSWER, "answers 302"),
        ({"discovery": "huge"}, faults.TOO_LARGE, "too much"),
        ({"discovery": "endless"}, faults.TOO_LARGE, "too much"),
        ({"description": {"issuer": "https://other.example"}}, faults.DISCOVERY, "issuer is"),
        ({"description": {"issuer": None}}, faults.ANSWER, "issuer"),
        ({"description": {"token_endpoint": None}}, faults.ANSWER, "token_endpoint"),
        ({"description": {"jwks_uri": 7}}, faults.ANSWER, "jwks_uri"),
        (
            {"description": {"token_endpoint": "http://id.example.org/token"}},
            faults.DISCOVERY,
            "token_endpoint is neither https",
        ),
        (
            {"description": {"authorization_endpoint": "javascript:alert(1)"}},
            faults.DISCOVERY,
            "authorization_endpoint",
        ),
        (
            {"description": {"authorization_endpoint": "https://id.example.org/\r\nx: y"}},
            faults.DISCOVERY,
            "authorization_endpoint",
        ),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_what_it_says_of_itself_is_not_believed_blindly(
    start: Start, issuer: Issuer, told: dict[str, Any], kind: faults.FaultKind, detail: str
) -> None:
    surfer = Surfer(start("create = true"))
    issuer.tell(**told)
    refused(surfer, BEGIN, kind, detail)


@pytest.mark.parametrize("how", ["slow", "trickle"])
@pytest.mark.parametrize("what", ["discovery", "jwks", "token"])
def test_nobody_waits_for_ever(
    start: Start, issuer: Issuer, monkeypatch: pytest.MonkeyPatch, what: str, how: str
) -> None:
    surfer = Surfer(start("create = true"))
    path = BEGIN if what == "discovery" else issuer.visit(surfer.get(BEGIN))
    monkeypatch.setattr(asking, "SECONDS", 0.5)
    issuer.tell(**{what: how})
    since = time.monotonic()
    refused(surfer, path, faults.SLOW, "127.0.0.1")
    assert time.monotonic() - since < 30


def test_an_issuer_that_is_not_there(start: Start, issuer: Issuer) -> None:
    surfer = Surfer(start(rest="[auth.oidc.gone]\nissuer='http://127.0.0.1:9'\nclient_id='x'"))
    answer = surfer.get("/-/login/oidc/gone")
    assert answer.status_code == 502
    assert "The issuer cannot be reached." in answer.text
    assert "Connection refused" in answer.text or "connection attempts failed" in answer.text
    assert surfer.get("/-/login/oidc/gone").status_code == 502
    assert surfer.get(BEGIN).status_code == 303, "the other one is none the worse"


def test_a_broken_issuer_is_asked_once_by_a_crowd(start: Start, issuer: Issuer) -> None:
    app = start()
    issuer.tell(discovery="error")
    issuer.asked()
    for number in range(5):
        assert Surfer(app, address=f"192.0.2.{number}").get(BEGIN).status_code == 502
    assert len(issuer.asked()) == 1
    issuer.tell(discovery="right")
    app.clock.advance(3)
    assert Surfer(app).get(BEGIN).status_code == 303


# Codes and states


def test_a_code_is_good_once(start: Start, issuer: Issuer) -> None:
    surfer = Surfer(start("create = true"))
    path = issuer.visit(surfer.get(BEGIN))
    before = dict(surfer.cookies)
    assert surfer.get(path).status_code == 303
    surfer.cookies.clear()
    refused(surfer, path, faults.STATE)
    surfer.cookies |= before
    refused(surfer, path, faults.EXCHANGE, "invalid_grant")


def test_a_state_is_good_once(start: Start, issuer: Issuer) -> None:
    surfer = Surfer(start("create = true"))
    path = issuer.visit(surfer.get(BEGIN))
    issuer.tell(claims={"nonce": "x"})
    refused(surfer, path, faults.NONCE)
    assert "shortd-flows" not in surfer.cookies
    refused(surfer, path, faults.STATE)


def test_a_state_lasts_ten_minutes(start: Start, issuer: Issuer) -> None:
    app = start("create = true")
    surfer = Surfer(app)
    path = issuer.visit(surfer.get(BEGIN))
    app.clock.advance(600)
    refused(surfer, path, faults.STATE)


def test_another_browser_is_not_signed_in_with_it(start: Start, issuer: Issuer) -> None:
    """What a stranger has begun for himself opens his account in nobody else's browser."""
    app = start("create = true")
    stranger, ann = Surfer(app), Surfer(app)
    issuer.asked()
    path = issuer.visit(stranger.get(BEGIN))
    refused(ann, path, faults.STATE)
    ann.get(BEGIN)
    refused(ann, path, faults.STATE)
    assert issuer.asked().count("POST /token") == 0


def with_query(path: str, **values: str) -> str:
    parts = urlsplit(path)
    query = {name: found[0] for name, found in parse_qs(parts.query).items()} | values
    return f"{parts.path}?{urlencode({name: text for name, text in query.items() if text})}"


@pytest.mark.parametrize("state", ["", "x", "x" * 32, "x" * 5000, "ÿ"])
def test_a_state_of_somebodys_making_is_none(start: Start, issuer: Issuer, state: str) -> None:
    surfer = Surfer(start("create = true"))
    path = issuer.visit(surfer.get(BEGIN))
    refused(surfer, with_query(path, state=state), faults.STATE)


@pytest.mark.parametrize("cookie", ["x", "x" * 5000, "AAAA" * 20, "%00"])
def test_a_cookie_of_somebodys_making_is_none(start: Start, issuer: Issuer, cookie: str) -> None:
    surfer = Surfer(start("create = true"))
    path = issuer.visit(surfer.get(BEGIN))
    surfer.cookies["shortd-flows"] = cookie
    refused(surfer, path, faults.STATE)


def test_a_cookie_that_was_changed_is_none(start: Start, issuer: Issuer) -> None:
    surfer = Surfer(start("create = true"))
    path = issuer.visit(surfer.get(BEGIN))
    known = surfer.cookies["shortd-flows"]
    for place in (0, 20, len(known) - 2):
        other = "A" if known[place] != "A" else "B"
        surfer.cookies["shortd-flows"] = known[:place] + other + known[place + 1 :]
        refused(surfer, path, faults.STATE)


def test_a_state_of_one_issuer_is_none_at_another(start: Start, issuer: Issuer) -> None:
    more = f"[auth.oidc.work]\nissuer='{issuer.url}'\nclient_id='shortd'"
    surfer = Surfer(start("create = true", rest=more))
    path = issuer.visit(surfer.get(BEGIN))
    answer = surfer.get(path.replace("/home/", "/work/"))
    assert answer.status_code == 403 and "not begun in this browser" in answer.text


def test_an_answer_of_another_issuer_is_refused(start: Start, issuer: Issuer) -> None:
    surfer = Surfer(start("create = true"))
    path = issuer.visit(surfer.get(BEGIN))
    refused(surfer, with_query(path, iss="https://evil.example"), faults.ISSUER, "evil")


def test_a_code_that_is_missing_is_refused(start: Start, issuer: Issuer) -> None:
    surfer = Surfer(start("create = true"))
    path = issuer.visit(surfer.get(BEGIN))
    refused(surfer, with_query(path, code=""), faults.DENIED)


def test_three_tabs_at_a_time(start: Start, issuer: Issuer) -> None:
    surfer = Surfer(start("create = true"))
    paths = [issuer.visit(surfer.get(BEGIN)) for _ in range(4)]
    refused(surfer, paths[0], faults.STATE)
    assert surfer.get(paths[1]).status_code == 303
    assert surfer.get(paths[3]).status_code == 303


def test_words_of_the_issuers_are_only_words(start: Start, issuer: Issuer) -> None:
    surfer = Surfer(start("create = true"))
    path = issuer.visit(surfer.get(BEGIN))
    answer = surfer.get(with_query(path, code="", error="<script>x</script>" + "x" * 4000))
    assert "<script>x" not in answer.text
    assert "x" * 400 not in answer.text


@pytest.mark.parametrize("alg", ["ES256", "EdDSA"])
def test_other_algorithms_do(start: Start, issuer: Issuer, alg: str) -> None:
    surfer = Surfer(start("create = true"))
    issuer.tell(alg=alg)
    assert sign_in(surfer, issuer).status_code == 303


def test_a_token_that_names_no_key_may_do(start: Start, issuer: Issuer) -> None:
    surfer = Surfer(start("create = true"))
    issuer.tell(kid=False)
    assert sign_in(surfer, issuer).status_code == 303
