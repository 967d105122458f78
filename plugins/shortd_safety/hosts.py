"""How a host is spelled here, whoever has written it: as browsers do.

Capital letters, letters of other scripts, percent signs, a final dot and the many ways to write an
IP address make no difference.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import IPv6Address

import ada_url

_SPELLED = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z]{2,63}", re.ASCII)
"""What stays as it is: most of what lists have, so that few lines need a parser."""
_HOST = re.compile(r"[^\s/?#@\\*:|^$,<>=]+|\[[0-9A-Fa-f:.]+\]")
_MOST_CHARACTERS = 300


def read_host(text: str) -> str:
    """A host as it is compared; an IPv6 address without brackets. ValueError for what is none."""
    if len(text) > _MOST_CHARACTERS:
        raise ValueError("no host is as long")
    if _SPELLED.fullmatch(text):
        return text
    if text.count(":") > 1 and not text.startswith("["):
        text = f"[{text}]"
    if text.startswith(".") or not _HOST.fullmatch(text):
        raise ValueError("this is no host")
    return host_of(f"http://{text}/")


def host_of(url: str) -> str:
    """The host of a URL, as it is compared. ValueError for what is no URL."""
    # A name that begins with a dot is a host to browsers: what follows is what it is below.
    name = ada_url.URL(url).hostname.strip(".")
    if not name:
        raise ValueError("there is no host")
    if name.startswith("["):
        address = IPv6Address(name[1:-1])
        return str(address.ipv4_mapped or address)
    return name


def place_of(url: str) -> str:
    """A URL without its scheme and fragment, as it is compared. ValueError for what is none."""
    read = ada_url.URL(url)
    host, port = host_of(url), f":{read.port}" if read.port else ""
    return f"{host}{port}{read.pathname}{read.search}"


class Target:
    """Where a URL leads, by all the names that a list may have for it. ValueError for no URL."""

    __slots__ = ("domains", "host", "place", "url")

    def __init__(self, url: str) -> None:
        self.url = ada_url.URL(url).href
        """As browsers spell it."""
        self.host = host_of(self.url)
        self.domains = tuple(_domains_of(self.host))
        """The host, and all that it is below."""
        self.place = place_of(self.url)


def _domains_of(host: str) -> Iterator[str]:
    yield host
    # Whose last part is a number is an IP address to a browser, which is below nothing.
    if ":" in host or host.rpartition(".")[2].isdigit():
        return
    # Nothing on a list is longer.
    start = host.find(".", max(0, len(host) - _MOST_CHARACTERS - 1))
    while start >= 0:
        yield host[start + 1 :]
        start = host.find(".", start + 1)
