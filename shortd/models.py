"""The rows shortd keeps, as msgspec Structs.

They are stored as msgpack arrays, so fields are positional on disk: a new field goes last
and has a default, and no field is ever removed or moved. Times are Unix time in µs.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum

import msgspec

from shortd.clock import MINUTE

NEVER = 576_460_752_303_423_487
"""`expiration_utime` of an entry without one (0x7ffffffffffffff in the v2 document)."""
DAY_MINUTES = 1440
"""The unique window of a link that needs one and was given none."""
ACCOUNT_NEVER = 9_223_372_036_854_775_807
"""`expiration_utime` of an account that does not expire."""
ANONYMOUS = "@anonymous"
"""Userid of the account that links belong to which were made without one. The form of a userid
forbids it to callers, and no username or e-mail address can be like it."""


class AccountType(StrEnum):
    """The account types of ww7 v2, each with its own section under [limits], and that of the one
    account `ANONYMOUS`."""

    TEMPORARY = "temporary"
    REGISTERED = "registered"
    VERIFIED = "verified"
    CUSTOM = "custom"
    ANONYMOUS = "anonymous"

    @property
    def is_registered(self) -> bool:
        """Whether somebody signed up for it."""
        return self not in (AccountType.TEMPORARY, AccountType.ANONYMOUS)


class PasswordHash(msgspec.Struct, array_like=True, frozen=True):
    """Argon2id digests of one person's password under one salt.

    `digests` holds one entry per client-side derivation (NOTES "Accounts"): the documents
    show two, and either opens the account. Sharing the salt keeps a login at one Argon2id.
    """

    salt: bytes
    memory_kib: int
    passes: int
    digests: tuple[bytes, ...]


class Account(msgspec.Struct, array_like=True, frozen=True):
    """An account. A temporary one has no e-mail, no password, and its id is its credential."""

    userid: str
    type: AccountType
    create_utime: int
    expiration_utime: int = ACCOUNT_NEVER
    email: str = ""
    username: str = ""
    email_verified: bool = False
    password: PasswordHash | None = None
    locked: bool = False
    """By the operator: its links answer 404, its tokens and keys 403."""


class Token(msgspec.Struct, array_like=True, frozen=True):
    """A v2 login. Stored under the SHA-256 of the token, never the token itself."""

    userid: str
    create_utime: int
    expiration_utime: int


class MailPurpose(StrEnum):
    """What a mailed code is good for."""

    VERIFY = "verify"
    RESET = "reset"


class MailedCode(msgspec.Struct, array_like=True, frozen=True):
    """A code that was mailed, stored under (userid, purpose): a newer one takes its place."""

    digest: bytes
    """SHA-256 of the code, never the code itself."""
    email: str
    """Where it was mailed to; it means nothing once the account has another address."""
    expiration_utime: int
    attempts: int = 0
    """How often somebody named a code, rightly or wrongly."""
    used: bool = False
    """It has done its work, and does it no more."""


class Mail(msgspec.Struct, array_like=True, frozen=True):
    """A mail of the outbox, stored under (userid, purpose). Its text is made when it is sent."""

    id: str
    userid: str
    purpose: MailPurpose
    recipient: str
    code: str
    """In the clear until the mail is delivered; empty once it is given up."""
    create_utime: int
    next_utime: int
    """When to try next."""
    attempts: int = 0
    reason: str = ""
    """Why the last attempt failed."""
    given_up_utime: int = 0
    """0 while it waits."""


class MailHistory(msgspec.Struct, array_like=True, frozen=True):
    """When an address was last sent mails of one purpose, the newest last."""

    utimes: tuple[int, ...] = ()


class Scope(StrEnum):
    """What an API key allows."""

    READ = "read"
    WRITE = "write"


class ApiKey(msgspec.Struct, array_like=True, frozen=True):
    """An API key, by its SHA-256: the key itself is never stored."""

    id: str
    userid: str
    digest: bytes
    name: str
    scopes: tuple[Scope, ...]
    create_utime: int
    expiration_utime: int = NEVER


class Grant(msgspec.Struct, array_like=True, frozen=True):
    """What came of one v1 login: the pair of tokens that is valid now, by their SHA-256. Each
    refresh puts another pair in its place; without this row none of its tokens mean anything.
    """

    userid: str
    api_key: str
    """Id of the key that opened it; it ends with the key."""
    create_utime: int
    access: bytes
    access_utime: int
    """When the access token ends."""
    refresh: bytes
    refresh_utime: int


class GrantToken(msgspec.Struct, array_like=True, frozen=True):
    """To which grant a v1 token belongs, current or not. Stored under its SHA-256."""

    userid: str
    grant: str
    expiration_utime: int


class Role(StrEnum):
    """What somebody is in a team."""

    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"


class Team(msgspec.Struct, array_like=True, frozen=True):
    """A team. An account's own team has no row until it is named or has a member."""

    id: str
    code: str
    name: str
    create_utime: int
    account: str = ""
    """Whose own team it is; he is its owner without being among its members."""


