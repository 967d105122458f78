"""`self.links`: as an account, and as the operator."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from msgspec import Struct

from shortd.links.terms import TermChanges
from shortd.models.audit import Way
from shortd.plugin import Account, BadData, Link, Links, LinkTerms, NoServer, Plugin, Refused
from shortd.plugin_runtime.facts import shown_account
from shortd.store.schema import ACCOUNTS, LINKS
from shortd.testing import RunningApp, open_app
from tests.conftest import GENEROUS
from tests.web.admin.conftest import command, lines, make_operator
from tests.web.surfer import OWN, Surfer

OTHER = "http://other.example"
HOSTS = {"SHORTD_HOSTS": f'["{OTHER}"]'}


class Note(Struct, frozen=True, forbid_unknown_fields=True):
    text: str = ""


class Maker(Plugin[None, Note]):
    """Makes links."""

    name = "maker"
    Data = Note

    def start(self) -> None:
        with pytest.raises(NoServer):
            _ = self.links.make

    def check(self, data: Note, link: Link) -> None:
        if data.text == "bad":
            raise BadData("Not that.", "text")


class Desk:
    """A plugin's links, and who is there."""

    def __init__(self, app: RunningApp) -> None:
        self.app = app
        self.links: Links = app.plugin(Maker).links
        self.people = {name: Surfer(app) for name in ("ann", "ben", "lou")}
        for name, surfer in self.people.items():
            surfer.sign_up(name)
        command(app, "user lock", user="lou")
        self.guest = app.call("temporary_account")["userid"]

    def account(self, name: str) -> Account:
        row = self.app.services.accounts.accounts.named(name)
        assert row is not None
        return shown_account(row)

    def do(self, work: Any) -> Any:
        return self.app.run(work)

    def refusal(self, work: Any) -> tuple[str, str | None]:
        with pytest.raises(Refused) as refused:
            self.app.run(work)
        return refused.value.code, refused.value.field

    def rows(self) -> list[Any]:
        with self.app.services.store.read() as txn:
            return [row for _, row in LINKS.scan(txn)]

    def audited(self) -> list[tuple[str, str]]:
        return [
            (entry.action.value, entry.name) for entry in lines(self.app) if entry.way is Way.PLUGIN
        ]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("maker")
    with open_app(folder, plugins=[Maker], environ=GENEROUS | HOSTS) as app:
        yield Desk(app)


def test_a_link_has_what_it_is_given(desk: Desk) -> None:
    ann = desk.account("ann")
    link = desk.do(
        desk.links.make(
            " https://example.com/a ",
            account=ann,
            code="given",
            host="other.example",
            data=Note("hello"),
            title="A  title",
            tags=["one"],
            expiration_count=3,
            password="open",
            utm_source="plugin",
        )
    )
    assert (link.short_url, link.url, link.owner) == (
        f"{OTHER}/given",
        "https://example.com/a",
        ann.userid,
    )
    assert (link.title, link.tags, link.expiration_count) == ("A title", ("one",), 3)
    data = desk.people["ann"].call("get_plugin", shorturl=link.short_url, plugin="maker")
    assert data["data"] == {"text": "hello"}
    assert desk.app.visit(link.short_url).status_code == 200
    assert desk.do(desk.links.find(link.short_url)) == link
    assert desk.do(desk.links.find("other.example/given", account=ann)) == link
    assert desk.do(desk.links.find(link.short_url, account=desk.account("ben"))) is None
    assert desk.audited() == []


def test_what_the_operator_does_is_noted(desk: Desk) -> None:
    before = len(desk.audited())
    link = desk.do(desk.links.make("https://example.com/o"))
    desk.do(desk.links.change(link, url="https://example.com/p", title="T"))
    desk.do(desk.links.disable(link.short_url, reason="why"))
    assert desk.app.visit(link.short_url).status_code == 404
    desk.do(desk.links.enable(link))
    assert desk.do(desk.links.set_data(link, {"text": "x"})).id == link.id
    assert desk.app.visit(link.short_url).headers["location"] == "https://example.com/p"
    said = desk.audited()[: len(desk.audited()) - before]
    assert said == [
        ("change_link", "maker"),
        ("turn_on_link", "maker"),
        ("turn_off_link", "maker"),
        ("change_link", "maker"),
        ("add_link", "maker"),
    ]
    assert lines(desk.app)[2].reason == "why"


