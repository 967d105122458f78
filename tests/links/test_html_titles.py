"""Titles of pages: in every encoding, whatever surrounds them, and whatever the markup costs."""

from __future__ import annotations

import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortd.links.html_titles import TITLE_CHARACTERS, read_head

SIZE = 1 << 19
URL = "https://page.example/a/b?c"
SECONDS = 0.2


def title_of(body: bytes, charset: str | None = None) -> str | None:
    return read_head(body, URL, charset, SECONDS).title


@pytest.mark.parametrize(
    ("page", "title"),
    [
        ("<title>Plain</title>", "Plain"),
        ("<TITLE lang=en\n>  Two\n\tlines </TITLE >", "Two lines"),
        ("<title>&lt;b&gt; &amp;amp; &#x2603; &nbsp;x</title>", "<b> &amp; ☃ x"),
        ("<!-- <title>no</title> --><title>yes</title>", "yes"),
        ("<title>first</title><title>second</title>", "first"),
        ("<title></title><title>second</title>", None),
        ("<style><title>no</title></style><title>yes</title>", "yes"),
        ("<title>never closed", "never closed"),
        ("<title>a\u202eb\u0000c\u200fd\x1be</title>", "a b c d e"),
        ("<title>\U0001f469\u200d\U0001f4bb</title>", "\U0001f469\u200d\U0001f4bb"),
        ("<title>&#xD800;</title>", None),
        ("<title> </title>", None),
        ("<title>", None),
        ("<p>none", None),
        ("", None),
        ("<![if x]><title>x</title>", "x"),
        ("<body><p>late<title>x</title>", "x"),
        # All of it is text, but its end tag.
        ("<title>Use of <b> and <br/> in HTML</title>", "Use of <b> and <br/> in HTML"),
        ("<title>a <!-- b --> c</title>", "a <!-- b --> c"),
        ("<title>if a < b & c</title>", "if a < b & c"),
        ("<title>the </titles> tag</title>", "the </titles> tag"),
        ("<title><title>x</title>", "<title>x"),
        ("<title>a</title\n>b</title>", "a"),
        ("<title>what <![CDATA[is]]> <?php ?></title>", "what <![CDATA[is]]> <?php ?>"),
    ],
)
def test_the_first_title_of_the_document(page: str, title: str | None) -> None:
    assert title_of(page.encode()) == title


@pytest.mark.parametrize(
    "other",
    [
        *("<svg><title>no</title></svg>", "<svg><g><title>no</title></g><svg></svg></svg>"),
        *("<math><mi><title>no</title></mi></math>", "<template><title>no</title></template>"),
        "<script>'<title>no</title>'</script>",
        "<script>let a = '</title>'</script>",
        *("<!-- </title> -->", "<!-- <title>no</title> -->", "<style>/* </title> */</style>"),
        *("<noscript><title>no</title></noscript>", "<textarea><title>no</title></textarea>"),
        *("<iframe><title>no</title></iframe>", "<xmp><title>no</title></xmp>"),
        *("<meta content='<title>no</title>'>", "<select><title>no</title></select>"),
        "<link title=no href='</title>'>",
    ],
)
def test_titles_that_are_not_the_documents(other: str) -> None:
    page = f"<!doctype html><html><head>{other}<title>yes</title><body>"
    assert title_of(page.encode()) == "yes"
    assert title_of(other.encode()) is None
    # However little of it has come, none of them is taken for the title.
    for end in range(0, len(page), 3):
        head = read_head(page[:end].encode(), URL, None, SECONDS)
        assert head.title in (None, "y", "ye", "yes")
        assert not head.is_whole or head.title == "yes"


