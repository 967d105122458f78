"""Writes rows that came from another shortd, a group in one go, or says what is wrong with it.

What is here already is never replaced: a row that is the same is left as it is, so that a second
run does what the first did not, and any other says why it stays behind. A group whose head is here
adds nothing to it, or a key that was deleted since would open its account again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec

from shortd.clicks import history
from shortd.files.manifests import count_in_box, put_bundle, put_part
from shortd.hosts import Hosts, ShortHost
from shortd.hosts.hosts import name_of, next_number
from shortd.ids import own_team_id
from shortd.limits.holdings import ACCOUNT_BYTES
from shortd.links.sheets import Result
from shortd.models.accounts import Account
from shortd.models.clicks import Counts
from shortd.models.files import File
from shortd.models.links import NO_RARE_TERMS, Link
from shortd.models.teams import Host
from shortd.settings import ClickSettings
from shortd.store import schema
from shortd.store.pace import GiveWay
from shortd.store.plugin_rows import put_row
from shortd.store.schema import hold, settle_holdings
from shortd.store.txn import Txn, WriteTxn
from shortd.upkeep import link_rows
from shortd.upkeep.export_reader import Group
from shortd.upkeep.importing.runs import ReportRow
from shortd.upkeep.plain_rows import BadRow, nothing_more
from shortd.upkeep.restoring_checks import (
    Refused,
    check_account,
    check_domain,
    check_numbers,
    check_pattern,
    check_place,
    check_plugin_row,
    check_team,
    checked_link,
)
from shortd.upkeep.row_types import ALONE
from shortd.visitors.visitors import kept_address

STRETCH_SECONDS = 0.002
"""How long the writer works before it lets redirects go first."""
_QUOTA = 2**63
_NOTHING = Counts()


class Restored(ReportRow, frozen=True, kw_only=True, gc=False):
    """A line of the export, and what became of it."""

    type: str
    name: str = ""
    """What people call it by, or its id."""
    clicks: int = 0
    """Of a link that was made."""


class RowWriter:
    """Writes groups, each in the transaction that it is given."""

    def __init__(
        self,
        hosts: Hosts,
        settings: ClickSettings,
        account: Account | None,
        domains: Mapping[str, str],
    ) -> None:
        """As `Restoring` has them."""
        self._hosts = hosts
        self._settings = settings
        self._account = account
        self._domains = domains
        self._places: dict[str, ShortHost] = {}
        """Hosts of the export by name."""
        self._own_teams: set[str] | None = None
        self._give_way = GiveWay(STRETCH_SECONDS)

    def put_all(
        self, txn: WriteTxn, batch: Sequence[Group], copied: Mapping[str, str]
    ) -> list[Restored]:
        """Writes groups, and says what became of each. `copied` are names of blobs here by those
        in the export."""
        found: list[Restored] = []
        for group in batch:
            self._give_way()
            try:
                found += _PUT[group.type](self, txn, group, copied)
            except Refused as refusal:
                found.append(skipped(group, refusal.reason, str(refusal)))
            except BadRow as fault:
                found.append(skipped(group, "unreadable", str(fault)))
        # What temporary accounts had elsewhere was allowed there.
        settle_holdings(txn)
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
        said = partial(outcome, group, name=name, host=name)
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
        yield outcome(group, Result.MADE, name=name)
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
        yield outcome(group, Result.MADE, name=team.name)
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
                yield left_out(number, kind, "left_out", flaw)
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
        yield outcome(group, Result.MADE, name=name)

    def _put_plugin_row(
        self, txn: WriteTxn, group: Group, copied: Mapping[str, str]
    ) -> Iterator[Restored]:
        """A row of a plugin, whatever it may keep here: it was allowed to elsewhere."""
        key, row = ALONE["plugin_row"].read_alone(dict(group.head))
        check_plugin_row(key, row)
        old = schema.PLUGIN_ROWS.get(txn, key)
        if old is None:
            put_row(txn, key, row)
            yield outcome(group, Result.MADE, name=key[0])
        else:
            yield _there(group, old == row, key[0])

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
        yield outcome(group, Result.MADE, name=domain.name)

    def _put_link(
        self, txn: WriteTxn, group: Group, copied: Mapping[str, str]
    ) -> Iterator[Restored]:
        head = dict(group.head)
        place = self._place(txn, head.pop("host", None), head.pop("domain", ""))
        link = link_rows.read_link(head, place.number)
        said = partial(
            outcome,
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
                yield left_out(number, kind, "left_out", note)
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
        yield outcome(group, Result.MADE, name=name)

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
    "host": RowWriter._put_host,
    "account": RowWriter._put_account,
    "team": RowWriter._put_team,
    "domain": RowWriter._put_domain,
    "link": RowWriter._put_link,
    "box_item": RowWriter._put_box_item,
    "plugin_row": RowWriter._put_plugin_row,
    **dict.fromkeys(
        ("campaign", "tracker", "blocked_pattern", "report", "operation"), RowWriter._put_alone
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


def _without_place(link: Link) -> Link:
    """The link as one of its owner's own team, in no campaign."""
    rare = msgspec.structs.replace(link.rare or NO_RARE_TERMS, team="", campaign="")
    return msgspec.structs.replace(link, rare=None if rare == NO_RARE_TERMS else rare)


def _there(group: Group, is_same: bool, name: str) -> Restored:
    """What is said of a row whose place is taken."""
    if is_same:
        return outcome(group, Result.UNCHANGED, name=name)
    return outcome(group, Result.SKIPPED, ("changed_here",), _CHANGED, name=name)


def skipped(group: Group, reason: str, note: str) -> Restored:
    """What is said of a group that stays behind, by what its head says of itself."""
    told = {
        field: str(group.head[name])
        for field, name in _SHOWN.items()
        if isinstance(group.head.get(name), str)
    }
    return outcome(group, Result.SKIPPED, (reason,), note, **told)


def left_out(number: int, kind: str, reason: str, note: str) -> Restored:
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


def outcome(
    group: Group,
    result: Result,
    reasons: tuple[str, ...] = (),
    note: str = "",
    **more: Any,
) -> Restored:
    """What is said of a head."""
    shown = {"code": "", "host": "", "url": "", "shorturl": "", **more}
    return Restored(
        row=group.number, type=group.type, result=result, reasons=reasons, note=note, **shown
    )
