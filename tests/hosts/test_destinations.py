"""What a link may lead to, and what becomes of it in the Location header."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

import ada_url
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shortd import errors
from shortd.errors import ShortdError
from shortd.hosts.destinations import MAX_URL_BYTES, Destination, host_key, parse_destination

OWN = ("ww7.io", "127.0.0.1:8080", "xn--bcher-kva.example", "[2001:db8::1]:8080")
BASE = "https://example.com/"
URI = re.compile(
    # RFC 3986, and what browsers send in a query as it is.
    r"(?i:https?)://(?:\[[0-9a-f:.]+\]|[\w.~%!$&'()*+,;=-]+)(?::\d*)?"
    r"(?:/[\w.~:@/%!$&'()*+,;=-]*)?(?:\?[\w.~:@/?%!$&'()*+,;=\[\]-]*)?",
    re.ASCII,
)


def refusal(url: str) -> ShortdError:
    with pytest.raises(ShortdError) as caught:
        parse_destination(url, OWN, field="urls[3]")
    assert caught.value.field == "urls[3]"
    return caught.value


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/",
        "https://example.com",
        "http://example.com:8080/a/b?c=d&e=%20#f",
        "HTTPS://Example.COM/Path",
        "https://example.com/a/../b",
        "https://example.com/it's(fine),really;!$*+=~",
        "https://user.example/@name?mail=a@b.example",
        "http://127.0.0.1:8081/",
        "http://192.0.2.1/",
        "https://[2001:db8::1]/",
        "https://example.com?https://ww7.io/",
        "https://ww7.io.example.com/",
        "https://notww7.io/",
        "https://ww7.io:8443/",
    ],
)
def test_a_plain_url_is_its_own_location(url: str) -> None:
    assert parse_destination(url, OWN) == Destination(url, url)


@pytest.mark.parametrize(
    ("url", "location"),
    [
        ("https://bücher.example/ü?ü#ü", "https://xn--bcher-kva.example/%C3%BC?%C3%BC#%C3%BC"),
        ('https://example.com/<a>"b"', "https://example.com/%3Ca%3E%22b%22"),
        ("https://example.com/a\\b", "https://example.com/a/b"),
        # Browsers leave these as they are, but no URI has them.
        ("https://example.com/?q={x}|^`", "https://example.com/?q=%7Bx%7D%7C%5E%60"),
        ("https://example.com/a|b[c]^{d}?e", "https://example.com/a%7Cb%5Bc%5D%5E%7Bd%7D?e"),
        ("https://example.com/?tab=a|b&x[]=1&y=%", "https://example.com/?tab=a%7Cb&x[]=1&y=%"),
        ("https://example.com?a|b", "https://example.com/?a%7Cb"),
        ("https://[2001:db8::1]:81/|", "https://[2001:db8::1]:81/%7C"),
        ("https://exa{mple.com/", "https://exa%7Bmple.com/"),
        # Fragments are not sent on, and pages read them raw.
        ("https://example.com/#a|b^{c}", "https://example.com/#a|b^{c}"),
        ("https://example.com/|#|", "https://example.com/%7C#|"),
        ("https://example.com/😀", "https://example.com/%F0%9F%98%80"),
        ("https://example。com/é", "https://example.com/%C3%A9"),
    ],
)
def test_other_urls_are_respelled_as_a_browser_does(url: str, location: str) -> None:
    assert parse_destination(url, ()) == Destination(url, location)


def test_surrounding_white_space_is_trimmed() -> None:
    want = Destination("https://example.com/a", "https://example.com/a")
    assert parse_destination(" \t\n\u00a0https://example.com/a\r\n\u3000", OWN) == want


@pytest.mark.parametrize(
    "unseen",
    [
        *("\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u200e", "\u200f", "\u061c"),
        *("\u202a", "\u202c", "\u202e", "\u2066", "\u2069", "\u180e", "\u034f", "\u3164", "\ufffb"),
    ],
)
def test_what_nobody_sees_is_trimmed(unseen: str) -> None:
    want = Destination("https://example.com/a", "https://example.com/a")
    for text in (
        "{}https://example.com/a",
        "https://example.com/a{}",
        " {} https://example.com/a{}\n{}",
    ):
        assert parse_destination(text.replace("{}", unseen), OWN) == want


@pytest.mark.parametrize(
    "url", ["https://example.com/\u0645\u06cc\u200c\u062e", "https://example.com/👩\u200d👧"]
)
def test_joiners_inside_stay(url: str) -> None:
    destination = parse_destination(url + "\u200c", OWN)
    assert destination.url == url
    assert unquote(destination.location) == url


def test_trimming_takes_a_moment_whatever_there_is_to_trim() -> None:
    unseen = "\u200b " * 1_000_000
    assert parse_destination(f"{unseen}https://example.com/a{unseen}", OWN)
    assert "longer than 8192" in refusal(f"https://example.com/{unseen}a").message


@pytest.mark.parametrize(
    "url",
    [
        "",
        " ",
        "example.com",
        "//example.com/",
        "/path",
        "http:example.com",
        "http:/example.com",
        "http:///example.com",
        "http://",
        "https://?q",
        "https://#f",
        "http:\\\\example.com",
        "http:/\\example.com",
        "\\\\example.com",
        "javascript:alert(1)",
        "JaVaScRiPt://example.com/%0aalert(1)",
        "data:text/html,x",
        "ftp://example.com/",
        "file:///etc/passwd",
        "ws://example.com/",
        "blob:https://example.com/1",
        "view-source:https://example.com/",
        "xhttp://example.com/",
    ],
)
def test_only_full_http_and_https_urls(url: str) -> None:
    error = refusal(url)
    assert error.kind is errors.INVALID_URL
    assert "http:// or https://" in error.message


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://example.com/a b", "spaces"),
        ("https://exam ple.com/", "spaces"),
        ("https://example.com/a\u00a0b", "spaces"),
        ("https://example.com/a\u2028b", "spaces"),
        ("https://example.com/\r\nSet-Cookie: a=b", "control"),
        ("https://example.com/a\tb", "control"),
        ("ht\ntps://example.com/", "control"),
        ("https://exam\nple.com/", "control"),
        ("https://example.com/\x00", "control"),
        ("\x00https://example.com/", "control"),
        ("https://example.com/\x7f", "control"),
        ("https://example.com/a\x85b", "control"),
        ("https://example.com/a\x9fb", "control"),
        ("https://example.com/\u202egnp.exe", "invisible"),
        ("https://example.com/\u2066a", "invisible"),
        ("https://\u202eexample.com/", "invisible"),
        ("https://example.com/a\u200eb", "invisible"),
        ("https://example.com/a\u200fb", "invisible"),
        ("https://example.com/?\u061cb", "invisible"),
        ("https://example.com/a\u206eb", "invisible"),
        ("https://example.com/\ud800", "surrogate"),
        ("https://example.com\\@ww7.io/", "backslash"),
        ("https://a\\b.example/", "backslash"),
        ("https://me@example.com/", "user name"),
        ("https://me:secret@example.com/", "user name"),
        ("https://@example.com/", "user name"),
        ("https://ww7.io%2f@example.com/", "user name"),
        ("https://exa^mple.com/", "not valid"),
        ("https://example.com:65536/", "not valid"),
        ("https://example.com:8o/", "not valid"),
        ("https://[::1/", "not valid"),
        ("https://256.256.256.256/", "not valid"),
        ("https://a%00b.example/", "not valid"),
        ("https://:80/", "not valid"),
        ("https://./", "no host"),
    ],
)
def test_refused_with_the_reason(url: str, words: str) -> None:
    error = refusal(url)
    assert error.kind is errors.INVALID_URL
    assert words in error.message
    assert "secret" not in error.message


def test_the_length_is_counted_in_bytes_after_trimming() -> None:
    room = MAX_URL_BYTES - len(BASE)
    assert parse_destination(f" {BASE}{'a' * room} ", OWN).url == BASE + "a" * room
    assert "longer than 8192" in refusal(BASE + "a" * (room + 1)).message
    assert parse_destination(BASE + "é" * (room // 2), OWN)
    assert "longer than 8192" in refusal(BASE + "é" * (room // 2 + 1)).message


@pytest.mark.parametrize(
    "url",
    [
        "http://ww7.io",
        "https://ww7.io/abc",
        "https://ww7.io?x",
        "https://ww7.io#x",
        "http://ww7.io:80",
        "https://ww7.io:443/",
        "http://ww7.io:443/",
        "https://WW7.io.:443",
        "https://ww7.io./",
        "https://%77w7.io/",
        "https://ww7。io/",
        "https://w\u00adw7.io/",
        "https://\uff57\uff57\uff17.io/",
        "https://ww7.io:0443/",
        "http://127.0.0.1:8080/x",
        "https://127.0.0.1:8080/x",
        "http://127.1:8080",
        "http://0x7f000001:8080",
        "http://2130706433:8080",
        "http://0177.0.0.1:8080",
        "http://[::ffff:127.0.0.1]:8080",
        "http://[::FFFF:7f00:1]:8080",
        "http://localhost:8080/",
        "http://LOCALHOST.:8080/",
        "http://[::1]:8080/",
        "http://0.0.0.0:8080/",
        "http://[2001:DB8:0::1]:8080/",
        "https://bücher.example/",
        "https://xn--bcher-kva.example./",
    ],
)
def test_loops_are_seen_through_every_spelling(url: str) -> None:
    error = refusal(url)
    assert error.kind is errors.URL_LOOPS


def test_a_port_is_part_of_a_host() -> None:
    assert host_key("s.example") == host_key("S.Example.:443")
    assert host_key("bücher.example:8080") == host_key("xn--bcher-kva.example:8080")
    assert host_key("[::ffff:c000:201]:81") == host_key("192.0.2.1:81")
    assert host_key("s.example:8080") != host_key("s.example")
    assert host_key("s.example:8080") != host_key("s.example:8443")
    assert host_key("s.example") != host_key("t.s.example")
    assert host_key("[2001:db8::80]") != host_key("[2001:db8::81]")


pieces = st.sampled_from(
    [
        *("http://", "https://", "HTTP:", "/", "//", "\\", "@", ":", "?", "#", "%", ".", "%0d"),
        *("ww7.io", "example.com", "127.1", "[::1]", "8080"),
        *("ü", "'", "|", "\r\n", " ", "\u202e"),
    ]
)
near_urls = st.builds(
    "".join, st.lists(st.one_of(pieces, st.text(max_size=3)), max_size=8)
) | st.builds("https://example.com/{}".format, st.text())


@given(st.text() | near_urls | st.builds("http://{}/".format, st.text(min_size=1)))
@example("https://example.com/\udfff")
@example("https://[::ffff:127.0.0.1]:443/'|\"")
def test_any_text_is_refused_or_becomes_a_clean_location(text: str) -> None:
    try:
        destination = parse_destination(text, OWN)
    except ShortdError as error:
        assert error.kind in (errors.INVALID_URL, errors.URL_LOOPS)
        return
    location = destination.location
    assert destination.url in text
    assert re.fullmatch(r"https?://[!-~]+", location, re.IGNORECASE)
    address = location.partition("#")[0]
    assert URI.fullmatch(address)
    there, given_there = ada_url.URL(location), ada_url.URL(destination.url)
    assert (there.origin, there.hash) == (given_there.origin, given_there.hash)
    for ours, theirs in (
        (there.pathname, given_there.pathname),
        (there.search, given_there.search),
    ):
        assert unquote(ours) == unquote(theirs)
    assert there.protocol in ("http:", "https:")
    assert (there.username, there.password) == ("", "")
    assert host_key(there.host) not in {host_key(own) for own in OWN}
    # What came out goes in again, as after an export and an import.
    assert parse_destination(location, OWN) == Destination(location, location)


@given(st.text(st.characters(codec="utf-8"), max_size=50))
def test_a_percent_encoded_query_always_passes_untouched(text: str) -> None:
    url = f"https://example.com/?q={quote(text, safe='')}"
    assert parse_destination(url, OWN) == Destination(url, url)


@given(
    st.sampled_from(["http", "https"]),
    st.text("aZ09.-%[]:", min_size=1, max_size=20),
    st.text("a/?#[]%:@", max_size=20),
)
@example("http", ".", "")
@example("https", "a:443", "/")
@example("http", "[::ffff:7f00:1]", "//")
def test_a_url_is_refused_where_a_browser_refuses_it(scheme: str, host: str, rest: str) -> None:
    """Although the host alone is read, and remembered."""
    url = f"{scheme}://{host}/{rest}"
    try:
        name = ada_url.URL(url).hostname
    except ValueError:
        assert refusal(url).code == "invalid_url"
        return
    if name.rstrip("."):
        location = parse_destination(url, OWN).location
        assert unquote(ada_url.URL(location).href) == unquote(ada_url.URL(url).href)
        assert location == url or {"[", "]"} & set(rest)
    else:
        assert "has no host" in refusal(url).message
