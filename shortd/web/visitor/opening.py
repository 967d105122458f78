"""Opening protected links: `/-/open` takes the password, and leads on.

The password is sent once. What then leads on is an address that is signed for a moment, so that the
visit itself is a GET like any other: one click, the plugins' decisions and pages, and nothing kept
in the visitor's browser. No rule about what a visit gets stands here.
"""

from __future__ import annotations

from typing import Annotated, TypeVar
from urllib.parse import parse_qsl, urlencode

import msgspec
from litestar import Response, route
from litestar.enums import HttpMethod
from msgspec import Meta

from shortd import errors
from shortd.hosts.destinations import quoted
from shortd.link_codes import composed, escaped
from shortd.links.passwords import Proof
from shortd.visits.decisions import Outcome
from shortd.web.answers import NO_STORE, Answer
from shortd.web.guard import check_secret
from shortd.web.routing import AnyRequest, client_address, look, response, services_of
from shortd.web.visitor.follow import OPENING_PATH as PATH
from shortd.web.visitor.follow import Follow

FORM_BYTES = 1 << 16
MOST_FIELDS = 16
OPEN_WEIGHT = 1000
"""Weight units that naming a password takes from the client's bucket."""

T = TypeVar("T")


class LinkNamed(msgspec.Struct, frozen=True):
    """Names a link by its code, as it is kept."""

    code: str

    def __post_init__(self) -> None:
        if composed(self.code) != self.code:
            raise ValueError("no link can have this code")


class Form(LinkNamed, frozen=True):
    """What the page sends."""

    password: str = ""
    query: str = ""
    referrer: str = ""

    @property
    def link_path(self) -> str:
        """The link's own address, as the visitor asked for it."""
        return f"/{escaped(self.code)}" + (f"?{_raw(self.query).decode()}" if self.query else "")


class Opened(LinkNamed, frozen=True):
    """The query of an address that leads on."""

    expires: Annotated[int, Meta(ge=0, le=2**63 - 1)]
    signature: str
    query: str = ""
    referrer: str = ""


@route(PATH, http_method=[HttpMethod.POST], request_max_body_size=FORM_BYTES)
async def open_link(request: AnyRequest) -> Response[bytes]:
    """Checks a password, and leads on if it is the link's."""
    check_secret(request)
    services, follow = services_of(request), follow_of(request)
    form = _read(await request.body(), Form)
    asked = follow.request(request.scope, query=_raw(form.query), referrer=form.referrer)
    now = services.clock.now()
    decision = follow.look_up(services.visits.visits.look, form.code, asked)
    link = decision.link
    if decision.outcome is not Outcome.PROTECTED or link is None:
        # Ended meanwhile, or never there: its own address says what is the matter.
        return response(_see(form.link_path))
    address = client_address(services, request.scope)
    services.limits.budgets.charge_client(address, OPEN_WEIGHT, now)
    try:
        await services.links.passwords.check_password(link, form.password, address)
    except errors.ShortdError as refusal:
        in_browser = "text/html" in request.headers.get("accept", "")
        if refusal.kind is not errors.WRONG_PASSWORD or not in_browser:
            raise
        return response(follow.ask(link, asked, is_wrong=True))
    proof = services.links.passwords.proof(link, services.clock.now())
    opened = Opened(form.code, *proof, form.query, form.referrer)
    return response(_see(f"{PATH}?{urlencode(msgspec.to_builtins(opened))}"))


@look(PATH)
async def lead_on(request: AnyRequest) -> Response[bytes]:
    """The visit of who has named the password; its proof is in the query."""
    services, follow = services_of(request), follow_of(request)
    opened = _read(request.scope["query_string"], Opened)
    asked = follow.request(request.scope, query=_raw(opened.query), referrer=opened.referrer)
    visits = services.visits.visits
    link = follow.look_up(visits.look, opened.code, asked).link
    proof = Proof(opened.expires, opened.signature)
    if link is None or not services.links.passwords.is_valid(proof, link, asked.visitor.utime):
        form = Form(opened.code, query=opened.query)
        return response(_see(form.link_path))
    decision = visits.answer(asked.host, opened.code, asked.visitor, unlocked=True)
    await services.clicks.clicks.flushed()
    return response(follow.lead_on(decision, asked))


def _read(raw: bytes, kind: type[T]) -> T:
    """A form or a query. BAD_REQUEST for what our own page does not send."""
    try:
        pairs = parse_qsl(
            raw.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=MOST_FIELDS
        )
    except ValueError:
        raise errors.BAD_REQUEST() from None
    try:
        # Everything in a form is text.
        return msgspec.convert(dict(pairs), kind, strict=False)
    except msgspec.ValidationError:
        raise errors.BAD_REQUEST() from None


def _raw(query: str) -> bytes:
    return quoted(query.encode("utf-8", "replace")).encode("ascii")


def follow_of(request: AnyRequest) -> Follow:
    follow: Follow = request.app.state.follow
    return follow


def _see(path: str) -> Answer:
    """303: whatever the method was, go on with GET (RFC 9110 15.4.4)."""
    return Answer(303, [(b"location", path.encode("ascii")), NO_STORE])


HANDLERS = (open_link, lead_on)
