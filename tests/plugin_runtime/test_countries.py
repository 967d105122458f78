"""What plugins are told of a visitor's country."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from shortd.commands.cli import main
from tests.plugin_runtime.conftest import PluginApp, Start
from tests.plugin_runtime.test_observe_hooks import WATCH, Watcher

LEAD = """
class Lead(Plugin[None, Data]):
    name = "lead"
    Data = Data

    @hookimpl
    def destination(self, link: Link, visit: Visit, data: Data) -> str:
        return f"https://{visit.country or 'unknown'}.example/"
"""


@pytest.fixture
def database(tmp_path: Path) -> Path:
    writer = MMDBWriter(6, "GeoLite2-Country", ipv4_compatible=True)
    writer.insert_network(IPSet(["203.0.113.0/25"]), {"country": {"iso_code": "DE"}})
    writer.insert_network(IPSet(["203.0.113.128/25"]), {"continent": {"code": "EU"}})
    file = tmp_path / "countries.mmdb"
    writer.to_db_file(str(file))
    return file


def from_address(plugins: PluginApp, address: str) -> str:
    answer = plugins.app.get(plugins.shorturl, address=address)
    return answer.headers["location"]


def test_plugins_know_the_country_of_a_visitor(start: Start, database: Path) -> None:
    plugins = start(environ={"SHORTD_CLICKS__GEOIP_DB": str(database)}, lead=LEAD, watch=WATCH)
    plugins.set("lead")
    watcher = Watcher(plugins)
    countries = {
        "203.0.113.5": "DE",
        "203.0.113.200": "unknown",
        "127.0.0.1": "unknown",
        "2001:db8::1": "unknown",
        "nonsense": "unknown",
    }
    for address, country in countries.items():
        assert from_address(plugins, address) == f"https://{country}.example/"
    assert [visit.country for _, _, visit, _ in watcher.heard()] == ["DE", "", "", "", ""]
    assert plugins.explain(address="203.0.113.5")["location"] == "https://DE.example/"
    assert plugins.explain(country="FR")["location"] == "https://FR.example/"


def test_without_a_database_no_country_is_known(start: Start) -> None:
    plugins = start(lead=LEAD)
    plugins.set("lead")
    assert from_address(plugins, "203.0.113.5") == "https://unknown.example/"


@pytest.mark.parametrize("content", [None, b"", b"nonsense"])
def test_a_database_that_cannot_be_used_stops_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None
) -> None:
    file = tmp_path / "countries.mmdb"
    if content is not None:
        file.write_bytes(content)
    monkeypatch.setenv("SHORTD_CLICKS__GEOIP_DB", str(file))
    for command in (
        ["config", "check"],
        ["serve", "--port", "1024", "--data", str(tmp_path / "data")],
    ):
        outcome = CliRunner().invoke(main, command)
        assert (outcome.exit_code, len(outcome.output.splitlines())) == (2, 1)
        assert outcome.output.startswith("shortd: SHORTD_CLICKS__GEOIP_DB: clicks.geoip_db: ")
