"""Downloads that go on: of a file that could be fetched once, and of one fetched in pieces."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from shortd.limits.budgets import REDIRECT_WEIGHT, link_key
from shortd.links.terms import TermChanges
from shortd.testing import RunningApp, open_app
from tests.conftest import GENEROUS
from tests.sharing.sharing import SECRECY, Json, Sharer, frames, sharer

DATA = bytes(range(256)) * 4
SIZE = len(DATA)
MINUTES = 60.0
AGENT = "curl/8.4.0"
ADDRESS = "198.51.100.7"
SOMEBODY_ELSE = [
    {"address": "198.51.100.8"},
    {"agent": "Wget/1.21"},
    {"address": "2001:db8::1"},
    {"agent": ""},
]


class Link:
    """A file's link, and a visitor of it."""

    def __init__(self, owner: Sharer, **terms: Any) -> None:
        self.owner = owner
        self.entry: Json = owner.share(DATA, **terms)

    def visit(
        self,
        asked: str = "",
        *,
        method: str = "GET",
        address: str = ADDRESS,
        agent: str = AGENT,
        suffix: str = "",
        **headers: str,
    ) -> httpx.Response:
        """A visit; `asked` are its ranges."""
        fields = {"user-agent": agent, **{name.replace("_", "-"): v for name, v in headers.items()}}
        if asked:
            fields["range"] = f"bytes={asked}"
        url = str(self.entry["shorturl"]) + suffix
        return self.owner.app.request(method, url, headers=fields, address=address)

    def fetch(self, asked: str = "", **options: Any) -> bytes:
        """What a visit gets, its redirect followed."""
        visit = self.visit(asked, **options)
        assert visit.status_code == 302, visit.text
        headers = {"range": f"bytes={asked}"} if asked else {}
        return self.owner.app.get(visit.headers["location"], headers=headers).content

    @property
    def count(self) -> int:
        count: int = self.owner.entry(self.entry["shorturl"])["count"]
        return count


@pytest.fixture
def once(owner: Sharer) -> Link:
    """A file that can be fetched once."""
    return Link(owner, expiration_count=1)


@pytest.fixture
def unlimited(owner: Sharer) -> Link:
    return Link(owner)


def test_a_broken_connection_does_not_lose_the_file(app: RunningApp, once: Link) -> None:
    assert once.visit().status_code == 302
    for seconds in (0, 9 * MINUTES, MINUTES):
        app.clock.advance(seconds)
        assert once.fetch("500-") == DATA[500:]
        assert once.fetch("1-1,700-") != b""
    assert once.count == 1
    app.clock.advance(0.001)
    assert once.visit("500-").status_code == 410


@pytest.mark.parametrize(
    "asked", ["", "0-", "0-99", "-1024", "-5000", "0-0,500-", "nonsense", "5-4"]
)
def test_without_a_range_beyond_the_first_byte_it_is_over(once: Link, asked: str) -> None:
    once.visit()
    assert once.visit(asked).status_code == 410
    assert once.count == 1


@pytest.mark.parametrize("who", SOMEBODY_ELSE, ids=str)
def test_for_somebody_else_it_is_over(once: Link, who: dict[str, str]) -> None:
    once.visit()
    assert once.visit("500-", **who).status_code == 410
    assert once.visit("500-").status_code == 302


def test_who_never_clicked_goes_on_with_nothing(once: Link) -> None:
    # It is his click, and the only one.
    assert once.fetch("500-") == DATA[500:]
    assert once.count == 1
    assert once.visit("500-", agent="other").status_code == 410


@pytest.mark.parametrize("limit", [0, 5, 1])
@pytest.mark.parametrize("suffix", ["", "/", "?qr"])
def test_a_download_in_pieces_is_one_click(owner: Sharer, limit: int, suffix: str) -> None:
    link = Link(owner, expiration_count=limit)
    link.visit(suffix=suffix)
    size = SIZE // 16
    pieces = [link.fetch(f"{n * size}-{n * size + size - 1}", suffix=suffix) for n in range(1, 16)]
    assert b"".join(pieces) == DATA[size:]
    assert link.count == 1


def test_a_second_download_from_the_start_counts(unlimited: Link) -> None:
    for number in range(1, 4):
        assert unlimited.fetch() == DATA
        assert unlimited.fetch("0-99") == DATA[:100]
        assert unlimited.count == 2 * number


def test_each_visitor_has_his_own(unlimited: Link) -> None:
    for number in range(3):
        unlimited.visit(address=f"198.51.100.{number}")
    for number in range(5):
        unlimited.visit("100-", address=f"198.51.100.{number}")
    assert unlimited.count == 5


def test_after_ten_minutes_it_is_another_click(app: RunningApp, unlimited: Link) -> None:
    unlimited.visit()
    app.clock.advance(10 * MINUTES)
    unlimited.visit("100-")
    assert unlimited.count == 1
    app.clock.advance(0.001)
    unlimited.visit("100-")
    assert unlimited.count == 2


def test_other_requests_are_what_they_were(unlimited: Link) -> None:
    unlimited.visit()
    assert unlimited.visit("100-", method="HEAD").status_code == 302
    assert unlimited.visit("100-", suffix="+").status_code == 200
    unlimited.visit("100-", sec_purpose="prefetch")
    assert unlimited.count == 1


