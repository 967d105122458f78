"""`/-/tools`: shortening from elsewhere, with this server's address filled in everywhere."""

from __future__ import annotations

import re
from typing import Annotated, Any
from urllib.parse import quote

import msgspec
from litestar import Response
from msgspec import Meta

from shortd import errors
from shortd.models.accounts import Scope
from shortd.web import forms, session, shell_lines
from shortd.web.guard import act, show
from shortd.web.home.pages import is_open
from shortd.web.render import language_of, page, pages_of
from shortd.web.routing import AnyRequest, attachment, services_of
from shortd.web.shell_lines import KEY, NAME

KEY_NAME = "ShareX"
_BOOKMARKLET = (
    "(()=>{const q=encodeURIComponent,"
    "u='%s/-/new?url='+q(location.href)+'&title='+q(document.title);"
    "open(u)||(location.href=u)})()"
)
"""Browsers let a bookmark go elsewhere, and open another tab, whatever the policy of the page is
that it is pressed on; everything else might be forbidden there."""
_SEARCH_NAME = 16
"""Characters of the name that a browser takes a search engine by (OpenSearch 1.1)."""
# What stands in a line for the shell as it is.
_PLAIN_NAME = re.compile(r"[\w.@+-]+", re.ASCII)


class ToolsPage(msgspec.Struct, frozen=True, kw_only=True):
    """tools/page.html."""

    base_url: str
    """Of the APIs."""
    pages_url: str
    bookmarklet: str
    """As an address that runs on the page that is to be shortened."""
    sqwish: str
    v1: str
    v2: str
    """Empty where nobody makes links without an account."""
    cli: str
    key: str = KEY
    """What stands where an API key belongs."""
    without_account: bool
    without_key: bool
    """Whether links are made by sqwish without a key."""
    can_make_key: bool


class Uploader(msgspec.Struct, frozen=True, kw_only=True):
    """A file for ShareX that is to have a key of its own."""

    file: Annotated[str, Meta(pattern="^(links|files)$")]


@show("/-/tools")
async def tools(request: AnyRequest) -> Response[bytes]:
    """Ways to shorten without opening this site first."""
    services, found = services_of(request), session.current(request)
    settings = services.settings
    script = quote(_BOOKMARKLET % settings.pages_url, safe="(){}=>;,.:/?&+'!|")
    registered = found is not None and not found.temporary
    name = found.account.username or found.account.email if found else ""
    server, without_account = settings.public_url, is_open(services)
    content = ToolsPage(
        base_url=server,
        pages_url=settings.pages_url,
        bookmarklet=f"javascript:{script}",
        sqwish=shell_lines.sqwish(server),
        v1=shell_lines.v1(server, name if _PLAIN_NAME.fullmatch(name) else NAME),
        v2=shell_lines.v2(server) if settings.accounts.temporary else "",
        cli=shell_lines.client(server),
        without_account=without_account,
        without_key=not settings.sqwish.require_key,
        can_make_key=registered,
    )
    return page(request, "tools/page.html", content)


@show("/-/tools/{name:str}")
async def sharex(request: AnyRequest) -> Response[bytes]:
    """What ShareX imports; the key is put in by hand."""
    file, _, ending = request.path_params["name"].partition(".")
    if ending != "sxcu" or file not in ("links", "files"):
        raise errors.NOT_FOUND()
    return _uploader(request, file, KEY)


@act("/-/tools/sharex", status_code=200)
async def sharex_with_key(request: AnyRequest) -> Response[bytes]:
    """The same with an API key that is made for it, and reads nothing."""
    found, services = session.registered(request), services_of(request)
    form = await forms.read(request, Uploader, call="create_api_key")
    if form.value is None:
        raise errors.BAD_REQUEST()
    now, keys = services.clock.now(), services.accounts.api_keys
    made = await keys.create(found.account, KEY_NAME, (Scope.WRITE,), now)
    return _uploader(request, form.value.file, made.key)


@show("/-/opensearch.xml")
async def opensearch(request: AnyRequest) -> Response[bytes]:
    """What a browser takes for a search engine, whose only result is the form here (OpenSearch
    1.1)."""
    from xml.etree.ElementTree import Element, SubElement, tostring

    pages, url = pages_of(request), services_of(request).settings.pages_url
    words = language_of(request).gettext
    root = Element("OpenSearchDescription", xmlns="http://a9.com/-/spec/opensearch/1.1/")
    SubElement(root, "ShortName").text = pages.site[:_SEARCH_NAME]
    SubElement(root, "Description").text = words("Shorten with %(site)s") % {"site": pages.site}
    SubElement(root, "InputEncoding").text = "UTF-8"
    icon = SubElement(root, "Image", width="32", height="32", type="image/x-icon")
    icon.text = url + pages.assets.named("favicon.ico").path
    SubElement(root, "Url", type="text/html", template=f"{url}/-/new?url={{searchTerms}}")
    headers = {
        "Content-Type": "application/opensearchdescription+xml; charset=utf-8",
        "Cache-Control": "no-cache",
        "Vary": "Accept-Language, Cookie",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(tostring(root, "utf-8", xml_declaration=True), headers=headers)


def _uploader(request: AnyRequest, file: str, key: str) -> Response[bytes]:
    """A .sxcu file for addresses or for files. Both speak sqwish, which takes API keys."""
    server = services_of(request).settings.public_url
    uploader: dict[str, Any] = {
        "Version": "15.0.0",
        "Name": f"{pages_of(request).site} ({file})",
        "RequestMethod": "POST",
        "URL": "{json:shortURL}",
        "ErrorMessage": "{json:message}",
    }
    if file == "links":
        uploader |= {
            "DestinationType": "URLShortener",
            "RequestURL": f"{server}/shorten.json",
            "Body": "FormURLEncoded",
            "Arguments": {"api_key": key, "url": "{input}"},
        }
    else:
        uploader |= {
            "DestinationType": "ImageUploader, TextUploader, FileUploader",
            "RequestURL": f"{server}/upload.json",
            "Body": "MultipartFormData",
            "Arguments": {"api_key": key},
            "FileFormName": "file",
        }
    content = msgspec.json.format(msgspec.json.encode(uploader))
    return attachment(content, "application/octet-stream", f"shortd-{file}.sxcu")


HANDLERS = (tools, sharex, sharex_with_key, opensearch)
