"""Everything that is ever in the database, on one page.

Keys are tuples (see `keys`); values are the Structs of `shortd.models`. A change of shape
that old rows cannot be read with raises SCHEMA_VERSION and adds a step to `migrations`.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

from shortd.blocks import HASH_BYTES
from shortd.ids import DRAWN_IDS, base62_encode
from shortd.link_codes import FOLD_BYTES, fold_digest, is_short
from shortd.models.accounts import (
    Account,
    ApiKey,
    Grant,
    GrantToken,
    Identity,
    KnownClient,
    LoginLink,
    Passkey,
    Preferences,
    SecondFactor,
    Token,
)
from shortd.models.audit import AuditEntry
from shortd.models.blocking import BlockedPattern, Report
from shortd.models.clicks import (
    VISITOR_BYTES,
    Counts,
    CountsHead,
    DayTotal,
    PackedDay,
    Position,
    Sighting,
    VisitPack,
)
from shortd.models.files import Box, BoxItem, Bundle, File, FilePart, Upload
from shortd.models.importing import ORIGIN_BYTES, Imported
from shortd.models.limits import Balance, Holding, Repeat
from shortd.models.links import FormerLink, Link, LinkTracker
from shortd.models.mail import Mail, MailedCode, MailHistory, MailTraffic
from shortd.models.plugins import PluginBacklog, PluginDays, PluginEvent, PluginRow, PluginUse
from shortd.models.teams import (
    Campaign,
    Domain,
    DomainStatus,
    Host,
    Invitation,
    Member,
    Team,
    TeamTracker,
)
from shortd.names import folded
from shortd.store.index import Count, ImpliedIndex, Index, SharedIndex
from shortd.store.keys import ANY_TEXT, I64, TEXT, U32, U64, Fixed, Key
from shortd.store.sizes import Sizes
from shortd.store.table import Table
from shortd.store.txn import WriteTxn

SCHEMA_VERSION = 5

_STORED_AS = {"counts": "counts_5", "day_stats": "day_stats_5", "visits": "visits_5"}


def stored_as(name: str) -> bytes:
    """What LMDB knows a table or an index by: those of clicks have stood beside their older selves
    (`packing_clicks`)."""
    return _STORED_AS.get(name, name).encode()


STRING_DIGEST_BYTES = 8


def string_digest(text: str) -> bytes:
    """By what a string is found. Several may share one."""
    return blake2b(text.encode(), digest_size=STRING_DIGEST_BYTES).digest()


META: Table[tuple[str], int] = Table("meta", Key(TEXT), int)
"""`("schema_version",)`."""

POSITIONS: Table[tuple[str], Position] = Table("positions", Key(TEXT), Position)
"""`("journal",)`: how far the click journal is drained. `("beside",)`: as an offset, the serial of
the last clicks that were counted without it."""

HOSTS: Table[tuple[str], Host] = Table("hosts", Key(TEXT), Host, watched=True)
"""Short hosts that were ever configured, by name (`host` or `host:port`)."""

ACCOUNTS_BY_EMAIL: Index[tuple[str], Account] = Index(
    "accounts_by_email", Key(TEXT), lambda row: (row.email.casefold(),) if row.email else None
)
ACCOUNTS_BY_USERNAME: Index[tuple[str], Account] = Index(
    "accounts_by_username",
    Key(TEXT),
    lambda row: (folded(row.username),) if row.username else None,
)
ACCOUNTS_BY_EXPIRATION: Index[tuple[int, str], Account] = Index(
    "accounts_by_expiration", Key(U64, TEXT), lambda row: (row.expiration_utime, row.userid)
)
ACCOUNTS: Table[tuple[str], Account] = Table(
    "accounts",
    Key(TEXT),
    Account,
    (ACCOUNTS_BY_EMAIL, ACCOUNTS_BY_USERNAME, ACCOUNTS_BY_EXPIRATION),
    watched=True,
)
"""By userid."""

HOLDINGS: Table[tuple[str], Holding] = Table("holdings", Key(TEXT), Holding)
"""What temporary accounts keep: of each by its userid, together by `Account.clients`, and of all of
them under `EVERYBODY`."""
EVERYBODY = "*"


def hold(txn: WriteTxn, userid: str, rows: int = 0, files: int = 0) -> None:
    """Notes bytes that came to an account or went from it."""
    noted = txn.kept.get(userid)
    if noted is not None:
        rows, files = noted.rows + rows, noted.files + files
    txn.kept[userid] = Holding(rows, files)


def settle_holdings(txn: WriteTxn) -> None:
    """Adds what was noted of temporary accounts to their holdings: once for all that a transaction
    does, at its end, and before anybody looks at these rows."""
    kept, txn.kept = txn.kept, {}
    for userid, change in kept.items():
        account = ACCOUNTS.get(txn, (userid,))
        if account is not None and account.clients:
            for key in (userid, *account.clients, EVERYBODY):
                change_holding(txn, key, change.rows, change.files)


def change_holding(txn: WriteTxn, key: str, rows: int, files: int) -> None:
    """Adds to one holding; one that is empty has no row."""
    old, noted = HOLDINGS.get(txn, (key,)) or Holding(), txn.held.get(key) or Holding()
    new = Holding(max(0, old.rows + rows), max(0, old.files + files))
    if new == Holding():
        HOLDINGS.delete(txn, (key,))
    else:
        HOLDINGS.put(txn, (key,), new)
    txn.held[key] = Holding(noted.rows + rows, noted.files + files)


TOKENS_BY_END: SharedIndex[tuple[int], Token] = SharedIndex(
    "tokens_by_end", Key(U64), lambda row: (row.expiration_utime,)
)
TOKENS: Table[tuple[str, bytes], Token] = Table(
    "tokens", Key(TEXT, Fixed(32)), Token, (TOKENS_BY_END,)
)
"""By (userid, SHA-256 of the token): one prefix holds all logins of an account."""

IDENTITIES_BY_DIGEST: Index[tuple[bytes], Identity] = Index(
    "identities_by_digest", Key(Fixed(32)), lambda row: (row.digest,)
)
IDENTITIES: Table[tuple[str, bytes], Identity] = Table(
    "identities", Key(TEXT, Fixed(32)), Identity, (IDENTITIES_BY_DIGEST,)
)
"""Who accounts are at issuers and to the proxy, by (userid, digest)."""

LOGIN_LINKS: Table[tuple[str], LoginLink] = Table("login_links", Key(TEXT), LoginLink)
"""By userid: an account's newest."""

