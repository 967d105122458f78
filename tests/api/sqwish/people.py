"""People who speak sqwish: a key, parameters in, and what every answer must look like."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import urlencode
from xml.etree.ElementTree import Element, fromstring

import httpx

from shortd.errors import CATALOGUE
from shortd.testing import RunningApp
from tests.teams.people import Colleague, Newcomer

DECLARATION = b'<?xml version="1.0" encoding="UTF-8"?>\n<sqwish>'
CONTENT_TYPES = {"json": "application/json", "xml": "application/xml; charset=utf-8"}
STATUSES = {200} | {kind.status for kind in CATALOGUE.values()}

Answer = dict[str, Any]
"""A document; `iplist` is a list of (ip, date) whatever it was written in."""


class Client:
    """A person with an API key, or one without."""

    def __init__(self, app: RunningApp, person: Colleague | None = None, **key: Any) -> None:
        self.app = app
        self._person = person
        self.key = ""
        if person is not None:
            self.key = str(person.call("create_api_key", name="a script", **key)["api_key"])

    @property
    def person(self) -> Colleague:
        assert self._person is not None, "nobody is known without a key"
        return self._person

    def send(
        self, name: str, written: str = "json", /, *, address: str = "127.0.0.1", **given: Any
    ) -> httpx.Response:
        """A call with these parameters and, unless one is given, the key."""
        parameters = {"api_key": self.key, **given} if self.key else given
        path = f"/{name}.{written}?{urlencode(parameters)}"
        return self.app.get(path, address=address)

    def call(self, name: str, written: str = "json", /, **given: Any) -> Answer:
        """A call that must succeed."""
        response = self.send(name, written, **given)
        assert response.status_code == 200, response.text
        return checked(response, written)

    def refused(self, name: str, written: str = "json", /, **given: Any) -> tuple[int, str]:
        """HTTP status and message of a call that must fail."""
        response = self.send(name, written, **given)
        assert response.status_code != 200, response.text
        return response.status_code, checked(response, written)["message"]

    def shorten(self, url: str = "https://target.example/", **given: Any) -> str:
        """A new link's code."""
        return str(self.call("shorten", url=url, **given)["code"])


def client(app: RunningApp, name: str, **key: Any) -> Client:
    """Somebody registered, with a key of his own."""
    return Client(app, Newcomer(app)(name), **key)


def checked(response: httpx.Response, written: str) -> Answer:
    """The document of a response, after asserting what holds of every one."""
    assert response.status_code in STATUSES - {500}, response.text
    assert response.headers["content-type"] == CONTENT_TYPES[written]
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["referrer-policy"] == "no-referrer"
    assert response.headers["x-content-type-options"] == "nosniff"
    limited = response.status_code in (429, 503)
    assert ("retry-after" in response.headers) is limited
    assert not limited or re.fullmatch(r"[1-9][0-9]*", response.headers["retry-after"])
    document = read(response.content, written)
    if response.status_code == 200:
        assert list(document)[:4] == ["error", "original", "shortURL", "code"]
        assert document["error"] == "false"
    else:
        assert list(document) == ["error", "message"]
        assert document["error"] == "true"
        assert document["message"]
    assert all(isinstance(value, str) for name, value in document.items() if name != "iplist")
    return document


def read(content: bytes, written: str) -> Answer:
    """The fields of a document, in their order."""
    if written == "json":
        assert content.isascii()
        document: Answer = json.loads(content)
        if "iplist" in document:
            assert list(document["iplist"]) == ["ipdata"]
            rows = [list(row.items()) for row in document["iplist"]["ipdata"]]
            document["iplist"] = [_visit(row) for row in rows]
        return document
    assert content.startswith(DECLARATION)
    root = fromstring(content)
    return {child.tag: _value(child) for child in root}


def _value(element: Element) -> str | list[tuple[str, str]]:
    if element.tag != "iplist":
        assert len(element) == 0
        return element.text or ""
    assert {child.tag for child in element} <= {"ipdata"}
    return [_visit([(one.tag, one.text or "") for one in row]) for row in element]


def _visit(row: list[tuple[str, str]]) -> tuple[str, str]:
    [(_, ip), (_, date)] = row
    assert [name for name, _ in row] == ["ip", "date"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", date)
    return ip, date
