"""CORS: pages of other origins call the APIs, if the settings name them; never with cookies, and
never anything but the APIs.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from shortd.testing import RunningApp, open_app
from tests.conftest import GENEROUS
from tests.web.surfer import Surfer

ORIGIN = "https://app.example"
ALLOWED = "chrome-extension://abcdef,https://app.example"
CALLS = [
    ("POST", "/v2/url", "POST"),
    ("POST", "/v2/file", "POST"),
    ("POST", "/v2/no_such_call", "POST"),
    ("POST", "/v1/entity/link/list", "POST"),
    ("POST", "/v1/no/such/call", "POST"),
    ("GET", "/shorten.json", "GET, POST"),
    ("POST", "/shorten.xml", "GET, POST"),
    ("GET", "/ips.json", "GET, POST"),
    ("POST", "/upload.json", "POST"),
    ("PUT", "/report.txt", "PUT"),
    ("PUT", "/", "PUT"),
    ("PUT", "/-/up/report.txt", "PUT"),
    ("PUT", "/-/up/upload.json", "PUT"),
]
OTHERS = [
    ("GET", "/"),
    ("GET", "/abcdef"),
    ("POST", "/abcdef"),
    ("GET", "/abcdef+"),
    ("GET", "/abcdef.svg"),
    # Hosts may have such codes.
    ("GET", "/abcdef.json"),
    ("GET", "/-/home"),
    ("GET", "/-/docs"),
    ("GET", "/-/health"),
    ("POST", "/-/sign-in"),
    ("POST", "/-/share"),
    ("GET", "/-/up/report.txt"),
    ("GET", "/robots.txt"),
    ("PUT", "/-/home/x"),
]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    environ = {**GENEROUS, "SHORTD_SERVER__CORS_ORIGINS": ALLOWED}
    with open_app(tmp_path_factory.mktemp("cors") / "data", environ=environ) as app:
        app.new_link(code="abcdef")
        yield app


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    with open_app(tmp_path_factory.mktemp("closed") / "data", environ=GENEROUS) as app:
        app.new_link(code="abcdef")
        yield app


@pytest.fixture(scope="module")
def open_to_all(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    environ = {**GENEROUS, "SHORTD_SERVER__CORS_ORIGINS": "*"}
    with open_app(tmp_path_factory.mktemp("all") / "data", environ=environ) as app:
        yield app


def preflight(app: RunningApp, method: str, path: str, origin: str = ORIGIN) -> httpx.Response:
    headers = {
        "origin": origin,
        "access-control-request-method": method,
        "access-control-request-headers": "authorization,content-type",
    }
    return app.request("OPTIONS", path, headers=headers)


def cors(answer: httpx.Response) -> dict[str, str]:
    """All that an answer says of CORS."""
    names = ("access-control-", "vary")
    return {name: value for name, value in answer.headers.items() if name.startswith(names)}


def vary(answer: httpx.Response) -> set[str]:
    return {one.strip() for one in answer.headers.get("vary", "").lower().split(",")}


@pytest.mark.parametrize("origin", ALLOWED.split(","))
@pytest.mark.parametrize(("method", "path", "methods"), CALLS)
class TestAllowed:
    def test_preflights(
        self, shared: RunningApp, method: str, path: str, methods: str, origin: str
    ) -> None:
        answer = preflight(shared, method, path, origin)
        assert (answer.status_code, answer.content) == (204, b"")
        assert cors(answer) == {
            "access-control-allow-origin": origin,
            "access-control-allow-methods": methods,
            "access-control-allow-headers": "authorization, content-type, idempotency-key,"
            " shortd-clicks, shortd-code, shortd-days, shortd-password",
            "access-control-max-age": "600",
            "vary": "origin",
        }
        assert "content-length" not in answer.headers

    def test_calls(
        self, shared: RunningApp, method: str, path: str, methods: str, origin: str
    ) -> None:
        with_origin = shared.request(method, path, headers={"origin": origin})
        assert with_origin.headers["access-control-allow-origin"] == origin
        assert with_origin.headers["access-control-expose-headers"] == "location, retry-after"
        assert "access-control-allow-credentials" not in with_origin.headers
        assert "origin" in vary(with_origin)


@pytest.mark.parametrize(
    "origin",
    [
        "https://app.example.evil.example",
        "http://app.example",
        "null",
        "https://app.example:8443",
        "HTTPS://APP.EXAMPLE",
        "",
        "*",
    ],
)
@pytest.mark.parametrize(("method", "path", "methods"), CALLS)
def test_other_origins(
    shared: RunningApp, closed: RunningApp, method: str, path: str, methods: str, origin: str
) -> None:
    """They are answered as if nobody were allowed, but for `Vary`."""
    answer = preflight(shared, method, path, origin)
    plain = preflight(closed, method, path, origin)
    assert answer.status_code == plain.status_code
    assert not any(name.startswith("access-control") for name in answer.headers)
    assert "origin" in vary(answer)
    for headers in ({"origin": origin}, {}):
        answer = shared.request(method, path, headers=headers)
        assert not any(name.startswith("access-control") for name in answer.headers)
        assert "origin" in vary(answer)


@pytest.mark.parametrize(("method", "path"), OTHERS)
def test_pages_and_links_are_nobody_elses(
    shared: RunningApp, open_to_all: RunningApp, method: str, path: str
) -> None:
    for app in (shared, open_to_all):
        for answer in (
            preflight(app, method, path),
            app.request(method, path, headers={"origin": ORIGIN}),
        ):
            assert not any(name.startswith("access-control") for name in answer.headers)
            assert "origin" not in vary(answer)


@pytest.mark.parametrize(("method", "path", "methods"), CALLS)
def test_none_by_default(closed: RunningApp, method: str, path: str, methods: str) -> None:
    for answer in (
        preflight(closed, method, path),
        closed.request(method, path, headers={"origin": ORIGIN}),
    ):
        assert not any(name.startswith("access-control") for name in answer.headers)
        assert "origin" not in vary(answer)


@pytest.mark.parametrize("origin", [ORIGIN, "null", "https://evil.example"])
@pytest.mark.parametrize(("method", "path", "methods"), CALLS)
def test_all(open_to_all: RunningApp, method: str, path: str, methods: str, origin: str) -> None:
    answer = preflight(open_to_all, method, path, origin)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (204, "*")
    assert answer.headers["access-control-allow-methods"] == methods
    answer = open_to_all.request(method, path, headers={"origin": origin})
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize("setting", ["*", ORIGIN])
def test_never_with_a_cookie(tmp_path: Path, setting: str) -> None:
    """Who has signed in on the pages is nobody in what another page sends."""
    environ = {**GENEROUS, "SHORTD_SERVER__CORS_ORIGINS": setting}
    with open_app(tmp_path / "data", environ=environ) as app:
        ann = Surfer(app)
        ann.sign_up("ann")
        cookies = {"cookie": "; ".join(f"{name}={value}" for name, value in ann.cookies.items())}
        asked = preflight(app, "POST", "/v2/get_entries")
        assert "shortd-page" not in asked.headers["access-control-allow-headers"]
        for more, status in (({}, 400), ({"shortd-page": "1"}, 403)):
            headers = {**cookies, "origin": ORIGIN, "sec-fetch-site": "cross-site", **more}
            answer = app.request("POST", "/v2/get_entries", content="{}", headers=headers)
            assert answer.status_code == status


@pytest.mark.parametrize("headers", [{"origin": ORIGIN}, {"access-control-request-method": "POST"}])
def test_what_is_no_preflight(
    shared: RunningApp, closed: RunningApp, headers: dict[str, Any]
) -> None:
    """An OPTIONS request with half of it is one like any."""
    answer = shared.request("OPTIONS", "/v2/url", headers=headers)
    assert answer.status_code == closed.request("OPTIONS", "/v2/url", headers=headers).status_code
    assert "access-control-allow-methods" not in answer.headers
