"""The call `file`, and what can be done with the link it makes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shortd.api.v2 import forms
from shortd.clock import SECOND
from shortd.models.common import NEVER
from shortd.testing import RunningApp, open_app
from tests.api.v2.envelopes import check_entry, checked
from tests.api.v2.people import path_of, registered
from tests.conftest import GENEROUS
from tests.sharing.sharing import (
    FORM_TYPE,
    SECRECY,
    Json,
    Sharer,
    assert_nothing_kept,
    assert_sound,
    error,
    file_form,
    file_part,
    form,
    frames,
    output,
    part,
    query_part,
    sharer,
    stored,
)

DATA = bytes(range(256)) * 16


@pytest.mark.parametrize("query_first", [True, False], ids=["query first", "file first"])
@pytest.mark.parametrize("size", [0, 1, 65_535, 1 << 20, (1 << 20) + 1, 2_500_000])
def test_what_comes_is_what_goes(
    app: RunningApp, owner: Sharer, size: int, query_first: bool
) -> None:
    data = (DATA * (size // len(DATA) + 1))[:size]
    response = owner.send(data, query_first=query_first, filetype="image/png")
    envelope = checked(response, "file")
    entry = envelope["output"]["entry"]
    check_entry(entry)
    assert (entry["url"], entry["filetype"], entry["filesize"]) == ("notes.txt", "image/png", size)
    assert envelope["weight"] == 1000 + 100 * (size // 1_000_000)
    assert "warnings" not in envelope
    assert owner.fetch(entry) == data
    assert stored(app, owner) == size
    assert owner.entry(entry["shorturl"]) == {**entry, "count": 1}
    assert_sound(app)


@pytest.mark.parametrize("name", ["files", "file", "", "notes.txt", "Query", "ä"])
def test_the_file_part_has_any_name(owner: Sharer, name: str) -> None:
    body = form(query_part(owner.query(b"data")), part(name, b"data"))
    entry = output(owner.post_form("file", body))["entry"]
    assert owner.fetch(entry) == b"data"


def test_the_query_decides_and_not_the_part(owner: Sharer) -> None:
    """The part's own file name and type mean nothing."""
    query = owner.query(b"data", filename="right.txt", filetype=None)
    body = form(query_part(query), part("f", b"data", "Content-Type: a/b", filename="wrong"))
    entry = output(owner.post_form("file", body))["entry"]
    assert (entry["url"], entry["filetype"]) == ("right.txt", "")


def test_a_registered_owner(app: RunningApp) -> None:
    member = registered(app)
    owner = Sharer(app, member.userid, member.token)
    entry = owner.share(b"data")
    assert entry["userid"] == member.userid
    assert error(Sharer(app, member.userid).send(b"data")) == (401, "token_required", "token")
    assert error(Sharer(app, member.userid, "x" * 32).send(b"data"))[0] == 401
    assert_sound(app)


def test_unknown_fields_are_named(owner: Sharer) -> None:
    response = owner.send(b"data", fielsize=3)
    assert response.json()["warnings"] == ["unknown field: fielsize"]


