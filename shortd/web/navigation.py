"""Pages of plugins among our own: what the navigation shows of them, and to whom."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec

from shortd.plugin import Access
from shortd.web.routing import AnyRequest


class Entry(msgspec.Struct, frozen=True):
    """A page of a plugin in the navigation."""

    plugin: str
    title: str
    address: str
    """From the root."""
    access: Access


class Navigation(msgspec.Struct, frozen=True):
    """What plugins add to it. Nothing where no plugin does."""

    entries: Sequence[Entry] = ()
    offers: Sequence[tuple[str, str]] = ()
    """Addresses and labels of buttons on the sign-in."""

    def offers_of(self, plugins: Collection[str]) -> list[tuple[str, str]]:
        """Buttons of some plugins, by their names."""
        return [
            (address, label) for address, label in self.offers if address.split("/")[3] in plugins
        ]

    def of_plugin(self, name: str) -> list[Entry]:
        """All pages of one plugin, as an operator may see them."""
        return [entry for entry in self.entries if entry.plugin == name]

    def for_accounts(self) -> list[Entry]:
        """Pages for whoever has signed in: those for operators are listed with the plugins."""
        return [entry for entry in self.entries if entry.access is not Access.OPERATOR]


def navigation_of(request: AnyRequest) -> Navigation:
    """That of the app which is asked."""
    found: Navigation = request.app.state.navigation
    return found
