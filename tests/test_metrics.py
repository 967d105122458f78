"""`/-/metrics`: what it counts, and who may read it."""

from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from shortd.testing import RunningApp, open_app


def read(app: RunningApp) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    response = app.get("/-/metrics")
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/plain; version=")
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
    }


def labels(**pairs: str) -> frozenset[tuple[str, str]]:
    return frozenset(pairs.items())


def test_visits_and_calls_are_counted(app: RunningApp) -> None:
    userid = app.call("temporary_account")["userid"]
    url = app.call("url", userid=userid, url="https://example.com/")["entry"]["shorturl"]
    app.refused("url", userid=userid, url="nonsense")
    app.post("no_such_call", {})
    for _ in range(3):
        app.get(url)
    app.get("/nothing")
    values = read(app)
    assert values["shortd_visits_total", labels(outcome="redirect")] == 3
    assert values["shortd_visits_total", labels(outcome="not_found")] == 1
    assert values["shortd_calls_total", labels(call="url", status="200")] == 1
    assert values["shortd_calls_total", labels(call="url", status="400")] == 1
    assert values["shortd_calls_total", labels(call="unknown", status="404")] == 1
    assert values["shortd_rows", labels(table="links")] == 1
    assert values["shortd_rows", labels(table="accounts")] == 1
    assert values["shortd_journal_dropped_total", labels()] == 0
    assert values["process_resident_memory_bytes", labels()] > 0


def test_no_code_or_account_is_told(app: RunningApp) -> None:
    userid = app.call("temporary_account")["userid"]
    url = app.call("url", userid=userid, url="https://example.com/")["entry"]["shorturl"]
    app.get(url)
    text = app.get("/-/metrics").text
    assert userid not in text
    assert url.rpartition("/")[2] not in text


def test_only_loopback_may_read(app: RunningApp) -> None:
    assert app.get("/-/metrics", address="127.0.0.9").status_code == 200
    assert app.get("/-/metrics", address="::1").status_code == 200
    assert app.get("/-/metrics", address="::ffff:127.0.0.1").status_code == 200
    for address in ("203.0.113.7", "2001:db8::1", "10.0.0.1", ""):
        refusal = app.get("/-/metrics", address=address)
        assert refusal.status_code == 403
        assert refusal.json()["error"]["code"] == "not_allowed"


def test_a_proxy_that_is_not_trusted_opens_nothing(app: RunningApp) -> None:
    forwarded = {"X-Forwarded-For": "203.0.113.7"}
    assert app.get("/-/metrics", headers=forwarded).status_code == 403
    assert app.get("/-/metrics", headers={"X-Forwarded-For": "127.0.0.1"}).status_code == 403


def test_a_trusted_proxy_tells_who_reads(tmp_path: Path) -> None:
    environ = {
        "SHORTD_SERVER__TRUSTED_PROXIES": "127.0.0.1",
        "SHORTD_SERVER__METRICS_FROM": "198.51.100.0/24, 2001:db8::/32",
    }
    with open_app(tmp_path, environ=environ) as app:
        for address, status in (
            ("198.51.100.7", 200),
            ("2001:db8::7", 200),
            ("203.0.113.7", 403),
        ):
            response = app.get("/-/metrics", headers={"X-Forwarded-For": address})
            assert response.status_code == status, address
        assert app.get("/-/metrics", address="198.51.100.9").status_code == 200


@pytest.mark.parametrize(
    "header",
    [
        "Forwarded: for=203.0.113.7",
        "X-Real-IP: 203.0.113.7",
        "Via: 1.1 proxy",
        "CF-Connecting-IP: ::1",
    ],
)
def test_whatever_a_proxy_says_of_itself_closes_them(app: RunningApp, header: str) -> None:
    name, _, value = header.partition(": ")
    assert app.get("/-/metrics", headers={name: value}).status_code == 403
    assert app.get("/-/health", headers={name: value}).json()["mail"] is None


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "::ffff:127.0.0.1", "127.1.2.3"])
def test_loopback_in_a_header_is_not_this_machine(tmp_path: Path, address: str) -> None:
    with open_app(tmp_path, environ={"SHORTD_SERVER__TRUSTED_PROXIES": "127.0.0.1"}) as app:
        forwarded = {"X-Forwarded-For": address}
        assert app.get("/-/metrics", headers=forwarded).status_code == 403
        assert app.get("/-/metrics").status_code == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8080", 200),
        ("localhost:8080", 200),
        ("[::1]:9000", 200),
        ("192.168.1.5:8080", 200),
        ("shortd:8080", 200),
        ("NAS.local", 200),
        ("shortd.prod.internal:8080", 200),
        ("evil.example", 403),
        ("local.evil.example", 403),
        ("localhost.evil.example:8080", 403),
        ("[", 403),
        ("", 403),
    ],
)
def test_a_page_whose_name_leads_here_reads_nothing(
    app: RunningApp, host: str, status: int
) -> None:
    answer = app.get("/-/metrics", headers={"Host": host})
    assert answer.status_code == status
    told = app.get("/-/health", headers={"Host": host}).json()["mail"]
    assert (told is not None) is (status == 200)
