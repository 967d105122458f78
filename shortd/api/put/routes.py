"""The HTTP side of PUT: a file comes, and goes to disk as it comes.

Whoever has no account gets a temporary one, where the home page gives them out, too; nobody is told
its userid, and it is made behind the file, so that what is refused leaves nothing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import msgspec
import structlog
from litestar import HttpMethod, route
from litestar.types import HTTPScope, Receive, Send

from shortd import errors
from shortd.accounts.api_keys import need_scope
from shortd.api.caller import Caller
from shortd.api.put.wishes import FOLDER, HEADERS, Wishes, key_in, path_of, read_wishes
from shortd.files.blobs import Blob, Discarded
from shortd.files.transfers import expect_upload
from shortd.hosts import NO_HOST, PAGES_HOST, ShortHost
from shortd.hosts.destinations import Destination
from shortd.limits.budgets import FILE_MEGABYTE_WEIGHT
from shortd.limits.repeats import Answered, Attempt
from shortd.links import NewLink
from shortd.links.endings import is_free
from shortd.links.finding import asked_for
from shortd.models.accounts import Account, Scope
from shortd.models.links import Link
from shortd.services import Services
from shortd.sharing.files import Secrecy
from shortd.web.answers import NO_STORE, Answer, Headers, retry_after_header
from shortd.web.home.pages import is_open
from shortd.web.routing import client_address, keys_of
from shortd.web.share.making import of_upload

if TYPE_CHECKING:
    from mimetypes import MimeTypes

METHOD = HttpMethod.PUT
WEIGHT = 1000
"""Weight units of an upload, beside those of its megabytes."""
CALL = "put"
"""In the metrics."""
_MEGABYTE = 1_000_000
_AHEAD = 64 << 20
"""Bytes that are kept free for a file of unknown size, beyond what has come of it."""
_DIGITS = 18
_HEADERS: Headers = [
    (b"content-type", b"text/plain; charset=utf-8"),
    (b"x-content-type-options", b"nosniff"),
    NO_STORE,
]
_READ = frozenset(
    {
        *(b"authorization", b"content-encoding", b"content-length", b"content-range"),
        *(b"content-type", b"transfer-encoding", *HEADERS.values()),
    }
)
# What programs claim of any file that they send.
_NO_TYPES = frozenset({"", "application/x-www-form-urlencoded", "application/octet-stream"})

log = structlog.get_logger(__name__)


async def serve(
    services: Services, name: str, scope: HTTPScope, receive: Receive, send: Send
) -> bool:
    """Takes a file of this name, empty for none, as an ASGI application; False, with nothing sent,
    where its path is the address of a link, which answers for itself."""
    expect_upload(scope)
    with services.limits.repeats.asked(keys_of(scope)) as attempt:
        try:
            body = await _Upload(services, scope, attempt).run(name, receive)
            await attempt.keep(body)
            answer = _made(body)
        except Answered as before:
            answer = _made(before.body)
        except errors.ShortdError as error:
            if error.kind is errors.METHOD_NOT_ALLOWED:
                return False
            answer = refusal(error)
        except Exception as fault:
            log.error("request_failed", path=scope["path"], exc_info=fault)
            answer = refusal(errors.INTERNAL())
    services.metrics.calls[CALL, answer.status] += 1
    await answer.send(send)
    return True


@route([FOLDER.decode(), f"{FOLDER.decode()}{{name:str}}"], http_method=METHOD, status_code=201)
async def put_file() -> None:
    """Never runs, as `serve` takes every PUT from here: it is there so that other methods are
    told which one there is."""
    raise errors.NOT_FOUND()


def refusal(error: errors.ShortdError) -> Answer:
    """A line of text."""
    field = f"{error.field}: " if error.field else ""
    extra: Headers = []
    if error.retry_after is not None:
        extra.append(retry_after_header(error.retry_after))
    if error.status == 401:
        extra.append((b"www-authenticate", b'Basic realm="API key"'))
    text = f"{error.code}: {field}{error.message}\n"
    return Answer(error.status, [*_HEADERS, *extra], text.encode(errors="replace"))


def _made(body: bytes) -> Answer:
    return Answer(201, [*_HEADERS, (b"location", body.strip())], body)


class _Upload(Caller):
    """One file under way."""

    def __init__(self, services: Services, scope: HTTPScope, attempt: Attempt) -> None:
        super().__init__(
            services, client_address(services, scope), services.clock.now(), attempt=attempt
        )
        self._headers, self._doubled = _headers(scope)
        self._query = scope["query_string"]
        self._path = path_of(scope)
        self._length = _length(self._headers)
        self._host = _host(services, scope)
        self._is_new = False
        """Whether its account is to be made yet."""

    async def run(self, name: str, receive: Receive) -> bytes:
        """Takes the file; the line that names its link. Raises ShortdError and `Answered`."""
        if self._doubled:
            # Whichever of them counted, the other would have been meant.
            raise errors.BAD_REQUEST("There is a header twice.")
        for header in (b"content-range", b"content-encoding"):
            if self._headers.get(header, b"identity") != b"identity":
                raise errors.BAD_REQUEST("A file comes whole, and as it is.")
        if not self._headers.keys() & {b"content-length", b"transfer-encoding"}:
            raise errors.BAD_REQUEST("The request has no body.")
        wishes = read_wishes(self._query, self._headers)
        self._find_account()
        description = of_upload(name, 0, self._type_of(name))
        if self.attempt.has_key:
            asked = [self._host.name, description, wishes]
            self.begin(b"put " + msgspec.json.encode(asked), has_file=True)
        account = self._paying()
        self.charge(WEIGHT + FILE_MEGABYTE_WEIGHT * (self._length // _MEGABYTE))
        if self.attempt.is_repeated:
            # There may be no room for it a second time.
            digest = (await self._discarded(receive)).sha256
            return self._line(self.attempt.made_before(Link, digest))
        self._check_free(name)
        new = await self._new_link(wishes)
        files = self.services.sharing.files
        async with AsyncExitStack() as coming:
            coming.enter_context(files.receiving_file(account, self._length))
            blob = await self._saved(receive, coming)
            described = msgspec.structs.replace(description, filesize=blob.size)
            link = await self.once(
                partial(files.store, account, described, [blob], Secrecy(), new, self.now),
                Link,
                blob.sha256,
            )
        return self._line(link)

    def _find_account(self) -> None:
        """Whose key it is. BAD_CREDENTIALS, LOGIN_LIMITED, ACCOUNT_LOCKED, SCOPE_REQUIRED."""
        authorization = self._headers.get(b"authorization", b"")
        if not authorization and is_open(self.services):
            return
        keys = self.services.accounts.api_keys
        self._account, row = keys.find(key_in(authorization), self.address, self.now)
        need_scope(row.scopes, Scope.WRITE)

    def _paying(self) -> Account:
        """The account that it is for; who has none is to get one. RATE_LIMITED."""
        if self._account is None:
            self.charge(WEIGHT)
            # That is its address's, and stays so whatever the account is charged.
            self.charged = 0
            accounts = self.services.accounts.accounts
            self._account = accounts.new_temporary(self.address, self.now)
            self._is_new = True
        return self._account

    def _check_free(self, name: str) -> None:
        """METHOD_NOT_ALLOWED at the address of a link, which no file takes the place of: asked as
        late as this, so that nobody looks for links without paying."""
        services = self.services
        if self._path.startswith(FOLDER) or not name:
            return
        if asked_for(services.store, services.hosts, self._host.number, name) is not None:
            raise errors.METHOD_NOT_ALLOWED()

    async def _new_link(self, wishes: Wishes) -> NewLink:
        links, code = self.services.links, None
        if wishes.code is not None:
            code = links.codes.check(wishes.code, self._host)
            if not is_free(self.services.store, self.services.hosts, self._host.number, code):
                # It would only be found out behind the file otherwise.
                raise errors.CODE_TAKEN(field="code")
        terms, password = await links.terms.of_new(wishes.changes(self.now))
        # The file's name becomes the destination when the link is made.
        nowhere = Destination("", "")
        return NewLink(nowhere, self._host, code, terms, password, replaces=False)

    async def _saved(self, receive: Receive, coming: AsyncExitStack) -> Blob:
        files = self.services.sharing.files
        largest = self.services.settings.limits.of(self.account.type).max_file_bytes
        kept_free = self._length
        writer = files.blobs.create()
        try:
            async for piece in _pieces(receive):
                size = writer.size + len(piece)
                if size > largest:
                    raise errors.FILE_TOO_LARGE()
                if size > kept_free:
                    # Nobody knows how large it gets, and others of the account come as well.
                    more = max(size - kept_free, min(_AHEAD, files.room(self.account)))
                    coming.enter_context(files.receiving_file(self.account, more))
                    kept_free += more
                await writer.write(piece)
            if not self._length:
                self.charge(FILE_MEGABYTE_WEIGHT * (writer.size // _MEGABYTE))
            if self._is_new:
                await self.services.accounts.accounts.begin_temporary(self.account)
            return await writer.finish()
        except BaseException:
            await writer.discard()
            raise

    async def _discarded(self, receive: Receive) -> Blob:
        largest = self.services.settings.limits.of(self.account.type).max_file_bytes
        read = Discarded()
        async for piece in _pieces(receive):
            if read.size + len(piece) > largest:
                raise errors.FILE_TOO_LARGE()
            await read.write(piece)
        return await read.finish()

    def _type_of(self, name: str) -> str:
        given = self._headers.get(b"content-type", b"").decode("latin-1")
        if given.partition(";")[0].strip().lower() not in _NO_TYPES:
            return given
        guessed, packed = _types().guess_type(name)
        return "" if guessed is None or packed else guessed

    def _line(self, link: Link) -> bytes:
        return f"{self.services.hosts.short_url(link)}\n".encode()


@cache
def _types() -> MimeTypes:
    """Python's own, the same on all systems; made for the first file that comes without one."""
    from mimetypes import MimeTypes

    return MimeTypes()