def test_what_the_operator_turned_off_stays_off(desk: Desk) -> None:
    ann = desk.account("ann")
    link = desk.do(desk.links.make("https://example.com/off", account=ann))
    desk.do(desk.links.disable(link, account=ann))
    assert desk.do(desk.links.enable(link, account=ann)).enabled
    desk.do(desk.links.disable(link))
    assert desk.refusal(desk.links.enable(link, account=ann))[0] == "forbidden"


NO_TEXT: Any = 5
REFUSED: dict[str, tuple[Callable[[Desk], Any], tuple[str, str | None]]] = {
    "no URL": (lambda d: d.links.make("nonsense"), ("invalid_url", "url")),
    "no text": (lambda d: d.links.make(NO_TEXT), ("invalid_field", "url")),
    "half a pair": (lambda d: d.links.make("https://x.example/\ud800"), ("invalid_field", "url")),
    "loops": (lambda d: d.links.make(f"{OWN}/x"), ("url_loops", "url")),
    "no host": (
        lambda d: d.links.make("https://x.example/", host="nowhere.example"),
        ("unknown_host", "host"),
    ),
    "own address": (
        lambda d: d.links.make("https://x.example/", code="-x", account=d.account("ann")),
        ("invalid_code", "code"),
    ),
    "a taken code": (
        lambda d: d.links.make(
            "https://x.example/", code="given", host=OTHER, account=d.account("ben")
        ),
        ("code_taken", "code"),
    ),
    "the operator takes no code away": (
        lambda d: d.links.make("https://x.example/", code="given", host=OTHER),
        ("code_taken", "code"),
    ),
    "a locked account": (
        lambda d: d.links.make("https://x.example/", account=d.account("lou")),
        ("account_locked", None),
    ),
    "no account": (
        lambda d: d.links.make("https://x.example/", account="x" * 32),
        ("account_not_found", "account"),
    ),
    "a wrong term": (
        lambda d: d.links.make("https://x.example/", title=NO_TEXT),
        ("invalid_field", "title"),
    ),
    "a term that cannot be": (
        lambda d: d.links.make("https://x.example/", title="x" * 600),
        ("invalid_field", "title"),
    ),
    "bad data": (
        lambda d: d.links.make("https://x.example/", data=Note("bad")),
        ("invalid_field", "data.text"),
    ),
    "data of another type": (
        lambda d: d.links.make("https://x.example/", data={"other": 1}),
        ("invalid_field", "data"),
    ),
    "no data": (
        lambda d: d.links.make("https://x.example/", data={"text": object()}),
        ("invalid_field", "data"),
    ),
    "somebody else's": (
        lambda d: d.links.change(f"{OTHER}/given", account=d.account("ben"), title="x"),
        ("entry_not_found", "shorturl"),
    ),
    "not there": (lambda d: d.links.disable(f"{OWN}/nowhere"), ("entry_not_found", "link")),
    "not ours": (
        lambda d: d.links.set_data("https://x.example/y", None),
        ("entry_not_found", "link"),
    ),
    "a bad destination": (
        lambda d: d.links.change(f"{OTHER}/given", url="ftp://x.example/"),
        ("invalid_url", "url"),
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_changes_nothing(desk: Desk, case: str) -> None:
    work, refusal = REFUSED[case]
    before = desk.audited(), desk.rows()
    assert desk.refusal(work(desk)) == refusal
    assert (desk.audited(), desk.rows()) == before


def test_a_term_that_there_is_not_is_the_authors_mistake(desk: Desk) -> None:
    with pytest.raises(TypeError, match="colour"):
        desk.do(desk.links.make("https://x.example/", colour="red"))  # type: ignore[call-arg]


def test_authors_know_all_terms() -> None:
    named = {"code", "destination"}
    assert set(LinkTerms.__annotations__) == set(TermChanges.__struct_fields__) - named


def test_lists_go_on_behind_a_link(desk: Desk) -> None:
    ben = desk.account("ben")
    made = [
        desk.do(desk.links.make(f"https://example.com/list/{number}", account=ben))
        for number in range(5)
    ]
    first = desk.do(desk.links.of(ben, limit=3))
    assert first == made[:1:-1]
    assert desk.do(desk.links.of(ben.userid, after=first[-1], limit=0)) == [made[1]]
    assert desk.do(desk.links.of(ben, after=first[-1])) == made[1::-1]
    found = desk.do(desk.links.search("EXAMPLE.com/list/3"))
    assert found == [made[3]]
    assert len(desk.do(desk.links.search("/list/", limit=2))) == 2


def test_all_links_are_gone_through_page_by_page(desk: Desk) -> None:
    for number in range(7):
        desk.do(desk.links.make(f"https://example.com/all/{number}", account=desk.account("ben")))
    seen: list[Link] = []
    while page := desk.do(desk.links.all(after=seen[-1] if seen else None, limit=3)):
        assert len(page) <= 3
        seen += page
    assert len({link.id for link in seen}) == len(seen)
    assert {f"https://example.com/all/{number}" for number in range(7)} <= {
        link.url for link in seen
    }
    # It goes on behind one that is not there any more.
    place = next(
        at for at, link in enumerate(seen) if link.url.startswith("https://example.com/all")
    )
    desk.do(desk.app.services.upkeep.moderation.delete(seen[place].id))
    assert desk.do(desk.links.all(after=seen[place], limit=1000)) == seen[place + 1 :]


def test_an_account_pays_for_what_it_has_made(desk: Desk, tmp_path: Any) -> None:
    poor = {**GENEROUS, "SHORTD_LIMITS__REGISTERED__API_CAPACITY": "5000"}
    with open_app(tmp_path / "poor", plugins=[Maker], environ=poor) as app:
        Surfer(app).sign_up("ann")
        links = app.plugin(Maker).links
        account = app.services.accounts.accounts.named("ann")
        assert account is not None
        with pytest.raises(Refused) as refused:
            for number in range(9):
                app.run(links.make(f"https://example.com/{number}", account=account.userid))
        assert refused.value.code == "rate_limited" and refused.value.retry_after
        app.run(links.make("https://example.com/operator"))


def test_the_operators_links_are_the_only_operators(tmp_path: Any) -> None:
    with open_app(tmp_path / "who", plugins=[Maker], environ=GENEROUS) as app:
        links = app.plugin(Maker).links
        assert app.run(links.make("https://example.com/1")).owner == "@anonymous"
        olga = make_operator(app)
        Surfer(app).sign_up("ann")
        assert app.run(links.make("https://example.com/2")).owner == olga.credentials["userid"]
        make_operator(app, "otto")
        assert app.run(links.make("https://example.com/3")).owner == "@anonymous"


def test_a_guest_makes_links_of_his_own(desk: Desk) -> None:
    link = desk.do(desk.links.make("https://example.com/g", account=desk.guest))
    assert link.owner == desk.guest
    with desk.app.services.store.read() as txn:
        assert ACCOUNTS.get(txn, (desk.guest,)) is not None


def test_links_are_made_from_other_loops_and_threads(desk: Desk) -> None:
    """As observers do, in the plugin's own threads."""
    running = desk.app.services.plugin_runtime.plugins.running["maker"]

    async def from_elsewhere() -> Link:
        return await running.worker.run(desk.links.make("https://example.com/elsewhere"))

    assert desk.do(from_elsewhere()).url == "https://example.com/elsewhere"
