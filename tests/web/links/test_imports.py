"""Files of other shorteners and browsers, brought in on the page."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from shortd.moving.formats import FORMATS
from shortd.testing import RunningApp
from shortd.upkeep.administration import Changes
from tests.moving.reading import SAMPLES
from tests.web.links.test_dashboard import listed
from tests.web.surfer import Surfer

FORM = "/-/import/file"


def send(surfer: Surfer, content: bytes, name: str = "a.file", /, **fields: str) -> httpx.Response:
    """The form of the page, as a browser sends it without scripts."""
    parts = [
        f'--xxx\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{value}\r\n'.encode()
        for field, value in fields.items()
    ]
    head = f'--xxx\r\nContent-Disposition: form-data; name="source"; filename="{name}"\r\n\r\n'
    body = b"".join([*parts, head.encode(), content, b"\r\n--xxx--\r\n"])
    kind = {"content-type": "multipart/form-data; boundary=xxx"}
    return surfer.send(FORM, content=body, headers=kind)


def settled(surfer: Surfer, path: str) -> str:
    """The page of an import, once it asks for no more patience."""
    while True:
        answer = surfer.get(path)
        assert answer.status_code == 200, answer.text
        if "refresh" not in answer.headers:
            return answer.text


def looked(surfer: Surfer, content: bytes, name: str = "a.file", /, **fields: str) -> str:
    """The address of an import that was looked at."""
    answer = send(surfer, content, name, **fields)
    assert answer.status_code == 303, answer.text
    path = answer.headers["location"]
    settled(surfer, path)
    return path


def applied(surfer: Surfer, path: str) -> str:
    assert surfer.send(f"{path}/apply").status_code == 303
    return settled(surfer, path)


def rows(surfer: Surfer, path: str) -> list[dict[str, Any]]:
    answer = surfer.get(f"{path}/report.jsonl")
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in answer.text.splitlines()]


def left(app: RunningApp) -> list[Path]:
    folder = app.services.store.directory / "imports"
    return sorted(folder.rglob("*")) if folder.exists() else []


@pytest.mark.parametrize(
    ("sample", "kind"),
    [
        ("yourls/yourls-1.10.sql", "yourls"),
        ("yourls/yourls-api-stats.json", "yourls"),
        ("yourls/yourls-import-export.csv", "yourls"),
        ("shlink/shlink-5.1.sqlite", "shlink"),
        ("shlink/shlink-5.1-mariadb.sql", "shlink"),
        ("shlink/short_urls.csv", "shlink"),
        ("kutt/kutt-3.2.sqlite", "kutt"),
        ("kutt/kutt-api-links.json", "kutt"),
        ("chhoto/chhoto-6.sqlite", "chhoto"),
        ("chhoto/chhoto-api-all.json", "chhoto"),
        ("polr/polr-2.3.sql", "polr"),
        ("dub/dub-api-links.json", "dub"),
        ("bitly/bitly-api.json", "bitly"),
        ("bookmarks/bookmarks.html", "bookmarks"),
        ("generic/links-comma.csv", "csv"),
        ("generic/links-tab-bom.tsv", "csv"),
    ],
)
def test_what_a_file_is_is_found_out_and_looked_at(ann: Surfer, sample: str, kind: str) -> None:
    """All forms that files have. Said and found out is the same, and nothing is made."""
    content = (SAMPLES / sample).read_bytes()
    found = looked(ann, content)
    guessed = rows(ann, found)
    assert f" · {FORMATS[kind].title} · " in ann.get(found).text
    assert guessed and rows(ann, looked(ann, content, format=kind)) == guessed
    assert listed(ann) == []


def test_a_dump_is_looked_at_first_then_made_with_its_clicks(ann: Surfer) -> None:
    content = (SAMPLES / "yourls" / "yourls-1.10.sql").read_bytes()
    path = looked(ann, gzip.compress(content), "dump.sql.gz")
    page = ann.get(path).text
    assert "What would happen" in page and "dump.sql.gz" in page and listed(ann) == []
    assert "Links lead to http and https alone." in page
    would = rows(ann, path)
    page = applied(ann, path)
    assert "Done" in page
    did = rows(ann, path)
    assert [row["result"] for row in did] == [row["result"] for row in would]
    made = [row for row in did if row["result"].startswith("made")]
    assert made and sum(entry["count"] for entry in entries(ann)) > 0
    assert len(entries(ann)) == len(made)
    # The button once more, and the file once more.
    assert ann.send(f"{path}/apply").status_code == 303
    again = looked(ann, content)
    assert {row["result"] for row in rows(ann, again)} == {"unchanged", "skipped"}
    applied(ann, again)
    assert len(entries(ann)) == len(made)


def entries(surfer: Surfer) -> list[dict[str, int]]:
    return list(surfer.call("get_entries", count=1000)["entries"])


def test_bookmarks_of_two_people_are_links_of_each(ann: Surfer, app: RunningApp) -> None:
    content = (SAMPLES / "bookmarks" / "bookmarks.html").read_bytes()
    bob = Surfer(app)
    bob.sign_up("bob")
    for somebody in (ann, bob):
        applied(somebody, looked(somebody, content))
    assert len(entries(ann)) == len(entries(bob)) > 0


def test_the_report_is_a_table_that_spreadsheets_open_safely(ann: Surfer) -> None:
    path = looked(ann, b"url,code,title\nhttps://a.example/,=1+1,x\nftp://b.example/,@b,x\n")
    answer = ann.get(f"{path}/report.csv")
    assert answer.headers["content-disposition"] == 'attachment; filename="import.csv"'
    told = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))
    assert [row["code"] for row in told] == ["'=1+1", "'@b"]
    assert "scheme" in told[1]["reasons"]


def test_only_who_may_has_codes_of_any_signs(ann: Surfer, app: RunningApp) -> None:
    """A host's settings say it for accounts; operators bring in whatever was there."""
    table = b"url,code\nhttps://a.example/,a/b c\n"
    [row] = rows(ann, looked(ann, table))
    assert row["result"] == "skipped" and row["reasons"] == ["invalid_code"]
    make_operator(app, ann)
    [row] = rows(ann, looked(ann, table))
    assert row["result"] != "skipped"


