"""Reading pages of the public internet, and of no other network, whatever names and sites say.

Every address that a name stands for must be public, the connection goes to the very address that
was looked at, and each redirect begins anew. This module must never ask twice what a name stands
for, nor let a library follow, resolve, decompress or choose a proxy by itself.
"""

from __future__ import annotations

import asyncio
import ssl
import zlib
from collections.abc import Awaitable, Callable, Sequence
from socket import SOCK_STREAM

import ada_url
import httpx
from werkzeug.http import parse_options_header

from shortd import __version__, errors
from shortd.destinations import parse_destination
from shortd.hosts import Hosts

CONNECT_SECONDS = 1.0
"""For one of a name's addresses, so that a dead one leaves time for the next."""
BODY_BYTES = 512 * 1024
"""Read of a page at most, as sent and as decompressed."""
REDIRECTS = 5

_PAGES = ("text/html", "application/xhtml+xml")
_REDIRECTS = (301, 302, 303, 307, 308)
_HEADERS = {
    "user-agent": f"shortd/{__version__} (link titles)",
    "accept": ", ".join(_PAGES),
    "accept-encoding": "gzip, deflate",
}
_END = b"</title"

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""(host, port) -> its addresses. OSError if there are none."""


class Refused(Exception):
    """There is nothing to be had here, or nothing that may be asked for."""


class PublicPages:
    """Reads pages up to their title."""

    def __init__(
        self,
        hosts: Hosts,
        resolve: Resolve | None,
        is_public: Callable[[str], bool],
        tls: ssl.SSLContext | None,
    ) -> None:
        self._hosts = hosts
        self._resolve = resolve or _resolve
        self._is_public = is_public
        self._tls = tls

    async def read(self, url: str, page: Page) -> None:
        """Reads the page at a URL, or where it redirects to. Raises whatever goes wrong."""
        if self._tls is None:
            # Reading the authorities takes longer than many a page.
            self._tls = await asyncio.to_thread(httpx.create_ssl_context, trust_env=False)
        for _ in range(REDIRECTS + 1):
            next_url = await self._visit(url, self._tls, page)
            if next_url is None:
                return
            url = next_url
        raise Refused("too many redirects")

    async def _visit(self, url: str, tls: ssl.SSLContext, page: Page) -> str | None:
        """Asks one server; where it redirects to, or None."""
        try:
            parse_destination(url, self._hosts.names)
        except errors.ShortdError as refusal:
            raise Refused(refusal.message) from None
        # In the spelling of the parser that checked it: 0x7f.1 is 127.0.0.1 to some and not to
        # others.
        target = ada_url.URL(url)
        transport = httpx.AsyncHTTPTransport(verify=tls, trust_env=False)
        timeout = httpx.Timeout(None, connect=CONNECT_SECONDS)
        async with httpx.AsyncClient(
            transport=transport, timeout=timeout, trust_env=False, headers=_HEADERS
        ) as client:
            response = await self._ask(client, target)
            try:
                if response.status_code in _REDIRECTS:
                    return ada_url.URL(response.headers["location"], base=target.href).href
                await page.read(response)
            finally:
                await response.aclose()
        return None

    async def _ask(self, client: httpx.AsyncClient, target: ada_url.URL) -> httpx.Response:
        """The response of the first address that takes a connection, its body still to come."""
        name = target.hostname.strip("[]")
        port = int(target.port or (443 if target.protocol == "https:" else 80))
        addresses = await self._resolve(name, port)
        if not addresses or not all(map(self._is_public, addresses)):
            raise Refused("not a public address")
        fault: Exception = Refused("no address")
        for address in addresses:
            request = client.build_request(
                "GET",
                httpx.URL(target.href).copy_with(host=address, fragment=None),
                headers={"host": target.host},
                # What the certificate has to name, though the address is in the URL.
                extensions={"sni_hostname": name} if name != address else None,
            )
            try:
                return await client.send(request, stream=True)
            except (httpx.ConnectError, httpx.ConnectTimeout) as failed:
                fault = failed
        raise fault


class Page:
    """What has come of a page."""

    def __init__(self) -> None:
        self.body = bytearray()
        self.charset: str | None = None
        """As the Content-Type has it."""

    async def read(self, response: httpx.Response) -> None:
        """Reads until the title has come or the limit is reached. Refused if it is no page."""
        essence, options = parse_options_header(response.headers.get("content-type", ""))
        if response.status_code != 200 or essence.lower() not in _PAGES:
            raise Refused("not a page")
        encoding = response.headers.get("content-encoding", "identity").strip().lower()
        if encoding not in ("identity", "gzip", "x-gzip", "deflate"):
            raise Refused("an encoding that was not asked for")
        # Never by httpx: it would blow a small chunk up to any size.
        inflater = None if encoding == "identity" else zlib.decompressobj(zlib.MAX_WBITS | 32)
        self.charset = options.get("charset")
        received = 0
        async for chunk in response.aiter_raw():
            received += len(chunk)
            room = BODY_BYTES - len(self.body)
            if inflater is not None:
                chunk = inflater.decompress(chunk, room)
            seen = max(0, len(self.body) - len(_END))
            self.body += chunk[:room]
            if _END in self.body[seen:].lower():
                return
            if received >= BODY_BYTES or len(self.body) >= BODY_BYTES:
                return


async def _resolve(host: str, port: int) -> list[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))
