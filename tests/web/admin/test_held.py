"""The operator's page of held links, and the commands that do the same."""

from __future__ import annotations

import html

import httpx
import pytest

from shortd.control.commands import run
from shortd.control.link_records import HeldShown, Links, LinkShown
from shortd.control.links import link_held
from shortd.control.registry import Args, DoneInPart, View
from shortd.models.audit import Action, Way
from shortd.testing import RunningApp
from shortd.web.admin.held import ROWS
from tests.held import REASON, hold
from tests.web.admin.conftest import lines
from tests.web.surfer import Surfer

HELD = "/-/admin/held"
URL = "https://odd.example/"


def shown(answer: httpx.Response) -> str:
    assert answer.status_code == 200, answer.text
    return html.unescape(answer.text)


@pytest.fixture
def link(app: RunningApp, ben: Surfer) -> int:
    link_id: int = ben.call("url", url=URL, code="OddOne")["entry"]["id"]
    hold(app, link_id)
    return link_id


def latest(app: RunningApp, link: int) -> str:
    found, _ = app.services.upkeep.moderation.link(link)
    assert found.held is not None
    return str(found.held.latest)


@pytest.mark.parametrize("act", ["", "/1/approve", "/1/refuse"])
def test_to_everybody_else_there_is_nothing(app: RunningApp, ben: Surfer, act: str) -> None:
    for surfer in (Surfer(app), ben):
        if act:
            assert surfer.send(HELD + act, {"seen": "1"}).status_code == 404
        else:
            assert surfer.get(HELD).status_code == 404


def test_it_is_let_go(app: RunningApp, olga: Surfer, ben: Surfer, link: int) -> None:
    assert "1 link is held" in shown(olga.get("/-/admin"))
    text = shown(olga.get(HELD))
    assert "odd.example" in text
    assert REASON in text
    assert "it checks no more" in text
    assert app.visit("http://127.0.0.1:8080/OddOne").status_code == 403
    form = {"seen": latest(app, link)}
    assert olga.send(f"{HELD}/{link}/approve", form).headers["location"] == HELD
    assert app.visit("http://127.0.0.1:8080/OddOne").headers["location"] == URL
    assert "No link is held" in shown(olga.get(HELD))
    [line] = [one for one in lines(app) if one.way is Way.PAGE]
    assert (line.action, line.subject, line.detail) == (
        Action.APPROVE_LINK,
        "http://127.0.0.1:8080/OddOne",
        URL,
    )
    # Twice does nothing more, and is told.
    assert olga.send(f"{HELD}/{link}/approve", form).status_code == 303
    assert len([one for one in lines(app) if one.way is Way.PAGE]) == 1


def test_it_is_refused(app: RunningApp, olga: Surfer, ben: Surfer, link: int) -> None:
    form = {"seen": latest(app, link), "word": "x" * 301}
    answer = olga.send(f"{HELD}/{link}/refuse", form)
    assert answer.status_code == 422
    assert "<details open>" in answer.text
    assert olga.send(f"{HELD}/{link}/refuse", form | {"word": "A trap."}).status_code == 303
    assert app.visit("http://127.0.0.1:8080/OddOne").status_code == 404
    assert "A trap." in shown(ben.get(f"/-/links/{link}"))
    [line] = [one for one in lines(app) if one.way is Way.PAGE]
    assert (line.action, line.reason) == (Action.REFUSE_LINK, "A trap.")


@pytest.mark.parametrize("act", ["approve", "refuse"])
def test_what_is_not_as_it_was_shown_stays(
    app: RunningApp, olga: Surfer, link: int, act: str
) -> None:
    seen = latest(app, link)
    app.clock.advance(1)
    hold(app, link, "Another host.")
    olga.send(f"{HELD}/{link}/{act}", {"seen": seen})
    text = shown(olga.get(HELD))
    assert "leads elsewhere by now" in text
    assert "Another host." in text
    for nonsense in ({}, {"seen": "x"}, {"seen": "-1"}, {"seen": str(2**64)}):
        assert olga.send(f"{HELD}/{link}/{act}", nonsense).status_code in (400, 422)
    assert app.visit("http://127.0.0.1:8080/OddOne").status_code == 403
    assert olga.send(f"{HELD}/{2**63 - 1}/{act}", {"seen": seen}).status_code == 404
    assert not [one for one in lines(app) if one.way is Way.PAGE]


def test_what_is_deleted_meanwhile(app: RunningApp, olga: Surfer, ben: Surfer, link: int) -> None:
    seen = latest(app, link)
    ben.call("delete", shorturl="http://127.0.0.1:8080/OddOne")
    for act in ("approve", "refuse"):
        assert olga.send(f"{HELD}/{link}/{act}", {"seen": seen}).status_code == 404


def test_many_are_paged(app: RunningApp, olga: Surfer, ben: Surfer) -> None:
    entries = ben.call("urls", urls=[URL] * (ROWS + 3))["entries"]
    for entry in entries:
        app.clock.advance(1)
        hold(app, entry["id"])
    text = olga.get(HELD).text
    assert text.count("/approve") == ROWS
    after = html.unescape(text.partition('rel="next"')[0].rpartition('href="')[2].partition('"')[0])
    assert olga.get(after).text.count("/approve") == 3
    for nonsense in ("x", "1", "1-2-3", f"{2**70}-1"):
        assert olga.get(f"{HELD}?after={nonsense}").text.count("/approve") == ROWS


def test_the_commands(app: RunningApp, ben: Surfer, link: int) -> None:
    services = app.services
    [row] = looked(app)
    assert (row.short_url, row.url, row.plugin, row.reason, row.owner, row.checks) == (
        "http://127.0.0.1:8080/OddOne",
        URL,
        "gone",
        REASON,
        "ben",
        False,
    )
    said = app.run(run(services, "link enable", {"links": ["OddOne"]}))
    assert "still held" in str(said)
    assert "is let go" in str(app.run(run(services, "link approve", {"links": ["OddOne"]})))
    for command in ("link approve", "link refuse"):
        with pytest.raises(DoneInPart) as refused:
            app.run(run(services, command, {"links": ["OddOne", "nosuch"]}))
        assert "not held" in str(refused.value.refused)
        assert "There is no link" in str(refused.value.refused)
    hold(app, link)
    args = {"links": ["OddOne"], "reason": "A trap"}
    assert "refused, and off" in str(app.run(run(services, "link refuse", args)))
    [found] = links_shown(app)
    assert (found.held, found.refused, found.barred) == (False, "A trap", True)
    assert "refused" in ben.call("get_entry", shorturl="http://127.0.0.1:8080/OddOne")["entry"]
    assert looked(app) == []
    actions = [one.action for one in lines(app) if one.way is Way.COMMAND][:3]
    assert actions == [Action.REFUSE_LINK, Action.APPROVE_LINK, Action.TURN_ON_LINK]


def looked(app: RunningApp) -> list[HeldShown]:
    """What `link held` tells."""

    async def look() -> list[HeldShown]:
        services = app.services
        view = View(services.store, services.hosts, services.settings, app.clock.now(), services)
        return [row for rows in link_held(view, Args()) for row in rows]

    return app.run(look())


def links_shown(app: RunningApp) -> list[LinkShown]:
    """What `link show` tells."""
    links = app.services.upkeep.moderation.at("OddOne")

    async def look() -> list[LinkShown]:
        services = app.services
        view = View(services.store, services.hosts, services.settings, app.clock.now(), services)
        with services.store.read() as txn:
            return [Links(view).shown(txn, link) for link in links]

    return app.run(look())
