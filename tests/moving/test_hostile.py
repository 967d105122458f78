"""Sources that are torn, huge, hostile or something else altogether: rows that are told, or one
clear refusal; never anything else, and never a file that is changed.
"""

from __future__ import annotations

import gzip
import json
import random
import shutil
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shortd import errors
from shortd.moving.formats import FORMATS
from shortd.moving.inputs import SMALL
from shortd.moving.json_objects import DEPTH, HELD
from shortd.moving.options import Options
from shortd.moving.records import Reason
from shortd.moving.sources import open_source
from tests.moving.reading import SAMPLES, Reading, read

JUNK: dict[str, bytes] = {
    "nothing": b"",
    "spaces": b" \n\t ",
    "nuls": b"\x00" * 5000,
    "noise": random.Random(1).randbytes(20_000),
    "a mark alone": b"\xef\xbb\xbf",
    "half a mark": b"\xff\xfe\x00",
    "a page": b"<!DOCTYPE html><title>Sign in</title><form><input name=user></form>",
    "a zip": b"PK\x03\x04" + bytes(100),
    "half a gzip": gzip.compress(b"source,url\na,https://example.com/\n" * 500)[:60],
    "a damaged gzip": b"\x1f\x8b\x08\x00" + b"\x55" * 100,
    "half an array": b'[{"id": 1, "shortlink": "a"',
    "empty JSON": b"[]",
    "an error": b'{"error": "not allowed"}',
    "deep JSON": b"[" * 100_000,
    "deep objects": b'{"a":' * 100_000,
    "a large number": b'[{"shortlink": "a", "longlink": "https://example.com/", "hits": '
    + b"9" * 6000
    + b"}]",
    "words": "Grüße aus München".encode("cp1252"),
    "a head alone": b"code,url\n",
    "a quote": b'code,url\n"',
    "SQL of others": b"CREATE TABLE posts (ID int, t text);\nINSERT INTO posts VALUES (1,'x');\n",
    "half of SQL": b"INSERT INTO `yourls_url` VALUES ('a','https://e",
    "a head of SQLite": b"SQLite format 3\x00" + bytes(84),
    "SQLite and noise": b"SQLite format 3\x00" + random.Random(2).randbytes(20_000),
}


def outcome(
    format_name: str, where: Path | str, options: Options | None = None
) -> Reading | errors.ShortdError:
    """What reading comes to: nothing else may happen."""
    try:
        return read(format_name, where, options)
    except errors.ShortdError as refusal:
        assert refusal.kind is errors.SOURCE_UNREADABLE
        assert "%(" not in refusal.message
        return refusal


def refusal(format_name: str, where: Path | str, options: Options | None = None) -> str:
    found = outcome(format_name, where, options)
    assert isinstance(found, errors.ShortdError), found
    return found.message


@pytest.mark.parametrize("format_name", FORMATS)
def test_junk_makes_no_links(format_name: str, tmp_path: Path) -> None:
    for name, junk in JUNK.items():
        source = tmp_path / "source"
        source.write_bytes(junk)
        found = outcome(format_name, source, Options(workdir=tmp_path))
        if isinstance(found, Reading):
            assert not [link for link in found.links if name != "a large number"], name
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


@pytest.mark.parametrize("format_name", FORMATS)
def test_what_is_not_there_is_told(format_name: str, tmp_path: Path) -> None:
    assert "No such file" in refusal(format_name, tmp_path / "missing")
    assert "no files" in refusal(format_name, tmp_path)
    assert "is no file" in refusal(format_name, "/dev/null")


SOURCES = [
    ("yourls", "yourls/yourls-1.10.sql"),
    ("shlink", "shlink/shlink-5.1-mariadb.sql"),
    ("polr", "polr/polr-2.3.sql"),
    ("shlink", "shlink/shlink-5.1.sqlite"),
    ("kutt", "kutt/kutt-3.2.sqlite"),
    ("chhoto", "chhoto/chhoto-6.sqlite"),
    ("yourls", "yourls/yourls-api-stats.json"),
    ("kutt", "kutt/kutt-api-links.json"),
    ("dub", "dub/dub-api-links.json"),
    ("bitly", "bitly/bitly-api.json"),
    ("csv", "generic/links-comma.csv"),
    ("bookmarks", "bookmarks/bookmarks.html"),
]


