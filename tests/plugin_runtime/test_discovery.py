"""Finding plugins, their settings, and how `shortd plugins` and `config check` tell of them."""

from __future__ import annotations

import json
import os
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from structlog.testing import capture_logs

from shortd.commands.cli import main
from shortd.plugin import Link, Plugin, Visit, hookimpl
from shortd.plugin_runtime.discovery import BUNDLED
from shortd.testing import open_app
from tests.plugin_runtime.conftest import PluginApp, Start, write_plugin

ROOT = Path(__file__).parents[2]
GOOD = """
class Good(Plugin[None, Data]):
    '''Does something good.

    And more.
    '''

    name = "good"
    Data = Data

    @hookimpl(tryfirst=True)
    def destination(self, link: Link, visit: Visit, data: Data) -> str | None:
        return None

    @hookimpl
    def link_created(self, link: Link) -> None:
        pass
"""
WITH_SETTINGS = """
class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    key: str
    count: Annotated[int, Meta(ge=1)] = 5

    def __post_init__(self) -> None:
        if self.key == "bad":
            raise ValueError("key must not be bad")


class Tuned(Plugin[Settings, Data]):
    name = "tuned"
    Settings = Settings
    Data = Data

    @hookimpl
    def destination(self, link: Link, visit: Visit, data: Data) -> str | None:
        return f"https://{self.settings.key}{self.settings.count}.example/"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The plugins' folder of all commands."""
    folder = tmp_path / "plugins"
    write_plugin(folder, "good", GOOD)
    monkeypatch.setenv("SHORTD_PLUGINS__DIR", str(folder))
    monkeypatch.setenv("SHORTD_DATA", str(tmp_path / "data"))
    return folder


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def test_the_bundled_plugins_are_entry_points_like_anybodys() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    bundled = project["entry-points"]["shortd"]
    installed = {point.name: point.value for point in entry_points(group="shortd")}
    assert bundled.items() <= installed.items()
    folders = {path.parent.name for path in (ROOT / "plugins").glob("*/__init__.py")}
    assert folders == {f"shortd_{name}" for name in bundled}


def test_the_list_shows_hooks_and_order(folder: Path) -> None:
    lines = run("plugins").output.splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("good "))
    assert lines[at].split() == ["good", "ready", "Does", "something", "good."]
    assert lines[at + 1].split()[:2] == ["destination,", "link_created"]
    assert str(folder / "good.py") in lines[at + 1]
    assert "order of destination: good, rules, mobile, ab" in lines


def test_a_disabled_plugin_is_not_imported(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    marker = folder / "imported"
    write_plugin(folder, "good", f"Path({str(marker)!r}).touch()\n{GOOD}")
    monkeypatch.setenv("SHORTD_PLUGINS__DISABLED", "good,ab")
    output = run("plugins").output
    assert "good      disabled" in output
    assert "order of destination: rules, mobile" in output
    assert not marker.exists()
    monkeypatch.setenv("SHORTD_PLUGINS__GOOD__ANY", "its settings are not read")
    assert run("config", "check").exit_code == 0


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("import no_such_library", "cannot be imported: ModuleNotFoundError: No module named"),
        ("raise SystemExit(3)", "cannot be imported: SystemExit: 3"),
        ("class Half(", "cannot be imported: SyntaxError: "),
        ("", "must have exactly one subclass of Plugin, not 0"),
        (
            GOOD + GOOD.replace("Good(", "Better("),
            "must have exactly one subclass of Plugin, not 2",
        ),
        (GOOD.replace('"good"', '"Other"'), "calls itself 'Other', which must be the same"),
        (GOOD.replace('name = "good"', ""), "calls itself None, which must be the same"),
        (GOOD.replace("    Data = Data", "    Data = dict"), "Data is no msgspec Struct"),
        (
            "class D(Struct):\n    a: complex\n" + GOOD.replace("    Data = Data", "    Data = D"),
            "Data cannot be used: ",
        ),
        (
            "class D(Struct, array_like=True):\n    a: int\n"
            + GOOD.replace("    Data = Data", "    Data = D"),
            "Data is array_like, which has no names for its fields",
        ),
        (GOOD.replace("    Data = Data", ""), "destination is never asked: give the plugin Data"),
        (GOOD.replace("def destination", "async def destination"), "destination must be a plain"),
        (GOOD.replace("    @hookimpl\n", ""), "link_created needs @hookimpl above it"),
        (GOOD.replace("link_created", "link_create"), "link_create is no hook; is link_created"),
        (GOOD.replace("link: Link)", "link: Link, x: int)"), "link_created takes x, which"),
        (GOOD.replace("tryfirst=True", "wrapper=True"), "destination is a wrapper, which"),
        (GOOD.replace("        return None", "        yield"), "destination must be a plain"),
    ],
)
def test_what_cannot_be_used_is_told_in_one_line(folder: Path, source: str, fault: str) -> None:
    write_plugin(folder, "good", source)
    [line] = [line for line in run("plugins").output.splitlines() if line.startswith("good")]
    assert line.startswith(f"good      faulty    {fault}")
    outcome = run("config", "check")
    assert outcome.exit_code == 2
    assert outcome.output.startswith(f"shortd: plugin good: {fault}")
    assert len(outcome.output.splitlines()) == 1


