"""Encrypted files: their signature for anyone, their address for who solves the challenge."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from shortd.clock import SECOND
from shortd.testing import RunningApp
from tests.api.v2.people import path_of
from tests.sharing.sharing import (
    CHALLENGE,
    SECRECY,
    SIGNATURE,
    Json,
    Sharer,
    assert_nothing_kept,
    assert_sound,
    error,
    frames,
    output,
)

WRONG = CHALLENGE[::-1]
BODY = frames(4)
CALLS = ("get_signature", "get_protected_file_info")


@pytest.fixture
def entry(owner: Sharer) -> Json:
    return owner.share(BODY, filename="secret.txt", filesize=4, filetype="text/plain", **SECRECY)


def ask(app: RunningApp, name: str, shorturl: str, challenge: str = CHALLENGE) -> Json:
    """The call must succeed; nobody's account is needed."""
    return app.call(name, shorturl=shorturl, challenge=challenge)


def refused(app: RunningApp, name: str, shorturl: str, challenge: str = CHALLENGE) -> Json:
    response = app.post(name, {"shorturl": shorturl, "challenge": challenge})
    status, code, field = error(response)
    assert response.json()["weight"] == 0
    return {"status": status, "code": code, "field": field}


NOT_FOUND = {"status": 404, "code": "link_not_found", "field": "shorturl"}
EXPIRED = {"status": 410, "code": "link_expired", "field": None}
NOT_A_FILE = {"status": 400, "code": "not_a_file", "field": "shorturl"}


def test_a_visit_leads_to_the_page_that_unlocks_it(owner: Sharer, entry: Json) -> None:
    address = urlsplit(owner.address(entry))
    assert (address.scheme, address.netloc, address.path) == ("", "", "/-/unlock")
    query = parse_qs(address.query, strict_parsing=True)
    assert query == {"shorturl": [entry["shorturl"]], "signature": [SIGNATURE]}
    assert owner.entry(entry["shorturl"])["count"] == 1


def test_who_solves_it_gets_the_file(app: RunningApp, entry: Json) -> None:
    assert ask(app, "get_signature", entry["shorturl"]) == {"signature": SIGNATURE}
    info = ask(app, "get_protected_file_info", entry["shorturl"])
    response = app.get(info.pop("url"))
    assert response.content == BODY
    assert response.headers["content-type"] == "application/octet-stream"
    assert info == {
        "encryption": 1,
        "filename": "secret.txt",
        "filesize": 4,
        "filetype": "text/plain",
        "url_expire_utime": app.clock.now() + 60 * SECOND,
    }


@pytest.mark.parametrize("shape", ["{}", "HTTPS://{}", "http://{}"])
def test_the_scheme_does_not_matter(app: RunningApp, entry: Json, shape: str) -> None:
    shorturl = shape.format(entry["shorturl"].removeprefix("http://"))
    for name in CALLS:
        assert ask(app, name, shorturl)


def test_hex_digits_in_either_case(app: RunningApp, owner: Sharer) -> None:
    secrecy = {"challenge": CHALLENGE.upper(), "signature": SIGNATURE.upper(), "encryption": 1}
    entry = owner.share(BODY, filesize=4, **secrecy)
    assert entry["signature"] == SIGNATURE
    for challenge in (CHALLENGE, CHALLENGE.upper()):
        assert ask(app, "get_protected_file_info", entry["shorturl"], challenge)


def test_a_wrong_challenge(app: RunningApp, entry: Json) -> None:
    """Refused, and after ten of them only so many a minute; the right one still works."""
    shorturl = entry["shorturl"]
    for _ in range(10):
        answer = refused(app, "get_protected_file_info", shorturl, WRONG)
        assert answer == {"status": 403, "code": "wrong_challenge", "field": "challenge"}
    answer = refused(app, "get_protected_file_info", shorturl)
    assert answer == {"status": 429, "code": "login_limited", "field": None}
    # Another address is not kept out, and one that solved it never is.
    body = {"shorturl": shorturl, "challenge": CHALLENGE}
    for _ in range(5):
        assert output(app.post("get_protected_file_info", body, address="10.0.0.9"))
    app.clock.advance(60)
    assert ask(app, "get_protected_file_info", shorturl)


@pytest.mark.parametrize("challenge", ["", "12", CHALLENGE + "0", "x" * 32, CHALLENGE + "\n", None])
def test_what_is_no_challenge(app: RunningApp, entry: Json, challenge: object) -> None:
    body = {"shorturl": entry["shorturl"], "challenge": challenge}
    response = app.post("get_protected_file_info", body)
    assert error(response) == (400, "invalid_field", "challenge")


