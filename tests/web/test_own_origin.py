"""Pages on an origin of their own: nothing that others have made is served there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from shortd.settings import Settings
from shortd.settings.config import ConfigError, load
from shortd.testing import RunningApp, open_app
from tests.api.v1.people import client, refused
from tests.conftest import GENEROUS
from tests.sharing.sharing import Sharer
from tests.web.surfer import Surfer

PAGES = "https://links.example.org"
SHORT = "http://s.example"


@pytest.fixture
def app(tmp_path: Path) -> Iterator[RunningApp]:
    environ = {**GENEROUS, "SHORTD_PUBLIC_URL": SHORT, "SHORTD_WEB__URL": PAGES}
    with open_app(tmp_path / "data", environ=environ) as app:
        yield app


@pytest.fixture
def ann(app: RunningApp) -> Surfer:
    ann = Surfer(app, PAGES)
    ann.sign_up()
    return ann


def test_pages_are_there_and_links_are_not(app: RunningApp, ann: Surfer) -> None:
    assert "__Host-shortd" in ann.cookies
    made = ann.follow(ann.send("/-/new", {"url": "https://example.com/", "ending": "spring"}))
    assert f"{SHORT}/spring" in made.text
    assert app.get(f"{SHORT}/spring").status_code == 302
    for path in ("/spring", "/spring+", "/spring.svg"):
        assert app.get(PAGES + path).status_code == 404
    assert f"{PAGES}/-/new?url=" in ann.get("/-/tools").text
    assert f"{SHORT}/shorten.json" in ann.get("/-/tools").text


@pytest.mark.parametrize("path", ["/", "/-/login", "/-/dashboard?q=x", "/-/share"])
def test_short_hosts_lead_there(app: RunningApp, path: str) -> None:
    answer = app.get(SHORT + path, headers={"accept": "text/html"})
    assert (answer.status_code, answer.headers["location"]) == (307, PAGES + path)


def test_forms_come_from_there_alone(app: RunningApp, ann: Surfer) -> None:
    form = {"name": "Ann"}
    assert ann.send("/-/account/name", form, origin=SHORT).status_code == 403
    assert ann.send(f"{SHORT}/-/account/name", form).status_code == 404
    assert ann.send("/-/account/name", {"username": "anna"}).status_code == 303


def test_files_of_others_and_what_plugins_add_are_not(app: RunningApp, ann: Surfer) -> None:
    owner = Sharer(app, app.call("temporary_account")["userid"])
    short_url = owner.share(b"<script>alert(1)</script>")["shorturl"]
    path = app.get(short_url).headers["location"].removeprefix(SHORT)
    assert path.startswith("/-/files/")
    assert app.get(SHORT + path).status_code == 200
    assert app.get(PAGES + path).status_code == 404


def test_no_link_is_made_under_it(app: RunningApp, ann: Surfer) -> None:
    app.refused("url", userid=app.userid, url="https://example.com/", host=PAGES)
    loop = app.refused("url", userid=app.userid, url=f"{PAGES}/-/logout")
    assert loop["code"] == "url_loops"


def test_no_team_claims_it(app: RunningApp) -> None:
    bob = client(app, "bob")
    asked = {"teamId": bob.own_team, "domainName": PAGES.removeprefix("https://")}
    status = refused(bob.send("entity/domain/subscribe", **asked))
    assert "in use" in status["message"]


@pytest.mark.parametrize("url", [SHORT, f"{SHORT}/s", "s.example", "ftp://x.example"])
def test_it_is_an_origin_of_its_own(url: str) -> None:
    environ = {"SHORTD_PUBLIC_URL": SHORT, "SHORTD_WEB__URL": url}
    with pytest.raises(ConfigError, match=r"web\.url"):
        load(environ=environ)


def test_without_it_pages_are_where_links_are() -> None:
    assert Settings(public_url=SHORT).pages_url == SHORT
