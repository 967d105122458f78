"""Links that lead where no link may lead any more, on their owner's pages."""

from __future__ import annotations

import html

from shortd.errors import DESTINATION_BLOCKED
from shortd.testing import RunningApp
from tests.web.links.test_acting import entry, undo_path
from tests.web.surfer import Surfer

BAD = "https://x.bad.example/"


def test_no_way_leads_back_on(ann: Surfer, app: RunningApp) -> None:
    def made() -> tuple[str, int]:
        one = ann.call("url", url=BAD)["entry"]
        return str(one["shorturl"]), int(one["id"])

    def undo_of(what: str, number: int) -> str:
        return undo_path(ann.follow(ann.send(f"/-/links/{number}/{what}")).text)

    (on, on_id), (deleted, deleted_id), (off, off_id) = made(), made(), made()
    # What was done a moment before can still be undone behind it.
    undo = [undo_of("delete", deleted_id), undo_of("off", off_id)]
    app.run(app.services.blocked.add("bad.example", "", app.clock.now()))
    assert app.run(app.services.links.blocking.switch_off("bad.example")).off == 1
    for address in undo:
        assert ann.send(address).status_code == 303
    page = ann.follow(ann.send(f"/-/links/{on_id}/on")).text
    assert DESTINATION_BLOCKED.message in html.unescape(page) and "is on again" not in page
    answer = ann.send("/-/links/bulk", {"do": "on", "id": [str(on_id), str(off_id)]})
    assert "2 were refused: " + DESTINATION_BLOCKED.message in html.unescape(
        ann.follow(answer).text
    )
    answer = ann.send(f"/-/links/{on_id}/edit/until", {"enabled": "1"})
    assert answer.status_code == 422
    assert DESTINATION_BLOCKED.message in html.unescape(answer.text)
    for short_url in (on, deleted, off):
        assert not entry(ann, short_url)["enabled"]
        assert app.visit(short_url).status_code == 404
