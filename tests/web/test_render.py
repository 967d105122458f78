"""Pages and their parts: headers, languages, messages, what is packed."""

from __future__ import annotations

import gzip
from collections.abc import Iterator

import pytest

from shortd.testing import RunningApp, open_app
from shortd.web import messages
from shortd.web.messages import Message
from shortd.web.pages import Pages
from shortd.web.readers import Reader
from tests.web.surfer import Surfer
from tests.web.test_pages import read


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    with open_app(tmp_path_factory.mktemp("site") / "data") as app:
        yield app


@pytest.fixture
def visitor(site: RunningApp) -> Surfer:
    return Surfer(site)


class TestHeaders:
    def test_of_a_page_with_scripts(self, visitor: Surfer) -> None:
        headers = visitor.get("/").headers
        own = "http://127.0.0.1:8080/-/static/"
        assert headers["content-security-policy"] == (
            "default-src 'none'; base-uri 'none'; frame-ancestors 'none';"
            f" script-src {own}; style-src {own}; img-src 'self' data: blob:;"
            " manifest-src 'self'; form-action 'self'; connect-src 'self';"
            " require-trusted-types-for 'script'; trusted-types 'none'"
        )
        assert headers["referrer-policy"] == "same-origin"
        assert headers["cache-control"] == "no-store"
        assert headers["cross-origin-opener-policy"] == "same-origin"
        assert headers["x-content-type-options"] == "nosniff"
        assert {"accept-language", "cookie"} <= set(headers["vary"].lower().split(", "))

    def test_where_no_policy_can_name_the_host(self, visitor: Surfer) -> None:
        answer = visitor.get("/", host="[::1]:8080")
        policy = answer.headers["content-security-policy"]
        nonce = policy.partition("script-src 'nonce-")[2].partition("'")[0]
        scripts = read(answer.text).all("script")
        assert scripts and {script["nonce"] for script in scripts} == {nonce}
        assert "style-src 'self'" in policy