class Member(msgspec.Struct, array_like=True, frozen=True):
    """Somebody's place in a team, stored under (team, userid)."""

    team: str
    userid: str
    role: Role
    join_utime: int


class Invitation(msgspec.Struct, array_like=True, frozen=True):
    """A place in a team that somebody may take: an account, or who has an e-mail address."""

    id: str
    team: str
    role: Role
    create_utime: int
    expiration_utime: int
    userid: str = ""
    email: str = ""
    """Case-folded."""


class Campaign(msgspec.Struct, array_like=True, frozen=True):
    """What a team puts links under."""

    id: str
    team: str
    code: str
    name: str
    create_utime: int


class TeamTracker(msgspec.Struct, array_like=True, frozen=True):
    """A tracker that a team keeps to copy it to links."""

    id: str
    team: str
    provider: str
    """As the plugin `trackers` names it."""
    code: str
    """The team's id at the provider."""
    name: str
    create_utime: int


class LinkTracker(msgspec.Struct, array_like=True, frozen=True):
    """The v1 id of a tracker that stands in a link's data of the plugin `trackers`."""

    id: str
    link_id: int
    provider: str
    code: str
    create_utime: int


class DomainStatus(StrEnum):
    """How far a team has come with a domain."""

    PENDING = "pending"
    """Not shown to be the team's yet."""
    ACTIVE = "active"
    """Answers."""
    ENDED = "ended"
    """Answered once; kept for the links that were made there."""


class Domain(msgspec.Struct, array_like=True, frozen=True):
    """A domain that a team brought along."""

    id: str
    team: str
    name: str
    """In ASCII, lower case, without a final dot."""
    token: str
    """What a TXT record has to hold."""
    create_utime: int
    status: DomainStatus = DomainStatus.PENDING
    number: int = -1
    """Its host number, once it has answered; no other host ever has it."""
    active_utime: int = 0


class Host(msgspec.Struct, array_like=True, frozen=True):
    """A short host's permanent number; link keys carry the number, so a host can be renamed."""

    number: int
    base_url: str


