"""Patterns of blocked destinations: how they are read, and what an index over them finds."""

from __future__ import annotations

import re
import time
from urllib.parse import unquote

import ada_url
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortd.errors import INVALID_FIELD, ShortdError
from shortd.hosts.patterns import MOST_BYTES, Index, Kind, read_pattern


def finds(pattern: str, url: str) -> bool:
    return Index([read_pattern(pattern)]).find(url) is not None


@pytest.mark.parametrize(
    ("typed", "text", "kind"),
    [
        ("example.org", "example.org", Kind.DOMAIN),
        ("  EXAMPLE.org. ", "example.org", Kind.DOMAIN),
        ("=Example.ORG", "=example.org", Kind.HOST),
        ("= example.org", "=example.org", Kind.HOST),
        ("bücher.example", "xn--bcher-kva.example", Kind.DOMAIN),
        ("ex%61mple.org", "example.org", Kind.DOMAIN),
        ("zip", "zip", Kind.DOMAIN),
        ("0x7f.1", "localhost", Kind.DOMAIN),
        ("192.0.2.7", "192.0.2.7", Kind.DOMAIN),
        ("2001:DB8::1", "2001:db8::1", Kind.DOMAIN),
        ("[2001:db8::1]", "2001:db8::1", Kind.DOMAIN),
        ("/casino-[0-9]+/", "/casino-[0-9]+/", Kind.EXPRESSION),
    ],
)
def test_how_a_pattern_is_read(typed: str, text: str, kind: Kind) -> None:
    pattern = read_pattern(typed)
    assert (pattern.text, pattern.kind) == (text, kind)
    assert read_pattern(pattern.text) == pattern, "what is kept can be read again"


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("", "Write a domain"),
        ("=", "Write a domain"),
        ("https://example.org/", "Write a domain"),
        ("example.org/path", "Write a domain"),
        ("example.org:8080", "Write a domain"),
        ("*.example.org", "Write a domain"),
        (".example.org", "Write a domain"),
        ("exa mple.org", "Write a domain"),
        ("a@example.org", "Write a domain"),
        ("exämple<.org", "Write a domain"),
        ("[2001:db8::x]", "Write a domain"),
        ("exam\x00ple.org", "control characters"),
        ("example.org\u200b.net", "control characters"),
        ("\ud800.org", "control characters"),
        ("a" * (MOST_BYTES + 1), "At most"),
        ("/" + "ä" * (MOST_BYTES // 2) + "/", "At most"),
        ("/", "between two slashes"),
        ("//", "between two slashes"),
        ("/abc", "between two slashes"),
        ("/(/", "cannot be read: missing ): ("),
        ("/a**/", "cannot be read: bad repetition"),
        (r"/(a)\1/", "cannot be read: invalid escape"),
        ("/(?=a)/", "cannot be read"),
        ("/.{1000}x/", "too large"),
        (r"/\pL{500}/", "too large"),
        ("/((a{1,9}){1,9}){1,9}/", "too large"),
        ("/a{1,2000}/", "cannot be read: invalid repetition"),
        ("/.*/", "fits every address"),
        ("/(x|)/", "fits every address"),
    ],
)
def test_what_is_no_pattern_is_refused_in_words(typed: str, said: str) -> None:
    with pytest.raises(ShortdError, match=re.escape(said)) as caught:
        read_pattern(typed)
    assert (caught.value.kind, caught.value.field) == (INVALID_FIELD, "pattern")


@pytest.mark.parametrize(
    ("pattern", "url", "found"),
    [
        ("example.org", "https://example.org/", True),
        ("example.org", "http://EXAMPLE.ORG.:8080/a?b#c", True),
        ("example.org", "https://a.b.example.org/", True),
        ("example.org", "https://%65xample.org/", True),
        ("example.org", "https://notexample.org/", False),
        ("example.org", "https://example.org.net/", False),
        ("example.org", "https://other.example/?u=https://example.org/", False),
        ("=example.org", "https://example.org/", True),
        ("=example.org", "https://www.example.org/", False),
        ("bücher.example", "https://BÜCHER.example/", True),
        ("xn--bcher-kva.example", "https://shop.bücher.example/", True),
        ("bücher.example", "https://\uff42ücher\uff0eexample/", True),
        ("192.0.2.7", "http://0xc0.0.2.7/", True),
        ("192.0.2.7", "http://[::ffff:192.0.2.7]/", True),
        ("2.7", "http://192.0.2.7/", False),
        ("2001:db8::1", "http://[2001:DB8:0::1]:80/", True),
        ("/casino-[0-9]+/", "https://x.example/casino-77", True),
        ("/casino-[0-9]+/", "https://x.example/Casino-77", False),
        ("/(?i)casino/", "https://x.example/?q=CASINO", True),
        ("/casino/", "https://x.example/%63asino", True),
        ("/^https:..x.example.$/", "https://x.example/", True),
        ("/^https:..x.example.$/", "https://X.EXAMPLE", True),
        ("/xn--bcher/", "https://bücher.example/", True),
        ("/bücher/", "https://bücher.example/", True),
        ("/ü=1/", "https://x.example/?%C3%BC=1", True),
    ],
)
def test_what_is_blocked(pattern: str, url: str, found: bool) -> None:
    assert finds(pattern, url) is found


