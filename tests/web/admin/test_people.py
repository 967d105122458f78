"""Accounts as their operator sees them: found, locked, limited, signed out, and never opened."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from shortd.models.audit import Action
from shortd.models.mail import Mail, MailPurpose
from shortd.testing import RunningApp, open_app
from shortd.upkeep import reading
from tests.conftest import GENEROUS
from tests.web.admin.conftest import MAIL, command, lines, make_operator
from tests.web.surfer import Surfer

PEOPLE = "/-/admin/people"
NAME = re.compile(r'/-/admin/people/[^"]+"><b><bdi>([^<]*)')
HANDLE = re.compile(r'/-/admin/people/((?:guest-|@|[A-Za-z0-9]{32})[^"]*)"')
NEXT = re.compile(r'href="([^"]+)" rel="next"')


def names(surfer: Surfer, path: str) -> list[str]:
    answer = surfer.get(path)
    assert answer.status_code == 200
    return NAME.findall(answer.text)


def every_name(surfer: Surfer, path: str) -> list[list[str]]:
    """Of each page, by its link to the next."""
    pages = []
    while True:
        answer = surfer.get(path)
        assert answer.status_code == 200, path
        pages.append(NAME.findall(answer.text))
        onward = NEXT.search(answer.text)
        if onward is None:
            return pages
        path = onward[1].replace("&amp;", "&")


def resets(app: RunningApp) -> list[Mail]:
    """Mails with a way to a new password that are due."""
    due = app.services.mail.delivery.outbox.due(app.clock.now(), 10)
    return [mail for mail in due if mail.purpose is MailPurpose.RESET]


def person(surfer: Surfer) -> str:
    return f"{PEOPLE}/{surfer.credentials['userid']}"


@pytest.fixture
def mailing(tmp_path: Path) -> Iterator[RunningApp]:
    with open_app(tmp_path / "mailing", environ={**GENEROUS, **MAIL}) as app:
        yield app


def test_people_are_found_by_name_and_address(olga: Surfer, ben: Surfer) -> None:
    Surfer(ben.app).sign_up("Benedict")
    assert names(olga, PEOPLE) == ["ben", "Benedict", "olga"]
    assert names(olga, f"{PEOPLE}?q=BEN") == ["ben", "Benedict"]
    assert names(olga, f"{PEOPLE}?q=edict@no") == ["Benedict"]
    assert names(olga, f"{PEOPLE}?q=nobody") == []
    assert names(olga, f"{PEOPLE}?q={ben.credentials['userid']}") == ["ben"]
    assert names(olga, f"{PEOPLE}?is=operators") == ["olga"]
    command(olga.app, "user lock", user="ben")
    assert names(olga, f"{PEOPLE}?is=locked") == ["ben"]
    assert names(olga, f"{PEOPLE}?is=nonsense") == ["ben", "Benedict", "olga"]
    assert names(olga, f"{PEOPLE}?q=%00&after=%00{'x' * 600}") == []


def test_use_is_told(olga: Surfer, ben: Surfer) -> None:
    for _ in range(3):
        ben.call("url", url="https://example.org/")
    assert "3 links · 0 B" in olga.get(f"{PEOPLE}?q=ben").text
    page = olga.get(person(ben)).text
    assert ">3</a>" in page
    assert "ben@nowhere.example" in page


def test_fifty_stand_on_a_page_and_each_once(olga: Surfer) -> None:
    passwords = ["ab" * 32]
    for number in range(120):
        email = f"p{number:03}@nowhere.example"
        command(olga.app, "user add", email=email, passwords=passwords)
    pages = every_name(olga, PEOPLE)
    assert [len(page) for page in pages] == [50, 50, 21]
    found = [name for page in pages for name in page]
    assert found == sorted(set(found), key=found.index)
    assert found[1] == "p000@nowhere.example"


def test_a_search_reads_so_much_and_then_says_how_far(
    olga: Surfer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(70):
        command(olga.app, "user add", email=f"p{number:03}@nowhere.example", passwords=["ab" * 32])
    monkeypatch.setattr(reading, "ROWS_READ", 50)
    first = olga.get(f"{PEOPLE}?q=p069")
    assert "It was read so far" in first.text
    assert NAME.findall(first.text) == []
    assert every_name(olga, f"{PEOPLE}?q=p069") == [[], ["p069@nowhere.example"]]


def test_whoever_is_called_so_stands_first(olga: Surfer, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many are before him."""
    for number in range(60):
        command(
            olga.app, "user add", email=f"a-zoe-{number}@nowhere.example", passwords=["ab" * 32]
        )
    Surfer(olga.app).sign_up("zoe")
    monkeypatch.setattr(reading, "ROWS_READ", 50)
    pages = every_name(olga, f"{PEOPLE}?q=zoe")
    assert pages[0][0] == "zoe"
    assert sum(page.count("zoe") for page in pages) == 1


