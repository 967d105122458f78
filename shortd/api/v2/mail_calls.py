"""The mail calls of ww7 v2: verify_email, forgot_password, reset_password."""

from __future__ import annotations

import msgspec

from shortd.api.caller import Keyed
from shortd.api.v2.account_calls import derivations, registered_token
from shortd.api.v2.registry import Context, Credentials, Empty, Input, Output, call
from shortd.fields import Email, FactorCode, MailedCodeHex, Name, PasswordHex


class ForgotPassword(Input, frozen=True, kw_only=True):
    username_email: Name


class ResetPassword(Input, frozen=True, kw_only=True):
    email: Email
    password: PasswordHex
    unique_code: MailedCodeHex
    password_alt: PasswordHex | None = None
    second_factor: FactorCode | None = None


class ResetOutput(Output, frozen=True, kw_only=True):
    """A login under the new password."""

    userid: str
    token: str
    email_verified: bool
    username: str | msgspec.UnsetType = msgspec.UNSET


@call("forgot_password", weight=5000)
async def forgot_password(ctx: Context, args: ForgotPassword) -> Empty:
    """Mails the account's address a link to choose a new password.

    The answer is the same whether there is such an account or not.
    """
    await ctx.services.accounts.mailboxes.mail_reset(args.username_email, ctx.address, ctx.now)
    return Empty()


@call("reset_password", weight=5000, keyed=Keyed.REFUSED)
async def reset_password(ctx: Context, args: ResetPassword) -> ResetOutput:
    """Sets a new password with the code from a mail, and ends all other logins, API keys and
    passkeys. An account with a second factor and a verified address needs its code, too.
    """
    mailboxes = ctx.services.accounts.mailboxes
    account = await mailboxes.try_reset(args.email, args.unique_code, ctx.address, ctx.now)
    passwords = derivations(args.password, args.password_alt)
    login = await mailboxes.reset_password(
        account,
        args.unique_code,
        passwords,
        ctx.address,
        ctx.now,
        ctx.user_agent,
        second_factor=args.second_factor,
    )
    return ResetOutput(
        userid=login.account.userid,
        token=login.token,
        email_verified=login.account.email_verified,
        username=login.account.username or msgspec.UNSET,
    )


@call("verify_email", weight=5000)
async def verify_email(ctx: Context, args: Credentials) -> Empty:
    """Mails the account's address a link that verifies it."""
    registered_token(ctx, args)
    await ctx.services.accounts.mailboxes.mail_verification(
        ctx.account.userid, ctx.address, ctx.now
    )
    return Empty()
