"""Pages: what they say, that hostile text stays text, and that the headers can be strict."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

import jinja2
import msgspec
import pytest

from shortd import errors
from shortd.web.home.contents import HomePage
from shortd.web.pages import Pages
from shortd.web.policies import SECURITY_HEADERS
from shortd.web.reference_contents import (
    CallDoc,
    DocsPage,
    DocsSection,
    FieldDoc,
    ShapeDoc,
    VariableDoc,
)
from shortd.web.visitor.contents import MailedPage, PreviewPage

HOSTILE = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>{{ 7 * 7 }}</title></textarea>"
VOID = {"meta", "link", "img", "wbr", "br", "hr", "input"}
PAGES = Pages("https://s.example.org")
ASSETS = PAGES.assets
APP: dict[str, Any] = {"path": "/", "nonce": ""}
"""What every page for who makes links is given."""


def asset_path(name: str) -> str:
    return ASSETS.named(name).path


@dataclass
class Document(HTMLParser):
    """The elements of a page, with their attributes, and its text."""

    elements: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    text: str = ""

    def __post_init__(self) -> None:
        super().__init__()
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag, f"</{tag}> closes something else"

    def handle_data(self, data: str) -> None:
        self.text += data

    def close(self) -> None:
        super().close()
        assert self._open == []

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def read(html: str) -> Document:
    document = Document()
    document.feed(html)
    document.close()
    return document


def preview(text: str = "", **changes: object) -> PreviewPage:
    page = PreviewPage(
        short_url="https://s.example.org/D4AyPm" + text,
        ending="D4AyPm" + text,
        destination="https://example.com/a" + text,
        host="example.com" + text,
        created=1_663_520_979_909_818,
        qr_path="/D4AyPm.svg" + text,
    )
    return msgspec.structs.replace(page, **changes)


def docs(text: str = "") -> DocsPage:
    row = FieldDoc(name="url" + text, type="str" + text, description="The URL." + text)
    call = CallDoc(
        api="v2" + text,
        name="url" + text,
        path="/v2/url" + text,
        method="POST" + text,
        summary="Shortens." + text,
        weight="1000" + text,
        fields=[row, msgspec.structs.replace(row, name="tag", required=False)],
        outputs=[row],
        topic="Links" + text,
        access="A key." + text,
        errors=["code_taken" + text],
        curl="curl" + text,
        python="import httpx" + text,
    )
    section = DocsSection(
        title="ww7 v2" + text, name="v2" + text, intro="Calls." + text, calls=[call]
    )
    catalogue = [
        *errors.CATALOGUE.values(),
        errors.ErrorKind("odd" + text, 400, "Odd." + text),
    ]
    shape = ShapeDoc(name="Entry" + text, summary="An entry." + text, fields=[row], is_input=True)
    variable = VariableDoc(name="TOKEN" + text, look="abc" + text, about="From login." + text)
    return DocsPage(sections=[section], errors=catalogue, shapes=[shape], variables=[variable])


def mailed(text: str = "") -> MailedPage:
    return MailedPage(
        email="a@b.example" + text, code="0" * 32 + text, fault="Wrong." + text, is_open=True
    )


def every_page(text: str = "") -> dict[str, str]:
    """All pages, with `text` at the end of whatever others may have written."""
    return {
        "home": PAGES.render("home/page.html", page=HomePage(), **APP),
        "not_found": PAGES.render("visitor/not_found.html"),
        "gone": PAGES.render("visitor/gone.html"),
        "limited": PAGES.render("visitor/limited.html", retry_after=90),
        "limited for long": PAGES.render("visitor/limited.html", retry_after=None),
        "error": PAGES.render("visitor/error.html", status=500, fault=errors.INTERNAL("M." + text)),
        "preview": PAGES.render("visitor/preview.html", page=preview(text)),
        "hidden": PAGES.render("visitor/preview.html", page=preview(text, destination=None)),
        "docs": PAGES.render("docs.html", page=docs(text)),
        "verify": PAGES.render("visitor/verify.html", page=mailed(text)),
        "reset": PAGES.render("visitor/reset.html", page=mailed(text), scripts=("password.js",)),
        "done": PAGES.render("visitor/done.html", title="T" + text, message="M." + text),
    }


@pytest.mark.parametrize("name", every_page())
def test_every_page_is_whole_and_works_without_sight_or_mouse(name: str) -> None:
    html = every_page()[name]
    document = read(html)
    assert html.startswith("<!doctype html>")
    assert document.all("html") == [{"lang": "en"}]
    assert len(document.all("title")) == len(document.all("h1")) == len(document.all("main")) == 1
    assert {"header", "footer"} <= {tag for tag, _ in document.elements}
    assert all("alt" in image for image in document.all("img"))
    ids = [attributes["id"] for _, attributes in document.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    for _, attributes in document.elements:
        if (attributes.get("href") or "").startswith("#"):
            assert (attributes["href"] or "")[1:] in ids
        if "aria-labelledby" in attributes:
            assert attributes["aria-labelledby"] in ids


@pytest.mark.parametrize("text", ["", HOSTILE])
@pytest.mark.parametrize("name", every_page())
def test_no_page_has_inline_script_or_style_whatever_it_shows(name: str, text: str) -> None:
    document = read(every_page(text)[name])
    for tag, attributes in document.elements:
        assert tag not in ("style", "iframe", "object", "base")
        if tag == "script":
            at_home = ["frame.js", "compose.js", "handing.js"]
            scripts = {"home": at_home, "reset": ["password.js"], "docs": ["docs.js"]}[name]
            assert attributes["src"] in [asset_path(script) for script in scripts]
        if tag == "form" and name in ("verify", "reset"):
            assert (attributes["method"], attributes["action"]) == ("post", f"/-/{name}")
        for key, value in attributes.items():
            assert not key.startswith("on")
            assert key != "style"
            if key in ("href", "src"):
                assert re.match(r"$|/|#|https://example\.com/", value or "")
    assert [link["href"] for link in document.all("link") if link["rel"] != "manifest"] == [
        asset_path("favicon.ico"),
        asset_path("favicon.svg"),
        asset_path("style.css"),
        *([asset_path("docs.css")] if name == "docs" else []),
    ]


@pytest.mark.parametrize("name", ["error", "preview", "hidden", "docs", "reset", "done"])
def test_hostile_text_is_shown_as_text(name: str) -> None:
    quiet, hostile = read(every_page()[name]), read(every_page(HOSTILE)[name])
    assert HOSTILE in hostile.text
    assert "&lt;" not in hostile.text
    assert {tag for tag, _ in hostile.elements} == {tag for tag, _ in quiet.elements}
    assert len(hostile.all("img")) == len(quiet.all("img"))


def test_the_server_may_be_named_anything() -> None:
    document = read(Pages("https://s.example.org/<i>").render("docs.html", page=docs()))
    assert document.all("i") == []
    assert document.text.count("s.example.org/<i>") == 4


def test_preview_shows_where_a_link_leads() -> None:
    html = PAGES.render("visitor/preview.html", page=preview())
    document = read(html)
    links = [a for a in document.all("a") if a["href"] == "https://example.com/a"]
    assert {link["rel"] for link in links} == {"noreferrer nofollow"}
    assert "https://<b>example.com</b>/a" in html
    assert '<strong class="host">example.com</strong>' in html
    assert "https://s.example.org/D4AyPm" in document.text
    assert "2022-09-18 17:09 UTC" in document.text
    (qr_image,) = [image for image in document.all("img") if image["src"] == "/D4AyPm.svg"]
    assert qr_image["alt"] == "QR code of https://s.example.org/D4AyPm"


def test_a_hidden_preview_tells_nothing_of_the_destination() -> None:
    html = PAGES.render("visitor/preview.html", page=preview(destination=None))
    assert "example.com" not in html
    assert "not shown" in html


@pytest.mark.parametrize("destination", ["javascript:alert(1)", "data:text/html,x", "//x.example"])
def test_a_destination_of_another_scheme_is_no_link(destination: str) -> None:
    document = read(PAGES.render("visitor/preview.html", page=preview(destination=destination)))
    assert destination not in [anchor["href"] for anchor in document.all("a")]
    assert destination in document.text


@pytest.mark.parametrize(
    ("destination", "host", "parts"),
    [
        ("http://h/h", "h", ("http://", "h", "/h")),
        ("https://EXAMPLE.com:443/", "example.com", ("https://", "EXAMPLE.com", ":443/")),
        ("https://e.example:81?x", "e.example:81", ("https://", "e.example:81", "?x")),
        ("https://%65.example/", "e.example", ("https://%65.example/", "", "")),
        ("https://bücher.example/", "xn--b.example", ("https://bücher.example/", "", "")),
    ],
)
def test_the_emphasised_host_is_the_one_in_the_authority(
    destination: str, host: str, parts: tuple[str, str, str]
) -> None:
    assert preview(destination=destination, host=host).parts == parts


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, "later"),
        (1, "in 1 second."),
        (119, "in 119 seconds"),
        (120, "in 2 minutes"),
        (121, "in 3 minutes"),
        (7200, "in 2 hours"),
    ],
)
def test_limited_says_when_to_come_back(seconds: int | None, words: str) -> None:
    assert words in PAGES.render("visitor/limited.html", retry_after=seconds)


def test_error_pages_are_not_for_search_engines_and_the_others_are() -> None:
    for name, html in every_page().items():
        robots = [
            meta["content"] for meta in read(html).all("meta") if meta.get("name") == "robots"
        ]
        assert robots == ([] if name in ("home", "docs") else ["noindex, nofollow"]), name


def test_docs_list_calls_fields_and_errors() -> None:
    html = PAGES.render("docs.html", page=docs())
    text = " ".join(read(html).text.split())
    assert 'href="#call-v2-url"' in html
    assert "POST /v2/url weight 1000" in text
    assert "url str, required The URL." in text
    assert "Entry An entry. Fields of Entry" in text
    assert "tag str, optional" in text
    for kind in errors.CATALOGUE.values():
        # What stands between backticks is shown as code, without them.
        message = kind.message.replace("`", "")
        assert f"{kind.code}{kind.status}{message}" in read(html).text


def test_a_name_missing_from_the_context_is_an_error() -> None:
    with pytest.raises(jinja2.UndefinedError, match="retry_after"):
        PAGES.render("visitor/limited.html")
    with pytest.raises(jinja2.UndefinedError, match="fault"):
        PAGES.render("visitor/error.html", status=500)
    with pytest.raises(jinja2.TemplateNotFound):
        PAGES.render("../pages.py")


def test_the_policy_allows_nothing_inline_and_nothing_foreign() -> None:
    headers = dict(SECURITY_HEADERS)
    assert len(headers) == len(SECURITY_HEADERS)
    policy = dict(
        directive.strip().split(" ", 1)
        for directive in headers["Content-Security-Policy"].split(";")
    )
    assert policy == {
        "default-src": "'none'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "form-action": "'none'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
    }
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