class TestTerms:
    def test_all_of_them(self, app: RunningApp, owner: Sharer) -> None:
        until = app.clock.now() + 10 * SECOND
        terms = {"tag": -5, "expiration_count": 7, "expiration_utime": until}
        entry = owner.share(b"data", code="MyNotes", **terms)
        assert entry["shorturl"] == "http://127.0.0.1:8080/MyNotes"
        assert {name: entry[name] for name in terms} == terms
        assert owner.share(b"data")["expiration_utime"] == NEVER

    @pytest.mark.parametrize("place", [{"host": "s.example"}, {"shorturl": "s.example/MyNotes"}])
    def test_another_host(self, tmp_path: Path, place: dict[str, str]) -> None:
        environ = {**GENEROUS, "SHORTD_HOSTS": '["https://s.example"]'}
        with open_app(tmp_path / "data", environ=environ) as app:
            owner = sharer(app)
            entry = owner.share(b"data", code="Ignored", **place)
            assert entry["shorturl"].startswith("https://s.example/")
            assert app.get(path_of(entry)).status_code == 404
            assert owner.fetch(entry) == b"data"

    def test_a_qr_code(self, owner: Sharer) -> None:
        entry = owner.share(b"data", qr={"format": "png"})
        check_entry(entry, qrcode=True)
        assert entry["qrcode"]["format"] == "png"
        asked = owner.entry(entry["shorturl"], qr={"format": "png"})
        assert asked["qrcode"] == entry["qrcode"]
        assert owner.follow({"shorturl": entry["shorturl"] + ".svg"}).status_code == 200

    def test_tags_find_files(self, owner: Sharer) -> None:
        tagged = owner.share(b"data", tag=6)
        owner.share(b"data", tag=1)
        assert [one["id"] for one in owner.entries(tagmask_and=2)] == [tagged["id"]]

    def test_time_ends_it(self, app: RunningApp, owner: Sharer) -> None:
        entry = owner.share(b"data", expiration_utime=app.clock.now() + 10 * SECOND)
        assert owner.fetch(entry) == b"data"
        app.clock.advance(10)
        assert owner.follow(entry).status_code == 410

    @pytest.mark.parametrize("limit", [1, 3])
    def test_clicks_end_it(self, owner: Sharer, limit: int) -> None:
        entry = owner.share(b"data", expiration_count=limit)
        address = [owner.address(entry) for _ in range(limit)][-1]
        assert owner.follow(entry).status_code == 410
        # What the last visitor was given still works.
        assert owner.app.get(address).content == b"data"
        assert owner.entry(entry["shorturl"])["count"] == limit


class TestVisits:
    def test_what_is_no_click(self, app: RunningApp, owner: Sharer) -> None:
        entry = owner.share(b"data")
        path = path_of(entry)
        for method, headers in (
            ("HEAD", {}),
            ("GET", {"sec-purpose": "prefetch"}),
            ("HEAD", {"user-agent": "Slackbot-LinkExpanding 1.0"}),
        ):
            response = app.request(method, path, headers=headers)
            assert response.status_code == 302
            assert app.request(method, response.headers["location"]).status_code == 200
        assert owner.entry(entry["shorturl"])["count"] == 0
        assert owner.follow({"shorturl": entry["shorturl"] + "?qr"}).status_code == 302
        shown = owner.entry(entry["shorturl"])
        assert (shown["count"], shown["count_qr"]) == (1, 1)

    @pytest.mark.parametrize("secrecy", [{}, SECRECY], ids=["plain", "encrypted"])
    def test_a_limited_file_is_no_robots_business(
        self, app: RunningApp, owner: Sharer, secrecy: Json
    ) -> None:
        data = frames(4) if secrecy else b"data"
        name = "salaries.pdf"
        entry = owner.share(data, filename=name, filesize=4, expiration_count=1, **secrecy)
        path = path_of(entry)
        for method, headers in (
            ("HEAD", {}),
            ("GET", {"sec-purpose": "prefetch"}),
            ("GET", {"user-agent": "Slackbot-LinkExpanding 1.0"}),
            ("GET", {"user-agent": "Synapse (bot; +https://github.com/matrix-org/synapse)"}),
            ("GET", {"user-agent": "acme-unfurler/1.0"}),
            ("GET", {"x-purpose": "preview"}),
        ):
            response = app.request(method, path, headers={"accept": "text/html", **headers})
            assert response.status_code == 200
            assert "location" not in response.headers
            for secret in (name, "/-/files/", entry["filekey"], "/-/unlock"):
                assert secret not in response.text
        assert owner.entry(entry["shorturl"])["count"] == 0
        assert owner.address(entry)


