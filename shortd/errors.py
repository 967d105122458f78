"""The error catalogue: every refusal a caller can meet, on one page.

An `ErrorKind` is a row of the catalogue; calling it makes the exception to raise:

    raise errors.CODE_TAKEN(field="code")

Each API dialect renders a `ShortdError` in exactly one place. Nothing else turns an
exception into a response, and messages never contain a secret or another user's data.

Programs are told a refusal in English, pages say it in their reader's language. So what is said is
a constant, which catalogues can have, and its numbers and codes are values in named places:

    raise errors.INVALID_FIELD("At most %(most)s characters.", field="title", most=512)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

Words = Callable[[str], str]
"""The `gettext` of a language; `str` is that of English."""


class Sentence(msgspec.Struct, frozen=True):
    """What is said in English, and the values of its places `%(name)s`, which are never sentences
    themselves. A percent sign is a value, too."""

    text: str
    places: Mapping[str, object] = {}

    def said(self, words: Words) -> str:
        """In a language."""
        text = words(self.text)
        # Without places it may be somebody else's text, with percent signs as they come.
        return text % self.places if self.places else text

    def __str__(self) -> str:
        """In English."""
        return self.said(str)


class ShortdError(Exception):
    """A catalogued refusal. Nothing was changed by the call that raises it."""

    def __init__(
        self,
        kind: ErrorKind,
        sentence: Sentence,
        field: str | None,
        retry_after: float | None,
        english: str | None,
    ) -> None:
        self.message: str = english or str(sentence)
        """In English."""
        super().__init__(self.message)
        self.kind = kind
        self.sentence = sentence
        self.field = field
        """The input that it is about; None if it is about no one input."""
        self.retry_after = retry_after
        """Seconds until the same call may succeed, for 429 and 503."""

    def said(self, words: Words) -> str:
        """The message in a language; in English if that does not have it."""
        said = self.sentence.said(words)
        return self.message if said == str(self.sentence) else said

    @property
    def code(self) -> str:
        """As the catalogue (docs/api.md) has it."""
        return self.kind.code

    @property
    def status(self) -> int:
        """The HTTP status that goes with it."""
        return self.kind.status


class ErrorKind(msgspec.Struct, frozen=True):
    """One row of the catalogue: stable code, HTTP status, default message."""

    code: str
    status: int
    message: str

    def __call__(
        self,
        message: str | Sentence | None = None,
        /,
        *,
        field: str | None = None,
        retry_after: float | None = None,
        english: str | None = None,
        **places: object,
    ) -> ShortdError:
        """The exception to raise.

        `places` are the values of the message's. `english` is what is said in English instead,
        where a library has told more than catalogues can know.
        """
        sentence = message if isinstance(message, Sentence) else Sentence(message or "", places)
        if not sentence.text:
            sentence = Sentence(self.message)
        return ShortdError(self, sentence, field, retry_after, english)


# The request itself
BAD_JSON = ErrorKind("bad_json", 400, "The body is not a JSON object.")
MISSING_FIELD = ErrorKind("missing_field", 400, "A required field is missing.")
INVALID_FIELD = ErrorKind("invalid_field", 400, "A field has the wrong type or value.")
UNKNOWN_CALL = ErrorKind("unknown_call", 404, "There is no call of this name.")
NOT_FOUND = ErrorKind("not_found", 404, "There is nothing here.")
METHOD_NOT_ALLOWED = ErrorKind("method_not_allowed", 405, "This method is not allowed here.")
BODY_TOO_LARGE = ErrorKind("body_too_large", 413, "The request body is too large.")
CREDENTIALS_FIRST = ErrorKind(
    "credentials_first", 413, "A body so large has to begin with its credentials."
)
ANSWER_TOO_LARGE = ErrorKind(
    "answer_too_large", 413, "The answer would be too large; ask for less at once."
)
NOT_ALLOWED = ErrorKind("not_allowed", 403, "This address may not look here.")
BAD_REQUEST = ErrorKind("bad_request", 400, "The request cannot be understood.")
INVALID_IDEMPOTENCY_KEY = ErrorKind(
    "invalid_idempotency_key", 400, "An Idempotency-Key has 1 to 255 visible ASCII characters."
)
IDEMPOTENCY_KEY_REFUSED = ErrorKind(
    "idempotency_key_refused",
    400,
    "This call takes no Idempotency-Key: its answer is kept nowhere.",
)
IDEMPOTENCY_KEY_IN_USE = ErrorKind(
    "idempotency_key_in_use", 409, "A request with this Idempotency-Key is under way."
)
IDEMPOTENCY_KEY_REUSED = ErrorKind(
    "idempotency_key_reused", 422, "This Idempotency-Key was used for another request."
)
IDEMPOTENCY_KEYS_LIMITED = ErrorKind(
    "idempotency_keys_limited",
    429,
    "So many answers are kept for their Idempotency-Keys already; go on without, or wait.",
)
FOREIGN_FORM = ErrorKind("foreign_form", 403, "This was not sent by a page of this server.")

# Who is asking
TOKEN_REQUIRED = ErrorKind("token_required", 401, "A registered account needs its token.")
BAD_CREDENTIALS = ErrorKind("bad_credentials", 401, "The credentials are not valid.")
ACCOUNT_EXPIRED = ErrorKind("account_expired", 401, "This temporary account has expired.")
SIGNUP_CLOSED = ErrorKind("signup_closed", 403, "This server does not take new accounts.")
NOT_REGISTERED = ErrorKind("not_registered", 403, "This call needs a registered account.")
USERNAME_TAKEN = ErrorKind("username_taken", 409, "This username is in use.")
EMAIL_TAKEN = ErrorKind("email_taken", 409, "This e-mail address is in use.")
WRONG_CODE = ErrorKind("wrong_code", 403, "This code is wrong, used or too old; ask for a new one.")
ALREADY_VERIFIED = ErrorKind("already_verified", 409, "Your e-mail address is verified already.")
ACCOUNT_LOCKED = ErrorKind("account_locked", 403, "This account is locked.")
ACCOUNT_NOT_FOUND = ErrorKind("account_not_found", 404, "There is no such account.")
LOGIN_LIMITED = ErrorKind("login_limited", 429, "Too many failed logins; wait and try again.")
SECOND_FACTOR_REQUIRED = ErrorKind(
    "second_factor_required",
    403,
    "This account has a second factor: send its code along, or use an API key.",
)
PROOF_REQUIRED = ErrorKind(
    "proof_required", 403, "This needs a sign-in of the last ten minutes, or the password again."
)
PASSKEY_NOT_FOUND = ErrorKind("passkey_not_found", 404, "You have no such passkey.")
LAST_WAY = ErrorKind("last_way", 409, "Nothing else opens this account: add another way first.")
PASSWORD_OFF = ErrorKind("password_off", 403, "Passwords open nothing on this server.")
KEY_NOT_FOUND = ErrorKind("key_not_found", 404, "You have no such API key.")
SCOPE_REQUIRED = ErrorKind("scope_required", 403, "This API key does not allow this.")

# Teams
FORBIDDEN = ErrorKind("forbidden", 403, "Your role in the team does not allow this.")
TEAM_NOT_FOUND = ErrorKind("team_not_found", 404, "You are in no such team.")
TEAM_CODE_TAKEN = ErrorKind("team_code_taken", 409, "A team has this code already.")
TEAM_NOT_EMPTY = ErrorKind("team_not_empty", 409, "The team still has links.")
OWN_TEAM = ErrorKind("own_team", 409, "This is not possible with an account's own team.")
MEMBER_NOT_FOUND = ErrorKind("member_not_found", 404, "The team has no such member.")
ALREADY_MEMBER = ErrorKind("already_member", 409, "This account is in the team already.")
LAST_OWNER = ErrorKind("last_owner", 409, "A team needs an owner; make somebody else one first.")
INVITATION_NOT_FOUND = ErrorKind("invitation_not_found", 404, "There is no such invitation.")
CAMPAIGN_NOT_FOUND = ErrorKind("campaign_not_found", 404, "There is no such campaign.")
CAMPAIGN_CODE_TAKEN = ErrorKind("campaign_code_taken", 409, "A campaign has this code already.")
TRACKER_NOT_FOUND = ErrorKind("tracker_not_found", 404, "There is no such tracker.")
DOMAIN_NOT_FOUND = ErrorKind("domain_not_found", 404, "The team has no such domain.")
DOMAIN_TAKEN = ErrorKind("domain_taken", 409, "This domain is in use.")
DOMAIN_UNPROVEN = ErrorKind("domain_unproven", 409, "The domain's TXT record was not found.")

# Links
INVALID_URL = ErrorKind("invalid_url", 400, "This is not an http or https URL that can be used.")
URL_LOOPS = ErrorKind("url_loops", 400, "This URL leads back to this server.")
DESTINATION_BLOCKED = ErrorKind(
    "destination_blocked", 403, "This server makes no links that lead there."
)
DESTINATION_REFUSED = ErrorKind(
    "destination_refused", 403, "A check of this server refuses this destination."
)
INVALID_CODE = ErrorKind("invalid_code", 400, "This code cannot be used.")
CODE_RESERVED = ErrorKind("code_reserved", 400, "The server itself answers at this address.")
UNKNOWN_HOST = ErrorKind("unknown_host", 400, "This is not one of the hosts of this server.")
CODE_TAKEN = ErrorKind("code_taken", 409, "This code is in use.")
ENTRY_NOT_FOUND = ErrorKind("entry_not_found", 404, "You have no entry at this address.")
LINK_NOT_FOUND = ErrorKind("link_not_found", 404, "There is no link at this address.")
LINK_EXPIRED = ErrorKind("link_expired", 410, "This link has expired.")
LINK_HELD = ErrorKind("link_held", 403, "This link is being checked; try again later.")
LINK_NOT_HELD = ErrorKind("link_not_held", 409, "This link is not held for a check.")
LINK_PROTECTED = ErrorKind("link_protected", 403, "This link opens with its password alone.")
WRONG_PASSWORD = ErrorKind("wrong_password", 403, "This is not the link's password.")

# Data of other shorteners
SOURCE_UNREADABLE = ErrorKind("source_unreadable", 400, "The source could not be read.")

# Plugins
UNKNOWN_PLUGIN = ErrorKind("unknown_plugin", 404, "There is no plugin of this name.")
PLUGIN_FAILED = ErrorKind("plugin_failed", 503, "A plugin of this server failed.")
PLUGIN_STORE_FULL = ErrorKind(
    "plugin_store_full", 507, "A plugin has used up its room in the database."
)

# Files
BAD_FORM = ErrorKind("bad_form", 400, "The body is not a form with one `query` and one file.")
BAD_FILE = ErrorKind("bad_file", 400, "The file is not what its description says.")
UPLOAD_NOT_FOUND = ErrorKind("upload_not_found", 404, "You have no such upload.")
FILE_TOO_LARGE = ErrorKind("file_too_large", 413, "The file is larger than it may be.")
QUOTA_EXCEEDED = ErrorKind("quota_exceeded", 403, "Your account has no room for this file.")
BOX_NOT_FOUND = ErrorKind("box_not_found", 404, "You have no such box.")
BOX_CLOSED = ErrorKind("box_closed", 403, "This box takes nothing any more.")
BOX_FULL = ErrorKind("box_full", 403, "This box has no room for this file.")
NOT_A_FILE = ErrorKind("not_a_file", 400, "This short URL does not share an encrypted file.")
WRONG_CHALLENGE = ErrorKind("wrong_challenge", 403, "This is not the file's challenge.")
ADDRESS_EXPIRED = ErrorKind("address_expired", 403, "This download address is no longer valid.")

# The server's own limits
RATE_LIMITED = ErrorKind("rate_limited", 429, "Too many calls; wait and try again.")
MAIL_LIMITED = ErrorKind("mail_limited", 429, "Too many mails to this address; try again later.")
LINK_LIMITED = ErrorKind("link_limited", 429, "This link is visited too often; try again later.")
BUSY = ErrorKind("busy", 503, "The server is busy; try again in a moment.")
STORAGE_FULL = ErrorKind("storage_full", 507, "The server has no storage left.")
INTERNAL = ErrorKind("internal", 500, "An unexpected fault; it has been logged.")

CATALOGUE: dict[str, ErrorKind] = {
    kind.code: kind for kind in list(globals().values()) if isinstance(kind, ErrorKind)
}
