"""Everything that is ever in the database, on one page.

Keys are tuples (see `keys`); values are the Structs of `shortd.models`. A change of shape
that old rows cannot be read with raises SCHEMA_VERSION and adds a step to `migrations`.
"""

from __future__ import annotations

from typing import Any

from shortd.models import (
    Account,
    Balance,
    Counts,
    DayStats,
    File,
    FilePart,
    Host,
    Link,
    Mail,
    MailedCode,
    MailHistory,
    Position,
    Token,
    Upload,
    Visit,
)
from shortd.store.keys import I64, TEXT, U32, U64, Fixed, Key
from shortd.store.table import Index, Table

SCHEMA_VERSION = 1

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

LINKS_BY_ID: Index[tuple[int], Link] = Index("links_by_id", Key(U64), lambda row: (row.id,))
LINKS_BY_OWNER: Index[tuple[str, int, int, int], Link] = Index(
    "links_by_owner",
    Key(TEXT, U64, U64, I64),
    lambda row: (row.owner, row.utime, row.id, row.tag),
)
"""In order of creation. The tag stands last so that filters need no row."""
LINKS: Table[tuple[int, str], Link] = Table(
    "links", Key(U32, TEXT), Link, (LINKS_BY_ID, LINKS_BY_OWNER), watched=True
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
own secret is derived from."""

COUNTS: Table[tuple[int], Counts] = Table("counts", Key(U64), Counts)
"""By link id."""

DAY_STATS: Table[tuple[int, int], DayStats] = Table("day_stats", Key(U64, U32), DayStats)
"""By (link id, days since 1970-01-01 UTC)."""

VISITS: Table[tuple[int, int], Visit] = Table("visits", Key(U64, U64), Visit)
"""By (link id, serial): oldest first."""

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
    BALANCES,
)
