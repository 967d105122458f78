"""Refusals that say what would do: the choices of a field, the limit of a file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shortd.testing import RunningApp, open_app
from tests.api.v2.people import PASSWORD, double_sha256, registered


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    with open_app(tmp_path_factory.mktemp("choices") / "data") as app:
        yield app


@pytest.mark.parametrize(
    ("call", "inputs", "field", "choices"),
    [
        ("url", {"qr": {"format": "gif"}}, "qr.format", "png, svg"),
        # Small letters are taken as well, and not told.
        ("url", {"qr": {"level": "X"}}, "qr.level", "H, L, M, Q"),
        ("url", {"forward_query": "yes"}, "forward_query", "link, no, server, visitor"),
        ("create_api_key", {"name": "x", "scopes": ["read", "own"]}, "scopes[1]", "read, write"),
    ],
)
def test_choices_are_named(
    app: RunningApp, call: str, inputs: dict[str, Any], field: str, choices: str
) -> None:
    who = {"userid": "x" * 32, "url": "https://a.example/"}
    error = app.refused(call, **who, **inputs)
    assert (error["code"], error["field"]) == ("invalid_field", field)
    assert error["message"].endswith(f". Expected one of: {choices}.")


def test_no_pattern_is_shown_where_words_are(app: RunningApp) -> None:
    error = app.refused("get_stats", userid="x" * 32, shorturl="a/b", dimensions=["moon"])
    assert error["field"] == "dimensions[0]"
    assert error["message"].startswith("Expected: One of source, device")


def test_who_cannot_log_in_is_not_told_why(app: RunningApp) -> None:
    registered(app, "ann")
    for name, password in (("nobody", PASSWORD), ("ann@nowhere.example", "wrong")):
        error = app.refused("login", username_email=name, password=double_sha256(password))
        assert (error["code"], error["field"]) == ("bad_credentials", None)


def test_what_has_ended_already_is_made_with_a_warning(app: RunningApp) -> None:
    userid = app.call("temporary_account")["userid"]
    for utime in (-1, 1, app.clock.now()):
        inputs = {"userid": userid, "url": "https://a.example/", "expiration_utime": utime}
        [warning] = app.post("url", inputs).json()["warnings"]
        assert warning.startswith("expiration_utime has passed")
    inputs["expiration_utime"] = app.clock.now() + 1
    assert "warnings" not in app.post("url", inputs).json()


def test_the_limit_of_a_file_is_told(tmp_path: Path) -> None:
    environ = {"SHORTD_LIMITS__TEMPORARY__MAX_FILE_BYTES": "1000"}
    with open_app(tmp_path / "data", environ=environ) as app:
        userid = app.call("temporary_account")["userid"]
        error = app.refused("file_part_initialize", userid=userid, filename="a", filesize=1001)
    assert (error["code"], error["field"]) == ("file_too_large", "filesize")
    assert error["message"] == "The file is larger than it may be: at most 1000 bytes."
