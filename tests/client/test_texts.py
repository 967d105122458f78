"""Bytes that are no text, and locales that lack letters, whatever the command."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from shortd.commands.cli import main
from tests.client.shell import ROOT, Shell
from tests.server_process import ServerProcess

BAD = b"caf\xe9"
ASCII = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
"""A locale without any letter that is not English."""
LATIN_1 = {"PYTHONIOENCODING": "iso-8859-1"}
"""Output as under de_DE.ISO-8859-1, which not every machine has."""


def run(
    *arguments: str | bytes, folder: Path | None = None, **variables: str | bytes
) -> subprocess.CompletedProcess[bytes]:
    """Runs a command in a process of its own: what is decoded there is what matters."""
    environ: dict[bytes, bytes] = {os.fsencode(k): os.fsencode(v) for k, v in os.environ.items()}
    environ |= {os.fsencode(k): os.fsencode(v) for k, v in variables.items()}
    environ |= {b"PYTHONPATH": os.fsencode(ROOT)}
    return subprocess.run(
        [sys.executable, "-m", "shortd", *arguments],
        cwd=folder,
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
    )


def refused(done: subprocess.CompletedProcess[bytes]) -> str:
    """The one line of a command that was used wrongly."""
    assert (done.returncode, done.stdout) == (2, b""), done
    error = done.stderr.decode()
    assert error.startswith("shortd: ")
    assert error.count("\n") == 1
    assert error.endswith("is no text: its bytes are not UTF-8, as this locale has it.\n")
    return error.removeprefix("shortd: ").partition(" is no text")[0]


def commands(
    group: click.Group = main, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        yield (*path, name), command


TEXTS = [
    pytest.param(path, parameter, id=" ".join((*path, str(parameter.name))))
    for path, command in commands()
    for parameter in command.params
    if parameter.type.name == "text" and not getattr(parameter, "is_flag", False)
]


@pytest.mark.parametrize(("path", "parameter"), TEXTS)
def test_every_text_of_every_command_has_to_be_one(
    shell: Shell, path: tuple[str, ...], parameter: click.Parameter
) -> None:
    """In this process, as the system hands it over."""
    command = main
    for name in path:
        command = command.commands[name]  # type: ignore[assignment]
    bad = os.fsdecode(BAD)
    arguments = []
    for other in command.params:
        if isinstance(other, click.Argument):
            arguments.append(bad if other is parameter else str(Path(__file__)))
    if isinstance(parameter, click.Option):
        arguments = [parameter.opts[0], bad, *arguments]
    for other in command.params:
        if isinstance(other, click.Option) and other.required and other is not parameter:
            arguments += [other.opts[0], "x"]
    result = shell.run(*path, *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.endswith("is no text: its bytes are not UTF-8, as this locale has it.\n")
    assert result.stderr.count("\n") == 1


def test_there_are_many_of_them() -> None:
    assert len(TEXTS) > 30


def test_a_name_that_is_no_text_is_not_looked_for(server: ServerProcess) -> None:
    data = ("--data", str(server.data_dir))
    assert refused(run("user", "lock", BAD, *data)) == "'USER'"
    assert refused(run("team", "add", "x", BAD, *data)) == "'NAME'"
    assert refused(run("domain", "list", "--team", BAD, *data)) == "'--team'"


@pytest.mark.parametrize("name", ["SHORTD_FILE_PASSWORD", "SHORTD_USERID", "SHORTD_SERVER_URL"])
def test_a_variable_of_the_client_has_to_be_text(folder: Path, name: str) -> None:
    (folder / "file").touch()
    done = run("send", "--password", "file", folder=folder, **{name: BAD})
    assert name in refused(done)
    if name == "SHORTD_FILE_PASSWORD":
        done = run(
            "fetch", "http://127.0.0.1:9/code", "--patience", "0", folder=folder, **{name: BAD}
        )
        assert refused(done) == name


def test_a_variable_of_the_server_has_to_be_text(folder: Path) -> None:
    run("init", folder=folder)
    done = run("user", "add", "x@example.org", folder=folder, SHORTD_USER_PASSWORD=BAD)
    assert refused(done) == "SHORTD_USER_PASSWORD"
    done = run(
        "config",
        "check",
        folder=folder,
        SHORTD_PUBLIC_URL=BAD,
        SHORTD_HOSTS=BAD,
        SHORTD_SERVER__PORT=BAD,
        SHORTD_CLICKS__IP=BAD,
    )
    assert (done.returncode, done.stdout) == (2, b"")
    lines = done.stderr.decode().splitlines()
    assert len(lines) == 4
    assert all("no text: its bytes are not those of this locale" in line for line in lines)
    done = run("user", "list", folder=folder, **{"SHORTD_CAF\udce9": "x"})
    assert (done.returncode, done.stderr.count(b"\n")) == (2, 1)


def test_paths_may_be_any_bytes(folder: Path) -> None:
    done = run("config", "check", "--data", BAD, folder=folder)
    assert (done.returncode, done.stderr.count(b"\n")) == (0, 1)
    assert b"caf\\udce9" in done.stdout
    assert run("config", "check", folder=folder, SHORTD_DATA_DIR=BAD).stdout == done.stdout
    (folder / os.fsdecode(BAD)).write_text("server.port = 'x'")
    done = run("config", "check", "--config", BAD, folder=folder)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr == b"shortd: caf\\udce9: server.port: expected int, got str\n"


def test_a_settings_file_cannot_hold_every_path(folder: Path) -> None:
    assert refused(run("init", "--data", BAD, folder=folder)) == "--data"
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("locale", [ASCII, LATIN_1], ids=["ASCII", "Latin-1"])
def test_help_is_printed_whatever_the_locale_lacks(
    locale: dict[str, str],
) -> None:
    """Of all commands, in one process."""
    program = (
        "import sys\nfrom shortd.commands.cli import main\n"
        "for line in sys.stdin:\n    main([*line.split(), '--help'], standalone_mode=False)"
    )
    lines = "\n".join(" ".join(path) for path, _ in commands())
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=f"\n{lines}\n".encode(),
        env={**os.environ, **locale, "PYTHONPATH": str(ROOT)},
        capture_output=True,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.count(b"Usage: ") == lines.count("\n") + 2
    assert done.stdout.count(b"\\u2026" if locale is LATIN_1 else "\u2026".encode()) > 0


def test_what_a_terminal_lacks_is_escaped(folder: Path) -> None:
    done = run("config", "check", "--data", "Köln ☃", folder=folder, **LATIN_1)
    assert done.returncode == 0
    assert "Köln \\u2603".encode("latin-1") in done.stdout


def test_messages_are_printed_whatever_the_locale_lacks(folder: Path) -> None:
    done = run("send", "☃ nothing", folder=folder, **ASCII)
    assert done.returncode == 2
    assert b"does not exist" in done.stderr
    assert b"Traceback" not in done.stderr


def test_a_password_in_another_encoding_is_refused_with_its_name(folder: Path) -> None:
    (folder / "file").touch()
    done = run("send", "--password", "file", folder=folder, SHORTD_FILE_PASSWORD="é", **ASCII)
    line = (
        "shortd: SHORTD_FILE_PASSWORD is no text: its bytes are not ASCII, as this locale has it.\n"
    )
    assert (done.returncode, done.stderr.decode()) == (2, line)
