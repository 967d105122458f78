"""Whether a row that came from elsewhere may stand here, beside what stands here already.

Each check looks at the transaction in which the row is about to be written, and raises `Refused`
with the reason before anything of it is. This module never writes.
"""

from __future__ import annotations

import re

import msgspec

from shortd import errors
from shortd.accounts import normalize_email, normalize_username
from shortd.hosts import Hosts
from shortd.hosts.destinations import Destination, parse_destination
from shortd.hosts.patterns import read_pattern
from shortd.ids import own_team_id
from shortd.links.checking import MOST_HELD
from shortd.models.accounts import ANONYMOUS, Account, AccountType, HashScheme, PasswordHash
from shortd.models.blocking import BlockedPattern
from shortd.models.links import Link
from shortd.models.plugins import PluginRow
from shortd.models.teams import Domain, DomainStatus, Member, Role, Team
from shortd.names import folded
from shortd.plugin.types import NAME_PATTERN
from shortd.plugin_runtime.rows import KEY_BYTES, TABLE_PATTERN, VALUE_BYTES
from shortd.security.bcrypt_hashes import read_bcrypt
from shortd.store.schema import (
    ACCOUNTS,
    ACCOUNTS_BY_EMAIL,
    ACCOUNTS_BY_USERNAME,
    CAMPAIGNS,
    DOMAINS_BY_NAME,
    LINKS,
    LINKS_BY_ID,
    MEMBERS,
    TEAMS_BY_CODE,
)
from shortd.store.txn import Txn

CODE_BYTES = 400
TEXT_BYTES = 1 << 16
"""Of any text of a link."""
_USERID = re.compile(r"[A-Za-z0-9]{32}", re.ASCII)
_MOST = 2**63 - 1
_LEAST_KIB, _MOST_KIB, _MOST_PASSES, _MOST_DIGESTS, _DIGEST_BYTES = 8, 1 << 20, 64, 4, 128
"""Of a password's hash: what is more would be work for whoever is to check one."""


class Refused(Exception):
    """A row does not come over. `reason` is stable, for programs."""

    def __init__(self, reason: str, note: str) -> None:
        super().__init__(note)
        self.reason = reason


def check_account(txn: Txn, account: Account) -> None:
    """A new account."""
    is_anonymous = account.userid == ANONYMOUS
    if is_anonymous is not (account.type is AccountType.ANONYMOUS) or not (
        is_anonymous or _USERID.fullmatch(account.userid)
    ):
        raise Refused("invalid_field", "userid: this is no id of an account of this kind")
    # How names are composed may have been another matter when they were chosen.
    try:
        if account.email:
            normalize_email(account.email)
        normalize_username(account.username)
    except errors.ShortdError as refusal:
        raise Refused(refusal.code, f"{refusal.field}: {refusal.message}") from None
    check_numbers(account.create_utime, account.expiration_utime)
    check_password(account.password)
    if account.email and ACCOUNTS_BY_EMAIL.has(txn, (account.email.casefold(),)):
        raise Refused("email_taken", "another account has its e-mail address")
    if account.username and ACCOUNTS_BY_USERNAME.has(txn, (folded(account.username),)):
        raise Refused("username_taken", "another account has its name")


def check_password(password: PasswordHash | None) -> None:
    """A hash that can be checked against without much work."""
    if password is None:
        return
    if password.scheme is HashScheme.BCRYPT:
        try:
            [digest] = password.digests
            text = f"$2b${password.passes:02}${password.salt.decode()}{digest.decode()}"
        except ValueError:
            text = ""
        if read_bcrypt(text) == password:
            return
    elif (
        _LEAST_KIB <= password.memory_kib <= _MOST_KIB
        and 1 <= password.passes <= _MOST_PASSES
        and 1 <= len(password.digests) <= _MOST_DIGESTS
        and all(8 <= len(one) <= _DIGEST_BYTES for one in (password.salt, *password.digests))
    ):
        return
    raise Refused("invalid_field", "password: this is no hash of one")


def check_team(txn: Txn, team: Team, members: list[Member]) -> None:
    """A new team, with those of its members that have accounts here."""
    if team.account:
        if ACCOUNTS.get(txn, (team.account,)) is None or team.id != own_team_id(team.account):
            raise Refused("account_missing", "it is the own team of no account that is here")
    elif not any(member.role is Role.OWNER for member in members):
        raise Refused("account_missing", "none of its owners has an account here")
    if TEAMS_BY_CODE.has(txn, (team.code,)):
        raise Refused("code_taken", "another team has its code")


