"""Everything that is ever in the database, on one page.

Keys are tuples (see `keys`); values are the Structs of `shortd.models`. A change of shape
that old rows cannot be read with raises SCHEMA_VERSION and adds a step to `migrations`.
"""

from __future__ import annotations

from typing import Any

from shortd.ids import DRAWN_IDS, base62_encode
from shortd.models import (
    VISITOR_BYTES,
    Account,
    ApiKey,
    Balance,
    Campaign,
    Counts,
    DayStats,
    Domain,
    DomainStatus,
    File,
    FilePart,
    Grant,
    GrantToken,
    Host,
    Invitation,
    Link,
    LinkTracker,
    Mail,
    MailedCode,
    MailHistory,
    Member,
    Position,
    Sighting,
    Team,
    TeamTracker,
    Token,
    Upload,
    Visit,
)
from shortd.store.index import Count, ImpliedIndex, Index
from shortd.store.keys import I64, TEXT, U32, U64, Fixed, Key
from shortd.store.table import Table

SCHEMA_VERSION = 2

META: Table[tuple[str], int] = Table("meta", Key(TEXT), int)
"""`("schema_version",)`."""

POSITIONS: Table[tuple[str], Position] = Table("positions", Key(TEXT), Position)
"""`("journal",)`: how far the click journal is drained."""

HOSTS: Table[tuple[str], Host] = Table("hosts", Key(TEXT), Host)
"""Short hosts that were ever configured, by name (`host` or `host:port`)."""

