"""Backups: which there are, how more are made, what was put aside: `/-/admin/backups`.

One can be taken along as tar. That is all that anybody has here, so it takes a proof of who the
operator is, and a line in the log.
"""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Sequence
from contextlib import aclosing
from pathlib import Path

import msgspec
import structlog
from litestar import Response
from litestar.types import ASGIApp, Receive, Scope, Send

from shortd.clock import DAY, SECOND
from shortd.files.transfers import send_file_of
from shortd.models.audit import Action
from shortd.store.data_directory import StoreError
from shortd.upkeep.backup import Last, last_backup, name_of
from shortd.upkeep.backup_listing import Made, backups_in
from shortd.upkeep.kept_aside import KeptAside, Kind, kept_aside
from shortd.upkeep.live_backups import LiveBackup
from shortd.web import forms, session
from shortd.web.admin.operators import PATH, SEARCH_WEIGHT, noted, operator_of
from shortd.web.answers import NO_STORE
from shortd.web.downloads import disposition
from shortd.web.guard import act, show
from shortd.web.messages import Message
from shortd.web.render import language_of, page, see
from shortd.web.routing import AnyRequest, services_of

BACKUPS = f"{PATH}/backups"
TEMPLATE = "admin/backups.html"
USUAL = "/var/backups/shortd"
"""Where backups go in what is shown, while none is known."""
TAR = "/path/to/shortd-backup.tar"

log = structlog.get_logger(__name__)


class Aside(msgspec.Struct, frozen=True, kw_only=True):
    """What was put aside before something else took its place."""

    kept: KeptAside
    ends: int | None
    """When it goes by itself, in µs."""


class BackupsPage(msgspec.Struct, frozen=True, kw_only=True):
    """admin/backups.html."""

    last: Last | None
    """The last one that was done, if one is known."""
    folder: str
    """Where that one is, with others; empty where none is known."""
    made: Sequence[Made]
    """The newest that are there."""
    count: int
    """How many there are; 0 where that cannot be seen."""
    is_seen: bool
    """Whether the server can look there."""
    aside: Sequence[Aside]
    is_proven: bool
    is_busy: bool
    """Whether one is on its way to somebody."""
    room: int
    """Bytes on the disk that a download takes meanwhile."""
    confirm: str
    """Where the operator proves who he is."""
    make: str
    """Lines for the shell."""
    restore: str
    unpack: str
    now: int


@show(BACKUPS)
async def backups(request: AnyRequest) -> Response[bytes]:
    found = operator_of(request)
    forms.charge(request, "", SEARCH_WEIGHT)
    services = services_of(request)
    directory, now = services.store.directory.absolute(), services.clock.now()
    last, made, aside = await asyncio.to_thread(_looked, directory)
    keep = round(services.settings.storage.keep_old_schema_days * DAY)
    folder = str(Path(last.path).parent) if last is not None and last.path else ""
    newest = f"{folder or USUAL}/latest"
    content = BackupsPage(
        last=last,
        folder=folder,
        made=made[0] if made else (),
        count=made[1] if made else 0,
        is_seen=made is not None,
        aside=[
            Aside(kept=one, ends=one.utime + keep if one.kind is Kind.UPGRADE else None)
            for one in aside
        ],
        is_proven=services.accounts.logins.is_proven(found.account, found.token, now),
        is_busy=services.upkeep.backups.is_busy,
        room=services.store.used_bytes(),
        confirm=session.confirm_address(f"{BACKUPS}#h-download"),
        make=_line("backup", folder or USUAL, "--keep", "14", "--verify", "--data", directory),
        restore=_line("restore", newest, "--data", directory),
        unpack="\n".join(
            (
                "mkdir unpacked",
                f"tar -xf {TAR} -C unpacked",
                f"{_line('restore')} unpacked/* {shlex.join(('--data', str(directory)))}",
            )
        ),
        now=now,
    )
    return page(request, TEMPLATE, content)


@act(f"{BACKUPS}/download", status_code=200)
async def download(request: AnyRequest) -> ASGIApp:
    """A backup of this moment as tar, made while it is sent."""
    found = operator_of(request)
    forms.charge(request, "", SEARCH_WEIGHT)
    services, words = services_of(request), language_of(request).gettext
    now = services.clock.now()
    if not services.accounts.logins.is_proven(found.account, found.token, now):
        return _app(request, see(request, session.confirm_address(f"{BACKUPS}#h-download")))
    name = f"shortd-{name_of(now / SECOND)}.tar"
    try:
        backup = await services.upkeep.backups.begin()
    except (StoreError, OSError) as fault:
        said = words("There is no backup: %(reason)s.") % {"reason": str(fault)[:300]}
        return _app(request, see(request, BACKUPS, Message(said, kind="bad")))
    try:
        async with noted(request, Action.DOWNLOAD_BACKUP, name):
            pass
    except BaseException:
        await backup.end()
        raise
    return _Sent(backup, name)


class _Sent:
    """A backup as the answer. One that does not come to its end is cut off, so that nobody takes
    it for whole.
    """

    def __init__(self, backup: LiveBackup, name: str) -> None:
        self._backup = backup
        self._headers = [
            (b"content-type", b"application/x-tar"),
            (b"content-disposition", disposition(name, attachment=True)),
            (b"x-content-type-options", b"nosniff"),
            NO_STORE,
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        connection = send_file_of(scope)
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self._headers})
            async with aclosing(self._backup.pieces()) as pieces:
                async for piece in pieces:
                    if connection is not None:
                        connection.check()
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
        except (OSError, StoreError) as fault:
            if not isinstance(fault, ConnectionError):
                log.error("backup_cut_short", error=str(fault))
            if connection is None:
                raise
            await connection.abort()
        else:
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            await self._backup.end()


def _looked(
    directory: Path,
) -> tuple[Last | None, tuple[list[Made], int] | None, list[KeptAside]]:
    last = last_backup(directory)
    made = None
    if last is not None and last.path:
        try:
            made = backups_in(Path(last.path).parent)
        except OSError:
            # A service may be kept from looking, and a disk be put away.
            made = None
    return last, made, kept_aside(directory)


def _line(*words: object) -> str:
    return shlex.join(("shortd", *map(str, words)))


def _app(request: AnyRequest, answer: Response[bytes]) -> ASGIApp:
    return answer.to_asgi_response(None, request)


HANDLERS = (backups, download)
