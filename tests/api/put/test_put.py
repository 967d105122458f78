"""PUT: files as the bodies of requests, answered by a line of text."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortd import errors
from shortd.api.put.wishes import Wishes, key_in, read_wishes
from shortd.clock import DAY, SECOND
from shortd.errors import CATALOGUE
from shortd.models.common import NEVER
from shortd.testing import RunningApp, open_app
from tests.api.keyed import KEY, rows
from tests.api.sqwish.people import Client, client
from tests.conftest import GENEROUS
from tests.sharing.sharing import assert_sound

TEXT = b"Sales went up.\n" * 40
CLOSED = {**GENEROUS, "SHORTD_WEB__HOME": "accounts"}


@pytest.fixture
def ann(app: RunningApp) -> Client:
    return client(app, "ann")


def put(
    app: RunningApp,
    path: str = "/report.txt",
    key: str = "",
    content: bytes | AsyncIterator[bytes] = TEXT,
    **headers: str,
) -> httpx.Response:
    """A PUT with these headers, `_` in whose names is `-`."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    if key:
        given["authorization"] = f"Bearer {key}"
    answer = app.request("PUT", path, content=content, headers=given)
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.text.endswith("\n") and answer.text.count("\n") == 1
    if answer.status_code != 201:
        name, _, message = answer.text.partition(": ")
        assert CATALOGUE[name].status == answer.status_code and message
        assert ("www-authenticate" in answer.headers) is (answer.status_code == 401)
    return answer


def made(answer: httpx.Response) -> str:
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == answer.text.strip()
    return answer.text.strip()


def content(app: RunningApp, short_url: str) -> httpx.Response:
    return app.get(app.get(short_url).headers["location"])


def entry(ann: Client) -> dict[str, Any]:
    [one] = ann.person.call("get_entries", count=10)["entries"]
    return dict(one)


@pytest.mark.parametrize("path", ["/report.txt", "/-/up/report.txt"])
def test_a_file_gets_a_link(ann: Client, path: str) -> None:
    short_url = made(put(ann.app, path, ann.key))
    answer = content(ann.app, short_url)
    assert answer.content == TEXT
    assert answer.headers["content-type"].startswith("text/plain")
    assert 'filename="report.txt"' in answer.headers["content-disposition"]
    found = entry(ann)
    assert (found["shorturl"], found["url"]) == (short_url, "report.txt")
    assert (found["expiration_utime"], found["expiration_count"]) == (NEVER, 0)
    assert_sound(ann.app)


def test_it_may_come_in_chunks(ann: Client) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield TEXT

    assert content(ann.app, made(put(ann.app, key=ann.key, content=pieces()))).content == TEXT * 40


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/", "file"),
        ("/-/up/", "file"),
        ("/a%20b.txt", "a b.txt"),
        ("/na%C3%AFve.txt", "na\u00efve.txt"),
        ("/a%2Fb.txt", "a_b.txt"),
        ("/%2e%2e%2fpasswd", ".._passwd"),
        ("/%00%0a", "__"),
        ("/..", "file"),
        ("/%FF.txt", "\ufffd.txt"),
        ("/-/up/robots.txt", "robots.txt"),
        ("/-/up/shorten.json", "shorten.json"),
        ("/v2", "v2"),
        ("/abcdef", "abcdef"),
        ("/abcdef+", "abcdef+"),
        (f"/{'x' * 2000}.txt", f"{'x' * 2000}.txt"[-1024:]),
    ],
)
def test_names(ann: Client, path: str, name: str) -> None:
    if path != "/..":
        made(put(ann.app, path, ann.key))
        assert entry(ann)["url"] == name


OTHERS = [
    "/a/b.txt",
    "/-/up/a/b",
    "/-/up",
    "/-/x",
    "/v2/url",
    "/v1/entity",
    "/robots.txt",
    "/shorten.json",
]


@pytest.mark.parametrize("path", OTHERS)
def test_other_paths_take_no_files(ann: Client, path: str) -> None:
    before = rows(ann.app)
    answer = ann.app.request("PUT", path, content=TEXT)
    status = answer.json()["status"]["code"] if path.startswith("/v1/") else answer.status_code
    assert status in (404, 405)
    assert rows(ann.app) == before


@pytest.mark.parametrize("suffix", ["", "+", ".svg"])
def test_no_file_takes_the_place_of_a_link(ann: Client, suffix: str) -> None:
    ann.person.call("url", url="https://example.org/", code="abcdef")
    before = rows(ann.app)
    for key in (ann.key, ""):
        headers = {"authorization": f"Bearer {key}"} if key else {}
        answer = ann.app.request("PUT", f"/abcdef{suffix}", content=TEXT, headers=headers)
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
    assert rows(ann.app) == before
    made(put(ann.app, f"/-/up/abcdef{suffix}", ann.key))


