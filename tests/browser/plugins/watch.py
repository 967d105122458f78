"""Has links to one host held, and shows something beside them: for the pages that tell of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from shortd.plugin import Account, Counts, Hold, Link, Panel, Plugin, hookimpl

HELD = "https://held.example/"
REASON = "This host was registered three days ago, and nobody here knows who it belongs to."


class Watch(Plugin[None, None]):
    """Has links to unknown hosts held."""

    name = "watch"

    @hookimpl
    async def check_destination(
        self, url: str, link: Link | None, account: Account | None
    ) -> Hold | None:
        return Hold(REASON) if url.startswith(HELD) else None

    @hookimpl
    def link_columns(self, link: Link, data: None) -> Mapping[str, str | int]:
        return {"Host seen": 3, "Grade": "unknown"} if link.url.startswith(HELD) else {}

    @hookimpl
    def link_panels(self, link: Link, data: None, counts: Counts) -> Sequence[Panel]:
        if not link.url.startswith(HELD):
            return ()
        return [Panel("The host", (("Registered", "three days ago"), ("Links to it", 3)))]
