"""Redirect rules of other servers as data of the plugin `rules`: one table of what equals what.

A rule that has no equal here is left out, so that nobody is led where the source would not have led
him; whoever it would have led goes on to the next one. One whose destination is no web address
keeps its place and leads to the link's own, as no later rule was meant for its visitors.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from typing import Any

from shortd.moving.records import Condition, Rule
from shortd.moving.times import Times
from shortd.moving.urls import web_address

MOST = 50
"""Rules that the plugin takes."""

_DESKTOP = ("desktop",)
_DEVICES: dict[str, dict[str, Sequence[str]]] = {
    "ios": {"system": ("ios",)},
    "android": {"system": ("android",)},
    "mobile": {"device": ("mobile", "tablet")},
    "desktop": {"device": _DESKTOP},
    # Elsewhere a phone with Windows is none.
    "windows": {"system": ("windows",), "device": _DESKTOP},
    "macos": {"system": ("macos",)},
    "linux": {"system": ("linux",)},
    "chromeos": {"system": ("chromeos",)},
}
_BROWSERS = ("chrome", "firefox", "edge", "safari", "opera", "android_browser")
_PARAMETERS = {
    "query-param": "value",
    "any-value-query-param": "any",
    "valueless-query-param": "empty",
}
_ENDS = {"before-date": "to", "after-date": "from"}
_EXACT = ("system", "device", "browser", "country", "city")
"""Of these a visitor has one: two lists of them mean what is in both."""
_WILDCARDS = re.compile(r"(?:[0-9]{1,3}\.){1,3}\*(?:\.\*){0,2}", re.ASCII)
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(?:[-_][A-Za-z0-9]{1,8})?", re.ASCII)
_COUNTRY = re.compile(r"[A-Za-z]{2}", re.ASCII)
_CITY = re.compile(r"[^,\n]{1,100}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class NoEqual(Exception):
    """Why a rule cannot be had here."""


def as_data(rules: Sequence[Rule], times: Times) -> tuple[dict[str, Any] | None, list[str]]:
    """The plugin's data, None if there is nothing to keep, and what of the rules is not in them."""
    kept: list[dict[str, Any]] = []
    left: list[str] = []
    for number, rule in enumerate(rules, 1):
        if len(kept) == MOST:
            left.append(f"rules from {number} on: there are more than {MOST}")
            break
        try:
            conditions = _conditions(rule.conditions, times)
        except NoEqual as reason:
            left.append(f"rule {number}: {reason}")
            continue
        url = web_address(rule.url)
        if url:
            kept.append({"url": url, "conditions": conditions})
        else:
            left.append(f"rule {number}: its destination is no web address")
            kept.append({"conditions": conditions})
    leads = any("url" in rule for rule in kept)
    return ({"rules": kept} if leads else None), left


def _conditions(given: Sequence[Condition], times: Times) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for condition in given:
        for name, value in _equal(condition, times):
            found[name] = _both(name, found[name], value) if name in found else value
    if not found:
        raise NoEqual("it has no conditions")
    return found


def _equal(condition: Condition, times: Times) -> Iterator[tuple[str, Any]]:
    kind, value = condition.type, condition.value.strip()
    if kind in _PARAMETERS:
        if not condition.key or "[" in condition.key:
            raise NoEqual("a parameter without a name of its own")
        match = _PARAMETERS[kind]
        parameter = {"key": condition.key, "match": match}
        # Values are compared as they are.
        yield "query", [{**parameter, "value": condition.value} if match == "value" else parameter]
    elif kind == "device" and value.lower() in _DEVICES:
        yield from ((name, list(some)) for name, some in _DEVICES[value.lower()].items())
    elif kind == "browser" and value.lower() in _BROWSERS:
        yield "browser", [value.lower()]
    elif kind == "language" and _LANGUAGE.fullmatch(value):
        yield "language", [value.replace("_", "-")]
    elif kind == "ip-address":
        yield "address", [_network(value)]
    elif kind == "geolocation-country-code" and _COUNTRY.fullmatch(value):
        yield "country", [value.upper()]
    elif kind == "geolocation-city-name" and _CITY.fullmatch(value):
        yield "city", [value]
    elif kind in _ENDS and (utime := times.read(value)) is not None:
        moment = _EPOCH + timedelta(microseconds=utime)
        yield "date", {_ENDS[kind]: moment.strftime("%Y-%m-%dT%H:%M:%SZ")}
    else:
        raise NoEqual(f"{kind} {value}"[:80])


def _both(name: str, one: Any, other: Any) -> Any:
    """What two conditions of a rule come to that are one here."""
    if name == "query":
        return [*one, *other]
    if name == "date":
        ends = {end for end in one if end in other}
        narrower = {end: (max if end == "from" else min)(one[end], other[end]) for end in ends}
        return {**one, **other, **narrower}
    if one == other:
        return one
    both = [value for value in one if value in other]
    if name not in _EXACT or not both:
        raise NoEqual(f"several conditions of one kind ({name})")
    return both


def _network(value: str) -> str:
    """A network; the wildcards at the end of `10.1.*.*` stand for whatever follows."""
    if not _WILDCARDS.fullmatch(value):
        try:
            ip_network(value, strict=False)
        except ValueError:
            raise NoEqual(f"ip-address {value}"[:80]) from None
        return value
    parts = value.split(".")
    if len(parts) != 4:
        raise NoEqual(f"ip-address {value}"[:80])
    known = parts.index("*")
    return f"{'.'.join([*parts[:known], *['0'] * (4 - known)])}/{8 * known}"
