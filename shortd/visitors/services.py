"""The services of this room, wired."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from shortd.settings import Settings
from shortd.visitors.countries import Countries
from shortd.visitors.proxies import Proxies
from shortd.visitors.visitors import parse_agent


@dataclass(frozen=True)
class VisitorServices:
    """Where visitors come from."""

    countries: Countries | None
    proxies: Proxies

    @property
    def country_of(self) -> Callable[[str], str] | None:
        """Tells the country of an address; None where nobody knows."""
        return None if self.countries is None else self.countries.of

    @property
    def city_of(self) -> Callable[[str], str] | None:
        """The same for its city."""
        return None if self.countries is None else self.countries.city_of


def open_visitors(
    settings: Settings, countries: Countries | None, *, may_parse: bool
) -> VisitorServices:
    """Wires them. `may_parse` tells whether a plugin may ask for a parsed agent on the way to a
    redirect, which must not wait for the parser; else the drain makes it, when there is a visit.
    """
    if may_parse:
        parse_agent("")
    return VisitorServices(countries, Proxies(settings.server.trusted_proxies))
