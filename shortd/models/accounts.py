"""Rows about accounts, their logins and keys."""

from __future__ import annotations

from enum import IntEnum, StrEnum

import msgspec

from shortd.models.common import ACCOUNT_NEVER, NEVER

ANONYMOUS = "@anonymous"
"""Userid of the account that links belong to which were made without one. The form of a userid
forbids it to callers, and no username or e-mail address can be like it."""


DELETED = "@deleted"
"""Userid that a link has as its owner once it is deleted and until that cannot be undone any more.
No account has it, so that the link exists for nobody."""


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


class HashScheme(IntEnum):
    """By what a password was hashed."""

    ARGON2ID = 0
    BCRYPT = 1
    """Of a link that came from elsewhere: `passes` is its cost, salt and digest as they are
    spelled."""


class PasswordHash(msgspec.Struct, array_like=True, frozen=True):
    """Argon2id digests of one person's password under one salt.

    `digests` holds one entry per client-side derivation (docs/deviations.md): the documents
    show two, and either opens the account. Sharing the salt keeps a login at one Argon2id.
    """

    salt: bytes
    memory_kib: int
    passes: int
    digests: tuple[bytes, ...]
    scheme: HashScheme = HashScheme.ARGON2ID


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
    operator: bool = False
    """Whether the operator's pages are its. Set by the command line alone."""
    clients: tuple[str, ...] = ()
    """Of a temporary one: who made it, by the keys that its client has among the holdings."""


class Token(msgspec.Struct, array_like=True, frozen=True):
    """A v2 login. Stored under the SHA-256 of the token, never the token itself."""

    userid: str
    create_utime: int
    expiration_utime: int
    user_agent: str = ""
    address: str = ""
    """From where it was opened, as `[clicks] ip` lets addresses be kept."""
    use_utime: int = 0
    """When it was last used, within an hour; 0 if not since it was opened."""
    proof_utime: int = 0
    """When its owner last proved himself again; 0 if not since it was opened."""
    vouched: bool = False
    """Whether it was opened on another's word, an issuer's, who asks for factors of his own."""
    issuer: str = ""
    """Whose word, by the name that the settings give the issuer; empty for none."""


class Identity(msgspec.Struct, array_like=True, frozen=True):
    """Who an account is at an issuer, or to the proxy: whoever that is may open it."""

    userid: str
    digest: bytes
    """SHA-256 of the three below: a subject may be longer than a key of the database."""
    voucher: str
    """"oidc", "proxy" or "plugin"."""
    issuer: str
    """As it calls itself; a plugin by its name, empty for the proxy."""
    subject: str
    called: str
    """What its owner may know it by: the address or name there when it was last used."""
    create_utime: int
    use_utime: int = 0
    """When it was last used, within an hour; 0 if never."""


class LoginLink(msgspec.Struct, array_like=True, frozen=True):
    """A link by which the operator lets somebody in, once."""

    digest: bytes
    """SHA-256 of its secret."""
    until: int
    """Unix µs."""


class Passkey(msgspec.Struct, array_like=True, frozen=True):
    """A WebAuthn credential that opens an account by itself."""

    id: str
    """By which its owner names it."""
    userid: str
    credential: bytes
    """Attested credential data (WebAuthn 6.5.1): model, credential id and public key."""
    digest: bytes
    """SHA-256 of the credential id, which is longer than a key of the database may be."""
    name: str
    create_utime: int
    counter: int = 0
    """Signatures so far, as far as the authenticator counts them."""
    use_utime: int = 0
    """When it was last used; 0 if never."""
    doubt_utime: int = 0
    """When its counter went back, as a copy's does: it has opened nothing since. 0 if never."""


class SecondFactor(msgspec.Struct, array_like=True, frozen=True):
    """What an account has to prove beside its password, and what passkeys know it by."""

    handle: bytes
    """The account in the eyes of authenticators: random, and told to nobody else."""
    secret: bytes = b""
    """Of the codes of an authenticator app; empty for none."""
    create_utime: int = 0
    """Since when there is one."""
    step: int = -1
    """The latest time step whose code was used: none before it is good any more."""
    recovery: tuple[bytes, ...] = ()
    """Digests of the recovery codes that are left."""
    waiting: bytes = b""
    """A secret that is being set up, and no code has come for yet."""
    waiting_utime: int = 0


class Theme(StrEnum):
    """Colours of pages."""

    AUTO = "auto"
    """As the browser wants them."""
    LIGHT = "light"
    DARK = "dark"


class TagLook(msgspec.Struct, array_like=True, frozen=True):
    """How an account wants one of its tags."""

    color: int = 0
    """From 1 to `TAG_COLORS`; 0 is one that comes from the name."""
    name: str = ""
    """Of a bit of v2's tag; a text is its own name."""


TAG_COLORS = 6


class Preferences(msgspec.Struct, array_like=True, frozen=True):
    """How an account wants its pages."""

    language: str = ""
    """Code of a catalogue; empty for what the browser asks for."""
    theme: Theme = Theme.AUTO
    keys: bool = True
    """Whether single keys do something."""
    qr: dict[str, str] = {}
    """The look that QR images have at first, as their address has it: field to value."""
    tags: dict[str, TagLook] = {}
    """By the tag's text."""
    bits: dict[int, TagLook] = {}
    """By the number of a bit of v2's tag, from 0."""


class KnownClient(msgspec.Struct, array_like=True, frozen=True):
    """From where an account was logged in to, under a hash of the address."""

    utime: int
    """When it was last."""


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
    use_utime: int = 0
    """When it was last used, within an hour; 0 if never."""


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
