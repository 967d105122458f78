"""Mixed load: workers that change links and visit them, and write down what they are told.

Every worker has a connection and links of its own; everybody visits everybody's. What a worker
was told of its own links must hold from then on, so each change is followed by a visit.
"""

from __future__ import annotations

import asyncio
import string
from collections.abc import Callable
from itertools import count
from random import Random
from typing import Any

from tests.server.ledger import Ledger, Terms
from tests.server.wire import AsyncWire, Response, call, request
from tests.server_process import ServerProcess

AGENTS = ("curl/8.1", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "")
_ALPHABET = string.ascii_letters + string.digits
_serials = count()


async def run_load(
    server: ServerProcess,
    userid: str,
    ledger: Ledger,
    chance: Random,
    *,
    writers: int,
    visitors: int,
    steps: int,
    end: Callable[[], None],
    slow_lane: float = 0.5,
) -> None:
    """Runs the workers until `steps` answers, then calls `end`, which is to end the server.

    `slow_lane` is the share of visits that the redirect lane is kept from.
    """
    wires = [await AsyncWire.open(server.port) for _ in range(writers + visitors)]
    changing = [_Writer(wire, server.url, userid, ledger, chance) for wire in wires[:writers]]
    work = [writer.run() for writer in changing]
    work += [_visit_for_ever(wire, ledger, chance, slow_lane) for wire in wires[writers:]]
    tasks = [asyncio.ensure_future(coroutine) for coroutine in work]
    goal = asyncio.ensure_future(ledger.reach(steps))
    await asyncio.wait([goal, *tasks], return_when=asyncio.FIRST_COMPLETED)
    if goal.done():
        end()
    else:
        # A worker saw something wrong: without it the others would go on for ever.
        for task in tasks:
            task.cancel()
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        if not isinstance(outcome, ConnectionError | asyncio.CancelledError):
            raise outcome or AssertionError("a worker ended by itself")
    for wire in wires:
        wire.close()
    assert goal.done(), "the server closed connections before it was told to end"


async def all_entries(server: ServerProcess, userid: str) -> list[dict[str, Any]]:
    """Every entry of an account."""
    wire = await AsyncWire.open(server.port)
    entries: list[dict[str, Any]] = []
    while True:
        page = call("get_entries", userid=userid, start=len(entries), count=1000)
        more = _output(await wire.ask(page))["entries"]
        entries += more
        if len(more) < 1000:
            wire.close()
            return entries