async def _pieces(receive: Receive) -> AsyncIterator[bytes]:
    """The body as it comes. BAD_REQUEST if the client leaves in the middle of it."""
    more = True
    while more:
        event: Any = await receive()
        if event["type"] != "http.request":
            raise errors.BAD_REQUEST("The body is not complete.")
        if piece := event.get("body", b""):
            yield piece
        more = event.get("more_body", False)


def _headers(scope: HTTPScope) -> tuple[dict[bytes, bytes], bool]:
    """The headers of a request that count here, and whether one of them comes twice."""
    given = [(name, value) for name, value in scope["headers"] if name in _READ]
    headers = dict(given)
    return headers, len(headers) < len(given)


def _length(headers: dict[bytes, bytes]) -> int:
    """Bytes that the body says it has; 0 where it does not."""
    length = headers.get(b"content-length", b"")
    return int(length) if length.isdigit() and len(length) <= _DIGITS else 0


def _host(services: Services, scope: HTTPScope) -> ShortHost:
    """The short host that was asked; that of the pages has no links. UNKNOWN_HOST."""
    number = services.visits.heads.of(scope["headers"]).host
    if number == NO_HOST:
        raise errors.UNKNOWN_HOST()
    return services.hosts.default if number == PAGES_HOST else services.hosts.numbered(number)


HANDLERS = (put_file,)
