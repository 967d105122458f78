"""How the server is, its domains and its plugins."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from shortd import __version__
from shortd.models.audit import Action
from shortd.plugin import Destination, Link, Plugin, Visit, hookimpl
from shortd.testing import RunningApp, open_app
from shortd.upkeep import reading
from shortd.upkeep.backup import LAST, Last
from tests.conftest import GENEROUS
from tests.web.admin.conftest import command, lines, make_operator
from tests.web.surfer import Surfer

DOMAINS = "/-/admin/domains"
FACT = re.compile(r"<dt[^>]*>([^<]*)</dt><dd[^>]*>(.*?)</dd>")


def facts(surfer: Surfer, path: str = "/-/admin") -> dict[str, str]:
    answer = surfer.get(path)
    assert answer.status_code == 200
    return dict(FACT.findall(answer.text))


def test_all_is_well(olga: Surfer, ben: Surfer) -> None:
    entry = ben.call("url", url="https://example.org/")["entry"]
    olga.app.new_file(b"x" * 1234)
    olga.app.visit(entry["shorturl"])
    page = olga.get("/-/admin").text
    assert "Ready. All is well." in page
    shown = facts(olga)
    assert shown["Version"] == __version__
    assert shown["Clicks that wait to be counted"] == "1"
    assert (shown["Accounts"], shown["Links"], shown["Files"]) == ("3", "2", "1")
    assert "1.2 kB" in page
    assert shown["Last backup"].startswith("none that is known")
    last = Last(olga.app.clock.now(), 5_300_000)
    (olga.app.services.store.directory / LAST).write_bytes(msgspec.json.encode(last))
    assert facts(olga)["Last backup"].endswith("5.3 MB")
    olga.app.drain()
    assert facts(olga)["Clicks that wait to be counted"] == "0"


def test_it_says_why_it_is_degraded(olga: Surfer) -> None:
    olga.app.clock.jump(400 * 86_400)
    olga.app.sweep()
    # Logins go by the clock all the same.
    assert olga.sign_in("olga").status_code == 303
    health = olga.app.get("/-/health").json()
    assert health["status"] == "degraded"
    page = olga.get("/-/admin").text
    assert "Ready." not in page
    assert "Degraded" in page
    assert "Clock: The clock says" in page


def test_a_plugin_that_is_off_is_told(tmp_path: Path) -> None:
    class Broken(Plugin[None, None]):
        """Fails at every visit."""

        name = "broken"
        everywhere = True

        @hookimpl
        def destination(self, link: Link, visit: Visit, data: None) -> Destination | str | None:
            raise RuntimeError("a secret of the plugin's")

    with open_app(tmp_path / "data", environ=GENEROUS, plugins=(Broken,), tolerant=True) as app:
        olga = make_operator(app)
        short_url = app.new_link()
        assert "Plugins that are not at work" not in olga.get("/-/admin").text
        for _ in range(5):
            app.visit(short_url)
        assert "Plugins that are not at work: broken." in olga.get("/-/admin").text
        page = olga.get("/-/admin/plugins").text
        assert "paused" in page
        assert "destination failed 5 times in a minute" in page
        assert "Fails at every visit." in page
        shown = facts(olga, "/-/admin/plugins")
        assert shown["Failures"] == "5"
        assert shown["destination"] == "broken", "the order in which they are asked"


def test_domains_are_found_and_removed(olga: Surfer, ben: Surfer) -> None:
    command(olga.app, "team add", owner="ben", name="Shop", code="shop")
    command(olga.app, "domain add", team="shop", name="go.example.org")
    command(olga.app, "domain add", team="ben", name="away.example.net")
    page = olga.get(DOMAINS).text
    assert "go.example.org" in page and "of team shop" in page
    assert "go.example.org" not in olga.get(f"{DOMAINS}?q=away").text
    only = olga.get(f"{DOMAINS}?q=shop").text
    assert "away.example.net" not in only
    [domain] = re.findall(r"/domains/(\w+)/remove", only)
    made = ben.call("url", url="https://example.org/", host="go.example.org:8080", code="spring1")
    assert olga.app.visit(made["entry"]["shorturl"]).status_code == 302
    refused = olga.send(f"{DOMAINS}/{domain}/remove", {"reason": ""})
    assert refused.status_code == 422
    assert "<details open>" in refused.text
    answer = olga.send(f"{DOMAINS}/{domain}/remove", {"reason": "Not theirs"})
    assert "go.example.org does not answer any more." in olga.follow(answer).text
    assert olga.app.visit(made["entry"]["shorturl"]).status_code == 404
    line = lines(olga.app)[0]
    assert (line.action, line.subject, line.detail, line.reason) == (
        Action.REMOVE_DOMAIN,
        "go.example.org",
        "team shop",
        "Not theirs",
    )
    assert f"{domain}/remove" not in olga.get(DOMAINS).text
    for unknown in ("0" * 24, "nosuch", "x" * 600):
        sent = olga.send(f"{DOMAINS}/{unknown}/remove", {"reason": "why"})
        assert sent.status_code == 404


def test_domains_are_paged(olga: Surfer, ben: Surfer, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(60):
        command(olga.app, "domain add", team="ben", name=f"d{number:02}.example.org")
    first = olga.get(DOMAINS).text
    [onward] = re.findall(r'href="([^"]+)" rel="next"', first)
    second = olga.get(onward.replace("&amp;", "&")).text
    shown = [re.findall(r"<b translate=\"no\">([^<]+)</b>", page) for page in (first, second)]
    assert [len(page) for page in shown] == [50, 10]
    assert len({*shown[0], *shown[1]}) == 60
    monkeypatch.setattr(reading, "ROWS_READ", 50)
    assert "It was read so far" in olga.get(f"{DOMAINS}?q=nosuch").text


def test_they_speak_the_readers_language(app: RunningApp) -> None:
    olga = make_operator(app)
    page = olga.get("/-/admin/log", **{"accept-language": "de"}).text
    assert '<h1 class="mid">Protokoll</h1>' in page
