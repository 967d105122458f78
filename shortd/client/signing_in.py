"""Who a command acts for: an account whose token is given, or one that is logged in and out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import TypeAlias, TypeVar

from shortd.client.api import Api, Credentials, Nothing
from shortd.client.failures import ClientFailure, Refused
from shortd.client.passwords import ask

T = TypeVar("T")

Login: TypeAlias = tuple[str, str]
"""A name and a password."""
_OTHERWISE = "use --userid and --token"


def given_account(
    userid: str | None, token: str | None, username: str | None
) -> Credentials | Login | None:
    """What the options say; asks for a password. None where they say nothing. ClientFailure."""
    if username:
        return username, ask(f"Password of {username}: ", _OTHERWISE)
    return Credentials(userid, token or "") if userid else None


def with_second_factor(run: Callable[[str | None], T], given: Credentials | Login | None) -> T:
    """What `run` returns, which is given the code of a second factor once it is asked for one.
    `ClientFailure`. Not inside the event loop, where Ctrl-C would have to wait for an answer.
    """
    try:
        return run(None)
    except Refused as refused:
        if refused.code != "second_factor_required" or not isinstance(given, tuple):
            raise
        return run(ask("Code of the second factor: ", _OTHERWISE))


@asynccontextmanager
async def signed_in(
    api: Api, given: Credentials | Login, second_factor: str | None
) -> AsyncIterator[Credentials]:
    """Who to act for; who was logged in is logged out if all went well. `ClientFailure`."""
    if not isinstance(given, tuple):
        yield given
        return
    credentials = await api.log_in(*given, second_factor)
    yield credentials
    with suppress(ClientFailure):
        await api.call("logout", Nothing, **credentials.inputs())
