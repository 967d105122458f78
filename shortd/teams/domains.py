"""Domains that teams bring along: claimed, shown to be theirs, answering, ended.

Whoever can put a TXT record beside a domain's name owns it, or the operator knows better. Any
number of teams may claim a name; the first one to show it gets it. A host's number is permanent:
a domain that comes back to its team has its links again, one that goes to another team begins
anew. Owners and admins look after a team's domains; every member may make links on them.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterator
from random import Random

import ada_url
import idna
import msgspec

from shortd import errors
from shortd.hosts import Hosts, ShortHost, next_number, without_scheme
from shortd.hosts.txt_records import TxtRecords
from shortd.hosts.ways import checked
from shortd.ids import random_id
from shortd.limits.places import Places
from shortd.links.access import need_role, role_in
from shortd.links.checking import DestinationChecks
from shortd.models.accounts import Account
from shortd.models.hosts import DEFAULTS, PLACES, HostChanges, HostOptions
from shortd.models.teams import Domain, DomainStatus, Role
from shortd.names import own_team_code
from shortd.store import Store
from shortd.store.room import Reserve
from shortd.store.schema import DOMAINS, DOMAINS_BY_NAME, DOMAINS_BY_TEAM, TEAMS
from shortd.store.txn import Txn, WriteTxn
from shortd.teams.offboarding import end_domain

RECORD = "_shortd"
"""The label in front of a domain under which its TXT record is looked for."""
DOMAINS_PER_TEAM = 100
LOOKUPS = 8
"""TXT records that are asked for at once, as some name servers never answer; ..."""
LOOKUPS_EACH = 2
"""... and for one account."""
WAIT_SECONDS = 1.0
"""For a free place among them."""
FOUND_RECORDS, FOUND_CHARACTERS = 3, 80
"""What is told of other TXT records, and of each of them."""
OPERATOR = "operator"
"""Whose the configured hosts are."""

_ID = re.compile(r"[A-Za-z0-9]{1,64}", re.ASCII)
_NAME = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(?:[a-z][a-z0-9-]{0,61}[a-z0-9])")


class Subscription(msgspec.Struct, frozen=True):
    """A host on which a team can make links, or could."""

    id: str
    name: str
    owner: str
    """Code of the team that brought it along, or `OPERATOR`."""
    status: DomainStatus
    utime: int | None = None
    """Since when, µs; None for configured hosts."""
    record: str = ""
    """Name of the TXT record that shows whose the domain is."""
    text: str = ""
    """What has to be in it."""
    options: HostOptions = DEFAULTS


class Domains:
    """The rules of domains over the store and the hosts. `actor` None is the operator."""

    def __init__(
        self,
        store: Store,
        hosts: Hosts,
        records: TxtRecords,
        random: Random,
        checks: DestinationChecks,
    ) -> None:
        self._checks = checks
        self._store = store
        self._hosts = hosts
        self._records = records
        self._random = random
        self._lookups = Places(LOOKUPS, LOOKUPS_EACH)

    def of_team(self, actor: Account | None, team: str) -> list[Subscription]:
        """The configured hosts, which are every team's, then those that the team brought."""
        shown = [self._configured(host) for host in self._hosts.configured]
        with self._store.read() as txn:
            need_role(txn, actor, team)
            rows = [DOMAINS_BY_TEAM.get(txn, key) for key in DOMAINS_BY_TEAM.keys(txn, (team,))]
            return [*shown, *(_shown(txn, row) for row in rows if row is not None)]

    def host(self, account: Account, team: str, domain: str) -> ShortHost:
        """The host of a subscription's id, as a place for a team's links.

        DOMAIN_NOT_FOUND for one that does not answer or is none of the team's.
        """
        for host in self._hosts.configured:
            if domain_id(host) == domain:
                return host
        with self._store.read() as txn:
            need_role(txn, account, team)
            row = DOMAINS.get(txn, (domain,))
        if row is None or row.team != team or row.status != DomainStatus.ACTIVE:
            raise errors.DOMAIN_NOT_FOUND(field="domain")
        return self._hosts.of_domain(row)

    def hosts(self, account: Account, team: str) -> list[ShortHost]:
        """The hosts on which an account may make links for a team: the configured ones, then the
        team's domains that answer. TEAM_NOT_FOUND."""
        with self._store.read() as txn:
            need_role(txn, account, team)
            rows = [DOMAINS_BY_TEAM.get(txn, key) for key in DOMAINS_BY_TEAM.keys(txn, (team,))]
        brought = (row for row in rows if row is not None and row.status == DomainStatus.ACTIVE)
        return [*self._hosts.configured, *map(self._hosts.of_domain, brought)]

    def named(self, account: Account, name: str) -> ShortHost | None:
        """The answering host of that name, if the account may make links there."""
        host = self._hosts.named(without_scheme(name).rstrip("/"))
        if host is not None and host.team:
            with self._store.read() as txn:
                if role_in(txn, account.userid, host.team) is None:
                    return None
        return host

    async def subscribe(
        self, actor: Account | None, team: str, name: str, now: int
    ) -> Subscription:
        """Claims a domain for a team, and says what has to be in which TXT record.

        Claimed again it stays as it is, but one that has ended waits to be shown again.
        INVALID_FIELD, DOMAIN_TAKEN for a configured host or one that answers for another team,
        TEAM_NOT_FOUND, FORBIDDEN, QUOTA_EXCEEDED.
        """
        name = domain_name(name)
        claimed, token = random_id(self._random), random_id(self._random)

        def claim(txn: WriteTxn) -> Subscription:
            need_role(txn, actor, team, Role.OWNER, Role.ADMIN)
            self._check_free(txn, team, name)
            row = DOMAINS_BY_TEAM.get(txn, (team, name))
            if row is None:
                if len(list(DOMAINS_BY_TEAM.keys(txn, (team,)))) >= DOMAINS_PER_TEAM:
                    raise errors.QUOTA_EXCEEDED(
                        "A team has at most %(most)s domains.", most=DOMAINS_PER_TEAM
                    )
                row = Domain(claimed, team, name, token, now)
            elif row.status == DomainStatus.ENDED:
                row = msgspec.structs.replace(row, status=DomainStatus.PENDING)
            DOMAINS.put(txn, (row.id,), row)
            return _shown(txn, row)

        return await self._store.write(claim)

    async def verify(self, actor: Account, domain: str, now: int) -> Subscription:
        """Looks for a domain's TXT record; from then on the domain answers.

        DOMAIN_UNPROVEN if it is not there, BUSY if the DNS does not answer, DOMAIN_NOT_FOUND,
        DOMAIN_TAKEN, FORBIDDEN.
        """
        with self._store.read() as txn:
            row = _own(txn, actor, domain)
        if row.status != DomainStatus.ACTIVE:
            try:
                async with self._lookups.taken_by(actor.userid, WAIT_SECONDS):
                    texts = await self._records.of(f"{RECORD}.{row.name}")
            except TimeoutError:
                raise errors.BUSY("The DNS does not answer; try again later.") from None
            wanted = _text(row).encode()
            if not any(hmac.compare_digest(text.strip().encode(), wanted) for text in texts):
                raise _unproven(row, texts)
        return await self._activate(actor, row, now)

    async def confirm(self, team: str, name: str, now: int) -> Subscription:
        """Lets a team have a domain because the operator says so; claims it if need be."""
        claimed = await self.subscribe(None, team, name, now)
        with self._store.read() as txn:
            row = _own(txn, None, claimed.id)
        return await self._activate(None, row, now)

    async def set_options(
        self, actor: Account | None, domain: str, changes: HostChanges
    ) -> Subscription:
        """Changes what a team's domain does in its own way, from when it answers on.

        DOMAIN_NOT_FOUND, FORBIDDEN; INVALID_URL, URL_LOOPS or DESTINATION_BLOCKED, naming the
        option, also for an address that is not new but is none any more; DESTINATION_REFUSED for a
        new one, also where a plugin would hold it.
        """

        with self._store.read() as txn:
            row = _own(txn, actor, domain)
        wanted = checked(changes.of(row.options), row.name, self._hosts.names)
        new = dict(_new_places(row.options, wanted))
        # Who runs the server would be the one to look at it.
        await self._checks.of_places(actor, new, may_hold=actor is None)

        def put(txn: WriteTxn) -> Subscription:
            row = _own(txn, actor, domain)
            options = checked(changes.of(row.options), row.name, self._hosts.names)
            if any(place not in new for place, _ in _new_places(row.options, options)):
                raise errors.BUSY()
            if options != row.options:
                row = msgspec.structs.replace(row, options=options)
                DOMAINS.put(txn, (row.id,), row)
            return _shown(txn, row)

        return await self._store.write(put)

    async def unsubscribe(self, actor: Account | None, domain: str) -> Subscription:
        """Ends a team's domain, and says what it was: it no longer answers. Links made there stay,
        unreachable until it comes back to the team. DOMAIN_NOT_FOUND, FORBIDDEN.
        """

        def end(txn: WriteTxn) -> Subscription:
            row = _own(txn, actor, domain)
            end_domain(txn, row.team, row.name)
            return _shown(txn, row)

        return await self._store.write(end, Reserve.ALL)

    async def _activate(self, actor: Account | None, proven: Domain, now: int) -> Subscription:
        def activate(txn: WriteTxn) -> Subscription:
            row = _own(txn, actor, proven.id)
            if row.token != proven.token:
                raise errors.DOMAIN_NOT_FOUND(field="domain")
            self._check_free(txn, row.team, row.name)
            if row.status != DomainStatus.ACTIVE:
                number = next_number(txn) if row.number < 0 else row.number
                row = msgspec.structs.replace(
                    row, status=DomainStatus.ACTIVE, number=number, active_utime=now
                )
                DOMAINS.put(txn, (row.id,), row)
            return _shown(txn, row)

        return await self._store.write(activate)

    def _configured(self, host: ShortHost) -> Subscription:
        options = self._hosts.options_of(host.number)
        status = DomainStatus.ACTIVE
        return Subscription(domain_id(host), host.name, OPERATOR, status, options=options)

    def _check_free(self, txn: Txn, team: str, name: str) -> None:
        """DOMAIN_TAKEN for a host of the settings, whatever its port, or another team's."""
        hosts = (*self._hosts.configured, self._hosts.pages)
        configured = {host.name.rpartition(":")[0] or host.name for host in hosts}
        other = DOMAINS_BY_NAME.get(txn, (name,))
        if name in configured or (other is not None and other.team != team):
            raise errors.DOMAIN_TAKEN(field="domain")