def check_domain(txn: Txn, hosts: Hosts, domain: Domain) -> None:
    """A domain that does not answer here for anybody else."""
    is_active = domain.status is DomainStatus.ACTIVE
    taken = DOMAINS_BY_NAME.has(txn, (domain.name,)) or hosts.named(hosts.of_domain(domain).name)
    if is_active and taken:
        raise Refused("domain_taken", "its name answers here already, for somebody else")


def check_pattern(pattern: BlockedPattern) -> None:
    """A pattern as `shortd link block` reads it."""
    try:
        is_one = read_pattern(pattern.text).text == pattern.text
    except errors.ShortdError as refusal:
        raise Refused(refusal.code, refusal.message) from None
    if not is_one:
        raise Refused("invalid_field", "it is not written as patterns are")


def check_plugin_row(key: tuple[str, str, str], row: PluginRow) -> None:
    """A row that a plugin could have written."""
    plugin, table, name = key
    if not NAME_PATTERN.fullmatch(plugin) or not TABLE_PATTERN.fullmatch(table):
        raise Refused("invalid_field", "plugin or table is no name of one")
    if not 1 <= len(name.encode()) <= KEY_BYTES or len(row.value) > VALUE_BYTES:
        raise Refused("invalid_field", "its key or its value is too long")
    try:
        msgspec.msgpack.decode(row.value)
    except (ValueError, RecursionError, msgspec.MsgspecError):
        raise Refused("invalid_field", "value is no msgpack") from None


def checked_link(txn: Txn, hosts: Hosts, link: Link) -> Link:
    """A new link, whatever it shares, with the Location that its destination has here."""
    if not 1 <= len(link.code.encode()) <= CODE_BYTES:
        raise Refused("invalid_code", "this cannot be a code")
    check_numbers(link.id, link.utime, link.expiration_utime, link.expiration_count)
    if ACCOUNTS.get(txn, (link.owner,)) is None:
        raise Refused("account_missing", "its owner has no account here")
    if LINKS.get(txn, (link.host, link.code)) is not None:
        raise Refused("code_taken", "another link has its code")
    if LINKS_BY_ID.has(txn, (link.id,)):
        raise Refused("id_taken", "another link has its id")
    rare, terms = link.rare, link.terms
    if rare is not None:
        check_password(rare.password)
        check_numbers(terms.valid_since, terms.unique_minutes)
    texts = (link.url, terms.title, *terms.tags, terms.note, *(terms.utm or ()))
    if link.held is not None:
        if len(link.held.destinations) > MOST_HELD:
            raise Refused("invalid_field", "it is held for too many destinations")
        check_numbers(*(one.utime for one in link.held.destinations))
        held = (
            text for one in link.held.destinations for text in (one.url, one.plugin, one.reason)
        )
        texts = (*texts, link.held.word, *held)
    if any(len(text.encode()) > TEXT_BYTES for text in texts):
        raise Refused("invalid_field", "one of its texts is too long")
    for fallback in (terms.date_fallback, terms.count_fallback):
        if fallback:
            _destination(fallback, hosts)
    shares = link.filekey or link.box
    ascii_url = "" if shares else _destination(link.url, hosts).ascii_url
    return msgspec.structs.replace(link, ascii_url=ascii_url)


def _destination(url: str, hosts: Hosts) -> Destination:
    """A destination that may be one here. One that is blocked may stay: nobody sets it."""
    try:
        read = parse_destination(url, hosts.names, is_set=False)
    except errors.ShortdError as refusal:
        raise Refused(refusal.code, refusal.message) from None
    if read.url != url:
        raise Refused("invalid_url", "the URL is not written as links have it")
    return read


def check_place(txn: Txn, link: Link) -> str:
    """What is wrong with a link's team and campaign, in words; empty if nothing is."""
    rare = link.rare
    team = rare.team if rare else ""
    if team and (team == own_team_id(link.owner) or MEMBERS.get(txn, (team, link.owner)) is None):
        return "its owner is not in its team here"
    if rare and rare.campaign:
        campaign = CAMPAIGNS.get(txn, (rare.campaign,))
        if campaign is None or campaign.team != (team or own_team_id(link.owner)):
            return "its campaign is not its team's here"
    return ""


def check_numbers(*numbers: int) -> None:
    if not all(0 <= number <= _MOST for number in numbers):
        raise Refused("invalid_field", "a number is out of bounds")
