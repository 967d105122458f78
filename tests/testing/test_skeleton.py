"""`shortd plugins new`: what it writes works, and what it refuses."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from shortd.commands.cli import main
from shortd.testing import open_app
from tests.testing.environment import Environment

KINDS = ("rule", "webhook", "check", "page")
TRICKY = ("hours", "class", "none", "plugin", "a_", "a__1b", "a" * 32)
"""Names of which something could go wrong: keywords, our own classes, bounds."""


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.chdir(tmp_path)
    return CliRunner()


def refusal(runner: CliRunner, *arguments: str) -> str:
    before = sorted(Path().rglob("*"))
    result = runner.invoke(main, ["plugins", "new", *arguments])
    assert result.exit_code in (1, 2)
    assert sorted(Path().rglob("*")) == before
    (line,) = result.stderr.splitlines()
    return line


@pytest.mark.slow
def test_the_skeleton_works_in_an_environment_of_its_own(
    tmp_path: Path, environment: Environment
) -> None:
    environment.run("shortd plugins new hours", tmp_path)
    folder = tmp_path / "shortd-hours"
    environment.run("pip install -q -e .", folder)
    for kind in KINDS[1:]:
        environment.run(f"shortd plugins new a_{kind} --kind {kind} --folder {kind}", tmp_path)
        environment.run("pip install -q --no-deps -e .", tmp_path / kind)
    everything = f"pytest -q shortd-hours {' '.join(KINDS[1:])}"
    assert "17 passed" in environment.run(everything, tmp_path)
    listed = " ".join(environment.run("shortd plugins", tmp_path).split())
    assert "hours ready Leads visitors of one language elsewhere." in listed
    others = " ".join(f"shortd-a-{kind}" for kind in KINDS[1:])
    environment.run(f"pip uninstall -q -y shortd-hours {others}", folder)
    assert "hours" not in environment.run("shortd plugins", tmp_path)


@pytest.mark.slow
def test_style_and_types_of_skeletons_are_right(
    runner: CliRunner, environment: Environment
) -> None:
    for number, name in enumerate(TRICKY):
        kind = KINDS[number % len(KINDS)]
        words = ["plugins", "new", name, "--folder", name, "--kind", kind]
        result = runner.invoke(main, words)
        assert result.exit_code == 0, result.output
        for command in (["ruff", "check", "--no-cache"], ["ruff", "format", "--check"]):
            subprocess.run([sys.executable, "-m", *command], cwd=name, check=True)
    # One of each kind is as good as another, and this takes a while.
    for name in TRICKY[: len(KINDS)]:
        environment.run("mypy", Path(name))


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_made_can_be_dropped_as_it_is(runner: CliRunner, kind: str) -> None:
    """The whole folder, or the package in it, into the plugins' folder."""
    name = f"dropped_{kind}"
    made = Path(f"plugins/{name}")
    words = ["plugins", "new", name, "--folder", str(made), "--kind", kind]
    assert runner.invoke(main, words).exit_code == 0
    environ = {"SHORTD_PLUGINS__DIR": "plugins", "SHORTD_DATA": "data"}
    for _ in range(2):
        listed = runner.invoke(main, ["plugins"], env=environ)
        assert re.search(rf"^{name} +ready ", listed.stdout, re.M), listed.output
        assert "passed over" not in listed.stdout
        with open_app(Path("data").absolute(), environ=environ) as app:
            assert name in app.services.plugin_runtime.plugins.running
        if made.exists():
            (made / f"shortd_{name}").rename(f"plugins/shortd_{name}")
            shutil.rmtree(made)


@pytest.mark.parametrize("name", TRICKY)
def test_any_name_gives_a_package_that_can_be_imported(runner: CliRunner, name: str) -> None:
    assert runner.invoke(main, ["plugins", "new", name, "--folder", "x/y"]).exit_code == 0
    (module,) = Path("x/y").glob("shortd_*/__init__.py")
    program = f"import shortd_{name} as m; assert m.__file__.endswith({str(module)!r})"
    subprocess.run([sys.executable, "-c", program], cwd="x/y", check=True)


@pytest.mark.parametrize("name", ["", "9", "Hours", "ho-urs", "hö", "a" * 33, "../x", "a b", "a\n"])
def test_a_bad_name_is_refused(runner: CliRunner, name: str) -> None:
    assert "a name has up to 32 of a-z, 0-9 and _, and begins with a letter" in refusal(
        runner, name
    )


@pytest.mark.parametrize("name", ["dir", "disabled", "quota"])
def test_a_name_that_is_a_setting_is_refused(runner: CliRunner, name: str) -> None:
    assert f"{name} is the name of a setting" in refusal(runner, name)


def test_a_name_that_is_taken_is_refused(runner: CliRunner) -> None:
    assert "there is a plugin ab already" in refusal(runner, "ab")


def test_an_existing_folder_is_refused(runner: CliRunner) -> None:
    Path("shortd-hours").mkdir()
    Path("shortd-hours/precious").touch()
    assert refusal(runner, "hours") == "shortd: shortd-hours: File exists"
    Path("file").touch()
    assert refusal(runner, "hours", "--folder", "file") == "shortd: file is a file, not a folder"


def test_a_name_that_a_file_has_is_taken(runner: CliRunner, tmp_path: Path) -> None:
    (tmp_path / "hours.py").touch()
    config = tmp_path / "config.toml"
    config.write_text(f'[plugins]\ndir = "{tmp_path}"\n')
    line = refusal(runner, "hours", "--config", str(config))
    assert line == "shortd: no plugin can be named 'hours': there is a plugin hours already"
