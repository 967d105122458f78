"""Several files under one link: made, looked through, fetched, and taken away again."""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx
import pytest

from shortd.models.files import Bundle, BundleEntry
from shortd.models.limits import Holding
from shortd.store.schema import BUNDLES, HOLDINGS
from shortd.store.txn import WriteTxn
from shortd.testing import RunningApp, open_app
from shortd.zips import MOST_FILES
from tests.sharing.sharing import (
    Json,
    Sharer,
    assert_nothing_kept,
    assert_sound,
    bury,
    error,
    faults_of,
    output,
    sharer,
    stored,
)

CONTENTS = {
    "readme.txt": b"hello",
    "photos/2026/a b.png": os.urandom(300_000),
    "photos/empty": b"",
    "photos/ü.html": b"<script>alert(1)</script>",
}
BROWSER = {"accept": "text/html"}
FORM = {"content-type": "application/x-www-form-urlencoded"}


def share(owner: Sharer, contents: dict[str, bytes] = CONTENTS, **inputs: Any) -> Json:
    """A bundle's entry: its bytes in parts that end where no file does."""
    entry: Json = output(send(owner, contents, **inputs))["entry"]
    return entry


def send(owner: Sharer, contents: dict[str, bytes] = CONTENTS, **inputs: Any) -> httpx.Response:
    data = b"".join(contents.values())
    filekey = owner.begin(len(data), filename=inputs.pop("filename", "trip"))
    size = 100_003
    for number, start in enumerate(range(0, len(data), size)):
        output(owner.send_part(filekey, number, data[start : start + size]))
    told = [
        {"path": path, "filesize": len(content), "filetype": kind(path)}
        for path, content in contents.items()
    ]
    given = {**owner.credentials, "filekey": filekey, "entries": told, **inputs}
    return owner.app.post("bundle", given)


def kind(path: str) -> str:
    return {"png": "image/png", "html": "text/html"}.get(path.rpartition(".")[2], "text/plain")


def listing(owner: Sharer, entry: Json) -> Json:
    """What a program is told."""
    response = owner.app.get(owner.address(entry))
    assert response.status_code == 200, response.text
    answer: Json = response.json()
    return answer


class TestMaking:
    def test_it_is_an_entry(self, owner: Sharer) -> None:
        entry = share(owner)
        assert entry["files"] == 4
        assert entry["filesize"] == sum(map(len, CONTENTS.values()))
        assert entry["url"] == "trip"
        shown = owner.call("get_entries")["entries"]
        assert [one["files"] for one in shown] == [4]
        assert len(urlsplit(entry["shorturl"]).path) > 10
        assert_sound(owner.app)

    def test_one_file_says_nothing_of_it(self, owner: Sharer) -> None:
        assert "files" not in owner.share(b"data")

    @pytest.mark.parametrize(
        ("inputs", "refusal"),
        [
            ({"entries": []}, (400, "invalid_field", "entries")),
            ({"entries": [{"path": "a", "filesize": 4}]}, (400, "bad_file", "entries")),
            ({"entries": [{"path": "", "filesize": 5}]}, (400, "invalid_field", "entries[0].path")),
            (
                {"entries": [{"path": "a", "filesize": 5, "filetype": "no type"}]},
                (400, "invalid_field", "filetype"),
            ),
            (
                {"entries": [{"path": "x" * 1025, "filesize": 5}]},
                (400, "invalid_field", "entries[0].path"),
            ),
            (
                {"entries": [{"path": "x", "filesize": 0}] * (MOST_FILES + 1)},
                (400, "invalid_field", "entries"),
            ),
            (
                {"entries": [{"path": "x/" * 300 + str(n), "filesize": 0} for n in range(500)]},
                (400, "invalid_field", "entries"),
            ),
            ({"filekey": "x" * 32}, (404, "upload_not_found", "filekey")),
            ({"code": "?"}, (400, "invalid_field", "code")),
        ],
    )
    def test_what_is_off_changes_nothing(
        self, owner: Sharer, inputs: Json, refusal: tuple[int, str, str]
    ) -> None:
        filekey = owner.begin(5)
        output(owner.send_part(filekey, 0, b"hello"))
        fine = {"filekey": filekey, "entries": [{"path": "a", "filesize": 5}]}
        given = {**owner.credentials, **fine, **inputs}
        response = owner.app.post("bundle", given)
        assert error(response) == refusal
        assert_sound(owner.app)
        assert owner.call("bundle", **fine)["entry"]["files"] == 1

    def test_names_that_clash_or_climb(self, owner: Sharer) -> None:
        contents = {"../../etc/passwd": b"1", "A.txt": b"2", "a.TXT": b"3", "C:\\x": b"4"}
        told = listing(owner, share(owner, contents))
        assert [one["path"] for one in told["entries"]] == [
            *("etc/passwd", "A.txt", "a (2).TXT", "C_/x")
        ]

    def test_only_empty_files(self, owner: Sharer) -> None:
        entry = share(owner, {"a": b"", "b": b""})
        told = listing(owner, entry)
        assert [owner.app.get(one["url"]).content for one in told["entries"]] == [b"", b""]
        with zipfile.ZipFile(io.BytesIO(owner.app.get(told["zip"]).content)) as opened:
            assert opened.namelist() == ["a", "b"]


