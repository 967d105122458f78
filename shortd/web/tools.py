"""`/-/tools`: shortening from elsewhere, with this server's address filled in everywhere."""

from __future__ import annotations

from urllib.parse import quote

import msgspec
from litestar import Response

from shortd.web.guard import show
from shortd.web.render import page, pages_of
from shortd.web.routing import AnyRequest, attachment, services_of

_BOOKMARKLET = (
    "(()=>{const q=encodeURIComponent;"
    "open('%s/-/new?url='+q(location.href)+'&title='+q(document.title))})()"
)


class ToolsPage(msgspec.Struct, frozen=True, kw_only=True):
    """tools/page.html."""

    base_url: str
    """Of the APIs."""
    pages_url: str
    bookmarklet: str
    """As an address that runs on the page that is to be shortened."""


@show("/-/tools")
async def tools(request: AnyRequest) -> Response[bytes]:
    """Ways to shorten without opening this site first."""
    settings = services_of(request).settings
    script = quote(_BOOKMARKLET % settings.pages_url, safe="(){}=>;,.:/?&+'!")
    content = ToolsPage(
        base_url=settings.public_url,
        pages_url=settings.pages_url,
        bookmarklet=f"javascript:{script}",
    )
    return page(request, "tools/page.html", content)


@show("/-/tools/sharex.sxcu")
async def sharex(request: AnyRequest) -> Response[bytes]:
    """What ShareX imports to shorten here; the key is put in by hand."""
    uploader = {
        "Version": "15.0.0",
        "Name": pages_of(request).site,
        "DestinationType": "URLShortener",
        "RequestMethod": "POST",
        "RequestURL": f"{services_of(request).settings.public_url}/shorten.json",
        "Body": "FormURLEncoded",
        "Arguments": {"api_key": "YOUR-API-KEY", "url": "{input}"},
        "URL": "{json:shortURL}",
        "ErrorMessage": "{json:message}",
    }
    content = msgspec.json.format(msgspec.json.encode(uploader))
    return attachment(content, "application/octet-stream", "shortd.sxcu")


HANDLERS = (tools, sharex)