@pytest.mark.parametrize(("format_name", "sample"), SOURCES, ids=lambda part: str(part))
@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(seed=st.integers(0, 2**32), cut=st.booleans())
def test_damage_is_borne(
    format_name: str, sample: str, tmp_path: Path, seed: int, cut: bool
) -> None:
    """Bytes that are others, or the end that is missing."""
    chance = random.Random(seed)
    data = bytearray((SAMPLES / sample).read_bytes())
    if cut:
        del data[chance.randrange(len(data)) :]
    for _ in range(chance.randrange(1, 30)):
        if data:
            data[chance.randrange(len(data))] = chance.choice(
                [0, 39, 92, 255, chance.randrange(256)]
            )
    source = tmp_path / "source"
    source.write_bytes(data)
    outcome(format_name, source)


@pytest.mark.parametrize(("format_name", "sample"), SOURCES, ids=lambda part: str(part))
def test_packed_is_read_alike(format_name: str, sample: str, tmp_path: Path) -> None:
    packed = tmp_path / "source.gz"
    packed.write_bytes(gzip.compress((SAMPLES / sample).read_bytes()))
    assert read(format_name, packed) == read(format_name, SAMPLES / sample)
    packed.write_bytes(packed.read_bytes()[:-20])
    assert "torn" in refusal(format_name, packed)


