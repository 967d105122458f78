"""Links that plugins have had held: what visitors, owners and operators meet, and what comes of
checks that fail."""

from __future__ import annotations

import asyncio
import html
import json
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from shortd import errors
from shortd.links import checking
from shortd.links.terms import TermChanges
from shortd.models.links import Link as Row
from shortd.models.links import Terms
from shortd.moving import Reason, SourceLink
from shortd.plugin import Account, Hold, Link, Plugin, Refuse, hookimpl
from shortd.plugin_runtime import checking as asking
from shortd.plugin_runtime.guard import STRIKES
from shortd.sharing.boxes import BoxLimits
from shortd.store.schema import LINKS, LINKS_BY_ID, LINKS_HELD
from shortd.testing import RunningApp, check_plugin, open_app
from shortd.upkeep.importing.offers import LinkOffer, Said
from shortd_ab import AB
from tests.conftest import GENEROUS
from tests.links.places import GOOD, World, split
from tests.links.test_checked_places import DOUBT, SAID, Plain, Waiting, of

ODD, ODDER, BAD = "https://odd.example/", "https://odd.example/er", "https://bad.example/"
HTML = {"accept": "text/html"}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with open_app(tmp_path / "data", plugins=[AB, Waiting], environ=GENEROUS) as app:
        yield World(app)


def row(world: World, link_id: int | None = None) -> Row:
    with world.app.services.store.read() as txn:
        link = LINKS_BY_ID.get(txn, (link_id or world.id,))
        assert link is not None
        return link


def waiting(world: World) -> list[int]:
    with world.app.services.store.read() as txn:
        return [link_id for _, link_id in LINKS_HELD.keys(txn)]


def holds(world: World) -> list[str]:
    held = row(world).held
    return [one.url for one in held.destinations] if held else []


def point(world: World, url: str) -> None:
    world.v1.call("set_terms", shorturl=world.short_url, url=url)


def approve(world: World, **given: Any) -> Row:
    return world.app.run(world.app.services.links.holding.approve(world.id, **given))


def refuse(world: World, word: str = "", **given: Any) -> Row:
    return world.app.run(world.app.services.links.holding.refuse(world.id, word, **given))


def visit(world: World, suffix: str = "", **headers: str) -> tuple[int, str]:
    answer = world.app.visit(world.short_url + suffix, headers=headers)
    return answer.status_code, html.unescape(answer.text)


def test_visitors_are_told_that_it_is_checked(world: World) -> None:
    assert visit(world)[0] == 302
    point(world, ODD)
    for suffix in ("", "+", "?x=1", ".svg"):
        status, said = visit(world, suffix, **HTML)
        assert status == 403
        assert "This link is being checked" in said
        assert "odd.example" not in said
    answer = world.app.visit(world.short_url, headers={"accept": "application/json"})
    assert answer.json()["error"]["code"] == "link_held"
    assert "no-store" in answer.headers["cache-control"]
    assert answer.headers["x-robots-tag"] == "noindex"
    assert world.v1.call("get_entry", shorturl=world.short_url)["entry"]["count"] == 1
    approve(world)
    assert world.app.visit(world.short_url).headers["location"] == ODD
    assert world.v1.call("get_entry", shorturl=world.short_url)["entry"]["count"] == 2


def test_its_owner_is_told_why(world: World) -> None:
    point(world, ODD)
    entry = world.v1.call("get_entry", shorturl=world.short_url)["entry"]
    assert (entry["held"], entry["enabled"], "refused" in entry) == (DOUBT, True, False)
    page = html.unescape(world.surfer.get(f"/-/links/{world.id}").text)
    assert "is held until an operator" in page
    assert DOUBT in page
    assert ">held<" in world.surfer.get("/-/dashboard").text
    refuse(world, "We have seen it.")
    entry = world.v1.call("get_entry", shorturl=world.short_url)["entry"]
    assert (entry["refused"], entry["enabled"], "held" in entry) == (
        "We have seen it.",
        False,
        False,
    )
    assert "We have seen it." in html.unescape(world.surfer.get(f"/-/links/{world.id}").text)
    assert visit(world)[0] == 404
    error = world.v1.refused("set_enabled", shorturl=world.short_url, enabled=True)
    assert error["code"] == "forbidden"


