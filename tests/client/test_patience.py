"""Requests that a server cannot take now are sent again: as it says, and not for ever."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from shortd.client.progress import Progress
from tests.client.impostor import Asked, Impostor, Say, envelope, refusal
from tests.client.shell import Shell


@pytest.fixture
def shell(folder: Path) -> Shell:
    (folder / "file").write_bytes(b"content")
    return Shell(folder, "")


def ww7(asked: Asked) -> Say:
    """A ww7 v2 server that takes everything."""
    name = asked.path.rpartition("/")[2]
    return {
        "temporary_account": envelope(userid="u" * 32),
        "file_part_initialize": envelope(filekey="k" * 32, expiration_utime=0),
        "file_part_upload": envelope(),
        "file_part_finalize": envelope(entry={"shorturl": "https://s.example/abc"}),
    }[name]


class Stumbling:
    """`ww7`, which gives these answers first to the calls of a name."""

    def __init__(self, name: str, *answers: Say) -> None:
        self._name = name
        self._answers = list(answers)

    def __call__(self, asked: Asked) -> Say:
        if asked.path.endswith(self._name) and self._answers:
            return self._answers.pop(0)
        return ww7(asked)


@pytest.mark.parametrize(
    ("call", "status"),
    [
        ("temporary_account", 429),
        ("file_part_initialize", 502),
        ("file_part_upload", 507),
        ("file_part_finalize", 503),
        ("file_part_finalize", 504),
    ],
)
def test_passing_refusals_are_waited_out(shell: Shell, call: str, status: int) -> None:
    again = Say(status, {"Retry-After": "0"}, b"<p>not even an envelope")
    with Impostor(Stumbling(call, again, again)) as server:
        shell.server = server.url
        assert shell.send("file") == "https://s.example/abc"
        assert sum(asked.path.endswith(call) for asked in server.asked) == 3


def test_a_part_is_sent_whole_again(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[int] = []
    monkeypatch.setattr(Progress, "advance", lambda _, size: shown.append(size))
    with Impostor(Stumbling("file_part_upload", refusal(503, "busy", Retry_After="0"))) as server:
        shell.server = server.url
        shell.send("file")
        parts = [asked.body for asked in server.asked if asked.path.endswith("file_part_upload")]
    assert len(parts) == 2
    assert (sum(shown), max(shown)) == (len("content"), len("content"))
    assert all(b"\r\n\r\ncontent\r\n" in part for part in parts)


def test_the_server_says_how_long_to_wait(shell: Shell) -> None:
    wait = Say(429, {"Retry-After": "1"})
    with Impostor(Stumbling("file_part_upload", wait)) as server:
        shell.server = server.url
        before = time.monotonic()
        shell.send("file")
    assert time.monotonic() - before >= 1


def test_a_wait_beyond_patience_is_not_begun(shell: Shell) -> None:
    message = "Wait for a day."
    with Impostor(Stumbling("file_part_upload", *[_limited(message)] * 9)) as server:
        shell.server = server.url
        before = time.monotonic()
        assert shell.refused("send", "file") == message
    assert time.monotonic() - before < 60


def _limited(message: str) -> Say:
    say = refusal(429, "rate_limited", message)
    return say._replace(headers={"Retry-After": "86400"})


@pytest.mark.parametrize("status", [400, 401, 404, 409, 500])
def test_lasting_refusals_are_not_repeated(shell: Shell, status: int) -> None:
    with Impostor(Stumbling("file_part_finalize", refusal(status, "code", "Never."))) as server:
        shell.server = server.url
        assert shell.refused("send", "file") == "Never."
        assert sum(asked.path.endswith("finalize") for asked in server.asked) == 1


@pytest.mark.parametrize(
    "nonsense",
    [
        Say(200, {}, b"<html>"),
        Say(200, {}, b"[]"),
        Say(200, {}, b'{"output":{}}'),
        Say(200, {}, b'{"output":{"filekey":5}}'),
        Say(204),
    ],
)
def test_a_server_of_another_kind_is_told(shell: Shell, nonsense: Say) -> None:
    with Impostor(Stumbling("file_part_initialize", nonsense)) as server:
        shell.server = server.url
        assert shell.refused("send", "file").endswith("does not answer like a ww7 v2 server.")


def test_a_server_that_moved_is_told(shell: Shell) -> None:
    moved = Say(301, {"Location": "https://s.example/v2/temporary_account"})
    with Impostor(lambda _: moved) as server:
        shell.server = server.url
        line = shell.refused("send", "file")
    assert line.endswith(
        "has moved to https://s.example/v2/temporary_account: use the new address."
    )


@pytest.mark.parametrize(
    "short_url", ["javascript:alert(1)", "https://x/\n", "https://x/\x1b[2J", "x"]
)
def test_a_short_url_that_is_none_is_not_printed(shell: Shell, short_url: str) -> None:
    with Impostor(Stumbling("finalize", envelope(entry={"shorturl": short_url}))) as server:
        shell.server = server.url
        assert shell.refused("send", "file") == "The server gave a short URL that cannot be one."


def test_a_part_that_arrived_otherwise_is_noticed(shell: Shell) -> None:
    with Impostor(Stumbling("file_part_upload", envelope(sha256="00" * 32))) as server:
        shell.server = server.url
        assert shell.refused("send", "file") == "Part 0 did not arrive as it was sent."


def test_a_file_that_the_server_finds_wrong_is_sent_anew(shell: Shell) -> None:
    with Impostor(Stumbling("finalize", refusal(400, "bad_file", "Wrong."))) as server:
        shell.server = server.url
        assert shell.refused("send", "file") == "Wrong."
        assert shell.transfers() == []
