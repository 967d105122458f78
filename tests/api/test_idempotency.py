"""Idempotency-Key: what is asked for twice is done once, and answered alike."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortd import errors
from shortd.api.caller import Keyed
from shortd.clock import DAY, SECOND
from shortd.limits import repeats
from shortd.limits.repeats import Repeats, key_of
from shortd.store.check import faults
from shortd.store.schema import EVERYBODY, REPEAT_BYTES, REPEATS
from shortd.testing import RunningApp, open_app
from tests.api.keyed import KEY, MAKERS, Sent, calls, json_call, rows
from tests.api.v1.samples import World
from tests.api.v2.people import Person, registered, temporary
from tests.conftest import GENEROUS


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with open_app(tmp_path_factory.mktemp("keyed") / "data", environ=GENEROUS) as app:
        yield World(app)


def code(answer: httpx.Response) -> str:
    """The code of a refusal of v2."""
    return str(answer.json()["error"]["code"])


def kept(app: RunningApp) -> int:
    with app.services.store.read() as txn:
        return REPEATS.count(txn)


def test_all_calls_that_make_something_are_here() -> None:
    assert {name.partition(".")[0] for name in MAKERS} == calls(Keyed.ONCE) | {"sqwish upload"}


@pytest.mark.parametrize("name", MAKERS)
class TestOfAllCalls:
    def test_the_same_is_done_once(self, world: World, name: str) -> None:
        sent, key = MAKERS[name](world, f"once{len(name)}"), f"{KEY} once {name}".replace(" ", "-")
        first = sent.by(world.app, key)
        assert first.status_code == 200, first.text
        made = rows(world.app)
        world.app.clock.advance(5)
        again = sent.by(world.app, f'"{key}"')
        assert (again.status_code, again.content) == (200, first.content)
        assert again.headers == first.headers
        assert rows(world.app) == made

    def test_what_was_never_answered_is_answered_from_what_was_made(
        self, world: World, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def lost(self: Repeats, row: Any, body: bytes) -> None:
            raise ConnectionError

        sent, key = MAKERS[name](world, f"lost{len(name)}"), f"{KEY}-lost-{hash(name)}"
        with monkeypatch.context() as patch:
            patch.setattr(Repeats, "put_answer", lost)
            assert sent.by(world.app, key).status_code == 500
        made = rows(world.app)
        first = sent.by(world.app, key)
        assert first.status_code == 200, first.text
        assert '"error":{' not in first.text and rows(world.app) == made
        assert sent.by(world.app, key).content == first.content

    def test_another_request_is_refused(self, world: World, name: str) -> None:
        key = f"{KEY}-another-{hash(name)}"
        assert MAKERS[name](world, f"one{len(name)}").by(world.app, key).status_code == 200
        other = MAKERS[name](world, f"two{len(name)}")
        made = rows(world.app)
        answer = other.by(world.app, key)
        message = errors.IDEMPOTENCY_KEY_REUSED.message
        assert message in answer.text.replace("\\/", "/")
        assert answer.status_code == (200 if name.startswith("v1") else 422)
        assert rows(world.app) == made
        # Without the key it is a request like any.
        assert other.by(world.app, None).status_code == 200


REFUSED: dict[str, dict[str, Any]] = {
    "v2 temporary_account": {},
    "v2 signup": {"email": "new@nowhere.example", "password": "ab" * 32},
    "v2 login": {"username_email": "ann", "password": "ab" * 32},
    "v2 change_password": {"password": "ab" * 32, "password_new": "cd" * 32},
    "v2 reset_password": {
        "email": "ann@nowhere.example",
        "unique_code": "ab" * 16,
        "password": "ab" * 32,
    },
    "v2 create_api_key": {"name": "mine"},
    "v2 multi": {"call_queries": [{"type": "temporary_account"}]},
    "v1 authen/token": {"username": "ann", "key": "x" * 32},
    "v1 authen/refresh-token": {"refreshToken": "x" * 64},
}


def test_all_calls_that_answer_credentials_are_here() -> None:
    assert set(REFUSED) == calls(Keyed.REFUSED)


@pytest.mark.parametrize("name", REFUSED)
def test_answers_with_credentials_are_kept_nowhere(world: World, name: str) -> None:
    api, _, call = name.partition(" ")
    own = world.owner.credentials if api == "v2" else {}
    sent = Sent(f"/{api}/{call}", json.dumps({**own, **REFUSED[name]}).encode())
    before, known = rows(world.app), kept(world.app)
    answer = sent.by(world.app)
    assert errors.IDEMPOTENCY_KEY_REFUSED.message in answer.text
    assert answer.status_code == (200 if api == "v1" else 400)
    assert (rows(world.app), kept(world.app)) == (before, known)


BAD_KEYS = [
    "",
    " ",
    '"',
    '""',
    '"a',
    'a"b',
    "a b",
    "a,b",
    '"a", "b"',
    '"a";b=1',
    "x" * 256,
    "\xe9",
    '"\\a"',
    "a\x7f",
    f'"{"x" * 256}"',
    ":YWJj:"[:0] + "\x01",
]


@pytest.mark.parametrize("key", BAD_KEYS)
def test_what_is_no_key_is_refused(world: World, key: str) -> None:
    sent, before = MAKERS["v2 url"](world, "bad"), rows(world.app)
    header = [(b"idempotency-key", key.encode("latin-1"))]
    answer = world.app.request("POST", sent.path, content=sent.body, headers=header)  # type: ignore[arg-type]
    assert (answer.status_code, code(answer)) == (400, "invalid_idempotency_key")
    assert rows(world.app) == before


def test_two_keys_are_none(world: World) -> None:
    with pytest.raises(errors.ShortdError):
        key_of(["a", "a"])


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=255))
def test_a_key_is_the_same_with_quotes_and_without(text: str) -> None:
    quoted = '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    assert key_of([quoted]) == text
    if not set(text) & set(' ",'):
        assert key_of([text]) == text


@given(st.text(max_size=300))
def test_any_header_is_a_key_or_refused(text: str) -> None:
    try:
        assert 1 <= len(key_of([text])) <= 255
    except errors.ShortdError as refusal:
        assert refusal.kind is errors.INVALID_IDEMPOTENCY_KEY


class TestWhose:
    def test_keys_of_others_are_others(self, app: RunningApp) -> None:
        ann, ben = registered(app, "ann"), temporary(app)
        answers = []
        for who in (ann, ben):
            body = json.dumps({**who.credentials, "url": "https://example.org/"}).encode()
            answers.append(Sent("/v2/url", body).by(app))
        first, second = (answer.json()["output"]["entry"]["id"] for answer in answers)
        assert first != second

    def test_another_token_is_the_same_caller(self, app: RunningApp) -> None:
        ann = registered(app, "ann", username="ann")
        password = "ab" * 32
        other = registered(app, "eve", password=password)
        again = app.call("login", username_email="eve@nowhere.example", password=password)
        answers = [
            Sent(
                "/v2/url",
                json.dumps(
                    {"userid": other.userid, "token": token, "url": "https://example.org/"}
                ).encode(),
            ).by(app)
            for token in (other.token, again["token"])
        ]
        assert answers[0].content == answers[1].content
        assert len(other.entries(count=10)) == 1 and not ann.entries()

    def test_a_wrong_token_is_told_nothing(self, app: RunningApp) -> None:
        ann = registered(app, "ann")
        good = json.dumps({**ann.credentials, "url": "https://example.org/"}).encode()
        assert Sent("/v2/url", good).by(app).status_code == 200
        bad = json.dumps({**ann.credentials, "token": "x" * 32, "url": "https://example.org/"})
        assert code(Sent("/v2/url", bad.encode()).by(app)) == "bad_credentials"

    def test_who_has_no_key_of_sqwish_is_an_address(self, tmp_path: Path) -> None:
        environ = {**GENEROUS, "SHORTD_SQWISH__REQUIRE_KEY": "false"}
        with open_app(tmp_path / "open", environ=environ) as app:
            sent = Sent("/shorten.json?url=https://example.org/", b"", "GET")
            first, again = sent.by(app), sent.by(app)
            other = sent.by(app, address="198.51.100.9")
            assert first.content == again.content != other.content


class TestWhatIsKept:
    def test_for_a_day(self, app: RunningApp) -> None:
        ann = registered(app, "ann")
        sent = Sent(
            "/v2/url", json.dumps({**ann.credentials, "url": "https://a.example/"}).encode()
        )
        first = sent.by(app)
        app.clock.advance(DAY / SECOND - 1)
        app.sweep()
        assert sent.by(app).content == first.content
        app.clock.advance(2)
        assert sent.by(app).content != first.content
        app.clock.advance(DAY / SECOND + 1)
        app.sweep()
        with app.services.store.read() as txn:
            assert REPEATS.count(txn) == REPEAT_BYTES.count(txn) == 0

    def test_nothing_of_what_was_refused(self, app: RunningApp) -> None:
        ann = registered(app, "ann")
        taken = registered(app, "ben").shorten(code="abcdef")
        assert taken["shorturl"]
        for url, own, status in (("x", "another", 400), ("https://a.example/", "abcdef", 409)):
            body = {**ann.credentials, "url": url, "code": own}
            assert Sent("/v2/url", json.dumps(body).encode()).by(app).status_code == status
        assert kept(app) == 0
        body = {**ann.credentials, "url": "https://a.example/", "code": "another"}
        assert Sent("/v2/url", json.dumps(body).encode()).by(app).status_code == 200

    def test_neither_keys_nor_passwords(self, app: RunningApp) -> None:
        ann = registered(app, "ann")
        body = {**ann.credentials, "url": "https://a.example/", "password": "squirrel-8"}
        assert Sent("/v2/url", json.dumps(body).encode()).by(app).status_code == 200
        with app.services.store.read() as txn:
            stored = repr([row for _, row in REPEATS.scan(txn)])
        assert KEY not in stored and "squirrel" not in stored and str(ann.token) not in stored

    def test_no_more_than_there_is_room_for(
        self, app: RunningApp, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(repeats, "CALLER_BYTES", 4000)
        ann, ben = registered(app, "ann"), registered(app, "ben")

        def ask(who: Person, number: int) -> httpx.Response:
            body = json.dumps({**who.credentials, "url": f"https://a.example/{number}"}).encode()
            return Sent("/v2/url", body).by(app, f"key-{number}")

        answers = [ask(ann, number) for number in range(20)]
        fine = [answer for answer in answers if answer.status_code == 200]
        assert 2 <= len(fine) < 20
        assert {code(answer) for answer in answers[len(fine) :]} == {"idempotency_keys_limited"}
        assert int(answers[-1].headers["retry-after"]) == DAY // SECOND
        assert len(ann.entries(count=100)) == len(fine)
        assert ask(ben, 1).status_code == 200, "others have room of their own"
        assert ask(ann, 0).content == answers[0].content
        with app.services.store.read() as txn:
            assert REPEAT_BYTES.get(txn, (ann.userid,)) or 0 <= 5000
            total = sum(size for (key,), size in REPEAT_BYTES.scan(txn) if key != EVERYBODY)
            assert REPEAT_BYTES.get(txn, (EVERYBODY,)) == total

    def test_who_has_signed_up_has_room_beside_those_who_have_not(
        self, app: RunningApp, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        known = app.services.limits.repeats
        monkeypatch.setattr(known, "_most", 200_000)
        ann = registered(app, "ann")
        told = []
        for number in range(30):
            # As many accounts as they like, each with one answer, however large.
            urls = [f"https://a.example/{one}" for one in range(150)]
            body = json.dumps({**temporary(app).credentials, "urls": urls}).encode()
            answer = Sent("/v2/urls", body).by(app, f"key-{number}")
            told.append(answer.status_code)
            with app.services.store.read() as txn:
                assert (REPEAT_BYTES.get(txn, (EVERYBODY,)) or 0) <= 100_000
        assert told[0] == 200 and told[-1] == 429
        assert told.count(200) >= 2
        body = json.dumps({**ann.credentials, "url": "https://a.example/"}).encode()
        first = Sent("/v2/url", body).by(app)
        assert first.status_code == 200
        assert Sent("/v2/url", body).by(app).content == first.content

    def test_it_ends_with_its_account(self, app: RunningApp) -> None:
        guest = temporary(app)
        body = json.dumps({**guest.credentials, "url": "https://a.example/"}).encode()
        assert Sent("/v2/url", body).by(app).status_code == 200
        app.clock.advance(40 * DAY / SECOND)
        app.sweep()
        assert kept(app) == 0
        with app.services.store.read() as txn:
            assert list(faults(txn)) == []

    def test_the_largest_answers(self, app: RunningApp) -> None:
        ann = registered(app, "ann")
        urls = [f"https://a.example/{number}" for number in range(1000)]
        body = json.dumps({**ann.credentials, "urls": urls, "qr": {"format": "png"}}).encode()
        first, again = Sent("/v2/urls", body).by(app), Sent("/v2/urls", body).by(app)
        assert first.status_code == 200
        assert first.content == again.content and len(ann.entries(count=1000)) == 1000


def test_calls_that_make_nothing_pass_over_it(world: World) -> None:
    sent = json_call("get_entries")(world, "")
    known = kept(world.app)
    assert sent.by(world.app).status_code == 200
    assert json_call("check_credentials")(world, "").by(world.app).status_code == 200
    assert kept(world.app) == known


def test_of_twins_one_acts(world: World) -> None:
    """However many come at once: one makes it, others are told to wait or get its answer."""
    sent, before = MAKERS["v2 url"](world, "twins"), rows(world.app)
    transport = httpx.ASGITransport(world.app._app)  # type: ignore[arg-type]
    headers = {"idempotency-key": f"{KEY}-twins"}

    async def ask() -> list[httpx.Response]:
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as web:
            asked = (web.post(sent.path, content=sent.body, headers=headers) for _ in range(8))
            return list(await asyncio.gather(*asked))

    answers = world.app.run(ask())
    fine = {answer.content for answer in answers if answer.status_code == 200}
    waiting = [answer for answer in answers if answer.status_code != 200]
    assert len(fine) == 1
    assert {code(answer) for answer in waiting} <= {"idempotency_key_in_use"}
    assert all(answer.status_code == 409 and "retry-after" in answer.headers for answer in waiting)
    assert rows(world.app)["links"] == before["links"] + 1
    assert sent.by(world.app, headers["idempotency-key"]).content in fine
