from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortd.limits.buckets import Limit
from shortd.models.accounts import AccountType
from shortd.settings import config_checks
from shortd.settings.config import ConfigError, Settings, load, plugin_settings

EXAMPLE = Path(__file__).parents[2] / "config.example.toml"


class Sampler(msgspec.Struct, frozen=True):
    """A plugin's settings: one that must be given, some that need not."""

    seed: int
    names: list[str] = []
    share: float = 0.5

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise ValueError("share must be between 0 and 1")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "shortd.toml"


def read(file: Path, text: str, environ: Mapping[str, str] | None = None) -> Settings:
    file.write_text(text, encoding="utf-8")
    return load(file, environ=environ or {})


def problems(file: Path, text: str, environ: Mapping[str, str] | None = None) -> list[str]:
    """What is wrong, without the file's name where that comes first."""
    with pytest.raises(ConfigError) as caught:
        read(file, text, environ)
    assert str(caught.value).splitlines() == list(caught.value.problems)
    return [problem.removeprefix(f"{file}: ") for problem in caught.value.problems]


def environment_problem(name: str, value: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(environ={name: value})
    (problem,) = caught.value.problems
    return problem


# Defaults and the example


def uncommented() -> str:
    return re.sub(r"^#(\w+ = )", r"\1", EXAMPLE.read_text(encoding="utf-8"), flags=re.MULTILINE)


def leaves(table: dict[str, Any], path: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in table.items():
        at = f"{path}.{key}" if path else key
        found |= leaves(value, at) if isinstance(value, dict) else {at: value}
    return found


def test_nothing_given_means_the_defaults() -> None:
    assert load(environ={"PATH": "/bin", "SHORTD_CONFIG": "x", "SHORTD_DATA": "y"}) == Settings()


def test_the_example_loads_and_changes_nothing() -> None:
    assert load(EXAMPLE, environ={}) == Settings()


def test_the_example_shows_every_setting_with_its_default() -> None:
    encoded = msgspec.json.encode(Settings(), enc_hook=lambda path: f"./{path}")
    defaults = leaves(json.loads(encoded))
    shown = leaves(tomllib.loads(uncommented()))
    assert shown == defaults
    assert [type(shown[name]) for name in defaults] == [type(v) for v in defaults.values()]


def test_the_example_says_why_of_every_setting() -> None:
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    for before, line in pairwise(lines):
        if re.match(r"#\w+ = ", line):
            assert before.startswith("# "), f"no word about {line}"


def test_every_account_type_has_limits_that_the_largest_calls_fit_in() -> None:
    limits = Settings().limits
    assert limits.of(AccountType.REGISTERED).api_capacity == 120_000
    for account_type in AccountType:
        assert limits.of(account_type).api_capacity >= 101_000


def test_the_largest_capacity_is_one_that_a_bucket_can_have(file: Path) -> None:
    settings = read(file, "[limits.client]\napi_capacity = 9_000_000_000_000\napi_refill_rate = 0")
    client = settings.limits.client
    assert Limit(client.api_capacity, client.api_refill_rate)


# The file


def test_a_file_changes_what_it_names_and_nothing_else(file: Path) -> None:
    settings = read(
        file,
        """
        public_url = "https://s.example"
        [server]
        port = 9000
        [limits.temporary]
        api_capacity = 7
        token_days = 0.5
        [mail]
        from = "Links <links@s.example>"
        """,
    )
    before = Settings()
    assert settings.public_url == "https://s.example"
    assert settings.server == msgspec.structs.replace(before.server, port=9000)
    assert settings.limits.temporary == msgspec.structs.replace(
        before.limits.temporary, api_capacity=7, token_days=0.5
    )
    assert settings.limits.registered == before.limits.registered
    assert settings.mail.sender == "Links <links@s.example>"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('server.port = "80"', "server.port: expected int, got str"),
        ("server.port = true", "server.port: expected int, got bool"),
        ("server.port = 0", "server.port: expected int >= 1"),
        ("server.port = 65536", "server.port: expected int <= 65535"),
        (
            "server.host = 'a b'",
            "server.host: expected an address such as 192.0.2.7 or 2001:db8::7, a name, :: "
            "for everywhere, or unix: and a path; the port is a setting of its own",
        ),
        ("server = 80", "server: expected a table"),
        ("server.prot = 80", "server.prot: unknown setting; is port meant?"),
        ("surprise = 1", "surprise: unknown setting"),
        ("sender = ''", "sender: unknown setting; is server meant?"),
        ("mail.sender = ''", "mail.sender: unknown setting"),
        ("data_dir = ''", "data_dir: expected a path"),
        ("data_dir = 1", "data_dir: expected a path"),
        ("accounts.signup = 1", "accounts.signup: expected bool, got int"),
        ("accounts.temporary_days = 0", "accounts.temporary_days: expected float > 0.0"),
        ("accounts.temporary_days = nan", "accounts.temporary_days: expected float > 0.0"),
        ("accounts.temporary_days = inf", "accounts.temporary_days: expected float <= 36500.0"),
        ("limits.client.api_capacity = 0", "limits.client.api_capacity: expected int >= 1"),
        ("limits.customs.api_capacity = 1", "limits.customs: unknown setting; is custom meant?"),
        ("limits.custom.storage_bytes = -1", "limits.custom.storage_bytes: expected int >= 0"),
        (
            "links.redirect_status = 304",
            "links.redirect_status: expected one of 301, 302, 303, 307, 308",
        ),
        ("clicks.ip = 'some'", "clicks.ip: expected one of full, truncated, none"),
        ("clicks.sync_ms = 0", "clicks.sync_ms: expected int >= 1"),
        ("storage.map_bytes = 1", "storage.map_bytes: expected int >= 1048576"),
        ("hosts = 'https://a.example'", "hosts: expected array, got str"),
        ("hosts = [1]", "hosts[0]: expected str, got int"),
        ("plugins.disabled = [1]", "plugins.disabled[0]: expected str, got int"),
        ("plugins.ab = 1", "plugins.ab: unknown setting"),
        ("web.home = 'closed'", "web.home: expected one of open, accounts"),
        ("web.languages = '/nosuch'", "web.languages: expected a folder of catalogues"),
        (
            "web.language = 'tlh'",
            "web.language: there is no catalogue for 'tlh', only for en, de, fr",
        ),
        ("plugins.settings = 1", "plugins.settings: unknown setting"),
    ],
)
def test_an_unusable_value_is_named_with_its_reason(file: Path, text: str, problem: str) -> None:
    assert problems(file, text) == [problem]


