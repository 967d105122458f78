"""`/-/report`: a visitor tells the operators what is wrong with a link.

Whether a link is there he is told no more than its preview tells him, at the same price. What he
writes is for operators alone. It must never ask who he is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from litestar import Response
from msgspec import Meta, structs

from shortd import errors
from shortd.links.reports import NOTE_CHARACTERS
from shortd.models.blocking import Reason
from shortd.models.links import Link
from shortd.visits.decisions import refusal_of
from shortd.web import forms
from shortd.web.answers import whole_seconds
from shortd.web.forms import Form, Words, filled
from shortd.web.guard import act, show
from shortd.web.render import language_of, see, visitor_page
from shortd.web.routing import AnyRequest, client_address, services_of
from shortd.web.visitor.contents import REPORT_PATH, ReportPage
from shortd.web.visitor.opening import follow_of

FORM_BYTES = 16 << 10
URL_CHARACTERS = 600
_TEMPLATE = "visitor/report.html"


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """What the form sends."""

    link: Annotated[str, Meta(min_length=1, max_length=URL_CHARACTERS)]
    reason: Reason
    note: Annotated[str, Meta(max_length=2 * NOTE_CHARACTERS)] = ""


def reason_words(words: Words) -> Mapping[Reason, str]:
    """What may be wrong with a link."""
    return {
        Reason.PHISHING: words("It pretends to be somebody else, to get at passwords or money"),
        Reason.MALWARE: words("It spreads viruses or other harmful programs"),
        Reason.SPAM: words("It is advertised by spam"),
        Reason.ILLEGAL: words("What is there is against the law"),
        Reason.OTHER: words("Something else"),
    }


@show(REPORT_PATH)
async def ask(request: AnyRequest) -> Response[bytes]:
    """The form. Nothing is looked up for it."""
    _check_wanted(request)
    if request.query_params.get("sent"):
        words = language_of(request).gettext
        return visitor_page(
            request,
            "visitor/done.html",
            title=words("Thank you"),
            message=words("The operators of this server will look at the link."),
        )
    link: str = request.query_params.get("link") or ""
    return _shown(request, filled(link=link[:URL_CHARACTERS]))


@act(REPORT_PATH, request_max_body_size=FORM_BYTES, status_code=303)
async def report(request: AnyRequest) -> Response[bytes]:
    """What the form sends. Twice is once."""
    _check_wanted(request)
    services, words = services_of(request), language_of(request).gettext
    form = await forms.read(request, Given, most=FORM_BYTES)
    if form.value is not None:
        given, address = form.value, client_address(services, request.scope)
        try:
            link = _link(request, given.link)
            await services.links.reports.add(
                link.id, given.reason, given.note, address, services.clock.now()
            )
        except errors.ShortdError as refusal:
            form = form.refuse(refusal, words)
        else:
            return see(request, f"{REPORT_PATH}?sent=1")
    return _shown(request, form)


def _link(request: AnyRequest, short_url: str) -> Link:
    """The link that is meant, if its visitors may see it. LINK_NOT_FOUND and whatever else its
    preview would say."""
    services, follow = services_of(request), follow_of(request)
    address = services.links.links.address(short_url)
    if address is None:
        raise errors.LINK_NOT_FOUND("This is no short link of this server.", field="link")
    host, code = address
    asked = structs.replace(follow.request(request.scope), host=host)
    decision = follow.look_up(services.visits.visits.look, code, asked)
    if decision.link is None or not decision.is_alive:
        refusal = refusal_of(decision)
        raise refusal.kind(field="link", retry_after=refusal.retry_after)
    return decision.link


def _shown(request: AnyRequest, form: Form[Any]) -> Response[bytes]:
    words = language_of(request).gettext
    content = ReportPage(
        form=form,
        reasons=[
            ("", words("Choose one")),
            *((reason.value, said) for reason, said in reason_words(words).items()),
        ],
        most=NOTE_CHARACTERS,
    )
    status = form.status if form.errors else 200
    answer = visitor_page(request, _TEMPLATE, status, form=True, page=content)
    if form.refusal is not None and form.refusal.retry_after is not None:
        answer.headers["Retry-After"] = str(whole_seconds(form.refusal.retry_after))
    return answer


def _check_wanted(request: AnyRequest) -> None:
    if not services_of(request).settings.web.reports:
        raise errors.NOT_FOUND()


HANDLERS = (ask, report)
