"""`shortd import shortd`: puts what another shortd has exported into this one.

Groups of rows (`export_reader`) come over whole or not at all, many of them in one transaction,
behind the files that they name. What stops a run in between leaves nothing half-made, and another
run does the rest.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from shortd import errors
from shortd.files.blobs import Blob, Blobs
from shortd.hosts import Hosts
from shortd.limits.owner_cache import OwnerCache
from shortd.links.sheets import Result
from shortd.models.accounts import Account
from shortd.models.files import FilePart
from shortd.settings import ClickSettings
from shortd.store import Store, schema
from shortd.upkeep.export_reader import BadLine, Export, Group
from shortd.upkeep.plain_rows import BadRow
from shortd.upkeep.plugin_folders import FILE, FileRow, look_for_row, put_row, read_file_row
from shortd.upkeep.restoring_rows import Restored, RowWriter, left_out, outcome, skipped

BATCH_ROWS = 500
"""Rows in one transaction, about."""
BATCH_BYTES = 64 << 20
"""Bytes of files that are copied before their rows are written, about."""
NAME_CHARACTERS = 300
"""Of a file's name that is told."""
_PIECE = 1 << 20


class Restoring:
    """One import. Times are Unix µs."""

    def __init__(
        self,
        store: Store,
        hosts: Hosts,
        owners: OwnerCache,
        settings: ClickSettings,
        export: Export,
        *,
        blobs: Blobs | None,
        account: Account | None = None,
        domains: Mapping[str, str] | None = None,
        directory: Path | None = None,
    ) -> None:
        """With `account`, links and files become that account's, and nothing else comes over.
        `domains` maps hosts of the export to hosts of this server, empty for the default one.
        Without `blobs` files are read and not copied, as a dry run does. `directory` is where a dry
        run looks for the folders of plugins, instead of in the store's own.
        """
        self._store = store
        self._owners = owners
        self._settings = settings
        self._export = export
        self._blobs = blobs
        self._directory = directory or store.directory
        self._account = account
        self._rows = RowWriter(hosts, settings, account, domains or {})

    async def run(self, told: Callable[[int], None] = lambda _: None) -> AsyncIterator[Restored]:
        """Brings everything over, and says of each line what became of it, but for those that came
        with their head. Raises STORAGE_FULL, StoreError, OSError: what was said before is done.
        """
        groups = self._export.groups(max(1, self._settings.visits_per_link), told)
        # Reading is work for the processor, which redirects need as well.
        while found := await asyncio.to_thread(self._some, groups):
            batch = [group for group in found if isinstance(group, Group)]
            for bad in found:
                if isinstance(bad, BadLine):
                    yield left_out(bad.number, bad.type, "unreadable", bad.flaw)
            for one in await self._apply(batch):
                yield one

    def _some(self, groups: Iterator[Group | BadLine]) -> list[Group | BadLine]:
        """What is written together; nothing at the end."""
        found: list[Group | BadLine] = []
        rows = size = 0
        for group in groups:
            found.append(group)
            if isinstance(group, BadLine):
                rows += 1
            elif self._account is not None and group.type not in ("host", "link", "box_item"):
                found.pop()
                continue
            else:
                rows += group.weight
                size += group.file[1].stored_size if group.file else 0
            if rows >= BATCH_ROWS or size >= BATCH_BYTES:
                break
        return found

    async def _apply(self, batch: Sequence[Group]) -> list[Restored]:
        """Writes groups together; where one of them cannot be, each by itself."""
        files = [group for group in batch if group.type == FILE]
        batch = [group for group in batch if group.type != FILE]
        found = await self._apply_rows(batch) if batch else []
        return [*found, *[await self._put_file(group) for group in files]]

    async def _put_file(self, group: Group) -> Restored:
        """Puts a file into the folder of its plugin."""
        whole = f"{group.head.get('plugin')}/{group.head.get('path')}"
        name = "".join(one if one.isprintable() else "?" for one in whole)[:NAME_CHARACTERS]
        try:
            row = read_file_row(dict(group.head))
            result, reason, note = await asyncio.to_thread(self._put_file_now, row)
        except (BadRow, OSError) as fault:
            said = (fault.strerror if isinstance(fault, OSError) else None) or str(fault)
            return outcome(group, Result.SKIPPED, ("unreadable",), said, name=name)
        return outcome(group, result, (reason,) if reason else (), note, name=name)

    def _put_file_now(self, row: FileRow) -> tuple[Result, str, str]:
        if self._blobs is None:
            _check_blob(self._export, row.part)
            return look_for_row(self._directory, row)
        self._blobs.need_room(row.size)
        with self._export.blob(row.part) as source:
            return put_row(self._directory, row, source)

    async def _apply_rows(self, batch: Sequence[Group]) -> list[Restored]:
        copied: dict[str, str] = {}
        for group in batch:
            if group.file is not None and not group.flaw:
                group.flaw = await self._copy(group, copied)
        try:
            found = await self._store.write(partial(self._rows.put_all, batch=batch, copied=copied))
        except errors.ShortdError:
            raise
        except Exception as fault:
            if len(batch) > 1:
                return [one for group in batch for one in await self._apply_again(group, copied)]
            found = [skipped(batch[0], "unreadable", str(fault))]
        for group in batch:
            if group.type == "account":
                self._owners.forget(str(group.head.get("userid", "")))
        return found

    async def _apply_again(self, group: Group, copied: dict[str, str]) -> list[Restored]:
        try:
            return await self._store.write(
                partial(self._rows.put_all, batch=[group], copied=copied)
            )
        except errors.ShortdError:
            raise
        except Exception as fault:
            return [skipped(group, "unreadable", str(fault))]

    async def _copy(self, group: Group, copied: dict[str, str]) -> str:
        """Copies the blobs of a group, whose names here it notes; what is wrong with them."""
        assert group.file is not None
        filekey, _, parts = group.file
        with self._store.read() as txn:
            if schema.FILES.get(txn, (filekey,)) is not None:
                return ""
        for part in parts.values():
            try:
                copied[part.blob] = await self._copied(part)
            except OSError as fault:
                return f"{part.blob} cannot be read: {fault.strerror or fault}"
            except BadRow as fault:
                return str(fault)
        return ""

    async def _copied(self, part: FilePart) -> str:
        """The name that a blob has here. BadRow if it is not what it was."""
        blobs = self._blobs
        if blobs is None:
            _check_blob(self._export, part)
            return part.blob
        blobs.need_room(part.size)
        with self._store.read() as txn:
            is_taken = (
                schema.FILE_PARTS_BY_BLOB.has(txn, (part.blob,))
                or schema.DEAD_BLOBS.get(txn, (part.blob,)) is not None
            )
        name = secrets.token_hex(16) if is_taken else part.blob
        writer = blobs.create(name)
        source = self._export.blob(part)
        try:
            while piece := await blobs.run(partial(source.read, _PIECE)):
                await writer.write(piece)
                if writer.size > part.size:
                    break
            made: Blob = await writer.finish()
        except BaseException:
            await writer.discard()
            raise
        finally:
            source.close()
        if (made.size, made.sha256) != (part.size, part.sha256):
            await blobs.delete(made.name)
            raise BadRow(f"{part.blob} is not what was exported: its sum differs")
        return made.name


def _check_blob(export: Export, part: FilePart) -> None:
    """BadRow, OSError."""
    size, sha256 = 0, hashlib.sha256()
    with export.blob(part) as file:
        while piece := file.read(_PIECE):
            size += len(piece)
            sha256.update(piece)
    if (size, sha256.digest()) != (part.size, part.sha256):
        raise BadRow(f"{part.blob} is not what was exported: its sum differs")
