"""The fixture `shortd_app`, which pytest finds by itself wherever shortd is installed.

pytest imports this module in every run, also where nobody asks for it: it imports the rest of
shortd only when somebody does.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from shortd.plugin_runtime.flaws import AnyPlugin
    from shortd.testing import FakeClock, RunningApp, StartApp


@pytest.fixture
def shortd_app(tmp_path: Path) -> Iterator[StartApp]:
    """Opens apps with plugins: `app = shortd_app(OpeningHours, config="…")`.

    They are closed at the end of the test.
    """
    from shortd.testing import open_app

    with ExitStack() as apps:

        def start(
            *plugins: type[AnyPlugin],
            config: str = "",
            clock: FakeClock | None = None,
            tolerant: bool = False,
        ) -> RunningApp:
            apps.close()
            folder = tmp_path / "shortd-data"
            return apps.enter_context(
                open_app(folder, plugins=plugins, config=config, clock=clock, tolerant=tolerant)
            )

        yield start