class TestFetching:
    def test_each_file(self, owner: Sharer) -> None:
        told = listing(owner, share(owner))
        assert told["filename"], told["files"] == ("trip", 4)
        for one, (path, content) in zip(told["entries"], CONTENTS.items(), strict=True):
            assert (one["path"], one["filesize"]) == (path, len(content))
            response = owner.app.get(one["url"])
            assert response.content == content
            assert response.headers["etag"]
            assert "filename" in response.headers["content-disposition"]

    def test_ranges(self, owner: Sharer) -> None:
        told = listing(owner, share(owner))
        url, content = told["entries"][1]["url"], CONTENTS["photos/2026/a b.png"]
        response = owner.app.get(url, headers={"range": "bytes=99990-200010"})
        assert response.status_code == 206
        assert response.content == content[99990:200011]
        several = owner.app.get(url, headers={"range": "bytes=0-1,-2"})
        assert content[:2] in several.content and content[-2:] in several.content
        beyond = owner.app.get(url, headers={"range": f"bytes={len(content)}-"})
        assert beyond.status_code == 416

    def test_nothing_is_active_content(self, owner: Sharer) -> None:
        told = listing(owner, share(owner))
        html = owner.app.get(told["entries"][3]["url"])
        assert html.headers["content-disposition"].startswith("attachment")
        assert html.headers["content-security-policy"] == "sandbox"
        assert html.headers["x-content-type-options"] == "nosniff"
        run = {"sec-fetch-dest": "script", "sec-fetch-site": "same-origin"}
        assert owner.app.get(told["entries"][0]["url"], headers=run).status_code == 403
        for url in (told["zip"], owner.address(share(owner))):
            assert "script-src" not in owner.app.get(url).headers.get("content-security-policy", "")

    def test_all_as_a_zip(self, owner: Sharer) -> None:
        told = listing(owner, share(owner))
        response = owner.app.get(told["zip"])
        assert response.headers["content-type"] == "application/zip"
        assert response.headers["content-disposition"].startswith('attachment; filename="trip.zip"')
        assert int(response.headers["content-length"]) == len(response.content)
        with zipfile.ZipFile(io.BytesIO(response.content)) as opened:
            assert opened.testzip() is None
            assert {path: opened.read(path) for path in opened.namelist()} == CONTENTS
        head = owner.app.request("HEAD", told["zip"])
        assert head.headers["content-length"] == response.headers["content-length"]
        assert head.content == b""

    def test_a_page_for_people(self, owner: Sharer) -> None:
        page = owner.app.get(owner.address(share(owner)), headers=BROWSER)
        assert page.headers["content-type"].startswith("text/html")
        for text in ("trip", "photos/2026/", "a b.png", "ü.html", "Download all", "4 files"):
            assert text in page.text
        assert "<script" not in page.text
        assert page.headers["x-robots-tag"] == "noindex"
        assert 'href="/-/report?link=' in page.text

    def test_it_may_be_listed(self, owner: Sharer) -> None:
        address = owner.address(share(owner, robots=True))
        for headers in (BROWSER, {}):
            answer = owner.app.get(address, headers=headers)
            assert answer.status_code == 200
            assert "x-robots-tag" not in answer.headers

    def test_many_files_in_pages(self, owner: Sharer) -> None:
        names = [f"{number}.txt" for number in range(130)]
        address = owner.address(share(owner, dict.fromkeys(names, b"")))
        page = owner.app.get(address, headers=BROWSER).text
        assert ">49.txt<" in page and ">50.txt<" not in page
        assert ">129.txt<" in owner.app.get(f"{address}&from=100", headers=BROWSER).text
        assert owner.app.get(f"{address}&from=130").status_code == 404
        told, found = owner.app.get(address).json(), []
        while True:
            found += [one["path"] for one in told["entries"]]
            if told["next"] is None:
                break
            told = owner.app.get(told["next"]).json()
        assert found == names

    @pytest.mark.parametrize("below", ["/4", "/-1", "/x", "/0x1", "/" + "9" * 30, "/0/1"])
    def test_no_such_file(self, owner: Sharer, below: str) -> None:
        path, _, query = owner.address(share(owner)).partition("?")
        assert owner.app.get(f"{path}{below}?{query}").status_code == 404


