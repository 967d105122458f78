"""Without a home, or one that can be written to, files are sent and fetched all the same."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.client.shell import Shell

PASSWORD = "p"
# A user whom the system does not know, as in many containers.
PROGRAM = """
import pwd

def getpwuid(uid):
    raise KeyError(uid)

pwd.getpwuid = getpwuid
from shortd.commands.cli import main
main()
"""


def run(shell: Shell, *arguments: object, home: str | None) -> tuple[int, str, str]:
    """Runs a command with this home and nothing else that says where to remember things."""
    environ = {**os.environ, **shell.environ(PASSWORD)}
    for name in ("XDG_STATE_HOME", "HOME"):
        environ.pop(name, None)
    if home is not None:
        environ["HOME"] = home
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *map(str, arguments)],
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("home", "secrecy"),
    [(None, ["--password"]), (None, []), ("", []), ("/proc", ["--password"]), ("/dev/null", [])],
)
def test_files_are_sent_and_fetched(shell: Shell, home: str | None, secrecy: list[str]) -> None:
    Path("file").write_text("content")
    note = "shortd: Nothing of this can be remembered for later: "
    note += f"{home}/.local" if home else "you have no home directory."
    status, short_url, error = run(shell, "send", "file", *secrecy, home=home)
    assert (status, error.count("\n")) == (0, 1), error
    assert error.startswith(note)
    fetch = ("fetch", short_url.strip(), "-o", "back", "--force")
    status, output, error = run(shell, *fetch, home=home)
    assert (status, output, error.count("\n")) == (0, "back\n", 1), error
    assert error.startswith(note)
    assert Path("back").read_text() == "content"
    # Who wants no notes gets none.
    assert run(shell, *fetch, "--quiet", home=home) == (0, "back\n", "")
    assert sorted(path.name for path in Path().iterdir()) == ["back", "file", "state"]
