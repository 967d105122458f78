"""The server's own addresses, for commands over a directory that no server has: asked of what would
route requests. Most commands never ask, and what routes takes as long to load as all they need.
"""

from __future__ import annotations

from shortd.services import Services


def know_own_addresses(services: Services) -> None:
    """Lets codes of links be compared with them."""

    def is_own(path: str) -> bool:
        from shortd.app import App

        # It tells the services itself, so that the next path is asked of it right away.
        return App(services, lazily=True).is_own(path)

    services.links.codes.is_own = is_own
