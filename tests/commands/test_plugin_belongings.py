"""What plugins keep: listed, backed up, exported, checked, and forgotten."""

from __future__ import annotations

import asyncio
import hashlib
import json
import stat
import time
from pathlib import Path

import pytest

from shortd.models.plugins import ROW_BYTES, PluginBacklog, PluginEvent
from shortd.plugin import Plugin
from shortd.store import Store
from shortd.store.plugin_rows import used
from shortd.store.schema import PLUGIN_BACKLOGS, PLUGIN_EVENTS, PLUGIN_USES
from shortd.store.txn import WriteTxn
from shortd.testing import FakeClock, open_app
from tests.commands.shell import Shell

DATA = Path("shortd-data")


class Diary(Plugin[None, None]):
    """Keeps a diary."""

    name = "diary"


def now() -> FakeClock:
    """As the commands see it."""
    return FakeClock(time.time_ns() // 1000)


@pytest.fixture
def kept(bare: Shell) -> Shell:
    """Data of a plugin that is gone: two rows, and two files."""
    with open_app(DATA.absolute(), plugins=[Diary], clock=now()) as app:
        plugin = app.plugin(Diary)
        app.run(plugin.store.table("days", str).put("mon\0day", "é"))
        app.run(plugin.store.table("days", str).put("tuesday", "rain"))
        (plugin.folder / "inner").mkdir()
        (plugin.folder / "inner" / "é \n.bin").write_bytes(bytes(range(256)))
        (plugin.folder / "plain.txt").write_text("plain")
        (plugin.folder / "link").symlink_to("/etc/passwd")
        assert stat.S_IMODE(plugin.folder.stat().st_mode) == 0o700
        assert plugin.folder == DATA.absolute() / "plugins" / "diary"
    return bare


def rows(data: Path = DATA) -> int:
    with (
        open_app(data.absolute(), plugins=[], clock=now()) as app,
        app.services.store.read() as txn,
    ):
        return used(txn, "diary").rows


def files(data: Path = DATA) -> dict[str, bytes]:
    folder = data / "plugins" / "diary"
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink()
    }


def test_it_is_listed_and_forgotten(kept: Shell) -> None:
    listed = kept.did("plugins")
    assert "gone: diary has left 2 rows and 2 files, " in listed
    [told] = [one for one in kept.json("plugins") if one["name"] == "diary"]
    assert told["state"] == "gone"
    assert told["kept"] == {"rows": 2, "files": 2, "bytes": 2 * 256 + 3 + 5 + 256 + 5}
    assert kept.run("plugins", "forget", "diary").exit_code == 2
    assert rows() == 2
    said = kept.did("plugins", "forget", "diary", "--yes")
    assert said.startswith("Deleted 2 rows, 2 files and 0 waiting events of the plugin diary.")
    assert (rows(), files()) == (0, {})
    assert not (DATA / "plugins" / "diary").exists()
    assert Path("/etc/passwd").exists()
    assert "diary" not in kept.did("plugins")
    assert "no plugin of this name" in kept.refused("plugins", "forget", "diary", "--yes")
    [line] = [one for one in kept.json("audit") if one["action"] == "forget_plugin"]
    assert (line["subject"], line["detail"]) == ("diary", "2 rows, 2 files")


@pytest.mark.parametrize("name", ["", "..", "a/b", "Diary"])
def test_what_is_no_plugin_is_not_forgotten(kept: Shell, name: str) -> None:
    assert "no plugin" in kept.refused("plugins", "forget", name, "--yes")
    assert len(files()) == 2


def test_it_comes_back_from_a_backup(kept: Shell) -> None:
    before = files()
    kept.did("backup", "backups", "--verify")
    manifest = json.loads(Path("backups/latest/manifest.json").read_bytes())
    assert {name for name in manifest["files"] if name.startswith("plugins/")} == {
        f"plugins/diary/{name}" for name in before
    }
    kept.did("plugins", "forget", "diary", "--yes")
    kept.did("restore", "backups/latest", "--yes")
    assert (rows(), files()) == (2, before)
    kept.did("doctor")
    copy = Path("backups/latest/plugins/diary/plain.txt")
    copy.write_text("other")
    assert (
        "plugins/diary/plain.txt is not what was backed up"
        in kept.run("restore", "backups/latest", "--yes").stderr
    )