@pytest.mark.parametrize(
    ("given", "answered"),
    [
        ("image/png", "image/png"),
        ("application/octet-stream", "text/plain"),
        ("application/x-www-form-urlencoded", "text/plain"),
        ("nonsense", "application/octet-stream"),
    ],
)
def test_types(ann: Client, given: str, answered: str) -> None:
    short_url = made(put(ann.app, key=ann.key, content_type=given))
    assert content(ann.app, short_url).headers["content-type"].startswith(answered)


class TestWishes:
    @pytest.mark.parametrize("way", ["query", "headers"])
    def test_terms(self, ann: Client, way: str) -> None:
        wished = {"days": "0.5", "clicks": "1", "password": "gr\u00fcn", "code": "report"}
        now = ann.app.clock.now()
        if way == "query":
            answer = put(
                ann.app, "/a.txt?days=0.5&clicks=1&password=gr%C3%BCn&code=report", ann.key
            )
        else:
            headers = {f"shortd-{name}": value.encode() for name, value in wished.items()}
            given = {**headers, "authorization": f"Bearer {ann.key}".encode()}
            answer = ann.app.request("PUT", "/a.txt", content=TEXT, headers=given)  # type: ignore[arg-type]
        assert made(answer).endswith("/report")
        found = entry(ann)
        assert found["expiration_count"] == 1
        assert 0 <= found["expiration_utime"] - now - DAY // 2 < 5 * SECOND
        terms = ann.person.call("set_terms", shorturl=found["shorturl"])["terms"]
        assert terms["password"] is True

    @pytest.mark.parametrize(
        ("query", "status"),
        [
            ("days=0", 400),
            ("days=-1", 400),
            ("days=", 400),
            ("days=1e3", 400),
            ("days=NaN", 400),
            ("days=36501", 400),
            ("days=99999999999999999999", 400),
            ("days=%C2%B2", 400),
            ("clicks=0", 400),
            ("clicks=1.5", 400),
            ("clicks=9999999999999999999", 400),
            ("clicks=one", 400),
            ("password=", 400),
            ("password=%00", 400),
            ("password=" + "x" * 300, 400),
            ("password=%FF", 400),
            ("code=", 400),
            ("code=a/b", 400),
            ("code=%00", 400),
            ("code=robots.txt", 400),
            ("code=taken1", 409),
            ("day=7", 400),
            ("days=1&days=2", 400),
            ("a%0Ab=1", 400),
            ("&".join(f"a{n}=1" for n in range(200)), 400),
        ],
    )
    def test_what_is_refused_changes_nothing(self, ann: Client, query: str, status: int) -> None:
        ann.person.call("url", url="https://example.org/", code="taken1")
        before = rows(ann.app)
        for key in (ann.key, ""):
            assert put(ann.app, f"/a.txt?{query}", key).status_code == status
        assert rows(ann.app) == before
        files = ann.app.services.settings.data_dir / "files"
        assert [path for path in files.rglob("*") if path.is_file()] == []

    def test_header_and_query(self, ann: Client) -> None:
        assert put(ann.app, "/a.txt?days=1", ann.key, shortd_days="1").status_code == 400

    @pytest.mark.parametrize("header", ["content_range", "content_encoding"])
    def test_parts_and_packed_files(self, ann: Client, header: str) -> None:
        answer = put(ann.app, "/a.txt", ann.key, TEXT, **{header: "gzip"})
        assert (answer.status_code, answer.text.partition(":")[0]) == (400, "bad_request")

    @given(st.binary(max_size=80))
    def test_any_query_is_read_or_refused(self, query: bytes) -> None:
        try:
            read_wishes(query, {}).changes(0)
        except errors.ShortdError as refusal:
            assert refusal.status == 400

    @given(st.text(max_size=30), st.text(max_size=30))
    def test_any_terms_are_in_bounds_or_refused(self, days: str, clicks: str) -> None:
        try:
            changes = Wishes(days=days, clicks=clicks).changes(0)
        except errors.ShortdError as refusal:
            assert refusal.kind is errors.INVALID_FIELD
        else:
            assert 0 < (changes.expiration_utime or 0) <= 36_500 * DAY
            assert 0 < (changes.expiration_count or 0) < 2**63


class TestKeys:
    def test_basic_authentication(self, ann: Client) -> None:
        for user in ("", "ann", "a:b"[:1]):
            code = base64.b64encode(f"{user}:{ann.key}".encode()).decode()
            made(put(ann.app, authorization=f"Basic {code}"))

    @pytest.mark.parametrize(
        "authorization",
        [
            "Bearer " + "x" * 32,
            "Bearer",
            "Basic",
            "Basic !!!",
            "Basic " + base64.b64encode(b"ann").decode(),
            "Basic " + base64.b64encode(b"ann:wrong").decode(),
            "Basic " + base64.b64encode(b"\xff:\xff").decode(),
            "Digest x",
            "nonsense",
        ],
    )
    def test_a_wrong_one_is_refused_where_none_is_needed(
        self, ann: Client, authorization: str
    ) -> None:
        before = rows(ann.app)
        assert put(ann.app, authorization=authorization).status_code == 401
        assert rows(ann.app) == before

    def test_one_that_only_reads(self, ann: Client) -> None:
        reader = Client(ann.app, ann.person, scopes=["read"])
        assert put(ann.app, key=reader.key).status_code == 403

    @given(st.binary(max_size=80))
    def test_any_header_has_a_key_or_none(self, header: bytes) -> None:
        try:
            assert key_in(header)
        except errors.ShortdError as refusal:
            assert refusal.kind is errors.BAD_CREDENTIALS


