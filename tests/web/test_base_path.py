"""A server below a path of its host, behind a proxy that passes the path or cuts it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin, urlsplit
from xml.etree.ElementTree import fromstring

import pytest

from shortd.models.teams import Domain
from shortd.store.schema import LINKS
from shortd.testing import RunningApp, open_app
from shortd.web.base_path import placed_pieces
from tests.api.v2.people import registered
from tests.conftest import GENEROUS
from tests.web.admin.conftest import make_operator
from tests.web.surfer import Surfer

BASE = "https://example.org/s"
OTHER = "https://two.example/a/b"
PLAIN = "https://plain.example"
HTML = {"accept": "text/html"}
CODE = "springtime"
ADDRESSES = ("action", "formaction", "href", "src", "data-picture", "data-plot", "data-words")
NOT_ASKED = re.compile(
    r"/-/(look|logout|login/oidc)|/-/links/bulk/|\.(csv|svg|png|sxcu)|/zip|/undo/"
)


@pytest.fixture(scope="module")
def below(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    with _opened(tmp_path_factory.mktemp("below"), BASE) as app:
        yield app


def _opened(folder: Path, public_url: str) -> AbstractContextManager[RunningApp]:
    hosts = json.dumps([OTHER, PLAIN])
    given = {**GENEROUS, "SHORTD_PUBLIC_URL": public_url, "SHORTD_HOSTS": hosts}
    return open_app(folder / "data", environ=given)


class Addresses(HTMLParser):
    """All addresses of a page, whatever they are for."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.links: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ADDRESSES and value:
                self.found.append(value)
            elif value and re.match(r"/(-/|v\d/)", value) and name not in ("value", "id"):
                # What none of us knows as one.
                self.found.append(f"{name}={value}")
            if name in ("href", "src") and value:
                self.links.append(value)


def _filled(app: RunningApp, own: str) -> Surfer:
    """An operator with something of every kind."""
    olga = make_operator(app, own=own)
    for code in ("springtime", "summertime"):
        olga.call("url", url="https://example.com/", code=code, tags=["print"])
    olga.call("create_box", name="Post", code="theboxes")
    app.new_file()
    return olga


def _walk(surfer: Surfer, base: str) -> set[str]:
    """Every page that links lead to from one to the other; their paths without the base path, and
    with "#" in the place of numbers and names."""
    seen: set[str] = set()
    waiting = [f"{base}/", f"{base}/-/dashboard", f"{base}/{CODE}+", f"{base}/nothing"]
    while waiting:
        path = waiting.pop()
        shape = re.sub(r"[0-9]{4,}|[0-9A-Za-z]{24,}|=[^&]*", "#", path.removeprefix(base))
        if shape in seen or NOT_ASKED.search(path):
            continue
        seen.add(shape)
        answer = surfer.get(path)
        if "location" in answer.headers:
            waiting.append(answer.headers["location"].removeprefix("https://example.org"))
        if not answer.headers.get("content-type", "").startswith("text/html"):
            continue
        assert answer.status_code in (200, 401, 403) or path.endswith("nothing"), path
        page = Addresses(answer.text)
        strays = [one for one in page.found if one.startswith("/") and not _is_below(one, base)]
        assert not strays, (path, strays)
        assert not [one for one in page.found if re.match(r"[a-z-]+=/", one)], path
        for link in page.links:
            whole = urlsplit(urljoin(f"https://example.org{path}", link))
            if whole.hostname == "example.org" and len(seen) < 400:
                waiting.append(whole.path + (f"?{whole.query}" if whole.query else ""))
    return seen


def _is_below(path: str, base: str) -> bool:
    return path.startswith(f"{base}/") and not path.startswith(f"{base}{base}/" if base else "//")


