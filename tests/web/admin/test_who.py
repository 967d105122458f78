"""Who may see the operator's pages and do what they do: operators, and to nobody else are they
there. The addresses are those that the server has: a new one is covered by itself."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from shortd.app import App
from shortd.models.audit import Way
from shortd.models.blocking import Reason
from shortd.models.links import NO_RARE_TERMS, Held, HeldDestination
from shortd.store.schema import LINKS, LINKS_BY_ID
from shortd.store.txn import WriteTxn
from shortd.testing import RunningApp, open_app
from tests.api.v2.envelopes import everything
from tests.conftest import GENEROUS
from tests.web.admin.conftest import MAIL, command, lines, make_operator
from tests.web.surfer import Surfer


class World:
    """A server, its operator, and what stands for the places in addresses."""

    def __init__(self, app: RunningApp) -> None:
        self.app = app
        self.olga = make_operator(app)
        self.ben = Surfer(app)
        self.ben.sign_up("ben")
        link = self.ben.call("url", url="https://example.org/", code="bens12")["entry"]
        command(app, "domain add", team="ben", name="go.example.org")
        [domain] = re.findall(
            r"/domains/([0-9a-f]+)/remove", self.olga.get("/-/admin/domains").text
        )
        self.places = {
            "person": self.ben.credentials["userid"],
            "link_id": str(link["id"]),
            "domain": domain,
            "plugin": "mobile",
        }
        self.report()

    def report(self) -> None:
        """Somebody says something of the link."""
        add = self.app.services.links.reports.add
        now = self.app.clock.now()
        self.app.run(add(int(self.places["link_id"]), Reason.SPAM, "", "192.0.2.9", now))

    def hold(self) -> None:
        """A plugin has had the link held."""

        def hold(txn: WriteTxn) -> None:
            link = LINKS_BY_ID.get(txn, (int(self.places["link_id"]),))
            if link is not None:
                said = HeldDestination("https://example.org/", "watch", "odd", HELD_UTIME)
                rare = structs.replace(link.rare or NO_RARE_TERMS, held=Held((said,)))
                LINKS.put(txn, (link.host, link.code), structs.replace(link, rare=rare))

        self.app.run(self.app.services.store.write(hold))

    def written(self, path: str) -> str:
        """The address with something in each place. KeyError: say above what stands there."""
        return re.sub(r"\{(\w+)(?::\w+)?\}", lambda place: self.places[place[1]], path)

    def others(self) -> Iterator[tuple[str, Surfer]]:
        """Everybody who is no operator."""
        yield "nobody", Surfer(self.app)
        guest = Surfer(self.app)
        guest.send("/-/new", {"url": "https://example.org/"})
        assert "token" not in guest.credentials
        yield "temporary", guest
        yield "registered", self.ben
        member = Surfer(self.app)
        member.sign_up("mia")
        command(self.app, "team add", owner="olga", name="Ours")
        command(self.app, "team add-member", team="ours", user="mia", role="owner")
        yield "owner of the operator's team", member
        former = make_operator(self.app, "former")
        command(self.app, "user set", user="former", changes={"operator": False})
        assert former.is_in()
        yield "no operator any more", former
        locked = make_operator(self.app, "locked")
        command(self.app, "user lock", user="locked")
        yield "locked operator", locked


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with open_app(tmp_path / "data", environ={**GENEROUS, **MAIL}) as app:
        yield World(app)


def addresses(app: RunningApp) -> list[tuple[str, str]]:
    """Methods and addresses of all that the operator has."""
    routes: Any = App(app.services)._litestar.routes
    return sorted(
        (method, route.path)
        for route in routes
        if route.path == "/-/admin" or route.path.startswith("/-/admin/")
        for method in route.methods & {"GET", "POST"}
    )


DOWNLOAD = "/-/admin/backups/download"
"""Answers with what was asked for, and not with a page that shows it."""

HELD_UTIME = 1_000_000
FORMS: Mapping[str, Mapping[str, str]] = {
    "/-/admin/people/new": {"email": "new@nowhere.example", "username": "new"},
    "/-/admin/people/{person:str}/lock": {"reason": "because I say so"},
    "/-/admin/people/{person:str}/unlock": {"reason": "because I say so"},
    "/-/admin/people/{person:str}/type": {"type": "custom", "reason": "because I say so"},
    "/-/admin/people/{person:str}/sign-out": {"reason": "because I say so"},
    "/-/admin/people/{person:str}/reset": {"reason": "because I say so"},
    "/-/admin/links/{link_id:int}/off": {"reason": "because I say so"},
    "/-/admin/links/{link_id:int}/on": {"reason": "because I say so"},
    "/-/admin/links/{link_id:int}/delete": {"reason": "because I say so"},
    "/-/admin/plugins/{plugin:str}/resume": {},
    "/-/admin/held/{link_id:int}/approve": {"seen": str(HELD_UTIME)},
    "/-/admin/held/{link_id:int}/refuse": {"seen": str(HELD_UTIME), "word": "because I say so"},
    "/-/admin/blocked": {"pattern": "bad.example", "reason": "because I say so"},
    "/-/admin/blocked/remove": {"pattern": "bad.example"},
    "/-/admin/reports/{link_id:int}/off": {"reason": "because I say so"},
    "/-/admin/reports/{link_id:int}/block": {"pattern": "x.example", "reason": "because I say so"},
    "/-/admin/reports/{link_id:int}/dismiss": {},
    "/-/admin/domains/{domain:str}/remove": {"reason": "because I say so"},
    DOWNLOAD: {},
}
"""What is sent to each address that acts."""


def test_to_everybody_else_nothing_is_there(world: World) -> None:
    known = addresses(world.app)
    assert ("GET", "/-/admin/log") in known
    for who, surfer in world.others():
        nothing = surfer.get("/-/admin/nosuch")
        assert nothing.status_code == 404
        before = everything(world.app)
        for method, path in known:
            address = world.written(path)
            for answer in (surfer.get(address), surfer.send(address, FORMS.get(path, {}))):
                assert answer.status_code == 404, (who, method, path)
                assert answer.text == nothing.text, (who, method, path)
                assert "allow" not in answer.headers
        assert everything(world.app) == before, who


def test_an_operator_sees_every_page(world: World) -> None:
    for method, path in addresses(world.app):
        if method == "GET":
            answer = world.olga.get(world.written(path))
            assert answer.status_code == 200, path
            assert answer.headers["cache-control"] == "no-store"
            assert 'aria-label="Operation"' in answer.text, path


def test_every_action_is_in_the_log_with_its_reason(world: World) -> None:
    acting = [path for method, path in addresses(world.app) if method == "POST"]
    # The link goes last: nothing is done to one that is gone.
    ordered = sorted(acting, key=lambda path: ("delete" in path, path))
    for path in ordered:
        # What was done before has dealt with what was said.
        world.report()
        world.hold()
        known = len(lines(world.app))
        form = FORMS[path]
        answer = world.olga.send(world.written(path), form)
        assert answer.status_code == (200 if path == DOWNLOAD else 303), (path, answer.text)
        added = lines(world.app)[: len(lines(world.app)) - known]
        assert added, path
        assert {(line.way, line.name) for line in added} == {(Way.PAGE, "olga")}, path
        assert added[0].reason == form.get("reason", form.get("word", "")), path
        assert all(line.subject for line in added), path


def test_what_is_refused_is_not_in_the_log(world: World) -> None:
    before = len(lines(world.app))
    for path, form in FORMS.items():
        if "reason" in form:
            long = world.olga.send(world.written(path), {**form, "reason": "x" * 301})
            assert long.status_code == 422, path
    for path in (
        "people/{person:str}/lock",
        "links/{link_id:int}/off",
        "domains/{domain:str}/remove",
    ):
        empty = world.olga.send(world.written(f"/-/admin/{path}"), {"reason": " "})
        assert empty.status_code == 422, path
    taken = world.olga.send("/-/admin/people/new", {"email": "ben@nowhere.example"})
    assert taken.status_code == 422
    assert "This e-mail address is in use." in taken.text
    assert len(lines(world.app)) == before


def test_only_operators_are_shown_the_way(world: World) -> None:
    for path in ("/-/account", "/-/dashboard"):
        assert 'href="/-/admin"' in world.olga.get(path).text
        assert "/-/admin" not in world.ben.get(path).text


def test_an_operator_is_told_of_a_wrong_method(world: World) -> None:
    answer = world.olga.send("/-/admin/plugins")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, OPTIONS")


def test_sign_in_does_not_tell_of_the_pages(app: RunningApp) -> None:
    """Nobody is asked to sign in for what is not there for him."""
    answer = Surfer(app).get("/-/admin/people?q=ben")
    assert answer.status_code == 404
    assert "location" not in answer.headers
