"""[plugins.safety]: what an operator may say, and what is wrong with it."""

from __future__ import annotations

import base64
import binascii
import re
from enum import StrEnum
from ipaddress import ip_network
from typing import Annotated, Literal

import ada_url
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key, load_pem_public_key
from msgspec import Meta, Struct

from shortd.plugin import DestinationPatterns

MOST_LISTS = 32
_KEY_BYTES = 32
_SHA256 = re.compile(r"[0-9a-fA-F]{64}", re.ASCII)

AccountType = Literal["anonymous", "temporary", "registered", "verified", "custom"]


class Match(StrEnum):
    """What becomes of a destination that a list names."""

    REFUSE = "refuse"
    HOLD = "hold"


class Existing(StrEnum):
    """What becomes of links that lead there already."""

    REPORT = "report"
    DISABLE = "disable"


class ListSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """[[plugins.safety.lists]]: a file, or a list that is fetched."""

    file: str = ""
    url: str = ""
    name: Annotated[str, Meta(max_length=60)] = ""
    match: Match = Match.REFUSE
    subdomains: bool = True
    key: str = ""
    signature: str = ""
    sha256: str = ""
    unsigned: bool = False
    allow: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if bool(self.file) == bool(self.url):
            raise ValueError("a list has either a file or a url")
        if self.file:
            if self.key or self.signature or self.sha256 or self.unsigned or self.allow:
                raise ValueError("a file has no key, signature, sha256, unsigned or allow")
            return
        _check_url(self.url)
        if (bool(self.key), bool(self.sha256), self.unsigned).count(True) != 1:
            raise ValueError("a list with a url has one of key, sha256 and unsigned = true")
        if self.signature and not self.key:
            raise ValueError("a signature needs a key")
        if self.signature:
            _check_url(self.signature)
        if self.sha256 and not _SHA256.fullmatch(self.sha256):
            raise ValueError("sha256 is 64 hexadecimal digits")
        if self.key:
            read_key(self.key)
        for network in self.allow:
            ip_network(network, strict=False)

    @property
    def title(self) -> str:
        """What it is called."""
        if self.name:
            return self.name
        if self.file:
            return self.file.rstrip("/").rpartition("/")[2]
        read = ada_url.URL(self.url)
        return f"{read.hostname} {read.pathname.rpartition('/')[2]}".strip()[:60]

    @property
    def origin(self) -> str:
        """What it is and who vouches for it: with another one, what was kept is not this list."""
        said = (self.file, self.url, self.key, self.sha256.lower(), str(self.subdomains))
        return "\n".join(said)

    @property
    def vouched(self) -> str:
        """Who says that it is what it should be: key, sha256, https or file."""
        if self.file:
            return "file"
        return "key" if self.key else "sha256" if self.sha256 else "https"


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """[plugins.safety]"""

    files: tuple[str, ...] = ()
    lists: Annotated[tuple[ListSettings, ...], Meta(max_length=MOST_LISTS)] = ()
    allow: tuple[str, ...] = ()
    hold: tuple[AccountType, ...] = ()
    existing: Existing = Existing.REPORT

    def __post_init__(self) -> None:
        DestinationPatterns(self.allow)
        if "" in self.files:
            raise ValueError("files has an empty name")
        if len(self.all_lists) > MOST_LISTS:
            raise ValueError(f"there are at most {MOST_LISTS} lists")
        sources = [(one.file, one.url) for one in self.all_lists]
        if len(set(sources)) < len(sources):
            raise ValueError("a list is named twice")

    @property
    def all_lists(self) -> tuple[ListSettings, ...]:
        return (*(ListSettings(file=file) for file in self.files), *self.lists)


def read_key(text: str) -> Ed25519PublicKey:
    """A public key: PEM, or base64 of its 32 bytes or of its DER. ValueError for any other."""
    try:
        if text.lstrip().startswith("-----"):
            key = load_pem_public_key(text.encode())
        else:
            raw = base64.b64decode("".join(text.split()), validate=True)
            if len(raw) == _KEY_BYTES:
                return Ed25519PublicKey.from_public_bytes(raw)
            key = load_der_public_key(raw)
    except (binascii.Error, UnsupportedAlgorithm, ValueError):
        raise ValueError("key is no public key of Ed25519, as PEM or base64") from None
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError("key is no public key of Ed25519")
    return key


def _check_url(url: str) -> None:
    try:
        read = ada_url.URL(url)
    except ValueError:
        raise ValueError(f"{url!r} is no URL") from None
    if read.protocol != "https:":
        raise ValueError("lists are fetched by https alone")
    if read.username or read.password:
        raise ValueError("the URL of a list has no user name or password")
