"""The account's own page: what it is called, its password, where it is signed in, how it wants its
pages, what it uses, and its end.

Each part is a form of its own. What lets somebody else in for good, a new address for mails, asks
for the password; so does the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Annotated, Any, TypeVar

import msgspec
from litestar import Response
from litestar.datastructures import Cookie
from msgspec import Meta

from shortd import errors
from shortd.accounts.api_keys import KEYS_PER_ACCOUNT
from shortd.accounts.identities import id_of
from shortd.accounts.logins import SignedIn
from shortd.clock import SECOND
from shortd.fields import Email, Username
from shortd.files.manifests import stored_bytes
from shortd.limits.buckets import Limit
from shortd.limits.budgets import REDIRECT_WEIGHT
from shortd.models.accounts import Account, Identity, Theme
from shortd.services import Services
from shortd.store.schema import LINKS_PER_TEAM
from shortd.upkeep.administration import Changes
from shortd.visitors.devices import UNKNOWN
from shortd.visitors.visitors import parse_agent, parser_ready
from shortd.web import forms, session
from shortd.web.account.contents import AccountPage, Meter, SignedInRow, WayRow
from shortd.web.account.passwords import BothPasswords, Password, checked, derivations
from shortd.web.account.signing_in import issuer_buttons
from shortd.web.filters import filters_of
from shortd.web.forms import Form, again
from shortd.web.guard import act, show
from shortd.web.policies import is_open_origin
from shortd.web.readers import LANGUAGE_COOKIE, THEME_COOKIE
from shortd.web.render import language_of, page, pages_of, see
from shortd.web.routing import AnyRequest, client_address, home_of, services_of
from shortd.web.session import Session

PATH = "/-/account"
TEMPLATE = "account/page.html"
LOGINS_SHOWN = 50
WRITE_WEIGHT = 1000


class NewName(msgspec.Struct, frozen=True, kw_only=True):
    username: Username = ""


class NewEmail(Password, frozen=True, kw_only=True):
    email: Email


class ChangePassword(BothPasswords, frozen=True, kw_only=True):
    end_keys: bool = False


class Look(msgspec.Struct, frozen=True, kw_only=True):
    language: Annotated[str, Meta(max_length=35)] = ""
    theme: Theme = Theme.AUTO
    keys: bool = False


class EndLogin(msgspec.Struct, frozen=True, kw_only=True):
    id: Annotated[str, Meta(max_length=64)]


class EndLogins(msgspec.Struct, frozen=True, kw_only=True):
    end_keys: bool = False


class Deletion(Password, frozen=True, kw_only=True):
    name: Annotated[str, Meta(min_length=1, max_length=400)]


@show(PATH)
async def show_account(request: AnyRequest) -> Response[bytes]:
    await parser_ready()
    return page(request, TEMPLATE, _content(request, session.registered(request)))


@act(f"{PATH}/name", status_code=303)
async def change_name(request: AnyRequest) -> Response[bytes]:
    found, words = session.registered(request), language_of(request).gettext
    form = await forms.read(request, NewName)
    if form.value is not None:
        try:
            await _change(request, found, Changes(username=form.value.username))
        except errors.ShortdError as refusal:
            form = form.refuse(refusal, words)
    if form.errors:
        return _again(request, found, "name", form)
    return see(request, PATH, words("Your name is changed."))


@act(f"{PATH}/email", status_code=303)
async def change_email(request: AnyRequest) -> Response[bytes]:
    """Another address: it counts as not verified, and gets a mail about that."""
    found, words = session.registered(request), language_of(request).gettext
    form = _checked(await forms.read(request, NewEmail), request, found)
    if form.value is not None:
        try:
            await _confirm(request, found, form.value)
            await _change(request, found, Changes(email=form.value.email))
        except errors.ShortdError as refusal:
            form = _refused(form, refusal, request)
    if form.errors:
        return _again(request, found, "email", form)
    if services_of(request).settings.mail.smtp_url:
        with suppress(errors.ShortdError):
            await _mail(request, found)
            return see(request, PATH, words("A mail is on its way to the new address."))
    return see(request, PATH, words("Your address is changed."))


@act(f"{PATH}/verify", status_code=303)
async def mail_verification(request: AnyRequest) -> Response[bytes]:
    found, words = session.registered(request), language_of(request).gettext
    forms.charge(request, "verify_email")
    try:
        await _mail(request, found)
    except errors.ShortdError as refusal:
        return _again(request, found, "verify", forms.filled().refuse(refusal, words))
    return see(request, PATH, words("A mail is on its way."))


@act(f"{PATH}/password", status_code=303)
async def change_password(request: AnyRequest) -> Response[bytes]:
    """A new password. All other logins end, and keys if they are to."""
    found, words = session.registered(request), language_of(request).gettext
    form = await forms.read(request, ChangePassword, call="change_password")
    form = checked(_checked(form, request, found), words, new=True)
    services = services_of(request)
    if form.value is None:
        return _again(request, found, "password", form)
    assert found.token is not None, "somebody has signed up"
    address, now = client_address(services, request.scope), services.clock.now()
    try:
        first, other = await _derived(request, found, form.value)
        new = await derivations(request, form.value, "password_new")
        await services.accounts.logins.change_password(
            found.account,
            found.token,
            password=first,
            password_alt=other,
            new_passwords=new,
            end_keys=form.value.end_keys,
            address=address,
            now=now,
        )
    except errors.ShortdError as refusal:
        return _again(request, found, "password", _refused(form, refusal, request))
    return see(request, PATH, words("Your password is changed. All other logins have ended."))


@act(f"{PATH}/look", status_code=303)
async def change_look(request: AnyRequest) -> Response[bytes]:
    """Language, colours and keys: of the account, and of this browser when nobody is signed in."""
    found = session.registered(request)
    form = await forms.read(request, Look)
    look, languages = form.value, pages_of(request).readers.languages
    if look is None or (look.language and languages.named(look.language) is None):
        words = language_of(request).gettext
        form = form.wrong("language", words("There is no such language here."))
        return _again(request, found, "look", form)
    services = services_of(request)
    await services.accounts.preferences.change(
        found.account, language=look.language, theme=look.theme, keys=look.keys
    )
    answer = see(request, PATH)
    theme = "" if look.theme is Theme.AUTO else look.theme.value
    for name, value in ((LANGUAGE_COOKIE, look.language), (THEME_COOKIE, theme)):
        lifetime = session.LONGEST // SECOND if value else 0
        answer.set_cookie(Cookie(name, value=value, max_age=lifetime, samesite="lax"))
    return answer


@act(f"{PATH}/sessions/end", status_code=303)
async def end_login(request: AnyRequest) -> Response[bytes]:
    """Ends one login, be it this one."""
    found, words = session.registered(request), language_of(request).gettext
    form = await forms.read(request, EndLogin)
    services = services_of(request)
    if form.value is not None:
        await services.accounts.logins.end(found.account, form.value.id)
    said = words("That login has ended.")
    now = services.clock.now()
    if any(login.is_own for login in _logins(request, found, now)):
        return see(request, PATH, said)
    return session.stop(request, see(request, session.LOGIN, said))


@act(f"{PATH}/sessions/end-all", status_code=303)
async def end_logins(request: AnyRequest) -> Response[bytes]:
    """Signs out everywhere, here as well."""
    found, words = session.registered(request), language_of(request).gettext
    form = await forms.read(request, EndLogins)
    end_keys = form.value is not None and form.value.end_keys
    logins = services_of(request).accounts.logins
    await logins.end_all(found.account, None, end_keys=end_keys)
    answer = see(request, session.LOGIN, words("You are signed out everywhere."))
    return session.stop(request, answer)


@act(f"{PATH}/delete", status_code=303)
async def delete(request: AnyRequest) -> Response[bytes]:
    """Ends the account with all that is its own, once its name is typed."""
    found, words = session.registered(request), language_of(request).gettext
    form = _checked(await forms.read(request, Deletion), request, found)
    account = found.account
    names = {account.username, account.email} - {""}
    if form.value is not None and form.value.name.strip() not in names:
        form = form.wrong("name", words("This is not the account's name."))
    services = services_of(request)
    if form.value is not None:
        try:
            await _confirm(request, found, form.value)
            await services.upkeep.administration.end(account.userid, services.clock.now())
        except errors.ShortdError as refusal:
            form = _refused(form, refusal, request)
    if form.errors:
        return _again(request, found, "delete", form)
    answer = see(
        request, home_of(services), words("Your account is deleted, with its links and files.")
    )
    return session.stop(request, answer)


async def _change(request: AnyRequest, found: Session, changes: Changes) -> None:
    await services_of(request).upkeep.administration.change(found.account.userid, changes)


T = TypeVar("T", bound=msgspec.Struct)


def _checked(form: Form[T], request: AnyRequest, found: Session) -> Form[T]:
    """The form, with what is wrong with the password as far as can be seen, if there is one."""
    if not services_of(request).accounts.logins.asks_password(found.account):
        return form
    return checked(form, language_of(request).gettext)


async def _derived(
    request: AnyRequest, found: Session, value: Password | BothPasswords
) -> list[str]:
    """Both derivations of the present password; empty ones of an account that has none."""
    if not services_of(request).accounts.logins.asks_password(found.account):
        return ["", ""]
    return await derivations(request, value, "password")


async def _confirm(request: AnyRequest, found: Session, value: Password) -> None:
    """BAD_CREDENTIALS at the field, LOGIN_LIMITED, BUSY; PROOF_REQUIRED for who has no password and
    has not proved himself lately."""
    services = services_of(request)
    address, now = client_address(services, request.scope), services.clock.now()
    logins = services.accounts.logins
    if not logins.asks_password(found.account):
        if not logins.is_proven(found.account, found.token, now):
            raise errors.PROOF_REQUIRED()
        return
    first, other = await derivations(request, value, "password")
    await logins.confirm(found.account, first, address, now, password_alt=other)


async def _mail(request: AnyRequest, found: Session) -> None:
    services = services_of(request)
    address, now = client_address(services, request.scope), services.clock.now()
    await services.accounts.mailboxes.mail_verification(
        found.account.userid, address, now, language_of(request).code
    )


def _refused(form: Form[Any], refusal: errors.ShortdError, request: AnyRequest) -> Form[Any]:
    words = language_of(request).gettext
    if refusal.kind is errors.BAD_CREDENTIALS:
        return form.wrong("password", words("This is not your password."))
    return form.refuse(refusal, words)


def _again(request: AnyRequest, found: Session, name: str, form: Form[Any]) -> Response[bytes]:
    return again(request, TEMPLATE, _content(request, found, {name: form}), form)


def _content(
    request: AnyRequest, found: Session, refused: dict[str, Form[Any]] | None = None
) -> AccountPage:
    services, account = services_of(request), found.account
    logins, now = services.accounts.logins, services.clock.now()
    ways = [_way(services, row) for row in services.accounts.identities.of_account(account.userid)]
    linked = {way.label for way in ways}
    return AccountPage(
        has_password=logins.asks_password(account),
        takes_passwords=services.settings.auth.password,
        is_proven=logins.is_proven(account, found.token, now),
        is_proxied=found.proxied,
        ways=ways,
        issuers=[pair for pair in issuer_buttons(services) if pair[1] not in linked],
        username=account.username,
        email=account.email,
        is_verified=account.email_verified,
        kind=account.type,
        created=account.create_utime,
        logins=[_row(login) for login in _logins(request, found, services.clock.now())],
        preferences=services.accounts.preferences.of(account),
        languages=[(one.code, one.name) for one in pages_of(request).readers.languages],
        meters=[*_meters(request, account)],
        forms=refused or {},
        is_open=is_open_origin(services.settings.pages_url),
        sends_mail=bool(services.settings.mail.smtp_url),
    )


def _way(services: Services, row: Identity) -> WayRow:
    issuer = services.issuers.at(row.issuer)
    return WayRow(
        id=id_of(row),
        label=row.issuer if issuer is None else issuer.label,
        called=row.called,
        created=row.create_utime,
        used=row.use_utime,
    )


def _logins(request: AnyRequest, found: Session, now: int) -> list[SignedIn]:
    """The newest logins, this one before all others."""
    logins = services_of(request).accounts.logins.of_account(found.account, found.token, now)
    return sorted(logins, key=lambda login: not login.is_own)[:LOGINS_SHOWN]


def _row(login: SignedIn) -> SignedInRow:
    agent = parse_agent(login.row.user_agent)
    known = [part for part in (agent.browser, agent.system) if part not in (UNKNOWN, "Other")]
    return SignedInRow(
        id=login.id,
        client=", ".join(known) or login.row.user_agent,
        address=login.row.address,
        created=login.row.create_utime,
        used=max(login.row.use_utime, login.row.create_utime),
        is_own=login.is_own,
    )


def _meters(request: AnyRequest, account: Account) -> Iterator[Meter]:
    """What the account may use, and does."""
    services, language = services_of(request), language_of(request)
    words, number, size = language.gettext, language.number, filters_of(language)["size"]
    now, budgets = services.clock.now(), services.limits.budgets
    limits = services.settings.limits.of(account.type)
    with services.store.read() as txn:
        links = LINKS_PER_TEAM.get(txn, (account.userid,))
        stored = stored_bytes(txn, account.userid)
    keys = len(services.accounts.api_keys.of_account(account))
    said = words("%(n)s, as many as you like") % {"n": number(links)}
    yield Meter(label=words("Links"), said=said)
    yield Meter(
        label=words("Files"),
        said=words("%(used)s of %(most)s")
        % {"used": size(stored), "most": size(limits.storage_bytes)},
        percent=_percent(stored, limits.storage_bytes),
    )
    yield Meter(
        label=words("One file"),
        said=words("at most %(most)s") % {"most": size(limits.max_file_bytes)},
    )
    visits, of_visits = budgets.link_balance(account, now), budgets.link_limit(account.type)
    said = words("%(left)s of %(most)s left, %(rate)s come back every second")
    label = words("Visits at a stretch")
    yield _budget(label, said, visits, of_visits, REDIRECT_WEIGHT, number)
    calls, of_calls = budgets.api_balance(account, now), budgets.api_limit(account.type)
    said = words("about %(left)s of %(most)s left, %(rate)s come back every second")
    label = words("Changes and API calls at a stretch")
    yield _budget(label, said, calls, of_calls, WRITE_WEIGHT, number)
    yield Meter(
        label=words("API keys"),
        said=words("%(used)s of %(most)s") % {"used": number(keys), "most": KEYS_PER_ACCOUNT},
        percent=_percent(keys, KEYS_PER_ACCOUNT),
    )
    yield Meter(
        label=words("A login lasts"),
        said=language.ngettext("%(n)s day", "%(n)s days", max(1, round(limits.token_days)))
        % {"n": number(limits.token_days)},
    )


def _budget(
    label: str, said: str, left: int, limit: Limit, weight: int, number: Callable[[int], str]
) -> Meter:
    """A bucket of weight units, told as how many visits or calls of this weight it is good for."""
    told = {"left": left, "most": limit.capacity, "rate": limit.refill_rate}
    return Meter(
        label=label,
        said=said % {name: number(units // weight) for name, units in told.items()},
        percent=_percent(limit.capacity - left, limit.capacity),
    )


def _percent(used: int, most: int) -> int:
    """Of a bar: full only where nothing is left."""
    return 100 if used >= most else 100 * max(0, used) // most


HANDLERS = (
    show_account,
    change_name,
    change_email,
    mail_verification,
    change_password,
    change_look,
    end_login,
    end_logins,
    delete,
)
