from __future__ import annotations

import stat
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import click
import pytest
from click.testing import CliRunner, Result

from shortd import __version__, errors
from shortd.commands.cli import Commands, main
from shortd.server import logs
from shortd.settings.config import Settings, load
from shortd.settings.in_force import InForce
from shortd.store.data_directory import DataDirectoryInUse

EXAMPLE = Path(__file__).parents[2] / "config.example.toml"


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """In the place of the server: the settings it was started with, once logging was set up."""
    steps: list[str] = []
    settings: list[Settings] = []

    def run(in_force: InForce, signals: object) -> None:
        assert steps == ["logs"]
        settings.append(in_force.settings)

    server = ModuleType("shortd.server.process")
    server.run = run  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "shortd.server.process", server)
    # The handlers are the test runner's own.
    monkeypatch.setattr("signal.signal", lambda number, handler: None)
    monkeypatch.setattr(logs, "configure", lambda settings: steps.append("logs"))
    return settings


def refusal(result: Result, status: int) -> str:
    assert result.exit_code == status, result.output
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    return line


def test_the_module_is_the_command() -> None:
    command = [sys.executable, "-m", "shortd", "--version"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True)
    assert shown.stdout == f"shortd {__version__}\n"


def test_the_log_takes_no_rich_along_which_who_needs_it_still_gets() -> None:
    program = (
        "import sys; from shortd.commands.cli import import_structlog; import_structlog();"
        "import shortd.server.process; assert 'pygments' not in sys.modules;"
        "import rich.console; import_structlog(); assert sys.modules['rich'] is rich"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_serve_needs_no_settings(runner: CliRunner, served: list[Settings]) -> None:
    result = runner.invoke(main, ["serve"])
    assert (result.exit_code, result.output) == (0, "")
    assert served == [Settings()]


def test_serve_takes_settings_from_file_environment_and_options(
    runner: CliRunner, served: list[Settings]
) -> None:
    Path("my.toml").write_text("server.port = 1\nserver.host = '::1'\nclicks.sync_ms = 5")
    result = runner.invoke(
        main,
        ["serve", "--config", "my.toml", "--data", "d", "--host", "0.0.0.0", "--port", "9000"],
        env={"SHORTD_CLICKS__IP": "none", "SHORTD_DATA": "other"},
    )
    assert result.exit_code == 0, result.output
    (settings,) = served
    assert (settings.server.host, settings.server.port) == (("0.0.0.0",), 9000)
    assert (settings.clicks.sync_ms, settings.clicks.ip) == (5, "none")
    assert (settings.data_dir, settings.public_url) == (Path("d"), "http://127.0.0.1:9000")


def test_file_and_directory_may_come_from_the_environment(
    runner: CliRunner, served: list[Settings]
) -> None:
    Path("my.toml").write_text("server.port = 9000")
    env = {"SHORTD_CONFIG": "my.toml", "SHORTD_DATA": "d"}
    assert runner.invoke(main, ["serve"], env=env).exit_code == 0
    (settings,) = served
    assert (settings.server.port, settings.data_dir) == (9000, Path("d"))


def test_the_clients_variables_are_no_settings(runner: CliRunner, served: list[Settings]) -> None:
    names = ("SERVER_URL", "USERID", "TOKEN", "FILE_PASSWORD")
    env = {f"SHORTD_{name}": "x" for name in names}
    assert runner.invoke(main, ["serve"], env=env).exit_code == 0
    assert served == [Settings()]


def test_a_bad_setting_is_one_line_and_status_2(runner: CliRunner, served: list[Settings]) -> None:
    Path("my.toml").write_text("server.port = 'x'")
    result = runner.invoke(main, ["serve", "--config", "my.toml"])
    assert refusal(result, 2) == "shortd: my.toml: server.port: expected int, got str"
    assert served == []


def test_a_missing_file_is_one_line_and_status_2(runner: CliRunner) -> None:
    result = runner.invoke(main, ["config", "check", "--config", "none.toml"])
    assert refusal(result, 2).startswith("shortd: none.toml: cannot be read: ")


def test_a_port_that_is_none_is_refused(runner: CliRunner, served: list[Settings]) -> None:
    result = runner.invoke(main, ["serve", "--port", "0"])
    assert (result.exit_code, served) == (2, [])


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (DataDirectoryInUse("d is in use"), "shortd: d is in use"),
        (errors.BUSY(), f"shortd: {errors.BUSY.message}"),
        (OSError(98, "Address already in use"), "shortd: Address already in use"),
        (PermissionError(13, "Permission denied", "d"), "shortd: d: Permission denied"),
        (OSError("no such luck"), "shortd: no such luck"),
    ],
)
def test_what_a_command_cannot_do_is_one_line_and_status_1(
    runner: CliRunner, error: Exception, line: str
) -> None:
    group = Commands("shortd")

    @group.command()
    def attempt() -> None:
        raise error

    assert refusal(runner.invoke(group, ["attempt"]), 1) == line


