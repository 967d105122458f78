"""`/-/tools`: all that it shows and gives away is used, as it stands there."""

from __future__ import annotations

import json
import re
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit
from xml.etree.ElementTree import fromstring

import httpx
import pytest

from shortd.testing import RunningApp, open_app
from shortd.web.shell_lines import KEY, NAME
from tests.conftest import GENEROUS
from tests.web.surfer import Surfer

SEARCH = "{http://a9.com/-/spec/opensearch/1.1/}"


def shown(page: str, name: str) -> str:
    """What stands in a block to be copied, which its button has as well."""
    found = re.search(rf'id="{name}" tabindex="0">(.*?)</', page, re.DOTALL)
    assert found is not None, name
    text = unescape(found[1])
    assert f'data-copy="{found[1]}"'.replace("&#39;", "'") in page.replace("&#39;", "'")
    return text


class TestSharex:
    """ShareX's files, read as its documentation says they are."""

    def given(self, file: dict[str, Any], text: str) -> httpx.Request:
        """The request that ShareX makes of an uploader for an address or a file."""
        fields = {name: one.replace("{input}", text) for name, one in file["Arguments"].items()}
        url, method = file["RequestURL"], file["RequestMethod"]
        if file["Body"] == "FormURLEncoded":
            return httpx.Request(method, url, data=fields)
        assert file["Body"] == "MultipartFormData"
        parts: list[Any] = [(name, (None, one)) for name, one in fields.items()]
        name = file["FileFormName"]
        return httpx.Request(method, url, files=[*parts, (name, ("shot.png", text.encode()))])

    def result(self, app: RunningApp, file: dict[str, Any], text: str) -> str:
        """The address that ShareX would put into the clipboard."""
        request = self.given(file, text)
        answer = app.request(
            request.method, str(request.url), content=request.read(), headers=request.headers
        )
        document = answer.json()
        wanted = file["URL" if answer.status_code == 200 else "ErrorMessage"]
        name = re.fullmatch(r"\{json:(\w+)\}", wanted)
        assert name is not None
        return str(document[name[1]])

    @pytest.mark.parametrize("name", ["links", "files"])
    def test_with_a_key_put_in_by_hand(self, app: RunningApp, ann: Surfer, name: str) -> None:
        page = Surfer(app).get("/-/tools").text
        assert f'href="/-/tools/{name}.sxcu"' in page
        answer = Surfer(app).get(f"/-/tools/{name}.sxcu")
        assert f'filename="shortd-{name}.sxcu"' in answer.headers["content-disposition"]
        assert KEY in answer.text
        told = self.result(app, answer.json(), "https://example.org/")
        assert told == "This API key is not valid."
        key = ann.call("create_api_key", name="x")["api_key"]
        self.works(app, json.loads(answer.text.replace(KEY, key)))

    @pytest.mark.parametrize("name", ["links", "files"])
    def test_with_a_key_made_for_it(self, app: RunningApp, ann: Surfer, name: str) -> None:
        page = ann.get("/-/tools").text
        assert 'action="/-/tools/sharex"' in page and f'value="{name}"' in page
        answer = ann.send("/-/tools/sharex", {"file": name})
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-store"
        assert KEY not in answer.text
        self.works(app, answer.json())
        [key] = ann.call("list_api_keys")["keys"]
        assert (key["name"], key["scopes"]) == ("ShareX", ["write"])

    def works(self, app: RunningApp, file: dict[str, Any]) -> None:
        short_url = self.result(app, file, "https://example.org/?a=b&c=d")
        answer = app.get(short_url)
        if file["DestinationType"] == "URLShortener":
            assert answer.headers["location"] == "https://example.org/?a=b&c=d"
        else:
            assert "FileUploader" in file["DestinationType"]
            assert app.get(answer.headers["location"]).text == "https://example.org/?a=b&c=d"

    def test_nobody_gets_a_key_without_an_account(self, app: RunningApp) -> None:
        visitor = Surfer(app)
        assert 'action="/-/login"' in visitor.send("/-/tools/sharex", {"file": "links"}).text
        visitor.send("/-/new", {"url": "example.org"})
        assert "/-/tools/sharex" not in visitor.get("/-/tools").text
        assert 'action="/-/login"' in visitor.send("/-/tools/sharex", {"file": "links"}).text

    def test_there_are_no_others(self, ann: Surfer) -> None:
        for name in ("links.txt", "other.sxcu", "links", ".sxcu"):
            assert ann.get(f"/-/tools/{name}").status_code == 404
        assert ann.send("/-/tools/sharex", {"file": "other"}).status_code == 400
        assert ann.call("list_api_keys")["keys"] == []


