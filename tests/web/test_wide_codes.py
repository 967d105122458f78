"""Links with codes of any characters, on all pages and in all APIs that meet codes."""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from html import unescape
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from shortd.links.terms import TermChanges
from shortd.models.hosts import HostOptions
from shortd.moving import SourceLink
from shortd.testing import RunningApp
from shortd.upkeep.importing.offers import LinkOffer
from tests.sharing.boxes import Sender, create, listed
from tests.web.links.test_tables import job_of
from tests.web.surfer import Surfer

HTML = {"accept": "text/html"}
BASE = "http://127.0.0.1:8080/"
CODES = [
    "docs/set up",
    "/evil.example/x",
    "é\"<b>&'%2F",
    "c++",
    "a.png",
    "=1+1",
    "😀/",
    "-x\\y#z?q=1",
]


@pytest.fixture
def wide(app: RunningApp) -> RunningApp:
    app.get("/-/health")
    app.services.hosts.take_options({"127.0.0.1:8080": HostOptions(wide_codes=True)})
    return app


def make(ann: Surfer, code: str, **terms: Any) -> dict[str, Any]:
    url = "https://example.org/wide"
    return dict(ann.call("url", **{"url": url, **terms, "code": code})["entry"])


@pytest.mark.parametrize("code", CODES)
def test_every_page_of_a_link(wide: RunningApp, ann: Surfer, code: str) -> None:
    entry = make(ann, code)
    short_url = entry["shorturl"]
    preview = wide.get(f"{short_url}+", headers=HTML).text
    assert wide.visit(short_url).headers["location"] == "https://example.org/wide"
    [image] = re.findall(r'class="qr" src="([^"]*)"', preview)
    assert wide.get(BASE + unescape(image)[1:]).headers["content-type"] == "image/svg+xml"
    for tab in ("", "/edit", "/explain", "/visits", "/qr"):
        page = ann.get(f"/-/links/{entry['id']}{tab}")
        assert page.status_code == 200, tab
        assert "<b>&'" not in page.text
    assert re.sub("<[^>]*>", "", ann.get("/-/dashboard").text).count(short_url[7:]) >= 1
    report = re.findall(r'href="(/-/report\?[^"]*)"', preview)
    assert unescape(ann.get(unescape(report[0])).text).count(short_url) >= 1
    # Saved as it is shown, it stays what it is.
    form = {"destination": "https://example.org/new", "ending": code, "title": "New"}
    answer = ann.send(f"/-/links/{entry['id']}/edit/where", form)
    assert answer.status_code == 303, answer.text
    assert wide.visit(short_url).headers["location"] == "https://example.org/new"
    assert ann.call("get_entry", shorturl=short_url)["entry"]["id"] == entry["id"]
    found = ann.get(f"/-/dashboard?{urlencode({'q': code.split()[0]})}").text
    assert f"/-/links/{entry['id']}" in found


@pytest.mark.parametrize("code", CODES)
def test_a_password_is_asked_for_and_leads_on(wide: RunningApp, ann: Surfer, code: str) -> None:
    short_url = make(ann, code)["shorturl"]
    links = wide.services.links
    address = links.links.address(short_url)
    account = wide.services.accounts.accounts.named("ann")
    assert address is not None
    assert account is not None
    wide.run(links.terms.change(account, address, TermChanges(password="secret")))
    page = wide.get(f"{short_url}?qr", headers=HTML).text
    [sent] = re.findall(r'name="code" value="([^"]*)"', page)
    assert unescape(sent) == code
    form = {"code": code, "password": "secret", "query": "", "referrer": ""}
    answer = wide.request("POST", "/-/open", content=urlencode(form), headers=HTML)
    assert answer.status_code == 303
    answer = wide.get(answer.headers["location"])
    assert answer.headers["location"] == "https://example.org/wide"
    wide.run(links.terms.change(account, address, TermChanges(enabled=False)))
    answer = wide.request("POST", "/-/open", content=urlencode(form), headers=HTML)
    assert BASE + answer.headers["location"][1:] == short_url


@pytest.mark.parametrize("code", CODES)
def test_files_and_boxes(wide: RunningApp, ann: Surfer, code: str) -> None:
    short_url = wide.new_file(b"Hello", code=code)
    preview = wide.get(f"{short_url}+", headers=HTML).text
    [href] = set(re.findall(r'class="b go" href="([^"]*)"', preview))
    path = unescape(href)
    assert path.startswith("/") and not path.startswith("//")
    assert BASE + path[1:] == short_url
    address = wide.visit(short_url).headers["location"]
    assert wide.get(address).content == b"Hello"
    # Too late, it leads back to the link.
    wide.clock.advance(7 * 3600)
    back = wide.get(address).headers["location"]
    assert BASE + back[1:] == short_url
    entry = create(ann, code=f"{code}/box")
    page = wide.get(entry["shorturl"], headers=HTML).text
    [action] = re.findall(r'action="(/-/box/[^"]*)"', page)
    sender = Sender(wide, entry)
    sender.path = unescape(action)
    assert sender.form(("a.txt", b"first")).status_code == 303
    assert [item["filename"] for item in listed(ann, entry)] == ["a.txt"]


