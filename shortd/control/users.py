"""What the operator does to accounts."""

from __future__ import annotations

from collections.abc import Sequence

from shortd import errors
from shortd.accounts.identities import person_of_proxy
from shortd.clock import DAY
from shortd.control.named import OneUser, account_called
from shortd.control.noted import noted
from shortd.control.registry import Args, DoneInPart, act
from shortd.control.wire import Rows
from shortd.issuers import Fault, Person
from shortd.issuers.people import Voucher
from shortd.models.accounts import AccountType, Scope
from shortd.models.audit import Action
from shortd.models.common import NEVER
from shortd.services import Services
from shortd.store.schema import API_KEYS, GRANTS
from shortd.upkeep.administration import Changes, told
from shortd.upkeep.audit import called


class NewUser(Args, frozen=True):
    email: str
    passwords: Sequence[str] = ()
    """Its derivations; none: nobody knows the account's password."""
    username: str = ""
    type: AccountType = AccountType.REGISTERED


class SetUser(OneUser, frozen=True):
    changes: Changes


class NewKey(OneUser, frozen=True):
    name: str
    scopes: list[Scope]
    days: float | None = None


class LinkUser(OneUser, frozen=True):
    proxy: str = ""
    """Whom the proxy names."""
    oidc: tuple[str, str] | None = None
    """The issuer, by its name in the settings or its address, and the subject there."""


class RevokeUser(OneUser, frozen=True):
    sessions: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    everything: bool = False


@act("user add")
async def user_add(services: Services, args: NewUser) -> Rows:
    async with noted(services, Action.ADD_ACCOUNT, args.username or args.email):
        account = await services.accounts.accounts.add(
            args.email, args.username, args.passwords, services.clock.now()
        )
    if args.type is not AccountType.REGISTERED:
        changes = Changes(type=args.type)
        async with noted(services, Action.CHANGE_ACCOUNT, about=account, detail=told(changes)):
            await services.upkeep.administration.change(account.userid, changes)
    return [[f"Added {account.email}, userid {account.userid}."]]


@act("user set")
async def user_set(services: Services, args: SetUser) -> Rows:
    account, detail = account_called(services.store, args.user), told(args.changes)
    async with noted(services, Action.CHANGE_ACCOUNT, about=account, detail=detail):
        account = await services.upkeep.administration.change(account.userid, args.changes)
    known = "known" if account.email_verified else "not known"
    state = " It is an operator." if account.operator else ""
    state += " It is locked." if account.locked else ""
    return [[f"{account.userid} is {account.type.value}, its address {known}.{state}"]]


@act("user lock")
async def user_lock(services: Services, args: OneUser) -> Rows:
    return await _lock(services, args.user, locked=True)


@act("user unlock")
async def user_unlock(services: Services, args: OneUser) -> Rows:
    return await _lock(services, args.user, locked=False)


async def _lock(services: Services, user: str, *, locked: bool) -> Rows:
    account = account_called(services.store, user)
    action = Action.LOCK_ACCOUNT if locked else Action.UNLOCK_ACCOUNT
    async with noted(services, action, about=account):
        await services.upkeep.administration.change(account.userid, Changes(locked=locked))
    return [[f"{account.userid} is {'locked' if locked else 'not locked any more'}."]]


@act("user api-key")
async def user_api_key(services: Services, args: NewKey) -> Rows:
    now = services.clock.now()
    until = NEVER if args.days is None else now + round(args.days * DAY)
    account = account_called(services.store, args.user)
    detail = f"{args.name}, {' and '.join(scope.value for scope in args.scopes)}"
    async with noted(services, Action.ADD_API_KEY, about=account, detail=detail):
        made = await services.accounts.api_keys.create(account, args.name, args.scopes, now, until)
    return [[made.key]]


@act("user link")
async def user_link(services: Services, args: LinkUser) -> Rows:
    account = account_called(services.store, args.user)
    if not account.type.is_registered:
        raise errors.NOT_REGISTERED(field="user")
    if args.oidc is None:
        person, whose = person_of_proxy(args.proxy), "the proxy"
    else:
        name, subject = args.oidc
        issuer = services.issuers.get(name)
        if issuer is None and not name.startswith(("https://", "http://")):
            raise errors.BAD_REQUEST("There is no issuer %(name)s in the settings.", name=name)
        whose = name if issuer is None else issuer.settings.issuer
        person = Person(voucher=Voucher.ISSUER, issuer=whose, subject=subject)
    try:
        async with noted(services, Action.LINK_SIGN_IN, about=account, detail=f"of {whose}"):
            await services.accounts.identities.link(account, person, services.clock.now())
    except Fault as fault:
        raise errors.BAD_REQUEST(str(fault.kind.said)) from None
    return [[f"{person.subject} of {whose} opens {account.userid}."]]


@act("user login-link")
async def user_login_link(services: Services, args: OneUser) -> Rows:
    account = account_called(services.store, args.user)
    async with noted(services, Action.MAKE_LOGIN_LINK, about=account):
        link = await services.accounts.login_links.make(account, services.clock.now())
    return [[f"{services.settings.pages_url}/-/login/link/{link}"]]


@act("user revoke")
async def user_revoke(services: Services, args: RevokeUser) -> Rows:
    account, accounts = account_called(services.store, args.user), services.accounts
    if args.everything:
        async with noted(services, Action.SIGN_OUT_ACCOUNT, about=account, detail="with API keys"):
            await accounts.logins.end_all(account, None, end_keys=True)
        return [["All sessions, API keys and passkeys have ended."]]
    said: Rows = []
    refused: list[str] = []
    logins = {login.id for login in accounts.logins.of_account(account, None, 0)}
    with services.store.read() as txn:
        grants = {grant for (_, grant), _ in GRANTS.scan(txn, (account.userid,))}
        keys = {key for (_, key), _ in API_KEYS.scan(txn, (account.userid,))}
    for what, wanted, there in (
        ("session", args.sessions, logins | grants),
        ("key", args.keys, keys),
    ):
        for one in dict.fromkeys(wanted):
            if one not in there:
                refused.append(f"There is no {what} {one!r} of {called(account)}.")
                continue
            detail = f"{what} {one}"
            async with noted(services, Action.END_CREDENTIAL, about=account, detail=detail):
                if one in logins:
                    await accounts.logins.end(account, one)
                elif one in grants:
                    await accounts.access_tokens.end(account.userid, one)
                else:
                    await accounts.api_keys.delete(account, one)
            said.append([f"{what.capitalize()} {one} has ended."])
    if refused:
        raise DoneInPart(said, refused)
    return said