PASSKEYS_BY_CREDENTIAL: Index[tuple[bytes], Passkey] = Index(
    "passkeys_by_credential", Key(Fixed(32)), lambda row: (row.digest,)
)
PASSKEYS: Table[tuple[str, str], Passkey] = Table(
    "passkeys", Key(TEXT, TEXT), Passkey, (PASSKEYS_BY_CREDENTIAL,)
)
"""By (userid, id)."""

SECOND_FACTORS: Table[tuple[str], SecondFactor] = Table("second_factors", Key(TEXT), SecondFactor)
"""By userid; none for an account that never set one up."""

PREFERENCES: Table[tuple[str], Preferences] = Table("preferences", Key(TEXT), Preferences)
"""By userid; none for an account that never chose anything."""

KNOWN_CLIENTS_BY_TIME: SharedIndex[tuple[int], KnownClient] = SharedIndex(
    "known_clients_by_time", Key(U64), lambda row: (row.utime,)
)
KNOWN_CLIENTS: Table[tuple[str, bytes], KnownClient] = Table(
    "known_clients", Key(TEXT, Fixed(HASH_BYTES)), KnownClient, (KNOWN_CLIENTS_BY_TIME,)
)
"""From where each account was logged in to, by (userid, hash of the address's block)."""

CODES_BY_END: SharedIndex[tuple[int], MailedCode] = SharedIndex(
    "codes_by_end", Key(U64), lambda row: (row.expiration_utime,)
)
CODES: Table[tuple[str, str], MailedCode] = Table(
    "codes", Key(TEXT, TEXT), MailedCode, (CODES_BY_END,)
)
"""Codes that were mailed, by (userid, purpose)."""

