"""The account calls of ww7 v2: temporary_account, signup, login, logout, and who am I."""

from __future__ import annotations

import msgspec

from shortd import errors
from shortd.api.caller import Keyed
from shortd.api.v2.registry import Context, Credentials, Empty, Input, Output, call
from shortd.fields import Email, FactorCode, Name, PasswordHex, UserId, Username
from shortd.models.accounts import Account, AccountType


class NoInput(Input, frozen=True, kw_only=True):
    pass


class SignUp(Input, frozen=True, kw_only=True):
    email: Email
    password: PasswordHex
    username: Username | None = None
    userid: UserId | None = None
    password_alt: PasswordHex | None = None


class LogIn(Input, frozen=True, kw_only=True):
    username_email: Name
    password: PasswordHex
    second_factor: FactorCode | None = None


class Userid(Output, frozen=True, kw_only=True):
    userid: str


class Identity(Output, frozen=True, kw_only=True):
    """What an account is called."""

    email: str
    email_verified: bool
    username: str | msgspec.UnsetType = msgspec.UNSET


class LoginOutput(Identity, frozen=True, kw_only=True):
    userid: str
    token: str


class AccountInfo(Output, frozen=True, kw_only=True):
    """The state of an account; balances in weight units, before this call's cost."""

    api_balance: int
    api_balance_utime: int
    api_capacity: int
    api_refill_rate: int
    create_utime: int
    email_verified: bool
    expiration_utime: int
    link_balance: int
    link_balance_utime: int
    link_capacity: int
    link_refill_rate: int
    max_file_bytes: int
    """Of the largest file."""
    storage_quota: int
    """Bytes that all files together may take."""
    storage_used: int
    """Bytes that they take, unfinished ones among them."""
    type: AccountType
    email: str | msgspec.UnsetType = msgspec.UNSET
    username: str | msgspec.UnsetType = msgspec.UNSET


@call("temporary_account", weight=1000, keyed=Keyed.REFUSED)
async def temporary_account(ctx: Context, args: NoInput) -> Userid:
    """Makes a temporary account. Its userid is its credential: keep it secret."""
    account = await ctx.services.accounts.accounts.create_temporary(ctx.address, ctx.now)
    return Userid(userid=account.userid)


@call("signup", weight=1000, keyed=Keyed.REFUSED)
async def signup(ctx: Context, args: SignUp) -> LoginOutput:
    """Registers an account. With the userid of a temporary one, its entries are kept."""
    login = await ctx.services.accounts.accounts.sign_up(
        email=args.email,
        username=args.username or "",
        passwords=derivations(args.password, args.password_alt),
        temporary_userid=args.userid,
        address=ctx.address,
        now=ctx.now,
        user_agent=ctx.user_agent,
    )
    return _login_output(login.account, login.token)


@call("login", weight=1000, keyed=Keyed.REFUSED)
async def login(ctx: Context, args: LogIn) -> LoginOutput:
    """Gives a token for a registered account, by username or e-mail address.

    An account with a second factor needs its code as `second_factor`.
    """
    result = await ctx.services.accounts.logins.log_in(
        args.username_email,
        args.password,
        ctx.address,
        ctx.now,
        ctx.user_agent,
        second_factor=args.second_factor,
    )
    return _login_output(result.account, result.token)


@call("logout", weight=0)
async def logout(ctx: Context, args: Credentials) -> Empty:
    """Ends the validity of a token."""
    token = registered_token(ctx, args)
    await ctx.services.accounts.logins.log_out(ctx.account.userid, token)
    return Empty()


@call("check_credentials", weight=1000)
async def check_credentials(ctx: Context, args: Credentials) -> Identity:
    """Succeeds if userid and token are valid, or the userid is a temporary account's."""
    account = ctx.account
    return Identity(
        email=account.email,
        email_verified=account.email_verified,
        username=account.username or msgspec.UNSET,
    )


@call("get_account_info", weight=2000)
async def get_account_info(ctx: Context, args: Credentials) -> AccountInfo:
    """Shows an account's type, times, limits and balances."""
    account, budgets = ctx.account, ctx.services.limits.budgets
    limits = ctx.services.settings.limits.of(account.type)
    api, link = budgets.api_limit(account.type), budgets.link_limit(account.type)
    return AccountInfo(
        api_balance=budgets.api_balance(account, ctx.now) + ctx.charged,
        api_balance_utime=ctx.now,
        api_capacity=api.capacity,
        api_refill_rate=api.refill_rate,
        create_utime=account.create_utime,
        email_verified=account.email_verified,
        expiration_utime=account.expiration_utime,
        link_balance=budgets.link_balance(account, ctx.now),
        link_balance_utime=ctx.now,
        link_capacity=link.capacity,
        link_refill_rate=link.refill_rate,
        max_file_bytes=limits.max_file_bytes,
        storage_quota=limits.storage_bytes,
        storage_used=ctx.services.sharing.files.stored(account),
        type=account.type,
        email=account.email or msgspec.UNSET,
        username=account.username or msgspec.UNSET,
    )


def derivations(password: str, password_alt: str | None) -> list[str]:
    """The client-side derivations of one password that came with a call."""
    return [password] if password_alt is None else [password, password_alt]


def registered_token(ctx: Context, args: Credentials) -> str:
    """The token of a call that only a registered account can make."""
    if ctx.account.type is AccountType.TEMPORARY:
        raise errors.NOT_REGISTERED(field="userid")
    assert args.token is not None, "authentication demands it"
    return args.token


def _login_output(account: Account, token: str) -> LoginOutput:
    return LoginOutput(
        email=account.email,
        email_verified=account.email_verified,
        username=account.username or msgspec.UNSET,
        userid=account.userid,
        token=token,
    )