class LinkExtras(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What a link of Shorten World v1 or sqwish has beyond those of ww7 v2."""

    team: str = ""
    """Id of the team it belongs to; empty: its owner's own team."""
    campaign: str = ""
    """Id of its campaign, if any."""
    title: str = ""
    tags: str = ""
    """As v1 has them: one string."""
    hidden: bool = False
    password: PasswordHash | None = None
    """A visitor has to name it first."""
    unique_minutes: int = 0
    """A visitor's clicks within so many minutes count as one (`clickType` 1); 0: all count,
    unless `counts_unique`."""
    utm: tuple[str, str, str, str, str] | None = None
    """utm_source, utm_medium, utm_campaign, utm_term, utm_content; empty ones are not set."""
    date_fallback: str = ""
    """Where visits go once `expiration_utime` has come; empty: nowhere."""
    count_fallback: str = ""
    """Where visits go once `expiration_count` is reached."""
    counts_unique: bool = False
    """`expiration_count` counts unique clicks."""

    @property
    def unique_window(self) -> int:
        """µs in which a visitor's clicks count as one; 0 if each of them counts."""
        return (self.unique_minutes or self.counts_unique * DAY_MINUTES) * MINUTE


class Link(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A short link, stored under (host number, code)."""

    id: int
    owner: str
    host: int
    code: str
    url: str
    """What the client gave: the destination."""
    utime: int
    tag: int = 0
    enabled: bool = True
    expiration_utime: int = NEVER
    expiration_count: int = 0
    """Redirects allowed in all; 0 is no limit."""
    ascii_url: str = ""
    """The Location header where `url` itself cannot be one; else empty."""
    filekey: str = ""
    """The file a link shares; then `url` is the file's name."""
    plugins: dict[str, bytes] | None = None
    """Data of plugins by their names, each a msgpack map of the plugin's own Struct: a row can
    be read without the plugin. None where there is none."""
    extras: LinkExtras | None = None
    """None where there are none, as with all links of ww7 v2."""

    @property
    def location(self) -> str:
        """The Location header of its own destination."""
        return self.ascii_url or self.url


class Encryption(IntEnum):
    """How a file was encrypted before it came here."""

    NONE = 0
    AES_GCM = 1


class Upload(msgspec.Struct, array_like=True, frozen=True):
    """A file that is still coming in parts."""

    filekey: str
    owner: str
    filename: str
    filesize: int
    """Plain size in bytes, as announced."""
    filetype: str
    create_utime: int
    expiration_utime: int


class FilePart(msgspec.Struct, array_like=True, frozen=True):
    """One part of a file or of an upload: an immutable blob."""

    blob: str
    size: int
    """Bytes on disk."""
    sha256: bytes


class File(msgspec.Struct, array_like=True, frozen=True):
    """A finished file. Its parts are rows of their own."""

    owner: str
    filename: str
    filesize: int
    """Plain size in bytes."""
    filetype: str
    stored_size: int
    """Bytes on disk: larger than the plain size where the file is encrypted."""
    encryption: Encryption = Encryption.NONE
    challenge: str = ""
    """Hex; who can name it has decrypted the signature, and so knows the password."""
    signature: str = ""


class Sighting(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A visitor of a link whose click counted as a unique one."""

    link_id: int
    visitor: bytes
    """`VISITOR_BYTES`, from which nobody without this directory's secret learns who it was."""
    utime: int
    """When the click was."""
    until: int
    """When the visitor would count again under the terms of that moment; kept no longer."""


VISITOR_BYTES = 16


class Click(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One journal record: a visit to a link, or a load of its QR image."""

    link_id: int
    utime: int
    kind: int
    """`VISIT`, `QR_VISIT` or `QR_LOAD`."""
    address: str = ""
    """As [clicks] ip has it: full, truncated, or empty."""
    user_agent: str = ""
    referrer: str = ""
    language: str = ""
    choice: str = ""
    """"plugin:choice" of who decided where the visit went, and after a space that of who showed a
    page on the way; mostly empty."""
    is_repeat: bool = False
    """The visitor comes again within the link's unique window: no unique click."""
    sighting: Sighting | None = None
    """Whom to know again, where the link counts unique clicks and this is one."""


VISIT = 0
"""A redirect: counts in `count`."""
QR_VISIT = 1
"""A redirect from a tracked QR code: counts in `count` and `count_qr`."""
QR_LOAD = 2
"""A load of the QR image: counts in `count_qr` alone."""


class Counts(msgspec.Struct, array_like=True, frozen=True):
    """Drained totals of a link, and what else a usual click touches; `history` keeps it."""

    count: int = 0
    count_qr: int = 0
    visits: int = 0
    """Visits that are kept, in all."""
    visit_serial: int = 0
    """Serial of the next visit."""
    last_utime: int = 0
    """When the last visit was."""
    choices: dict[str, int] | None = None
    """Visits by "plugin:choice"; None where there are none."""
    unique: int = 0
    """Visits that were no repeats."""
    day: int = 0
    """The latest day that was clicked, in days since 1970-01-01 UTC."""
    day_stats: DayStats | None = None
    """Of that day; None if it has a row of its own."""
    newest: list[bytes] = []
    """The newest visits, encoded, oldest first; the others have rows of their own."""


class Visit(msgspec.Struct, array_like=True, frozen=True):
    """A recent visit, kept for [clicks] visit_days."""

    utime: int
    kind: int
    address: str
    user_agent: str
    referrer: str
    """Its host, or "Direct"."""
    language: str
    is_repeat: bool = False


class DayStats(msgspec.Struct, array_like=True, frozen=True):
    """One link's rollup of one UTC day; `rollups` knows how to read and how to add to it.

    `dimensions` maps a dimension ("source", "device", "os", …) to counts by value; a value
    with a part of its own (a version, a model) is spelled "value\\x1fpart". A day with few
    different clicks has none, and counts by `profiles` instead: the values of all dimensions in
    one string.
    """

    total: int = 0
    """Visits that were no repeats."""
    qr_loads: int = 0
    dimensions: dict[str, dict[str, int]] = {}
    profiles: dict[str, int] = {}


class Balance(msgspec.Struct, array_like=True, frozen=True):
    """A token bucket at rest: its level in millionths of a weight unit, as of `utime`."""

    level: int
    utime: int


class Position(msgspec.Struct, array_like=True, frozen=True, order=True):
    """A place in the click journal: the end of the record that was read last."""

    segment: int = 0
    offset: int = 0
