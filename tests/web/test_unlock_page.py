"""The unlock page as it is served, and previews of files. In a browser: tests/browser."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from shortd.testing import RunningApp
from shortd.web import pages
from shortd.web.assets import FOLDER
from tests.browser.sealing import double_sha256, encrypt_data, framed
from tests.web.test_pages import ASSETS, HOSTILE, PAGES, asset_path, read

SCRIPTS = {
    "derive.js": [],
    "sealed.js": ["derive.js"],
    "unlock.js": ["saving.js", "sealed.js", "sizes.js", "words.js"],
    "password.js": ["derive.js", "eye.js", "words.js"],
}
"""Each with what it imports."""
POLICY = {
    "default-src": "'none'",
    "script-src": "http://127.0.0.1:8080/-/static/",
    "connect-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "form-action": "'none'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
    "require-trusted-types-for": "'script'",
    "trusted-types": "'none'",
}


def share(app: RunningApp, data: bytes = bytes(1_234_567), **terms: Any) -> str:
    """Uploads a file as a form: its code."""
    query = {
        "userid": app.call("temporary_account")["userid"],
        "filename": "thesis.pdf",
        "filesize": len(data),
        "filetype": "application/pdf",
        **terms,
    }
    key = double_sha256("password")
    if terms.get("encryption"):
        challenge = bytes(16)
        query["challenge"] = challenge.hex()
        query["signature"] = encrypt_data(challenge, key).hex()
        data = framed(data, key, [len(data)])
    files: dict[str, Any] = {"query": (None, json.dumps(query)), "file": ("file", data)}
    form = httpx.Request("POST", "http://unused/", files=files)
    headers = {"content-type": form.headers["content-type"]}
    answer = app.request("POST", "/v2/file", content=form.read(), headers=headers)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["output"]["entry"]["shorturl"]).rpartition("/")[2]


def test_the_page_is_whole_and_has_one_script_of_its_own() -> None:
    document = read(PAGES.render("visitor/unlock.html", scripts=("unlock.js",), reports=True))
    assert len(document.all("title")) == len(document.all("h1")) == len(document.all("main")) == 1
    assert document.all("script") == [{"type": "module", "src": asset_path("unlock.js")}]
    for tag, attributes in document.elements:
        assert tag not in ("style", "iframe", "object", "base")
        assert not any(key == "style" or key.startswith("on") for key in attributes)
    ids = [attributes["id"] for _, attributes in document.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    [label] = document.all("label")
    [field] = document.all("input")
    assert label["for"] == field["id"]
    assert (field["type"], field["autocomplete"]) == ("password", "off")
    assert {"role": "status", "id": "status"} in document.all("p")


def test_without_its_script_the_page_can_send_nothing() -> None:
    document = read(PAGES.render("visitor/unlock.html", scripts=("unlock.js",), reports=True))
    [form] = document.all("form")
    assert form == {"class": "f", "id": "ask", "hidden": None}
    assert not any("name" in attributes for attributes in document.all("input"))
    assert len(document.all("noscript")) == 1
    assert "shortd fetch" in document.text


def test_the_script_names_only_what_the_page_has() -> None:
    document = read(PAGES.render("visitor/unlock.html", scripts=("unlock.js",), reports=True))
    ids = {attributes.get("id") for _, attributes in document.elements}
    used = set(re.findall(r'element\("(\w+)"\)', ASSETS.named("unlock.js").body.decode()))
    assert used
    assert used <= ids


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_page_is_not_kept_and_tells_nobody_its_address(app: RunningApp, method: str) -> None:
    answer = app.request(method, "/-/unlock?shorturl=x&signature=y")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["x-content-type-options"] == "nosniff"
    policy = answer.headers["content-security-policy"]
    assert dict(part.strip().split(" ", 1) for part in policy.split(";")) == POLICY


@pytest.mark.parametrize("query", ["", "?shorturl=marker&signature=marker", f"?{HOSTILE}", "?%zz"])
def test_the_page_is_the_same_whatever_is_asked(app: RunningApp, query: str) -> None:
    assert app.get(f"/-/unlock{query}").text == app.get("/-/unlock").text


def test_a_visitor_of_an_encrypted_file_is_led_there(app: RunningApp) -> None:
    answer = app.get(f"/{share(app, encryption=1)}")
    assert answer.status_code == 302
    assert re.fullmatch(
        r"/-/unlock\?shorturl=http%3A%2F%2F127\.0\.0\.1%3A8080%2F\w{6}&signature=[0-9a-f]{88}",
        answer.headers["location"],
    )


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_are_kept_by_browsers_and_so_are_their_imports(app: RunningApp, name: str) -> None:
    answer = app.get(asset_path(name))
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert "immutable" in answer.headers["cache-control"]
    imported = re.findall(r'(?:from|import)"([^"]+)"', answer.text)
    files = [asset_path(other).removeprefix(FOLDER) for other in SCRIPTS[name]]
    assert imported == [f"./{file}" for file in files]


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_have_nothing_that_could_run_or_show_what_others_wrote(name: str) -> None:
    source = (Path(pages.__file__).parent / "static" / name).read_text()
    # What would be marked up or run, leave the origin, or keep something.
    for word in (
        *("innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval(", "Function("),
        *("XMLHttpRequest", "WebSocket", "sendBeacon", "postMessage", "window.open"),
        *("localStorage", "sessionStorage", "indexedDB", "cookie", "console."),
    ):
        assert word not in source
    assert not re.search(r"https?://", source)


class TestPreview:
    def test_of_a_file_tells_what_it_is(self, app: RunningApp) -> None:
        code = share(app, filename='<b>"thesis".pdf')
        document = read(app.get(f"/{code}+").text)
        text = " ".join(document.text.split())
        assert 'leads to the file <b>"thesis".pdf Size 1.2 MB Type application/pdf' in text
        assert len(document.all("b")) == 1, "the ending"
        assert f"/{code}" in [link["href"] for link in document.all("a")]

    def test_of_a_file_without_a_type(self, app: RunningApp) -> None:
        text = " ".join(read(app.get(f"/{share(app, b'', filetype=None)}+").text).text.split())
        assert "Size 0 B Type unknown" in text

    def test_of_an_encrypted_file_tells_only_that(self, app: RunningApp) -> None:
        html = app.get(f"/{share(app, encryption=1)}+").text
        assert "an encrypted file" in html
        for word in ("thesis", "1.2", "1234567", "pdf"):
            assert word not in html

    @pytest.mark.parametrize("encryption", [0, 1])
    def test_of_a_limited_file_tells_only_that_it_is_one(
        self, app: RunningApp, encryption: int
    ) -> None:
        code = share(app, encryption=encryption, expiration_count=1)
        for answer in (app.get(f"/{code}+"), app.get(f"/{code}", headers={"purpose": "prefetch"})):
            assert answer.status_code == 200
            assert "file" in read(answer.text).text
            for word in ("thesis", "1.2", "pdf", "signature"):
                assert word not in answer.text
        assert app.get(f"/{code}").status_code == 302

    def test_counts_nothing(self, app: RunningApp) -> None:
        code = share(app, expiration_count=1)
        for _ in range(3):
            app.get(f"/{code}+")
        assert app.get(f"/{code}").status_code == 302
        assert app.get(f"/{code}").status_code == 410
        assert app.get(f"/{code}+").status_code == 410