def test_tables_take_them_out_and_in_again(wide: RunningApp, ann: Surfer) -> None:
    entries = {code: make(ann, code) for code in CODES}
    table = ann.get("/-/export.csv").text
    rows = list(csv.DictReader(io.StringIO(table, newline="")))
    assert {row["short_url"] for row in rows} == {one["shorturl"] for one in entries.values()}
    assert all(not row["code"].startswith("=") for row in rows)
    ids = [str(one["id"]) for one in entries.values()]
    archive = ann.send("/-/links/qr.zip", {"id": ids, "do": "qr"})
    with zipfile.ZipFile(io.BytesIO(archive.content)) as packed:
        assert len(set(packed.namelist())) == len(CODES)
        assert all(name.count("/") == 1 and ".." not in name for name in packed.namelist())
    for entry in entries.values():
        ann.call("delete", shorturl=entry["shorturl"])
    for columns in (("code", "url"), ("short_url", "url")):
        out = io.StringIO(newline="")
        writer = csv.DictWriter(out, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
        page = ann.send("/-/import", {"text": out.getvalue()}).text
        assert "Done" in ann.send("/-/import", {"job": job_of(page)}).text
        for code, entry in entries.items():
            back = ann.call("get_entry", shorturl=entry["shorturl"])["entry"]
            assert back["shorturl"] == entry["shorturl"], (code, columns)
            ann.call("delete", shorturl=entry["shorturl"])


def test_pages_make_them_where_they_may(wide: RunningApp, ann: Surfer) -> None:
    form = {"url": "https://example.org/", "ending": "docs/ü"}
    assert ann.send("/-/new", form).status_code in (200, 303)
    assert wide.visit(f"{BASE}docs/%C3%BC").headers["location"] == "https://example.org/"
    box = {"name": "a", "of_all": "1", "files": "1", "ending": "box/ü"}
    assert ann.send("/-/boxes", box).status_code == 303
    assert wide.visit(f"{BASE}box/%C3%BC").status_code == 200
    for ending in ("robots.txt", "../x", "x" * 401):
        answer = ann.send("/-/new", {"url": "https://example.org/", "ending": ending})
        assert (answer.status_code, 'id="ending-error"' in answer.text) == (422, True), ending
    wide.services.hosts.take_options({})
    answer = ann.send("/-/new", {"url": "https://example.org/", "ending": "docs/other"})
    assert answer.status_code == 422 and "Endings are made of" in answer.text


def test_sqwish_has_them(wide: RunningApp, ann: Surfer) -> None:
    key = {"api_key": ann.call("create_api_key", name="sqwish")["api_key"]}
    for code in CODES:
        made = wide.get(
            "/shorten.json?" + urlencode({**key, "url": "https://a.example/", "custom": code})
        ).json()
        assert (made["error"], made.get("code")) == ("false", code), made
        for named in (code, made["shortURL"]):
            told = wide.get("/stats.xml?" + urlencode({**key, "code": named})).text
            assert f"<shortURL>{made['shortURL']}</shortURL>".replace("&", "&amp;") in told, named


def test_version_1_has_them(wide: RunningApp, ann: Surfer) -> None:
    key = ann.call("create_api_key", name="v1")["api_key"]

    def v1(name: str, token: str = "", **inputs: Any) -> Any:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        answer = wide.request("POST", f"/v1/{name}", content=json.dumps(inputs), headers=headers)
        return answer.json()

    login = v1("authen/token", username="ann", key=key)
    assert "token" in login, login
    token = login["token"]["access_token"]
    entry = make(ann, "ordinary")
    which = {"linkId": f"{entry['id']:024x}"}
    for code in CODES:
        assert v1("entity/link/update", token, **which, code=code)["status"]["code"] == 0, code
        [link] = v1("entity/link/list", token)["links"]
        assert link["code"] == code
        assert wide.visit(link["url"]).headers["location"] == "https://example.org/wide"
    refused = v1("entity/link/update", token, **which, code="robots.txt")["status"]
    assert (refused["code"], "code" in refused["message"]) == (400, True)
    wide.services.hosts.take_options({})
    assert v1("entity/link/update", token, **which, code="not/here")["status"]["code"] == 400
    assert (
        v1("entity/link/update", token, **which, code=CODES[-1], title="t")["status"]["code"] == 0
    )


def test_the_operator_finds_them(wide: RunningApp, ann: Surfer) -> None:
    moderation = wide.services.upkeep.moderation
    for code in CODES:
        short_url = make(ann, code)["shorturl"]
        for written in (code, short_url, quote(code)):
            assert [link.code for link in moderation.at(written)] == [code], written


def test_importers_bring_them(wide: RunningApp, ann: Surfer) -> None:
    wide.services.hosts.take_options({})
    account = wide.services.accounts.accounts.named("ann")
    assert account is not None
    offers = [
        LinkOffer(code, SourceLink(key=code, row="1", code=code, url="https://a.example/"))
        for code in CODES
    ]
    work = wide.services.upkeep.imports.links(account, "csv", offers, {}, 1, apply=True)
    assert [said.code for said in wide.run(work)] == CODES
    for code in CODES:
        assert wide.services.links.links.named(code, wide.services.hosts.default) == (0, code)