OUTBOX_BY_NEXT: Index[tuple[int, str, str], Mail] = Index(
    "outbox_by_next",
    Key(U64, TEXT, TEXT),
    lambda row: None if row.given_up_utime else (row.next_utime, row.userid, row.purpose),
)
OUTBOX_BY_CREATION: Index[tuple[int, str, str], Mail] = Index(
    "outbox_by_creation",
    Key(U64, TEXT, TEXT),
    lambda row: None if row.given_up_utime else (row.create_utime, row.userid, row.purpose),
)
OUTBOX_BY_END: SharedIndex[tuple[int], Mail] = SharedIndex(
    "outbox_by_end",
    Key(U64),
    lambda row: (row.given_up_utime,) if row.given_up_utime else None,
)
OUTBOX: Table[tuple[str, str], Mail] = Table(
    "outbox", Key(TEXT, TEXT), Mail, (OUTBOX_BY_NEXT, OUTBOX_BY_CREATION, OUTBOX_BY_END)
)
"""Mails that wait to be sent, and those that were given up, by (userid, purpose). The first two
indexes hold the waiting ones alone, the third the others."""

MAIL_HISTORIES_BY_TIME: SharedIndex[tuple[int], MailHistory] = SharedIndex(
    "mail_histories_by_time",
    Key(U64),
    lambda row: (row.utimes[-1],) if row.utimes else None,
)
MAIL_HISTORIES: Table[tuple[str, str], MailHistory] = Table(
    "mail_histories", Key(TEXT, TEXT), MailHistory, (MAIL_HISTORIES_BY_TIME,)
)
"""By (mailbox, purpose)."""

MAIL_TRAFFIC: Table[tuple[str], MailTraffic] = Table("mail_traffic", Key(TEXT), MailTraffic)
"""`("sent",)`: what the server has mailed lately."""

API_KEYS_BY_DIGEST: Index[tuple[bytes], ApiKey] = Index(
    "api_keys_by_digest", Key(Fixed(32)), lambda row: (row.digest,)
)
API_KEYS: Table[tuple[str, str], ApiKey] = Table(
    "api_keys", Key(TEXT, TEXT), ApiKey, (API_KEYS_BY_DIGEST,)
)
"""By (userid, id)."""

GRANTS_BY_END: SharedIndex[tuple[int], Grant] = SharedIndex(
    "grants_by_end", Key(U64), lambda row: (max(row.access_utime, row.refresh_utime),)
)
GRANTS: Table[tuple[str, str], Grant] = Table("grants", Key(TEXT, TEXT), Grant, (GRANTS_BY_END,))
"""Logins of v1, by (userid, id of the grant)."""

GRANT_TOKENS_BY_END: SharedIndex[tuple[int], GrantToken] = SharedIndex(
    "grant_tokens_by_end", Key(U64), lambda row: (row.expiration_utime,)
)
GRANT_TOKENS: Table[tuple[bytes], GrantToken] = Table(
    "grant_tokens", Key(Fixed(32)), GrantToken, (GRANT_TOKENS_BY_END,)
)
"""By the SHA-256 of the token. One that is no longer its grant's was used before: see `Grant`."""

TEAMS_BY_CODE: Index[tuple[str], Team] = Index("teams_by_code", Key(TEXT), lambda row: (row.code,))
TEAMS: Table[tuple[str], Team] = Table("teams", Key(TEXT), Team, (TEAMS_BY_CODE,))
"""By id."""

MEMBERS_BY_ACCOUNT: Index[tuple[str, str], Member] = Index(
    "members_by_account", Key(TEXT, TEXT), lambda row: (row.userid, row.team)
)
MEMBERS_IN_TEAM: Count[tuple[str], Member] = Count(
    "members_in_team", Key(TEXT), lambda row: (row.team,)
)
MEMBERS: Table[tuple[str, str], Member] = Table(
    "members", Key(TEXT, TEXT), Member, (MEMBERS_BY_ACCOUNT,), counts=(MEMBERS_IN_TEAM,)
)
"""By (team, userid)."""

