"""Shlink's REST API, with a network that is made up: what servers do that are busy, old or none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from shortd import errors
from shortd.moving.options import Options
from shortd.moving.peers.shlink_rest import ANSWER
from tests.moving.reading import Reading, read

URL = "https://s.example.com"
KEY = Options(api_key="the-key")

Handler = Callable[[httpx.Request], httpx.Response]


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits between attempts, none of which is waited for."""
    kept: list[float] = []
    monkeypatch.setattr("tenacity.nap.time.sleep", kept.append)
    return kept


def ask(handler: Handler, url: str = URL, options: Options = KEY) -> Reading:
    with httpx.Client(transport=httpx.MockTransport(handler)) as client:
        return read("shlink", url, options, client=client)


def refusal(handler: Handler, url: str = URL, options: Options = KEY) -> str:
    with pytest.raises(errors.ShortdError) as raised:
        ask(handler, url, options)
    assert raised.value.kind is errors.SOURCE_UNREADABLE
    assert "the-key" not in raised.value.message
    return raised.value.message


def link(code: str, **more: Any) -> dict[str, Any]:
    return {
        "shortCode": code,
        "longUrl": "https://example.com/",
        "dateCreated": "2023-01-02T03:04:05+00:00",
        **more,
    }


def page(items: list[Any], number: int = 1, of: int = 1, total: int | None = None) -> Any:
    pagination = {"currentPage": number, "pagesCount": of, "totalItems": total or len(items)}
    return {"data": items, "pagination": pagination}


class Shlink:
    """One that has some links; anything else of it is not found."""

    def __init__(self, *pages: list[Any], total: int | None = None) -> None:
        self._pages = pages
        self._total = total
        self.asked: list[str] = []
        self.others: dict[str, httpx.Response] = {}

    def __call__(self, request: httpx.Request) -> httpx.Response:
        assert request.headers["X-Api-Key"] == "the-key"
        path = request.url.raw_path.decode().partition("?")[0].removeprefix("/rest/v3")
        self.asked.append(path)
        if path == "/short-urls":
            number = int(request.url.params["page"])
            items = self._pages[number - 1]
            found = page(items, number, len(self._pages), self._total)
            return httpx.Response(200, json={"shortUrls": found})
        return self.others.get(path, httpx.Response(404, json={"status": 404}))


def test_an_old_one_has_no_rules_and_says_less() -> None:
    server = Shlink([link("a", visitsCount=7, deviceLongUrls={"ios": "https://ios.example/"})])
    found = ask(server).link("a")
    assert (found.clicks, found.singles) == (7, 0)
    assert found.plugins == {"mobile": {"ios": "https://ios.example/"}}


def test_codes_and_domains_stand_in_addresses() -> None:
    server = Shlink([link("a/b ü%2F", domain="x.example:8080", visitsCount=0)])
    server.others["/short-urls/a/b%20%C3%BC%252F/redirect-rules"] = httpx.Response(
        200,
        json={
            "redirectRules": [
                {
                    "longUrl": "https://es.example/",
                    "priority": 1,
                    "conditions": [{"type": "language", "matchKey": None, "matchValue": "es"}],
                }
            ]
        },
    )
    found = ask(server).link("a/b ü%2F", "x.example:8080")
    assert [rule.url for rule in found.rules] == ["https://es.example/"]


def test_what_moves_to_the_next_page_is_one_link() -> None:
    first, second, third = link("c"), link("b"), link("a")
    found = ask(Shlink([first, second], [second, third]))
    assert sorted(str(link.code) for link in found.links) == ["a", "b", "c"]
    assert found.problems == []


def test_a_key_that_sees_less_is_told() -> None:
    remark = ask(Shlink([link("a")], total=5)).remark("incomplete")
    assert remark is not None and remark.value == 4


def test_what_is_refused_of_a_link_is_told() -> None:
    server = Shlink([link("a", visitsCount=7), link("b", visitsCount=2), link("c")])
    server.others["/short-urls/a/visits"] = httpx.Response(500)
    server.others["/short-urls/c/redirect-rules"] = httpx.Response(403)
    found = ask(server)
    assert found.link("a").clicks == 7
    remark = found.remark("refused")
    assert remark is not None and remark.value == 2
    assert ask(Shlink([link("b", visitsCount=2)])).remark("refused") is None


@pytest.mark.parametrize("path", ["", "/", "/rest", "/rest/v3/", "/restaurant", "/a/rest/v3"])
def test_an_address_may_have_a_path(path: str) -> None:
    base = path.rstrip("/").removesuffix("/rest/v3").removesuffix("/rest")
    server = Shlink([link("a")])

    def handler(request: httpx.Request) -> httpx.Response:
        path = request.url.raw_path.decode()
        assert path.startswith(f"{base}/rest/v3/")
        return server(httpx.Request("GET", f"{URL}{path[len(base) :]}", headers=request.headers))

    assert len(ask(handler, URL + path).links) == 1


def test_a_busy_server_is_waited_for(waits: list[float]) -> None:
    server = Shlink([link("a")])
    answers = iter(
        [
            httpx.Response(429, headers={"Retry-After": "7"}),
            httpx.Response(503, headers={"Retry-After": "99999"}),
            httpx.Response(502),
        ]
    )

    def handler(request: httpx.Request) -> httpx.Response:
        return next(answers, None) or server(request)

    assert len(ask(handler).links) == 1
    assert waits[0] == 7
    assert waits[1] == 60
    assert 0 < waits[2] < 15


def test_a_server_that_never_answers_is_given_up(waits: list[float]) -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no route", request=request)

    assert "does not answer: ConnectError" in refusal(handler)
    assert len(waits) == 5


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (httpx.Response(401), "does not take the key"),
        (httpx.Response(403), "does not take the key"),
        (httpx.Response(404), "status 404"),
        (httpx.Response(500), "status 500"),
        (httpx.Response(302, headers={"Location": "https://evil.example/"}), "status 302"),
        (httpx.Response(200, text="<html>"), "no JSON"),
        (httpx.Response(200, text="[" * 100_000), "no JSON"),
        (httpx.Response(200, text="[]"), "another answer"),
        (httpx.Response(200, json={"shortUrls": {"data": 5}}), "another answer"),
        (httpx.Response(200, content=b" " * (ANSWER + 1)), "too long"),
    ],
)
def test_what_is_no_shlink_is_told(answer: httpx.Response, said: str) -> None:
    assert said in refusal(lambda request: answer)


@pytest.mark.parametrize(
    "item",
    [
        {},
        {"shortCode": 5, "longUrl": [], "tags": {}, "meta": [], "visitsSummary": 3},
        {"shortCode": None, "longUrl": "https://example.com/", "tags": [1, None, {}], "title": {}},
        {"shortCode": "a", "longUrl": "https://example.com/", "visitsSummary": {"total": -1}},
        {"shortCode": "a", "longUrl": "https://example.com/", "meta": {"maxVisits": 10**30}},
        "a",
        None,
    ],
)
def test_items_of_any_shape_are_borne(item: Any) -> None:
    ask(Shlink([item, link("b")])).link("b")


def test_without_a_key_nothing_is_asked() -> None:
    assert "wants a key" in refusal(lambda request: httpx.Response(500), options=Options())


def test_an_address_that_is_none(tmp_path: Path) -> None:
    for url in ("http://", "http://[::1", "https://exa mple/", "http://a:99999/"):
        assert refusal(Shlink([]), url)
    with pytest.raises(errors.ShortdError, match="Only Shlink"):
        read("yourls", "https://example.com/", KEY)
