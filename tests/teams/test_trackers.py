"""Trackers of teams, and of links: rows with ids of their own, which follow the plugin's data."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from shortd import errors
from shortd.ids import own_team_id
from shortd.links.trackers import Tracker
from shortd.models.links import Link, LinkTracker
from shortd.models.teams import Role, TeamTracker
from shortd.store.schema import LINK_TRACKERS
from shortd.teams.providers import PROVIDERS
from tests.teams.people import Colleague, refused, sound

GOOGLE = Tracker("google_analytics", "G-ABCDEFGH12")
QUORA = Tracker("quora", "0123456789abcdef0123456789abcdef")


def kept(somebody: Colleague, team: str, code: str = "G-ABCDEFGH12") -> TeamTracker:
    trackers = somebody.app.services.teams.trackers
    return somebody.do(
        trackers.create(somebody.account, team, "google_analytics", code, "Ours", somebody.now)
    )


def add(somebody: Colleague, link: Link, *trackers: Tracker) -> None:
    services = somebody.app.services
    somebody.do(services.teams.link_trackers.add(somebody.account, link.id, trackers, somebody.now))


def copy(somebody: Colleague, link: Link, *wanted: str) -> None:
    trackers = somebody.app.services.teams.link_trackers
    ids = list(wanted) or None
    somebody.do(trackers.add_of_team(somebody.account, link.id, ids, somebody.now))


def rows(somebody: Colleague, link: Link) -> list[LinkTracker]:
    return somebody.app.services.teams.link_trackers.of_link(somebody.account, link.id)


def remove(somebody: Colleague, tracker: str) -> None:
    trackers = somebody.app.services.teams.link_trackers
    somebody.do(trackers.remove(somebody.account, tracker, somebody.now))


def codes(somebody: Colleague, link: Link) -> list[tuple[str, str]]:
    return [(row.provider, row.code) for row in rows(somebody, link)]


def test_the_providers_are_the_documents() -> None:
    assert [one.title for one in PROVIDERS] == [
        "Facebook Pixel",
        "Google Analytics Pixel",
        "Quora Pixel",
        "Twitter Pixel",
        "Google Tag Manager Pixel",
        "Linkedin Pixel",
        "Google Adwords Pixel",
        "Pinterest Pixel",
        "Segment Pixel",
    ]
    assert len({one.id for one in PROVIDERS}) == len({one.name for one in PROVIDERS}) == 9
    assert all(len(one.id) == 24 and int(one.id, 16) for one in PROVIDERS)


def test_a_team_keeps_trackers(ann: Colleague, ben: Colleague, cat: Colleague) -> None:
    trackers = ann.app.services.teams.trackers
    team = ann.found().id
    ann.hire(team, ben)
    first, second = kept(ann, team), kept(ann, team, "G-SECOND0000")
    assert [row.id for row in trackers.of_team(ben.account, team)] == [second.id, first.id]
    with refused(errors.FORBIDDEN):
        kept(ben, team)
    with refused(errors.FORBIDDEN):
        ben.do(trackers.delete(ben.account, first.id))
    for unseen in (first.id, "0" * 24):
        with refused(errors.TRACKER_NOT_FOUND):
            cat.do(trackers.delete(cat.account, unseen))
    with refused(errors.TEAM_NOT_FOUND):
        trackers.of_team(cat.account, team)
    ann.do(ann.app.services.teams.members.set_role(ann.account, team, ben.userid, Role.ADMIN))
    ben.do(trackers.delete(ben.account, first.id))
    assert [row.id for row in trackers.of_team(ann.account, team)] == [second.id]


def test_a_teams_tracker_is_changed(ann: Colleague, ben: Colleague, cat: Colleague) -> None:
    trackers, team = ann.app.services.teams.trackers, ann.found().id
    ann.hire(team, ben)
    row = kept(ann, team)
    renamed = ann.do(trackers.update(ann.account, row.id, name=" The shop "))
    assert renamed == msgspec.structs.replace(row, name="The shop")
    changed = ann.do(trackers.update(ann.account, row.id, provider="quora", code="0" * 32))
    assert changed == msgspec.structs.replace(renamed, provider="quora", code="0" * 32)
    for given, kind in (
        ({"provider": "myspace"}, errors.TRACKER_NOT_FOUND),
        ({"code": " "}, errors.INVALID_FIELD),
        ({"name": ""}, errors.INVALID_FIELD),
    ):
        with refused(kind):
            ann.do(trackers.update(ann.account, row.id, **given))
    with refused(errors.FORBIDDEN):
        ben.do(trackers.update(ben.account, row.id, name="Mine"))
    with refused(errors.TRACKER_NOT_FOUND):
        cat.do(trackers.update(cat.account, row.id, name="Mine"))
    assert trackers.of_team(ben.account, team) == [changed]


def test_bad_trackers_are_refused(ann: Colleague, monkeypatch: pytest.MonkeyPatch) -> None:
    trackers, team = ann.app.services.teams.trackers, own_team_id(ann.userid)
    for provider, code, kind in (
        ("myspace", "x", errors.TRACKER_NOT_FOUND),
        ("quora", " ", errors.INVALID_FIELD),
        ("quora", "x" * 65, errors.INVALID_FIELD),
        ("quora", "a\nb", errors.INVALID_FIELD),
    ):
        with refused(kind):
            ann.do(trackers.create(ann.account, team, provider, code, "x", ann.now))
    monkeypatch.setattr("shortd.teams.trackers.TRACKERS_PER_TEAM", 1)
    kept(ann, team)
    with refused(errors.QUOTA_EXCEEDED):
        kept(ann, team)


def test_a_links_trackers_are_the_plugins_data(ann: Colleague) -> None:
    link = ann.link()
    add(ann, link, GOOGLE)
    added = ann.now
    add(ann, link, QUORA, GOOGLE)
    url = ann.short_url(link)
    data = ann.call("get_plugin", shorturl=url, plugin="trackers")["data"]
    assert data == {
        "trackers": [
            {"provider": "google_analytics", "id": "G-ABCDEFGH12"},
            {"provider": "quora", "id": "0123456789abcdef0123456789abcdef"},
        ]
    }
    quora, google = rows(ann, link)
    assert (quora.provider, google.provider, google.link_id) == (
        "quora",
        "google_analytics",
        link.id,
    )
    assert google.create_utime == added - 1_000_000 < quora.create_utime
    assert len(google.id) == 24 and google.id != quora.id
    remove(ann, google.id)
    assert rows(ann, link) == [quora], "the others keep their ids"
    remove(ann, quora.id)
    assert ann.call("get_plugin", shorturl=url, plugin="trackers")["data"] is None
    with refused(errors.TRACKER_NOT_FOUND):
        remove(ann, quora.id)
    assert sound(ann.app)


def test_what_v2_sets_is_seen(ann: Colleague) -> None:
    link = ann.link()
    url = ann.short_url(link)
    add(ann, link, GOOGLE)
    [google] = rows(ann, link)
    both = [{"provider": one.provider, "id": one.id} for one in (QUORA, GOOGLE)]
    ann.call("set_plugin", shorturl=url, plugin="trackers", data={"trackers": both})
    assert google in rows(ann, link) and len(rows(ann, link)) == 2
    ann.call("set_plugin", shorturl=url, plugin="mobile", data={"ios": "https://i.example/"})
    assert google in rows(ann, link)
    ann.call("set_plugin", shorturl=url, plugin="trackers", data=None)
    assert rows(ann, link) == []
    assert sound(ann.app)


def test_trackers_go_with_their_link(ann: Colleague) -> None:
    link = ann.link()
    add(ann, link, GOOGLE, QUORA)
    ann.call("delete", shorturl=ann.short_url(link))
    with ann.app.services.store.read() as txn:
        assert LINK_TRACKERS.count(txn) == 0


def test_the_plugin_may_refuse(ann: Colleague) -> None:
    link = ann.link()
    with refused(errors.INVALID_FIELD):
        add(ann, link, Tracker("quora", "wrong"))
    with refused(errors.TRACKER_NOT_FOUND):
        add(ann, link, Tracker("myspace", "x"))
    assert rows(ann, link) == []


def test_trackers_are_copied_from_the_links_team(ann: Colleague, ben: Colleague) -> None:
    team = ann.found().id
    ann.hire(team, ben)
    first, second = kept(ann, team), kept(ann, team, "G-SECOND0000")
    foreign = kept(ben, own_team_id(ben.userid), "G-FOREIGN000")
    link = ben.link(team)
    copy(ben, link, first.id)
    assert codes(ben, link) == [("google_analytics", "G-ABCDEFGH12")]
    for wrong in (foreign.id, "0" * 24):
        with refused(errors.TRACKER_NOT_FOUND):
            copy(ben, link, second.id, wrong)
    assert len(rows(ben, link)) == 1
    copy(ben, link)
    assert sorted(code for _, code in codes(ben, link)) == ["G-ABCDEFGH12", "G-SECOND0000"]
    ann.do(ann.app.services.teams.trackers.delete(ann.account, first.id))
    assert len(rows(ben, link)) == 2, "a copy is a copy"


def test_roles_decide(ann: Colleague, ben: Colleague, cat: Colleague) -> None:
    team = ann.found().id
    ann.hire(team, ben)
    link = ann.link(team)
    add(ann, link, GOOGLE)
    [google] = rows(ben, link)
    with refused(errors.FORBIDDEN):
        add(ben, link, QUORA)
    with refused(errors.FORBIDDEN):
        remove(ben, google.id)
    with refused(errors.ENTRY_NOT_FOUND):
        rows(cat, link)
    with refused(errors.ENTRY_NOT_FOUND):
        add(cat, link, QUORA)
    with refused(errors.TRACKER_NOT_FOUND):
        remove(cat, google.id)


def test_changes_at_once_lose_nothing(ann: Colleague) -> None:
    link = ann.link()
    trackers = ann.app.services.teams.link_trackers
    many = [Tracker("quora", f"{number:032x}") for number in range(8)]

    async def all_at_once() -> None:
        await asyncio.gather(*(trackers.add(ann.account, link.id, [one], ann.now) for one in many))

    ann.app.run(all_at_once())
    assert {code for _, code in codes(ann, link)} == {one.id for one in many}
    assert sound(ann.app)
