"""A link in the making: a reader tells what its row has, and each rule for what cannot stay as it
is stands here once, with the note that tells it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from shortd.hosts.destinations import UTM_NAMES
from shortd.models.common import NEVER
from shortd.models.links import Forwarding, Terms
from shortd.moving import texts
from shortd.moving.records import MOST, Note, Problem, Reason, Rule, SourceLink
from shortd.moving.redirect_rules import as_data
from shortd.moving.stage import Counted
from shortd.moving.times import Times
from shortd.moving.urls import read_url, web_address

UTM_BYTES = 256
ROW = 256
"""Characters of what tells where a row stands."""
RULES_TOLD = 10
"""Of those that have no place."""
VARIANTS = 10
"""Other destinations that the plugin `ab` takes."""


class Draft:
    """What is known of one link so far. Values come as the source has them."""

    def __init__(
        self,
        times: Times,
        *,
        key: str,
        row: str,
        url: object,
        code: str | None,
        host: str | None = None,
    ) -> None:
        self._times = times
        self.key = key
        self.row = texts.told(row[:ROW])
        self.code = code or None
        self.host = host or None
        self._source_url = texts.text_of(url)
        self._terms: dict[str, Any] = {}
        self._more: dict[str, Any] = {}
        self._notes: list[Note] = []
        self._created: int | None = None
        self._counter = 0

    def say(self, reason: Reason, text: str = "") -> None:
        """Notes what is not as it was."""
        self._notes.append(Note(reason, text))

    def created(self, value: object) -> None:
        """When it was made."""
        self._created = self._times.read(value)

    def created_utime(self, utime: int | None) -> None:
        """The same in Unix µs."""
        self._created = utime

    def clicks(self, value: object) -> None:
        """The source's own counter."""
        number = texts.whole_number(value)
        if value not in (None, "", b"") and (number is None or not 0 <= number <= MOST):
            self.say(Reason.NUMBER_CHANGED, f"clicks: {texts.told(texts.text_of(value))[:80]}")
        self._counter = texts.count(value)

    def title(self, value: object) -> None:
        """A text of one line."""
        given = texts.text_of(value)
        kept = texts.title(given)
        if kept != given.strip():
            self.say(Reason.TITLE_CHANGED)
        self._terms["title"] = kept

    def note(self, value: object) -> None:
        """The owner's own words."""
        given = texts.text_of(value)
        kept = texts.note(given)
        if kept != given.replace("\r\n", "\n").strip():
            self.say(Reason.NOTE_CHANGED)
        self._terms["note"] = kept

    def tags(self, names: list[str]) -> None:
        """Names, with commas if they have some."""
        kept = texts.tag_names(names)
        if list(kept) != list(dict.fromkeys(filter(None, (name.strip() for name in names)))):
            self.say(Reason.TAGS_CHANGED)
        self._more["tags"] = kept

    def disable(self, reason: Reason | None = None, text: str = "") -> None:
        """It is not to redirect."""
        self._terms["enabled"] = False
        if reason is not None:
            self.say(reason, text)

    def archive(self) -> None:
        """Out of lists."""
        self._terms["hidden"] = True

    def begins(self, value: object) -> None:
        """When it begins to work."""
        if (utime := self._end(value, "begin")) is not None:
            self._terms["valid_since"] = utime

    def ends(self, value: object, utime: int | None = None) -> None:
        """When it ends, as the source has it or in Unix µs."""
        utime = self._end(value, "end") if utime is None else utime
        if utime is not None:
            self._terms["expiration_utime"] = min(utime, NEVER)

    def _end(self, value: object, what: str) -> int | None:
        if value in (None, "", b"", 0, "0", b"0"):
            return None
        utime = self._times.read(texts.text_of(value) if isinstance(value, bytes) else value)
        if utime is None:
            told = texts.told(texts.text_of(value))[:80]
            self.say(Reason.TIME_UNREADABLE, f"{what}: {told}")
        return utime

    def limit(self, value: object, *, zero_is_none: bool = True) -> None:
        """How many clicks it has."""
        if value in (None, "", b""):
            return
        number = texts.whole_number(value)
        if number is None or number < 0:
            told = texts.told(texts.text_of(value))[:80]
            self.say(Reason.NUMBER_CHANGED, f"limit of clicks: {told}")
        elif number == 0 and not zero_is_none:
            self.disable(Reason.NO_VISITS_ALLOWED)
        else:
            self._terms["expiration_count"] = min(number, MOST)

    def fallback(self, when: str, value: object) -> None:
        """Where it leads once its "date" has come or its "count" is reached."""
        text = texts.text_of(value).strip()
        if not text:
            return
        if url := web_address(text):
            self._terms[f"{when}_fallback"] = url
        else:
            self.say(Reason.FALLBACK, texts.told(text))

    def forwarding(self, mode: Forwarding) -> None:
        """What becomes of visitors' queries."""
        self._terms["forwarding"] = mode

    def robots(self, may_index: bool) -> None:
        """Whether search engines may list it."""
        self._terms["robots"] = may_index

    def utm(self, values: dict[str, object]) -> None:
        """Campaign parameters by their names."""
        kept = []
        for name in UTM_NAMES:
            value = texts.clean(texts.text_of(values.get(name)))
            if len(value.encode()) > UTM_BYTES:
                self.say(Reason.NO_PLACE, f"{name}: too long")
                value = ""
            kept.append(value)
        if any(kept):
            self._terms["utm"] = tuple(kept)

    def password(self, clear: str) -> None:
        """A password in the clear."""
        self._more["password"] = clear

    def password_hash(self, value: object) -> None:
        """What the source keeps of a password."""
        text = texts.text_of(value)
        if texts.is_bcrypt(text):
            self._more["password_hash"] = text
        else:
            self.disable(Reason.PASSWORD_UNUSABLE)

    def rules(self, rules: list[Rule]) -> None:
        """Destinations by conditions. If all that they ask for is a kind of phone they are data of
        the plugin `mobile`, else of `rules`."""
        if not rules:
            return
        self._more["rules"] = tuple(rules)
        left: list[str] = []
        plugin, data = "mobile", _places(rules)
        if data is None:
            plugin = "rules"
            data, left = as_data(rules, self._times)
        if data is not None:
            self._more["plugins"] = {**self._more.get("plugins", {}), plugin: data}
        if left:
            told = "; ".join(texts.told(text) for text in left[:RULES_TOLD])
            self.say(Reason.RULES, f"{len(left)} of {len(rules)}: {told}")

    def variants(self, own: object, variants: list[tuple[object, object]]) -> None:
        """URLs and percentages of an A/B test; `own` is the one that is the link's destination."""
        kept: list[dict[str, Any]] = []
        for url, share in variants:
            weight = texts.whole_number(round(share) if isinstance(share, float) else share)
            if url == own:
                continue
            place = web_address(url)
            if not place or weight is None or not 1 <= weight <= 100:
                self.say(Reason.NO_PLACE, f"a variant: {texts.told(texts.text_of(url))}")
                continue
            kept.append({"url": place, "weight": weight})
        if len(kept) > VARIANTS or sum(int(variant["weight"]) for variant in kept) > 100:
            self.say(Reason.NO_PLACE, "variants: more than ten, or more than 100 percent")
        elif kept:
            self._more["plugins"] = {
                **self._more.get("plugins", {}),
                "ab": {"variants": kept},
            }

    def owner(self, value: object) -> None:
        """Who made it."""
        self._more["owner"] = texts.title(texts.text_of(value))

    def folder(self, names: list[str]) -> None:
        """Where a bookmark lies."""
        self._more["folder"] = "/".join(names)

    def bots(self, number: int) -> None:
        """How many clicks the source took for robots'."""
        self._more["bots"] = number

    def skipped(self, reason: Reason, text: str = "") -> Problem:
        """It does not come over."""
        return Problem(
            row=self.row,
            reason=reason,
            code=None if self.code is None else texts.told(self.code),
            host=self.host,
            url=texts.told(self._source_url),
            text=text,
        )

    def finish(self, counted: Counted) -> SourceLink | Problem:
        """The link, or why it is none."""
        url, reason = read_url(self._source_url)
        if reason is not None:
            return self.skipped(reason)
        if url != self._source_url:
            self._more["url_in_source"] = texts.told(self._source_url)
            if url != self._source_url.strip():
                self.say(Reason.URL_CHANGED)
        created = self._created
        if created is None:
            created = counted.first
            self.say(Reason.TIME_UNKNOWN)
        if self.code is None:
            self.say(Reason.CODE_DRAWN)
        return SourceLink(
            key=self.key,
            row=self.row,
            code=self.code,
            host=self.host,
            url=url,
            created=created,
            clicks=max(self._counter, min(counted.total, MOST)),
            singles=counted.total,
            terms=msgspec.convert(self._terms, Terms),
            notes=tuple(self._notes),
            **self._more,
        )


def _places(rules: Sequence[Rule]) -> dict[str, Any] | None:
    """The data of the plugin `mobile` that lead as these rules do; None if others have to."""
    places: dict[str, Any] = {}
    for rule in rules:
        device = rule.conditions[0].value if len(rule.conditions) == 1 else ""
        is_simple = len(rule.conditions) == 1 and rule.conditions[0].type == "device"
        url = web_address(rule.url)
        if not url or not is_simple or device not in ("ios", "android", "mobile"):
            return None
        # All phones are led by now.
        if "mobile" not in places:
            places.setdefault(device, url)
    return places