def test_all_problems_are_told_at_once(file: Path) -> None:
    text = "server.port = 0\nlinks.redirect_status = 1\n[limits.client]\nburst = 1\ntoken_days = 0"
    assert len(problems(file, text, {"SHORTD_CLICKS__IP": "x"})) == 5


def test_problems_of_a_file_begin_with_its_name(file: Path) -> None:
    file.write_text("server.port = 0")
    with pytest.raises(ConfigError, match=f"^{re.escape(str(file))}: server.port: "):
        load(file, environ={})


def test_bad_toml_is_told_with_its_line(file: Path) -> None:
    (problem,) = problems(file, "[server]\nport = 1\nhost = oops")
    assert "line 3" in problem


def test_a_file_that_cannot_be_read_is_told(file: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        load(file, environ={})
    file.write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="not UTF-8"):
        load(file, environ={})


# Addresses


@pytest.mark.parametrize(
    ("given_url", "kept"),
    [
        ("https://S.Example", "https://s.example"),
        ("http://s.example:80/", "http://s.example"),
        ("https://s.example:8443/", "https://s.example:8443"),
        ("HTTP://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
        ("https://S.example/S/", "https://s.example/S"),
        ("http://s.example:80/a.b/~c/1_d-e", "http://s.example/a.b/~c/1_d-e"),
    ],
)
def test_base_urls_are_kept_in_one_spelling(file: Path, given_url: str, kept: str) -> None:
    settings = read(file, f"public_url = 'http://a.example'\nhosts = ['{given_url}']")
    assert settings.hosts == (kept,)
    assert read(file, f"public_url = '{given_url}'").public_url == kept


@pytest.mark.parametrize(
    "url",
    [
        "",
        "s.example",
        "//s.example",
        "ftp://s.example",
        "javascript:alert(1)",
        "http:s.example",
        "http:///s.example",
        "http://",
        "https://s.example?",
        "https://s.example/path?a",
        "https://s.example/#",
        "https://user:word@s.example",
        "https://@s.example",
        " https://s.example",
        "https://s.exa\tmple",
        "https://s.example\\",
        "https://s.example:99999",
        "https://s.example:x",
    ],
)
def test_base_urls_have_a_scheme_a_host_a_port_and_a_path_only(file: Path, url: str) -> None:
    text = f"public_url = {json.dumps(url)}"
    (problem,) = problems(file, text)
    assert problem.startswith("public_url: expected an http or https address without query")
    (problem,) = problems(file, f"hosts = ['https://a.example', {json.dumps(url)}]")
    assert problem.startswith("hosts[1]: expected an http or https address")


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("//", "single slashes"),
        ("/s//", "single slashes"),
        ("//s", "single slashes"),
        ("/a/./b", "single slashes"),
        ("/a/../b", "single slashes"),
        ("/%73", "single slashes"),
        ("/a%2Fb", "single slashes"),
        ("/ä", "single slashes"),
        ("/a;b", "single slashes"),
        ("/a+b", "single slashes"),
        (f"/{'a' * 100}", "at most 100"),
        ("/-", "addresses of its own"),
        ("/-/s", "addresses of its own"),
        ("/v2", "addresses of its own"),
        ("/.well-known/s", "addresses of its own"),
    ],
)
def test_paths_of_base_urls_read_one_way(file: Path, path: str, words: str) -> None:
    for setting in ("public_url = {}", "hosts = [{}]", "[web]\nurl = {}"):
        (problem,) = problems(file, setting.format(json.dumps(f"https://s.example{path}")))
        assert words in problem


