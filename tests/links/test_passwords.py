"""Links that ask for a password: the page, the form, the way on, and what guessing costs."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any
from unicodedata import normalize
from urllib.parse import parse_qs, urlencode, urlsplit

import bcrypt
import httpx
import pytest

from shortd.clicks import history
from shortd.errors import ShortdError
from shortd.models.accounts import HashScheme
from shortd.security.bcrypt_hashes import read_bcrypt
from shortd.security.passwords import PasswordHasher
from shortd.testing import RunningApp, open_app
from tests.conftest import GENEROUS
from tests.links.keeper import TARGET, Keeper
from tests.web.test_pages import read
from tests.web.test_unlock_page import share

SECRET = "Pässword 1"
HTML = {"accept": "text/html,*/*"}


def form(path: str, password: str = SECRET, **fields: str) -> str:
    return urlencode({"code": path.strip("/"), "password": password, **fields})


def name(keeper: Keeper, path: str, password: str = SECRET, **options: Any) -> httpx.Response:
    """Sends the form."""
    fields: dict[str, str] = options.pop("fields", {})
    headers = {**HTML, **options.pop("headers", {})}
    return keeper.app.request(
        "POST", "/-/open", content=form(path, password, **fields), headers=headers, **options
    )


def lead_on(keeper: Keeper, path: str, **options: Any) -> str:
    """The address that leads on."""
    answer = name(keeper, path, **options)
    assert answer.status_code == 303, answer.text
    assert answer.headers["cache-control"] == "no-store"
    location: str = answer.headers["location"]
    return location


def test_a_visit_gets_the_page_and_no_destination(keeper: Keeper) -> None:
    path = keeper.link(password=SECRET)
    for headers in (HTML, {}):
        answer = keeper.visit(path, headers=headers)
        assert answer.status_code == 200
        assert "target.example" not in answer.text
        assert answer.headers["cache-control"] == "no-store"
        assert "form-action 'self' http: https:" in answer.headers["content-security-policy"]
        document = read(answer.text)
        assert document.all("form") == [{"class": "box", "method": "post", "action": "/-/open"}]
        [password] = [field for field in document.all("input") if field["type"] == "password"]
        assert password["name"] == "password"
        assert document.all("script") == []
    assert keeper.count(path) == 0


def test_the_password_leads_on_and_the_visit_counts_once(keeper: Keeper) -> None:
    path = keeper.link(password=SECRET, utm_source="mail")
    address = lead_on(keeper, path)
    assert keeper.count(path) == 0
    answer = keeper.visit(address)
    assert answer.status_code == 302
    assert answer.headers["location"] == TARGET.replace("#", "&utm_source=mail#")
    assert keeper.count(path) == 1
    # The page is what comes again, without the address.
    assert keeper.goes(path) == 200


def test_a_wrong_password_gets_the_page_again(keeper: Keeper) -> None:
    path = keeper.link(password=SECRET)
    answer = name(keeper, path, SECRET.lower(), fields={"referrer": "https://from.example/"})
    assert answer.status_code == 403
    assert "target.example" not in answer.text
    document = read(answer.text)
    assert [element["role"] for element in document.all("p") if "role" in element] == ["alert"]
    fields = {field.get("name"): field.get("value") for field in document.all("input")}
    assert fields["code"] == path[1:]
    assert fields["referrer"] == "https://from.example/"
    assert SECRET.lower() not in answer.text
    refusal = name(keeper, path, "other", headers={"accept": "application/json"})
    assert (refusal.status_code, refusal.json()["error"]["code"]) == (403, "wrong_password")
    assert keeper.count(path) == 0


def test_the_same_characters_typed_another_way_are_the_same(keeper: Keeper) -> None:
    path = keeper.link(password="Pa\u0308ssword")
    assert lead_on(keeper, path, password="P\u00e4ssword")


def test_the_address_ends_soon_and_with_the_password(keeper: Keeper) -> None:
    path = keeper.link(password=SECRET)
    address = lead_on(keeper, path)
    keeper.app.clock.advance(59)
    assert keeper.goes(address) == TARGET
    keeper.app.clock.advance(1)
    answer = keeper.visit(address)
    assert (answer.status_code, answer.headers["location"]) == (303, path)
    address = lead_on(keeper, path)
    keeper.change(path, password="another")
    assert keeper.goes(address) == path
    keeper.change(path, password=SECRET)
    assert keeper.goes(address) == path
    assert keeper.count(path) == 1


def test_an_address_opens_its_own_link_alone(keeper: Keeper) -> None:
    one, other = keeper.link(password=SECRET), keeper.link(password=SECRET)
    query = parse_qs(urlsplit(lead_on(keeper, one)).query)
    opened = {name: value for name, [value] in query.items()}
    for changed in (
        {"code": other[1:]},
        {"expires": str(int(opened["expires"]) + 1)},
        {"signature": "0" * 64},
        {"signature": ""},
        {"signature": "ü"},
    ):
        wrong = {**opened, **changed}
        assert keeper.goes(f"/-/open?{urlencode(wrong)}") == f"/{wrong['code']}"
    assert keeper.goes(f"/-/open?{urlencode(opened)}") == TARGET


def test_without_a_password_any_more_it_leads_on_at_once(keeper: Keeper) -> None:
    path = keeper.link(password=SECRET)
    keeper.change(path, password="")
    assert keeper.goes(path) == TARGET
    assert keeper.row(path).rare is None
    # Who still has the page open is sent to the link itself.
    assert lead_on(keeper, path, password="anything") == path


@pytest.mark.parametrize(
    "options",
    [
        {"method": "HEAD"},
        {"headers": {"sec-purpose": "prefetch"}},
        {"headers": {"user-agent": "Slackbot 1.0"}},
    ],
)
@pytest.mark.parametrize("limit", [0, 1])
def test_who_only_looks_gets_the_page(keeper: Keeper, options: dict[str, Any], limit: int) -> None:
    path = keeper.link(password=SECRET, expiration_count=limit)
    answer = keeper.visit(path, **options)
    assert answer.status_code == 200
    assert "target.example" not in answer.text
    assert keeper.count(path) == 0


def test_the_preview_and_the_image_tell_nothing(keeper: Keeper) -> None:
    path = keeper.link(password=SECRET)
    preview = keeper.visit(path + "+")
    assert preview.status_code == 200
    assert "only its password opens" in preview.text
    assert "target.example" not in preview.text
    assert keeper.visit(path + ".svg").status_code == 200
    assert keeper.count(path) == 0


def test_a_click_limit_is_exact_behind_the_password(keeper: Keeper) -> None:
    path = keeper.link(password=SECRET, expiration_count=2)
    addresses = [lead_on(keeper, path) for _ in range(3)]
    assert keeper.goes(addresses[0], method="HEAD") == 200
    assert [keeper.goes(address) for address in addresses] == [TARGET, TARGET, 410]
    assert keeper.goes(path) == 410
    assert keeper.count(path) == 2


def test_plugins_decide_behind_the_password(keeper: Keeper) -> None:
    path = keeper.link(password=SECRET)
    split = {"variants": [{"url": "https://b.example/", "weight": 100}]}
    keeper.call("set_plugin", path, plugin="ab", data=split)
    assert keeper.goes(path) == 200
    assert keeper.goes(lead_on(keeper, path)) == "https://b.example/"
    assert keeper.call("get_plugin", path, plugin="ab")["clicks"] == {"1": 1}


PAGE = """
from msgspec import Struct
from shortd.plugin import Interstitial, Plugin, hookimpl

