"""Addresses of links as they come out of mails, chats and notes: with something around the code."""

# ruff: noqa: RUF001 (characters that look like others are what this is about)

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortd.links.addresses import LONGEST, read_code, read_path, split_short_url
from shortd.testing import RunningApp, open_app
from tests.api.sqwish.people import Client, client
from tests.api.v2.people import DESTINATION, Person, temporary
from tests.conftest import GENEROUS

CODE = "Around-1_"
AROUND = [
    *"/.,;:!?)]}>\"'*|\\^`~#@&$=%+",
    *("\u00a0", " ", "\t", "\r\n", "\u200b", "\u200d", "\ufeff", "\u00ad", "\u2060", "\x00"),
    *("\u3000", "\u2028", "\u202e", "\u2066", "\ufe0f", "\u3164", "\u115f", "\u034f", "\u180e"),
    *("…", "“", "”", "‘", "’", "«", "»", "‹", "„", "–", "—", "‐", "·", "•", "†", "‽"),
    *("。", "、", "，", "！", "）", "」", "】", "』", "》", "〉", "．", "／", "；", "〜"),
    *("؟", "،", "؛", "۔", "।", "॥", "։", "׃", "។", "။", "፡", "።", "᠃", "꘎", "\U0001f44d"),
    *("👍🏽", "❤️", "👩‍💻", "🇩🇪", "©", "™", "€", "\ue000", "＿", "‿", "−", "\u2800"),
]
"""What may stand on either side."""
FURTHER = [*"aZ09-_éßяא日ー한กἀ٣५²ⅷａ", "e\u0301", "\u0301", "%41"]
"""What makes another address of it."""


def _stands_around(character: str) -> bool:
    return character not in "-_" and unicodedata.category(character)[0] not in "LMN"


anything = st.characters(codec="utf-8").filter(_stands_around)
around = st.lists(anything | st.sampled_from(AROUND), max_size=5).map("".join)


def as_sent(path: str) -> re.Match[str] | None:
    """What is read of a path that came escaped, as all do."""
    return read_path(path, quote(path).encode())


@given(around, around.filter(lambda text: not text.startswith("+")))
def test_what_stands_in_front_of_a_path_and_behind_it(front: str, behind: str) -> None:
    match = as_sent(f"/{front}{CODE}{behind}")
    assert match is not None
    assert (match["code"], match["preview"], match["image"]) == (CODE, None, None)


@given(around, st.sampled_from(FURTHER), around)
def test_a_letter_more_is_another_address(front: str, more: str, behind: str) -> None:
    for path in (f"/{front}{CODE}{behind}{more}", f"/{front}{CODE}{more}{behind}"):
        match = as_sent(path)
        assert match is None or match["code"] == CODE + more, path


@given(around, st.sampled_from([("+", "+", None), (".png", None, "png"), (".svg", None, "svg")]))
def test_previews_and_images_stay_what_they_are(
    behind: str, kind: tuple[str, str | None, str | None]
) -> None:
    suffix, preview, image = kind
    match = as_sent(f"/{CODE}{suffix}{behind}")
    assert match is not None
    assert (match["code"], match["preview"], match["image"]) == (CODE, preview, image)


@given(st.text(max_size=40), st.binary(max_size=40))
def test_any_path_can_be_read(text: str, raw: bytes) -> None:
    match = read_path("/" + text, raw)
    assert match is None or match["code"] in f"/{html.unescape(text)}"
    read_code(text)
    split_short_url(text)


def test_long_ones_cost_nothing() -> None:
    assert read_path("/" + "." * LONGEST + CODE, b"") is None
    assert read_path("/&#" + "9" * 50_000, b"") is None
    assert read_code("&#" + "9" * 50_000) is None


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    with open_app(tmp_path_factory.mktemp("addresses") / "data", environ=GENEROUS) as app:
        yield app


SHORT = "http://127.0.0.1:8080/"


@pytest.fixture(scope="module")
def ann(running: RunningApp) -> Client:
    return client(running, "ann")


@pytest.fixture(scope="module")
def guest(running: RunningApp) -> Person:
    return temporary(running)


WRITTEN = [
    *(f"/{CODE}{behind}" for behind in AROUND if behind != "+"),
    *(f"/{quote(front)}{CODE}" for front in AROUND),
    *(f"/%3C{CODE}%3E", f"//{CODE}//", f"/{CODE}.)%22%E2%80%9D", f"/{CODE}%94", f"/%A0{CODE}%A0"),
    *(f"/{CODE}&gt;", f"/{CODE}&quot;.", f"/{CODE}&nbsp;", f"/&lt;{CODE}&#62;"),
    *(f"/{CODE}/?x=1", f"/{CODE}.?qr"),
]


