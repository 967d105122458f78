"""Turns tables of outside values into Structs, and reports all that is wrong with them.

A problem is one line that names the setting and where it was set, never the value: that may be
a secret. Values of a file are taken strictly; text (of a variable or an option) is converted
to the type of its setting. Nothing here knows which settings there are.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin

import msgspec
from msgspec.structs import FieldInfo

from shortd.settings.dotted import dotted, parts
from shortd.settings.variables import PREFIX
from shortd.settings.variables import meant as meant_variable

StructType = TypeVar("StructType", bound=msgspec.Struct)
Check = Callable[[str], str]

_LISTS = (list, tuple, set, frozenset)


class ConfigError(Exception):
    """The settings cannot be used; `problems` holds one line for each reason."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class Text(str):
    """A value that came as text, with the name of the variable or option that gave it."""

    source: str

    def __new__(cls, text: str, source: str) -> Text:
        self = super().__new__(cls, text)
        self.source = source
        return self

    @property
    def is_text(self) -> bool:
        """Whether its bytes could be decoded; those of paths need not be."""
        return not any("\ud800" <= character <= "\udfff" for character in self)


class _Unusable(ValueError):
    def __init__(self, message: str, where: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        """Which item of a list: "[1]"."""


class Reader:
    """Reads Structs out of tables.

    `file` is where values come from that are not `Text`. `checks`, by dotted name (* is any one
    part of it), are told what their setting holds (each item, of a list), and return it in the
    form to keep or raise ValueError.
    """

    def __init__(self, file: Path | None = None, checks: Mapping[str, Check] | None = None) -> None:
        self._file = file
        self._checks = checks or {}
        self._problems: list[str] = []
        self._read: tuple[type[msgspec.Struct], str] | None = None
        """What is read, and below which path."""

    def read(self, kind: type[StructType], table: object, path: str = "") -> StructType:
        """The table as a `kind`. A field named "*" takes the tables that have no field, read as
        its Structs if it has those.

        Raises ConfigError with everything reported so far.
        """
        self._read = (kind, path)
        value = self._section(kind, None, table, path)
        self.stop_at_problems()
        assert value is not None, "a section without problems has a value"
        return value

    def report(self, path: str, message: str, value: object) -> None:
        """Notes a problem with `value`, which tells where it was set."""
        source = source_of(value) or self._file
        self._problems.append(": ".join(str(part) for part in (source, path, message) if part))

    def stop_at_problems(self) -> None:
        """Raises ConfigError if there are any."""
        if self._problems:
            raise ConfigError(self._problems)

    @property
    def _names(self) -> Sequence[str]:
        """Dotted names of all settings of what is read."""
        if self._read is None:
            return ()
        kind, path = self._read
        return [f"{path}.{name}" if path else name for name in _names(kind)]

    def _report_unknown(self, path: str, key: str, fields: Iterable[str], value: object) -> None:
        variables = {text.source for text in _texts(value) if text.source.startswith(PREFIX)}
        if not variables or source_of(value) is None:
            meant = difflib.get_close_matches(key, fields, n=1) or _elsewhere(key, self._names)
            self.report(path, f"unknown setting{_question(*meant)}", value)
        for name in sorted(variables):
            hint = _question(*filter(None, [meant_variable(name, self._names)]))
            self.report(path, f"unknown setting{hint}", Text("", name))

    def _section(
        self, kind: type[StructType], base: StructType | None, table: object, path: str
    ) -> StructType | None:
        if not isinstance(table, dict):
            hint = meant_variable(table.source, self._names) if isinstance(table, Text) else ""
            self.report(path, f"expected a table{_question(hint or '')}", table)
            return None
        before = len(self._problems)
        fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
        rest = fields.pop("*", None)
        values: dict[str, Any] = {}
        for key, value in table.items():
            at = dotted(path, key)
            if (field := fields.get(key)) is not None:
                try:
                    values[field.name] = self._value(field, value, at)
                except _Unusable as problem:
                    self.report(at + problem.where, problem.message, value)
            elif rest is not None and isinstance(value, dict):
                values.setdefault(rest.name, {})[key] = self._table(rest, value, at)
            else:
                self._report_unknown(at, key, fields, value)
        for key, field in fields.items():
            if base is None and field.required and key not in table:
                self.report(dotted(path, key), "is required", None)
        if len(self._problems) > before:
            return None
        try:
            return kind(**values) if base is None else msgspec.structs.replace(base, **values)
        except ValueError as error:
            # A rule of the Struct's own, from its __post_init__.
            self.report(path, str(error), table)
            return None

    def _table(self, rest: FieldInfo, value: dict[str, Any], path: str) -> object:
        kind = get_args(rest.type)[1]
        is_known = isinstance(kind, type) and issubclass(kind, msgspec.Struct)
        return self._section(kind, None, value, path) if is_known else value

    def _check(self, path: str) -> Check | None:
        keys = parts(path)
        names = (path, *(".".join([*keys[:i], "*", *keys[i + 1 :]]) for i in range(len(keys))))
        return next((self._checks[name] for name in names if name in self._checks), None)

    def _value(self, field: FieldInfo, value: object, path: str) -> Any:
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            base = field.default if isinstance(field.default, msgspec.Struct) else None
            return self._section(field.type, base, value, path)
        or_one = _may_be_one(field.type)
        if or_one and isinstance(value, str) and not isinstance(value, Text):
            value = [value]
        converted = _convert(field.type, value)
        check = self._check(path)
        if check is None:
            return converted
        if not isinstance(converted, tuple):
            return _checked(check, converted, "")
        is_one = or_one and len(converted) == 1
        return tuple(
            _checked(check, item, "" if is_one else f"[{i}]") for i, item in enumerate(converted)
        )


def _may_be_one(kind: Any) -> bool:
    """Whether a list's only item may stand by itself."""
    return any(getattr(meta, "extra", None) == {"or_one": True} for meta in get_args(kind)[1:])


def _checked(check: Check, value: str, where: str) -> str:
    try:
        return check(value)
    except ValueError as error:
        raise _Unusable(str(error), where) from error


def _convert(kind: Any, value: object) -> Any:
    bare = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    is_text = isinstance(value, Text)
    if isinstance(value, Text):
        if bare is not Path and not value.is_text:
            raise _Unusable("no text: its bytes are not those of this locale")
        value = items_of(value, _may_be_one(kind)) if get_origin(bare) in _LISTS else str(value)
    try:
        return msgspec.convert(value, kind, strict=not is_text, dec_hook=_path)
    except msgspec.ValidationError as error:
        if get_origin(bare) is Literal:
            # An empty one could not be seen.
            choices = (str(choice) or '""' for choice in get_args(bare))
            raise _Unusable(f"expected one of {', '.join(choices)}") from error
        message, _, where = str(error).partition(" - at `$")
        message = message.replace("`", "").replace("object", "table")
        raise _Unusable(message[0].lower() + message[1:], where.rstrip("`")) from error


def one_or_more(value: object) -> list[Any]:
    """The items of a list that may be given as its only one, or as text."""
    if isinstance(value, Text):
        return items_of(value, or_one=True)
    return list(value) if isinstance(value, list | tuple) else [value]


def items_of(text: str, or_one: bool = False) -> list[Any]:
    """A list given as text: a TOML array, or items between commas. With `or_one`, an item may
    begin with a bracket, as addresses do. Raises ValueError.
    """
    split = [item.strip() for item in text.split(",") if item.strip()]
    if not text.lstrip().startswith("["):
        return split
    try:
        items: list[Any] = tomllib.loads(f"items = {text.strip()}")["items"]
    except tomllib.TOMLDecodeError as error:
        if or_one:
            return split
        raise _Unusable("expected items between commas, or a TOML array") from error
    return items


def _path(kind: type[Any], value: Any) -> Any:
    if kind is not Path:
        raise NotImplementedError
    if not isinstance(value, str) or not value:
        raise ValueError("Expected a path")
    return at_home(value)


def at_home(text: str) -> Path:
    """The path, with a leading `~` or `~user` replaced by that home directory.

    Raises ValueError where there is none.
    """
    path = Path(text)
    # `./~` is a folder of that name, and Path drops what tells so.
    if not text.startswith("~"):
        return path
    try:
        return path.expanduser()
    except RuntimeError:
        raise ValueError(f"{path.parts[0]} has no home directory here") from None


def source_of(value: object) -> str | None:
    """The variable or option that gave the value, or all of a table; None for a file's."""
    if isinstance(value, Text):
        return value.source
    if isinstance(value, dict) and value:
        sources = [source_of(below) for below in value.values()]
        return sources[0] if all(sources) else None
    return None


def _texts(value: object) -> Iterator[Text]:
    """All text in a value, however deep."""
    if isinstance(value, Text):
        yield value
    elif isinstance(value, dict):
        for below in value.values():
            yield from _texts(below)


def _names(kind: type[msgspec.Struct]) -> Iterator[str]:
    """The dotted names of a Struct's fields."""
    for field in msgspec.structs.fields(kind):
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            yield from (f"{field.encode_name}.{name}" for name in _names(field.type))
        elif field.encode_name != "*":
            yield field.encode_name


def _elsewhere(key: str, names: Sequence[str]) -> list[str]:
    """The setting of that key in another section, if there is only one."""
    found = [name for name in names if name.rpartition(".")[2] == key]
    return found if len(found) == 1 else []


def _question(meant: str = "") -> str:
    if not meant:
        return ""
    return f"; is {meant} meant?"
