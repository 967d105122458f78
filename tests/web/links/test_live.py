"""Counts of links as they change."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from shortd.clicks.feed import STREAMS_AN_ACCOUNT
from tests.conftest import GENEROUS
from tests.server_process import ServerProcess
from tests.web.links.test_acting import entry
from tests.web.links.test_dashboard import make
from tests.web.surfer import Surfer


def test_who_asks_once_gets_the_counts_of_his_own(ann: Surfer) -> None:
    short_url = make(ann, "autumn26")
    mine = entry(ann, short_url)["id"]
    other = ann.app.call("url", userid=ann.app.userid, url="https://example.org/")["entry"]["id"]
    ann.app.visit(short_url)
    same = {"sec-fetch-site": "same-origin"}
    answer = ann.get(f"/-/live?once=1&ids={mine},{other},{10**18}", **same)
    assert answer.json() == {str(mine): 1}
    assert ann.get("/-/live?once=1&ids=x", **same).status_code == 400
    assert Surfer(ann.app).get(f"/-/live?once=1&ids={mine}", **same).status_code == 401
    foreign = ann.get(f"/-/live?ids={mine}", **{"sec-fetch-site": "cross-site"})
    assert foreign.status_code == 403


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder: Path = tmp_path_factory.mktemp("live")
    server = ServerProcess(folder / "data", GENEROUS)
    server.start()
    yield server
    server.stop()


class Listener:
    """A page that follows a link."""

    def __init__(self, site: ServerProcess, cookie: str, link_id: int) -> None:
        self.line = http.client.HTTPConnection("127.0.0.1", site.port, timeout=60)
        headers = {"cookie": f"shortd={cookie}", "sec-fetch-site": "same-origin"}
        self.line.request("GET", f"/-/live?ids={link_id}", headers=headers)
        self.answer = self.line.getresponse()

    def event(self) -> tuple[str, dict[str, int]]:
        """The next one that is no ping."""
        name = data = ""
        while line := self.answer.readline().decode().strip() or not name:
            if isinstance(line, str) and line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif isinstance(line, str) and line.startswith("data: "):
                data = line.removeprefix("data: ")
        return name, json.loads(data)


def test_a_click_moves_the_count_of_an_open_page(site: ServerProcess) -> None:
    userid = site.call("temporary_account")["userid"]
    link = site.call("url", userid=userid, url="https://example.org/")["entry"]
    page = Listener(site, userid, link["id"])
    assert page.event() == ("counts", {str(link["id"]): 0})
    visit(site, link["shorturl"])
    assert page.event() == ("counts", {str(link["id"]): 1})
    page.line.close()


LATE = """
import asyncio, pathlib
from shortd.web.links import live
events = live._events
async def late(*args):
    while not pathlib.Path({gate!r}).exists():
        await asyncio.sleep(0.01)
    async for event in events(*args):
        yield event
live._events = late
"""
"""Has a stream begin once there is a file."""


def test_a_click_before_it_begins_is_told_as_well(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    prelude = LATE.format(gate=str(gate))
    server = ServerProcess(tmp_path / "data", GENEROUS, prelude=prelude, is_late=True)
    server.start()
    userid = server.call("temporary_account")["userid"]
    link = server.call("url", userid=userid, url="https://example.org/")["entry"]
    page = Listener(server, userid, link["id"])
    visit(server, link["shorturl"])
    gate.touch()
    assert page.event() == ("counts", {str(link["id"]): 1})
    page.line.close()
    server.stop()


def test_an_account_has_so_many_and_no_more(site: ServerProcess) -> None:
    userid = site.call("temporary_account")["userid"]
    link = site.call("url", userid=userid, url="https://example.org/")["entry"]
    pages = [Listener(site, userid, link["id"]) for _ in range(STREAMS_AN_ACCOUNT)]
    assert {page.event()[0] for page in pages} == {"counts"}
    refused = Listener(site, userid, link["id"])
    assert refused.answer.status == 429
    for page in (*pages, refused):
        page.line.close()


def test_a_stop_ends_it_at_once(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path / "data", GENEROUS)
    server.start()
    userid = server.call("temporary_account")["userid"]
    link = server.call("url", userid=userid, url="https://example.org/")["entry"]
    page = Listener(server, userid, link["id"])
    assert page.event()[0] == "counts"
    assert server.stop() == 0
    assert page.event()[0] == "over"
    assert page.answer.read() == b""
    page.answer.close()
    page.line.close()


def visit(site: ServerProcess, short_url: str) -> None:
    line = http.client.HTTPConnection("127.0.0.1", site.port, timeout=60)
    line.request("GET", urlsplit(short_url).path, headers={"user-agent": "Firefox"})
    assert line.getresponse().status == 302
    line.close()
