"""What another shortd has exported, put into a server that runs, a portion at a time.

The server may be kept from every folder but its own. So whoever has the export lays a portion of it
into the data directory, and asks for it to be taken.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import msgspec

from shortd import errors
from shortd.control.asking import ask
from shortd.control.named import account_called
from shortd.control.noted import noted
from shortd.control.registry import Args, act
from shortd.control.wire import Request, Rows
from shortd.files.blobs import place_of
from shortd.models.accounts import Account
from shortd.models.audit import Action
from shortd.services import Services
from shortd.settings import Settings
from shortd.store.data_directory import StoreError
from shortd.syncing import sync
from shortd.upkeep.export import ROWS
from shortd.upkeep.export_reader import Export, Portion
from shortd.upkeep.restoring import Restoring
from shortd.upkeep.restoring_rows import Restored

BEGIN = "import shortd"
PORTION = "import portion"
_PREFIX, _SUFFIX = "restoring-", ".partial"
_FOLDER = re.compile(rf"{_PREFIX}[a-z0-9_]+{re.escape(_SUFFIX)}")
_REST = 0.5
_LONGEST_REST = 0.5

_restored = msgspec.json.Decoder(list[Restored])


class Begin(Args, frozen=True):
    what: str
    """What is read, for the log."""
    domains: dict[str, str]
    user: str = ""
    """Whose everything becomes; empty for those whose it was."""


class SomePortion(Args, frozen=True):
    folder: str
    """In the data directory."""
    lines: list[int]
    """Numbers of its lines in the export."""
    domains: dict[str, str]
    user: str = ""


@act(BEGIN)
async def restore_begin(services: Services, args: Begin) -> Rows:
    """Answers whose everything becomes. ACCOUNT_NOT_FOUND, UNKNOWN_HOST.

    A line of the log is written where links become somebody else's. Where all is as it was, the log
    is the one that comes along.
    """
    account = account_called(services.store, args.user) if args.user else None
    for name in filter(None, args.domains.values()):
        if services.hosts.named(name) is None:
            raise errors.UNKNOWN_HOST(f"There is no host {name} here.")
    if account is not None:
        detail = f"{args.what}, shortd"
        async with noted(services, Action.IMPORT_LINKS, about=account, detail=detail):
            pass
    return [[account.userid if account else ""]]


@act(PORTION, is_logged=False)
async def restore_portion(services: Services, args: SomePortion) -> Rows:
    start = time.perf_counter()
    if not _FOLDER.fullmatch(args.folder):
        raise errors.BAD_REQUEST("This is no portion of an export.")
    account = account_called(services.store, args.user) if args.user else None
    export = Export(services.store.directory / args.folder, args.lines)
    try:
        run = restoring(services, export, account, args.domains).run()
        found = [one async for one in run]
    except (OSError, StoreError) as fault:
        raise errors.SOURCE_UNREADABLE(str(fault)) from None
    await asyncio.sleep(min(_LONGEST_REST, _REST * (time.perf_counter() - start)))
    return [[msgspec.json.encode(found).decode()]]


def restoring(
    services: Services,
    export: Export,
    account: Account | None,
    domains: Mapping[str, str],
    *,
    apply: bool = True,
    directory: Path | None = None,
) -> Restoring:
    """One import into these services. `directory` is as `Restoring` has it."""
    return Restoring(
        services.store,
        services.hosts,
        services.limits.owners,
        services.settings.clicks,
        export,
        blobs=services.sharing.files.blobs if apply else None,
        account=account,
        domains=domains,
        directory=directory,
    )


async def restore_there(
    settings: Settings, export: Export, userid: str, domains: Mapping[str, str]
) -> AsyncIterator[Restored]:
    """Hands an export to the server that runs. What it took until a refusal stays."""
    for leftover in settings.data_dir.glob(f"{_PREFIX}*{_SUFFIX}"):
        shutil.rmtree(leftover, ignore_errors=True)
    hosts: tuple[list[int], bytes] | None = None
    for portion in export.portions():
        with tempfile.TemporaryDirectory(
            prefix=_PREFIX, suffix=_SUFFIX, dir=settings.data_dir
        ) as name:
            folder = Path(name)
            numbers = [*range(portion.line + 1, portion.line + 1 + portion.rows.count(b"\n"))]
            if not portion.rows.endswith(b"\n"):
                numbers.append(portion.line + 1 + portion.rows.count(b"\n"))
            before = hosts or ([], b"")
            (folder / ROWS).write_bytes(before[1] + portion.rows)
            _lay(export, portion, folder)
            args = {
                "folder": folder.name,
                "lines": before[0] + numbers,
                "domains": dict(domains),
                "user": userid,
            }
            rows = ask(settings, Request(PORTION, args))
            if rows is None:
                raise errors.BUSY("The server has stopped; begin again: what came stays.")
            for one in _restored.decode(rows[0][0]):
                if hosts is None or one.type != "host":
                    yield one
        if hosts is None:
            hosts = _hosts(portion)


def _lay(export: Export, portion: Portion, folder: Path) -> None:
    """Lays the files of a portion beside its rows, by second names where that can be."""
    for part in portion.parts:
        path = folder / "files" / place_of(part.blob)
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            continue
        try:
            with export.blob(part) as source, path.open("xb") as copy:
                shutil.copyfileobj(source, copy, 1 << 20)
        except OSError as fault:
            if path.exists() and fault.filename is None:
                # The disk is full, and that is no matter of this file's.
                raise
    sync(folder)


def _hosts(portion: Portion) -> tuple[list[int], bytes]:
    """The rows of hosts, which every portion needs, with their numbers."""
    lines = portion.rows.splitlines(keepends=True)
    found = [
        (number, line)
        for number, line in enumerate(lines, portion.line + 1)
        if line.startswith(b'{"type":"host",')
    ]
    return [number for number, _ in found], b"".join(line for _, line in found)
