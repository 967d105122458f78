"""The command line in an empty folder, without settings of the tester's own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from shortd.settings import places
from tests.commands.shell import Shell


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    for name in [name for name in os.environ if name.startswith("SHORTD_")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(places, "PLACES", (places.PLACES[0], tmp_path / "etc" / "config.toml"))
    return CliRunner()


@pytest.fixture
def bare(runner: CliRunner) -> Shell:
    """Where nothing is yet."""
    return Shell(runner)


@pytest.fixture
def shell(bare: Shell) -> Shell:
    """Where `shortd init` has been."""
    bare.did("init")
    return bare
