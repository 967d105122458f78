"""The password call of ww7 v2."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from shortd.api.caller import Keyed
from shortd.api.v2.account_calls import derivations, registered_token
from shortd.api.v2.registry import Context, Credentials, Output, call
from shortd.fields import PasswordHex


class ChangePassword(Credentials, frozen=True, kw_only=True):
    password: PasswordHex
    password_new: PasswordHex
    password_alt: PasswordHex | None = None
    end_keys: Annotated[bool, Meta(description="Ends the account's API keys, too.")] = False


class ChangePasswordOutput(Output, frozen=True, kw_only=True):
    """Ours: how many API keys of the account still open it, if any do."""

    api_keys: int | msgspec.UnsetType = msgspec.UNSET


@call("change_password", weight=1000, keyed=Keyed.REFUSED)
async def change_password(ctx: Context, args: ChangePassword) -> ChangePasswordOutput:
    """Changes the password and ends every other login, those of Shorten World v1 among them.
    `password_alt` goes with the new one. API keys live on unless `end_keys` is true.
    """
    token = registered_token(ctx, args)
    api_keys = await ctx.services.accounts.logins.change_password(
        ctx.account,
        token,
        password=args.password,
        new_passwords=derivations(args.password_new, args.password_alt),
        end_keys=args.end_keys,
        address=ctx.address,
        now=ctx.now,
    )
    return ChangePasswordOutput(api_keys=api_keys or msgspec.UNSET)