def test_a_bug_is_not_dressed_up(runner: CliRunner) -> None:
    group = Commands("shortd", commands=[click.Command("attempt", callback=lambda: [][0])])
    assert isinstance(runner.invoke(group, ["attempt"]).exception, IndexError)


def test_init_writes_the_example_and_the_data_directory(runner: CliRunner) -> None:
    result = runner.invoke(main, ["init"])
    assert result.exit_code == 0, result.output
    assert "shortd serve --config config.toml" in result.stdout
    assert Path("config.toml").read_text() == EXAMPLE.read_text()
    assert stat.S_IMODE(Path("config.toml").stat().st_mode) == 0o600
    assert stat.S_IMODE(Path("shortd-data").stat().st_mode) == 0o700


def test_init_takes_places(runner: CliRunner) -> None:
    data = 'links "and" \\ files'
    result = runner.invoke(main, ["init", "--config", "etc/my.toml", "--data", data])
    assert result.exit_code == 0, result.output
    assert tomllib.loads(Path("etc/my.toml").read_text())["data_dir"] == data
    assert load(Path("etc/my.toml"), environ={}).data_dir == Path(data)
    assert Path(data).is_dir()


def test_init_overwrites_nothing(runner: CliRunner) -> None:
    Path("config.toml").write_text("server.port = 1")
    result = runner.invoke(main, ["init"])
    assert refusal(result, 1) == "shortd: config.toml: exists already; nothing was written"
    assert Path("config.toml").read_text() == "server.port = 1"
    assert not Path("shortd-data").exists()


def test_init_keeps_a_data_directory(runner: CliRunner) -> None:
    Path("shortd-data").mkdir()
    Path("shortd-data", "kept").touch()
    assert runner.invoke(main, ["init"]).exit_code == 0
    assert Path("shortd-data", "kept").exists()


def test_check_shows_what_follows(runner: CliRunner) -> None:
    Path("my.toml").write_text("server.port = 9000")
    result = runner.invoke(main, ["config", "check", "--config", "my.toml", "--data", "d" * 90])
    assert result.exit_code == 0, result.output
    for shown in ("my.toml", "http://127.0.0.1:9000", "127.0.0.1 port 9000", "d" * 90, "fine"):
        assert shown in result.stdout


def test_check_shows_every_problem(runner: CliRunner) -> None:
    env = {"SHORTD_SERVER__PORT": "x", "SHORTD_CLICKS__IP": "y"}
    result = runner.invoke(main, ["config", "check"], env=env)
    assert result.exit_code == 2
    assert [line.split(": ")[1] for line in result.stderr.splitlines()] == [
        "SHORTD_CLICKS__IP",
        "SHORTD_SERVER__PORT",
    ]


def test_every_command_of_the_server_takes_config_and_data() -> None:
    def walk(command: click.Command) -> Iterator[click.Command]:
        if isinstance(command, click.Group):
            for below in command.commands.values():
                yield from walk(below)
        else:
            yield command

    for command in walk(main):
        names = {option for parameter in command.params for option in parameter.opts}
        # Clients work where no server's data is.
        of_server = set() if command.name in ("send", "fetch") else {"--config", "--data"}
        assert names & {"--config", "--data"} == of_server, command.name
