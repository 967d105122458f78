"""`shortd import shortd`: puts what another shortd has exported into this one.

Groups of rows (`export_reader`) come over whole or not at all, many of them in one transaction.
What is here already is never replaced: a row that is the same is left as it is, so that a second
run does what the first did not, and any other says why it stays behind. A group whose head is here
adds nothing to it, or a key that was deleted since would open its account again.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec

from shortd import errors
from shortd.clicks import history
from shortd.files.blobs import Blob, Blobs
from shortd.files.manifests import count_in_box, put_bundle, put_part
from shortd.hosts import Hosts, ShortHost
from shortd.hosts.hosts import name_of, next_number
from shortd.ids import own_team_id
from shortd.limits.holdings import ACCOUNT_BYTES
from shortd.limits.owner_cache import OwnerCache
from shortd.links.sheets import Result
from shortd.models.accounts import Account
from shortd.models.clicks import Counts
from shortd.models.files import File, FilePart
from shortd.models.links import NO_RARE_TERMS, Link
from shortd.models.teams import Host
from shortd.settings import ClickSettings
from shortd.store import Store, schema
from shortd.store.schema import hold
from shortd.store.txn import Txn, WriteTxn
from shortd.upkeep import link_rows
from shortd.upkeep.export_reader import BadLine, Export, Group
from shortd.upkeep.importing.runs import ReportRow
from shortd.upkeep.plain_rows import BadRow, nothing_more
from shortd.upkeep.restoring_checks import (
    Refused,
    check_account,
    check_domain,
    check_numbers,
    check_pattern,
    check_place,
    check_team,
    checked_link,
)
from shortd.upkeep.row_types import ALONE
from shortd.visitors.visitors import kept_address

BATCH_ROWS = 1000
"""Rows in one transaction, about."""
BATCH_BYTES = 64 << 20
"""Bytes of files that are copied before their rows are written, about."""
_QUOTA = 2**63
_PIECE = 1 << 20
_NOTHING = Counts()


class Restored(ReportRow, frozen=True, kw_only=True, gc=False):
    """A line of the export, and what became of it."""

    type: str
    name: str = ""
    """What people call it by, or its id."""
    clicks: int = 0
    """Of a link that was made."""


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
    ) -> None:
        """With `account`, links and files become that account's, and nothing else comes over.
        `domains` maps hosts of the export to hosts of this server, empty for the default one.
        Without `blobs` files are read and not copied, as a dry run does.
        """
        self._store = store
        self._hosts = hosts
        self._owners = owners
        self._settings = settings
        self._export = export
        self._blobs = blobs
        self._account = account
        self._domains = domains or {}
        self._places: dict[str, ShortHost] = {}
        """Hosts of the export by name."""
        self._own_teams: set[str] | None = None

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
                    yield _left_out(bad.number, bad.type, "unreadable", bad.flaw)
            for outcome in await self._apply(batch):
                yield outcome

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
        if not batch:
            return []
        copied: dict[str, str] = {}
        for group in batch:
            if group.file is not None and not group.flaw:
                group.flaw = await self._copy(group, copied)
        try:
            found = await self._store.write(partial(self._put_all, batch=batch, copied=copied))
        except errors.ShortdError:
            raise
        except Exception as fault:
            if len(batch) > 1:
                return [one for group in batch for one in await self._apply_again(group, copied)]
            found = [_skipped(batch[0], "unreadable", str(fault))]
        for group in batch:
            if group.type == "account":
                self._owners.forget(str(group.head.get("userid", "")))
        return found

    async def _apply_again(self, group: Group, copied: dict[str, str]) -> list[Restored]:
        try:
            return await self._store.write(partial(self._put_all, batch=[group], copied=copied))
        except errors.ShortdError:
            raise
        except Exception as fault:
            return [_skipped(group, "unreadable", str(fault))]

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

    def _put_all(
        self, txn: WriteTxn, batch: Sequence[Group], copied: Mapping[str, str]
    ) -> list[Restored]:
        found: list[Restored] = []
        for group in batch:
            try:
                found += _PUT[group.type](self, txn, group, copied)
            except Refused as refusal:
                found.append(_skipped(group, refusal.reason, str(refusal)))
            except BadRow as fault:
                found.append(_skipped(group, "unreadable", str(fault)))
        # What temporary accounts had elsewhere was allowed there.
        txn.held.clear()
        return found

    # Functions by type. Each checks all that may be wrong before it writes anything.

    def _put_host(
        self, txn: WriteTxn, group: Group, copied: Mapping[str, str]
    ) -> Iterator[Restored]:
        head = dict(group.head)
        name, base_url = head.pop("name", None), head.pop("base_url", None)
        is_default = head.pop("default", False)
        nothing_more(head)
        if not isinstance(name, str) or not isinstance(base_url, str):
            raise BadRow("name or base_url is missing")
        said = partial(_outcome, group, name=name, host=name)
        stored = schema.HOSTS.get(txn, (name,))
        if name in self._domains:
            wanted = self._domains[name]
            place = self._hosts.named(wanted) if wanted else self._hosts.default
            if place is None:
                raise Refused("unknown_host", f"{wanted} is no host of this server")
            yield said(Result.UNCHANGED, (), f"its links come to {place.name}")
        elif (answering := self._hosts.named(name)) is not None and not answering.domain:
            place = answering
            yield said(Result.UNCHANGED)
        elif is_default is True:
            place = self._hosts.default
            note = f"it was the default host: its links come to {place.name}"
            yield said(Result.MADE_WITH_NOTES, ("host_renamed",), note)
        elif self._account is not None:
            raise Refused("unknown_host", "it is no host of this server; use --map-domain")
        else:
            note = "it is in no settings of this server: its links answer once it is"
            if stored is None:
                if not base_url.startswith(("http://", "https://")) or name_of(base_url) != name:
                    raise BadRow("base_url is not that of its name")
                stored = Host(next_number(txn), base_url)
                schema.HOSTS.put(txn, (name,), stored)
                yield said(Result.MADE_WITH_NOTES, ("host_not_configured",), note)
            else:
                yield said(Result.UNCHANGED, ("host_not_configured",), note)
            place = ShortHost(stored.number, name, stored.base_url)
        self._places[name] = place

    def _put_account(
        self, txn: WriteTxn, group: Group, copied: Mapping[str, str]
    ) -> Iterator[Restored]:
        key, account = ALONE["account"].read_alone(dict(group.head))
        name = account.username or account.email or account.userid
        old = schema.ACCOUNTS.get(txn, key)
        if old is not None:
            yield _there(group, old == account, name)
            return
        check_account(txn, account)
        schema.ACCOUNTS.put(txn, key, account)
        if account.clients:
            hold(txn, account.userid, rows=ACCOUNT_BYTES)
        yield _outcome(group, Result.MADE, name=name)
        yield from self._put_rest(txn, group, ("userid",), account.userid)

    def _put_team(
        self, txn: WriteTxn, group: Group, copied: Mapping[str, str]
    ) -> Iterator[Restored]:
        key, team = ALONE["team"].read_alone(dict(group.head))
        old = schema.TEAMS.get(txn, key)
        if old is not None:
            yield _there(group, old == team, team.name)
            return
        check_numbers(team.create_utime)
        known = [
            row
            for _, kind, _, row in group.rows
            if kind == "member" and schema.ACCOUNTS.get(txn, (row.userid,)) is not None
        ]
        check_team(txn, team, [member for member in known if member.team == team.id])
        schema.TEAMS.put(txn, key, team)
        yield _outcome(group, Result.MADE, name=team.name)
        yield from self._put_rest(txn, group, ("team",), team.id)

    def _put_rest(
        self, txn: WriteTxn, group: Group, field: tuple[str], owner: str
    ) -> Iterator[Restored]:
        """Puts what stands behind a head that was made."""
        factors = {key for _, kind, key, _ in group.rows if kind == "second_factor"}
        for number, kind, key, row in group.rows:
            row_type = ALONE[kind]
            named = getattr(row, field[0], None) or key[0]
            flaw = ""
            if named != owner or (field[0] == "userid" and key[0] != owner):
                flaw = "it is of another account or team"
            elif kind == "member" and schema.ACCOUNTS.get(txn, (row.userid,)) is None:
                flaw = "who it is of has no account here"
            elif kind == "passkey" and (owner,) not in factors:
                flaw = "what passkeys know the account by did not come along"
            elif _is_taken(txn, kind, key, row):
                flaw = "it is here already, and somebody else's"
            if flaw:
                yield _left_out(number, kind, "left_out", flaw)
            else:
                row_type.table.put(txn, key, row)

    def _put_alone(
        self, txn: WriteTxn, group: Group, copied: Mapping[str, str]
    ) -> Iterator[Restored]:
        """A row that nothing stands behind."""
        row_type = ALONE[group.type]
        key, row = row_type.read_alone(dict(group.head))
        name = str(getattr(row, "name", "") or getattr(row, "text", "") or key[0])
        old = row_type.table.get(txn, key)
        if old is not None:
            yield _there(group, old == row, name)
            return
        check_numbers(getattr(row, "create_utime", 0), getattr(row, "utime", 0))
        if group.type in ("campaign", "tracker"):
            self._check_team(txn, row.team)
        elif group.type == "blocked_pattern":
            check_pattern(row)
        elif group.type == "report":
            link = schema.LINKS_BY_ID.get(txn, (row.link_id,))
            if link is None:
                raise Refused("link_missing", "the link that it is of is not here")
        if _is_taken(txn, group.type, key, row):
            raise Refused("code_taken", "another one has its code")
        row_type.table.put(txn, key, row)
        yield _outcome(group, Result.MADE, name=name)

    def _put_domain(
        self, txn: WriteTxn, group: Group, copied: Mapping[str, str]
    ) -> Iterator[Restored]:
        head = dict(group.head)
        answered = head.pop("answered", False)
        key, domain = ALONE["domain"].read_alone(head)
        old = schema.DOMAINS.get(txn, key)
        if old is not None:
            same = msgspec.structs.replace(old, number=-1) == domain
            yield _there(group, same, domain.name)
            return
        self._check_team(txn, domain.team)
        check_domain(txn, self._hosts, domain)
        check_numbers(domain.create_utime, domain.active_utime)
        if answered is True:
            domain = msgspec.structs.replace(domain, number=next_number(txn))
        schema.DOMAINS.put(txn, key, domain)
        yield _outcome(group, Result.MADE, name=domain.name)

    def _put_link(
        self, txn: WriteTxn, group: Group, copied: Mapping[str, str]
    ) -> Iterator[Restored]:
        head = dict(group.head)
        place = self._place(txn, head.pop("host", None), head.pop("domain", ""))
        link = link_rows.read_link(head, place.number)
        said = partial(
            _outcome,
            group,
            name=link.code,
            code=link.code,
            host=place.name,
            url=link.url,
            shorturl=place.short_url(link.code),
        )
        notes: dict[str, str] = {}
        if self._account is not None:
            link = msgspec.structs.replace(link, owner=self._account.userid)
        if flaw := check_place(txn, link):
            if self._account is None or (link.rare and link.rare.team):
                notes["team_left_out"] = flaw
            link = _without_place(link)
        old = schema.LINKS.get(txn, (link.host, link.code))
        if old is not None and old.id == link.id:
            same = old == msgspec.structs.replace(link, ascii_url=old.ascii_url)
            result = Result.UNCHANGED if same else Result.SKIPPED
            reasons, note = ((), "") if same else (("changed_here",), _CHANGED)
            yield said(result, reasons, note)
            return
        try:
            link = checked_link(txn, self._hosts, link)
            self._check_shared(txn, group, link)
        except Refused as refusal:
            yield said(Result.SKIPPED, (refusal.reason,), str(refusal))
            return
        schema.LINKS.put(txn, (link.host, link.code), link)
        for number, kind, key, row in group.rows:
            if kind == "box":
                box = msgspec.structs.replace(row, owner=link.owner, files=0, held=0)
                schema.BOXES.put(txn, key, box)
            elif row.link_id == link.id and not _is_taken(txn, kind, key, row):
                ALONE[kind].table.put(txn, key, row)
            else:
                note = "it is of another link, or here already"
                yield _left_out(number, kind, "left_out", note)
        if group.file is not None:
            _put_file(txn, group, link.owner, copied)
        if group.counts is not None or group.days or group.visits:
            self._put_clicks(txn, group, link.id)
        if group.dropped_visits:
            notes["visits_left_out"] = (
                f"its {group.dropped_visits} oldest visits are more than are kept of a link here"
            )
        result = Result.MADE_WITH_NOTES if notes else Result.MADE
        clicks = group.counts.count if group.counts is not None else 0
        yield said(result, tuple(notes), "; ".join(notes.values()), clicks=clicks)

    def _check_shared(self, txn: Txn, group: Group, link: Link) -> None:
        """A link's file or box, which it must have come with."""
        if group.flaw:
            raise Refused("file_damaged", group.flaw)
        boxes = [key for _, kind, key, _ in group.rows if kind == "box"]
        if boxes != ([(link.box,)] if link.box else []):
            raise Refused("unreadable", "it did not come with its box, or with another")
        if link.box and schema.BOXES.get(txn, (link.box,)) is not None:
            raise Refused("id_taken", "its box is here already, and another link's")
        if (group.file[0] if group.file else "") != link.filekey or (link.filekey and link.box):
            raise Refused("unreadable", "it did not come with its file, or with another")
        if group.file is not None:
            _check_file(txn, group, group.file[1], box="")

    def _put_clicks(self, txn: WriteTxn, group: Group, link_id: int) -> None:
        mode = self._settings.ip
        visits = [
            msgspec.structs.replace(visit, address=kept_address(visit.address, mode))
            for visit in group.visits
        ]
        history.put_history(txn, link_id, group.counts or _NOTHING, group.days, visits)

    def _put_box_item(
        self, txn: WriteTxn, group: Group, copied: Mapping[str, str]
    ) -> Iterator[Restored]:
        key, item = ALONE["box_item"].read_alone(dict(group.head))
        box = schema.BOXES.get(txn, (key[0],))
        name = group.file[1].filename if group.file else item.filekey
        if box is None:
            raise Refused("link_missing", "the box that it came into is not here")
        old = schema.BOX_ITEMS.get(txn, key)
        if old is not None:
            yield _there(group, old == item, name)
            return
        if group.flaw or group.file is None or group.file[0] != item.filekey:
            raise Refused("file_damaged", group.flaw or "it did not come with its file")
        _check_file(txn, group, group.file[1], box=key[0])
        check_numbers(item.utime)
        schema.BOX_ITEMS.put(txn, key, item)
        _put_file(txn, group, box.owner, copied)
        count_in_box(txn, key[0], 1, group.file[1].stored_size)
        counted = schema.BOXES.get(txn, (key[0],))
        if counted is not None and counted.serial <= key[1]:
            counted = msgspec.structs.replace(counted, serial=key[1] + 1)
            schema.BOXES.put(txn, (key[0],), counted)
        yield _outcome(group, Result.MADE, name=name)

    def _check_team(self, txn: Txn, team: str) -> None:
        """Refused for a team that nobody here has. One's own has no row before it is named."""
        if schema.TEAMS.get(txn, (team,)) is not None:
            return
        if self._own_teams is None:
            # All accounts are here by now.
            self._own_teams = {own_team_id(userid) for (userid,), _ in schema.ACCOUNTS.scan(txn)}
        if team not in self._own_teams:
            raise Refused("team_missing", "the team that it is of is not here")

    def _place(self, txn: Txn, name: object, domain_id: object) -> ShortHost:
        """Where links of a host go. Refused."""
        if not isinstance(name, str) or not isinstance(domain_id, str):
            raise BadRow("host or domain is no text")
        if domain_id:
            domain = schema.DOMAINS.get(txn, (domain_id,))
            if domain is not None and domain.number >= 0 and self._account is None:
                return self._hosts.of_domain(domain)
            mapped = self._domains.get(name)
            place = self._hosts.default if mapped == "" else self._hosts.named(mapped or "")
        else:
            place = self._places.get(name)
        if place is None:
            raise Refused("unknown_host", f"{name} is no host of this server")
        return place


