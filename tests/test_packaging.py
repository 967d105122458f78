"""What is installed, what the README promises, and that .ci/run tests just that."""

from __future__ import annotations

import ast
import configparser
import re
import shlex
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import packages_distributions, version
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder
from packaging.requirements import Requirement

import shortd
from shortd.commands.cli import main
from shortd.server.listening import BACKLOG
from tests.tools import needed, unusable

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
DEPENDENCIES = [Requirement(text) for text in PROJECT["dependencies"]]


def readme_blocks() -> list[str]:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    return re.findall(r"^```[^\n]*\n(.*?)^```", readme, flags=re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    return built("standard", tmp_path_factory.mktemp("wheel"))


def built(kind: str, folder: Path) -> zipfile.ZipFile:
    (path,) = WheelBuilder(str(ROOT)).build(directory=str(folder), versions=[kind])
    return zipfile.ZipFile(path)


def test_the_readme_begins_with_how_to_install_and_run() -> None:
    assert readme_blocks()[0].strip() == (
        "python3 -m venv .venv && .venv/bin/pip install -q . && .venv/bin/shortd serve"
    )


def test_the_readme_then_says_how_to_test_and_ci_does_that() -> None:
    command = readme_blocks()[1].strip()
    assert command == (
        "python3 -m venv .venv && .venv/bin/pip install -q -e '.[test]' && .venv/bin/pytest -q"
        " -n 2 --dist worksteal"
    )
    ci = subprocess.run([ROOT / ".ci/run", "--command"], capture_output=True, text=True, check=True)
    assert ci.stdout.strip() == command


def test_the_wheel_has_the_package_with_all_its_files(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    ours = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "shortd").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert ours <= names
    example = wheel.read("shortd/config.example.toml")
    assert example == (ROOT / "config.example.toml").read_bytes()
    assert f"shortd-{shortd.__version__}.dist-info/licenses/LICENSE" in names


def test_bundled_plugins_are_top_level_packages(wheel: zipfile.ZipFile) -> None:
    plugins = {path.parent.name for path in (ROOT / "plugins").glob("shortd_*/__init__.py")}
    top_level = {name.partition("/")[0] for name in wheel.namelist()}
    assert top_level == {"shortd", f"shortd-{shortd.__version__}.dist-info", *plugins}


def test_an_editable_install_finds_package_and_plugins(tmp_path: Path) -> None:
    wheel = built("editable", tmp_path)
    (path,) = [name for name in wheel.namelist() if name.endswith(".pth")]
    folders = wheel.read(path).decode().splitlines()
    assert {Path(folder).resolve() for folder in folders} == {ROOT, ROOT / "plugins"}


def test_the_command_is_installed(wheel: zipfile.ZipFile) -> None:
    entry_points = configparser.ConfigParser()
    entry_points.read_string(
        wheel.read(f"shortd-{shortd.__version__}.dist-info/entry_points.txt").decode()
    )
    assert entry_points["console_scripts"]["shortd"] == "shortd.commands.entry:main"


def imported_libraries(file: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return {
        name
        for name in names - sys.stdlib_module_names
        if name != "shortd" and not name.startswith("shortd_")
    }


def test_every_library_that_is_imported_is_a_dependency() -> None:
    rare = PROJECT["optional-dependencies"]
    extras = [Requirement(one).name for one in (*rare["geo"], *rare["oidc"])]
    declared = {one.name for one in DEPENDENCIES} | {*extras}
    # Whoever tests a plugin has the libraries that tests use.
    for_tests = declared | {Requirement(one).name for one in rare["test"]}
    distributions = packages_distributions()
    for file in [*(ROOT / "shortd").rglob("*.py"), *(ROOT / "plugins").rglob("*.py")]:
        in_tests = file.name == "pytest_plugin.py" or "tests" in file.relative_to(ROOT).parts
        for library in imported_libraries(file):
            given = {name.lower().replace("_", "-") for name in distributions[library]}
            assert given & (for_tests if in_tests else declared), f"{file}: {library}"


def test_what_is_installed_is_what_is_asked_for() -> None:
    for requirement in DEPENDENCIES:
        assert requirement.specifier.contains(version(requirement.name)), requirement


def test_uvicorn_is_held_to_one_minor_version() -> None:
    (uvicorn,) = [one for one in DEPENDENCIES if one.name == "uvicorn"]
    major, minor, *_ = version("uvicorn").split(".")
    assert not uvicorn.specifier.contains(f"{major}.{int(minor) + 1}.0")
    assert not uvicorn.specifier.contains(f"{major}.{int(minor) - 1}.99")


def test_the_changelog_has_a_place_for_what_comes() -> None:
    assert "\n## [Unreleased]\n" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_unit_starts_a_command_that_exists() -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(ROOT / "systemd/shortd.service")
    program, command, *arguments = shlex.split(unit["Service"]["ExecStart"])
    assert Path(program).name == "shortd"
    context = main.commands[command].make_context(command, arguments)
    assert context.params["config_file"] == Path("/etc/shortd/config.toml")
    # The one place that the unit may write to.
    assert context.params["data_dir"] == Path("/var/lib", unit["Service"]["StateDirectory"])


@pytest.mark.parametrize("unit", ["shortd.service", "shortd-backup.service"])
def test_the_units_keep_the_process_in_a_small_room(unit: str) -> None:
    """As systemd rates it: 10 is any program, 0 one that can do nothing."""
    file = str(ROOT / "systemd" / unit)
    asked = [needed("systemd-analyze"), "security", "--offline=true", file]
    rated = subprocess.run(asked, capture_output=True, text=True, timeout=60)
    if "--offline" in rated.stderr:
        unusable("this systemd rates no units that are not installed")
    (level,) = re.findall(r"exposure level for \S+: ([\d.]+)", rated.stdout)
    assert float(level) <= 1.3


def test_the_backups_unit_has_one_mount_for_what_it_links() -> None:
    """systemd mounts each path that may be written to, and no hard link leads out of one."""
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(ROOT / "systemd/shortd-backup.service")
    words = shlex.split(unit["Service"]["ExecStart"])
    places = Path(words[words.index("backup") + 1]), Path(words[words.index("--data") + 1])
    (mounted,) = map(Path, unit["Service"]["ReadWritePaths"].split())
    assert all(place.is_relative_to(mounted) for place in places)


def test_systemd_understands_the_units(tmp_path: Path) -> None:
    units = [tmp_path / unit.name for unit in (ROOT / "systemd").glob("shortd*")]
    assert len(units) > 3
    for unit in units:
        text = (ROOT / "systemd" / unit.name).read_text(encoding="utf-8")
        # Where nothing is installed.
        unit.write_text(text.replace("/opt/shortd/bin/shortd", "/bin/true"), encoding="utf-8")
    asked = [needed("systemd-analyze"), "verify", *map(str, units)]
    verified = subprocess.run(asked, capture_output=True, text=True, timeout=60)
    ours = [line for line in verified.stderr.splitlines() if str(tmp_path) in line]
    assert ours == []


def test_the_socket_is_held_for_all_who_come_at_once() -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(ROOT / "systemd/shortd.socket")
    assert int(unit["Socket"]["Backlog"]) == BACKLOG
    assert unit["Socket"]["FreeBind"] == "yes"
    # One process takes all connections.
    assert unit["Socket"].get("Accept", "no") == "no"
