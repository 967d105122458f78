"""Signals that ask for the end: what is under way is answered and stored, then the process ends
with 0. Others change nothing.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from random import Random

import httpx
import lmdb
import msgspec
import pytest

from shortd.store.schema import SCHEMA_VERSION
from tests import processes
from tests.server.conftest import Launch, running
from tests.server.held import Told
from tests.server.ledger import Ledger
from tests.server.load import all_entries, run_load
from tests.server.test_crash import stored_counts
from tests.server.wire import Wire, call, follow, request
from tests.server_process import PLAIN, ServerProcess, free_port
from tests.sharing.sharing import FORM_TYPE, file_form
from tests.tools import needed

STOPS = pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
ALL_STOPS = pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
AT_A_STOP = """
import importlib, os
def interrupted(module, name):
    real = getattr(module, name)
    def interrupt(*arguments, **named):
        os.kill(os.getpid(), {number})
        return real(*arguments, **named)
    setattr(module, name, interrupt)
interrupted(importlib.import_module("shortd.{module}"), "{name}")
"""
STOPPING = "import shortd.server.stopping; shortd.server.stopping.STOPPING_SECONDS = {}"
PATIENT = {
    "SHORTD_SERVER__STOP_SECONDS": "600",
    "SHORTD_SERVER__HEAD_SECONDS": "600",
    "SHORTD_SERVER__SILENT_SECONDS": "600",
    "SHORTD_SERVER__BODY_SECONDS": "600",
}
"""As a stop would never end by itself, however slow this machine is."""
SOON = 60
"""Seconds: far less than that."""
AT_AN_UPGRADE = {
    "copies": """
import time
from pathlib import Path
from shortd import store
class Slow(store.Thread):
    def run(self):
        Path({ready!r}).touch()
        time.sleep(600)
store.Thread = Slow
""",
    "migrates": """
import time
from pathlib import Path
from shortd.store import migrations
def slow(txn):
    Path({ready!r}).touch()
    for _ in range(30_000):
        time.sleep(0.02)
migrations.STEPS[{step}] = slow
""",
}
AT_AN_IMPORT = """
import os, sys
class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == "{module}":
            os.kill(os.getpid(), {number})
sys.meta_path.insert(0, Interrupting())
sys.argv = ["shortd", "serve", *sys.argv[1:]]
from shortd.commands.entry import main
main()
"""


@ALL_STOPS
def test_requests_under_way_are_answered(launch: Launch, number: signal.Signals) -> None:
    server = launch(PATIENT, prelude=STOPPING.format(600), is_late=True)
    data = call("temporary_account")
    with ExitStack() as stack:
        wires = [stack.enter_context(Wire(server.port)) for _ in range(8)]
        for wire in wires:
            wire.send(data[:-1])
        wait_until_read(server)
        server.send_signal(number)
        wait_until_refusing(server)
        answers = [wire.ask(data[-1:]) for wire in wires]
        assert [answer.status for answer in answers] == [200] * 8
        assert all(answer.headers["connection"] == "close" for answer in answers)
        assert all(wire.closed() for wire in wires)
    assert server.wait() == 0
    assert '"stopped"' in server.log
    server.start()
    for answer in answers:
        server.call("check_credentials", userid=answer.json["output"]["userid"])


@STOPS
def test_a_stop_under_load_loses_nothing(launch: Launch, number: signal.Signals) -> None:
    server = launch()
    userid = server.call("temporary_account")["userid"]
    ledger = Ledger()

    def stop() -> None:
        assert server.stop(number) == 0

    load = run_load(server, userid, ledger, Random(1), writers=4, visitors=8, steps=1000, end=stop)
    asyncio.run(load)
    server.start()
    entries = asyncio.run(all_entries(server, userid))
    ledger.settle(entries)
    assert server.stop(number) == 0
    ledger.settle_counts(stored_counts(server.data_dir))


def test_clicks_are_drained_before_the_end(launch: Launch) -> None:
    server = launch({"SHORTD_CLICKS__SYNC_MS": "60000"})
    userid = server.call("temporary_account")["userid"]
    url = server.call("url", userid=userid, url="https://example.com/")["entry"]["shorturl"]
    assert follow(url, 20) == [302] * 20
    assert server.stop() == 0
    assert stored_counts(server.data_dir) == {"https://example.com/": 20}


def test_idle_and_half_begun_connections_do_not_hold_it_up(launch: Launch) -> None:
    server = launch(PATIENT, prelude=STOPPING.format(600), is_late=True)
    with Wire(server.port) as silent, Wire(server.port) as idle, Wire(server.port) as half:
        assert idle.ask(request("/robots.txt")).status == 200
        half.send(b"GET / HTTP/1.1\r\nHost: loc")
        started = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - started < SOON
        assert silent.closed()
        assert idle.closed()
        assert half.closed()


def test_a_body_that_never_comes_holds_it_up_a_moment(launch: Launch) -> None:
    server = launch(PATIENT, prelude=STOPPING.format(0.5), is_late=True)
    with Wire(server.port) as wire:
        wire.send(call("temporary_account")[:-1])
        wait_until_read(server)
        started = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - started < SOON
        assert wire.closed()


@STOPS
def test_a_second_signal_changes_nothing(launch: Launch, number: signal.Signals) -> None:
    server = launch(PATIENT, prelude=STOPPING.format(600), is_late=True)
    data = call("temporary_account")
    with Wire(server.port) as wire:
        wire.send(data[:-1])
        wait_until_read(server)
        server.send_signal(number)
        wait_until_refusing(server)
        server.send_signal(signal.SIGTERM)
        assert wire.ask(data[-1:]).status == 200
    assert server.wait() == 0


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGUSR2])
def test_signals_of_other_programs_change_nothing(launch: Launch, number: signal.Signals) -> None:
    server = launch()
    for _ in range(3):
        server.send_signal(number)
        with Wire(server.port) as wire:
            assert wire.ask(request("/robots.txt")).status == 200
    assert server.stop() == 0


def test_nohup_has_its_way(tmp_path: Path) -> None:
    """A server that was started by nohup(1) outlives its terminal."""
    prelude = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)"
    with running(ServerProcess(tmp_path / "data", prelude=prelude)) as server:
        server.send_signal(signal.SIGHUP)
        with Wire(server.port) as wire:
            assert wire.ask(request("/robots.txt")).status == 200


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory."""
    directory = tmp_path_factory.mktemp("stored") / "data"
    with running(ServerProcess(directory)) as server:
        server.call("temporary_account")
    return directory


