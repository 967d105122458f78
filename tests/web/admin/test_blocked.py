"""The operator's pages of blocked destinations and of what visitors report."""

from __future__ import annotations

import asyncio
import html
import re

import httpx
import pytest

from shortd.errors import ShortdError
from shortd.links.reports import Reported
from shortd.models.audit import Action, AuditEntry, Way
from shortd.testing import RunningApp
from tests.web.admin.conftest import lines
from tests.web.surfer import Surfer

BLOCKED, REPORTS = "/-/admin/blocked", "/-/admin/reports"
BAD, GOOD = "https://x.bad.example/page", "https://good.example/"


def log(app: RunningApp) -> list[AuditEntry]:
    """What was done on pages, the oldest first."""
    return [entry for entry in reversed(lines(app)) if entry.way is Way.PAGE]


def report(app: RunningApp, link: str, address: str = "192.0.2.1", **more: str) -> None:
    form = {"link": link, "reason": "phishing", **more}
    assert Surfer(app, address=address).send("/-/report", form).status_code == 303


def reported(app: RunningApp) -> list[Reported]:
    return app.run(app.services.links.reports.open())


def is_blocked(app: RunningApp, url: str = BAD) -> bool:
    return app.services.blocked.find(url) is not None


def rounds_over(app: RunningApp) -> None:
    """Waits until what is to be switched off is off."""

    async def wait() -> None:
        while any(not one.is_over for one in app.services.links.blocking.rounds):
            await asyncio.sleep(0)

    app.run(wait())


def shown(answer: httpx.Response) -> str:
    assert answer.status_code == 200, answer.text
    return html.unescape(answer.text)


@pytest.mark.parametrize("path", [BLOCKED, REPORTS, f"{REPORTS}/1"])
def test_to_everybody_else_there_is_nothing(app: RunningApp, path: str) -> None:
    ann = Surfer(app)
    assert ann.get(path).status_code == 404
    ann.sign_up("ann")
    assert ann.get(path).status_code == 404


@pytest.mark.parametrize(
    ("path", "form"),
    [
        (BLOCKED, {"pattern": "good.example", "off": "1"}),
        (f"{BLOCKED}/remove", {"pattern": "bad.example"}),
        (f"{REPORTS}/ID/off", {"reason": "x"}),
        (f"{REPORTS}/ID/block", {"pattern": "good.example"}),
        (f"{REPORTS}/ID/dismiss", {}),
    ],
)
def test_nobody_else_does_anything(
    app: RunningApp, olga: Surfer, path: str, form: dict[str, str]
) -> None:
    short_url = app.new_link(GOOD)
    report(app, short_url)
    app.run(app.services.blocked.add("bad.example", "", app.clock.now()))
    ann = Surfer(app)
    ann.sign_up("ann")
    path = path.replace("ID", str(reported(app)[0].link.id))
    for surfer in (ann, Surfer(app)):
        assert surfer.send(path, form).status_code == 404
    assert olga.send(path, form, origin="https://evil.example").status_code == 403
    assert is_blocked(app) and not is_blocked(app, GOOD)
    assert len(reported(app)) == 1 and app.visit(short_url).status_code == 302
    assert log(app) == []


def test_a_destination_is_blocked_and_allowed_again(app: RunningApp, olga: Surfer) -> None:
    bad = app.new_link(BAD)
    answer = olga.send(BLOCKED, {"pattern": "BAD.example", "reason": "phishing, twice"})
    page = shown(olga.follow(answer))
    assert "No new link leads there." in page
    assert ">bad.example</p>" in page and "phishing, twice" in page
    assert app.visit(bad).status_code == 302
    answer = olga.send(f"{BLOCKED}/remove", {"pattern": "bad.example"})
    assert ">bad.example</p>" not in shown(olga.follow(answer))
    # The button pressed twice.
    assert olga.send(f"{BLOCKED}/remove", {"pattern": "bad.example"}).status_code == 303
    first, second = log(app)
    assert (first.way, first.action, first.name) == (Way.PAGE, Action.BLOCK_DESTINATION, "olga")
    assert (first.subject, first.reason) == ("bad.example", "phishing, twice")
    assert (second.action, second.subject) == (Action.UNBLOCK_DESTINATION, "bad.example")