class TestAddresses:
    def test_one_visit_is_one_click(self, owner: Sharer) -> None:
        entry = share(owner)
        told = listing(owner, entry)
        for one in told["entries"]:
            owner.app.get(one["url"])
        owner.app.get(told["zip"])
        owner.app.get(owner.address(entry).replace("x", "x"))
        assert owner.call("get_entry", shorturl=entry["shorturl"])["entry"]["count"] == 2

    def test_after_the_last_click_what_it_opened_is_there(self, owner: Sharer) -> None:
        entry = share(owner, expiration_count=1)
        told = listing(owner, entry)
        assert owner.follow(entry).status_code == 410
        assert owner.app.get(told["entries"][0]["url"]).content == b"hello"

    def test_it_ends_after_hours(self, owner: Sharer) -> None:
        entry = share(owner)
        address, told = owner.address(entry), listing(owner, entry)
        owner.app.clock.advance(5 * 3600)
        assert owner.app.get(told["zip"]).status_code == 200
        owner.app.clock.advance(3600)
        for late in (address, told["zip"], told["entries"][0]["url"]):
            response = owner.app.get(late)
            assert response.status_code == 302
            assert response.headers["location"] == urlsplit(entry["shorturl"]).path

    def test_it_ends_with_its_link(self, owner: Sharer) -> None:
        now = owner.app.services.clock.now()
        entry = share(owner, expiration_utime=now + 60_000_000)
        told = listing(owner, entry)
        owner.app.clock.advance(61)
        assert owner.app.get(told["zip"]).status_code == 302
        assert owner.follow(entry).status_code == 410

    @pytest.mark.parametrize("act", ["set_enabled", "delete"])
    def test_nothing_of_a_link_that_is_gone(self, owner: Sharer, act: str) -> None:
        entry = share(owner)
        told = listing(owner, entry)
        inputs = {"enabled": False} if act == "set_enabled" else {}
        owner.call(act, shorturl=entry["shorturl"], **inputs)
        for url in (told["zip"], told["entries"][0]["url"]):
            assert owner.app.get(url).status_code == 404

    def test_a_signature_is_for_one_bundle(self, owner: Sharer) -> None:
        one, other = share(owner), share(owner)
        _, _, query = owner.address(one).partition("?")
        response = owner.app.get(f"/-/bundles/{other['filekey']}?{query}")
        assert response.status_code in (403, 404)

    def test_the_bytes_behind_one_another_are_no_file(self, owner: Sharer) -> None:
        entry = share(owner)
        address = owner.address(entry).replace("/bundles/", "/files/")
        assert owner.app.get(address).status_code == 404

    def test_a_file_is_no_bundle(self, owner: Sharer) -> None:
        address = owner.address(owner.share(b"data")).replace("/files/", "/bundles/")
        assert owner.app.get(address).status_code == 404

    def test_a_head_opens_nothing(self, owner: Sharer) -> None:
        entry = share(owner)
        address = owner.app.request("HEAD", entry["shorturl"]).headers["location"]
        assert owner.app.request("HEAD", address).status_code == 200
        assert owner.app.get(address).status_code == 302
        assert owner.call("get_entry", shorturl=entry["shorturl"])["entry"]["count"] == 0

    def test_a_password_first(self, owner: Sharer) -> None:
        entry = share(owner, password="open sesame")
        assert "location" not in owner.follow(entry).headers
        assert owner.follow(entry).status_code == 200
        code = urlsplit(entry["shorturl"]).path[1:]
        form = urlencode({"code": code, "password": "open sesame"}).encode()
        opened = owner.app.request("POST", "/-/open", content=form, headers=FORM)
        visit = owner.app.get(opened.headers["location"])
        told = owner.app.get(visit.headers["location"]).json()
        assert owner.app.get(told["entries"][0]["url"]).content == b"hello"
        assert owner.call("get_entry", shorturl=entry["shorturl"])["entry"]["count"] == 1

    def test_its_preview(self, owner: Sharer) -> None:
        page = owner.app.get(share(owner)["shorturl"] + "+", headers=BROWSER).text
        assert "trip" in page and ">4<" in page


