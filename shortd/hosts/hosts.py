"""The short hosts of this server: names for the outside, permanent numbers for the keys.

Links are stored under their host's number. When the operator renames the default host
(another `public_url`, the old one no longer listed), the number moves to the new name, so
every link goes with it. Short URLs are built from here, never from a Host header.

Domains of teams come and go while the server runs. They are reached as the default host is: with
its scheme, at its port, but below no path.

What a host does in its own way is asked by its number, and may become different at any time: by
settings that are read anew, or by a domain's row.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from urllib.parse import urlsplit, urlunsplit

import msgspec
import structlog

from shortd.hosts.authority import host_name
from shortd.hosts.base_paths import BasePaths, behind, path_of
from shortd.hosts.destinations import OwnHosts, ascii_location, host_of
from shortd.link_codes import escaped
from shortd.models.hosts import DEFAULTS, HostOptions, Place
from shortd.models.links import Link
from shortd.models.teams import Domain, DomainStatus, Host
from shortd.store import Store
from shortd.store.schema import DOMAINS, DOMAINS_BY_NAME, HOSTS, META
from shortd.store.txn import Change, Txn, WriteTxn

_DEFAULT_HOST = ("default_host",)
_NEXT_NUMBER = ("next_host_number",)
_SCHEME = re.compile(r"\Ahttps?://", re.IGNORECASE)

NO_HOST = 2**32 - 1
"""A number that no host ever has: of requests that may mean one of ours or another of them."""

PAGES_HOST = NO_HOST - 1
"""Of the pages, where they have an origin of their own: no link is ever under it."""

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

    @property
    def path(self) -> str:
        """Below which it is ours; empty for all of it."""
        return path_of(self.base_url)

    def short_url(self, code: str) -> str:
        return f"{self.base_url}/{escaped(code)}"

    def hides(self, code: str) -> bool:
        """Whether a code is read as the path: nobody could ask for it behind a proxy that has cut
        that already."""
        return bool(self.path) and f"/{code}/".startswith(f"{self.path}/")

    def within(self, rest: str) -> str | None:
        """What stands behind the slash of an address on this host, without the host's path; None
        for what is not below that."""
        found = behind(self.path, f"/{rest}".encode(errors="replace"))
        return None if found is None else found.decode(errors="replace").removeprefix("/")


class Hosts:
    """The hosts that answer, and those that links were once made under."""

    def __init__(
        self,
        default: ShortHost,
        others: Sequence[ShortHost],
        retired: Sequence[ShortHost],
        domains: Sequence[Domain] = (),
        pages_url: str = "",
    ) -> None:
        """`pages_url` is the base URL of the pages; empty for the default host's."""
        self.default = default
        self.pages = default
        """Where the pages are: the default host, or one of their own, which has no links."""
        self.configured = (default, *others)
        """Those of the settings, the default one first."""
        self.names = OwnHosts()
        """Names of the hosts that answer, the default one first. It follows every change. Whoever
        reads a destination is given it, and with it what is blocked."""
        self.numbers: dict[bytes, int] = {}
        """Numbers by the usual spelling of the Host header; follows every change."""
        self._by_name: dict[str, ShortHost] = {}
        self._alike: dict[str, dict[str, ShortHost]] = {}
        """Hosts by name, of those whose names are one but for their ports and "www."."""
        self._by_number = {host.number: host for host in retired}
        self._options: Mapping[int, HostOptions] = {}
        """By number, as the settings have them; what is here is never changed but replaced."""
        self._domain_options: dict[int, HostOptions] = {}
        self._listeners: list[Callable[[], None]] = []
        for host in self.configured:
            self._add(host)
        if pages_url:
            self.pages = ShortHost(PAGES_HOST, name_of(pages_url), pages_url)
            self.names.add(self.pages.name, self.pages.path)
            self.numbers[self.pages.name.encode()] = PAGES_HOST
            self._by_number[PAGES_HOST] = self.pages
        paths = {host.number: host.path for host in (*self.configured, self.pages)}
        self.paths = BasePaths({**paths, NO_HOST: default.path})
        """Below which paths these are ours. Domains have none."""
        for domain in domains:
            self._follow(domain, gone=False)

    def named(self, name: str) -> ShortHost | None:
        """The answering host of that name; case and a default port do not matter. Its path may
        stand behind it.
        """
        known = self._by_name.get(name)
        if known is not None:
            return known
        name, _, path = name.strip().partition("/")
        canonical = host_name(name.encode(errors="replace"))
        found = None if canonical is None else self._by_name.get(canonical)
        return None if found is None or path not in ("", found.path[1:]) else found

    def answers(self, name: str) -> bool:
        """Whether a host of that name answers here, be it that of the pages."""
        return self.named(name) is not None or host_name(name.encode(errors="replace")) == (
            self.pages.name
        )

    def numbered(self, number: int) -> ShortHost:
        """The host that a stored link belongs to."""
        return self._by_number[number]

    def ever(self, name: str | None = None) -> list[ShortHost]:
        """The hosts that links stand on, those that answer no more among them; of that name, or if
        there are none of that name at any port."""
        found = [host for host in self._by_number.values() if host.number != PAGES_HOST]
        if name is None:
            return found
        canonical = host_name(name.strip().encode(errors="replace"))
        exact = [host for host in found if host.name == canonical]
        return exact or [host for host in found if _portless(host.name) == canonical]

    def short_url(self, link: Link) -> str:
        """A link's address as visitors see it."""
        return self._by_number[link.host].short_url(link.code)

    def number_of(self, authority: bytes) -> int:
        """The number of the host a request means by its Host header or its target.

        Proxies drop ports, and people write "www." or leave it out: what is one of ours but for
        that is that one, and `NO_HOST` if it may as well be another, or one whose option `www` is
        off. A name that is nothing like ours means the default host.
        """
        name = host_name(authority)
        if name is None:
            return self.default.number
        if name == self.pages.name:
            return self.pages.number
        known = self._by_name.get(name)
        if known is not None:
            return known.number
        alike = self._alike.get(_core(name))
        if not alike:
            return self.default.number
        same = [host for host in alike.values() if _portless(host.name) == _portless(name)]
        meant = same or [host for host in alike.values() if self.options_of(host.number).www]
        return meant[0].number if len(meant) == 1 else NO_HOST

    def options_of(self, number: int) -> HostOptions:
        """What the host of that number does in its own way."""
        return self._options.get(number) or self._domain_options.get(number, DEFAULTS)

    def sends_to(self, number: int, place: Place) -> str:
        """The Location of who comes to such a place of a host; empty where our own answer stands
        there, be it that operators have blocked the address since."""
        address: str = getattr(self.options_of(number), place)
        blocks = self.names.blocks
        if not address or (blocks is not None and blocks(host_of(address), address) is not None):
            return ""
        return ascii_location(address)

    def take_options(self, options: Mapping[str, HostOptions]) -> None:
        """Has configured hosts do as these options say, by name, from now on, and all others as
        usual: all of it at once, for all that is asked behind it. On the event loop."""
        found = ((self.named(name), own) for name, own in options.items())
        self._options = {
            host.number: own for host, own in found if host is not None and not host.team
        }
        for listener in self._listeners:
            listener()

    def on_change(self, listener: Callable[[], None]) -> None:
        """Calls `listener` whenever Host headers may mean another host than before."""
        self._listeners.append(listener)

    def follow(self, changes: Sequence[Change]) -> None:
        """Learns and forgets domains as their rows change, and learns hosts that links have come
        with from elsewhere: a watcher of the store."""
        for change in changes:
            if change.table == HOSTS.name and change.after is not None:
                number = change.after.number
                host = ShortHost(number, change.key[0], change.after.base_url)
                self._by_number.setdefault(number, host)
            elif change.table == DOMAINS.name:
                self._follow(change.after or change.before, gone=change.after is None)

    def _follow(self, domain: Domain, *, gone: bool) -> None:
        if domain.number < 0:
            return
        host = self.of_domain(domain)
        known = self._by_name.get(host.name)
        if not gone and domain.status == DomainStatus.ACTIVE and host.name != self.pages.name:
            self._domain_options[host.number] = domain.options
            self._add(host)
        else:
            if known is not None and known.domain == domain.id:
                self.names.discard(host.name)
                del self._by_name[host.name], self.numbers[host.name.encode()]
                del self._alike[_core(host.name)][host.name]
            self._domain_options.pop(host.number, None)
            # Links that are still under its number are shown with it.
            self._by_number[host.number] = host
        for listener in self._listeners:
            listener()

    def _add(self, host: ShortHost) -> None:
        self.names.add(host.name, host.path)
        self.numbers[host.name.encode()] = host.number
        self._by_name[host.name] = self._by_number[host.number] = host
        self._alike.setdefault(_core(host.name), {})[host.name] = host

    def of_domain(self, domain: Domain) -> ShortHost:
        """A team's domain as a host."""
        base_url = _sibling(self.default.base_url, domain.name)
        return ShortHost(domain.number, name_of(base_url), base_url, domain.team, domain.id)


