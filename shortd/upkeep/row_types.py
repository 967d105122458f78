"""The types of the rows that leave a server and come to another: which table has them, and by
which names they are told.

`docs/moving-out.md` describes each for whoever writes a reader. Types are never renamed, and a
name that rows have is never taken away or used for something else. A table is in `TOLD` or, with a
reason, in `STAYS`; a test asks that of every new one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Generic, TypeVar

import msgspec

from shortd.models.accounts import Account, ApiKey, Identity, Passkey, Preferences, SecondFactor
from shortd.models.audit import AuditEntry
from shortd.models.blocking import BlockedPattern, Report
from shortd.models.files import Box, BoxItem, Bundle
from shortd.models.importing import Imported
from shortd.models.links import LinkTracker
from shortd.models.plugins import PluginRow
from shortd.models.teams import Campaign, Domain, Invitation, Member, Team, TeamTracker
from shortd.store import schema
from shortd.store.keys import Text
from shortd.store.table import Table
from shortd.upkeep.plain_rows import BadRow, Row, Shape, nothing_more

S = TypeVar("S", bound=msgspec.Struct)


class RowType(Generic[S]):
    """Rows of one table, each told by itself."""

    def __init__(
        self,
        name: str,
        table: Table[Any, S],
        kind: type[S],
        key: tuple[str, ...],
        *,
        renamed: Mapping[str, str] | None = None,
        without: Collection[str] = (),
        opens: Collection[str] = (),
    ) -> None:
        """`key` names the parts of the key, which stand in the object beside the row's own fields
        unless the row has them. `opens` is what is not even told to whom a row belongs."""
        self.name = name
        self.table = table
        self.opens = frozenset(opens)
        self._shape = Shape(kind, renamed=renamed, without=without)
        self._key = key
        self._beside = [
            (position, part) for position, part in enumerate(key) if part not in self._shape.names
        ]
        self._row_has = {
            (renamed or {}).get(field, field): field for field in kind.__struct_fields__
        }
        self.names = ("type", *(part for _, part in self._beside), *self._shape.names)

    def told(self, key: tuple[Any, ...], row: S) -> Row:
        """A row as an object."""
        beside = {part: key[position] for position, part in self._beside}
        return {"type": self.name, **beside, **self._shape.told(row)}

    def told_to_owner(self, key: tuple[Any, ...], row: S, without: Collection[str] = ()) -> Row:
        """The same without what opens something, and without these fields."""
        told = self.told(key, row)
        return {name: told[name] for name in told if name not in self.opens | {*without}}

    def read(self, given: Row) -> tuple[tuple[Any, ...], S]:
        """Key and row of an object, out of which it takes its fields. BadRow."""
        beside = {}
        for position, part in self._beside:
            kind = str if isinstance(self.table.key.parts[position], Text) else int
            value = given.pop(part, None)
            if type(value) is not kind:
                raise BadRow(f"{part} is missing or no {kind.__name__}")
            beside[part] = value
        row = self._shape.read(given)
        key = tuple(
            beside[part] if part in beside else getattr(row, self._row_has[part])
            for part in self._key
        )
        try:
            self.table.key.encode(key)
        except (ValueError, OverflowError, AttributeError) as fault:
            raise BadRow(f"{' and '.join(self._key)} cannot be: {fault}") from None
        return key, row

    def read_alone(self, given: Row) -> tuple[tuple[Any, ...], S]:
        """The same of an object that has nothing more."""
        key, row = self.read(given)
        nothing_more(given)
        return key, row


ACCOUNT = RowType(
    "account",
    schema.ACCOUNTS,
    Account,
    ("userid",),
    renamed={"type": "kind"},
    opens=("password", "clients"),
)
PREFERENCES = RowType("preferences", schema.PREFERENCES, Preferences, ("userid",))
IDENTITY = RowType("identity", schema.IDENTITIES, Identity, ("userid", "digest"), opens=("digest",))
PASSKEY = RowType(
    "passkey",
    schema.PASSKEYS,
    Passkey,
    ("userid", "id"),
    opens=("credential", "digest", "counter"),
)
SECOND_FACTOR = RowType(
    "second_factor",
    schema.SECOND_FACTORS,
    SecondFactor,
    ("userid",),
    opens=("handle", "secret", "step", "recovery", "waiting", "waiting_utime"),
)
API_KEY = RowType("api_key", schema.API_KEYS, ApiKey, ("userid", "id"), opens=("digest",))
TEAM = RowType("team", schema.TEAMS, Team, ("id",))
MEMBER = RowType("member", schema.MEMBERS, Member, ("team", "userid"))
INVITATION = RowType("invitation", schema.INVITATIONS, Invitation, ("id",))
CAMPAIGN = RowType("campaign", schema.CAMPAIGNS, Campaign, ("id",))
TRACKER = RowType("tracker", schema.TEAM_TRACKERS, TeamTracker, ("id",))
DOMAIN = RowType("domain", schema.DOMAINS, Domain, ("id",), without=("number",), opens=("token",))
BLOCKED_PATTERN = RowType("blocked_pattern", schema.BLOCKED_PATTERNS, BlockedPattern, ("text",))
LINK_TRACKER = RowType(
    "link_tracker", schema.LINK_TRACKERS, LinkTracker, ("id",), renamed={"link_id": "link"}
)
IMPORTED = RowType("imported", schema.IMPORTED, Imported, ("link",), renamed={"link_id": "link"})
BUNDLE = RowType("bundle", schema.BUNDLES, Bundle, ("filekey",))
BOX = RowType("box", schema.BOXES, Box, ("box",), without=("files", "held"), opens=("public_key",))
BOX_ITEM = RowType(
    "box_item", schema.BOX_ITEMS, BoxItem, ("box", "serial"), opens=("sender_key", "label")
)
REPORT = RowType("report", schema.REPORTS, Report, ("link", "client"), renamed={"link_id": "link"})
OPERATION = RowType(
    "operation",
    schema.AUDIT,
    AuditEntry,
    ("utime", "number"),
    opens=("userid", "name", "subject_userid", "reason"),
)
PLUGIN_ROW = RowType("plugin_row", schema.PLUGIN_ROWS, PluginRow, ("plugin", "table", "key"))

ALONE: Mapping[str, RowType[Any]] = {
    row_type.name: row_type
    for row_type in (
        *(ACCOUNT, PREFERENCES, IDENTITY, PASSKEY, SECOND_FACTOR, API_KEY),
        *(TEAM, MEMBER, INVITATION, CAMPAIGN, TRACKER, DOMAIN, BLOCKED_PATTERN),
        *(LINK_TRACKER, IMPORTED, BUNDLE, BOX, BOX_ITEM, REPORT, OPERATION, PLUGIN_ROW),
    )
}
"""Types by name, but for those of `link_rows`, which are told of several tables."""

TOLD: Mapping[str, str] = {
    **{row_type.table.name: row_type.name for row_type in ALONE.values()},
    schema.HOSTS.name: "host",
    schema.LINKS.name: "link",
    schema.FILES.name: "file",
    schema.FILE_PARTS.name: "file",
    schema.COUNTS.name: "counts",
    schema.DAY_STATS.name: "day",
    schema.VISITS.name: "visit",
}
"""The type under which a table's rows leave."""

