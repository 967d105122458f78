"""Reads the rows of SQL dumps, and executes nothing: of MySQL, MariaDB, PostgreSQL and SQLite.

The libraries that know SQL want a whole dump, or a whole statement, as one text in memory, make a
list of all its tokens, and take ten times as long (sqlglot, sqlparse); a dump need not even be one
encoding as a whole. It needs little of SQL: strings, comments, where a statement ends, and three
statements. That is all that is read here; every other statement is passed over up to its end.

Bytes come in pieces; a row, a table's definition and a name have a size that they cannot exceed.
What is no value here (a function, a torn row) is told as a `BadRow`, and reading goes on behind it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import NamedTuple

from shortd import errors

ROW = 8 << 20
"""Bytes of a row: a link's or a click's has some hundred."""
TABLE = 1 << 20
"""Bytes of a table's definition, and of what begins an INSERT."""
DEFINITIONS = 16 << 20
"""Bytes of all tables' definitions; no program has as many."""
COLUMNS = 1000
CALLS = 8
"""Calls in one another that a value may have, to be passed over or to be read."""

_STRING = rb"'[^'\\]*+(?:(?:\\.|'')[^'\\]*+)*+'"
_PLAIN_STRING = rb"'[^']*+'(?:'[^']*+')*+"
"""Where a backslash is a letter (PostgreSQL, SQLite)."""
_DOUBLE = rb'"[^"\\]*+(?:(?:\\.|"")[^"\\]*+)*+"'
_PLAIN_DOUBLE = rb'"[^"]*+"(?:"[^"]*+")*+'
_BACKTICKS = rb"`[^`]*+`(?:`[^`]*+`)*+"
_LINE = rb"--(?=[ \t\r\n])|#"
_BLANK = rb"(?:(?:%b)[^\n]*+\n|/\*.*?\*/|[\s\x00]++)++"
_COMMENT = re.compile(_BLANK % _LINE, re.DOTALL)
"""Blanks and comments, as many as there are."""
_OPENS = re.compile(_LINE + rb"|/\*|--?\Z|/\Z")
"""What may be the beginning of a comment that has not come whole."""
_BETWEEN = re.compile(_BLANK % (_LINE + rb"|\\"), re.DOTALL)
"""The same between statements, where pg_dump has lines for its shell (\\restrict, \\connect)."""
_OPENS_BETWEEN = re.compile(_OPENS.pattern + rb"|\\")
_NAME = rb"(?:`(?:[^`]|``){1,256}`|\"(?:[^\"]|\"\"){1,256}\"|[A-Za-z0-9_$\x80-\xff]{1,256})"
_QUALIFIED = rb"(?:" + _NAME + rb"\s*\.\s*)?(?P<name>" + _NAME + rb")"
_INSERT = re.compile(
    rb"(?:INSERT|REPLACE)\s+(?:(?:LOW_PRIORITY|DELAYED|HIGH_PRIORITY|IGNORE|OR\s+\w+)\s+)*(?:INTO\s+)?"
    + _QUALIFIED
    + rb"\s*(?:\((?P<columns>[^()]*)\)\s*)?VALUES?\s*(?=\()",
    re.IGNORECASE,
)
_CREATE = re.compile(
    rb"CREATE\s+(?:TEMPORARY\s+|UNLOGGED\s+)?TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?"
    + _QUALIFIED
    + rb"\s*\((?P<body>.*)\)(?P<options>[^()]*)\Z",
    re.IGNORECASE | re.DOTALL,
)
_COPY = re.compile(
    rb"COPY\s+" + _QUALIFIED + rb"\s*(?:\((?P<columns>[^()]*)\)\s*)?FROM\s+stdin\b[^;]*;[ \t\r]*\n",
    re.IGNORECASE,
)
_ZONE = re.compile(rb"\bTIME_?\s?ZONE\s*+(?:(?:=|TO)\s*+)?['\"]([^'\"]{1,64})['\"]", re.IGNORECASE)
_WORD = re.compile(rb"[A-Za-z]+")
_NO_COLUMN = re.compile(
    rb"\s*(?:PRIMARY|UNIQUE|KEY|INDEX|FULLTEXT|SPATIAL|CONSTRAINT|FOREIGN|CHECK|EXCLUDE|PERIOD|LIKE)\b",
    re.IGNORECASE,
)
# A text that was cut goes to the end: not found, it would be looked for from each quote in it.
_OF_DEFINITION = re.compile(
    rb"[(),]|" + _STRING + rb"|" + _DOUBLE + rb"|" + _BACKTICKS + rb"|['\"`].*", re.DOTALL
)
_FIRST_NAME = re.compile(rb"\s*(" + _NAME + rb")")
_ESCAPES = {b"0": b"\0", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"Z": b"\x1a"}
_ESCAPED = re.compile(rb"\\(.)|''|\"\"", re.DOTALL)
_COPIED = re.compile(rb"\\(?:([0-7]{1,3})|x([0-9A-Fa-f]{1,2})|(.))", re.DOTALL)
_COPY_ESCAPES = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}
_MARK = re.compile(
    rb"^-- (?:(?:MySQL|MariaDB) dump |PostgreSQL database (?:cluster )?dump\s*$"
    rb"|(?P<end>Dump completed|PostgreSQL database (?:cluster )?dump complete))",
    re.MULTILINE,
)
"""Lines with which programs begin and end what they write."""
_TRANSACTION = re.compile(
    rb"\s*(?:(?:BEGIN|START)\s+TRANSACTION|(?P<end>COMMIT|ROLLBACK))\s*", re.IGNORECASE
)
_UNISTR = re.compile(
    rb"\\(?:(\\)|u([0-9A-Fa-f]{4})|\+([0-9A-Fa-f]{6})|U([0-9A-Fa-f]{8})|([0-9A-Fa-f]{4}))"
)

