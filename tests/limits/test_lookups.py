"""Trying codes through: misses cost their client, and who has had his share is told nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from shortd.clock import SECOND
from shortd.limits.budgets import LOOKUP
from shortd.limits.lookups import MISS_WEIGHT
from shortd.testing import RunningApp, open_app
from tests.conftest import GENEROUS
from tests.sharing.sharing import SECRECY, frames

CAPACITY, REFILL = 4000, 2000
LIMIT = {"SHORTD_LIMITS__CLIENT__API_CAPACITY": str(CAPACITY)}
MISSES = CAPACITY // MISS_WEIGHT
A_MISS = SECOND * MISS_WEIGHT // REFILL
"""µs until another one can be paid."""
GUESSER, OTHER = "203.0.113.5", "203.0.113.6"
SHORT = "http://127.0.0.1:8080/"


@pytest.fixture
def app(tmp_path: Path) -> Iterator[RunningApp]:
    with open_app(tmp_path / "data", environ=LIMIT) as app:
        app.new_link(code="isthere")
        app.new_file(frames(0), filesize=0, code="islocked", **SECRECY)
        yield app


INSIDE = {"call_queries": [{"type": "get_signature", "input": {"shorturl": SHORT + "nothere"}}]}


def spend(app: RunningApp, address: str = GUESSER) -> None:
    """Names as many codes that are not there as an address may."""
    for number in range(MISSES):
        assert app.get(f"/no{number}", address=address).status_code == 404


def signature(app: RunningApp, code: str, address: str = GUESSER) -> int:
    inputs = {"shorturl": SHORT + code}
    return app.post("get_signature", inputs, address=address).status_code


def info(app: RunningApp, code: str, address: str = GUESSER) -> int:
    inputs = {"shorturl": SHORT + code, "challenge": SECRECY["challenge"]}
    return app.post("get_protected_file_info", inputs, address=address).status_code


def open_with(app: RunningApp, code: str, address: str = GUESSER) -> int:
    form = f"code={code}&password=x"
    return app.request("POST", "/-/open", content=form, address=address).status_code


def test_hits_and_misses_are_refused_alike(app: RunningApp) -> None:
    spend(app)
    for code in ("isthere", "islocked", "nothere"):
        for method, suffix in (("GET", ""), ("HEAD", ""), ("GET", "+"), ("GET", ".png")):
            for accept in ("text/html", "*/*"):
                response = app.request(
                    method, f"/{code}{suffix}", address=GUESSER, headers={"accept": accept}
                )
                assert response.status_code == 429
                assert response.headers["retry-after"] == "1"
                assert response.headers["x-robots-tag"] == "noindex"
        assert signature(app, code) == info(app, code) == open_with(app, code) == 429
        assert (
            app.get(f"/-/open?code={code}&expires=1&signature=x", address=GUESSER).status_code
            == 429
        )
    for accept in ("text/html", "*/*"):
        shown = app.get("/isthere", address=GUESSER, headers={"accept": accept}).text
        assert "lead nowhere" in shown
    # Nobody else is concerned.
    assert app.get("/isthere", address=OTHER).status_code == 302
    assert signature(app, "islocked", OTHER) == 200
    # Nor is anything else.
    assert app.get("/", address=GUESSER).status_code == 200
    assert app.post("temporary_account", {}, address=GUESSER).status_code == 200
    metrics = app.get("/-/metrics").text
    assert 'shortd_limiter_refusals_total{bucket="lookup"}' in metrics


def test_it_passes_with_time(app: RunningApp) -> None:
    spend(app)
    app.clock.advance((A_MISS - 1) / SECOND)
    assert app.get("/isthere", address=GUESSER).status_code == 429
    app.clock.advance(1 / SECOND)
    for _ in range(50):
        assert app.get("/isthere", address=GUESSER).status_code == 302
    assert app.get("/nothere", address=GUESSER).status_code == 404
    assert app.get("/isthere", address=GUESSER).status_code == 429
    app.clock.advance(60)
    spend(app)


@pytest.mark.parametrize(
    "miss",
    [
        lambda app: app.get("/nothere", address=GUESSER).status_code,
        lambda app: app.request("HEAD", "/nothere", address=GUESSER).status_code,
        lambda app: app.get("/nothere+", address=GUESSER).status_code,
        lambda app: app.get("/nothere.svg?preview", address=GUESSER).status_code,
        lambda app: app.get("/nothere/", address=GUESSER).status_code,
        lambda app: signature(app, "nothere"),
        lambda app: info(app, "nothere"),
        lambda app: open_with(app, "nothere"),
        lambda app: app.post("multi", INSIDE, address=GUESSER),
    ],
    ids=["get", "head", "preview", "image", "around", "signature", "info", "password", "multi"],
)
def test_every_way_to_ask_costs(app: RunningApp, miss: Any) -> None:
    budgets = app.services.limits.budgets
    bucket, buckets = budgets.block_bucket(LOOKUP, GUESSER), budgets.buckets
    before = buckets.balance(*bucket, app.clock.now())
    miss(app)
    after = buckets.balance(*bucket, app.clock.now())
    assert before - after == MISS_WEIGHT


def test_what_is_there_costs_nothing(app: RunningApp) -> None:
    app.new_link(code="isover", expiration_utime=1)
    for _ in range(2 * MISSES):
        assert app.get("/isthere", address=GUESSER).status_code == 302
    for _ in range(MISSES):
        assert app.get("/isover", address=GUESSER).status_code == 410
        assert app.request("HEAD", "/isthere.png", address=GUESSER).status_code == 200
        assert signature(app, "islocked") == 200
        assert signature(app, "isthere") == 400
    # What is the server's own cannot be a code, and is no try either.
    for _ in range(MISSES + 1):
        assert app.get("/-/wp-login.php", address=GUESSER).status_code == 404
    assert app.get("/nothere", address=GUESSER).status_code == 404


def test_a_page_with_fifty_broken_links_can_be_loaded_four_times(tmp_path: Path) -> None:
    with open_app(tmp_path / "data") as app:
        app.new_link(code="isthere")
        for number in range(4 * 50):
            assert app.get(f"/broken{number % 50}", address=GUESSER).status_code == 404
        assert app.get("/isthere", address=GUESSER).status_code == 302


def test_a_network_is_one_client(app: RunningApp) -> None:
    for number in range(MISSES):
        address = f"2001:db8:1:2::{number:x}"
        assert app.get("/nothere", address=address).status_code == 404
    assert app.get("/isthere", address="2001:db8:1:2:ffff::1").status_code == 429
    assert app.get("/isthere", address="2001:db8:1:3::1").status_code == 302


FORWARDED = [
    {"x-forwarded-for": GUESSER},
    {"forwarded": f"for={GUESSER}"},
    {"x-real-ip": GUESSER},
    {"via": "1.1 proxy"},
]


@pytest.mark.parametrize("headers", FORWARDED, ids=lambda headers: next(iter(headers)))
@pytest.mark.parametrize("peer", ["127.0.0.1", "::1", "10.1.2.3", "192.168.0.9", "fd00::1"])
def test_a_proxy_that_nobody_told_us_of_stands_for_everybody(
    app: RunningApp, peer: str, headers: dict[str, str]
) -> None:
    for _ in range(MISSES + 10):
        assert app.get("/nothere", address=peer, headers=headers).status_code == 404
    for _ in range(MISSES):
        assert app.request("HEAD", "/nothere", address=peer, headers=headers).status_code == 404
    assert app.request("HEAD", "/isthere", address=peer, headers=headers).status_code == 429
    assert signature(app, "islocked", peer) == 429
    # Visitors of that proxy are not to pay for it.
    assert app.get("/isthere", address=peer, headers=headers).status_code == 302
    assert app.get("/isthere", address=peer).status_code == 429


def test_others_that_forward_pay_for_themselves(app: RunningApp) -> None:
    for _ in range(MISSES):
        app.get("/nothere", address="198.51.100.1", headers={"x-forwarded-for": "10.0.0.1"})
    response = app.get("/isthere", address="198.51.100.1", headers={"x-forwarded-for": "10.0.0.1"})
    assert response.status_code == 429


def test_once_a_proxy_is_trusted_its_visitors_pay(tmp_path: Path) -> None:
    environ = {**LIMIT, "SHORTD_SERVER__TRUSTED_PROXIES": "127.0.0.1"}
    with open_app(tmp_path / "data", environ=environ) as app:
        app.new_link(code="isthere")

        def ask(code: str, client: str, peer: str = "127.0.0.1") -> httpx.Response:
            return app.get(f"/{code}", address=peer, headers={"x-forwarded-for": client})

        for _ in range(MISSES):
            assert ask("nothere", GUESSER).status_code == 404
        assert ask("isthere", GUESSER).status_code == 429
        assert ask("isthere", OTHER).status_code == 302
        # Whoever forwards besides them pays himself.
        for _ in range(MISSES):
            ask("nothere", OTHER, peer="10.0.0.1")
        assert ask("isthere", OTHER, peer="10.0.0.1").status_code == 429


def test_a_restart_grants_nothing(tmp_path: Path) -> None:
    with open_app(tmp_path / "data", environ=LIMIT) as app:
        spend(app)
    with open_app(tmp_path / "data", environ=LIMIT) as app:
        app.get("/nothere", address=GUESSER)
        assert app.get("/nothere", address=GUESSER).status_code == 429
        app.clock.advance(3600)
        app.sweep()
        spend(app)


def test_plain_files_have_codes_that_are_not_found_by_trying(tmp_path: Path) -> None:
    with open_app(tmp_path / "data", environ=GENEROUS) as app:
        _check_codes_of_files(app)


def _check_codes_of_files(app: RunningApp) -> None:
    for _ in range(20):
        code = app.new_file(b"Hello").rpartition("/")[2]
        assert len(code) >= 10 and code.isalnum()
        entry = app.call("get_entry", userid=app.userid, shorturl=SHORT + code)["entry"]
        assert 0 <= entry["id"] < 62**6
    assert app.new_file(b"Hello", code="chosen").endswith("/chosen")
    # What is encrypted has a lock of its own.
    locked = app.new_file(frames(0), filesize=0, **SECRECY)
    assert len(locked.rpartition("/")[2]) == 6
