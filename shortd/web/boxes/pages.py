"""The list of boxes with the form that makes one, and the page of one: what came, its limits.

A file goes out as it is kept, always to be saved: what strangers sent is never shown here.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode
from collections.abc import Callable

from litestar import Response
from litestar.types import ASGIApp

from shortd import errors
from shortd.clock import MINUTE
from shortd.files.manifests import stored_bytes
from shortd.hosts import ShortHost
from shortd.links.terms import TermChanges
from shortd.models.files import Box
from shortd.models.links import Link
from shortd.web import forms, session
from shortd.web.boxes.contents import (
    BoxesPage,
    Limits,
    Named,
    NewBox,
    OneBoxPage,
    coded,
    limits_of,
    shown_box,
    shown_item,
)
from shortd.web.downloads import refuse_to_run, stored_answer
from shortd.web.forms import Form, filled
from shortd.web.guard import act, show
from shortd.web.home.making import ENDS, read_ending
from shortd.web.links.head import link_id_of
from shortd.web.render import language_of, page, see
from shortd.web.routing import AnyRequest, services_of
from shortd.web.zip_answers import zip_answer

_LIST = "boxes/page.html"
_BOX = "boxes/box.html"
_FIELDS = {
    "code": "ending",
    "expiration_utime": "ends",
    "file_bytes": "of_file",
    "most_bytes": "of_all",
    "most_files": "files",
}
"""What the forms call what services know by other names."""


@show("/-/boxes")
async def boxes(request: AnyRequest) -> Response[bytes]:
    """The account's boxes, and the form for another."""
    session.registered(request)
    return page(request, _LIST, _list(request, filled()))


@act("/-/boxes", status_code=303)
async def make(request: AnyRequest) -> Response[bytes]:
    """A new box."""
    services, account = services_of(request), session.registered(request).account
    form = await forms.read(request, NewBox, call="create_box")
    words, now = language_of(request).gettext, services.clock.now()
    try:
        form, place = _place(request, form, words)
        given = form.value
        if given is None or place is None:
            return _again(request, form)
        if given.way == "sealed" and given.public_key is None:
            return _again(
                request, form.wrong("way", words("Nothing can be encrypted here without scripts."))
            )
        if given.ends and given.ends not in ENDS:
            return _again(request, form.wrong("ends", words("Choose one of these.")))
        changes = TermChanges(
            password=given.password,
            expiration_utime=now + ENDS[given.ends] if given.ends else None,
        )
        terms, password = await services.links.terms.of_new(changes)
        key = given.public_key if given.way == "sealed" else None
        link = await services.sharing.boxes.create(
            account,
            given.name,
            given.limits,
            urlsafe_b64decode(key + "=") if key else b"",
            place,
            now,
            terms,
            password,
        )
    except errors.ShortdError as refusal:
        return _again(request, form.refuse(refusal, words, **_FIELDS))
    return see(request, f"/-/boxes/{link.id}")


@show("/-/boxes/{link_id:int}")
async def box(request: AnyRequest) -> Response[bytes]:
    """What came into one box."""
    link, found = _own(request)
    return page(request, _BOX, _one(request, link, found, limits_of(link, found)))


@act("/-/boxes/{link_id:int}", status_code=303)
async def limit(request: AnyRequest) -> Response[bytes]:
    """Other limits for a box."""
    services, (link, found) = services_of(request), _own(request)
    account = session.needed(request).account
    form = await forms.read(request, Limits)
    words = language_of(request).gettext
    try:
        if form.value is not None:
            given = form.value
            await services.sharing.boxes.limit(account, link.id, given.limits)
            await services.sharing.boxes.rename(account, link.id, given.name)
            return see(request, f"/-/boxes/{link.id}", words("Saved."))
    except errors.ShortdError as refusal:
        form = form.refuse(refusal, words, **_FIELDS)
    return forms.again(request, _BOX, _one(request, link, found, form), form)


@act("/-/boxes/{link_id:int}/close", status_code=303)
async def close(request: AnyRequest) -> Response[bytes]:
    """Nothing more comes in."""
    return await _turn(request, closed=True)


@act("/-/boxes/{link_id:int}/open", status_code=303)
async def reopen(request: AnyRequest) -> Response[bytes]:
    """Files come in again."""
    return await _turn(request, closed=False)


