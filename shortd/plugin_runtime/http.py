"""Plugins' requests to other servers, within bounds: see `shortd.plugin.Http`.

It must never reach an address inside unless an operator has allowed that network, nor carry what a
plugin sends to one origin on to another.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Collection, Mapping
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any
from weakref import WeakKeyDictionary

import ada_url
import msgspec

from shortd import __version__
from shortd.hosts.allowance import REDIRECTS, Refused
from shortd.hosts.public_addresses import is_public
from shortd.plugin import HttpAnswer, HttpFault
from shortd.plugin_runtime.network import Network, Outgoing, Unread, spelled

AT_ONCE = 16
"""Requests of one plugin on one event loop; more of them wait."""
MOST_SECONDS = 300.0
MOST_BYTES = 64 << 20
SENT_BYTES = 16 << 20
HEADER_BYTES = 16 << 10
"""Of all headers that a plugin sends."""

_METHOD = re.compile(r"[A-Z]{1,32}", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", re.ASCII)
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\U0010ffff]*")
_OURS = frozenset(
    {
        *("accept-encoding", "connection", "content-length", "expect", "host", "keep-alive"),
        *("proxy-authorization", "proxy-connection", "te", "trailer", "transfer-encoding"),
        *("upgrade",),
    }
)
"""Headers that say how a request is sent, which is not for a plugin to say."""
_TO_ANYBODY = frozenset({"accept", "accept-language", "content-type", "user-agent"})
"""Headers that go along to another origin."""
_REDIRECTS = (301, 302, 303, 307, 308)
_KEEP_METHOD = (307, 308)


class Allowed:
    """Public addresses, and those of some networks."""

    def __init__(self, networks: Collection[str]) -> None:
        """ValueError for what is no network."""
        if isinstance(networks, str):
            raise ValueError("allow is a list of networks")
        self._networks = [_network(text) for text in networks]

    @property
    def is_wide(self) -> bool:
        return bool(self._networks)

    def __call__(self, address: str) -> bool:
        if is_public(address):
            return True
        try:
            parsed = ip_address(address)
        except ValueError:
            return False
        if isinstance(parsed, IPv6Address):
            # A mapped one is where the IPv4 address leads.
            parsed = parsed.ipv4_mapped or parsed
        return any(parsed in network for network in self._networks)


class PluginHttp:
    """The requests of one plugin. Each runs on the event loop on which it is awaited."""

    def __init__(self, network: Network, public_url: str) -> None:
        self._network = network
        self._agent = f"shortd/{__version__} (+{public_url})"
        self._places: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = (
            WeakKeyDictionary()
        )

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | str | None = None,
        json: Any = None,
        timeout: float = 10,
        allow: Collection[str] = (),
        follow: bool = False,
        max_bytes: int = 1 << 20,
    ) -> HttpAnswer:
        if not 0 < timeout <= MOST_SECONDS:
            raise ValueError(f"timeout is above 0 and at most {MOST_SECONDS:g} seconds")
        if not 0 <= max_bytes <= MOST_BYTES:
            raise ValueError(f"max_bytes is at most {MOST_BYTES}")
        if not _METHOD.fullmatch(method) or method in ("CONNECT", "TRACE"):
            raise ValueError(f"{method!r} is no method that can be used")
        reach = Allowed(allow)
        sent = self._headers(headers or {})
        body = _body(content, json, sent)
        places = self._places.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(AT_ONCE))
        try:
            async with asyncio.timeout(timeout), places:
                return await self._answer(method, url, sent, body, reach, follow, max_bytes)
        except TimeoutError:
            raise HttpFault(f"no answer within {timeout:g} s") from None
        except Refused as refusal:
            raise HttpFault(str(refusal)) from None
        except Unread as broken:
            why = broken.__cause__
            said = str(why) if isinstance(why, Refused) else _said(why or broken)
            raise HttpFault(said, broken.status) from why
        # A server may answer anything, and libraries raise as they please.
        except Exception as fault:
            raise HttpFault(_said(fault)) from fault

    async def get(self, url: str, **options: Any) -> HttpAnswer:
        return await self.request("GET", url, **options)

    async def post(self, url: str, **options: Any) -> HttpAnswer:
        return await self.request("POST", url, **options)

    async def _answer(
        self,
        method: str,
        url: str,
        headers: dict[str, str],
        body: bytes,
        reach: Allowed,
        follow: bool,
        max_bytes: int,
    ) -> HttpAnswer:
        target = spelled(url)
        for _ in range(REDIRECTS + 1):
            lines = [("host", target.host), *headers.items(), ("accept-encoding", "identity")]
            if body or method in ("POST", "PUT", "PATCH"):
                lines.append(("content-length", str(len(body))))
            request = Outgoing(method, target.href, lines, body)
            answer = await self._network.send(request, reach, max_bytes)
            told: dict[str, str] = {}
            for name, value in answer.headers:
                name = name.lower()
                told[name] = f"{told[name]}, {value}" if name in told else value
            location = told.get("location")
            if not follow or answer.status not in _REDIRECTS or not location:
                return HttpAnswer(answer.status, told, answer.content, target.href)
            before, target = target, _next(location, target)
            if answer.status not in _KEEP_METHOD and method not in ("GET", "HEAD"):
                method, body = "GET", b""
                headers = {k: v for k, v in headers.items() if k != "content-type"}
            if target.origin != before.origin:
                headers = {k: v for k, v in headers.items() if k in _TO_ANYBODY}
        raise Refused("too many redirects")

    def _headers(self, given: Mapping[str, str]) -> dict[str, str]:
        """ValueError for headers that cannot be sent."""
        sent = {"user-agent": self._agent, "accept": "*/*"}
        for name, value in given.items():
            if not _NAME.fullmatch(name) or name.lower() in _OURS:
                raise ValueError(f"{name!r} is no header that can be set")
            if not _VALUE.fullmatch(value):
                raise ValueError(f"the value of {name} cannot be sent")
            sent[name.lower()] = value.strip()
        if sum(len(name) + len(value.encode()) for name, value in sent.items()) > HEADER_BYTES:
            raise ValueError(f"headers have at most {HEADER_BYTES} bytes")
        return sent


def _body(content: bytes | str | None, json: Any, headers: dict[str, str]) -> bytes:
    """What is sent, whose type is added to the headers. ValueError."""
    if json is None:
        body = content.encode() if isinstance(content, str) else bytes(content or b"")
    elif content is not None:
        raise ValueError("content or json, not both")
    else:
        try:
            body = msgspec.json.encode(json)
        except (TypeError, ValueError, RecursionError) as fault:
            raise ValueError(f"this cannot be JSON: {fault}") from None
        headers.setdefault("content-type", "application/json")
    if len(body) > SENT_BYTES:
        raise ValueError(f"a body has at most {SENT_BYTES} bytes")
    return body


def _next(location: str, base: ada_url.URL) -> ada_url.URL:
    try:
        href = ada_url.URL(location, base=base.href).href
    except ValueError:
        raise Refused("a redirect that leads nowhere") from None
    return spelled(href)


def _network(text: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text, strict=False)
    except ValueError:
        raise ValueError(f"{text!r} is no network such as 192.168.0.0/16") from None


def _said(fault: BaseException) -> str:
    """A fault in a few words that have nothing of the request."""
    said = str(fault).partition("\n")[0][:200]
    return f"{type(fault).__name__}: {said}" if said else type(fault).__name__