GREETING = "Привет, мир"
CYRILLIC = f"<title>{GREETING}</title>".encode("cp1251")


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
        (
            b"<meta http-equiv=content-type content='text/html charset = cp1251'>" + CYRILLIC,
            None,
            GREETING,
        ),
        (b"<meta charset=cp1251>" + CYRILLIC, None, GREETING),
        (b"<meta charset=x><meta charset=windows-1251>" + CYRILLIC, None, GREETING),
        (CYRILLIC + b"<meta charset=windows-1251>", None, GREETING),
        (b" " * 5000 + b"<meta charset=windows-1251>" + CYRILLIC, None, GREETING),
        (
            b"<script>" + b"x" * 99999 + b"</script><meta charset=windows-1251>" + CYRILLIC,
            None,
            GREETING,
        ),
        (b"<?xml version='1.0' encoding='windows-1251'?>" + CYRILLIC, None, GREETING),
        (b"<!-- <meta charset=koi8-r> --><meta charset=windows-1251>" + CYRILLIC, None, GREETING),
        (
            b"<script>'<meta charset=koi8-r>'</script><meta charset=cp1251>" + CYRILLIC,
            None,
            GREETING,
        ),
        ("<meta charset=utf-16><title>ü</title>".encode(), None, "ü"),
        ("<?xml version='1.0' encoding='utf-16'?><title>ü</title>".encode(), None, "ü"),
        ("\ufeff<title>ü</title>".encode("utf-16-le"), None, "ü"),
        ("\ufeff<title>日本</title>".encode("utf-16-be"), "utf-8", "日本"),
        ("<title>日本</title>".encode("utf-16-le"), "utf-16le", "日本"),
        ("\ufeff<title>ü</title>".encode(), "latin1", "ü"),
        ("<title>ü</title>".encode(), "punycode", "ü"),
        ("<title>ü</title>".encode(), "unicode_escape", "ü"),
        ("<title>ü</title>".encode(), "\x00", "ü"),
        # Without any label, or with a wrong one.
        ("<title>Café « à la crème »</title>".encode("cp1252"), None, "Café « à la crème »"),
        ("<title>Café à la crème</title>".encode("cp1252"), "utf-8", "Café à la crème"),
        ("<meta charset=utf-8><title>Größe</title>".encode("cp1252"), None, "Größe"),
        ("<title>ü</title>".encode("cp1252") + "<p>ü".encode(), None, None),
        ("<title>Größe</title><p>".encode() + b"\xfc\xfd", None, "Größe"),
        (CYRILLIC, None, None),
        (CYRILLIC, "utf-8", None),
        ("<title>日本語の題</title>".encode("shift_jis"), None, None),
        ("<title>Καλημέρα</title>".encode("cp1253"), None, None),
        ("<title>日本語の題</title>".encode("euc-jp"), None, None),
        ("<title>a\ufffdb</title>".encode(), None, None),
        # Cut in two by the end of what was read.
        ("<title>Café é".encode()[:-1], None, "Café"),
        ("<meta charset=gbk><title>日本".encode("gbk")[:-1], None, "日"),
    ],
)
def test_encodings(body: bytes, charset: str | None, title: str | None) -> None:
    assert title_of(body, charset) == title


@given(
    st.text(st.characters(codec="cp1251", categories=["L", "N"]), min_size=1, max_size=200),
    st.sampled_from(["utf-8", "cp1251", "koi8-r", "gb18030", "utf-16le"]),
)
def test_what_is_labelled_is_read(title: str, charset: str) -> None:
    title = title.encode(charset, "ignore").decode(charset)
    body = f"<title>{title}</title>".encode(charset)
    assert title_of(body, charset) == (title or None)


def test_a_long_title_is_cut() -> None:
    title = title_of(b"<title>" + b"word " * 100_000 + b"</title>")
    assert title is not None
    assert len(title) <= TITLE_CHARACTERS
    assert title.startswith("word word") and title.endswith("…")


@given(st.binary(max_size=300), st.sampled_from([None, "utf-8", "utf-16", "gbk", "nonsense"]))
def test_any_bytes_are_read(body: bytes, charset: str | None) -> None:
    title = title_of(b"<title>" + body, charset)
    assert title is None or (0 < len(title) <= TITLE_CHARACTERS and "\ufffd" not in title)


