"""A link's QR code as its owner wants it: the look stands in the address, also of the images.

Here a scan may be told from other clicks; the codes that visitors see never do that.
"""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlencode

import msgspec
from litestar import Response
from msgspec import Meta

from shortd import errors
from shortd.links.drawing import image_weight
from shortd.links.qr import TRACK_SUFFIX, Colour, QrOptions, modules_of
from shortd.web import forms, guard, render, session
from shortd.web.forms import Form
from shortd.web.links.head import LinkHead, asked_link, head_of
from shortd.web.routing import AnyRequest, attachment, services_of

SWATCHES = ("#1b1c1a", "#0a6652", "#2f62b5", "#8a3b8f", "#b1452a")
GROUNDS = ("#ffffff", "#f5f4f0", "#ffffff00")
DAMAGE = {"L": 7, "M": 15, "Q": 25, "H": 30}
"""How much of a code may be unreadable, in percent (ISO/IEC 18004)."""
MODULE_MM = 0.4
"""The smallest module that phones read from a hand's width."""
LEAST_CONTRAST = 3.0
STANDARD_BORDER = 4
LEAST_BORDER = 2


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """How a code looks: the form's fields, which also are the image's query."""

    fg: Annotated[Colour, Meta(description="Write a colour as #rrggbb or #rrggbbaa.")] = "#000000"
    bg: Annotated[Colour, Meta(description="Write a colour as #rrggbb or #rrggbbaa.")] = "#ffffff"
    level: Literal["L", "M", "Q", "H"] = "M"
    border: Annotated[int, Meta(ge=0, le=64)] = 3
    track: bool = False

    def options(self, kind: Literal["svg", "png"]) -> QrOptions:
        """What draws it."""
        return QrOptions(format=kind, border=self.border, fg=self.fg, bg=self.bg, level=self.level)

    @property
    def fields(self) -> dict[str, str]:
        """As a query, or as preferences have it."""
        track = {"track": "1"} if self.track else {}
        return {
            "fg": self.fg,
            "bg": self.bg,
            "level": self.level,
            "border": str(self.border),
            **track,
        }


class QrPage(msgspec.Struct, frozen=True, kw_only=True):
    """qr.html."""

    head: LinkHead
    form: Form[Look]
    look: Look
    """What is shown: the last one that could be."""
    modules: int
    contrast: float
    is_light_on_dark: bool

    @property
    def text(self) -> str:
        """What the code says."""
        return self.head.short_url + (TRACK_SUFFIX if self.look.track else "")

    @property
    def least_mm(self) -> int:
        """The smallest size to print, in mm."""
        return -int(-self.modules * MODULE_MM // 1)

    @property
    def swatches(self) -> tuple[str, ...]:
        return SWATCHES

    @property
    def grounds(self) -> tuple[str, ...]:
        return GROUNDS

    @property
    def damage(self) -> dict[str, int]:
        return DAMAGE

    @property
    def reads_badly(self) -> bool:
        """Whether its colours keep programs from reading it."""
        return self.contrast < LEAST_CONTRAST or self.is_light_on_dark

    def to(self, **changed: str) -> str:
        """The address of this page with another colour."""
        return f"{self.head.address}/qr?{urlencode({**self.look.fields, **changed})}"

    def image(self, kind: str, **more: str) -> str:
        """The address of the image."""
        return f"{self.head.address}/qr.{kind}?{urlencode({**self.look.fields, **more})}"


@guard.show("/-/links/{link_id:int}/qr")
async def designer(request: AnyRequest) -> Response[bytes]:
    """Where a QR code is given its look."""
    link = asked_link(request)
    forms.charge(request, "get_entry")
    services = services_of(request)
    usual = services.accounts.preferences.of(session.needed(request).account).qr
    form = _asked(request, usual)
    return _page(request, head_of(request, link), form)


@guard.act("/-/links/{link_id:int}/qr", status_code=303)
async def keep_look(request: AnyRequest) -> Response[bytes]:
    """Makes a look the one that codes of this account have at first."""
    link = asked_link(request)
    form = await forms.read(request, Look)
    head = head_of(request, link)
    if form.value is None:
        return _page(request, head, form)
    account = session.needed(request).account
    await services_of(request).accounts.preferences.change(account, qr=form.value.fields)
    words = render.language_of(request).gettext
    address = f"{head.address}/qr?{urlencode(form.value.fields)}"
    return render.see(request, address, words("Codes look like this from now on."))


@guard.show("/-/links/{link_id:int}/qr.svg")
async def svg_image(request: AnyRequest) -> Response[bytes]:
    """The image, in the look that the query has; with `save`, as a file."""
    return await _image(request, "svg")


@guard.show("/-/links/{link_id:int}/qr.png")
async def png_image(request: AnyRequest) -> Response[bytes]:
    """The same as PNG, 10 px a module."""
    return await _image(request, "png")


async def _image(request: AnyRequest, kind: Literal["svg", "png"]) -> Response[bytes]:
    link = asked_link(request)
    look = _asked(request, {}).value
    if look is None:
        raise errors.NOT_FOUND()
    services = services_of(request)
    options = look.options(kind)
    text = services.hosts.short_url(link) + (TRACK_SUFFIX if look.track else "")
    forms.charge(request, "get_entry", image_weight(options))
    body = await services.links.drawing.image(text, options)
    if "save" in request.query_params:
        return attachment(body, _TYPES[kind], f"qr-{link.id}.{kind}")
    headers = {
        "Content-Type": _TYPES[kind],
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }
    return Response(body, headers=headers)


_TYPES = {"svg": "image/svg+xml", "png": "image/png"}


def _asked(request: AnyRequest, usual: dict[str, str]) -> Form[Look]:
    """The look that the query asks for; without one, the account's."""
    given = {name: request.query_params.getall(name) for name in request.query_params}
    if not given.keys() & set(Look.__struct_fields__):
        given = {name: [text] for name, text in usual.items()}
    return forms.converted(given, Look, render.language_of(request).gettext)


def _page(request: AnyRequest, head: LinkHead, form: Form[Look]) -> Response[bytes]:
    look = form.value or Look()
    text = head.short_url + (TRACK_SUFFIX if look.track else "")
    ink, ground = _luminance(look.fg, look.bg), _luminance(look.bg, "#ffffff")
    content = QrPage(
        head=head,
        form=form,
        look=look,
        modules=modules_of(text, look.options("svg")),
        contrast=(max(ink, ground) + 0.05) / (min(ink, ground) + 0.05),
        is_light_on_dark=ink > ground,
    )
    status = 422 if form.errors else 200
    return render.page(request, "link/qr.html", content, status=status)


def _luminance(colour: str, below: str) -> float:
    """Relative luminance (WCAG 2.2) of a colour that lies on another one."""
    red, green, blue, alpha = _channels(colour)
    under = _channels(below)
    mixed = [
        (top * alpha + bottom * (255 - alpha)) / 255
        for top, bottom in zip((red, green, blue), under[:3], strict=True)
    ]
    linear = [_linear(channel / 255) for channel in mixed]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _channels(colour: str) -> tuple[int, int, int, int]:
    red, green, blue, alpha = bytes.fromhex(colour[1:].ljust(8, "f"))
    return red, green, blue, alpha


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4


HANDLERS = (designer, keep_look, svg_image, png_image)
