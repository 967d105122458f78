"""Requests of plugins on the network that there is.

What may be reached is looked at where a name's addresses are known, and the connection goes to the
very address that was looked at. What comes in is counted at the socket. It must never follow a
redirect, unpack a body, use a connection twice or choose a proxy.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from ipaddress import ip_address
from socket import SOCK_STREAM, getaddrinfo

import httpcore
import httpx

from shortd.hosts.allowance import EXCHANGE_SECONDS, PAGE_BYTES, Allowance, Refused
from shortd.hosts.name_servers import addresses_of
from shortd.hosts.public_network import PublicNetwork, Resolve
from shortd.issuers.exchange import trusted
from shortd.plugin_runtime.network import Incoming, Outgoing, Reach, Unread

BESIDE_BYTES = 256 << 10
"""Of an answer beside its body: headers, chunks, TLS."""
LOOKUPS = 4
"""Names that are asked of the system at once, for all plugins."""


class RealNetwork:
    """The network that there is."""

    def __init__(self, resolve: Resolve = addresses_of, tls: ssl.SSLContext | None = None) -> None:
        """Both are for tests, which have no name servers and no authorities."""
        self._resolve = resolve
        self._tls = tls
        self._lookups = ThreadPoolExecutor(LOOKUPS, "shortd-lookups")

    async def send(self, request: Outgoing, reach: Reach, max_bytes: int) -> Incoming:
        if self._tls is None and request.url.startswith("https:"):
            # Reading the authorities takes longer than many an answer.
            self._tls = await asyncio.to_thread(trusted)
        is_usual = self._resolve is addresses_of
        resolve = self._addresses if reach.is_wide and is_usual else self._resolve
        allowance = Allowance(max_bytes + BESIDE_BYTES, seconds=_seconds(max_bytes))
        network = PublicNetwork(resolve, reach, allowance)
        target = httpx.URL(request.url)
        sent = [(name.encode(), value.encode()) for name, value in request.headers]
        async with (
            httpcore.AsyncConnectionPool(self._tls, network_backend=network) as pool,
            pool.stream(
                request.method, str(target), headers=sent, content=request.content or None
            ) as answer,
        ):
            headers = httpx.Headers(answer.headers)
            try:
                content = await _content(answer, headers, max_bytes)
            except Exception as fault:
                raise Unread(answer.status) from fault
            return Incoming(answer.status, headers.multi_items(), content)

    def close(self) -> None:
        self._lookups.shutdown(wait=False, cancel_futures=True)

    async def _addresses(self, host: str, port: int) -> Sequence[str]:
        """As the system finds them, /etc/hosts and a home network's names included."""
        try:
            return [str(ip_address(host))]
        except ValueError:
            pass
        find = partial(getaddrinfo, host, port, type=SOCK_STREAM)
        found = await asyncio.get_running_loop().run_in_executor(self._lookups, find)
        return list(dict.fromkeys(str(address[0]) for *_, address in found))


async def _content(answer: httpcore.Response, headers: httpx.Headers, max_bytes: int) -> bytes:
    if headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise Refused("an encoding that was not asked for")
    content = bytearray()
    async for piece in answer.aiter_stream():
        content += piece
        if len(content) > max_bytes:
            raise Refused(f"an answer of more than {max_bytes} bytes")
    return bytes(content)


def _seconds(max_bytes: int) -> float:
    """Of processor time, for an answer of that size."""
    return EXCHANGE_SECONDS * max(1.0, max_bytes / PAGE_BYTES)