def brought(store: Store) -> list[Subscription]:
    """Every domain that a team brought, for the operator."""
    with store.read() as txn:
        return [_shown(txn, row) for _, row in DOMAINS.scan(txn)]


def brought_as(store: Store, domain: str) -> Subscription:
    """One of them by its id. DOMAIN_NOT_FOUND."""
    if not _ID.fullmatch(domain):
        raise errors.DOMAIN_NOT_FOUND()
    with store.read() as txn:
        return _shown(txn, _own(txn, None, domain))


def walk_brought(txn: Txn, after: tuple[str] | None) -> Iterator[tuple[tuple[str], Subscription]]:
    """The same behind one of them, in the order of their ids."""
    for key, row in DOMAINS.scan(txn, after=after):
        yield key, _shown(txn, row)


def domain_name(text: str) -> str:
    """A domain's name in ASCII, lower case, without a final dot.

    INVALID_FIELD for an address, a name of one label, or what is no name at all (RFC 1123, and for
    the labels in Punycode RFC 5891 5.4).
    """
    refusal = errors.INVALID_FIELD("This is not a domain such as go.example.org.", field="domain")
    text = text.strip().rstrip(".")
    if len(text) > 253 or "%" in text:
        raise refusal
    try:
        # A browser's reading: the Host header will have this spelling (UTS 46).
        name = ada_url.URL(f"http://{text}/").hostname
    except ValueError:
        raise refusal from None
    if name != ada_url.idna_to_ascii(text).decode() or not _NAME.fullmatch(name):
        raise refusal
    if len(f"{RECORD}.{name}") > 253:
        raise refusal
    if not all(map(_is_label, name.split("."))):
        raise refusal
    return name