# Pages that lead on


@pytest.mark.parametrize(
    ("content", "refresh"),
    [
        ("0; url=https://other.example/x", "https://other.example/x"),
        ("0;URL='next'", "https://page.example/a/next"),
        ('5 ; url = "/x"', "https://page.example/x"),
        ("0, //other.example", "https://other.example/"),
        ("0 ?d", "https://page.example/a/b?d"),
        (" .5; url=x", "https://page.example/a/x"),
        ("1.9;url=x y", "https://page.example/a/x%20y"),
        ("0;url=http://[", ""),
        # Nobody is led on, or not soon.
        ("6; url=/x", None),
        ("300; url=/x", None),
        ("99999999999999999999; url=/x", None),
        *((content, None) for content in ("0", "0;", "5; url=", "; url=/x", "url=/x", "x", "")),
        ("0; url=#part", None),
        ("0; url=https://page.example/a/b?c", None),
    ],
)
def test_a_page_leads_on(content: str, refresh: str | None) -> None:
    quoted = content.replace('"', "&quot;")
    page = f'<head><title>Redirecting...</title><META HTTP-EQUIV=Refresh content="{quoted}"><p>x'
    head = read_head(page.encode(), URL, None, SECONDS)
    assert (head.title, head.refresh) == ("Redirecting...", refresh)
    assert head.is_whole


def test_what_it_leads_to_is_meant_from_its_base() -> None:
    page = b"<base href=//other.example/d/><meta http-equiv=refresh content='0; url=x'>"
    assert read_head(page, URL, None, SECONDS).refresh == "https://other.example/d/x"


@pytest.mark.parametrize("element", ["noscript", "template", "svg"])
def test_what_does_not_lead_on(element: str) -> None:
    page = f"<{element}><meta http-equiv=refresh content='0; url=/x'></{element}><title>t</title>"
    assert read_head(page.encode(), URL, None, SECONDS)[:2] == ("t", None)


# What it costs


@pytest.mark.parametrize(
    "piece",
    [
        *("<div>", "<a><b>", "<", "<a ", "<a x='", '<a x="', "</", "<!--", "<!", "<?", "<![CDATA["),
        *("&", "&#", "&amp", "<title>", "<title", "<textarea>", "<script></", "<svg>", "<a\n="),
        *(
            "<meta charset=x>",
            "<a><p>",
            "<font><p>",
            "<form>",
            "<title>a&lt;",
            "<table><tr>",
            "\x85",
        ),
        "<meta http-equiv=refresh content=0>",
    ],
)
def test_hostile_markup_costs_little(piece: str) -> None:
    body = (piece * (SIZE // len(piece))).encode("latin-1")
    start = time.thread_time()
    title_of(body, "gb18030")
    # One piece more than allowed, on a slow machine.
    assert time.thread_time() - start < SECONDS + 1


@pytest.mark.parametrize(
    "content", ["0" * SIZE, " " * SIZE, "0" + " " * SIZE, "0;" + " " * SIZE, "0; url" + " " * SIZE]
)
def test_hostile_refreshes_cost_little(content: str) -> None:
    start = time.thread_time()
    read_head(f"<meta http-equiv=refresh content='{content}'>".encode(), URL, None, SECONDS)
    assert time.thread_time() - start < SECONDS + 1


@pytest.mark.parametrize("element", ["<b>%s</b>", "<b a='%s'>", "<title>%s</title>"])
def test_a_character_without_bound_ends_nothing(element: str) -> None:
    body = "<title>first</title>" + element % ("&#" + "1" * 5000)
    # As Python has it, and a server: tools of tests take it away.
    most = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(4300)
    try:
        assert read_head(body.encode(), "https://example.com/", None, 1).title == "first"
        read_head(body.partition("</title>")[2].encode(), "https://example.com/", None, 1)
    finally:
        sys.set_int_max_str_digits(most)