def test_it_follows_where_the_link_leads(world: World) -> None:
    point(world, ODD)
    world.v1.call("set_terms", shorturl=world.short_url, count_fallback=ODDER, expiration_count=9)
    assert holds(world) == [ODD, ODDER]
    point(world, GOOD)
    assert holds(world) == [ODDER]
    world.v1.call("set_terms", shorturl=world.short_url, title="Named", count_fallback=ODDER)
    assert holds(world) == [ODDER]
    world.v1.call("set_terms", shorturl=world.short_url, count_fallback="")
    assert row(world).rare is not None
    assert row(world).held is None
    assert waiting(world) == []
    data = {"variants": split(GOOD, ODD)}
    world.v1.call("set_plugin", shorturl=world.short_url, plugin="ab", data=data)
    assert holds(world) == [ODD]
    world.v1.call("set_plugin", shorturl=world.short_url, plugin="ab", data=None)
    assert waiting(world) == []


def test_nobody_asks_about_what_is_there(world: World) -> None:
    point(world, ODD)
    approve(world)
    asked = len(of(world).asked)
    point(world, f" {ODD} ")
    code = world.short_url.rpartition("/")[2]
    form = {"destination": ODD, "ending": code, "title": "Named"}
    assert world.surfer.send(f"/-/links/{world.id}/edit/where", form).status_code == 303
    world.v1.call("set_enabled", shorturl=world.short_url, enabled=False)
    world.v1.call("set_enabled", shorturl=world.short_url, enabled=True)
    assert len(of(world).asked) == asked
    assert row(world).held is None


def test_who_asks_is_told(world: World) -> None:
    world.v1.call("url", url=GOOD)
    url, link, account = of(world).asked[-1]
    assert (url, link) == (GOOD, None)
    assert account is not None
    assert account.username == "ann"
    point(world, "HTTPS://%6fDD.example:443/")
    url, link, account = of(world).asked[-1]
    assert url == ODD, "as a browser reads it"
    assert row(world).url == "HTTPS://%6fDD.example:443/"
    assert link is not None
    assert (link.id, link.url) == (world.id, GOOD)


def test_boxes_are_asked_about_where_they_lead_in_the_end(world: World) -> None:
    with pytest.raises(errors.ShortdError) as refused:
        new_box(world, BAD)
    assert (refused.value.kind, refused.value.field) == (
        errors.DESTINATION_REFUSED,
        "date_fallback",
    )
    assert new_box(world, GOOD).held is None
    assert new_box(world, ODD).waits
    assert [url for url, _, _ in of(world).asked[-3:]] == [BAD, GOOD, ODD]


def new_box(world: World, url: str) -> Row:

    services = world.app.services
    terms = world.app.run(services.links.terms.of_new(TermChanges(date_fallback=url))).terms
    return world.app.run(
        services.sharing.boxes.create(
            world.v1.account,
            "Letters",
            BoxLimits(),
            b"",
            (services.hosts.default, None),
            world.app.clock.now(),
            terms,
        )
    )


def test_an_operator_acts_on_what_there_is(world: World) -> None:
    with pytest.raises(errors.ShortdError) as refused:
        approve(world)
    assert refused.value.kind is errors.LINK_NOT_HELD
    point(world, ODD)
    seen = row(world).held
    assert seen is not None
    world.app.clock.advance(1)
    point(world, ODDER)
    for act in (approve, refuse):
        with pytest.raises(errors.ShortdError) as refused:
            act(world, seen=seen.latest)
        assert refused.value.kind is errors.LINK_NOT_HELD
    approve(world)
    for act in (approve, refuse):
        with pytest.raises(errors.ShortdError) as refused:
            act(world)
        assert refused.value.kind is errors.LINK_NOT_HELD
    point(world, ODD)
    with pytest.raises(errors.ShortdError) as refused:
        refuse(world, "x" * 301)
    assert (refused.value.kind, refused.value.field) == (errors.INVALID_FIELD, "word")
    refuse(world)
    with pytest.raises(errors.ShortdError) as refused:
        refuse(world)
    assert refused.value.kind is errors.LINK_NOT_HELD
    # What its owner does meanwhile leaves it refused.
    point(world, GOOD)
    assert not row(world).enabled
    assert approve(world).enabled
    assert row(world).rare is None
    point(world, ODD)
    world.v1.call("delete", shorturl=world.short_url)
    assert waiting(world) == []
    for act in (approve, refuse):
        with pytest.raises(errors.ShortdError) as refused:
            act(world)
        assert refused.value.kind is errors.ENTRY_NOT_FOUND


