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


def open_visitors(settings: Settings, countries: Countries | None) -> VisitorServices:
    """Wires them."""
    # The first parse compiles thousands of patterns (0.1 s); visitors should not wait for it.
    parse_agent("")
    return VisitorServices(countries, Proxies(settings.server.trusted_proxies))
