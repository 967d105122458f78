from __future__ import annotations

import io
import json
import logging
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
import structlog

from shortd.server import logs
from shortd.settings.settings import LogSettings


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def put_back() -> Iterator[None]:
    """Logging is the process's own: leaves it as it was found."""
    root = logging.getLogger()
    handlers, level, before = root.handlers[:], root.level, structlog.get_config()
    yield
    structlog.configure(**before)
    logging.captureWarnings(False)
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.getLogger(logs.OURS).setLevel(logging.NOTSET)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_off_a_terminal_an_event_is_a_line_of_json() -> None:
    stream = io.StringIO()
    logs.configure(stream)
    structlog.get_logger("shortd.test").info("started", port=8080)
    (line,) = lines(stream)
    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "started", "level": "info", "logger": "shortd.test", "port": 8080}


def test_on_a_terminal_an_event_is_a_line_to_read() -> None:
    stream = Terminal()
    logs.configure(stream)
    structlog.get_logger().info("started")
    assert "started" in stream.getvalue()
    assert "{" not in stream.getvalue()


def test_libraries_log_into_the_same_stream() -> None:
    stream = io.StringIO()
    logging.getLogger("uvicorn").addHandler(logging.StreamHandler(io.StringIO()))
    logging.getLogger("uvicorn").propagate = False
    logs.configure(stream)
    logging.getLogger("uvicorn.error").info("Started %s", "well")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old", DeprecationWarning, stacklevel=1)
    assert [line["logger"] for line in lines(stream)] == ["uvicorn.error", "py.warnings"]
    assert lines(stream)[0]["event"] == "Started well"


def test_addresses_of_requests_are_not_logged() -> None:
    stream = io.StringIO()
    logs.configure(stream)
    logging.getLogger("uvicorn.access").info("GET /-/reset?code=123")
    assert stream.getvalue() == ""


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "password_alt",
        "token",
        "refresh_token",
        "api_key",
        "API-Key",
        "code",
        "Authorization",
        "Set-Cookie",
        "signature",
        "smtp_url",
        "userid",
    ],
)
def test_no_field_that_may_hold_a_secret_gets_through(name: str) -> None:
    for stream in (io.StringIO(), Terminal()):
        logs.configure(stream)
        nested = {name: "hunter2", "kept": [{name: "hunter2"}]}
        structlog.get_logger().warning("odd", call=nested, **{name: "hunter2"})
        assert "kept" in stream.getvalue()
        assert "hunter2" not in stream.getvalue()


def test_fields_that_only_look_like_it_stay() -> None:
    kept = {"error_code": "x", "status_code": 404, "keys": 3}
    assert logs.drop_secrets(None, "info", dict(kept)) == kept


def test_tracebacks_show_no_variables() -> None:
    for stream in (io.StringIO(), Terminal()):
        logs.configure(stream)
        local = "hunter" + "2"
        try:
            raise LookupError(f"no {len(local)}")
        except LookupError:
            structlog.get_logger().exception("failed")
        assert "LookupError: no 7" in stream.getvalue()
        assert "hunter2" not in stream.getvalue()


@pytest.mark.parametrize("kind", [Terminal, io.StringIO])
def test_the_settings_say_how_lines_look(kind: type[io.StringIO]) -> None:
    stream = kind()
    logs.configure(stream, LogSettings(format="json"))
    structlog.get_logger("shortd.test").info("started\nanew")
    (line,) = lines(stream)
    assert line["event"] == "started\nanew"
    stream = kind()
    logs.configure(stream, LogSettings(format="text"))
    structlog.get_logger("shortd.test").info("started")
    assert "started" in stream.getvalue()
    assert "{" not in stream.getvalue()
    assert ("\x1b" in stream.getvalue()) == stream.isatty()


@pytest.mark.parametrize(
    ("level", "told"),
    [
        ("debug", ["debug", "info", "warning", "error", "of a library"]),
        ("info", ["info", "warning", "error", "of a library"]),
        ("warning", ["warning", "error"]),
        ("error", ["error"]),
    ],
)
def test_the_settings_say_how_much_is_told(
    level: Literal["debug", "info", "warning", "error"], told: list[str]
) -> None:
    """Of libraries never more than usual: what they tell then may have secrets in it."""
    stream = io.StringIO()
    logs.configure(stream, LogSettings(level=level))
    ours = structlog.get_logger("shortd.test")
    for each in (ours.debug, ours.info, ours.warning, ours.error):
        each(each.__name__)
    logging.getLogger("httpx").debug("Authorization: Bearer")
    logging.getLogger("httpx").info("of a library")
    assert [line["event"] for line in lines(stream)] == told


def test_the_journal_is_told_priorities(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (tmp_path / "stderr").open("w+") as stream:
        found = os.fstat(stream.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{found.st_dev}:{found.st_ino}")
        logs.configure(stream)
        log = structlog.get_logger("shortd.test")
        log.info("a")
        log.warning("b")
        logs.configure(stream, LogSettings(format="text", level="debug"))
        log.debug("c")
        try:
            raise ValueError
        except ValueError:
            log.exception("d")
        stream.seek(0)
        a, b, c, *d = stream.read().splitlines()
    assert (a[:3], json.loads(a[3:])["event"]) == ("<6>", "a")
    assert (b[:3], json.loads(b[3:])["event"]) == ("<4>", "b")
    assert c.startswith("<7>[debug")
    # Each line is an entry of its own there.
    assert len(d) > 2
    assert all(line.startswith("<3>") for line in d)


@pytest.mark.parametrize("stream", [None, "1:2", "x"])
def test_another_stream_is_not_the_journals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stream: str | None
) -> None:
    if stream is not None:
        monkeypatch.setenv("JOURNAL_STREAM", stream)
    with (tmp_path / "stderr").open("w+") as opened:
        logs.configure(opened)
        structlog.get_logger("shortd.test").info("a")
        opened.seek(0)
        assert json.loads(opened.read())["event"] == "a"
