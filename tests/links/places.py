"""Every place where somebody can say where a link leads, and how a refusal looks there."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from shortd.errors import DESTINATION_BLOCKED, ErrorKind
from shortd.links.sheets import Result
from shortd.models.links import Terms
from shortd.moving import Reason, SourceLink
from shortd.plugin import Links, Refused
from shortd.store.schema import LINKS
from shortd.testing import RunningApp
from shortd.upkeep.importing.offers import LinkOffer
from tests.api.sqwish.people import Client as SqwishClient
from tests.api.v1.people import Client, client, refused
from tests.api.v1.samples import DEFAULT_HOST
from tests.teams.people import Colleague
from tests.web.surfer import Surfer

Ask = Callable[[Links, "World", str], Coroutine[Any, Any, object]]

GOOD = "https://good.example/"
PATTERN = "bad.example"


class World:
    """An account that meets a server by all its ways, and a link of its own."""

    def __init__(
        self, app: RunningApp, kind: ErrorKind = DESTINATION_BLOCKED, message: str = ""
    ) -> None:
        """What is refused, is refused as `kind`, with its own message or another one."""
        self.app = app
        self.kind = kind
        self.message = message or kind.message
        self.v1: Client = client(app, "ann")
        self.sqwish = SqwishClient(app, Colleague(app, self.v1.userid, self.v1.token))
        self.surfer = Surfer(app)
        self.surfer.sign_in("ann")
        entry = self.v1.call("url", url=GOOD)["entry"]
        self.short_url: str = entry["shorturl"]
        self.id: int = entry["id"]
        [self.link_id] = [one["id"] for one in self.v1.ask("entity/link/list")["links"]]

    def block(self, pattern: str = PATTERN) -> None:
        self.app.run(self.app.services.blocked.add(pattern, "a test", self.app.clock.now()))

    def rows(self) -> dict[Any, Any]:
        """All links as they are stored."""
        with self.app.services.store.read() as txn:
            return dict(LINKS.scan(txn))

    def v2(self, name: str, field: str, **inputs: Any) -> Callable[[str], None]:
        """A call of v2; `URL` in its inputs is the destination."""

        def attempt(url: str) -> None:
            error = self.v1.refused(name, **_with(inputs, url))
            assert (error["code"], error["http_status"]) == (self.kind.code, 403)
            assert (error["field"], error["message"]) == (field, self.message)

        return attempt

    def of_v1(self, name: str, field: str, **inputs: Any) -> Callable[[str], None]:
        def attempt(url: str) -> None:
            status = refused(self.v1.send(f"entity/link/{name}", **_with(inputs, url)))
            assert (status["code"], status["message"]) == (403, f"{field}: {self.message}")

        return attempt

    def of_plugin(self, field: str, ask: Ask) -> Callable[[str], None]:
        """What a plugin does by `self.links`."""

        def attempt(url: str) -> None:
            links = self.app.services.plugin_runtime.plugins.running["mobile"].plugin.links
            with pytest.raises(Refused) as told:
                self.app.run(ask(links, self, url))
            assert (told.value.code, told.value.field) == (self.kind.code, field)
            assert told.value.message == self.message

        return attempt

    def page(self, path: str, form: dict[str, str]) -> Callable[[str], None]:
        def attempt(url: str) -> None:
            answer = self.surfer.send(path, _with(form, url))
            assert answer.status_code == 422, answer.text
            assert self.message in html.unescape(answer.text)

        return attempt

    def importing(self, **given: Any) -> Callable[[str], None]:
        def attempt(url: str) -> None:
            fields = _with({"url": GOOD, **given}, url)
            terms = Terms(date_fallback=fields.pop("date_fallback", ""))
            link = SourceLink(key="1", row="7", code=None, terms=terms, **fields)
            work = self.app.services.upkeep.imports.links(
                *(self.v1.account, "csv", [LinkOffer("1", link)], {}, self.app.clock.now()),
                apply=False,
            )
            [said] = self.app.run(work)
            assert self.message in said.note
            # What leads elsewhere once it has ended can do without.
            refused = (Result.SKIPPED, (self.kind.code,))
            noted = (Result.MADE_WITH_NOTES, (Reason.FALLBACK,))
            assert (said.result, said.reasons) == (noted if terms.date_fallback else refused)

        return attempt

    def table(self, url: str) -> None:
        """A table of the page, of which the other row is taken."""
        text = f"url,code\n{url},spring1\n{GOOD},\n"
        shown = self.surfer.send("/-/import", {"text": text}).text
        assert self.message in html.unescape(shown)
        found = re.search(r'name="job" value="([0-9a-f]+)"', shown)
        assert found is not None
        before = len(self.rows())
        self.surfer.send("/-/import", {"job": found[1]})
        assert len(self.rows()) == before + 1

    def of_domain(self, url: str) -> None:
        """Where a team's domain sends its visitors."""
        claim = {"teamId": self.v1.own_team, "domainName": "go.own.example"}
        domain = self.v1.ask("entity/domain/subscribe", **claim)["subscription"]["domainId"]
        for name in ("root", "unknown", "ended"):
            sent = self.v1.send("entity/domain/update", domainId=domain, **{name: url})
            status = refused(sent)
            assert (status["code"], status["message"]) == (403, self.message)

    def of_sqwish(self, url: str) -> None:
        for written in ("json", "xml"):
            assert self.sqwish.refused("shorten", written, url=url) == (403, self.message)