def make_operator(app: RunningApp, surfer: Surfer, *, now: bool = True) -> None:
    userid = surfer.credentials["userid"]
    app.run(app.services.upkeep.administration.change(userid, Changes(operator=now)))
    surfer.sign_in()


def test_operators_do_it_for_others_and_it_is_noted(ann: Surfer, app: RunningApp) -> None:
    bob = Surfer(app)
    bob.sign_up("bob")
    table = b"url,code\nhttps://a.example/,spring\n"
    # The field is nothing for others.
    assert "ann" not in ann.get(looked(ann, table, account="bob")).text.partition("<main")[2]
    assert 'name="account"' not in ann.get("/-/import").text
    make_operator(app, ann)
    assert 'name="account"' in ann.get("/-/import").text
    assert send(ann, table, account="nobody").status_code == 422
    path = looked(ann, table, account="bob")
    assert "for bob" in ann.get(path).text
    applied(ann, path)
    assert listed(ann) == [] and listed(bob) == ["spring"]
    log = ann.get("/-/admin/log").text
    assert "Imported links" in log and "bob" in log
    make_operator(app, ann, now=False)
    assert ann.get(path).status_code == 404


def test_it_is_nobody_elses(ann: Surfer, app: RunningApp) -> None:
    path = looked(ann, b"url\nhttps://a.example/\n")
    bob, nobody = Surfer(app), Surfer(app)
    bob.sign_up("bob")
    for below in ("", "/report.csv", "/report.jsonl"):
        assert bob.get(path + below).status_code == 404
        assert nobody.get(path + below).headers["location"].startswith("/-/login")
    for below in ("/apply", "/stop"):
        assert bob.send(path + below).status_code == 404
        assert ann.send(path + below, origin="https://evil.example").status_code == 403
    foreign = ann.send(FORM, origin="https://evil.example", content=b"x")
    assert foreign.status_code == 403
    assert send(nobody, b"url\nhttps://a.example/\n").status_code in (303, 401)
    assert entries(ann) == [] == entries(bob)


