"""The form of a link's rules: fields made of data, and data made of fields.

It knows the form of the data of the plugin `rules`, and nothing of what they mean: the plugin alone
decides what is right. Fields of a rule begin with its key, as in `3.country`; the keys, in the
order of the rules, come as `rule`, so that a rule is moved by moving its fields.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

NAME = "rules"
"""The plugin."""
MOST = 50
"""Rules of a link."""
PARAMETERS = 10
FIELDS = 4096
FORM_BYTES = 160 << 10
"""Of a form with as many rules as there can be, each character of them escaped."""

SYSTEMS = ("ios", "android", "windows", "macos", "linux", "chromeos")
DEVICES = ("desktop", "mobile", "tablet")
BROWSERS = (
    *("chrome", "firefox", "safari", "edge", "opera", "samsung", "android_browser", "brave"),
    *("duckduckgo", "vivaldi", "yandex", "ie", "facebook", "instagram"),
)
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_CHOSEN = ("system", "device", "browser")
"""Conditions of boxes to tick."""
_LISTED = ("country", "city", "language")
"""Conditions of one line, with commas."""
_LINES = ("referrer", "address")
"""Conditions of a line for each value."""
_TIME = {"zone": "zone", "days": "days", "from": "from", "to": "to"}
_DATE = {"from": "since", "to": "until", "zone": "datezone"}
"""Fields of the form, by those of the data."""
_PLACE = re.compile(r"data\.rules\[(?P<number>[0-9]+)\](?:\.(?P<rest>.*))?", re.ASCII)
_NAMES = re.compile(r"[a-z_]+|[0-9]+", re.ASCII)
_KEY = re.compile(r"[0-9]{1,4}", re.ASCII)

T = TypeVar("T")
Typed = Mapping[str, Sequence[str]]


class ShownRule(msgspec.Struct, frozen=True, kw_only=True):
    """One rule's fields."""

    key: str
    number: int
    typed: Typed
    """By name, without the key."""
    errors: Mapping[str, str]
    parameters: Sequence[int]
    """Places of the parameters of the query that can be filled in."""
    is_open: bool

    def text(self, name: str) -> str:
        """What stands in a field."""
        return (self.typed.get(name) or [""])[-1]

    def has(self, name: str, value: str) -> bool:
        """Whether a box is ticked."""
        return value in self.typed.get(name, ())

    def focus(self, name: str) -> str | None:
        """For the attribute `autofocus` of a field: the first that is wrong has it."""
        return "" if name == next(iter(self.errors), None) else None

    @property
    def told(self) -> str:
        """What it asks for, in short, but for robots."""
        texts = (*_LISTED, *_CHOSEN, "days", "from", "to", "since", "until")
        parts = [", ".join(self.typed.get(name, ())) for name in texts]
        parts += [self.text(f"key{place}") for place in self.parameters]
        parts += [", ".join(self.text(name).split()) for name in _LINES]
        parts += [f"{self.text('weight')} %" if self.text("weight") else ""]
        return " · ".join(filter(None, parts))[:200]


class RulesForm(msgspec.Struct, frozen=True, kw_only=True):
    """All rules of a link, to be changed."""

    rules: Sequence[ShownRule]
    has_data: bool
    unreadable: bool
    """It has data that the plugin no longer takes."""
    wrong: str = ""
    """What is wrong with the whole."""
    focus: str = ""
    """The button that was used last."""
    has_room: bool = True


def form_of(
    typed: Typed,
    *,
    has_data: bool,
    unreadable: bool = False,
    errors: Mapping[str, str] | None = None,
    is_open: str = "",
    focus: str = "",
) -> RulesForm:
    """The form with these fields; of none, with one empty rule. `is_open` is the key of a rule."""
    wrong = errors or {}
    keys = _keys(typed) or ["1"]
    fields, said = _by_key(typed), _by_key(wrong)
    shown = []
    for number, key in enumerate(keys, 1):
        own, faults = fields.get(key, {}), said.get(key, {})
        used = [place for place in range(PARAMETERS) if (own.get(f"key{place}") or [""])[-1]]
        last = max(used, default=-1) + 1
        shown.append(
            ShownRule(
                key=key,
                number=number,
                typed=own,
                errors=faults,
                parameters=range(min(last + 1, PARAMETERS)),
                is_open=bool(faults) or key == is_open or len(keys) == 1,
            )
        )
    return RulesForm(
        rules=shown,
        has_data=has_data,
        unreadable=unreadable,
        wrong=wrong.get("", ""),
        focus=focus,
        has_room=len(keys) < MOST,
    )


def typed_of(data: msgspec.Struct) -> dict[str, list[str]]:
    """The fields that the plugin's data fill."""
    typed: dict[str, list[str]] = {}
    for number, rule in enumerate(msgspec.to_builtins(data)["rules"], 1):
        key = str(number)
        typed.setdefault("rule", []).append(key)
        fields = {f"{key}.{name}": values for name, values in _fields(rule)}
        typed |= {name: values for name, values in fields.items() if any(values)}
    return typed


