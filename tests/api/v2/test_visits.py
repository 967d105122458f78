"""Visits to the entries that the calls made: what is answered, and what is counted."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from shortd.testing import RunningApp, open_app
from tests.api.v2.people import DESTINATION, Person, path_of, temporary
from tests.conftest import GENEROUS

PREVIEWERS = (
    "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
    "WhatsApp/2.23.20.0",
    "Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)",
    "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
    "Mattermost-Bot/1.1",
    "Googlebot/2.1 (+http://www.google.com/bot.html)",
)
ORDINARY = (
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "curl/8.5.0",
    "python-requests/2.32",
    "",
)
LOOKS: tuple[tuple[str, dict[str, str]], ...] = (
    ("HEAD", {}),
    ("GET", {"sec-purpose": "prefetch"}),
    ("GET", {"sec-purpose": "prefetch;prerender"}),
    ("GET", {"purpose": "prefetch"}),
    ("GET", {"x-moz": "prefetch"}),
)
"""Requests that are no clicks."""


@contextmanager
def app_with(tmp_path: Path, **settings: str) -> Iterator[RunningApp]:
    environ = {**GENEROUS, **{f"SHORTD_{name}": value for name, value in settings.items()}}
    with open_app(tmp_path / "other", environ=environ) as app:
        yield app


def count(person: Person, entry: dict[str, Any]) -> int:
    number: int = person.entry(entry["shorturl"])["count"]
    return number


class TestRedirect:
    def test_headers(self, app: RunningApp, guest: Person) -> None:
        entry = guest.shorten()
        response = app.get(path_of(entry))
        assert response.status_code == 302
        assert response.headers["location"] == DESTINATION
        # A cached redirect would be neither counted nor changeable.
        assert response.headers["cache-control"] == "no-store"
        assert response.content == b""
        assert "set-cookie" not in response.headers

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_status_is_a_setting(self, tmp_path: Path, status: int) -> None:
        with app_with(tmp_path, LINKS__REDIRECT_STATUS=str(status)) as app:
            assert app.get(path_of(temporary(app).shorten())).status_code == status

    def test_the_query_is_not_forwarded(self, app: RunningApp, guest: Person) -> None:
        entry = guest.shorten("https://example.com/?a=b#c")
        location = app.get(path_of(entry) + "?x=y").headers["location"]
        assert location == "https://example.com/?a=b#c"

    def test_unless_configured(self, tmp_path: Path) -> None:
        with app_with(tmp_path, LINKS__FORWARD_QUERY="true") as app:
            guest = temporary(app)
            for url, query, location in (
                ("https://example.com/", "x=y", "https://example.com/?x=y"),
                ("https://example.com/?a=b", "x=y", "https://example.com/?a=b&x=y"),
                ("https://example.com/#c", "x=y", "https://example.com/?x=y#c"),
                ("https://example.com/", "qr", "https://example.com/"),
                ("https://example.com/", "", "https://example.com/"),
                ("https://example.com/", "x=%0d%0aSet-Cookie:a", "https://example.com/?x=%0d%0aSet-Cookie:a"),
            ):  # fmt: skip
                entry = guest.shorten(url)
                assert app.get(f"{path_of(entry)}?{query}").headers["location"] == location

    @pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
    def test_only_get_and_head(self, app: RunningApp, guest: Person, method: str) -> None:
        entry = guest.shorten()
        response = app.request(method, path_of(entry))
        assert response.status_code == 405
        assert response.headers["allow"] == "GET, HEAD"
        assert "location" not in response.headers
        assert count(guest, entry) == 0

    @pytest.mark.parametrize("suffix", ["/x", ".gif", ".svg.png"])
    def test_what_is_no_address_of_it(self, app: RunningApp, guest: Person, suffix: str) -> None:
        entry = guest.shorten()
        assert app.get(path_of(entry) + suffix).status_code == 404

    @pytest.mark.parametrize(
        ("suffix", "status"), [("?", 302), ("/", 302), ("%2f", 302), ("++", 200)]
    )
    def test_what_stands_behind_it(
        self, app: RunningApp, guest: Person, suffix: str, status: int
    ) -> None:
        """Is cut off; of "++" the second is, so that it is the preview."""
        entry = guest.shorten()
        assert app.get(path_of(entry) + suffix).status_code == status


class TestClicks:
    @pytest.mark.parametrize("agent", [*ORDINARY, *PREVIEWERS])
    def test_every_redirect_counts(self, app: RunningApp, guest: Person, agent: str) -> None:
        """Of bots, too; analytics tell them apart."""
        entry = guest.shorten()
        response = app.get(path_of(entry), headers={"user-agent": agent})
        assert response.status_code == 302
        assert count(guest, entry) == 1

    @pytest.mark.parametrize(("method", "headers"), LOOKS)
    def test_looks_do_not(
        self, app: RunningApp, guest: Person, method: str, headers: dict[str, str]
    ) -> None:
        entry = guest.shorten()
        response = app.request(method, path_of(entry), headers=headers)
        assert response.headers["location"] == DESTINATION
        app.request(method, path_of(entry) + "?qr", headers=headers)
        app.request(method, path_of(entry) + ".svg", headers=headers)
        shown = guest.entry(entry["shorturl"])
        assert (shown["count"], shown["count_qr"]) == (0, 0)

    def test_previews_do_not(self, app: RunningApp, guest: Person) -> None:
        entry = guest.shorten()
        assert app.get(path_of(entry) + "+").status_code == 200
        assert count(guest, entry) == 0


class TestClickLimit:
    @pytest.mark.parametrize("agent", ORDINARY)
    def test_ordinary_visitors_use_it_up(self, app: RunningApp, guest: Person, agent: str) -> None:
        entry = guest.shorten(expiration_count=1)
        for status in (302, 410):
            response = app.get(path_of(entry), headers={"user-agent": agent})
            assert response.status_code == status

    @pytest.mark.parametrize(
        ("method", "headers"), [*LOOKS, *(("GET", {"user-agent": agent}) for agent in PREVIEWERS)]
    )
    def test_others_neither_use_it_up_nor_learn_the_destination(
        self, app: RunningApp, guest: Person, method: str, headers: dict[str, str]
    ) -> None:
        entry = guest.shorten("https://secret.example/path", expiration_count=1)
        for _ in range(2):
            response = app.request(method, path_of(entry), headers=headers)
            assert response.status_code == 200
            assert response.headers["content-type"] == "text/html; charset=utf-8"
            assert "secret" not in response.text + str(response.headers)
        assert count(guest, entry) == 0
        response = app.get(path_of(entry))
        assert response.headers["location"] == "https://secret.example/path"
        assert app.request(method, path_of(entry), headers=headers).status_code == 410

    def test_its_preview_and_images_use_up_nothing(self, app: RunningApp, guest: Person) -> None:
        entry = guest.shorten(expiration_count=1)
        for suffix in ("+", ".svg", ".png"):
            assert app.get(path_of(entry) + suffix).status_code == 200
        assert app.get(path_of(entry)).status_code == 302


class TestPreview:
    def test_shows_where_it_goes(self, app: RunningApp, guest: Person) -> None:
        entry = guest.shorten("https://example.com/a?b=<script>&c=%22")
        response = app.get(path_of(entry) + "+")
        assert response.status_code == 200
        assert 'href="https://example.com/a?b=%3Cscript%3E&amp;c=%22"' in response.text
        assert entry["shorturl"] in response.text
        assert "<script" not in response.text

    def test_of_expired_and_missing_links(self, app: RunningApp, guest: Person) -> None:
        gone = guest.shorten("https://secret.example/", expiration_utime=0)
        response = app.get(path_of(gone) + "+")
        assert response.status_code == 410
        assert "secret" not in response.text
        assert app.get("/nobody+").status_code == 404


class TestImages:
    @pytest.mark.parametrize(
        ("suffix", "kind", "start"),
        [(".svg", "image/svg+xml", b"<svg"), (".png", "image/png", b"\x89PNG\r\n")],
    )
    def test_are_those_of_the_call(
        self, app: RunningApp, guest: Person, suffix: str, kind: str, start: bytes
    ) -> None:
        entry = guest.shorten(qr={"format": suffix[1:]})
        response = app.get(path_of(entry) + suffix)
        assert response.status_code == 200
        assert response.headers["content-type"] == kind
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.content.startswith(start)
        image = entry["qrcode"]["image"]
        assert response.content == (image.encode() if suffix == ".svg" else base64.b64decode(image))

    def test_of_expired_links(self, app: RunningApp, guest: Person) -> None:
        gone = guest.shorten(expiration_utime=0)
        for suffix in (".svg", ".png"):
            assert app.get(path_of(gone) + suffix).status_code == 410


class TestErrors:
    def test_a_page_for_browsers_json_for_others(self, app: RunningApp, guest: Person) -> None:
        gone = guest.shorten(expiration_utime=0)
        for path, status, code in (
            ("/nobody", 404, "link_not_found"),
            (path_of(gone), 410, "link_expired"),
        ):
            page = app.get(path, headers={"accept": "text/html,*/*;q=0.8"})
            assert page.status_code == status
            assert page.headers["content-type"] == "text/html; charset=utf-8"
            answer = app.get(path, headers={"accept": "*/*"})
            assert answer.status_code == status
            assert answer.json()["error"]["code"] == code
            for response in (page, answer):
                assert response.headers["cache-control"] == "no-store"
                assert "accept" in response.headers["vary"].lower()
