"""YOURLS: its tables in a dump, what its API answers, and the CSV of the plugin Import-Export.

It writes UTC into DATETIME and TIMESTAMP columns alike. A database in another zone takes the latter
for its own time, and a dump in UTC then shifts them: `database_timezone` shifts them back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import takewhile
from typing import Any, ClassVar

import msgspec

from shortd.moving.drafts import Draft
from shortd.moving.peers.by_object import ObjectSource
from shortd.moving.peers.by_table import TableSource
from shortd.moving.records import Problem, Remark
from shortd.moving.staged import Found
from shortd.moving.tables import Row, Wanted
from shortd.moving.texts import country, text_of
from shortd.moving.urls import split_short_url

PASSWORDS = "matthew_pwprotection"
"""The option in which the plugin yourls-password-protection keeps them."""


class YourlsTables(TableSource):
    """A dump. Its log may lie before or behind its links."""

    title = "YOURLS"
    is_prefixed = True
    wanted: ClassVar[Mapping[str, Wanted]] = {
        "url": Wanted(
            ("keyword", "url", "title", "timestamp", "clicks"), ("keyword", "url", "timestamp")
        ),
        "log": Wanted(
            ("shorturl", "click_time", "ip_address", "user_agent", "referrer", "country_code"),
            ("shorturl", "click_time"),
        ),
        "options": Wanted(
            ("option_name", "option_value"), ("option_name", "option_value"), is_sure=False
        ),
        "expiry": Wanted(
            ("keyword", "type", "click", "timestamp", "shelflife", "postexpire"),
            ("keyword", "type", "shelflife"),
            is_sure=False,
        ),
    }
    main = "url"

    def add(self, table: str, row: Row) -> None:
        if table == "log":
            code, time, address, agent, referrer, code_of_country = map(text_of, row)
            self.stage.add_click(
                code,
                self.times.read(time),
                address,
                agent,
                "" if referrer == "direct" else referrer,
                country(code_of_country),
            )
        elif table == "url":
            keyword, url, title, timestamp, clicks = map(text_of, row)
            created = self.stamp(timestamp)
            self.stage.add_link((keyword, url, title, created, clicks), created)
        elif table == "expiry":
            keyword, *expiry = map(text_of, row)
            self.stage.add_fact(f"{self.tables.row_prefix}expiry", keyword, expiry)
        elif text_of(row[0]) == PASSWORDS:
            self._add_passwords(text_of(row[1]))

    def _add_passwords(self, text: str) -> None:
        prefix = self.tables.row_prefix
        try:
            passwords = msgspec.json.decode(text, type=dict[str, str])
        except (msgspec.DecodeError, RecursionError):
            self.stage.add_fact(f"{prefix}passwords", "unreadable", True)
            return
        for keyword, password in passwords.items():
            self.stage.add_fact(f"{prefix}password", keyword, password)

    def remarks(self) -> Iterator[Found]:
        yield from super().remarks()
        yield from self.case_of("url", "keyword")
        if self.stage.facts(f"{self.tables.prefix}passwords", "unreadable"):
            yield Remark(
                "passwords_unreadable",
                f"The option {PASSWORDS} cannot be read: look which links had a password.",
            )

    def draft(self, row: Any) -> Draft | Problem | None:
        keyword, url, title, created, clicks = row
        prefix = self.tables.prefix
        draft = Draft(self.times, key=keyword, row=keyword, url=url, code=keyword)
        draft.created_utime(created)
        draft.clicks(clicks)
        draft.title(title)
        for kind, click, timestamp, shelflife, fallback in self.stage.facts(
            f"{prefix}expiry", keyword
        ):
            self._end(draft, kind, click, timestamp, shelflife, fallback)
        for password in self.stage.facts(f"{prefix}password", keyword):
            draft.password_hash(password)
        return draft

    def _end(
        self, draft: Draft, kind: str, click: str, timestamp: str, shelflife: str, fallback: str
    ) -> None:
        if kind == "click":
            draft.limit(click)
            when = "count"
        else:
            seconds = timestamp.strip(), shelflife.strip()
            if all(part.isdecimal() and len(part) <= 15 for part in seconds):
                draft.ends(sum(map(int, seconds)))
            else:
                draft.ends(f"{timestamp} + {shelflife}"[:80])
            when = "date"
        if fallback.strip().lower() != "none":
            draft.fallback(when, fallback)


class YourlsAnswers(ObjectSource):
    """Answers of `action=stats`: links and totals. What stands before a code in its short URL is
    the site's address: as told, or else the folder that all short URLs have in common.
    """

    title = "YOURLS"
    _common: list[str] | None = None

    def takes(self, path: list[str], found: dict[str, Any]) -> bool:
        if "shorturl" not in found or "url" not in found:
            return False
        names = ("url", "title", "timestamp", "clicks")
        url, title, timestamp, clicks = (text_of(found.get(name)) for name in names)
        path_of_link = split_short_url(text_of(found["shorturl"]))[1]
        folders = path_of_link.split("/")[:-1]
        common = folders if self._common is None else self._common
        shared = takewhile(lambda pair: pair[0] == pair[1], zip(common, folders, strict=False))
        self._common = [folder for folder, _ in shared]
        created = self.times.read(timestamp)
        self.stage.add_link((self.number(), path_of_link, url, title, created, clicks), created)
        return True

    def draft(self, row: Any) -> Draft | Problem | None:
        number, path, url, title, created, clicks = row
        code = self._code(path)
        draft = Draft(self.times, key=code, row=number, url=url, code=code)
        draft.created_utime(created)
        draft.clicks(clicks)
        draft.title(title)
        return draft

    def _code(self, path: str) -> str:
        if self.options.site:
            return path.removeprefix(split_short_url(self.options.site)[1]).lstrip("/")
        # Of a single link nobody knows.
        common = self._common if self._common and self.stage.rows > 1 else []
        return "/".join(path.split("/")[len(common) :])
