"""A data directory belongs to one user: whoever else comes acts as him, or not at all."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tests.commands.shell import snapshot
from tests.server_process import ServerProcess

OWNER, OTHER = 65534, 2
"""Users that every Linux has: nobody and bin."""

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def as_user(user: int) -> dict[str, Any]:
    """How a process is started for a user."""
    return {"user": user, "group": user, "extra_groups": []} if user else {}


@cache
def everybodys() -> str | None:
    """A Python that every user can run, with the libraries of this one."""
    tried = (sys.executable, shutil.which(f"python3.{sys.version_info.minor}", path="/usr/bin"))
    for python in filter(None, tried):
        program = [python, "-c", "import os, structlog, lmdb, shortd"]
        with suppress(PermissionError):
            subprocess.run(program, **as_user(OWNER), env=LIBRARIES, check=True)
            return python
    return None


LIBRARIES = {
    "PYTHONPATH": os.pathsep.join(
        path
        for path in sys.path
        if "site-packages" in path
        or path in (str(Path(__file__).parents[2]), str(Path(__file__).parents[2] / "plugins"))
    ),
    "SHORTD_CONFIG": os.devnull,
    "SHORTD_USER_PASSWORD": "Trial151!",
}


@pytest.fixture(scope="module", autouse=True)
def compiled() -> Iterator[None]:
    """Where all keep what that Python has compiled: else each process does it all anew."""
    with TemporaryDirectory(prefix="shortd-test-") as name, pytest.MonkeyPatch.context() as patch:
        Path(name).chmod(0o777)
        patch.setitem(LIBRARIES, "PYTHONPYCACHEPREFIX", name)
        # ServerProcess takes the rest from here.
        patch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
        yield


@pytest.fixture
def run() -> Run:
    """Runs shortd as a user, by a Python that everybody can run."""
    python = everybodys()
    if python is None:
        pytest.skip("no Python here that everybody can run")

    def run(*command: str, user: int = 0) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [python, "-m", "shortd", *command],
            **as_user(user),
            env=LIBRARIES,
            cwd="/",
            capture_output=True,
            text=True,
            timeout=60,
        )

    return run


@pytest.fixture
def folder() -> Iterator[Path]:
    """One that everybody may enter; pytest's own are for nobody else."""
    with TemporaryDirectory(prefix="shortd-test-") as name:
        Path(name).chmod(0o711)
        yield Path(name)


@pytest.fixture
def data(run: Run, folder: Path) -> Path:
    """The data of OWNER."""
    data = folder / "data"
    data.mkdir(mode=0o700)
    os.chown(data, OWNER, OWNER)
    assert run("init", "--config", str(folder / "c.toml"), "--data", str(data)).returncode == 0
    return data


def strangers(data: Path) -> list[str]:
    """What there is in the data that somebody else owns."""
    return [str(path) for path in [data, *data.rglob("*")] if path.lstat().st_uid != OWNER]


def test_what_root_makes_for_somebody_is_his(data: Path, folder: Path) -> None:
    assert strangers(data) == []
    assert (data / "db" / "data.mdb").exists()
    assert (folder / "c.toml").stat().st_uid == OWNER
    assert (folder / "c.toml").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "command",
    [
        ("user", "list"),
        ("user", "add", "ben@nowhere.example"),
        ("doctor",),
        ("stats", "verify"),
        ("stats", "rebuild"),
        ("mail", "test", "ben@nowhere.example"),
    ],
    ids=" ".join,
)
def test_root_acts_as_the_owner(run: Run, data: Path, command: tuple[str, ...]) -> None:
    done = run(*command, "--data", str(data))
    assert done.returncode == 0, done.stderr
    assert strangers(data) == []
    assert run("user", "list", "--data", str(data), user=OWNER).returncode == 0


@pytest.mark.parametrize("mode", [0o700, 0o755, 0o777])
def test_others_are_told_who_may(run: Run, data: Path, mode: int) -> None:
    for path in [data, *data.rglob("*")]:
        path.chmod(mode)
    before = snapshot(data)
    for command in (("user", "list"), ("user", "add", "ben@nowhere.example"), ("doctor",)):
        done = run(*command, "--data", str(data), user=OTHER)
        assert (done.returncode, done.stdout) == (1, "")
        (line,) = done.stderr.splitlines()
        assert "runuser -u nobody" in line
        assert str(data) in line
    assert snapshot(data) == before


def test_an_owner_who_cannot_reach_his_data_is_told(run: Run, data: Path, folder: Path) -> None:
    folder.chmod(0o700)
    before = snapshot(data)
    for command in (("user", "list"), ("user", "add", "ben@nowhere.example"), ("serve",)):
        done = run(*command, "--data", str(data))
        assert (done.returncode, done.stdout) == (1, "")
        assert "nobody, who cannot reach it" in done.stderr.splitlines()[-1]
    assert snapshot(data) == before


def test_root_who_cannot_become_the_owner_is_told_so(data: Path) -> None:
    """Where modules are for root alone, the next import would fail in the middle of things."""
    program = (
        "import shortd.store.data_directory as d; d._PROGRAM.append('/root/none.py');"
        "from shortd.commands.cli import main; main()"
    )
    before = snapshot(data)
    done = subprocess.run(
        [sys.executable, "-c", program, "user", "list", "--data", str(data)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert "runuser -u nobody" in line
    assert snapshot(data) == before


def test_a_server_that_root_starts_is_the_owners(run: Run, data: Path) -> None:
    server = ServerProcess(data, LIBRARIES)
    server.python = str(everybodys())
    server.start()
    try:
        status = Path(f"/proc/{server.pid}/status").read_text()
        (ids,) = [line.split()[1:] for line in status.splitlines() if line.startswith("Uid:")]
        assert ids == [str(OWNER)] * 4, "and there is no way back"
        server.call("temporary_account")
        listed = run("user", "list", "--data", str(data))
        assert "temporary" in listed.stdout, "root may ask the server"
        assert run("user", "list", "--data", str(data), user=OTHER).returncode == 1
    finally:
        assert server.stop() == 0
    assert strangers(data) == []


def test_a_volume_that_belongs_to_root_may_be_shared(run: Run, data: Path) -> None:
    """As Kubernetes mounts them: whoever made the database is meant."""
    os.chown(data, 0, OWNER)
    data.chmod(0o770)
    assert run("user", "list", "--data", str(data), user=OWNER).returncode == 0
    assert run("user", "add", "ben@nowhere.example", "--data", str(data)).returncode == 0
    assert strangers(data) == [str(data)]
