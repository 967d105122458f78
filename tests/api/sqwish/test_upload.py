"""`upload`: a file in a form, as uploaders and curl send it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from shortd.testing import open_app
from tests.api.sqwish.people import Answer, Client, checked, client
from tests.conftest import GENEROUS

TEXT = b"Sales went up.\r\n--x" * 40
PICTURE = ("na\u00efve \u201cquoted\u201d.png", TEXT, "image/png")


def send(
    who: Client,
    *parts: tuple[str, Any],
    written: str = "json",
    query: str = "",
    length: bool = True,
) -> httpx.Response:
    """A form of these parts, in their order; a tuple is a file."""
    given = [(name, one if isinstance(one, tuple) else (None, one)) for name, one in parts]
    form = httpx.Request("POST", "http://x/", files=given)
    headers = {"content-type": form.headers["content-type"]}
    if length:
        headers["content-length"] = form.headers["content-length"]
    path = f"/upload.{written}{query}"
    return who.app.request("POST", path, content=form.read(), headers=headers)


def shared(who: Client, *parts: tuple[str, Any], written: str = "json", **more: Any) -> Answer:
    answer = send(who, *parts, written=written, **more)
    assert answer.status_code == 200, answer.text
    return checked(answer, written)


def content(who: Client, short_url: str) -> bytes:
    return who.app.get(who.app.get(short_url).headers["location"]).content


@pytest.mark.parametrize("length", [True, False])
def test_a_file_gets_a_link(ann: Client, written: str, length: bool) -> None:
    parts = [("api_key", ann.key), ("file", PICTURE)]
    answer = shared(ann, *parts, written=written, length=length)
    assert list(answer) == ["error", "original", "shortURL", "code", "custom", "password"]
    assert answer["original"] == PICTURE[0]
    assert (answer["custom"], answer["password"]) == ("false", "false")
    assert content(ann, answer["shortURL"]) == TEXT
    [entry] = ann.person.call("get_entries", count=10)["entries"]
    assert entry["shorturl"] == answer["shortURL"]


def test_what_is_wished_for_may_stand_behind_the_file(ann: Client) -> None:
    parts = [("api_key", ann.key), ("file", PICTURE), ("custom", "spring"), ("password", "x")]
    answer = shared(ann, *parts)
    assert (answer["code"], answer["custom"], answer["password"]) == ("spring", "true", "true")
    assert ann.app.get(answer["shortURL"]).status_code == 200, "a page asks for the password"
    assert send(ann, *parts).status_code == 409


def test_the_key_may_stand_in_the_address(ann: Client) -> None:
    shared(ann, ("file", PICTURE), query=f"?api_key={ann.key}")


@pytest.mark.parametrize(
    ("parts", "status"),
    [
        ([("file", PICTURE)], 401),
        ([("file", PICTURE), ("api_key", "KEY")], 401),
        ([("api_key", "x" * 32), ("file", PICTURE)], 401),
        ([("api_key", "KEY")], 400),
        ([("api_key", "KEY"), ("file", "no file")], 400),
        ([("api_key", "KEY"), ("file", PICTURE), ("file", PICTURE)], 400),
        ([("api_key", "KEY"), ("api_key", "KEY"), ("file", PICTURE)], 400),
        ([("api_key", "KEY"), ("file", PICTURE), ("custom", "-")], 400),
        ([("api_key", "KEY"), ("custom", "x" * 5000), ("file", PICTURE)], 413),
    ],
)
def test_what_is_refused_leaves_nothing(
    ann: Client, parts: list[tuple[str, Any]], status: int, written: str
) -> None:
    keyed = [(name, ann.key if value == "KEY" else value) for name, value in parts]
    answer = send(ann, *keyed, written=written)
    assert answer.status_code == status
    checked(answer, written)
    assert ann.person.call("get_entries", count=1)["entries"] == []
    files = ann.app.services.settings.data_dir / "files"
    assert [path for path in files.rglob("*") if path.is_file()] == []


def test_a_key_that_only_reads_takes_no_file(ann: Client) -> None:
    reader = Client(ann.app, ann.person, scopes=["read"])
    assert send(ann, ("api_key", reader.key), ("file", PICTURE)).status_code == 403


def test_no_key_will_not_do_where_others_need_none(anybody: Client) -> None:
    assert send(anybody, ("file", PICTURE)).status_code == 401


def test_another_body_is_refused(ann: Client) -> None:
    answer = ann.app.request("POST", f"/upload.json?api_key={ann.key}", content=b"x")
    assert answer.status_code == 400
    answer = ann.app.get("/upload.json")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "OPTIONS, POST"
    checked(answer, "json")


def test_a_file_larger_than_allowed(tmp_path: Path) -> None:
    environ = {**GENEROUS, "SHORTD_LIMITS__REGISTERED__MAX_FILE_BYTES": "1000"}
    with open_app(tmp_path / "small", environ=environ) as app:
        ann = client(app, "ann")
        large = ("a.bin", bytes(1001), "")
        for length in (True, False):
            answer = send(ann, ("api_key", ann.key), ("file", large), length=length)
            assert answer.status_code == 413
            checked(answer, "json")
