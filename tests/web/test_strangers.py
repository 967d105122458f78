"""What the log and the metrics tell of those who want too much."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from shortd.testing import RunningApp, open_app
from tests.sharing.sharing import FORM_TYPE, file_form
from tests.test_metrics import labels, read

STRANGER = "203.0.113.7"
SMALL = """
[limits.client]
api_capacity = 3000
api_refill_rate = 1
[log]
addresses = "{addresses}"
"""


@pytest.fixture(params=["full", "truncated", "none"])
def shown(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def small(tmp_path: Path, shown: str) -> Iterator[RunningApp]:
    with open_app(tmp_path / "data", config=SMALL.format(addresses=shown)) as app:
        yield app


def test_who_meets_a_limit_is_told_with_what_the_log_may_have(
    small: RunningApp, shown: str
) -> None:
    with capture_logs() as lines:
        for _ in range(20):
            last = small.post("temporary_account", {}, address=STRANGER)
    assert last.status_code == 429
    told = [line for line in lines if line["event"] == "limited"]
    address = {"full": STRANGER, "truncated": "203.0.113.0", "none": "-"}[shown]
    assert {(line["address"], line["bucket"]) for line in told} == {(address, "client")}
    assert 1 <= len(told) <= 5


def test_who_tries_codes_is_told_once_for_each_pause(tmp_path: Path) -> None:
    # So many codes that are not there as a capacity of so much allows, and one a 200th of it later.
    config = "[limits.client]\napi_capacity = 1000\napi_refill_rate = 1\n"
    with open_app(tmp_path / "data", config=config) as app, capture_logs() as lines:
        for _ in range(30):
            last = app.get("/nothing", address=STRANGER)
    assert last.status_code == 429
    told = [line for line in lines if line["event"] == "limited"]
    assert [(line["address"], line["bucket"]) for line in told] == [(STRANGER, "lookup")]


def test_a_file_that_is_not_taken_is_told(app: RunningApp) -> None:
    query = {"userid": app.call("temporary_account")["userid"], "filename": "a", "filesize": 2}
    with capture_logs() as lines:
        answer = app.request(
            "POST",
            "/v2/file",
            content=file_form(query, b"more than two bytes"),
            headers={"content-type": FORM_TYPE},
            address=STRANGER,
        )
    assert answer.status_code == 413
    told = [line for line in lines if line["event"] == "upload_refused"]
    assert [(line["address"], line["status"]) for line in told] == [(STRANGER, "413")]


def test_other_refusals_are_no_uploads(app: RunningApp) -> None:
    with capture_logs() as lines:
        app.refused("url", userid="nobody", url="nonsense")
    assert not [line for line in lines if line["event"] == "upload_refused"]


def test_answers_are_timed_by_kind(app: RunningApp) -> None:
    app.call("temporary_account")
    app.get("/-/login")
    app.get("/nothing")
    values = read(app)
    name = "shortd_http_request_duration_seconds"
    for kind in ("api", "page", "link"):
        counted = values[f"{name}_count", labels(kind=kind)]
        assert counted >= 1
        assert values[f"{name}_bucket", labels(kind=kind, le="+Inf")] == counted
        assert values[f"{name}_bucket", labels(kind=kind, le="0.005")] <= counted
