"""Short hosts: names come and go, numbers (and so the links) stay."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shortd.hosts import NO_HOST, Hosts, ShortHost, name_of, register, without_scheme
from shortd.hosts.authority import host_name
from shortd.store import Store
from shortd.testing import RunningApp, open_app

A, B, C, D = (f"https://{name}.example" for name in "abcd")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path)
    yield opened
    opened.close()


def start(store: Store, public_url: str, *others: str) -> Hosts:
    return asyncio.run(register(store, public_url, others))


def numbers(store: Store, *urls: str) -> list[int]:
    """What a start with these hosts gives them."""
    hosts = start(store, *urls)
    found = []
    for url in urls:
        host = hosts.named(name_of(url))
        assert host is not None
        assert host.base_url == url
        assert hosts.numbered(host.number) == host
        found.append(host.number)
    assert hosts.default.number == found[0]
    assert list(hosts.names) == [name_of(url) for url in urls]
    return found


def test_numbers_are_given_once(store: Store) -> None:
    assert numbers(store, A, B) == [0, 1]
    assert numbers(store, A, B) == [0, 1]
    assert numbers(store, A, C, B) == [0, 2, 1]


def test_the_default_host_can_be_renamed(store: Store) -> None:
    numbers(store, A, B)
    assert numbers(store, C, B) == [0, 1]
    assert numbers(store, D, B) == [0, 1]
    assert numbers(store, A, B) == [0, 1]


def test_a_change_of_scheme_or_port_is_told(store: Store) -> None:
    start(store, "http://s.example")
    assert start(store, "https://s.example").default == ShortHost(
        0, "s.example", "https://s.example"
    )
    assert start(store, "https://s.example:8443").default == ShortHost(
        0, "s.example:8443", "https://s.example:8443"
    )


def test_the_default_host_and_another_can_be_swapped(store: Store) -> None:
    numbers(store, A, B)
    assert numbers(store, B, A) == [1, 0]
    assert numbers(store, A, B) == [0, 1]


def test_a_default_host_that_becomes_an_ordinary_one_keeps_its_number(store: Store) -> None:
    numbers(store, A)
    assert numbers(store, B, A) == [1, 0]
    # Now the default host is B's number; that is the one a rename moves.
    assert numbers(store, C, A) == [1, 0]


def test_a_host_that_is_left_out_comes_back_with_its_number(store: Store) -> None:
    numbers(store, A, B)
    hosts = start(store, A)
    assert hosts.named("b.example") is None
    assert hosts.numbered(1) == ShortHost(1, "b.example", B)
    assert hosts.number_of(b"b.example") == hosts.default.number
    assert numbers(store, A, C) == [0, 2]
    assert numbers(store, A, C, B) == [0, 2, 1]


def test_a_host_that_was_left_out_can_become_the_default_one(store: Store) -> None:
    """Two hosts with links cannot become one: their codes may clash. The old one retires."""
    numbers(store, A, B)
    numbers(store, A)
    assert numbers(store, B) == [1]
    hosts = start(store, B)
    assert hosts.numbered(0) == ShortHost(0, "a.example", A)
    assert numbers(store, A, B) == [0, 1]


configurations = st.lists(st.sampled_from([A, B, C, D]), min_size=1, max_size=4, unique=True)


@given(st.lists(configurations, min_size=2, max_size=6))
@settings(max_examples=30, deadline=None)
def test_whatever_is_configured_no_link_changes_hands(history: Sequence[Sequence[str]]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        store = Store(Path(directory))
        given_numbers: dict[str, int] = {}
        for before, now in zip([[], *history], history, strict=False):
            found = dict(zip(now, numbers(store, *now), strict=True))
            assert len(set(found.values())) == len(now)
            renamed = before and before[0] not in now and now[0] not in given_numbers
            if renamed:
                given_numbers[now[0]] = given_numbers.pop(before[0])
            for url, number in found.items():
                assert given_numbers.setdefault(url, number) == number
            assert len(set(given_numbers.values())) == len(given_numbers)
        store.close()


@pytest.mark.parametrize(
    ("base_url", "name"),
    [
        ("https://s.example", "s.example"),
        ("https://S.Example:443", "s.example"),
        ("http://s.example:80", "s.example"),
        ("http://s.example:8080", "s.example:8080"),
        ("http://[::1]:8080", "[::1]:8080"),
        ("http://[::1]", "[::1]"),
        ("http://127.0.0.1", "127.0.0.1"),
    ],
)
def test_the_name_of_a_base_url(base_url: str, name: str) -> None:
    assert name_of(base_url) == name


OURS = [
    *("https://a.example", "https://b.example:8080", "http://[2001:db8::1]:8080"),
    *("https://c.example:1", "https://c.example:2", "https://www.d.example", "http://e.example:81"),
    *("https://f.example", "https://www.f.example:8443", "https://xn--mnchen-3ya.example"),
]


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("a.example", "a.example"),
        ("A.EXAMPLE", "a.example"),
        ("a.example.", "a.example"),
        ("a.example:443", "a.example"),
        ("A.Example.:80", "a.example"),
        ("a.example:", "a.example"),
        ("b.example:8080", "b.example:8080"),
        ("B.example.:8080", "b.example:8080"),
        ("[2001:DB8::1]:8080", "[2001:db8::1]:8080"),
        ("[2001:db8:0:0::1]:8080", "[2001:db8::1]:8080"),
        ("münchen.example", "xn--mnchen-3ya.example"),
        ("MÜNCHEN.example:443", "xn--mnchen-3ya.example"),
        ("m%C3%BCnchen.example", "xn--mnchen-3ya.example"),
        # Proxies that drop the port, or have one of their own.
        ("b.example", "b.example:8080"),
        ("b.example:", "b.example:8080"),
        ("b.example:8081", "b.example:8080"),
        ("a.example:8080", "a.example"),
        ("[2001:db8::1]", "[2001:db8::1]:8080"),
        ("münchen.example:8443", "xn--mnchen-3ya.example"),
        # With www. or without.
        ("www.a.example", "a.example"),
        ("WWW.A.example.:8080", "a.example"),
        ("d.example", "www.d.example"),
        ("d.example:8443", "www.d.example"),
        ("www.e.example", "e.example:81"),
        # Exactly what it says, though another is like it.
        ("c.example:1", "c.example:1"),
        ("c.example:2", "c.example:2"),
        ("f.example", "f.example"),
        ("f.example:8443", "f.example"),
        ("www.f.example:8443", "www.f.example:8443"),
        ("www.f.example", "www.f.example:8443"),
        # One of several.
        ("c.example", None),
        ("c.example:3", None),
        ("www.c.example", None),
        ("www.c.example:1", None),
        # Nothing like ours: the default host.
        ("evil.example", "a.example"),
        ("www.www.a.example", "a.example"),
        ("a.example.evil.example", "a.example"),
        ("example", "a.example"),
        ("localhost:8080", "a.example"),
        # No host at all, which is refused before it gets here but for clients of HTTP/1.0.
        ("", "a.example"),
        (":", "a.example"),
        ("a.example@evil.example", "a.example"),
    ],
)
def test_which_host_a_request_means(store: Store, header: str, name: str | None) -> None:
    hosts = start(store, *OURS)
    number = hosts.number_of(header.encode())
    assert (None if number == NO_HOST else hosts.numbered(number).name) == name


@given(st.binary(max_size=40))
def test_no_header_is_too_strange(header: bytes) -> None:
    assert Hosts(ShortHost(0, "a.example", A), [], []).number_of(header) == 0


@given(st.from_regex(r"[a-zA-Z0-9.:\[\]%-]{0,20}", fullmatch=True))
def test_a_host_has_one_name(header: str) -> None:
    name = host_name(header.encode())
    if name is not None:
        assert host_name(name.encode()) == name
        assert name == name.lower()


@pytest.mark.parametrize(
    ("url", "rest"),
    [
        ("https://a.example/abcdef", "a.example/abcdef"),
        ("HTTP://a.example", "a.example"),
        (" a.example/abcdef ", "a.example/abcdef"),
        ("ftp://a.example", "ftp://a.example"),
        ("a.example/https://b", "a.example/https://b"),
    ],
)
def test_a_url_without_its_scheme(url: str, rest: str) -> None:
    assert without_scheme(url) == rest


def test_a_short_url_is_built_from_the_configuration() -> None:
    assert ShortHost(3, "a.example", A).short_url("abcdef") == "https://a.example/abcdef"


# Through the whole server


def test_links_follow_their_host_through_its_renaming(tmp_path: Path) -> None:
    with open_app(tmp_path, environ={"SHORTD_PUBLIC_URL": A}) as app:
        userid = app.call("temporary_account")["userid"]
        made = app.call("url", userid=userid, url="https://example.com/", code="MyLink")["entry"]
        assert made["shorturl"] == f"{A}/MyLink"
    with open_app(tmp_path, environ={"SHORTD_PUBLIC_URL": B}) as app:
        assert app.get(f"{B}/MyLink").headers["location"] == "https://example.com/"
        entry = app.call("get_entry", userid=userid, shorturl=f"{B}/MyLink")["entry"]
        assert entry == {**made, "shorturl": f"{B}/MyLink", "count": 1}
        refused = app.refused("get_entry", userid=userid, shorturl=f"{A}/MyLink")
        assert refused["code"] == "entry_not_found"


def test_a_host_that_may_be_two_of_ours_has_no_links(tmp_path: Path) -> None:
    environ = {"SHORTD_PUBLIC_URL": A, "SHORTD_HOSTS": f"{B}:1,{B}:2"}
    with open_app(tmp_path, environ=environ) as app:
        userid = app.call("temporary_account")["userid"]
        for host in (A, f"{B}:1", f"{B}:2"):
            app.call("url", userid=userid, url="https://x.example/", shorturl=f"{host}/MyLink")
        assert app.get(f"{B}/MyLink").status_code == 404
        assert app.get(f"{B}/MyLink+").status_code == 404
        assert app.get(f"{B}/MyLink.svg").status_code == 404
        assert app.get(f"{B}/robots.txt").status_code == 200
        assert app.get(f"{B}:2/MyLink").status_code == 302


def test_the_same_code_on_two_hosts_is_two_links(tmp_path: Path) -> None:
    def location(app: RunningApp, host: str) -> str:
        return str(app.get(f"{host}/MyLink").headers["location"])

    both = {"SHORTD_PUBLIC_URL": A, "SHORTD_HOSTS": B}
    with open_app(tmp_path, environ=both) as app:
        userid = app.call("temporary_account")["userid"]
        for host in (A, B):
            url = f"https://target.example/of/{host[-9]}"
            app.call("url", userid=userid, url=url, shorturl=f"{host}/MyLink")
        assert location(app, A) == "https://target.example/of/a"
        assert location(app, B) == "https://target.example/of/b"
        assert location(app, D) == "https://target.example/of/a", "the default host answers"

    swapped = {"SHORTD_PUBLIC_URL": B, "SHORTD_HOSTS": A}
    with open_app(tmp_path, environ=swapped) as app:
        assert location(app, A) == "https://target.example/of/a"
        assert location(app, B) == "https://target.example/of/b"
        assert location(app, D) == "https://target.example/of/b"

    with open_app(tmp_path, environ={"SHORTD_PUBLIC_URL": A}) as app:
        assert location(app, B) == "https://target.example/of/a", "a host that was left out"
        shown = app.call("get_entries", userid=userid, count=10)["entries"]
        assert {entry["shorturl"] for entry in shown} == {f"{A}/MyLink", f"{B}/MyLink"}

    with open_app(tmp_path, environ=both) as app:
        assert location(app, B) == "https://target.example/of/b"
