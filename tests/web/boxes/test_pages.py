"""The pages of an owner's boxes, as HTTP sees them: all of it works without scripts."""

from __future__ import annotations

import re
from io import BytesIO
from typing import Any
from zipfile import ZIP_STORED, ZipFile

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from shortd.clock import DAY
from shortd.testing import RunningApp
from tests.sharing.boxes import Sender, coded, create, listed, point, state
from tests.web.surfer import Surfer

NEW = {"name": "Invoices", "of_all": "1048576", "files": "3"}


def make(ann: Surfer, **fields: str) -> str:
    """A new box's page."""
    answer = ann.send("/-/boxes", {**NEW, **fields})
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


def entry_of(ann: Surfer) -> dict[str, Any]:
    [entry] = ann.call("get_entries", count=1)["entries"]
    return dict(entry)


def test_its_whole_life(app: RunningApp, ann: Surfer) -> None:
    assert 'href="/-/boxes"' in ann.get("/-/share").text
    page = make(ann, note="By <b>Friday</b>", types=".txt, image/*", ending="my-box", ends="7d")
    entry = entry_of(ann)
    assert entry["shorturl"].endswith("/my-box")
    assert entry["expiration_utime"] == app.clock.now() + 7 * DAY
    shown = ann.get(page).text
    assert "Nothing yet." in shown and "127.0.0.1:8080/my-box" in re.sub("<[^>]*>", "", shown)
    sender = Sender(app, entry)
    asked = app.get(entry["shorturl"], headers={"accept": "text/html"}).text
    assert 'href="/-/report?link=' in asked
    assert "By &lt;b&gt;Friday&lt;/b&gt;" in asked and 'accept=".txt,image/*"' in asked
    assert sender.form(("a.txt", b"first"), note="<i>here</i>").status_code == 303
    assert sender.form(("a.txt", b"second")).status_code == 303
    shown = ann.get(page).text
    assert "&lt;i&gt;here&lt;/i&gt;" in shown and shown.count("a.txt") >= 2
    newest = listed(ann, entry)[0]
    fetched = ann.get(f"{page}/files/{newest['id']}")
    assert fetched.status_code == 200, fetched.text[-900:]
    assert fetched.content == b"second"
    assert fetched.headers["content-disposition"].startswith("attachment")
    assert fetched.headers["content-security-policy"] == "sandbox"
    packed = ann.get(f"{page}/all.zip")
    with ZipFile(BytesIO(packed.content)) as archive:
        assert sorted(archive.read(name) for name in archive.namelist()) == [b"first", b"second"]
        assert {info.compress_type for info in archive.infolist()} == {ZIP_STORED}
    assert int(packed.headers["content-length"]) == len(packed.content)
    said = ann.follow(ann.send(f"{page}/empty", {"item": str(newest["id"])})).text
    assert "1 file deleted." in said
    ann.send(f"{page}/close")
    assert "This box is closed" in ann.get(page).text and state(ann, entry)["closed"]
    ann.send(f"{page}/open")
    assert not state(ann, entry)["closed"]
    changed = {"name": "Bills", "of_all": "2097152", "of_file": "10", "files": "9", "types": ""}
    assert ann.send(page, changed).status_code == 303
    box = state(ann, entry)
    assert (box["name"], box["most_bytes"], box["most_file_bytes"]) == ("Bills", 2097152, 10)
    assert (box["most_files"], box["types"], box["note"]) == (9, [], "")
    assert "Bills" in ann.get("/-/boxes").text
    for tab in ("", "/edit", "/explain", "/visits"):
        answer = ann.get(f"/-/links/{entry['id']}{tab}")
        assert answer.status_code == 200
        assert f'href="{page}"' in answer.text


