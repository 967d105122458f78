"""Links of v1 on a real server, in the document's own words, followed by visitors over HTTP."""

from __future__ import annotations

from urllib.parse import urlencode

import httpx
import pytest

from shortd.testing import AGENTS
from tests.api.v1 import document
from tests.api.v1.document import EXAMPLES
from tests.api.v1.replaying import Scene
from tests.server_process import PLAIN

HOME = "https://format.asia/"


@pytest.fixture
def link(scene: Scene) -> str:
    """The link that the document makes; its short URL."""
    made = scene.ask(
        "entity/link/create",
        teamId=scene.names[document.TEAM],
        domainId=scene.names[document.DOMAIN],
        destination=f"{HOME}json-format",
    )
    scene.names[document.LINK] = made["linkId"]
    return str(made["linkShort"])


def replay(scene: Scene, call: str) -> None:
    """Runs the document's commands of a call against the link."""
    for example in EXAMPLES:
        if example.call == f"entity/link/{call}":
            assert scene.run(example.command)["status"]["code"] == 0


def visit(link: str, agent: str = "firefox") -> httpx.Response:
    return httpx.get(link, headers={"user-agent": AGENTS.get(agent, agent)}, verify=PLAIN)


def goes(link: str, agent: str = "firefox") -> str:
    answer = visit(link, agent)
    assert answer.status_code == 302, answer.text
    return str(answer.headers["location"])


def test_redirect(scene: Scene, link: str) -> None:
    assert goes(link) == f"{HOME}json-format"
    replay(scene, "redirect")
    assert goes(link) == f"{HOME}json-formats?utm_source=newsletter"


def test_redirect_mobile(scene: Scene, link: str) -> None:
    replay(scene, "redirect-mobile")
    for agent, page in {
        "iphone": "xml-format",
        "ipad": "xml-format",
        "android phone": "javascript-format",
        "windows phone": "css-format",
        "firefox": "json-format",
    }.items():
        assert goes(link, agent) == HOME + page


def test_testing(scene: Scene, link: str) -> None:
    replay(scene, "testing")
    places = {goes(link, f"visitor/{number}") for number in range(40)}
    tested = {
        HOME + page
        for page in (
            *("json-formats", "sha2-hash-generator", "sha3-224-hash-generator"),
            *("case-converter", "text-to-rot13-converter"),
        )
    }
    assert places <= tested
    assert len(places) > 1
    assert {goes(link) for _ in range(5)} == {goes(link)}


def test_expiration(scene: Scene, link: str) -> None:
    replay(scene, "expiration")
    assert goes(link) == f"{HOME}html-encode", "its date has passed since"
    later = {"date": "10/10/2099", "click": "1", "clickType": "0"}
    scene.ask("entity/link/expiration", linkId=scene.names[document.LINK], **later)
    assert goes(link) == f"{HOME}base64-encode", "that was its one click"


def test_password(scene: Scene, link: str) -> None:
    replay(scene, "password")
    page = visit(link)
    assert (page.status_code, HOME in page.text) == (200, False)
    place, _, code = link.rpartition("/")
    for password, status in (("239", 403), ("238", 303)):
        form = {"code": code, "password": password}
        headers = {"content-type": "application/x-www-form-urlencoded"}
        answer = httpx.post(f"{place}/-/open", content=urlencode(form), headers=headers)
        assert answer.status_code == status
    assert goes(place + answer.headers["location"]) == f"{HOME}json-format"


def test_trackers(scene: Scene, link: str) -> None:
    replay(scene, "create-tracker")
    page = visit(link)
    assert page.status_code == 200
    for told in ("tid=UA-9999999988", "tid=UA-8978698976", f"{HOME}json-format"):
        assert told in page.text
    assert visit(link, "search engine").status_code == 302, "robots are told of to nobody"


def test_update_and_delete(scene: Scene, link: str) -> None:
    replay(scene, "update")
    [row] = scene.ask("entity/link/list", search=link.rpartition("/")[2])["links"]
    assert row["tags"] == "landing_page"
    replay(scene, "delete")
    assert visit(link).status_code == 404