def test_a_host_has_one_path_and_is_named_without_it(file: Path) -> None:
    text = "public_url = 'https://s.example/s'"
    (problem,) = problems(file, f"{text}\nhosts = ['https://s.example/t']")
    assert "a second time" in problem
    (problem,) = problems(file, f"{text}\n[web]\nurl = 'https://s.example/t'")
    assert "is a short host" in problem
    (problem,) = problems(file, f"{text}\n[host.'s.example/s']\nignore_case = true")
    assert 'is host."s.example" meant?' in problem
    settings = read(file, f"{text}\n[host.'s.example']\nignore_case = true")
    assert settings.host.options["s.example"].ignore_case


@pytest.mark.parametrize(
    ("hosts", "where"),
    [
        ("['https://S.example']", "hosts[0]"),
        ("['http://s.example']", "hosts[0]"),
        ("['https://a.example', 'https://a.example:443/']", "hosts[1]"),
    ],
)
def test_no_short_host_is_named_twice(file: Path, hosts: str, where: str) -> None:
    text = f"public_url = 'https://s.example'\nhosts = {hosts}"
    assert problems(file, text) == [f"{where}: names a short host a second time"]


def test_a_port_makes_another_short_host(file: Path) -> None:
    text = "public_url = 'https://s.example'\nhosts = ['https://s.example:8443']"
    assert read(file, text).hosts == ("https://s.example:8443",)


@pytest.mark.parametrize(
    ("host", "port", "public_url"),
    [
        ([], 9000, "http://127.0.0.1:9000"),
        (["0.0.0.0"], None, "http://127.0.0.1:8080"),
        (["::"], 80, "http://127.0.0.1"),
        (["::1"], 9000, "http://[::1]:9000"),
        (["Box.lan"], 9000, "http://box.lan:9000"),
        (["unix:/run/s.sock", "::1", "10.0.0.7"], 9000, "http://[::1]:9000"),
    ],
)
def test_links_follow_from_where_the_server_listens(
    host: list[str], port: int | None, public_url: str
) -> None:
    assert load(hosts=host, port=port, environ={}).public_url == public_url


def test_a_socket_alone_says_nothing_of_links(file: Path) -> None:
    assert problems(file, "server.host = 'unix:/run/s.sock'") == [
        "server.host: not a host that links can name; set public_url to what they are to begin with"
    ]
    read(file, "public_url = 'https://s.example'\nserver.host = 'unix:/run/s.sock'")


