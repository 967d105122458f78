"""[auth]: what is read, what cannot be meant, and what is never shown."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest

from shortd.settings import IssuerSettings, Settings, config
from shortd.settings.config import ConfigError, Given, gather, load
from shortd.settings.showing import lines
from tests.settings.test_config import EXAMPLE, problems, read

ISSUER = '[auth.oidc.home]\nissuer = "https://id.example.org/"\nclient_id = "shortd"\n'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "shortd.toml"


def test_issuers_are_read_by_name(file: Path) -> None:
    settings = read(
        file,
        ISSUER
        + 'allow = ["group:links", "domain:example.org", "email:a@example.org"]\ncreate = true\n'
        + '[auth.oidc.work]\nissuer = "http://127.0.0.1:9000"\nclient_id = "x"\nname = "Work"\n'
        + '[auth]\npassword = false\nauto = "home"\n',
    )
    home, work = settings.auth.oidc.issuers["home"], settings.auth.oidc.issuers["work"]
    assert list(settings.auth.oidc.issuers) == ["home", "work"]
    assert home == IssuerSettings(
        issuer="https://id.example.org/",
        client_id="shortd",
        allow=("group:links", "domain:example.org", "email:a@example.org"),
        create=True,
    )
    assert (work.issuer, work.name) == ("http://127.0.0.1:9000", "Work")


def test_the_environment_has_the_secret(file: Path) -> None:
    environ = {
        "SHORTD_AUTH__OIDC__HOME__CLIENT_SECRET": "s3cret",
        "SHORTD_AUTH__OIDC__HOME__CREATE": "true",
        "SHORTD_AUTH__PROXY__FROM": "10.0.0.0/8, 127.0.0.1",
    }
    settings = read(file, ISSUER, environ)
    assert settings.auth.oidc.issuers["home"].client_secret == "s3cret"
    assert settings.auth.oidc.issuers["home"].create
    assert settings.auth.proxy.peers == ("10.0.0.0/8", "127.0.0.1/32")


def shown(file: Path, text: str, environ: Mapping[str, str]) -> str:
    file.write_text(text)
    given: Given = gather(file, environ=environ)
    return "\n".join(lines(config.settings_of(given), given, {}))


def test_the_secret_is_never_shown(file: Path) -> None:
    environ = {"SHORTD_AUTH__OIDC__HOME__CLIENT_SECRET": "s3cret"}
    text = shown(file, ISSUER, environ)
    assert "s3cret" not in text
    assert 'auth.oidc.home.client_secret = "***"' in text
    assert tomllib.loads(text)["auth"]["oidc"]["home"]["client_id"] == "shortd"
    assert "SHORTD_AUTH__OIDC__HOME__CLIENT_SECRET" in text


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('[auth.oidc.home]\nclient_id = "x"', "auth.oidc.home.issuer: is required"),
        (
            ISSUER.replace("https", "http"),
            "auth.oidc.home.issuer: http is for this machine alone; give the issuer an https"
            " address",
        ),
        (
            ISSUER.replace("org/", "org/?a=b"),
            "auth.oidc.home.issuer: expected an https address without query, such as"
            " https://id.example.org",
        ),
        (
            ISSUER + 'allow = ["group:a", "links"]',
            "auth.oidc.home.allow[1]: expected group:NAME, domain:example.org or"
            " email:somebody@example.org",
        ),
        (
            ISSUER + "client_secrt = 1",
            "auth.oidc.home.client_secrt: unknown setting; is client_secret meant?",
        ),
        (
            ISSUER.replace("home", '"a b"'),
            'auth.oidc."a b": is no name for an issuer: it has 1 to 32 of a-z, 0-9, _ and -, and'
            " begins with a letter or digit",
        ),
        (
            '[auth]\nauto = "home"',
            "auth.auto: names no issuer; expected the NAME of an [auth.oidc.NAME]",
        ),
        (
            "[auth]\nsecond_factor = 'yes'",
            "auth.second_factor: expected one of off, operators, all",
        ),
        (
            "[auth.proxy]\nfrom = ['10.0.0.1/8']",
            "auth.proxy.from[0]: expected an address or a network such as 10.0.0.0/8, with no bit"
            " set beyond its length",
        ),
        (
            "[auth.proxy]\nheader = 'Cookie'",
            "auth.proxy.header: this header says something else; expected one such as Remote-User",
        ),
        (
            "[auth.proxy]\nheader = ''\nfrom = ['10.0.0.1']",
            "auth.proxy.header: is empty, so nobody is named; expected one such as Remote-User",
        ),
        (
            "[auth.proxy]\nemail = ''\ncreate = true\nfrom = ['10.0.0.1']",
            "auth.proxy.email: is empty, and nobody gets an account without an address",
        ),
    ],
)
def test_what_cannot_be_meant_stops_the_start(file: Path, text: str, problem: str) -> None:
    assert problems(file, text) == [problem]


def test_a_password_may_be_off_where_there_is_another_way(file: Path) -> None:
    assert not read(file, "[auth]\npassword = false\n" + ISSUER).auth.password
    proxy = "[auth]\npassword = false\n[auth.proxy]\nfrom = ['::1']"
    assert read(file, proxy).auth.proxy.peers == ("::1/128",)


def test_issuers_need_the_extra(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shortd.settings.auth_checks.find_spec", lambda name: None)
    assert problems(file, ISSUER) == [
        'auth.oidc: needs an extra: install "shortd[oidc]", or take the tables out'
    ]
    assert load(environ={}) == Settings()


def test_the_example_shows_an_issuer_with_every_setting() -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    issuer = text.partition("[auth.oidc.NAME]")[2].partition("[auth.oidc]\n")[0]
    names = [field.encode_name for field in msgspec.structs.fields(IssuerSettings)]
    assert [name for name in names if f"#     {name} = " not in issuer] == []


def test_a_wrong_secret_is_not_repeated(file: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read(file, ISSUER, {"SHORTD_AUTH__OIDC__HOME__CLIENT_SECRET": "s3cret" * 200})
    assert "s3cret" not in str(caught.value)


def test_the_recipes_load(file: Path) -> None:
    text = (EXAMPLE.parent / "docs" / "signing-in.md").read_text(encoding="utf-8")
    recipes = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    auth = read(file, "\n".join(recipes)).auth
    assert list(auth.oidc.issuers) == ["home", "authelia", "authentik", "keycloak", "pocketid"]
    assert auth.proxy.peers == ("10.0.0.2/32",)