class TestChanges:
    def test_disabled(self, owner: Sharer) -> None:
        entry = owner.share(b"data")
        owner.call("set_enabled", shorturl=entry["shorturl"], enabled=False)
        assert owner.follow(entry).status_code == 404
        owner.call("set_enabled", shorturl=entry["shorturl"], enabled=True)
        assert owner.fetch(entry) == b"data"

    def test_moved(self, app: RunningApp, owner: Sharer) -> None:
        entry = owner.share(b"data")
        new = "http://127.0.0.1:8080/Elsewhere"
        owner.call("change_shorturl", shorturl_old=entry["shorturl"], shorturl_new=new)
        assert owner.follow(entry).status_code == 404
        moved = owner.entry(new)
        assert moved == {**entry, "shorturl": new}
        assert owner.fetch(moved) == b"data"
        assert_sound(app)

    def test_deleted(self, app: RunningApp, owner: Sharer) -> None:
        entry = owner.share(b"data")
        address = owner.address(entry)
        owner.call("delete", shorturl=entry["shorturl"])
        assert owner.follow(entry).status_code == 404
        assert app.get(address).status_code == 404
        assert_nothing_kept(app)

    @pytest.mark.parametrize("by", ["file", "url", "finalize"])
    def test_replaced(self, app: RunningApp, owner: Sharer, by: str) -> None:
        old = owner.share(b"the old one", code="MyNotes")
        if by == "file":
            new = owner.share(b"new", code="MyNotes")
        elif by == "url":
            new = owner.shorten(code="MyNotes")
        else:
            new = owner.share_in_parts([b"n", b"ew"], code="MyNotes")
        assert new["id"] != old["id"]
        assert stored(app, owner) == (0 if by == "url" else 3)
        assert_sound(app)
        if by == "url":
            assert_nothing_kept(app)
        else:
            assert owner.fetch(new) == b"new"

    def test_another_accounts_code_is_taken(
        self, app: RunningApp, owner: Sharer, other: Sharer
    ) -> None:
        entry = owner.share(b"data", code="MyNotes")
        assert error(other.send(b"mine", code="MyNotes")) == (409, "code_taken", "code")
        assert other.refused("url", url="https://example.com/", code="MyNotes")
        assert stored(app, other) == 0
        assert_sound(app)
        assert owner.fetch(entry) == b"data"

    def test_another_account_finds_none_of_it(self, owner: Sharer, other: Sharer) -> None:
        shorturl = owner.share(b"data")["shorturl"]
        for name in ("get_entry", "delete"):
            assert other.refused(name, shorturl=shorturl)["code"] == "entry_not_found"


class TestWeight:
    def test_a_failed_call_costs_what_a_good_one_does(self, owner: Sharer) -> None:
        response = owner.send(b"data", filesize=3_000_000)
        assert error(response) == (400, "bad_file", "filesize")
        assert response.json()["weight"] == 1300

    def test_a_file_that_could_never_come_costs_the_call_alone(self, owner: Sharer) -> None:
        response = owner.send(b"data", filesize=2**62)
        assert error(response) == (413, "file_too_large", "filesize")
        assert response.json()["weight"] == 1000

    def test_a_short_bucket(self, tmp_path: Path) -> None:
        environ = {
            "SHORTD_LIMITS__TEMPORARY__API_CAPACITY": "1250",
            "SHORTD_LIMITS__TEMPORARY__API_REFILL_RATE": "100",
        }
        with open_app(tmp_path / "data", environ=environ) as app:
            owner = sharer(app)
            response = owner.send(bytes(3_000_000))
            assert error(response)[:2] == (429, "rate_limited")
            # Nothing was taken: what is missing are 50 units, in half a second.
            assert response.headers["retry-after"] == "1"
            assert response.json()["weight"] == 0
            assert_nothing_kept(app)
            assert output(owner.send(bytes(2_000_000)))

    def test_a_visit_takes_it_from_the_links(self, tmp_path: Path) -> None:
        environ = {**GENEROUS, "SHORTD_LIMITS__TEMPORARY__LINK_CAPACITY": "2500"}
        with open_app(tmp_path / "data", environ=environ) as app:
            owner = sharer(app)
            entry = owner.share(bytes(2_999_999))
            assert owner.follow(entry).status_code == 302
            assert owner.follow(entry).status_code == 302
            response = owner.follow(entry)
            assert (response.status_code, response.headers["retry-after"]) == (429, "1")
            assert owner.entry(entry["shorturl"])["count"] == 2