def name_of(base_url: str) -> str:
    """`host` or `host:port` of a base URL, lower case, without a default port."""
    netloc = urlsplit(base_url).netloc
    return host_name(netloc.encode()) or netloc.lower()


def without_scheme(url: str) -> str:
    """A short URL or base URL as people may write it, from its host on."""
    return _SCHEME.sub("", url.strip(), count=1)


def _portless(name: str) -> str:
    """The name without its port."""
    host, colon, port = name.rpartition(":")
    return host if colon and port.isdigit() else name


def _core(name: str) -> str:
    """What a name has in common with those that differ in port and "www." alone."""
    return _portless(name).removeprefix("www.")


def _sibling(base_url: str, name: str) -> str:
    """The base URL with another host in it, which has no path."""
    parts = urlsplit(base_url)
    port = f":{parts.port}" if parts.port is not None else ""
    return urlunsplit(parts._replace(netloc=name + port, path=""))


async def register(
    store: Store, public_url: str, others: Sequence[str], pages_url: str = ""
) -> Hosts:
    """Gives every configured host its number and returns all hosts, domains among them.

    Nothing is written where nothing has changed, nor where there is no room for it: what there is
    answers then, and the rest is made up for.
    """
    with store.read() as txn:
        known, writes = _assigned(txn, public_url, others)
    if writes:
        await store.write_or_owe(partial(_apply, writes=writes))
    names = [name_of(url) for url in others]
    return _opened(store, known, name_of(public_url), names, pages_url)


