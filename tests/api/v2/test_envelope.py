"""The envelope of every call, of success and of failure."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from shortd.api.v2.registry import CALLS, Call
from shortd.testing import RunningApp, open_app
from tests.api.v2.envelopes import checked
from tests.api.v2.people import Person
from tests.api.v2.samples import JSON_CALLS, World
from tests.conftest import GENEROUS

OF_THE_DOCUMENT = (
    "url",
    "urls",
    "change_shorturl",
    "set_enabled",
    "set_tag",
    "set_expiration_count",
    "delete",
    "get_entry",
    "get_entries",
    "temporary_account",
    "signup",
    "login",
    "logout",
    "change_password",
    "check_credentials",
    "get_account_info",
    "multi",
)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with open_app(tmp_path / "data", environ=GENEROUS) as app:
        yield World(app)


def test_the_calls_of_the_document_are_there() -> None:
    assert set(OF_THE_DOCUMENT) <= CALLS.keys()


@pytest.mark.parametrize("name", OF_THE_DOCUMENT)
def test_success(world: World, name: str) -> None:
    response = world.app.post(name, world.good(CALLS[name]))
    envelope = checked(response, name)
    assert envelope["status"] == "success"
    assert "warnings" not in envelope
    assert envelope["utime"] == world.app.clock.now()


@pytest.mark.parametrize("name", [name for name in OF_THE_DOCUMENT if name != "multi"])
def test_inside_multi_it_is_the_same(world: World, name: str, tmp_path: Path) -> None:
    query = {"type": name, "input": world.good(CALLS[name])}
    answer = checked(world.app.post("multi", {"call_queries": [query]}), "multi")
    # A second world of the same seed, so that even what is drawn is the same.
    with open_app(tmp_path / "other", environ=GENEROUS) as app:
        other = World(app)
        alone = checked(app.post(name, other.good(CALLS[name])), name)
    assert answer["output"]["call_responses"] == [alone]


def test_error(app: RunningApp, guest: Person) -> None:
    response = guest.post("url", url="nonsense")
    assert response.status_code == 400
    assert response.json() == {
        "output": {},
        "status": "error",
        "type": "url",
        "utime": app.clock.now(),
        "weight": 1000,
        "error": {
            "code": "invalid_url",
            "message": "The URL must begin with http:// or https:// and a host.",
            "field": "url",
        },
    }


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "application/json; charset=utf-8",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "image/png",
        "nonsense",
        "",
    ],
)
def test_the_content_type_does_not_matter(app: RunningApp, content_type: str) -> None:
    response = app.post("temporary_account", {}, headers={"content-type": content_type})
    assert checked(response, "temporary_account")["status"] == "success"


def test_neither_does_what_the_client_accepts(app: RunningApp) -> None:
    for accept in ("text/html", "image/*", "application/xml", "nonsense", ""):
        for name in ("temporary_account", "no_such_call"):
            checked(app.post(name, {}, headers={"accept": accept}), name)


class TestWarnings:
    def test_unknown_fields_are_ignored_and_named(self, guest: Person) -> None:
        response = guest.post("url", url="https://example.com/", tga=5, Tag=6, **{"": None})
        envelope = checked(response, "url")
        assert envelope["output"]["entry"]["tag"] == 0
        assert envelope["warnings"] == [
            "unknown field: tga",
            "unknown field: Tag",
            "unknown field: ",
        ]

    @pytest.mark.parametrize("name", OF_THE_DOCUMENT)
    def test_in_every_call(self, world: World, name: str) -> None:
        body = {**world.good(CALLS[name]), "typo": [{"a": 1.5e300}], "ütf\0": None}
        envelope = checked(world.app.post(name, body), name)
        assert envelope["status"] == "success"
        assert envelope["warnings"] == ["unknown field: typo", "unknown field: ütf\0"]

    def test_inside_qr(self, guest: Person) -> None:
        response = guest.post("url", url="https://example.com/", qr={"colour": "#123456"}, x=1)
        assert checked(response, "url")["warnings"] == [
            "unknown field: x",
            "unknown field: qr.colour",
        ]

    def test_no_field_of_the_call_is_unknown(self, world: World) -> None:
        for call in JSON_CALLS.values():
            given = dict.fromkeys(call.shape.names, msgspec.Raw(b"null"))
            assert call.unknown_fields(given) == []


def test_the_clock_is_the_servers(app: RunningApp) -> None:
    first = app.post("temporary_account", {}).json()["utime"]
    app.clock.advance(1.5)
    assert app.post("temporary_account", {}).json()["utime"] - first == 1_500_000


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_every_call_says_what_it_does(call: Call) -> None:
    """The reference page and the OpenAPI document are made of it."""
    assert call.summary.endswith((".", ".)"))
    assert len(call.summary) > 20
