"""The short hosts of this server: names for the outside, permanent numbers for the keys.

Links are stored under their host's number. When the operator renames the default host
(another `public_url`, the old one no longer listed), the number moves to the new name, so
every link goes with it. Short URLs are built from here, never from a Host header.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

import msgspec
import structlog

from shortd.models import Host
from shortd.store import Store
from shortd.store.schema import HOSTS, META
from shortd.store.table import WriteTxn

_DEFAULT_HOST = ("default_host",)
_SCHEME = re.compile(r"\Ahttps?://", re.IGNORECASE)

log = structlog.get_logger(__name__)


class ShortHost(msgspec.Struct, frozen=True):
    """A short host: its number, its name (`host` or `host:port`) and its base URL."""

    number: int
    name: str
    base_url: str

    def short_url(self, code: str) -> str:
        return f"{self.base_url}/{code}"


class Hosts:
    """The configured hosts, and those that links were once made under."""

    def __init__(
        self, default: ShortHost, others: Sequence[ShortHost], retired: Sequence[ShortHost]
    ) -> None:
        self.default = default
        self._by_name = {host.name: host for host in (default, *others)}
        self._by_number = {host.number: host for host in (default, *others, *retired)}

    @property
    def names(self) -> list[str]:
        """Names of the hosts that answer, the default one first."""
        return list(self._by_name)

    def named(self, name: str) -> ShortHost | None:
        """The configured host of that name; case and a default port do not matter."""
        return self._by_name.get(name) or self._by_name.get(_canonical(name))

    def numbered(self, number: int) -> ShortHost:
        """The host that a stored link belongs to."""
        return self._by_number[number]

    def of_header(self, header: str) -> ShortHost:
        """The host a request means; the default one if the header names none of ours."""
        return self._by_name.get(header) or self.named(header) or self.default


def name_of(base_url: str) -> str:
    """`host` or `host:port` of a base URL, lower case, without a default port."""
    return _canonical(urlsplit(base_url).netloc)


def without_scheme(url: str) -> str:
    """A short URL or base URL as people may write it, from its host on."""
    return _SCHEME.sub("", url.strip(), count=1)


def _canonical(name: str) -> str:
    name = name.strip().lower()
    host, separator, port = name.rpartition(":")
    if separator and port in ("80", "443"):
        name = host
    elif separator and port.isdigit():
        return f"{host.rstrip('.')}:{port}"
    return name.rstrip(".")


async def register(store: Store, public_url: str, others: Sequence[str]) -> Hosts:
    """Gives every configured host its number and returns them all."""

    def assign(txn: WriteTxn) -> dict[str, Host]:
        known = {key[0]: row for key, row in HOSTS.scan(txn)}
        configured = {name_of(url): url for url in (public_url, *others)}
        default_name = name_of(public_url)
        old_default = META.get(txn, _DEFAULT_HOST)
        for name, row in list(known.items()):
            renamed = row.number == old_default and name not in configured
            if renamed and default_name not in known:
                log.warning("default_host_renamed", old=name, new=default_name)
                HOSTS.delete(txn, (name,))
                known[default_name] = known.pop(name)
        for name, url in configured.items():
            number = known[name].number if name in known else _next_number(known)
            known[name] = Host(number, url)
            HOSTS.put(txn, (name,), known[name])
        META.put(txn, _DEFAULT_HOST, known[default_name].number)
        return known

    known = await store.write(assign)
    short = {name: ShortHost(row.number, name, row.base_url) for name, row in known.items()}
    default = short.pop(name_of(public_url))
    answering = [short.pop(name_of(url)) for url in others]
    return Hosts(default, answering, list(short.values()))


def _next_number(known: dict[str, Host]) -> int:
    return max((row.number for row in known.values()), default=-1) + 1
