"""What a plugin has awaited is on disk."""

from __future__ import annotations

from pathlib import Path

import httpx

from shortd.store.check import faults
from shortd.store.plugin_rows import used
from shortd.testing import open_app
from tests.server.conftest import Launch

PLUGIN = '''
from litestar import post
from litestar.params import FromPath
from shortd.plugin import Access, Plugin, hookimpl

class Ledger(Plugin[None, None]):
    """Writes numbers down."""

    name = "ledger"

    @hookimpl
    def routes(self):
        table = self.store.table("numbers", int)

        @post("/{number:int}", access=Access.PUBLIC)
        async def note(number: FromPath[int]) -> int:
            await table.put(str(number), number)
            return number

        return [note]
'''


def test_what_was_awaited_outlives_a_kill(launch: Launch, tmp_path: Path) -> None:
    folder = tmp_path / "plugins"
    folder.mkdir()
    (folder / "ledger.py").write_text(PLUGIN)
    server = launch({"SHORTD_PLUGINS__DIR": str(folder)})
    with httpx.Client(base_url=server.url) as client:
        for number in range(20):
            assert client.post(f"/-/x/ledger/{number}").status_code == 201
    server.kill()
    with open_app(server.data_dir, plugins=[]) as app, app.services.store.read() as txn:
        assert used(txn, "ledger", "numbers").rows == 20
        assert list(faults(txn)) == []