Value = bytes | None
"""Strings and binary values as bytes, numbers and words (`true`) as they are written."""


class Table(NamedTuple):
    """A table as its definition has it."""

    name: str
    columns: tuple[str, ...]
    definition: bytes
    """The whole of CREATE TABLE; empty if the dump has none."""


class BadRow(NamedTuple):
    """A row that could not be read."""

    number: int
    """The row's, in its table."""
    why: str


class _Grammar:
    """The regular expressions of one way to write strings."""

    def __init__(self, has_escapes: bool) -> None:
        self.has_escapes = has_escapes
        string = _STRING if has_escapes else _PLAIN_STRING
        double = _DOUBLE if has_escapes else _PLAIN_DOUBLE
        texts = string + rb"|" + double
        nested = rb"\((?:[^'\"()]++|" + texts + rb")*+\)"
        for _ in range(CALLS - 1):
            nested = rb"\((?:[^'\"()]++|" + texts + rb"|" + nested + rb")*+\)"
        self.row = re.compile(
            rb"\(([^'\"()]*+(?:(?:" + texts + rb"|" + nested + rb")[^'\"()]*+)*+)\)", re.DOTALL
        )
        breaks = rb"," + string + rb",char\((?:10|13)\)\)"
        once = rb"replace\(" + string + breaks
        made = rb"replace\((?:" + string + rb"|" + once + rb")" + breaks
        # What is no value comes as an empty one.
        self.values = re.compile(
            rb"\s*+("
            + string
            + rb"|[^\s,'\"()]++|"
            + double
            + rb"|(?:_[a-z0-9]+\s*+|[NExXbB])"
            + string
            + rb"|_[a-z0-9]+\s++0x[0-9A-Fa-f]*+|unistr\("
            + string
            + rb"\)|"
            + made
            + rb")\s*+(?:,|\Z)|.",
            re.DOTALL,
        ).findall
        self.made = re.compile(
            rb"replace\((" + once + rb"|" + string + rb"),(" + string + rb"),char\((10|13)\)\)",
            re.DOTALL,
        )
        self.passing = re.compile(
            rb"(?:[^'\"`;/#\-]++|" + texts + rb"|" + _BACKTICKS + rb"|-(?!-[ \t\r\n])|/(?!\*))*+",
            re.DOTALL,
        )


_WITH_ESCAPES = _Grammar(True)
_WITHOUT = _Grammar(False)


