"""Environment variables: which are settings, and what is said of those that are none."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortd.settings.config import ConfigError, Settings, load
from shortd.settings.variables import is_setting, name_of, path_of

SERVICES = ["SHORTD", "SHORTD_FILES", "SHORTD_SERVER", "SHORTD_SERVER_HTTP", "SHORTD_2"]
"""Services called shortd, shortd-files, …, as Kubernetes writes their names."""


def of_service(name: str, port: int = 8080) -> dict[str, str]:
    """The variables that a service of one named port gives to every container."""
    address = "10.96.0.11"
    return {
        f"{name}_SERVICE_HOST": address,
        f"{name}_SERVICE_PORT": str(port),
        f"{name}_SERVICE_PORT_HTTP": str(port),
        f"{name}_SERVICE_PORT_HTTP_ALT": str(port),
        f"{name}_PORT": f"tcp://{address}:{port}",
        f"{name}_PORT_{port}_TCP": f"tcp://{address}:{port}",
        f"{name}_PORT_{port}_TCP_PROTO": "tcp",
        f"{name}_PORT_{port}_TCP_PORT": str(port),
        f"{name}_PORT_{port}_TCP_ADDR": address,
        f"{name}_PORT_53_UDP": f"udp://{address}:53",
        f"{name}_PORT_53_UDP_PROTO": "udp",
    }


@pytest.mark.parametrize("service", SERVICES)
def test_what_kubernetes_says_of_services_is_no_setting(service: str) -> None:
    assert load(environ=of_service(service)) == Settings()


def test_settings_beside_them_count() -> None:
    environ = {**of_service("SHORTD_SERVER"), "SHORTD_SERVER__PORT": "9000"}
    assert load(environ=environ).server.port == 9000


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("SHORTD_SERVER_PORT", "SHORTD_SERVER__PORT"),
        ("SHORTD_SERVER_HOST", "SHORTD_SERVER__HOST"),
        ("SHORTD_PORT", "SHORTD_SERVER__PORT"),
        ("SHORTD_SMTP_URL", "SHORTD_MAIL__SMTP_URL"),
        ("SHORTD_MAIL_SMTP_URL", "SHORTD_MAIL__SMTP_URL"),
        ("SHORTD_DATADIR", "SHORTD_DATA_DIR"),
        ("SHORTD__PUBLIC_URL", "SHORTD_PUBLIC_URL"),
        ("SHORTD_PUBLIC__URL", "SHORTD_PUBLIC_URL"),
        ("SHORTD_LIMITS_CLIENT_API_CAPACITY", "SHORTD_LIMITS__CLIENT__API_CAPACITY"),
        ("SHORTD_LIMITS__CLIENT_API_CAPACITY", "SHORTD_LIMITS__CLIENT__API_CAPACITY"),
        ("SHORTD_SERVR__PORT", "SHORTD_SERVER__PORT"),
        ("SHORTD_SERVER__PROT", "SHORTD_SERVER__PORT"),
        ("SHORTD_CLICKS__VISITS_DAYS", "SHORTD_CLICKS__VISIT_DAYS"),
    ],
)
def test_a_name_that_is_none_is_told_with_what_may_be_meant(name: str, meant: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(environ={name: "1"})
    (problem,) = caught.value.problems
    assert problem.startswith(f"{name}: ")
    assert problem.endswith(f"unknown setting; is {meant} meant?")


@pytest.mark.parametrize("name", ["SHORTD_SURPRISE", "SHORTD_X__Y", "SHORTD_API_CAPACITY"])
def test_nothing_is_guessed_where_nothing_is_likely(name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(environ={name: "1"})
    (problem,) = caught.value.problems
    assert problem.endswith(": unknown setting")


def test_every_name_of_a_section_that_is_none_is_told() -> None:
    environ = {"SHORTD_SERVR__PORT": "1", "SHORTD_SERVR__HOST": "a"}
    with pytest.raises(ConfigError) as caught:
        load(environ=environ)
    assert [problem.partition(":")[0] for problem in caught.value.problems] == sorted(environ)


def test_a_value_that_looks_like_a_port_of_kubernetes_is_one_only_where_they_write_it() -> None:
    with pytest.raises(ConfigError, match=r"^SHORTD_SERVER__PORT: server\.port: "):
        load(environ={"SHORTD_SERVER__PORT": "tcp://10.96.0.11:8080"})
    with pytest.raises(ConfigError, match="is SHORTD_SERVER__HOST meant"):
        load(environ={"SHORTD_SERVER_HOST": "tcp://10.96.0.11:8080"})


@given(st.lists(st.from_regex(r"[a-z]+(_[a-z]+)*", fullmatch=True), min_size=1, max_size=4))
def test_every_setting_has_one_variable(names: list[str]) -> None:
    setting = ".".join(names)
    assert ".".join(path_of(name_of(setting))) == setting
    assert len(names) == 1 or is_setting(name_of(setting), "tcp://x")


class TestFiles:
    """Values that stand in a file, as secrets of containers do."""

    @pytest.fixture
    def secret(self, tmp_path: Path) -> Path:
        return tmp_path / "secret"

    @pytest.mark.parametrize("end", ["", "\n", "\r\n"])
    def test_a_value_is_read(self, secret: Path, end: str) -> None:
        secret.write_bytes(f"smtp://ann:pass%20word@mail.example{end}".encode())
        settings = load(environ={"SHORTD_MAIL__SMTP_URL_FILE": str(secret)})
        assert settings.mail.smtp_url == "smtp://ann:pass%20word@mail.example"

    def test_one_without_a_section(self, secret: Path) -> None:
        secret.write_text("https://s.example")
        assert load(environ={"SHORTD_PUBLIC_URL_FILE": str(secret)}).public_url == (
            "https://s.example"
        )

    def test_a_number_is_one(self, secret: Path) -> None:
        secret.write_text("9000\n")
        assert load(environ={"SHORTD_SERVER__PORT_FILE": str(secret)}).server.port == 9000

    def test_what_is_wrong_in_it_is_told_without_it(self, secret: Path) -> None:
        secret.write_text("ninety")
        with pytest.raises(ConfigError) as caught:
            load(environ={"SHORTD_SERVER__PORT_FILE": str(secret)})
        [problem] = caught.value.problems
        assert problem.startswith("SHORTD_SERVER__PORT_FILE: server.port: ")
        assert "ninety" not in problem

    def test_two_ways_are_one_too_many(self, secret: Path) -> None:
        secret.write_text("9000")
        environ = {"SHORTD_SERVER__PORT_FILE": str(secret), "SHORTD_SERVER__PORT": "9001"}
        with pytest.raises(ConfigError, match="SHORTD_SERVER__PORT is set as well"):
            load(environ=environ)

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (None, "cannot be read: No such file"),
            (b"\xff", "is no UTF-8 text"),
            (b"x" * 65_537, "more than 65536 characters"),
        ],
    )
    def test_files_that_are_none(self, secret: Path, content: bytes | None, words: str) -> None:
        if content is not None:
            secret.write_bytes(content)
        with pytest.raises(ConfigError, match=f"SHORTD_MAIL__SMTP_URL_FILE: {secret} .*{words}"):
            load(environ={"SHORTD_MAIL__SMTP_URL_FILE": str(secret)})

    def test_one_that_never_ends_is_left(self) -> None:
        with pytest.raises(ConfigError, match="more than"):
            load(environ={"SHORTD_MAIL__SMTP_URL_FILE": "/dev/zero"})

    def test_plugins_have_names_of_their_own(self) -> None:
        settings = load(environ={"SHORTD_PLUGINS__AB__KEY_FILE": "/nowhere"})
        assert settings.plugins.settings == {"ab": {"key_file": "/nowhere"}}
