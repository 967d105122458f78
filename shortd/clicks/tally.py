"""The clicks of one drain, by link.

`add` every click, then `write` once, in the transaction that also moves the journal position.
"""

from __future__ import annotations

from collections.abc import Callable

from shortd.clicks import history
from shortd.clicks.rollups import PlaceOf
from shortd.models.clicks import Click
from shortd.store.schema import COUNTS, LINKS_BY_ID
from shortd.store.txn import WriteTxn


class Tally:
    """Gathers clicks and adds them to the histories of their links."""

    def __init__(
        self,
        visits_per_link: int,
        place_of: PlaceOf,
        sightings_per_link: int = 1 << 32,
        *,
        is_lean: bool = False,
    ) -> None:
        """`is_lean`: no link keeps more visits than it has."""
        self._visits_per_link = visits_per_link
        self._place_of = place_of
        self._sightings_per_link = sightings_per_link
        self._is_lean = is_lean
        self.links: dict[int, list[Click]] = {}
        """Clicks by the id of their link."""
        self.clicks = 0

    def add(self, click: Click) -> None:
        """Takes a click in; it is bucketed by its own time."""
        self.clicks += 1
        clicks = self.links.get(click.link_id)
        if clicks is None:
            self.links[click.link_id] = [click]
        else:
            clicks.append(click)

    def write(self, txn: WriteTxn, give_way: Callable[[], None]) -> None:
        """Adds everything to the tables. Clicks of a link deleted meanwhile are dropped.

        `give_way` is called again and again.
        """
        # In the order of the keys, neighbours are found on the same pages.
        for link_id in sorted(self.links):
            give_way()
            old = COUNTS.get(txn, (link_id,))
            # Counts are deleted with their link, so it is there if they are.
            if old is not None or LINKS_BY_ID.has(txn, (link_id,)):
                most = self._visits_per_link
                if self._is_lean:
                    most = min(most, 0 if old is None else old.visits)
                history.add_clicks(
                    txn,
                    link_id,
                    old,
                    self.links[link_id],
                    most,
                    self._place_of,
                    self._sightings_per_link,
                )
