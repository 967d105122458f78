"""Pages that plugins have made in our frame, and logins that are opened on their word.

Their templates are Jinja's in a sandbox, with the filters and macros of our own; everything is
escaped. They must never get hold of what templates of ours are not given either.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import jinja2
import msgspec
from jinja2.sandbox import SandboxedEnvironment
from litestar import Request, Response
from markupsafe import Markup

from shortd import errors
from shortd.accounts.identities import Admission
from shortd.accounts.tokens import Proof
from shortd.issuers import Fault, faults
from shortd.issuers.people import Person as Vouched
from shortd.issuers.people import Voucher
from shortd.plugin import Caller, Person, Template
from shortd.plugin_runtime.flaws import AnyPlugin
from shortd.web import forms, guard, session
from shortd.web.account.failures import sign_in_failed
from shortd.web.account.signing_in import is_in, open_session
from shortd.web.account.ways import ACCOUNT
from shortd.web.extensions.answers import keep_policy, permit
from shortd.web.render import STRETCH_SECONDS, language_of, page, pages_of, see
from shortd.web.routing import AnyRequest, services_of

TEMPLATE = "extension.html"
FOLDER = "templates"
"""Beside the module of a plugin."""
MOST_CHARACTERS = 4 << 20
"""Of a page."""
TITLE_CHARACTERS = 120
SUBJECT_CHARACTERS = 255
TEXTS = 64
"""Templates that are texts, of one plugin in one language, which are kept compiled."""


class PluginPage(msgspec.Struct, frozen=True, kw_only=True):
    """extension.html."""

    plugin: str
    title: str
    body: Markup


class PluginFrame:
    """What draws the pages of one plugin. Belongs to the event loop."""

    def __init__(self, plugin: AnyPlugin, begins: str) -> None:
        """`begins` is where people begin to sign in by it; empty for nowhere."""
        self._name = plugin.name
        self._folder = Path(inspect.getfile(type(plugin))).parent / FOLDER
        self._begins = begins
        self._environments: dict[str, _Environment] = {}

    async def page(
        self,
        plugin: object,
        caller: Caller,
        title: str,
        content: Template | str,
        values: dict[str, object],
        status: int,
    ) -> Response[bytes]:
        request: AnyRequest = caller.request
        template = self._environment(request).of(content)
        # Not the request, by which a template would get hold of everything.
        known = msgspec.structs.replace(caller, request=None)
        body = await _within(template.generate({"caller": known, **values}))
        # As the navigation has it: in words of the catalogues, where they have them.
        title = language_of(request).gettext(str(title)) if title else self._name
        shown = PluginPage(plugin=self._name, title=title[:TITLE_CHARACTERS], body=Markup(body))
        answer = page(request, TEMPLATE, shown, status=status, secret=True)
        keep_policy(request.scope, answer.headers["Content-Security-Policy"])
        return permit(request.scope, answer)

    async def sign_in(
        self,
        plugin: object,
        request: Request[Any, Any, Any],
        person: Person,
        wanted: str,
        create: bool,
        link_by_email: bool,
    ) -> Response[bytes]:
        if not guard.is_at_home(request):
            raise errors.NOT_FOUND()
        forms.charge(request, "login")
        services = services_of(request)
        admission = Admission(create=create, link_by_email=link_by_email)
        identities, now = services.accounts.identities, services.clock.now()
        vouched = _vouched(self._name, person)
        try:
            if is_in(request):
                return permit(request.scope, await _prove(request, vouched, wanted))
            account = await identities.admit(vouched, admission, now)
        except Fault as fault:
            answer = sign_in_failed(
                request,
                fault,
                f"plugin {self._name}",
                self._name,
                begins=self._begins or session.LOGIN,
                wanted=wanted,
            )
        else:
            proof = Proof(utime=now, vouched=True, how="plugin")
            answer = await open_session(request, account, proof, wanted)
        return permit(request.scope, answer)

    def _environment(self, request: AnyRequest) -> _Environment:
        code = language_of(request).code
        if code not in self._environments:
            own = pages_of(request).environment(code)
            self._environments[code] = _Environment(own, self._folder)
        return self._environments[code]


class _Environment:
    """Where templates of a plugin are made, in one language."""

    def __init__(self, own: jinja2.Environment, folder: Path) -> None:
        self._made = SandboxedEnvironment(
            loader=jinja2.FileSystemLoader(folder),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            auto_reload=False,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        # The sandbox has a `range` of its own, which ends.
        given = {name: value for name, value in own.globals.items() if name != "range"}
        self._made.globals.update(given)
        self._made.filters.update(own.filters)
        self._of_text = lru_cache(maxsize=TEXTS)(self._made.from_string)

    def of(self, content: Template | str) -> jinja2.Template:
        if isinstance(content, Template):
            return self._made.get_template(content.name)
        return self._of_text(content)


async def _prove(request: AnyRequest, person: Vouched, wanted: str) -> Response[bytes]:
    """What follows where who is signed in has proven that it is still he. Fault for somebody
    else, who must not become him, nor he somebody else without a word."""
    services, found = services_of(request), session.registered(request)
    linked = services.accounts.identities.account_of(person)
    if linked is None or linked.userid != found.account.userid:
        raise faults.SIGNED_IN()
    await services.accounts.logins.note_proof(found.account, found.token, services.clock.now())
    said = language_of(request).gettext("It is you. Go on.")
    return see(request, session.back_to(request, wanted, ACCOUNT), said)


async def _within(pieces: Iterator[str]) -> str:
    """All of it, with turns for others in between. ValueError for more than a page may have."""
    made, size, since = [], 0, time.perf_counter()
    for piece in pieces:
        made.append(piece)
        size += len(piece)
        if size > MOST_CHARACTERS:
            raise ValueError(f"a page has at most {MOST_CHARACTERS} characters")
        if time.perf_counter() - since > STRETCH_SECONDS:
            await asyncio.sleep(0)
            since = time.perf_counter()
    return "".join(made)


def _vouched(name: str, person: Person) -> Vouched:
    """Somebody as accounts know him. ValueError for what nobody can be."""
    texts = msgspec.structs.astuple(person)
    msgspec.convert(msgspec.structs.asdict(person), Person)
    if not 0 < len(person.subject) <= SUBJECT_CHARACTERS:
        raise ValueError(f"subject has from 1 to {SUBJECT_CHARACTERS} characters")
    for text in texts:
        str(text).encode()
    return Vouched(
        voucher=Voucher.PLUGIN,
        issuer=name,
        subject=person.subject,
        email=person.email,
        email_verified=person.email_is_verified,
        username=person.username,
    )
