"""Titles of pages: in every encoding, whatever surrounds them, and whatever the markup costs."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortd.html_titles import CPU_SECONDS, TITLE_CHARACTERS, title_of

SIZE = 1 << 19


@pytest.mark.parametrize(
    ("page", "title"),
    [
        ("<title>Plain</title>", "Plain"),
        ("<TITLE lang=en\n>  Two\n\tlines </TITLE >", "Two lines"),
        ("<title>&lt;b&gt; &amp;amp; &#x2603; &nbsp;x</title>", "<b> &amp; ☃ x"),
        ("<!-- <title>no</title> --><title>yes</title>", "yes"),
        ("<svg><title>no</title></svg><title>yes</title>", "yes"),
        ("<svg><g><title>no</title></g><svg></svg></svg><title>yes</title>", "yes"),
        ("<title>first</title><title>second</title>", "first"),
        ("<script>'<title>no</title>'</script><title>yes</title>", "yes"),
        ("<style><title>no</title></style><title>yes</title>", "yes"),
        ("<title>never closed", "never closed"),
        ("<title>a\u202eb\u0000c\u200fd\x1be</title>", "a b c d e"),
        ("<title>\U0001f469\u200d\U0001f4bb</title>", "\U0001f469\u200d\U0001f4bb"),
        ("<title> </title>", None),
        ("<title>", None),
        ("<p>none", None),
        ("", None),
        ("<![if x]><title>x</title>", "x"),
    ],
)
def test_the_first_title_of_the_document(page: str, title: str | None) -> None:
    assert title_of(page.encode(), None) == title


@pytest.mark.parametrize(
    ("body", "charset", "title"),
    [
        ("<title>ü</title>".encode(), None, "ü"),
        ("<title>ü</title>".encode(), "utf-8", "ü"),
        ("<title>ü€</title>".encode("cp1252"), "ISO-8859-1", "ü€"),
        ("<meta charset=gb2312><title>日本</title>".encode("gbk"), None, "日本"),
        ("<meta charset=latin1><title>ü</title>".encode(), "utf-8", "ü"),
        (
            "<meta http-equiv=Content-Type content='text/html; charset=Shift_JIS'>"
            "<title>日本</title>".encode("shift_jis"),
            None,
            "日本",
        ),
        ("<meta charset=utf-16><title>ü</title>".encode(), None, "ü"),
        ("\ufeff<title>ü</title>".encode("utf-16-le"), None, "ü"),
        ("\ufeff<title>ü</title>".encode(), "latin1", "ü"),
        ("<title>ü</title>".encode("cp1252"), None, "\ufffd"),
        ("<title>ü</title>".encode(), "punycode", "ü"),
        ("<title>ü</title>".encode(), "unicode_escape", "ü"),
        ("<title>ü</title>".encode(), "\x00", "ü"),
    ],
)
def test_encodings(body: bytes, charset: str | None, title: str) -> None:
    assert title_of(body, charset) == title


def test_a_long_title_is_cut() -> None:
    title = title_of(b"<title>" + b"word " * 100_000 + b"</title>", None)
    assert title is not None
    assert len(title) <= TITLE_CHARACTERS
    assert title.startswith("word word") and title.endswith("…")


@given(st.binary(max_size=300), st.sampled_from([None, "utf-8", "utf-16", "gbk", "nonsense"]))
def test_any_bytes_are_read(body: bytes, charset: str | None) -> None:
    title = title_of(b"<title>" + body, charset)
    assert title is None or 0 < len(title) <= TITLE_CHARACTERS


@pytest.mark.parametrize(
    "piece",
    [
        *("<div>", "<a><b>", "<", "<a ", "<a x='", '<a x="', "</", "<!--", "<!", "<?", "<![CDATA["),
        *("&", "&#", "&amp", "<title>", "<title", "<textarea>", "<script></", "<svg>", "<a\n="),
        "<meta charset=x>",
    ],
)
def test_hostile_markup_costs_little(piece: str) -> None:
    body = (piece * (SIZE // len(piece))).encode()
    start = time.thread_time()
    title_of(body, None)
    # One piece more than allowed, on a slow machine.
    assert time.thread_time() - start < CPU_SECONDS + 1
