"""Sending files to a box: the form of its page, and what the page's script asks for.

Nobody here has an account: the link, and the password if it has one, are all that a sender shows.
What a visit to the link would be refused with, is refused here, too. No rule about boxes stands
here.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode
from typing import Annotated, TypeVar
from urllib.parse import parse_qsl, unquote

import msgspec
from litestar import Response, route
from litestar.enums import HttpMethod
from msgspec import Meta, structs

from shortd import errors
from shortd.files.sizes import too_large
from shortd.files.transfers import expect_upload
from shortd.limits.budgets import FILE_MEGABYTE_WEIGHT
from shortd.link_codes import composed
from shortd.links.passwords import Proof
from shortd.models.links import Link
from shortd.sharing.boxes import NOTE_CHARACTERS
from shortd.sharing.descriptions import Description
from shortd.sharing.incoming import LABEL_BYTES, Parcel
from shortd.visits.decisions import Outcome, refusal_of
from shortd.web.answers import NO_STORE, Answer, json_answer
from shortd.web.guard import check_secret
from shortd.web.routing import AnyRequest, client_address, look, response, services_of
from shortd.web.share.making import of_upload
from shortd.web.share.receiving import MOST_FILES, Received, announced, body_of
from shortd.web.visitor.box import PREFIX, address_of
from shortd.web.visitor.follow import LinkRequest
from shortd.web.visitor.opening import follow_of

ROUND = 64 << 10
"""Bytes that a form may be larger than its files."""
FORM_BYTES = 64 << 10
WEIGHT = 1000
PART_WEIGHT = 1250

FileKey = Annotated[str, Meta(pattern=r"^[A-Za-z0-9]{32}$(?!\n)")]
Coded = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]*$(?!\n)", max_length=2 * LABEL_BYTES[1])]
T = TypeVar("T", bound=msgspec.Struct)


class Ticket(msgspec.Struct, frozen=True):
    """What proves in an address that the link's password was named."""

    expires: Annotated[int, Meta(ge=0, le=2**63 - 1)] = 0
    signature: Annotated[str, Meta(max_length=200)] = ""
    sent: Annotated[int, Meta(ge=0, le=MOST_FILES)] = 0


class Announced(msgspec.Struct, frozen=True):
    """A file that is to come in parts; of an encrypted one only its plain size is told."""

    size: Annotated[int, Meta(ge=0, le=2**62)]
    name: Annotated[str, Meta(max_length=4096)] = ""
    type: Annotated[str, Meta(max_length=255)] = ""


class PartOf(msgspec.Struct, frozen=True):
    filekey: FileKey
    number: Annotated[int, Meta(ge=0, le=2**31)]


class Whole(msgspec.Struct, frozen=True):
    """A file all parts of which are there."""

    filekey: FileKey
    note: Annotated[str, Meta(max_length=4 * NOTE_CHARACTERS)] = ""
    sender_key: Coded = ""
    label: Coded = ""


class Cancelled(msgspec.Struct, frozen=True):
    filekey: FileKey


@look(PREFIX + "{code:str}")
async def show(request: AnyRequest) -> Response[bytes]:
    """The page once more, after files were sent; counted as no visit."""
    link, asked = _box(request)
    ticket = _read(request.scope["query_string"], Ticket)
    return response(follow_of(request).show_box(link, asked, sent=ticket.sent))


