"""`shortd audit`: what operators did, asked of the data directory or of the server that has it."""

from __future__ import annotations

from pathlib import Path

import pytest

from shortd.clock import DAY, MINUTE, SECOND, SystemClock
from shortd.commands.ages import LONGEST, UNITS
from shortd.control import reading
from shortd.models.audit import Action, AuditEntry, Way
from shortd.store.schema import AUDIT
from shortd.store.txn import WriteTxn
from shortd.testing import open_app
from tests.commands.shell import Shell

DATA = Path("shortd-data")
IMPORTER = """
from shortd.plugin import ImportedLink, Plugin, hookimpl


class Lines(Plugin[None, None]):
    name = "lines"

    @hookimpl
    def importers(self):
        return {"lines": self.read}

    def read(self, file):
        for line in file.read_text().splitlines():
            yield ImportedLink(line)
"""


def fill(*ages: int) -> None:
    """Lines of these ages, in µs."""
    now = SystemClock().now()

    def write(txn: WriteTxn) -> None:
        for age in ages:
            row = AuditEntry(
                now - age, Way.PAGE, Action.LOCK_ACCOUNT, name="olga", subject=f"age{age}"
            )
            AUDIT.put(txn, (row.utime, 0), row)

    with open_app(DATA) as app:
        app.run(app.services.store.write(write))


def subjects(shown: str) -> list[str]:
    return [line.split("  ")[3].strip() for line in shown.splitlines()[1:]]


def test_the_newest_stands_first(shell: Shell) -> None:
    shell.did("user", "add", "ann@nowhere.example", "--username", "ann")
    shell.did("user", "set", "ann", "--type", "custom")
    shell.did("user", "lock", "ann")
    head, *rows = (
        [cell.strip() for cell in line.split("  ") if cell.strip()]
        for line in shell.did("audit").splitlines()
    )
    assert head == ["TIME", "BY", "WHAT", "TO WHOM OR WHAT", "DETAILS", "REASON"]
    assert [row[1:] for row in rows] == [
        ["command", "lock account", "ann", "-", "-"],
        ["command", "change account", "ann", "type: custom", "-"],
        ["command", "add account", "ann", "-", "-"],
    ]


def test_what_an_importer_did_is_in_it(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    plugin = Path("plugins", "lines.py")
    plugin.parent.mkdir()
    plugin.write_text(IMPORTER)
    monkeypatch.setenv("SHORTD_PLUGINS__DIR", "plugins")
    shell.did("user", "add", "ann@nowhere.example", "--username", "ann")
    Path("links.txt").write_text("https://example.org/a\nhttps://example.org/b\n")
    shell.did("import", "lines", "links.txt", "--account", "ann", "--apply")
    assert "import links  ann" in shell.did("audit").splitlines()[1]


@pytest.mark.parametrize(
    ("age", "newest"),
    [("90s", 1), ("2m", 2), ("2h", 3), ("2d", 4), ("2w", 5), ("1.5y", 6), ("999999999999y", 6)],
)
def test_only_what_is_newer(shell: Shell, age: str, newest: int) -> None:
    ages = [0, 100 * SECOND, 60 * MINUTE, DAY, 10 * DAY, 500 * DAY]
    fill(*ages)
    shown = subjects(shell.did("audit", "--newer", age))
    assert shown == [f"age{one}" for one in ages[:newest]]


@pytest.mark.parametrize("age", ["", "5", "d", "5q", "-1d", "1e3s", "٣d", "1 d", "nan"])
def test_what_is_no_age_is_told(shell: Shell, age: str) -> None:
    result = shell.run("audit", "--newer", age)
    assert result.exit_code == 2
    assert "is no age such as" in result.stderr


def test_months_are_not_minutes() -> None:
    assert UNITS["m"] == MINUTE
    assert LONGEST < 2**63


def test_long_logs_come_whole_in_many_answers(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(*range(0, 25 * SECOND, SECOND))
    monkeypatch.setattr(reading, "PORTION", 5)
    assert subjects(shell.did("audit")) == [f"age{age}" for age in range(0, 25 * SECOND, SECOND)]
    monkeypatch.setattr(reading, "PORTION", 7)
    assert len(subjects(shell.did("audit", "--newer", "1y"))) == 25