INVITATIONS_BY_TEAM: Index[tuple[str, str], Invitation] = Index(
    "invitations_by_team", Key(TEXT, TEXT), lambda row: (row.team, row.id)
)
INVITATIONS_BY_GUEST: Index[tuple[str, str], Invitation] = Index(
    "invitations_by_guest", Key(TEXT, TEXT), lambda row: (row.userid or row.email, row.id)
)
"""By userid or e-mail address."""
INVITATIONS_BY_END: SharedIndex[tuple[int], Invitation] = SharedIndex(
    "invitations_by_end", Key(U64), lambda row: (row.expiration_utime,)
)
INVITATIONS: Table[tuple[str], Invitation] = Table(
    "invitations",
    Key(TEXT),
    Invitation,
    (INVITATIONS_BY_TEAM, INVITATIONS_BY_GUEST, INVITATIONS_BY_END),
)
"""By id."""

CAMPAIGNS_BY_TEAM: Index[tuple[str, int, str], Campaign] = Index(
    "campaigns_by_team", Key(TEXT, U64, TEXT), lambda row: (row.team, row.create_utime, row.id)
)
CAMPAIGNS_BY_CODE: Index[tuple[str, str], Campaign] = Index(
    "campaigns_by_code", Key(TEXT, TEXT), lambda row: (row.team, row.code)
)
CAMPAIGNS_IN_TEAM: Count[tuple[str], Campaign] = Count(
    "campaigns_in_team", Key(TEXT), lambda row: (row.team,)
)
CAMPAIGNS: Table[tuple[str], Campaign] = Table(
    "campaigns",
    Key(TEXT),
    Campaign,
    (CAMPAIGNS_BY_TEAM, CAMPAIGNS_BY_CODE),
    counts=(CAMPAIGNS_IN_TEAM,),
)
"""By id."""

TEAM_TRACKERS_BY_TEAM: Index[tuple[str, int, str], TeamTracker] = Index(
    "team_trackers_by_team", Key(TEXT, U64, TEXT), lambda row: (row.team, row.create_utime, row.id)
)
TEAM_TRACKERS: Table[tuple[str], TeamTracker] = Table(
    "team_trackers", Key(TEXT), TeamTracker, (TEAM_TRACKERS_BY_TEAM,)
)
"""By id."""

LINK_TRACKERS_BY_LINK: Index[tuple[int, int, str], LinkTracker] = Index(
    "link_trackers_by_link",
    Key(U64, U64, TEXT),
    lambda row: (row.link_id, row.create_utime, row.id),
)
LINK_TRACKERS: Table[tuple[str], LinkTracker] = Table(
    "link_trackers", Key(TEXT), LinkTracker, (LINK_TRACKERS_BY_LINK,)
)
"""By id."""

DOMAINS_BY_TEAM: Index[tuple[str, str], Domain] = Index(
    "domains_by_team", Key(TEXT, TEXT), lambda row: (row.team, row.name)
)
DOMAINS_BY_NAME: Index[tuple[str], Domain] = Index(
    "domains_by_name",
    Key(TEXT),
    lambda row: (row.name,) if row.status == DomainStatus.ACTIVE else None,
)
"""Those that answer."""
DOMAINS: Table[tuple[str], Domain] = Table(
    "domains", Key(TEXT), Domain, (DOMAINS_BY_TEAM, DOMAINS_BY_NAME), watched=True
)
"""By id."""

LINK_KEY: Key[tuple[int, str]] = Key(U32, TEXT)
_FIRST_HOST = LINK_KEY.prefix((0,))


def spelled_address(key: tuple[int]) -> bytes | None:
    """The encoded address that a link's id spells on the first host."""
    (link_id,) = key
    return _FIRST_HOST + base62_encode(link_id).encode() if link_id < DRAWN_IDS else None


