"""What a plugin's importer yields, as a source like any other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from msgspec import ValidationError, convert, structs, to_builtins

from shortd import errors
from shortd.links.tag_lists import split_tags
from shortd.moving import Problem, Reason, SourceClick, SourceLink
from shortd.moving.records import MOST
from shortd.moving.source import Source
from shortd.plugin.types import ImportedLink
from shortd.plugin_runtime.flaws import one_line


class PluginSource(Source):
    """Links by a plugin's reader. It can raise anything, at any time: SOURCE_UNREADABLE."""

    form = "plugin"

    def __init__(self, read: Callable[[], Iterable[object]]) -> None:
        self._read = read

    def links(self) -> Iterator[SourceLink | Problem]:
        for number, given in enumerate(self._given(), 1):
            if not isinstance(given, ImportedLink):
                raise errors.SOURCE_UNREADABLE(
                    f"An importer yields ImportedLinks, not {type(given).__name__}."
                )
            row = str(given.line or number)
            try:
                # Its fields can hold anything, tags one text, as all did once.
                tags: Any = given.tags
                tags = split_tags(tags) if isinstance(tags, str) else tags
                given = structs.replace(given, tags=tuple(tags))
                convert(to_builtins(given), ImportedLink, strict=True)
                if not 0 <= given.utime <= MOST:
                    raise ValidationError("A number is out of bounds.")
            except (ValidationError, TypeError) as fault:
                yield Problem(row, Reason.UNREADABLE, text=str(fault))
                continue
            yield SourceLink(
                key=str(number),
                row=row,
                code=given.code or None,
                url=given.url,
                created=given.utime or None,
                terms=structs.replace(given.terms, tags=()),
                tags=given.tags,
            )

    def clicks(self) -> Iterator[SourceClick]:
        return iter(())

    @property
    def progress(self) -> None:
        return None

    def close(self) -> None:
        pass

    def _given(self) -> Iterator[object]:
        try:
            yield from self._read()
        except Exception as fault:
            raise errors.SOURCE_UNREADABLE(f"The importer failed: {one_line(fault)}") from None


def importers(
    implementations: Iterable[tuple[Any, Any]],
) -> dict[str, Callable[[Path], Iterable[object]]]:
    """Readers by format, of plugins that run; of two with one format the first one's."""
    readers: dict[str, Callable[[Path], Iterable[object]]] = {}
    for _, hook in implementations:
        answer = hook()
        if hook.takes(Mapping, answer=answer):
            readers = {**answer, **readers}
    return readers