def test_what_unpacks_without_end_is_refused(tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.gz"
    with gzip.open(bomb, "wb") as file:
        for _ in range((SMALL >> 20) + 2):
            file.write(b"-- " + b"x" * (1 << 20) + b"\n")
    assert "times its size" in refusal("yourls", bomb)


# JSON


def json_source(folder: Path, value: object) -> Path:
    source = folder / "source.json"
    source.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return source


def chhoto(**more: object) -> dict[str, object]:
    return {"shortlink": "a", "longlink": "https://example.com/", "hits": 1, **more}


def test_json_is_bounded(tmp_path: Path) -> None:
    deep = "[" * DEPTH + json.dumps(chhoto()) + "]" * DEPTH
    assert "nested deeper" in refusal("chhoto", json_source(tmp_path, deep))
    long = json.dumps([chhoto(notes="x" * (HELD + (1 << 20)))])
    assert "more than" in refusal("chhoto", json_source(tmp_path, long))
    many = json.dumps({"other": [0] * 200_000})
    assert "more than" in refusal("chhoto", json_source(tmp_path, many))


@pytest.mark.parametrize(
    "text",
    [
        '{"a": [[{"shortlink": "a", "longlink": "https://example.com/"}]], "b": 1}',
        '{"shortlink": "a", "longlink": "https://example.com/"}\n{"x": 1}\n',
        '[{"shortlink": "a", "longlink": "https://example.com/", "notes": "x\n\x01\ty"}][]',
        '\ufeff[{"shortlink": "a", "longlink": "https://example.com/", "notes": "\\ud800\\u0000"}]',
    ],
)
def test_objects_are_found_wherever_they_stand(text: str, tmp_path: Path) -> None:
    assert [link.code for link in read("chhoto", json_source(tmp_path, text)).links] == ["a"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_json_in_other_encodings(encoding: str, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_text(json.dumps([chhoto(notes="Grüße")], ensure_ascii=False), encoding=encoding)
    assert read("chhoto", source).link("a").terms.title == "Grüße"


def test_pages_in_a_folder_are_read_in_their_order(tmp_path: Path) -> None:
    for number in (10, 9, 1):
        page = [chhoto(shortlink=f"n{number}")]
        (tmp_path / f"page-{number}.json").write_text(json.dumps(page))
    (tmp_path / "page-2.json.gz").write_bytes(gzip.compress(json.dumps([chhoto()]).encode()))
    (tmp_path / ".hidden").write_text("[")
    links = read("chhoto", tmp_path).links
    assert [link.code for link in links] == ["n1", "a", "n9", "n10"]
    (tmp_path / "page-11.json").write_text("[{")
    assert "page-11.json" in refusal("chhoto", tmp_path)


VALUES: list[object] = [
    *(None, True, -1, 2**63, 10**30, 1e308, "", "\0", "\ud800x", "a" * 5000, "9" * 64),
    *("javascript:alert(1)", "//x", "http://[", "2026-13-45", "9999-12-31T23:59:59Z", "٣"),
    *([], {}, [[]], [None], {"a": {"b": None}}, ["x"] * 2000, [{}] * 50, "1.*.*.*", "::/999"),
]
ANSWERS = [path for _, path in SOURCES if path.endswith(".json")]


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """All there is in it: what has it, and its key there."""
    if isinstance(value, (dict, list)):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from places(value[key])


@pytest.mark.parametrize("sample", ANSWERS)
def test_anything_may_stand_anywhere(sample: str, tmp_path: Path) -> None:
    chance = random.Random(sample)
    whole = (SAMPLES / sample).read_text(encoding="utf-8")
    for _ in range(60):
        answer = json.loads(whole)
        for _ in range(chance.choice([1, 1, 4])):
            held, key = chance.choice(list(places(answer)))
            held[key] = deepcopy(chance.choice(VALUES))
        outcome(sample.partition("/")[0], json_source(tmp_path, json.dumps(answer)))


# Values


@pytest.mark.parametrize(
    ("hits", "clicks", "is_told"),
    [
        (10**9, 10**9, False),
        (2**63 - 1, 2**63 - 1, False),
        (-5, 0, True),
        ("1,234", 1234, False),
        ("many", 0, True),
        (None, 0, False),
        ([], 0, False),
        (1.5e3, 1500, False),
        (2**63, 2**63 - 1, True),
        (10**30, 2**63 - 1, True),
        (True, 1, False),
    ],
)
def test_counters(hits: object, clicks: int, is_told: bool, tmp_path: Path) -> None:
    link = read("chhoto", json_source(tmp_path, [chhoto(hits=hits)])).link("a")
    assert link.clicks == clicks
    assert (Reason.NUMBER_CHANGED in {note.reason for note in link.notes}) is is_told


@pytest.mark.parametrize(
    ("created", "utime"),
    [
        ("0000-00-00 00:00:00", None),
        ("0000-01-01T00:00:00Z", None),
        ("-0001-11-30 00:00:00", None),
        ("1969-12-31T23:59:59Z", None),
        ("1970-01-01 00:00:00", None),
        ("9999-12-31 23:59:59", 253402300799000000),
        ("9999-12-31T23:59:59-14:00", None),
        ("10000-01-01", None),
        ("2021-02-30 00:00:00", None),
        ("2021-01-02 25:00:00", None),
        ("now", None),
        ("2021-01-02", 1609545600000000),
        ("2021-01-02 03:04:05.123456789+01", 1609553045123456),
        ("2021-01-02T03:04:05+0000", 1609556645000000),
        ("02.01.2021 03:04:05", 1609556645000000),
        ("1609556645", 1609556645000000),
        ("1609556645123", 1609556645123000),
        ("1609556645123456", 1609556645123456),
        ("99999999999999999999", None),
        ("01/02/2021", None),
        ("9" * 5000, None),
    ],
)
def test_times(created: str, utime: int | None, tmp_path: Path) -> None:
    source = tmp_path / "source.csv"
    source.write_text(f"code,url,created\na,https://example.com/,{created}\n")
    assert read("csv", source).link("a").created == utime


def test_dates_that_say_two_things_are_read_as_told(tmp_path: Path) -> None:
    source = tmp_path / "source.csv"
    source.write_text("code,url,created\na,https://example.com/,01/02/2021 3:04\n")
    assert read("csv", source, Options(dates="mdy")).link("a").created == 1609556640000000
    assert read("csv", source, Options(dates="dmy")).link("a").created == 1612148640000000


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", Reason.URL),
        ("   ", Reason.URL),
        ("nothing", Reason.URL),
        ("http://", Reason.URL),
        ("https:///path", Reason.URL),
        ("http://[::1", Reason.URL),
        ("https://example.com:99999/", Reason.URL),
        ("https://exa\u202emple.com/", Reason.URL),
        ("https://example.com/\x00", Reason.URL),
        ("JavaScript:alert(1)", Reason.SCHEME),
        ("data:text/html,x", Reason.SCHEME),
        ("vbscript:x", Reason.SCHEME),
        ("ftp://example.com/", Reason.SCHEME),
        ("intent://example.com/", Reason.SCHEME),
        ("https://a@example.com/", Reason.USERINFO),
        ("https://a:b@example.com/", Reason.USERINFO),
        ("https://example.com/" + "x" * 8192, Reason.TOO_LONG),
        ("https://example.com/" + " " * 4000, None),
        ("https://example.com/a" + " " * 4000 + "b", Reason.TOO_LONG),
        ("example.com", None),
        ("example.com:8080/x", None),
        ("//example.com", None),
        ("HTTP://EXAMPLE.com/%zz", None),
    ],
)
def test_destinations(url: str, reason: Reason | None, tmp_path: Path) -> None:
    found = read("chhoto", json_source(tmp_path, [chhoto(longlink=url)]))
    assert [problem.reason for problem in found.problems] == ([reason] if reason else [])
    assert len(found.links) == (not reason)


# Tables


def csv_source(folder: Path, data: bytes | str) -> Path:
    source = folder / "source.csv"
    source.write_bytes(data if isinstance(data, bytes) else data.encode())
    return source


def test_cells_are_bounded_and_rows_behind_them_come(tmp_path: Path) -> None:
    large = "x" * 3_000_000
    source = csv_source(
        tmp_path,
        f"code,url,title\na,https://example.com/,{large}\nb,https://example.com/,B\n"
        f'c,https://example.com/,"{"y" * 200_000}"\nd,https://example.com/,D\n',
    )
    found = read("csv", source)
    assert [link.code for link in found.links] == ["b", "d"]
    assert [(problem.row, problem.reason) for problem in found.problems] == [
        ("2", Reason.UNREADABLE),
        ("4", Reason.UNREADABLE),
    ]


def test_a_row_without_end_is_refused(tmp_path: Path) -> None:
    source = csv_source(tmp_path, 'code,url\n"' + '\n","' * 2_000_000)
    assert "row of more than" in refusal("csv", source)


@pytest.mark.parametrize(
    "data",
    [
        b"code,url\r\na,https://example.com/\r\n",
        b"code;url\na;https://example.com/\n\n;\n",
        b"Code\tURL\na\thttps://example.com/",
        "code,url\na,https://example.com/\n".encode("utf-16"),
        b"\xef\xbb\xbfcode,url\na,https://example.com/\n",
        b"code,url,,,\na,https://example.com/\n",
        b"code,code,url\na,b,https://example.com/\n",
        b'"code","url"\n"a","https://example.com/","more","still more"\n',
        b"code,url\rb,\ra,https://example.com/\r",
        b"sep=;\r\ncode;url\r\na;https://example.com/\r\n",
        b"\xef\xbb\xbfSEP=|\ncode|url\na|https://example.com/\n",
        b'"sep=\t"\ncode\turl\na\thttps://example.com/\n',
    ],
)
def test_tables_of_many_hands(data: bytes, tmp_path: Path) -> None:
    assert [link.code for link in read("csv", csv_source(tmp_path, data)).links] == ["a"]


@pytest.mark.parametrize("end", ["", "\n", "\r\nd,https://example.com/d,y"])
def test_a_cell_without_end_is_told(end: str, tmp_path: Path) -> None:
    """Rows behind it stand in it."""
    text = f'code,url,title\na,https://example.com/,x\nb,https://example.com/b,"open\nc,x,y{end}'
    found = read("csv", csv_source(tmp_path, text))
    assert [link.code for link in found.links] == ["a"]
    assert [(problem.row, problem.reason) for problem in found.problems] == [
        ("3", Reason.UNREADABLE)
    ]


def test_a_last_cell_in_quotes_is_none_without_end(tmp_path: Path) -> None:
    found = read("csv", csv_source(tmp_path, 'code,url,title\na,https://example.com/,"x\ny"'))
    assert ([link.code for link in found.links], found.problems) == (["a"], [])


def test_formulas_that_were_made_harmless_are_whole_again(tmp_path: Path) -> None:
    source = csv_source(tmp_path, "code,url,title\n'-x,https://example.com/,'=1+1\n")
    assert read("csv", source).link("-x").terms.title == "=1+1"


def test_a_table_without_destinations_is_refused(tmp_path: Path) -> None:
    assert "no column" in refusal("csv", csv_source(tmp_path, "code,name\na,b\n"))


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    titles=st.lists(
        st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1, max_size=20),
        max_size=5,
    ),
    delimiter=st.sampled_from(",;\t"),
)
def test_what_a_table_says_is_read(titles: list[str], delimiter: str, tmp_path: Path) -> None:
    lines = [delimiter.join(("url", "title"))]
    for title in titles:
        quoted = title.replace('"', '""')
        lines.append(f'"https://example.com/"{delimiter}"{quoted}"')
    source = csv_source(tmp_path, "\n".join(lines))
    found = [link.terms.title for link in read("csv", source).links]
    assert len(found) == len(titles)
    for title, kept in zip(titles, found, strict=True):
        if title.isascii() and title[:1] != "'":
            assert kept == " ".join(title.split())


