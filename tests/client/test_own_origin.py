"""Whatever a server says, no other is asked: by address, by name, in user parts and redirects."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import httpx
import pytest

from shortd.client.connection import Answer, Connection
from shortd.client.failures import ClientFailure
from shortd.client.offer import Visitor
from tests.client.impostor import Asked, Behaviour, Impostor, Say
from tests.client.offers import PASSWORD, Locked, plain, visits
from tests.client.shell import ROOT, Shell
from tests.conftest import GENEROUS
from tests.server_process import ServerProcess


@pytest.fixture
def shell(folder: Path) -> Shell:
    return Shell(folder, "http://127.0.0.1:9")


@pytest.fixture
def other() -> Iterator[Impostor]:
    """Who must not be asked."""
    with Impostor(lambda _: Say(200, {"ETag": '"x"'}, b"their secret")) as server:
        yield server
        assert server.asked == []


FILE = "/-/files/key"


@pytest.mark.parametrize(
    "address",
    [
        "{other}/-/files/key",
        "http://localhost:{port}/-/files/key",
        "http://[::1]:{port}/-/files/key",
        "http://0x7f.1:{port}/-/files/key",
        "http://own@127.0.0.1:{port}/-/files/key",
        "http://127.0.0.1:9@127.0.0.1:{port}/-/files/key?signature=x",
        "//127.0.0.1:{port}/-/files/key",
        "https://share.example.org/-/files/key",
        "ftp://share.example.org/-/files/key",
        "/-/files/key",
    ],
)
def test_a_files_address_is_asked_where_the_link_was_visited(
    shell: Shell, other: Impostor, address: str
) -> None:
    """A server may know itself by a name that does not lead to it from here."""
    port = other.url.rpartition(":")[2]
    locked = Locked()
    url = address.format(other=other.url, port=port)
    with Impostor(locked.behaviour(locked.frames(b"x"), 1, url=url)) as server:
        assert shell.fetch(f"{server.url}/code", password=PASSWORD).read_bytes() == b"x"


@pytest.mark.parametrize(
    "address",
    [
        "{other}/latest/meta-data",
        "{other}/-/files/",
        "{other}/-/files/key/more",
        "{other}/-/files/../../metadata",
        "{other}/-/files/%2e%2e%2f%2e%2e%2fv2",
        "{other}",
        "/v2/logout",
        "/-/metrics",
        "metadata",
        "http://[",
        "http://x:y/-/files/key",
        "javascript:alert(1)",
        "file:///etc/passwd",
        "data:,x",
        "\x00",
        "",
    ],
)
def test_an_address_of_no_file_is_not_asked(shell: Shell, other: Impostor, address: str) -> None:
    locked = Locked()
    url = address.format(other=other.url)

    def behave(asked: Asked) -> Say:
        return locked.behaviour(locked.frames(b"x"), 1, url=url or " ")(asked)

    with Impostor(behave) as server:
        line = shell.refused("fetch", f"{server.url}/code", password=PASSWORD)
        assert [asked.path for asked in server.asked if asked.method == "GET"] == ["/code"]
    assert line.startswith("The server names an address that is no file of its own: ")


REDIRECTS = ["{other}/-/files/key", "{other}/code", "{other}{path}", "//{host}/latest/meta-data"]


@pytest.mark.parametrize("location", REDIRECTS)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("at", ["/code", "/v2/get_protected_file_info", FILE])
def test_redirects_are_not_followed(
    shell: Shell, other: Impostor, at: str, status: int, location: str
) -> None:
    locked = Locked()
    there = location.format(other=other.url, host=other.url.partition("//")[2], path=at)

    def behave(asked: Asked) -> Say:
        if asked.path == at:
            return Say(status, {"Location": there}, b"not to be read")
        return locked.behaviour(locked.frames(b"x"), 1)(asked)

    with Impostor(behave) as server:
        line = shell.refused("fetch", f"{server.url}/code", "-o", "back", password=PASSWORD)
        assert 1 <= len(visits(server)) <= 2
    assert line
    assert not Path("back").exists()


@pytest.mark.parametrize("location", REDIRECTS)
@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_a_plain_files_redirects_are_not_followed(
    shell: Shell, other: Impostor, method: str, location: str
) -> None:
    there = location.format(other=other.url, host=other.url.partition("//")[2], path=FILE)

    def behave(asked: Asked) -> Say:
        if asked.method == method and asked.path.startswith(FILE):
            return Say(302, {"Location": there})
        return plain(b"content")(asked)

    with Impostor(behave) as server:
        assert shell.refused("fetch", f"{server.url}/code", "-o", "back")
    assert not Path("back").exists()


def test_a_question_that_is_redirected_is_not_asked_elsewhere(
    shell: Shell, other: Impostor
) -> None:
    locked = Locked()

    def behave(asked: Asked) -> Say:
        if asked.path == "/v2/get_signature":
            return Say(307, {"Location": f"{other.url}{asked.path}"})
        return locked.behaviour(locked.frames(b"x"), 1)(asked)

    with Impostor(behave) as server:
        assert shell.fetch(f"{server.url}/code", password=PASSWORD).read_bytes() == b"x"


def test_a_file_is_fetched_through_a_tunnel(folder: Path, tmp_path: Path) -> None:
    """From a server that is called otherwise elsewhere."""
    environ = GENEROUS | {
        "SHORTD_PUBLIC_URL": "https://share.example.org",
        "PYTHONPATH": str(ROOT),
    }
    process = ServerProcess(tmp_path / "data", environ)
    process.start()
    try:
        shell = Shell(folder, process.url)
        Path("file").write_text("content")
        for password in (None, PASSWORD):
            short_url = shell.send("file", password=password)
            there = short_url.replace("https://share.example.org", process.url)
            assert there != short_url
            path = shell.fetch(there, "-o", "back", "--force", password=password)
            assert path.read_text() == "content"
    finally:
        process.stop()


class Scripted(Connection):
    """Answers by address, of servers that cannot be had in a test."""

    def __init__(self, answers: dict[str, Say]) -> None:
        self._answers = answers
        self.asked: list[str] = []

    async def patiently(self, attempt: Callable[[], Awaitable[Answer]]) -> Answer:  # type: ignore[override]
        return await attempt()

    async def send(self, method: str, url: str | httpx.URL, **options: object) -> Answer:
        self.asked.append(str(url))
        status, headers, body = self._answers.get(str(url), Say(404))
        return Answer(httpx.URL(url), status, httpx.Headers(dict(headers)), body)


def visited(short_url: str, location: str, behind: Behaviour) -> list[str]:
    """What is asked when a link redirects there, and a server at https://s.example."""
    answers = {
        short_url: Say(301, {"Location": location}),
        "https://s.example/code": behind(Asked("GET", "/code", {}, b"")),
        "https://s.example/-/files/key?signature=x": Say(200, {"Content-Length": "1"}),
    }
    connection = Scripted(answers)
    visitor = Visitor(connection, short_url)
    asyncio.run(visitor.visit())
    asyncio.run(visitor.offer())
    return connection.asked


