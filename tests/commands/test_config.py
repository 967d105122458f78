"""`shortd config check` and `config show`."""

from __future__ import annotations

import os
import socket
import tomllib
from pathlib import Path

import pytest

from shortd.api.v2.registry import CALLS
from shortd.settings.config import Settings, load
from shortd.upkeep.settings_check import LARGEST_CALL_WEIGHT, LARGEST_CLIENT_WEIGHT
from tests.commands.shell import Shell, snapshot

PLUGIN = """
from msgspec import Struct
from shortd.plugin import Plugin, hookimpl

class Deep(Struct, frozen=True):
    api_token: str = "hunter5"
    size: int = 3

class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    url: str = "https://me:hunter2@api.example/x"
    api_key: str = "hunter3"
    names: tuple[str, ...] = ("a", "https://u:hunter4@b.example")
    deep: Deep = Deep()
    quiet: bool = False

class Hello(Plugin[Settings, None]):
    name = "hello"
    Settings = Settings
"""


def problems(shell: Shell, text: str) -> list[str]:
    """What `config check` says of a settings file, without the file's name."""
    Path("config.toml").write_text(text)
    before = snapshot(Path())
    result = shell.run("config", "check")
    assert snapshot(Path()) == before, "who checks changes nothing"
    assert (result.exit_code, result.stdout) == (2, ""), result.output
    lines = [line.removeprefix("shortd: ") for line in result.stderr.splitlines()]
    assert all(line.startswith("config.toml: ") for line in lines), lines
    return [line.removeprefix("config.toml: ") for line in lines]


class TestCheck:
    @pytest.mark.parametrize("kind", ["registered", "temporary", "verified", "custom"])
    @pytest.mark.parametrize("capacity", [500, LARGEST_CALL_WEIGHT - 1])
    def test_a_bucket_that_calls_do_not_fit_in(self, bare: Shell, kind: str, capacity: int) -> None:
        (problem,) = problems(bare, f"limits.{kind}.api_capacity = {capacity}")
        assert problem.startswith(f"limits.{kind}.api_capacity: ")
        assert str(LARGEST_CALL_WEIGHT) in problem

    def test_a_bucket_for_strangers_may_be_smaller(self, bare: Shell) -> None:
        (problem,) = problems(bare, f"limits.client.api_capacity = {LARGEST_CLIENT_WEIGHT - 1}")
        assert str(LARGEST_CLIENT_WEIGHT) in problem
        Path("config.toml").write_text(f"limits.client.api_capacity = {LARGEST_CLIENT_WEIGHT}")
        assert "fine" in bare.did("config", "check")

    def test_a_bucket_that_visits_do_not_fit_in(self, bare: Shell) -> None:
        text = "[limits.custom]\nlink_capacity = 500_000\nmax_file_bytes = "
        (problem,) = problems(bare, f"{text}5_000_000_000")
        assert problem.startswith("limits.custom.link_capacity: ")
        assert "501000" in problem
        Path("config.toml").write_text(f"{text}4_000_000_000")
        assert "fine" in bare.did("config", "check")

    def test_the_largest_weights_are_those_of_the_calls(self) -> None:
        urls = CALLS["urls"]
        args = urls.input_type(userid="u" * 32, urls=["https://a.example"] * 1000)
        assert urls.extra_weight is not None
        assert urls.weight + urls.extra_weight(args) == LARGEST_CALL_WEIGHT
        assert max(call.weight for call in CALLS.values()) == LARGEST_CLIENT_WEIGHT

    def test_a_data_directory_that_is_none(self, bare: Shell) -> None:
        Path("file").write_text("mine")
        Path("gone").symlink_to("nowhere")
        for name, words in (
            ("file", "is a file, not a folder"),
            ("file/data", "is a file, not a folder"),
            ("gone", "leads to nowhere, where there is nothing"),
            ("gone/data", "leads to nowhere, where there is nothing"),
        ):
            (problem,) = problems(bare, f"data_dir = '{name}'")
            assert problem.startswith("data_dir: ")
            assert words in problem

    def test_one_that_is_yet_to_be_made_is_fine(self, bare: Shell) -> None:
        Path("config.toml").write_text("data_dir = 'new/and/deep'")
        assert "fine" in bare.did("config", "check")
        assert not Path("new").exists()

    @pytest.mark.parametrize(
        ("host", "words"),
        [
            ("no-such-host.invalid", "no-such-host.invalid does not resolve: "),
            ("a" * 70, "expected an address such as "),
            ("192.0.2.1", "192.0.2.1 cannot be listened on: Cannot assign requested address"),
            ("2001:db8::1", "2001:db8::1 cannot be listened on: "),
        ],
    )
    def test_a_host_that_is_none_of_this_machines(self, bare: Shell, host: str, words: str) -> None:
        text = f"public_url = 'https://s.example'\nserver.host = '{host}'"
        (problem,) = problems(bare, text)
        assert problem.startswith(f"server.host: {words}")

    def test_a_port_that_our_own_server_has_is_fine(self, bare: Shell) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            Path("config.toml").write_text(f"server.port = {server.getsockname()[1]}")
            assert "fine" in bare.did("config", "check")

    def test_plugins_that_are_none(self, bare: Shell) -> None:
        text = "[plugins]\ndisabled = ['mobile', 'nope', 'moblie']\n[plugins.tracker]\nx = 1"
        assert problems(bare, text) == [
            "plugins.disabled[1]: there is no plugin of this name",
            "plugins.disabled[2]: there is no plugin of this name; is mobile meant?",
            "plugins.tracker: there is no plugin of this name; is trackers meant?",
        ]
        assert problems(bare, "plugins.dir = 'none'") == ["plugins.dir: there is no such folder"]

    def test_where_a_setting_was_set_is_told_whoever_looks_at_it(self, bare: Shell) -> None:
        Path("config.toml").write_text("[plugins.ab]\nx = 1\n[limits.custom]\napi_capacity = 1")
        environ = {"SHORTD_CLICKS__GEOIP_DB": "none", "SHORTD_LIMITS__CLIENT__API_CAPACITY": "1"}
        result = bare.run("config", "check", "--data", "/dev/null", **environ)
        assert sorted(line.split(": ")[1:3] for line in result.stderr.splitlines()) == [
            ["--data", "data_dir"],
            ["SHORTD_CLICKS__GEOIP_DB", "clicks.geoip_db"],
            ["SHORTD_LIMITS__CLIENT__API_CAPACITY", "limits.client.api_capacity"],
            ["config.toml", "limits.custom.api_capacity"],
            ["config.toml", "plugins.ab"],
        ]

    def test_a_settings_file_of_any_name_is_told_once(self, bare: Shell) -> None:
        Path("server.port").write_text("server.port = 'x'\n")
        refusal = bare.refused("config", "check", "--config", "server.port", status=2)
        assert refusal == "server.port: server.port: expected int, got str"

    def test_a_folder_for_proxies_ends_as_one(self, bare: Shell) -> None:
        for wrong in ("/files", "files/", "/fi\\nles/"):
            (problem,) = problems(bare, f'files.handover_prefix = "{wrong}"')
            assert problem.startswith("files.handover_prefix: expected a path that begins")

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
    def test_a_folder_where_nothing_can_be_made(self, bare: Shell) -> None:
        (problem,) = problems(bare, "data_dir = '/shortd-data'")
        assert problem == "data_dir: this user may not write in /"


