"""What cannot be done is one line and a status: 1 for refusals, 2 for usage."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.client.shell import Shell
from tests.conftest import GENEROUS
from tests.server_process import ServerProcess, free_port

PASSWORD = "right"


@pytest.fixture
def file(folder: Path) -> str:
    (folder / "file").write_bytes(b"content")
    return "file"


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server without much room, time or welcome."""
    environ = {
        "SHORTD_LIMITS__TEMPORARY__MAX_FILE_BYTES": "1000",
        "SHORTD_LIMITS__TEMPORARY__STORAGE_BYTES": "1500",
        "SHORTD_LIMITS__REGISTERED__API_CAPACITY": "4000",
        "SHORTD_LIMITS__REGISTERED__API_REFILL_RATE": "2000",
        "SHORTD_LIMITS__VERIFIED__API_CAPACITY": "1000",
        "SHORTD_LIMITS__VERIFIED__API_REFILL_RATE": "0",
    }
    process = ServerProcess(tmp_path_factory.mktemp("narrow") / "data", GENEROUS | environ)
    process.start()
    yield process
    process.stop()


def test_a_wrong_password_opens_nothing(shell: Shell, file: str) -> None:
    short_url = shell.send(file, password=PASSWORD)
    refusal = shell.refused("fetch", short_url, "-o", "back", password="wrong")
    assert refusal == "This is not the file's password."
    assert sorted(path.name for path in Path().iterdir()) == ["file", "state"]


@pytest.mark.parametrize(
    "change", [lambda key: key[:-1], lambda key: key.swapcase(), lambda _: "x"]
)
def test_a_wrong_key_in_a_link_opens_nothing(
    shell: Shell, file: str, change: Callable[[str], str]
) -> None:
    short_url, _, key = shell.send(file, "--key-link", "--count", 1).partition("#")
    refusal = shell.refused("fetch", f"{short_url}#{change(key)}", "-o", "back")
    assert refusal == "The key behind the # of this link is not its file's."
    # It is a password like any other.
    assert shell.fetch(short_url, "-o", "back", password=key).read_bytes() == b"content"


def test_a_key_behind_the_link_of_a_plain_file_is_nothing(shell: Shell, file: str) -> None:
    short_url = shell.send(file)
    assert shell.fetch(f"{short_url}#{'A' * 22}", "-o", "back").read_bytes() == b"content"


def test_an_expired_link_is_gone(shell: Shell, server: ServerProcess, file: str) -> None:
    short_url = shell.send(file)
    account = next((shell.state / "shortd/accounts").iterdir()).read_text()
    mine = {"userid": account.partition('"userid":"')[2][:32], "shorturl": short_url}
    server.call("set_enabled", enabled=False, **mine)
    assert shell.refused("fetch", short_url) == "There is no link at this address."
    server.call("set_enabled", enabled=True, **mine)
    server.call("set_expiration_count", expiration_count=1, **mine)
    assert shell.fetch(short_url, "-o", "back").read_bytes() == b"content"
    assert shell.refused("fetch", short_url) == "This link has expired."


def test_the_last_allowed_visitor_gets_his_encrypted_file(shell: Shell, file: str) -> None:
    short_url = shell.send(file, "--count", 1, password=PASSWORD)
    assert shell.fetch(short_url, "-o", "back", password=PASSWORD).read_bytes() == b"content"
    gone = shell.refused("fetch", short_url, "-o", "again", password=PASSWORD)
    assert gone == "This link has expired."


def test_a_link_to_no_file_is_not_followed(shell: Shell, server: ServerProcess) -> None:
    userid = server.call("temporary_account")["userid"]
    entry = server.call("url", userid=userid, url="https://example.com/x")["entry"]
    refusal = shell.refused("fetch", entry["shorturl"])
    assert refusal.endswith(" leads to https://example.com/x, and to no file.")
    assert shell.refused("fetch", f"{shell.server}/").endswith("/ is no short URL.")
    assert shell.refused("fetch", f"{shell.server}/nothing") == "There is no link at this address."