class TestWithoutAccount:
    def test_where_links_are_made_so(self, app: RunningApp) -> None:
        short_url = made(put(app))
        assert content(app, short_url).content == TEXT
        app.clock.advance(31 * DAY / SECOND)
        app.sweep()
        assert app.get(short_url).status_code == 404, "it ends with its account"
        assert_sound(app)

    @pytest.mark.parametrize(
        "closed", [{"SHORTD_WEB__HOME": "accounts"}, {"SHORTD_ACCOUNTS__TEMPORARY": "false"}]
    )
    def test_where_they_are_not(self, tmp_path: Path, closed: dict[str, str]) -> None:
        with open_app(tmp_path / "closed", environ={**GENEROUS, **closed}) as app:
            before = rows(app)
            assert put(app).status_code == 401
            assert rows(app) == before
            made(put(app, key=client(app, "ann").key))


class TestRoom:
    @pytest.mark.parametrize("in_chunks", [False, True])
    def test_files_too_large(self, tmp_path: Path, in_chunks: bool) -> None:
        small = {
            "SHORTD_LIMITS__REGISTERED__MAX_FILE_BYTES": "1000",
            "SHORTD_LIMITS__TEMPORARY__MAX_FILE_BYTES": "1000",
        }
        with open_app(tmp_path / "small", environ={**GENEROUS, **small}) as app:
            ann = client(app, "ann")

            async def pieces() -> AsyncIterator[bytes]:
                for _ in range(1001):
                    yield b"x"

            before = rows(app)
            for key in (ann.key, ""):
                given = pieces() if in_chunks else bytes(1001)
                assert put(app, key=key, content=given).status_code == 413
            assert rows(app) == before
            made(put(app, key=ann.key, content=bytes(1000)))
            assert_sound(app)

    def test_a_quota(self, tmp_path: Path) -> None:
        environ = {**GENEROUS, "SHORTD_LIMITS__REGISTERED__STORAGE_BYTES": "1000"}
        with open_app(tmp_path / "small", environ=environ) as app:
            ann = client(app, "ann")
            first = put(app, key=ann.key, idempotency_key=KEY)
            made(first)
            refused = put(app, key=ann.key)
            assert (refused.status_code, refused.text.partition(":")[0]) == (403, "quota_exceeded")
            # There is no room for it a second time, and none is needed.
            again = put(app, key=ann.key, idempotency_key=KEY)
            assert (again.status_code, again.content) == (201, first.content)

    def test_weights(self, tmp_path: Path) -> None:
        environ = {"SHORTD_LIMITS__REGISTERED__API_CAPACITY": "2200"}
        with open_app(tmp_path / "poor", environ=environ) as app:
            ann = client(app, "ann")
            ann.app.clock.advance(100)
            made(put(app, key=ann.key, content=bytes(2_000_000)))
            assert ann.person.balance == 1000
            before = rows(app)
            refused = put(app, key=ann.key, content=bytes(1_000_000))
            assert refused.status_code == 429 and "retry-after" in refused.headers
            assert rows(app) == before


class TestRepeated:
    def test_the_same_file(self, ann: Client) -> None:
        for key in (ann.key, ""):
            first = put(ann.app, key=key, idempotency_key=KEY)
            again = put(ann.app, key=key, idempotency_key=KEY)
            assert (again.content, again.headers) == (first.content, first.headers)
        assert len(ann.person.call("get_entries", count=10)["entries"]) == 1

    def test_another(self, ann: Client) -> None:
        made(put(ann.app, key=ann.key, idempotency_key=KEY))
        before = rows(ann.app)
        for path, sent in (
            ("/report.txt", TEXT[1:]),
            ("/other.txt", TEXT),
            ("/report.txt?clicks=1", TEXT),
        ):
            answer = put(ann.app, path, ann.key, sent, idempotency_key=KEY)
            assert answer.status_code == 422
        assert rows(ann.app) == before


def test_hosts(tmp_path: Path) -> None:
    environ = {**GENEROUS, "SHORTD_HOSTS": "https://two.example"}
    with open_app(tmp_path / "hosts", environ=environ) as app:
        ann = client(app, "ann")
        assert made(put(app, "https://two.example/a.txt", ann.key)).startswith(
            "https://two.example/"
        )
        assert made(put(app, "/a.txt", ann.key)).startswith("http://127.0.0.1:8080/")
