"""Somebody who keeps links with terms that no ww7 v2 call sets, and visits them."""

from __future__ import annotations

from typing import Any

import httpx

from shortd.hosts.destinations import Destination
from shortd.links import NewLink
from shortd.links.terms import TermChanges
from shortd.models.accounts import Account
from shortd.models.links import Link
from shortd.testing import RunningApp

TARGET = "https://target.example/some/path?with=query#and-fragment"


class Keeper:
    """An account of its own on a running app."""

    def __init__(self, app: RunningApp) -> None:
        self.app = app
        self.userid: str = app.call("temporary_account")["userid"]

    @property
    def account(self) -> Account:
        return self.app.services.accounts.logins.authenticate(
            self.userid, None, self.app.clock.now()
        )

    def link(self, url: str = TARGET, **terms: Any) -> str:
        """A new link's path."""
        entry = self.app.call("url", userid=self.userid, url=url)["entry"]
        path = "/" + str(entry["shorturl"]).rpartition("/")[2]
        if terms:
            self.change(path, **terms)
        return path

    def change(self, path: str, **terms: Any) -> Link:
        link_terms = self.app.services.links.terms
        return self.app.run(
            link_terms.change(self.account, self.row(path).id, TermChanges(**terms))
        )

    def row(self, path: str) -> Link:
        links = self.app.services.links.links
        address = links.address(self.short_url(path))
        assert address is not None
        return links.get(self.account, address)

    def create(self, **new: Any) -> Link:
        """A link made by the service, as the other APIs make theirs."""
        services = self.app.services
        default = {"destination": Destination(TARGET, TARGET), "host": services.hosts.default}
        making = services.links.links.create(
            self.account, [NewLink(**{**default, **new})], self.app.clock.now()
        )
        [link] = self.app.run(making)
        return link

    def short_url(self, path: str) -> str:
        return self.app.services.settings.public_url + path

    def call(self, name: str, path: str, **inputs: Any) -> dict[str, Any]:
        return self.app.call(name, userid=self.userid, shorturl=self.short_url(path), **inputs)

    def count(self, path: str) -> int:
        count: int = self.call("get_entry", path)["entry"]["count"]
        return count

    def unique(self, path: str) -> int:
        services, link = self.app.services, self.row(path)
        with services.store.read() as txn:
            return services.clicks.clicks.live(txn, link.id).unique

    def visit(self, path: str, agent: str = "agent", **options: Any) -> httpx.Response:
        headers = {"user-agent": agent, **options.pop("headers", {})}
        return self.app.request(options.pop("method", "GET"), path, headers=headers, **options)

    def goes(self, path: str, agent: str = "agent", **options: Any) -> str | int:
        """Where a visit leads, or the status of its answer if nowhere."""
        answer = self.visit(path, agent, **options)
        location: str | None = answer.headers.get("location")
        return location if location is not None else answer.status_code
