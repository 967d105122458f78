"""Shlink's REST API: the best of its sources, as times carry their offset and rules come along.

Every answer is bounded, and so is how long an answer and a wait for it may take. What a server asks
to wait is waited, within bounds. A redirect is not followed: the key would go with it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from time import monotonic
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import msgspec
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt
from tenacity.wait import wait_exponential

from shortd import errors
from shortd.moving.drafts import Draft
from shortd.moving.options import Options
from shortd.moving.peers.shlink import RULES, forwards, host_settings, orphans
from shortd.moving.records import Condition, Problem, Remark, Rule
from shortd.moving.staged import Found, StagedSource
from shortd.moving.texts import clean, count, country, flag, text_of, told
from shortd.moving.urls import host_name

LINKS_A_PAGE = 100
VISITS_A_PAGE = 1000
PAGES = 1_000_000
ANSWER = 32 << 20
"""Bytes of an answer."""
ANSWER_SECONDS = 120
ATTEMPTS = 6
NOT_FOUND = 404
LONGEST_WAIT = 60.0
"""Seconds that are waited for a server that wants to be left alone."""

Ask = Callable[..., Any]

_VERSIONED = re.compile(r"/rest/v\d+\Z")

_grow = wait_exponential(multiplier=0.5, max=15)


class _Later(Exception):
    """The server does not answer now; `wait` is how long it wants to be left alone."""

    def __init__(self, why: str, wait: float = 0.0) -> None:
        super().__init__(why)
        self.wait = wait


class _Refused(Exception):
    """An answer of another status than 200."""

    def __init__(self, status: int) -> None:
        super().__init__(str(status))
        self.status = status


def _wait(state: RetryCallState) -> float:
    fault = state.outcome.exception() if state.outcome is not None else None
    asked = fault.wait if isinstance(fault, _Later) else 0.0
    return min(max(asked, float(_grow(state))), LONGEST_WAIT)


class ShlinkApi(StagedSource):
    """A running Shlink of version 3 and later."""

    title = "Shlink"

    def __init__(self, url: str, options: Options, client: httpx.Client | None) -> None:
        try:
            parts = urlsplit(url)
        except ValueError:
            raise errors.SOURCE_UNREADABLE("%(url)s is no address.", url=told(url)) from None
        if not options.api_key:
            raise errors.SOURCE_UNREADABLE(
                "Shlink's API wants a key: give it with --api-key-file or SHORTD_IMPORT_API_KEY."
            )
        super().__init__("rest", options)
        path = parts.path.rstrip("/")
        self._base = f"{parts.scheme}://{parts.netloc}{path}"
        if not _VERSIONED.search(path):
            self._base += "/v3" if path.endswith("/rest") else "/rest/v3"
        self._client = client or httpx.Client(timeout=httpx.Timeout(30.0), follow_redirects=False)
        self._is_own = client is None
        self._done = 0
        self._links = 0
        self._refused = 0
        """Questions about links that are there, and were not answered."""
        self._retrying = Retrying(
            retry=retry_if_exception_type(_Later),
            wait=_wait,
            stop=stop_after_attempt(ATTEMPTS),
            reraise=True,
        )

    # Asking

    def _ask(self, path: str, **query: str | int) -> Any:
        """An answer; _Refused where it is none."""
        try:
            return self._retrying(self._ask_once, path, query)
        except _Later as fault:
            raise errors.SOURCE_UNREADABLE(
                "%(host)s does not answer: %(why)s.", host=self._host, why=str(fault)
            ) from None

    @property
    def _host(self) -> str:
        return urlsplit(self._base).hostname or self._base

    def _ask_once(self, path: str, query: dict[str, str | int]) -> Any:
        begin = monotonic()
        body = bytearray()
        headers = {"X-Api-Key": self.options.api_key, "Accept": "application/json"}
        try:
            with self._client.stream(
                "GET", f"{self._base}{path}", params=query, headers=headers
            ) as answer:
                if answer.status_code in (429, 502, 503, 504):
                    raise _Later(f"status {answer.status_code}", _asked_wait(answer))
                if answer.status_code != 200:
                    raise _Refused(answer.status_code)
                for piece in answer.iter_bytes():
                    body += piece
                    if len(body) > ANSWER or monotonic() - begin > ANSWER_SECONDS:
                        raise errors.SOURCE_UNREADABLE(
                            "%(host)s sends an answer that is too long.", host=self._host
                        )
        except (httpx.TransportError, httpx.DecodingError) as fault:
            raise _Later(type(fault).__name__) from None
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as fault:
            raise errors.SOURCE_UNREADABLE(
                "%(host)s cannot be asked: %(why)s.", host=self._host, why=type(fault).__name__
            ) from None
        try:
            found = msgspec.json.decode(bytes(body))
        except (msgspec.DecodeError, RecursionError, ValueError):
            raise errors.SOURCE_UNREADABLE(
                "%(host)s sends no JSON: is this the address of Shlink?", host=self._host
            ) from None
        return found if isinstance(found, dict) else {}

    def _must(self, path: str, **query: str | int) -> Any:
        """An answer without which there is nothing to import."""
        try:
            return self._ask(path, **query)
        except _Refused as refusal:
            if refusal.status in (401, 403):
                raise errors.SOURCE_UNREADABLE(
                    "%(host)s does not take the key.", host=self._host
                ) from None
            raise errors.SOURCE_UNREADABLE(
                "%(host)s answers with status %(status)s: is this the address of Shlink?",
                host=self._host,
                status=refusal.status,
            ) from None

    def _items(
        self, ask: Ask, path: str, name: str, size: int, **query: str
    ) -> Iterator[dict[str, Any]]:
        """Everything on all pages."""
        for page in range(1, PAGES):
            answer = ask(path, page=page, itemsPerPage=size, **query)
            found = answer.get(name)
            data = found.get("data") if isinstance(found, dict) else None
            if not isinstance(data, list):
                raise errors.SOURCE_UNREADABLE(
                    "%(host)s sends another answer than Shlink does.", host=self._host
                )
            yield from (item for item in data if isinstance(item, dict))
            pagination = found.get("pagination")
            pagination = pagination if isinstance(pagination, dict) else {}
            if ask == self._must:
                self._total = count(pagination.get("totalItems"))
            if not data or page >= count(pagination.get("pagesCount")):
                return

    _total = 0

    # Reading

    def load(self) -> Iterator[Found]:
        yield from self._domains()
        arrived = 0
        for item in self._items(self._must, "/short-urls", "shortUrls", LINKS_A_PAGE):
            arrived += 1
            self._links = max(self._total, arrived)
            self._add(item)
            self._done = arrived
        if arrived < self._total:
            yield Remark(
                "incomplete",
                f"{self._total} links are said to be there, {arrived} came: the key may not see"
                " all.",
                self._total - arrived,
            )
        if self._refused:
            yield Remark(
                "refused",
                f"Visits or rules of links were asked for and refused {self._refused} times: these"
                " visits count in totals alone, these rules stay behind.",
                self._refused,
            )
        number = self._orphans()
        if number:
            yield orphans(number)

    def _add(self, item: dict[str, Any]) -> None:
        meta = item.get("meta")
        meta = meta if isinstance(meta, dict) else {}
        summary = item.get("visitsSummary")
        summary = summary if isinstance(summary, dict) else {"total": item.get("visitsCount")}
        code, domain = text_of(item.get("shortCode")), text_of(item.get("domain"))
        tags = item.get("tags")
        row = (
            code,
            domain,
            *(text_of(item.get(name)) for name in ("longUrl", "title", "dateCreated")),
            *(text_of(meta.get(name)) for name in ("validSince", "validUntil", "maxVisits")),
            flag(item.get("crawlable")),
            item.get("forwardQuery") is not False,
            [text_of(tag) for tag in tags[:1000]] if isinstance(tags, list) else [],
            count(summary.get("total")),
            count(summary.get("bots")),
        )
        # While pages are asked for, new links push old ones onto the next page.
        if not self.stage.add_link_once(row, self.times.read(row[4])):
            return
        key = f"{domain}/{code}"
        self._add_rules(key, code, domain, item)
        if count(summary.get("total")):
            self._add_visits(key, code, domain)

    def _path(self, code: str) -> str:
        return f"/short-urls/{quote(code, safe='/')}"

    def _add_rules(self, key: str, code: str, domain: str, item: dict[str, Any]) -> None:
        devices = item.get("deviceLongUrls")
        for kind, url in devices.items() if isinstance(devices, dict) else ():
            if url:
                self.stage.add_fact("rule", key, [text_of(url), [["device", "", kind]]])
        if item.get("hasRedirectRules") is False:
            return
        query = {"domain": domain} if domain else {}
        try:
            answer = self._ask(f"{self._path(code)}/redirect-rules", **query)
        except _Refused as refusal:
            # Versions before 4 have none.
            self._refused += refusal.status != NOT_FOUND
            return
        rules = answer.get("redirectRules")
        rules = (
            [rule for rule in rules if isinstance(rule, dict)] if isinstance(rules, list) else []
        )
        for rule in sorted(rules, key=lambda rule: count(rule.get("priority")))[:RULES]:
            given = rule.get("conditions")
            names = ("type", "matchKey", "matchValue")
            conditions = [
                [text_of(condition.get(name)) for name in names]
                for condition in (given if isinstance(given, list) else [])
                if isinstance(condition, dict)
            ]
            if conditions:
                self.stage.add_fact("rule", key, [text_of(rule.get("longUrl")), conditions])

    def _add_visits(self, key: str, code: str, domain: str) -> None:
        if not self.stage.take("visits of", key):
            return
        query = {"domain": domain} if domain else {}
        path = f"{self._path(code)}/visits"
        try:
            for visit in self._items(self._ask, path, "visits", VISITS_A_PAGE, **query):
                self._add_visit(key, visit)
        except _Refused as refusal:
            # It was deleted meanwhile, or the key may not see its visits: the total stays.
            self._refused += refusal.status != NOT_FOUND
            return

    def _add_visit(self, key: str, visit: dict[str, Any]) -> None:
        place = visit.get("visitLocation")
        code_of_country = place.get("countryCode") if isinstance(place, dict) else ""
        self.stage.add_click(
            key,
            self.times.read(text_of(visit.get("date"))),
            "",
            text_of(visit.get("userAgent")),
            text_of(visit.get("referer")),
            country(text_of(code_of_country)),
            flag(visit.get("potentialBot")),
        )

    def _domains(self) -> Iterator[Found]:
        try:
            answer = self._ask("/domains")
        except _Refused:
            # A key may see links alone.
            return
        found = answer.get("domains")
        data = found.get("data") if isinstance(found, dict) else None
        for domain in data if isinstance(data, list) else ():
            if not isinstance(domain, dict):
                continue
            name = host_name(text_of(domain.get("domain")))
            if domain.get("isDefault") is True:
                yield Remark("default_domain", f"The default domain is {clean(name)[:256]}.", name)
            redirects = domain.get("redirects")
            redirects = redirects if isinstance(redirects, dict) else {}
            names = ("baseUrlRedirect", "regular404Redirect", "invalidShortUrlRedirect")
            host = None if domain.get("isDefault") is True else name
            yield from host_settings(host, *(text_of(redirects.get(name)) for name in names))

    def _orphans(self) -> int:
        try:
            answer = self._ask("/visits/orphan", page=1, itemsPerPage=1)
        except _Refused:
            return 0
        found = answer.get("visits")
        pagination = found.get("pagination") if isinstance(found, dict) else None
        return count(pagination.get("totalItems")) if isinstance(pagination, dict) else 0

    def draft(self, row: Any) -> Draft | Problem | None:
        code, domain, url, title, created, since, until, limit, *more = row
        crawlable, forward, tags, total, bots = more
        key = f"{domain}/{code}"
        host = host_name(domain) if domain else None
        draft = Draft(self.times, key=key, row=key.lstrip("/"), url=url, code=code, host=host)
        draft.created(created)
        draft.title(title)
        draft.begins(since)
        draft.ends(until)
        draft.limit(limit, zero_is_none=False)
        forwards(draft, is_on=forward)
        if crawlable:
            draft.robots(True)
        draft.tags(tags)
        draft.clicks(total)
        draft.bots(bots)
        rules = self.stage.facts("rule", key)
        draft.rules(
            [
                Rule(place, tuple(Condition(*condition) for condition in conditions))
                for place, conditions in rules
            ]
        )
        return draft

    @property
    def loaded(self) -> float | None:
        return min(self._done / self._links, 1.0) if self._links else None

    def close(self) -> None:
        if self._is_own:
            self._client.close()
        super().close()


def _asked_wait(answer: httpx.Response) -> float:
    """Seconds that a server asks to wait."""
    asked = answer.headers.get("retry-after", "")
    return float(asked) if asked.isdecimal() and len(asked) < 8 else 0.0
