"""The short hosts of this server: names for the outside, permanent numbers for the keys.

Links are stored under their host's number. When the operator renames the default host
(another `public_url`, the old one no longer listed), the number moves to the new name, so
every link goes with it. Short URLs are built from here, never from a Host header.

Domains of teams come and go while the server runs. They are reached as the default host is: with
its scheme, at its port.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit, urlunsplit

import ada_url
import msgspec
import structlog

from shortd.destinations import OwnHosts
from shortd.models import Domain, DomainStatus, Host
from shortd.store import Store
from shortd.store.schema import DOMAINS, DOMAINS_BY_NAME, HOSTS, META
from shortd.store.txn import Change, Txn, WriteTxn

_DEFAULT_HOST = ("default_host",)
_NEXT_NUMBER = ("next_host_number",)
_SCHEME = re.compile(r"\Ahttps?://", re.IGNORECASE)

log = structlog.get_logger(__name__)


class ShortHost(msgspec.Struct, frozen=True):
    """A short host: its number, its name (`host` or `host:port`) and its base URL."""

    number: int
    name: str
    base_url: str
    team: str = ""
    """Id of the team whose domain it is; empty for a configured host, which is everybody's."""
    domain: str = ""
    """Id of that domain."""

    def short_url(self, code: str) -> str:
        return f"{self.base_url}/{code}"


class Hosts:
    """The hosts that answer, and those that links were once made under."""

    def __init__(
        self,
        default: ShortHost,
        others: Sequence[ShortHost],
        retired: Sequence[ShortHost],
        domains: Sequence[Domain] = (),
    ) -> None:
        self.default = default
        self.configured = (default, *others)
        """Those of the settings, the default one first."""
        self.names = OwnHosts()
        """Names of the hosts that answer, the default one first. It follows every change."""
        self.numbers: dict[bytes, int] = {}
        """Numbers by the usual spelling of the Host header; follows every change."""
        self._by_name: dict[str, ShortHost] = {}
        self._by_number = {host.number: host for host in retired}
        self._listeners: list[Callable[[], None]] = []
        for host in self.configured:
            self._add(host)
        for domain in domains:
            self._follow(domain, gone=False)

    def named(self, name: str) -> ShortHost | None:
        """The answering host of that name; case and a default port do not matter."""
        return self._by_name.get(name) or self._by_name.get(_canonical(name))

    def numbered(self, number: int) -> ShortHost:
        """The host that a stored link belongs to."""
        return self._by_number[number]

    def of_header(self, header: str) -> ShortHost:
        """The host a request means; the default one if the header names none of ours."""
        return self._by_name.get(header) or self.named(header) or self.default

    def on_change(self, listener: Callable[[], None]) -> None:
        """Calls `listener` whenever Host headers may mean another host than before."""
        self._listeners.append(listener)

    def follow(self, changes: Sequence[Change]) -> None:
        """Learns and forgets domains as their rows change: a watcher of the store."""
        for change in changes:
            if change.table == DOMAINS.name:
                self._follow(change.after or change.before, gone=change.after is None)

    def _follow(self, domain: Domain, *, gone: bool) -> None:
        if domain.number < 0:
            return
        host = self.of_domain(domain)
        known = self._by_name.get(host.name)
        if not gone and domain.status == DomainStatus.ACTIVE:
            self._add(host)
        else:
            if known is not None and known.domain == domain.id:
                self.names.discard(host.name)
                del self._by_name[host.name], self.numbers[host.name.encode()]
            # Links that are still under its number are shown with it.
            self._by_number[host.number] = host
        for listener in self._listeners:
            listener()

    def _add(self, host: ShortHost) -> None:
        self.names.add(host.name)
        self.numbers[host.name.encode()] = host.number
        self._by_name[host.name] = self._by_number[host.number] = host

    def of_domain(self, domain: Domain) -> ShortHost:
        """A team's domain as a host."""
        base_url = _sibling(self.default.base_url, domain.name)
        return ShortHost(domain.number, name_of(base_url), base_url, domain.team, domain.id)


def name_of(base_url: str) -> str:
    """`host` or `host:port` of a base URL, lower case, without a default port."""
    return _canonical(urlsplit(base_url).netloc)


def without_scheme(url: str) -> str:
    """A short URL or base URL as people may write it, from its host on."""
    return _SCHEME.sub("", url.strip(), count=1)


def _canonical(name: str) -> str:
    name = name.strip().lower()
    if not name.isascii():
        name = ada_url.idna_to_ascii(name).decode()
    host, separator, port = name.rpartition(":")
    if separator and port in ("80", "443"):
        name = host
    elif separator and port.isdigit():
        return f"{host.rstrip('.')}:{port}"
    return name.rstrip(".")


def _sibling(base_url: str, name: str) -> str:
    """The base URL with another host in it."""
    parts = urlsplit(base_url)
    port = f":{parts.port}" if parts.port is not None else ""
    return urlunsplit(parts._replace(netloc=name + port))


async def register(store: Store, public_url: str, others: Sequence[str]) -> Hosts:
    """Gives every configured host its number and returns all hosts, domains among them."""

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
            domain = _domain_at(txn, public_url, url)
            if name in known:
                number = known[name].number
            else:
                number = next_number(txn) if domain is None else domain.number
            if domain is not None:
                log.warning("domain_of_a_team_is_everybodys_now", domain=name, team=domain.team)
                _end(txn, domain, number)
            known[name] = Host(number, url)
            HOSTS.put(txn, (name,), known[name])
        META.put(txn, _DEFAULT_HOST, known[default_name].number)
        return known

    known = await store.write(assign)
    short = {name: ShortHost(row.number, name, row.base_url) for name, row in known.items()}
    default = short.pop(name_of(public_url))
    answering = [short.pop(name_of(url)) for url in others]
    with store.read() as txn:
        domains = [domain for _, domain in DOMAINS.scan(txn)]
    hosts = Hosts(default, answering, list(short.values()), domains)
    store.watch(hosts.follow)
    return hosts


def _domain_at(txn: Txn, public_url: str, url: str) -> Domain | None:
    """The team's domain that answers where a configured host is to."""
    name = urlsplit(url).hostname or ""
    if name_of(_sibling(public_url, name)) != name_of(url):
        return None
    return DOMAINS_BY_NAME.get(txn, (name,))


def _end(txn: WriteTxn, domain: Domain, number: int) -> None:
    """Ends a domain whose name is configured now; its links go along if `number` does."""
    if number == domain.number:
        DOMAINS.delete(txn, (domain.id,))
    else:
        ended = msgspec.structs.replace(domain, status=DomainStatus.ENDED)
        DOMAINS.put(txn, (domain.id,), ended)


def next_number(txn: WriteTxn) -> int:
    """A number that no host ever had."""
    used = max((row.number for _, row in HOSTS.scan(txn)), default=-1)
    number = max(META.get(txn, _NEXT_NUMBER) or 0, used + 1)
    META.put(txn, _NEXT_NUMBER, number + 1)
    return number
