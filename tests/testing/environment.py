"""A virtual environment as a plugin's author has one: shortd, pip, pytest, and nothing else of his.

It borrows the libraries of the environment that the tests run in, so it needs no network.
"""

from __future__ import annotations

import os
import subprocess
import sysconfig
import venv
from importlib.metadata import entry_points
from pathlib import Path

PROGRAMS = {
    "pip": "pip._internal.cli.main:main",
    "shortd": "shortd.commands.entry:main",
    "pytest": "pytest:console_main",
    "mypy": "mypy.__main__:console_entry",
}
"""What the borrowed libraries bring as commands."""


OTHERS = sorted({one.name for one in entry_points(group="pytest11")} - {"shortd"})
"""Plugins of pytest that an author has no use for: to import them takes longer than his tests."""


class Environment:
    """A virtual environment in a folder, and commands run in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        venv.create(folder)
        borrowed = sysconfig.get_path("purelib")
        (packages,) = folder.glob("lib/python*/site-packages")
        # `addsitedir` reads the .pth files there, too: editable installs are borrowed as well.
        (packages / "borrowed.pth").write_text(f"import site; site.addsitedir({borrowed!r})\n")
        for program, place in PROGRAMS.items():
            module, function = place.split(":")
            file = folder / "bin" / program
            file.write_text(
                f"#!{folder}/bin/python\nimport sys\nfrom {module} import {function}\n"
                f"sys.exit({function}())\n"
            )
            file.chmod(0o755)
        (folder / "bin/ruff").symlink_to(Path(sysconfig.get_path("scripts"), "ruff"))

    @property
    def environ(self) -> dict[str, str]:
        """The variables of an activated environment in which pip stays offline."""
        kept = {name: value for name, value in os.environ.items() if name[:7] != "SHORTD_"}
        return {
            **kept,
            "VIRTUAL_ENV": str(self.folder),
            "PATH": f"{self.folder}/bin:{os.environ['PATH']}",
            # One for all that is checked here: shortd's own types take the longest.
            "MYPY_CACHE_DIR": str(self.folder / "mypy"),
            "PYTEST_ADDOPTS": " ".join(f"-p no:{name}" for name in OTHERS),
            "PIP_NO_INDEX": "1",
            # Turns isolation off, however it reads: pip takes the value for that of the option.
            "PIP_NO_BUILD_ISOLATION": "0",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        }

    def run(self, command: str, folder: Path) -> str:
        """Runs a command with bash; what it printed. AssertionError if it fails."""
        done = subprocess.run(
            ["bash", "-euc", command],
            cwd=folder,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=300,
        )
        if done.returncode:
            raise AssertionError(f"{command}: {done.stdout}{done.stderr}")
        return done.stdout
