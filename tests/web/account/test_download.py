"""What somebody takes along: everything of his, nothing that opens anything, nothing of others."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

from shortd.store.schema import CREDENTIALS, STORED_BYTES, TABLES
from shortd.testing import RunningApp
from tests.web.surfer import Surfer


def rows(surfer: Surfer) -> dict[str, list[dict[str, Any]]]:
    answer = surfer.get("/-/account/data.json")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert "attachment" in answer.headers["content-disposition"]
    found: dict[str, list[dict[str, Any]]] = {}
    for row in json.loads(answer.text):
        found.setdefault(row["type"], []).append(row)
    return found


def test_all_of_it_is_there(app: RunningApp, surfer: Surfer) -> None:
    surfer.cookies["shortd"] = app.userid
    short = app.new_link("https://example.com/?a=1", code="mine01", expiration_count=7)
    app.new_file(b"Hello", filename="note.txt")
    surfer.sign_up("ann")
    for _ in range(3):
        app.visit(short)
    app.drain()
    surfer.call("create_api_key", name="mine")
    surfer.send("/-/account/look", {"theme": "dark"})
    found = rows(surfer)
    assert found["account"][0]["email"] == "ann@nowhere.example"
    assert found["api_key"][0]["name"] == "mine"
    assert found["preferences"][0]["theme"] == "dark"
    assert found["login"][0]["address"] == surfer.address
    links = {row["code"]: row for row in found["link"]}
    assert links["mine01"]["url"] == "https://example.com/?a=1"
    assert links["mine01"]["expiration_count"] == 7
    assert len(links) == 2
    assert found["file"][0]["filename"] == "note.txt"
    assert found["counts"][0]["count"] == 3
    assert found["day"][0]["total"] == 3
    assert len(found["visit"]) == 3


def test_nothing_that_opens_anything(app: RunningApp, ann: Surfer) -> None:
    key = ann.call("create_api_key", name="mine")["api_key"]
    text = ann.get("/-/account/data.json").text
    for secret in (key, ann.credentials["token"], "digest", 'password"', "salt"):
        assert secret not in text


def test_nothing_of_others(app: RunningApp, ann: Surfer) -> None:
    app.new_link("https://secret.example/")
    ben = Surfer(app)
    ben.sign_up("ben")
    ben.call("url", url="https://ben.example/")
    text = ann.get("/-/account/data.json").text + ann.get("/-/account/links.csv").text
    assert "secret.example" not in text
    assert "ben" not in text


def test_the_table_is_as_spreadsheets_want_it(app: RunningApp, ann: Surfer) -> None:
    ann.call("url", url="https://example.com/", code="first1", expiration_count=5)
    ann.call("url", url='https://example.com/?q="a",b', code="second")
    answer = ann.get("/-/account/links.csv")
    table = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["code"] for row in table] == ["second", "first1"]
    second, first = table
    assert second["url"] == 'https://example.com/?q="a",b'
    assert first == {
        "short_url": "http://127.0.0.1:8080/first1",
        "code": "first1",
        "host": "127.0.0.1:8080",
        "url": "https://example.com/",
        "title": "",
        "tags": "",
        "created": "2023-11-14T22:13:20Z",
        "clicks": "0",
        "ends": "",
        "max_clicks": "5",
        "enabled": "true",
        "owner": "ann",
    }


def test_no_cell_runs(app: RunningApp, ann: Surfer) -> None:
    for sign in "=+-\uff1d":
        ann.send("/-/account/name", {"username": f"{sign}cmd|' /C calc'!A0"})
        ann.call("url", url="https://example.com/")
        table = list(csv.DictReader(io.StringIO(ann.get("/-/account/links.csv").text)))
        assert table[0]["owner"].startswith(f"'{sign}cmd")


def test_many_links_come_whole(app: RunningApp, ann: Surfer) -> None:
    ann.call("urls", urls=["https://example.com/"] * 250)
    assert len(rows(ann)["link"]) == 250
    assert len(ann.get("/-/account/links.csv").text.splitlines()) == 251


TOLD = {
    *("accounts", "tokens", "preferences", "api_keys", "members", "teams", "campaigns"),
    *("team_trackers", "domains", "links", "link_trackers", "files", "counts", "day_stats"),
    *("visits", "audit", "passkeys", "second_factors", "identities"),
    *("bundles", "boxes", "box_items", "grants", "known_clients", "outbox", "mail_histories"),
    *("invitations", "uploads", "former_links", "reports"),
}
"""Tables with something of somebody that he takes along; trackers of links are their data."""
UNTOLD = {
    *("plugin_events", "plugin_backlogs", "plugin_days", "plugin_rows", "plugin_uses"),
    *("meta", "positions", "hosts", "secrets", "dead_links", "dead_files", "dead_blobs"),
    *("file_parts", "balances", "grant_tokens", "codes", "mail_traffic", "stored_bytes"),
    *("sightings", "holdings", "blocked_patterns", "report_mails", "login_links", "imported"),
    *("repeats", "repeat_bytes"),
    *("visits_due", "strings", "string_uses"),
}
"""The server's own, what opens accounts, what passes, and what others do."""


def test_every_table_is_told_or_not() -> None:
    """Whoever adds a table says whether its rows are somebody's."""
    assert {table.name for table in TABLES} == TOLD | UNTOLD
    assert not TOLD & UNTOLD
    assert {table.name for table in CREDENTIALS} - TOLD <= UNTOLD
    assert STORED_BYTES.name in UNTOLD
