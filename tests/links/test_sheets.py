"""Tables of links: written, read again, and read from elsewhere."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortd import errors
from shortd.links.queries import EVERYTHING
from shortd.links.sheets import (
    COLUMNS,
    MOST_ROWS,
    Result,
    RowResult,
    only,
    read_sheet,
    time_of,
    time_text,
)
from shortd.models.links import Terms
from shortd.testing import RunningApp
from tests.links.keeper import TARGET, Keeper


def table(keeper: Keeper) -> str:
    links = keeper.app.services.links
    found = links.listing.every(keeper.account, EVERYTHING, keeper.app.clock.now())

    async def write() -> str:
        return "".join([text async for text in links.sheets.write(found)])

    return keeper.app.run(write())


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def take(keeper: Keeper, text: str, *, apply: bool = True) -> list[RowResult]:
    sheet = read_sheet(text.encode())
    now = keeper.app.clock.now()
    return keeper.app.run(
        keeper.app.services.links.sheets.take(keeper.account, sheet, now, apply=apply)
    )


def test_what_is_written(keeper: Keeper) -> None:
    ends = 1_900_000_000_000_000
    terms = Terms(
        title="=1+1",
        tags=("print", "shop"),
        expiration_utime=ends,
        expiration_count=7,
        enabled=False,
    )
    keeper.create(code="spring", terms=terms)
    head, *_ = table(keeper).split("\r\n")
    assert head == (
        "short_url,code,host,url,title,tags,created,clicks,ends,max_clicks,enabled,owner"
    )
    [row] = rows(table(keeper))
    assert row == {
        "short_url": keeper.short_url("/spring"),
        "code": "spring",
        "host": keeper.app.services.hosts.default.name,
        "url": TARGET,
        "title": "'=1+1",
        "tags": "print,shop",
        "created": time_text(keeper.row("/spring").utime),
        "clicks": "0",
        "ends": "2030-03-17T17:46:40Z",
        "max_clicks": "7",
        "enabled": "false",
        "owner": keeper.userid,
    }


def test_what_was_written_can_be_read(app: RunningApp) -> None:
    one, other = Keeper(app), Keeper(app)
    one.create(terms=Terms(title='-danger, "quoted"', tags=("a", "b"), expiration_count=3))
    one.create(code="plain")
    text = table(one)
    refused = take(other, text)
    assert [row.result for row in refused] == [Result.SKIPPED] * 2
    assert {row.reasons for row in refused} == {("code_taken",)}
    assert [row.result for row in take(one, text)] == [Result.UNCHANGED] * 2
    for link in rows(text):
        app.call("delete", userid=one.userid, shorturl=link["short_url"])
    assert [row.result for row in take(other, text)] == [Result.MADE] * 2
    assert unowned(table(other)) == unowned(text)


def unowned(text: str) -> list[dict[str, str]]:
    return sorted(({**row, "owner": ""} for row in rows(text)), key=lambda row: row["code"])


def test_a_dry_run_says_the_same_and_does_nothing(keeper: Keeper) -> None:
    keeper.create(code="taken")
    text = (
        "code,url,clicks\n"
        "free,https://a.example/,\n"
        "free,https://b.example/,\n"
        "taken,https://c.example/,\n"
        f"taken,{TARGET},\n"
        ",https://d.example/,12\n"
        "x,javascript:alert(1),\n"
        "not a code,https://e.example/,\n"
    )
    would = take(keeper, text, apply=False)
    assert len(rows(table(keeper))) == 1
    done = take(keeper, text)
    assert [(row.result, row.reasons) for row in done] == [
        (Result.MADE, ()),
        (Result.SKIPPED, ("code_taken",)),
        (Result.SKIPPED, ("code_taken",)),
        (Result.UNCHANGED, ()),
        (Result.MADE_WITH_NOTES, ("clicks_left_out",)),
        (Result.SKIPPED, ("invalid_url",)),
        (Result.SKIPPED, ("invalid_code",)),
    ]
    assert [(row.result, row.reasons) for row in would] == [
        (row.result, row.reasons) for row in done
    ]
    assert len(rows(table(keeper))) == 3


@pytest.mark.parametrize(
    ("text", "destination"),
    [
        ("long_url\nhttps://a.example/\n", "https://a.example/"),
        ("Target URL;Slug\nhttps://a.example/;spring\n", "https://a.example/"),
        ("\ufeffurl\tcode\nhttps://a.example/\tspring\n", "https://a.example/"),
        ('"URL","Title"\r\n"https://a.example/","x\ny"\r\n', "https://a.example/"),
        ("\n\nurl\n\nwww.a.example\n", "https://www.a.example"),
    ],
)
def test_tables_of_others(keeper: Keeper, text: str, destination: str) -> None:
    [row] = take(keeper, text)
    assert (row.result, row.url) == (Result.MADE, destination)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_encodings(keeper: Keeper, encoding: str) -> None:
    sheet = read_sheet("url,title\nhttps://a.example/,Müller\n".encode(encoding))
    assert sheet.rows == (("https://a.example/", "Müller"),)


@pytest.mark.parametrize(
    "content",
    [b"", b"\n\n", b"code,title\na,b\n", b"url\n\x00", b'url\n"open', b"url\n" + b"a" * 200_000],
)
def test_what_is_no_table_is_refused(content: bytes) -> None:
    with pytest.raises(errors.ShortdError) as caught:
        read_sheet(content)
    assert caught.value.kind is errors.BAD_FILE


def test_no_more_rows_are_read_than_may_be() -> None:
    sheet = read_sheet(b"url\n" + b"https://a.example/\n" * (MOST_ROWS + 1))
    assert (len(sheet.rows), sheet.is_cut) == (MOST_ROWS, True)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("enabled", "perhaps"),
        ("max_clicks", "-1"),
        ("max_clicks", "9" * 30),
        ("ends", "tomorrow"),
        ("created", "1.1.2026"),
        ("host", "elsewhere.example"),
        ("title", "x" * 513),
    ],
)
def test_a_row_that_cannot_be_leaves_the_others_alone(
    keeper: Keeper, column: str, value: str
) -> None:
    text = f"url,{column}\nhttps://a.example/,\nhttps://b.example/,{value}\nhttps://c.example/,\n"
    sheet = read_sheet(text.encode())
    results = take(keeper, text)
    assert [row.result for row in results] == [Result.MADE, Result.SKIPPED, Result.MADE]
    assert results[1].note
    [head] = rows("".join(only(sheet, results, Result.SKIPPED, str)))
    reason = str(results[1].note)
    assert head == {"url": "https://b.example/", column: text_of(value), "reason": reason}


def text_of(cell: str) -> str:
    return f"'{cell}" if cell[0] in "=+-@" else cell


@given(st.integers(0, 4_000_000_000))
def test_times_that_are_written_can_be_read(seconds: int) -> None:
    assert time_of(time_text(seconds * 1_000_000), "ends") == seconds * 1_000_000


@pytest.mark.parametrize(
    ("text", "utime"),
    [
        ("", None),
        ("1970-01-02", 86_400_000_000),
        ("1970-01-01T00:00:01+00:00", 1_000_000),
        ("1700000000", 1_700_000_000_000_000),
        ("1700000000000", 1_700_000_000_000_000),
        ("1700000000000000", 1_700_000_000_000_000),
    ],
)
def test_ways_to_write_a_time(text: str, utime: int | None) -> None:
    assert time_of(text, "ends") == utime


CELLS: Any = st.lists(st.text(max_size=30), min_size=1, max_size=4)


@given(CELLS, st.lists(CELLS, max_size=5))
def test_whatever_comes_is_a_table_or_refused(head: list[str], cells: list[list[str]]) -> None:
    text = io.StringIO(newline="")
    csv.writer(text).writerows([[*head, "url"], *cells])
    try:
        sheet = read_sheet(text.getvalue().encode("utf-8", "surrogatepass"))
    except errors.ShortdError as refusal:
        assert refusal.kind is errors.BAD_FILE
    else:
        assert "url" in sheet.columns
        assert set(sheet.columns) <= {*COLUMNS, ""}