@act("/-/boxes/{link_id:int}/empty", status_code=303)
async def empty(request: AnyRequest) -> Response[bytes]:
    """One file is deleted, or all."""
    services, (link, _) = services_of(request), _own(request)
    account = session.needed(request).account
    form = await forms.read(request, Named)
    if form.value is None:
        raise errors.BAD_REQUEST()
    count = await services.sharing.boxes.empty(account, link.id, form.value.item)
    language = language_of(request)
    said = language.ngettext("%(count)s file deleted.", "%(count)s files deleted.", count)
    return see(request, f"/-/boxes/{link.id}", said % {"count": language.number(count)})


@show("/-/boxes/{link_id:int}/files/{serial:int}")
async def download(request: AnyRequest) -> ASGIApp:
    """A file as it is kept: of an encrypted box its ciphertext."""
    refuse_to_run(request)
    link, _ = _own(request)
    serial: int = request.path_params["serial"]
    if not 0 <= serial < 2**63:
        raise errors.NOT_FOUND()
    services = services_of(request)
    filekey = services.sharing.boxes.item(link, serial).item.filekey
    content = services.sharing.files.content(filekey)
    if content is None:
        raise errors.NOT_FOUND()
    file, parts = content
    return stored_answer(request, link, file, filekey, parts)


@show("/-/boxes/{link_id:int}/all.zip")
async def everything(request: AnyRequest) -> ASGIApp:
    """All that came as one zip, made while it is sent."""
    refuse_to_run(request)
    services, (link, _) = services_of(request), _own(request)
    files = services.sharing.boxes.zipped(link)
    with_body = request.method == "GET"
    return await zip_answer(services, files, f"{link.url}.zip", with_body=with_body)


def _own(request: AnyRequest) -> tuple[Link, Box]:
    """The box whose id stands in the address. `SignInFirst`, ENTRY_NOT_FOUND, FORBIDDEN,
    BOX_NOT_FOUND."""
    account = session.registered(request).account
    return services_of(request).sharing.boxes.own(account, link_id_of(request))


async def _turn(request: AnyRequest, *, closed: bool) -> Response[bytes]:
    services, (link, _) = services_of(request), _own(request)
    await services.sharing.boxes.close(session.needed(request).account, link.id, closed=closed)
    words = language_of(request).gettext
    said = words("Nothing more comes in now.") if closed else words("Files come in again.")
    return see(request, f"/-/boxes/{link.id}", said)


def _place(
    request: AnyRequest, form: Form[NewBox], words: Callable[[str], str]
) -> tuple[Form[NewBox], tuple[ShortHost, str | None] | None]:
    """Where the box's link is to stand, or what is wrong with that."""
    given, hosts = form.value, services_of(request).hosts
    if given is None:
        return form, None
    host = hosts.default
    if given.host is not None:
        found = next((one for one in hosts.configured if one.name == given.host), None)
        if found is None:
            return form.wrong("host", words("Choose one of these.")), None
        host = found
    ending = (given.ending or "").strip()
    if ending:
        ending, said = read_ending(services_of(request), host, ending, words)
        if said:
            return form.wrong("ending", said), None
    return form, (host, ending or None)


def _again(request: AnyRequest, form: Form[NewBox]) -> Response[bytes]:
    return forms.again(request, _LIST, _list(request, form), form)


def _list(request: AnyRequest, form: Form[NewBox]) -> BoxesPage:
    services, account = services_of(request), session.registered(request).account
    hosts, found = services.hosts.configured, services.sharing.boxes.of_account(account)
    limits = services.settings.limits.of(account.type)
    with services.store.read() as txn:
        stored = stored_bytes(txn, account.userid)
    return BoxesPage(
        boxes=[shown_box(link, box, services.hosts.short_url(link)) for link, box in found],
        form=form,
        can_make=services.sharing.boxes.enabled,
        hosts=[(host.name, host.name) for host in hosts] if len(hosts) > 1 else (),
        host=hosts[0].name,
        free=max(0, limits.storage_bytes - stored),
    )


def _one(request: AnyRequest, link: Link, box: Box, form: Form[Limits]) -> OneBoxPage:
    services = services_of(request)
    items = [shown_item(received) for received in services.sharing.boxes.items(link)]
    is_new = not items and services.clock.now() - link.utime < MINUTE
    return OneBoxPage(
        box=shown_box(link, box, services.hosts.short_url(link)),
        items=items,
        note=box.note,
        public_key=coded(box.public_key),
        is_new=is_new,
        form=form,
        most_files=box.most_files,
        most_bytes=box.most_bytes,
    )


HANDLERS = (boxes, make, box, limit, close, reopen, empty, download, everything)
