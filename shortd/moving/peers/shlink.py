"""Shlink's tables, in its SQLite file or in a dump of MySQL, MariaDB or PostgreSQL.

Times are in the zone of the server and tell none. A link's total is a sum of slots, since 4.1.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from shortd.models.links import Forwarding
from shortd.moving.drafts import Draft
from shortd.moving.peers.by_table import TableSource
from shortd.moving.records import Condition, HostSetting, Problem, Remark, Rule
from shortd.moving.staged import Found
from shortd.moving.tables import Row, Wanted
from shortd.moving.texts import count, country, flag, text_of, whole_number
from shortd.moving.urls import host_name, web_address

TEXT = 8192
"""Characters of what belongs to a link."""
RULES = 200
"""Of a link that are told."""


class ShlinkTables(TableSource):
    """Its tables, of any version since 2."""

    title = "Shlink"
    wanted: ClassVar[Mapping[str, Wanted]] = {
        "short_urls": Wanted(
            (
                *("id", "domain_id", "original_url", "short_code", "date_created", "valid_since"),
                *("valid_until", "max_visits", "title", "crawlable", "forward_query"),
            ),
            ("id", "original_url", "short_code", "date_created"),
        ),
        "domains": Wanted(
            (
                *("id", "authority", "base_url_redirect", "regular_not_found_redirect"),
                "invalid_short_url_redirect",
            ),
            ("id", "authority"),
        ),
        "tags": Wanted(("id", "name"), ("id", "name")),
        "short_urls_in_tags": Wanted(("short_url_id", "tag_id"), ("short_url_id", "tag_id")),
        "visits": Wanted(
            (
                *("short_url_id", "date", "remote_addr", "user_agent", "referer"),
                *("potential_bot", "visit_location_id"),
            ),
            ("short_url_id", "date", "user_agent"),
        ),
        "visit_locations": Wanted(("id", "country_code"), ("id", "country_code")),
        "short_url_visits_counts": Wanted(
            ("short_url_id", "potential_bot", "count"), ("short_url_id", "count")
        ),
        "short_url_redirect_rules": Wanted(
            ("short_url_id", "priority", "id", "long_url"), ("short_url_id", "id", "long_url")
        ),
        "redirect_conditions_in_short_url_redirect_rules": Wanted(
            ("short_url_redirect_rule_id", "redirect_condition_id"),
            ("short_url_redirect_rule_id", "redirect_condition_id"),
        ),
        "redirect_conditions": Wanted(
            ("id", "type", "match_key", "match_value"), ("id", "type", "match_value")
        ),
        "device_long_urls": Wanted(
            ("short_url_id", "device_type", "long_url"), ("short_url_id", "device_type")
        ),
    }
    main = "short_urls"
    _orphans = 0

    def add(self, table: str, row: Row) -> None:
        if table == "visits":
            self._add_visit(row)
        elif table == "short_urls":
            self.stage.add_link([text_of(value) for value in row], whole_number(row[0]))
        else:
            key, *values = (text_of(value)[:TEXT] for value in row)
            if table == "visit_locations":
                self.stage.add_fact("place", key, country(values[0]))
            else:
                self.stage.add_fact(table, key, values)

    def _add_visit(self, row: Row) -> None:
        link, time, address, agent, referrer, bot, place = row
        if link is None:
            self._orphans += 1
            return
        self.stage.add_click(
            text_of(link),
            self.times.read(text_of(time)),
            text_of(address),
            text_of(agent),
            text_of(referrer),
            "",
            flag(bot),
            text_of(place),
        )

    def remarks(self) -> Iterator[Found]:
        yield from super().remarks()
        yield from self.case_of("short_urls", "short_code")
        if self._orphans:
            yield orphans(self._orphans)
        for _, (host, root, unknown, invalid) in self.stage.all_facts("domains"):
            yield from host_settings(host, root, unknown, invalid)

    def draft(self, row: Any) -> Draft | Problem | None:
        number, domain, url, code, created, since, until, limit, title, crawlable, forward = row
        facts = self.stage.facts
        host = next((host_name(found[0]) for found in facts("domains", domain)), None)
        draft = Draft(self.times, key=number, row=number, url=url, code=code, host=host)
        draft.created(created)
        draft.title(title)
        draft.begins(since)
        draft.ends(until)
        draft.limit(limit, zero_is_none=False)
        forwards(draft, is_on=forward == "" or flag(forward))
        if flag(crawlable):
            draft.robots(True)
        draft.tags(
            [name for (tag,) in facts("short_urls_in_tags", number) for name in self._tag(tag)]
        )
        counts = facts("short_url_visits_counts", number)
        if counts:
            draft.clicks(sum(count(visits) for _, visits in counts))
            draft.bots(sum(count(visits) for is_bot, visits in counts if flag(is_bot)))
        else:
            draft.bots(self.stage.counted(number).bots)
        draft.rules(self._rules(number))
        return draft

    def _tag(self, tag: str) -> list[str]:
        return [name for (name,) in self.stage.facts("tags", tag)]

    def _rules(self, number: str) -> list[Rule]:
        facts = self.stage.facts
        found = facts("short_url_redirect_rules", number)[:RULES]
        rules = []
        for _, rule, url in sorted(found, key=lambda rule: whole_number(rule[0]) or 0):
            pairs = facts("redirect_conditions_in_short_url_redirect_rules", rule)
            conditions = [
                Condition(*condition)
                for (key,) in pairs
                for condition in facts("redirect_conditions", key)
            ]
            # One without conditions never matches.
            if conditions:
                rules.append(Rule(url, tuple(conditions)))
        devices = facts("device_long_urls", number)[:RULES]
        return rules + [Rule(url, (Condition("device", "", kind),)) for kind, url in devices]


def orphans(number: int) -> Remark:
    """What is said of visits to addresses that were no link."""
    return Remark("orphan_visits", f"{number} visits led to no link; they stay behind.", number)


def host_settings(host: str | None, root: str, unknown: str, invalid: str) -> Iterator[Found]:
    """Where a domain sends those who come to no link."""
    setting = HostSetting(
        None if host is None else host_name(host),
        root=web_address(root),
        unknown=web_address(invalid) or web_address(unknown),
    )
    if setting.root or setting.unknown:
        yield setting


def forwards(draft: Draft, *, is_on: bool) -> None:
    """Shlink's query forwarding: the visitor's value takes the place of the link's."""
    draft.forwarding(Forwarding.VISITOR if is_on else Forwarding.NO)
