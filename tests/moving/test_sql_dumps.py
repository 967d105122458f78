"""What a dump says is what is read, however it is written and in whatever pieces it comes."""

from __future__ import annotations

import io
import tracemalloc
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shortd import errors
from shortd.moving.sql_dumps import ROW, BadRow, SqlDump, Table

Rows = list[tuple[str, Sequence[bytes | None] | BadRow]]

TABLE = b"CREATE TABLE `t` (`a` text, `b` int(10) DEFAULT '1,2', c text, PRIMARY KEY (`a`,`b`));\n"


def reader_of(dump: bytes, step: int = 1 << 16) -> SqlDump:
    stream = io.BytesIO(dump)
    return SqlDump(
        lambda size: stream.read(min(size, step)), lambda table: table.columns, name="it"
    )


def rows_of(dump: bytes, *, step: int = 1 << 16) -> Rows:
    return [(table.name, row) for table, row in reader_of(dump, step).rows()]


def values_of(dump: bytes, *, step: int = 1 << 16) -> list[list[bytes | None]]:
    found = []
    for _, row in rows_of(dump, step=step):
        assert not isinstance(row, BadRow), row
        found.append(list(row))
    return found


def by_backslash(value: bytes) -> bytes:
    for letter, escape in ((b"\\", b"\\\\"), (b"'", b"\\'"), (b"\0", b"\\0"), (b"\n", b"\\n")):
        value = value.replace(letter, escape)
    return b"'" + value.replace(b"\r", b"\\r").replace(b"\x1a", b"\\Z") + b"'"


def doubled(value: bytes) -> bytes:
    return b"'" + value.replace(b"\\", b"\\\\").replace(b"'", b"''") + b"'"


def in_double_quotes(value: bytes) -> bytes:
    return b'"' + value.replace(b"\\", b"\\\\").replace(b'"', b'""') + b'"'


def in_binary(value: bytes) -> bytes:
    return b"_binary " + by_backslash(value)


def in_hex(value: bytes) -> bytes:
    return b"0x" + value.hex().encode() if value else b"''"


MARKS = [
    b"'",
    b'"',
    b"\\",
    b"`",
    b";",
    b"),(",
    b"--",
    b"-- ",
    b"#",
    b"/*",
    b"*/",
    b"\n",
    b"\r\n",
    b",",
]
OTHERS = [b"\0", b"\xff", b"\x1a", "é".encode(), b"x", b" ", b"INSERT INTO `t` VALUES", b"NULL"]
nasty = st.lists(st.sampled_from(MARKS + OTHERS), max_size=12).map(b"".join)
styles = st.sampled_from([by_backslash, doubled, in_double_quotes, in_binary, in_hex])
cells = st.tuples(st.one_of(st.none(), nasty, st.binary(max_size=20)), styles)
rows = st.lists(st.lists(cells, min_size=3, max_size=3), min_size=1, max_size=5)


@settings(max_examples=100)
@given(
    rows=rows,
    step=st.sampled_from([1, 2, 3, 7, 64, 1 << 16]),
    between=st.sampled_from([b",", b",\n", b" , ", b",/* ') */\n", b",\n-- it's\n"]),
)
def test_what_is_written_is_read(
    rows: list[list[tuple[bytes | None, object]]], step: int, between: bytes
) -> None:
    told = between.join(
        b"("
        + b",".join(
            b"NULL" if value is None else style(value)  # type: ignore[operator]
            for value, style in row
        )
        + b")"
        for row in rows
    )
    dump = TABLE + b"INSERT INTO `t` VALUES " + told + b";\nSET x = 'end';\n"
    assert values_of(dump, step=step) == [[value for value, _ in row] for row in rows]


copied = {b"\\": b"\\\\", b"\n": b"\\n", b"\t": b"\\t", b"\r": b"\\r"}