LINKS_BY_ID: ImpliedIndex[tuple[int], Link] = ImpliedIndex(
    "links_by_id", Key(U64), lambda row: (row.id,), spelled_address
)
"""Holds the links that are not at the address that their id spells."""
LINKS_BY_OWNER: Index[tuple[str, int, int, int], Link] = Index(
    "links_by_owner",
    Key(TEXT, U64, U64, I64),
    lambda row: (row.owner, row.utime, row.id, row.tag),
)
"""In order of creation. The tag stands last so that filters need no row."""
LINKS_BY_TEAM: Index[tuple[str, int, int], Link] = Index(
    "links_by_team",
    Key(TEXT, U64, U64),
    lambda row: (row.rare.team, row.utime, row.id) if row.rare and row.rare.team else None,
)
"""Without those of owners' own teams, which are in LINKS_BY_OWNER."""
LINKS_BY_MEMBER: Index[tuple[str, str, int], Link] = Index(
    "links_by_member",
    Key(TEXT, TEXT, U64),
    lambda row: (row.rare.team, row.owner, row.id) if row.rare and row.rare.team else None,
)
"""The same, by who made them."""
LINKS_BY_CAMPAIGN: Index[tuple[str, int, int], Link] = Index(
    "links_by_campaign",
    Key(TEXT, U64, U64),
    lambda row: (row.rare.campaign, row.utime, row.id) if row.rare and row.rare.campaign else None,
)
LINKS_WITH_BOX: Index[tuple[str, int, int], Link] = Index(
    "links_with_box",
    Key(TEXT, U64, U64),
    lambda row: (row.owner, row.utime, row.id) if row.rare and row.rare.box else None,
)
"""Boxes, by whose they are."""
LINKS_HELD: Index[tuple[int, int], Link] = Index(
    "links_held",
    Key(U64, U64),
    lambda row: (row.rare.held.since, row.id) if row.rare and row.rare.held and row.waits else None,
)
"""Those that wait for the operator, by since when."""
LINKS_BY_FOLD: Index[tuple[int, bytes, int, int], Link] = Index(
    "links_by_fold",
    Key(U32, Fixed(FOLD_BYTES), U64, U64),
    lambda row: (
        None if is_short(row.code) else (row.host, fold_digest(row.code), row.utime, row.id)
    ),
)
"""By (host, digest of the folded code), the oldest first: for hosts that ignore case, and kept for
all, so that any host can at any time. Without short codes, all spellings of which are looked for
at their addresses: making a link with a drawn code touches no page for it."""
LINKS_PER_TEAM: Count[tuple[str], Link] = Count(
    "links_per_team",
    Key(TEXT),
    lambda row: (row.rare.team,) if row.rare and row.rare.team else (row.owner,),
)
"""By team, or by userid for the owner's own team."""
LINKS_PER_CAMPAIGN: Count[tuple[str], Link] = Count(
    "links_per_campaign",
    Key(TEXT),
    lambda row: (row.rare.campaign,) if row.rare and row.rare.campaign else None,
)
_TRACKERS = "trackers"
_TRACKER_ROW = 8
"""What a tracker's row takes for each byte of it in the link's own."""


def _trackers_of(row: Link) -> int:
    """Bytes of a link's rows in LINK_TRACKERS, roughly."""
    return _TRACKER_ROW * len(row.plugins.get(_TRACKERS, b"")) if row.plugins else 0


LINKS: Table[tuple[int, str], Link] = Table(
    "links",
    LINK_KEY,
    Link,
    (
        *(LINKS_BY_ID, LINKS_BY_OWNER, LINKS_BY_TEAM, LINKS_BY_MEMBER, LINKS_BY_CAMPAIGN),
        *(LINKS_WITH_BOX, LINKS_HELD, LINKS_BY_FOLD),
    ),
    counts=(LINKS_PER_TEAM, LINKS_PER_CAMPAIGN),
    sizes=Sizes(lambda row: row.owner, hold, _trackers_of),
    watched=True,
)
"""By (host number, code): a redirect is one read."""