def test_links_that_lead_to_pages_count_as_ever(app: RunningApp, owner: Sharer) -> None:
    sealed = owner.share(frames(5), filesize=5, **SECRECY)
    page = owner.shorten()
    for entry in (sealed, page):
        for _ in range(3):
            app.get(entry["shorturl"], headers={"range": "bytes=5-"})
        assert owner.entry(entry["shorturl"])["count"] == 3


def test_what_ends_a_link_ends_it_here_too(app: RunningApp, owner: Sharer) -> None:
    timed = Link(owner, expiration_utime=app.clock.now() + 60_000_000)
    off, gone = Link(owner, expiration_count=1), Link(owner, expiration_count=1)
    for link in (timed, off, gone):
        assert link.visit().status_code == 302
    owner.call("set_enabled", shorturl=off.entry["shorturl"], enabled=False)
    owner.call("delete", shorturl=gone.entry["shorturl"])
    assert off.visit("5-").status_code == gone.visit("5-").status_code == 404
    app.clock.advance(60)
    assert timed.visit("5-").status_code == 410


def test_a_fallback_is_for_others(owner: Sharer) -> None:
    link = Link(owner, expiration_count=1)
    owner.call("set_terms", shorturl=link.entry["shorturl"], count_fallback="https://over.example/")
    link.visit()
    assert link.fetch("9-") == DATA[9:]
    for others in ({"agent": "other"}, {"asked": "0-"}):
        assert link.visit(**others).headers["location"] == "https://over.example/"


def test_who_was_led_to_the_fallback_has_paid_for_no_file(app: RunningApp, owner: Sharer) -> None:
    sealed = owner.share(frames(5), filesize=5, expiration_count=1, **SECRECY)
    plain = owner.share(DATA, expiration_count=1)
    for entry in (sealed, plain):
        which = {"shorturl": entry["shorturl"]}
        owner.call("set_terms", **which, count_fallback="https://over.example/")
        app.get(entry["shorturl"], address="198.51.100.8")
        late = app.get(entry["shorturl"])
        assert late.headers["location"] == "https://over.example/"
    late = app.get(plain["shorturl"], headers={"range": "bytes=9-"})
    assert late.headers["location"] == "https://over.example/"
    inputs = {"shorturl": sealed["shorturl"], "challenge": SECRECY["challenge"]}
    refused = app.refused("get_protected_file_info", **inputs)
    assert refused["code"] == "link_expired"


def test_a_link_with_a_password_asks_for_it(app: RunningApp, owner: Sharer) -> None:
    link = Link(owner, expiration_count=1)
    link.visit()
    owner.call("set_expiration_count", shorturl=link.entry["shorturl"], expiration_count=5)
    services = app.services
    account = services.accounts.logins.authenticate(owner.userid, None, app.clock.now())
    code = str(link.entry["shorturl"]).rpartition("/")[2]
    app.run(services.links.terms.change(account, (0, code), TermChanges(password="secret")))
    response = link.visit("5-")
    assert response.status_code == 200
    assert "password" in response.text


def test_it_is_paid_as_a_redirect(app: RunningApp, owner: Sharer) -> None:
    link = Link(owner)
    limits = app.services.limits
    account = app.services.accounts.logins.authenticate(owner.userid, None, app.clock.now())
    limit = limits.budgets.link_limit(account.type)

    def balance() -> int:
        return limits.budgets.buckets.balance(link_key(owner.userid), limit, app.clock.now())

    link.visit()
    before = balance()
    link.visit("5-")
    assert before - balance() == REDIRECT_WEIGHT


@pytest.fixture
def poor(tmp_path: Path) -> Iterator[Sharer]:
    environ = {
        **GENEROUS,
        "SHORTD_LIMITS__TEMPORARY__LINK_CAPACITY": "2000",
        "SHORTD_LIMITS__TEMPORARY__LINK_REFILL_RATE": "0",
    }
    with open_app(tmp_path / "poor", environ=environ) as app:
        yield sharer(app)


def test_an_owner_who_cannot_pay(poor: Sharer) -> None:
    link = Link(poor)
    assert [link.visit(asked).status_code for asked in ("", "5-", "5-")] == [302, 302, 429]


def test_it_outlives_a_restart(tmp_path: Path) -> None:
    with open_app(tmp_path / "data", environ=GENEROUS) as app:
        link = Link(sharer(app), expiration_count=1)
        link.visit()
        clock = app.clock
    with open_app(tmp_path / "data", environ=GENEROUS, clock=clock) as app:
        link.owner.app = app
        assert link.fetch("5-") == DATA[5:]
        app.drain()
        assert link.fetch("5-") == DATA[5:]
        clock.advance(601)
        app.sweep()
        assert link.visit("5-").status_code == 410


def test_unique_clicks_are_counted_as_ever(app: RunningApp, owner: Sharer) -> None:
    link = Link(owner)
    owner.call("set_terms", shorturl=link.entry["shorturl"], unique_minutes=60)
    for _ in range(3):
        link.visit()
        link.visit("5-")
    assert link.count == 3
    with app.services.store.read() as txn:
        live = app.services.clicks.clicks.live(txn, link.entry["id"])
    assert (live.count, live.unique) == (3, 1)
