"""Broken forms of every kind: a clear answer, and nothing left behind."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shortd.testing import RunningApp, open_app
from tests.api.v2.envelopes import checked
from tests.conftest import GENEROUS
from tests.sharing.sharing import (
    BOUNDARY,
    FORM_TYPE,
    Sharer,
    assert_nothing_kept,
    error,
    file_form,
    file_part,
    form,
    output,
    part,
    query_part,
    sharer,
)

DATA = b"data"
CALLS = ("file", "file_part_upload")


@pytest.fixture(scope="module")
def owner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sharer]:
    """One for all: nothing here is ever kept."""
    with open_app(tmp_path_factory.mktemp("forms") / "data", environ=GENEROUS) as app:
        yield sharer(app)


@pytest.fixture
def app(owner: Sharer) -> Iterator[RunningApp]:
    """The owner's, which the test must leave as it was."""
    yield owner.app
    assert_nothing_kept(owner.app)


def refused(
    owner: Sharer, body: bytes, content_type: str = FORM_TYPE, calls: Sequence[str] = CALLS
) -> tuple[str, str | None]:
    """Code and field of a 400, which all these calls answer alike."""
    answers = set()
    for name in calls:
        response = owner.post_form(name, body, content_type)
        checked(response, name)
        status, code, field = error(response)
        assert status == 400, response.text
        answers.add((code, field))
    [answer] = answers
    return answer


@pytest.mark.parametrize(
    "content_type",
    [
        *("", "application/json", "application/x-www-form-urlencoded", "multipart/mixed"),
        *("multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary"),
        'multipart/form-data; boundary=""',
        "multipart/form-data; bound=x",
        f"text/multipart/form-data; boundary={BOUNDARY}",
        "multipart/form-data; boundary=" + "x" * 5000,
        "multipart/form-data" + "; x=y" * 5000,
        *("; ; ;", "multipart/form-data; " + ";" * 10_000),
    ],
    ids=lambda text: ascii(text[:60]),
)
def test_what_is_no_form(app: RunningApp, owner: Sharer, content_type: str) -> None:
    body = file_form(owner.query(DATA), DATA)
    assert refused(owner, body, content_type) == ("bad_form", None)


def test_no_content_type_at_all(app: RunningApp, owner: Sharer) -> None:
    body = json.dumps(owner.query(DATA))
    response = app.request("POST", "/v2/file", content=body)
    assert error(response) == (400, "bad_form", None)


@pytest.mark.parametrize("query_first", [True, False])
def test_cut_off_anywhere(app: RunningApp, owner: Sharer, query_first: bool) -> None:
    body = file_form(owner.query(DATA), DATA, query_first=query_first)
    # With the last dashes a form is complete; what may follow is nothing.
    end = len(body) - len("\r\n")
    for length in [*range(0, end, 7), end - 1]:
        assert refused(owner, body[:length], calls=["file"])[0] == "bad_form"


MISSHAPEN = {
    "no parts": form(),
    "another boundary": form().replace(b"usual", b"UNUSUAL"),
    "text in front": b"hello\r\n",
    "no blank line": f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="query"\r\n'.encode(),
    "no disposition": f"--{BOUNDARY}\r\nContent-Type: text/plain\r\n\r\nx\r\n".encode(),
    "no name": f"--{BOUNDARY}\r\nContent-Disposition: form-data\r\n\r\nx\r\n".encode(),
    "an attachment": part("query", b"{}").replace(b"form-data", b"attachment"),
    "no colon": f"--{BOUNDARY}\r\nContent-Disposition\r\n\r\nx\r\n".encode(),
    "bare line feeds": form().replace(b"\r\n", b"\n"),
    "a folded header": part("query", b"{}", " folded"),
    "a length that is wrong": part("query", b"{}", "Content-Length: 1"),
    "a length that is none": part("query", b"{}", "Content-Length: -1"),
    "something behind a boundary": f"--{BOUNDARY}hello\r\n".encode(),
    "a huge header": part("query", b"{}", "X-Huge: " + "x" * 20_000),
    "many headers": part("query", b"{}", *["X-Many: x"] * 100),
    "an endless header": f"--{BOUNDARY}\r\n".encode() + b"x" * 200_000,
    "zeros": bytes(100_000),
}


