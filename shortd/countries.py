"""Countries of addresses, from a database in MaxMind's format (`[clicks] geoip_db`).

The file is read where it lies, once, at the start; nothing is ever asked of the network.
"""

from __future__ import annotations

from functools import lru_cache

from shortd.config import ConfigError

_SETTING = "clicks.geoip_db"


class Countries:
    """One database."""

    def __init__(self, path: str) -> None:
        """Raises ConfigError if the file cannot be used, or the library is not installed."""
        try:
            import maxminddb
        except ImportError:
            raise ConfigError([f"{_SETTING}: needs maxminddb: install shortd[geo]"]) from None
        try:
            self._reader = maxminddb.open_database(path)
        except OSError as fault:
            raise ConfigError([f"{_SETTING}: cannot be read: {fault.strerror}"]) from None
        except (maxminddb.InvalidDatabaseError, ValueError):
            raise ConfigError([f"{_SETTING}: is no database in MaxMind's format"]) from None
        self._faults = (maxminddb.InvalidDatabaseError, ValueError)
        self.of = lru_cache(maxsize=8192)(self._of)
        """The ISO 3166-1 alpha-2 code of an address's country, such as "DE"; "" if unknown."""

    def _of(self, address: str) -> str:
        try:
            record = self._reader.get(address)
        # No address, an IPv6 one in a database of IPv4, or a torn file.
        except self._faults:
            return ""
        country = record.get("country") if isinstance(record, dict) else None
        code = country.get("iso_code") if isinstance(country, dict) else None
        return code if isinstance(code, str) else ""


def open_countries(path: str) -> Countries | None:
    """The database at a path; None for an empty path. Raises ConfigError."""
    return Countries(path) if path else None
