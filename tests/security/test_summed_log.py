"""What the log is told of strangers: soon, with the address, and never without end."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from shortd.security.summed_log import ALONE, LINES, LOGIN_FAILED, SIGNED_UP, SummedLog


@pytest.fixture
def log() -> SummedLog:
    return SummedLog()


def test_a_few_are_told_as_they_come_and_the_rest_as_a_sum(log: SummedLog) -> None:
    with capture_logs() as lines:
        for _ in range(100):
            log.note(LOGIN_FAILED, "203.0.113.7", tried="login", account="ann")
    assert (
        lines
        == [
            {
                "address": "203.0.113.7",
                "times": 1,
                "tried": "login",
                "account": "ann",
                "event": "login_failed",
                "log_level": "warning",
            }
        ]
        * ALONE
    )
    with capture_logs() as lines:
        log.flush()
        log.flush()
    assert [(line["address"], line["times"]) for line in lines] == [("203.0.113.7", 100 - ALONE)]
    assert next(iter(lines[0])) == "address", "before all that a stranger could choose"


def test_each_address_is_told(log: SummedLog) -> None:
    with capture_logs() as lines:
        for number in range(5):
            log.note(LOGIN_FAILED, f"203.0.113.{number}", tried="login", account="")
    assert [line["address"] for line in lines] == [f"203.0.113.{number}" for number in range(5)]
    assert all("account" not in line for line in lines)


def test_a_minute_has_so_many_lines_and_no_more(log: SummedLog) -> None:
    with capture_logs() as lines:
        for number in range(50_000):
            log.note(LOGIN_FAILED, f"10.{number >> 8 & 255}.{number & 255}.1", tried="login")
    assert len(lines) == LINES
    with capture_logs() as sums:
        log.flush()
    assert len(sums) == LINES + 1
    assert sums[-1]["event"] == "login_failed_elsewhere"
    assert sum(line["times"] for line in [*lines, *sums]) == 50_000
    with capture_logs() as lines:
        log.note(LOGIN_FAILED, "203.0.113.7")
    assert len(lines) == 1, "a new minute"


def test_addresses_are_told_as_the_settings_have_it() -> None:
    log = SummedLog(lambda address: "")
    with capture_logs() as lines:
        log.note(SIGNED_UP, "203.0.113.7", account="ann")
    assert [(line["address"], line["log_level"]) for line in lines] == [("-", "info")]
