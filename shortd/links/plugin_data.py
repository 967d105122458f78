"""A link's data of plugins, changed: shown to the plugin first, then kept in the link's row.

The plugin is asked outside of the transaction, so data that somebody else changed meanwhile are
changed anew.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from shortd import errors
from shortd.links.links import Links, Which
from shortd.models.accounts import Account
from shortd.models.links import Link

Check = Callable[[Link, str, dict[str, Any]], bytes]
"""Shows a plugin a link's data of it as JSON has them; the data as a row keeps them. Raises
INVALID_FIELD, or UNKNOWN_PLUGIN where there is no such plugin."""
Change = Callable[[Link], dict[str, Any] | None]
"""What is to become of a link's data of a plugin, as JSON has them; None for nothing."""

_SOME_LINK = Link(0, "", 0, "", "https://example.com/", 0)
_decode = msgspec.msgpack.Decoder(dict[str, Any]).decode


class LinkPlugins:
    """Changes data of plugins."""

    def __init__(self, links: Links, check: Check) -> None:
        self._links = links
        self._check = check

    def check(self, name: str, data: dict[str, Any]) -> None:
        """Whether data would do for a link that there is not yet. UNKNOWN_PLUGIN, PLUGIN_FAILED;
        INVALID_FIELD or MISSING_FIELD, with the field below `data`."""
        self._check(_SOME_LINK, name, data)

    async def change(
        self, account: Account, which: Which, name: str, change: Change, now: int
    ) -> None:
        """Puts what `change` makes of a link's data of a plugin in their place.

        ENTRY_NOT_FOUND, FORBIDDEN, UNKNOWN_PLUGIN, PLUGIN_FAILED; INVALID_FIELD or MISSING_FIELD,
        with the field below `data`.
        """
        while True:
            link = self._links.changeable(account, which)
            data = change(link)
            raw = None if data is None else self._check(link, name, data)
            over = _raw(link, name)
            if await self._links.set_plugin(account, link.id, name, raw, now, over=over):
                return


def data_of(link: Link, name: str) -> dict[str, Any]:
    """A link's data of a plugin, empty where there are none. PLUGIN_FAILED if unreadable."""
    raw = _raw(link, name)
    try:
        return {} if raw is None else _decode(raw)
    except msgspec.MsgspecError:
        raise errors.PLUGIN_FAILED(field="plugin") from None


def _raw(link: Link, name: str) -> bytes | None:
    return link.plugins.get(name) if link.plugins else None
