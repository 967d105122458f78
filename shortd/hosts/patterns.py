"""What blocks a destination, as operators write it, and an index over all that they have written.

`example.org` is a domain with everything below it, `=example.org` that host alone, and
`/expression/` is looked for anywhere in the whole URL, in RE2's syntax: none takes longer than the
length of the URL. Hosts are compared as browsers spell them, so that capital letters, letters of
other scripts, percent signs and a final dot make no difference. What a pattern may be is decided
here alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Any
from urllib.parse import unquote

import ada_url
import msgspec
import re2

from shortd import errors
from shortd.hosts.destinations import host_key, host_of

MOST_BYTES = 400
"""Of a pattern, in UTF-8: it is the key of a row."""
MOST_PATTERNS = 10_000
MOST_EXPRESSIONS = 100
MOST_STEPS = 1000
"""How large an expression may be, in instructions of RE2."""
MOST_STEPS_TOGETHER = 10_000
"""All of them: a URL of 8 KiB that is made for it takes them 0.1 s at the very worst."""
_MATCHING_BYTES, _TOGETHER_BYTES = 128 << 10, 4 << 20
"""Memory of the automaton of an expression, and of that of all together; beyond that it is slower,
and as right."""

_HOST = re.compile(r"[^\s/?#@\\*:]+|\[[0-9A-Fa-f:.]+\]")
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]")


class Kind(StrEnum):
    """How a pattern is meant."""

    DOMAIN = "domain"
    """With everything below it."""
    HOST = "host"
    EXPRESSION = "expression"


class Pattern(msgspec.Struct, frozen=True):
    """A pattern that can be used."""

    text: str
    """As it is kept: of all that mean the same host, the one in ASCII."""
    kind: Kind
    host: str = ""
    expression: Any = None
    """Compiled."""

    @property
    def steps(self) -> int:
        """How large the expression is; 0 for none."""
        return 0 if self.expression is None else int(self.expression.programsize)


def read_pattern(text: str) -> Pattern:
    """A pattern as somebody has typed it. INVALID_FIELD, which says what is wrong with it."""
    text = text.strip()
    if len(text.encode("utf-8", "surrogatepass")) > MOST_BYTES:
        raise errors.INVALID_FIELD("At most %(most)s bytes.", field="pattern", most=MOST_BYTES)
    if _UNSEEN.search(text) or any(0xD800 <= ord(character) < 0xE000 for character in text):
        raise errors.INVALID_FIELD("Contains control characters.", field="pattern")
    if text.startswith("/"):
        return _expression(text)
    is_exact = text.startswith("=")
    host = _host(text.removeprefix("=").strip())
    if is_exact:
        return Pattern(f"={host}", Kind.HOST, host)
    return Pattern(host, Kind.DOMAIN, host)


def _host(text: str) -> str:
    if text.count(":") > 1 and not text.startswith("["):
        text = f"[{text}]"
    host = host_key(text)[0] if _HOST.fullmatch(text) else ""
    # What is no host comes back as it was.
    if not host or host.startswith((".", "[")) or not host.isascii():
        raise errors.INVALID_FIELD(
            "Write a domain like example.org, which means everything below it as well, =example.org"
            " for that host alone, or /an expression/ between slashes.",
            field="pattern",
        )
    return host


def _expression(text: str) -> Pattern:
    inner = text[1:-1]
    if not inner or not text.endswith("/"):
        raise errors.INVALID_FIELD(
            "An expression stands between two slashes, like /casino-[0-9]+/.", field="pattern"
        )
    try:
        compiled = _compiled(inner, _MATCHING_BYTES)
    except re2.error as fault:
        said = fault.args[0] if fault.args else ""
        reason = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
        if "too large" in reason:
            raise _too_large() from None
        raise errors.INVALID_FIELD(
            "This expression cannot be read: %(reason)s.", field="pattern", reason=reason
        ) from None
    if compiled.programsize > MOST_STEPS:
        raise _too_large()
    if compiled.search("") is not None:
        raise errors.INVALID_FIELD("This expression fits every address.", field="pattern")
    return Pattern(text, Kind.EXPRESSION, expression=compiled)


def _compiled(expression: str, most: int) -> Any:
    options = re2.Options()
    options.max_mem = most
    options.log_errors = False
    return re2.compile(expression, options)


def _too_large() -> errors.ShortdError:
    return errors.INVALID_FIELD(
        "This expression is too large; write smaller repetitions.", field="pattern"
    )


class Index:
    """Patterns, found by what they block: among thousands of hosts as quickly as among two."""

    def __init__(self, patterns: Iterable[Pattern] = ()) -> None:
        self._domains: dict[str, str] = {}
        self._hosts: dict[str, str] = {}
        self._expressions: dict[str, Pattern] = {}
        self._together: Any = None
        """All of them as one, which mostly says that none fits; None until somebody asks."""
        for pattern in patterns:
            self.add(pattern)

    def __len__(self) -> int:
        return len(self._domains) + len(self._hosts) + len(self._expressions)

    @property
    def expressions(self) -> int:
        """How many there are."""
        return len(self._expressions)

    @property
    def steps(self) -> int:
        """How large all expressions are together."""
        return sum(pattern.steps for pattern in self._expressions.values())

    def add(self, pattern: Pattern) -> None:
        if pattern.kind is Kind.EXPRESSION:
            # The writer thread may be going through the old ones.
            self._replace({**self._expressions, pattern.text: pattern})
        else:
            self._named(pattern)[pattern.host] = pattern.text

    def discard(self, pattern: Pattern) -> None:
        if pattern.kind is Kind.EXPRESSION:
            left = {text: one for text, one in self._expressions.items() if text != pattern.text}
            self._replace(left)
        else:
            self._named(pattern).pop(pattern.host, None)

    def find(self, url: str, host: str | None = None) -> str | None:
        """The text of the pattern that blocks a URL that `parse_destination` has read, the nearest
        one to its host first; None if none does. `host`, if it is known, is as `host_of` has it.
        """
        if host is None:
            host = host_of(url)
        if (found := self._hosts.get(host)) is not None:
            return found
        if self._domains:
            for domain in _domains_of(host):
                if (found := self._domains.get(domain)) is not None:
                    return found
        return self._fitting(url) if self._expressions else None

    def _fitting(self, url: str) -> str | None:
        """The first expression that fits."""
        expressions = self._expressions
        if self._together is None:
            self._together = _joined(expressions.values())
        for spelling in _spellings(url):
            if self._together.search(spelling) is not None:
                for text, pattern in expressions.items():
                    if pattern.expression.search(spelling) is not None:
                        return text
        return None

    def _replace(self, expressions: dict[str, Pattern]) -> None:
        self._expressions, self._together = expressions, None

    def _named(self, pattern: Pattern) -> dict[str, str]:
        return self._hosts if pattern.kind is Kind.HOST else self._domains


def _joined(patterns: Iterable[Pattern]) -> Any:
    """An expression that fits where one of these does, and maybe elsewhere."""
    alternatives = "|".join(f"(?:{pattern.text[1:-1]})" for pattern in patterns)
    # What is quoted without an end would take in the others.
    if "\\Q" not in alternatives:
        try:
            return _compiled(alternatives, _TOGETHER_BYTES)
        except re2.error:
            # Groups of the same name, say, cannot be in one.
            pass
    return _compiled("", _TOGETHER_BYTES)


def _domains_of(host: str) -> Iterator[str]:
    """A host, and everything that it is below, but for what no pattern can be as long as."""
    yield host
    start = host.find(".", max(0, len(host) - MOST_BYTES - 1))
    while start >= 0:
        yield host[start + 1 :]
        start = host.find(".", start + 1)


def _spellings(url: str) -> list[str]:
    """A URL as it is written, as browsers send it, and as servers read that."""
    spellings = {url: True}
    try:
        href = ada_url.URL(url).href
    except ValueError:
        href = url
    spellings[href] = True
    if "%" in href:
        spellings[unquote(href)] = True
    return list(spellings)