def test_every_page_leads_to_what_is_below_the_path(below: RunningApp, tmp_path: Path) -> None:
    found = _walk(_filled(below, BASE), "/s")
    with _opened(tmp_path, "https://example.org") as app:
        assert found == _walk(_filled(app, "https://example.org"), "")
    assert len(found) > 60


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("https://example.org", "/s"),
        ("https://example.org:443", "/%73"),
        ("https://two.example", "/a/b"),
        ("https://two.example", "/%61/%62"),
        ("https://nobody-told-us.example", "/s"),
    ],
)
def test_requests_with_the_path_and_without_are_one(
    below: RunningApp, short: str, long: str
) -> None:
    for path in ("/nosuchcode", "/-/unlock", "/v2/get_entry", "/v1/x", "/shorten.json", "/%2e"):
        with_it, without = (below.get(f"{short}{base}{path}", headers=HTML) for base in (long, ""))
        assert with_it.status_code == without.status_code != 500
        assert _unsigned(with_it.text) == _unsigned(without.text)
    roots = {below.get(short + path, headers=HTML).text for path in ("/", long, f"{long}/")}
    assert len({_unsigned(root) for root in roots}) == 1


def _unsigned(page: str) -> str:
    return re.sub(r'nonce="[^"]*"', "", page)


def test_only_whole_segments_begin_with_the_path(below: RunningApp) -> None:
    for path in ("/sx", "/S", "/s%2Fnothing", "/a/b/nothing"):
        assert below.get(f"https://example.org{path}", headers=HTML).status_code == 404
    # That of another host is none here.
    assert below.get(f"{PLAIN}/s", headers=HTML).status_code == 404
    assert below.get(f"{PLAIN}/s/-/unlock", headers=HTML).status_code == 404
    assert '"/-/static/' in below.get(f"{PLAIN}/-/unlock", headers=HTML).text
    assert '"/a/b/-/static/' in below.get(f"{OTHER}/-/unlock", headers=HTML).text


def test_redirects_lead_below_the_path(below: RunningApp) -> None:
    code = below.new_file().rpartition("/")[2]
    for asked in (f"{BASE}/{code}", f"https://example.org/{code}"):
        location = below.get(asked).headers["location"]
        assert location.startswith("/s/-/files/")
        assert below.get(urljoin(asked, location)).text == "Hello"
    link = below.new_link("https://elsewhere.example/a")
    assert link.startswith(f"{BASE}/")
    assert below.get(link).headers["location"] == "https://elsewhere.example/a"
    asked_in = below.get(f"{BASE}/-/account?a=b", headers=HTML)
    assert asked_in.headers["location"] == "/s/-/login?next=%2F-%2Faccount%3Fa%3Db"
    assert below.get(f"{PLAIN}/-/tools", headers=HTML).headers["location"] == f"{BASE}/-/tools"
    assert below.get(PLAIN, headers=HTML).headers["location"] == f"{BASE}/"


def test_cookies_are_for_what_is_below_the_path(below: RunningApp) -> None:
    ann = Surfer(below, BASE)
    answer = ann.sign_up("ann", next="/s/-/tools")
    assert answer.headers["location"] in ("/s/-/dashboard", "/s/-/tools")
    assert ann.set["__Secure-shortd"]["path"] == "/s"
    ann.get("/s/-/look?lang=de&back=/-/tools")
    assert ann.set["lang"]["path"] == "/s"
    answer = ann.send("/s/-/logout")
    assert "__Secure-shortd" not in ann.cookies
    assert answer.headers["location"].startswith("/s/")


def test_what_programs_read_begins_with_the_base_url(below: RunningApp) -> None:
    manifest = below.get(f"{BASE}/-/manifest.webmanifest").json()
    assert {manifest["id"], manifest["scope"], manifest["start_url"]} == {"/s/"}
    addresses = [icon["src"] for icon in manifest["icons"]] + [manifest["share_target"]["action"]]
    assert all(address.startswith("/s/-/") for address in addresses)
    search = fromstring(below.get(f"{BASE}/-/opensearch.xml").text)
    templates = [one.attrib["template"] for one in search if "template" in one.attrib]
    assert templates == [f"{BASE}/-/new?url={{searchTerms}}"]
    assert below.get(f"{BASE}/-/docs/openapi.json").json()["servers"] == [{"url": BASE}]
    sharex = below.get(f"{BASE}/-/tools/files.sxcu").json()
    assert sharex["RequestURL"] == f"{BASE}/upload.json"
    assert "Disallow: /s/-/\n" in below.get(f"{BASE}/robots.txt").text
    script = below.get(f"{BASE}/-/unlock", headers=HTML).headers["content-security-policy"]
    assert f"script-src {BASE}/-/static/" in script


