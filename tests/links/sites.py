"""Sites on loopback for titles to be fetched from, each told apart by its address.

`Site` answers what it is told to and remembers who asked. A sentinel is one that nobody may ask.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

PUBLIC = ("127.0.0.2", "127.0.0.3", "127.0.0.4")
"""What the tests call public; all else is as private as ever."""
HTML = {"content-type": "text/html; charset=utf-8"}


def is_public(address: str) -> bool:
    return address in PUBLIC


@dataclass
class Reply:
    """A response, and what comes behind it byte by byte."""

    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=lambda: HTML)
    status: int = 200
    pause: float = 0
    """Seconds to wait in the middle of the body."""
    raw: bytes = b""
    """What is sent instead of all this, if anything; ..."""
    again: bytes = b""
    """... and what goes on behind it, for as long as somebody takes it."""


@dataclass
class Site:
    """A listening site."""

    port: int
    replies: dict[str, Reply] = field(default_factory=dict)
    """By path; others are 404."""
    asked: list[dict[str, str]] = field(default_factory=list)
    """Headers of each request, `:path` among them."""
    connections: int = 0
    names: list[str | None] = field(default_factory=list)
    """Server names of TLS handshakes."""

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            path = head[0].split(" ")[1]
            fields = (line.partition(": ") for line in head[1:] if line)
            self.asked.append({":path": path, **{name.lower(): value for name, _, value in fields}})
            reply = self.replies.get(path, Reply(b"<title>not here</title>", status=404))
            if reply.raw:
                writer.write(reply.raw)
                while reply.again:
                    writer.write(reply.again * (4096 // len(reply.again) + 1))
                    await writer.drain()
                return
            lines = [f"HTTP/1.1 {reply.status} Whatever", "connection: close"]
            lines += [f"{name}: {value}" for name, value in reply.headers.items()]
            half = len(reply.body) // 2
            writer.write("\r\n".join([*lines, "", ""]).encode("latin-1") + reply.body[:half])
            await writer.drain()
            await asyncio.sleep(reply.pause)
            writer.write(reply.body[half:])
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def open_site(
    address: str = PUBLIC[0], port: int = 0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Site]:
    """A site, until the end of the block."""
    site = Site(port)
    if tls is not None:
        tls.set_servername_callback(lambda _, name, __: site.names.append(name))
    server = await asyncio.start_server(site.answer, address, port, ssl=tls)
    site.port = server.sockets[0].getsockname()[1]
    try:
        yield site
    finally:
        server.close()
        await server.wait_closed()
