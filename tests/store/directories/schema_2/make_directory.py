"""Makes the data directory of this folder, and asks it everything that it can answer.

Made by commit a4d6a7c (schema 2), and never again by newer code: what it holds is what operators of
that time have on their disks. To make it once more, with other rows, take that commit, and this
folder beside it:

    git worktree add ../old a4d6a7c
    cp -r tests/store/directories ../old/tests/store/
    cd ../old && python3 -m venv .venv && .venv/bin/pip install -e '.[test]'
    .venv/bin/python -m tests.store.directories.schema_2.make_directory

and copy `directory.tar.xz` and `expected.json` back. Where helpers of `tests` have moved since,
their imports have to be put back first.

A real `shortd serve` is driven through its three APIs, its pages and the command line, over three
weeks of its own clock, and killed with clicks in its journal. Three things are done to the process
or its files that an operator cannot do: the clock is a file (`workshop`), dead blobs are left
lying in the last hour, as they would be gone in two seconds, and the last record of the journal
is cut short, as power loss does.

What the same code then says of a copy is in `expected.json`.
"""

from __future__ import annotations

import json
import lzma
import subprocess
import tarfile
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.clicks.databases import COUNTRIES, countries
from tests.sharing.sharing import wait_for
from tests.store.directories.schema_2.crowd import (
    come_before_the_crash,
    come_early,
    come_for_weeks,
    come_today,
    visitor,
)
from tests.store.directories.schema_2.expectations import ARCHIVE, COMMIT, HERE, record
from tests.store.directories.schema_2.interview import Interview
from tests.store.directories.schema_2.links import Shelf
from tests.store.directories.schema_2.people import People, Teams, pbkdf2
from tests.store.directories.schema_2.rows import check_journal, check_rows, cut_last_record
from tests.store.directories.schema_2.workshop import (
    DAY,
    FIRST,
    GONE,
    NO_UNDERTAKER,
    PUBLIC_URL,
    SECOND_HOST,
    Workshop,
)

MORNING = int(datetime(2026, 2, 20, 9, tzinfo=UTC).timestamp()) * 1_000_000
LAST_DAY = 21
NOBODY_LISTENS = {"SHORTD_MAIL__SMTP_URL": "smtp://127.0.0.1:1"}
OF_THE_PROCESS = ("lock", "admin.sock", "lock.mdb")
"""Left out: they mean something on one machine alone."""


def main() -> None:
    check_code()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shop = Workshop(folder, MORNING)
        people, teams, shelf, facts = live(shop, folder)
        cut_last_record(shop.data_dir)
        check_rows(shop.data_dir)
        check_journal(shop.data_dir)
        pack(shop.data_dir)
        record(folder, shop.utime + 1_000_000, Interview(people, teams, shelf, facts), facts)
    print(f"{ARCHIVE}: {ARCHIVE.stat().st_size} bytes")


def check_code() -> None:
    """Refuses to make the directory with any other code than that of its commit."""
    changed = ["git", "diff", "--quiet", COMMIT, "--", "shortd", "plugins"]
    if subprocess.run(changed, cwd=HERE).returncode:
        raise SystemExit(f"This is not the code of {COMMIT}: see the top of this file.")


def live(shop: Workshop, folder: Path) -> tuple[People, Teams, Shelf, dict[str, Any]]:
    """Three weeks of a server's life, to its sudden end."""
    hosts = json.dumps([SECOND_HOST, GONE])
    shop.start({"SHORTD_PUBLIC_URL": FIRST, "SHORTD_HOSTS": hosts})
    people = People(shop)
    shelf = Shelf(shop, people)
    shelf.make_early()
    come_early(shop, shelf)
    shop.stop()

    geography = {"SHORTD_CLICKS__GEOIP_DB": str(countries(folder / "countries.mmdb", COUNTRIES))}
    shop.start({**geography, **NOBODY_LISTENS})
    teams = Teams(shop, people)
    shelf.make_v2()
    shelf.make_v1(teams)
    shelf.make_sqwish()
    shelf.make_files()
    come_for_weeks(shop, shelf, MORNING)
    shop.set_clock(MORNING + (LAST_DAY - 2) * DAY)
    people.emil.v2("verify_email")
    for attempts in (1, 2):
        wait_for(lambda done=attempts: shop.mails("postponed") == done)  # type: ignore[misc]
        shop.advance(20)
    shop.set_clock(MORNING + LAST_DAY * DAY)
    wait_for(lambda: shop.mails("given_up") == 1)
    shop.stop()

    shop.start({})
    facts = correspond(shop, people)
    shop.stop()

    unhurried = {"SHORTD_CLICKS__SYNC_MS": "60000"}
    shop.start({**geography, **NOBODY_LISTENS, **unhurried}, NO_UNDERTAKER)
    facts |= last_hour(shop, people, teams, shelf)
    shop.kill()
    return people, teams, shelf, facts


