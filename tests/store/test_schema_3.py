"""What schema 3 has left, opened by today's: nothing is lost, and what is new works on it."""

from __future__ import annotations

import json
import os
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from shortd.commands.cli import main
from shortd.store.looking import looked_at
from shortd.store.schema import LINKS, SCHEMA_VERSION
from shortd.testing import FakeClock, RunningApp, open_app

FOLDER = Path(__file__).parent / "directories/schema_3"
KNOWN: dict[str, Any] = json.loads((FOLDER / "known.json").read_bytes())
SOUND = "Everything stored agrees with itself."


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    with tarfile.open(FOLDER / "directory.tar.xz") as archive:
        # Not every Python 3.11 has filters.
        archive.extraction_filter = getattr(tarfile, "data_filter", lambda member, path: member)
        archive.extractall(tmp_path / "data")
    return tmp_path / "data"


@contextmanager
def opened(data_dir: Path, config: str = "") -> Iterator[RunningApp]:
    clock = FakeClock(KNOWN["utime"])
    with open_app(data_dir, clock=clock, environ=KNOWN["environ"], config=config) as app:
        yield app


def doctor(data_dir: Path) -> str:
    command = ["doctor", "--data", str(data_dir)]
    result = CliRunner().invoke(main, command, env=KNOWN["environ"])
    assert result.exit_code == 0, result.output
    # Of the copy that was brought up to date to be looked at, nobody is told a way back.
    assert result.stderr == f"shortd: data {data_dir}, settings {os.devnull}\n"
    return str(result.stdout)


def codes(data_dir: Path) -> set[str]:
    with looked_at(data_dir) as store, store.read() as txn:
        return {code for (_, code), _ in LINKS.scan(txn)}


def test_it_is_sound_before_and_after_and_nothing_is_lost(data_dir: Path) -> None:
    told = doctor(data_dir)
    assert told.startswith(f"Schema 3: the next start of the server makes it {SCHEMA_VERSION}")
    assert SOUND in told
    before = codes(data_dir)
    with opened(data_dir):
        pass
    assert doctor(data_dir).splitlines()[-1] == SOUND
    assert codes(data_dir) == before
    assert (data_dir / f"db-before-schema-{SCHEMA_VERSION}" / "data.mdb").is_file()


def test_terms_and_counts_are_what_they_were(data_dir: Path) -> None:
    with opened(data_dir) as app:
        with app.services.store.read() as txn:
            link = LINKS.get(txn, (0, "CaseMatters"))
        assert link is not None
        assert link.rare is not None
        assert link.rare.tag_names == ("two words", "flyer")
        answer = app.get(KNOWN["links"]["CaseMatters"] + "?a=b")
        assert answer.headers["location"] == "https://zoe.example/CaseMatters?a=b"
        assert "x-robots-tag" not in answer.headers
        app.drain()
        with app.services.store.read() as txn:
            assert app.services.clicks.clicks.live(txn, link.id).count == 4
        assert app.get(KNOWN["box"]).status_code == 200


def test_lookups_that_ignore_case_find_what_was_there_before(data_dir: Path) -> None:
    config = '[host."s.example"]\nignore_case = true\n'
    with opened(data_dir, config) as app:
        places = {
            "CaseMatters": "CaseMatters",
            "casematters": "casematters",
            # Of two alike, the older one.
            "CASEMATTERS": "CaseMatters",
            "uppercase1": "UPPERCASE1",
        }
        for code, place in places.items():
            answer = app.get(f"https://s.example/{code}")
            assert answer.headers["location"] == f"https://zoe.example/{place}"


def test_the_way_back_leads_to_schema_3(data_dir: Path) -> None:
    before = codes(data_dir)
    with opened(data_dir) as app:
        app.new_link(code="OfToday123")
    kept = data_dir / f"db-before-schema-{SCHEMA_VERSION}"
    command = ["restore", str(kept), "--data", str(data_dir), "--yes"]
    result = CliRunner().invoke(main, command, env=KNOWN["environ"])
    assert result.exit_code == 0, result.output
    assert codes(data_dir) == before
    assert doctor(data_dir).startswith("Schema 3: ")
