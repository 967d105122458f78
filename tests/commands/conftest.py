"""The command line in an empty folder, without settings of the tester's own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from shortd.settings import places
from shortd.store import Store
from tests.commands.shell import Shell
from tests.conftest import GENEROUS
from tests.server.conftest import running
from tests.server_process import ServerProcess

HOSTS = {"SHORTD_HOSTS": '["https://other.example"]'}


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


@pytest.fixture(scope="module", params=["stopped", "running"])
def data(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """A data directory that tests share, once of a server that runs and once of none."""
    data = tmp_path_factory.mktemp(request.param) / "data"
    if request.param == "running":
        with running(ServerProcess(data, {**GENEROUS, **HOSTS})):
            yield data
    else:
        data.mkdir()
        Store(data).close()
        yield data


@pytest.fixture
def either(runner: CliRunner, data: Path) -> Shell:
    """Commands about that, however it is."""
    return Shell(runner, SHORTD_DATA=str(data), **HOSTS)


@pytest.fixture
def shell(bare: Shell) -> Shell:
    """Where `shortd init` has been."""
    bare.did("init")
    return bare