class Data(Struct):
    pass

class Page(Plugin[None, Data]):
    name = "page"
    Data = Data

    @hookimpl
    def interstitial(self, destination):
        return Interstitial(f"<p>on to {destination}", tracking=False)
"""


def test_a_plugins_page_comes_behind_the_password(tmp_path: Path) -> None:
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "page.py").write_text(PAGE)
    environ = {**GENEROUS, "SHORTD_PLUGINS__DIR": str(tmp_path / "plugins")}
    with open_app(tmp_path / "data", environ=environ) as app:
        keeper = Keeper(app)
        path = keeper.link("https://e.example/", password=SECRET)
        keeper.call("set_plugin", path, plugin="page", data={})
        assert "e.example" not in keeper.visit(path).text
        address = lead_on(keeper, path)
        answer = keeper.visit(address)
        assert (answer.status_code, answer.text) == (200, "<p>on to https://e.example/")
        assert keeper.count(path) == 1


def test_the_click_knows_where_the_visitor_came_from(keeper: Keeper) -> None:
    path = keeper.link(password=SECRET)
    answer = keeper.visit(f"{path}?qr", headers={"referer": "https://from.example/<page>"})
    hidden = {
        str(field["name"]): str(field["value"])
        for field in read(answer.text).all("input")
        if field["type"] == "hidden"
    }
    assert hidden == {"code": path[1:], "query": "qr", "referrer": "https://from.example/<page>"}
    del hidden["code"]
    keeper.goes(lead_on(keeper, path, fields=hidden), "Firefox")
    keeper.app.drain()
    entry = keeper.call("get_entry", path)["entry"]
    assert (entry["count"], entry["count_qr"]) == (1, 1)
    with keeper.app.services.store.read() as txn:
        [visit] = history.visits(txn, keeper.row(path).id)
    assert (visit.referrer, visit.user_agent) == ("from.example", "Firefox")


def test_a_forwarded_query_survives_the_password(tmp_path: Path) -> None:
    environ = {**GENEROUS, "SHORTD_LINKS__FORWARD_QUERY": "true"}
    with open_app(tmp_path, environ=environ) as app:
        keeper = Keeper(app)
        path = keeper.link("https://e.example/", password=SECRET)
        page = keeper.visit(f"{path}?a=1&b=%22%3C")
        [query] = [
            str(field["value"])
            for field in read(page.text).all("input")
            if field["name"] == "query"
        ]
        address = lead_on(keeper, path, fields={"query": query})
        assert keeper.goes(address) == "https://e.example/?a=1&b=%22%3C"


def test_so_does_the_mark_of_a_qr_code_beside_it(tmp_path: Path) -> None:
    environ = {**GENEROUS, "SHORTD_LINKS__FORWARD_QUERY": "true"}
    with open_app(tmp_path, environ=environ) as app:
        keeper = Keeper(app)
        path = keeper.link("https://e.example/?a=0", password=SECRET)
        page = keeper.visit(f"{path}?b=2&qr=&a=1")
        [query] = [
            str(field["value"])
            for field in read(page.text).all("input")
            if field["name"] == "query"
        ]
        address = lead_on(keeper, path, fields={"query": query})
        assert keeper.goes(address) == "https://e.example/?b=2&a=1"
        entry = keeper.call("get_entry", path)["entry"]
        assert (entry["count"], entry["count_qr"]) == (1, 1)


@pytest.mark.parametrize("query", ["x\r\nset-cookie: a=b", "ü ", "\x00", "#x", "%", "a" * 9000])
def test_nothing_in_the_form_reaches_a_header_raw(keeper: Keeper, query: str) -> None:
    path = keeper.link(password=SECRET)
    for password in (SECRET, "wrong"):
        answer = name(keeper, path, password, fields={"query": query, "referrer": query})
        assert answer.status_code in (303, 403)
        assert "set-cookie" not in answer.headers
    keeper.change(path, password="")
    for fields in ({"query": query}, {"query": query, "referrer": query}):
        location = lead_on(keeper, path, fields=fields)
        assert location.startswith(f"{path}?")
        assert location.isascii() and location.isprintable()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b"code=",
        b"code=%00&password=x",
        b"code=e%CC%81",
        b"code=%0d%0a",
        b"password=x",
        b"code=" + b"a" * 401,
        b"&" * 100 + b"a=b&" * 100,
        b'{"code":"abc"}',
        b"code=abc%0a",
    ],
)
def test_what_is_no_form_is_refused(app: RunningApp, body: bytes) -> None:
    answer = app.request("POST", "/-/open", content=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_request")
    assert app.request("GET", "/-/open?" + body.decode("latin-1")).status_code == 400


def test_a_large_form_is_refused(app: RunningApp) -> None:
    answer = app.request("POST", "/-/open", content=b"code=abc&password=" + b"x" * 100_000)
    assert answer.status_code == 413
    assert app.request("PUT", "/-/open").status_code == 405


@pytest.mark.parametrize("expires", ["-1", "x", "1.5", "9" * 30, "9" * 5000, ""])
def test_an_address_that_is_none_is_refused(keeper: Keeper, expires: str) -> None:
    path = keeper.link(password=SECRET)
    query = urlencode({"code": path[1:], "expires": expires, "signature": "00"})
    assert keeper.visit(f"/-/open?{query}").status_code == 400


def test_a_form_for_a_link_that_is_not_there(keeper: Keeper) -> None:
    gone = keeper.link(password=SECRET)
    keeper.call("delete", gone)
    for path in ("/nosuch", gone):
        assert lead_on(keeper, path) == path
        assert keeper.goes(path) == 404
    disabled = keeper.link(password=SECRET)
    keeper.call("set_enabled", disabled, enabled=False)
    assert lead_on(keeper, disabled) == disabled


def test_guessing_is_bounded_and_locks_nobody_out(keeper: Keeper) -> None:
    path = keeper.link(password=SECRET)
    lead_on(keeper, path, address="203.0.113.1")
    for number in range(10):
        address = f"198.51.100.{number % 2}"
        assert name(keeper, path, "guess", address=address).status_code == 403
    refused = name(keeper, path, address="198.51.100.1")
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "10")
    assert "Too many wrong passwords" in refused.text
    # Who named it before is not slowed by them, nor who comes anew.
    assert lead_on(keeper, path, address="203.0.113.1")
    assert lead_on(keeper, path, address="203.0.113.9")
    # Another link's visitors are none of theirs, and they have a few tries left there.
    other = keeper.link(password=SECRET)
    assert lead_on(keeper, other, address="203.0.113.10")
    assert lead_on(keeper, other, address="198.51.100.1")
    keeper.app.clock.advance(60)
    assert lead_on(keeper, path, address="198.51.100.1")


def test_naming_passwords_is_charged_to_the_client(tmp_path: Path) -> None:
    poor = {"API_CAPACITY": "5000", "API_REFILL_RATE": "0"}
    environ = {
        **GENEROUS,
        **{f"SHORTD_LIMITS__CLIENT__{key}": value for key, value in poor.items()},
    }
    with open_app(tmp_path, environ=environ) as app:
        keeper = Keeper(app)
        path = keeper.link(password=SECRET)
        statuses = [name(keeper, path, address="203.0.113.1").status_code for _ in range(6)]
        assert statuses == [303] * 5 + [429]
        assert name(keeper, path, address="203.0.113.2").status_code == 303


def test_more_passwords_than_can_be_hashed_are_told_to_wait(tmp_path: Path) -> None:
    # At their full cost, below which the queue is worked off while it fills.
    hasher = PasswordHasher(waiting=4)
    with open_app(tmp_path / "data", environ=GENEROUS, hasher=hasher) as app:
        keeper = Keeper(app)
        services, link = app.services, keeper.row(keeper.link(password=SECRET))

        async def all_at_once() -> list[BaseException | None]:
            check = services.links.passwords.check_password
            tasks = [check(link, SECRET, f"203.0.113.{number}") for number in range(12)]
            return await asyncio.gather(*tasks, return_exceptions=True)

        outcomes = app.run(all_at_once())
    refusals = [outcome for outcome in outcomes if outcome is not None]
    assert 0 < len(refusals) < 12
    assert {fault.code for fault in refusals if isinstance(fault, ShortdError)} == {"busy"}


def test_the_page_costs_the_owner_a_visit_and_naming_none(tmp_path: Path) -> None:
    poor = {"LINK_CAPACITY": "2000", "LINK_REFILL_RATE": "0"}
    environ = {f"SHORTD_LIMITS__TEMPORARY__{key}": value for key, value in poor.items()}
    with open_app(tmp_path, environ={**GENEROUS, **environ}) as app:
        keeper = Keeper(app)
        path = keeper.link(password=SECRET)
        assert keeper.goes(path) == 200
        address = lead_on(keeper, path)
        assert keeper.goes(address) == TARGET
        assert keeper.goes(path) == keeper.goes(address) == 429


class TestFromElsewhere:
    """Passwords whose hashes came with their links."""

    def bcrypt(self, keeper: Keeper, password: bytes, prefix: bytes = b"2b") -> str:
        text = b"$" + prefix + bcrypt.hashpw(password, bcrypt.gensalt(4))[3:]
        stored = read_bcrypt(text.decode())
        assert stored is not None
        return "/" + keeper.create(password=stored).code

    def scheme(self, keeper: Keeper, path: str) -> HashScheme:
        rare = keeper.row(path).rare
        assert rare is not None
        assert rare.password is not None
        return rare.password.scheme

    @pytest.mark.parametrize("prefix", [b"2a", b"2b", b"2y"])
    def test_the_first_right_entry_is_hashed_anew(self, keeper: Keeper, prefix: bytes) -> None:
        path = self.bcrypt(keeper, SECRET.encode(), prefix)
        assert keeper.goes(path) == 200
        for wrong in (SECRET.lower(), "", "x" * 200, "\ud800", "\0" + SECRET):
            assert name(keeper, path, wrong.encode("utf-8", "replace").decode()).status_code == 403
            assert self.scheme(keeper, path) is HashScheme.BCRYPT
        first = lead_on(keeper, path)
        assert self.scheme(keeper, path) is HashScheme.ARGON2ID
        assert keeper.goes(first) == TARGET
        assert keeper.goes(lead_on(keeper, path)) == TARGET
        assert name(keeper, path, SECRET.lower()).status_code == 403

    def test_what_was_handed_out_stays_good(self, keeper: Keeper) -> None:
        path = self.bcrypt(keeper, SECRET.encode())
        before = keeper.row(path)
        proof = keeper.app.services.links.passwords.proof(before, keeper.app.clock.now())
        lead_on(keeper, path)
        passwords = keeper.app.services.links.passwords
        assert passwords.is_valid(proof, keeper.row(path), keeper.app.clock.now())
        keeper.change(path, password="another")
        assert not passwords.is_valid(proof, keeper.row(path), keeper.app.clock.now())

    @pytest.mark.parametrize("typed", ["z" * 72 + "and more", "z" * 72 + "\0", SECRET + "\0 junk"])
    def test_what_bcrypt_never_read_opens_and_is_not_kept(self, keeper: Keeper, typed: str) -> None:
        read = typed.encode().partition(b"\0")[0][:72]
        path = self.bcrypt(keeper, read)
        lead_on(keeper, path, password=typed)
        assert self.scheme(keeper, path) is HashScheme.BCRYPT
        lead_on(keeper, path, password=read.decode())
        assert self.scheme(keeper, path) is HashScheme.ARGON2ID

    def test_either_spelling_of_the_same_characters(self, keeper: Keeper) -> None:
        for kept in ("NFC", "NFD"):
            path = self.bcrypt(keeper, normalize(kept, SECRET).encode())
            lead_on(keeper, path, password=normalize(kept, SECRET))
            lead_on(keeper, path, password=normalize("NFC", SECRET))

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "geheim",
            "$2b$16$" + "a" * 21 + "." + "a" * 31,
            "$2b$31$" + "a" * 21 + "." + "a" * 31,
            "$2b$03$" + "a" * 21 + "." + "a" * 31,
            "$2x$10$" + "a" * 21 + "." + "a" * 31,
            "$2b$10$" + "a" * 22 + "a" * 31,
            "$2b$10$" + "a" * 21 + "." + "a" * 30,
            "$2b$10$" + "a" * 21 + "." + "a" * 31 + "\n",
            "$2b$10$" + "a" * 20 + "\0." + "a" * 31,
            "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$RdescudvJCsgt3ub",
        ],
    )
    def test_what_is_no_hash_of_this_kind_or_costs_too_much(self, text: str) -> None:
        assert read_bcrypt(text) is None

    def test_slow_ones_leave_the_threads_to_others(self, keeper: Keeper) -> None:
        hasher = keeper.app.services.security.hasher
        slow = read_bcrypt("$2b$13$" + "a" * 21 + "." + "a" * 31)
        assert slow is not None

        async def both() -> tuple[list[str], list[bool | BaseException]]:
            ended: list[str] = []

            async def noted(what: str, work: Any) -> Any:
                try:
                    return await work
                finally:
                    ended.append(what)

            waiting = [noted("slow", hasher.verify_bcrypt(slow, "x")) for _ in range(3)]
            quick = [noted("quick", hasher.verify(None, "0" * 64)) for _ in range(8)]
            return ended, await asyncio.gather(*waiting, *quick, return_exceptions=True)

        ended, results = keeper.app.run(both())
        assert results == [False] * 11
        assert ended[-2:] == ["slow"] * 2


class TestFiles:
    def test_a_plain_file(self, app: RunningApp) -> None:
        keeper = Keeper(app)
        path = "/" + share(app, b"content", userid=keeper.userid)
        keeper.change(path, password=SECRET)
        for page in (keeper.visit(path), keeper.visit(path + "+")):
            assert page.status_code == 200
            for word in ("report.pdf", "pdf", "signature"):
                assert word not in page.text
        location = keeper.goes(lead_on(keeper, path))
        assert isinstance(location, str)
        assert location.startswith("/-/files/")
        assert app.get(location).content == b"content"
        assert keeper.count(path) == 1

    def test_an_encrypted_file_asks_for_both(self, app: RunningApp) -> None:
        keeper = Keeper(app)
        path = "/" + share(app, b"content", userid=keeper.userid, encryption=1)
        signed = app.call("get_signature", shorturl=keeper.short_url(path))["signature"]
        keeper.change(path, password=SECRET)
        refusal = app.refused("get_signature", shorturl=keeper.short_url(path))
        assert (refusal["code"], refusal["http_status"]) == ("link_protected", 403)
        assert signed not in keeper.visit(path).text + keeper.visit(path + "+").text
        location = keeper.goes(lead_on(keeper, path))
        assert isinstance(location, str)
        assert location.startswith("/-/unlock?")
        assert signed in location
        # Who could decrypt the signature has been let through to it.
        info = app.call(
            "get_protected_file_info", shorturl=keeper.short_url(path), challenge="00" * 16
        )
        assert info["url"]

    def test_the_last_visitor_gets_his_file_though_others_are_led_elsewhere(
        self, app: RunningApp
    ) -> None:
        keeper = Keeper(app)
        path = "/" + share(app, b"content", userid=keeper.userid, encryption=1)
        keeper.change(path, expiration_count=1, count_fallback="https://over.example/")
        assert str(keeper.goes(path)).startswith("/-/unlock?")
        assert keeper.goes(path) == "https://over.example/"
        assert "an encrypted file" not in keeper.visit(path + "+").text
        shorturl = keeper.short_url(path)
        assert app.refused("get_signature", shorturl=shorturl)["code"] == "link_expired"
        info = {"shorturl": shorturl, "challenge": "00" * 16}
        assert app.call("get_protected_file_info", **info)["url"]
        app.clock.advance(601)
        assert app.refused("get_protected_file_info", **info)["code"] == "link_expired"


def test_its_owner_sees_it_as_ever(keeper: Keeper) -> None:
    path = keeper.link(password=SECRET)
    entry = keeper.call("get_entry", path)["entry"]
    assert entry["url"] == TARGET
    assert "password" not in str(entry)
    explanation = keeper.call("explain", path)
    assert explanation["outcome"] == "protected"
    assert {"question": "does it ask for a password", "answer": "yes"} in explanation["steps"]
    assert explanation["location"] == ""


def test_it_is_kept_as_a_hash_alone(keeper: Keeper) -> None:
    path = keeper.link(password=SECRET)
    rare = keeper.row(path).rare
    assert rare is not None and rare.password is not None
    assert SECRET.encode() not in b"".join(
        file.read_bytes() for file in (keeper.app.services.settings.data_dir / "db").iterdir()
    )


def test_a_password_that_is_too_long_is_refused(keeper: Keeper) -> None:
    path = keeper.link()
    with pytest.raises(ShortdError) as refusal:
        keeper.change(path, password="x" * 257)
    assert (refusal.value.code, refusal.value.field) == ("invalid_field", "password")
    keeper.change(path, password="x" * 256)
    assert keeper.goes(path) == 200