def _fields(rule: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    yield "name", [rule.get("name", "")]
    yield "url", [rule.get("url", "")]
    asked = rule.get("conditions", {})
    for name in _LISTED:
        yield name, [", ".join(asked.get(name, ()))]
    for name in _LINES:
        yield name, ["\n".join(asked.get(name, ()))]
    for name in _CHOSEN:
        yield name, list(asked.get(name, ()))
    if (robot := asked.get("robot")) is not None:
        yield "robot", ["yes" if robot else "no"]
    if (weight := asked.get("weight")) is not None:
        yield "weight", [str(weight)]
    for below, names in (("time", _TIME), ("date", _DATE)):
        values = asked.get(below) or {}
        for name, field in names.items():
            value = values.get(name, "")
            yield field, list(value) if isinstance(value, list) else [value]
    for place, parameter in enumerate(asked.get("query", ())):
        yield f"key{place}", [parameter.get("key", "")]
        yield f"match{place}", [parameter.get("match", "value")]
        yield f"value{place}", [parameter.get("value", "")]


def data_of(typed: Typed) -> tuple[Any, Sequence[str]]:
    """What was typed, as the plugin's data, and the keys of its rules; None if nothing was."""
    rules, keys = [], []
    for key in _keys(typed):
        if rule := _rule(typed, key):
            rules.append(rule)
            keys.append(key)
    return ({"rules": rules} if rules else None), keys


def _rule(typed: Typed, key: str) -> dict[str, Any]:
    def text(name: str) -> str:
        return _text(typed, f"{key}.{name}")

    def chosen(name: str) -> list[str]:
        return list(dict.fromkeys(typed.get(f"{key}.{name}", ())))

    asked: dict[str, Any] = {
        **{name: _split(text(name), ",") for name in _LISTED},
        **{name: text(name).split() for name in _LINES},
        **{name: chosen(name) for name in _CHOSEN},
    }
    time = {"days": chosen("days"), **{name: text(name) for name in ("from", "to")}}
    if any(time.values()):
        asked["time"] = _filled({**time, "zone": text("zone")})
    date = {name: text(_DATE[name]) for name in ("from", "to")}
    if any(date.values()):
        asked["date"] = _filled({**date, "zone": text("datezone")})
    asked["query"] = [
        _filled({"key": name, "match": text(f"match{place}"), "value": text(f"value{place}")})
        for place in range(PARAMETERS)
        if (name := text(f"key{place}"))
    ]
    if robot := text("robot"):
        asked["robot"] = robot == "yes"
    if weight := text("weight"):
        asked["weight"] = int(weight) if weight.isdecimal() and len(weight) < 10 else weight
    return _filled({"name": text("name"), "url": text("url"), "conditions": _filled(asked)})


def moved(typed: Typed, do: str) -> tuple[dict[str, list[str]], str]:
    """The fields after a button other than "Save", and the key of the rule to show: `add`, or
    `up`, `down` or `remove`, a dot and a key. What is none of these changes nothing."""
    fields = {name: list(values) for name, values in typed.items()}
    keys = _keys(typed)
    act, _, key = do.partition(".")
    if act == "add" and len(keys) < MOST:
        key = str(max(map(int, keys), default=0) + 1)
        keys.append(key)
    elif key in keys:
        place = keys.index(key)
        keys.remove(key)
        if act == "remove":
            key = keys[min(place, len(keys) - 1)] if keys else ""
        else:
            keys.insert(max(0, place + {"up": -1, "down": 1}.get(act, 0)), key)
    return {**fields, "rule": keys}, key


def field_of(refused: str, typed: Typed, keys: Sequence[str]) -> str:
    """The form's field that a refusal means; `keys` are those of the rules that were shown to the
    plugin. Empty for the whole."""
    match = _PLACE.fullmatch(refused)
    if match is None or int(match["number"]) >= len(keys):
        return ""
    key, path = keys[int(match["number"])], match["rest"] or ""
    # "conditions.query[1].value" is "query", "1" and "value".
    names = _NAMES.findall(path.removeprefix("conditions").removeprefix("."))
    first, last = names[0] if names else "", names[-1] if names else ""
    if first == "query":
        used = [place for place in range(PARAMETERS) if _text(typed, f"{key}.key{place}")]
        known = dict(enumerate(used))
        place = known.get(int(names[1]), 0) if len(names) > 1 and names[1].isdecimal() else 0
        return f"{key}.{last if last in ('match', 'value') else 'key'}{place}"
    if first == "time":
        return f"{key}.{_TIME.get(names[1] if len(names) > 1 else '', 'from')}"
    if first == "date":
        return f"{key}.{_DATE.get(last, 'since')}"
    return f"{key}.{first}"


def _by_key(values: Mapping[str, T]) -> dict[str, dict[str, T]]:
    found: dict[str, dict[str, T]] = {}
    for name, value in values.items():
        key, _, own = name.partition(".")
        found.setdefault(key, {})[own] = value
    return found


def _text(typed: Typed, name: str) -> str:
    return (typed.get(name) or [""])[-1].strip()


def _keys(typed: Typed) -> list[str]:
    keys = (key for key in typed.get("rule", ()) if _KEY.fullmatch(key))
    return list(dict.fromkeys(keys))[: 2 * MOST]


def _split(text: str, separator: str) -> list[str]:
    return [part for part in (part.strip() for part in text.split(separator)) if part]


def _filled(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value not in ("", [], {})}
