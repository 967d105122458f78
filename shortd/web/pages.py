"""The server's own pages and their assets: plain HTML from Jinja2 templates, hardly any script.

What each page is given stands here as Structs, or in the first lines of its template.
Everything is escaped, and a name that the context lacks is an error rather than a blank.
A page must never carry inline style or script: the headers below forbid them, and with
them everything that somebody's link text might smuggle in.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from shortd.clock import utc_text
from shortd.errors import ErrorKind

_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; "
    "frame-ancestors 'none'; "
)
_REST = (
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
)
SECURITY_HEADERS = (("Content-Security-Policy", _POLICY + "form-action 'self'"), *_REST)
"""For every HTML answer but those with a script."""
LEADING_HEADERS = (("Content-Security-Policy", _POLICY + "form-action 'self' http: https:"), *_REST)
"""For pages whose form leads on to other sites: browsers hold redirects against the policy, too."""
_SCRIPT_POLICY = (
    _POLICY + "script-src 'self'; connect-src 'self'; "
    "require-trusted-types-for 'script'; trusted-types 'none'; "
)
SCRIPT_HEADERS = (("Content-Security-Policy", _SCRIPT_POLICY + "form-action 'none'"), *_REST)
"""For pages with a script, which may ask this origin alone and cannot write markup. Forms are
sent by the script or not at all."""
FORM_SCRIPT_HEADERS = (("Content-Security-Policy", _SCRIPT_POLICY + "form-action 'self'"), *_REST)
"""For pages with a script whose form works without it, too."""

_HERE = Path(__file__).parent
_ASSETS = {
    "derive.js": "text/javascript; charset=utf-8",
    "sealed.js": "text/javascript; charset=utf-8",
    "reset.js": "text/javascript; charset=utf-8",
    "unlock.js": "text/javascript; charset=utf-8",
    "style.css": "text/css; charset=utf-8",
    "favicon.svg": "image/svg+xml",
    "favicon.ico": "image/x-icon",
}
"""A script stands behind those that it imports."""


class PreviewFile(msgspec.Struct, frozen=True, kw_only=True):
    """What preview.html tells of a file."""

    encrypted: bool
    """Then nothing else of it is told."""
    name: str | None = None
    """None hides it, with its size and type."""
    size: int = 0
    """In bytes."""
    type: str = ""


class PreviewPage(msgspec.Struct, frozen=True, kw_only=True):
    """preview.html: where a short link leads, without going there."""

    short_url: str
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

    @property
    def short_parts(self) -> tuple[str, str, str]:
        """The short URL as scheme (with "://"), host and code."""
        scheme, separator, rest = self.short_url.partition("://")
        host, _, code = rest.rpartition("/")
        return scheme + separator, host, code

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


class MailedPage(msgspec.Struct, frozen=True, kw_only=True):
    """verify.html and reset.html: what the link in a mail says, to be sent on by a button."""

    email: str
    code: str
    fault: str = ""
    """Why the form comes back."""
    is_open: bool = False
    """Whether others could read what is sent from here: plain http."""


class FieldDoc(msgspec.Struct, frozen=True, kw_only=True):
    """One row of a call's inputs or outputs."""

    name: str
    type: str
    required: bool = True
    default: str | None = None
    """As JSON; None where there is no default to speak of."""
    description: str = ""


class CallDoc(msgspec.Struct, frozen=True, kw_only=True):
    """One API call in docs.html."""

    name: str
    path: str
    method: str = "POST"
    summary: str
    weight: str
    """As words: "1000 + 100 per url"."""
    fields: Sequence[FieldDoc] = ()
    outputs: Sequence[FieldDoc] = ()
    example: str
    """A curl command."""

    @property
    def anchor(self) -> str:
        return "call-" + self.path.strip("/").replace("/", "-")


class DocsSection(msgspec.Struct, frozen=True, kw_only=True):
    """One API in docs.html."""

    title: str
    intro: str
    calls: Sequence[CallDoc]


class ShapeDoc(msgspec.Struct, frozen=True, kw_only=True):
    """An object inside inputs or outputs, by the name that stands there as a type."""

    name: str
    summary: str
    fields: Sequence[FieldDoc]
    is_input: bool

    @property
    def anchor(self) -> str:
        return f"shape-{self.name}"


class DocsPage(msgspec.Struct, frozen=True, kw_only=True):
    """docs.html: the reference of all APIs, and the error catalogue."""

    sections: Sequence[DocsSection]
    errors: Sequence[ErrorKind]
    shapes: Sequence[ShapeDoc] = ()


class Pages:
    """All pages of a server."""

    def __init__(self, public_url: str) -> None:
        self._site = {"public_url": public_url, "site": public_url.partition("://")[2]}
        self._templates = _templates()

    def render(self, template: str, **context: object) -> str:
        """A whole HTML document, to be sent as UTF-8 with `SECURITY_HEADERS`.

        `template` is a file name such as "preview.html"; KeyError for an unknown one,
        jinja2.UndefinedError when the context lacks a name.
        """
        return self._templates[template].render(self._site, **context)


@cache
def _templates() -> dict[str, Template]:
    """All templates, compiled once a process: that takes longer than opening everything else."""
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["asset"] = asset_path
    environment.filters["utc"] = utc_text
    return {name: environment.get_template(name) for name in environment.list_templates()}


def _load() -> dict[str, tuple[bytes, str, str]]:
    """Bodies, Content-Types and ETags. What a script imports is named by its `asset_path`."""
    loaded: dict[str, tuple[bytes, str, str]] = {}
    for name, content_type in _ASSETS.items():
        body = (_HERE / "static" / name).read_bytes()
        for other, (_, _, etag) in loaded.items():
            body = body.replace(f'"./{other}"'.encode(), f'"{_path(other, etag)}"'.encode())
        loaded[name] = (body, content_type, f'"{hashlib.sha256(body).hexdigest()[:16]}"')
    return loaded


def _path(name: str, etag: str) -> str:
    return f"/-/static/{name}?v={etag.strip(chr(34))}"


_STATIC = _load()


def static_file(name: str) -> tuple[bytes, str, str] | None:
    """Body, Content-Type and ETag of an asset; None unless `name` is one of those loaded."""
    return _STATIC.get(name)


def asset_path(name: str) -> str:
    """An asset's path, which changes with its content, so that it can be cached for ever."""
    return _path(name, _STATIC[name][2])