FORMER_LINKS_BY_END: Index[tuple[int, str, int, int], FormerLink] = Index(
    "former_links_by_end",
    Key(U64, TEXT, U64, U64),
    lambda row: (row.until, row.userid, row.act, row.link.id),
)
FORMER_LINKS: Table[tuple[str, int, int], FormerLink] = Table(
    "former_links", Key(TEXT, U64, U64), FormerLink, (FORMER_LINKS_BY_END,)
)
"""What can be undone, by (userid, act, link id). A link that is deleted stays at its address,
belongs to `DELETED`, and has a row here."""

IMPORTED_BY_ORIGIN: Index[tuple[str, bytes], Imported] = Index(
    "imported_by_origin",
    Key(TEXT, Fixed(ORIGIN_BYTES)),
    lambda row: (row.source, row.origin),
)
IMPORTED: Table[tuple[int], Imported] = Table("imported", Key(U64), Imported, (IMPORTED_BY_ORIGIN,))
"""Where links came from that were made elsewhere, by link id. A row goes with its link."""

BLOCKED_PATTERNS: Table[tuple[str], BlockedPattern] = Table(
    "blocked_patterns", Key(TEXT), BlockedPattern, watched=True
)
"""Where no link may lead, by the pattern's text."""

REPORTS_OF_LINK: Count[tuple[int], Report] = Count(
    "reports_of_link", Key(U64), lambda row: (row.link_id,)
)
REPORTS_OF_BLOCK: Count[tuple[bytes], Report] = Count(
    "reports_of_block", Key(Fixed(HASH_BYTES)), lambda row: (row.block,)
)
REPORTS: Table[tuple[int, bytes], Report] = Table(
    "reports",
    Key(U64, Fixed(HASH_BYTES)),
    Report,
    counts=(REPORTS_OF_LINK, REPORTS_OF_BLOCK),
)
"""What visitors have reported and operators have not dealt with, by (link id, client)."""

REPORT_MAILS: Table[tuple[int], int] = Table("report_mails", Key(U64), int)
"""When operators were last mailed of a link that was reported, by its id. Rows go after a day."""

UPLOADS_BY_OWNER: Index[tuple[str, str], Upload] = Index(
    "uploads_by_owner", Key(TEXT, TEXT), lambda row: (row.owner, row.filekey)
)
UPLOADS_BY_BOX: Index[tuple[str, str], Upload] = Index(
    "uploads_by_box", Key(TEXT, TEXT), lambda row: (row.box, row.filekey) if row.box else None
)
UPLOADS: Table[tuple[str], Upload] = Table(
    "uploads",
    Key(TEXT),
    Upload,
    (UPLOADS_BY_OWNER, UPLOADS_BY_BOX),
    sizes=Sizes(lambda row: row.owner, hold),
)
"""Files that are still coming, by filekey."""

FILES: Table[tuple[str], File] = Table(
    "files", Key(TEXT), File, sizes=Sizes(lambda row: row.owner, hold), watched=True
)
"""Finished files, by filekey."""

BUNDLES: Table[tuple[str], Bundle] = Table("bundles", Key(TEXT), Bundle)
"""What is in files that hold several, by filekey."""

FILE_PARTS_BY_BLOB: Index[tuple[str], FilePart] = Index(
    "file_parts_by_blob", Key(TEXT), lambda row: (row.blob,)
)
FILE_PARTS: Table[tuple[str, int], FilePart] = Table(
    "file_parts", Key(TEXT, U32), FilePart, (FILE_PARTS_BY_BLOB,)
)
"""By (filekey, part number), of uploads and files alike."""

BOXES: Table[tuple[str], Box] = Table(
    "boxes", Key(TEXT), Box, sizes=Sizes(lambda row: row.owner, hold)
)
"""What others may send to an owner, by the key that the box's link has."""

BOX_ITEMS: Table[tuple[str, int], BoxItem] = Table("box_items", Key(TEXT, U64), BoxItem)
"""What came, by (key of the box, serial): each has a row among the files."""

DEAD_BLOBS: Table[tuple[str], bool] = Table("dead_blobs", Key(TEXT), bool)
"""Blobs that no part refers to any more, by name. They are deleted from disk after the
transaction that put them here, and then from here."""

