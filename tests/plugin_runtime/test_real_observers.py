"""Observers of a real server: a receiver that is down, a server that is killed, hooks that hang."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest

from tests.conftest import GENEROUS
from tests.plugin_runtime.conftest import write_plugin
from tests.server_process import ServerProcess, free_port
from tests.sharing.sharing import wait_for

POST = """
import httpx


class Post(Plugin[None, None]):
    name = "post"

    async def post(self, event, what):
        async with httpx.AsyncClient(timeout=60) as client:
            answer = await client.post(
                "http://127.0.0.1:{port}/", json={{"id": event.id, "what": what}}
            )
            answer.raise_for_status()

    @hookimpl
    async def link_created(self, link, event):
        await self.post(event, "created " + link.code)

    @hookimpl
    async def link_deleted(self, link, event):
        await self.post(event, "deleted " + link.code)

    @hookimpl
    async def click_recorded(self, link, visit, event):
        await self.post(event, "click " + link.code + " " + visit.user_agent)
"""
HANG = """
import threading


class Hang(Plugin[None, None]):
    name = "hang"
    everywhere = True

    @hookimpl
    def link_created(self, link):
        threading.Event().wait()

    @hookimpl
    def destination(self, link, visit, data):
        return "https://hang.example/"
"""
HANG_ASYNC = """
import time


class Stuck(Plugin[None, None]):
    name = "stuck"

    @hookimpl
    async def link_created(self, link):
        time.sleep(1000)
"""


@contextmanager
def receiver(port: int) -> Iterator[list[dict[str, str]]]:
    """What comes while it is up."""
    received: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield received
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def make_server(tmp_path: Path) -> Iterator[Callable[..., ServerProcess]]:
    servers = []

    def make(**sources: str) -> ServerProcess:
        for name, source in sources.items():
            write_plugin(tmp_path / "plugins", name, source)
        environ = {**GENEROUS, "SHORTD_PLUGINS__DIR": str(tmp_path / "plugins")}
        server = ServerProcess(tmp_path / "data", environ)
        servers.append(server)
        server.start()
        return server

    yield make
    for server in servers:
        if server.running:
            server.kill()


def health(server: ServerProcess) -> dict[str, Any]:
    found: dict[str, Any] = httpx.get(f"{server.url}/-/health", verify=False).json()
    return found


def shortd(server: ServerProcess, *words: str) -> str:
    """What a command prints."""
    command = [sys.executable, "-m", "shortd", *words, "--data", str(server.data_dir)]
    done = subprocess.run(command, env=server.environ, capture_output=True, text=True, check=True)
    return done.stdout


def test_a_receiver_that_was_down_gets_everything_once_though_the_server_was_killed(
    make_server: Callable[..., ServerProcess],
) -> None:
    port = free_port()
    server = make_server(post=POST.format(port=port))
    userid = server.call("temporary_account")["userid"]
    links = [
        server.call("url", userid=userid, url="https://main.example/")["entry"]["shorturl"]
        for _ in range(6)
    ]
    with httpx.Client(verify=False) as client:
        for number, link in enumerate(links * 2):
            client.get(link, headers={"user-agent": str(number)})
    server.call("delete", userid=userid, shorturl=links[0])
    server.kill()
    server.start()
    # A click of before was counted, and told of, in one transaction.
    wait_for(lambda: health(server)["clicks"]["backlog"] == 0)
    with httpx.Client(verify=False) as client:
        client.get(links[1], headers={"user-agent": "last"})
    wait_for(lambda: health(server)["plugins"]["states"]["post"]["state"] == "paused")
    server.kill()
    with receiver(port) as received:
        server.start()
        wait_for(lambda: health(server)["clicks"]["backlog"] == 0)
        assert "post" in shortd(server, "plugins", "on", "post")
        wait_for(lambda: health(server)["plugins"]["events"]["waiting"] == 0)
        told = [one["what"] for one in received]
        assert len({one["id"] for one in received}) == len(received)
    codes = [link.rpartition("/")[2] for link in links]
    of_link = [[what for what in told if code in what] for code in codes]
    clicks = [
        [f"click {code} {number}" for number in range(first, 12, 6)]
        for first, code in enumerate(codes)
    ]
    assert of_link[1] == [f"created {codes[1]}", *clicks[1], f"click {codes[1]} last"]
    for number in range(2, 6):
        assert of_link[number] == [f"created {codes[number]}", *clicks[number]]
    # Clicks that were not counted before their link was deleted are nobody's.
    assert of_link[0][0] == f"created {codes[0]}"
    assert of_link[0][-1] == f"deleted {codes[0]}"
    assert health(server)["status"] == "ok"
    assert server.stop() == 0


def test_a_hook_that_hangs_holds_up_nobody_and_shows(
    make_server: Callable[..., ServerProcess],
) -> None:
    port = free_port()
    server = make_server(hang=HANG, stuck=HANG_ASYNC, post=POST.format(port=port))
    userid = server.call("temporary_account")["userid"]
    with receiver(port) as received:
        links = [
            server.call("url", userid=userid, url="https://main.example/")["entry"]["shorturl"]
            for _ in range(5)
        ]
        wait_for(lambda: len(received) == 5)
    wait_for(lambda: health(server)["plugins"]["states"]["hang"]["state"] == "paused")
    found = health(server)
    assert found["status"] == "degraded"
    assert "link_created has not returned for" in found["plugins"]["fault"]
    start = time.monotonic()
    with httpx.Client(verify=False) as client:
        for link in links:
            # The hook that decides goes on.
            assert client.get(link).headers["location"] == "https://hang.example/"
    assert time.monotonic() - start < 60
    listed = shortd(server, "plugins")
    assert "paused" in listed and "link_created has not returned" in listed
    start = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - start < 60