STAYS: Mapping[str, str] = {
    schema.META.name: "the database's own: its schema, and numbers that are given out anew",
    schema.POSITIONS.name: "where the journal was read to; all its clicks are in what leaves",
    schema.SECRETS.name: "keys of this server; another one makes its own",
    schema.TOKENS.name: "logins: everybody signs in again",
    schema.GRANTS.name: "logins of v1",
    schema.GRANT_TOKENS.name: "logins of v1",
    schema.LOGIN_LINKS.name: "good for a quarter of an hour, on this server",
    schema.CODES.name: "mailed codes, which end within the hour",
    schema.KNOWN_CLIENTS.name: "addresses hashed with a key of this server",
    schema.VISITS_DUE.name: "where old visits are found; made anew from the visits",
    schema.STRINGS.name: "texts of visits and days, which are told with these",
    schema.STRING_USES.name: "how often each of them is used",
    schema.SIGHTINGS.name: "visitors hashed with a key of this server: each counts once more",
    schema.OUTBOX.name: "mails that wait are sent from here or not at all",
    schema.MAIL_HISTORIES.name: "when mails were sent, for limits of a day",
    schema.MAIL_TRAFFIC.name: "the same of all mails together",
    schema.BALANCES.name: "what was spent of limits lately",
    schema.REPEATS.name: "answers of the last day, for requests that are sent again",
    schema.REPEAT_BYTES.name: "what those take",
    schema.HOLDINGS.name: "added up anew from the rows themselves",
    schema.STORED_BYTES.name: "added up anew from the files themselves",
    schema.FORMER_LINKS.name: "what could still be undone is done; deleted links are gone",
    schema.REPORT_MAILS.name: "when operators were mailed of a report, for a day",
    schema.PLUGIN_USES.name: "added up anew from the rows of plugins",
    schema.UPLOADS.name: "files that are still coming",
    schema.DEAD_BLOBS.name: "what is being deleted",
    schema.DEAD_FILES.name: "what is being deleted",
    schema.DEAD_LINKS.name: "what is being deleted",
    schema.PLUGIN_EVENTS.name: "what plugins hear of here or not at all",
    schema.PLUGIN_BACKLOGS.name: "the same, added up",
    schema.PLUGIN_DAYS.name: "when daily jobs ran here",
}
"""Tables whose rows do not leave, and why."""