def test_the_nearest_pattern_is_named() -> None:
    texts = ("/example/", "org", "example.org", "www.example.org", "=www.example.org")
    index = Index(map(read_pattern, texts))
    assert len(index) == 5
    found = []
    for text in reversed(texts):
        found.append(index.find("https://www.example.org/"))
        index.discard(read_pattern(text))
    assert found == list(reversed([texts[0], *texts[1:]]))
    assert index.find("https://www.example.org/") is None


def test_expressions_that_cannot_be_one_are_asked_one_by_one() -> None:
    index = Index(map(read_pattern, ["/(?P<n>casino)/", "/(?P<n>pills)/", "/(?i)loans/"]))
    for word, text in (("casino", "/(?P<n>casino)/"), ("pills", "/(?P<n>pills)/")):
        assert index.find(f"https://x.example/{word}") == text
    assert index.find("https://x.example/LOANS") == "/(?i)loans/"
    assert index.find("https://x.example/CASINO") is None
    quoted = Index(map(read_pattern, ["/\\Qcasino/", "/\\Qpills\\E/"]))
    assert quoted.find("https://x.example/casino") == "/\\Qcasino/"


def test_many_expressions_cost_little_where_none_fits() -> None:
    index = Index(read_pattern(f"/(?i)word{number}[0-9]+x/") for number in range(100))
    urls = [f"https://good.example/{number}/some/path?with=query" for number in range(1000)]
    started = time.process_time()
    assert not any(map(index.find, urls))
    assert time.process_time() - started < 0.5
    assert index.find("https://good.example/WORD99x") == "/(?i)word9[0-9]+x/"


LABELS = st.sampled_from(["a", "b", "A", "ex%61", "bü", "xn--b-yga", "org"])
NAMES = st.lists(LABELS, min_size=1, max_size=4).map(".".join)
HOSTS = st.builds(lambda name, dot: name + dot, NAMES, st.sampled_from(["", "."]))
PATHS = st.text(alphabet="ab/%C3BC?=&", max_size=8).filter(lambda text: "%" not in text)
PATTERNS = st.one_of(
    NAMES,
    NAMES.map(lambda name: f"={name}"),
    st.sampled_from(["/a/", "/b[.]a/", "/org.*[?]/", "/(?i)A=/", r"/^https:\/\/b/"]),
)


def naive(pattern: str, url: str) -> bool:
    """The rules word by word, with another engine for expressions."""
    parsed = ada_url.URL(url)
    if pattern.startswith("/"):
        spellings = (url, parsed.href, unquote(parsed.href))
        return any(re.search(pattern[1:-1], one) for one in spellings)
    host = ada_url.URL(f"http://{pattern.removeprefix('=')}/").hostname.rstrip(".")
    there = parsed.hostname.rstrip(".")
    return there == host or (not pattern.startswith("=") and there.endswith("." + host))


@given(st.lists(PATTERNS, max_size=6), HOSTS, PATHS)
def test_the_index_finds_what_the_rules_say(patterns: list[str], host: str, path: str) -> None:
    url = f"https://{host}/{path}"
    index = Index(map(read_pattern, patterns))
    blocking = {read_pattern(one).text for one in patterns if naive(one, url)}
    found = index.find(url)
    assert found in blocking if blocking else found is None
    for pattern in patterns:
        index.discard(read_pattern(pattern))
    assert len(index) == 0 and index.find(url) is None


@pytest.mark.parametrize(
    "pattern",
    ["/(a+)+$/", "/(a*)*b/", "/(x+x+)+y/", "/(a?){60}a{60}c/", "/([ab]|a|b)*c{30}$/"],
)
def test_no_expression_takes_long(pattern: str) -> None:
    """Of Python's own, the first takes longer than the universe has been there."""
    index = Index([read_pattern(pattern)])
    url = "https://x.example/" + "ab" * 4000
    started = time.process_time()
    index.find(url + "a" * 100)
    assert time.process_time() - started < 1
