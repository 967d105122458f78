"""Visitors report links: the form, what is kept, what bounds it, and who is told."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
import pytest

from shortd.clock import DAY, SECOND
from shortd.links import reports as reports_module
from shortd.links.reports import KEPT_DAYS, NOTE_CHARACTERS, Reported
from shortd.mail.outbox import HOURLY
from shortd.models.blocking import Reason
from shortd.store.check import faults
from shortd.store.schema import OUTBOX, REPORT_MAILS, REPORTS
from shortd.testing import RunningApp, open_app
from shortd.upkeep.administration import Changes
from tests.conftest import GENEROUS
from tests.mail.post_office import PostOffice, post_office
from tests.web.surfer import OWN, Surfer

GOOD = "https://good.example/"
PATH = "/-/report"
THANKS = f"{PATH}?sent=1"
OpenApp = Callable[..., AbstractContextManager[RunningApp]]


@pytest.fixture
def open_with(tmp_path: Path) -> OpenApp:
    def start(**settings: str) -> AbstractContextManager[RunningApp]:
        environ = {**GENEROUS, **{f"SHORTD_{name}": value for name, value in settings.items()}}
        return open_app(tmp_path / "data", environ=environ)

    return start


@pytest.fixture
def office() -> Iterator[PostOffice]:
    with post_office() as office:
        yield office


def send(app: RunningApp, link: str, address: str = "192.0.2.1", **more: str) -> httpx.Response:
    form = {"link": link, "reason": "phishing", **more}
    return Surfer(app, address=address).send(PATH, form)


def reported(app: RunningApp, link: str, address: str = "192.0.2.1", **more: str) -> None:
    """A report that is thanked for."""
    answer = send(app, link, address, **more)
    assert (answer.status_code, answer.headers["location"]) == (303, THANKS), answer.text


def said(answer: httpx.Response) -> str:
    """What is wrong with what was sent."""
    assert answer.status_code in (422, 429), answer.text
    return " ".join(
        html.unescape(text) for text in re.findall(r'role="alert">(.*?)</p>', answer.text)
    )


def open_reports(app: RunningApp) -> list[Reported]:
    return app.run(app.services.links.reports.open())


def operator(app: RunningApp, name: str, *, verified: bool = True) -> str:
    """Somebody who has become one; his userid."""
    surfer = Surfer(app)
    surfer.sign_up(name)
    userid = surfer.credentials["userid"]
    change = app.services.upkeep.administration.change
    app.run(change(userid, Changes(operator=True, verified=verified)))
    return userid


def test_from_a_preview_to_a_report(app: RunningApp) -> None:
    short_url = app.new_link(GOOD)
    visitor = Surfer(app)
    page = visitor.get(short_url + "+").text
    [address] = re.findall(r'href="(/-/report\?[^"]+)"', page)
    form = visitor.get(html.unescape(address))
    assert form.status_code == 200
    assert f'value="{short_url}"' in form.text
    assert form.headers["content-security-policy"].count("form-action 'self'") == 1
    assert "script-src" not in form.headers["content-security-policy"]
    note = "It asked for my bank's password.\n\n  Twice. "
    answer = visitor.send(PATH, {"link": short_url, "reason": "phishing", "note": note})
    assert answer.headers["location"] == THANKS
    assert "Thank you" in visitor.follow(answer).text
    [one] = open_reports(app)
    assert app.services.hosts.short_url(one.link) == short_url
    [report] = one.reports
    assert (report.reason, report.address) == (Reason.PHISHING, "192.0.2.1")
    assert report.note == "It asked for my bank's password.\n\nTwice."
    assert one.reasons == [(Reason.PHISHING, 1)]


@pytest.mark.parametrize("suffix", ["", "+"])
def test_a_link_is_named_as_people_copy_it(app: RunningApp, suffix: str) -> None:
    short_url = app.new_link(GOOD)
    reported(app, f" {short_url.removeprefix('http://')}{suffix} ")
    assert len(open_reports(app)) == 1


def test_pages_before_a_link_opens_have_it_too(app: RunningApp) -> None:
    protected = app.new_link(GOOD, password="secret")
    visitor = Surfer(app)
    page = visitor.get(protected).text
    [address] = re.findall(r'href="(/-/report\?[^"]+)"', page)
    assert f'value="{protected}"' in visitor.get(html.unescape(address)).text
    assert f'href="{address}"' in visitor.get(protected + "+").text
    reported(app, protected)
    assert 'id="report" href="/-/report"' in visitor.get("/-/unlock").text
    assert 'value=""' in visitor.get(PATH).text
    file = app.new_file()
    assert "/-/report?" in visitor.get(file + "+").text


def test_nobody_is_told_of_a_link_what_its_preview_does_not_tell(app: RunningApp) -> None:
    keep = app.new_link(GOOD)
    off = app.new_link(GOOD)
    app.call("set_enabled", userid=app.userid, shorturl=off, enabled=False)
    over = app.new_link(GOOD, expiration_utime=1)
    absent = f"{OWN}/nothing"
    visitor = Surfer(app)
    answers = [send(app, off), send(app, absent)]
    assert len({said(answer) for answer in answers}) == 1 and "no link" in said(answers[0])
    assert "expired" in said(send(app, over))
    assert "no short link of this server" in said(send(app, "https://elsewhere.example/x"))
    # The form itself looks nothing up.
    forms = [visitor.get(f"{PATH}?link={link}").text for link in (keep, off, absent)]
    for link, form in zip((keep, off, absent), forms, strict=True):
        assert form.replace(link, "") == forms[0].replace(keep, "")
    assert open_reports(app) == []


def test_who_tries_links_through_pays_as_for_previews(open_with: OpenApp) -> None:
    with open_with(
        LIMITS__CLIENT__API_CAPACITY="20000", LIMITS__CLIENT__API_REFILL_RATE="0"
    ) as app:
        short_url = app.new_link(GOOD)
        address = "198.51.100.9"
        for number in range(30):
            answer = send(app, f"{OWN}/absent{number}", address)
            if answer.status_code == 429:
                break
        assert answer.status_code == 429 and "retry-after" in answer.headers
        assert send(app, short_url, address).status_code == 429
        assert send(app, short_url, "198.51.100.10").status_code == 303


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"link": ""}, "link"),
        ({"reason": ""}, "reason"),
        ({"reason": "boredom"}, "reason"),
        ({"note": "x" * (NOTE_CHARACTERS + 1)}, "note"),
        ({"note": "a\u202eb"}, "note"),
        ({"link": "x" * 601}, "link"),
    ],
)
def test_what_is_refused_comes_back_as_it_was(
    app: RunningApp, form: dict[str, str], field: str
) -> None:
    short_url = app.new_link(GOOD)
    answer = send(app, **{"link": short_url, "note": "words of mine", **form})
    assert answer.status_code == 422
    assert f'id="{field}-error"' in answer.text
    if field != "note":
        assert "words of mine" in answer.text
    if field == "note":
        assert '<option value="phishing" selected>' in answer.text
    assert open_reports(app) == []


def test_markup_stays_text(app: RunningApp) -> None:
    evil = '"><script>alert(1)</script>'
    page = Surfer(app).get(f"{PATH}?link={evil}").text
    assert "<script" not in page
    answer = send(app, "nothing", note=f"</textarea>{evil}")
    assert "<script" not in answer.text


def test_a_foreign_form_reports_nothing(app: RunningApp) -> None:
    short_url = app.new_link(GOOD)
    form = {"link": short_url, "reason": "spam"}
    for origin in ("https://evil.example", "null", None):
        answer = Surfer(app).send(PATH, form, origin=origin)
        assert answer.status_code == 403
    assert open_reports(app) == []


def test_switched_off_there_is_no_form_and_no_way_to_it(open_with: OpenApp) -> None:
    with open_with(WEB__REPORTS="false") as app:
        short_url, protected = app.new_link(GOOD), app.new_link(GOOD, password="x")
        visitor = Surfer(app)
        for page in (short_url + "+", protected + "+", protected, "/-/unlock"):
            assert PATH not in visitor.get(page).text
        assert visitor.get(PATH).status_code == 404
        assert send(app, short_url).status_code == 404
        assert open_reports(app) == []


@pytest.mark.parametrize(
    ("mode", "kept"), [("full", "192.0.2.77"), ("truncated", "192.0.2.0"), ("none", "")]
)
def test_of_who_reports_no_more_is_kept_than_of_who_clicks(
    open_with: OpenApp, mode: str, kept: str
) -> None:
    with open_with(CLICKS__IP=mode, CLICKS__VISIT_DAYS="30") as app:
        reported(app, app.new_link(GOOD), "192.0.2.77")
        [one] = open_reports(app)
        assert one.reports[0].address == kept
        with app.services.store.read() as txn:
            raw = b"".join(value for _, value in txn.raw.cursor(txn.databases["reports"]))
        assert (b"192.0.2.77" in raw) == (mode == "full")
        app.clock.advance(31 * 86_400)
        app.call("temporary_account")
        app.sweep()
        assert [one.reports[0].address for one in open_reports(app)] in ([""], [])


def test_one_report_of_each_client_and_link_is_open(app: RunningApp) -> None:
    first, second = app.new_link(GOOD), app.new_link(GOOD)
    reported(app, first)
    app.clock.advance(1)
    reported(app, first, reason="spam", note="Not phishing after all")
    reported(app, second)
    reported(app, first, "192.0.2.2")
    # A home has all addresses of a block.
    reported(app, first, "2001:db8::1")
    reported(app, first, "2001:db8::2")
    by_url = {app.services.hosts.short_url(one.link): one for one in open_reports(app)}
    assert [len(by_url[url].reports) for url in (first, second)] == [3, 1]
    assert by_url[first].reasons == [(Reason.PHISHING, 2), (Reason.SPAM, 1)]
    with app.services.store.read() as txn:
        assert list(faults(txn)) == []


def test_floods_are_bounded(app: RunningApp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports_module, "MOST_OF_BLOCK", 3)
    monkeypatch.setattr(reports_module, "MOST_OF_LINK", 2)
    monkeypatch.setattr(reports_module, "MOST", 6)
    links = [app.new_link(GOOD) for _ in range(9)]

    def number() -> int:
        return sum(len(one.reports) for one in open_reports(app))

    # One link, many clients: thanked for, and no more.
    for client in range(5):
        reported(app, links[0], f"192.0.2.{client}")
    assert number() == 2
    # One client, who has a whole /48, and many links.
    for link, subnet in zip(links[1:4], "abc", strict=True):
        reported(app, link, f"2001:db8:1:{subnet}::1")
    answer = send(app, links[4], "2001:db8:1:d::1")
    assert answer.status_code == 429 and int(answer.headers["retry-after"]) > 0
    assert "were reported from here" in said(answer)
    assert number() == 5
    # Another word on the same is none more.
    reported(app, links[1], "2001:db8:1:a::1", note="More")
    # All together.
    reported(app, links[5], "198.51.100.1")
    answer = send(app, links[6], "198.51.100.2")
    assert answer.status_code == 429 and "Too many reports" in said(answer)
    assert number() == 6
    # What is dealt with makes room.
    one = next(one for one in open_reports(app) if len(one.reports) == 2)
    assert app.run(app.services.links.reports.close(one.link.id)) == 2
    reported(app, links[6], "198.51.100.2")
    assert number() == 5


def test_each_report_costs_its_client(open_with: OpenApp) -> None:
    with open_with(LIMITS__CLIENT__API_CAPACITY="5000", LIMITS__CLIENT__API_REFILL_RATE="0") as app:
        short_url = app.new_link(GOOD)
        statuses = [send(app, short_url, "192.0.2.9").status_code for _ in range(7)]
        assert statuses == [303] * 5 + [429] * 2


def test_reports_go_with_their_link_and_with_time(app: RunningApp) -> None:
    first, second = app.new_link(GOOD), app.new_link(GOOD)
    for link in (first, second):
        reported(app, link)
    app.call("delete", userid=app.userid, shorturl=first)
    assert len(open_reports(app)) == 1
    with app.services.store.read() as txn:
        assert REPORTS.count(txn) == 1
        assert list(faults(txn)) == []
    later = app.clock.now() + KEPT_DAYS * DAY
    app.run(app.services.links.reports.sweep(later - 1))
    assert len(open_reports(app)) == 1
    app.run(app.services.links.reports.sweep(later))
    assert open_reports(app) == []


def greeted(app: RunningApp, office: PostOffice) -> None:
    """Has mails delivered that whoever signs up is sent."""
    app.deliver()
    office.all()
    office.recipients.clear()


def mailed(app: RunningApp) -> set[str]:
    """To whom mails wait."""
    with app.services.store.read() as txn:
        return {row.recipient for _, row in OUTBOX.scan(txn) if row.purpose.value == "report"}


def test_operators_are_mailed_once_a_day_of_each_link(
    open_with: OpenApp, office: PostOffice
) -> None:
    with open_with(MAIL__SMTP_URL=office.url) as app:
        operator(app, "olga")
        operator(app, "unverified", verified=False)
        Surfer(app).sign_up("somebody")
        greeted(app, office)
        first, second = app.new_link(GOOD), app.new_link(GOOD)
        reported(app, first)
        assert mailed(app) == {"olga@nowhere.example"}
        app.deliver()
        mail = office.next()
        assert office.recipients == ["olga@nowhere.example"]
        assert mail["Subject"] == "Visitors have reported links (127.0.0.1:8080)"
        body = mail.get_body(("plain",))
        assert body is not None
        text = body.get_content()
        assert f"{OWN}/-/admin/reports" in text and first not in text
        app.clock.advance(3600)
        reported(app, first, "192.0.2.2")
        assert mailed(app) == set()
        reported(app, second)
        app.deliver()
        office.next()
        # Dealt with and reported again, within the day.
        app.run(app.services.links.reports.close(open_reports(app)[0].link.id))
        reported(app, second)
        assert mailed(app) == set()
        app.clock.advance(86_400)
        reported(app, first, "192.0.2.3")
        assert mailed(app) == {"olga@nowhere.example"}


def test_a_flood_of_reports_is_no_flood_of_mails(open_with: OpenApp, office: PostOffice) -> None:
    with open_with(MAIL__SMTP_URL=office.url) as app:
        operator(app, "olga")
        greeted(app, office)
        for _ in range(HOURLY + 4):
            reported(app, app.new_link(GOOD))
            reported(app, app.new_link(GOOD))
            app.deliver()
            assert mailed(app) == set()
            app.clock.advance(1)
        assert len(office.all()) == HOURLY
        # And he can still ask for a new password.
        app.call("forgot_password", username_email="olga")
        app.deliver()
        assert office.next()["Subject"].startswith("Choose a new password")


def test_a_mail_that_nobody_needs_any_more_is_not_sent(
    open_with: OpenApp, office: PostOffice
) -> None:
    with open_with(MAIL__SMTP_URL=office.url) as app:
        userid = operator(app, "olga")
        greeted(app, office)
        short_url = app.new_link(GOOD)
        reported(app, short_url)
        app.run(app.services.links.reports.close(open_reports(app)[0].link.id))
        app.deliver()
        assert office.all() == []
        app.clock.advance(2 * 86_400)
        reported(app, short_url)
        change = app.services.upkeep.administration.change
        app.run(change(userid, Changes(operator=False)))
        app.deliver()
        assert office.all() == [] and mailed(app) == set()
        app.clock.advance(2 * 86_400)
        reported(app, short_url, "192.0.2.3")
        assert mailed(app) == set(), "nobody is an operator"
        app.run(app.services.links.reports.sweep(app.clock.now() + DAY + SECOND))
        with app.services.store.read() as txn:
            assert REPORT_MAILS.count(txn) == 0


def test_without_mail_nobody_is_mailed(app: RunningApp) -> None:
    operator(app, "olga")
    reported(app, app.new_link(GOOD))
    assert mailed(app) == set()


def test_a_link_on_a_teams_domain_is_reported_where_pages_are(
    open_with: OpenApp, tmp_path: Path
) -> None:
    with open_with(HOSTS='["https://go.example"]') as app:
        short_url = app.new_link(GOOD, host="go.example")
        visitor = Surfer(app)
        page = visitor.get(short_url + "+")
        [address] = re.findall(r'href="(/-/report\?[^"]+)"', page.text)
        led = visitor.get("https://go.example" + html.unescape(address))
        assert led.status_code == 307
        assert led.headers["location"].startswith(OWN + PATH)
        assert short_url in html.unescape(visitor.get(led.headers["location"]).text)
        reported(app, short_url)
        [one] = open_reports(app)
        assert app.services.hosts.short_url(one.link) == short_url