ACCOUNTS_BY_EMAIL: Index[tuple[str], Account] = Index(
    "accounts_by_email", Key(TEXT), lambda row: (row.email.casefold(),) if row.email else None
)
ACCOUNTS_BY_USERNAME: Index[tuple[str], Account] = Index(
    "accounts_by_username",
    Key(TEXT),
    lambda row: (row.username.casefold(),) if row.username else None,
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

TOKENS: Table[tuple[str, bytes], Token] = Table("tokens", Key(TEXT, Fixed(32)), Token)
"""By (userid, SHA-256 of the token): one prefix holds all logins of an account."""

CODES: Table[tuple[str, str], MailedCode] = Table("codes", Key(TEXT, TEXT), MailedCode)
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
OUTBOX: Table[tuple[str, str], Mail] = Table(
    "outbox", Key(TEXT, TEXT), Mail, (OUTBOX_BY_NEXT, OUTBOX_BY_CREATION)
)
"""Mails that wait to be sent, and those that were given up, by (userid, purpose). The indexes
hold the waiting ones alone."""

MAIL_HISTORIES: Table[tuple[str, str], MailHistory] = Table(
    "mail_histories", Key(TEXT, TEXT), MailHistory
)
"""By (address, case-folded; purpose)."""
API_KEYS_BY_DIGEST: Index[tuple[bytes], ApiKey] = Index(
    "api_keys_by_digest", Key(Fixed(32)), lambda row: (row.digest,)
)
API_KEYS: Table[tuple[str, str], ApiKey] = Table(
    "api_keys", Key(TEXT, TEXT), ApiKey, (API_KEYS_BY_DIGEST,)
)
"""By (userid, id)."""

GRANTS: Table[tuple[str, str], Grant] = Table("grants", Key(TEXT, TEXT), Grant)
"""Logins of v1, by (userid, id of the grant)."""

GRANT_TOKENS: Table[tuple[bytes], GrantToken] = Table("grant_tokens", Key(Fixed(32)), GrantToken)
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
INVITATIONS: Table[tuple[str], Invitation] = Table(
    "invitations", Key(TEXT), Invitation, (INVITATIONS_BY_TEAM, INVITATIONS_BY_GUEST)
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
    """The encoded address that a link's id spells on the first host (NOTES "id and code")."""
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
    lambda row: (row.extras.team, row.utime, row.id) if row.extras and row.extras.team else None,
)
"""Without those of owners' own teams, which are in LINKS_BY_OWNER."""
LINKS_BY_MEMBER: Index[tuple[str, str, int], Link] = Index(
    "links_by_member",
    Key(TEXT, TEXT, U64),
    lambda row: (row.extras.team, row.owner, row.id) if row.extras and row.extras.team else None,
)
"""The same, by who made them."""
LINKS_BY_CAMPAIGN: Index[tuple[str, int, int], Link] = Index(
    "links_by_campaign",
    Key(TEXT, U64, U64),
    lambda row: (
        (row.extras.campaign, row.utime, row.id) if row.extras and row.extras.campaign else None
    ),
)
LINKS_PER_TEAM: Count[tuple[str], Link] = Count(
    "links_per_team",
    Key(TEXT),
    lambda row: (row.extras.team,) if row.extras and row.extras.team else (row.owner,),
)
"""By team, or by userid for the owner's own team."""
LINKS_PER_CAMPAIGN: Count[tuple[str], Link] = Count(
    "links_per_campaign",
    Key(TEXT),
    lambda row: (row.extras.campaign,) if row.extras and row.extras.campaign else None,
)
LINKS: Table[tuple[int, str], Link] = Table(
    "links",
    LINK_KEY,
    Link,
    (LINKS_BY_ID, LINKS_BY_OWNER, LINKS_BY_TEAM, LINKS_BY_MEMBER, LINKS_BY_CAMPAIGN),
    counts=(LINKS_PER_TEAM, LINKS_PER_CAMPAIGN),
    watched=True,
)
"""By (host number, code): a redirect is one read."""

UPLOADS_BY_OWNER: Index[tuple[str, str], Upload] = Index(
    "uploads_by_owner", Key(TEXT, TEXT), lambda row: (row.owner, row.filekey)
)
UPLOADS: Table[tuple[str], Upload] = Table("uploads", Key(TEXT), Upload, (UPLOADS_BY_OWNER,))
"""Files that are still coming, by filekey."""

FILES: Table[tuple[str], File] = Table("files", Key(TEXT), File, watched=True)
"""Finished files, by filekey."""

FILE_PARTS_BY_BLOB: Index[tuple[str], FilePart] = Index(
    "file_parts_by_blob", Key(TEXT), lambda row: (row.blob,)
)
FILE_PARTS: Table[tuple[str, int], FilePart] = Table(
    "file_parts", Key(TEXT, U32), FilePart, (FILE_PARTS_BY_BLOB,)
)
"""By (filekey, part number), of uploads and files alike."""

DEAD_BLOBS: Table[tuple[str], bool] = Table("dead_blobs", Key(TEXT), bool)
"""Blobs that no part refers to any more, by name. They are deleted from disk after the
transaction that put them here, and then from here."""

STORED_BYTES: Table[tuple[str], int] = Table("stored_bytes", Key(TEXT), int)
"""Bytes on disk of all parts of an account, by userid."""

SECRETS: Table[tuple[str], bytes] = Table("secrets", Key(TEXT), bytes)
"""`("file_addresses",)`: the key that signs download addresses. `("plugins",)`: what each plugin's
own secret is derived from. `("visitors",)`: the key under which visitors are known again.
`("link_passwords",)`: the key that signs what a link's password opens."""

COUNTS: Table[tuple[int], Counts] = Table("counts", Key(U64), Counts)
"""By link id. Has a link's latest day and newest visits as well, as `shortd.history` keeps them."""

DAY_STATS: Table[tuple[int, int], DayStats] = Table("day_stats", Key(U64, U32), DayStats)
"""By (link id, days since 1970-01-01 UTC). `shortd.history` reads and writes it, nobody else."""

VISITS: Table[tuple[int, int], Visit] = Table("visits", Key(U64, U64), Visit)
"""By (link id, serial): oldest first. `shortd.history` reads and writes it, nobody else."""

SIGHTINGS_BY_END: Index[tuple[int, int, bytes], Sighting] = Index(
    "sightings_by_end",
    Key(U64, U64, Fixed(VISITOR_BYTES)),
    lambda row: (row.until, row.link_id, row.visitor),
)
SIGHTINGS: Table[tuple[int, bytes], Sighting] = Table(
    "sightings", Key(U64, Fixed(VISITOR_BYTES)), Sighting, (SIGHTINGS_BY_END,)
)
"""By (link id, visitor): the last click of each visitor that counted as a unique one. Rows go when
their time is over, those of deleted links as well."""

BALANCES: Table[tuple[str], Balance] = Table("balances", Key(TEXT), Balance)
"""Token buckets that are not full, by bucket key."""

TABLES: tuple[Table[Any, Any], ...] = (
    META,
    POSITIONS,
    HOSTS,
    ACCOUNTS,
    TOKENS,
    CODES,
    OUTBOX,
    MAIL_HISTORIES,
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
    UPLOADS,
    FILES,
    FILE_PARTS,
    DEAD_BLOBS,
    STORED_BYTES,
    SECRETS,
    COUNTS,
    DAY_STATS,
    VISITS,
    SIGHTINGS,
    BALANCES,
)