def test_what_leads_there_is_turned_off_and_counted(app: RunningApp, olga: Surfer) -> None:
    links = [app.new_link(f"{BAD}{number}") for number in range(3)]
    good = app.new_link(GOOD)
    page = shown(olga.follow(olga.send(BLOCKED, {"pattern": "bad.example", "off": "1"})))
    assert "are being turned off" in page
    rounds_over(app)
    assert "3 links are off" in shown(olga.get(BLOCKED))
    assert [app.visit(link).status_code for link in links] == [404] * 3
    assert app.visit(good).status_code == 302
    assert log(app)[0].detail == "with links that lead there"


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"pattern": ""}, "Fill this in."),
        ({"pattern": "https://bad.example/"}, "Write a domain like example.org"),
        ({"pattern": "/(/"}, "This expression cannot be read: missing ): (."),
        ({"pattern": "/.{900}{900}/"}, "This expression cannot be read"),
        ({"pattern": "/.*/"}, "This expression fits every address."),
        ({"pattern": "bad.example", "reason": "x" * 201}, "200"),
    ],
)
def test_what_is_no_pattern_comes_back_with_words(
    app: RunningApp, olga: Surfer, form: dict[str, str], said: str
) -> None:
    answer = olga.send(BLOCKED, {"off": "1", "reason": "why", **form})
    assert answer.status_code == 422
    page = html.unescape(answer.text)
    assert said in page and 'name="off" value="1" checked' in page
    assert f'value="{form["pattern"]}"' in page
    assert not is_blocked(app) and log(app) == []


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("x.bad.example/page", "Blocked by bad.example · for a test"),
        ("https://good.example/", "Nothing blocks it."),
        ("https://good.example/CASINO-7", "Blocked by /(?i)casino-[0-9]+/"),
        ("http://127.0.0.1:8080/", "leads back to this server"),
        ("nonsense:", "must begin with http"),
    ],
)
def test_an_address_is_tried(app: RunningApp, olga: Surfer, url: str, said: str) -> None:
    olga.send(BLOCKED, {"pattern": "bad.example", "reason": "for a test"})
    olga.send(BLOCKED, {"pattern": "/(?i)casino-[0-9]+/"})
    page = shown(olga.get(f"{BLOCKED}?url={url}"))
    assert said in page and f'value="{url}"' in page


def test_a_long_list_goes_on_and_is_searched(app: RunningApp, olga: Surfer) -> None:
    async def fill() -> None:
        for number in range(120):
            await app.services.blocked.add(f"h{number}.example", f"r{number}", number)

    app.run(fill())
    seen: list[str] = []
    page = shown(olga.get(BLOCKED))
    assert "120 patterns" in page
    while True:
        seen += re.findall(r">(h\d+\.example)</p>", page)
        found = re.search(r'href="([^"]+)" rel="next"', page)
        if found is None:
            break
        page = shown(olga.get(found[1]))
    assert seen == [f"h{number}.example" for number in range(119, -1, -1)]
    assert re.findall(r">(h\d+\.example)</p>", shown(olga.get(f"{BLOCKED}?q=R77"))) == [
        "h77.example"
    ]
    assert shown(olga.get(f"{BLOCKED}?after=9999999999")).count("Allow again") == 50
    assert "Nothing here." in shown(olga.get(f"{BLOCKED}?after=999"))


def test_reports_are_listed_by_link_with_their_counts(app: RunningApp, olga: Surfer) -> None:
    assert "Nobody has reported a link." in shown(olga.get(REPORTS))
    first, second = app.new_link(BAD), olga.call("url", url=GOOD)["entry"]["shorturl"]
    report(app, first, note="<b>Bank</b>")
    app.clock.advance(1)
    report(app, second, reason="spam")
    report(app, first, "192.0.2.2", reason="malware")
    report(app, first, "192.0.2.3")
    page = shown(olga.get(REPORTS))
    assert page.index(first.partition("://")[2].rpartition("/")[2]) < page.index(
        second.rpartition("/")[2]
    )
    assert "3 reports" in page and "1 report:" in page and "(2)" in page
    [one, other] = reported(app)
    detail = olga.get(f"{REPORTS}/{one.link.id}")
    assert "&lt;b&gt;Bank&lt;/b&gt;" in detail.text and "192.0.2.2" in detail.text
    assert 'value="x.bad.example"' in detail.text
    assert "<bdi>olga</bdi>" in shown(olga.get(f"{REPORTS}/{other.link.id}"))


