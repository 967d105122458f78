"""Deleting links, and taking that back; the same for what else is done to many of them at once."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from shortd.links.bulk import AT_ONCE, Outcome, listed, switched
from shortd.links.listing import Listed
from shortd.links.queries import LinkQuery
from shortd.links.tagging import tagged, untagged
from shortd.links.undoing import CHANGED_SECONDS, DELETED_SECONDS, Undone
from shortd.models.links import Link, Terms
from shortd.store import check
from shortd.testing import RunningApp, open_app
from tests.links.keeper import TARGET, Keeper


def delete(keeper: Keeper, *paths: str) -> Outcome:
    services = keeper.app.services
    ids = [keeper.row(path).id for path in paths]
    return keeper.app.run(services.links.bulk.delete(keeper.account, ids, keeper.app.clock.now()))


def undo(keeper: Keeper, act: int) -> Undone:
    services = keeper.app.services
    return keeper.app.run(services.links.undoing.undo(keeper.account, act, keeper.app.clock.now()))


def purge(app: RunningApp) -> None:
    app.run(app.services.links.undoing.purge(app.clock.now()))


def listing(keeper: Keeper) -> Listed:
    services = keeper.app.services
    now = keeper.app.clock.now()
    return keeper.app.run(services.links.listing.page(keeper.account, LinkQuery(), now))


def faults(app: RunningApp) -> list[str]:
    with app.services.store.read() as txn:
        return list(check.faults(txn))


def test_a_deleted_link_is_nobodys_and_comes_back_as_it_was(keeper: Keeper) -> None:
    path = keeper.link(title="Spring", tags="print", password="secret")
    keeper.visit(path)
    before = keeper.row(path)
    outcome = delete(keeper, path)
    assert len(outcome.done) == 1
    assert keeper.goes(path) == 404
    assert keeper.goes(path + "+") == 404
    assert listing(keeper).links == []
    assert keeper.app.call("get_entries", userid=keeper.userid)["entries"] == []
    short_url = keeper.short_url(path)
    refusal = keeper.app.refused("get_entry", userid=keeper.userid, shorturl=short_url)
    assert refusal["code"] == "entry_not_found"
    code = path[1:]
    refusal = keeper.app.refused("url", userid=keeper.userid, url=TARGET, code=code)
    assert refusal["code"] == "code_taken"
    assert faults(keeper.app) == []
    assert undo(keeper, outcome.act) == Undone((before.id,), 0)
    assert keeper.row(path) == before
    assert keeper.goes(path) == 200
    assert faults(keeper.app) == []
    assert undo(keeper, outcome.act) == Undone((), 0)


def test_after_a_while_it_is_gone_for_good(keeper: Keeper) -> None:
    path = keeper.link()
    act = delete(keeper, path).act
    keeper.app.clock.advance(DELETED_SECONDS - 1)
    purge(keeper.app)
    assert keeper.app.refused("url", userid=keeper.userid, url=TARGET, code=path[1:])
    keeper.app.clock.advance(1)
    purge(keeper.app)
    assert undo(keeper, act) == Undone((), 0)
    assert keeper.app.call("url", userid=keeper.userid, url=TARGET, code=path[1:])["entry"]
    assert faults(keeper.app) == []


def test_who_undoes_too_late_before_it_is_purged_gets_nothing(keeper: Keeper) -> None:
    path = keeper.link()
    act = delete(keeper, path).act
    keeper.app.clock.advance(DELETED_SECONDS)
    assert undo(keeper, act) == Undone((), 1)
    assert keeper.goes(path) == 404
    assert faults(keeper.app) == []


def test_a_files_bytes_stay_in_the_quota_and_nobody_gets_them(keeper: Keeper) -> None:
    app = keeper.app
    short_url = app.new_file(b"Hello")
    address = app.visit(short_url).headers["location"]
    account = app.services.accounts.logins.authenticate(app.userid, None, app.clock.now())
    links = app.services.links
    found = links.links.address(short_url)
    assert found is not None
    link = links.links.get(account, found)
    outcome = app.run(links.bulk.delete(account, [link.id], app.clock.now()))
    assert app.get(address).status_code == 404
    assert faults(app) == []
    app.run(links.undoing.undo(account, outcome.act, app.clock.now()))
    assert app.get(address).content == b"Hello"
    app.run(links.bulk.delete(account, [link.id], app.clock.now()))
    app.clock.advance(DELETED_SECONDS)
    purge(app)
    assert app.get(address).status_code == 404
    assert faults(app) == []


def test_what_was_deleted_stays_deleted_over_a_restart(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with open_app(folder) as app:
        keeper = Keeper(app)
        path, other = keeper.link(), keeper.link()
        acts = [delete(keeper, path).act, delete(keeper, other).act]
        userid, clock = keeper.userid, app.clock
    with open_app(folder, clock=clock) as app:
        account = app.services.accounts.logins.authenticate(userid, None, app.clock.now())
        undoing = app.services.links.undoing
        assert undoing.latest(account, app.clock.now()) == acts[1]
        assert len(app.run(undoing.undo(account, acts[0], app.clock.now())).links) == 1
        assert app.visit(path).headers["location"] == TARGET
        app.clock.advance(DELETED_SECONDS)
        purge(app)
        assert app.visit(other).status_code == 404
        assert faults(app) == []


def test_many_links_are_one_act(keeper: Keeper) -> None:
    services, now = keeper.app.services, keeper.app.clock.now()
    links = [keeper.create() for _ in range(5)]
    stranger = Keeper(keeper.app).create()
    ids = [link.id for link in links]
    outcome = keeper.app.run(
        services.links.bulk.change(
            keeper.account, [*ids, stranger.id, 1, ids[0]], switched(False), now
        )
    )
    assert sorted(outcome.done) == sorted(ids)
    assert outcome.refused == {"entry_not_found": 2}
    again = keeper.app.run(services.links.bulk.change(keeper.account, ids, switched(False), now))
    assert (again.done, again.unchanged) == ((), 5)
    assert len(undo(keeper, outcome.act).links) == 5
    assert [link.enabled for link in listing(keeper).links] == [True] * 5


def test_more_than_go_at_once_go_in_slices(keeper: Keeper) -> None:
    services, now = keeper.app.services, keeper.app.clock.now()
    urls = [f"https://main.example/{number}" for number in range(500)]
    for _ in range(3):
        keeper.app.call("urls", userid=keeper.userid, urls=urls)
    ids = keeper.app.run(services.links.listing.ids(keeper.account, LinkQuery(), now))
    assert len(ids) == 1500
    looked_at: list[int] = []

    def note(number: int) -> bool:
        looked_at.append(number)
        return True

    outcome = keeper.app.run(services.links.bulk.delete(keeper.account, ids, now, note))
    assert looked_at == [AT_ONCE, 1500]
    assert len(outcome.done) == 1500
    assert listing(keeper).links == []
    assert len(undo(keeper, outcome.act).links) == 1500
    stopped = keeper.app.run(
        services.links.bulk.delete(keeper.account, ids, now, lambda number: False)
    )
    assert len(stopped.done) == AT_ONCE


def test_undoing_leaves_alone_what_else_was_changed_since(keeper: Keeper) -> None:
    path = keeper.link(title="Before", tags="one")
    link = keeper.row(path)
    services, now = keeper.app.services, keeper.app.clock.now()
    outcome = keeper.app.run(
        services.links.bulk.change(keeper.account, [link.id], tagged("two"), now)
    )
    assert keeper.change(path, title="After").terms.tags == ("one", "two")
    undo(keeper, outcome.act)
    terms = keeper.row(path).terms
    assert (terms.title, terms.tags) == ("After", ("one",))
    late = keeper.app.run(services.links.bulk.change(keeper.account, [link.id], listed(True), now))
    keeper.app.clock.advance(CHANGED_SECONDS)
    assert undo(keeper, late.act) == Undone((), 1)


def test_an_account_that_ends_takes_its_deleted_links_along(keeper: Keeper) -> None:
    path = keeper.link()
    delete(keeper, path)
    account = keeper.account
    keeper.app.clock.advance(10**9)
    keeper.app.run(keeper.app.services.upkeep.sweeper.clear(account.userid, keeper.app.clock.now()))
    assert faults(keeper.app) == []
    assert keeper.goes(path) == 404


NAMES = st.sampled_from(["a", "b", "two words", "ü"])


@given(st.lists(st.tuples(st.booleans(), NAMES), max_size=8), st.lists(NAMES, max_size=3))
def test_tags_are_sets_in_order(steps: list[tuple[bool, str]], first: list[str]) -> None:
    expected = list(dict.fromkeys(first))
    link = Link(1, "owner", 0, "code", TARGET, 1).with_terms(Terms(tags=tuple(expected)))
    for add, name in steps:
        change = tagged(name) if add else untagged(name)
        link = change(None, link)  # type: ignore[arg-type]
        expected = [one for one in expected if one != name] if not add else expected
        if add and name not in expected:
            expected.append(name)
        assert list(link.terms.tags) == expected


def test_one_tag_more_than_there_is_room_for_is_refused(keeper: Keeper) -> None:
    path = keeper.link(tags=[f"{number:060}" for number in range(50)])
    services, now = keeper.app.services, keeper.app.clock.now()
    change = tagged("x" * 60)
    outcome = keeper.app.run(
        services.links.bulk.change(keeper.account, [keeper.row(path).id], change, now)
    )
    assert outcome.refused == {"invalid_field": 1}
