"""What plugins' routes answer, however badly: their own answer suffers, and nothing else."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from litestar import Request, Response, get, post, websocket
from litestar.datastructures import Cookie
from litestar.handlers import asgi
from litestar.response import Stream

from shortd.plugin import Access, Caller, Plugin, hookimpl
from shortd.testing import RunningApp, StartApp, open_app
from shortd.web.extensions import answers
from tests.conftest import GENEROUS
from tests.web.surfer import Surfer

let_go = threading.Event()


async def endless() -> AsyncIterator[bytes]:
    while True:
        yield b"x" * 1000
        await asyncio.sleep(0)


async def broken() -> AsyncIterator[bytes]:
    yield b"whole until here"
    raise RuntimeError("a secret")


async def stuck() -> AsyncIterator[bytes]:
    yield b"begun"
    await asyncio.Event().wait()


class Bad(Plugin[None, None]):
    """Answers badly."""

    name = "bad"

    @hookimpl
    def routes(self) -> Sequence[Any]:
        def at(path: str) -> get:
            return get(path, access=Access.PUBLIC, media_type="text/plain")

        @at("/raise")
        async def fail() -> str:
            raise RuntimeError("a secret")

        @at("/exit")
        async def leave() -> str:
            raise TimeoutError("a secret")

        @at("/hang")
        async def hang() -> str:
            await asyncio.Event().wait()
            return ""

        @get("/thread", access=Access.PUBLIC, sync_to_thread=True)
        def in_thread() -> str:
            let_go.wait(60)
            return threading.current_thread().name

        @get("/quick", access=Access.PUBLIC)
        def quick() -> str:
            return threading.current_thread().name

        @at("/nonsense")
        async def nonsense() -> object:
            return object()

        @at("/huge")
        async def huge() -> str:
            return "x" * 200_000

        @get("/stream/{kind:str}", access=Access.PUBLIC)
        async def stream(request: Request[Any, Any, Any]) -> Stream:
            kinds = {"endless": endless, "broken": broken, "stuck": stuck}
            return Stream(kinds[request.path_params["kind"]]())

        @at("/headers")
        async def headers(request: Request[Any, Any, Any]) -> Response[str]:
            query = request.query_params
            return Response("text", headers={query["name"]: query["value"]})

        @at("/status")
        async def status(request: Request[Any, Any, Any]) -> Response[str]:
            return Response("text", status_code=int(request.query_params["code"]))

        @post("/body", access=Access.PUBLIC, media_type="text/plain", status_code=200)
        async def body(request: Request[Any, Any, Any]) -> str:
            return str(len(await request.body()))

        @at("/cookie")
        async def cookie(request: Request[Any, Any, Any]) -> Response[str]:
            name = request.query_params["name"]
            return Response("text", cookies=[Cookie(name, value="x")])

        @at("/page")
        async def page(caller: Caller) -> Response[bytes]:
            answer = await self.page(caller, "T", "<p>page</p>")
            answer.headers["Content-Security-Policy"] = "default-src *"
            answer.set_cookie("shortd", "x")
            return answer

        return [
            *(fail, leave, hang, in_thread, quick, nonsense, huge, stream, headers, cookie, page),
            *(status, body),
        ]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    folder = tmp_path_factory.mktemp("bad")
    let_go.clear()
    with open_app(folder, plugins=[Bad], environ=GENEROUS, tolerant=True) as app:
        yield app
        let_go.set()


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "BEGINS_SECONDS", 0.05)
    monkeypatch.setattr(answers, "LASTS_SECONDS", 0.1)
    monkeypatch.setattr(answers, "MOST_BYTES", 100_000)


def failures(app: RunningApp) -> int:
    state = app.get("/-/health").json()["plugins"]["states"]["bad"]
    assert state["state"] == "on"
    return int(state["failures"])


@pytest.mark.parametrize("path", ["raise", "exit", "hang", "nonsense", "huge", "thread"])
def test_what_cannot_be_answered(app: RunningApp, hurried: None, path: str) -> None:
    before = failures(app)
    answer = app.get(f"/-/x/bad/{path}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "plugin_failed")
    assert "secret" not in answer.text
    assert failures(app) == before + 1


@pytest.mark.parametrize("kind", ["endless", "broken", "stuck"])
def test_a_stream_that_does_not_end_well_is_torn(app: RunningApp, hurried: None, kind: str) -> None:
    """Its client sees that it is not whole: there is no last piece."""
    before = failures(app)
    with pytest.raises(AssertionError):
        # httpx's transport asserts that there is one.
        app.get(f"/-/x/bad/stream/{kind}")
    assert failures(app) == before + 1


def test_plain_functions_have_threads_of_their_own(app: RunningApp, hurried: None) -> None:
    """More of them hang than the event loop has threads, and the server goes on."""
    for _ in range(12):
        assert app.get("/-/x/bad/thread").status_code == 503
    assert app.get("/-/x/bad/quick").status_code == 503
    surfer = Surfer(app)
    surfer.sign_up("eve")
    assert surfer.is_in()
    let_go.set()
    while (answer := app.get("/-/x/bad/quick")).status_code != 200:
        pass
    assert answer.text.startswith("shortd-routes-bad")
    let_go.clear()


@pytest.mark.parametrize(
    "name",
    [
        *("shortd", "Shortd", "__Host-shortd", "__Secure-shortd-flows", "__host-SHORTD", "said"),
        *("lang", "theme", "shortd-anything"),
    ],
)
def test_cookies_of_ours_are_not_set(app: RunningApp, name: str) -> None:
    before = failures(app)
    answer = app.get(f"/-/x/bad/cookie?name={name}")
    assert (answer.status_code, answer.text) == (200, "text")
    assert "set-cookie" not in answer.headers
    assert failures(app) == before + 1


def test_others_are(app: RunningApp) -> None:
    before = failures(app)
    assert app.get("/-/x/bad/cookie?name=bad-state").headers["set-cookie"].startswith("bad-state=x")
    assert failures(app) == before


@pytest.mark.parametrize(
    "name",
    [
        *("Clear-Site-Data", "Strict-Transport-Security", "Service-Worker-Allowed", "NEL"),
        *("Access-Control-Allow-Credentials", "Report-To", "ALT-SVC", "Accept-CH"),
    ],
)
def test_rules_for_the_whole_origin_are_not_made(app: RunningApp, name: str) -> None:
    before = failures(app)
    answer = app.get(f"/-/x/bad/headers?name={name}&value=x")
    assert answer.status_code == 200 and name not in answer.headers
    assert failures(app) == before + 1


@pytest.mark.parametrize(
    ("name", "value"), [("x", "a%0d%0aset-cookie:%20shortd=1"), ("a%20b", "x"), ("x", "%00")]
)
def test_headers_that_are_none_are_not_sent(app: RunningApp, name: str, value: str) -> None:
    answer = app.get(f"/-/x/bad/headers?name={name}&value={value}")
    assert answer.status_code == 503
    assert "set-cookie" not in answer.headers and "x" not in answer.headers


@pytest.mark.parametrize("code", [-1, 100, 199, 600, 99999])
def test_a_status_that_is_none_is_not_sent(app: RunningApp, code: int) -> None:
    assert app.get(f"/-/x/bad/status?code={code}").status_code == 503


def policies_of(answer: httpx.Response) -> list[str]:
    return answer.headers.get_list("content-security-policy")


def test_the_policy_is_never_looser(app: RunningApp) -> None:
    [ours] = policies_of(app.get("/-/tools", headers={"accept": "text/html"}))
    [plain] = policies_of(app.get("/-/x/bad/cookie?name=a"))
    assert plain == ours
    loose = "default-src%20*%20'unsafe-inline'"
    for name in ("Content-Security-Policy", "content-security-POLICY"):
        found = policies_of(app.get(f"/-/x/bad/headers?name={name}&value={loose}"))
        assert ours in found
    answer = app.get("/-/x/bad/page")
    assert ours in policies_of(answer) and "set-cookie" not in answer.headers


def test_nothing_is_sniffed_or_kept(app: RunningApp) -> None:
    answer = app.get("/-/x/bad/headers?name=x-content-type-options&value=none")
    assert answer.headers.get_list("x-content-type-options") == ["nosniff"]
    assert answer.headers["cache-control"] == "no-store"
    kept = app.get("/-/x/bad/headers?name=cache-control&value=max-age=60")
    assert kept.headers["cache-control"] == "max-age=60"


def test_mounting_leaves_the_log_alone(shortd_app: StartApp) -> None:
    handlers = [*logging.getLogger().handlers]
    shortd_app(Bad, tolerant=True).get("/-/x/bad/quick")
    assert logging.getLogger().handlers == handlers


def test_too_many_at_once_are_told_to_wait(
    app: RunningApp, hurried: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "AT_ONCE", 0)
    answer = app.get("/-/x/bad/cookie?name=a")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert answer.json()["error"]["code"] == "busy"


@asgi("/asgi")
async def application(scope: Any, receive: Any, send: Any) -> None: ...


@websocket("/socket")
async def socket(socket: Any) -> None: ...


async def text() -> str:
    return "text"


async def untyped():  # type: ignore[no-untyped-def]
    return "text"


@pytest.mark.parametrize(
    "handler",
    [
        application,
        socket,
        get("/cached", cache=True, access=Access.PUBLIC)(text),
        get("/access", access="everybody")(text),
        get("/access", access=None)(text),
        get("/untyped", access=Access.PUBLIC)(untyped),
    ],
    ids=["asgi", "websocket", "cache", "unknown access", "no access", "untyped"],
)
def test_what_cannot_be_guarded_is_not_mounted(shortd_app: StartApp, handler: Any) -> None:
    class Odd(Plugin[None, None]):
        """Has an odd route, and another."""

        name = "odd"

        @hookimpl
        def routes(self) -> Sequence[Any]:
            return [handler, post("/text", access=Access.PUBLIC)(text)]

    app = shortd_app(Odd, tolerant=True)
    assert app.request("POST", "/-/x/odd/text").status_code == 404
    assert app.get("/-/health").json()["plugins"]["states"]["odd"]["failures"] == 1


def test_what_is_mounted_late_is_not_mounted_either(tmp_path: Path) -> None:
    """A command that has no server asks little of plugins, and never waits for their routes."""
    (tmp_path / "late.py").write_text(
        "from litestar import get\n"
        "from shortd.plugin import Access, Plugin, hookimpl\n\n"
        "class Late(Plugin[None, None]):\n"
        '    """Has an odd route, and another."""\n\n'
        '    name = "late"\n\n'
        "    @hookimpl\n"
        "    def routes(self):\n"
        '        @get("/untyped", access=Access.PUBLIC)\n'
        "        async def untyped():\n"
        '            return "text"\n\n'
        '        @get("/text", access=Access.PUBLIC)\n'
        "        async def text() -> str:\n"
        '            return "text"\n\n'
        "        return [untyped, text]\n"
    )
    environ = {**GENEROUS, "SHORTD_PLUGINS__DIR": str(tmp_path)}
    with open_app(tmp_path / "data", environ=environ) as app:

        def failures() -> int:
            states = app.get("/-/health").json()["plugins"]["states"]
            return int(states["late"]["failures"])

        assert failures() == 0
        for _ in range(2):
            assert app.get("/-/x/late/text").status_code == 404
        assert failures() == 1


def _later(time: Callable[[], float], seconds: float) -> Callable[[], float]:
    return lambda: time() + seconds


def test_a_client_may_take_its_time(app: RunningApp, monkeypatch: pytest.MonkeyPatch) -> None:
    """While it sends, the plugin's own time does not run."""

    async def slow() -> AsyncIterator[bytes]:
        loop = asyncio.get_running_loop()
        for _ in range(4):
            monkeypatch.setattr(loop, "time", _later(loop.time, 1.5 * answers.BEGINS_SECONDS))
            # What has waited until now has its turn.
            for _ in range(5):
                await asyncio.sleep(0)
            yield b"x"

    answer = app.request("POST", "/-/x/bad/body", content=slow())
    assert (answer.status_code, answer.text) == (200, "4")
