"""Has copies of the directory asked by the code that made it, and writes `expected.json`."""

from __future__ import annotations

import json
import re
import shutil
import tarfile
from pathlib import Path
from typing import Any

import msgspec

from tests.store.directories.exchanges import Exchange, Expected, has_row
from tests.store.directories.schema_2.interview import Interview
from tests.store.directories.schema_2.people import PASSWORD, pbkdf2
from tests.store.directories.schema_2.recorder import Recorder, opened
from tests.store.directories.schema_2.workshop import SETTINGS, command

COMMIT = "a4d6a7c"
HERE = Path(__file__).parent
ARCHIVE = HERE / "directory.tar.xz"
OUTBOX = [
    ["waiting", "1", "2026-03-13 09:00 UTC"],
    ["emil@nowhere.example", "verify", "2026-03-13 09:00 UTC", "2 attempts", "Connection refused"],
]
LASTING = (
    *("plain", "renamed", "own", "elsewhere", "words", "moved", "negative", "busy", "famous"),
    *("short", "sale", "hidden", "domain", "member's", "own team's", "unique", "never", "torn"),
)
"""Links that no time ends and whose owner needs no time either."""
LISTINGS = (
    "user list",
    "team list",
    "team members shop",
    "domain list",
    "campaign list shop",
    "tracker list shop",
)


def unpacked(folder: Path) -> Path:
    """A new copy."""
    shutil.rmtree(folder, ignore_errors=True)
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder)
    return folder


def record(folder: Path, utime: int, interview: Interview, facts: dict[str, Any]) -> None:
    """Asks copies of the directory, and writes `expected.json`."""
    listings = {}
    copy = unpacked(folder / "copy")
    for line in LISTINGS:
        rows = [re.split(" {2,}", row) for row in command(copy, *line.split()).splitlines()]
        # Above the head there may be a word on what the crash did.
        [head] = [number for number, row in enumerate(rows) if all(map(str.isupper, row))]
        listings[line] = rows[head + 1 :]
        assert listings[line], line
    told = command(copy, "doctor").splitlines()
    assert all(has_row(told, cells) for cells in OUTBOX), told
    recount = [line for line in command(copy, "stats", "verify").splitlines() if is_fault(line)]
    openings = []
    unpacked(copy)
    for ask_all in (interview.first, interview.second):
        with opened(copy, utime) as send:
            recorder = Recorder(send)
            ask_all(recorder)
            openings.append(recorder.exchanges)
    command(copy, "doctor")
    assert recount and all(line.endswith(": country") for line in recount), recount
    shelf = interview.shelf
    check_counts(openings[0], {shelf.urls[name]: count for name, count in facts["live"].items()})
    leads = {one.question.url: one.answer.location for one in reversed(openings[0])}
    expected = Expected(
        commit=COMMIT,
        utime=utime,
        environ=SETTINGS,
        listings=listings,
        outbox=OUTBOX,
        recount=recount,
        waiting="fay@nowhere.example",
        lasting={shelf.urls[name]: leads[shelf.urls[name]] for name in LASTING},
        counts={
            shelf.urls[name]: facts["live"][name]
            for name in LASTING
            if shelf.owners[name].username == "Ann"
        },
        owner={
            "username": "Ann",
            "password": pbkdf2(PASSWORD),
            "api_key": shelf.owners["plain"].api_key,
        },
        dead=facts["dead"],
        openings=openings,
    )
    write(expected)


def check_counts(opening: list[Exchange], live: dict[str, int]) -> None:
    """What the journal is read for comes to what the server had in memory."""
    told: dict[str, int] = {}
    for exchange in opening:
        document = exchange.answer.document or {}
        if exchange.question.url.endswith("/v2/get_entries") and "output" in document:
            for entry in document["output"].get("entries", ()):
                told.setdefault(entry["shorturl"], entry["count"])
    assert {url: told[url] for url in live} == live


def is_fault(line: str) -> bool:
    return line.startswith("link ")


def write(expected: Expected) -> None:
    """One exchange a line, so that it can be looked at."""
    fields = json.loads(msgspec.json.encode(expected))
    openings = fields.pop("openings")
    head = json.dumps(fields, ensure_ascii=False, indent=1).removesuffix("\n}")
    body = ",\n".join(
        "[\n" + ",\n".join(json.dumps(one, ensure_ascii=False) for one in opening) + "\n]"
        for opening in openings
    )
    text = f'{head},\n "openings": [{body}]\n}}\n'
    msgspec.json.decode(text, type=Expected)
    (HERE / "expected.json").write_text(text, encoding="utf-8")