def test_a_deletion_that_is_undone_lets_nothing_go(world: World) -> None:
    point(world, ODD)
    services, now = world.app.services, world.app.clock.now()
    act = world.app.run(services.links.bulk.delete(world.v1.account, [world.id], now)).act
    assert waiting(world) == []
    with pytest.raises(errors.ShortdError) as refused:
        approve(world)
    assert refused.value.kind is errors.ENTRY_NOT_FOUND
    world.app.run(services.links.undoing.undo(world.v1.account, act, now))
    assert waiting(world) == [world.id]
    assert visit(world)[0] == 403


def test_turning_on_what_was_refused_forgets_it(world: World) -> None:
    point(world, ODD)
    moderation = world.app.services.upkeep.moderation
    assert world.app.run(moderation.turn_on(world.id)).waits
    refuse(world)
    assert world.app.run(moderation.turn_on(world.id)).rare is None
    assert world.app.visit(world.short_url).headers["location"] == ODD


def test_they_stay_held_when_the_plugin_is_gone(tmp_path: Path) -> None:
    with open_app(tmp_path / "data", plugins=[Plain], environ=GENEROUS) as app:
        world = World(app)
        ann = world.v1.account
        point(world, ODD)
    with open_app(tmp_path / "data", plugins=[], environ=GENEROUS) as app:
        world.app = app
        assert visit(world)[0] == 403
        change = TermChanges(destination=GOOD)
        app.run(app.services.links.terms.change(ann, world.id, change))
        assert visit(world)[0] == 403
        assert waiting(world) == [world.id]
        approve(world)
        assert app.visit(world.short_url).headers["location"] == GOOD


def test_a_link_has_room_for_few_that_wait(world: World) -> None:
    urls = [f"{ODD}{number}" for number in range(checking.MOST_HELD + 1)]
    data = {"variants": split(*urls)}
    error = world.v1.refused("set_plugin", shorturl=world.short_url, plugin="ab", data=data)
    assert error["code"] == "destination_refused"
    assert row(world).plugins is None
    data = {"variants": split(*urls[1:])}
    world.v1.call("set_plugin", shorturl=world.short_url, plugin="ab", data=data)
    assert len(holds(world)) == checking.MOST_HELD


class Scripted(Plugin[None, None]):
    """Does what a test has told it to, by URL."""

    name = "scripted"
    answers: dict[str, Any] = {}  # noqa: RUF012

    @hookimpl
    def check_destination(  # type: ignore[override]
        self, url: str
    ) -> Refuse | Hold | None:
        answer = self.answers.get(url)
        if isinstance(answer, BaseException):
            raise answer
        if isinstance(answer, threading.Event):
            answer.wait(20)
            return None
        found: Refuse | Hold | None = answer
        return found


class ScriptedWaiting(Scripted):
    """The same on a loop."""

    @hookimpl
    async def check_destination(self, url: str) -> Refuse | Hold | None:  # type: ignore[override]
        answer = self.answers.get(url)
        if isinstance(answer, threading.Event):
            await asyncio.sleep(20)
        if isinstance(answer, BaseException):
            raise answer
        found: Refuse | Hold | None = answer
        return found


ANSWERS: dict[str, Any] = {
    "raises": RuntimeError("no network"),
    "hangs": threading.Event(),
    "number": 7,
    "kind": Refuse,
    "wordless": Refuse(None),  # type: ignore[arg-type]
    "bytes": Hold(b"\xff"),  # type: ignore[arg-type]
    "endless": Refuse("x" * 1_000_000),
    "strange": Hold("a\n\x00\u202eb\ud800  c"),
    "nothing": Refuse(""),
}
KEPT = {
    "endless": "x" * 299 + "…",
    "strange": "a b c",
    "nothing": errors.DESTINATION_REFUSED.message,
}


