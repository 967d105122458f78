"""A key stands in the address: it must not come to stand anywhere else."""

from __future__ import annotations

import socket
from pathlib import Path

import httpx
import pytest

from tests.api.v2.people import PASSWORD, double_sha256
from tests.conftest import GENEROUS
from tests.server_process import ServerProcess

BROKEN = """
from shortd.clicks.recent_visits import RecentVisits
async def fail(*given): raise LookupError("broken on purpose")
RecentVisits.of_link = fail
"""
LINK_PASSWORD = "hunter2hunter2"


@pytest.fixture(params=["true", "false"], ids=["lane", "no lane"])
def server(tmp_path: Path, request: pytest.FixtureRequest) -> ServerProcess:
    """A server with a fault, in which `ips` answers 500."""
    environ = {**GENEROUS, "SHORTD_SERVER__FAST_LANE": str(request.param)}
    return ServerProcess(tmp_path / "data", environ, prelude=BROKEN)


def raw(server: ServerProcess, request: bytes) -> bytes:
    """What a server answers to bytes, up to the end of the connection."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def test_no_key_and_no_password_is_logged_or_kept(server: ServerProcess) -> None:
    server.start()
    try:
        signed_up = server.call(
            "signup", email="a@nowhere.example", password=double_sha256(PASSWORD)
        )
        who = {"userid": signed_up["userid"], "token": signed_up["token"]}
        key = server.call("create_api_key", **who, name="x")["api_key"]
        statuses = []
        for written in ("json", "xml"):
            for name, more in (
                ("shorten", f"url=http://e.example/&custom={written}&password={LINK_PASSWORD}"),
                ("shorten", f"url=http://e.example/&custom={written}"),
                ("stats", f"code={written}&password={LINK_PASSWORD}"),
                ("stats", "code=nothere&code=twice"),
                ("ips", f"code={written}&password={LINK_PASSWORD}"),
                ("expand", "code=x"),
            ):
                path = f"/{name}.{written}?api_key={key}&{more}"
                statuses.append(httpx.get(server.url + path).status_code)
            path = f"{server.url}/shorten.{written}?api_key={key}"
            statuses.append(httpx.head(path).status_code)
            statuses.append(httpx.post(path, content=b"x" * 100_000).status_code)
        assert statuses == [200, 409, 200, 400, 500, 404, 405, 413] * 2
        target = f"/shorten.json?api_key={key}&password={LINK_PASSWORD}".encode()
        for request in (
            b"GET %b HTTP/9.9\r\nhost: x\r\n\r\n" % target,
            b"GET %b\x00 HTTP/1.1\r\nhost: x\r\n\r\n" % target,
            b"GET %b HTTP/1.1\r\nbroken\r\n\r\n" % target,
            b"GET %b HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n"
            % target,
            b"GET %b%b HTTP/1.1\r\nhost: x\r\n\r\n" % (target, b"x" * 100_000),
            b"POST %b HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n" % target,
        ):
            raw(server, request)
        metrics = httpx.get(f"{server.url}/-/metrics").text
    finally:
        server.stop()
    assert "broken on purpose" in server.log, "what fails is logged"
    kept = [file.read_bytes() for file in server.data_dir.rglob("*") if file.is_file()]
    assert any(b"e.example" in content for content in kept)
    for secret in (key, LINK_PASSWORD):
        assert secret not in server.log
        assert secret not in metrics
        assert not any(secret.encode() in content for content in kept)