def test_nothing_that_opens_an_account_is_shown(olga: Surfer, ben: Surfer) -> None:
    """Least of all the id of a temporary account, which is its password."""
    guest = Surfer(olga.app)
    guest.send("/-/new", {"url": "https://example.org/"})
    secret = guest.credentials["userid"]
    key = ben.call("create_api_key", name="mine", scopes=["read"])["api_key"]
    token = ben.credentials["token"]
    [handle] = HANDLE.findall(olga.get(f"{PEOPLE}?is=guests").text)
    pages = [PEOPLE, f"{PEOPLE}?is=guests", f"{PEOPLE}/{handle}", person(ben), "/-/admin/links"]
    olga.send(f"{PEOPLE}/{handle}/lock", {"reason": "spam"})
    for path in [*pages, f"{PEOPLE}?is=locked", "/-/admin/log", "/-/admin"]:
        answer = olga.get(path)
        assert answer.status_code == 200
        for secret_text in (secret, key, token, "argon2"):
            assert secret_text not in answer.text, path
    assert olga.get(f"{PEOPLE}/{secret}").status_code == 404, "nor is it found by that"


def test_guests_are_paged_and_locked(olga: Surfer) -> None:
    userids = [olga.app.call("temporary_account")["userid"] for _ in range(60)]
    for userid in userids:
        olga.app.call("url", userid=userid, url="https://example.org/")
    pages = every_name(olga, f"{PEOPLE}?is=guests")
    assert [len(page) for page in pages] == [50, 10]
    first = olga.get(f"{PEOPLE}?is=guests").text
    handles = HANDLE.findall(first)
    following = HANDLE.findall(olga.get(NEXT.findall(first)[0].replace("&amp;", "&")).text)
    assert len({*handles, *following}) == 60
    assert olga.send(f"{PEOPLE}/{handles[0]}/lock", {"reason": "spam"}).status_code == 303
    assert names(olga, f"{PEOPLE}?is=locked") == ["Temporary account"]
    locked = [
        userid
        for userid in userids
        if olga.app.post("get_entries", {"userid": userid, "count": 1}).status_code == 403
    ]
    assert len(locked) == 1
    for what, form in (("type", {"type": "custom"}), ("reset", {})):
        assert olga.send(f"{PEOPLE}/{handles[0]}/{what}", form).status_code == 422


def test_a_locked_persons_links_answer_404(olga: Surfer, ben: Surfer) -> None:
    short_url = ben.call("url", url="https://example.org/")["entry"]["shorturl"]
    assert olga.app.visit(short_url).status_code == 302
    nothing = olga.app.visit("http://127.0.0.1:8080/nosuch")
    answer = olga.send(f"{person(ben)}/lock", {"reason": "A secret reason"})
    assert "The account is locked." in olga.follow(answer).text
    locked = olga.app.visit(short_url)
    assert locked.status_code == 404
    assert locked.text == nothing.text
    assert not ben.is_in()
    assert ben.sign_in("ben").status_code != 303
    assert olga.send(f"{person(ben)}/unlock", {}).status_code == 303
    assert olga.app.visit(short_url).status_code == 302
    unlock, lock = lines(olga.app)[:2]
    assert (lock.action, lock.subject, lock.reason) == (
        Action.LOCK_ACCOUNT,
        "ben",
        "A secret reason",
    )
    assert (unlock.action, unlock.subject, unlock.reason) == (Action.UNLOCK_ACCOUNT, "ben", "")
    assert lock.subject_userid == ben.credentials["userid"]