@pytest.mark.parametrize("kind", [Scripted, ScriptedWaiting])
def test_a_check_that_fails_has_said_nothing(
    kind: type[Scripted], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ANSWERS["hangs"].clear()
    monkeypatch.setattr(
        Scripted, "answers", {f"{GOOD}{name}": one for name, one in ANSWERS.items()}
    )
    with open_app(tmp_path / "d", plugins=[kind], environ=GENEROUS, tolerant=True) as app:
        world = World(app)
        for name in ANSWERS:
            # Only what never comes is not waited for.
            monkeypatch.setattr(asking, "SECONDS", 0.2 if name == "hangs" else 60)
            # Failures are counted within a minute.
            app.clock.advance(3600)
            url = f"{GOOD}{name}"
            if isinstance(ANSWERS[name], Refuse) and name in KEPT:
                error = world.v1.refused("url", url=url)
                assert (error["code"], error["message"]) == ("destination_refused", KEPT[name])
            else:
                entry = world.v1.call("url", url=url)["entry"]
                assert entry.get("held") == KEPT.get(name)
            # What hangs in its thread keeps those behind it waiting, until it ends.
            ANSWERS["hangs"].set()


class Always(dict[str, Any]):
    """One answer to everything."""

    def get(self, key: str, default: Any = None) -> Any:
        return self["all"]


def test_a_check_that_fails_again_and_again_is_not_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Scripted, "answers", Always(all=RuntimeError("no network")))
    with open_app(tmp_path / "d", plugins=[Scripted], environ=GENEROUS, tolerant=True) as app:
        world = World(app)
        for _ in range(STRIKES):
            world.v1.call("url", url=BAD)
        monkeypatch.setattr(Scripted, "answers", {BAD: Refuse(SAID)})
        world.v1.call("url", url=BAD)


@pytest.mark.parametrize("kind", [Scripted, ScriptedWaiting])
def test_nobody_has_a_check_left_alone_by_addresses_that_it_fails_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: type[Scripted]
) -> None:
    odd = "https://odd.example/"
    answers = {odd: RuntimeError("cannot read this"), BAD: Refuse(SAID)}
    monkeypatch.setattr(Scripted, "answers", answers)
    with open_app(tmp_path / "d", plugins=[kind], environ=GENEROUS, tolerant=True) as app:
        world = World(app)
        for _ in range(3 * STRIKES):
            world.v1.call("url", url=odd)
            assert world.v1.refused("url", url=BAD)["code"] == "destination_refused"
        assert app.get("/-/health").json()["status"] == "ok"


class Slow(Plugin[None, None]):
    """Answers when it is told to, and knows how many it is asked at once."""

    name = "slow"

    def start(self) -> None:
        self.now = self.most = 0
        self.go = threading.Event()
        self.go.set()
        self.begun = threading.Event()

    @hookimpl
    async def check_destination(
        self, url: str, link: Link | None, account: Account | None
    ) -> Hold | None:
        self.now += 1
        self.most = max(self.most, self.now)
        self.begun.set()
        while not self.go.is_set():
            await asyncio.sleep(0.001)
        await asyncio.sleep(0)
        self.now -= 1
        return Hold(DOUBT) if url.startswith(ODD) else None


def slow_of(app: RunningApp) -> Slow:
    plugin: Any = app.services.plugin_runtime.plugins.running["slow"].plugin
    assert isinstance(plugin, Slow)
    return plugin


def test_what_changes_meanwhile_is_asked_about_anew(tmp_path: Path) -> None:
    with open_app(tmp_path / "d", plugins=[Slow], environ=GENEROUS) as app:
        world, slow = World(app), slow_of(app)
        services, ann = app.services, world.v1.account

        async def both() -> None:
            """While the first waits for its check, the second takes away what it would keep."""
            slow.go.clear()
            slow.begun.clear()
            change = TermChanges(destination=ODD)
            first = asyncio.create_task(services.links.terms.change(ann, world.id, change))
            await asyncio.to_thread(slow.begun.wait, 60)

            def elsewhere(txn: Any) -> None:
                link = LINKS_BY_ID.get(txn, (world.id,))
                assert link is not None
                LINKS.put(txn, (link.host, link.code), structs.replace(link, url=ODDER))

            await services.store.write(elsewhere)
            slow.go.set()
            await first

        app.run(both())
        assert (row(world).url, holds(world)) == (ODD, [ODD])


def offers(*urls: str, **given: Any) -> list[LinkOffer]:
    return [
        LinkOffer(
            str(number), SourceLink(key=str(number), row="7", code=f"c{number}", url=url, **given)
        )
        for number, url in enumerate(urls)
    ]


def imported(world: World, some: Sequence[LinkOffer], *, apply: bool = True) -> list[Said]:
    now = world.app.clock.now()
    imports = world.app.services.upkeep.imports
    return world.app.run(imports.links(world.v1.account, "csv", some, {}, now, apply=apply))