@pytest.mark.parametrize(
    ("text", "hosts"),
    [
        ("server.host = '::'", ("::",)),
        (
            "server.host = ['[::1]', 'BOX.lan', 'unix:/a b,c.sock']",
            ("::1", "box.lan", "unix:/a b,c.sock"),
        ),
        ("", ("127.0.0.1",)),
    ],
)
def test_a_host_is_one_or_a_list(file: Path, text: str, hosts: tuple[str, ...]) -> None:
    assert read(file, f"public_url = 'https://s.example'\n{text}").server.host == hosts


@pytest.mark.parametrize(
    ("text", "hosts"),
    [
        ("::", ("::",)),
        ("[::1]", ("::1",)),
        ("[::1], 127.0.0.1", ("::1", "127.0.0.1")),
        ("127.0.0.1,unix:/run/s.sock", ("127.0.0.1", "unix:/run/s.sock")),
        ('["127.0.0.1", "unix:/a,b"]', ("127.0.0.1", "unix:/a,b")),
    ],
)
def test_hosts_come_from_the_environment(text: str, hosts: tuple[str, ...]) -> None:
    assert load(environ={"SHORTD_SERVER__HOST": text}).server.host == hosts


@pytest.mark.parametrize(
    "hosts", [["::1"], ["unix:/a,b", "127.0.0.1"], ['unix:/"quoted"\\x', "::"], ["unix:/ü", "*"]]
)
def test_hosts_come_from_options(hosts: list[str]) -> None:
    wanted = tuple("::" if host == "*" else host for host in hosts)
    environ = {"SHORTD_PUBLIC_URL": "https://s.example"}
    assert load(hosts=hosts, environ=environ).server.host == wanted


@pytest.mark.parametrize(
    ("host", "where", "words"),
    [
        ("[]", "", "expected array of length >= 1"),
        ("5", "", "expected array, got int"),
        ("['::', 'a b']", "[1]", "expected an address such as "),
        ("['unix:run/s.sock']", "", "expected an absolute path behind unix:"),
        ("'unix:'", "", "expected an absolute path behind unix:"),
        ("'unix:/run/'", "", "expected an absolute path behind unix:"),
        ('"unix:/run/\\u0000s"', "", "expected an absolute path behind unix:"),
        (f"'unix:/{'x' * 107}'", "", "a path of a socket has at most 107 bytes"),
    ],
)
def test_what_is_nothing_to_listen_on(file: Path, host: str, where: str, words: str) -> None:
    text = f"public_url = 'https://s.example'\nserver.host = {host}"
    (problem,) = problems(file, text)
    assert problem.startswith(f"server.host{where}: {words}")


def test_a_public_url_that_was_set_stays(file: Path) -> None:
    file.write_text("public_url = 'https://s.example'")
    assert load(file, port=9000, environ={}).public_url == "https://s.example"
    environ = {"SHORTD_PUBLIC_URL": "https://e.example"}
    assert load(port=9000, environ=environ).public_url == "https://e.example"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://app.example", "https://app.example"),
        ("HTTPS://App.Example:443/", "https://app.example"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
        ("moz-extension://2C127FA4-62C7", "moz-extension://2c127fa4-62c7"),
        ("app://obsidian.md", "app://obsidian.md"),
        ("*", "*"),
    ],
)
def test_origins_are_those_that_browsers_send(file: Path, given: str, kept: str) -> None:
    settings = read(file, f"[server]\ncors_origins = ['{given}']")
    assert settings.server.cors_origins == (kept,)


@pytest.mark.parametrize(
    "wrong",
    [
        *("", "app.example", "https://", "https://app.example/page", "https://*.example", "null"),
        *(
            "https://app.example?a",
            "https://me@app.example",
            "file://x",
            "*.example",
            "https://a b",
        ),
        *("https://a b", "moz-extension://", "chrome-extension://a/b", "https://app.example\\n"),
    ],
)
def test_what_is_no_origin(file: Path, wrong: str) -> None:
    text = f'[server]\ncors_origins = ["https://a.example", "{wrong}"]'
    (problem,) = problems(file, text)
    assert problem.startswith("server.cors_origins[1]: ")


def test_all_origins_stand_alone(file: Path) -> None:
    (problem,) = problems(file, "[server]\ncors_origins = ['*', 'https://a.example']")
    assert problem.startswith("server.cors_origins: * stands for all")


