"""The settings in effect, where each comes from, and what stands in the file by now."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from shortd.plugin import Plugin
from shortd.settings import Settings
from shortd.settings.in_force import RELOADED
from shortd.testing import RunningApp, open_app
from tests.conftest import GENEROUS
from tests.web.admin.conftest import command, make_operator
from tests.web.surfer import Surfer

SETTINGS = "/-/admin/settings"
CONFIG = """
public_url = "https://s.example.org"
data_dir = "nowhere"

[mail]
smtp_url = "smtps://me:hunter2@mail.example"

[host."s.example.org"]
root = "https://example.org/"

[auth.oidc.home]
issuer = "https://issuer.example"
client_id = "us"
client_secret = "hunter3"

[plugins.weather]
place = "Ulm"
api_key = "hunter4"
"""
VARIABLES = {**GENEROUS, "SHORTD_ACCOUNTS__SIGNUP": "true"}
SECTION = re.compile(r"<h2[^>]*>(?:<code[^>]*>\[(.*?)\]</code>|[^<]*)</h2>(.*?)</table>", re.S)
ROW = re.compile(r'<th scope="row"[^>]*>(.*?)</th><td[^>]*>(.*?)</td><td[^>]*>(.*?)</td>')
CHANGE = re.compile(r"<li><code[^>]*>(.*?)</code> \u2013 (.*?)</li>")
PROBLEM = re.compile(r'<li class="mono[^>]*>(.*?)</li>')


class WeatherSettings(msgspec.Struct):
    place: str = "Bonn"
    api_key: str = ""
    days: int = 3


class Weather(Plugin[WeatherSettings, None]):
    """Knows whether it rains."""

    name = "weather"
    Settings = WeatherSettings


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    data = tmp_path_factory.mktemp("settings") / "data"
    with open_app(data, config=CONFIG, environ=VARIABLES, plugins=(Weather,)) as app:
        yield app


@pytest.fixture(scope="module")
def operator(site: RunningApp) -> Surfer:
    surfer = Surfer(site, own="https://s.example.org")
    surfer.sign_up("olga")
    command(site, "user set", user="olga", changes={"operator": True})
    assert surfer.sign_in("olga").status_code == 303
    return surfer


@pytest.fixture
def file(site: RunningApp) -> Iterator[Path]:
    """The file, which is afterwards what it was."""
    found = site.services.in_force.given.file
    assert found is not None
    yield found
    found.write_text(CONFIG)


def shown(surfer: Surfer, query: str = "") -> dict[str, tuple[str, str]]:
    """Values and where they come from, by dotted names."""
    answer = surfer.get(SETTINGS + query)
    assert answer.status_code == 200
    assert "hunter" not in answer.text
    rows = {}
    for section, table in SECTION.findall(answer.text):
        for name, value, origin in ROW.findall(table):
            dotted = f"{section}.{name}" if section else name
            told = re.sub(r"<[^>]*>", "", origin)
            rows[html.unescape(dotted)] = (html.unescape(value), html.unescape(told))
    return rows


def test_every_setting_is_there_with_where_it_comes_from(operator: Surfer) -> None:
    rows = shown(operator)
    assert rows["public_url"] == ('"https://s.example.org"', "file")
    assert rows["data_dir"] == (f'"{operator.app.services.store.directory}"', "--data")
    assert rows["accounts.signup"] == ("true", "SHORTD_ACCOUNTS__SIGNUP")
    assert rows["server.port"] == ("8080", "default")
    assert rows["mail.smtp_url"] == ('"smtps://***@mail.example"', "file")
    assert rows['host."s.example.org".root'] == ('"https://example.org/"', "file")
    assert rows['host."s.example.org".www'][1] == "default"
    assert rows["auth.oidc.home.client_secret"] == ('"***"', "file")
    assert rows["plugins.weather.place"] == ('"Ulm"', "file")
    assert rows["plugins.weather.api_key"] == ('"***"', "file")
    assert rows["plugins.weather.days"] == ("3", "default")
    assert {name.partition(".")[0] for name in rows} == set(Settings.__struct_fields__)
    page = operator.get(SETTINGS).text
    assert str(operator.app.services.in_force.given.file) in page
    assert "All that is set is in effect." in page


def test_it_is_searched_and_narrowed(operator: Surfer) -> None:
    assert set(shown(operator, "?q=SMTP")) == {"mail.smtp_url"}
    assert set(shown(operator, "?q=weather.place+%3D+%22Ulm")) == {"plugins.weather.place"}
    # Secrets are not found, either.
    assert "No setting is like that." in operator.get(f"{SETTINGS}?q=hunter2").text
    only = shown(operator, "?only=set")
    assert "server.port" not in only
    assert "accounts.signup" in only
    assert shown(operator, "?only=changed") == {}
    assert shown(operator, "?only=nonsense") == shown(operator)


def test_a_file_that_was_changed(operator: Surfer, file: Path) -> None:
    new = CONFIG.replace("hunter2", "hunter5").replace("Ulm", "Ulm <b>")
    new = new.replace("https://example.org/", "https://example.net/")
    file.write_text(new + "\n[storage]\nmap_bytes = 8000000\n[log]\nlevel = 'debug'\n")
    page = operator.get(SETTINGS).text
    assert "hunter" not in page
    assert "All that is set is in effect." not in page
    told = {html.unescape(name): html.unescape(text) for name, text in CHANGE.findall(page)}
    assert told == {
        "storage.map_bytes": "in effect is 68719476736, set is 8000000 · taken over by a restart",
        "mail.smtp_url": "another secret · taken over by a restart",
        "log.level": 'in effect is "info", set is "debug" · taken over at SIGHUP or by a restart',
        'host."s.example.org".root': (
            'in effect is "https://example.org/", set is "https://example.net/" · taken over at'
            " SIGHUP or by a restart"
        ),
        "plugins.weather.place": 'in effect is "Ulm", set is "Ulm <b>" · taken over by a restart',
    }
    assert set(shown(operator, "?only=changed")) == set(told)
    assert PROBLEM.findall(page) == []


def test_tables_that_come_and_go(operator: Surfer, file: Path) -> None:
    file.write_text('public_url = "https://s.example.org"')
    told = dict(CHANGE.findall(operator.get(SETTINGS).text))
    names = {html.unescape(name) for name in told}
    assert {'host."s.example.org".root', "auth.oidc.home.issuer"} <= names
    assert told["plugins.weather.place"].startswith("in effect is &#34;Ulm&#34;, set is &#34;Bonn")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[server", "not TOML"),
        ("[server]\nprot = 80", "server.prot: unknown setting; is port meant?"),
        ("mail.smtp_url = 'hunter6'", "mail.smtp_url"),
        (None, "cannot be read"),
    ],
)
def test_a_file_that_no_server_starts_with(
    operator: Surfer, file: Path, text: str | None, problem: str
) -> None:
    if text is None:
        file.unlink()
    else:
        file.write_text(text)
    page = operator.get(SETTINGS).text
    assert "the server would not start again" in page
    assert "hunter" not in page
    [told] = PROBLEM.findall(page)
    assert html.unescape(told).startswith(str(file))
    assert problem in html.unescape(told)
    assert shown(operator)["server.port"] == ("8080", "default"), "what is in effect stays"


def test_what_only_a_start_would_find(operator: Surfer, file: Path) -> None:
    file.write_text(
        CONFIG.replace("place =", "palce =")
        + "[clicks]\ngeoip_db = '/nosuch.mmdb'\n[limits.custom]\napi_capacity = 5"
    )
    page = html.unescape(operator.get(SETTINGS).text)
    assert "the server would not start again" not in page
    problems = PROBLEM.findall(page)
    names = ["limits.custom.api_capacity", "plugins.weather.palce", "clicks.geoip_db"]
    assert [problem.split(": ")[1] for problem in problems] == names


def test_a_server_without_a_file(app: RunningApp) -> None:
    olga = make_operator(app)
    page = olga.get(SETTINGS).text
    assert "No settings file was found at the start" in page
    assert shown(olga)["public_url"][1] == "server.host and server.port"


def test_what_was_taken_over_is_in_effect(operator: Surfer, file: Path) -> None:
    in_force = operator.app.services.in_force
    file.write_text(CONFIG + "\n[log]\nlevel = 'debug'\n[storage]\nmap_bytes = 8000000")
    # As SIGHUP does.
    in_force.take(in_force.now(), RELOADED)
    assert shown(operator)["log.level"] == ('"debug"', "file")
    assert set(shown(operator, "?only=changed")) == {"storage.map_bytes"}
    file.write_text(CONFIG)
    in_force.take(in_force.now(), RELOADED)
    assert shown(operator)["log.level"] == ('"info"', "default")
