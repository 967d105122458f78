"""What the samples do not show of each peer: other ways to keep its data, times in other zones, and
what of a link has a place here or is told.
"""

from __future__ import annotations

import json
import os
import re
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from threading import Thread
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from shortd import errors
from shortd.models.links import Forwarding
from shortd.moving.options import Options
from shortd.moving.records import ClickSum, HostSetting, Reason, SourceLink
from tests.moving.reading import SAMPLES, read

BERLIN = ZoneInfo("Europe/Berlin")
HASH = "$2y$10$HDW31gqQVrLM90agy7REIuhlR3Y590Qq8.k5vXkIC1pUYEYN0MFxS"


def reasons(link: SourceLink) -> set[Reason]:
    return {note.reason for note in link.notes}


def source(folder: Path, text: str, name: str = "source") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def json_source(folder: Path, value: object) -> Path:
    return source(folder, json.dumps(value))


# YOURLS

URLS = "INSERT INTO {prefix}url (keyword, url, title, timestamp, ip, clicks) VALUES {rows};\n"
LOG = (
    "INSERT INTO {prefix}log (click_id, click_time, shorturl, referrer, user_agent, ip_address,"
    " country_code) VALUES {rows};\n"
)
ROW = "('{code}','https://example.com/','','2023-10-29 00:30:00','',0)"


def test_two_sets_of_tables_are_told_apart(tmp_path: Path) -> None:
    dump = source(
        tmp_path,
        URLS.format(prefix="a_", rows=ROW.format(code="one"))
        + URLS.format(prefix="b_", rows=ROW.format(code="two")),
    )
    with pytest.raises(errors.ShortdError, match="a_ and b_"):
        read("yourls", dump)
    assert [link.code for link in read("yourls", dump, Options(prefix="b_")).links] == ["two"]
    with pytest.raises(errors.ShortdError, match="no table"):
        read("yourls", dump, Options(prefix="c_"))


def test_tables_of_other_programs_are_left_alone(tmp_path: Path) -> None:
    options = "INSERT INTO {}options (option_name, option_value) VALUES ({});\n"
    passwords = f"""'matthew_pwprotection','{{"a":"{HASH}"}}'"""
    dump = (
        options.format("wp_", passwords)
        + options.format("q_", "'version','1.9'")
        + URLS.format(prefix="q_", rows=ROW.format(code="a"))
    )
    assert read("yourls", source(tmp_path, dump)).link("a").password_hash == ""
    dump = dump.replace("wp_", "q_")
    assert read("yourls", source(tmp_path, dump)).link("a").password_hash == HASH


@pytest.mark.parametrize(
    ("head", "options", "created"),
    [
        ("", Options(), 1698539400),
        # A server in Berlin took 00:30 for its own time, and its dump in UTC says 22:30.
        ("SET TIME_ZONE='+00:00';\n", Options(database_timezone=BERLIN), 1698539400 + 2 * 3600),
        ("", Options(database_timezone=BERLIN), 1698539400),
        # Up to 1.7.1 it wrote local times.
        ("", Options(timezone=BERLIN), 1698539400 - 2 * 3600),
    ],
)
def test_times_of_a_server_in_another_zone(
    head: str, options: Options, created: int, tmp_path: Path
) -> None:
    dump = source(tmp_path, head + URLS.format(prefix="yourls_", rows=ROW.format(code="a")))
    assert read("yourls", dump, options).link("a").created == created * 1_000_000


def test_the_hour_that_is_there_twice_is_the_first(tmp_path: Path) -> None:
    row = ROW.format(code="a").replace("00:30", "02:30")
    dump = source(tmp_path, URLS.format(prefix="yourls_", rows=row))
    found = read("yourls", dump, Options(timezone=BERLIN)).link("a")
    assert found.created == 1698539400 * 1_000_000


def test_clicks_of_deleted_links_come_with_their_old_code(tmp_path: Path) -> None:
    rows = "(1,'2020-01-01 00:00:00','gone','direct','UA','::1','A1')"
    dump = source(
        tmp_path,
        LOG.format(prefix="yourls_", rows=rows)
        + URLS.format(prefix="yourls_", rows=ROW.format(code="a")),
    )
    (click,) = read("yourls", dump).clicks
    assert (click.link, click.referrer, click.country) == ("gone", "", "A1")


