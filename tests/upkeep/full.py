"""A server that has something of everything that can leave it.

It is what an older version has left (tests/store/directories), and what has come since, made as
people make it: by pages, calls and commands.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.asymmetric import ec

from shortd.commands.cli import main
from shortd.models.plugins import PluginRow
from shortd.store.plugin_rows import put_row
from shortd.store.schema import TABLES
from shortd.testing import FakeClock, RunningApp, open_app
from shortd.upkeep.row_types import TOLD
from tests.authenticator import Authenticator
from tests.held import hold
from tests.sharing import boxes
from tests.sharing.sharing import sharer
from tests.sharing.test_bundles import share as share_bundle
from tests.web.account.test_passkeys import add as add_passkey
from tests.web.account.test_second_factor import set_up
from tests.web.admin.conftest import command
from tests.web.surfer import Surfer

OLD = Path(__file__).parents[1] / "store/directories/schema_2"
OWN = "https://s.example"


def unpacked(data_dir: Path) -> dict[str, Any]:
    """Puts the older server's directory there: what is known of it."""
    with tarfile.open(OLD / "directory.tar.xz") as archive:
        # Not every Python 3.11 has filters.
        archive.extraction_filter = getattr(tarfile, "data_filter", lambda member, path: member)
        archive.extractall(data_dir)
    known: dict[str, Any] = json.loads((OLD / "expected.json").read_bytes())
    return known


@contextmanager
def opened(data_dir: Path, known: dict[str, Any]) -> Iterator[RunningApp]:
    environ = {**known["environ"], "SHORTD_STORAGE__RESERVE_BYTES": "1048576"}
    with open_app(data_dir, clock=FakeClock(known["utime"]), environ=environ) as app:
        yield app


def fill(app: RunningApp) -> None:
    """Makes what there was not, as `zoe`."""
    zoe = Surfer(app, OWN)
    zoe.sign_up("zoe", email="zoe@nowhere.example")
    link = zoe.call("url", url="https://zoe.example/", code="ZoesLink1")["entry"]
    zoe.send("/-/account/look", {"theme": "dark", "language": "de"})
    keep_something(app)
    add_passkey(zoe, Authenticator(OWN))
    set_up(zoe)
    command(app, "user link", user="zoe", proxy="zoe@proxy")
    zoe.call("create_api_key", name="zoe's own")
    command(app, "link block", pattern="bad.example", reason="phishing")
    for number, url in enumerate(("https://odd.example/", "https://odder.example/")):
        odd = zoe.call("url", url=url, code=f"ZoesOdd{number}")["entry"]
        hold(app, odd["id"])
    command(app, "link refuse", links=["ZoesOdd1"], reason="A trap")
    command(app, "user set", user="zoe", changes={"verified": True})
    report = {"link": link["shorturl"], "reason": "spam", "note": "Look\nat this"}
    assert Surfer(app, OWN, "198.51.100.9").send("/-/report", report).status_code == 303
    key = ec.generate_private_key(ec.SECP256R1())
    for more in ({}, {"public_key": boxes.coded(boxes.point(key))}):
        entry = boxes.create(zoe, **more)
        if not more:
            sender = boxes.Sender(app, entry)
            sender.path = "/-/box/" + entry["shorturl"].rpartition("/")[2]
            answer = sender.whole("letter.txt", b"Dear Zoe", note="Two\nlines")
            assert answer.status_code == 200, answer.text
    share_bundle(sharer(app))
    app.visit(link["shorturl"])
    app.drain()


def keep_something(app: RunningApp) -> None:
    """As a plugin does that is gone."""
    store = app.services.store
    row = PluginRow(msgspec.msgpack.encode({"text": "é"}))
    app.run(store.write(lambda txn: put_row(txn, ("diary", "days", "mon\0day"), row)))
    folder = store.directory / "plugins" / "diary" / "inner"
    folder.mkdir(parents=True)
    (folder / "note.txt").write_text("kept")


def empty_tables(app: RunningApp) -> set[str]:
    """Tables that leave, and have nothing in them."""
    with app.services.store.read() as txn:
        return {table.name for table in TABLES if table.name in TOLD and not table.count(txn)}


class Exported(NamedTuple):
    """A server that is stopped, and what it has exported."""

    known: dict[str, Any]
    data: Path
    folder: Path

    @property
    def environ(self) -> dict[str, str]:
        return dict(self.known["environ"])

    def run(self, *command: str | Path, data: Path | None = None) -> Result:
        words = [*map(str, command), "--data", str(data or self.data)]
        return CliRunner().invoke(main, words, env=self.environ, catch_exceptions=False)

    def did(self, *command: str | Path, data: Path | None = None) -> str:
        result = self.run(*command, data=data)
        assert result.exit_code == 0, result.output
        return result.stdout
