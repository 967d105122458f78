"""Webhooks of a real server: a receiver that is down for an hour, and a server that is killed."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest

from tests.conftest import GENEROUS
from tests.plugin_runtime.signatures import is_signed
from tests.plugin_runtime.test_real_observers import health
from tests.server_process import ServerProcess, free_port
from tests.sharing.sharing import wait_for

SECRET = "whsec_" + "c2VjcmV0" * 5
CONFIG = """
[plugins.webhooks]
allow = ["127.0.0.0/8"]

[plugins.webhooks.receivers.office]
url = "http://127.0.0.1:{port}/"
secret = "{secret}"

[plugins.webhooks.receivers.hanging]
url = "http://127.0.0.1:{hanging}/"
secret = "{secret}"
"""
LATER = """
import os
from shortd.clock import SystemClock

now = SystemClock.now
SystemClock.now = lambda self: now(self) + 1_000_000 * int(os.environ["LATER"])
"""


@contextmanager
def receiver(port: int, answer: Callable[[Mapping[str, str], bytes], int]) -> Iterator[None]:
    """Is up meanwhile, and answers with a status."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            self.send_response(answer(dict(self.headers), body))
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    server = ServerProcess(tmp_path / "data", {**GENEROUS, "LATER": "0"}, prelude=LATER)
    yield server
    if server.running:
        server.kill()


def test_a_receiver_that_was_down_for_an_hour_gets_everything_once_though_the_server_was_killed(
    server: ServerProcess, tmp_path: Path
) -> None:
    port, hanging, ends = free_port(), free_port(), threading.Event()
    config = tmp_path / "config.toml"
    config.write_text(CONFIG.format(port=port, hanging=hanging, secret=SECRET))
    server.environ["SHORTD_CONFIG"] = str(config)
    got: list[dict[str, Any]] = []
    some = threading.Event()

    def take(headers: Mapping[str, str], body: bytes) -> int:
        assert is_signed(headers, body, SECRET)
        got.append(json.loads(body))
        if len(got) >= 5:
            some.set()
        return 204

    def hang(headers: Mapping[str, str], body: bytes) -> int:
        ends.wait(60)
        return 200

    with receiver(hanging, hang):
        server.start()
        userid = server.call("temporary_account")["userid"]
        links = [
            server.call("url", userid=userid, url="https://main.example/")["entry"]["shorturl"]
            for _ in range(6)
        ]
        with httpx.Client(verify=False) as client:
            for number, link in enumerate(links * 2):
                client.get(link, headers={"user-agent": str(number)})
        server.kill()
        server.environ["LATER"] = "1800"
        server.start()
        wait_for(lambda: health(server)["clicks"]["backlog"] == 0)
        server.call("delete", userid=userid, shorturl=links[0])
        wait_for(lambda: health(server)["plugins"]["events"]["waiting"] == 0)
        server.kill()
        server.environ["LATER"] = "5400"
        with receiver(port, take):
            server.start()
            assert some.wait(60)
            server.kill()
            # What it had said yes to, and we had not put down, comes once more.
            server.environ["LATER"] = "9000"
            server.start()
            wait_for(lambda: len({one["id"] for one in got}) == 1 + 6 + 12 + 1, 60)
            assert server.stop() == 0
        ends.set()
    ids = [one["id"] for one in got]
    assert len(ids) - len(set(ids)) <= 4, "only what was under way when the server was killed"
    first = list({one["id"]: one for one in got}.values())
    for number, link in enumerate(links):
        of_link = [one for one in first if one["subject"] == link]
        kinds = [one["type"].removeprefix("shortd.") for one in of_link]
        wanted = ["link.created", "click.recorded", "click.recorded"]
        assert kinds == wanted + (["link.deleted"] if number == 0 else [])
        clicks = [one["data"]["click"]["user_agent"] for one in of_link[1:3]]
        assert clicks == [str(number), str(number + 6)]
    assert SECRET not in server.log
