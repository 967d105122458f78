"""At a terminal: passwords are asked for, and progress is shown, on the terminal alone."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import pytest
from pyotp import TOTP

from tests import processes
from tests.api.v2.people import double_sha256
from tests.client.shell import Shell
from tests.server_process import PLAIN, ServerProcess

FORM = "application/x-www-form-urlencoded"

# In a session of its own, the first terminal that a process opens is its controlling one.
PROGRAM = """
import os, sys
terminal = os.open(sys.argv.pop(1), os.O_RDWR)
os.dup2(terminal, 0)
os.dup2(terminal, 2)
from shortd.commands.cli import main
main()
"""


class Terminal:
    """A command at a terminal of its own; standard output goes elsewhere."""

    def __init__(self, shell: Shell, *arguments: object) -> None:
        self._master, slave = pty.openpty()
        self._process = processes.start(
            [sys.executable, "-c", PROGRAM, os.ttyname(slave), *map(str, arguments)],
            env={**os.environ, **shell.environ(), "TERM": "xterm"},
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._slave = slave
        self.shown = b""
        self._answered = 0
        """How much had been shown at the last answer."""

    def answer(self, prompt: str, text: str) -> None:
        """Waits for a prompt, and types."""
        while prompt.encode() not in self.shown[self._answered :]:
            assert select.select([self._master], [], [], 60)[0], self.shown
            self.shown += os.read(self._master, 1 << 10)
        self._answered = len(self.shown)
        os.write(self._master, text.encode() + b"\n")

    def end(self) -> tuple[int, str]:
        """Reads all that is shown: the exit status and standard output."""
        reader = threading.Thread(target=self._read, daemon=True)
        reader.start()
        output, _ = self._process.communicate(timeout=60)
        # The last end of the terminal on this side: reading ends with it.
        os.close(self._slave)
        reader.join()
        os.close(self._master)
        return self._process.returncode, output

    def _read(self) -> None:
        try:
            while data := os.read(self._master, 1 << 16):
                self.shown += data
        except OSError:
            return


def test_passwords_are_asked_for_and_not_shown(shell: Shell) -> None:
    Path("file").write_text("secret")
    sending = Terminal(shell, "send", "--password", "file")
    sending.answer("Password of the file: ", "pass word")
    sending.answer("Once more: ", "pass word")
    status, short_url = sending.end()
    assert status == 0, sending.shown
    assert short_url.startswith(f"{shell.server}/")
    assert b"pass word" not in sending.shown

    fetching = Terminal(shell, "fetch", short_url.strip(), "-o", "back")
    fetching.answer("Password of the file: ", "wrong")
    fetching.answer("Password of the file: ", "pass word")
    assert fetching.end() == (0, "back\n")
    assert Path("back").read_text() == "secret"


def test_three_wrong_passwords_are_enough(shell: Shell) -> None:
    Path("file").write_text("secret")
    fetching = Terminal(shell, "fetch", "--password", shell.send("file", password="right"))
    for _ in range(3):
        fetching.answer("Password of the file: ", "wrong")
    assert fetching.end() == (1, "")
    assert fetching.shown.endswith(b"shortd: This is not the file's password.\r\n")


@pytest.mark.parametrize(
    ("answers", "line"),
    [
        (("one", "two"), b"These are two different passwords."),
        (("",), b"A password is not empty."),
    ],
)
def test_a_password_that_is_no_good_is_refused(
    shell: Shell, answers: tuple[str, ...], line: bytes
) -> None:
    Path("file").write_text("secret")
    sending = Terminal(shell, "send", "--password", "file")
    for prompt, answer in zip(("Password of the file: ", "Once more: "), answers, strict=False):
        sending.answer(prompt, answer)
    assert sending.end() == (1, "")
    assert line in sending.shown


def test_a_bar_is_shown_on_the_terminal_alone(shell: Shell, noise: bytes) -> None:
    Path("file.bin").write_bytes(noise)
    sending = Terminal(shell, "send", "file.bin")
    status, output = sending.end()
    assert (status, output.count("\n"), "\x1b" in output) == (0, 1, False)
    assert b"file.bin" in sending.shown
    assert b"20.0 MiB" in sending.shown or b"20.0/20.0 MiB" in sending.shown

    quiet = Terminal(shell, "fetch", "-q", output.strip(), "-o", "back")
    assert quiet.end() == (0, "back\n")
    assert quiet.shown == b""


def test_a_login_asks_for_the_accounts_password(shell: Shell, server: ServerProcess) -> None:
    Path("file").write_text("mine")
    # As the document's own client derives it; the other derivation is tried first.
    derived = "ffbbafe935a9c961cc5ea6bbdb8d994e3eb2c84f8a48f998fcef14feb9cc1bde"
    login = server.call("signup", email="test.user@nowhere.example", password=derived)
    mine = {"userid": login["userid"], "token": login["token"]}
    sending = Terminal(shell, "send", "file", "--username", "test.user@nowhere.example")
    sending.answer("Password of test.user@nowhere.example: ", "Trial151!")
    status, short_url = sending.end()
    assert status == 0, sending.shown
    entry = server.call("get_entry", shorturl=short_url.strip(), **mine)["entry"]
    assert entry["url"] == "file"
    refused = Terminal(shell, "send", "file", "--username", "test.user@nowhere.example")
    refused.answer("Password of test.user@nowhere.example: ", "Trial152!")
    assert refused.end() == (1, "")
    assert b"shortd: The credentials are not valid." in refused.shown


def test_a_second_factor_is_asked_for(shell: Shell, server: ServerProcess) -> None:
    Path("file").write_text("mine")
    name, password = "factor@nowhere.example", "Password 1"
    signup = server.call("signup", email=name, password=double_sha256(password))
    cookies = {"shortd": f"{signup['userid']}.{signup['token']}"}
    origin, page = {"origin": server.url}, f"{server.url}/-/account/second-factor"
    with httpx.Client(cookies=cookies, headers=origin, verify=PLAIN) as browser:
        browser.post(f"{page}/app", headers={"content-type": FORM})
        [secret] = re.findall(r'id="secret">(.*?)<', browser.get(page).text)
        code = {"code": TOTP(secret.replace(" ", "")).now()}
        made = browser.post(f"{page}/app/code", data=code).text
    codes = made.partition('id="codes"')[2].partition(">")[2].split()
    sending = Terminal(shell, "send", "file", "--username", name)
    sending.answer(f"Password of {name}: ", password)
    sending.answer("Code of the second factor: ", codes[0])
    status, short_url = sending.end()
    assert status == 0 and short_url.startswith(server.url), sending.shown
    assert codes[0].encode() not in sending.shown
    refused = Terminal(shell, "send", "file", "--username", name)
    refused.answer(f"Password of {name}: ", password)
    refused.answer("Code of the second factor: ", codes[0])
    assert refused.end() == (1, "")
    assert b"This code is wrong, or was used before." in refused.shown