@pytest.mark.parametrize(
    ("number", "module", "name"),
    [
        (signal.SIGTERM, "server.process", "listen"),
        (signal.SIGINT, "services", "Store"),
        (signal.SIGINT, "clicks.services", "Journal"),
        (signal.SIGQUIT, "visitors.services", "Proxies"),
        (signal.SIGTERM, "plugin_runtime.services", "start_plugins"),
        (signal.SIGTERM, "server.process", "most_connections"),
    ],
)
def test_a_stop_while_it_starts(
    stored: Path, number: signal.Signals, module: str, name: str
) -> None:
    """Before anything is there to drain it is an exit; the next start finds all in order."""
    prelude = AT_A_STOP.format(number=int(number), module=module, name=name)
    log_file = stored.parent / f"{name}.log"
    stopped = ServerProcess(stored, prelude=prelude, is_late=True, log_file=log_file)
    stopped.spawn()
    assert stopped.wait() == 0
    assert "Traceback" not in stopped.log
    assert '"serving"' not in stopped.log
    with running(ServerProcess(stored)):
        pass


@pytest.mark.parametrize(
    ("number", "module"),
    [
        (signal.SIGTERM, "shortd.commands.cli"),
        (signal.SIGINT, "click"),
        (signal.SIGQUIT, "shortd.services"),
    ],
)
def test_a_stop_while_it_imports(tmp_path: Path, number: signal.Signals, module: str) -> None:
    program = AT_AN_IMPORT.format(module=module, number=int(number))
    process = processes.start(
        [sys.executable, "-c", program, "--data", tmp_path / "data", "--port", str(free_port())],
        env={**os.environ, "SHORTD_CONFIG": os.devnull},
        stderr=subprocess.PIPE,
    )
    _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (0, b"")
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("when", ["copies", "migrates"])
def test_a_stop_while_it_upgrades(tmp_path: Path, number: signal.Signals, when: str) -> None:
    """Nothing has happened, then; the next start does it."""
    directory = tmp_path / "data"
    with running(ServerProcess(directory)) as server:
        server.call("temporary_account")
    with lmdb.open(str(directory / "db"), max_dbs=128) as environment:
        table = environment.open_db(b"meta")
        with environment.begin(write=True, db=table) as txn:
            ((key, value),) = [row for row in txn.cursor() if b"schema_version" in row[0]]
            assert value == msgspec.msgpack.encode(SCHEMA_VERSION)
            txn.put(key, msgspec.msgpack.encode(SCHEMA_VERSION - 1))
    told = Told(str(tmp_path / "notify"))
    ready = tmp_path / "ready"
    prelude = AT_AN_UPGRADE[when].format(ready=str(ready), step=SCHEMA_VERSION - 1)
    environ = {"NOTIFY_SOCKET": told.address}
    upgrading = ServerProcess(directory, environ, prelude=prelude, is_late=True)
    upgrading.spawn()
    try:
        more = told.until("EXTEND_TIMEOUT_USEC")
    finally:
        told.close()
    assert int(more["EXTEND_TIMEOUT_USEC"]) > 10_000_000
    assert more["STATUS"].startswith(f"Upgrading the database to schema {SCHEMA_VERSION}")
    while not ready.exists():
        time.sleep(0.02)
    upgrading.send_signal(signal.SIGHUP)
    upgrading.send_signal(number)
    assert upgrading.wait(SOON) == 0
    assert "schema_migrated" not in upgrading.log
    assert "Traceback" not in upgrading.log
    with running(ServerProcess(directory)) as server:
        assert "schema_migrated" in server.log


