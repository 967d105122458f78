"""Leads phones and tablets to destinations of their own, by platform.

`windows` means phones, as in the Shorten World v1 document: a PC goes to the main destination.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from shortd.plugin import BadData, Link, Plugin, Visit, hookimpl

Url = Annotated[str, Meta(max_length=8192)]


class Places(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where phones and tablets go; what is empty falls to `mobile`, then to the link's own."""

    ios: Url = ""
    """iPhones, iPads, iPods."""
    android: Url = ""
    """Phones and tablets."""
    windows: Url = ""
    """Windows phones."""
    mobile: Url = ""
    """All others, and those above that have none of their own."""


class Mobile(Plugin[None, Places]):
    """Leads phones and tablets elsewhere, by platform."""

    name = "mobile"
    Data = Places

    @hookimpl
    def destination(self, link: Link, visit: Visit, data: Places) -> str | None:
        if not visit.is_mobile:
            return None
        own = {"ios": data.ios, "android": data.android, "windows": data.windows}
        return own.get(visit.platform) or data.mobile or None

    def check(self, data: Places, link: Link) -> None:
        urls = {name: getattr(data, name) for name in data.__struct_fields__}
        if not any(urls.values()):
            raise BadData("Give at least one of ios, android, windows and mobile.")
        for name, url in urls.items():
            if url:
                self.check_url(url, name)
