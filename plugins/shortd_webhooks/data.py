"""What can be told, to whom: the settings, the data of links, and receivers as they are kept.

Nothing here holds a secret but the settings, which are the operator's own file.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from enum import StrEnum
from ipaddress import ip_network
from typing import Annotated

from msgspec import Meta, Struct

SECRET_PREFIX = "whsec_"
SECRET_BYTES = (24, 64)
OF_SETTINGS = "set_"
"""Before the name of a receiver that stands in the settings: its id."""

_NAME = re.compile(r"[a-z0-9_-]{1,32}", re.ASCII)


class Kind(StrEnum):
    """What happens. As the type of an event, "shortd." stands before it."""

    LINK_CREATED = "link.created"
    LINK_CHANGED = "link.changed"
    LINK_DELETED = "link.deleted"
    CLICK_RECORDED = "click.recorded"
    FILE_STORED = "file.stored"
    ACCOUNT_CREATED = "account.created"
    ACCOUNT_SIGNED_IN = "account.signed_in"
    TEST = "test"
    """Sent by hand alone."""


KINDS = tuple(kind for kind in Kind if kind is not Kind.TEST)
OF_ACCOUNTS = tuple(kind for kind in KINDS if kind is not Kind.ACCOUNT_CREATED)
"""What an account can be told of: what happens to its own."""
OF_HOOK = {kind.value.replace(".", "_"): kind for kind in KINDS}
"""By the hooks' names."""


class Configured(Struct, frozen=True, forbid_unknown_fields=True):
    """[plugins.webhooks.receivers.NAME]: a receiver of the operator's."""

    url: Annotated[str, Meta(pattern=r"^https?://", max_length=2048)]
    secret: str
    """"whsec_" and 24 to 64 bytes in base64."""
    events: tuple[Kind, ...] = KINDS

    def __post_init__(self) -> None:
        key_of(self.secret)
        if not self.events or Kind.TEST in self.events:
            raise ValueError(f"events are some of {', '.join(KINDS)}")


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """[plugins.webhooks]"""

    allow: tuple[str, ...] = ()
    """Networks that the operator's own receivers may be in, although they are private."""
    receivers: Mapping[str, Configured] = {}

    def __post_init__(self) -> None:
        for network in self.allow:
            ip_network(network, strict=False)
        for name in self.receivers:
            if not _NAME.fullmatch(name):
                raise ValueError(f"{name!r}: up to 32 of a-z, 0-9, - and _")


class LinkReceivers(Struct, frozen=True, forbid_unknown_fields=True):
    """Receivers of the account's that hear of this link, beside those that hear of all."""

    receivers: Annotated[
        tuple[str, ...],
        Meta(min_length=1, max_length=10, description="Ids of receivers of your account's."),
    ]


class Receiver(Struct, frozen=True):
    """Who is told, and how that goes. Times are in µs."""

    id: str
    owner: str
    """The userid of its account; empty for the operator's."""
    url: str
    name: str
    kinds: tuple[Kind, ...]
    utime: int
    """When it was made."""
    is_chosen: bool = False
    """Whether it hears only of links that name it."""
    generation: int = 1
    """How many secrets it has had."""
    rotated: int = 0
    """When it got the latest one; 0 for the first."""
    mark: str = ""
    """By which it is known whether this server can still make its secret."""
    off: str = ""
    """Why it is told of nothing; empty while it is on. One of `OFF`."""
    failures: int = 0
    """In a row."""
    failing_since: int = 0
    failed: int = 0
    """When it last did."""
    retry_after: int = 0
    """Seconds that it has asked for."""
    missed: int = 0
    """Events that there was no room for."""

    @property
    def is_configured(self) -> bool:
        """Whether it stands in the settings, and can be changed there alone."""
        return self.id.startswith(OF_SETTINGS)

    @property
    def title(self) -> str:
        return self.name or self.url


BY_HAND, FAILING, GONE, MOVED = "by_hand", "failing", "gone", "moved"
OFF = (BY_HAND, FAILING, GONE, MOVED)
"""Somebody switched it off; it has failed for days; it answered 410; it came from a server whose
secrets this one does not have."""


def key_of(secret: str) -> bytes:
    """The key in a secret. ValueError."""
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except binascii.Error:
        key = b""
    least, most = SECRET_BYTES
    if not secret.startswith(SECRET_PREFIX) or not least <= len(key) <= most:
        # Without what was given.
        raise ValueError(f"a secret is {SECRET_PREFIX} and {least} to {most} bytes in base64")
    return key