class SqlDump:
    """A dump that is read once, from its beginning to its end.

    `choose` is told each table that has rows, and says which of its columns are wanted, or None.
    """

    def __init__(
        self,
        read: Callable[[int], bytes],
        choose: Callable[[Table], Sequence[str] | None],
        *,
        name: str,
    ) -> None:
        self._read = read
        self._choose = choose
        self._name = name
        self._grammar = _WITH_ESCAPES
        self._buffer = b""
        self._at = 0
        self._is_over = False
        self._is_first = True
        self._tables: dict[str, Table] = {}
        self._counts: dict[str, int] = {}
        self._defined = 0
        self._awaited: set[str] = set()
        """What has begun, and should end before the dump does."""
        self.zone: str | None = None
        """The time zone that the dump sets for TIMESTAMP columns, as it is written there."""

    def rows(self) -> Iterator[tuple[Table, Sequence[Value] | BadRow]]:
        """Rows of wanted tables, each with the values of the wanted columns, None where a table
        has no such column."""
        while self._skip_blank():
            word = self._word()
            if word in (b"INSERT", b"REPLACE"):
                yield from self._insert()
            elif word == b"COPY":
                yield from self._copy()
            elif word == b"CREATE":
                self._create()
            else:
                statement = self._statement(TABLE)
                self._note_setting(statement)
                if found := _TRANSACTION.fullmatch(statement):
                    self._note_end("transaction", found)

    @property
    def tables(self) -> Collection[Table]:
        """Those whose definitions were read."""
        return self._tables.values()

    @property
    def is_cut(self) -> bool:
        """It ended, as far as it is read, in front of what its own beginning promises: the rest of
        it may be missing, or somebody has made it of parts."""
        return bool(self._awaited)

    # Bytes

    def _more(self) -> bool:
        """Reads on: at least as much as waits already, so that nothing is scanned too often."""
        wanted = max(len(self._buffer) - self._at, 1)
        got = []
        while wanted > 0:
            piece = self._read(1 << 18)
            if not piece:
                self._is_over = True
                break
            got.append(piece)
            wanted -= len(piece)
        if got:
            self._buffer = b"".join((self._buffer[self._at :], *got))
            self._at = 0
        return bool(got)

    def _waiting(self) -> int:
        return len(self._buffer) - self._at

    def _skip_blank(self) -> bool:
        """Goes to the next statement; whether there is one."""
        while True:
            if self._at >= len(self._buffer) and not self._more():
                return False
            if found := _BETWEEN.match(self._buffer, self._at):
                self._read_comment(found[0])
                self._at = found.end()
            elif self._buffer.startswith(b";", self._at):
                self._at += 1
            elif _OPENS_BETWEEN.match(self._buffer, self._at):
                if self._waiting() > TABLE:
                    self._cut_comment()
                elif not self._more():
                    return not self._ends_in_comment()
            else:
                return True

    def _ends_in_comment(self) -> bool:
        rest = self._buffer[self._at :]
        if rest.startswith((b"--", b"#", b"\\")):
            self._read_comment(rest[:TABLE])
            self._at = len(self._buffer)
            return True
        raise self._torn()

    def _cut_comment(self) -> None:
        """Drops what waits of a comment that is longer than anybody reads."""
        is_line = not self._buffer.startswith(b"/*", self._at)
        end = b"\n" if is_line else b"*/"
        while True:
            found = self._buffer.find(end, self._at + 2)
            if found >= 0:
                self._at = found + len(end)
                return
            self._at = max(len(self._buffer) - 3, 0)
            if not self._more():
                if is_line:
                    self._at = len(self._buffer)
                    return
                raise self._torn()

    def _read_comment(self, text: bytes) -> None:
        if b"-- PostgreSQL database dump" in text:
            self._grammar = _WITHOUT
        if b"/*" in text:
            self._note_setting(text)
        for found in _MARK.finditer(text):
            self._note_end("dump", found)

    def _note_end(self, what: str, found: re.Match[bytes]) -> None:
        if found["end"] is None:
            self._awaited.add(what)
        else:
            self._awaited.discard(what)

    def _note_setting(self, text: bytes) -> None:
        if self.zone is None and (found := _ZONE.search(text)):
            self.zone = found[1].decode("ascii", "replace")
        if self._is_first and text.lstrip().upper().startswith(b"PRAGMA"):
            self._grammar = _WITHOUT
        if b"standard_conforming_strings = on" in text or b"NO_BACKSLASH_ESCAPES" in text:
            self._grammar = _WITHOUT
        self._is_first = self._is_first and b"/*" in text

    def _word(self) -> bytes:
        """The first word of the statement, in capitals."""
        while self._waiting() < 32 and self._more():
            pass
        found = _WORD.match(self._buffer, self._at)
        return found[0].upper() if found else b""

    def _statement(self, most: int) -> bytes:
        """Goes behind the statement; as much of it as `most`, comments left out."""
        kept: list[bytes] = []
        size = 0
        while True:
            found = self._grammar.passing.match(self._buffer, self._at)
            end = found.end() if found else self._at
            # What ends at the buffer's end may go on: a name, a string's quote that is doubled.
            if end >= len(self._buffer) or (
                self._buffer[end : end + 1] in b"'\"`" and not self._is_over
            ):
                waiting = self._waiting()
                if waiting <= ROW and self._more():
                    continue
                if not self._is_over:
                    raise errors.SOURCE_UNREADABLE(
                        "%(name)s has a text of more than %(most)s bytes.",
                        name=self._name,
                        most=ROW,
                    )
            if size < most:
                kept.append(self._buffer[self._at : end][: most - size])
                size += len(kept[-1])
            self._at = end
            if self._at >= len(self._buffer):
                if not self._more():
                    raise self._torn()
            elif self._buffer.startswith(b";", self._at):
                self._at += 1
                return b"".join(kept)
            elif comment := _COMMENT.match(self._buffer, self._at):
                self._at = comment.end()
                if size < most:
                    kept.append(b" ")
                    size += 1
            elif _OPENS.match(self._buffer, self._at):
                if self._waiting() > TABLE:
                    self._cut_comment()
                elif not self._more():
                    raise self._torn()
            elif self._is_over and self._buffer[self._at : self._at + 1] in b"'\"`":
                raise self._torn()
            else:
                self._at += 1

    # Tables

    def _create(self) -> None:
        text = self._statement(TABLE)
        found = _CREATE.match(text)
        if found is None:
            return
        columns = []
        for definition in _split(found["body"]):
            name = _FIRST_NAME.match(definition)
            if name is not None and not _NO_COLUMN.match(definition):
                columns.append(_unquoted(name[1]))
        table = Table(_unquoted(found["name"]), tuple(columns[:COLUMNS]), text)
        self._defined += len(text)
        if self._defined <= DEFINITIONS:
            self._tables[table.name] = table

    def _table(self, name: bytes, columns: bytes | None) -> Table | None:
        known = self._tables.get(_unquoted(name))
        if columns is None:
            return known
        names = tuple(
            _unquoted(found[1])
            for part in columns.split(b",")
            if (found := _FIRST_NAME.match(part)) is not None
        )
        return Table(_unquoted(name), names, b"" if known is None else known.definition)

    def _wanted(self, table: Table | None) -> list[int | None] | None:
        if table is None:
            return None
        wanted = self._choose(table)
        if wanted is None:
            return None
        places = {column.lower(): place for place, column in reversed([*enumerate(table.columns)])}
        return [places.get(column) for column in wanted]

    # Rows

    def _insert(self) -> Iterator[tuple[Table, Sequence[Value] | BadRow]]:
        found = self._matched(_INSERT)
        table = None if found is None else self._table(found["name"], found["columns"])
        wanted = self._wanted(table)
        if found is None or table is None or wanted is None:
            self._statement(0)
            return
        self._at = found.end()
        count = self._counts.get(table.name, 0)
        row, values, value = self._grammar.row, self._grammar.values, self._value
        width = len(table.columns)
        while True:
            match = row.match(self._buffer, self._at)
            if match is None:
                match = self._whole_row()
                if match is None:
                    count += 1
                    self._counts[table.name] = count
                    yield table, BadRow(count, "no list of values")
                    self._statement(0)
                    return
            count += 1
            self._at = match.end()
            tokens = values(match[1])
            if b"" in tokens or match[1].endswith(b","):
                yield table, BadRow(count, "no values that can be read")
            elif len(tokens) != width:
                yield table, BadRow(count, "another number of values")
            else:
                yield table, [None if place is None else value(tokens[place]) for place in wanted]
            # Behind a row: a comma and the next, or whatever ends the statement.
            if self._buffer.startswith(b",(", self._at):
                self._at += 1
            elif not self._goes_on():
                self._counts[table.name] = count
                self._statement(0)
                return

    def _matched(self, pattern: re.Pattern[bytes]) -> re.Match[bytes] | None:
        """What begins a statement, read as far as it takes."""
        while True:
            found = pattern.match(self._buffer, self._at)
            if found is not None and found.end() < len(self._buffer):
                return found
            if self._waiting() > TABLE or not self._more():
                return found

    def _whole_row(self) -> re.Match[bytes] | None:
        while True:
            if self._waiting() > ROW:
                raise errors.SOURCE_UNREADABLE(
                    "%(name)s has a row of more than %(most)s bytes.", name=self._name, most=ROW
                )
            if self._buffer[self._at : self._at + 1] not in (b"(", b""):
                return None
            if not self._more():
                raise self._torn()
            found = self._grammar.row.match(self._buffer, self._at)
            if found is not None:
                return found

    def _goes_on(self) -> bool:
        """Goes to the next row of an INSERT, if there is one."""
        self._skip_comments()
        if not self._buffer.startswith(b",", self._at):
            return False
        self._at += 1
        self._skip_comments()
        return True

    def _skip_comments(self) -> None:
        while True:
            if found := _COMMENT.match(self._buffer, self._at):
                self._at = found.end()
            elif self._at >= len(self._buffer) or _OPENS.match(self._buffer, self._at):
                if self._waiting() > TABLE:
                    self._cut_comment()
                elif not self._more():
                    raise self._torn()
            else:
                return

    def _value(self, token: bytes) -> Value:
        first = token[:1]
        if first == b"'":
            return self._text(token, b"''", b"'")
        if first == b'"':
            return self._text(token, b'""', b'"')
        if token[:2] == b"0x":
            return _from_hex(token[2:])
        if token[-1:] == b")":
            return self._made(token)
        if token[:1] == b"_" and b" 0x" in token[:80]:
            return _from_hex(token.partition(b"0x")[2])
        if token[-1:] == b"'":
            text = self._text(token[token.index(b"'") :], b"''", b"'")
            return _from_hex(text) if first in b"xX" else text
        return None if token.upper() == b"NULL" else token

    def _made(self, token: bytes) -> Value:
        """A text with control characters, as the shell of SQLite writes it."""
        if token.startswith(b"unistr("):
            return _UNISTR.sub(_unistr_escape, self._value(token[7:-1]) or b"")
        found = self._grammar.made.fullmatch(token)
        if found is None:
            return token
        text, mark = (self._value(part) or b"" for part in found.group(1, 2))
        return text.replace(mark, bytes([int(found[3])])) if mark else text

    def _text(self, literal: bytes, doubled: bytes, quote: bytes) -> bytes:
        text = literal[1:-1]
        if not self._grammar.has_escapes:
            return text.replace(doubled, quote) if quote in text else text
        if b"\\" not in text:
            return text.replace(doubled, quote) if quote in text else text
        return _ESCAPED.sub(
            lambda found: (
                _ESCAPES.get(found[1], found[1])
                if found[1] is not None
                else (quote if found[0] == doubled else found[0])
            ),
            text,
        )

    def _copy(self) -> Iterator[tuple[Table, Sequence[Value] | BadRow]]:
        found = self._matched(_COPY)
        if found is None:
            self._statement(0)
            return
        self._at = found.end()
        table = self._table(found["name"], found["columns"])
        wanted = self._wanted(table)
        count = 0
        while True:
            end = self._buffer.find(b"\n", self._at)
            if end < 0:
                if self._waiting() > ROW:
                    raise errors.SOURCE_UNREADABLE(
                        "%(name)s has a row of more than %(most)s bytes.",
                        name=self._name,
                        most=ROW,
                    )
                if not self._more():
                    raise self._torn()
                continue
            line = self._buffer[self._at : end].removesuffix(b"\r")
            self._at = end + 1
            if line == b"\\.":
                return
            if table is None or wanted is None:
                continue
            count += 1
            values = line.split(b"\t")
            if len(values) != len(table.columns):
                yield table, BadRow(count, "another number of values")
            else:
                yield (
                    table,
                    [None if place is None else _copied(values[place]) for place in wanted],
                )

    def _torn(self) -> errors.ShortdError:
        return errors.SOURCE_UNREADABLE(
            "%(name)s ends in the middle of a statement: it is torn.", name=self._name
        )


