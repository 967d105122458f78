"""shortd_safety: what lists in all formats say of hosts in all spellings, and what is no list."""

from __future__ import annotations

import signal
import string
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shortd.plugin import DestinationPatterns
from shortd_safety.contents import (
    MOST_EXPRESSIONS,
    MOST_LINE_BYTES,
    BadList,
    Contents,
    Facts,
    read_list,
)
from shortd_safety.hosts import Target
from shortd_safety.lines import entries_of
from shortd_safety.lists import BlockList, sweep
from shortd_safety.settings import ListSettings

FACTS = Facts("test")
FORMATS = {
    "plain": "{host}",
    "plain with a comment": "{host}   # of fraud",
    "capitals": "{HOST}",
    "a final dot": "{host}.",
    "wildcard": "*.{host}",
    "dot in front": ".{host}",
    "hosts": "0.0.0.0 {host}",
    "hosts with tabs and names": "127.0.0.1\tother.test {host}\t# comment",
    "hosts of IPv6": ":: {host}",
    "ad blocker": "||{host}^",
    "ad blocker without an end": "||{host}",
    "ad blocker with options": "||{host}^$all,important",
    "a page": "https://{host}/",
}
ALONE = {"a page"}
"""Formats that mean the host alone."""
SPELLINGS = {
    "bad.example": (
        "http://bad.example/",
        "https://BAD.Example/path?query#fragment",
        "https://bad.example./",
        "http://bad.example:8080/x",
        "http://%62ad.example/",
    ),
    "bücher.example": (
        "https://bücher.example/",
        "https://xn--bcher-kva.example/",
        "https://BÜCHER.example/",
    ),
    "192.0.2.7": (
        "http://192.0.2.7/",
        "http://3221225991/",
        "http://0xc0.0.2.7/",
        "http://192.0.2.7./",
    ),
}
IPV6 = ("http://[2001:db8::7]/", "http://[2001:DB8:0:0::7]:81/")
OTHERS = (
    "https://example/",
    "https://notbad.example/",
    "https://bad.example.org/",
    "https://other.example/bad.example",
    "https://192.0.2.70/",
    "https://192.0.2.8/",
)


def made(*lines: str, subdomains: bool = True) -> Contents:
    return read_list("\n".join(lines).encode(), FACTS, subdomains=subdomains)


def says(contents: Contents, url: str) -> str | None:
    return contents.find(Target(url))


@pytest.mark.parametrize("host", SPELLINGS)
@pytest.mark.parametrize("form", FORMATS)
def test_formats_and_spellings(form: str, host: str) -> None:
    contents = made("# a list", "", "! x", FORMATS[form].format(host=host, HOST=host.upper()))
    for url in SPELLINGS[host]:
        assert says(contents, url), url
    for url in OTHERS:
        assert says(contents, url) is None, url
    if not host[0].isdigit():
        below = says(contents, f"https://a.b.{host}/")
        assert (below is None) == (form in ALONE)


@pytest.mark.parametrize(
    "line", ["2001:db8::7", "[2001:DB8::7]", ":: 2001:db8:0::7", "||[2001:db8::7]^"]
)
def test_addresses_of_ipv6(line: str) -> None:
    contents = made(line)
    assert all(says(contents, url) for url in IPV6)
    assert says(contents, "http://[2001:db8::8]/") is None


def test_mapped_addresses_are_those_of_ipv4() -> None:
    assert says(made("192.0.2.7"), "http://[::ffff:192.0.2.7]/")
    assert says(made("::ffff:192.0.2.7"), "http://192.0.2.7/")


def test_hosts_alone() -> None:
    contents = made("=bad.example")
    assert says(contents, "https://bad.example/") == "=bad.example"
    assert says(contents, "https://a.bad.example/") is None
    contents = made("bad.example", "||other.example^", subdomains=False)
    assert says(contents, "https://other.example/")
    assert says(contents, "https://a.other.example/") is None


def test_exceptions_of_a_list() -> None:
    contents = made("||bad.example^", "@@||good.bad.example^")
    assert says(contents, "https://bad.example/")
    assert says(contents, "https://good.bad.example/") is None
    assert says(contents, "https://a.good.bad.example/") is None


def test_single_addresses() -> None:
    contents = made("https://host.example/evil/page?id=7#x", "http://host.example:81/")
    assert says(contents, "http://host.example/evil/page?id=7")
    assert says(contents, "http://host.example/evil/page?id=8") is None
    assert says(contents, "http://host.example/") is None
    assert says(contents, "https://host.example:81/")


def test_expressions() -> None:
    contents = made("/casino-[0-9]+/", "a.example", "/(/", "/.*/")
    assert says(contents, "https://b.example/casino-7") == "/casino-[0-9]+/"
    assert says(contents, "https://b.example/casino") is None
    # One cannot be read, and one would fit every address.
    assert (contents.facts.entries, contents.facts.unreadable) == (2, 2)


def test_expressions_beyond_all_bounds_are_passed_over() -> None:
    hosts = [f"host{number}.example" for number in range(3 * MOST_EXPRESSIONS)]
    contents = made(*(f"/x{number}/" for number in range(2 * MOST_EXPRESSIONS)), *hosts)
    assert contents.facts.unreadable == 2 * MOST_EXPRESSIONS - 100
    assert says(contents, "https://b.example/x99") and says(contents, f"https://{hosts[-1]}/")


@pytest.mark.parametrize("host", [".bad.example", "..bad.example", ".x.bad.example.", ".a"])
def test_a_dot_in_front_is_no_way_around(host: str) -> None:
    contents = made("bad.example", "a")
    assert says(contents, f"https://{host}/") in ("bad.example", "a")


