"""Rules made ready for visits: once for each version of a link, not for each visit.

A test that costs less is made first. What `check` would refuse never holds: data may come from a
server that knew more.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import attrgetter
from typing import NamedTuple, TypeVar

from msgspec import Struct

from shortd.plugin import BadData, Destination, Link, Visit
from shortd_rules import headers, networks, times
from shortd_rules.data import Conditions, Parameter, Rule

T = TypeVar("T")

_COUNTRY = re.compile(r"[A-Za-z]{2}", re.ASCII)
_CITY = re.compile(r"[^,\n]*[^,\s][^,\n]*")
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8}){0,3}", re.ASCII)

Holds = Callable[[Visit, Link, bytes], bool]
"""Of a visit to a link, on a server with this secret."""


class Test(NamedTuple):
    """A condition."""

    name: str
    """As in the data."""
    holds: Holds
    seen: Callable[[Visit], str]
    """What the visitor has of it, in words."""


class Ready(Struct, frozen=True):
    """A rule."""

    label: str
    tests: Sequence[Test]
    holds: Sequence[Holds]
    answer: Destination


def ready(rules: Sequence[Rule]) -> Sequence[Ready]:
    """All rules of a link, in their order."""
    known: Counter[str] = Counter()
    found = []
    for number, rule in enumerate(rules, 1):
        # A draw belongs to its rule wherever it stands, so that moving it deals nobody anew.
        key = rule.name or rule.url
        known[key] += 1
        try:
            tests = tuple(tests_of(rule.conditions, f"{key}\n{known[key]}"))
        except BadData as fault:
            tests = (Test(fault.field, _never, lambda visit: "cannot be read"),)
        label = f"rule {number} {rule.name}".rstrip()
        answer = Destination(rule.url.strip(), rule.name or str(number))
        found.append(Ready(label, tests, tuple(test.holds for test in tests), answer))
    return tuple(found)


def tests_of(asked: Conditions, key: str = "") -> Iterator[Test]:
    """The tests of a rule, cheap ones first. BadData with the field below `conditions`."""
    if asked.robot is not None:
        yield _robot(asked.robot)
    if asked.country:
        if (place := _unlike(_COUNTRY, asked.country)) is not None:
            raise BadData("Write a country's two letters, like DE.", f"country[{place}]")
        yield _one_of("country", map(str.upper, asked.country), attrgetter("country"))
    if (date := asked.date) is not None:
        yield _timely("date", _placed("date", lambda: times.dates(date)))
    if (time := asked.time) is not None:
        yield _timely("time", _placed("time", lambda: times.hours(time)))
    if asked.system:
        yield _one_of("system", asked.system, attrgetter("system"))
    if asked.device:
        yield _one_of("device", asked.device, attrgetter("form_factor"))
    if asked.browser:
        yield _one_of("browser", asked.browser, lambda visit: headers.browser_of(visit.user_agent))
    if asked.language:
        yield _language(asked.language)
    if asked.address:
        yield _address(asked.address)
    if asked.referrer:
        yield _referrer(asked.referrer)
    for number, parameter in enumerate(asked.query):
        yield _parameter(parameter, number)
    if asked.city:
        if (place := _unlike(_CITY, asked.city)) is not None:
            raise BadData("Write one city, without a comma.", f"city[{place}]")
        cities = (city.strip().casefold() for city in asked.city)
        yield _one_of("city", cities, lambda visit: visit.city.casefold())
    if asked.weight is not None:
        yield _weight(asked.weight, key)


def _one_of(name: str, wanted: Iterable[str], of: Callable[[Visit], str]) -> Test:
    values = frozenset(wanted)
    return Test(
        name,
        lambda visit, link, secret: of(visit) in values,
        lambda visit: f"{name} {of(visit) or 'unknown'}",
    )


def _address(wanted: Sequence[str]) -> Test:
    some = _placed("address", lambda: networks.networks_of(wanted))
    return Test(
        "address",
        lambda visit, link, secret: some.has(visit.address),
        lambda visit: f"address {visit.address or 'unknown'}",
    )


def _robot(wanted: bool) -> Test:
    return Test(
        "robot",
        lambda visit, link, secret: visit.is_bot is wanted,
        lambda visit: "a robot" if visit.is_bot else "no robot",
    )


def _timely(name: str, hold: times.Holds) -> Test:
    return Test(name, lambda visit, link, secret: hold(visit.utime), lambda visit: "another time")


def _language(wanted: Sequence[str]) -> Test:
    if (place := _unlike(_LANGUAGE, wanted)) is not None:
        raise BadData(
            "Write a language like de, or one of a country like de-AT.", f"language[{place}]"
        )
    exact = frozenset(language.lower() for language in wanted)

    def holds(visit: Visit, link: Link, secret: bytes) -> bool:
        for language in visit.languages:
            while language:
                if language in exact:
                    return True
                language = language.rpartition("-")[0]
        return False

    return Test(
        "language", holds, lambda visit: f"language {', '.join(visit.languages) or 'unknown'}"
    )


def _referrer(wanted: Sequence[str]) -> Test:
    origins = _placed("referrer", lambda: headers.origins_of(wanted))

    def holds(visit: Visit, link: Link, secret: bytes) -> bool:
        place = headers.place_of(visit.referrer) if visit.referrer else None
        return place is not None and any(origin.has(place) for origin in origins)

    return Test("referrer", holds, lambda visit: f"referrer {visit.referrer or 'none'}")


def _parameter(asked: Parameter, place: int) -> Test:
    key, value = asked.key, asked.value
    if asked.match != "value" and value:
        raise BadData("Only “value” compares a value.", f"query[{place}].value")

    def values(visit: Visit) -> frozenset[str] | None:
        return headers.parameters_of(visit.query[: headers.QUERY]).get(key)

    def holds(visit: Visit, link: Link, secret: bytes) -> bool:
        found = values(visit) if visit.query else None
        match asked.match:
            case "missing":
                return found is None
            case "any":
                return found is not None
            case "empty":
                return found is not None and "" in found
            case _:
                return found is not None and value in found

    def seen(visit: Visit) -> str:
        found = values(visit)
        return f"{key} " + ("missing" if found is None else ", ".join(sorted(found)) or "empty")

    return Test("query", holds, seen)


def _weight(weight: int, key: str) -> Test:
    def holds(visit: Visit, link: Link, secret: bytes) -> bool:
        text = f"{link.id}\n{visit.address}\n{visit.user_agent}\n{key}"
        keyed = hashlib.blake2s(text.encode("utf-8", "surrogatepass"), digest_size=8, key=secret)
        return int.from_bytes(keyed.digest(), "big") % 100 < weight

    return Test("weight", holds, lambda visit: "the draw fell to the others")


def _unlike(pattern: re.Pattern[str], values: Sequence[str]) -> int | None:
    """The place of the first value that has another form."""
    unlike = (place for place, value in enumerate(values) if not pattern.fullmatch(value))
    return next(unlike, None)


def _never(visit: Visit, link: Link, secret: bytes) -> bool:
    return False


def _placed(name: str, read: Callable[[], T]) -> T:
    """What is read, its refusal with the field in front."""
    try:
        return read()
    except BadData as refusal:
        raise refusal.below(name) from None
