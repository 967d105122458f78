"""The API key calls (ours): create_api_key, list_api_keys, delete_api_key."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from shortd import errors
from shortd.api.caller import Keyed
from shortd.api.v2.account_calls import registered_token
from shortd.api.v2.registry import Context, Credentials, Empty, Output, call
from shortd.fields import HEX_ID, Utime
from shortd.models.accounts import ApiKey, Scope
from shortd.models.common import NEVER

KeyName = Annotated[
    str,
    Meta(min_length=1, max_length=64, description="What the key is for.", examples=["Scripts"]),
]
KeyId = Annotated[str, Meta(pattern=HEX_ID, description="A key's id.")]
Scopes = Annotated[
    tuple[Scope, ...], Meta(min_length=1, max_length=2, description="What the key allows.")
]


class CreateApiKey(Credentials, frozen=True, kw_only=True):
    name: KeyName
    scopes: Scopes = (Scope.READ, Scope.WRITE)
    expiration_utime: Utime = NEVER


class DeleteApiKey(Credentials, frozen=True, kw_only=True):
    id: KeyId


class ApiKeyInfo(msgspec.Struct, frozen=True, kw_only=True):
    """An API key, without the key itself."""

    id: str
    name: str
    scopes: list[Scope]
    create_utime: int
    expiration_utime: int


class ApiKeyOutput(Output, frozen=True, kw_only=True):
    """A new key. `api_key` is shown this once."""

    api_key: str
    key: ApiKeyInfo


class ApiKeysOutput(Output, frozen=True, kw_only=True):
    keys: list[ApiKeyInfo]


@call("create_api_key", weight=1000, keyed=Keyed.REFUSED)
async def create_api_key(ctx: Context, args: CreateApiKey) -> ApiKeyOutput:
    """Makes an API key for Shorten World v1 and sqwish. It is shown this once."""
    registered_token(ctx, args)
    if args.expiration_utime <= ctx.now:
        raise errors.INVALID_FIELD("A key ends in the future.", field="expiration_utime")
    made = await ctx.services.accounts.api_keys.create(
        ctx.account, args.name, args.scopes, ctx.now, args.expiration_utime
    )
    return ApiKeyOutput(api_key=made.key, key=_info(made.row))


@call("list_api_keys", weight=1000)
async def list_api_keys(ctx: Context, args: Credentials) -> ApiKeysOutput:
    """Lists the account's API keys, the newest first, without the keys themselves."""
    rows = ctx.services.accounts.api_keys.of_account(ctx.account)
    return ApiKeysOutput(keys=[_info(row) for row in rows])


@call("delete_api_key", weight=1000)
async def delete_api_key(ctx: Context, args: DeleteApiKey) -> Empty:
    """Ends an API key, and the tokens that it gave."""
    await ctx.services.accounts.api_keys.delete(ctx.account, args.id)
    return Empty()


def _info(row: ApiKey) -> ApiKeyInfo:
    return ApiKeyInfo(
        id=row.id,
        name=row.name,
        scopes=list(row.scopes),
        create_utime=row.create_utime,
        expiration_utime=row.expiration_utime,
    )
