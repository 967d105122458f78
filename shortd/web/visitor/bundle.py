"""Several files under one link: what a visit leads to, each of them, and all of them as a zip.

The visit is the click. What it leads to is a signed address that is good for some hours, in which
the files may be looked through and fetched. Browsers get a page, programs the same as JSON.
"""

from __future__ import annotations

from itertools import groupby
from typing import Any

from litestar import Response, route
from litestar.enums import HttpMethod
from litestar.types import ASGIApp

from shortd import errors
from shortd.models.files import BundleEntry, File
from shortd.sharing.addresses import FileAddress
from shortd.sharing.bundles import Content
from shortd.web.answers import NO_INDEX, json_answer
from shortd.web.downloads import late, later, refuse_to_run, stored_answer
from shortd.web.guard import only_elsewhere
from shortd.web.render import pages_of, visitor_page
from shortd.web.routing import AnyRequest, base_path_of, look, response, services_of
from shortd.web.visitor.contents import BundleFile, BundlePage
from shortd.web.visitor.report_address import report_address
from shortd.web.zip_answers import zip_answer

AT_ONCE = 50
"""Files on a page."""
TOLD_BYTES = 32 << 10
"""Of the paths and types that a program is told at once, but for one file's."""
_PATH = "/-/bundles/{filekey:str}"
_MOST_DIGITS = 9


@look(_PATH)
async def listing(request: AnyRequest) -> Response[bytes]:
    """The files, from the one of the query's `from` on, counted from 0."""
    address, content = _found(request)
    if content is None:
        return response(late(request, address))
    first, count = _number(request.query_params.get("from", "0")), len(content.bundle.entries)
    if not 0 <= first < count:
        raise errors.NOT_FOUND()
    services, link, here = services_of(request), address.link, _Addresses(request, address)
    is_listed = services.visits.visits.is_listed(link)
    if pages_of(request).reader(services.visits.heads.of(request.scope["headers"])):
        last = min(first + AT_ONCE, count)
        page = BundlePage(
            name=content.file.filename,
            size=content.file.filesize,
            count=count,
            folders=_folders(content, here, first, last),
            zip_path=here.of("/zip"),
            first=first + 1,
            last=last,
            before=here.from_on(max(0, first - AT_ONCE)) if first else "",
            after=here.from_on(last) if last < count else "",
            report="" if link is None else report_address(services, link),
        )
        answer = visitor_page(request, "visitor/bundle.html", page=page)
        if not is_listed:
            answer.headers["x-robots-tag"] = "noindex"
        return answer
    headers = [(b"vary", b"accept"), *(() if is_listed else (NO_INDEX,))]
    here = _Addresses(request, address, base_path_of(request))
    return response(json_answer(_told(content, here, first), headers=headers))


@route(_PATH + "/zip", http_method=[HttpMethod.GET, HttpMethod.HEAD])
async def zipped(request: AnyRequest) -> ASGIApp:
    """All files in one zip."""
    address, content = _found(request)
    if content is None:
        return later(late(request, address))
    services, link = services_of(request), address.link
    utime = link.utime if link is not None else 0
    files = await services.sharing.files.blobs.run(lambda: content.zipped(utime))
    is_get = request.method == "GET"
    return await zip_answer(services, files, zip_name(content.file.filename), with_body=is_get)


@route(_PATH + "/{number:str}", http_method=[HttpMethod.GET, HttpMethod.HEAD])
async def one(request: AnyRequest) -> ASGIApp:
    """One of the files, or ranges of it."""
    address, content = _found(request)
    if content is None:
        return later(late(request, address))
    filekey, number = request.path_params["filekey"], _number(request.path_params["number"])
    if not 0 <= number < len(content.bundle.entries):
        raise errors.NOT_FOUND()
    entry, start = content.bundle.entries[number], content.start_of(number)
    file = File(
        owner=content.file.owner,
        filename=name_of(entry),
        filesize=entry.size,
        filetype=entry.filetype,
        stored_size=entry.size,
    )
    tag = tag_of(filekey, number)
    return stored_answer(request, address.link, file, tag, content.parts, start=start)


def name_of(entry: BundleEntry) -> str:
    """A file's own name, without its folders."""
    return entry.path.rpartition("/")[2]


def tag_of(filekey: str, number: int) -> str:
    """What stands for the bytes of a file."""
    return f"{filekey}-{number}"


def zip_name(name: str) -> str:
    """What the zip of a bundle is saved as."""
    return name if name.lower().endswith(".zip") else f"{name}.zip"


class _Addresses:
    """The addresses of a bundle, which are signed as one."""

    def __init__(self, request: AnyRequest, address: FileAddress, base_path: str = "") -> None:
        self.filekey: str = request.path_params["filekey"]
        self._base = f"{base_path}/-/bundles/{self.filekey}"
        self._query = address.query

    def of(self, below: str) -> str:
        return f"{self._base}{below}?{self._query}"

    def from_on(self, number: int) -> str:
        return f"{self.of('')}&from={number}"


def _found(request: AnyRequest) -> tuple[FileAddress, Content | None]:
    """What a request's address is for; no content where its time is over. ADDRESS_EXPIRED,
    NOT_FOUND.
    """
    services = services_of(request)
    now, filekey = services.clock.now(), request.path_params["filekey"]
    only_elsewhere(request)
    refuse_to_run(request)
    address = services.sharing.addresses.read(filekey, request.query_params, now)
    if address.is_for_head and request.method == "GET":
        return address, None
    if address.is_over(now):
        return address, None
    content = services.sharing.files.several(filekey)
    if content is None:
        raise errors.NOT_FOUND()
    return address, content


def _number(text: str) -> int:
    """The number, or -1 for what is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS else -1


def _folders(
    content: Content, here: _Addresses, first: int, last: int
) -> list[tuple[str, list[BundleFile]]]:
    numbered = enumerate(content.bundle.entries[first:last], first)
    return [
        (
            folder,
            [
                BundleFile(name=name_of(entry), size=entry.size, path=here.of(f"/{number}"))
                for number, entry in entries
            ],
        )
        for folder, entries in groupby(numbered, lambda pair: pair[1].path.rpartition("/")[0])
    ]


def _told(content: Content, here: _Addresses, first: int) -> dict[str, Any]:
    """The same for a program: so many that the answer stays small."""
    entries, size = content.bundle.entries, 0
    told: list[dict[str, Any]] = []
    for number in range(first, len(entries)):
        entry = entries[number]
        size += len(entry.path.encode()) + len(entry.filetype)
        if told and (size > TOLD_BYTES or len(told) == AT_ONCE):
            break
        told.append(
            {
                "path": entry.path,
                "filesize": entry.size,
                "filetype": entry.filetype,
                "utime": entry.utime,
                "etag": f'"{tag_of(here.filekey, number)}"',
                "url": here.of(f"/{number}"),
            }
        )
    last = first + len(told)
    return {
        "filename": content.file.filename,
        "filesize": content.file.filesize,
        "files": len(entries),
        "entries": told,
        "zip": here.of("/zip"),
        "next": here.from_on(last) if last < len(entries) else None,
    }


HANDLERS = (listing, zipped, one)
