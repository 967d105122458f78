"""Pages of plugins in our frame: escaped, in the reader's language, under our policy; and what the
navigation shows of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest
from litestar import Controller, Request, get, post

from shortd.plugin import Access, Caller, Plugin, SignInOffer, hookimpl
from shortd.testing import RunningApp, StartApp, open_app
from tests.conftest import GENEROUS
from tests.plugin_runtime.conftest import Start, start  # noqa: F401
from tests.web.surfer import Surfer


def test_a_page_looks_like_ours(people: dict[str, Surfer]) -> None:
    answer = people["account"].get("/-/x/desk/page")
    own = people["account"].get("/-/tools")
    assert answer.status_code == 200
    assert "<h1" in answer.text and "A &lt;title&gt;</h1>" in answer.text
    assert "<p>&lt;b&gt;&amp;</p>" in answer.text
    assert 'href="/-/account"' in answer.text and "Skip to the content" in answer.text
    for name in ("content-security-policy", "referrer-policy", "cross-origin-opener-policy"):
        assert answer.headers.get_list(name) == own.headers.get_list(name)
    assert answer.headers["cache-control"] == "no-store"


def test_a_page_is_in_its_readers_language(people: dict[str, Surfer]) -> None:
    answer = people["stranger"].get("/-/x/desk/page", accept_language="de")
    assert 'lang="de"' in answer.text and "Zum Inhalt</a>" in answer.text


@pytest.mark.parametrize(
    ("who", "shown"),
    [
        ("stranger", []),
        ("temporary", []),
        ("account", ["Desk", "100 % open"]),
        ("operator", ["Desk", "100 % open"]),
    ],
)
def test_the_navigation_has_the_pages_of_plugins(
    people: dict[str, Surfer], who: str, shown: list[str]
) -> None:
    page = people[who].get("/-/tools").text
    assert re.findall(r'<a href="/-/x/desk/\w+"[^>]*>([^<]+)</a>', page) == shown


class Shelf(Controller):
    """Says once who may use what it has."""

    path = "/shelf"
    opt = {"access": Access.ACCOUNT}  # noqa: RUF012 - so declared by Litestar

    @get("/", media_type="text/plain")
    async def books(self) -> str:
        return "books"


class Library(Plugin[None, None]):
    """Has pages that are said together."""

    name = "library"
    pages: ClassVar[Mapping[str, str]] = {"Books": "/shelf"}

    @hookimpl
    def routes(self) -> Sequence[Any]:
        return [Shelf]


def test_who_may_is_said_of_many_routes_at_once(shortd_app: StartApp) -> None:
    app = shortd_app(Library)
    ann = app.browser("ann")
    assert '<a href="/-/x/library/shelf"' in ann.get("/-/tools").text
    assert ann.get("/-/x/library/shelf").text == "books"


def test_errors_are_told_as_ours(people: dict[str, Surfer]) -> None:
    answer = people["stranger"].get("/-/x/desk/refused", accept="application/json")
    assert answer.status_code == 403
    assert answer.json() == {"error": {"code": "forbidden", "message": "Not now."}}
    assert "Not now." in people["stranger"].get("/-/x/desk/refused").text


TEMPLATES = {
    "good.html": '<p><a href="/-/x/shown/t?name=good.html">{{ value }}</a> {{ 1234 | number }}</p>',
    "layout.html": "<section>{% block inner %}{% endblock %}</section>",
    "child.html": '{% extends "layout.html" %}{% block inner %}{{ value }}{% endblock %}',
    "broken.html": "{% if %}",
    "missing.html": "{{ nothing_of_this_name }}",
    "endless.html": "{% for a in range(99999) %}{% for b in range(99999) %}xxxxxxxxxx{% endfor %}"
    "{% endfor %}",
    "escaping.html": "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "raising.html": "{{ bad }}",
}
SHOWN = """
from litestar import Response

class Bad:
    def __str__(self) -> str:
        raise RuntimeError("no text")