# SQLite


Change = Callable[[sqlite3.Connection], object]


def changed(folder: Path, sample: str, change: Change) -> Path:
    source = folder / "source.sqlite"
    shutil.copyfile(SAMPLES / sample, source)
    database = sqlite3.connect(source)
    with database:
        change(database)
    database.close()
    return source


def test_a_database_is_left_as_it_was(tmp_path: Path) -> None:
    for name in ("chhoto-7.sqlite", "chhoto-7.sqlite-wal"):
        shutil.copyfile(SAMPLES / "chhoto" / name, tmp_path / name)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    found = read("chhoto", tmp_path / "chhoto-7.sqlite")
    assert found.remark("missing_wal") is None
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    (tmp_path / "chhoto-7.sqlite-wal").unlink()
    found = read("chhoto", tmp_path / "chhoto-7.sqlite")
    assert found.remark("missing_wal") is not None
    assert "late-row" not in {link.code for link in found.links}


def test_a_view_is_no_table(tmp_path: Path) -> None:
    def change(database: sqlite3.Connection) -> None:
        database.execute("ALTER TABLE urls RENAME TO hidden")
        database.execute("CREATE VIEW urls AS SELECT * FROM hidden")

    assert "no table" in refusal("chhoto", changed(tmp_path, "chhoto/chhoto-6.sqlite", change))


