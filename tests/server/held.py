"""A server whose listening sockets somebody else holds, as systemd does, and who is told how it is:
restarts under load, without systemd.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from subprocess import Popen
from typing import Any, Protocol

from tests import processes
from tests.server.wire import AsyncWire, call, request

FIRST = 3
BACKLOG = 4096
ANSWER_SECONDS = 60
PROMPT_SECONDS = 1.0
"""Whoever asks again within that is never cut off. These clients may be held up themselves."""
TOLD_BYTES = 1 << 16


class HasFileno(Protocol):
    """What can be passed: sockets, and what a server is to refuse."""

    def fileno(self) -> int: ...


class Told:
    """What a server tells its supervisor, datagram by datagram."""

    def __init__(self, address: str) -> None:
        """`address` is a path, or a name in no folder behind "@"."""
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + address[1:] if address.startswith("@") else address)

    def next(self, seconds: float = ANSWER_SECONDS) -> dict[str, str]:
        """The next message. TimeoutError if none comes."""
        self._socket.settimeout(seconds)
        lines = self._socket.recv(TOLD_BYTES).decode().split("\n")
        return dict(line.split("=", 1) for line in lines)

    def until(self, name: str, seconds: float = ANSWER_SECONDS) -> dict[str, str]:
        """The next message that says something of that name."""
        while name not in (told := self.next(seconds)):
            pass
        return told

    def close(self) -> None:
        self._socket.close()


def spawn(
    data_dir: Path,
    sockets: Sequence[HasFileno],
    log: Path,
    environ: Mapping[str, str],
    names: str = "",
    *options: str,
) -> Popen[Any]:
    """Starts a server that is passed these sockets. It is the caller's to end."""

    def place() -> None:
        # Beyond all of them first, as one's place may be another's number.
        high = [os.dup2(one.fileno(), 100 + index) for index, one in enumerate(sockets)]
        for index, descriptor in enumerate(high):
            os.dup2(descriptor, FIRST + index)

    # The shell's own number is that of the server behind `exec`.
    shell = 'export LISTEN_PID=$$; exec "$@"'
    command = ["sh", "-c", shell, "sh", sys.executable, "-m", "shortd", "serve"]
    with log.open("ab") as file:
        return processes.start(
            [*command, "--data", str(data_dir), *options],
            is_lasting=True,
            prepare=place,
            pass_fds=range(FIRST, FIRST + len(sockets)),
            env={
                **os.environ,
                "SHORTD_CONFIG": os.devnull,
                "SHORTD_STORAGE__RESERVE_BYTES": "1048576",
                "LISTEN_FDS": str(len(sockets)),
                "LISTEN_FDNAMES": names,
                **environ,
            },
            stdout=file,
            stderr=file,
        )


@contextmanager
def held_socket() -> Iterator[socket.socket]:
    """A listening socket on loopback."""
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        held.listen(BACKLOG)
        yield held


class Load:
    """Clients of a port: some with a connection for each request, others with one for all."""

    def __init__(self, port: int, target: str) -> None:
        self._port = port
        self._asking = request(target)
        self.asked: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()
        self.slowest = 0.0
        self.counted = 0
        self._is_over = False

    async def run(self, new: int, kept: Sequence[float]) -> None:
        """`new` clients with new connections, and one for each pause in s of `kept`."""
        async with asyncio.TaskGroup() as clients:
            for _ in range(new):
                clients.create_task(self._ask_anew(0.005))
            for pause in kept:
                clients.create_task(self._ask_on(pause))

    def end(self) -> None:
        self._is_over = True

    async def _ask_anew(self, pause: float) -> None:
        loop = asyncio.get_running_loop()
        while not self._is_over:
            begun = loop.time()
            try:
                wire = await AsyncWire.open(self._port)
            except OSError as fault:
                self.failures[f"new: {fault!r}"] += 1
                continue
            await self._ask(wire, "new", begun)
            wire.close()
            await asyncio.sleep(pause)

    async def _ask_on(self, pause: float) -> None:
        loop = asyncio.get_running_loop()
        wire: AsyncWire | None = None
        last = loop.time()
        while not self._is_over:
            before, last = last, loop.time()
            if wire is None:
                wire, before = await AsyncWire.open(self._port), last
            if not await self._ask(wire, f"kept {pause}", before):
                wire.close()
                wire = None
            await asyncio.sleep(pause)
        if wire is not None:
            wire.close()

    async def _ask(self, wire: AsyncWire, kind: str, before: float) -> bool:
        """Whether the connection may be asked again. `before` it was opened, or asked last."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        self.asked[kind.split()[0]] += 1
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                answer = await wire.ask(self._asking)
        except (OSError, TimeoutError) as fault:
            if isinstance(fault, ConnectionError) and loop.time() - before > PROMPT_SECONDS:
                # Too late, and so not asked: nor may the server have counted it.
                self.asked[kind.split()[0]] -= 1
            else:
                self.failures[f"{kind}: {fault!r}"] += 1
            return False
        self.slowest = max(self.slowest, loop.time() - begun)
        if answer.status != 302:
            self.failures[f"{kind}: {answer.status}"] += 1
        return answer.headers.get("connection") != "close"


async def restart(
    data_dir: Path,
    held: socket.socket,
    told: Told,
    log: Path,
    times: int,
    environ: Mapping[str, str],
) -> Load:
    """Restarts a server so many times under load: what its clients have met, and `counted` what the
    server has counted of them.
    """
    port = held.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    environ = {**environ, "NOTIFY_SOCKET": told.address, "SHORTD_PUBLIC_URL": url}
    pauses = [0.01, 0.05, 0.1, 0.2, 0.3, 0.45, 0.6, 0.75, 0.9]
    server = spawn(data_dir, [held], log, environ)
    try:
        await asyncio.to_thread(told.until, "READY")
        userid = (await asked(port, "temporary_account"))["userid"]
        made = await asked(port, "url", userid=userid, url="https://example.com/")
        short_url = made["entry"]["shorturl"]
        load = Load(port, short_url.removeprefix(url))
        async with asyncio.TaskGroup() as tasks:
            clients = tasks.create_task(load.run(3, pauses))
            for _ in range(times):
                await asyncio.sleep(1.0)
                server.terminate()
                assert await asyncio.to_thread(server.wait, 60) == 0
                server = spawn(data_dir, [held], log, environ)
                await asyncio.to_thread(told.until, "READY")
            await asyncio.sleep(1.0)
            load.end()
            await clients
        entry = await asked(port, "get_entry", userid=userid, shorturl=short_url)
        load.counted = entry["entry"]["count"]
        server.terminate()
        assert await asyncio.to_thread(server.wait, 60) == 0
    finally:
        processes.end(server)
    return load


async def asked(port: int, name: str, /, **inputs: Any) -> dict[str, Any]:
    """A v2 call that must succeed: its output."""
    wire = await AsyncWire.open(port)
    answer = await wire.ask(call(name, "Connection: close", **inputs))
    wire.close()
    assert answer.json["status"] == "success", answer.json
    output: dict[str, Any] = answer.json["output"]
    return output