def test_programs_are_told_where_a_box_is_sent_to(below: RunningApp) -> None:
    owner = registered(below, "boxer")
    box, shut = (
        below.call("create_box", **owner.credentials, name="Box", **terms)["entry"]["shorturl"]
        for terms in ({}, {"password": "open sesame"})
    )
    json_alone = {"accept": "application/json"}
    action = below.get(box, headers=json_alone).json()["box"]["action"]
    assert action.startswith("/s/-/box/")
    answer = below.get(shut, headers=json_alone)
    assert (answer.status_code, answer.headers["location"]) == (403, "/s/-/open")


@pytest.mark.parametrize(
    ("url", "loops"),
    [
        (BASE, True),
        (f"{BASE}/", True),
        (f"{BASE}?a", True),
        (f"{BASE}/x", True),
        ("https://example.org//s//x", True),
        ("https://example.org/other/../s/x", True),
        ("https://example.org/%73/x", True),
        ("http://EXAMPLE.org/s#x", True),
        (f"{OTHER}/x", True),
        (f"{PLAIN}/s/x", True),
        ("https://example.org/", False),
        ("https://example.org/wiki", False),
        ("https://example.org/sx", False),
        ("https://example.org/S/x", False),
        ("https://example.org/wiki?s=/s/", False),
        ("https://two.example/a", False),
    ],
)
def test_links_may_lead_to_what_else_the_host_has(below: RunningApp, url: str, loops: bool) -> None:
    if loops:
        assert below.refused("url", userid=below.userid, url=url)["code"] == "url_loops"
    else:
        assert below.get(below.new_link(url)).headers["location"] == url


def test_short_urls_are_read_with_their_path(below: RunningApp) -> None:
    link = below.new_link(code="readable")
    for spelled in (link, link.removeprefix("https://"), f"{link}?a", link.replace("/s/", "/%73/")):
        found = below.call("get_entry", userid=below.userid, shorturl=spelled)
        assert found["entry"]["shorturl"] == link
    for other in ("https://example.org/readable", f"{PLAIN}/s/readable", f"{OTHER}/readable"):
        refusal = below.refused("get_entry", userid=below.userid, shorturl=other)
        assert refusal["code"] == "entry_not_found"
    terms = {"userid": below.userid, "url": "https://example.com/"}
    made = below.call("url", **terms, shorturl=f"{OTHER}/another1")
    assert made["entry"]["shorturl"] == f"{OTHER}/another1"
    made = below.call("url", **terms, host=OTHER, code="another2")
    assert made["entry"]["shorturl"] == f"{OTHER}/another2"
    assert below.refused("url", **terms, host=f"{PLAIN}/s")["code"] == "unknown_host"


def test_no_link_is_called_like_the_path(below: RunningApp) -> None:
    """It could not be asked for: without the path, its address is that of the root."""
    ann = Surfer(below, BASE)
    ann.sign_up("anna")
    form = {"url": "https://example.com/", "host": "https://example.org"}
    refused = ann.send("/s/-/new", {**form, "ending": "s"})
    assert refused.status_code != 303
    assert below.services.store.get(LINKS, (0, "s")) is None
    link = ann.call("url", url="https://example.com/", code="movable1")["entry"]
    edit = f"/s/-/links/{link['id']}/edit/where"
    moved = {"host": "0", "ending": "s", "destination": "https://example.com/"}
    assert ann.send(edit, moved).status_code == 422
    assert ann.call("get_entry", shorturl=link["shorturl"])["entry"]["id"] == link["id"]


def test_domains_of_teams_have_no_path(below: RunningApp) -> None:
    domain = Domain("id", "team", "team.example", "", 0, number=77)
    assert below.services.hosts.of_domain(domain).base_url == "https://team.example"


def test_markup_that_comes_in_pieces_is_the_same() -> None:
    text = '<p title="a > b"><a\nhref="/-/home">/x</a> <img src="/x.png" alt="//"><a href="//b">'
    whole = text.replace('"/-/', '"/s/-/').replace('"/x.png', '"/s/x.png')
    for size in range(1, 20):
        pieces = (text[start : start + size] for start in range(0, len(text), size))
        assert "".join(placed_pieces(pieces, "/s")) == whole
