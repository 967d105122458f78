"""What the home page shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from shortd.web.forms import Form, filled
from shortd.web.teams.working import Working


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A link in a short list."""

    id: int
    short_url: str
    destination: str
    """Where it leads; for a file its name."""
    count: int
    kind: str
    """The symbol of what it is: "link", "file", "upload", "lock"."""

    maker: str = ""
    """Who made it, where that is somebody else."""

    @property
    def shown(self) -> str:
        """The short URL as people say it."""
        return self.short_url.partition("://")[2]


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """What was made just now: one link, or several, in the order that they were asked for."""

    rows: Sequence[Row]
    qr: str = ""
    """The QR code of a single one, as a data URL."""

    @property
    def addresses(self) -> str:
        """All short URLs, one a line, to be copied."""
        return "\n".join(row.short_url for row in self.rows)


class HomePage(msgspec.Struct, frozen=True, kw_only=True):
    """home/page.html."""

    form: Form[Any] = msgspec.field(default_factory=filled)
    made: Made | None = None
    mine: Sequence[Row] = ()
    """The newest of the account, or of this browser."""
    can_sign_up: bool = True
    kept_until: int = 0
    """When what was made in this browser ends, in µs; 0 for accounts."""
    hosts: Sequence[tuple[str, str]] = ()
    """Short hosts to choose from, by number and name; none where there is no choice."""
    free: Sequence[str] = ()
    """Endings that are free, where the wished one is not."""
    several: bool = False
    """Whether the field takes a list from the start."""
    host: str = ""
    """Name of the short host that endings stand behind."""
    working: Working = Working()
