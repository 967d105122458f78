"""What the pages for visitors show: the first thing that each of their templates is given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from shortd.web.forms import Form

REPORT_PATH = "/-/report"
"""Of the page where links are reported."""


class PreviewFile(msgspec.Struct, frozen=True, kw_only=True):
    """What preview.html tells of a file."""

    encrypted: bool
    """Then nothing else of it is told."""
    name: str | None = None
    """None hides it, with its size and type."""
    size: int = 0
    """In bytes."""
    type: str = ""
    entries: int = 0
    """How many files it is, where it is several."""


class PreviewPage(msgspec.Struct, frozen=True, kw_only=True):
    """preview.html: where a short link leads, without going there."""

    short_url: str
    ending: str
    """Its code, escaped."""
    destination: str | None
    """Where browsers will be sent (`Location`); None hides it, and `host` is not shown."""
    host: str
    """`destination`'s host as the URL parser spells it, so in punycode; may have a port."""
    created: int
    """Unix time in µs."""
    qr_path: str
    """Path of the link's QR image on this host, such as `/abc.svg`."""
    file: PreviewFile | None = None
    """What the link shares, in place of a destination."""
    protected: bool = False
    """It opens with a password alone; then nothing is told of where it leads."""
    is_box: bool = False
    """It leads to the page on which files are sent to its owner."""
    report: str = ""
    """Where it is reported; empty where reports are not wanted."""

    @property
    def short_parts(self) -> tuple[str, str, str]:
        """The short URL as scheme (with "://"), host and code."""
        scheme, separator, rest = self.short_url.partition("://")
        return scheme + separator, rest.removesuffix(f"/{self.ending}"), self.ending

    @property
    def parts(self) -> tuple[str, str, str]:
        """The destination before, in and after its host."""
        text = self.destination or ""
        authority = text.find("://") + 3
        if not text.lower().startswith(self.host, authority):
            return text, "", ""
        end = authority + len(self.host)
        return text[:authority], text[authority:end], text[end:]

    @property
    def clickable(self) -> bool:
        """Whether the destination may be a link at all; an imported row is not ours."""
        return (self.destination or "").lower().startswith(("http://", "https://"))


class BoxPage(msgspec.Struct, frozen=True, kw_only=True):
    """box.html: the form by which files are sent to the owner of a box."""

    short_url: str
    name: str
    note: str
    """What its owner tells; empty for nothing."""
    action: str
    """Where the form goes; begins with "/-/box/"."""
    most: int
    """Bytes that one file may have here now."""
    files: int
    """How many files may still come."""
    types: Sequence[str] = ()
    """What it takes alone; none: all."""
    public_key: str = ""
    """Of an encrypted box, base64url-coded."""
    is_closed: bool = False
    sent: int = 0
    """How many files came just now."""
    fault: str = ""
    """Why the form comes back."""
    typed: str = ""
    """The note in it."""
    report: str = ""
    """Where the link is reported; empty where reports are not wanted."""

    @property
    def is_full(self) -> bool:
        return self.files <= 0 or self.most <= 0


class BundleFile(msgspec.Struct, frozen=True, kw_only=True):
    """One of several files under one link."""

    name: str
    size: int
    """In bytes."""
    path: str
    """Where it is fetched from."""


class BundlePage(msgspec.Struct, frozen=True, kw_only=True):
    """bundle.html: several files under one link, some at a time."""

    name: str
    size: int
    """Of all of them, in bytes."""
    count: int
    """Of all of them."""
    folders: Sequence[tuple[str, Sequence[BundleFile]]]
    """Those that are shown, in their order: each folder ("" is none) with what stands in it."""
    zip_path: str
    first: int
    """Number of the first that is shown, from 1."""
    last: int
    before: str = ""
    """Where those before them are shown; empty where there are none."""
    after: str = ""
    report: str = ""
    """Where the link is reported; empty where reports are not wanted."""


class PasswordPage(msgspec.Struct, frozen=True, kw_only=True):
    """password.html: asks for the password of a link, and sends it to `/-/open`."""

    short_url: str
    code: str
    query: str = ""
    """What of the visitor's query goes on with him."""
    referrer: str = ""
    """Where he came from, for the click that is still to come."""
    is_wrong: bool = False
    """He has named one that is not the link's."""
    report: str = ""
    """Where the link is reported; empty where reports are not wanted."""


class ReportPage(msgspec.Struct, frozen=True, kw_only=True):
    """report.html: asks what is wrong with a link."""

    form: Form[Any]
    reasons: Sequence[tuple[str, str]]
    """Values and their words."""
    most: int
    """Characters of a note."""


class MailedPage(msgspec.Struct, frozen=True, kw_only=True):
    """verify.html and reset.html: what the link in a mail says, to be sent on by a button."""

    email: str
    code: str
    fault: str = ""
    """Why the form comes back."""
    is_open: bool = False
    """Whether others could read what is sent from here: plain http."""
