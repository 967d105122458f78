"""The log of what operators do: written with the act or not at all, read by page, kept 400 days."""

from __future__ import annotations

import re

import pytest

from shortd.control.registry import ACTS, UNLOGGED
from shortd.models.audit import Action, Way
from shortd.store.schema import AUDIT, CAMPAIGNS, TEAM_TRACKERS
from shortd.testing import RunningApp
from shortd.upkeep import audit, reading
from shortd.web.admin.actions import action_words, way_words
from tests.held import hold
from tests.upkeep.full import keep_something
from tests.web.admin.conftest import command, lines
from tests.web.surfer import Surfer

LOG = "/-/admin/log"
DAY = 86_400
ROW = re.compile(r"<p><b>([^<]*)</b> <bdi>([^<]*)</bdi></p>")
NEXT = re.compile(r'href="([^"]+)" rel="next"')


def rows(surfer: Surfer, path: str = LOG) -> list[tuple[str, str]]:
    """What and to whom, of all pages."""
    found: list[tuple[str, str]] = []
    while True:
        text = surfer.get(path).text
        found += ROW.findall(text)
        onward = NEXT.search(text)
        if onward is None:
            return found
        path = onward[1].replace("&amp;", "&")


def renamed(app: RunningApp, number: int) -> None:
    command(app, "user set", user="ben", changes={"type": ("verified", "custom")[number % 2]})


def test_the_newest_stands_first(olga: Surfer, ben: Surfer) -> None:
    command(olga.app, "user lock", user="ben")
    olga.app.clock.advance(1)
    command(olga.app, "user unlock", user="ben")
    assert rows(olga) == [
        ("Unlocked the account", "ben"),
        ("Locked the account", "ben"),
        ("Changed the account", "olga"),
    ]
    text = olga.get(LOG).text
    assert "operator: yes" in text
    assert ">Command<" in text


