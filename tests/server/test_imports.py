"""What a server that has started holds no code for: it is imported when somebody asks."""

from __future__ import annotations

from pathlib import Path

import httpx

from tests.server.conftest import running
from tests.server_process import ServerProcess

AT_THE_END = """
import atexit, pathlib, sys
atexit.register(lambda: pathlib.Path({file!r}).write_text("\\n".join(sys.modules)))
"""

ASKED_FOR = {
    # What some have installed and nobody here uses.
    *("attr", "pydantic", "pygments", "rich"),
    # Mail, what is fetched from others, and who signs in elsewhere.
    *("aiosmtplib", "authlib", "dns", "email.headerregistry", "email_validator", "fido2"),
    *("httpcore", "httpx", "joserfc", "pyotp"),
    # Images, documents, archives, data of other shorteners.
    *("ijson", "segno", "shortd.moving.sources", "tarfile", "xml.etree"),
    # The parser of user agents, before there is a visit.
    *("ua_parser", "ua_parser_builtins"),
    # Other commands, those of the operator, the reference.
    *("shortd.client.send_command", "shortd.commands.links", "shortd.commands.users"),
    *("shortd.api.reference.document", "shortd.control.commands", "tenacity"),
}


def test_a_server_imports_what_somebody_asks_for(tmp_path: Path) -> None:
    file = tmp_path / "modules"
    server = ServerProcess(tmp_path / "data", prelude=AT_THE_END.format(file=str(file)))
    with running(server):
        for path, status in (("/", 200), ("/-/login", 200), ("/-/health", 200), ("/none", 404)):
            assert httpx.get(f"{server.url}{path}").status_code == status
    imported = set(file.read_text().splitlines())
    assert {"shortd.app", "shortd.server.lane", "litestar"} <= imported
    assert imported & ASKED_FOR == set()