STORED_BYTES: Table[tuple[str], int] = Table("stored_bytes", Key(TEXT), int)
"""Bytes on disk of all parts of an account, by userid."""

DEAD_FILES: Table[tuple[str], bool] = Table("dead_files", Key(TEXT), bool)
"""Files and uploads that are gone and of which parts are still there, by filekey."""

SECRETS: Table[tuple[str], bytes] = Table("secrets", Key(TEXT), bytes)
"""`("file_addresses",)`: the key that signs download addresses. `("plugins",)`: what each plugin's
own secret is derived from. `("visitors",)`: the key under which visitors are known again.
`("link_passwords",)`: the key that signs what a link's password opens. `("clients",)`: the key
under which addresses of clients are stored. `("flows",)`: the key that signs sign-ins under way at
issuers."""

COUNTS: Table[tuple[int], Counts] = Table("counts", Key(U64), Counts)
"""By link id. Has a link's latest day and newest visits as well, as `clicks.history` keeps them."""

COUNTS_HEADS: Table[tuple[int], CountsHead] = Table(COUNTS.name, Key(U64), CountsHead)
"""The same rows, of which the beginning alone is read."""

DAY_STATS: Table[tuple[int, int], PackedDay] = Table("day_stats", Key(U64, U32), PackedDay)
"""By (link id, days since 1970-01-01 UTC). `clicks.history` reads and writes it, nobody else."""

DAY_TOTALS: Table[tuple[int, int], DayTotal] = Table(DAY_STATS.name, Key(U64, U32), DayTotal)
"""The same rows, of which the total alone is read."""

VISITS: Table[tuple[int, int], VisitPack] = Table("visits", Key(U64, U64), VisitPack)
"""Blocks of visits, by (link id, serial of the first): oldest first. `clicks.history` reads and
writes it, nobody else."""

VISITS_DUE: Table[tuple[int, int], bool] = Table("visits_due", Key(U32, U64), bool)
"""Where old visits are, by (day, link id): the day of the oldest that is kept of the link, or an
earlier one. `clicks.history` keeps it."""

STRINGS_BY_DIGEST: SharedIndex[tuple[bytes], str] = SharedIndex(
    "strings_by_digest", Key(Fixed(STRING_DIGEST_BYTES)), lambda text: (string_digest(text),)
)
STRINGS: Table[tuple[int], str] = Table("strings", Key(U64), str, (STRINGS_BY_DIGEST,))
"""Texts that visits and days repeat, by number. `strings` reads and writes it, nobody else."""

STRING_USES: Table[tuple[int], list[int]] = Table("string_uses", Key(U64), list[int])
"""How often each is in rows, many numbers in a row: what is in none is gone."""

SIGHTINGS_BY_END: Index[tuple[int, int, bytes], Sighting] = Index(
    "sightings_by_end",
    Key(U64, U64, Fixed(VISITOR_BYTES)),
    lambda row: (row.until, row.link_id, row.visitor),
)
SIGHTINGS: Table[tuple[int, bytes], Sighting] = Table(
    "sightings", Key(U64, Fixed(VISITOR_BYTES)), Sighting, (SIGHTINGS_BY_END,)
)
"""By (link id, visitor): the last click of each visitor that counted as a unique one. Rows go when
their time is over, or their link."""

DEAD_LINKS: Table[tuple[int], bool] = Table("dead_links", Key(U64), bool)
"""Ids of links that are gone, or count unique visitors no longer, and of which `clicks.history`
still has rows: too many for the transaction that ended them."""

BALANCES: Table[tuple[str], Balance] = Table("balances", Key(TEXT), Balance)
"""Token buckets that are not full, by bucket key, which holds no address."""

DIGEST_BYTES = 32
REPEATS_BY_END: Index[tuple[int, str, bytes], Repeat] = Index(
    "repeats_by_end",
    Key(U64, TEXT, Fixed(DIGEST_BYTES)),
    lambda row: (row.until, row.caller, row.digest),
)
REPEATS: Table[tuple[str, bytes], Repeat] = Table(
    "repeats",
    Key(TEXT, Fixed(DIGEST_BYTES)),
    Repeat,
    (REPEATS_BY_END,),
    sizes=Sizes(lambda row: row.caller, hold),
)
"""By (caller, digest of the Idempotency-Key). `limits.repeats` writes it, nobody else."""

