"""The page on which files are sent to the owner of a box: what it shows, and its headers.

Who may see it is decided before. Its form works without scripts, but for an encrypted box. Programs
that ask for JSON are told the same.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Iterable, Sequence
from urllib.parse import quote, urlencode

import msgspec

from shortd import errors
from shortd.models.links import Link
from shortd.services import Services
from shortd.web.answers import (
    NO_INDEX,
    Answer,
    asks_for_json,
    json_answer,
    page,
    page_headers,
    retry_after_header,
)
from shortd.web.pages import Pages
from shortd.web.policies import fitting, origin_of, script_headers
from shortd.web.readers import Reader
from shortd.web.visitor.contents import BoxPage
from shortd.web.visitor.report_address import report_address

PREFIX = "/-/box/"


class ToldBox(msgspec.Struct, frozen=True):
    """What a program is told of a box."""

    name: str
    note: str
    action: str
    """Where files go, as a form does: a path."""
    most_file_bytes: int
    """That one file may have now."""
    files: int
    """That may still come."""
    types: Sequence[str]
    """What it takes alone; none: all."""
    public_key: str
    """Of an encrypted box, base64url-coded; else empty."""
    closed: bool


def box_page(
    services: Services,
    pages: Pages,
    link: Link,
    reader: Reader | None,
    raw_headers: Iterable[tuple[bytes, bytes]],
    *,
    now: int,
    sent: int = 0,
    refusal: errors.ShortdError | None = None,
    typed: str = "",
) -> Answer:
    """The page of a link's box. LINK_NOT_FOUND if it has gone since."""
    box = services.sharing.boxes.of_link(link)
    if box is None:
        raise errors.LINK_NOT_FOUND()
    try:
        room, is_closed = services.sharing.incoming.room(link), False
    except errors.ShortdError:
        room, is_closed = 0, True
    told = ToldBox(
        name=link.url,
        note=box.note,
        action=address_of(services, link, now),
        most_file_bytes=min(box.file_bytes, room),
        files=box.most_files - box.files,
        types=box.types,
        public_key=urlsafe_b64encode(box.public_key).decode().rstrip("="),
        closed=is_closed,
    )
    if asks_for_json(raw_headers):
        path = services.hosts.paths.of(link.host)
        told = msgspec.structs.replace(told, action=f"{path}{told.action}")
        return json_answer({"box": told}, headers=[NO_INDEX, (b"vary", b"accept")])
    words = str if reader is None else reader.language.gettext
    content = BoxPage(
        short_url=services.hosts.short_url(link),
        name=told.name,
        note=told.note,
        action=told.action,
        most=told.most_file_bytes,
        files=told.files,
        types=told.types,
        public_key=told.public_key,
        is_closed=told.closed,
        sent=sent,
        fault="" if refusal is None else refusal.said(words),
        typed=typed,
        report=report_address(services, link),
    )
    origin = origin_of(services, raw_headers)
    allowed = script_headers(origin.sources, form=True)
    headers = [*page_headers(fitting(allowed, services.settings.public_url)), NO_INDEX]
    if refusal is not None and refusal.retry_after is not None:
        headers.append(retry_after_header(refusal.retry_after))
    return page(
        pages,
        "visitor/box.html",
        reader,
        200 if refusal is None else _status(refusal),
        headers=headers,
        page=content,
        scripts=("box.js",),
        nonce=origin.nonce,
    )


def address_of(services: Services, link: Link, now: int, **query: str) -> str:
    """Where files for a link's box are sent to, by who has named its password if it has one."""
    if link.rare is not None and link.rare.password is not None:
        proof = services.links.passwords.proof(link, now)
        query |= {"expires": str(proof.expires), "signature": proof.signature}
    # Twice: it is one segment of the path, whatever slashes are in it.
    segment = quote(quote(link.code, safe=""), safe="")
    return PREFIX + segment + (f"?{urlencode(query)}" if query else "")


def _status(refusal: errors.ShortdError) -> int:
    return refusal.status if refusal.status == 429 or refusal.status >= 500 else 422