@pytest.mark.parametrize("body", MISSHAPEN.values(), ids=MISSHAPEN)
def test_misshapen(app: RunningApp, owner: Sharer, body: bytes) -> None:
    assert refused(owner, body + query_part(owner.query(DATA)))[0] == "bad_form"


def test_which_parts(app: RunningApp, owner: Sharer) -> None:
    query, file = query_part(owner.query(DATA)), file_part(DATA)
    assert refused(owner, form(file)) == ("bad_form", "query")
    assert refused(owner, form(file, file)) == ("bad_form", None)
    assert refused(owner, form(file, file, query)) == ("bad_form", None)
    # These come as far as the call itself, which then finds the form wrong.
    for body, field in [
        (form(query), None),
        (form(query, query, file), "query"),
        (form(query, file, query), "query"),
        (form(file, query, query), "query"),
        (form(query, file, file), None),
        (form(file, query, file), None),
        (form(query, file, *[file] * 10_000), None),
    ]:
        assert error(owner.post_form("file", body)) == (400, "bad_form", field)


def test_ten_thousand_parts(app: RunningApp, owner: Sharer) -> None:
    fields = [part(f"field{number}", b"") for number in range(10_000)]
    assert refused(owner, form(*fields)) == ("bad_form", None)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        *((b"", "bad_json"), (b"[]", "bad_json"), (b"null", "bad_json"), (b"{", "bad_json")),
        *((b'{"a":1', "bad_json"), (b"\xff", "bad_json"), (b"{}{}", "bad_json")),
        *((b"[" * 100_000, "bad_json"), (b"{}", "missing_field")),
    ],
    ids=lambda value: ascii(value[:20]),
)
def test_a_query_that_is_none(app: RunningApp, owner: Sharer, query: bytes, code: str) -> None:
    for parts in ([part("query", query), file_part(DATA)], [file_part(DATA), part("query", query)]):
        assert refused(owner, form(*parts))[0] == code


@pytest.mark.parametrize("behind", [False, True])
def test_a_query_that_is_too_large(app: RunningApp, owner: Sharer, behind: bool) -> None:
    query = query_part({**owner.query(DATA), "filename": "x" * (1 << 20)})
    body = form(file_part(DATA), query) if behind else form(query, file_part(DATA))
    for name in CALLS:
        assert error(owner.post_form(name, body)) == (413, "body_too_large", "query")


def test_what_follows_the_form_is_ignored(owner: Sharer) -> None:
    response = owner.post_form("file", file_form(owner.query(DATA), DATA) + b"epilogue" * 1000)
    entry = response.json()["output"]["entry"]
    assert owner.fetch(entry) == DATA
    owner.call("delete", shorturl=entry["shorturl"])
    assert_nothing_kept(owner.app)


def test_json_calls_take_no_form_and_the_other_way_round(app: RunningApp, owner: Sharer) -> None:
    response = owner.post_form("url", file_form({"url": "https://example.com/"}, DATA))
    assert error(response) == (400, "bad_json", None)
    calls = [{"type": name, **owner.query(DATA)} for name in CALLS]
    outputs = app.call("multi", call_queries=calls)
    assert "bad_form" in json.dumps(outputs)


@pytest.mark.parametrize("method", ["GET", "PUT", "HEAD", "DELETE"])
def test_other_methods(app: RunningApp, owner: Sharer, method: str) -> None:
    for name in CALLS:
        response = app.request(method, f"/v2/{name}")
        assert response.status_code == 405
        assert "POST" in response.headers["allow"]


