"""Countries of addresses, from a database in MaxMind's format (`[clicks] geoip_db`).

The file is read at the start and again whenever it has changed; nothing is ever asked of the
network. Clicks are looked up by the address as it is kept: of a truncated one (/24, /48) the
country is still right, of none it is unknown.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from ipaddress import ip_address, ip_network
from itertools import islice
from pathlib import Path
from typing import Any

import structlog

from shortd.settings.config import ConfigError
from shortd.store.shortage import NO_ROOM
from shortd.visitors.devices import UNKNOWN

LOCAL = "Local"
"""In place of a country: the address of a private network."""
REFRESH_SECONDS = 60
"""How often the file is looked at."""

_SETTING = "clicks.geoip_db"
_RECORDS_LOOKED_AT = 1000
_LOCAL_BEGINNINGS = ("10.", "127.", "192.168.", "172.", "169.254.", "100.", "::1", "f")
_LOCAL_NETWORKS = [
    ip_network(network)
    for network in (
        *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"),
        *("127.0.0.0/8", "169.254.0.0/16", "::1/128", "fc00::/7", "fe80::/10"),
    )
]

CountryOf = Callable[[str], str]
"""The ISO 3166-1 alpha-2 code of an address's country, such as "DE"; "" if unknown."""

log = structlog.get_logger(__name__)


class Countries:
    """One database."""

    def __init__(self, path: str, scratch: Path | None = None) -> None:
        """Raises ConfigError if the file cannot be used, or the library is not installed.

        Somebody may overwrite the file in place, which would kill a process that has it mapped:
        a copy is mapped instead, made in the folder `scratch` and unlinked at once, or in memory
        where the disk is full.
        """
        self._path = Path(path)
        self._scratch = scratch
        try:
            self._reader, self._state = self._open()
        except _Unusable as fault:
            raise ConfigError([f"{_SETTING}: {fault}"]) from None
        self.of = lru_cache(maxsize=8192)(self._of)
        """See `CountryOf`."""
        self.city_of = lru_cache(maxsize=2048)(self._city_of)
        """The English name of an address's city; "" if unknown."""

    async def run(self) -> None:
        """Keeps up with the file, until cancelled."""
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            await asyncio.to_thread(self.refresh)

    def refresh(self) -> None:
        """Reads the file again if it has changed. One that cannot be used changes nothing."""
        try:
            if self._look() == self._state:
                return
            # Whoever looks something up at this moment holds the old reader until he is done.
            self._reader, self._state = self._open()
        except (_Unusable, OSError) as fault:
            log.warning("geoip_db_not_read", error=str(fault))
            return
        self.of.cache_clear()
        self.city_of.cache_clear()
        log.info("geoip_db_read")

    def _look(self) -> tuple[int, ...]:
        status = self._path.stat()
        return status.st_mtime_ns, status.st_size, status.st_ino

    def _open(self) -> tuple[Any, tuple[int, ...]]:
        try:
            import maxminddb
        except ImportError:
            raise _Unusable("needs maxminddb: install shortd[geo]") from None
        try:
            state = self._look()
            if self._scratch is None:
                reader = maxminddb.open_database(self._path)
            else:
                with _copied(self._path, self._scratch) as copy:
                    reader = maxminddb.open_database(copy)
            self._faults = (maxminddb.InvalidDatabaseError, ValueError)
            if not any(_country(record) for _, record in islice(reader, _RECORDS_LOOKED_AT)):
                kind = reader.metadata().database_type
                raise _Unusable(f"is a database without countries ({kind})")
        except OSError as fault:
            raise _Unusable(f"cannot be read: {fault.strerror}") from None
        except (maxminddb.InvalidDatabaseError, ValueError):
            raise _Unusable("is no database in MaxMind's format") from None
        return reader, state

    def _of(self, address: str) -> str:
        try:
            return _country(self._reader.get(address))
        # No address, an IPv6 one in a database of IPv4, or a torn file.
        except self._faults:
            return ""

    def _city_of(self, address: str) -> str:
        try:
            return _city(self._reader.get(address))
        except self._faults:
            return ""


@contextmanager
def _copied(file: Path, folder: Path) -> Iterator[str]:
    """The path of a copy that goes afterwards. OSError if the file cannot be read."""
    with ExitStack() as undo:
        try:
            copy = undo.enter_context(tempfile.NamedTemporaryFile(dir=folder, prefix="geoip-")).name
            shutil.copyfile(file, copy)
        except OSError as fault:
            if fault.errno not in NO_ROOM:
                raise
            undo.close()
            descriptor = os.memfd_create("geoip")
            undo.callback(os.close, descriptor)
            copy = f"/proc/self/fd/{descriptor}"
            shutil.copyfile(file, copy)
        yield copy


class _Unusable(Exception):
    """Why the file cannot be used."""


def open_countries(path: str, scratch: Path | None = None) -> Countries | None:
    """The database at a path; None for an empty path. Raises ConfigError."""
    return Countries(path, scratch) if path else None


def place_of(address: str, country_of: CountryOf | None) -> str:
    """What statistics have of an address: the code of its country, "Local" or "Unknown"."""
    country = country_of(address) if country_of is not None and address else ""
    if country:
        return country
    return LOCAL if address.startswith(_LOCAL_BEGINNINGS) and _is_local(address) else UNKNOWN


def _is_local(address: str) -> bool:
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in _LOCAL_NETWORKS)


def _country(record: object) -> str:
    """Of a record as MaxMind has it, or as those that have only the code."""
    country = record.get("country") if isinstance(record, dict) else None
    code = country.get("iso_code") if isinstance(country, dict) else country
    return code if isinstance(code, str) and len(code) == 2 else ""


def _city(record: object) -> str:
    """Of a record as MaxMind has it, or as those that have only the name."""
    city = record.get("city") if isinstance(record, dict) else None
    names = city.get("names") if isinstance(city, dict) else None
    name = names.get("en") if isinstance(names, dict) else city
    return name if isinstance(name, str) else ""
