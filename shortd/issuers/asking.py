"""HTTP to issuers, each request within an allowance of bytes and seconds.

An issuer is the operator's own choice and may be inside the network, so any address will do. What
it sends is counted all the same, at the socket, as a stranger's would be. It must never follow a
redirect, unpack a body or choose a proxy.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Mapping, Sequence

import httpcore
import httpx
import msgspec

from shortd import __version__
from shortd.hosts.allowance import Allowance, Refused
from shortd.hosts.public_network import PublicNetwork
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
        where = httpx.URL(url).host
        try:
            async with asyncio.timeout(SECONDS), self._places:
                return await self._exchange(method, url, headers or {}, body.encode())
        except TimeoutError:
            raise faults.SLOW(where) from None
        except Refused as refusal:
            raise faults.TOO_LARGE(f"{where}: {refusal}") from None
        except Exception as fault:
            # Whatever the libraries make of what an issuer sends or how it breaks off.
            raise faults.UNREACHABLE(f"{where}: {_cause(fault)}") from None

    async def _exchange(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> Reply:
        target = httpx.URL(url)
        if self._tls is None and target.scheme == "https":
            # Reading the authorities takes a while.
            self._tls = await asyncio.to_thread(_context)
        network = PublicNetwork(_addresses, _any, Allowance(ANSWER_BYTES))
        sent = {
            "host": target.netloc.decode(),
            "user-agent": f"shortd/{__version__} (sign-in)",
            "accept": "application/json",
            "accept-encoding": "identity",
            **{name.lower(): value for name, value in headers.items()},
        }
        if body:
            sent["content-length"] = str(len(body))
        async with httpcore.AsyncConnectionPool(self._tls, network_backend=network) as pool:
            answer = await pool.request(
                method, str(target), headers=list(sent.items()), content=body or None
            )
        return Reply(answer.status, answer.content)


def _context() -> ssl.SSLContext:
    """The usual authorities, and those of this system, where a home network's own may be."""
    context = httpx.create_ssl_context(trust_env=False)
    context.load_default_certs()
    return context


async def _addresses(host: str, port: int) -> Sequence[str]:
    """As the system finds them, /etc/hosts included."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


def _any(address: str) -> bool:
    return True


def _cause(fault: BaseException) -> str:
    """What is at the bottom of a failure: its own words, or its name."""
    while isinstance(fault, BaseExceptionGroup):
        fault = fault.exceptions[0]
    while not str(fault) and (below := fault.__cause__ or fault.__context__) is not None:
        fault = below
    return str(fault) or type(fault).__name__