def correspond(shop: Workshop, people: People) -> dict[str, Any]:
    """Codes that come by mail: one to be used, one that was."""
    shop.v2("forgot_password", username_email="dora")
    people.vera.v2("verify_email")
    verified = shop.mailed_code(people.vera.email)
    body = f"email={people.vera.email}&code={verified}".encode()
    form_type = {"content-type": "application/x-www-form-urlencoded"}
    assert shop.send("POST", f"{PUBLIC_URL}/-/verify", body, form_type).status_code == 200
    return {"verified": verified, "reset": shop.mailed_code(people.dora.email)}


def last_hour(shop: Workshop, people: People, teams: Teams, shelf: Shelf) -> dict[str, Any]:
    """What does not last longer, and then the clicks that are not counted."""
    wrong = {"email": people.dora.email, "unique_code": "0" * 32, "password": pbkdf2("x")}
    # One more, and the code would have ended.
    for _ in range(9):
        body = json.dumps(wrong).encode()
        response = shop.send("POST", f"{PUBLIC_URL}/v2/reset_password", body)
        assert response.status_code == 403, response.text
    for person in (people.ann, people.ben, people.cara, people.lou):
        person.log_in_to_v1()
    for person in (people.fay, people.vera):
        person.take_key()
    people.ann.rotate()
    facts: dict[str, Any] = {"rotated": people.vera.rotate(), "after rotation": people.vera.access}
    reading = people.cara.v2("create_api_key", name="reads", scopes=["read"])["api_key"]
    login = shop.v1("authen/token", username="cara", key=reading)
    facts["read_only"] = login["token"]["access_token"]
    login = shop.v1("authen/token", username="Ann", key=people.ann.api_key)
    facts["revoked"] = login["token"]["access_token"]
    shop.v1("authen/revoke-token", facts["revoked"])
    facts["invitation"] = teams.invite_more(people)
    for _ in range(3):
        people.fay.v2("verify_email")
    wait_for(lambda: shop.mails("postponed") >= 1)
    shelf.begin_upload()
    shop.command("user", "lock", "lou")
    come_today(shop, shelf)
    # Asking for statistics has all clicks counted; from the next on, the drain rests a minute.
    people.ann.v2("get_stats", shorturl=shelf.urls["unique"])
    facts["dead"] = shelf.share_and_delete()
    come_before_the_crash(shop, shelf)
    location = shop.visit(shelf.urls["notes"], visitor()).headers["location"]
    facts["signed"] = PUBLIC_URL + location
    facts["live"] = shelf.counts()
    shop.visit(shelf.urls["torn"], visitor())
    # What she spends in a moment is not back for a while.
    for _ in range(10):
        people.ann.v2("get_entries", count=1000)
    # Balances are written once a second, and nothing tells when.
    time.sleep(3)
    return facts


def pack(data_dir: Path) -> None:
    with (
        lzma.open(ARCHIVE, "wb", preset=9 | lzma.PRESET_EXTREME) as packed,
        tarfile.open(fileobj=packed, mode="w") as archive,
    ):
        for path in sorted(data_dir.rglob("*")):
            if path.name not in OF_THE_PROCESS:
                name = str(path.relative_to(data_dir))
                archive.add(path, name, recursive=False, filter=nobodys)


def nobodys(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


if __name__ == "__main__":
    main()