@route(PREFIX + "{code:str}", http_method=[HttpMethod.POST], request_max_body_size=None)
async def send(request: AnyRequest) -> Response[bytes]:
    """Whole files, from who has no scripts, or from programs."""
    check_secret(request)
    expect_upload(request.scope)
    link, asked = _box(request)
    services = services_of(request)
    in_browser = asked.reader is not None
    incoming, note = services.sharing.incoming, ""
    box = services.sharing.boxes.of_link(link)
    try:
        size = announced(request)
        _charge(request, WEIGHT + FILE_MEGABYTE_WEIGHT * (size // 1_000_000))
        if box is not None and box.is_sealed:
            raise errors.BAD_FILE("Nothing can be encrypted here without scripts.")
        coming = max(0, size - ROUND) if size else incoming.room(link)
        address = client_address(services, request.scope)
        with incoming.receiving(link, coming, address):
            async with Received(incoming.blobs) as received:
                await received.read(request, size or coming, box.file_bytes if box else 0)
                note = next(reversed(received.lists.get("note", [])), "")
                count = len(received.files)
                if not count:
                    raise errors.MISSING_FIELD("Choose a file.", field="file")
                files = [(one.description, one.blob) for one in received.take(count)]
                await incoming.store(link, files, note, services.clock.now())
    except errors.ShortdError as refusal:
        if not in_browser:
            raise
        answer = follow_of(request).show_box(
            link, asked, refusal=refusal, typed=note[: 4 * NOTE_CHARACTERS]
        )
        return response(answer)
    if not in_browser:
        return response(json_answer({"files": len(files)}))
    location = address_of(services, link, services.clock.now(), sent=str(len(files)))
    return response(Answer(303, [(b"location", location.encode("ascii")), NO_STORE]))


@route(PREFIX + "{code:str}/begin", http_method=[HttpMethod.POST], request_max_body_size=FORM_BYTES)
async def begin(request: AnyRequest) -> Response[bytes]:
    """Begins a file in parts."""
    link, given = await _asked(request, Announced)
    services = services_of(request)
    box = services.sharing.boxes.of_link(link)
    if box is not None and box.is_sealed:
        description = Description("", given.size, "")
    else:
        description = of_upload(given.name, given.size, given.type)
    address, now = client_address(services, request.scope), services.clock.now()
    filekey, part_bytes = await services.sharing.incoming.begin(link, description, address, now)
    return response(json_answer({"filekey": filekey, "part_bytes": part_bytes}))


@route(PREFIX + "{code:str}/part", http_method=[HttpMethod.POST], request_max_body_size=None)
async def part(request: AnyRequest) -> Response[bytes]:
    """One part, which is the body; sent again, it takes the place of the first."""
    check_secret(request)
    expect_upload(request.scope)
    link, _ = _box(request)
    _charge(request, PART_WEIGHT)
    services = services_of(request)
    incoming, now = services.sharing.incoming, services.clock.now()
    given = _read(request.scope["query_string"], PartOf)
    size, replaced = incoming.expected(link, given.filekey, given.number, now)
    address = client_address(services, request.scope)
    with incoming.receiving(link, size, address, replaced):
        writer = incoming.blobs.create()
        try:
            async for piece in body_of(request):
                if writer.size + len(piece) > size:
                    raise too_large(size, "file")
                await writer.write(piece)
        except BaseException:
            await writer.discard()
            raise
        blob = await writer.finish()
        await incoming.put_part(link, given.filekey, given.number, blob, now)
    return response(json_answer({"sha256": blob.sha256.hex()}))


@route(
    PREFIX + "{code:str}/finish", http_method=[HttpMethod.POST], request_max_body_size=FORM_BYTES
)
async def finish(request: AnyRequest) -> Response[bytes]:
    """Makes a file of its parts."""
    link, given = await _asked(request, Whole)
    services = services_of(request)
    parcel = Parcel(given.note, _decoded(given.sender_key), _decoded(given.label))
    await services.sharing.incoming.finish(link, given.filekey, parcel, services.clock.now())
    return response(json_answer({}))


@route(
    PREFIX + "{code:str}/cancel", http_method=[HttpMethod.POST], request_max_body_size=FORM_BYTES
)
async def cancel(request: AnyRequest) -> Response[bytes]:
    """Frees the parts of a file that is given up."""
    link, given = await _asked(request, Cancelled)
    services = services_of(request)
    await services.sharing.incoming.cancel(link, given.filekey, services.clock.now())
    return response(json_answer({}))


def _box(request: AnyRequest) -> tuple[Link, LinkRequest]:
    """The link that the address names, if a visit of the sender's to it would be shown its box.

    LINK_NOT_FOUND, LINK_EXPIRED, LINK_LIMITED, RATE_LIMITED; LINK_PROTECTED without a proof that
    its password was named.
    """
    services, follow = services_of(request), follow_of(request)
    code = unquote(request.path_params["code"])
    if composed(code) != code:
        raise errors.LINK_NOT_FOUND()
    asked = follow.request(request.scope, query=b"", referrer="")
    visits = services.visits.visits
    decision = follow.look_up(visits.look, code, asked)
    link = decision.link
    if decision.outcome is Outcome.PROTECTED and link is not None and link.box:
        ticket = _read(request.scope["query_string"], Ticket)
        proof = Proof(ticket.expires, ticket.signature)
        if not services.links.passwords.is_valid(proof, link, asked.visitor.utime):
            raise errors.LINK_PROTECTED(
                "The time for sending is over, or no password was named: open the link again."
            )
        visitor = structs.replace(asked.visitor, is_get=False)
        decision = visits.resolve((link.host, code), visitor, unlocked=True)
    if decision.outcome is not Outcome.BOX or link is None:
        raise refusal_of(decision)
    return link, asked


async def _asked(request: AnyRequest, kind: type[T]) -> tuple[Link, T]:
    """The link of a box, and what the page's script says."""
    check_secret(request)
    link, _ = _box(request)
    _charge(request, WEIGHT)
    return link, _read(await request.body(), kind)


def _charge(request: AnyRequest, weight: int) -> None:
    services = services_of(request)
    address = client_address(services, request.scope)
    services.limits.budgets.charge_client(address, weight, services.clock.now())


def _read(raw: bytes, kind: type[T]) -> T:
    """A form or a query. BAD_REQUEST for what our own page does not send."""
    try:
        pairs = parse_qsl(raw.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=16)
        return msgspec.convert(dict(pairs), kind, strict=False)
    except (ValueError, msgspec.ValidationError):
        raise errors.BAD_REQUEST() from None


def _decoded(text: str) -> bytes:
    try:
        return urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        raise errors.BAD_REQUEST() from None


HANDLERS = (show, send, begin, part, finish, cancel)