def test_imports_ask_about_few_at_once(tmp_path: Path) -> None:
    with open_app(tmp_path / "d", plugins=[Slow], environ=GENEROUS) as app:
        world, slow = World(app), slow_of(app)
        many = offers(*(f"{GOOD}{number}" for number in range(600)))
        assert {one.result for one in imported(world, many)} == {"made"}
        assert 1 < slow.most <= asking.AT_ONCE


def test_imports_tell_of_each_link(world: World) -> None:
    some = offers(BAD, ODD, GOOD)
    for apply in (False, True):
        bad, odd, good = imported(world, some, apply=apply)
        assert (bad.result, bad.reasons, bad.note) == ("skipped", ("destination_refused",), SAID)
        assert (odd.result, good.result) == ("made", "made")
    assert waiting(world) == [odd.id]
    asked = len(of(world).asked)
    assert [one.result for one in imported(world, some)] == ["skipped", "unchanged", "unchanged"]
    assert len(of(world).asked) == asked + 1, "of what is here nobody is asked"


def test_imports_do_without_what_is_refused_beside_it(world: World) -> None:
    [said] = imported(
        world,
        offers(
            GOOD, terms=Terms(count_fallback=BAD), plugins={"ab": {"variants": split(GOOD, BAD)}}
        ),
    )
    assert said.result == "made_with_notes"
    assert said.reasons == (Reason.FALLBACK, Reason.NO_PLACE)
    assert said.note.count(SAID) == 2
    link = row(world, said.id)
    assert (link.plugins, link.terms.count_fallback, link.held) == (None, "", None)


def test_nothing_is_paid_where_nobody_checks(app: RunningApp) -> None:
    assert not app.services.links.links.checks.are_asked
    assert not app.services.plugin_runtime.checks.plugins


def test_files_are_asked_about_where_they_lead_in_the_end(tmp_path: Path) -> None:
    with open_app(tmp_path / "d", plugins=[Waiting], environ=GENEROUS) as app:
        world = World(app)
        for url, held in ((GOOD, None), (ODD, DOUBT)):
            assert store_file(app, world, url)["output"]["entry"].get("held") == held
        links, used = len(world.rows()), blobs(tmp_path)
        error = store_file(app, world, BAD)["error"]
        assert (error["code"], error["field"]) == ("destination_refused", "date_fallback")
        assert len(world.rows()) == links
        assert blobs(tmp_path) == used, "its bytes are gone"


def blobs(folder: Path) -> list[Path]:
    return sorted(path for path in (folder / "d" / "files").rglob("*") if path.is_file())


def store_file(app: RunningApp, world: World, fallback: str) -> dict[str, Any]:
    ends = app.clock.now() + 10**12
    query = {
        **{"userid": world.v1.userid, "token": world.v1.token, "filename": "note.txt"},
        **{"filesize": 5, "expiration_utime": ends, "date_fallback": fallback},
    }
    body = (
        f'--x\r\nContent-Disposition: form-data; name="query"\r\n\r\n{json.dumps(query)}\r\n'
        '--x\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\nHello\r\n--x--'
    )
    headers = {"content-type": "multipart/form-data; boundary=x"}
    answer: dict[str, Any] = app.request("POST", "/v2/file", content=body, headers=headers).json()
    return answer


def test_all_apis_tell_of_it(world: World) -> None:
    point(world, ODD)
    ann = world.v1
    [link] = [one for one in ann.ask("entity/link/list")["links"] if one["id"] == world.link_id]
    assert (link["status"], link["held"]) == ("N", DOUBT)
    told = ann.call("explain", shorturl=world.short_url, visitor={})
    assert (told["outcome"], told["location"]) == ("held", "")
    assert told["steps"][-1]["answer"] == "no"
    page = html.unescape(world.surfer.get(f"/-/links/{world.id}/explain").text)
    assert "This visitor is told that the link is being checked" in page
    assert "Has it been let go?" in page
    approve(world)
    [link] = [one for one in ann.ask("entity/link/list")["links"] if one["id"] == world.link_id]
    assert link["status"] == "Y"
    assert "held" not in link


def test_a_plugin_that_holds_everything_passes_its_own_test() -> None:
    check_plugin(HoldsAll)


class HoldsAll(Plugin[None, None]):
    """Trusts nobody."""

    name = "holds_all"

    @hookimpl
    def check_destination(
        self, url: str, link: Link | None, account: Account | None
    ) -> Refuse | Hold | None:
        return Hold("Everything is looked at.")
