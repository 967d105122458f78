"""Where the reference is: `/-/docs` for people, documents of OpenAPI below it for programs.

Everything is made once, since that takes as long as thousands of redirects and anybody may ask;
what makes it is imported then.
"""

from __future__ import annotations

import gzip
from functools import cache

import msgspec
from litestar import Response

from shortd import errors
from shortd.api.reference.operations import Api
from shortd.web.answers import JSON_HEADERS, NO_STORE, Answer, page_headers
from shortd.web.pages import Pages
from shortd.web.policies import fitting, origin_of, script_headers
from shortd.web.render import takes_gzip
from shortd.web.routing import AnyRequest, look, response, services_of

SCRIPT = "docs.js"
_ALL = "openapi"


@look("/-/docs")
async def docs(request: AnyRequest) -> Response[bytes]:
    """The reference as a page."""
    services = services_of(request)
    origin = origin_of(services, request.scope["headers"])
    allowed = fitting(script_headers(origin.sources), services.settings.public_url)
    plain, packed = _page(services.settings.public_url)
    if origin.nonce:
        mark = f' nonce="{origin.nonce}"></script>'.encode()
        plain, packed = plain.replace(b"></script>", mark), b""
    return _sent(request, Answer(200, [*page_headers(allowed), NO_STORE], plain), packed)


@look([f"/-/docs/{name}.json" for name in (_ALL, *Api)])
async def openapi(request: AnyRequest) -> Response[bytes]:
    """A document of OpenAPI."""
    name = request.scope["path"].rpartition("/")[2].removesuffix(".json")
    if name not in (_ALL, *Api):
        raise errors.NOT_FOUND()
    plain, packed = _document(services_of(request).settings.public_url, name)
    return _sent(request, Answer(200, [*JSON_HEADERS, NO_STORE], plain), packed)


def _sent(request: AnyRequest, answer: Answer, packed: bytes) -> Response[bytes]:
    """The answer as small as the client takes it. It has no secret that its length could tell."""
    headers = [*answer.headers, (b"vary", b"accept-encoding")]
    if packed and takes_gzip(request):
        return response(Answer(200, [*headers, (b"content-encoding", b"gzip")], packed))
    return response(Answer(200, headers, answer.body))


@cache
def _page(base_url: str) -> tuple[bytes, bytes]:
    """As it is, and packed."""
    from shortd.api.reference.page import contents

    pages = Pages(base_url)
    plain = pages.render("docs.html", None, page=contents(base_url), scripts=(SCRIPT,)).encode()
    return plain, gzip.compress(plain, 9, mtime=0)


@cache
def _document(base_url: str, name: str) -> tuple[bytes, bytes]:
    from shortd.api.reference.document import document

    plain = msgspec.json.encode(document(base_url, None if name == _ALL else Api(name)))
    return plain, gzip.compress(plain, 9, mtime=0)


HANDLERS = (docs, openapi)