@settings(max_examples=100)
@given(
    rows=st.lists(
        st.lists(st.one_of(st.none(), nasty), min_size=2, max_size=2), min_size=1, max_size=5
    ),
    step=st.sampled_from([1, 5, 1 << 16]),
)
def test_what_postgresql_copies_is_read(rows: list[list[bytes | None]], step: int) -> None:
    def told(value: bytes | None) -> bytes:
        if value is None:
            return b"\\N"
        return b"".join(copied.get(bytes([byte]), bytes([byte])) for byte in value)

    body = b"".join(b"\t".join(map(told, row)) + b"\n" for row in rows)
    dump = b"-- PostgreSQL database dump\n\nCOPY public.t (a, b) FROM stdin;\n" + body + b"\\.\n"
    end = b"SELECT 1;\n-- PostgreSQL database dump complete\n"
    assert values_of(dump + end, step=step) == rows


@pytest.mark.parametrize(
    "dump",
    [
        b"INSERT INTO t (a, b) VALUES ('x', 1);",
        b"insert ignore into `d`.`t` (`a`,`b`) values ('x',1);",
        b"REPLACE INTO t (a,b) VALUE ('x',1);",
        b"/*M!999999\\- enable the sandbox mode */ \nINSERT INTO t (a,b) VALUES\n('x',1);\n",
        b"-- it's a comment; with (things\n# and 'another\nINSERT INTO t (a,b) VALUES ('x',1);",
        b"CREATE TABLE t (a text COMMENT 'it''s, (this)', b int, KEY k (a(10))) COMMENT='(x)';\n"
        b"INSERT INTO t VALUES ('x',1);",
        b'CREATE TABLE IF NOT EXISTS "t" ("a" text, "b" int);\nINSERT INTO "t" VALUES(\'x\',1);',
        b"DELIMITER $$ ; INSERT INTO t (a,b) VALUES ('x',1);",
        b"SET x = 'a;b'; SET y = \"it's\"; INSERT INTO t (a,b) VALUES ('x',1);",
        b"SELECT a--1; INSERT INTO t (a,b) VALUES ('x',1);",
        b"INSERT INTO other VALUES (1,2,3);INSERT INTO t (a,b) VALUES ('x',1);",
        b"INSERT INTO t (a,b) VALUES ('x',1) ON DUPLICATE KEY UPDATE a = 'it''s';",
        b"/* " + b"'" * 3_000_000 + b" */INSERT INTO t (a,b) VALUES ('x',1);",
        b"-- " + b"'" * 3_000_000 + b"\nINSERT INTO t (a,b) VALUES ('x',1);",
        b"--\n-- PostgreSQL database dump\n--\n\n\\restrict it's\n\n-- Dumped\n"
        b"INSERT INTO t (a,b) VALUES ('x',1);\n\\connect d\n\\\n"
        b"--\n-- PostgreSQL database dump complete\n--\n\n\\unrestrict it's\n\n",
        b"INSERT INTO t (a,b) VALUES ('x',1);\n\\unrestrict it's",
    ],
    ids=lambda dump: str(dump[:40]),
)
def test_ways_to_write_one_row(dump: bytes) -> None:
    for step in (5, 1 << 16):
        if len(dump) < 1000 or step > 5:
            assert [row for row in values_of(dump, step=step) if len(row) == 2] == [[b"x", b"1"]]


def test_backslashes_are_letters_elsewhere() -> None:
    """PostgreSQL and SQLite double quotes alone."""
    insert = b"INSERT INTO t (a, b) VALUES ('C:\\', 'it''s');\n"
    assert values_of(b"PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n" + insert + b"COMMIT;") == [
        [b"C:\\", b"it's"]
    ]
    assert values_of(b"SET standard_conforming_strings = on;\n" + insert) == [[b"C:\\", b"it's"]]


@pytest.mark.parametrize(
    ("begin", "end"),
    [
        (b"-- MySQL dump 10.13  Distrib 8.0.36\n", b"-- Dump completed on 2026-01-02  3:04:05"),
        (b"-- MariaDB dump 10.19\r\n--\r\n", b"\r\n-- Dump completed\r\n"),
        (b"-- PostgreSQL database dump\n", b"--\n-- PostgreSQL database dump complete\n--\n\n"),
        (
            b"-- PostgreSQL database cluster dump\n-- PostgreSQL database dump\n",
            b"-- PostgreSQL database dump complete\n-- PostgreSQL database cluster dump complete",
        ),
        (b"BEGIN TRANSACTION;\n", b"ROLLBACK; -- due to errors\n"),
        (b"start transaction ;", b"Commit;"),
        (b"-- phpMyAdmin SQL Dump\n", b""),
    ],
)
def test_a_dump_that_says_where_it_ends_is_whole(begin: bytes, end: bytes) -> None:
    for step in (3, 1 << 16):
        dump = (
            begin + b"INSERT INTO t (a,b) VALUES ('-- MySQL dump ','BEGIN TRANSACTION;');\n" + end
        )
        reader = reader_of(dump, step)
        rows = [row for _, row in reader.rows()]
        assert rows == [[b"-- MySQL dump ", b"BEGIN TRANSACTION;"]]
        assert not reader.is_cut


