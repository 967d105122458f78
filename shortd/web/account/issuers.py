"""To an issuer and back: signing in, linking it to one's account, and proving who one is.

A browser is sent there by links, since forms may lead nowhere else, and comes back to the one
address that the issuer knows. What is begun for an account is begun by a page of ours alone, and is
finished in the same browser as the same account: otherwise a stranger could link himself to it.
"""

from __future__ import annotations

import structlog
from litestar import Response
from litestar.datastructures import Cookie

from shortd import errors
from shortd.accounts.identities import Admission
from shortd.accounts.tokens import Proof
from shortd.clock import SECOND
from shortd.issuers import Fault, Flow, Issuer, Purpose, faults
from shortd.issuers.flows import LASTS, STATE_LENGTH
from shortd.models.accounts import Account
from shortd.web import forms, guard, session
from shortd.web.account.contents import SignedOutPage
from shortd.web.account.failures import sign_in_failed
from shortd.web.account.signing_in import SIGNED_OUT, START, is_in, open_session
from shortd.web.guard import show
from shortd.web.render import language_of, page, see
from shortd.web.routing import AnyRequest, services_of

ACCOUNT = "/-/account"
_SHOWN = 128
"""Characters of the issuer's own words."""

log = structlog.get_logger(__name__)


@show("/-/login/oidc/{name:str}")
async def begin(request: AnyRequest) -> Response[bytes]:
    """Sends a browser to the issuer, to sign in here."""
    issuer = _issuer(request)
    wanted = session.back_to(request, request.query_params.get("next", ""), "")
    if is_in(request):
        return see(request, wanted or START)
    return await go(request, issuer, Purpose.SIGN_IN, wanted)


@show(f"{ACCOUNT}/confirm/{{name:str}}")
async def prove(request: AnyRequest) -> Response[bytes]:
    """The same for who is signed in, to prove that it is still he."""
    guard.check(request)
    issuer, found = _issuer(request), session.registered(request)
    wanted = session.back_to(request, request.query_params.get("next", ""), "")
    return await go(request, issuer, Purpose.PROVE, wanted, found.account)


@show(f"{ACCOUNT}/ways/{{name:str}}")
async def link(request: AnyRequest) -> Response[bytes]:
    """The same, to let who comes back open this account from then on."""
    guard.check(request)
    issuer, found = _issuer(request), session.registered(request)
    services = services_of(request)
    logins, now = services.accounts.logins, services.clock.now()
    if not logins.is_proven(found.account, found.token, now):
        return see(request, session.confirm_address(f"{ACCOUNT}#h-ways"))
    return await go(request, issuer, Purpose.LINK, "", found.account)


@show("/-/login/oidc/{name:str}/callback")
async def come_back(request: AnyRequest) -> Response[bytes]:
    """Where an issuer sends browsers back to."""
    issuer, services = _issuer(request), services_of(request)
    forms.charge(request, "login")
    query = {key: request.query_params.get(key, "") for key in request.query_params}
    state = query.get("state", "")[: STATE_LENGTH + 1]
    flow, rest = services.issuers.flows.take(
        request.cookies.get(cookie_name(request), ""), issuer.name, state, services.clock.now()
    )
    try:
        if flow is None:
            raise faults.STATE()
        answer = await _finish(request, issuer, flow, query)
    except Fault as fault:
        answer = _failed(request, issuer, fault, flow)
    return _keep(request, answer, rest)