class TestEnding:
    def test_deleted_it_leaves_nothing(self, owner: Sharer) -> None:
        entry = share(owner)
        owner.call("delete", shorturl=entry["shorturl"])
        assert_nothing_kept(owner.app)

    def test_deleted_on_a_page_it_comes_back(self, owner: Sharer, app: RunningApp) -> None:
        entry, services = share(owner), app.services
        told = listing(owner, entry)
        now = app.clock.now()
        account = services.accounts.logins.authenticate(owner.userid, None, now)
        outcome = app.run(services.links.bulk.delete(account, [entry["id"]], now))
        assert owner.follow(entry).status_code == 404
        assert owner.app.get(told["zip"]).status_code == 404
        assert owner.app.get(told["entries"][0]["url"]).status_code == 404
        app.run(services.links.undoing.undo(account, outcome.act, now))
        assert owner.app.get(told["entries"][0]["url"]).content == b"hello"
        app.run(services.links.bulk.delete(account, [entry["id"]], now))
        app.clock.advance(60)
        app.run(services.links.undoing.purge(app.clock.now()))
        assert_nothing_kept(app)

    def test_it_counts_as_its_owners(self, owner: Sharer, app: RunningApp) -> None:
        before = held(app, owner)
        entry = share(owner)
        after = held(app, owner)
        assert after.files - before.files == entry["filesize"] == stored(app, owner)
        assert after.rows > before.rows
        owner.call("delete", shorturl=entry["shorturl"])
        assert held(app, owner) == before

    def test_a_folder_of_many_counts_more(self, owner: Sharer, app: RunningApp) -> None:
        rows = []
        for count in (1, 2000):
            share(owner, dict.fromkeys((f"{number:0>60}" for number in range(count)), b""))
            rows.append(held(app, owner).rows)
        assert rows[1] - rows[0] > 2000 * 60

    def test_more_than_there_is_room_for(self, tmp_path: Path) -> None:
        environ = {"SHORTD_LIMITS__TEMPORARY__STORAGE_BYTES": "100"}
        with open_app(tmp_path, environ=environ) as app:
            owner = sharer(app)
            share(owner, {"a": bytes(60), "b": bytes(30)})
            refused = owner.app.post(
                "file_part_initialize",
                {**owner.credentials, "filename": "x", "filesize": 11},
            )
            assert error(refused)[1] == "quota_exceeded"


def test_its_owner_takes_it_along(owner: Sharer, app: RunningApp) -> None:
    key = share(owner)["filekey"]
    account = app.services.accounts.logins.authenticate(owner.userid, None, app.clock.now())

    async def taken() -> bytes:
        return b"".join([piece async for piece in app.services.upkeep.takeout.json(account)])

    [row] = [row for row in json.loads(app.run(taken())) if row["type"] == "bundle"]
    assert row["filekey"] == key
    assert [entry["path"] for entry in row["entries"]] == list(CONTENTS)


@pytest.mark.parametrize(
    ("damage", "line"),
    [
        (
            lambda txn, key: BUNDLES.delete(txn, (key,)),
            "file KEY holds 4 files that nothing tells of",
        ),
        (
            lambda txn, key: BUNDLES.put(txn, (key,), Bundle((BundleEntry("a", 5),))),
            "the bundle of KEY is 1 files of 5 bytes",
        ),
        (
            lambda txn, key: BUNDLES.put(txn, ("x" * 32,), Bundle(())),
            f"a bundle belongs to {'x' * 32}, which is no file",
        ),
    ],
)
def test_the_doctor_sees(owner: Sharer, damage: Callable[[WriteTxn, str], Any], line: str) -> None:
    key = share(owner)["filekey"]
    app = owner.app
    app.run(app.services.store.write(lambda txn: damage(txn, key)))
    with app.services.store.read() as txn:
        assert faults_of(txn, app.services.settings.data_dir) == [line.replace("KEY", key)]


def held(app: RunningApp, owner: Sharer) -> Holding:
    """What counts as kept by an account."""
    bury(app)
    with app.services.store.read() as txn:
        return HOLDINGS.get(txn, (owner.userid,)) or Holding()