class TestLanguages:
    def test_the_browsers(self, visitor: Surfer) -> None:
        page = visitor.get("/", **{"accept-language": "de-AT,de;q=0.9,en;q=0.8"})
        assert '<html lang="de">' in page.text
        assert "Link einfügen." in page.text
        scripts = [script["src"] or "" for script in read(page.text).all("script")]
        assert scripts[0].startswith("/-/static/words.de.")
        assert visitor.app.get(scripts[0]).status_code == 200

    def test_english_takes_no_words(self, visitor: Surfer) -> None:
        scripts = [script["src"] or "" for script in read(visitor.get("/").text).all("script")]
        assert not any("words." in script for script in scripts)

    def test_the_chosen_one_stays(self, visitor: Surfer) -> None:
        answer = visitor.get(
            "/-/look?lang=de&back=/-/keyboard", **{"sec-fetch-site": "same-origin"}
        )
        assert answer.headers["location"] == "/-/keyboard"
        page = visitor.get("/-/keyboard", **{"accept-language": "en"}).text
        assert '<html lang="de">' in page
        assert 'href="/-/look?lang=en&amp;back=/-/keyboard"' in page

    @pytest.mark.parametrize("accept", ["de", "en"])
    def test_visitors_pages_in_both_lanes_and_languages(self, visitor: Surfer, accept: str) -> None:
        page = visitor.get("/nosuch1", **{"accept-language": accept})
        assert page.status_code == 404
        assert f'<html lang="{accept}">' in page.text
        words = {"de": "Hier antwortet kein Link", "en": "No link answers here"}
        assert words[accept] in page.text

    @pytest.mark.parametrize(
        "query",
        [
            *("lang=xx", "lang=../de", "theme=blue", "lang=de&back=//evil.example"),
            *("lang=de&back=https://evil.example/", "lang=de&back=/\\evil.example"),
            *("lang=de&back=/%0d%0ax", "lang=de&back="),
        ],
    )
    def test_nothing_strange_is_kept_or_gone_to(self, visitor: Surfer, query: str) -> None:
        answer = visitor.get(f"/-/look?{query}")
        assert answer.status_code == 303
        assert answer.headers["location"] == "/"
        assert visitor.cookies in ({}, {"lang": "de"})

    def test_another_site_cannot_choose(self, visitor: Surfer) -> None:
        visitor.get("/-/look?lang=de", **{"sec-fetch-site": "cross-site"})
        assert visitor.cookies == {}

    def test_colours(self, visitor: Surfer) -> None:
        visitor.get("/-/look?theme=dark")
        assert '<html lang="en" data-theme="dark">' in visitor.get("/").text
        assert '<html lang="en" data-theme="dark">' in visitor.get("/nosuch1").text
        visitor.get("/-/look?theme=")
        assert '<html lang="en">' in visitor.get("/").text

    def test_the_settings_one_is_for_who_asks_for_none(
        self, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        environ = {"SHORTD_WEB__LANGUAGE": "de"}
        with open_app(tmp_path_factory.mktemp("german") / "data", environ=environ) as app:
            assert '<html lang="de">' in Surfer(app).get("/").text
            english = Surfer(app).get("/", **{"accept-language": "en-GB"})
            assert '<html lang="en">' in english.text


class TestParts:
    def test_a_part_comes_alone(self, visitor: Surfer) -> None:
        part = visitor.get("/", **{"shortd-part": "home"})
        assert part.status_code == 200
        assert part.text.lstrip().startswith('<div class="hero"')
        assert "<html" not in part.text
        assert "<div data-said>" in part.text

    @pytest.mark.parametrize("name", ["nosuch", "row-17", "main", "title", "../x", "x" * 99, ""])
    def test_of_what_is_no_part_comes_the_page(self, visitor: Surfer, name: str) -> None:
        page = visitor.get("/", **{"shortd-part": name})
        assert page.text.startswith("<!doctype html>")


class TestMessages:
    MESSAGE = Message("Deleted {link}", link="https://sd.example/<old>", undo="/-/links/1/undo")

    def test_one_is_said_once(self, visitor: Surfer) -> None:
        visitor.cookies[messages.COOKIE] = messages.written(self.MESSAGE)
        page = visitor.get("/-/keyboard").text
        assert (
            '<span>Deleted <span class="addr" translate="no">sd.example/&lt;old&gt;</span></span>'
            in page
        )
        assert '<form method="post" action="/-/links/1/undo">' in page
        assert messages.COOKIE not in visitor.cookies
        assert "Deleted" not in visitor.get("/-/keyboard").text

    def test_it_goes_with_a_part(self, visitor: Surfer) -> None:
        visitor.cookies[messages.COOKIE] = messages.written(Message("Done."))
        part = visitor.get("/", **{"shortd-part": "home"}).text
        assert part.rstrip().endswith("<div data-said><span>Done.</span></div>")

    @pytest.mark.parametrize(
        "message",
        [
            Message("x", undo="https://evil.example/"),
            Message("x", undo="//evil.example/"),
            Message("x", undo="/\\evil.example/"),
            Message("x" * 501),
        ],
    )
    def test_what_we_have_not_written_is_not_said(self, message: Message) -> None:
        assert messages.read(messages.written(message)) is None

    @pytest.mark.parametrize("value", ["", "x", "é", "e30", "bnVsbA", "%", "A" * 5000])
    def test_nonsense_is_none(self, visitor: Surfer, value: str) -> None:
        assert messages.read(value) is None

    @pytest.mark.parametrize("said", ["Done.", "{link}", "a{link}b{link}c", "äöü <b>"])
    def test_what_was_written_is_read(self, said: str) -> None:
        message = Message(said, link="https://sd.example/x")
        assert messages.read(messages.written(message)) == message


class TestPacking:
    def test_a_page_is_packed_for_who_takes_it(self, visitor: Surfer) -> None:
        plain = visitor.get("/-/keyboard", **{"accept-encoding": "identity"})
        packed = visitor.get("/-/keyboard", **{"accept-encoding": "br;q=1, gzip;q=0.5"})
        assert packed.headers["content-encoding"] == "gzip"
        assert "content-encoding" not in plain.headers
        assert packed.text == plain.text
        assert int(packed.headers["content-length"]) < len(plain.content) / 2
        assert "accept-encoding" in packed.headers["vary"].lower()

    @pytest.mark.parametrize("accept", ["", "gzip;q=0", "br", "deflate", "gzip;q=x"])
    def test_not_for_who_does_not(self, visitor: Surfer, accept: str) -> None:
        answer = visitor.get("/-/keyboard", **{"accept-encoding": accept})
        assert "content-encoding" not in answer.headers

    def test_the_home_page_is_small(self, visitor: Surfer) -> None:
        page = visitor.get("/").text
        assets = visitor.app.run(_assets(page, visitor))
        first = len(gzip.compress(page.encode())) + sum(
            size for name, size in assets.items() if not name.endswith(".js")
        )
        assert first <= 20 << 10
        scripts = sum(size for name, size in assets.items() if name.endswith(".js"))
        assert scripts <= 10 << 10


async def _assets(page: str, visitor: Surfer) -> dict[str, int]:
    """What the page needs beside itself, in bytes on the wire."""
    pages = Pages("http://127.0.0.1:8080")
    needed: dict[str, int] = {}
    for asset in pages.assets:
        if asset.path in page:
            for name in (asset.name, *asset.imports):
                found = pages.assets.named(name)
                needed[name] = len(found.packed or found.body)
    return needed


class TestFilters:
    @pytest.mark.parametrize(
        ("size", "english", "german"),
        [
            (0, "0 B", "0 B"),
            (999, "999 B", "999 B"),
            (1000, "1.0 kB", "1,0 kB"),
            (2_400_000, "2.4 MB", "2,4 MB"),
            (187_000_000_000, "187 GB", "187 GB"),
            (999_999, "1.0 MB", "1,0 MB"),
        ],
    )
    def test_sizes(self, size: int, english: str, german: str) -> None:
        assert said("{{ x | size }}", size) == english
        assert said("{{ x | size }}", size, "de") == german

    def test_numbers(self) -> None:
        assert said("{{ x | number }}", 1_284_003) == "1,284,003"
        assert said("{{ x | number }}", 1_284_003, "de") == "1.284.003"

    def test_times_are_read_by_programs_and_people(self) -> None:
        utime = 1_663_520_979_909_818
        written = '<time datetime="2022-09-18T17:09:39Z">2022-09-18 17:09 UTC</time>'
        assert said("{{ x | time }}", utime) == written
        assert 'data-ago=""' in said("{{ x | ago }}", utime)
        assert ">2022-09-18<" in said("{{ x | day }}", utime)

    def test_the_ending_is_the_hero(self) -> None:
        shown = said("{{ x | short }}", 'https://sd.example/a"<b>')
        assert shown == (
            '<span class="addr" translate="no"><span>sd.example/</span><wbr>'
            "<b>a&#34;&lt;b&gt;</b></span>"
        )

    @pytest.mark.parametrize(
        ("url", "shown"),
        [
            ("https://example.org/a?b", "https://<b>example.org</b>/a?b"),
            ("https://ex%61mple.org/", "https://ex%61mple.org/"),
            ("report <1>.pdf", "report &lt;1&gt;.pdf"),
            ("https://good.example@evil.example/", "https://good.example@evil.example/"),
        ],
    )
    def test_a_destination_has_its_true_host_in_bold(self, url: str, shown: str) -> None:
        assert said("{{ x | place }}", url) == shown


def said(template: str, value: object, code: str = "en") -> str:
    pages = Pages("http://sd.example")
    language = pages.readers.languages.named(code)
    assert language is not None
    made = pages.environment(code).from_string(template)
    return pages.rendered(made, Reader(language), x=value)