def test_a_password_that_cannot_be_verified_shuts_the_link(tmp_path: Path) -> None:
    dump = URLS.format(
        prefix="yourls_", rows=",".join(ROW.format(code=code) for code in ("old", "slow", "good"))
    )
    passwords = {"old": "5f4dcc3b5aa765d61d8327deb882cf99", "good": HASH}
    passwords["slow"] = HASH.replace("$10$", "$31$")
    option = json.dumps(passwords).replace('"', '\\"')
    dump += (
        "INSERT INTO yourls_options (option_name, option_value) VALUES"
        f" ('matthew_pwprotection','{option}');\n"
    )
    found = read("yourls", source(tmp_path, dump))
    for code in ("old", "slow"):
        link = found.link(code)
        assert not link.terms.enabled and link.password_hash == ""
        assert Reason.PASSWORD_UNUSABLE in reasons(link)
    assert found.link("good").terms.enabled
    assert found.link("good").password_hash == HASH


def test_passwords_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    dump = URLS.format(prefix="yourls_", rows=ROW.format(code="a"))
    dump += (
        "INSERT INTO yourls_options (option_name, option_value) VALUES"
        " ('matthew_pwprotection','a:1:{...');\n"
    )
    assert read("yourls", source(tmp_path, dump)).remark("passwords_unreadable") is not None


@pytest.mark.parametrize(
    ("addresses", "site", "codes"),
    [
        (["/y/a", "/y/b/c"], "", ["a", "b/c"]),
        (["/a", "/b/c"], "", ["a", "b/c"]),
        (["/y/a"], "", ["y/a"]),
        (["/y/a"], "https://s.example.com/y/", ["a"]),
        (["/%C3%BC", "/x%2Fy"], "", ["x/y", "ü"]),
    ],
)
def test_what_of_a_short_url_is_the_code(
    addresses: list[str], site: str, codes: list[str], tmp_path: Path
) -> None:
    links = {
        f"link_{number}": {
            "shorturl": f"https://s.example.com{address}",
            "url": "https://example.com/",
            "timestamp": "2020-01-01 00:00:00",
            "clicks": "3",
        }
        for number, address in enumerate(addresses)
    }
    found = read("yourls", json_source(tmp_path, {"links": links}), Options(site=site))
    assert sorted(str(link.code) for link in found.links) == codes


def test_standard_input_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    sample = SAMPLES / "yourls" / "yourls-1.10.sql"
    with sample.open(encoding="utf-8") as file:
        monkeypatch.setattr(sys, "stdin", file)
        found = read("yourls", "-")
    assert found == read("yourls", sample)