class TestStates:
    """What the two calls say of a link in every state it can be in."""

    def both(self, app: RunningApp, shorturl: str) -> list[Json]:
        return [refused(app, name, shorturl) for name in CALLS]

    def test_nothing_there(self, app: RunningApp, owner: Sharer) -> None:
        for shorturl in ("http://127.0.0.1:8080/Nowhere", "http://x.example/Abcdef", "x", "/-/x"):
            assert self.both(app, shorturl) == [NOT_FOUND] * 2

    def test_no_file_or_not_encrypted(self, app: RunningApp, owner: Sharer) -> None:
        for other in (owner.shorten(), owner.share(b"data")):
            assert self.both(app, other["shorturl"]) == [NOT_A_FILE] * 2

    def test_disabled(self, app: RunningApp, owner: Sharer, entry: Json) -> None:
        owner.call("set_enabled", shorturl=entry["shorturl"], enabled=False)
        assert self.both(app, entry["shorturl"]) == [NOT_FOUND] * 2
        owner.call("set_enabled", shorturl=entry["shorturl"], enabled=True)
        assert ask(app, "get_protected_file_info", entry["shorturl"])

    def test_deleted(self, app: RunningApp, owner: Sharer, entry: Json) -> None:
        url = ask(app, "get_protected_file_info", entry["shorturl"])["url"]
        owner.call("delete", shorturl=entry["shorturl"])
        assert self.both(app, entry["shorturl"]) == [NOT_FOUND] * 2
        assert app.get(url).status_code == 404
        assert_nothing_kept(app)

    def test_ended_by_time(self, app: RunningApp, owner: Sharer) -> None:
        end = app.clock.now() + 10 * SECOND
        entry = owner.share(BODY, filesize=4, expiration_utime=end, expiration_count=1, **SECRECY)
        owner.address(entry)
        app.clock.advance(10)
        # By its clicks, too, but time knows no grace.
        assert self.both(app, entry["shorturl"]) == [EXPIRED] * 2

    def test_its_owner_ended(self, app: RunningApp, entry: Json) -> None:
        app.clock.advance(31 * 86_400)
        assert self.both(app, entry["shorturl"]) == [NOT_FOUND] * 2
        app.sweep()
        assert self.both(app, entry["shorturl"]) == [NOT_FOUND] * 2
        assert_nothing_kept(app)

    def test_moved(self, app: RunningApp, owner: Sharer, entry: Json) -> None:
        new = "http://127.0.0.1:8080/Elsewhere"
        owner.call("change_shorturl", shorturl_old=entry["shorturl"], shorturl_new=new)
        assert self.both(app, entry["shorturl"]) == [NOT_FOUND] * 2
        assert ask(app, "get_signature", new) == {"signature": SIGNATURE}
        assert_sound(app)

    def test_limited_but_not_used_up(self, app: RunningApp, owner: Sharer) -> None:
        entry = owner.share(BODY, filesize=4, expiration_count=2, **SECRECY)
        for _ in range(5):
            assert ask(app, "get_signature", entry["shorturl"])
        assert owner.entry(entry["shorturl"])["count"] == 0
        owner.address(entry)
        owner.address(entry)
        assert owner.follow(entry).status_code == 410

    @pytest.mark.parametrize("drained", [True, False])
    def test_the_last_visitor_has_ten_minutes(
        self, app: RunningApp, owner: Sharer, drained: bool
    ) -> None:
        entry = owner.share(BODY, filesize=4, expiration_count=1, **SECRECY)
        shorturl = entry["shorturl"]
        owner.address(entry)
        if drained:
            app.drain()
        assert owner.follow(entry).status_code == 410
        app.clock.advance(600)
        # Visitors who come too late are no visits that begin them anew.
        assert owner.follow(entry).status_code == 410
        assert refused(app, "get_signature", shorturl) == EXPIRED
        info = ask(app, "get_protected_file_info", shorturl)
        assert app.get(info["url"]).content == BODY
        wrong = refused(app, "get_protected_file_info", shorturl, WRONG)
        assert wrong["code"] == "wrong_challenge"
        app.clock.advance(1)
        assert refused(app, "get_protected_file_info", shorturl) == EXPIRED

    def test_the_ten_minutes_are_of_the_client_who_had_a_click(
        self, app: RunningApp, owner: Sharer
    ) -> None:
        entry = owner.share(BODY, filesize=4, expiration_count=1, **SECRECY)
        owner.follow(entry, address="198.51.100.1")
        assert fetched(app, entry, "198.51.100.2") == "link_expired"
        for _ in range(3):
            assert fetched(app, entry, "198.51.100.1") == "in"
        assert owner.entry(entry["shorturl"])["count"] == 1

    def test_no_grace_on_a_disabled_link(self, app: RunningApp, owner: Sharer) -> None:
        entry = owner.share(BODY, filesize=4, expiration_count=1, **SECRECY)
        owner.address(entry)
        owner.call("set_enabled", shorturl=entry["shorturl"], enabled=False)
        assert self.both(app, entry["shorturl"]) == [NOT_FOUND] * 2