def test_a_reported_link_is_turned_off_for_good(app: RunningApp, olga: Surfer) -> None:
    ann = Surfer(app)
    ann.sign_up("ann")
    short_url = ann.call("url", url=BAD)["entry"]["shorturl"]
    report(app, short_url)
    [one] = reported(app)
    path = f"{REPORTS}/{one.link.id}"
    refused = olga.send(f"{path}/off", {"reason": ""})
    assert refused.status_code == 422 and 'id="off-reason-error"' in refused.text
    page = shown(olga.follow(olga.send(f"{path}/off", {"reason": "A bank's login page"})))
    assert "Turned off" in page and "Nobody has reported a link." in page
    assert app.visit(short_url).status_code == 404
    error = app.refused("set_enabled", **ann.credentials, shorturl=short_url, enabled=True)
    assert error["code"] == "forbidden"
    [entry] = log(app)
    assert (entry.action, entry.subject) == (Action.TURN_OFF_LINK, short_url)
    assert (entry.subject_userid, entry.reason) == (
        ann.credentials["userid"],
        "A bank's login page",
    )
    # Somebody else has dealt with it already.
    for act in ("off", "block", "dismiss"):
        answer = olga.send(f"{path}/{act}", {"reason": "x", "pattern": "bad.example"})
        assert "no longer" in shown(olga.follow(answer))
    assert olga.get(path).status_code == 303
    assert len(log(app)) == 1 and not is_blocked(app)


def test_where_a_reported_link_leads_is_blocked(app: RunningApp, olga: Surfer) -> None:
    first, second = app.new_link(BAD), app.new_link("https://y.bad.example/")
    report(app, first)
    path = f"{REPORTS}/{reported(app)[0].link.id}"
    refused = olga.send(f"{path}/block", {"pattern": "/(/", "off": "1"})
    assert refused.status_code == 422 and 'id="pattern-error"' in refused.text
    answer = olga.send(f"{path}/block", {"pattern": "bad.example", "reason": "r", "off": "1"})
    assert "are being turned off" in shown(olga.follow(answer))
    rounds_over(app)
    assert [app.visit(link).status_code for link in (first, second)] == [404, 404]
    assert is_blocked(app) and reported(app) == []
    [entry] = log(app)
    assert (entry.action, entry.subject, entry.reason) == (
        *(Action.BLOCK_DESTINATION, "bad.example"),
        "r",
    )


def test_reports_are_dismissed(app: RunningApp, olga: Surfer) -> None:
    short_url = app.new_link(GOOD)
    report(app, short_url)
    path = f"{REPORTS}/{reported(app)[0].link.id}/dismiss"
    assert "Dismissed what was said of" in shown(olga.follow(olga.send(path)))
    assert reported(app) == [] and app.visit(short_url).status_code == 302
    [entry] = log(app)
    assert (entry.action, entry.subject) == (Action.DISMISS_REPORTS, short_url)
    assert "Dismissed reports of the link" in shown(olga.get("/-/admin/log"))
    report(app, short_url)
    assert len(reported(app)) == 1, "who dismisses one thing has not dismissed the next"


def test_a_reported_file_leads_nowhere_that_can_be_blocked(app: RunningApp, olga: Surfer) -> None:
    report(app, app.new_file())
    [one] = reported(app)
    page = shown(olga.get(f"{REPORTS}/{one.link.id}"))
    assert "Block where it leads" not in page and "note.txt" in page


def test_the_two_ways_to_block_make_the_same_rule(app: RunningApp, olga: Surfer) -> None:
    olga.send(BLOCKED, {"pattern": "=X.bad.example."})
    with pytest.raises(ShortdError):
        app.run(app.services.blocked.remove("x.bad.example"))
    app.run(app.services.blocked.remove("=x.bad.example"))
    assert not is_blocked(app)