def test_a_virtual_table_is_not_touched(tmp_path: Path) -> None:
    def change(database: sqlite3.Connection) -> None:
        database.execute("DROP TABLE urls")
        database.execute(
            "CREATE VIRTUAL TABLE urls USING fts5(id, short_url, long_url, hits, expiry_time)"
        )

    assert "no table" in refusal("chhoto", changed(tmp_path, "chhoto/chhoto-6.sqlite", change))


def test_what_is_computed_is_not_asked_for(tmp_path: Path) -> None:
    def change(database: sqlite3.Connection) -> None:
        database.execute(
            "ALTER TABLE urls ADD COLUMN notes TEXT AS (hex(zeroblob(100000000))) VIRTUAL"
        )
        database.execute("CREATE TRIGGER t BEFORE INSERT ON urls BEGIN SELECT abs(1); END")

    source = changed(tmp_path, "chhoto/chhoto-6.sqlite", change)
    assert {link.terms.title for link in read("chhoto", source).links} == {""}


def test_values_of_other_types_are_read(tmp_path: Path) -> None:
    def change(database: sqlite3.Connection) -> None:
        database.execute("UPDATE urls SET hits = -3 WHERE short_url = 'abc'")
        database.execute("UPDATE urls SET hits = 'x', expiry_time = 1e300 WHERE short_url = 'old'")
        database.execute("UPDATE urls SET long_url = x'ff00fe' WHERE short_url = 'up'")
        database.execute("UPDATE urls SET short_url = zeroblob(50000) WHERE short_url = 'UP'")

    found = read("chhoto", changed(tmp_path, "chhoto/chhoto-6.sqlite", change))
    assert found.link("abc").clicks == found.link("old").clicks == 0
    assert "up" in {problem.code for problem in found.problems}


