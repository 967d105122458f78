"""Country databases."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmdb_writer import MMDBWriter
from netaddr import IPSet

COUNTRIES = {"81.2.69.0/24": "GB", "2001:218::/32": "JP"}


def countries(file: Path, networks: Mapping[str, str] | None = None) -> Path:
    """Writes a database of countries by network, as MaxMind has them."""
    given = COUNTRIES if networks is None else networks
    return database(
        file,
        {network: {"country": {"iso_code": code}} for network, code in given.items()},
    )


def database(file: Path, records: Mapping[str, Any], kind: str = "GeoLite2-Country") -> Path:
    """Writes a database with these records by network."""
    writer = MMDBWriter(6, kind, ipv4_compatible=True)
    for network, record in records.items():
        writer.insert_network(IPSet([network]), record)
    writer.to_db_file(str(file))
    return file