URL = "URL"


def _with(inputs: Any, url: str) -> Any:
    if isinstance(inputs, dict):
        return {name: _with(value, url) for name, value in inputs.items()}
    if isinstance(inputs, list):
        return [_with(value, url) for value in inputs]
    return url if inputs == URL else inputs


def split(*urls: str) -> list[dict[str, Any]]:
    return [{"url": url, "weight": 10} for url in urls]


Attempt = Callable[[World], Callable[[str], None]]

PLACES: dict[str, Attempt] = {
    "v2 url": lambda w: w.v2("url", "url", url=URL),
    "v2 urls": lambda w: w.v2("urls", "urls[1]", urls=[GOOD, URL]),
    "v2 url date": lambda w: w.v2("url", "date_fallback", url=GOOD, date_fallback=URL),
    "v2 url clicks": lambda w: w.v2("url", "count_fallback", url=GOOD, count_fallback=URL),
    "v2 urls clicks": lambda w: w.v2("urls", "count_fallback", urls=[GOOD], count_fallback=URL),
    "v2 set": lambda w: w.v2("set_terms", "url", shorturl=w.short_url, url=URL),
    "v2 set date": lambda w: w.v2(
        "set_terms", "date_fallback", shorturl=w.short_url, date_fallback=URL
    ),
    "v2 set clicks": lambda w: w.v2(
        "set_terms", "count_fallback", shorturl=w.short_url, count_fallback=URL
    ),
    "v2 split": lambda w: w.v2(
        "set_plugin",
        "data.variants[1].url",
        shorturl=w.short_url,
        plugin="ab",
        data={"variants": split(GOOD, URL)},
    ),
    "v2 mobile": lambda w: w.v2(
        "set_plugin", "data.ios", shorturl=w.short_url, plugin="mobile", data={"ios": URL}
    ),
    "v1 create": lambda w: w.of_v1(
        "create",
        "destination",
        teamId=w.v1.own_team,
        domainId=DEFAULT_HOST,
        noTitle=True,
        destination=URL,
    ),
    "v1 redirect": lambda w: w.of_v1("redirect", "destination", linkId=w.link_id, destination=URL),
    "v1 mobile": lambda w: w.of_v1("redirect-mobile", "android", linkId=w.link_id, android=URL),
    "v1 testing": lambda w: w.of_v1(
        "testing",
        "testing[0].link",
        linkId=w.link_id,
        testing=[{"link": URL, "percentage": 5}],
    ),
    "v1 date": lambda w: w.of_v1(
        "expiration",
        "destinationByDate",
        linkId=w.link_id,
        date="01/01/2099",
        destinationByDate=URL,
    ),
    "v1 clicks": lambda w: w.of_v1(
        "expiration", "destinationByClick", linkId=w.link_id, click=5, destinationByClick=URL
    ),
    "v1 domain": lambda w: w.of_domain,
    "sqwish": lambda w: w.of_sqwish,
    "plugin make": lambda w: w.of_plugin("url", lambda links, w, url: links.make(url)),
    "plugin make as account": lambda w: w.of_plugin(
        "url", lambda links, w, url: links.make(url, account=w.v1.userid)
    ),
    "plugin make date": lambda w: w.of_plugin(
        "date_fallback", lambda links, w, url: links.make(GOOD, date_fallback=url)
    ),
    "plugin make data": lambda w: w.of_plugin(
        "data.ios", lambda links, w, url: links.make(GOOD, data={"ios": url})
    ),
    "plugin change": lambda w: w.of_plugin(
        "url", lambda links, w, url: links.change(w.short_url, url=url)
    ),
    "plugin set data": lambda w: w.of_plugin(
        "data.ios", lambda links, w, url: links.set_data(w.short_url, {"ios": url})
    ),
    "composer": lambda w: w.page("/-/new", {"url": URL}),
    "where": lambda w: w.page(
        f"/-/links/{w.id}/edit/where",
        {"destination": URL, "ending": w.short_url.rpartition("/")[2]},
    ),
    "until date": lambda w: w.page(f"/-/links/{w.id}/edit/until", {"enabled": "1", "ends_to": URL}),
    "until clicks": lambda w: w.page(
        f"/-/links/{w.id}/edit/until", {"enabled": "1", "clicks_to": URL}
    ),
    "page split": lambda w: w.page(
        f"/-/links/{w.id}/plugin/ab", {"ab.variants.0.url": URL, "ab.variants.0.weight": "30"}
    ),
    "page mobile": lambda w: w.page(f"/-/links/{w.id}/plugin/mobile", {"mobile.mobile": URL}),
    "table": lambda w: w.table,
    "import": lambda w: w.importing(url=URL),
    "import date": lambda w: w.importing(date_fallback=URL),
}
