"""Each sample of a peer's data, imported by the command: with a server and without one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from shortd.commands.cli import main
from tests.api.v2.people import PASSWORD
from tests.server_process import ServerProcess
from tests.upkeep.importing.kept import kept_links
from tests.upkeep.importing.samples import ALL, HOSTS, PUBLIC_URL, Sample, answering

SAMPLES = pytest.mark.parametrize("sample", ALL, ids=lambda sample: sample.name)


class Ways(msgspec.Struct):
    """What the same samples came to in two data directories."""

    dry: dict[str, Any] = {}
    """By name of the sample: exit status, report, summary."""
    alone: dict[str, Any] = {}
    again: dict[str, Any] = {}
    served: dict[str, Any] = {}
    kept: dict[str, list[dict[str, Any]]] = {}
    """Links by host, of the directory without a server."""
    kept_by_server: dict[str, list[dict[str, Any]]] = {}


@pytest.fixture(scope="module")
def ways(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ways]:
    folder = tmp_path_factory.mktemp("import")
    environ = {
        "SHORTD_CONFIG": str(folder / "config.toml"),
        "SHORTD_USER_PASSWORD": PASSWORD,
    }
    (folder / "config.toml").write_text(
        f"public_url = '{PUBLIC_URL}'\nhosts = {json.dumps(HOSTS)}\n"
        "[storage]\nreserve_bytes = 1048576\n"
    )
    found = Ways()
    with answering() as (address, key):
        environ["SHORTD_IMPORT_API_KEY"] = key

        def run(data: str, sample: Sample, *options: str) -> Any:
            report = folder / "report.jsonl"
            command = ["import", "--data", str(folder / data), "--account", "ann", "--json"]
            command += ["--report", str(report), *sample.arguments(address), *options]
            result = CliRunner().invoke(main, command, env=environ)
            assert isinstance(result.exception, SystemExit | None), result.exception
            assert result.stdout, result.output
            rows = [json.loads(line) for line in report.read_text().splitlines()]
            return result.exit_code, rows, json.loads(result.stdout)

        servers = {data: ServerProcess(folder / data, {**environ}) for data in ("alone", "served")}
        for data, server in servers.items():
            server.start()
            command = ["user", "add", "ann@example.org", "--username", "ann"]
            added = CliRunner().invoke(main, [*command, "--data", str(folder / data)], env=environ)
            assert added.exit_code == 0, added.output
        servers["alone"].stop()
        for sample in ALL:
            found.served[sample.name] = run("served", sample, "--apply")
            found.dry[sample.name] = run("alone", sample)
            found.alone[sample.name] = run("alone", sample, "--apply")
            found.again[sample.name] = run("alone", sample, "--apply")
        servers["served"].stop()
    found.kept = kept_links(folder / "alone")
    found.kept_by_server = kept_links(folder / "served")
    yield found


@SAMPLES
def test_it_comes_to_what_is_expected(ways: Ways, sample: Sample) -> None:
    kept = {
        (theirs, link["code"]): link
        for theirs, ours in sample.domains.items()
        for link in ways.kept.get(ours, [])
    }
    drawn = {link["url"]: link for link in kept.values()}
    expected = [link for link in sample.expected["links"]]
    for wanted in expected:
        place = (wanted.get("host") or "", wanted["code"])
        link = kept[place] if wanted["code"] else drawn[wanted["url"]]
        if not wanted["code"] and expected.count(wanted) == 1:
            same = [one for one in kept.values() if one["url"] == wanted["url"]]
            created = [one["created_us"] for one in same]
            assert wanted["created_us"] is None or wanted["created_us"] in created
            link = next(one for one in same if wanted["created_us"] in (None, one["created_us"]))
        compare(wanted, link)
    assert len(kept) == len(expected) == sample.expected["totals"]["links"]
    assert sum(link["clicks"] for link in kept.values()) == sample.expected["totals"]["clicks"]


def compare(wanted: dict[str, Any], link: dict[str, Any]) -> None:
    for name in ("url", "clicks"):
        assert link[name] == wanted[name], name
    for name, nothing in (
        *(("title", ""), ("days", {}), ("undated_clicks", 0), ("since_us", 0), ("until_us", 0)),
        *(("max_clicks", 0), ("fallback", ""), ("crawlable", None)),
    ):
        assert link[name] == wanted.get(name, nothing), name
    assert link["archived"] == ("archived" in str(wanted))
    if wanted["created_us"] is not None:
        assert link["created_us"] == wanted["created_us"]
    if "countries" in wanted:
        assert link["countries"] == wanted["countries"]
    assert sorted(link["tags"]) == sorted(wanted.get("tags", []))
    has_password = "password" in wanted or "password_hash" in wanted
    assert (link["password"] is not None) == has_password
    assert link["enabled"] == wanted.get("enabled", True)
    assert ("ab" in link["plugins"]) == ("variants" in wanted)
    # All of them are years old.
    assert link["visits"] == 0


@SAMPLES
def test_what_is_left_out_is_told(ways: Ways, sample: Sample) -> None:
    status, rows, summary = ways.alone[sample.name]
    skipped = [row for row in rows if row["result"] == "skipped"]
    wanted = [(row["code"], row["reason"]) for row in sample.expected["skipped"]]
    assert sorted((row["code"], row["reasons"][0]) for row in skipped) == sorted(wanted)
    assert status == (3 if wanted else 0)
    assert summary["results"]["skipped"] == len(wanted)
    assert sum(summary["results"].values()) == len(rows)
    assert all(row["note"] for row in skipped)


@SAMPLES
def test_a_dry_run_says_what_is_done(ways: Ways, sample: Sample) -> None:
    status, rows, summary = ways.dry[sample.name]
    done, done_rows, done_summary = ways.alone[sample.name]
    assert status == done
    assert {**summary, "applied": True} == done_summary
    for row, done_row in zip(rows, done_rows, strict=True):
        if not row["code"]:
            # It is drawn when the link is made.
            done_row = {**done_row, "code": "", "shorturl": ""}
        assert row == done_row


@SAMPLES
def test_twice_is_once(ways: Ways, sample: Sample) -> None:
    status, rows, _ = ways.again[sample.name]
    before, rows_before, _ = ways.alone[sample.name]
    assert status == before
    for row, row_before in zip(rows, rows_before, strict=True):
        if row_before["result"] == "skipped":
            assert row == row_before
        else:
            assert row["result"] == "unchanged"
            assert (row["code"], row["shorturl"]) == (row_before["code"], row_before["shorturl"])


@SAMPLES
def test_a_server_takes_the_same(ways: Ways, sample: Sample) -> None:
    drawn = [not row["code"] for row in ways.dry[sample.name][1]]

    def shown(way: Any) -> Any:
        status, rows, summary = way
        hidden = {"code": "", "shorturl": ""}
        told = [
            {**row, **(hidden if is_drawn else {})}
            for row, is_drawn in zip(rows, drawn, strict=True)
        ]
        return status, told, summary

    assert shown(ways.served[sample.name]) == shown(ways.alone[sample.name])
    for host in sample.domains.values():
        both = [sorted(map(told, kept.get(host, []))) for kept in (ways.kept, ways.kept_by_server)]
        assert both[0] == both[1]


def told(link: dict[str, Any]) -> str:
    """A link without what is drawn or depends on the moment."""
    link = dict(link)
    if link.pop("password"):
        link["password"] = True
    if link["created_us"] > 1_795_000_000_000_000:
        del link["created_us"]
    if link["note"].startswith("Folder") or len(link["code"]) == 6:
        del link["code"]
    return json.dumps(link, sort_keys=True, default=repr)