_SHOWN = {"name": "name", "code": "code", "host": "host", "url": "url", "shorturl": "short_url"}
_CHANGED = "it is here already, and has changed since"
_PUT: Mapping[str, Callable[..., Iterator[Restored]]] = {
    "host": Restoring._put_host,
    "account": Restoring._put_account,
    "team": Restoring._put_team,
    "domain": Restoring._put_domain,
    "link": Restoring._put_link,
    "box_item": Restoring._put_box_item,
    **dict.fromkeys(
        ("campaign", "tracker", "blocked_pattern", "report", "operation"), Restoring._put_alone
    ),
}


def _check_file(txn: Txn, group: Group, file: File, box: str) -> None:
    assert group.file is not None
    entries = group.bundle.entries if group.bundle else ()
    if schema.FILES.get(txn, (group.file[0],)) is not None:
        raise Refused("id_taken", "its file is here already, and another link's")
    if file.box != box:
        raise Refused("unreadable", "its file is of another box")
    if len(entries) != file.entries or (
        entries and sum(entry.size for entry in entries) != file.stored_size
    ):
        raise Refused("unreadable", "what is in its file is not what it says")
    check_numbers(file.filesize, *(entry.size for entry in entries))


def _put_file(txn: WriteTxn, group: Group, owner: str, copied: Mapping[str, str]) -> None:
    """A file whose parts are on the disk."""
    assert group.file is not None
    filekey, file, parts = group.file
    schema.FILES.put(txn, (filekey,), msgspec.structs.replace(file, owner=owner))
    for number, part in parts.items():
        here = msgspec.structs.replace(part, blob=copied[part.blob])
        put_part(txn, owner, filekey, number, here, _QUOTA)
    if group.bundle is not None:
        put_bundle(txn, owner, filekey, group.bundle)