def test_limits_are_told(shell: Shell, narrow: ServerProcess) -> None:
    shell.server = narrow.url
    Path("large").write_bytes(bytes(1001))
    told = "The file is larger than it may be: at most 1000 bytes."
    assert shell.refused("send", "large") == told
    Path("fitting").write_bytes(bytes(1000))
    shell.send("fitting")
    assert shell.refused("send", "fitting") == "Your account has no room for this file."


def test_a_spent_budget_is_waited_for_if_that_helps(
    shell: Shell, narrow: ServerProcess, file: str
) -> None:
    shell.server = narrow.url
    login = narrow.call("signup", email="poor@example.com", password="ab" * 32)
    mine = ("--userid", login["userid"], "--token", login["token"])
    # 3250 of 4000 each time: the second has to wait.
    shell.send(file, *mine)
    assert shell.fetch(shell.send(file, *mine), "-o", "back").read_bytes() == b"content"
    # Some of it comes back with each moment that this takes.
    for _ in range(50):
        result = shell.run("send", file, "--patience", 0, *mine)
        if result.exit_code:
            break
    assert result.stderr == "shortd: Too many calls; wait and try again.\n"


def test_a_full_disk_is_told(
    folder: Path, file: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    full = {"SHORTD_FILES__MIN_FREE_BYTES": str(2**62)}
    server = ServerProcess(tmp_path_factory.mktemp("full") / "data", GENEROUS | full)
    server.environ["PYTHONPATH"] = str(Path(__file__).parents[2])
    server.start()
    try:
        shell = Shell(folder, server.url)
        refusal = shell.refused("send", file, "--patience", 0)
    finally:
        server.stop()
    assert refusal == "The server has no storage left."


def test_a_server_that_is_not_there_is_not_waited_for_long(shell: Shell, file: str) -> None:
    shell.server = f"http://127.0.0.1:{free_port()}"
    before = time.monotonic()
    assert shell.refused("send", file).startswith(f"{shell.server} does not answer: ")
    assert time.monotonic() - before < 60
    line = shell.refused("fetch", f"{shell.server}/abc", "--patience", 0)
    assert line.startswith(f"{shell.server} does not answer: ")


def test_a_code_of_somebody_elses_is_refused(
    shell: Shell, server: ServerProcess, file: str
) -> None:
    userid = server.call("temporary_account")["userid"]
    server.call("url", userid=userid, url="https://example.com/", code="theirs1")
    assert shell.refused("send", file, "--code", "theirs1") == "This code is in use."


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("send",), "Missing argument 'FILE…'"),
        (("send", "-"), "Standard input needs a --name"),
        (("send", "file", "--expire", "soon"), "such as 30m, 24h or 7d"),
        (("send", "file", "--expire", "0d"), "such as 30m, 24h or 7d"),
        (("send", "file", "--count", "0"), "not in the range x>=1"),
        (("send", "file", "--code", "a-code"), "6 to 16"),
        (("send", "file", "--server", "example.org"), "such as https://example.org"),
        (("send", "file", "--server", "http://[::1"), "such as https://example.org"),
        (("send", "file", "--token", "t"), "--token needs its --userid"),
        (("send", "file", "--username", "me", "--userid", "u"), "--username logs in by itself"),
        (("send", "file", "--ww7"), "encrypted with --password"),
        (("send", "file", "--ww7", "--key-link"), "encrypted with --password"),
        (("send", "file", "--password", "--key-link"), "two ways of encrypting"),
        (("fetch",), "Missing argument 'SHORTURL'"),
        (("fetch", "ftp://example.org/x"), "such as https://example.org"),
        (("fetch", "http://x/y", "--patience", "-1"), "not in the range x>=0"),
    ],
)
def test_usage_is_status_2(
    shell: Shell, file: str, arguments: tuple[str, ...], problem: str
) -> None:
    assert problem in shell.refused(*arguments, status=2)
