"""The page that shares files, the form that it has without scripts, and what its script asks for.

The script sends parts by the calls of the API. Whether a link may be made as it is wished for, and
the link itself, are the same here for both; so nothing that a page promises can be had otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from typing import Any

import msgspec
from litestar import Response
from msgspec.structs import replace

from shortd import errors
from shortd.files.manifests import stored_bytes
from shortd.files.transfers import expect_upload
from shortd.limits.budgets import FILE_MEGABYTE_WEIGHT
from shortd.links import NewLink
from shortd.models.accounts import Account, AccountType
from shortd.models.common import NEVER
from shortd.models.files import Encryption
from shortd.models.links import Link
from shortd.sharing.files import Secrecy
from shortd.web import forms, session
from shortd.web.answers import whole_seconds
from shortd.web.forms import Form
from shortd.web.guard import act, show
from shortd.web.home.making import hosts_of
from shortd.web.home.pages import (
    is_open,
    made_just_now,
    rows_of,
    shown,
    temporary,
    working_at,
)
from shortd.web.render import language_of, page, see
from shortd.web.routing import AnyRequest, services_of
from shortd.web.share import making
from shortd.web.share.contents import Cancel, Finish, Large, NewFile, Room, SharePage
from shortd.web.share.receiving import FILE, Received, announced

_TEMPLATE = "share/page.html"
_ROUND = 64 << 10
"""Bytes that a form may be larger than its file."""
FINISH_BYTES = 1 << 20
"""Of a form that names the files of one link: 2,000 of them with paths of usual length."""
_TIGHT = 20
"""There is no room where less than this part of it is free."""


@show("/-/share")
async def share(request: AnyRequest) -> Response[bytes]:
    """The form, and what was made with it just now."""
    services, found = services_of(request), session.current(request)
    _may_share(request)
    content = await _content(request)
    links = await made_just_now(request, found.account) if found is not None else []
    if links:
        content = replace(content, made=await shown(services, links))
    return page(request, _TEMPLATE, content)


@act("/-/share", status_code=303, request_max_body_size=None)
async def send(request: AnyRequest) -> Response[bytes]:
    """Files as they are, from who has no scripts."""
    services, language = services_of(request), language_of(request)
    words, now = language.gettext, services.clock.now()
    _may_share(request)
    expect_upload(request.scope)
    found, files = session.current(request), services.sharing.files
    size = announced(request)
    forms.charge(request, "file", FILE_MEGABYTE_WEIGHT * (size // 1_000_000))
    account = found.account if found else await temporary(request, now)
    largest = services.settings.limits.of(account.type).max_file_bytes
    room = files.room(account)
    form: Form[NewFile] = Form()
    async with AsyncExitStack() as coming:
        received = await coming.enter_async_context(Received(files.blobs))
        try:
            expected = max(0, size - _ROUND) if size else room
            coming.enter_context(files.receiving_file(account, expected))
            await received.read(request, min(largest, size or room))
            form = forms.converted(received.lists, NewFile, words)
            form, new = await making.read(services, account, form, words, now)
            if form.text("way") not in ("", "open"):
                said = words("Nothing can be encrypted here without scripts.")
                form, new = form.wrong("way", said), None
            count = len(received.files)
            if not count:
                form, new = form.wrong(FILE, words("Choose a file.")), None
            is_apart = form.value is not None and form.value.together == "several" and count > 1
            if is_apart and form.text("ending").strip():
                said = words("An own ending is for one link alone.")
                form, new = form.wrong("ending", said), None
            if new is None:
                answer = await _refused(request, form)
            else:
                links = []
                while received.files:
                    links.append(await _stored(request, account, received, new, apart=is_apart))
                several = f"&of={len(links)}" if len(links) > 1 else ""
                team = f"&team={new.team}" if new.team else ""
                answer = see(request, f"/-/share?made={links[-1].id}{several}{team}")
        except errors.ShortdError as refusal:
            answer = await _refused(request, _told(form, refusal, words))
    return answer if found else session.start_temporary(request, answer, account)


@act("/-/share/begin", status_code=200)
async def begin(request: AnyRequest) -> Response[bytes]:
    """Whether a link may be made as it is wished for, before a file is sent for it; and an account
    for who has none."""
    services = services_of(request)
    _may_share(request)
    found = session.current(request)
    form = await forms.read(request, NewFile)
    words, now = language_of(request).gettext, services.clock.now()

    async def answer() -> Response[bytes]:
        account = found.account if found else None
        checked, new = await making.read(services, account, form, words, now)
        if new is None:
            return _wrong(checked)
        if found is not None:
            return _json({})
        account = await temporary(request, now)
        return session.start_temporary(request, _json({}), account)

    return await _told_as_json(form, words, answer)


@act("/-/share/finish", status_code=200, request_max_body_size=FINISH_BYTES)
async def finish(request: AnyRequest) -> Response[bytes]:
    """Makes a file of its parts, and its link. If anything is off, the parts stay."""
    services, found = services_of(request), session.needed(request)
    form = await forms.read(request, Finish, call="file_part_finalize", most=FINISH_BYTES)
    words, now = language_of(request).gettext, services.clock.now()

    async def answer() -> Response[bytes]:
        if form.value is not None and (
            earlier := await making.of_file(services, found.account, form.value.filekey)
        ):
            # Made already, by a request whose answer was lost.
            return _made(request, earlier)
        checked, new = await making.read(services, found.account, form, words, now)
        if new is None or form.value is None:
            return _wrong(checked)
        given, files = form.value, services.sharing.files
        secrecy = making.secrecy(given.challenge, given.signature)
        bundle = making.entries_of(given.entries)
        if bundle is not None and secrecy.encryption is not Encryption.NONE:
            raise errors.BAD_FORM("The body is not the form of this page.")
        link = await files.finalize(found.account, given.filekey, secrecy, new, now, bundle=bundle)
        return _made(request, link)

    return await _told_as_json(form, words, answer)


@act("/-/share/cancel", status_code=200)
async def cancel(request: AnyRequest) -> Response[bytes]:
    """Frees the parts of an upload that is given up."""
    services, found = services_of(request), session.needed(request)
    form = await forms.read(request, Cancel)

    async def answer() -> Response[bytes]:
        if form.value is None:
            return _wrong(form)
        await services.sharing.files.cancel(found.account, form.value.filekey, services.clock.now())
        return _json({})

    return await _told_as_json(form, language_of(request).gettext, answer)


async def _stored(
    request: AnyRequest, account: Account, received: Received, new: NewLink, *, apart: bool
) -> Link:
    """A link for all files that came, or for the first of them."""
    services, now = services_of(request), services_of(request).clock.now()
    store, came = services.sharing.files.store, received.files
    if len(came) == 1 or apart:
        [one] = received.take(1)
        return await store(account, one.description, [one.blob], Secrecy(), new, now)
    told = [(one.path, one.description) for one in came]
    description, bundle = making.together(told, language_of(request))
    blobs = [one.blob for one in received.take(len(came))]
    return await store(account, description, blobs, Secrecy(), new, now, bundle=bundle)


def _may_share(request: AnyRequest) -> None:
    """`SignInFirst` where files are shared by accounts alone."""
    if session.current(request) is None and not is_open(services_of(request)):
        raise session.SignInFirst


async def _content(
    request: AnyRequest, *, is_full: bool = False, team: str | None = None
) -> SharePage:
    services, found = services_of(request), session.current(request)
    settings = services.settings
    account = found.account if found else None
    working = working_at(services, account, request, team)
    hosts = hosts_of(services, account, working.team)
    limits = settings.limits.of(account.type if account else AccountType.TEMPORARY)
    stored = 0
    if account is not None:
        with services.store.read() as txn:
            stored = stored_bytes(txn, account.userid)
    room = Room(
        file=limits.max_file_bytes,
        free=max(0, limits.storage_bytes - stored),
        all=limits.storage_bytes,
    )
    is_full = is_full or room.free * _TIGHT < room.all
    return SharePage(
        room=room,
        start=settings.web.share,
        largest=await _largest(request, account) if account is not None and is_full else (),
        hosts=[(host.name, host.name) for host in hosts] if len(hosts) > 1 else (),
        host=hosts[0].name,
        working=working,
    )


async def _largest(request: AnyRequest, account: Account) -> list[Large]:
    services = services_of(request)
    found = await making.largest(services, account)
    rows = rows_of(services, [link for link, _ in found])
    return [Large(row, file.stored_size) for row, (_, file) in zip(rows, found, strict=True)]


async def _refused(request: AnyRequest, form: Form[NewFile]) -> Response[bytes]:
    """The page again, with all that was typed but the file, which browsers do not keep."""
    kind = form.refusal.kind if form.refusal else None
    is_full = kind is errors.QUOTA_EXCEEDED
    content = await _content(request, is_full=is_full, team=form.text("team"))
    return forms.again(request, _TEMPLATE, replace(content, form=form), form)


def _told(form: Form[Any], refusal: errors.ShortdError, words: Callable[[str], str]) -> Form[Any]:
    """The form with what a service said."""
    return form.refuse(refusal, words, **making.FIELDS)


async def _told_as_json(
    form: Form[Any],
    words: Callable[[str], str],
    answer: Callable[[], Coroutine[Any, Any, Response[bytes]]],
) -> Response[bytes]:
    """The answer, or what a service has against it."""
    try:
        return await answer()
    except errors.ShortdError as refusal:
        return _wrong(_told(form, refusal, words))


def _wrong(form: Form[Any]) -> Response[bytes]:
    """What is wrong: the first thing, in words, with its field and the code of a refusal."""
    field, said = next(iter(form.errors.items()))
    code = form.refusal.code if form.refusal else "invalid_field"
    answer = _json({"field": field, "message": said, "code": code}, form.status)
    if form.refusal is not None and form.refusal.retry_after is not None:
        answer.headers["Retry-After"] = str(whole_seconds(form.refusal.retry_after))
    return answer


def _made(request: AnyRequest, link: Link) -> Response[bytes]:
    services = services_of(request)
    terms = link.terms
    return _json(
        {
            "id": str(link.id),
            "short_url": services.hosts.short_url(link),
            "ends": 0 if terms.expiration_utime == NEVER else terms.expiration_utime,
            "downloads": terms.expiration_count,
        }
    )


def _json(content: dict[str, Any], status: int = 200) -> Response[bytes]:
    headers = {
        "Content-Type": "application/json",
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(msgspec.json.encode(content), status_code=status, headers=headers)


HANDLERS = (share, send, begin, finish, cancel)
