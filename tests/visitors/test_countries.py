"""Countries: what statistics say of addresses, and how the database is kept up with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from shortd.settings.config import ConfigError
from shortd.testing import RunningApp, open_app
from shortd.visitors.countries import Countries, open_countries, place_of
from tests.clicks.databases import countries, database
from tests.conftest import GENEROUS


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return countries(tmp_path / "countries.mmdb")


def app_countries(tmp_path: Path, addresses: list[str], **settings: str) -> dict[str, int]:
    """What the statistics of a link say after a click from each address."""
    environ = {**GENEROUS, **{f"SHORTD_CLICKS__{name}": text for name, text in settings.items()}}
    with open_app(tmp_path / "data", environ=environ) as app:
        return clicked_from(app, addresses)


def clicked_from(app: RunningApp, addresses: list[str]) -> dict[str, int]:
    userid = app.call("temporary_account")["userid"]
    entry = app.call("url", userid=userid, url="https://example.com/")["entry"]
    for address in addresses:
        assert app.get(entry["shorturl"], address=address).status_code == 302
    stats = app.call("get_stats", userid=userid, shorturl=entry["shorturl"])
    return {item["value"]: item["count"] for item in stats["dimensions"]["country"]}


@pytest.mark.parametrize("mode", ["full", "truncated"])
def test_a_truncated_address_still_has_its_country(tmp_path: Path, file: Path, mode: str) -> None:
    addresses = ["81.2.69.160", "81.2.69.161", "2001:218:1:2::3", "8.8.8.8", "192.168.1.77"]
    found = app_countries(tmp_path, addresses, GEOIP_DB=str(file), IP=mode)
    assert found == {"GB": 2, "JP": 1, "Unknown": 1, "Local": 1}


def test_without_addresses_there_are_no_countries(tmp_path: Path, file: Path) -> None:
    found = app_countries(tmp_path, ["81.2.69.160", "127.0.0.1"], GEOIP_DB=str(file), IP="none")
    assert found == {"Unknown": 2}


def test_without_a_database_only_local_networks_are_known(tmp_path: Path) -> None:
    assert app_countries(tmp_path, ["81.2.69.160", "127.0.0.1"]) == {"Local": 1, "Unknown": 1}


@pytest.mark.parametrize(
    ("address", "place"),
    [
        *[(local, "Local") for local in ("10.0.0.1", "172.16.0.1", "172.31.255.255", "127.9.9.9")],
        *[(local, "Local") for local in ("192.168.0.0", "169.254.1.1", "100.64.0.0", "::1")],
        *[(local, "Local") for local in ("fe80::1", "febf::1", "fc00::1", "fd12:3456::1")],
        *[(other, "Unknown") for other in ("172.15.0.1", "172.32.0.1", "100.128.0.1", "11.0.0.1")],
        *[(other, "Unknown") for other in ("192.169.0.1", "::12", "ff02::1", "fec0::1", "8.8.8.8")],
        *[(other, "Unknown") for other in ("", "unix", "f", "10.", "100.nonsense")],
    ],
)
def test_what_is_local(address: str, place: str) -> None:
    assert place_of(address, None) == place


@pytest.mark.parametrize(
    ("record", "code"),
    [
        ({"country": {"iso_code": "DE"}, "city": {"names": {"en": "Bonn"}}}, "DE"),
        ({"country": "DE", "asn": "AS1"}, "DE"),
        ({"country": {"names": {"en": "Germany"}}}, ""),
        ({"country": {"iso_code": "Germany"}}, ""),
        ({"registered_country": {"iso_code": "DE"}}, ""),
        ([], ""),
    ],
)
def test_records_of_other_makers(tmp_path: Path, record: Any, code: str) -> None:
    records = {"81.2.69.0/24": record, "9.0.0.0/8": {"country": {"iso_code": "US"}}}
    assert Countries(str(database(tmp_path / "c.mmdb", records))).of("81.2.69.160") == code


@pytest.mark.parametrize(
    ("records", "kind"),
    [({"81.2.69.0/24": {"autonomous_system_number": 1}}, "GeoLite2-ASN"), ({}, "Empty")],
)
def test_a_database_without_countries_is_refused(
    tmp_path: Path, records: Mapping[str, Any], kind: str
) -> None:
    file = database(tmp_path / "c.mmdb", records, kind)
    with pytest.raises(ConfigError, match=rf"clicks.geoip_db: .* without countries \({kind}\)"):
        open_countries(str(file))


def test_a_new_file_is_read(tmp_path: Path, file: Path) -> None:
    kept = Countries(str(file), tmp_path)
    assert kept.of("81.2.69.160") == "GB"
    countries(tmp_path / "new.mmdb", {"81.2.69.0/24": "IE"}).replace(file)
    assert kept.of("81.2.69.160") == "GB"
    kept.refresh()
    assert kept.of("81.2.69.160") == "IE"


def test_a_file_that_is_overwritten_in_place_harms_nobody(tmp_path: Path, file: Path) -> None:
    kept = Countries(str(file), tmp_path)
    new = countries(tmp_path / "new.mmdb", {"81.2.69.0/24": "IE"}).read_bytes()
    # As a download writes it: first nothing, then half of it, then all.
    for content, warnings in ((b"", 1), (new[: len(new) // 2], 1), (new, 0)):
        file.write_bytes(content)
        kept.of.cache_clear()
        assert kept.of("81.2.69.160") == "GB"
        with capture_logs() as logs:
            kept.refresh()
        assert sum(entry["log_level"] == "warning" for entry in logs) == warnings
    assert kept.of("81.2.69.160") == "IE"
    file.unlink()
    with capture_logs() as logs:
        kept.refresh()
    assert [entry["log_level"] for entry in logs] == ["warning"]
    assert kept.of("81.2.69.160") == "IE"
    assert list(tmp_path.glob("geoip-*")) == []


def test_a_running_server_keeps_up(tmp_path: Path, file: Path) -> None:
    with open_app(
        tmp_path / "data", environ={**GENEROUS, "SHORTD_CLICKS__GEOIP_DB": str(file)}
    ) as app:
        assert clicked_from(app, ["81.2.69.160"]) == {"GB": 1}
        countries(file, {"81.2.69.0/24": "IE"})
        assert app.services.visitors.countries is not None
        app.services.visitors.countries.refresh()
        assert clicked_from(app, ["81.2.69.160"]) == {"IE": 1}