def test_it_is_paged_and_searched(
    olga: Surfer, ben: Surfer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(120):
        renamed(olga.app, number)
    link = ben.call("url", url="https://example.org/")["entry"]["id"]
    olga.send(f"/-/admin/links/{link}/off", {"reason": "Reported by Eve"})
    first = olga.get(LOG).text
    assert len(ROW.findall(first)) == 50
    assert len(rows(olga)) == 122
    assert [what for what, _ in rows(olga, f"{LOG}?q=by+EVE")] == ["Turned off the link"]
    assert [what for what, _ in rows(olga, f"{LOG}?way=page")] == ["Turned off the link"]
    assert len(rows(olga, f"{LOG}?way=command&q=custom")) == 60
    assert rows(olga, f"{LOG}?q=nobody") == []
    assert len(rows(olga, f"{LOG}?way=nonsense&after=nonsense")) == 122
    monkeypatch.setattr(reading, "ROWS_READ", 50)
    assert "It was read so far" in olga.get(f"{LOG}?q=nobody").text
    assert rows(olga, f"{LOG}?q=operator:") == [("Changed the account", "olga")]


def test_names_and_reasons_are_shown_as_text(olga: Surfer, ben: Surfer) -> None:
    link = ben.call("url", url="https://example.org/?<i>")["entry"]["id"]
    olga.send(f"/-/admin/links/{link}/off", {"reason": "<script>alert(1)</script>"})
    assert "Reason: &lt;script&gt;alert(1)&lt;/script&gt;" in olga.get(LOG).text


def test_it_is_kept_400_days(app: RunningApp, ben: Surfer) -> None:
    command(app, "user lock", user="ben")
    app.clock.advance(1)
    command(app, "user unlock", user="ben")
    # In steps that the clock is believed.
    for _ in range(399):
        app.clock.advance(DAY)
        app.sweep()
    app.clock.advance(DAY - 1.5)
    app.sweep()
    assert len(lines(app)) == 2
    app.clock.advance(0.5)
    app.sweep()
    assert [line.action for line in lines(app)] == [Action.UNLOCK_ACCOUNT]
    app.clock.advance(1)
    app.sweep()
    assert lines(app) == []


def test_it_holds_so_many_lines(
    app: RunningApp, ben: Surfer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "MOST_ROWS", 5)
    for number in range(7):
        app.clock.advance(1)
        command(app, "team add", owner="ben", name=f"Team {number}", code=f"team-{number}")
    assert [line.subject for line in lines(app)] == [f"Team {n}" for n in (6, 5, 4, 3, 2)]


def test_a_line_takes_three_kilobytes_at_most(app: RunningApp) -> None:
    async def note() -> None:
        noting = app.services.upkeep.audit.noting(
            audit.Actor(Way.PAGE, "u" * 32, "ä" * 5000),
            Action.LOCK_ACCOUNT,
            app.clock.now(),
            "ä" * 5000,
            detail="ö" * 5000,
            reason="ü" * 5000,
        )
        async with noting:
            pass

    app.run(note())
    [line] = lines(app)
    assert len(AUDIT.encode(line)) < 3000
    assert line.reason == "ü" * 600


def test_two_at_one_moment_are_two(app: RunningApp, ben: Surfer) -> None:
    """The clock of the test stands still."""
    command(app, "user lock", user="ben")
    command(app, "user unlock", user="ben")
    assert [line.action for line in lines(app)] == [Action.UNLOCK_ACCOUNT, Action.LOCK_ACCOUNT]


def test_neither_is_without_the_other(app: RunningApp, ben: Surfer) -> None:
    """A line that cannot be written undoes the act; an act that fails writes no line."""

    class Failed(Exception):
        pass

    def fail(*_: object, **__: object) -> None:
        raise Failed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(AUDIT, "put", fail)
        with pytest.raises(Failed):
            command(app, "user lock", user="ben")
    assert ben.is_in()
    assert lines(app) == []
    with pytest.raises(Exception, match="There is no"):
        command(app, "domain remove", id="nosuch")
    with pytest.raises(Exception, match="no such team"):
        command(app, "team remove", team="nosuch")
    assert lines(app) == []


def test_what_changes_nothing_is_noted_all_the_same(app: RunningApp, ben: Surfer) -> None:
    command(app, "clock believe")
    assert [line.action for line in lines(app)] == [Action.BELIEVE_CLOCK]


def test_only_the_first_write_takes_the_line_along(app: RunningApp, ben: Surfer) -> None:
    """Removing an account is many."""
    for _ in range(3):
        ben.call("urls", urls=["https://example.org/"] * 500)
    command(app, "user remove", user="ben")
    assert [line.action for line in lines(app)] == [Action.REMOVE_ACCOUNT]


COMMANDS: dict[str, dict[str, object]] = {
    "user add": {"email": "cay@nowhere.example", "passwords": ["ab" * 32], "username": "cay"},
    "user set": {"user": "cay", "changes": {"type": "custom", "passwords": ["cd" * 32]}},
    "user lock": {"user": "cay"},
    "user unlock": {"user": "cay"},
    "user api-key": {"user": "cay", "name": "mine", "scopes": ["read"]},
    "user link": {"user": "cay", "proxy": "cay"},
    "user login-link": {"user": "cay"},
    "user revoke": {"user": "cay", "everything": True},
    "team add": {"owner": "ben", "name": "Ours", "code": "ours"},
    "team add-member": {"team": "ours", "user": "cay"},
    "team set-role": {"team": "ours", "user": "cay", "role": "admin"},
    "team remove-member": {"team": "ours", "user": "cay"},
    "domain add": {"team": "ours", "name": "go.example.org"},
    "domain set": {"id": "go.example.org", "changes": {"www": False}},
    "domain remove": {"id": "go.example.org"},
    "campaign add": {"team": "ours", "name": "Spring"},
    "campaign remove": {"id": ""},
    "tracker add": {
        "team": "ours",
        "provider": "quora",
        "code": "0123456789abcdef" * 2,
        "name": "Ours",
    },
    "tracker remove": {"id": ""},
    "team remove": {"team": "ours"},
    "link add": {"url": "https://example.org/", "code": "added", "owner": "ben"},
    "link set": {"links": ["added"], "terms": {"title": "Ours"}},
    "link disable": {"links": ["added"]},
    "link enable": {"links": ["added"]},
    "link refuse": {"links": ["added"], "reason": "A trap"},
    "link approve": {"links": ["added"]},
    "link delete": {"links": ["added"]},
    "user exported": {"user": "cay"},
    "user delete": {"user": "cay"},
    "link block": {"pattern": "bad.example", "disable_existing": True},
    "link unblock": {"pattern": "bad.example"},
    "clock believe": {},
    "plugins on": {"name": "ab"},
    "plugins forget": {"plugin": "diary"},
    "import begin": {
        "user": "ben",
        "source": "yourls",
        "what": "dump.sql",
        "domains": {},
        "apply": True,
    },
    "import shortd": {"user": "ben", "what": "export", "domains": {}},
}
"""All commands that act, in an order in which each has something to act on."""
SECOND_NAMES = {"user remove"}
"""Names of old, by which commands go on being found."""


def test_every_command_that_acts_writes_a_line(app: RunningApp, ben: Surfer) -> None:
    # Those that are not logged belong to one that is.
    told = set(ACTS) - UNLOGGED - SECOND_NAMES
    assert set(COMMANDS) == told, "say above what a new one is given"
    secrets = ["ab" * 32, "cd" * 32]
    for name, args in COMMANDS.items():
        known = len(lines(app))
        if args.get("id") == "":
            args = {"id": newest_id(app, name)}
        if name == "link refuse":
            hold(app, app.services.upkeep.moderation.at("added")[0].id)
        if name == "plugins forget":
            keep_something(app)
        command(app, name, **args)
        added = lines(app)[: len(lines(app)) - known]
        assert [line.way for line in added] == [Way.COMMAND], name
        assert added[0].subject or name == "clock believe", name
    text = str(lines(app))
    assert not any(secret in text for secret in secrets)
    assert "password: another" in text


def newest_id(app: RunningApp, name: str) -> str:
    with app.services.store.read() as txn:
        table = CAMPAIGNS if "campaign" in name else TEAM_TRACKERS
        [(key, _)] = table.scan(txn)
    return str(key[0])


def test_every_action_has_words() -> None:
    assert set(action_words(str)) == set(Action)
    assert set(way_words(str)) == set(Way)


def test_who_takes_his_data_along_finds_what_was_done_to_him(olga: Surfer, ben: Surfer) -> None:
    """But neither by whom nor why, which are the operator's."""
    path = f"/-/admin/people/{ben.credentials['userid']}"
    olga.send(f"{path}/type", {"type": "custom", "reason": "He is my cousin"})
    taken = [row for row in ben.get("/-/account/data.json").json() if row["type"] == "operation"]
    assert [(row["action"], row["detail"]) for row in taken] == [("change_account", "type: custom")]
    assert not any("cousin" in str(row) or "olga" in str(row) for row in taken)
