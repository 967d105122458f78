"""The password calls of ww7 v2."""

from __future__ import annotations

from shortd.api.v2.account_calls import derivations, registered_token
from shortd.api.v2.registry import Context, Credentials, Empty, call
from shortd.fields import PasswordHex


class ChangePassword(Credentials, frozen=True, kw_only=True):
    password: PasswordHex
    password_new: PasswordHex
    password_alt: PasswordHex | None = None


@call("change_password", weight=1000)
async def change_password(ctx: Context, args: ChangePassword) -> Empty:
    """Changes the password and ends every other login. `password_alt` goes with the new one."""
    token = registered_token(ctx, args)
    await ctx.services.logins.change_password(
        ctx.account,
        token,
        password=args.password,
        new_passwords=derivations(args.password_new, args.password_alt),
        address=ctx.address,
        now=ctx.now,
    )
    return Empty()
