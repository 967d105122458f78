"""Hosts that ignore case: exact codes come first, and none is made that differs in case alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortd import errors
from shortd.hosts.destinations import parse_destination
from shortd.link_codes import folded, is_short, spellings
from shortd.links import NewLink
from shortd.models.hosts import HostOptions
from shortd.store.check import faults
from shortd.testing import RunningApp, open_app
from tests.conftest import GENEROUS
from tests.links.test_wide_codes import OPEN, SHUT, location, make

ALIKE = [
    *(("Promo", "pROMO"), ("Summer-Sale-2026", "summer-sale-2026"), ("Docs/Setup", "dOCS/sETUP")),
    *(("Straße", "STRASSE"), ("CAFÉ", "cafe\u0301"), ("ΣΊΣΥΦΟΣ", "σίσυφος"), ("\u017ftop", "STOP")),
    *(("ÅNGSTRÖM", "\u212bngstro\u0308m".lower()), ("ﬁne", "FINE"), ("a1B2c3", "A1b2C3")),
    *(("ǅ", "ǆ"), ("x" * 399 + "A", "X" * 399 + "a")),
    ("\u0390" * 90, "\u0390" * 89 + "\u03aa\u0301"),
]
IGNORING = {"open.example": HostOptions(ignore_case=True, wide_codes=True)}


@pytest.fixture
def running(tmp_path: Path) -> Iterator[RunningApp]:
    environ = {**GENEROUS, "SHORTD_PUBLIC_URL": OPEN, "SHORTD_HOSTS": SHUT}
    with open_app(tmp_path / "data", environ=environ) as app:
        app.get("/-/health")
        yield app


@contextmanager
def ignoring(app: RunningApp) -> Iterator[None]:
    app.services.hosts.take_options(IGNORING)
    yield
    app.services.hosts.take_options({})


def raw(code: str) -> bytes:
    return b"/" + "".join(f"%{byte:02X}" for byte in code.encode()).encode()


@pytest.mark.parametrize(("code", "other"), ALIKE)
def test_a_code_is_found_whatever_its_case(running: RunningApp, code: str, other: str) -> None:
    assert folded(code) == folded(other)
    make(running, code, url="https://a.example/it")
    make(running, code, base=SHUT, url="https://a.example/shut")
    assert location(running, raw(other)) is None
    # With links that have been there before it is turned on.
    with ignoring(running):
        for asked in (code, other, code.upper(), code.lower(), code.swapcase()):
            if folded(asked) == folded(code):
                assert location(running, raw(asked)) == "https://a.example/it", asked
        assert location(running, raw(other), base=SHUT) is None
        entry = running.call(
            "get_entry", userid=running.userid, shorturl=OPEN + raw(other).decode()
        )
        assert entry["entry"]["url"] == "https://a.example/it"
        with pytest.raises(errors.ShortdError) as refusal:
            make(running, other)
        assert refusal.value.kind is errors.CODE_TAKEN
        make(running, code, url="https://a.example/again")
        assert location(running, raw(other)) == "https://a.example/again"
        for _ in range(3):
            assert location(running, raw(code)) == "https://a.example/again"
    assert location(running, raw(other)) is None
    with running.services.store.read() as txn:
        assert list(faults(txn)) == []


def test_exact_codes_first_then_the_oldest(running: RunningApp) -> None:
    for number, code in enumerate(("Twice", "tWICE", "A/Longer/Code", "a/longer/code")):
        make(running, code, url=f"https://a.example/{number}")
        running.clock.advance(1)
    with ignoring(running):
        wanted = {"Twice": 0, "tWICE": 1, "twice": 0, "TWICE": 0}
        wanted |= {"A/Longer/Code": 2, "a/longer/code": 3, "A/LONGER/CODE": 2}
        for _ in range(3):
            for code, number in wanted.items():
                assert location(running, raw(code)) == f"https://a.example/{number}", code
        running.call("delete", userid=running.userid, shorturl=f"{OPEN}/Twice")
        assert location(running, b"/Twice") == "https://a.example/1"


def test_plain_codes_in_both_ways_of_asking(running: RunningApp) -> None:
    """Those that a server remembers are never those of another case."""
    make(running, "Plain_Code", url="https://a.example/one")
    for _ in range(3):
        assert location(running, b"/Plain_Code") == "https://a.example/one"
        assert location(running, b"/plain_code") is None
    with ignoring(running):
        for _ in range(3):
            assert location(running, b"/plain_code") == "https://a.example/one"
        running.call(
            "set_enabled", userid=running.userid, shorturl=f"{OPEN}/PLAIN_CODE", enabled=False
        )
        assert location(running, b"/plain_code") is None
        assert location(running, b"/Plain_Code") is None


def test_a_link_may_change_the_case_of_its_own_code(running: RunningApp) -> None:
    who = {"userid": running.userid}
    running.call("url", **who, url="https://a.example/", code="Caseful")
    with ignoring(running):
        running.call(
            "change_shorturl",
            **who,
            shorturl_old=f"{OPEN}/caseful",
            shorturl_new=f"{OPEN}/caseFUL",
        )
        entry = running.call("get_entry", **who, shorturl=f"{OPEN}/CASEFUL")["entry"]
        assert entry["shorturl"] == f"{OPEN}/caseFUL"
        running.call("url", **who, url="https://a.example/", code="another")
        error = running.refused(
            "change_shorturl",
            **who,
            shorturl_old=f"{OPEN}/another",
            shorturl_new=f"{OPEN}/CaseFul",
        )
        assert error["code"] == "code_taken"


def test_drawn_codes_differ_by_more_than_case(running: RunningApp) -> None:
    links, hosts = running.services.links.links, running.services.hosts
    account = running.services.accounts.accounts.named(running.userid)
    assert account is not None
    destination = parse_destination("https://a.example/", hosts.names)
    new = NewLink(destination, hosts.default, drawn_lengths=(1, 2))
    with ignoring(running):
        made = running.run(links.create(account, [new] * 60, running.clock.now()))
    codes = [link.code.lower() for link in made]
    assert len(set(codes)) == len(codes)
    assert min(map(len, codes)) == 1


@given(st.text(st.characters(codec="utf-8"), max_size=40))
def test_folding_is_the_same_for_all_spellings(text: str) -> None:
    assert folded(folded(text)) == folded(text)
    if text.isascii():
        assert folded(text) == folded(text.upper()) == folded(text.lower())


@given(st.text("abcXYZ019", min_size=1, max_size=6))
def test_all_spellings_of_a_short_code(code: str) -> None:
    found = spellings(folded(code))
    assert is_short(code)
    assert code in found
    assert len(set(found)) == len(found) == 2 ** sum(map(str.isalpha, code))
    assert {folded(one) for one in found} == {folded(code)}