@given(data=st.data())
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_damaged_forms(app: RunningApp, owner: Sharer, data: st.DataObject) -> None:
    """Whatever is wrong with the bytes, and however they are cut into pieces, it is no 500."""
    body = bytearray(file_form(owner.query(DATA), DATA, query_first=data.draw(st.booleans())))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(body) - 1))
        body[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    cuts = sorted(data.draw(st.sets(st.integers(0, len(body)), max_size=5)))

    async def pieces() -> AsyncIterator[bytes]:
        for start, stop in zip([0, *cuts], [*cuts, len(body)], strict=True):
            yield bytes(body[start:stop])

    headers = {"content-type": FORM_TYPE}
    response = app.request("POST", "/v2/file", content=pieces(), headers=headers)
    envelope = checked(response, "file")
    if envelope["status"] == "success":
        owner.call("delete", shorturl=envelope["output"]["entry"]["shorturl"])


def test_single_bytes(app: RunningApp, owner: Sharer) -> None:
    """However slowly it comes: the parser and the writer see every boundary."""
    data = b"\r\n--" + BOUNDARY.encode()[:-1] + b"\r\n-" * 300

    async def pieces() -> AsyncIterator[bytes]:
        for byte in file_form(owner.query(data), data):
            yield bytes([byte])

    headers = {"content-type": FORM_TYPE}
    response = app.request("POST", "/v2/file", content=pieces(), headers=headers)
    entry = output(response)["entry"]
    assert owner.fetch(entry) == data
    owner.call("delete", shorturl=entry["shorturl"])


@pytest.fixture
def sender(tmp_path: Path) -> Iterator[Sharer]:
    """Owner of files that are kept."""
    with open_app(tmp_path / "data", environ=GENEROUS) as running:
        yield sharer(running)


def raw_part(data: bytes, *lines: bytes) -> bytes:
    """The file part with these header lines as they are."""
    return b"\r\n".join([b"--" + BOUNDARY.encode(), *lines, b"", data]) + b"\r\n"


UNREAD = st.binary(max_size=30).map(
    lambda raw: bytes(byte for byte in raw if byte not in b'\r\n"\\;%')
)


def test_bytes_that_nobody_reads_may_be_anything(sender: Sharer) -> None:
    @given(UNREAD, UNREAD, st.booleans())
    @settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
    def check(filename: bytes, kind: bytes, query_first: bool) -> None:
        file = raw_part(
            DATA,
            b'Content-Disposition: form-data; name="file"; filename="%b"' % filename,
            b"Content-Type: %b" % kind,
            b"X-More: %b" % kind,
        )
        parts = [query_part(sender.query(DATA)), file]
        output(sender.post_form("file", form(*(parts if query_first else parts[::-1]))))

    check()


@pytest.mark.parametrize(
    "filename", [b"caf\xe9.txt", b"\x93\xfa\x96{.txt", b"\xff\xfe", b"\x00\x01", "ü.txt".encode()]
)
def test_file_names_in_any_encoding(sender: Sharer, filename: bytes) -> None:
    file = raw_part(DATA, b'Content-Disposition: form-data; name="file"; filename="%b"' % filename)
    for body in (
        form(query_part(sender.query(DATA)), file),
        form(file, query_part(sender.query(DATA))),
    ):
        assert output(sender.post_form("file", body))["entry"]["url"] == "notes.txt"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (file_part(DATA), part("comment", b"hi")),
        (part("comment", b"hi"), file_part(DATA)),
        (file_part(DATA), part("token", b"x" * 100)),
    ],
)
def test_a_third_field_is_told_by_its_name(
    app: RunningApp, owner: Sharer, first: bytes, second: bytes
) -> None:
    query = query_part(owner.query(DATA))
    names = {b"file", b"comment", b"token"}
    for fields in ((query, first, second), (first, query, second), (first, second, query)):
        response = owner.post_form("file", form(*fields))
        assert error(response) == (400, "bad_form", None)
        message = response.json()["error"]["message"]
        for name in names:
            asked = b'name="%b"' % name in first + second
            assert (f"`{name.decode()}`" in message) is asked, message


def test_a_strange_name_is_shown_harmlessly(app: RunningApp, owner: Sharer) -> None:
    strange = raw_part(b"x", b'Content-Disposition: form-data; name="\xff\x1b%b"' % (b"n" * 500))
    body = form(query_part(owner.query(DATA)), file_part(DATA), strange)
    message = owner.post_form("file", body).json()["error"]["message"]
    assert message.isprintable() and len(message) < 300