@pytest.mark.parametrize("name", ["trusted_proxies", "metrics_from"])
def test_networks_may_be_single_addresses(file: Path, name: str) -> None:
    text = f"[server]\n{name} = ['10.0.0.0/8', '192.0.2.1', '::1', '2001:db8::/32']"
    assert getattr(read(file, text).server, name) == (
        "10.0.0.0/8",
        "192.0.2.1/32",
        "::1/128",
        "2001:db8::/32",
    )
    for wrong in ("10.0.0.1/8", "localhost", "10.0.0.0/33", ""):
        (problem,) = problems(file, f"[server]\n{name} = ['10.0.0.0/8', '{wrong}']")
        assert problem.startswith(f"server.{name}[1]: expected an address or a network")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "smtp://mail.example",
        "smtps://me%40a.example:pa%3Ass@mail.example:465",
        "smtp://mail.example:587?starttls=1",
        "smtp://[::1]:25/?starttls=0",
    ],
)
def test_mail_servers(file: Path, url: str) -> None:
    assert read(file, f"mail.smtp_url = '{url}'").mail.smtp_url == url


@pytest.mark.parametrize(
    "url",
    [
        "mail.example:25",
        "http://mail.example",
        "smtp://",
        "smtp://mail.example:0",
        "smtp://mail.example:port",
        "smtp://[::1",
        "smtp://mail.example/box",
        "smtp://mail.example?starttls=yes",
        "smtp://mail.example?starttls",
        "smtp://mail.example?tls=1",
        "smtp://mail.example#x",
        "smtps://mail.example?starttls=1",
        "smtp://mail .example",
    ],
)
def test_mail_servers_that_are_none(file: Path, url: str) -> None:
    (problem,) = problems(file, f"mail.smtp_url = '{url}'")
    assert problem.startswith("mail.smtp_url: expected smtp://")


def test_the_sender_is_an_address(file: Path) -> None:
    assert read(file, "mail.from = 'shortd@localhost'").mail.sender == "shortd@localhost"
    assert read(file, "mail.from = 'a@bücher.example'").mail.sender == "a@bücher.example"
    for wrong in ("shortd", "shortd@", "a@b@c.example", "a@b, c@d", "Links <>", "a@-ü.example"):
        (problem,) = problems(file, f"mail.from = '{wrong}'")
        assert problem.startswith("mail.from: expected one e-mail address")


@given(st.text(max_size=40))
def test_a_kept_base_url_stays_as_it_is(text: str) -> None:
    for candidate in (text, f"https://{text}"):
        try:
            kept = config_checks.base_url(candidate)
        except ValueError:
            continue
        assert config_checks.base_url(kept) == kept


# The environment and options