def test_a_link_may_move_from_http_to_https() -> None:
    asked = visited("http://s.example/code", "https://s.example/code", plain(b"x"))
    assert asked == [
        "http://s.example/code",
        "https://s.example/code",
        "https://s.example/-/files/key?signature=x",
    ]


@pytest.mark.parametrize(
    ("short_url", "location"),
    [
        ("http://s.example/code", "https://s.example:8443/code"),
        ("http://s.example:8080/code", "https://s.example/code"),
        ("http://s.example/code", "https://other.example/code"),
        ("http://s.example/code", "https://s.example/other"),
        ("http://s.example/code", "https://user@s.example/code"),
        ("http://s.example/code", "http://s.example:81/code"),
        ("https://s.example/code", "http://s.example/code"),
    ],
)
def test_a_link_that_moves_otherwise_is_told(short_url: str, location: str) -> None:
    answers = {short_url: Say(301, {"Location": location})}
    connection = Scripted(answers)
    with pytest.raises(ClientFailure, match=r"use the new address|and to no file"):
        asyncio.run(Visitor(connection, short_url).visit())
    assert connection.asked == [short_url]


def test_a_name_and_password_in_an_address_are_not_told(shell: Shell) -> None:
    with Impostor(lambda _: Say(302, {"Location": "/elsewhere"})) as server:
        there = server.url.replace("//", "//me:secret@")
        assert "secret" not in shell.refused("fetch", f"{there}/code")
        assert server.asked[-1].headers["authorization"].startswith("Basic ")
        shell.server = there
        Path("file").touch()
        assert "secret" not in shell.refused("send", "file")
