"""Links that are held, as a plugin that is no longer there has left them."""

from __future__ import annotations

import msgspec

from shortd.links.checking import with_held
from shortd.models.links import Held, HeldDestination
from shortd.store.schema import LINKS, LINKS_BY_ID
from shortd.store.txn import WriteTxn
from shortd.testing import RunningApp

REASON = "Nobody here knows that host."


def hold(app: RunningApp, link_id: int, reason: str = REASON) -> None:
    """Has a link held for where it leads."""

    def write(txn: WriteTxn) -> None:
        link = LINKS_BY_ID.get(txn, (link_id,))
        assert link is not None
        now = app.clock.now()
        why = HeldDestination(link.url, "gone", reason, now)
        held = (
            Held((why,))
            if link.held is None
            else msgspec.structs.replace(link.held, destinations=(why,))
        )
        LINKS.put(txn, (link.host, link.code), with_held(link, held))

    app.run(app.services.store.write(write))
