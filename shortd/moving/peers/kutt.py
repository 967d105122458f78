"""Kutt: its tables, and what its API answers. Visits are sums of an hour; robots were never
counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import msgspec

from shortd.moving.drafts import Draft
from shortd.moving.peers.by_object import ObjectSource
from shortd.moving.peers.by_table import TableSource
from shortd.moving.records import ClickSum, HostSetting, Problem, Reason
from shortd.moving.staged import Found
from shortd.moving.tables import Row, Wanted
from shortd.moving.texts import clean, count, country, flag, text_of, whole_number
from shortd.moving.urls import host_name, web_address

DAY = 86_400_000_000
MOST_VISITS = 2**40
"""In one hour."""
VALUES = 1000
"""Of one hour's referrers and countries."""
_BROWSERS = {
    "br_chrome": "Chrome",
    "br_edge": "Edge",
    "br_firefox": "Firefox",
    "br_ie": "IE",
    "br_opera": "Opera",
    "br_safari": "Safari",
    "br_other": "",
}
_SYSTEMS = {
    "os_android": "Android",
    "os_ios": "iOS",
    "os_linux": "Linux",
    "os_macos": "Mac OS X",
    "os_windows": "Windows",
    "os_other": "",
}


class KuttTables(TableSource):
    """Its file, or a dump of its tables."""

    title = "Kutt"
    wanted: ClassVar[Mapping[str, Wanted]] = {
        "links": Wanted(
            (
                *("id", "address", "target", "description", "banned", "domain_id", "password"),
                *("expire_in", "user_id", "visit_count", "created_at"),
            ),
            ("id", "address", "target", "visit_count"),
        ),
        "visits": Wanted(
            (
                *("link_id", "created_at", "updated_at", "total", "countries", "referrers"),
                *_BROWSERS,
                *_SYSTEMS,
            ),
            ("link_id", "total", "countries"),
        ),
        "domains": Wanted(("id", "address", "homepage", "banned"), ("id", "address", "homepage")),
        "users": Wanted(("id", "email"), ("id", "email", "apikey")),
    }
    main = "links"

    def add(self, table: str, row: Row) -> None:
        if table == "links":
            number, address, target, description, banned, domain, *more = row
            password, ends, user, visits, created = map(text_of, more)
            texts = map(text_of, (number, address, target, description, domain))
            self.stage.add_link(
                (*texts, flag(banned), password, ends, user, visits, created),
                whole_number(number),
            )
        elif table == "visits":
            hour = self._sum(row)
            if hour.total:
                self.stage.add_sum(hour)
        elif table == "domains":
            number, address, homepage, banned = row
            place = [host_name(text_of(address)), text_of(homepage), flag(banned)]
            self.stage.add_fact("domain", text_of(number), place)
        else:
            self.stage.add_fact("user", text_of(row[0]), text_of(row[1]))

    def _sum(self, row: Row) -> ClickSum:
        link, first, last, total, countries, referrers, *sums = row
        most = min(count(total), MOST_VISITS)
        begin, end = self.times.read(text_of(first)), self.times.read(text_of(last))
        if begin is None:
            end = None
        elif end is None or end < begin or end // DAY != begin // DAY:
            end = begin
        named = [*_BROWSERS.values(), *_SYSTEMS.values()]
        counts = [(name, count(number)) for name, number in zip(named, sums, strict=True)]
        return ClickSum(
            link=text_of(link),
            first=begin,
            last=end,
            total=most,
            countries=_within(most, [(country(name), n) for name, n in _read(countries)]),
            referrers=_within(most, [(_referrer(name), n) for name, n in _read(referrers)]),
            browsers=_within(most, counts[: len(_BROWSERS)]),
            systems=_within(most, counts[len(_BROWSERS) :]),
        )

    def remarks(self) -> Iterator[Found]:
        yield from super().remarks()
        yield from self.case_of("links", "address")
        for _, (host, homepage, _) in self.stage.all_facts("domain"):
            if url := web_address(homepage):
                yield HostSetting(host, root=url, unknown=url)

    def draft(self, row: Any) -> Draft | Problem | None:
        number, address, target, description, domain, banned, *more = row
        password, ends, user, visits, created = more
        places = self.stage.facts("domain", domain) if domain else []
        host = places[0][0] if places else None
        draft = Draft(
            self.times, key=number, row=number, url=target, code=address.strip("/"), host=host
        )
        if domain and not places:
            return draft.skipped(Reason.UNREADABLE, f"its domain {domain} is not in the source")
        draft.created(created)
        draft.clicks(visits)
        draft.title(description)
        draft.ends(ends)
        if password:
            draft.password_hash(password)
        if banned or (places and places[0][2]):
            draft.disable(Reason.NO_PLACE, "banned")
        for email in self.stage.facts("user", user) if user else ():
            draft.owner(email)
        return draft


def _read(value: object) -> list[tuple[str, int]]:
    """Counts by name, from JSON."""
    try:
        found = msgspec.json.decode(text_of(value) or "{}", type=dict[str, int])
    except (msgspec.DecodeError, RecursionError):
        return []
    return list(found.items())[:VALUES]


def _referrer(name: str) -> str:
    host = clean(name.replace("[dot]", "."))[:256]
    return "" if host == "direct" else host


def _within(most: int, counts: list[tuple[str, int]]) -> dict[str, int]:
    """Sums by name; none at all where they come to more than there were visits."""
    kept: dict[str, int] = {}
    for name, number in counts:
        if number > 0:
            kept[name] = kept.get(name, 0) + number
    return kept if sum(kept.values()) <= most else {}


class KuttAnswers(ObjectSource):
    """Answers of `GET /api/v2/links`. They do not tell passwords."""

    title = "Kutt"

    def takes(self, path: list[str], found: dict[str, Any]) -> bool:
        if "address" not in found or "target" not in found:
            return False
        names = ("id", "address", "target", "description", "domain", "expire_in", "created_at")
        texts = [text_of(found.get(name)) for name in names]
        flags = flag(found.get("banned")), flag(found.get("password"))
        created = self.times.read(texts[-1])
        self.stage.add_link((*texts, *flags, text_of(found.get("visit_count"))), created)
        return True

    def draft(self, row: Any) -> Draft | Problem | None:
        number, address, target, description, domain, ends, created, *more = row
        banned, has_password, visits = more
        host = host_name(domain) if domain else None
        draft = Draft(
            self.times, key=number, row=number, url=target, code=address.strip("/"), host=host
        )
        draft.created(created)
        draft.clicks(visits)
        draft.title(description)
        draft.ends(ends)
        if banned:
            draft.disable(Reason.NO_PLACE, "banned")
        if has_password:
            draft.disable(Reason.PASSWORD_UNKNOWN)
        return draft