@pytest.mark.parametrize(
    "dump",
    [
        b"-- MySQL dump 10.13  Distrib 8.0.36\nINSERT INTO t (a,b) VALUES ('x',1);\n",
        b"/*M! x */\n-- MariaDB dump 10.19\r\n--\r\nINSERT INTO t (a,b) VALUES ('x',1);\n-- Dump c",
        b"-- MySQL dump 10.13\n;-- Dump completed\n-- MySQL dump 10.13\nSELECT 1;",
        b"--\n-- PostgreSQL database dump\n--\nINSERT INTO t (a,b) VALUES ('x',1);\n--\n",
        b"PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nINSERT INTO t (a,b) VALUES ('x',1);\n",
        b"START TRANSACTION;\nINSERT INTO t (a,b) VALUES ('x',1);\n",
    ],
    ids=lambda dump: str(dump[:40]),
)
def test_a_dump_without_its_end_is_cut(dump: bytes) -> None:
    for step in (3, 1 << 16):
        reader = reader_of(dump, step)
        assert not any(isinstance(row, BadRow) for _, row in reader.rows())
        assert reader.is_cut


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (rb"replace('a\nb','\n',char(10))", b"a\nb"),
        (rb"replace(replace('a\r\nb','\r',char(13)),'\n',char(10))", b"a\r\nb"),
        (rb"replace('\n\012b),''c'',char(10)','\012',char(10))", rb"\n" + b"\nb),'c',char(10)"),
        (rb"unistr('a\u000ab\\u000a ''\+01F600\U0001F600\00e9')", "a\nb\\u000a '😀😀é".encode()),
        (rb"unistr('\ud800 \UFFFFFFFF \q')", rb"? \UFFFFFFFF \q"),
        (b"x'41'", b"A"),
    ],
)
def test_control_characters_as_the_shell_of_sqlite_writes_them(value: bytes, text: bytes) -> None:
    dump = b"PRAGMA foreign_keys=OFF;\n" + TABLE + b"INSERT INTO t VALUES(" + value + b",1,NULL);\n"
    assert values_of(dump) == [[text, b"1", None]]


def test_binary_values_of_other_programs() -> None:
    dump = TABLE + b"INSERT INTO t VALUES (_binary 0x4142,b'1',_utf8mb4'x'),(_latin1 0x,B'0',0x);"
    assert values_of(dump) == [[b"AB", b"1", b"x"], [b"", b"0", b""]]


@pytest.mark.parametrize(
    "row",
    [
        b"('x')",
        b"('x',1,2)",
        b"(now(),1)",
        b"('x' 'y',1)",
        b"(,1)",
        b"('x',)",
        b"(((1)),2)",
        b"(f(g(h(')'))),2)",
    ],
)
def test_a_bad_row_ends_nothing(row: bytes) -> None:
    found = rows_of(b"INSERT INTO t (a,b) VALUES ('x',1)," + row + b",('y',2);")
    assert [isinstance(values, BadRow) for _, values in found] == [False, True, False]
    assert found[2][1] == [b"y", b"2"]


@pytest.mark.parametrize(
    "dump",
    [
        b"INSERT INTO t (a,b) VALUES ('x",
        b"INSERT INTO t (a,b) VALUES ('x',1",
        b"INSERT INTO t (a,b) VALUES ('x',1),",
        b"INSERT INTO t (a,b) VALUES ('x',1),('y\\",
        b"CREATE TABLE t (a text",
        b"SET x = 'open",
        b"/* open",
        b"COPY t (a, b) FROM stdin;\nx\t1\n",
    ],
)
def test_a_torn_dump_is_told(dump: bytes) -> None:
    for step in (1, 1 << 16):
        with pytest.raises(errors.ShortdError, match="torn") as refusal:
            rows_of(dump, step=step)
        assert refusal.value.kind is errors.SOURCE_UNREADABLE


