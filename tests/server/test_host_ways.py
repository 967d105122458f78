"""Hosts with their own ways: where `/`, unknown and ended codes lead, alike in both lanes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import GENEROUS
from tests.server.test_lanes import CLOSE, exchange
from tests.server_process import ServerProcess, free_port

HEADERS: tuple[list[str], ...] = (
    [],
    ["Accept: text/html"],
    ["Accept: application/json"],
    ["User-Agent: Slackbot 1.0"],
    ["Purpose: prefetch"],
)
CONFIG = """
public_url = "http://s.example"
hosts = ["http://own.example", "http://plain.example", "http://apart.example"]

[host."own.example"]
root = "https://front.example/ü?a=b"
unknown = "https://lost.example/"
ended = "https://over.example/#x"

[host."apart.example"]
www = false
unknown = "https://apart.example:8443/"
"""


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[ServerProcess]]:
    """One with the lane, one without, each with the same links."""
    made = []
    for lane in ("true", "false"):
        folder = tmp_path_factory.mktemp("ways")
        (folder / "config.toml").write_text(CONFIG)
        environ = {
            **GENEROUS,
            "SHORTD_CONFIG": str(folder / "config.toml"),
            "SHORTD_SERVER__FAST_LANE": lane,
        }
        server = ServerProcess(folder / "data", environ, port=free_port())
        server.start()
        made.append(server)
        userid = server.call("temporary_account")["userid"]
        for host in ("own.example", "plain.example", "s.example"):
            ways = {"userid": userid, "url": "https://example.com/", "host": host}
            server.call("url", **ways, code="plainlink")
            server.call("url", **ways, code="expired", expiration_utime=1)
            server.call("url", **ways, code="disabled")
            server.call(
                "set_enabled", userid=userid, shorturl=f"http://{host}/disabled", enabled=False
            )
            server.call("url", **ways, code="notyetso", valid_since=2**52)
            server.call("url", **ways, code="usedup", expiration_count=1)
    yield made
    for server in made:
        assert server.stop() == 0
        assert "Traceback" not in server.log


def ask(
    servers: list[ServerProcess], host: str, target: str, *headers: str, method: str = "GET"
) -> tuple[int, str, str]:
    """Status, Location and all headers of an answer, which is the same from both servers."""
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", *headers, CLOSE, "", ""]
    answers = []
    for server in servers:
        head, _, _ = exchange(server.port, "\r\n".join(lines).encode()).partition(b"\r\n\r\n")
        kept = [line for line in head.decode().split("\r\n") if not line.startswith("date:")]
        answers.append(kept)
    assert answers[0] == answers[1], target
    status, *fields = answers[0]
    location = next((one[10:] for one in fields if one.startswith("location: ")), "")
    return int(status.split()[1]), location, "\n".join(fields)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("headers", HEADERS)
def test_everybody_is_sent_where_the_host_says(
    servers: list[ServerProcess], method: str, headers: list[str]
) -> None:
    for target, location in {
        "/": "https://front.example/%C3%BC?a=b",
        "/?utm=1": "https://front.example/%C3%BC?a=b",
        "/nosuchcode": "https://lost.example/",
        "/nosuchcode?qr": "https://lost.example/",
        "/nosuchcode+": "https://lost.example/",
        "/%6eosuch": "https://lost.example/",
        "/no/such/path.html": "https://lost.example/",
        "/disabled": "https://lost.example/",
        "/notyetso": "https://lost.example/",
        "/expired": "https://over.example/#x",
        "/expired+": "https://over.example/#x",
        "/plainlink": "https://example.com/",
    }.items():
        status, found, fields = ask(servers, "own.example", target, *headers, method=method)
        assert (status, found) == (302, location), target
        assert "cache-control: no-store" in fields
        assert ("x-robots-tag: noindex" in fields) is not (
            found == "https://front.example/%C3%BC?a=b"
        )
        assert "content-length: 0" in fields


def test_what_is_used_up_has_ended(servers: list[ServerProcess]) -> None:
    assert ask(servers, "own.example", "/usedup")[1] == "https://example.com/"
    assert ask(servers, "own.example", "/usedup")[1] == "https://over.example/#x"


def test_the_same_again_on_one_connection(servers: list[ServerProcess]) -> None:
    one = b"GET /nosuchcode HTTP/1.1\r\nHost: own.example\r\n\r\n"
    last = one.replace(b"\r\n\r\n", f"\r\n{CLOSE}\r\n\r\n".encode())
    for server in servers:
        answers = exchange(server.port, one * 3 + last)
        assert answers.count(b"location: https://lost.example/\r\n") == 4


def test_hosts_that_say_nothing_answer_as_ever(servers: list[ServerProcess]) -> None:
    for host in ("plain.example", "s.example"):
        assert ask(servers, host, "/nosuchcode")[0] == 404
        assert ask(servers, host, "/no/such")[0] == 404
        assert ask(servers, host, "/expired")[0] == 410
    assert ask(servers, "s.example", "/")[0] == 200
    assert ask(servers, "plain.example", "/")[:2] == (307, "http://s.example/")


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("GET", "/nosuchcode.svg", 404),
        ("POST", "/nosuchcode", 405),
        ("POST", "/no/such", 404),
        ("GET", "/-/nosuch", 404),
        ("GET", "/.well-known/nosuch", 404),
        ("GET", "/v2/nosuch", 405),
        ("GET", "/robots.txt", 200),
        ("GET", "/-/health", 200),
    ],
)
def test_what_is_no_visit_stays(
    servers: list[ServerProcess], method: str, target: str, status: int
) -> None:
    found = ask(servers, "own.example", target, "Accept: text/html", method=method)
    assert found[:2] == (status, "")


def test_www_is_the_same_host_unless_it_is_not(servers: list[ServerProcess]) -> None:
    assert ask(servers, "www.own.example", "/plainlink")[1] == "https://example.com/"
    assert ask(servers, "www.own.example", "/nosuchcode")[1] == "https://lost.example/"
    assert ask(servers, "apart.example", "/nosuchcode")[1] == "https://apart.example:8443/"
    assert ask(servers, "www.apart.example", "/nosuchcode")[0] == 404
    assert ask(servers, "apart.example:99", "/nosuchcode")[1] == "https://apart.example:8443/"
