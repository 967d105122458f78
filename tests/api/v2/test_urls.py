"""The call `urls`: many entries at once, all of them or none."""

from __future__ import annotations

import pytest

from shortd.ids import base62_encode
from shortd.testing import RunningApp
from tests.api.v2.envelopes import check_entry, checked, everything
from tests.api.v2.people import Person, path_of

TWO = ["https://www.example.com/", "https://www.mit.edu/"]


def test_entries_in_the_order_of_the_urls(app: RunningApp, guest: Person) -> None:
    entries = guest.call("urls", urls=TWO)["entries"]
    for entry, url in zip(entries, TWO, strict=True):
        check_entry(entry)
        assert entry["url"] == url
        assert entry["order"] == 0
        assert path_of(entry) == "/" + base62_encode(entry["id"])
        assert app.get(path_of(entry)).headers["location"] == url


def test_creation_times_rise_so_that_lists_have_one_order(guest: Person) -> None:
    urls = [f"https://example.com/{number}" for number in range(50)]
    entries = guest.call("urls", urls=urls)["entries"]
    utimes = [entry["utime"] for entry in entries]
    assert utimes == sorted(set(utimes))
    listed = guest.entries(count=1000)
    assert [entry["url"] for entry in listed] == urls[::-1]


def test_a_url_given_twice_is_two_entries(guest: Person) -> None:
    one, two = guest.call("urls", urls=[TWO[0], TWO[0]])["entries"]
    assert one["id"] != two["id"]
    assert one["shorturl"] != two["shorturl"]


def test_terms_hold_for_all(guest: Person) -> None:
    terms = {"tag": 5, "expiration_utime": 2**60, "expiration_count": 7}
    for entry in guest.call("urls", urls=TWO, **terms)["entries"]:
        assert {key: entry[key] for key in terms} == terms


def test_qr_of_each(guest: Person) -> None:
    entries = guest.call("urls", urls=TWO, qr={"format": "png"})["entries"]
    images = set()
    for entry in entries:
        check_entry(entry, qrcode=True)
        images.add(entry["qrcode"]["image"])
    assert len(images) == 2


def test_host(guest: Person) -> None:
    entries = guest.call("urls", urls=TWO, host="127.0.0.1:8080")["entries"]
    assert all(entry["shorturl"].startswith("http://127.0.0.1:8080/") for entry in entries)
    error = guest.refused("urls", urls=TWO, host="other.example")
    assert (error["http_status"], error["code"], error["field"]) == (400, "unknown_host", "host")


@pytest.mark.parametrize("field", ["code", "shorturl"])
def test_it_takes_no_code(guest: Person, field: str) -> None:
    answer = checked(guest.post("urls", urls=TWO, **{field: "fanciest"}), "urls")
    assert answer["warnings"] == [f"unknown field: {field}"]
    assert not any("fanciest" in entry["shorturl"] for entry in answer["output"]["entries"])


def test_a_thousand(guest: Person) -> None:
    answer = checked(guest.post("urls", urls=TWO * 500), "urls")
    assert len(answer["output"]["entries"]) == 1000
    assert answer["weight"] == 101_000
    assert len({entry["id"] for entry in answer["output"]["entries"]}) == 1000


@pytest.mark.parametrize("number", [0, 1001])
def test_too_few_and_too_many(guest: Person, number: int) -> None:
    before = everything(guest.app)
    error = guest.refused("urls", urls=[TWO[0]] * number)
    assert (error["http_status"], error["code"]) == (400, "invalid_field")
    assert error["field"] == "urls"
    assert everything(guest.app) == before


@pytest.mark.parametrize(
    ("bad", "code"),
    [("nonsense", "invalid_url"), ("http://127.0.0.1:8080/x", "url_loops"), (5, "invalid_field")],
)
def test_one_bad_url_refuses_all(guest: Person, bad: object, code: str) -> None:
    before = everything(guest.app)
    error = guest.refused("urls", urls=[*TWO, bad, "also bad"])
    assert (error["http_status"], error["code"]) == (400, code)
    assert error["field"].startswith("urls[")
    if code != "invalid_field":
        assert error["field"] == "urls[2]"
    assert everything(guest.app) == before


@pytest.mark.parametrize("urls", ["https://example.com/", {"0": "https://example.com/"}, None])
def test_only_a_list(guest: Person, urls: object) -> None:
    assert guest.refused("urls", urls=urls)["field"] == "urls"