def test_a_pipe_is_read(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    sample = SAMPLES / "chhoto" / "chhoto-api-all.json"
    writer = Thread(target=lambda: pipe.write_bytes(sample.read_bytes()))
    writer.start()
    assert read("chhoto", pipe) == read("chhoto", sample)
    writer.join()


# Shlink

POSTGRESQL = """--
-- PostgreSQL database dump
--
SET standard_conforming_strings = on;
CREATE TABLE public.short_urls (
    id bigint NOT NULL,
    original_url text NOT NULL
);
COPY public.domains (id, authority, base_url_redirect) FROM stdin;
7\tOther.Example\thttps://example.com/root
\\.
COPY public.short_urls (id, domain_id, original_url, long_url_hash, short_code, date_created,\
 valid_since, valid_until, max_visits, title, crawlable, forward_query) FROM stdin;
2\t7\thttps://example.com/?a=C:\\\\x\t\\\\xff\tb\t2023-01-02 03:04:05\t\\N\t\\N\t0\tTwo\\nl\tt\tf
1\t\\N\thttps://example.com/\t\\\\xff00\ta\t2023-01-02 03:04:05\t\\N\t\\N\t\\N\t\\N\tf\tt
\\.
COPY public.visits (id, short_url_id, date, remote_addr, user_agent, referer, potential_bot,\
 visit_location_id) FROM stdin;
1\t1\t2023-01-03 00:00:00\t\\N\tcurl/8\t\tt\t4
2\t\\N\t2023-01-03 00:00:00\t\\N\tcurl/8\t\tf\t\\N
\\.
COPY public.visit_locations (id, country_code) FROM stdin;
4\tde
\\.
-- PostgreSQL database dump complete
"""


def test_shlink_on_postgresql(tmp_path: Path) -> None:
    found = read("shlink", source(tmp_path, POSTGRESQL), Options(timezone=BERLIN))
    first, second = found.links
    assert (first.code, first.host, first.created) == ("a", None, 1672625045000000)
    assert first.terms.forwarding is Forwarding.VISITOR
    assert (first.bots, first.clicks, first.terms.robots) == (1, 1, None)
    assert (second.host, second.url) == ("other.example", "https://example.com/?a=C:\\x")
    assert second.terms.forwarding is Forwarding.NO
    assert second.terms.robots is True
    assert not second.terms.enabled
    assert Reason.NO_VISITS_ALLOWED in reasons(second)
    assert second.terms.title == "Two l"
    assert [(click.country, click.is_bot) for click in found.clicks] == [("DE", True)]
    remark = found.remark("orphan_visits")
    assert remark is not None and remark.value == 1
    assert found.settings == [HostSetting("other.example", root="https://example.com/root")]


def test_rules_are_data_of_the_plugin() -> None:
    found = read("shlink", SAMPLES / "shlink" / "shlink-5.1.sqlite")
    assert found.link("rules1").plugins == {
        "rules": {
            "rules": [
                {"url": "https://example.com/ios", "conditions": {"system": ["ios"]}},
                {
                    "url": "https://example.com/es-android",
                    "conditions": {"system": ["android"], "language": ["es-ES"]},
                },
                {"url": "https://example.com/es", "conditions": {"language": ["es"]}},
            ]
        }
    }
    assert Reason.RULES not in reasons(found.link("rules1"))
    asked = [rule["conditions"] for rule in found.link("rules2").plugins["rules"]["rules"]]
    assert asked == [
        {"query": [{"key": "sale", "match": "value", "value": "summer"}]},
        {"query": [{"key": "ref", "match": "any"}]},
        {"query": [{"key": "debug", "match": "empty"}]},
        {"address": ["192.168.0.0/16"]},
        {"address": ["10.1.0.0/16"]},
        {"country": ["DE"]},
        {"city": ["Barcelona"]},
        {"date": {"to": "2023-12-31T23:00:00Z"}},
        {"date": {"from": "2040-01-01T00:00:00Z"}},
        {"browser": ["edge"], "device": ["desktop"]},
    ]
    assert found.link("app").plugins == {}
    assert Reason.RULES in reasons(found.link("app"))
    assert len(found.link("app").rules) == 1


def test_a_dump_of_sqlite_is_one_too(tmp_path: Path) -> None:
    """As `sqlite3 FILE .dump` makes it."""
    for name, sample in (("shlink", "shlink/shlink-5.1.sqlite"), ("kutt", "kutt/kutt-3.2.sqlite")):
        database = sqlite3.connect(SAMPLES / sample)
        dump = "\n".join(["PRAGMA foreign_keys=OFF;", *database.iterdump()])
        database.close()
        told, plain = read(name, source(tmp_path, dump)), read(name, SAMPLES / sample)
        assert told.links == plain.links
        assert told.clicks == plain.clicks
        assert told.sums == plain.sums


@pytest.mark.parametrize(
    ("format_name", "sample"),
    [
        ("yourls", "yourls/yourls-1.10.sql"),
        ("polr", "polr/polr-2.3.sql"),
        ("shlink", "shlink/shlink-5.1-mariadb.sql"),
    ],
)
def test_a_peer_without_links_has_none(format_name: str, sample: str, tmp_path: Path) -> None:
    """Dumps have no rows of a table that is empty."""
    dump = (SAMPLES / sample).read_bytes().decode("latin-1")
    empty = re.sub(r"(?ms)^INSERT INTO .*?;\n", "", dump)
    assert empty != dump
    found = read(format_name, source(tmp_path, empty))
    assert (found.links, found.problems, found.clicks) == ([], [], [])
    other = "chhoto" if format_name == "yourls" else "yourls"
    with pytest.raises(errors.ShortdError):
        read(other, source(tmp_path, empty))


def test_a_dump_that_was_cut_between_two_statements_is_told(tmp_path: Path) -> None:
    dump = (SAMPLES / "shlink" / "shlink-5.1-mariadb.sql").read_bytes().decode("latin-1")
    assert read("shlink", source(tmp_path, dump)).remark("cut") is None
    without_visits = dump[: dump.index("-- Dumping data for table `visits`")]
    found = read("shlink", source(tmp_path, without_visits))
    assert found.remark("cut") is not None
    assert (len(found.links), found.clicks) == (25, [])
    without_rows = dump[: dump.index("-- Dumping data for table `short_urls`")]
    with pytest.raises(errors.ShortdError, match="torn"):
        read("shlink", source(tmp_path, without_rows))


def test_tables_of_another_peer_are_none(tmp_path: Path) -> None:
    """Both call them `links`."""
    path = tmp_path / "polr.sqlite"
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE links (id, short_url, long_url, secret_key)")
        database.execute("INSERT INTO links VALUES (1, 'a', 'https://example.com/', '')")
        database.commit()
    with pytest.raises(errors.ShortdError):
        read("kutt", path)


# Kutt


def test_hours_come_with_what_was_counted() -> None:
    found = read("kutt", SAMPLES / "kutt" / "kutt-3.2.sqlite")
    assert found.sums[0] == ClickSum(
        link="1",
        first=1611875700000000,
        last=1611878399000000,
        total=6,
        countries={"DE": 2, "": 2, "US": 2},
        referrers={"news.example": 2, "": 2, "google.com": 2},
        browsers={"Chrome": 2, "Firefox": 2, "Safari": 2},
        systems={"iOS": 2, "Linux": 2, "Windows": 2},
    )
    assert {link.owner for link in found.links} == {"ann@kutt.example", ""}
    assert (
        HostSetting(
            "go.ann.example", root="https://example.com/home", unknown="https://example.com/home"
        )
        in found.settings
    )


def test_hours_of_any_shape_are_borne(tmp_path: Path) -> None:
    path = tmp_path / "source"
    database = sqlite3.connect(path)
    with database:
        database.execute("CREATE TABLE links (id, address, target, visit_count, created_at)")
        database.execute("INSERT INTO links VALUES (1, 'a', 'https://example.com/', 1, 0)")
        database.execute("CREATE TABLE visits (link_id, created_at, total, countries, br_chrome)")
        for row in (
            (1, "2020-01-01 00:00:00", 5, '{"de": 9}', 3),
            (1, "never", 2, '{"de": "x"}', -1),
            (1, "2020-01-01 00:00:00", 10**9, "[" * 5000, 10**18),
            (1, "2020-01-01 00:00:00", -4, None, None),
        ):
            database.execute("INSERT INTO visits VALUES (?, ?, ?, ?, ?)", row)
    database.close()
    found = read("kutt", path)
    assert found.link("a").clicks == 10**9 + 7
    assert [hour.total for hour in found.sums] == [5, 2, 10**9]
    assert [hour.first is None for hour in found.sums] == [False, True, False]
    assert [hour.countries for hour in found.sums] == [{}, {}, {}]
    assert [hour.browsers for hour in found.sums] == [{"Chrome": 3}, {}, {}]


# Polr


def test_codes_of_either_case_that_were_one_are_told(tmp_path: Path) -> None:
    dump = (SAMPLES / "polr" / "polr-2.3.sql").read_text()
    assert read("polr", source(tmp_path, dump)).remark("ignores_case") is None
    folded = dump.replace("COLLATE=utf8mb3_bin", "COLLATE=utf8mb3_unicode_ci")
    assert read("polr", source(tmp_path, folded)).remark("ignores_case") is not None


def test_a_secret_link_and_its_maker() -> None:
    link = read("polr", SAMPLES / "polr" / "polr-2.3.sql").link("sec/a1b2")
    assert link.owner == "ann"
    assert Reason.SECRET in reasons(link)


# Dub


def dub(**more: Any) -> dict[str, Any]:
    return {
        "id": "link_1",
        "domain": "go.example.com",
        "key": "a",
        "url": "https://example.com/",
        "shortLink": "https://go.example.com/a",
        "createdAt": "2024-05-06T07:08:09.000Z",
        **more,
    }


def test_what_dub_has_besides(tmp_path: Path) -> None:
    found = read(
        "dub",
        json_source(
            tmp_path,
            [
                dub(
                    key=f"xn--{'фу'.encode('punycode').decode()}",
                    archived=True,
                    comments="line\nline",
                    doIndex=True,
                    rewrite=True,
                    image="https://example.com/i.png",
                    expiredUrl="app://over",
                    testVariants=[
                        {"url": "https://example.com/", "percentage": 50},
                        {"url": "app://b", "percentage": "50"},
                    ],
                )
            ],
        ),
    )
    (link,) = found.links
    assert link.code == "фу"
    assert link.terms.hidden and link.terms.robots
    assert link.terms.note == "line\nline"
    assert link.plugins == {}
    assert "a variant: app://b" in [note.text for note in link.notes]
    assert reasons(link) == {Reason.NO_PLACE, Reason.FALLBACK}
    assert found.remark("ignores_case") is not None


def test_a_table_of_dub_has_keys_of_other_scripts(tmp_path: Path) -> None:
    key = f"xn--{'фу'.encode('punycode').decode()}"
    text = f"Short link,Destination URL\nhttps://go.example.com/a/{key},https://example.com/\n"
    (link,) = read("dub", source(tmp_path, text)).links
    assert (link.code, link.host) == ("a/фу", "go.example.com")


def test_a_root_page_of_dub_is_told_as_a_setting() -> None:
    found = read("dub", SAMPLES / "dub" / "dub-api-links.json")
    assert HostSetting("go.example.com", root="https://example.com/home") in found.settings


# Bitly


def test_archived_links_and_days_of_bitly(tmp_path: Path) -> None:
    found = read("bitly", SAMPLES / "bitly" / "bitly-api.json")
    assert found.link("1old", "bit.ly").terms.hidden
    assert Reason.ALIAS in reasons(found.link("Summer-Sale", "go.example.com"))
    link = {"id": "bit.ly/a", "long_url": "https://example.com/"}
    days = [{"date": "2020-01-02T00:00:00+0000", "clicks": 4}, {"date": "x", "clicks": -1}, 5]
    answers = {"links": [link], "clicks": {"bit.ly/a": {"unit": "day", "link_clicks": days}}}
    found = read("bitly", json_source(tmp_path, answers))
    assert found.link("a", "bit.ly").clicks == 4
    assert [(day.link, day.first, day.total) for day in found.sums] == [
        ("bit.ly/a", 1577923200000000, 4)
    ]


# Tables


def test_a_table_of_our_own_comes_back_whole(tmp_path: Path) -> None:
    """The columns of `export --csv`."""
    table = source(
        tmp_path,
        "short_url,code,host,url,title,tags,created,clicks,ends,max_clicks,enabled,owner\n"
        'https://s.example.com/a%2Fb,a/b,s.example.com,https://example.com/,T,"x,y",'
        "2021-01-02T03:04:05Z,7,2031-01-02T03:04:05Z,9,false,ann\n",
    )
    (link,) = read("csv", table).links
    terms = link.terms
    assert (link.code, link.host, link.clicks, link.tags) == ("a/b", "s.example.com", 7, ("x", "y"))
    assert (terms.expiration_count, terms.expiration_utime) == (9, 1925089445000000)
    assert (terms.enabled, link.owner) == (False, "ann")


def test_short_urls_alone_tell_host_and_code(tmp_path: Path) -> None:
    table = source(
        tmp_path,
        "Short URL,Target,Name,Notes\n"
        "HTTPS://Go.Example.com:8443/%C3%BC/x/?a#b,https://example.com/,T,N\n"
        "https://go.example.com/,https://example.com/,,\n",
    )
    found = read("csv", table)
    link = found.link("ü/x", "go.example.com:8443")
    assert (link.terms.title, link.terms.note) == ("T", "N")
    assert [problem.reason for problem in found.problems] == [Reason.DOMAIN_ROOT]


def test_the_older_of_two_rows_wins(tmp_path: Path) -> None:
    table = source(
        tmp_path,
        "code,url,created\na,https://new.example/,2022-01-01\na,https://old.example/,2021-01-01\n"
        "a,ftp://first.example/,2020-01-01\n",
    )
    found = read("csv", table)
    assert found.link("a").url == "https://old.example/"
    assert [(problem.row, problem.reason) for problem in found.problems] == [
        ("4", Reason.SCHEME),
        ("2", Reason.CODE_TAKEN),
    ]


def test_tags_that_do_not_fit_are_told(tmp_path: Path) -> None:
    tags = "|".join(["x" * 70, *map(str, range(60))])
    link = read("csv", source(tmp_path, f"code,url,tags\na,https://example.com/,{tags}\n")).link(
        "a"
    )
    assert len(link.tags) == 50 and len(link.tags[0]) == 64
    assert Reason.TAGS_CHANGED in reasons(link)