def test_a_value_without_bound_is_refused(tmp_path: Path) -> None:
    def change(database: sqlite3.Connection) -> None:
        database.execute("UPDATE urls SET long_url = zeroblob(20000000) WHERE short_url = 'abc'")

    assert "too big" in refusal("chhoto", changed(tmp_path, "chhoto/chhoto-6.sqlite", change))


def test_what_a_killed_import_has_left_goes(tmp_path: Path) -> None:
    source = csv_source(tmp_path, "code,url\na,https://example.com/\n")
    work, left = tmp_path / "work", tmp_path / "work" / "shortd-import-left"
    left.mkdir(parents=True)
    (left / "rows").write_bytes(b"somebody's")
    other = tmp_path / "somebody's"
    other.mkdir()
    (work / "shortd-import-link").symlink_to(other)
    options = Options(workdir=work)
    with open_source("csv", str(source), options) as one, open_source("csv", str(source), options):
        assert not left.exists()
        assert other.is_dir()
        assert len(list(work.iterdir())) == 3
        assert len(list(one.links())) == 1
    assert len(list(work.iterdir())) == 1


# Bookmarks


def test_bookmarks_are_bounded(tmp_path: Path) -> None:
    source = tmp_path / "bookmarks.html"
    source.write_text("<DL>" * 50_000 + '<DT><A HREF="https://example.com/">x</A>')
    (link,) = read("bookmarks", source).links
    assert link.terms.title == "x"
    source.write_text('<DL><DT><A HREF="' + "x" * (2 << 20))
    assert "more than" in refusal("bookmarks", source)
    source.write_text("<DL><![x[ <![CDATA[ <!x " * 500)
    outcome("bookmarks", source)
    source.write_text(
        '<DT><A HREF="https://example.com/">x</A><DT><A HREF="https://b.example/">y &amp; z'
    )
    assert [link.terms.title for link in read("bookmarks", source).links] == ["x", "y & z"]


@pytest.mark.parametrize("before", [0, 32_700, 32_720, 32_740, 32_760])
def test_addresses_of_bookmarks_are_as_browsers_read_them(before: int, tmp_path: Path) -> None:
    """Some write "&" as it is: what looks like the name of a character is one before ";" alone."""
    source = tmp_path / "bookmarks.html"
    source.write_text(
        f"<DL>{' ' * before}"
        '<DT><A HREF="https://example.com/?a=1&copy=2&section=3&timestamp&amp;lt=4&lt;'
        "&amp&amp=&#38;x&region;&\" TAGS='R&amp;D,&eacute;'>A &amp; B &lt;&copy; C&D</A>"
    )
    (link,) = read("bookmarks", source).links
    assert link.url == (
        "https://example.com/?a=1&copy=2&section=3&timestamp&lt=4<&amp&amp=&x&region;&"
    )
    assert link.tags == ("R&D", "é")
    assert link.terms.title == "A & B <© C&D"


