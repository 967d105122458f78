"""`shortd import shortd`: everything that `shortd export` has written, put into this server."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from shortd.commands.export import opened_copy
from shortd.commands.options import Place, fail

if TYPE_CHECKING:
    from shortd.commands.importing import Wanted
    from shortd.upkeep.export_reader import Export
    from shortd.upkeep.importing.runs import ReportRow, Summary
    from shortd.upkeep.restoring_rows import Restored

Say = Callable[["ReportRow"], None]


def import_export(place: Place, wanted: Wanted, say: Say) -> Summary:
    """Puts an export into the server, or says what would become of each row.

    A dry run is the real one, on a copy of the data that is thrown away.
    """
    from shortd.client.progress import Progress
    from shortd.control import asking
    from shortd.control.restoring import BEGIN, restore_there
    from shortd.control.wire import Request
    from shortd.upkeep.export_reader import open_export

    if wanted.options:
        fail([f"--{min(wanted.options).replace('_', '-')} is for other formats"], status=2)
    folder = Path(wanted.where)
    begin: dict[str, object] = {
        "what": folder.name,
        "domains": dict(wanted.domains),
        "user": wanted.account,
    }
    with Progress() as progress:
        progress.start("reading", None, 0)
        export = open_export(folder, progress.advance)
        tally = _Tally(say, applied=wanted.apply, told=progress.advance)
        if not wanted.apply:
            asyncio.run(_try(place, wanted, export, tally))
            return tally.summary()
        answer = asking.there_or_here(
            place.settings,
            Request(BEGIN, begin),
            lambda: asyncio.run(_here(place, begin, wanted, export, tally)),
        )
        if answer is not None:
            [[userid]] = answer
            run = restore_there(place.settings, export, userid, wanted.domains)
            asyncio.run(tally.take(run))
    return tally.summary()


class _Tally:
    """Counts what becomes of rows, and says it."""

    def __init__(self, say: Say, *, applied: bool, told: Callable[[int], None]) -> None:
        self.told = told
        self._say = say
        self._applied = applied
        self._results: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()
        self._clicks = 0

    async def take(self, run: AsyncIterator[Restored]) -> None:
        async for one in run:
            self._results[one.result] += 1
            self._reasons.update(one.reasons)
            self._clicks += one.clicks
            self._say(one)

    def summary(self) -> Summary:
        from shortd.links.sheets import Result
        from shortd.upkeep.importing.runs import Summary

        results = {result.value: self._results[result] for result in Result}
        reasons = dict(self._reasons.most_common())
        return Summary(self._applied, results, reasons, self._clicks, what="rows")


async def _here(
    place: Place, begin: dict[str, object], wanted: Wanted, export: Export, tally: _Tally
) -> None:
    """Where no server runs."""
    from shortd.control import commands
    from shortd.control.named import account_called
    from shortd.control.restoring import BEGIN, restoring
    from shortd.services import open_services

    services = await open_services(place.settings, serving=False)
    try:
        await commands.run(services, BEGIN, begin)
        account = account_called(services.store, wanted.account) if wanted.account else None
        await tally.take(restoring(services, export, account, wanted.domains).run(tally.told))
    finally:
        await services.close()


async def _try(place: Place, wanted: Wanted, export: Export, tally: _Tally) -> None:
    """A dry run."""
    from shortd.control.named import account_called
    from shortd.control.restoring import restoring

    with tempfile.TemporaryDirectory(prefix="shortd-") as folder:
        services = await opened_copy(place.settings, Path(folder, "data"))
        try:
            account = account_called(services.store, wanted.account) if wanted.account else None
            run = restoring(
                services,
                export,
                account,
                wanted.domains,
                apply=False,
                directory=place.data_dir,
            )
            await tally.take(run.run(tally.told))
        finally:
            await services.close()