class TestSizes:
    @pytest.mark.parametrize("query_first", [True, False])
    @pytest.mark.parametrize(("claimed", "status"), [(3, 413), (5, 400), (0, 413), (4_000, 400)])
    def test_another_size_than_it_says(
        self, app: RunningApp, owner: Sharer, claimed: int, status: int, query_first: bool
    ) -> None:
        response = owner.send(b"data", filesize=claimed, query_first=query_first)
        assert error(response)[0] == status
        assert_nothing_kept(app)

    def test_before_its_query_little_is_taken(
        self, owner: Sharer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Of one form, and of all together: nobody knows whose it is."""
        monkeypatch.setattr(forms, "UNKNOWN_BYTES", 3 << 20)
        largest = bytes(3 << 20)
        too_much = (413, "credentials_first", "query")
        assert error(owner.send(largest + b"x", query_first=False)) == too_much
        assert error(owner.post_form("file", file_part(largest + b"x"))) == too_much
        assert_nothing_kept(owner.app)
        assert owner.send(largest, query_first=False).status_code == 200
        assert owner.send(largest + b"x").status_code == 200
        monkeypatch.setattr(forms, "ALL_UNKNOWN_BYTES", 1 << 20)
        assert error(owner.send(largest, query_first=False)) == (503, "busy", None)
        assert forms.Form.unknown == 0
        assert owner.send(bytes(1 << 20), query_first=False).status_code == 200

    def test_larger_than_its_account_may_send(self, tmp_path: Path) -> None:
        kinds = ("TEMPORARY", "REGISTERED", "VERIFIED", "CUSTOM")
        environ = {f"SHORTD_LIMITS__{kind}__MAX_FILE_BYTES": "1000" for kind in kinds}
        with open_app(tmp_path / "data", environ={**GENEROUS, **environ}) as app:
            owner = sharer(app)
            assert error(owner.send(bytes(1001))) == (413, "file_too_large", "filesize")
            assert_nothing_kept(app)
            assert owner.fetch(owner.share(bytes(1000))) == bytes(1000)

    @pytest.mark.parametrize("query_first", [True, False])
    def test_encrypted_ones_have_room_for_frames(
        self, app: RunningApp, owner: Sharer, query_first: bool
    ) -> None:
        data = frames(*[1] * 1000)
        entry = owner.share(data, filesize=1000, query_first=query_first, **SECRECY)
        assert (entry["filesize"], entry["encryption"]) == (1000, 1)
        assert stored(app, owner) == len(data)
        large = bytes((1 << 20) + 21)
        response = owner.send(large, filesize=10, query_first=query_first, **SECRECY)
        assert error(response) == (413, "file_too_large", None)
        assert_sound(app)


def test_an_account_that_ends_while_its_file_comes(tmp_path: Path) -> None:
    """No link without an account."""
    environ = {**GENEROUS, "SHORTD_ACCOUNTS__TEMPORARY_DAYS": "1"}
    with open_app(tmp_path / "data", environ=environ) as app:
        owner = sharer(app)
        body = file_form(owner.query(b"data"), b"data")

        async def pieces() -> AsyncIterator[bytes]:
            yield body[:-20]
            app.clock.advance(86_400)
            await app.services.upkeep.sweeper.sweep()
            yield body[-20:]

        headers = {"content-type": FORM_TYPE}
        response = app.request("POST", "/v2/file", content=pieces(), headers=headers)
        assert error(response)[:2] == (401, "bad_credentials")
        assert_nothing_kept(app)