class Endless:
    """A dump that goes on for ever in one way."""

    def __init__(self, begin: bytes, then: bytes) -> None:
        self._begin = begin
        self._then = then * (65_536 // len(then))
        self.read_bytes = 0

    def read(self, size: int) -> bytes:
        data, self._begin = self._begin or self._then, b""
        self.read_bytes += len(data)
        return data


@pytest.mark.parametrize(
    ("begin", "then"),
    [
        (b"INSERT INTO t (a,b) VALUES ('", b"x"),
        (b"INSERT INTO t (a,b) VALUES ('", b"''"),
        (b"INSERT INTO t (a,b) VALUES ('", b"\\'"),
        (b"INSERT INTO t (a,b) VALUES (", b"("),
        (b"INSERT INTO t (a,b) VALUES (", b"1,"),
        (b"SET x = '", b"y"),
        (b"COPY t (a, b) FROM stdin;\n", b"z"),
    ],
    ids=str,
)
def test_what_has_no_end_is_refused(begin: bytes, then: bytes) -> None:
    endless = Endless(begin, then)
    reader = SqlDump(endless.read, lambda table: table.columns, name="it")
    with pytest.raises(errors.ShortdError, match="more than"):
        for _ in reader.rows():
            pass
    assert endless.read_bytes < 4 * ROW


@pytest.mark.parametrize("junk", [b"\x00" * 5000, b"'", b"(", b"`", b"INSERT", b"COPY t", b";;;"])
def test_junk_has_no_rows(junk: bytes) -> None:
    try:
        assert rows_of(junk) == []
    except errors.ShortdError as refusal:
        assert refusal.kind is errors.SOURCE_UNREADABLE


WORDS = [
    b"INSERT INTO t (a,b) VALUES ",
    b"CREATE TABLE t ",
    b"COPY t (a) FROM stdin;\n",
    b"('x',1)",
]
SIGNS = [b"(", b")", b"\\.\n", b"0x", *MARKS, *OTHERS]


@settings(max_examples=150)
@given(dump=st.lists(st.sampled_from(WORDS + SIGNS), max_size=30).map(b"".join))
def test_anything_at_all_ends(dump: bytes) -> None:
    """With rows, or with the one refusal; in small pieces as in one."""
    assert outcome(dump, 1) == outcome(dump, 1 << 16)


def outcome(dump: bytes, step: int) -> object:
    try:
        return rows_of(dump, step=step)
    except errors.ShortdError as refusal:
        assert refusal.kind is errors.SOURCE_UNREADABLE
        return refusal.message


def test_only_what_is_wanted_is_given() -> None:
    def choose(table: Table) -> Sequence[str] | None:
        return ("c", "missing", "a") if table.name == "t" else None

    dump = TABLE + b"INSERT INTO u (a) VALUES (1);INSERT INTO t VALUES ('1','2','3');"
    stream = io.BytesIO(dump)
    assert [row for _, row in SqlDump(stream.read, choose, name="it").rows()] == [
        [b"3", None, b"1"]
    ]


def test_the_time_zone_is_seen_in_comments() -> None:
    def zone(dump: bytes) -> str | None:
        reader = SqlDump(io.BytesIO(dump).read, lambda table: None, name="it")
        assert list(reader.rows()) == []
        return reader.zone

    assert zone(b"/*!40103 SET TIME_ZONE='+00:00' */;\n") == "+00:00"
    assert zone(b'SET time_zone = "+00:00";\n') == "+00:00"
    assert zone(b"/*!40103 SET TIME_ZONE=@OLD_TIME_ZONE */;\n") is None


def test_what_is_passed_over_is_not_kept() -> None:
    dump = b"INSERT INTO x SELECT " + b"a/**/" * 50_000 + b";"
    tracemalloc.start()
    try:
        assert rows_of(dump) == []
        # What waits is as long as the dump; a word for each of its comments would be more.
        assert tracemalloc.get_traced_memory()[1] < 2 << 20
    finally:
        tracemalloc.stop()