async def recall(
    store: Store, public_url: str, others: Sequence[str], pages_url: str = ""
) -> Hosts:
    """All hosts as a server has registered them; these are for a directory that had none yet.

    For commands, whose settings need not be the server's: of its hosts only those answer that are
    among them, too.
    """
    with store.read() as txn:
        known = {key[0]: row for key, row in HOSTS.scan(txn)}
        number = META.get(txn, _DEFAULT_HOST)
    default = next((name for name, row in known.items() if row.number == number), None)
    if default is None:
        return await register(store, public_url, others, pages_url)
    configured = {name_of(url) for url in (public_url, *others)}
    names = [name for name in known if name in configured - {default}]
    return _opened(store, known, default, names, pages_url)


def known_hosts(store: Store, public_url: str, others: Sequence[str], pages_url: str = "") -> Hosts:
    """The same for who only looks, as they are at this moment; nothing is written."""
    with store.read() as txn:
        known = {key[0]: row for key, row in HOSTS.scan(txn)}
        number = META.get(txn, _DEFAULT_HOST)
        default = next((name for name, row in known.items() if row.number == number), None)
        if default is None:
            known, _ = _assigned(txn, public_url, others)
            default = name_of(public_url)
        domains = [domain for _, domain in DOMAINS.scan(txn)]
    configured = {name_of(url) for url in (public_url, *others)}
    short = {name: ShortHost(row.number, name, row.base_url) for name, row in known.items()}
    answering = [short.pop(name) for name in known if name in configured - {default}]
    return Hosts(short.pop(default), answering, list(short.values()), domains, pages_url)


def _opened(
    store: Store, known: Mapping[str, Host], default: str, others: Sequence[str], pages_url: str
) -> Hosts:
    short = {name: ShortHost(row.number, name, row.base_url) for name, row in known.items()}
    answering = [short.pop(name) for name in (default, *others)]
    with store.read() as txn:
        domains = [domain for _, domain in DOMAINS.scan(txn)]
    hosts = Hosts(answering[0], answering[1:], list(short.values()), domains, pages_url)
    store.watch(hosts.follow)
    return hosts


def _assigned(
    txn: Txn, public_url: str, others: Sequence[str]
) -> tuple[dict[str, Host], list[Callable[[WriteTxn], object]]]:
    """All short hosts by name, as the settings want them, and what is to be written for that."""
    known = {key[0]: row for key, row in HOSTS.scan(txn)}
    stored = dict(known)
    writes: list[Callable[[WriteTxn], object]] = []
    configured = {name_of(url): url for url in (public_url, *others)}
    default_name = name_of(public_url)
    old_default = META.get(txn, _DEFAULT_HOST)
    for name, row in list(known.items()):
        renamed = row.number == old_default and name not in configured
        if renamed and default_name not in known:
            log.warning("default_host_renamed", old=name, new=default_name)
            writes.append(partial(HOSTS.delete, key=(name,)))
            known[default_name] = known.pop(name)
    free = _next_number(txn)
    for name, url in configured.items():
        domain = _domain_at(txn, public_url, url)
        if name in known:
            number = known[name].number
        elif domain is not None:
            number = domain.number
        else:
            number, free = free, free + 1
            writes.append(partial(META.put, key=_NEXT_NUMBER, row=free))
        if domain is not None:
            log.warning("domain_of_a_team_is_everybodys_now", domain=name, team=domain.team)
            writes.append(partial(_end, domain=domain, number=number))
        known[name] = Host(number, url)
        if known[name] != stored.get(name):
            writes.append(partial(HOSTS.put, key=(name,), row=known[name]))
    if known[default_name].number != old_default:
        writes.append(partial(META.put, key=_DEFAULT_HOST, row=known[default_name].number))
    return known, writes


def _apply(txn: WriteTxn, writes: Sequence[Callable[[WriteTxn], object]]) -> None:
    for write in writes:
        write(txn)


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
    number = _next_number(txn)
    META.put(txn, _NEXT_NUMBER, number + 1)
    return number


def _next_number(txn: Txn) -> int:
    used = max((row.number for _, row in HOSTS.scan(txn)), default=-1)
    return max(META.get(txn, _NEXT_NUMBER) or 0, used + 1)