def _is_label(label: str) -> bool:
    """Whether a label is plain ASCII, or stands for the one international label that it decodes to.

    Others with two hyphens in a row are in use, and mean nothing but themselves.
    """
    try:
        return not label.startswith("xn--") or idna.encode(idna.decode(label)).decode() == label
    except idna.IDNAError:
        return False


def domain_id(host: ShortHost) -> str:
    """The id of a host's subscription: that of the domain, or for a configured host its number."""
    return host.domain or f"{host.number:024x}"


def _own(txn: Txn, actor: Account | None, domain: str) -> Domain:
    row = DOMAINS.get(txn, (domain,))
    if row is None:
        raise errors.DOMAIN_NOT_FOUND(field="domain")
    need_role(txn, actor, row.team, Role.OWNER, Role.ADMIN, missing=errors.DOMAIN_NOT_FOUND)
    return row


def _unproven(row: Domain, texts: list[str]) -> errors.ShortdError:
    """What to say of a domain whose record was not found among these."""
    record, text = f"{RECORD}.{row.name}", _text(row)
    if not texts:
        return errors.DOMAIN_UNPROVEN(
            "There is no TXT record %(record)s with %(text)s.",
            field="domain",
            record=record,
            text=text,
        )
    found = (escaped[:FOUND_CHARACTERS] for escaped in map(_printable, texts[:FOUND_RECORDS]))
    return errors.DOMAIN_UNPROVEN(
        "There is no TXT record %(record)s with %(text)s, but one with %(found)s.",
        field="domain",
        record=record,
        text=text,
        found=", ".join(f"“{one}”" for one in found),
    )


def _printable(text: str) -> str:
    return "".join(
        character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text
    )


def _text(row: Domain) -> str:
    return f"shortd={row.token}"


def _shown(txn: Txn, row: Domain) -> Subscription:
    team = TEAMS.get(txn, (row.team,))
    return Subscription(
        id=row.id,
        name=row.name,
        owner=team.code if team else own_team_code(row.team),
        status=row.status,
        utime=row.active_utime or row.create_utime,
        record=f"{RECORD}.{row.name}",
        text=_text(row),
        options=row.options,
    )


def _new_places(before: HostOptions, after: HostOptions) -> Iterator[tuple[str, str]]:
    """Where a domain is to send its visitors and has not sent them, by option."""
    for place in PLACES:
        url = getattr(after, place)
        if url and url != getattr(before, place):
            yield place, url