def _is_taken(txn: Txn, kind: str, key: tuple[Any, ...], row: Any) -> bool:
    """Whether there is a row under its key, or under a key of an index."""
    table = ALONE[kind].table
    raw = table.key.encode(key)
    return table.get(txn, key) is not None or any(
        index.is_taken(txn, raw, row) for index in table.indexes
    )


def _check_blob(export: Export, part: FilePart) -> None:
    """BadRow, OSError."""
    size, sha256 = 0, hashlib.sha256()
    with export.blob(part) as file:
        while piece := file.read(_PIECE):
            size += len(piece)
            sha256.update(piece)
    if (size, sha256.digest()) != (part.size, part.sha256):
        raise BadRow(f"{part.blob} is not what was exported: its sum differs")


def _without_place(link: Link) -> Link:
    """The link as one of its owner's own team, in no campaign."""
    rare = msgspec.structs.replace(link.rare or NO_RARE_TERMS, team="", campaign="")
    return msgspec.structs.replace(link, rare=None if rare == NO_RARE_TERMS else rare)


def _there(group: Group, is_same: bool, name: str) -> Restored:
    """What is said of a row whose place is taken."""
    if is_same:
        return _outcome(group, Result.UNCHANGED, name=name)
    return _outcome(group, Result.SKIPPED, ("changed_here",), _CHANGED, name=name)


def _skipped(group: Group, reason: str, note: str) -> Restored:
    """What is said of a group that stays behind, by what its head says of itself."""
    told = {
        field: str(group.head[name])
        for field, name in _SHOWN.items()
        if isinstance(group.head.get(name), str)
    }
    return _outcome(group, Result.SKIPPED, (reason,), note, **told)


def _left_out(number: int, kind: str, reason: str, note: str) -> Restored:
    """What is said of a line that stands behind a head, or of one that nobody can read."""
    return Restored(
        row=number,
        type=kind,
        code="",
        host="",
        url="",
        shorturl="",
        result=Result.SKIPPED,
        reasons=(reason,),
        note=note,
    )


def _outcome(
    group: Group,
    result: Result,
    reasons: tuple[str, ...] = (),
    note: str = "",
    **more: Any,
) -> Restored:
    shown = {"code": "", "host": "", "url": "", "shorturl": "", **more}
    return Restored(
        row=group.number, type=group.type, result=result, reasons=reasons, note=note, **shown
    )
