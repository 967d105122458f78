"""One HTTP request to an issuer.

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

from shortd import __version__
from shortd.hosts.allowance import Allowance
from shortd.hosts.public_network import PublicNetwork


async def exchange(
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    tls: ssl.SSLContext | None,
    allowance: Allowance,
) -> tuple[int, bytes]:
    """Status and body of the answer. Refused beyond the allowance; whatever else goes wrong."""
    target = httpx.URL(url)
    sent = {
        "host": target.netloc.decode(),
        "user-agent": f"shortd/{__version__} (sign-in)",
        "accept": "application/json",
        "accept-encoding": "identity",
        **{name.lower(): value for name, value in headers.items()},
    }
    if body:
        sent["content-length"] = str(len(body))
    network = PublicNetwork(_addresses, _any, allowance)
    async with httpcore.AsyncConnectionPool(tls, network_backend=network) as pool:
        answer = await pool.request(
            method, str(target), headers=list(sent.items()), content=body or None
        )
    return answer.status, answer.content


def trusted() -> ssl.SSLContext:
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
