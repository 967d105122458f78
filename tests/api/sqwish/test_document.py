"""The requests of the sqwish document, replayed, and its answers, compared byte for byte.

They are as they stand in the document, but for white space between elements, and for `ipdata` in
JSON: the document has the same name sixteen times in one object.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from shortd.testing import RunningApp, open_app
from tests.api.sqwish.people import Client, client, read

VISITS = [
    ("65.52.22.174", "2011-07-17 18:22:49"),
    ("74.112.131.128", "2011-07-17 18:19:06"),
    ("75.101.180.85", "2011-07-17 18:18:07"),
    ("204.236.254.109", "2011-07-17 18:17:07"),
    ("65.52.6.105", "2011-07-17 18:16:47"),
    ("75.101.173.99", "2011-07-17 18:16:43"),
    ("89.151.116.52", "2011-07-17 18:16:43"),
    ("67.195.115.50", "2011-07-17 18:16:42"),
    ("72.30.161.232", "2011-07-17 18:16:42"),
    ("50.18.121.34", "2011-07-17 18:16:41"),
    ("184.72.47.46", "2011-07-17 18:16:41"),
    ("184.72.25.232", "2011-07-17 18:16:40"),
    ("72.30.161.232", "2011-07-17 18:16:40"),
    ("199.59.149.31", "2011-07-17 18:16:40"),
    ("199.59.149.165", "2011-07-17 18:16:39"),
    ("38.113.234.180", "2011-07-17 18:16:39"),
]
"""As the document lists them, in both formats."""

_XML_FACTS = """<?xml version="1.0" encoding="UTF-8"?> <sqwish> <error>false</error>
 <original>http://www.example.com</original> <shortURL>http://sqwi.sh/kFZ</shortURL>
 <code>kFZ</code> """
_JSON_FACTS = r"""{ "error":"false", "original":"http:\/\/www.example.com",
 "shortURL":"http:\/\/sqwi.sh\/kFZ", "code":"kFZ","""
_XML_LIST = " ".join(f"<ipdata><ip>{ip}</ip><date>{date}</date></ipdata>" for ip, date in VISITS)
_JSON_LIST = ", ".join(f'"ipdata":{{"ip":"{ip}","date":"{date}"}}' for ip, date in VISITS)

SHORTENED = {
    "/shorten.xml?api_key=APIKEY&url=http://www.example.com": (
        f"{_XML_FACTS}<custom>false</custom> <password>false</password> </sqwish>"
    ),
    "/shorten.json?api_key=APIKEY&url=http://www.example.com": (
        f'{_JSON_FACTS} "custom":"false", "password":"false" }}'
    ),
}
COUNTED = {
    "/stats.xml?api_key=APIKEY&code=kFZ": f"{_XML_FACTS}<hits>16</hits> </sqwish>",
    "/stats.json?api_key=APIKEY&code=kFZ": f'{_JSON_FACTS} "hits":"16" }}',
    "/ips.xml?api_key=APIKEY&code=kFZ": (
        f"{_XML_FACTS}<hits>16</hits> <limit>false</limit> <iplist> {_XML_LIST} </iplist> </sqwish>"
    ),
    "/ips.json?api_key=APIKEY&code=kFZ": (
        f'{_JSON_FACTS}"hits":"16", "iplist":{{ {_JSON_LIST} }} }}'
    ),
}
"""Requests, and what they return."""


@pytest.fixture
def sqwi_sh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """The document's server on its day, which draws the code that the document has."""
    monkeypatch.setattr("shortd.links.links.random_text", lambda random, length: "kFZ")
    environ = {"SHORTD_PUBLIC_URL": "http://sqwi.sh"}
    with open_app(tmp_path / "data", environ=environ) as app:
        app.clock.set(datetime(2011, 7, 17, tzinfo=UTC))
        yield client(app, "somebody")


def tight(text: str) -> str:
    """Without the white space that means nothing."""
    return re.sub(r"(?<=[>{},])\s+|\s+(?=[<{}])", "", text)


def replayed(app: RunningApp, request: str, key: str) -> str:
    answer = app.get(request.replace("APIKEY", key))
    assert answer.status_code == 200, answer.text
    return answer.text


def listed(text: str) -> str:
    """JSON in which what comes several times under one name is a list."""

    def collect(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in pairs]
        if names.count("ipdata") > 1:
            return {"ipdata": [value for _, value in pairs]}
        return dict(pairs)

    document = json.loads(text, object_pairs_hook=collect)
    return json.dumps(document, separators=(",", ":")).replace("/", "\\/")


@pytest.mark.parametrize("request_", SHORTENED)
def test_a_url_is_shortened(sqwi_sh: Client, request_: str) -> None:
    assert tight(replayed(sqwi_sh.app, request_, sqwi_sh.key)) == tight(SHORTENED[request_])


def test_hits_and_addresses_are_told(sqwi_sh: Client) -> None:
    sqwi_sh.shorten("http://www.example.com")
    for ip, date in reversed(VISITS):
        sqwi_sh.app.clock.set(datetime.fromisoformat(f"{date}+00:00"))
        assert sqwi_sh.app.visit("/kFZ", address=ip).status_code == 302
    for request, expected in COUNTED.items():
        answer = replayed(sqwi_sh.app, request, sqwi_sh.key)
        expected = listed(expected) if request.startswith("/ips.json") else expected
        assert tight(answer) == tight(expected), request


def test_the_list_in_json_is_one_that_parsers_keep(sqwi_sh: Client) -> None:
    sqwi_sh.shorten("http://www.example.com")
    for _ in range(2):
        sqwi_sh.app.visit("/kFZ")
    answer = sqwi_sh.send("ips", code="kFZ").content
    assert len(read(answer, "json")["iplist"]) == 2
