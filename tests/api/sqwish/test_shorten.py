"""`shorten`: codes, passwords, and URLs that want to be something else."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import urlencode
from xml.etree.ElementTree import fromstring

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shortd.api.sqwish.documents import Format, render
from shortd.testing import RunningApp, open_app
from tests.api.sqwish.people import Client, checked, client
from tests.api.v1 import people as v1
from tests.conftest import GENEROUS

HOSTILE = [
    "http://e.example/?a=1&b=2",
    "http://e.example/?q=<script>alert('1')</script>",
    "http://e.example/?q=]]></original><error>true</error>",
    "http://e.example/?q=\"quoted\"&r='single'",
    "http://e.example/?q=\\u0022&amp;&lt;&#60;%3C!--",
    "http://e.example/?q=%00%0D%0A%FF",
    "http://e.example/<?xml?><!DOCTYPE/sqwish[<!ENTITY/e/SYSTEM'file:///etc/passwd'>]>&e;",
    "http://b\u00fccher.example/\u2603/\U0001f600?q=\u05d0\u0301",
    "http://e.example/\ufeff\u200d\u00ad/",
    "http://e.example/#fragment/{}[]|^`",
]
NO_XML = "http://e.example/\ufffe/\uffff"
"""With characters that no XML document can hold."""


def test_a_code_is_the_shortest_free_one(
    ann: Client, written: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = ann.call("shorten", written, url=" http://e.example/ ")
    assert list(answer) == ["error", "original", "shortURL", "code", "custom", "password"]
    assert re.fullmatch(r"[A-Za-z0-9]{3}", answer["code"])
    assert answer["original"] == "http://e.example/"
    assert answer["shortURL"] == f"http://127.0.0.1:8080/{answer['code']}"
    assert (answer["custom"], answer["password"]) == ("false", "false")
    assert ann.app.get(answer["shortURL"]).headers["location"] == "http://e.example/"
    # As if all shorter ones were taken but for one of each length.
    monkeypatch.setattr("shortd.links.links.random_text", lambda random, length: "x" * length)
    codes = [ann.shorten() for _ in range(5)]
    assert [len(code) for code in codes] == [3, 4, 5, 6, 6]
    assert codes[3] != codes[4]


def test_the_same_url_gets_another_code(ann: Client) -> None:
    assert ann.shorten() != ann.shorten()


@pytest.mark.parametrize("custom", ["a", "_", "_-x", "A-b_c" * 12 + "wxyz"])
def test_a_code_of_ones_own(ann: Client, written: str, custom: str) -> None:
    answer = ann.call("shorten", written, url="http://e.example/", custom=custom)
    assert (answer["code"], answer["custom"]) == (custom, "true")
    assert ann.app.get(f"/{custom}").headers["location"] == "http://e.example/"


@pytest.mark.parametrize(
    "custom", ["-a", "a" * 65, "a b", "a.b", "a/b", "a+", "\u00e4", "a\n", "\u0661", "shorten.json"]
)
def test_what_can_be_no_code(ann: Client, written: str, custom: str) -> None:
    status, message = ann.refused("shorten", written, url="http://e.example/", custom=custom)
    assert status == 400
    assert message.startswith("A code has 1 to 64")


def test_a_taken_code_stays_what_it_is(ann: Client, ben: Client, written: str) -> None:
    ann.shorten("http://first.example/", custom="mine")
    for somebody in (ann, ben):
        taken = somebody.refused("shorten", written, url="http://x.example/", custom="mine")
        assert taken == (409, "This code is in use.")
    assert ann.app.get("/mine").headers["location"] == "http://first.example/"


def test_a_password_is_there_from_the_first_moment(ann: Client, written: str) -> None:
    answer = ann.call("shorten", written, url="http://e.example/", password="p\u00e4ss & word")
    assert (answer["custom"], answer["password"]) == ("false", "true")
    page = ann.app.visit(answer["shortURL"])
    assert page.status_code == 200
    assert "e.example" not in page.text
    form = {"code": answer["code"], "password": "p\u00e4ss & word"}
    opened = ann.app.request("POST", "/-/open", content=urlencode(form))
    assert opened.status_code == 303
    assert ann.app.get(opened.headers["location"]).headers["location"] == "http://e.example/"


def test_what_nobody_sees_around_an_address_is_cut_off(ann: Client, written: str) -> None:
    answer = ann.call("shorten", written, url="\u200bhttp://e.example/a\ufeff \u00ad")
    assert answer["original"] == "http://e.example/a"


@pytest.mark.parametrize("url", HOSTILE)
def test_hostile_characters_survive(ann: Client, written: str, url: str) -> None:
    answer = ann.call("shorten", written, url=url)
    assert answer["original"] == url
    assert ann.call("stats", written, code=answer["code"])["original"] == url
    assert ann.app.get(answer["shortURL"]).status_code == 302


def test_what_xml_cannot_hold_is_percent_encoded_there(ann: Client) -> None:
    code = ann.shorten(NO_XML)
    assert ann.call("stats", "json", code=code)["original"] == NO_XML
    original = ann.call("stats", "xml", code=code)["original"]
    assert original == "http://e.example/%EF%BF%BE/%EF%BF%BF"
    assert ann.app.get(f"/{code}").headers["location"] == original


@given(st.text())
@settings(max_examples=300)
def test_any_text_survives_both_formats(text: str) -> None:
    as_json = json.loads(render({"original": text}, Format.JSON))
    assert as_json == {"original": text}
    element = fromstring(render({"original": text}, Format.XML)).find("original")
    assert element is not None
    kept = element.text or ""
    # Everything that XML can hold on one line comes through as it is.
    if all(" " <= character <= "\ud7ff" for character in text):
        assert kept == text
    assert len(kept) >= len(text)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "url: This parameter is missing."),
        ("   ", "The URL must begin with"),
        ("www.example.com", "The URL must begin with"),
        ("javascript:alert(1)", "The URL must begin with"),
        ("ftp://e.example/", "The URL must begin with"),
        ("http://", "The URL must begin with"),
        ("http://e.example/a b", "The URL contains spaces"),
        ("http://e.example/\na", "The URL contains control characters."),
        ("http://e.example/\x00", "The URL contains control characters."),
        ("http://me:secret@e.example/", "The URL contains a user name"),
        ("http://127.0.0.1:8080/abc", "This URL leads back"),
        ("http://e.example/" + "a" * 8192, "The URL is longer than"),
    ],
)
def test_urls_that_cannot_be(ann: Client, written: str, url: str, words: str) -> None:
    status, message = ann.refused("shorten", written, url=url)
    assert status == 400
    assert message.startswith(words)


def test_a_password_that_is_too_long(ann: Client, written: str) -> None:
    refusal = ann.refused("shorten", written, url="http://e.example/", password="x" * 257)
    assert refusal == (400, "password: At most 256 characters.")


def test_a_prefetch_makes_nothing(ann: Client, written: str) -> None:
    query = urlencode({"api_key": ann.key, "url": "http://e.example/", "custom": "later"})
    for headers in ({"sec-purpose": "prefetch;prerender"}, {"purpose": "prefetch"}):
        answer = ann.app.get(f"/shorten.{written}?{query}", headers=headers)
        assert answer.status_code == 400
        assert "prefetch" in checked(answer, written)["message"]
    answer = ann.app.get(f"/shorten.{written}?{query}")
    assert checked(answer, written)["code"] == "later"


class TestOtherApis:
    def test_a_link_is_managed_through_v2(self, ann: Client) -> None:
        code = ann.shorten("http://e.example/", custom="x-1", password="secret")
        short_url = f"http://127.0.0.1:8080/{code}"
        entry = ann.person.entry(short_url)
        assert (entry["url"], entry["userid"]) == ("http://e.example/", ann.person.userid)
        assert [one["shorturl"] for one in ann.person.entries()] == [short_url]
        ann.person.call("set_enabled", shorturl=short_url, enabled=False)
        assert ann.app.get(f"/{code}").status_code == 404
        assert ann.call("stats", code=code, password="secret")["hits"] == "0"
        ann.person.call("set_enabled", shorturl=short_url, enabled=True)
        ann.person.call(
            "change_shorturl", shorturl_old=short_url, shorturl_new="127.0.0.1:8080/moved1"
        )
        assert ann.refused("stats", code=code, password="secret")[0] == 404
        assert ann.call("stats", code="moved1", password="secret")["code"] == "moved1"
        ann.person.call("delete", shorturl="127.0.0.1:8080/moved1")
        assert ann.refused("stats", code="moved1", password="secret")[0] == 404

    def test_a_link_is_managed_through_v1(self, app: RunningApp, written: str) -> None:
        person = v1.client(app, "ann")
        ann = Client(app, person)
        answer = ann.call("shorten", written, url="http://e.example/", custom="both")
        app.visit("/both")
        [shown] = person.ask("entity/link/list", teamId=person.own_team)["links"]
        assert (shown["destination"], shown["url"]) == (
            "http://e.example/",
            answer["shortURL"],
        )
        person.ask("entity/link/redirect", linkId=shown["id"], destination="http://new.example/")
        assert app.visit("/both").headers["location"] == "http://new.example/"
        told = ann.call("stats", written, code="both")
        assert (told["original"], told["hits"]) == ("http://new.example/", "2")
        person.ask("entity/link/password", linkId=shown["id"], password="secret")
        assert ann.refused("stats", written, code="both")[0] == 401
        assert ann.call("stats", written, code="both", password="secret")["hits"] == "2"
        person.ask("entity/link/delete", linkId=shown["id"])
        assert ann.refused("stats", written, code="both")[0] == 404

    def test_a_link_of_v2_is_seen_here(self, ann: Client, written: str) -> None:
        entry = ann.person.shorten("http://e.example/", code="sixsix")
        ann.app.visit(entry["shorturl"])
        answer = ann.call("stats", written, code="sixsix")
        assert (answer["original"], answer["hits"]) == ("http://e.example/", "1")
        assert len(ann.call("ips", written, code="sixsix")["iplist"]) == 1

    def test_a_link_on_another_host_is_named_by_its_short_url(self, tmp_path: Path) -> None:
        environ = {**GENEROUS, "SHORTD_HOSTS": "http://other.example"}
        with open_app(tmp_path / "data", environ=environ) as app:
            ann = client(app, "ann")
            entry = ann.person.shorten("http://e.example/", code="sixsix", host="other.example")
            assert ann.refused("stats", code="sixsix")[0] == 404
            for code in (entry["shorturl"], "other.example/sixsix"):
                assert ann.call("stats", code=code)["shortURL"] == "http://other.example/sixsix"


def test_the_original_of_a_file_is_its_name(ann: Client, written: str) -> None:
    name = "r\u00e9sum\u00e9 <1>.txt"
    token = ann.person.token
    short_url = ann.app.new_file(filename=name, userid=ann.person.userid, token=token)
    answer = ann.call("stats", written, code=short_url.rpartition("/")[2])
    assert answer["original"] == name
