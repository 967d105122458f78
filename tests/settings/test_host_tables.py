"""[host."NAME"]: found by the name of its host, from wherever it comes."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest

from shortd.models.hosts import HostOptions
from shortd.settings import config
from shortd.settings.config import ConfigError, gather, load
from shortd.settings.showing import lines
from tests.settings.test_config import EXAMPLE, problems, read

HOSTS = """
public_url = "https://s.example.org"
hosts = ["http://b.example.org:8443", "https://bücher.example", "https://a-b.example", "https://a.b.example"]
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "shortd.toml"


def options(
    file: Path, text: str, environ: Mapping[str, str] | None = None
) -> dict[str, HostOptions]:
    return read(file, HOSTS + text, environ).host.options


def test_each_host_has_a_table_named_as_in_its_base_url(file: Path) -> None:
    text = """
    [host."s.example.org"]
    ignore_case = true
    root = "https://example.org/"
    unknown = "https://example.org/404"
    ended = "https://example.org/over"
    [host."b.example.org:8443"]
    wide_codes = true
    www = false
    """
    assert options(file, text) == {
        "s.example.org": HostOptions(
            ignore_case=True,
            root="https://example.org/",
            unknown="https://example.org/404",
            ended="https://example.org/over",
        ),
        "b.example.org:8443": HostOptions(wide_codes=True, www=False),
    }


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("S.Example.ORG", "s.example.org"),
        ("s.example.org:443", "s.example.org"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
    ],
)
def test_a_name_may_be_spelled_as_people_do(file: Path, key: str, name: str) -> None:
    assert list(options(file, f'[host."{key}"]\nwww = false')) == [name]


@pytest.mark.parametrize(
    ("variable", "name"),
    [
        ("S_EXAMPLE_ORG", "s.example.org"),
        ("s.example.org", "s.example.org"),
        ("B_EXAMPLE_ORG_8443", "b.example.org:8443"),
        ("XN__BCHER_KVA_EXAMPLE", "xn--bcher-kva.example"),
        ("XN_BCHER_KVA_EXAMPLE", "xn--bcher-kva.example"),
        ("a-b.example", "a-b.example"),
    ],
)
def test_a_variable_names_a_host_without_its_dots(file: Path, variable: str, name: str) -> None:
    environ = {f"SHORTD_HOST__{variable}__IGNORE_CASE": "true"}
    assert options(file, "", environ) == {name: HostOptions(ignore_case=True)}


def test_variables_win_over_the_file_one_by_one(file: Path, tmp_path: Path) -> None:
    text = '[host."S.Example.org"]\nroot = "https://a.example/"\nunknown = "https://b.example/"'
    (secret := tmp_path / "ended").write_text("https://c.example/\n")
    environ = {
        "SHORTD_HOST__S_EXAMPLE_ORG__ROOT": "",
        "SHORTD_HOST__S_EXAMPLE_ORG__ENDED_FILE": str(secret),
    }
    assert options(file, text, environ) == {
        "s.example.org": HostOptions(unknown="https://b.example/", ended="https://c.example/")
    }


def test_hosts_may_come_from_variables_too() -> None:
    environ = {
        "SHORTD_HOSTS": "https://go.example",
        "SHORTD_HOST__GO_EXAMPLE__WWW": "no",
        "SHORTD_SERVER__PORT": "9000",
        "SHORTD_HOST__127_0_0_1_9000__WWW": "0",
    }
    with pytest.raises(ConfigError, match=r'host\."go\.example"\.www: expected bool'):
        load(environ={**environ, "SHORTD_HOST__GO_EXAMPLE__WWW": "perhaps"})
    read = load(environ={**environ, "SHORTD_HOST__GO_EXAMPLE__WWW": "false"}).host.options
    assert read == {"go.example": HostOptions(www=False), "127.0.0.1:9000": HostOptions(www=False)}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            '[host."t.example.org"]',
            'host."t.example.org": is none of the hosts in public_url and hosts (a team\'s domain'
            ' has `shortd domain set`); is host."s.example.org" meant?',
        ),
        (
            '[host."b.example.org"]',
            'host."b.example.org": is none of the hosts in public_url and hosts (a team\'s domain'
            ' has `shortd domain set`); is host."b.example.org:8443" meant?',
        ),
        (
            '[host."ä b/c"]',
            'host."ä b/c": is none of the hosts in public_url and hosts (a team\'s domain has'
            " `shortd domain set`)",
        ),
        (
            '[web]\nurl = "https://pages.example"\n[host."pages.example"]',
            'host."pages.example": is the host of the pages (web.url), which has no links',
        ),
        (
            '[host."S.example.org"]\nwww = true\n[host."s.example.org:443"]\nwww = false',
            'host."s.example.org:443": is host."S.example.org" once more',
        ),
        (
            '[host."s.example.org"]\nrot = ""',
            'host."s.example.org".rot: unknown setting; is root meant?',
        ),
        ('[host."s.example.org"]\nwww = 1', 'host."s.example.org".www: expected bool, got int'),
        ("[host]\nroot = ''", "host.root: unknown setting"),
        ("[host.s.example]\norg = ''", "host.s.example: unknown setting"),
    ],
)
def test_what_cannot_be_meant_stops_the_start(file: Path, text: str, problem: str) -> None:
    assert problems(file, HOSTS + text) == [problem]


def test_a_variable_that_fits_two_hosts_is_refused(file: Path) -> None:
    environ = {"SHORTD_HOST__A_B_EXAMPLE__WWW": "false"}
    assert problems(file, HOSTS, environ) == [
        "SHORTD_HOST__A_B_EXAMPLE__WWW: host.a_b_example: may be a-b.example or a.b.example; set it"
        " in a file"
    ]


def test_where_each_comes_from_is_shown(file: Path) -> None:
    file.write_text(HOSTS + '[host."s.example.org"]\nroot = "https://example.org/"')
    given = gather(file, environ={"SHORTD_HOST__S_EXAMPLE_ORG__WWW": "false"})
    text = "\n".join(lines(config.settings_of(given), given, {}))
    shown = tomllib.loads(text)["host"]["s.example.org"]
    assert shown["root"] == "https://example.org/"
    assert shown["www"] is False
    origins = {
        line.partition(" ")[0]: line.rpartition("# ")[2]
        for line in text.splitlines()
        if line.startswith("host.")
    }
    assert origins['host."s.example.org".root'] == str(file)
    assert origins['host."s.example.org".www'] == "SHORTD_HOST__S_EXAMPLE_ORG__WWW"
    assert origins['host."s.example.org".ended'] == "default"


def test_the_example_shows_a_host_with_every_option() -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    table = text.partition('[host."s.example.org"]')[2].partition("[host]\n")[0]
    names = [field.encode_name for field in msgspec.structs.fields(HostOptions)]
    assert [name for name in names if f"#     {name} = " not in table] == []