def test_a_host_of_thousands_of_parts_costs_little() -> None:
    contents = made("blocked.example", "@@||let.blocked.example^")
    together = DestinationPatterns(["blocked.example"])
    url = f"https://{'a.' * 4_000}blocked.example/"
    begun = time.process_time()
    for _ in range(20):
        assert says(contents, url) == "blocked.example" == together.find(url)
    assert time.process_time() - begun < 0.5


@pytest.mark.parametrize(
    "line",
    [
        "# comment",
        "! comment",
        "[Adblock Plus 2.0]",
        "127.0.0.1 localhost",
        "::1 localhost ip6-localhost",
        "255.255.255.255 broadcasthost",
        "fe80::1%lo0 localhost",
        "0.0.0.0 0.0.0.0",
        "192.168.1.5 nas.home.example",
        "||cdn.example^$third-party",
        "||cdn.example/script.js",
        "example.com##.banner",
        "/ads/banner.",
        "&ad_box=",
        "|https://example.com/x",
        "@@|https://example.com/",
    ],
)
def test_lines_that_are_about_no_host(line: str) -> None:
    assert not entries_of(line)


@pytest.mark.parametrize(
    "line",
    [
        "<html>",
        "two words",
        "a@b.example",
        "192.0.2.0/24",
        "host.example/path",
        "0.0.0.0 a/b",
        "x" * 400,
        "\ufffd\ufffd",
    ],
)
def test_lines_that_cannot_be_read(line: str) -> None:
    with pytest.raises(ValueError):
        entries_of(line)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\x7fELF\0\0\1" * 100, "line 1 is no text"),
        (b"a.example\n" + b"x" * (MOST_LINE_BYTES + 1), "line 2 has more than"),
        (b"y" * 10_000_000, "line 1 has more than"),
        (b"<html>\n<head>\n<title>Not found</title>\n</head>\n</html>", "is it a list"),
        (b"\xff\xfe" * 50, "cannot be read"),
    ],
    ids=["binary", "huge line", "no newline", "a page", "another coding"],
)
def test_what_is_no_list(content: bytes, said: str) -> None:
    with pytest.raises(BadList, match=said):
        read_list(content, FACTS)


def test_byte_order_marks_and_line_ends_of_windows() -> None:
    contents = read_list(b"\xef\xbb\xbfa.example\r\nb.example\r\n", FACTS)
    assert says(contents, "https://a.example/") and says(contents, "https://b.example/")


def test_what_is_kept_says_the_same_and_shows_when_it_is_damaged() -> None:
    contents = made("a.example", "/evil-[0-9]/", "@@||b.a.example^")
    kept = contents.dump()
    again = Contents.load(kept)
    assert again.facts == contents.facts
    assert says(again, "https://a.example/") and says(again, "https://x.example/evil-1")
    assert says(again, "https://b.a.example/") is None
    for damaged in (
        b"",
        kept[:-1],
        kept[: len(kept) // 2],
        kept + b"x",
        kept[:30] + b"x" + kept[31:],
    ):
        with pytest.raises(BadList):
            Contents.load(damaged)


@pytest.mark.parametrize(
    ("where", "call", "is_new"), [("fsync", 1, False), ("replace", 1, False), ("fsync", 2, True)]
)
def test_a_kill_leaves_the_old_list_or_the_new_one(
    tmp_path: Path, where: str, call: int, is_new: bool
) -> None:
    """Killed in the middle of replacing it, at each of the steps."""
    source, folder = tmp_path / "source.txt", tmp_path / "kept"
    folder.mkdir()
    source.write_text("old.example\n")
    one = BlockList(ListSettings(file=str(source)), folder)
    one.read_file(1)
    source.write_text("new.example\nold.example\n")
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(source), str(folder), where, str(call)],
        timeout=60,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    again = BlockList(ListSettings(file=str(source)), folder)
    assert again.find(Target("https://old.example/")) and not again.fault
    assert bool(again.find(Target("https://new.example/"))) == is_new
    sweep(folder, {again.kept_in})
    assert [path.name for path in folder.iterdir()] == [again.kept_in]


KILLED = """
import os, signal, sys
from pathlib import Path
from shortd_safety.lists import BlockList
from shortd_safety.settings import ListSettings

source, folder, where, call = sys.argv[1:]
place = os if where == "fsync" else Path
real, calls = getattr(place, where), []

def counted(*given):
    calls.append(given)
    if len(calls) == int(call):
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*given)

setattr(place, where, counted)
BlockList(ListSettings(file=source), Path(folder)).read_file(2)
"""


_label = st.text(string.ascii_lowercase[:3], min_size=1, max_size=2)
_host = st.lists(_label, min_size=1, max_size=4).map(lambda labels: ".".join([*labels, "example"]))


@given(st.sets(_host, max_size=30), st.sets(_host, max_size=5), st.sets(_host, max_size=3), _host)
@example(set(), set(), set(), "a.example")
def test_lookup_is_that_of_a_naive_set(
    wide: set[str], alone: set[str], excepted: set[str], host: str
) -> None:
    lines = [*wide, *(f"={one}" for one in alone), *(f"@@||{one}^" for one in excepted)]
    labels = host.split(".")
    above = {".".join(labels[start:]) for start in range(len(labels))}
    expected = (host in alone or bool(above & wide)) and not above & excepted
    assert (says(made(*lines), f"https://{host}/") is not None) == expected
