"""What a data directory was asked, what the code of its time answered, and how answers compare.

An answer may have gained fields since; every one that was recorded must be there, with its value.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from functools import reduce
from typing import Any

import httpx
from msgspec import Struct

Send = Callable[[str, str, bytes, dict[str, str]], httpx.Response]
"""(method, whole URL, body, headers) -> the answer, redirects not followed."""

OURS = "/-/"
"""Where addresses begin that belong to the server itself, and so lead on to an answer."""
LONGEST_WAY = 5


class Question(Struct, frozen=True, omit_defaults=True):
    """A request."""

    url: str
    method: str = "GET"
    headers: dict[str, str] = {}
    body: str = ""
    then: tuple[str, ...] = ()
    """Where in the JSON that is answered an address stands, which is to be asked next."""


class Answer(Struct, frozen=True, omit_defaults=True):
    """What there is to say of the last answer, after following all redirects within the server."""

    status: int
    location: str = ""
    document: Any = None
    """Of JSON, what must be there."""
    holds: tuple[str, ...] = ()
    """Texts that stand somewhere in it."""
    sha256: str = ""
    """Of the body."""


class Exchange(Struct, frozen=True):
    question: Question
    answer: Answer


class Expected(Struct, frozen=True, kw_only=True):
    """All that is known of a directory; `expected.json`."""

    commit: str
    """The code that made it."""
    utime: int
    """When it was left behind, by its own clock, in Unix µs."""
    environ: dict[str, str]
    """The settings under which it was asked."""
    listings: dict[str, list[list[str]]]
    """By command line, the cells of the rows that it printed."""
    outbox: list[list[str]]
    """The facts in each line that `doctor` said of mail."""
    recount: list[str]
    """Lines of `stats verify` on what differs: countries, which were known from a database that
    only the server had."""
    waiting: str
    """The address that a mail waits for."""
    lasting: dict[str, str]
    """Short URLs that no time ends, and where they lead."""
    counts: dict[str, int]
    """Clicks of entries that no time ends, those in the journal among them."""
    owner: dict[str, str]
    """How the owner of these proves who it is: `username`, `password`, `api_key`."""
    dead: str
    """A file of the directory that nothing names any more and that is still to be deleted."""
    openings: list[list[Exchange]]
    """What was asked in turn, in each of several openings. Visits and changes are among it."""


def ask(send: Send, question: Question) -> httpx.Response:
    """The last answer to a question."""
    response = send(question.method, question.url, question.body.encode(), question.headers)
    origin = "/".join(question.url.split("/")[:3])
    if question.then:
        address = reduce(lambda document, key: document[key], question.then, response.json())
        response = send("GET", address, b"", question.headers)
    for _ in range(LONGEST_WAY):
        location = response.headers.get("location", "")
        if not location.startswith(OURS):
            break
        response = send("GET", origin + location, b"", question.headers)
    return response


def differences(answer: Answer, response: httpx.Response) -> Iterator[str]:
    """A line for everything that is not as it was."""
    if response.status_code != answer.status:
        yield f"status {response.status_code}, not {answer.status}: {response.text[:300]}"
        return
    location = response.headers.get("location", "")
    if location != answer.location:
        yield f"leads to {location!r}, not {answer.location!r}"
    for text in answer.holds:
        if text not in response.text:
            yield f"lacks {text!r}"
    if answer.sha256 and hashlib.sha256(response.content).hexdigest() != answer.sha256:
        yield f"another body, of {len(response.content)} bytes"
    if answer.document is not None:
        yield from _differences(answer.document, response.json(), "answer")


def has_row(lines: list[str], cells: list[str]) -> bool:
    """Whether one of these lines has all of that."""
    return any(all(cell in line for cell in cells) for line in lines)


def _differences(recorded: Any, now: Any, place: str) -> Iterator[str]:
    """Compares as strictly as JSON tells values apart, but for keys that are new."""
    if isinstance(recorded, dict) and isinstance(now, dict):
        for key, value in recorded.items():
            if key in now:
                yield from _differences(value, now[key], f"{place}.{key}")
            else:
                yield f"{place}.{key} is gone"
    elif isinstance(recorded, list) and isinstance(now, list) and len(recorded) == len(now):
        for position, (value, found) in enumerate(zip(recorded, now, strict=True)):
            yield from _differences(value, found, f"{place}[{position}]")
    elif type(recorded) is not type(now) or recorded != now:
        yield f"{place} is {now!r}, not {recorded!r}"
