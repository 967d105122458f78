"""Servers without the second that their imports take: forked off a process that has done these.

Each is a process of its own, with its own signals, files and exit status, and runs what
`python -m shortd` runs. Tests of what happens while modules are imported start Python themselves.
"""

from __future__ import annotations

import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import IO, Any

_REQUEST_BYTES = 1 << 20


class Forked:
    """A server's process, with what is used of `subprocess.Popen`."""

    def __init__(self, link: socket.socket) -> None:
        self._link = link
        self._said = b""
        self.returncode: int | None = None
        self.pid = int(self._line(None))

    def poll(self) -> int | None:
        """The exit status, negative if a signal ended it; None while it runs."""
        with suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """The same, once it has ended. TimeoutExpired."""
        if self.returncode is None:
            self.returncode = int(self._line(timeout))
            self._link.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Sends a signal, unless the process is gone already."""
        if self.poll() is None:
            # It may end in this moment.
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def _line(self, timeout: float | None) -> str:
        ends = None if timeout is None else time.monotonic() + timeout
        while b"\n" not in self._said:
            left = None if ends is None else max(0.0, ends - time.monotonic())
            if not select.select([self._link], [], [], left)[0]:
                raise subprocess.TimeoutExpired("shortd", timeout or 0.0)
            more = self._link.recv(64)
            if not more:
                raise RuntimeError("the process that servers are forked off is gone")
            self._said += more
        line, _, self._said = self._said.partition(b"\n")
        return line.decode()


class Preloaded:
    """The process that has imported them. It ends with whoever started it."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="shortd-")
        self._path = str(Path(self._folder.name, "fork"))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.preloaded", self._path],
            cwd=Path(__file__).parents[1],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"ready\n", "servers cannot be imported"

    def start(
        self,
        arguments: Sequence[str],
        environ: Mapping[str, str],
        log: IO[Any],
        prelude: str = "",
    ) -> Forked:
        """Runs `shortd` with these arguments; its output goes into a file. The `prelude` is Python
        that runs before."""
        link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        link.connect(self._path)
        folder = str(Path.cwd())
        request = {
            "arguments": arguments,
            "environ": environ,
            "folder": folder,
            "prelude": prelude,
        }
        socket.send_fds(link, [json.dumps(request).encode()], [log.fileno()])
        link.shutdown(socket.SHUT_WR)
        return Forked(link)

    def close(self) -> None:
        """Ends it, and all that it has started."""
        self._process.communicate()
        self._folder.cleanup()


def _run(path: str) -> dict[str, Any] | None:
    """Forks for whoever asks. Returns in each child, with what was asked for; None when it is
    over."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(path)
    listener.listen()
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake)
    links: dict[int, socket.socket] = {}
    print("ready", flush=True)
    while True:
        ready, _, _ = select.select([sys.stdin, listener, woken], [], [])
        if woken in ready:
            os.read(woken, 4096)
        _tell_ends(links)
        if sys.stdin in ready:
            for pid in links:
                os.kill(pid, signal.SIGKILL)
            return None
        if listener in ready:
            link = listener.accept()[0]
            request, log = _request(link)
            pid = os.fork()
            if pid == 0:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                for other in (*links.values(), link, listener):
                    other.close()
                os.close(woken)
                os.close(wake)
                _become(request, log)
                return request
            os.close(log)
            links[pid] = link
            link.sendall(b"%d\n" % pid)


def _request(link: socket.socket) -> tuple[dict[str, Any], int]:
    text, descriptors, _, _ = socket.recv_fds(link, _REQUEST_BYTES, 1)
    while piece := link.recv(_REQUEST_BYTES):
        text += piece
    return json.loads(text), descriptors[0]


def _tell_ends(links: dict[int, socket.socket]) -> None:
    with suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            with links.pop(pid) as link, suppress(OSError):
                link.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))


def _become(request: dict[str, Any], log: int) -> None:
    """Takes over what the process would have been started with."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    os.close(nothing)
    os.close(log)
    os.environ.clear()
    os.environ.update(request["environ"])
    os.chdir(request["folder"])
    tempfile.tempdir = None
    time.tzset()


def main() -> None:
    # What a server imports before it serves, and makes once: routes, catalogues, patterns.
    for module in ("shortd.commands.cli", "shortd.server.process"):
        import_module(module)
    from shortd.testing import open_app

    with tempfile.TemporaryDirectory() as folder, open_app(Path(folder, "data")):
        pass
    assert threading.active_count() == 1, "a fork would lose the other threads"
    gc.collect()
    gc.freeze()
    request = _run(sys.argv[1])
    if request is not None:
        from shortd.commands.entry import main as begin

        sys.argv = ["shortd", *request["arguments"]]
        exec(request["prelude"], {"__name__": "prelude"})
        begin()


if __name__ == "__main__":
    main()
