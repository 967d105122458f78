"""Reading pages of the public internet, and of no other network, whatever names and sites say.

Every address that a name stands for must be public, the connection goes to the very address that
was looked at, and each redirect begins anew. What a site sends is counted at the socket, before
TLS or HTTP is made of it, and so is the time that this takes. This module must never ask twice what
a name stands for, nor let a library follow, resolve, decompress or choose a proxy by itself.
"""

from __future__ import annotations

import asyncio
import ssl
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import ada_url
import httpcore
import httpx
from werkzeug.http import parse_options_header

from shortd import __version__, errors
from shortd.hosts.allowance import Allowance, Refused
from shortd.hosts.destinations import parse_destination
from shortd.hosts.hosts import Hosts
from shortd.hosts.public_network import PublicNetwork, Resolve

_PAGES = ("text/html", "application/xhtml+xml")
_REDIRECTS = (301, 302, 303, 307, 308)
_HEADERS = {
    "user-agent": f"shortd/{__version__} (link titles)",
    "accept": ", ".join(_PAGES),
    "accept-encoding": "gzip, deflate",
}


class PublicPages:
    """Reads pages, each within an allowance."""

    def __init__(
        self,
        hosts: Hosts,
        resolve: Resolve,
        is_public: Callable[[str], bool],
        tls: ssl.SSLContext | None,
    ) -> None:
        self._hosts = hosts
        self._resolve = resolve
        self._is_public = is_public
        self._tls = tls

    @asynccontextmanager
    async def open(self, url: str, allowance: Allowance) -> AsyncIterator[Page]:
        """The page at a URL, or where it redirects to, its body still to come.

        Raises whatever goes wrong; Refused, if that is for us to say.
        """
        if self._tls is None:
            # Reading the authorities takes longer than many a page.
            self._tls = await asyncio.to_thread(httpx.create_ssl_context, trust_env=False)
        while True:
            target = self._target(url)
            network = PublicNetwork(self._resolve, self._is_public, allowance)
            async with (
                httpcore.AsyncConnectionPool(self._tls, network_backend=network) as pool,
                pool.stream("GET", _requested(target), headers=_headers(target)) as response,
            ):
                headers = httpx.Headers(response.headers)
                if response.status not in _REDIRECTS:
                    yield Page(target.href, response, headers, allowance)
                    return
            allowance.redirected()
            url = ada_url.URL(headers["location"], base=target.href).href

    def _target(self, url: str) -> ada_url.URL:
        try:
            parse_destination(url, self._hosts.names)
        except errors.ShortdError as refusal:
            raise Refused(refusal.message) from None
        # In the spelling of the parser that checked it: 0x7f.1 is 127.0.0.1 to some and not to
        # others.
        return ada_url.URL(url)


class Page:
    """A page, and what has come of it."""

    def __init__(
        self, url: str, response: httpcore.Response, headers: httpx.Headers, allowance: Allowance
    ) -> None:
        """Refused if it is no page."""
        essence, options = parse_options_header(headers.get("content-type", ""))
        if response.status != 200 or essence.lower() not in _PAGES:
            raise Refused("not a page")
        encoding = headers.get("content-encoding", "identity").strip().lower()
        if encoding not in ("identity", "gzip", "x-gzip", "deflate"):
            raise Refused("an encoding that was not asked for")
        self.url = url
        """Of the page itself, behind all redirects."""
        self.charset = options.get("charset")
        """As the Content-Type has it."""
        self.body = bytearray()
        self._response = response
        # Never by a library: it would blow a small chunk up to any size.
        self._inflater = None if encoding == "identity" else zlib.decompressobj(zlib.MAX_WBITS | 32)
        self._most = allowance.page_bytes

    async def grow(self) -> AsyncIterator[int]:
        """Reads on; after each piece, how much there is of the page."""
        async for piece in self._response.aiter_stream():
            room = self._most - len(self.body)
            if self._inflater is not None:
                piece = self._inflater.decompress(piece, room)
            self.body += piece[:room]
            yield len(self.body)
            if len(self.body) >= self._most or (self._inflater and self._inflater.eof):
                return


def _requested(target: ada_url.URL) -> httpcore.URL:
    return httpcore.URL(
        scheme=target.protocol.removesuffix(":").encode(),
        # With TLS, what the certificate has to name.
        host=target.hostname.strip("[]").encode(),
        port=int(target.port) if target.port else None,
        target=f"{target.pathname}{target.search}".encode(),
    )


def _headers(target: ada_url.URL) -> list[tuple[str, str]]:
    return [("host", target.host), *_HEADERS.items()]
