"""A real server whose clock is a file, and ways to call it.

The clock stands still between requests, so a month of clicks takes seconds, and everything that
is stored has times from then.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx

from tests.server_process import PLAIN, ServerProcess
from tests.sharing.sharing import wait_for

SECOND = 1_000_000
DAY = 86_400 * SECOND
FIRST, SECOND_HOST, GONE = "https://first.example", "https://t.example", "https://gone.example"
PUBLIC_URL = "https://s.example"
TEAMS_HOST, ENDED_HOST = "https://go.shop.example", "https://old.shop.example"

# The one thing in the process that is not as it is for operators. Each request is a second.
CLOCK = """
from pathlib import Path
from shortd.clock import SystemClock
SystemClock.now = lambda self: int(Path({file!r}).read_text())
"""
# Rows of dead blobs are there for two seconds at most, unless nobody comes for them.
NO_UNDERTAKER = """
from shortd.undertaker import Undertaker
async def bury(self):
    pass
Undertaker.bury = bury
"""

SETTINGS = {
    "SHORTD_PUBLIC_URL": PUBLIC_URL,
    "SHORTD_HOSTS": json.dumps([SECOND_HOST]),
    "SHORTD_SERVER__TRUSTED_PROXIES": json.dumps(["127.0.0.1"]),
    "SHORTD_SQWISH__REQUIRE_KEY": "false",
    "SHORTD_LINKS__FETCH_TITLES": "false",
    **{
        f"SHORTD_LIMITS__{kind}__API_CAPACITY": "1000000000"
        for kind in ("CLIENT", "TEMPORARY", "REGISTERED", "VERIFIED", "CUSTOM")
    },
    # What is once spent there stays spent, so that balances can be compared.
    "SHORTD_LIMITS__CUSTOM__API_REFILL_RATE": "0",
    "SHORTD_LIMITS__CUSTOM__LINK_REFILL_RATE": "0",
}
"""Of the server that is left behind, and of whoever asks it."""

Json = dict[str, Any]


class Workshop:
    """The server, over all its starts, and its clock."""

    def __init__(self, folder: Path, utime: int) -> None:
        self.data_dir = folder / "data"
        self._clock = folder / "clock"
        self.utime = utime
        self.set_clock(utime)
        self._server = ServerProcess(self.data_dir)
        self._client = httpx.Client(transport=httpx.HTTPTransport(verify=PLAIN), timeout=30)

    def set_clock(self, utime: int) -> None:
        self.utime = utime
        # The server may be reading.
        new = self._clock.with_suffix(".new")
        new.write_text(str(utime))
        new.rename(self._clock)

    def advance(self, seconds: float) -> None:
        self.set_clock(self.utime + round(seconds * SECOND))

    def start(self, settings: dict[str, str], prelude: str = "") -> None:
        self._server = ServerProcess(
            self.data_dir,
            {**SETTINGS, **settings},
            port=self._server.port,
            prelude=CLOCK.format(file=str(self._clock)) + prelude,
        )
        self._server.start()

    def stop(self) -> None:
        assert self._server.stop() == 0, self._server.log

    def kill(self) -> None:
        self._server.kill()

    def send(
        self, method: str, url: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> httpx.Response:
        """A request to whatever host, a second after the last one."""
        self.advance(1)
        parts = urlsplit(url)
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        return self._client.request(
            method,
            self._server.url + path,
            content=body,
            headers={"host": parts.netloc, **(headers or {})},
        )

    def v2(self, name: str, /, **inputs: Any) -> Json:
        """A call that must succeed: its output."""
        body = json.dumps(inputs).encode()
        envelope = self.send("POST", f"{PUBLIC_URL}/v2/{name}", body).json()
        assert envelope["status"] == "success", (name, envelope)
        output: Json = envelope["output"]
        return output

    def v2_form(self, name: str, content: bytes, /, **query: Any) -> Json:
        """A call with a file that must succeed: its output."""
        body, headers = form(content, query)
        envelope = self.send("POST", f"{PUBLIC_URL}/v2/{name}", body, headers).json()
        assert envelope["status"] == "success", (name, envelope)
        output: Json = envelope["output"]
        return output

    def v1(self, name: str, token: str = "", /, **inputs: Any) -> Json:
        """A call that must succeed: its answer."""
        headers = {"authorization": f"Bearer {token}"} if token else {}
        body = json.dumps(inputs).encode()
        answer: Json = self.send("POST", f"{PUBLIC_URL}/v1/{name}", body, headers).json()
        assert answer["status"]["code"] == 0, (name, answer)
        return answer

    def sqwish(self, name: str, **given: Any) -> Json:
        """A call that must succeed: its answer."""
        response = self.send("GET", f"{PUBLIC_URL}/{name}.json?{urlencode(given)}")
        assert response.status_code == 200, (name, response.text)
        answer: Json = response.json()
        return answer

    def visit(self, url: str, visitor: dict[str, str]) -> httpx.Response:
        """A visit, which must be answered well."""
        response = self.send("GET", url, headers=visitor)
        assert response.status_code < 400, (url, response.text)
        return response

    def command(self, *arguments: str) -> str:
        """What a command prints. The server may be running."""
        return command(self.data_dir, *arguments)

    def mails(self, outcome: str) -> int:
        """How many mails have come to that end since the start."""
        text = self._client.get(f"{self._server.url}/-/metrics").text
        [count] = re.findall(
            rf'^shortd_mails_total{{outcome="{outcome}"}} (\d+)', text, re.MULTILINE
        )
        return int(count)

    def mailed_code(self, recipient: str) -> str:
        """The code of the one mail that came for an address."""

        def mails() -> list[str]:
            texts = [file.read_text() for file in (self.data_dir / "outbox").glob("*.eml")]
            return [text for text in texts if f"To: {recipient}\n" in text]

        wait_for(lambda: bool(mails()))
        [text] = mails()
        plain = text.replace("=\n", "").replace("=3D", "=")
        return plain.split("code=")[1][:32]


def form(content: bytes, query: Json) -> tuple[bytes, dict[str, str]]:
    """A form of v2 with a file, and its headers."""
    request = httpx.Request(
        "POST", PUBLIC_URL, data={"query": json.dumps(query)}, files={"file": content}
    )
    return request.read(), {"content-type": request.headers["content-type"]}


def command(data_dir: Path, *arguments: str) -> str:
    """What a command of shortd prints, which must succeed, or tell only what differs."""
    done = subprocess.run(
        [sys.executable, "-m", "shortd", *arguments, "--data", str(data_dir)],
        env={**os.environ, **SETTINGS, "SHORTD_USER_PASSWORD": "Trial151!"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    is_recount = arguments[:2] == ("stats", "verify")
    assert is_recount or done.returncode == 0, (arguments, done.stderr)
    return done.stdout
