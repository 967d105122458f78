"""What belongs to the frame of all pages: how they look for this browser, what installs them as an
app, which keys they know.
"""

from __future__ import annotations

import msgspec
from litestar import Response

from shortd.web.guard import show
from shortd.web.messages import is_own_path
from shortd.web.readers import LANGUAGE_COOKIE, THEME_COOKIE, THEMES
from shortd.web.render import language_of, page, pages_of
from shortd.web.routing import AnyRequest, base_path_of, home_of, services_of

_YEAR = 365 * 86400
_ICONS = (
    ("icon-192.png", "192x192", "image/png", "any"),
    ("icon-512.png", "512x512", "image/png", "any"),
    ("icon-mask.png", "512x512", "image/png", "maskable"),
    ("favicon.svg", "any", "image/svg+xml", "any"),
)
"""Of the installed app: name, size, type, and whether a phone may cut its own shape out of it."""


@show("/-/look")
async def choose_look(request: AnyRequest) -> Response[bytes]:
    """Keeps the language or the colours that were chosen, and goes back. A link does it, since it
    harms nobody and has to work on pages without a form; but only a link of ours.
    """
    query = request.query_params
    back = query.get("back", "/")
    location = back if is_own_path(back) else "/"
    answer = Response(b"", status_code=303, headers={"Location": location})
    answer.headers["Cache-Control"] = "no-store"
    if request.headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
        return answer
    language, theme = query.get("lang"), query.get("theme")
    if language is not None and pages_of(request).readers.languages.named(language):
        _keep(request, answer, LANGUAGE_COOKIE, language)
    if theme in THEMES:
        _keep(request, answer, THEME_COOKIE, theme)
    elif theme is not None:
        answer.delete_cookie(THEME_COOKIE)
    return answer


def _keep(request: AnyRequest, answer: Response[bytes], name: str, value: str) -> None:
    secure = services_of(request).settings.pages_url.startswith("https:")
    answer.set_cookie(name, value, max_age=_YEAR, httponly=True, samesite="lax", secure=secure)


@show("/-/keyboard")
async def keyboard(request: AnyRequest) -> Response[bytes]:
    """The keys of all pages."""
    return page(request, "keyboard/page.html")


@show("/-/manifest.webmanifest")
async def manifest(request: AnyRequest) -> Response[bytes]:
    """What installs the pages as an app, to which phones can share addresses."""
    words = language_of(request).gettext
    pages, base = pages_of(request), base_path_of(request)
    content = {
        "name": pages.site,
        "short_name": pages.site[:30],
        "lang": language_of(request).code,
        "id": f"{base}/",
        "start_url": base + home_of(services_of(request)),
        "scope": f"{base}/",
        "display": "standalone",
        "background_color": "#f5f4f0",
        "theme_color": "#f5f4f0",
        "icons": [
            {
                "src": base + pages.assets.named(name).path,
                "sizes": sizes,
                "type": kind,
                "purpose": purpose,
            }
            for name, sizes, kind, purpose in _ICONS
        ],
        "shortcuts": [{"name": words("New link"), "url": f"{base}/-/new"}],
        "share_target": {
            "action": f"{base}/-/new",
            "method": "GET",
            "enctype": "application/x-www-form-urlencoded",
            "params": {"title": "title", "text": "text", "url": "url"},
        },
    }
    headers = {
        "Content-Type": "application/manifest+json",
        "Cache-Control": "no-cache",
        "Vary": "Accept-Language, Cookie",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(msgspec.json.encode(content), headers=headers)


HANDLERS = (choose_look, keyboard, manifest)