def test_a_character_without_bound_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "bookmarks.html"
    source.write_text(
        "<DL>" + " " * 5000 + '<DT><A HREF="https://example.com/">&#' + "1" * 5000 + "</A>"
    )
    # As Python has it, and a server: Hypothesis takes it away.
    most = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(4300)
    try:
        assert "no file of bookmarks" in refusal("bookmarks", source)
    finally:
        sys.set_int_max_str_digits(most)


# Time. Where an expression tries in more than one way, some of these take hours, and
# nothing else of the process runs meanwhile.

ESCAPES = "\\'" * 60_000
COSTLY: dict[str, tuple[str, str]] = {
    "a zone": ("yourls", "SET TIME ZONE" + " " * 60_000 + "x;\n"),
    "a zone in a comment": ("yourls", "/* TIME_ZONE =" + " " * 60_000 + "*/;\n"),
    "a cut definition": ("yourls", f"CREATE TABLE x (y '{ESCAPES})';\n"),
    "a definition of others": ("yourls", f'PRAGMA x;\nCREATE TABLE x (y "{ESCAPES}\\");\n'),
    "names of columns": (
        "yourls",
        "CREATE TABLE `yourls_url` (`url` text, `timestamp` text, "
        + "`keyword`" * 10_000
        + ");\nINSERT INTO `yourls_url` VALUES ('https://example.com/','','a');\n",
    ),
    "collations": (
        "yourls",
        "CREATE TABLE `yourls_url` (`keyword` text, `url` text, `timestamp` text)"
        + " COLLATE=a" * 9_000
        + "')';\nINSERT INTO `yourls_url` VALUES ('a','https://example.com/','');\n",
    ),
    "statements": ("yourls", "INSERT INTO x SELECT " + "OR a " * 60_000 + ";\n" * 60_000),
    "dots": ("csv", "url\n" + "a." * 4_000 + "@\n"),
    "dots alone": ("csv", "url\n" + "." * 8_000 + ":\n"),
    "quotes": ("csv", "url," + '"' * 99_999 + "\n"),
    "columns": ("csv", "url," * 200_000 + "\n" + "https://example.com/," * 50_000),
    "numbers": ("csv", "url,clicks\nhttps://example.com/," + "1," * 30_000 + "\n"),
    "tags that never end": ("bookmarks", "<a " * 20_000),
    "tags without names": ("bookmarks", "<" * 60_000),
    "attributes": ("bookmarks", "<a " + "x=' " * 20_000),
    "comments": ("bookmarks", "<!--" * 20_000),
}


@pytest.mark.parametrize(("format_name", "text"), COSTLY.values(), ids=COSTLY)
def test_what_is_costly_to_read_is_not(format_name: str, text: str, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_text(text)
    begun = time.process_time()
    outcome(format_name, source)
    assert time.process_time() - begun < 2


@pytest.mark.parametrize(
    ("definition", "is_told"),
    [
        ("`keyword` text COLLATE utf8_bin, `url` text) COLLATE=utf8_general_ci", False),
        ("`keyword` text COLLATE utf8_general_ci, `url` text) COLLATE=utf8_bin", True),
        ("`keyword` text, `url` text COLLATE utf8_general_ci)", False),
        ("`keyword` text, `url` text) DEFAULT COLLATE utf8_general_ci", True),
    ],
)
def test_collations(definition: str, is_told: bool, tmp_path: Path) -> None:
    source = tmp_path / "source.sql"
    source.write_text(
        f"CREATE TABLE `yourls_url` (`timestamp` text, {definition};\n"
        "INSERT INTO `yourls_url` VALUES ('', 'a','https://example.com/');\n"
    )
    assert (read("yourls", source).remark("ignores_case") is not None) is is_told