def test_the_shortcut_of_an_iphone(app: RunningApp, ann: Surfer) -> None:
    page = ann.get("/-/tools").text
    address = shown(page, "phone-line") + quote("https://example.org/?a=b&c=d", safe="")
    assert 'value="https://example.org/?a=b&amp;c=d"' in ann.get(address).text
    key = ann.call("create_api_key", name="x")["api_key"]
    request = httpx.Request("POST", "http://x/", data={"api_key": key, "url": "https://a.example/"})
    answer = app.request(
        "POST", shown(page, "direct-line"), content=request.read(), headers=request.headers
    )
    assert app.get(answer.json()["shortURL"]).headers["location"] == "https://a.example/"


def test_the_keyword_of_a_browser(ann: Surfer) -> None:
    page = ann.get("/-/tools").text
    address = shown(page, "keyword-line").replace("%s", "example.org%2Fa%3Fb")
    assert 'value="example.org/a?b"' in ann.get(address).text
    [link] = re.findall(r'<link rel="search" type="([^"]+)" title="[^"]+" href="([^"]+)">', page)
    answer = ann.get(link[1])
    assert answer.headers["content-type"].partition(";")[0] == link[0]
    root = fromstring(answer.text)
    assert root.tag == f"{SEARCH}OpenSearchDescription"
    assert 0 < len(root.findtext(f"{SEARCH}ShortName") or "") <= 16
    assert ann.get(root.findtext(f"{SEARCH}Image") or "").status_code == 200
    [url] = root.iter(f"{SEARCH}Url")
    template = url.attrib["template"]
    assert (
        'value="example.org/a?b"'
        in ann.get(template.replace("{searchTerms}", "example.org%2Fa%3Fb")).text
    )


def test_every_address_is_this_servers(tmp_path: Path) -> None:
    environ = {**GENEROUS, "SHORTD_PUBLIC_URL": "http://s.example"}
    environ["SHORTD_WEB__URL"] = "https://links.example.org"
    with open_app(tmp_path / "data", environ=environ) as app:
        surfer = Surfer(app, "https://links.example.org")
        page = surfer.get("/-/tools").text
        for name in ("v2", "v1", "sqwish", "cli"):
            text = shown(page, f"{name}-lines")
            hosts = {urlsplit(url).hostname for url in re.findall(r"https?://[^\s\"\\]+", text)}
            assert hosts - {"example.org"} == {"s.example"}, name
        assert shown(page, "direct-line").startswith("http://s.example/")
        for name in ("bookmark-line", "keyword-line", "phone-line"):
            assert "https://links.example.org/-/new?url=" in shown(page, name)
        file = surfer.get("/-/tools/files.sxcu").json()
        assert file["RequestURL"] == "http://s.example/upload.json"


def test_what_needs_no_account_is_told_apart(tmp_path: Path, app: RunningApp) -> None:
    page = Surfer(app).get("/-/tools").text
    assert "works without an account" in page
    assert page.count('href="/-/account/keys"') == 2
    environ = {**GENEROUS, "SHORTD_ACCOUNTS__TEMPORARY": "false"}
    with open_app(tmp_path / "closed", environ=environ) as closed:
        page = Surfer(closed).get("/-/tools").text
        assert "works without an account" not in page
        assert "v2-lines" not in page
    environ = {**GENEROUS, "SHORTD_SQWISH__REQUIRE_KEY": "false"}
    with open_app(tmp_path / "keyless", environ=environ) as keyless:
        assert "links are made without a key" in Surfer(keyless).get("/-/tools").text


def test_an_own_name_stands_in_its_lines(ann: Surfer) -> None:
    assert '"username":"ann"' in shown(ann.get("/-/tools").text, "v1-lines")


def test_a_name_that_the_shell_would_read_does_not(app: RunningApp) -> None:
    surfer = Surfer(app)
    surfer.sign_up("eve", username="e'; rm -rf ~ #")
    assert NAME in shown(surfer.get("/-/tools").text, "v1-lines")