class Shown(Plugin[None, None]):
    name = "shown"

    @hookimpl
    def routes(self) -> Sequence[Any]:
        @get("/t", access=Access.PUBLIC)
        async def t(caller: Caller) -> Response[bytes]:
            template = self.template(caller.request.query_params["name"])
            return await self.page(caller, "T", template, value="<i>'\\"", bad=Bad(), status=418)

        @get("/text", access=Access.PUBLIC)
        async def text(caller: Caller) -> Response[bytes]:
            return await self.page(caller, "T", caller.request.query_params["text"])

        return [t, text]
"""


@pytest.fixture
def shown(start: Start, tmp_path: Path) -> Surfer:  # noqa: F811
    folder = tmp_path / "plugins" / "templates"
    folder.mkdir(parents=True)
    for name, text in TEMPLATES.items():
        (folder / name).write_text(text)
    (tmp_path / "plugins" / "secret.html").write_text("secret")
    return Surfer(start(shown=SHOWN, environ={"SHORTD_PUBLIC_URL": "http://127.0.0.1:8080/s"}).app)


def test_templates_of_a_plugin(shown: Surfer) -> None:
    """Below a path, which stands before what they lead to."""
    shown.own = "http://127.0.0.1:8080/s/"
    answer = shown.get("-/x/shown/t?name=good.html")
    assert answer.status_code == 418
    assert 'href="/s/-/x/shown/t?name=good.html">&lt;i&gt;&#39;&#34;</a> 1,234' in answer.text
    assert "<section>&lt;i&gt;" in shown.get("-/x/shown/t?name=child.html").text
    for name in (
        *("broken.html", "missing.html", "endless.html", "escaping.html", "raising.html"),
        *("no.html", "../secret.html", "/etc/passwd", "", "%00"),
    ):
        answer = shown.get(f"-/x/shown/t?name={name}")
        assert answer.status_code == 503, name
        assert "secret" not in answer.text and "Traceback" not in answer.text
    assert shown.get("-/x/shown/text?text=%7B%7B+2+*+3+%7D%7D").text.count("6") >= 1
    for text in ("%7B%25", "%7B%7B+self.__init__.__globals__+%7D%7D", "%7B%7B+x+%7D%7D"):
        assert shown.get(f"-/x/shown/text?text={text}").status_code == 503
    assert shown.get("-/health").json()["plugins"]["states"]["shown"]["state"] == "on"


class Nothing(Plugin[None, None]):
    """Has what its navigation needs, or not."""

    name = "nothing"

    @hookimpl
    def routes(self) -> Sequence[Any]:
        @get("/", access=Access.ACCOUNT)
        async def index(caller: Caller) -> str:
            return "index"

        @get("/begin", access=Access.PUBLIC)
        async def begin() -> str:
            return "begin"

        @post("/form", access=Access.PUBLIC)
        async def form() -> str:
            return "form"

        @get("/of/{one:str}", access=Access.PUBLIC)
        async def one(request: Request[Any, Any, Any]) -> str:
            return "one"

        return [index, begin, form, one]


PAGES: list[Any] = [
    {"No route": "/nowhere"},
    {"Elsewhere": "https://evil.example/"},
    {"Above": "/../../admin"},
    {"Form": "/form"},
    {"Parameter": "/of/{one:str}"},
    {"": "/"},
    {"x" * 31: "/"},
    {"two\nlines": "/"},
    {5: "/"},
    {"Number": 5},
    {f"Page {number}": "/" for number in range(6)},
    5,
]
OFFERS: list[Any] = [
    [5],
    5,
    "text",
    [SignInOffer("Label", "/")],
    [SignInOffer("Label", "/form")],
    [SignInOffer("Label", "//evil.example/")],
    [SignInOffer("Label", "/../desk")],
    [SignInOffer("", "/begin")],
    [SignInOffer("x" * 41, "/begin")],
    [SignInOffer("a\u2028b", "/begin")],
    [SignInOffer(5, "/begin")],  # type: ignore[arg-type]
    [SignInOffer("Label", None)],  # type: ignore[arg-type]
    [SignInOffer("Label", "/begin")] * 6,
]


def offering(offers: Any) -> Any:
    def authenticate(self: object) -> Any:
        return offers

    return hookimpl(authenticate)


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    """A server with a plugin for each of these."""
    about = {"__doc__": "Says what cannot be."}
    kinds = [
        type("Bad", (Nothing,), {"name": f"pages{at}", "pages": pages, **about})
        for at, pages in enumerate(PAGES)
    ] + [
        type("Bad", (Nothing,), {"name": f"offers{at}", "authenticate": offering(said), **about})
        for at, said in enumerate(OFFERS)
    ]
    folder = tmp_path_factory.mktemp("crowd")
    with open_app(folder, plugins=kinds, environ=GENEROUS, tolerant=True) as app:
        yield app


@pytest.mark.parametrize(
    "name",
    [f"pages{at}" for at in range(len(PAGES))] + [f"offers{at}" for at in range(len(OFFERS))],
)
def test_what_cannot_be_shown_is_left_out(crowd: RunningApp, name: str) -> None:
    ann = crowd.browser("ann")
    assert "/-/x/" not in ann.get("/-/tools").text
    assert "/-/x/" not in crowd.browser().get("/-/login").text
    assert ann.get(f"/-/x/{name}/").text == "index"
    assert crowd.get("/-/health").json()["plugins"]["states"][name]["failures"] == 1


def test_offers_lead_on(people: dict[str, Surfer]) -> None:
    page = people["stranger"].get("/-/login?next=/-/x/desk/account").text
    assert 'href="/-/x/desk/badge?next=/-/x/desk/account"' in page
    assert "Sign in with a badge" in page
