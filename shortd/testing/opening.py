"""Opening an app for a test: with settings, plugins and a clock of the test's own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Protocol

from shortd.plugin_runtime.flaws import AnyPlugin
from shortd.security.passwords import PasswordHasher
from shortd.services import open_services
from shortd.settings.config import gather
from shortd.settings.in_force import InForce
from shortd.testing.app import FakeRecords, RunningApp
from shortd.testing.clock import FakeClock
from shortd.testing.network import FakeNetwork

LASTING = {
    "SHORTD_ACCOUNTS__TEMPORARY_DAYS": "36500",
    "SHORTD_LIMITS__TEMPORARY__API_CAPACITY": "1000000000",
    "SHORTD_LIMITS__CLIENT__API_CAPACITY": "1000000000",
}
"""Settings by which no test of a plugin meets a limit, or the end of its account, by accident."""


class StartApp(Protocol):
    """The pytest fixture `shortd_app`: opens an app in the test's own folder.

    Called again it closes the app and opens one over the same data.
    """

    def __call__(
        self,
        *plugins: type[AnyPlugin],
        config: str = "",
        clock: FakeClock | None = None,
        tolerant: bool = False,
    ) -> RunningApp: ...


@contextmanager
def open_app(
    data_dir: Path,
    *,
    plugins: Sequence[type[AnyPlugin]] | None = None,
    config: str = "",
    clock: FakeClock | None = None,
    seed: int = 0,
    environ: Mapping[str, str] | None = None,
    tolerant: bool = False,
    hasher: PasswordHasher | None = None,
) -> Iterator[RunningApp]:
    """An app over `data_dir`. Closes cleanly.

    `plugins` are all that it has, and its account lasts; None: those that are installed. `config`
    is TOML, as in an operator's file; `environ` sets settings as SHORTD_SECTION__KEY and wins.

    A given plugin that cannot be used is an AssertionError, and so is, unless `tolerant`, any
    failure of its hooks: a server would go on without it, a test should not. Raises ConfigError
    for bad settings.

    Passwords are hashed at the least cost there is, unless by a `hasher` of the test's own.
    """
    hasher = hasher or PasswordHasher(memory_kib=8, passes=1)
    clock = clock or FakeClock()
    small = {"SHORTD_STORAGE__RESERVE_BYTES": str(1 << 20)}
    environ = {**small, **({} if plugins is None else LASTING), **(environ or {})}
    with ExitStack() as folders, asyncio.Runner() as runner:
        file = None
        if config:
            file = Path(folders.enter_context(TemporaryDirectory()), "config.toml")
            file.write_text(config, encoding="utf-8")
        in_force = InForce.gathered(partial(gather, file, data_dir=data_dir, environ=environ))
        settings, records, network = in_force.settings, FakeRecords(), FakeNetwork()
        services = runner.run(
            open_services(
                settings,
                clock,
                Random(seed),
                plugins,
                records,
                hasher,
                network,
                in_force=in_force,
            )
        )
        try:
            for one in services.plugin_runtime.plugins.found if plugins is not None else ():
                if one.fault:
                    raise AssertionError(f"{one.name}: {one.fault}")
            app = RunningApp(
                runner,
                services,
                clock,
                settings.public_url,
                records=records,
                network=network,
                tolerant=tolerant or plugins is None,
                lazily=plugins is None,
            )
            app.raise_faults()
            yield app
        finally:
            runner.run(services.close())
    app.raise_faults()
