"""What an address is worth once its minute is over, and what it never was worth."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from shortd.testing import RunningApp, open_app
from shortd.upkeep.administration import Changes
from tests.conftest import GENEROUS
from tests.sharing.sharing import SECRECY, Json, Sharer, frames, sharer

DATA = bytes(range(256)) * 4
HOURS = 3600.0


class Held:
    """An address that somebody holds."""

    def __init__(self, owner: Sharer, address: str, filekey: str) -> None:
        self._app = owner.app
        self.address = address
        self.etag = f'"{filekey}"'

    def get(self, method: str = "GET", address: str = "", **headers: str) -> httpx.Response:
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        return self._app.request(method, address or self.address, headers=fields)


@pytest.fixture
def entry(owner: Sharer) -> Json:
    return owner.share(DATA, filetype="video/mp4")


@pytest.fixture
def held(owner: Sharer, entry: Json) -> Held:
    return Held(owner, owner.address(entry), entry["filekey"])


def path_of(entry: Json) -> str:
    return "/" + str(entry["shorturl"]).rpartition("/")[2]


def is_led_back(response: httpx.Response, entry: Json) -> bool:
    assert response.headers["cache-control"] == "no-store"
    return (response.status_code, response.headers["location"]) == (302, path_of(entry))


@pytest.mark.parametrize("seconds", [60, 61, 5 * HOURS, 6 * HOURS + 59.9])
@pytest.mark.parametrize("condition", ["if_range", "if_match"])
def test_players_seek_and_downloads_go_on(
    app: RunningApp, held: Held, seconds: float, condition: str
) -> None:
    app.clock.advance(seconds)
    for asked, start, stop in (("0-0", 0, 1), ("100-", 100, 1024), ("-24", 1000, 1024)):
        response = held.get(range=f"bytes={asked}", **{condition: held.etag})
        assert (response.status_code, response.content) == (206, DATA[start:stop])
    response = held.get(range="bytes=5000-", **{condition: held.etag})
    assert response.status_code == 416


def test_a_list_of_tags(app: RunningApp, held: Held, entry: Json) -> None:
    app.clock.advance(60)
    assert held.get(range="bytes=1-1", if_match=f'"other", {held.etag}').status_code == 206
    for other in ('"other"', "*", f"W/{held.etag}", "", held.etag.strip('"')):
        assert is_led_back(held.get(range="bytes=1-1", if_match=other), entry), other


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"range": "bytes=1-"},
        {"range": "bytes=0-", "if_range": '"other"'},
        {"range": "bytes=1-", "if_range": "W/{etag}"},
        {"range": "bytes=1-", "if_range": "Wed, 21 Oct 2015 07:28:00 GMT"},
        {"range": "nonsense", "if_range": "{etag}"},
        {"range": "items=1-2", "if_range": "{etag}"},
        {"if_range": "{etag}"},
        {"if_match": "{etag}"},
        {"if_none_match": "{etag}"},
    ],
    ids=str,
)
def test_everything_else_begins_anew(
    app: RunningApp, held: Held, entry: Json, headers: dict[str, str]
) -> None:
    app.clock.advance(60)
    fields = {name: value.format(etag=held.etag) for name, value in headers.items()}
    assert is_led_back(held.get(**fields), entry)
    # A reload ends up with the file, by a visit like any.
    back = held.get(**fields).headers["location"]
    assert app.get(app.get(back).headers["location"]).content == DATA


def test_after_six_hours_all_begin_anew(app: RunningApp, held: Held, entry: Json) -> None:
    app.clock.advance(60 + 6 * HOURS)
    assert is_led_back(held.get(range="bytes=1-", if_range=held.etag), entry)
    app.clock.advance(10_000 * HOURS)


def test_head_is_no_way_on(app: RunningApp, held: Held) -> None:
    app.clock.advance(60)
    response = held.get("HEAD", range="bytes=1-", if_range=held.etag)
    assert response.status_code == 403


def test_what_is_forged_stays_refused(app: RunningApp, held: Held) -> None:
    forged = held.address[:-1] + ("0" if held.address[-1] != "0" else "1")
    later = held.address.replace("expires=1", "expires=2")
    for seconds in (0, 60, 7 * HOURS):
        app.clock.advance(seconds)
        for address in (forged, later):
            for headers in ({}, {"range": "bytes=1-", "if_range": held.etag}):
                response = held.get(address=address, **headers)
                assert response.status_code == 403
                assert response.json()["error"]["code"] == "address_expired"


def test_it_leads_back_to_where_the_link_is_now(
    app: RunningApp, owner: Sharer, held: Held, entry: Json
) -> None:
    base = app.services.settings.public_url
    owner.call("change_shorturl", shorturl_old=entry["shorturl"], shorturl_new=f"{base}/newplace")
    assert held.get().content == DATA
    app.clock.advance(60)
    assert held.get().headers["location"] == "/newplace"
    assert held.get(range="bytes=0-0", if_range=held.etag).status_code == 206


def test_on_another_host_it_leads_to_the_whole_short_url(tmp_path: Path) -> None:
    environ = {**GENEROUS, "SHORTD_HOSTS": "https://two.example"}
    with open_app(tmp_path / "data", environ=environ) as app:
        owner = sharer(app)
        entry = owner.share(DATA, host="two.example")
        address = owner.address(entry)
        app.clock.advance(60)
        assert app.get(f"https://two.example{address}").headers["location"] == path_of(entry)
        assert app.get(address).headers["location"] == entry["shorturl"]


def test_an_encrypted_file_tells_programs_that_its_time_is_up(
    app: RunningApp, owner: Sharer
) -> None:
    sealed = owner.share(frames(5, 6), filesize=11, **SECRECY)
    info = app.call(
        "get_protected_file_info", shorturl=sealed["shorturl"], challenge=SECRECY["challenge"]
    )
    held = Held(owner, info["url"], sealed["filekey"])
    assert len(held.get().content) == 2 * 32 + 11
    app.clock.advance(60)
    assert held.get().json()["error"]["code"] == "address_expired"
    assert held.get(range="bytes=9-", if_range=held.etag).status_code == 206


# What no address is worth


def gone(owner: Sharer, entry: Json, how: str) -> None:
    which = {"shorturl": entry["shorturl"]}
    if how == "disabled":
        owner.call("set_enabled", **which, enabled=False)
    elif how == "deleted":
        owner.call("delete", **which)
    elif how == "replaced by a link":
        owner.call("url", url="https://example.com/", **which)
    elif how == "replaced by a file":
        owner.share(b"another", **which)
    elif how == "not yet":
        owner.call("set_terms", **which, valid_since=owner.app.clock.now() + 10**15)
    elif how == "account ended":
        owner.app.clock.advance(31 * 24 * HOURS)


@pytest.mark.parametrize(
    "how",
    ["disabled", "deleted", "replaced by a link", "replaced by a file", "not yet", "account ended"],
)
def test_an_address_ends_with_its_link(
    app: RunningApp, owner: Sharer, held: Held, entry: Json, how: str
) -> None:
    head = owner.follow(entry)
    assert head.status_code == 302
    gone(owner, entry, how)
    for seconds in (0, 61):
        app.clock.advance(seconds)
        for method in ("GET", "HEAD"):
            for headers in ({}, {"range": "bytes=1-", "if_range": held.etag}):
                response = held.get(method, **headers)
                assert response.status_code == 404
                assert DATA[:10] not in response.content
    if how == "disabled":
        owner.call("set_enabled", shorturl=entry["shorturl"], enabled=True)
        assert held.get(range="bytes=1-", if_range=held.etag).status_code == 206


def test_a_locked_account_serves_nothing(app: RunningApp, owner: Sharer, held: Held) -> None:
    administration = app.services.upkeep.administration
    app.run(administration.change(owner.userid, Changes(locked=True)))
    assert held.get().status_code == 404
    app.run(administration.change(owner.userid, Changes(locked=False)))
    assert held.get().content == DATA


def test_an_ended_link_lets_downloads_finish(app: RunningApp, owner: Sharer) -> None:
    entry = owner.share(DATA, expiration_utime=app.clock.now() + 10_000_000)
    held = Held(owner, owner.address(entry), entry["filekey"])
    app.clock.advance(11)
    assert owner.follow(entry).status_code == 410
    assert held.get().content == DATA
    app.clock.advance(60)
    assert held.get(range="bytes=1-", if_range=held.etag).status_code == 206


def test_an_address_for_head_is_good_for_head_alone(
    app: RunningApp, owner: Sharer, entry: Json
) -> None:
    answered = app.request("HEAD", path_of(entry))
    assert answered.status_code == 302
    held = Held(owner, answered.headers["location"], entry["filekey"])
    asked = held.get("HEAD")
    assert (asked.status_code, asked.headers["content-length"]) == (200, str(len(DATA)))
    for headers in ({}, {"range": "bytes=1-"}, {"range": "bytes=1-", "if_range": held.etag}):
        assert is_led_back(held.get(**headers), entry)
    app.clock.advance(61)
    assert held.get("HEAD").status_code == 403
    assert is_led_back(held.get(range="bytes=1-", if_range=held.etag), entry)
    assert owner.entry(entry["shorturl"])["count"] == 0


@pytest.fixture
def poor(tmp_path: Path) -> Iterator[Sharer]:
    """Owner who can pay for twenty visits."""
    environ: dict[str, Any] = {
        **GENEROUS,
        "SHORTD_LIMITS__TEMPORARY__LINK_CAPACITY": "20000",
        "SHORTD_LIMITS__TEMPORARY__LINK_REFILL_RATE": "0",
    }
    with open_app(tmp_path / "poor", environ=environ) as app:
        yield sharer(app)


def test_twenty_visits_of_budget_are_twenty(poor: Sharer) -> None:
    entry = poor.share(DATA)
    fetched = 0
    for _ in range(30):
        head = poor.app.request("HEAD", path_of(entry))
        assert head.status_code == 302, "HEAD is free"
        got = poor.app.get(head.headers["location"])
        assert got.content != DATA
        visit = poor.follow(entry)
        if visit.status_code == 302:
            fetched += poor.app.get(visit.headers["location"]).content == DATA
    assert fetched == 20


@pytest.mark.parametrize("kind", ["script", "worker", "serviceworker", "style"])
def test_no_page_of_this_site_runs_a_file(owner: Sharer, held: Held, kind: str) -> None:
    refused = held.get(sec_fetch_dest=kind, sec_fetch_site="same-origin")
    assert refused.status_code == 403
    assert held.get(sec_fetch_dest=kind, sec_fetch_site="cross-site").content == DATA
    assert held.get(sec_fetch_dest="video", sec_fetch_site="same-origin").content == DATA


def test_all_calls_give_addresses_of_their_own_links(app: RunningApp, owner: Sharer) -> None:
    one, two = owner.share(b"one"), owner.share(b"two")
    first, second = owner.address(one), owner.address(two)
    mixed = first.replace(one["filekey"], two["filekey"])
    assert app.get(mixed).status_code == 403
    link = second.partition("link=")[2].partition("&")[0]
    own = first.partition("link=")[2].partition("&")[0]
    assert app.get(first.replace(f"link={own}", f"link={link}")).status_code == 403