def _from_hex(digits: bytes) -> bytes:
    """Bytes of a binary value; as it is written where it is none."""
    try:
        return bytes.fromhex((b"0" * (len(digits) % 2) + digits).decode("ascii"))
    except ValueError:
        return digits


def _unistr_escape(found: re.Match[bytes]) -> bytes:
    if found[1] is not None:
        return b"\\"
    number = int(next(filter(None, found.groups())), 16)
    return chr(number).encode("utf-8", "replace") if number <= sys.maxunicode else found[0]


def _unquoted(name: bytes) -> str:
    quote = name[:1]
    if quote in (b"`", b'"'):
        name = name[1:-1].replace(quote * 2, quote)
    return name.decode("utf-8", "replace")


def _split(body: bytes) -> Iterator[bytes]:
    """The definitions of a table's columns: at commas outside brackets and strings."""
    depth, start = 0, 0
    for found in _OF_DEFINITION.finditer(body):
        if found[0] == b"(":
            depth += 1
        elif found[0] == b")":
            depth -= 1
        elif found[0] == b"," and depth == 0:
            yield body[start : found.start()]
            start = found.end()
    yield body[start:]


def _copied(value: bytes) -> Value:
    """A value of COPY's text form."""
    if value == b"\\N":
        return None
    if b"\\" not in value:
        return value
    return _COPIED.sub(_copied_escape, value)


def _copied_escape(found: re.Match[bytes]) -> bytes:
    octal, hexadecimal, letter = found.groups()
    if octal is not None:
        return bytes([int(octal, 8) & 0xFF])
    if hexadecimal is not None:
        return bytes([int(hexadecimal, 16)])
    return _COPY_ESCAPES.get(letter, letter)
