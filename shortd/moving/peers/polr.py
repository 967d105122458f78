"""Polr 2: its tables in a dump. A secret link answers at code/key alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from shortd.moving.drafts import Draft
from shortd.moving.peers.by_table import TableSource
from shortd.moving.records import Problem, Reason
from shortd.moving.staged import Found
from shortd.moving.tables import Row, Wanted
from shortd.moving.texts import country, flag, text_of, whole_number


class PolrTables(TableSource):
    """A dump."""

    title = "Polr"
    is_prefixed = True
    wanted: ClassVar[Mapping[str, Wanted]] = {
        "links": Wanted(
            (
                *("id", "short_url", "long_url", "creator", "clicks", "secret_key"),
                *("is_disabled", "created_at"),
            ),
            ("id", "short_url", "long_url", "secret_key"),
        ),
        "clicks": Wanted(
            ("link_id", "created_at", "ip", "user_agent", "referer", "country"),
            ("link_id", "ip", "referer"),
        ),
    }
    main = "links"

    def add(self, table: str, row: Row) -> None:
        if table == "clicks":
            link, time, address, agent, referrer, code_of_country = map(text_of, row)
            self.stage.add_click(
                link, self.stamp(time), address, agent, referrer, country(code_of_country)
            )
            return
        number, code, url, creator, clicks, secret, is_disabled, created = row
        self.stage.add_link(
            (
                *map(text_of, (number, code, url, creator, clicks, secret)),
                flag(is_disabled),
                self.stamp(text_of(created)),
            ),
            whole_number(number),
        )

    def remarks(self) -> Iterator[Found]:
        yield from super().remarks()
        yield from self.case_of("links", "short_url")

    def draft(self, row: Any) -> Draft | Problem | None:
        number, code, url, creator, clicks, secret, is_disabled, created = row
        if secret:
            code = f"{code}/{secret}"
        draft = Draft(self.times, key=number, row=number, url=url, code=code)
        draft.created_utime(created)
        draft.clicks(clicks)
        draft.owner(creator)
        if secret:
            draft.say(Reason.SECRET)
        if is_disabled:
            draft.disable()
        return draft
