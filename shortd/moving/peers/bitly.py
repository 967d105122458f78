"""Bitly: answers of its API v4, kept as they came. One link can have several short URLs: a drawn
one and custom back-halves; its clicks stay with the first. Archived links still redirect.
"""

from __future__ import annotations

from typing import Any

from shortd.moving.drafts import Draft
from shortd.moving.peers.by_object import ObjectSource
from shortd.moving.records import ClickSum, Problem, Reason
from shortd.moving.texts import count, flag, text_of
from shortd.moving.urls import split_short_url

ALIASES = 1000


class BitlyAnswers(ObjectSource):
    """`bitlinks`, and of clicks `summary` and days, by the id of a link."""

    title = "Bitly"

    def takes(self, path: list[str], found: dict[str, Any]) -> bool:
        if "long_url" in found and ("id" in found or "link" in found):
            self._add(found)
            return True
        bitlink = path[-1] if path else ""
        if "total_clicks" in found and "/" in bitlink:
            self.stage.add_fact("total", bitlink, count(found["total_clicks"]))
            return True
        days = found.get("link_clicks")
        if isinstance(days, list) and "/" in bitlink:
            for day in days:
                if isinstance(day, dict):
                    self._add_day(bitlink, day)
            return True
        return False

    def _add(self, found: dict[str, Any]) -> None:
        first = text_of(found.get("id")) or text_of(found.get("link"))
        customs, tags = found.get("custom_bitlinks"), found.get("tags")
        names = [first]
        if isinstance(customs, list):
            names += [text_of(custom) for custom in customs[:ALIASES]]
        texts = [text_of(found.get(name)) for name in ("long_url", "title", "created_at")]
        places: list[tuple[str, str]] = []
        for name in names:
            host, code = split_short_url(name)
            if (host or "", code) not in places:
                places.append((host or "", code))
        labels = [text_of(tag) for tag in tags[:1000]] if isinstance(tags, list) else []
        created = self.times.read(texts[2])
        number = self.number()
        for position, (host, code) in enumerate(places):
            key = first if position == 0 else f"{host}/{code}"
            row = [number, position, key, host, code, *texts, labels, flag(found.get("archived"))]
            self.stage.add_link(row, created)

    def _add_day(self, bitlink: str, day: dict[str, Any]) -> None:
        total, begin = count(day.get("clicks")), self.times.read(text_of(day.get("date")))
        if total:
            self.stage.add_sum(ClickSum(bitlink, begin, begin, total))

    def draft(self, row: Any) -> Draft | Problem | None:
        number, position, key, host, code, url, title, created, tags, archived = row
        draft = Draft(self.times, key=key, row=number, url=url, code=code, host=host)
        if not code:
            return draft.skipped(Reason.DOMAIN_ROOT)
        draft.created(created)
        draft.title(title)
        draft.tags(tags)
        if archived:
            draft.archive()
        if position:
            draft.say(Reason.ALIAS)
        else:
            draft.clicks(sum(self.stage.facts("total", key)))
        return draft
