from __future__ import annotations

import io
import json
import logging
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from shortd.server import logs


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
