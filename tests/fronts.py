"""Servers in front of shortd: nginx as docs/proxies.md has it, and one that knows X-Sendfile."""

from __future__ import annotations

import re
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.documents import block
from tests.tools import needed


@contextmanager
def nginx(site: str, folder: Path) -> Iterator[None]:
    """nginx with this part of a configuration, from when it listens to the end of the block."""
    program = needed("nginx")
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    places = "".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    configuration = folder / "nginx.conf"
    configuration.write_text(
        f"daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log;"
        f"events {{}} http {{ access_log off; {places}\n{site} }}"
    )
    (port,) = re.findall(r"listen 127\.0\.0\.1:(\d+)(?: ssl)?;", site)
    with subprocess.Popen([program, "-c", configuration]) as process:
        try:
            for _ in range(3000):
                assert process.poll() is None, (folder / "error.log").read_text()
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", int(port))) == 0:
                        break
                with suppress(subprocess.TimeoutExpired):
                    process.wait(timeout=0.02)
            yield
        finally:
            process.terminate()


def handover_block(data_dir: Path) -> str:
    """nginx's part of the files, over a data directory."""
    recipe = block("docs/proxies.md", "nginx", "internal")
    return recipe.replace("/var/lib/shortd/", f"{data_dir}/")


@contextmanager
def sendfile_front(front: int, back: int) -> Iterator[None]:
    """A server that sends the files that X-Sendfile names, under all other headers as they are."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            connection = HTTPConnection("127.0.0.1", back)
            connection.request("GET", self.path, headers=dict(self.headers))
            answer = connection.getresponse()
            body = answer.read()
            if path := answer.headers.get("x-sendfile"):
                body = Path(path).read_bytes()
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                if name not in ("x-sendfile", "content-length", "date"):
                    self.send_header(name, value)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            with suppress(ConnectionError):
                self.wfile.write(body)
            connection.close()

        def log_message(self, format: str, *args: object) -> None:
            """Silence."""

    with ThreadingHTTPServer(("127.0.0.1", front), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