def fetched(
    app: RunningApp, entry: Json, address: str, challenge: str = CHALLENGE, *, visits: bool = False
) -> str:
    """What comes of asking for the file's address, after a visit or without one."""
    if visits:
        app.get(entry["shorturl"], address=address)
    body = {"shorturl": entry["shorturl"], "challenge": challenge}
    answer = app.post("get_protected_file_info", body, address=address)
    envelope = answer.json()
    if envelope["status"] == "error":
        return str(envelope["error"]["code"])
    assert app.get(envelope["output"]["url"]).content == BODY
    return "in"


class TestClickLimits:
    """An address that is given out is a click: once for each client."""

    @pytest.mark.parametrize("visits", [True, False])
    @pytest.mark.parametrize("drained", [True, False])
    def test_so_many_clients_get_the_file(
        self, app: RunningApp, owner: Sharer, visits: bool, drained: bool
    ) -> None:
        entry = owner.share(BODY, filesize=4, expiration_count=3, **SECRECY)
        outcomes = []
        for number in range(5):
            address = f"198.51.100.{number}"
            outcomes.append(fetched(app, entry, address, visits=visits))
            if drained:
                app.drain()
            if number < 3:
                assert fetched(app, entry, address) == "in", "the same client again"
        assert outcomes == ["in"] * 3 + ["link_expired"] * 2
        assert owner.entry(entry["shorturl"])["count"] == 3
        assert owner.follow(entry).status_code == 410

    def test_clients_of_one_network_are_one(self, app: RunningApp, owner: Sharer) -> None:
        entry = owner.share(BODY, filesize=4, expiration_count=1, **SECRECY)
        assert fetched(app, entry, "2001:db8:1:2::3") == "in"
        assert fetched(app, entry, "2001:db8:1:2:4::5") == "in"
        assert fetched(app, entry, "2001:db8:1:3::") == "link_expired"

    def test_what_is_no_address_uses_nothing_up(self, app: RunningApp, owner: Sharer) -> None:
        entry = owner.share(BODY, filesize=4, expiration_count=1, **SECRECY)
        for number in range(8):
            assert fetched(app, entry, f"198.51.100.{number}", WRONG) == "wrong_challenge"
            assert ask(app, "get_signature", entry["shorturl"])
        assert owner.entry(entry["shorturl"])["count"] == 0
        assert fetched(app, entry, "203.0.113.1") == "in"

    def test_within_a_multi(self, app: RunningApp, owner: Sharer) -> None:
        entries = [owner.share(BODY, filesize=4, expiration_count=1, **SECRECY) for _ in range(2)]
        calls = [
            {
                "type": "get_protected_file_info",
                "input": {"shorturl": entry["shorturl"], "challenge": CHALLENGE},
            }
            for entry in entries * 3
        ]
        answers = app.call("multi", call_queries=calls)["call_responses"]
        assert [answer["status"] for answer in answers] == ["success"] * 6
        assert fetched(app, entries[0], "203.0.113.1") == "link_expired"
        assert [owner.entry(entry["shorturl"])["count"] for entry in entries] == [1, 1]

    def test_after_the_ten_minutes_it_takes_another_click(
        self, app: RunningApp, owner: Sharer
    ) -> None:
        entry = owner.share(BODY, filesize=4, expiration_count=2, **SECRECY)
        assert fetched(app, entry, "198.51.100.1") == "in"
        app.clock.advance(601)
        assert fetched(app, entry, "198.51.100.1") == "in"
        assert owner.entry(entry["shorturl"])["count"] == 2
        app.clock.advance(601)
        assert fetched(app, entry, "198.51.100.1") == "link_expired"

    def test_it_is_the_owner_who_pays(self, app: RunningApp, owner: Sharer) -> None:
        entry = owner.share(BODY, filesize=4, expiration_count=2, **SECRECY)
        before = owner.call("get_account_info")["link_balance"]
        assert fetched(app, entry, "198.51.100.1") == "in"
        assert fetched(app, entry, "198.51.100.1") == "in"
        assert owner.call("get_account_info")["link_balance"] == before - 1000

    def test_a_link_without_a_limit_counts_visits_alone(
        self, app: RunningApp, owner: Sharer, entry: Json
    ) -> None:
        assert fetched(app, entry, "198.51.100.1") == "in"
        assert owner.entry(entry["shorturl"])["count"] == 0


def test_previews_tell_nothing_of_a_file(app: RunningApp, owner: Sharer, entry: Json) -> None:
    page = app.get(path_of(entry) + "+", headers={"accept": "text/html"})
    assert page.status_code == 200
    for secret in ("secret.txt", SIGNATURE, CHALLENGE, entry["filekey"]):
        assert secret not in page.text
