"""Accounts as `shortd user list`, `show`, `sessions` and `keys` tell of them."""

from __future__ import annotations

import msgspec

from shortd.accounts.logins import id_of_login
from shortd.control.named import OneUser, account_called
from shortd.control.reading import portions
from shortd.control.registry import Args, Portions, View, look
from shortd.files.manifests import stored_bytes
from shortd.models.accounts import Account, Scope
from shortd.models.common import ACCOUNT_NEVER, NEVER
from shortd.store.schema import (
    ACCOUNTS,
    API_KEYS,
    GRANTS,
    IDENTITIES,
    KNOWN_CLIENTS,
    LINKS_PER_TEAM,
    MEMBERS_BY_ACCOUNT,
    PASSKEYS,
    SECOND_FACTORS,
    TOKENS,
)
from shortd.store.txn import Txn

PORTION = 50
"""Accounts: each has some rows to look at."""


class AccountShown(msgspec.Struct, frozen=True, kw_only=True):
    """An account with what it has. None where there is nothing."""

    userid: str
    """Of a temporary account it opens it."""
    username: str | None
    email: str | None
    email_verified: bool
    type: str
    operator: bool
    locked: bool
    created_utime: int
    ends_utime: int | None
    links: int
    """Without those that it made for teams."""
    stored_bytes: int
    """Of its files."""
    last_login_utime: int | None
    """As far as it is known: of logins that are remembered."""
    app: bool
    """Whether an authenticator app is asked for."""
    passkeys: int
    sessions: int
    keys: int
    teams: int


class SessionShown(msgspec.Struct, frozen=True, kw_only=True):
    """A login that is good."""

    id: str
    kind: str
    """login, of the pages or v2, or v1."""
    created_utime: int
    used_utime: int | None
    """Within an hour."""
    ends_utime: int
    address: str | None
    """As [clicks] ip lets addresses be kept."""
    user_agent: str | None
    issuer: str | None
    """On whose word it was opened."""
    key: str | None
    """Id of the API key that opened it."""


class KeyShown(msgspec.Struct, frozen=True, kw_only=True):
    """An API key, of which the key itself is known to nobody."""

    id: str
    name: str
    scopes: tuple[Scope, ...]
    created_utime: int
    used_utime: int | None
    """Within an hour."""
    ends_utime: int | None


@look("user list")
def user_list(view: View, args: Args) -> Portions:
    for accounts in portions(view.store, ACCOUNTS, PORTION):
        with view.store.read() as txn:
            yield [_shown(txn, account, view.now) for account in accounts]


@look("user show")
def user_show(view: View, args: OneUser) -> Portions:
    account = account_called(view.store, args.user)
    with view.store.read() as txn:
        yield [_shown(txn, account, view.now)]


@look("user sessions")
def user_sessions(view: View, args: OneUser) -> Portions:
    userid = account_called(view.store, args.user).userid
    with view.store.read() as txn:
        logins = [
            SessionShown(
                id=id_of_login(digest),
                kind="login",
                created_utime=row.create_utime,
                used_utime=row.use_utime or None,
                ends_utime=row.expiration_utime,
                address=row.address or None,
                user_agent=row.user_agent or None,
                issuer=row.issuer or None,
                key=None,
            )
            for (_, digest), row in TOKENS.scan(txn, (userid,))
        ]
        grants = [
            SessionShown(
                id=grant,
                kind="v1",
                created_utime=row.create_utime,
                used_utime=None,
                ends_utime=row.refresh_utime,
                address=None,
                user_agent=None,
                issuer=None,
                key=row.api_key,
            )
            for (_, grant), row in GRANTS.scan(txn, (userid,))
        ]
    good = [one for one in (*logins, *grants) if one.ends_utime > view.now]
    yield sorted(good, key=lambda one: (-one.created_utime, one.id))


@look("user keys")
def user_keys(view: View, args: OneUser) -> Portions:
    userid = account_called(view.store, args.user).userid
    with view.store.read() as txn:
        keys = [
            KeyShown(
                id=row.id,
                name=row.name,
                scopes=row.scopes,
                created_utime=row.create_utime,
                used_utime=row.use_utime or None,
                ends_utime=None if row.expiration_utime >= NEVER else row.expiration_utime,
            )
            for _, row in API_KEYS.scan(txn, (userid,))
        ]
    yield sorted(keys, key=lambda one: (-one.created_utime, one.id))


def _shown(txn: Txn, account: Account, now: int) -> AccountShown:
    userid = account.userid
    tokens = [row for _, row in TOKENS.scan(txn, (userid,))]
    grants = [row for _, row in GRANTS.scan(txn, (userid,))]
    passkeys = [row for _, row in PASSKEYS.scan(txn, (userid,))]
    factor = SECOND_FACTORS.get(txn, (userid,))
    logins = [row.create_utime for row in tokens]
    logins += [row.create_utime for row in grants]
    logins += [row.use_utime for row in passkeys]
    logins += [row.use_utime for _, row in IDENTITIES.scan(txn, (userid,))]
    logins += [row.utime for _, row in KNOWN_CLIENTS.scan(txn, (userid,))]
    ends = account.expiration_utime
    return AccountShown(
        userid=userid,
        username=account.username or None,
        email=account.email or None,
        email_verified=account.email_verified,
        type=account.type.value,
        operator=account.operator,
        locked=account.locked,
        created_utime=account.create_utime,
        ends_utime=None if ends >= ACCOUNT_NEVER else ends,
        links=LINKS_PER_TEAM.get(txn, (userid,)),
        stored_bytes=stored_bytes(txn, userid),
        last_login_utime=max(logins, default=0) or None,
        app=factor is not None and bool(factor.secret),
        passkeys=len(passkeys),
        sessions=sum(row.expiration_utime > now for row in tokens)
        + sum(row.refresh_utime > now for row in grants),
        keys=sum(1 for _ in API_KEYS.scan(txn, (userid,))),
        teams=sum(1 for _ in MEMBERS_BY_ACCOUNT.keys(txn, (userid,))),
    )