def test_whoever_stalls_a_stop_takes_ten_seconds(launch: Launch) -> None:
    """And what a busy machine takes beyond; the log has a line of it, and no fault."""
    server = launch({"SHORTD_SERVER__BODY_SECONDS": "600"})
    with ExitStack() as stack:
        silent, half, dripping, idle = (stack.enter_context(Wire(server.port)) for _ in range(4))
        silent.send(call("temporary_account")[:-1])
        half.send(request("/robots.txt") + b"GET / HTTP/1.1\r\nX: ")
        dripping.send(request("/v2/url", "Content-Length: 1000000", method="POST"))
        assert idle.ask(request("/robots.txt")).status == 200
        wait_until_read(server)
        started = time.monotonic()
        server.send_signal(signal.SIGTERM)
        wait_until_refusing(server)
        with suppress(ConnectionError):
            while server.running:
                dripping.send(b" ")
                time.sleep(0.1)
        assert server.wait() == 0
        assert time.monotonic() - started < 10 + 10
        assert half.response().status == 200
    assert '"clients_cut_off": 2' in server.log
    assert '"level": "error"' not in server.log


def test_hangups_never_kill(tmp_path: Path) -> None:
    """Neither before it is ready, nor afterwards, nor at the end."""
    program = AT_AN_IMPORT.format(module="shortd.commands.cli", number=int(signal.SIGHUP))
    server = ServerProcess(tmp_path / "data")
    command = [sys.executable, "-c", program, "--data", str(server.data_dir)]
    log = tmp_path / "log"
    with log.open("w") as file:
        process = processes.start(
            [*command, "--port", str(server.port)], env=server.environ, stderr=file
        )
    while '"Started server' not in log.read_text():
        assert process.poll() is None
        time.sleep(0.05)
    for _ in range(5):
        process.send_signal(signal.SIGHUP)
    wait_until_read(server)
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGHUP)
    assert process.wait(60) == 0
    # The one that came before anybody could read settings anew is remembered.
    assert log.read_text().count('"settings_reloaded"') >= 2
    assert "Traceback" not in log.read_text()


def test_the_first_process_of_a_container(tmp_path: Path) -> None:
    """The kernel hands it nothing that it has no handler for."""
    server = ServerProcess(tmp_path / "data")
    inside = [needed("unshare"), "--pid", "--fork", "--kill-child"]
    if subprocess.run([*inside, "true"], capture_output=True).returncode:
        pytest.skip("this user may not make a space of process numbers")
    serving = [sys.executable, "-m", "shortd", "serve", "--data", str(server.data_dir)]
    process = processes.start(
        [*inside, *serving, "--port", str(server.port)],
        env=server.environ,
        stderr=subprocess.DEVNULL,
    )
    listed = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    while not (children := listed.read_text().split()):
        time.sleep(0.01)
    (child,) = map(int, children)
    while b"serve" not in Path(f"/proc/{child}/cmdline").read_bytes():
        time.sleep(0.01)
    os.kill(child, signal.SIGHUP)
    while True:
        assert process.poll() is None
        with suppress(ConnectionError):
            wait_until_read(server)
            break
        time.sleep(0.05)
    os.kill(child, signal.SIGTERM)
    assert process.wait(60) == 0


def test_what_a_stop_cuts_off_can_be_resumed(launch: Launch) -> None:
    """Whoever reads slowly, sends slowly, or watches: none of them holds a stop up."""
    environ = {**PATIENT, "SHORTD_SERVER__STOP_SECONDS": "2"}
    server = launch(environ, prelude=STOPPING.format(600), is_late=True)
    content = bytes(range(256)) * (8 << 12)
    userid = server.call("temporary_account")["userid"]
    with httpx.Client(base_url=server.url, verify=PLAIN) as client:
        query = {"userid": userid, "filename": "a.bin", "filesize": len(content)}
        made = client.post(
            "/v2/file", content=file_form(query, content), headers={"content-type": FORM_TYPE}
        )
        place = client.get(made.json()["output"]["entry"]["shorturl"]).headers["location"]
    target = place.removeprefix(server.url)
    with ExitStack() as stack:
        reading, sending = (stack.enter_context(Wire(server.port)) for _ in range(2))
        reading.send(request(target))
        begun = reading.part(100_000)
        head, _, got = begun.partition(b"\r\n\r\n")
        (tag,) = re.findall(rb"(?i)^etag: (.*)\r$", head + b"\r", re.MULTILINE)
        sending.send(request("/v2/url", "Content-Length: 100000", method="POST"))
        wait_until_read(server)
        started = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - started < SOON
    server.start()
    with Wire(server.port) as wire:
        ranged = f"Range: bytes={len(got)}-"
        rest = wire.ask(request(target, ranged, f"If-Range: {tag.decode()}"))
    assert rest.status == 206
    assert got + rest.body == content


def wait_until_read(server: ServerProcess) -> None:
    """What was sent so far has been read once a later connection is answered, and again."""
    with Wire(server.port) as wire:
        for _ in range(2):
            assert wire.ask(request("/robots.txt")).status == 200


def wait_until_refusing(server: ServerProcess) -> None:
    """A server that is stopping takes no connections any more."""
    while True:
        try:
            Wire(server.port).close()
        except ConnectionError:
            return
