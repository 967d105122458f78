"""The calls about tokens: authen/token, authen/refresh-token, authen/revoke-token.

They are charged to the client's address: whoever has used up his account can still log out.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from shortd.accounts.access_tokens import TokenPair
from shortd.api.caller import Keyed
from shortd.api.v1.inputs import Input, Nothing
from shortd.api.v1.registry import Context, Empty, Output, call

Username = Annotated[str, Meta(max_length=254, description="Your username.")]
KeyText = Annotated[str, Meta(max_length=254, description="An API key.")]
RefreshText = Annotated[str, Meta(max_length=254, description="A refresh token.")]


class GetToken(Input, frozen=True, kw_only=True):
    username: Username
    key: KeyText


class RefreshToken(Input, frozen=True, kw_only=True):
    refresh_token: RefreshText


class TokenInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A pair of tokens, as RFC 6749 5.1 names its parts. `expires_in` in seconds."""

    scope: str
    access_token: str
    token_type: str
    refresh_token: str
    expires_in: int


class TokenOutput(Output, frozen=True, kw_only=True):
    token: TokenInfo


@call("authen/token", scope=None, keyed=Keyed.REFUSED)
async def get_token(ctx: Context, args: GetToken) -> TokenOutput:
    """Gives a pair of tokens for a username and an API key."""
    tokens = ctx.services.accounts.access_tokens
    return _shown(await tokens.issue(args.username, args.key, ctx.address, ctx.now))


@call("authen/refresh-token", scope=None, keyed=Keyed.REFUSED)
async def refresh_token(ctx: Context, args: RefreshToken) -> TokenOutput:
    """Gives another pair of tokens for the refresh token of the last one, which ends."""
    return _shown(await ctx.services.accounts.access_tokens.refresh(args.refresh_token, ctx.now))


@call("authen/revoke-token", scope=None)
async def revoke_token(ctx: Context, args: Nothing) -> Empty:
    """Ends the access token that comes with the call, and its refresh token."""
    await ctx.services.accounts.access_tokens.revoke(ctx.access_token, ctx.now)
    return Empty()


def _shown(pair: TokenPair) -> TokenOutput:
    return TokenOutput(
        token=TokenInfo(
            scope=" ".join(pair.scopes),
            access_token=pair.access_token,
            token_type="bearer",
            refresh_token=pair.refresh_token,
            expires_in=pair.expires_in,
        )
    )