def test_the_list_of_links_shows_it(app: RunningApp, ann: Surfer) -> None:
    make(ann)
    assert "Invoices" in ann.get("/-/dashboard").text
    assert "Invoices" in ann.get("/").text


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"name": ""}, "Fill this in."),
        ({"name": "x" * 101}, "At most 100 characters."),
        ({"files": "501"}, "From 1 to 500 files."),
        ({"files": "many"}, "Write a whole number."),
        ({"types": "pdf"}, "such as .pdf or image/*"),
        ({"note": "x" * 1001}, "At most 1000 characters."),
        ({"ending": "a b"}, "Endings are made of"),
        ({"ends": "2y"}, "Choose one of these."),
        ({"host": "evil.example"}, "Choose one of these."),
        ({"way": "sealed"}, "Nothing can be encrypted here without scripts."),
        ({"way": "sealed", "public_key": "A" * 87}, "This is no public key for P-256."),
    ],
)
def test_what_cannot_be_is_said_at_its_field(
    ann: Surfer, fields: dict[str, str], words: str
) -> None:
    answer = ann.send("/-/boxes", {**NEW, **fields})
    assert answer.status_code == 422
    assert words in answer.text
    assert ann.call("get_entries", count=1)["entries"] == []


def test_wrong_limits_change_nothing(ann: Surfer) -> None:
    page = make(ann)
    answer = ann.send(page, {"name": "x", "of_all": "1048576", "files": "0"})
    assert answer.status_code == 422 and "At least 1." in answer.text
    assert state(ann, entry_of(ann))["name"] == "Invoices"


def test_an_ending_is_one_links_alone(ann: Surfer) -> None:
    make(ann, ending="taken")
    answer = ann.send("/-/boxes", {**NEW, "ending": "taken"})
    assert answer.status_code == 422 and "This code is in use." in answer.text


def test_of_an_encrypted_one_there_is_nothing_to_be_read_here(app: RunningApp, ann: Surfer) -> None:
    key = coded(point(ec.generate_private_key(ec.SECP256R1())))
    page = make(ann, way="sealed", public_key=key)
    entry = entry_of(ann)
    shown = ann.get(page).text
    assert f'data-key="{key}"' in shown and "Keep this link" in shown
    asked = app.get(entry["shorturl"], headers={"accept": "text/html"}).text
    assert "does not run here" in asked and f'data-key="{key}" hidden' in asked
    assert ann.get(f"{page}/all.zip").status_code == 404


def test_nobody_else_sees_a_box(app: RunningApp, ann: Surfer) -> None:
    page = make(ann)
    Sender(app, entry_of(ann)).form(("a.txt", b"x"))
    ben = Surfer(app)
    ben.sign_up("ben")
    addresses = [page, f"{page}/files/0", f"{page}/all.zip"]
    assert [ben.get(path).status_code for path in addresses] == [404, 404, 404]
    acts = [("", NEW), ("/close", {}), ("/open", {}), ("/empty", {})]
    assert [ben.send(page + act, form).status_code for act, form in acts] == [404] * 4
    stranger = Surfer(app)
    for path in ("/-/boxes", *addresses):
        answer = stranger.get(path)
        assert answer.status_code == 303 and "/-/login" in answer.headers["location"]
    assert len(listed(ann, entry_of(ann))) == 1


def test_a_link_that_is_none_has_no_such_page(ann: Surfer) -> None:
    link = ann.call("url", url="https://example.com/")["entry"]
    assert ann.get(f"/-/boxes/{link['id']}").status_code == 404


def test_what_came_is_taken_along(app: RunningApp, ann: Surfer) -> None:
    entry = create(ann, note="By Friday")
    Sender(app, entry).form(("a.txt", b"x"), note="here")
    rows = ann.get("/-/account/data.json").json()
    [box] = [row for row in rows if row["type"] == "box"]
    [item] = [row for row in rows if row["type"] == "box_item"]
    assert (box["note"], box["link"]) == ("By Friday", entry["id"])
    assert (item["filename"], item["note"], item["link"]) == ("a.txt", "here", entry["id"])
