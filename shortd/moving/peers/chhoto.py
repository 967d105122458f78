"""chhoto-url: its one table, and what its API answers. It keeps no time of creation: the order of
ids is all that is known. Notes are what it has of titles.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from shortd.moving.drafts import Draft
from shortd.moving.peers.by_object import ObjectSource
from shortd.moving.peers.by_table import TableSource
from shortd.moving.records import Problem
from shortd.moving.tables import Row, Wanted
from shortd.moving.texts import TITLE_CHARACTERS, text_of, whole_number
from shortd.moving.times import Times


def _draft(times: Times, row: Any) -> Draft:
    number, code, url, hits, ends, notes = row
    draft = Draft(times, key=code, row=number, url=url, code=code)
    draft.clicks(hits)
    seconds = whole_number(ends)
    if seconds is None or seconds > 0:
        draft.ends(ends)
    draft.title(notes)
    if len(notes) > TITLE_CHARACTERS or "\n" in notes:
        draft.note(notes)
    return draft


class ChhotoTables(TableSource):
    """Its file, of any version; one of its daily copies, too."""

    title = "chhoto-url"
    wanted: ClassVar[Mapping[str, Wanted]] = {
        "urls": Wanted(
            ("id", "short_url", "long_url", "hits", "expiry_time", "notes"),
            ("short_url", "long_url", "hits"),
        )
    }
    main = "urls"

    def add(self, table: str, row: Row) -> None:
        texts = [text_of(value) for value in row]
        self.stage.add_link(texts, whole_number(row[0]))

    def draft(self, row: Any) -> Draft | Problem | None:
        return _draft(self.times, row)


class ChhotoAnswers(ObjectSource):
    """Answers of `GET /api/all`."""

    title = "chhoto-url"

    def takes(self, path: list[str], found: dict[str, Any]) -> bool:
        if "shortlink" not in found or "longlink" not in found:
            return False
        names = ("shortlink", "longlink", "hits", "expiry_time", "notes")
        number = self.number()
        texts = [text_of(found.get(name)) for name in names]
        self.stage.add_link([number, *texts], int(number))
        return True

    def draft(self, row: Any) -> Draft | Problem | None:
        return _draft(self.times, row)
