"""Asks issuers, each request within an allowance of bytes and seconds.

What does the asking (`exchange`) is imported with the first question: most servers have no issuer.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec

from shortd.hosts.allowance import Allowance, Refused
from shortd.issuers import faults

ANSWER_BYTES = 512 << 10
SECONDS = 10.0
AT_ONCE = 8
"""Requests of the whole server; further ones wait, as a part of their seconds."""


class Reply(msgspec.Struct, frozen=True):
    """What an issuer has answered."""

    status: int
    body: bytes


class Line:
    """Asks issuers. Belongs to one event loop."""

    def __init__(self) -> None:
        self._places = asyncio.Semaphore(AT_ONCE)
        self._tls: ssl.SSLContext | None = None

    async def ask(
        self, method: str, url: str, headers: Mapping[str, str] | None = None, body: str = ""
    ) -> Reply:
        """What is answered. Fault: unreachable, slow, too_large."""
        parts = urlsplit(url)
        try:
            async with asyncio.timeout(SECONDS), self._places:
                return await self._exchange(method, url, parts.scheme, headers or {}, body)
        except TimeoutError:
            raise faults.SLOW(parts.netloc) from None
        except Refused as refusal:
            raise faults.TOO_LARGE(f"{parts.netloc}: {refusal}") from None
        except Exception as fault:
            # Whatever the libraries make of what an issuer sends or how it breaks off.
            raise faults.UNREACHABLE(f"{parts.netloc}: {_cause(fault)}") from None

    async def _exchange(
        self, method: str, url: str, scheme: str, headers: Mapping[str, str], body: str
    ) -> Reply:
        from shortd.issuers.exchange import exchange, trusted

        if self._tls is None and scheme == "https":
            # Reading the authorities takes a while.
            self._tls = await asyncio.to_thread(trusted)
        allowance = Allowance(ANSWER_BYTES)
        status, answer = await exchange(method, url, headers, body.encode(), self._tls, allowance)
        return Reply(status, answer)


def _cause(fault: BaseException) -> str:
    """What is at the bottom of a failure: its own words, or its name."""
    while isinstance(fault, BaseExceptionGroup):
        fault = fault.exceptions[0]
    while not str(fault) and (below := fault.__cause__ or fault.__context__) is not None:
        fault = below
    return str(fault) or type(fault).__name__
