"""How a command ends that is interrupted, or has no standard streams; in processes of its own."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from shortd.commands.cli import Commands, main
from tests import processes
from tests.server_process import START_SECONDS, free_port

SHORTD = (sys.executable, "-m", "shortd")


@pytest.mark.parametrize("fault", [KeyboardInterrupt(), EOFError()])
def test_an_interrupt_is_one_line_and_status_130(runner: CliRunner, fault: BaseException) -> None:
    group = Commands("shortd")

    @group.command()
    def attempt() -> None:
        raise fault

    result = runner.invoke(group, ["attempt"])
    if isinstance(fault, KeyboardInterrupt):
        assert (result.exit_code, result.stderr) == (130, "shortd: interrupted\n")
    else:
        assert result.exit_code == 1


@pytest.mark.parametrize("words", [("user", "delete", "ann"), ("plugins", "forget", "diary")])
def test_a_question_that_nobody_hears_names_the_way_out(
    runner: CliRunner, words: tuple[str, ...]
) -> None:
    result = runner.invoke(main, words, input="")
    assert result.exit_code == 2
    assert result.stderr == "shortd: Nobody is there to answer. Say --yes if that is meant.\n"


def test_a_question_may_be_interrupted_or_answered_with_no(tmp_path: Path) -> None:
    def end(typed: bytes) -> int:
        master, slave = pty.openpty()
        command = [*SHORTD, "user", "remove", "ann", "--data", str(tmp_path / "data")]
        process = processes.start(command, stdin=slave, stdout=slave, stderr=slave)
        shown = b""
        while b"[y/N]" not in shown:
            assert select.select([master], [], [], 60)[0], shown
            shown += os.read(master, 1 << 10)
        if typed:
            os.write(master, typed)
        status = None
        for _ in range(6):
            # One that comes just before the question is read is seen after an answer only, as in
            # any program in Python; people press again.
            if not typed:
                process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                status = process.wait(10)
                break
        assert status is not None
        os.close(master)
        os.close(slave)
        return status

    assert end(b"n\n") == 1
    assert end(b"") == 130


@pytest.mark.parametrize("closed", ["2>&-", ">&-", "<&-", "<&- >&- 2>&-"])
def test_a_server_whose_standard_streams_are_closed_serves(tmp_path: Path, closed: str) -> None:
    """And what is meant for them goes into no file of its own."""
    port = free_port()
    command = f'exec "$@" {closed}'
    process = processes.start(
        [
            *("sh", "-c", command, "sh", *SHORTD, "serve"),
            *("--data", str(tmp_path / "data"), "--port", str(port)),
        ]
    )
    for _ in range(START_SECONDS * 20):
        assert process.poll() is None
        try:
            answer = httpx.get(f"http://127.0.0.1:{port}/-/health")
            break
        except httpx.TransportError:
            time.sleep(0.05)
    assert answer.json()["status"] == "ok"
    places = {Path(f"/proc/{process.pid}/fd/{number}").readlink() for number in range(3)}
    assert not any(tmp_path / "data" in place.parents for place in places)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    checked = subprocess.run([*SHORTD, "doctor", "--data", str(tmp_path / "data")])
    assert checked.returncode == 0


def test_a_command_whose_output_is_closed_does_its_work(tmp_path: Path) -> None:
    data = str(tmp_path / "data")
    environ = {**os.environ, "SHORTD_USER_PASSWORD": "Trial151!"}
    for command in (
        f"init --config {tmp_path}/c.toml --data {data}",
        f"user add ann@nowhere.example --data {data}",
        f"user list --data {data}",
    ):
        program = f'exec "$@" {command} >&- 2>&-'
        done = subprocess.run(["sh", "-c", program, "sh", *SHORTD], env=environ)
        assert done.returncode == 0, command
    listed = subprocess.run(
        [*SHORTD, "user", "list", "--data", data], capture_output=True, text=True, check=True
    )
    assert "ann@nowhere.example" in listed.stdout
