"""What the pages for accounts show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from shortd.models.accounts import ApiKey, Preferences
from shortd.models.common import NEVER
from shortd.web.forms import Form, filled

KEPT_BYTES = 16 << 10
"""Of a form that is kept; it is sent inside another one, where it may be three times as long."""
KEPT_FIELDS = 200
KEPT_ADDRESS = 4096


class Kept(msgspec.Struct, frozen=True):
    """A form that waits for who has typed it to sign in again."""

    action: str
    """Its address below ours, with its query."""
    body: str
    """Its fields, as a browser has sent them."""

    @property
    def fields(self) -> list[tuple[str, str]]:
        """Names and values, in their order. ValueError if they are too many."""
        return parse_qsl(self.body, keep_blank_values=True, max_num_fields=KEPT_FIELDS)


class SignPage(msgspec.Struct, frozen=True, kw_only=True):
    """account/login.html, signup.html and forgot.html."""

    form: Form[Any]
    next: str = ""
    """Where to go on; empty for the list of links."""
    along: int = 0
    """Links that were made in this browser without an account."""
    is_open: bool = False
    """Whether others could read what is sent from here."""
    kept: Kept | None = None
    takes_signups: bool = True
    takes_passwords: bool = True
    """Whether a password opens anything here."""
    issuers: Sequence[tuple[str, str]] = ()
    """Names in addresses and labels of those that people may sign in by."""
    offers: Sequence[tuple[str, str]] = ()
    """Addresses and labels of what plugins offer to sign in by."""
    named: str = ""
    """Whom the proxy names, if no account is linked to that."""
    sends_mail: bool = True
    passkey: str = ""
    """What the browser is asked for who has one, as JSON; empty where nobody has."""


class CodePage(msgspec.Struct, frozen=True, kw_only=True):
    """account/code.html."""

    form: Form[Any]
    ticket: str
    """Names the sign-in that was begun."""
    next: str = ""
    kept: Kept | None = None
    takes_code: bool = True
    """Whether there are codes; else only a passkey helps."""
    passkey: str = ""
    """As in `SignPage`."""


class PasskeyRow(msgspec.Struct, frozen=True, kw_only=True):
    """A passkey of an account."""

    id: str
    name: str
    created: int
    used: int
    """Unix time in µs; 0 if never."""
    is_doubted: bool
    """Whether its counter went back: it opens nothing any more."""


class FactorsPage(msgspec.Struct, frozen=True, kw_only=True):
    """account/second_factor.html."""

    is_proven: bool
    """Whether who asks has proved himself lately; else nothing can be changed yet."""
    is_due: bool
    """Whether nothing else can be done before this."""
    is_demanded: bool
    has_app: bool
    since: int
    codes_left: int
    passkeys: Sequence[PasskeyRow]
    most_passkeys: int
    creation: str = ""
    """What the browser is asked for a new passkey, as JSON; empty where it cannot have one."""
    has_passkeys: bool = True
    """Whether browsers have any for pages like these."""
    secret: str = ""
    """That is being set up, in groups of four."""
    qr: str = ""
    """The same for an app's camera: an image as a data URI."""
    codes: Sequence[str] = ()
    """Recovery codes, this once."""
    forms: dict[str, Form[Any]] = {}
    """Those that were refused, by the last part of their address."""

    def form(self, name: str) -> Form[Any]:
        return self.forms.get(name) or filled()


class FaultPage(msgspec.Struct, frozen=True, kw_only=True):
    """account/sign_in_failed.html."""

    said: str
    change: str
    """What is to be done about it."""
    detail: str
    """What was found, in English."""
    id: str
    """Under which it stands in the log."""
    begins: str
    """The address where it can be tried again."""
    label: str
    """Of who should have said who he is."""
    callback: str
    """The address that an issuer has to know; empty where there is none."""
    next: str = ""
    is_in: bool = False


class SignedOutPage(msgspec.Struct, frozen=True, kw_only=True):
    """account/signed_out.html."""

    issuer: str = ""
    """By which he had come; empty for none."""
    label: str = ""


class LoginLinkPage(msgspec.Struct, frozen=True, kw_only=True):
    """account/login_link.html."""

    link: str
    """Empty for one that opens nothing any more."""


class ConfirmPage(msgspec.Struct, frozen=True, kw_only=True):
    """account/confirm.html."""

    form: Form[Any]
    next: str
    name: str
    """What the account is called."""
    has_password: bool
    issuers: Sequence[tuple[str, str]]
    """Those that the account is linked to."""
    offers: Sequence[tuple[str, str]] = ()
    """Addresses and labels of buttons of plugins that have signed this account in."""
    passkey: str = ""
    """What the browser is asked for one of the account's passkeys, as JSON; empty for none."""
    is_open: bool = False


class WayRow(msgspec.Struct, frozen=True, kw_only=True):
    """Who an account is at an issuer, or to the proxy."""

    id: str
    label: str
    """Of the issuer; empty for the proxy."""
    called: str
    created: int
    used: int
    """Unix time in µs, within an hour; 0 if never."""


class SignedInRow(msgspec.Struct, frozen=True, kw_only=True):
    """A login of an account."""

    id: str
    client: str
    """Its program and system, such as "Firefox, Windows"; empty if it named none."""
    address: str
    created: int
    used: int
    """Unix time in µs, within an hour."""
    is_own: bool


class Meter(msgspec.Struct, frozen=True, kw_only=True):
    """A limit, and how much of it is used."""

    label: str
    said: str
    """The same in words."""
    percent: int | None = None
    """Of the bar; None for none."""


class AccountPage(msgspec.Struct, frozen=True, kw_only=True):
    """account/page.html."""

    username: str
    email: str
    is_verified: bool
    kind: str
    created: int
    logins: Sequence[SignedInRow]
    preferences: Preferences
    languages: Sequence[tuple[str, str]]
    """Codes and names."""
    meters: Sequence[Meter]
    has_password: bool = True
    """Whether its owner proves himself by one."""
    takes_passwords: bool = True
    """Whether one opens anything here."""
    is_proven: bool = False
    """Whether he has proved himself within the last ten minutes."""
    is_proxied: bool = False
    ways: Sequence[WayRow] = ()
    issuers: Sequence[tuple[str, str]] = ()
    """Names in addresses and labels of those that could be linked."""
    forms: dict[str, Form[Any]] = {}
    """Those that were refused, by the last part of their address."""
    is_open: bool = False
    sends_mail: bool = True

    @property
    def name(self) -> str:
        """What has to be typed to delete it."""
        return self.username or self.email

    def form(self, name: str) -> Form[Any]:
        return self.forms.get(name) or filled()


class KeysPage(msgspec.Struct, frozen=True, kw_only=True):
    """account/keys.html."""

    keys: Sequence[ApiKey]
    form: Form[Any]
    now: int
    username: str
    made: str = ""
    """A new key in the clear, this once."""
    made_name: str = ""
    userid: str = ""
    token: str = ""
    """Of a new login for a program, this once."""
    never: int = NEVER
    """When a key ends that does not."""