async def _finish(
    request: AnyRequest, issuer: Issuer, flow: Flow, query: dict[str, str]
) -> Response[bytes]:
    """What a sign-in that was begun here leads to. Fault."""
    services, words = services_of(request), language_of(request).gettext
    identities, now = services.accounts.identities, services.clock.now()
    person = await issuer.person(flow, query)
    if flow.purpose is Purpose.SIGN_IN:
        settings = issuer.settings
        admission = Admission(create=settings.create, link_by_email=settings.link_by_email)
        account = await identities.admit(person, admission, now)
        proof = Proof(utime=person.auth_utime, issuer=issuer.name, vouched=True, how="issuer")
        return await open_session(request, account, proof, flow.wanted)
    found = session.current(request)
    if found is None or found.temporary or found.account.userid != flow.userid:
        raise faults.SIGNED_OUT()
    if flow.purpose is Purpose.LINK:
        await identities.link(found.account, person, now)
        said = words("%(issuer)s opens this account from now on.") % {"issuer": issuer.label}
        return see(request, ACCOUNT, said)
    linked = identities.account_of(person)
    if linked is None or linked.userid != found.account.userid:
        raise faults.SOMEBODY_ELSE()
    await services.accounts.logins.note_proof(found.account, found.token, now)
    return see(request, flow.wanted or ACCOUNT, words("It is you. Go on."))


@show("/-/login/oidc/{name:str}/logout")
async def log_out_there(request: AnyRequest) -> Response[bytes]:
    """Sends a browser to where one signs out at the issuer."""
    issuer = _issuer(request)
    forms.charge(request, "login")
    try:
        address = await issuer.log_out_address()
    except Fault as fault:
        return _failed(request, issuer, fault, None)
    return _away(address) if address else see(request, SIGNED_OUT)


@show(SIGNED_OUT)
async def show_signed_out(request: AnyRequest) -> Response[bytes]:
    """Says that nobody is signed in here any more, and where somebody still may be."""
    if is_in(request):
        return see(request, START)
    issuer = services_of(request).issuers.get(request.query_params.get("issuer", ""))
    content = SignedOutPage(
        issuer="" if issuer is None else issuer.name,
        label="" if issuer is None else issuer.label,
    )
    return page(request, "account/signed_out.html", content)


async def go(
    request: AnyRequest,
    issuer: Issuer,
    purpose: Purpose,
    wanted: str,
    account: Account | None = None,
) -> Response[bytes]:
    """Sends a browser to the issuer, with what it has to come back with in a cookie."""
    forms.charge(request, "login")
    services = services_of(request)
    flow, cookie = services.issuers.flows.begin(
        request.cookies.get(cookie_name(request), ""),
        issuer.name,
        purpose,
        services.clock.now(),
        wanted=wanted,
        userid="" if account is None else account.userid,
    )
    try:
        answer = _away(await issuer.address(flow))
    except Fault as fault:
        return _failed(request, issuer, fault, flow)
    return _keep(request, answer, cookie)


def cookie_name(request: AnyRequest) -> str:
    """Of the sign-ins under way."""
    return f"{session.cookie_prefix(services_of(request).settings)}shortd-flows"


def _issuer(request: AnyRequest) -> Issuer:
    """The one that the address names. NOT_FOUND."""
    issuer = services_of(request).issuers.get(request.path_params["name"])
    if issuer is None:
        raise errors.NOT_FOUND()
    return issuer


def _failed(
    request: AnyRequest, issuer: Issuer, fault: Fault, flow: Flow | None
) -> Response[bytes]:
    wanted = flow.wanted if flow is not None and flow.purpose is Purpose.SIGN_IN else ""
    return sign_in_failed(
        request,
        fault,
        issuer.name,
        issuer.label,
        begins=f"{session.LOGIN}/oidc/{issuer.name}",
        wanted=wanted,
        callback=issuer.callback,
    )


def _away(address: str) -> Response[bytes]:
    """To another site, which is not told where from."""
    return Response(
        b"",
        status_code=303,
        headers={
            "Location": address,
            "Cache-Control": "no-store",
            "Referrer-Policy": "no-referrer",
        },
    )


def _keep(request: AnyRequest, answer: Response[bytes], value: str) -> Response[bytes]:
    answer.set_cookie(
        Cookie(
            cookie_name(request),
            value=value,
            max_age=LASTS // SECOND if value else 0,
            secure=session.is_secure(services_of(request).settings),
            httponly=True,
            samesite="lax",
        )
    )
    return answer


HANDLERS = (begin, prove, link, come_back, log_out_there, show_signed_out)
