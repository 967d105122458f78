"""File names and types as clients give them, hostile ones among them, and where they come out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import inspect
from werkzeug.http import parse_options_header

from shortd.api.v2.registry import CALLS, Call
from shortd.file_names import shortened
from shortd.models.files import Encryption, File
from shortd.testing import RunningApp, open_app
from shortd.web.downloads import disposition, presentation
from tests.api.v2.samples import World, bad_values, fields
from tests.conftest import GENEROUS
from tests.sharing.sharing import (
    SECRECY,
    Sharer,
    assert_nothing_kept,
    error,
    file_form,
    form,
    frames,
    part,
    sharer,
)

FORM_CALLS = {name: call for name, call in CALLS.items() if call.form}
FINE_NAMES = [
    *("notes.txt", " padded ", "no extension", "a.tar.gz", ".hidden", "semi;colon", "100%.txt"),
    *('quo"ted', "sing'le", "com,ma", "a=b", "naïve.txt", "Übung.pdf", "日本語.png", "файл.doc"),
    *("🎉🎊.gif", "👩‍👩‍👧.png", "עברית.txt", "%41.txt", "%", "filename*=UTF-8''x", "a" * 1000),
    *("🎉" * 1000, "x" * 1024, "COM1", "con.txt", "-rf", "~", "a:b", "<b>.html", "a\u200bb", "…"),
]
HOSTILE_NAMES = [
    *("", " ", "\t", ".", "..", " .. ", "/", "\\", "a/b", "a\\b", "/etc/passwd", "../../x"),
    *(
        "C:\\x",
        "a\n",
        "\x1fa",
        "a\0b",
        "a\rb",
        "a\nb",
        "a\r\nSet-Cookie: x=y",
        "\x7f",
        "\x1b[2J",
        "a\x85b",
    ),
    *("a\u2028b", "a\u2029b", "exe\u202ecod.txt", "a\u2066b", "a\u202ab", "x" * 1025),
]


@pytest.fixture(scope="module")
def owner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sharer]:
    with open_app(tmp_path_factory.mktemp("names") / "data", environ=GENEROUS) as app:
        yield sharer(app)


def read_back(header: str) -> tuple[str, dict[str, str]]:
    """As clients do that know RFC 8187."""
    kind, options = parse_options_header(header)
    assert header.isascii() and header.isprintable()
    return kind, options


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with open_app(tmp_path_factory.mktemp("fields") / "data", environ=GENEROUS) as app:
        yield World(app)


@pytest.mark.parametrize("name", FINE_NAMES, ids=lambda name: ascii(name[:20]))
def test_fine_names_come_back(owner: Sharer, name: str) -> None:
    entry = owner.share(b"data", filename=name)
    assert entry["url"] == name.strip()
    headers = owner.app.get(owner.address(entry)).headers
    kind, options = read_back(headers["content-disposition"])
    assert kind == "attachment"
    assert options["filename"] == shortened(name.strip(), 255, len)[: 191 if "🎉" in name else 255]
    assert "set-cookie" not in headers


LONG_NAMES = [
    *("x" * 1024, "x" * 1019 + ".tiff", "é" * 1024, "%" * 1024, "中" * 1020 + ".pdf"),
    *("🎉" * 1020 + ".png", "a" * 255, "中" * 255, "\U00010900" * 1024, "x." + "y" * 1022),
]


@pytest.mark.parametrize("name", LONG_NAMES, ids=lambda name: ascii(name[:20]))
def test_headers_stay_below_what_proxies_take(owner: Sharer, name: str) -> None:
    kinds = ("", "application/" + "x" * 243)
    for filetype, query in (
        (kind, query) for kind in kinds for query in ({}, {"range": "bytes=0-0,2-3"})
    ):
        entry = owner.share(b"data", filename=name, filetype=filetype)
        assert entry["url"] == name
        answer = owner.app.get(owner.address(entry), headers=query)
        raw = sum(len(field) + len(value) + 4 for field, value in answer.headers.raw)
        # With its status line, and a few that servers and proxies add.
        assert raw < 4096 - 512
        _, options = read_back(answer.headers["content-disposition"])
        kept, dot, suffix = options["filename"].rpartition(".")
        assert name.startswith(kept)
        if len(name.rpartition(".")[2]) < 9:
            assert name.endswith(dot + suffix)


def test_a_long_fallback_is_a_name_too() -> None:
    """As curl -J takes it."""
    header = disposition("é" * 1000 + ".jpeg", attachment=True).decode()
    assert f'filename="{"_" * 250}.jpeg"' in header


@pytest.mark.parametrize("name", HOSTILE_NAMES, ids=lambda name: ascii(name[:20]))
def test_hostile_names_are_refused(owner: Sharer, name: str) -> None:
    app = owner.app
    for response in (
        owner.send(b"data", filename=name),
        owner.send(b"data", filename=name, query_first=False),
        owner.post("file_part_initialize", filename=name, filesize=4),
    ):
        assert error(response) == (400, "invalid_field", "filename")
    assert not app.call("get_entries", **owner.credentials, tag=-1)["entries"]


@pytest.mark.parametrize("name", [b"\\ud800", b"a\\udc00b", b"\xff\xfe", b"a\nb"])
def test_names_that_are_no_text(owner: Sharer, name: bytes) -> None:
    query = b'{"userid":"%b","filename":"%b","filesize":4}' % (owner.userid.encode(), name)
    body = form(part("query", query), part("file", b"data"))
    assert error(owner.post_form("file", body))[:2] == (400, "bad_json")


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=190), st.booleans())
@settings(max_examples=300, deadline=None)
def test_any_name_is_one_safe_header(name: str, attachment: bool) -> None:
    """Whatever may have come into the database."""
    header = disposition(name, attachment=attachment).decode("ascii")
    assert header.isprintable()
    kind, options = read_back(header)
    assert kind == ("attachment" if attachment else "inline")
    assert options["filename"] == name
    # Clients that do not know it get a name of the same length, and nothing to unquote.
    fallback = header.rpartition("; filename*=")[0].partition('filename="')[2].removesuffix('"')
    assert len(fallback) == len(name)
    assert not set(fallback) & set('\\"%')


FINE_TYPES = [
    *("", "image/png", "text/plain", "application/vnd.oasis.opendocument.text", "IMAGE/PNG"),
    *("text/plain; charset=utf-8", 'text/plain;charset="utf-8"', "a/b;c=d; e=f", "model/gltf+json"),
]
HOSTILE_TYPES = [
    *("image", "/", "image/", "/png", "image/png/x", "text/html\r\nX: y", "text/html\n", "té/xt"),
    *("a/b;", "a/b; ", "a/b,c/d", "text/html;\0", "a b/c", "(x)/y", "x/" + "y" * 300, "a/b;c d"),
]


@pytest.mark.parametrize("filetype", FINE_TYPES)
def test_fine_types(owner: Sharer, filetype: str) -> None:
    entry = owner.share(b"data", filetype=filetype)
    assert entry["filetype"] == filetype
    shown = owner.app.get(owner.address(entry)).headers.get_list("content-type")
    added = "; charset=utf-8" if filetype == "text/plain" else ""
    assert shown == [(filetype or "application/octet-stream") + added]


@pytest.mark.parametrize(
    ("filetype", "shown"),
    [
        *(
            (kept, kept)
            for kept in (
                "text/plain; charset=iso-8859-1",
                "text/plain;charset=windows-1251",
                'text/plain; Charset="Shift_JIS"',
                "TEXT/plain; format=flowed; CHARSET=utf-16",
                "text/plain ; charset=x-unknown",
            )
        ),
        ("text/plain; format=flowed", "text/plain; format=flowed; charset=utf-8"),
        ("Text/Plain", "Text/Plain; charset=utf-8"),
        ("text/plain; charset=", "text/plain; charset=; charset=utf-8"),
        ("text/csv", "text/csv"),
    ],
)
def test_a_declared_charset_is_kept(owner: Sharer, filetype: str, shown: str) -> None:
    entry = owner.share(b"caf\xe9", filetype=filetype)
    assert entry["filetype"] == filetype
    response = owner.app.get(owner.address(entry))
    assert response.headers.get_list("content-type") == [shown]
    assert response.headers["content-disposition"].startswith(
        "inline" if "plain" in filetype.lower() else "attachment"
    )


@pytest.mark.parametrize("filetype", HOSTILE_TYPES, ids=lambda text: ascii(text[:20]))
def test_hostile_types_are_refused(owner: Sharer, filetype: str) -> None:
    for response in (
        owner.send(b"data", filetype=filetype),
        owner.post("file_part_initialize", filename="x", filesize=4, filetype=filetype),
    ):
        assert error(response) == (400, "invalid_field", "filetype")


SHOWN = [
    *("image/png", "image/jpeg", "image/gif", "image/webp", "image/avif", "IMAGE/PNG; x=y"),
    *("audio/mpeg", "video/mp4", "video/webm", "application/pdf", "text/plain"),
]
NEVER_SHOWN = [
    *("", "text/html", "TEXT/HTML", "text/html; charset=utf-8", "image/svg+xml", "text/xml"),
    *("application/xhtml+xml", "application/xml", "text/css", "text/javascript", "x/y", "text/csv"),
    *("application/javascript", "application/x-shockwave-flash", "multipart/x-mixed-replace"),
    *("image/svg", "application/json", "application/octet-stream", "text/markdown"),
]


@pytest.mark.parametrize("filetype", SHOWN + NEVER_SHOWN)
def test_a_file_is_never_active_content(owner: Sharer, filetype: str) -> None:
    entry = owner.share(b"<script>alert(1)</script>", filetype=filetype)
    headers = owner.app.get(owner.address(entry)).headers
    kind, _ = read_back(headers["content-disposition"])
    policy = headers["content-security-policy"]
    if filetype in SHOWN:
        assert kind == "inline"
        assert set(policy.split("; ")) == {
            *("default-src 'none'", "frame-ancestors 'none'"),
            *("media-src 'self'", "style-src 'unsafe-inline'"),
        }
    else:
        assert kind == "attachment"
        assert policy == "sandbox"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize("filetype", SHOWN + NEVER_SHOWN)
def test_encrypted_files_are_bytes(filetype: str) -> None:
    """Of whatever type: it is that of what is inside."""
    kind, headers = presentation(File("", "name", 1, filetype, 33, Encryption.AES_GCM))
    assert kind == b"application/octet-stream"
    assert dict(headers)[b"content-disposition"].startswith(b"attachment")
    assert dict(headers)[b"content-security-policy"] == b"sandbox"


class TestFields:
    """The fields of the calls that come as forms, as tests/v2 has it for all others."""

    @staticmethod
    def ask(world: World, call: Call, query: dict[str, Any], *, query_first: bool) -> Any:
        person = Sharer(world.app, world.owner.userid, world.owner.token)
        return error(
            person.post_form(call.name, file_form(query, b"data", query_first=query_first))
        )

    @pytest.mark.parametrize(
        ("call", "field"),
        [
            pytest.param(call, field, id=f"{call.name}-{field.encode_name}")
            for call in FORM_CALLS.values()
            for field in fields(call)
        ],
    )
    def test_wrong_types_and_values(self, world: World, call: Call, field: inspect.Field) -> None:
        values = list(bad_values(field.type))
        assert values
        for number, value in enumerate(values):
            query = {**world.good(call), field.encode_name: value}
            status, code, name = self.ask(world, call, query, query_first=number % 2 == 0)
            assert (status, code) == (400, "invalid_field"), value
            assert name is not None and re.split(r"[.\[]", name)[0] == field.encode_name
        if field.required:
            query = world.good(call)
            del query[field.encode_name]
            answer = self.ask(world, call, query, query_first=True)
            assert answer == (400, "missing_field", field.encode_name)
        assert_nothing_kept(world.app)

    @pytest.mark.parametrize("missing", ["challenge", "signature"])
    def test_encrypted_files_need_both(self, app: RunningApp, missing: str) -> None:
        owner = sharer(app)
        query = owner.query(frames(4), filesize=4, **SECRECY)
        del query[missing]
        response = owner.post_form("file", file_form(query, frames(4)))
        assert error(response) == (400, "missing_field", missing)
        assert_nothing_kept(app)