BOMB = gzip.compress(b"<p>" + bytes(70_000_000).replace(b"\0", b" "), 1)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"\x00\x01junk" * 50, "yourls"),
        (b"\x00\x01junk" * 50, "chhoto"),
        (b"SQLite format 3\x00" + b"\xff" * 5000, "kutt"),
        (b"PK\x03\x04zip", "csv"),
        (b"{" * 10_000, "bitly"),
        (b"hello, world", "polr"),
        (b"<html><a " + b"x" * 2_000_000, "bookmarks"),
        (BOMB, "bookmarks"),
        (BOMB[:1000], "bookmarks"),
        ((SAMPLES / "yourls" / "yourls-1.10.sql").read_bytes(), "bookmarks"),
        ((SAMPLES / "chhoto" / "chhoto-6.sqlite").read_bytes(), "shlink"),
    ],
    ids=[
        *("junk", "junk-too", "damaged", "packed", "endless", "text", "tag", "bomb", "torn"),
        *("other-format", "other-database"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(
    ann: Surfer, app: RunningApp, content: bytes, kind: str
) -> None:
    path = looked(ann, content, "mine.dat", format=kind)
    page = ann.get(path).text
    [said] = re.findall(r'role="alert">.*?<p>(.*?)</p>', page, re.DOTALL)
    assert said.endswith(".") and str(app.services.store.directory) not in page
    assert "Nothing was made." in page and entries(ann) == []
    assert ann.send(f"{path}/apply").status_code == 303
    assert "Nothing was made." in settled(ann, path)
    assert not any(one.name == "source" for one in left(app))


@pytest.mark.parametrize(
    ("content", "fields", "field"),
    [
        (b"", {}, "source"),
        (b"\x00junk", {}, "format"),
        (b"hello", {}, "format"),
        (b"url\nhttps://a.example/\n", {"format": "other"}, "format"),
        (b"url\nhttps://a.example/\n", {"timezone": "Europe/Nowhere"}, "timezone"),
        (b"url\nhttps://a.example/\n", {"timezone": "../../etc/passwd"}, "timezone"),
        (b"url\nhttps://a.example/\n", {"database_timezone": "x"}, "database_timezone"),
        (b"url\nhttps://a.example/\n", {"domains": "old.example"}, "domains"),
        (b"url\nhttps://a.example/\n", {"domains": "old.example=none.example"}, "domains"),
        (b"url\nhttps://a.example/\n", {"dates": "ymd"}, "dates"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field(
    ann: Surfer, app: RunningApp, content: bytes, fields: dict[str, str], field: str
) -> None:
    answer = send(ann, content, **fields)
    assert answer.status_code == 422 and f'id="{field}-error"' in answer.text
    assert entries(ann) == [] and [one for one in left(app) if one.is_file()] == []


def test_a_file_is_bounded_and_the_page_says_how(
    ann: Surfer, app: RunningApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "64 MB" in ann.get("/-/import").text
    monkeypatch.setattr("shortd.web.links.imports.FILE_BYTES", 100_000)
    for size in (100_001, 1_000_000):
        answer = send(ann, b"x" * size)
        assert answer.status_code == 422 and 'id="source-error"' in answer.text
    assert [one for one in left(app) if one.is_file()] == []


def test_it_costs_whose_budget_it_is_and_nothing_for_operators(
    ann: Surfer, app: RunningApp
) -> None:
    table = b"url\n" + b"".join(b"https://a.example/%d\n" % number for number in range(500))
    spent = spent_on(ann, table)
    assert spent - spent_on(ann, b"url\nhttps://a.example/\n") >= 499 * 20
    make_operator(app, ann)
    assert spent - spent_on(ann, table) >= 499 * 20


def spent_on(surfer: Surfer, content: bytes) -> int:
    """What looking at a file takes of ann's budget."""
    app = surfer.app
    account = app.services.upkeep.people.named("ann")
    assert account is not None
    budgets, now = app.services.limits.budgets, app.clock.now()
    before = budgets.api_balance(account, now)
    looked(surfer, content)
    return before - budgets.api_balance(account, app.clock.now())


def test_domains_are_mapped(ann: Surfer) -> None:
    table = b"short_url,url\nhttps://old.example/a,https://a.example/\n"
    [row] = rows(ann, looked(ann, table))
    assert row["reasons"] == ["unknown_host"]
    [row] = rows(ann, looked(ann, table, domains="old.example = \r\n"))
    assert row["code"] == "a" and row["result"] != "skipped"


def test_it_waits_for_an_hour_and_one_restart_it_does_not(ann: Surfer, app: RunningApp) -> None:
    path = looked(ann, b"url\nhttps://a.example/\n")
    assert any(one.name == "source" for one in left(app))
    assert path in ann.get("/-/import").text
    app.clock.advance(3601)
    assert ann.get(path).status_code == 404
    assert path not in ann.get("/-/import").text
    assert [one for one in left(app) if one.is_file()] == []
    path = looked(ann, b"url\nhttps://a.example/\n")
    assert ann.send(f"{path}/stop").headers["location"] == "/-/import"
    assert ann.get(path).status_code == 404 and entries(ann) == []
    looked(ann, b"url\nhttps://a.example/\n")
    app.services.upkeep.waiting.clear()
    assert left(app) == []


def threads() -> list[threading.Thread]:
    return [one for one in threading.enumerate() if one.name.startswith("import-")]


def test_what_is_read_ends_when_nobody_wants_it_any_more(ann: Surfer, app: RunningApp) -> None:
    """A file of 2 kB can be a million rows, of which nothing is told before all have been read."""
    answer = send(ann, gzip.compress(b"url\n" + b"a\n" * 3_000_000))
    path = answer.headers["location"]
    begun = time.process_time()
    assert ann.send(f"{path}/stop").status_code == 303
    for thread in threads():
        thread.join(60)
    assert time.process_time() - begun < 4
    assert threads() == []
    assert left(app) == []


def test_rows_are_bounded_however_small_they_are(
    ann: Surfer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shortd.upkeep.importing.waiting.STAGED_BYTES", 1_000_000)
    path = looked(ann, gzip.compress(b"url\n" + b"a\n" * 100_000))
    assert "more than 1 million bytes" in settled(ann, path)


def test_those_that_are_done_make_room_and_those_that_wait_do_not(
    ann: Surfer, app: RunningApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shortd.upkeep.importing.waiting.MOST", 1)
    table = b"url\nhttps://a.example/\n"
    path = looked(ann, table)
    bob = Surfer(app)
    bob.sign_up("bob")
    answer = send(bob, table)
    assert answer.status_code == 503 and "Too many others are importing" in answer.text
    applied(ann, path)
    assert rows(bob, looked(bob, table))
    assert ann.get(path).status_code == 404 and len(entries(ann)) == 1


def test_only_who_has_signed_up_sends_files(surfer: Surfer, app: RunningApp) -> None:
    surfer.cookies["shortd"] = app.call("temporary_account")["userid"]
    page = surfer.get("/-/import").text
    assert FORM not in page and 'id="text"' in page