def test_it_comes_to_another_server(kept: Shell) -> None:
    before = files()
    kept.did("export", "out")
    told = [json.loads(line) for line in Path("out/rows.jsonl").read_bytes().splitlines()]
    assert [row["type"] for row in told].count("plugin_row") == 2
    assert {row["path"] for row in told if row["type"] == "plugin_file"} == before.keys()
    other = Path("other").absolute()
    with open_app(other, plugins=[], clock=now()):
        pass
    dry = kept.did("import", "shortd", "out", "--data", str(other))
    assert not (other / "plugins").exists()
    for _ in range(2):
        kept.did("import", "shortd", "out", "--apply", "--data", str(other))
        assert (rows(other), files(other)) == (2, before)
    kept.did("doctor", "--data", str(other))
    kept.did("export", "again", "--data", str(other))
    again = [json.loads(line) for line in Path("again/rows.jsonl").read_bytes().splitlines()]
    assert [row for row in again if row["type"].startswith("plugin_")] == [
        row for row in told if row["type"].startswith("plugin_")
    ]
    assert dry


@pytest.mark.parametrize(
    "change",
    [
        {"path": "../../outside"},
        {"path": "/etc/outside"},
        {"path": "a//b"},
        {"path": "x" * 256},
        {"path": "/".join("a" * 65)},
        {"path": ""},
        {"plugin": ".."},
        {"plugin": "Diary"},
        {"blob": "../../../../etc/passwd"},
        {"blob": "0" * 32},
        {"sha256": "0" * 64},
        {"size": -1},
        {"size": 1},
        {"more": 1},
    ],
    ids=str,
)
def test_files_of_an_export_are_not_believed(kept: Shell, change: dict[str, object]) -> None:
    kept.did("export", "out")
    path, manifest = Path("out/rows.jsonl"), Path("out/manifest.json")
    lines = [json.loads(line) for line in path.read_bytes().splitlines()]
    [at] = [number for number, row in enumerate(lines) if row.get("path") == "plain.txt"]
    lines[at] |= change
    content = b"".join(json.dumps(row).encode() + b"\n" for row in lines)
    path.write_bytes(content)
    told = json.loads(manifest.read_bytes())
    told["rows"] = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    manifest.write_text(json.dumps(told))
    other = Path("other").absolute()
    with open_app(other, plugins=[], clock=now()):
        pass
    result = kept.run("import", "shortd", "out", "--apply", "--data", str(other))
    assert "unreadable" in result.output
    assert list(files(other)) == ["inner/é \n.bin"]
    assert not Path("outside").exists() and not (other / "outside").exists()


def test_links_that_a_plugin_has_made_lead_nowhere(kept: Shell) -> None:
    kept.did("export", "out")
    other, outside = Path("other").absolute(), Path("outside").absolute()
    with open_app(other, plugins=[], clock=now()):
        pass
    (other / "plugins" / "diary").mkdir(parents=True)
    outside.mkdir()
    (other / "plugins" / "diary" / "inner").symlink_to(outside)
    kept.run("import", "shortd", "out", "--apply", "--data", str(other))
    assert list(outside.iterdir()) == []


def test_doctor_counts_anew(kept: Shell) -> None:
    store = Store(DATA.absolute(), make=False)
    asyncio.run(store.write(lambda txn: PLUGIN_USES.delete(txn, ("diary", ""))))
    store.close()
    assert "plugin diary is counted with other rows or bytes" in kept.run("doctor").stderr
    kept.did("doctor", "--fix")
    kept.did("doctor")
    assert rows() == 2


def test_doctor_counts_what_waits_anew(kept: Shell) -> None:
    store = Store(DATA.absolute(), make=False)

    def spoil(txn: WriteTxn) -> None:
        event = PluginEvent("link_created", "x" * 22, 1, b"facts")
        PLUGIN_EVENTS.insert(txn, ("diary", "link", 7), event)
        PLUGIN_BACKLOGS.put(txn, ("diary",), PluginBacklog(rows=3, bytes=1, serial=2, dropped=5))
        PLUGIN_BACKLOGS.put(txn, ("gone",), PluginBacklog(rows=1, bytes=200, serial=9))

    asyncio.run(store.write(spoil))
    store.close()
    told = kept.run("doctor").stderr
    for name in ("diary", "gone"):
        assert f"plugin {name} is counted with other events than wait for it" in told
    kept.did("doctor", "--fix")
    kept.did("doctor")
    store = Store(DATA.absolute(), make=False)
    with store.read() as txn:
        diary = PLUGIN_BACKLOGS.get(txn, ("diary",))
        gone = PLUGIN_BACKLOGS.get(txn, ("gone",))
    store.close()
    assert diary == PluginBacklog(rows=1, bytes=5 + ROW_BYTES, serial=8, dropped=5)
    assert gone == PluginBacklog(serial=9)


def test_compacting_keeps_it(kept: Shell) -> None:
    kept.did("compact")
    assert rows() == 2