REPEAT_BYTES: Table[tuple[str], int] = Table("repeat_bytes", Key(TEXT), int)
"""What those rows take, of each caller, and of all of them under `EVERYBODY`."""

AUDIT: Table[tuple[int, int], AuditEntry] = Table("audit", Key(U64, U32), AuditEntry)
"""What operators did, by (time in µs, number among those of that time): oldest first.
`upkeep.audit` writes it, nobody else. Names in it outlive the accounts that had them."""

PLUGIN_ROWS: Table[tuple[str, str, str], PluginRow] = Table(
    "plugin_rows", Key(TEXT, TEXT, ANY_TEXT), PluginRow
)
"""Plugins' own tables, by (plugin, table, key). `store.plugin_rows` writes it, nobody else."""

PLUGIN_USES: Table[tuple[str, str], PluginUse] = Table("plugin_uses", Key(TEXT, TEXT), PluginUse)
"""What they come to, by (plugin, table); of all of a plugin's, by (plugin, "")."""
PLUGIN_EVENTS: Table[tuple[str, str, int], PluginEvent] = Table(
    "plugin_events", Key(TEXT, TEXT, U64), PluginEvent, watched=True
)
"""What `async def` observe hooks are still to hear of, by (plugin, what it is about, serial): what
is about one thing is told in the order of the serials. `plugin_runtime.outbox` writes it."""

PLUGIN_BACKLOGS: Table[tuple[str], PluginBacklog] = Table(
    "plugin_backlogs", Key(TEXT), PluginBacklog, watched=True
)
"""What there is of them, by plugin."""

PLUGIN_DAYS: Table[tuple[str], PluginDays] = Table("plugin_days", Key(TEXT), PluginDays)
"""When daily jobs ran, by plugin."""

CREDENTIALS: tuple[Table[Any, Any], ...] = (
    TOKENS,
    GRANTS,
    API_KEYS,
    IDENTITIES,
    LOGIN_LINKS,
    PASSKEYS,
    CODES,
    KNOWN_CLIENTS,
)
"""What opens an account beside its password, or makes opening it easier, each under the account's
userid. `accounts.credentials` ends them together."""

TABLES: tuple[Table[Any, Any], ...] = (
    META,
    POSITIONS,
    HOSTS,
    ACCOUNTS,
    HOLDINGS,
    TOKENS,
    IDENTITIES,
    LOGIN_LINKS,
    PASSKEYS,
    SECOND_FACTORS,
    PREFERENCES,
    KNOWN_CLIENTS,
    CODES,
    OUTBOX,
    MAIL_HISTORIES,
    MAIL_TRAFFIC,
    API_KEYS,
    GRANTS,
    GRANT_TOKENS,
    TEAMS,
    MEMBERS,
    INVITATIONS,
    CAMPAIGNS,
    TEAM_TRACKERS,
    LINK_TRACKERS,
    DOMAINS,
    LINKS,
    FORMER_LINKS,
    IMPORTED,
    BLOCKED_PATTERNS,
    REPORTS,
    REPORT_MAILS,
    UPLOADS,
    FILES,
    BUNDLES,
    FILE_PARTS,
    BOXES,
    BOX_ITEMS,
    DEAD_BLOBS,
    DEAD_FILES,
    STORED_BYTES,
    SECRETS,
    COUNTS,
    DAY_STATS,
    VISITS,
    VISITS_DUE,
    STRINGS,
    STRING_USES,
    SIGHTINGS,
    DEAD_LINKS,
    BALANCES,
    REPEATS,
    REPEAT_BYTES,
    AUDIT,
    PLUGIN_ROWS,
    PLUGIN_USES,
    PLUGIN_EVENTS,
    PLUGIN_BACKLOGS,
    PLUGIN_DAYS,
)