def test_an_operator_cannot_lock_himself_out(olga: Surfer) -> None:
    page = olga.get(person(olga)).text
    assert "This is your own account" in page
    assert "<form method" not in page
    before = lines(olga.app)
    for what, form in (
        ("lock", {"reason": "by accident"}),
        ("type", {"type": "registered"}),
        ("sign-out", {}),
        ("reset", {}),
    ):
        answer = olga.send(f"{person(olga)}/{what}", form)
        assert answer.status_code == 422, what
        assert "This is your own account" in answer.text
    assert olga.get("/-/admin").status_code == 200
    assert lines(olga.app) == before


def test_other_limits_hold_at_once(olga: Surfer, ben: Surfer) -> None:
    answer = olga.send(f"{person(ben)}/type", {"type": "custom", "reason": "a friend"})
    assert answer.status_code == 303
    assert ben.call("get_account_info")["type"] == "custom"
    [line] = lines(olga.app)[:1]
    assert (line.detail, line.reason) == ("type: custom", "a friend")
    for kind in ("temporary", "anonymous", "nonsense", ""):
        assert olga.send(f"{person(ben)}/type", {"type": kind}).status_code == 422
    assert ben.call("get_account_info")["type"] == "custom"


@pytest.mark.parametrize("end_keys", [False, True])
def test_signed_out_everywhere(olga: Surfer, ben: Surfer, end_keys: bool) -> None:
    key = ben.call("create_api_key", name="mine", scopes=["read", "write"])["api_key"]
    form = {"end_keys": "1"} if end_keys else {}
    assert olga.send(f"{person(ben)}/sign-out", form).status_code == 303
    assert not ben.is_in()
    made = olga.app.get(f"/shorten.json?api_key={key}&url=https://example.org/")
    assert (made.status_code == 200) is not end_keys
    assert lines(olga.app)[0].detail == ("with API keys" if end_keys else "")


def test_a_mail_for_a_new_password(mailing: RunningApp) -> None:
    olga, ben = make_operator(mailing), Surfer(mailing)
    ben.sign_up("ben")
    answer = olga.send(f"{person(ben)}/reset", {"reason": "He asked by telephone"})
    assert "on its way" in olga.follow(answer).text
    assert [mail.recipient for mail in resets(mailing)] == ["ben@nowhere.example"]
    for _ in range(3):
        answer = olga.send(f"{person(ben)}/reset", {})
    assert answer.status_code == 429, "nobody is flooded, and the operator is told"
    assert int(answer.headers["retry-after"]) > 0
    mailed = [line for line in lines(mailing) if line.action is Action.MAIL_RESET]
    assert len(mailed) == 3, "what was refused is no act"


def test_an_account_is_made_and_its_owner_chooses_the_password(mailing: RunningApp) -> None:
    olga = make_operator(mailing)
    form = {"email": "new@nowhere.example", "username": "newcomer"}
    answer = olga.send(f"{PEOPLE}/new", form)
    assert "A mail says how to choose a password." in olga.follow(answer).text
    [mail] = resets(mailing)
    assert mail.recipient == "new@nowhere.example"
    reset = mailing.post(
        "reset_password",
        {"email": mail.recipient, "unique_code": mail.code, "password": "cd" * 32},
    )
    assert reset.status_code == 200
    assert [line.action for line in lines(mailing)[:2]] == [
        Action.MAIL_RESET,
        Action.ADD_ACCOUNT,
    ]


def test_without_mail_it_says_what_else_there_is(olga: Surfer, ben: Surfer) -> None:
    for path in (f"{PEOPLE}/new", person(ben)):
        assert "shortd user set --password" in olga.get(path).text


def test_who_is_gone_is_nowhere(olga: Surfer, ben: Surfer) -> None:
    path = person(ben)
    command(olga.app, "user remove", user="ben")
    assert olga.get(path).status_code == 404
    assert olga.send(f"{path}/lock", {"reason": "late"}).status_code == 404
    for handle in ("guest-1-0123456789abcdef", "guest-99999999999999999999-1", "@nobody", "x"):
        assert olga.get(f"{PEOPLE}/{handle}").status_code == 404
    line = lines(olga.app)[0]
    assert (line.action, line.subject) == (Action.REMOVE_ACCOUNT, "ben")