class _Writer:
    """A worker that makes, changes and deletes links."""

    def __init__(
        self, wire: AsyncWire, base_url: str, userid: str, ledger: Ledger, chance: Random
    ) -> None:
        self._wire = wire
        self._base_url = base_url
        self._userid = userid
        self._ledger = ledger
        self._chance = chance
        self._name = f"worker {next(_serials)}"
        self._mine: list[str] = []

    async def run(self) -> None:
        makers = [self._make, self._make, self._make_own, self._make_many]
        changers = [
            *(self._replace, self._tag, self._switch, self._limit, self._move, self._look),
            *(self._delete, self._delete),
        ]
        while True:
            await self._chance.choice(changers if len(self._mine) > 5 else makers)()

    async def _make(self) -> None:
        terms = Terms(self._new_url(), tag=self._chance.randrange(100))
        await self._add("url", {terms.url: terms}, url=terms.url, tag=terms.tag)
        await self._expect(self._ledger.links[terms.url].code, terms.url)

    async def _make_own(self) -> None:
        terms = Terms(self._new_url(), code=self._new_code())
        await self._add("url", {terms.url: terms}, url=terms.url, code=terms.code)

    async def _make_many(self) -> None:
        urls = [self._new_url() for _ in range(self._chance.randint(2, 40))]
        await self._add("urls", {url: Terms(url) for url in urls}, urls=urls)

    async def _replace(self) -> None:
        old = self._drop()
        terms = Terms(self._new_url(), code=old.code)
        await self._add("url", {old.url: None, terms.url: terms}, url=terms.url, code=terms.code)
        await self._expect(terms.code, terms.url)

    async def _tag(self) -> None:
        terms = self._pick()
        tag = self._chance.randrange(100)
        await self._change("set_tag", terms, terms._replace(tag=tag), tag=tag)

    async def _switch(self) -> None:
        terms = self._pick()
        enabled = not terms.enabled
        await self._change("set_enabled", terms, terms._replace(enabled=enabled), enabled=enabled)
        await self._expect(terms.code, terms.url if enabled else None)

    async def _limit(self) -> None:
        terms = self._pick()
        limit = self._chance.randrange(10**6, 10**9)
        after = terms._replace(expiration_count=limit)
        await self._change("set_expiration_count", terms, after, expiration_count=limit)

    async def _move(self) -> None:
        terms = self._pick()
        after = terms._replace(code=self._new_code())
        self._ledger.begin(self._name, {terms.url: after})
        old, new = self._short_url(terms), self._short_url(after)
        await self._send("change_shorturl", shorturl_old=old, shorturl_new=new)
        self._ledger.acknowledge(self._name)
        await self._expect(terms.code, None)
        await self._expect(after.code, terms.url if terms.enabled else None)

    async def _delete(self) -> None:
        terms = self._drop()
        await self._change("delete", terms, None)
        await self._expect(terms.code, None)

    async def _look(self) -> None:
        terms = self._pick()
        arrived = self._ledger.answered[terms.url]
        output = await self._send("get_entry", shorturl=self._short_url(terms))
        assert Terms.of_entry(output["entry"]) == terms
        assert output["entry"]["count"] >= arrived

    async def _expect(self, code: str, url: str | None) -> None:
        """Visits a link whose state is known for sure."""
        slow = self._chance.random() < 0.5
        assert await _visit(self._wire, self._ledger, [code], "curl/8.1", [slow]) == [url]

    async def _add(self, name: str, after: dict[str, Terms | None], **inputs: Any) -> None:
        self._ledger.begin(self._name, after)
        output = await self._send(name, **inputs)
        self._ledger.acknowledge(self._name, output.get("entries") or [output["entry"]])
        self._mine += [url for url, terms in after.items() if terms is not None]

    async def _change(self, name: str, terms: Terms, after: Terms | None, **inputs: Any) -> None:
        self._ledger.begin(self._name, {terms.url: after})
        await self._send(name, shorturl=self._short_url(terms), **inputs)
        self._ledger.acknowledge(self._name)

    async def _send(self, name: str, **inputs: Any) -> dict[str, Any]:
        return _output(await self._wire.ask(call(name, userid=self._userid, **inputs)))

    def _pick(self) -> Terms:
        return self._ledger.links[self._chance.choice(self._mine)]

    def _drop(self) -> Terms:
        return self._ledger.links[self._mine.pop(self._chance.randrange(len(self._mine)))]

    def _new_url(self) -> str:
        return f"https://example.com/{next(_serials)}"

    def _new_code(self) -> str:
        return "".join(self._chance.choices(_ALPHABET, k=self._chance.randint(8, 16)))

    def _short_url(self, terms: Terms) -> str:
        return f"{self._base_url}/{terms.code}"


async def _visit_for_ever(
    wire: AsyncWire, ledger: Ledger, chance: Random, slow_lane: float
) -> None:
    await ledger.reach(1)
    while True:
        codes = chance.choices(ledger.visible[-200:], k=chance.randint(1, 8))
        slow = [chance.random() < slow_lane for _ in codes]
        await _visit(wire, ledger, codes, chance.choice(AGENTS), slow)


async def _visit(
    wire: AsyncWire, ledger: Ledger, codes: list[str], agent: str, slow: list[bool]
) -> list[str | None]:
    """Visits pipelined on one connection: where each of them led."""
    for code, in_pages in zip(codes, slow, strict=True):
        ledger.visit(code)
        # A length keeps a request out of the redirect lane.
        length = ["Content-Length: 0"] if in_pages else []
        wire.send(request(f"/{code}", f"User-Agent: {agent}", *length))
    targets = []
    for code in codes:
        response = await wire.response()
        assert response.status in (302, 404), response
        target = response.headers.get("location")
        ledger.arrive(code, target)
        targets.append(target)
    return targets


def _output(response: Response) -> dict[str, Any]:
    assert response.status == 200, response
    output: dict[str, Any] = response.json["output"]
    return output