def test_a_name_is_given_once_and_entry_points_come_first(folder: Path) -> None:
    write_plugin(folder, "ab", GOOD.replace('"good"', '"ab"'))
    outcome = run("config", "check")
    assert outcome.output == "shortd: plugin ab: the name is taken by shortd_ab:AB\n"
    assert "order of destination: good, rules, mobile, ab" in run("plugins").output


def test_a_file_whose_name_is_no_plugins_name_is_told(folder: Path) -> None:
    write_plugin(folder, "Bad-Name", GOOD.replace('"good"', '"Bad-Name"'))
    assert "plugin Bad-Name: a name has up to 32 of" in run("config", "check").output


def test_files_that_begin_with_an_underscore_are_helpers(folder: Path) -> None:
    write_plugin(folder, "_helper", "raise SystemExit(3)")
    assert run("config", "check").exit_code == 0


def test_a_folder_that_does_not_exist_stops_everything(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHORTD_PLUGINS__DIR", str(folder / "none"))
    for command in (["plugins"], ["config", "check"], ["serve"]):
        outcome = run(*command)
        assert (outcome.exit_code, outcome.output) == (
            2,
            "shortd: SHORTD_PLUGINS__DIR: plugins.dir: there is no such folder\n",
        )


class Handed(Plugin[None, None]):
    """Is handed to an app."""

    name = "handed"
    everywhere = True

    @hookimpl
    def destination(self, link: Link, visit: Visit, data: None) -> str:
        return "https://handed.example/"


def test_a_test_hands_an_app_its_plugin(tmp_path: Path) -> None:
    with open_app(tmp_path / "data", plugins=[Handed]) as app:
        plugins = PluginApp(app)
        assert plugins.visit() == "https://handed.example/"
        assert plugins.state("handed")["state"] == "on"


class TestSettings:
    def test_a_plugin_gets_its_settings(self, start: Start) -> None:
        environ = {"SHORTD_PLUGINS__TUNED__KEY": "k", "SHORTD_PLUGINS__TUNED__COUNT": "7"}
        plugins = start(environ=environ, tuned=WITH_SETTINGS)
        plugins.set("tuned")
        assert plugins.visit() == "https://k7.example/"

    @pytest.mark.parametrize(
        ("settings", "problem"),
        [
            ({}, f"{os.devnull}: plugins.tuned.key: is required"),
            (
                {"TUNED__KEY": "hush", "TUNED__COUNT": "0"},
                "SHORTD_PLUGINS__TUNED__COUNT: plugins.tuned.count: expected int >= 1",
            ),
            ({"TUNED__KEY": "bad"}, "SHORTD_PLUGINS__TUNED__KEY: plugins.tuned: key must not"),
            (
                {"TUNED__KEY": "hush", "TUNED__KEI": "hush"},
                "SHORTD_PLUGINS__TUNED__KEI: plugins.tuned.kei: unknown setting;"
                " is SHORTD_PLUGINS__TUNED__KEY meant?",
            ),
            (
                {"TUNED__KEY": "hush", "GOOD__KEY": "hush"},
                "SHORTD_PLUGINS__GOOD__KEY: plugins.good: this plugin has no settings",
            ),
        ],
    )
    def test_a_bad_setting_stops_the_start_with_one_line(
        self,
        folder: Path,
        monkeypatch: pytest.MonkeyPatch,
        settings: dict[str, str],
        problem: str,
    ) -> None:
        write_plugin(folder, "tuned", WITH_SETTINGS)
        for name, value in settings.items():
            monkeypatch.setenv(f"SHORTD_PLUGINS__{name}", value)
        for command in (["config", "check"], ["serve", "--port", "1024"]):
            outcome = run(*command)
            assert outcome.exit_code == 2
            [line] = outcome.output.splitlines()
            assert line.startswith(f"shortd: {problem}")
            assert "hush" not in line
        assert not (folder.parent / "data").exists(), "nothing was begun"

    def test_a_table_of_a_plugin_that_is_gone_stops_no_start(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """As one that cannot be used does not; `config check` notices both."""
        problem = "plugins.goood: there is no plugin of this name; is good meant?"
        monkeypatch.setenv("SHORTD_PLUGINS__GOOOD__KEY", "hush")
        outcome = run("config", "check")
        assert outcome.exit_code == 2
        assert outcome.output == f"shortd: SHORTD_PLUGINS__GOOOD__KEY: {problem}\n"
        with capture_logs() as logs, open_app(tmp_path / "data", environ=os.environ) as app:
            assert app.get("/-/health").json()["status"] == "ok"
        [line] = [line for line in logs if line["event"] == "plugin_settings_unused"]
        assert (line["problem"], line["log_level"]) == (problem, "warning")


PACKAGE = GOOD.replace("class Good", "from {package}.words import WORD\n\nclass Good")


class TestFolder:
    """What is dropped is found by the plugin's own name, with or without `shortd_`."""

    @pytest.fixture
    def dropped(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
        folder = tmp_path / "dropped"
        folder.mkdir()
        monkeypatch.setenv("SHORTD_PLUGINS__DIR", str(folder))
        monkeypatch.setenv("SHORTD_DATA", str(tmp_path / "data"))
        before = set(sys.modules)
        yield folder
        for name in set(sys.modules) - before:
            if "good" in name:
                del sys.modules[name]

    def package(self, folder: Path, name: str, source: str = PACKAGE) -> None:
        write_plugin(folder / name, "__init__", source.replace("{package}", name))
        (folder / name / "words.py").write_text("WORD = 'good'\n")

    @pytest.mark.parametrize("name", ["good", "shortd_good"])
    @pytest.mark.parametrize("is_package", [False, True])
    def test_modules_and_packages(self, dropped: Path, name: str, is_package: bool) -> None:
        if is_package:
            self.package(dropped, name)
        else:
            write_plugin(dropped, name, GOOD)
        for _ in range(2):
            output = run("plugins").output
            assert re.search(r"^good +ready +Does something good\.$", output, re.M), output
            assert "passed over" not in output
        assert run("config", "check").exit_code == 0

    def test_a_plugin_may_have_the_prefix_in_its_own_name(self, dropped: Path) -> None:
        write_plugin(dropped, "shortd_good", GOOD.replace('"good"', '"shortd_good"'))
        assert "shortd_good  ready" in run("plugins").output

    @pytest.mark.parametrize("disabled", ["good", "shortd_good"])
    def test_either_name_disables_it(
        self, dropped: Path, disabled: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.package(dropped, "shortd_good", "raise SystemExit(3)")
        monkeypatch.setenv("SHORTD_PLUGINS__DISABLED", disabled)
        assert "good      disabled" in run("plugins").output

    def test_a_package_is_loaded_anew(self, dropped: Path) -> None:
        self.package(dropped, "shortd_good")
        assert "Does something good." in run("plugins").output
        (dropped / "shortd_good" / "words.py").write_text("raise SystemExit(4)")
        assert "cannot be imported: SystemExit: 4" in run("plugins").output

    def test_a_package_takes_no_name_that_somebody_has(self, dropped: Path) -> None:
        """Its own imports are relative then."""
        self.package(dropped, "json", GOOD.replace('"good"', '"json"'))
        output = run("plugins", "--json").stdout
        [found] = [one for one in json.loads(output) if one["name"] == "json"]
        assert (found["state"], json.__name__) == ("ready", "json")
        assert json.dumps(1) == "1"

    @pytest.mark.parametrize("place", ["", "src"])
    @pytest.mark.parametrize("module", ["shortd_good", "shortd_good.inner", "hours"])
    def test_a_project(self, dropped: Path, place: str, module: str) -> None:
        project = dropped / "shortd-good"
        (project / place).mkdir(parents=True)
        package, _, inner = module.partition(".")
        self.package(project / place, package, "" if inner else PACKAGE)
        if inner:
            write_plugin(project / place / package, inner, PACKAGE.replace("{package}", package))
        points = f'[project.entry-points.shortd]\ngood = "{module}:Good"\n'
        (project / "pyproject.toml").write_text(points)
        output = run("plugins").output
        assert re.search(r"^good +ready ", output, re.M), output

    @pytest.mark.parametrize(
        ("what", "reason"),
        [
            ({"notes.txt": ""}, "it is no Python file and no package"),
            ({"_helper.py": ""}, "its name begins with _"),
            ({"empty/readme": ""}, "it has neither __init__.py nor pyproject.toml"),
            ({"p/pyproject.toml": "["}, "its pyproject.toml cannot be read"),
            (
                {"p/pyproject.toml": ""},
                "its pyproject.toml has no entry points of the group shortd",
            ),
            (
                {"p/pyproject.toml": "[project.entry-points.shortd]\nx = 'shortd_x:X'"},
                "it has no package shortd_x, which x is to be in",
            ),
        ],
    )
    def test_what_is_passed_over_is_said(
        self, dropped: Path, what: dict[str, str], reason: str
    ) -> None:
        for name, content in {**what, ".hidden": "", "__pycache__/x": ""}.items():
            (dropped / name).parent.mkdir(exist_ok=True)
            (dropped / name).write_text(content)
        place = dropped / next(iter(what)).partition("/")[0]
        lines = [line for line in run("plugins").stdout.splitlines() if "passed" in line]
        assert len(lines) == 1 and lines[0].startswith(f"passed over: {place}: {reason}")
        [fact] = [
            one
            for one in json.loads(run("plugins", "--json").stdout)
            if str(one["fault"]).startswith(reason)
        ]
        assert (fact["state"], fact["origin"]) == ("passed over", str(place))


def test_bundled_plugins_are_known_by_their_origins() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    assert set(project["project"]["entry-points"]["shortd"].values()) == BUNDLED