class TestShow:
    def test_every_setting_is_there_as_it_is(self, bare: Shell) -> None:
        shown = bare.did("config", "show")
        lines = [line.partition(" = ")[0] for line in shown.splitlines()]
        assert len(lines) == len(set(lines))
        # Hosts have tables once somebody writes one.
        assert set(tomllib.loads(shown)) == set(Settings.__struct_fields__) - {"host"}
        Path("copy.toml").write_text(shown)
        again = load(Path("copy.toml"), environ={})
        assert again.plugins.settings.keys() == {"safety", "trackers", "webhooks"}
        again.plugins.settings.clear()
        assert again == load(data_dir=Path("shortd-data").absolute(), environ={})

    def test_where_each_comes_from_is_said(self, bare: Shell) -> None:
        Path("config.toml").write_text(
            "hosts = ['https://a.example']\nclicks.sync_ms = 5\nserver.port = 1"
        )
        shown = bare.did(
            "config", "show", "--data", "d", SHORTD_SERVER__PORT="9000", SHORTD_MAIL__FROM="a@b"
        )
        origins = {line.split(" = ")[0]: line.rpartition("  # ")[2] for line in shown.splitlines()}
        assert origins["hosts"] == origins["clicks.sync_ms"] == "config.toml"
        assert origins["server.port"] == "SHORTD_SERVER__PORT"
        assert origins["mail.from"] == "SHORTD_MAIL__FROM"
        assert origins["data_dir"] == "--data"
        assert origins["server.host"] == origins["plugins.disabled"] == "default"
        assert origins["public_url"] == "server.host and server.port"
        assert "server.port = 9000" in shown
        assert 'public_url = "http://127.0.0.1:9000"' in shown

    @pytest.mark.parametrize(
        "url",
        [
            "smtp://me%40a.example:hunter2@mail.example:25",
            "smtps://hunter2@mail.example",
            "smtp://hunter2:hunter2@mail.example?starttls=1",
            "smtp://me:p@hunter2@mail.example",
        ],
    )
    def test_the_way_out_for_mail_is_shown_without_its_password(
        self, bare: Shell, url: str
    ) -> None:
        shown = bare.did("config", "show", SHORTD_MAIL__SMTP_URL=url)
        assert "hunter2" not in shown
        assert "://***@mail.example" in shown

    def test_plugins_are_shown_without_their_secrets(self, bare: Shell) -> None:
        Path("p").mkdir()
        Path("p/hello.py").write_text(PLUGIN)
        Path("config.toml").write_text("[plugins]\ndir = 'p'\n[plugins.hello]\nquiet = true")
        shown = bare.did("config", "show", SHORTD_PLUGINS__HELLO__API_KEY="hunter6")
        assert "hunter" not in shown
        hello = tomllib.loads(shown)["plugins"]["hello"]
        assert hello == {
            "url": "https://***@api.example/x",
            "api_key": "***",
            "names": ["a", "https://***@b.example"],
            "deep": {"api_token": "***", "size": 3},
            "quiet": True,
        }
        origins = {line.split(" = ")[0]: line.rpartition("  # ")[2] for line in shown.splitlines()}
        assert origins["plugins.hello.quiet"] == "config.toml"
        assert origins["plugins.hello.api_key"] == "SHORTD_PLUGINS__HELLO__API_KEY"
        assert origins["plugins.hello.url"] == "default"

    def test_names_and_values_may_be_anything(self, bare: Shell) -> None:
        name = 'd\\ "x" #\x7f\u00e9'
        shown = bare.did("config", "show", "--data", name)
        assert tomllib.loads(shown)["data_dir"].endswith(name)

    def test_settings_that_cannot_be_used_are_told(self, bare: Shell) -> None:
        Path("config.toml").write_text("server.port = 0")
        assert bare.refused("config", "show", status=2).startswith("config.toml: server.port: ")
