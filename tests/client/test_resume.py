"""Interrupted transfers go on: after a killed client, a killed server, a broken connection."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from shortd.client.crypto import possible_secrets
from tests.client.relay import Flow, Relay
from tests.client.shell import Shell, ended
from tests.server_process import ServerProcess

MIB = 1 << 20
PASSWORD = "a password to look for"
SECRECY = pytest.mark.parametrize("password", [None, PASSWORD], ids=["plain", "encrypted"])
Relayed = tuple[Relay, ServerProcess]


@pytest.fixture
def shell(folder: Path, relay: Relayed, noise: bytes) -> Shell:
    """The client, with a file of three parts to send through the relay."""
    (folder / "file").write_bytes(noise)
    return Shell(folder, relay[1].environ["SHORTD_PUBLIC_URL"])


def interrupted(
    flow: Flow, size: int, start: Callable[[], subprocess.Popen[str]]
) -> subprocess.Popen[str]:
    """A process that is stuck once `size` bytes have gone."""
    flow.hold_after(size)
    process = start()
    assert flow.held.wait(60)
    return process


def fetching(
    shell: Shell, flow: Flow, *arguments: object, password: str | None = None
) -> subprocess.Popen[str]:
    """A fetch that is stuck once it has kept 8 MiB at least."""
    process = interrupted(
        flow, 14 * MIB, lambda: shell.start("fetch", *arguments, password=password)
    )
    while not any(kept >= 8 * MIB for kept in shell.kept()):
        # Much of what has passed may still be on its way.
        with suppress(subprocess.TimeoutExpired):
            raise AssertionError(process.wait(timeout=0.02))
    return process


def sending(shell: Shell, password: str | None) -> subprocess.Popen[str]:
    flags = ["--password"] if password else []
    return shell.start("send", "file", *flags, password=password)


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    status, output, _ = ended(process)
    assert (status, output) == (-signal.SIGKILL, "")


@SECRECY
def test_a_killed_send_goes_on(
    shell: Shell, relay: Relayed, noise: bytes, password: str | None
) -> None:
    up = relay[0].up
    # Two parts of 8 MiB go at once: the third has begun, so one is acknowledged at least.
    kill(interrupted(up, 18 * MIB, lambda: sending(shell, password)))
    kept = [path.read_bytes() for path in shell.transfers()]
    keys = [secret.key for secret in possible_secrets(PASSWORD)]
    for secret in (PASSWORD.encode(), *keys, *(key.hex().encode() for key in keys)):
        assert not any(secret in text for text in kept)
    assert [b'"signature":""' not in text for text in kept] == [password is not None]
    up.release()
    short_url = shell.send("file", password=password)
    assert up.passed < 13 * MIB
    assert shell.transfers() == []
    assert shell.fetch(short_url, "-o", "back", password=password).read_bytes() == noise


def test_parts_under_two_passwords_are_never_mixed(
    shell: Shell, relay: Relayed, noise: bytes
) -> None:
    up = relay[0].up
    kill(interrupted(up, 18 * MIB, lambda: sending(shell, PASSWORD)))
    up.release()
    result = shell.run("send", "file", "--password", password="another")
    assert "This is not the password of last time" in result.stderr
    assert up.passed > 20 * MIB
    short_url = result.stdout.strip()
    assert shell.fetch(short_url, "-o", "back", password="another").read_bytes() == noise


def test_a_key_in_the_link_is_kept_nowhere(shell: Shell, relay: Relayed, noise: bytes) -> None:
    """So a later send begins anew, under another one."""
    up = relay[0].up
    process = interrupted(up, 18 * MIB, lambda: shell.start("send", "file", "--key-link"))
    assert shell.transfers() == []
    process.send_signal(signal.SIGINT)
    assert ended(process) == (130, "", "shortd: Interrupted.\n")
    up.release()
    link = shell.send("file", "--key-link")
    assert up.passed > 20 * MIB
    assert shell.fetch(link, "-o", "back").read_bytes() == noise


def test_forms_are_never_mixed(shell: Shell, relay: Relayed, noise: bytes) -> None:
    up = relay[0].up
    kill(interrupted(up, 18 * MIB, lambda: sending(shell, PASSWORD)))
    up.release()
    short_url = shell.send("file", "--ww7", password=PASSWORD)
    assert up.passed > 20 * MIB
    assert shell.fetch(short_url, "-o", "back", password=PASSWORD).read_bytes() == noise


def test_ctrl_c_says_how_to_go_on(shell: Shell, relay: Relayed, noise: bytes) -> None:
    flows = relay[0]
    process = interrupted(flows.up, 18 * MIB, lambda: sending(shell, None))
    process.send_signal(signal.SIGINT)
    line = "shortd: Interrupted. The same command goes on from here.\n"
    assert ended(process) == (130, "", line)
    flows.up.release()
    short_url = shell.send("file")
    assert flows.up.passed < 13 * MIB
    process = fetching(shell, flows.down, short_url, "-o", "back")
    process.send_signal(signal.SIGINT)
    assert ended(process) == (130, "", line)
    flows.down.release()
    assert shell.fetch(short_url, "-o", "back").read_bytes() == noise
    assert flows.down.passed < 13 * MIB


def test_a_send_outlives_its_server(shell: Shell, relay: Relayed, noise: bytes) -> None:
    flows, server = relay
    process = interrupted(flows.up, 18 * MIB, lambda: sending(shell, PASSWORD))
    server.kill()
    flows.up.release()
    server.start()
    status, output, _ = ended(process)
    assert status == 0
    assert shell.fetch(output.strip(), "-o", "back", password=PASSWORD).read_bytes() == noise


def test_a_server_that_stays_away_ends_a_send_that_a_later_one_goes_on_with(
    shell: Shell, relay: Relayed, noise: bytes
) -> None:
    flows, server = relay
    process = interrupted(
        flows.up, 18 * MIB, lambda: shell.start("send", "file", "--patience", 0.5)
    )
    server.kill()
    flows.up.release()
    status, output, error = ended(process)
    assert (status, output) == (1, "")
    assert error.startswith(f"shortd: {shell.server} does not answer: ")
    server.start()
    flows.up.release()
    short_url = shell.send("file")
    assert flows.up.passed < 13 * MIB
    assert shell.fetch(short_url, "-o", "back").read_bytes() == noise


def test_a_refused_code_costs_no_second_upload(shell: Shell, relay: Relayed) -> None:
    flows, server = relay
    mine = {"userid": server.call("temporary_account")["userid"], "code": "taken1"}
    server.call("url", url="https://example.com/", **mine)
    assert shell.refused("send", "file", "--code", "taken1") == "This code is in use."
    flows.up.release()
    assert shell.send("file", "--code", "free01") == f"{shell.server}/free01"
    assert flows.up.passed < MIB


def test_a_lost_answer_makes_no_second_link(shell: Shell, relay: Relayed, folder: Path) -> None:
    flows, server = relay
    (folder / "file").write_bytes(b"small")
    # The last answer is the link's; without it nobody knows whether it was made.
    first = shell.send("file")
    flows.down.release()
    shell.send("file")
    whole = flows.down.passed
    process = interrupted(flows.down, whole - 100, lambda: sending(shell, None))
    flows.down.release()
    status, output, error = ended(process)
    assert (status, error) == (0, "")
    account = next((shell.state / "shortd/accounts").iterdir()).read_text()
    userid = account.partition('"userid":"')[2][:32]
    entries = server.call("get_entries", userid=userid, count=10)["entries"]
    assert len(entries) == 3
    assert (entries[0]["shorturl"], entries[2]["shorturl"]) == (output.strip(), first)


def test_an_upload_that_the_server_forgot_begins_anew(
    shell: Shell, relay: Relayed, folder: Path
) -> None:
    flows, _ = relay
    kill(interrupted(flows.up, 18 * MIB, lambda: sending(shell, None)))
    flows.up.release()
    (ledger,) = shell.transfers()
    rows = ledger.read_text().splitlines(keepends=True)
    key = rows[0].partition('"filekey":"')[2][:32]
    ledger.write_text("".join(rows).replace(key, "A" * 32))
    assert shell.send("file").startswith(shell.server)
    assert flows.up.passed > 20 * MIB


@SECRECY
def test_a_killed_fetch_goes_on(
    shell: Shell, relay: Relayed, noise: bytes, password: str | None
) -> None:
    down = relay[0].down
    short_url = shell.send("file", password=password)
    Path("there").mkdir()
    kill(fetching(shell, down, short_url, "-o", "there", password=password))
    assert not Path("there/file").exists()
    down.release()
    assert shell.fetch(short_url, "-o", "there", password=password).read_bytes() == noise
    assert down.passed < 13 * MIB
    assert [path.name for path in Path("there").iterdir()] == ["file"]
    assert shell.transfers() == []


@SECRECY
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_what_the_last_visit_bought_is_fetched_without_another(
    shell: Shell, relay: Relayed, noise: bytes, password: str | None, number: signal.Signals
) -> None:
    down = relay[0].down
    short_url = shell.send("file", "--count", 1, password=password)
    process = fetching(shell, down, short_url, "-o", "back", password=password)
    process.send_signal(number)
    ended(process)
    down.release()
    assert httpx.get(short_url).status_code == 410
    assert shell.fetch(short_url, "-o", "back", password=password).read_bytes() == noise
    assert down.passed < 13 * MIB


@pytest.mark.parametrize(
    ("password", "output"), [(None, "back"), (PASSWORD, "back"), (PASSWORD, "-")]
)
def test_a_fetch_outlives_a_broken_connection(
    shell: Shell, relay: Relayed, noise: bytes, password: str | None, output: str
) -> None:
    flows, _ = relay
    # One visit is enough.
    short_url = shell.send("file", "--count", 1, password=password)
    flows.down.hold_after(14 * MIB)
    # What goes to standard output goes on to a file: a pipe would fill up.
    with Path("read").open("wb") as file:
        process = shell.start("fetch", short_url, "-o", output, password=password, stdout=file)
    assert flows.down.held.wait(60)
    flows.down.release()
    status, _, error = ended(process)
    assert (status, error) == (0, "")
    assert Path("read" if output == "-" else "back").read_bytes() == noise
    assert flows.down.passed < 13 * MIB
    assert httpx.get(short_url).status_code == 410


def test_two_fetches_of_one_file_do_not_meet(shell: Shell, relay: Relayed) -> None:
    down = relay[0].down
    short_url = shell.send("file")
    process = fetching(shell, down, short_url, "-o", "one")
    # Now the relay is open again for all but the fetch that it holds.
    process.send_signal(signal.SIGSTOP)
    down.release()
    refusal = shell.refused("fetch", short_url, "-o", "two")
    process.send_signal(signal.SIGCONT)
    assert refusal == "Another shortd is at this very transfer already."
    assert ended(process) == (0, "one\n", "")


def test_a_file_that_changed_is_sent_anew(shell: Shell, relay: Relayed) -> None:
    up = relay[0].up
    kill(interrupted(up, 18 * MIB, lambda: sending(shell, None)))
    up.release()
    Path("file").write_bytes(b"something else")
    assert shell.fetch(shell.send("file"), "-o", "back").read_bytes() == b"something else"