def test_the_environment_wins_over_the_file_and_is_converted(file: Path) -> None:
    settings = read(
        file,
        "server.port = 1\nhosts = ['https://a.example']",
        {
            "SHORTD_PUBLIC_URL": "https://s.example",
            "SHORTD_HOSTS": "https://b.example, https://c.example",
            "SHORTD_DATA_DIR": "/srv/links",
            "SHORTD_SERVER__PORT": "2",
            "SHORTD_SERVER__FAST_LANE": "false",
            "SHORTD_SERVER__TRUSTED_PROXIES": "['10.0.0.0/8']",
            "SHORTD_ACCOUNTS__TEMPORARY_DAYS": "0.25",
            "SHORTD_LIMITS__CLIENT__API_CAPACITY": "5",
            "SHORTD_LINKS__REDIRECT_STATUS": "307",
            "SHORTD_LINKS__FORWARD_QUERY": "1",
            "SHORTD_CLICKS__IP": "none",
            "SHORTD_MAIL__FROM": "a@b.example",
            "SHORTD_PLUGINS__DISABLED": "",
        },
    )
    assert settings.public_url == "https://s.example"
    assert settings.hosts == ("https://b.example", "https://c.example")
    assert settings.data_dir == Path("/srv/links")
    assert (settings.server.port, settings.server.fast_lane) == (2, False)
    assert settings.server.trusted_proxies == ("10.0.0.0/8",)
    assert settings.accounts.temporary_days == 0.25
    assert settings.limits.client.api_capacity == 5
    assert (settings.links.redirect_status, settings.links.forward_query) == (307, True)
    assert settings.clicks.ip == "none"
    assert settings.mail.sender == "a@b.example"
    assert settings.plugins.disabled == ()


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("SHORTD_SERVER__PORT", "many", "server.port: expected int, got str"),
        ("SHORTD_SERVER__PORT", "", "server.port: expected int, got str"),
        ("SHORTD_SERVER__PORT__X", "1", "server.port: expected int, got table"),
        ("SHORTD_SERVER__FAST_LANE", "maybe", "server.fast_lane: expected bool, got str"),
        ("SHORTD_SERVER", "1", "server: expected a table"),
        ("SHORTD_SERVER__", "1", 'server."": unknown setting'),
        ("SHORTD_", "1", "unknown setting"),
        ("SHORTD_SERVER_PORT", "1", "server_port: unknown setting; is SHORTD_SERVER__PORT meant?"),
        ("SHORTD_SERVR__PORT", "1", "servr: unknown setting; is SHORTD_SERVER__PORT meant?"),
        ("SHORTD_CLICKS__IP", "some", "clicks.ip: expected one of full, truncated, none"),
        ("SHORTD_HOSTS", "[", "hosts: expected items between commas, or a TOML array"),
        ("SHORTD_HOSTS", "['http://127.0.0.1:8080']", "hosts[0]: names a short host a second time"),
    ],
)
def test_a_problem_of_the_environment_names_the_variable(
    name: str, value: str, problem: str
) -> None:
    assert environment_problem(name, value) == f"{name}: {problem}"


def test_no_message_repeats_a_value() -> None:
    for name in ("SHORTD_MAIL__SMTP_URL", "SHORTD_PUBLIC_URL", "SHORTD_SERVER__PORT"):
        assert "hunter2" not in environment_problem(name, "ftp://me:hunter2@mail.example")


def test_options_win_over_all(file: Path) -> None:
    file.write_text("server.port = 1\ndata_dir = 'file'")
    environ = {"SHORTD_SERVER__PORT": "2", "SHORTD_SERVER__HOST": "::", "SHORTD_DATA_DIR": "env"}
    settings = load(file, data_dir=Path("given"), hosts=["::1"], port=3, environ=environ)
    assert (settings.data_dir, settings.server.host, settings.server.port) == (
        Path("given"),
        ("::1",),
        3,
    )
    with pytest.raises(ConfigError, match=r"^--port: server\.port: expected int >= 1$"):
        load(port=0, environ={})


# Settings of plugins


def test_a_plugin_gets_its_own_settings_in_its_own_type(file: Path) -> None:
    settings = read(
        file,
        "[plugins.ab]\nseed = 1\nnames = ['a']",
        {"SHORTD_PLUGINS__AB__SHARE": "0.25", "SHORTD_PLUGINS__OTHER__SEED": "2"},
    )
    assert settings.plugins.settings["ab"] == {"seed": 1, "names": ["a"], "share": "0.25"}
    assert plugin_settings(settings, "ab", Sampler) == Sampler(1, ["a"], 0.25)
    assert plugin_settings(settings, "other", Sampler) == Sampler(2)


@pytest.mark.parametrize(
    ("text", "environ", "problem"),
    [
        ("", {}, "plugins.ab.seed: is required"),
        ("seed = 'x'", {}, "plugins.ab.seed: expected int, got str"),
        ("seed = 1\nseeds = 2", {}, "plugins.ab.seeds: unknown setting; is seed meant?"),
        ("seed = 1\nshare = 2", {}, "plugins.ab: share must be between 0 and 1"),
        (
            "",
            {"SHORTD_PLUGINS__AB__SEED": "x"},
            "SHORTD_PLUGINS__AB__SEED: plugins.ab.seed: expected int, got str",
        ),
    ],
)
def test_a_plugins_bad_setting_is_one_line(
    file: Path, text: str, environ: dict[str, str], problem: str
) -> None:
    settings = read(file, f"[plugins.ab]\n{text}", environ)
    with pytest.raises(ConfigError) as caught:
        plugin_settings(settings, "ab", Sampler)
    assert caught.value.problems == (problem,)