def test_a_visit_is_one_click_of_the_code(running: RunningApp, guest: Person) -> None:
    for path in WRITTEN:
        entry = guest.shorten(shorturl=SHORT + CODE[:6], expiration_count=1)
        # As a whole URL: else two slashes would begin a host.
        url = SHORT[:-1] + quote(path.replace(CODE, CODE[:6]), safe="/%?&=;")
        assert running.request("HEAD", url).status_code == 200, "the page for robots"
        response = running.get(url)
        assert (response.status_code, response.headers.get("location")) == (302, DESTINATION), path
        assert running.get(url).status_code == running.get(entry["shorturl"]).status_code == 410
        shown = guest.entry(entry["shorturl"])
        assert (shown["count"], shown["count_qr"]) == (1, path.endswith("?qr"))


@pytest.mark.parametrize("behind", ["/", ".", ")", "%E3%80%82", "%20", "?x", "/?preview"])
def test_previews_and_images_have_it_too(running: RunningApp, guest: Person, behind: str) -> None:
    guest.shorten(code="withsome")
    for kind in ("+", ".svg", ".png"):
        response = running.get(f"/withsome{kind}{behind}")
        assert response.status_code == 200
        assert (
            response.headers["content-type"]
            == (running.get(f"/withsome{kind}").headers["content-type"])
        )


@pytest.mark.parametrize("more", FURTHER)
def test_a_letter_more_is_not_found(running: RunningApp, guest: Person, more: str) -> None:
    guest.shorten(code="letters")
    for path in (f"/letters{more}", f"/letters.{more}", f"/letters{more}/", f"/letters/{more}"):
        assert running.get(path).status_code == 404, path


def test_other_methods_and_own_addresses(running: RunningApp, guest: Person) -> None:
    guest.shorten(code="letters")
    assert running.request("POST", "/letters/").status_code == 405
    for path in ("/", "//", "/.", "/-/", "/-/health/x", "/v1/", "/v2/"):
        assert "link_not_found" not in running.get(path).text
    assert running.get("/robots.txt").status_code == 200
    response = running.get("/nobody/")
    assert response.json()["error"]["code"] == "link_not_found"


@pytest.mark.parametrize(
    "base", [SHORT, "HTTPS://127.0.0.1:8080//", "127.0.0.1:8080/", "//127.0.0.1:8080/"]
)
def test_calls_take_it_as_well(running: RunningApp, base: str) -> None:
    guest = temporary(running)
    for written in (
        *("{}/", "{}.", "<{}>", "({})", " {}\n", "{}?qr", "{}?x=/a/b", "{}#top", "{}/?a#b", "{}+"),
        *("\u200b{}", "\ufeff<{}>,", "[{}]", "{}%20", "{}%E3%80%82", "{}&gt;", "“{}”"),
    ):
        entry = guest.shorten(code="byacall")
        shorturl, moved = written.format(base + "byacall"), written.format(base + "another")
        assert guest.entry(shorturl)["id"] == entry["id"]
        guest.call("set_tag", shorturl=shorturl, tag=5)
        guest.call("explain", shorturl=shorturl)
        guest.call("change_shorturl", shorturl_old=shorturl, shorturl_new=moved)
        assert guest.entry(f"{SHORT}another")["tag"] == 5
        assert guest.shorten(shorturl=moved)["id"] != entry["id"]
        assert len(guest.entries()) == 1
        guest.call("delete", shorturl=moved)


def test_calls_find_nothing_else(guest: Person) -> None:
    guest.shorten(code="letters")
    for more in (*FURTHER, ".png", ".svg", "/x", "/x/"):
        error = guest.refused("get_entry", shorturl=f"{SHORT}letters{more}")
        assert error["code"] == "entry_not_found", more


def test_a_host_in_brackets(tmp_path: Path) -> None:
    environ = {**GENEROUS, "SHORTD_PUBLIC_URL": "http://[::1]:8080"}
    with open_app(tmp_path / "data", environ=environ) as app:
        guest = temporary(app)
        entry = guest.shorten(code="abcdef")
        for shorturl in (
            "[::1]:8080/abcdef/",
            "http://[::1]:8080/abcdef.",
            "<http://[::1]:8080/abcdef>",
        ):
            assert guest.entry(shorturl)["id"] == entry["id"]


@pytest.mark.parametrize(
    "written", ["{}", "{}/", "/{}", "//{}.", "<{}>", "{}?x=/y", " {} ", "{}#a", "{}+", "{}%20"]
)
def test_sqwish_takes_it_as_well(ann: Client, written: str) -> None:
    code = ann.shorten()
    short_url = ann.call("stats", code=code)["shortURL"]
    for name in ("stats", "ips"):
        assert ann.call(name, code=written.format(code))["code"] == code
        assert ann.call(name, code=written.format(short_url))["code"] == code
    assert ann.refused("stats", code=written.format(code + "x"))[0] == 404
