"""Makes the directory: what schema 3 had, brought to schema 4, with clicks of every kind.

It ran in a checkout of commit f3ceda0, as
`python -m tests.store.directories.schema_4.make_directory FOLDER`, and cannot run today: visits are
packed since. Links with one visit and with hundreds, on several days, by addresses of both kinds,
agents and referrers that repeat and that do not, a country that an import knew, days by profile and
by dimension, and visitors who are known again.
"""

from __future__ import annotations

import json
import sys
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
from click.testing import CliRunner

from shortd.clicks import history
from shortd.clock import DAY
from shortd.commands.cli import main as cli
from shortd.models.clicks import PastSum, Visit
from shortd.store.schema import COUNTS, SIGHTINGS
from shortd.store.txn import WriteTxn
from shortd.testing import FakeClock, RunningApp, open_app

OLDER = Path(__file__).parents[1] / "schema_3"
AGENTS = [
    f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/{n}.0.0.0 Safari/537.36"
    for n in range(100, 120)
]
REFERRERS = ["", *(f"https://site{n}.example/page" for n in range(30))]
LANGUAGES = ["en-GB,en;q=0.7", "de", "fr-FR,fr;q=0.5", ""]


def visit(app: RunningApp, url: str, number: int) -> None:
    """One of many visits, each from a place and with a browser of its own."""
    headers = {
        "user-agent": AGENTS[number * 7 % len(AGENTS)] if number % 10 else f"Once/{number}",
        "referer": REFERRERS[number * 11 % len(REFERRERS)],
        "accept-language": LANGUAGES[number % len(LANGUAGES)],
    }
    address = f"198.51.{number % 100}.{number % 250}" if number % 3 else f"2001:db8::{number:x}"
    app.get(url, headers={name: text for name, text in headers.items() if text}, address=address)


def fill(app: RunningApp) -> None:
    """Makes links, and clicks on them over four days."""
    userid = app.call("temporary_account")["userid"]
    urls = [f"https://example.com/{number}" for number in range(40)]
    entries = app.call("urls", userid=userid, urls=urls)["entries"]
    app.call("set_terms", userid=userid, shorturl=entries[3]["shorturl"], unique_minutes=1440)
    number = 0
    for _day in range(4):
        for place, entry in enumerate(entries):
            for _ in range(30 if place < 3 else place % 4):
                number += 1
                visit(app, entry["shorturl"], number)
                app.clock.advance(7)
        app.drain()
        app.clock.advance(86_400 - 7)
    with app.services.store.read() as txn:
        ids = [link_id for (link_id,), _ in COUNTS.scan(txn)]
    now = app.clock.now()
    past: list[Visit | PastSum] = [
        PastSum(now - 9 * DAY, 5, {"country": {"DE": 3, "Unknown": 2}, "browser": {"Opera": 5}}),
        Visit(now, 0, "", "Told elsewhere", "old.example", "pt", country="BR"),
    ]

    def add(txn: WriteTxn) -> None:
        history.add_undated(txn, ids[0], 6)
        history.date_past(txn, ids[0], past, 0, 10_000, lambda _: "Unknown")

    app.run(app.services.store.write(add))


def told(app: RunningApp) -> dict[str, Any]:
    """All that is known of clicks, by link."""
    links: dict[str, Any] = {}
    with app.services.store.read() as txn:
        for (link_id,), counts in COUNTS.scan(txn):
            links[str(link_id)] = {
                "totals": [counts.count, counts.count_qr, counts.unique, counts.visits],
                "visits": [msgspec.to_builtins(one) for one in history.visits(txn, link_id)],
                "days": {
                    str(day): msgspec.to_builtins(stats)
                    for day, stats in history.days(txn, link_id)
                },
            }
        sightings = SIGHTINGS.count(txn)
    return {"links": links, "sightings": sightings}


def main() -> None:
    target = Path(sys.argv[1])
    known = json.loads((OLDER / "known.json").read_bytes())
    with TemporaryDirectory() as folder:
        data = Path(folder, "data")
        with tarfile.open(OLDER / "directory.tar.xz") as archive:
            archive.extractall(data, filter="data")
        environ = known["environ"]
        clock = FakeClock(known["utime"])
        with open_app(data, clock=clock, environ=environ) as app:
            fill(app)
            made = {**known, "utime": app.clock.now(), **told(app)}
        # That version counted files of before it otherwise than its doctor does.
        command = ["doctor", "--fix", "--data", str(data)]
        result = CliRunner().invoke(cli, command, env=environ)
        assert result.exit_code == 0, result.output
        with tarfile.open(target / "directory.tar.xz", "w:xz") as archive:
            for name in ("db/data.mdb", "journal", "files"):
                archive.add(data / name, name)
    (target / "known.json").write_text(json.dumps(made, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
