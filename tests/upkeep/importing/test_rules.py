"""What an import does with links and clicks, told by what is there afterwards."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from shortd.clicks import history
from shortd.store import Store
from shortd.store.schema import AUDIT, IMPORTED, LINKS
from tests.upkeep.importing.dumps import yourls
from tests.upkeep.importing.kept import kept_links
from tests.upkeep.importing.world import SETTINGS, Outcome, World

DAY = "2020-05-17"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Shared: each test has codes of its own."""
    hosts = "hosts = ['https://other.example', 'https://loose.example']\n"
    loose = "[host.'loose.example']\nignore_case = true\n"
    return World(tmp_path_factory.mktemp("rules"), hosts + SETTINGS + loose)


def by_code(world: World, host: str = "s.example.test") -> dict[str, dict[str, Any]]:
    return {link["code"]: link for link in kept_links(world.data).get(host, [])}


def skips(outcome: Outcome) -> list[list[str]]:
    """Of each row, why it was skipped."""
    return [row["reasons"] if row["result"] == "skipped" else [] for row in outcome.rows]


def table(file: Path, *rows: dict[str, Any]) -> Path:
    names = list(dict.fromkeys(name for row in rows for name in row))
    quoted = [names, *([str(row.get(name, "")) for name in names] for row in rows)]
    lines = [",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in quoted]
    file.write_text("\n".join(lines))
    return file


def test_a_newer_dump_brings_what_is_new(world: World, tmp_path: Path) -> None:
    url, created = "https://example.com/newer", "2019-01-01 00:00:00"
    first = [("newer", f"{DAY} 10:00:00", "DE"), ("newer", f"{DAY} 11:00:00", "DE")]
    world.run("yourls", yourls(tmp_path / "1", [("newer", url, created, 5)], first), "--apply")
    kept = by_code(world)["newer"]
    assert (kept["clicks"], kept["days"], kept["undated_clicks"]) == (5, {DAY: 2}, 3)
    more = [*first, ("newer", f"{DAY} 12:00:00", "FR"), ("newer", "2020-06-01 00:00:00", "FR")]
    links = [("newer", f"{url}?moved", created, 9), ("later", f"{url}/2", created, 1)]
    outcome = world.run("yourls", yourls(tmp_path / "2", links, more), "--apply")
    assert [row["result"] for row in outcome.rows] == ["unchanged", "made"]
    kept = by_code(world)["newer"]
    # Where it leads is not changed: nothing is replaced.
    assert (kept["clicks"], kept["url"]) == (9, url)
    assert kept["days"] == {DAY: 3, "2020-06-01": 1}
    assert kept["countries"] == {"DE": 2, "FR": 2}


def test_another_server_with_the_same_code_is_not_the_same(world: World, tmp_path: Path) -> None:
    one = yourls(tmp_path / "1", [("same", "https://example.com/1", "2019-01-01 00:00:00", 5)], [])
    two = yourls(tmp_path / "2", [("same", "https://example.com/2", "2019-01-02 00:00:00", 8)], [])
    world.run("yourls", one, "--apply")
    outcome = world.run("yourls", two, "--apply")
    assert (outcome.status, outcome.rows[0]["reasons"]) == (3, ["code_taken"])
    assert by_code(world)["same"]["clicks"] == 5
    elsewhere = world.run("yourls", two, "--apply", "--map-domain", "=other.example")
    assert elsewhere.rows[0]["shorturl"] == "https://other.example/same"
    assert by_code(world, "other.example")["same"]["clicks"] == 8


def test_a_link_that_was_made_otherwise_stays_as_it_is(world: World, tmp_path: Path) -> None:
    own = table(tmp_path / "1.csv", {"code": "own", "url": "https://a.example"})
    world.run("csv", own, "--apply")
    dump = [("own", "https://a.example", "2019-01-01 00:00:00", 8)]
    outcome = world.run("yourls", yourls(tmp_path / "2", dump, []), "--apply")
    [row] = outcome.rows
    assert (row["result"], row["reasons"], outcome.status) == ("unchanged", ["clicks_left_out"], 0)
    assert by_code(world)["own"]["clicks"] == 0


def test_rules_come_along_but_for_those_that_lead_to_this_server(
    world: World, tmp_path: Path
) -> None:
    link = {
        **{"id": "1", "domain": "s.example.test", "key": "geo", "shortLink": "x", "clicks": 0},
        **{"url": "https://example.com/", "createdAt": "2024-01-01T00:00:00.000Z"},
        **{"ios": "https://ios.example/", "android": "https://s.example.test/loop"},
        "geo": {"DE": "https://de.example/", "Nowhere": "https://no.example/"},
    }
    answer = tmp_path / "links.json"
    answer.write_text(json.dumps([link]))
    dry = world.run("dub", answer)
    outcome = world.run("dub", answer, "--apply")
    [row] = outcome.rows
    assert (row["result"], row["reasons"]) == ("made_with_notes", ["rules", "no_place"])
    assert dry.rows[0]["reasons"] == row["reasons"] and dry.rows[0]["note"] == row["note"]
    assert "geolocation-country-code Nowhere" in row["note"]
    store = Store(world.data)
    with store.read() as txn:
        kept = next(one for _, one in LINKS.scan(txn) if one.code == "geo")
    store.close()
    assert kept.plugins is not None
    assert msgspec.msgpack.decode(kept.plugins["rules"]) == {
        "rules": [
            {"url": "https://ios.example/", "conditions": {"system": ["ios"]}},
            {"url": "https://de.example/", "conditions": {"country": ["DE"]}},
        ]
    }
    assert world.run("dub", answer, "--apply").rows[0]["result"] == "unchanged"


def test_domains(world: World, tmp_path: Path) -> None:
    rows = [
        {"short url": f"https://{host}/{code}", "url": f"https://example.com/{host}"}
        for host, code in (("bit.ly", "dom"), ("gone.example", "dom"), ("other.example", "dom"))
    ]
    file = table(tmp_path / "1.csv", *rows)
    outcome = world.run("csv", file, "--map-domain", "bit.ly=")
    assert skips(outcome) == [[], ["unknown_host"], []]
    hosts = ["s.example.test", "gone.example", "other.example"]
    assert [row["host"] for row in outcome.rows] == hosts
    # Two that come to one host are one too many, the earlier stays.
    both = ("--map-domain", "bit.ly=", "--map-domain", "gone.example=")
    for options in (both, (*both, "--apply")):
        outcome = world.run("csv", file, *options)
        assert skips(outcome) == [[], ["code_taken"], []]
    assert by_code(world)["dom"]["url"] == "https://example.com/bit.ly"


def test_a_host_that_ignores_case(world: World, tmp_path: Path) -> None:
    rows = [{"code": code, "url": f"https://example.com/{code}"} for code in ("Case", "CASE")]
    file = table(tmp_path / "1.csv", *rows)
    for options in ((), ("--apply",)):
        outcome = world.run("csv", file, "--map-domain", "=loose.example", *options)
        assert skips(outcome) == [[], ["code_taken"]]


def test_a_limit_holds_from_the_first_moment(world: World, tmp_path: Path) -> None:
    file = table(
        tmp_path / "1.csv",
        {"code": "limited", "url": "https://a.example", "max_clicks": "3", "clicks": "5"},
    )
    world.server.start()
    try:
        world.run("csv", file, "--apply")
        assert httpx.get(f"{world.server.url}/limited").status_code == 410
    finally:
        world.server.stop()


def test_what_the_settings_keep_of_visits(tmp_path: Path) -> None:
    settings = SETTINGS + "[clicks]\nip = 'truncated'\nvisit_days = 30\nvisits_per_link = 3\n"
    world = World(tmp_path, settings)
    now = datetime.now(UTC)
    times = [f"{now - timedelta(days=days):%Y-%m-%d %H:%M:%S}" for days in (400, 20, 9, 8, 7)]
    clicks = [("seen", time, "DE") for time in times]
    dump = yourls(tmp_path / "1", [("seen", "https://a.example", times[0], 5)], clicks)
    world.run("yourls", dump, "--apply")
    store = Store(world.data)
    with store.read() as txn:
        [(_, link)] = LINKS.scan(txn)
        visits = history.visits(txn, link.id)
    store.close()
    assert [(visit.address, visit.country) for visit in visits] == [("198.51.100.0", "DE")] * 3
    assert {visit.referrer for visit in visits} == {"news.example"}
    assert sum(by_code(world)["seen"]["days"].values()) == 5
    # Nothing is wrong with it when it is counted again.
    assert world.command("stats", "verify")


def test_a_day_that_is_yet_to_come_is_none(world: World, tmp_path: Path) -> None:
    clicks = [("ahead", f"{DAY} 10:00:00", "DE"), ("ahead", "2190-01-01 00:00:00", "DE")]
    links = [("ahead", "https://a.example", "2019-01-01 00:00:00", 2)]
    world.run("yourls", yourls(tmp_path / "1", links, clicks), "--apply")
    kept = by_code(world)["ahead"]
    assert (kept["clicks"], kept["days"], kept["undated_clicks"]) == (2, {DAY: 1}, 1)


def test_passwords(world: World, tmp_path: Path) -> None:
    dub = [
        {
            "id": f"link_{code}",
            "domain": "s.example.test",
            "key": code,
            "url": "https://a.example",
            "shortLink": f"https://s.example.test/{code}",
            "createdAt": "2024-05-06T07:08:09.000Z",
            "password": password,
            "clicks": 0,
        }
        for code, password in (("clear", "open sesame"), ("long", "x" * 300))
    ]
    (tmp_path / "dub.json").write_text(json.dumps(dub))
    assert world.run("dub", tmp_path / "dub.json", "--apply").status == 0
    kept = by_code(world)
    assert kept["clear"]["password"] is not None
    assert (kept["long"]["password"], kept["long"]["enabled"]) == (None, False)


def test_an_import_is_in_the_audit_log_once(world: World, tmp_path: Path) -> None:
    file = table(tmp_path / "noted.csv", {"code": "noted", "url": "https://a.example"})

    def details() -> list[str]:
        store = Store(world.data)
        with store.read() as txn:
            found = [row.detail for _, row in AUDIT.scan(txn)]
        store.close()
        return found

    world.run("csv", file)
    assert "noted.csv, csv" not in details()
    world.run("csv", file, "--apply")
    assert details().count("noted.csv, csv") == 1


def test_what_is_remembered_goes_with_the_link(world: World, tmp_path: Path) -> None:
    file = table(tmp_path / "1.csv", {"code": "gone", "url": "https://a.example", "clicks": "4"})
    assert world.run("csv", file, "--apply").summary["clicks"] == 4
    store = Store(world.data)
    with store.read() as txn:
        [link] = [link for _, link in LINKS.scan(txn) if link.code == "gone"]
        assert IMPORTED.get(txn, (link.id,)) is not None
    store.close()


def test_no_room(tmp_path: Path) -> None:
    """What came stays, and the rest comes once there is room."""
    small = SETTINGS + "map_bytes = 4194304\n"
    world = World(tmp_path, small)
    rows = [{"code": f"c{n}", "url": f"https://a.example/{'x' * 2000}"} for n in range(2500)]
    file = table(tmp_path / "1.csv", *rows)
    outcome = world.run("csv", file, "--apply")
    assert outcome.status == 1
    # Before it the log says what there is no room in.
    assert outcome.stderr.splitlines()[-1] == "shortd: The server has no storage left."
    came = len(by_code(world))
    assert 0 < came < 2500
    (tmp_path / "config.toml").write_text(SETTINGS)
    outcome = world.run("csv", file, "--apply")
    assert outcome.summary["results"]["unchanged"] == came
    assert len(by_code(world)) == 2500


class TestRefusals:
    """One line, and nothing has changed."""

    @pytest.mark.parametrize(
        ("words", "status", "message"),
        [
            (("csv", "nowhere.csv"), 1, "nowhere.csv"),
            (("bookmarks", "links.csv"), 1, "links.csv"),
            (("yourls", "nowhere.sql"), 1, "nowhere.sql"),
            (("nonsense", "links.csv"), 2, "there is no format 'nonsense'"),
            (("csv", "links.csv", "--map-domain", "=unknown.example"), 1, "unknown.example"),
            (("csv", "links.csv", "--account", "nobody"), 1, "There is no account 'nobody'."),
            (("shlink", "http://127.0.0.1:9/"), 1, "127.0.0.1"),
        ],
    )
    def test_one_line(
        self,
        world: World,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        words: tuple[str, ...],
        status: int,
        message: str,
    ) -> None:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("SHORTD_IMPORT_API_KEY", "a-key")
        table(tmp_path / "links.csv", {"code": "refused", "url": "https://a.example"})
        outcome = world.run(*words, "--apply")
        assert outcome.status == status, outcome
        [line] = outcome.stderr.splitlines()
        assert line.startswith("shortd: ")
        assert message in line
        assert "refused" not in by_code(world)

    @pytest.mark.parametrize(
        "words",
        [
            ("--timezone", "Mars/Olympus"),
            ("--timezone", "../../etc/passwd"),
            ("--map-domain", "bit.ly"),
            ("--dates", "ymd"),
        ],
    )
    def test_wrong_use(self, world: World, tmp_path: Path, words: tuple[str, ...]) -> None:
        file = table(tmp_path / "links.csv", {"code": "refused", "url": "https://a.example"})
        outcome = world.run("csv", file, *words)
        assert (outcome.status, outcome.rows) == (2, [])


def test_hostile_rows(world: World, tmp_path: Path) -> None:
    """Each is told and leaves the others alone."""
    codes = ["\u202e", "a\x01b", ".", "..", "-/x", "x" * 401, "/" * 400, "-/health", "é" * 200]
    urls = ["javascript:alert(1)", "", "https://", "http://[::1", "https://a.example/" + "x" * 9000]
    rows = [
        *({"code": code} for code in codes),
        *({"code": f"u{number}", "url": url} for number, url in enumerate(urls)),
        {"code": "t1", "title": "\u202etitle" * 400, "tags": ",".join("ab" * 200)},
        {"code": "t2", "created": "9" * 30, "ends": "-1", "max_clicks": "9" * 40},
        {"code": "t3", "url": "https://s.example.test/loop"},
        {"code": "t4", "clicks": "-5"},
    ]
    rows = [{"code": "before"}, *rows, {"code": "after"}]
    file = table(tmp_path / "1.csv", *({"url": "https://a.example/", **row} for row in rows))
    dry = world.run("csv", file)
    done = world.run("csv", file, "--apply")
    assert [row["reasons"] for row in dry.rows] == [row["reasons"] for row in done.rows]
    assert {"before", "after"} <= by_code(world).keys()
    made = {row["code"] for row in done.rows if row["result"].startswith("made")}
    assert not made & {"", ".", "..", "-/health", "x" * 401, "u0", "u1", "t3"}
    assert len(done.rows) == len(rows)
