"""Which settings and data a command is about; and where there are none, that it makes none."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from shortd.settings import places
from shortd.settings.config import load
from shortd.store import Store
from shortd.store.schema import HOSTS, META
from tests.commands.shell import NOTE, Shell, all_commands, snapshot

HERE = Path()
ARGUMENTS = {
    "NAME": "name",
    "EMAIL": "ann@nowhere.example",
    "ADDRESS": "ann@nowhere.example",
    "USER": "ann",
    "TEAM": "shop",
    "ROLE": "admin",
    "DOMAIN": "go.example",
    "ID": "0" * 24,
    "PROVIDER": "quora",
    "CODE": "abc",
    "FORMAT": "lines",
    "FILE": os.devnull,
    "SOURCE": os.devnull,
    "[DEST]": "backups",
    "FILE.tar": "ann.tar",
    "PATTERN": "example.org",
    "BACKUP": "backups/latest",
    "URL": "https://example.org/",
    "LINK...": "abc",
    "WORDS...": "abc",
}
WITHOUT_DATA = {
    *(("serve",), ("init",), ("config", "check"), ("config", "show")),
    *(("plugins", "new"), ("send",), ("fetch",), ("restore",), ("health",)),
}
"""Commands that make data, or need none."""


def typed(words: tuple[str, ...]) -> list[str]:
    """A command with all that it asks for."""
    command = dict(all_commands())[words]
    arguments = [
        "admin" if parameter.name == "role" else ARGUMENTS[parameter.make_metavar(context)]
        for context in [command.make_context("x", [], resilient_parsing=True)]
        for parameter in command.params
        if parameter.param_type_name == "argument"
    ]
    more = {
        ("import",): ["--account", "ann"],
        ("plugins", "forget"): ["--yes"],
        ("user", "remove"): ["--yes"],
        ("user", "delete"): ["--yes"],
        ("user", "set"): ["--verified"],
        ("user", "link"): ["--proxy", "ann"],
        ("user", "revoke"): ["--all"],
        ("link", "set"): ["--title", "Ours"],
    }.get(words, [])
    return [*words, *arguments, *more]


OF_DATA = sorted(words for words, _ in all_commands() if words not in WITHOUT_DATA)


@pytest.mark.parametrize("words", OF_DATA, ids=" ".join)
class TestWithoutData:
    def test_nothing_is_made(self, bare: Shell, words: tuple[str, ...]) -> None:
        refusal = bare.refused(*typed(words))
        assert f"{Path('shortd-data').absolute()} is not there" in refusal
        assert "no settings file was found" in refusal
        assert list(HERE.iterdir()) == []

    def test_a_folder_of_somebody_elses_stays_as_it_is(
        self, bare: Shell, words: tuple[str, ...]
    ) -> None:
        (HERE / "mine" / "db").mkdir(parents=True)
        (HERE / "mine" / "notes").write_text("mine")
        before = snapshot(HERE)
        refusal = bare.refused(*typed(words), "--data", "mine")
        assert "has no data of shortd in it" in refusal
        assert "--data" in refusal
        assert snapshot(HERE) == before

    def test_what_is_no_folder_is_told(self, bare: Shell, words: tuple[str, ...]) -> None:
        Path("gone").symlink_to("nowhere/at/all")
        Path("file").write_text("mine")
        before = snapshot(HERE)
        command = typed(words)
        assert "leads to nowhere/at/all, where there is nothing" in bare.refused(
            *command, "--data", "gone"
        )
        assert "is a file, not a folder" in bare.refused(*command, SHORTD_DATA_DIR="file")
        assert snapshot(HERE) == before


def test_a_mail_by_smtp_needs_no_data(bare: Shell) -> None:
    refusal = bare.refused(
        "mail", "test", "ann@nas.local", SHORTD_MAIL__SMTP_URL="smtp://127.0.0.1:1"
    )
    assert refusal.startswith("not sent (127.0.0.1 port 1")
    assert list(HERE.iterdir()) == []


class TestTheSettingsFile:
    def test_it_is_found_here_or_where_the_service_has_it(self, bare: Shell) -> None:
        here, service = places.PLACES
        bare.did("init", "--config", str(service), "--data", "of-service")
        assert f"settings {service}" in bare.noted("user", "add", "ann@nowhere.example")
        here.write_text("data_dir = 'of-here'")
        bare.did("init", "--config", "other.toml", "--data", "of-here")
        assert bare.noted("user", "add", "ben@nowhere.example") == (
            f"{NOTE}{Path('of-here').absolute()}, settings config.toml\n"
        )
        assert "ben@nowhere.example" in bare.did("user", "list")
        named = bare.did("user", "list", SHORTD_CONFIG=str(service))
        assert "ann@nowhere.example" in named
        assert bare.did("user", "list", "--config", str(service)) == named
        nowhere = bare.refused("user", "list", "--config", os.devnull)
        assert "/dev/null names no data_dir" in nowhere

    def test_every_command_finds_it(self, bare: Shell) -> None:
        Path("config.toml").write_text("surprise = 1")
        for words, _ in all_commands():
            if words not in (("init",), ("send",), ("fetch",)):
                refusal = bare.refused(*typed(words), status=2)
                assert refusal == "config.toml: surprise: unknown setting", words

    def test_one_that_is_named_and_not_there_is_told(self, bare: Shell) -> None:
        refusal = bare.refused("user", "list", "--config", "none.toml", status=2)
        assert refusal == "none.toml: cannot be read: No such file or directory"

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
    def test_one_that_anybody_may_have_put_here_is_not_believed(self, shell: Shell) -> None:
        os.chown("config.toml", 65534, 65534)
        refusal = shell.refused("user", "list", status=2)
        assert (
            refusal
            == "config.toml: is neither yours nor root's; if it is meant, name it with --config"
        )
        shell.did("user", "list", "--config", "config.toml")

    def test_one_that_cannot_be_read_is_not_passed_over(
        self, shell: Shell, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The service's, where its folder is nobody else's business."""
        Path("config.toml").unlink()
        known = Path.stat

        def stat(path: Path, **options: bool) -> os.stat_result:
            if path == places.PLACES[1]:
                raise PermissionError(13, "Permission denied", str(path))
            return known(path, **options)

        monkeypatch.setattr(Path, "stat", stat)
        assert "Permission denied; name another file with --config" in shell.refused(
            "user", "list", status=2
        )


class TestHomeDirectories:
    def test_a_tilde_is_one(self, bare: Shell, tmp_path: Path) -> None:
        bare.did("init", "--data", "~/links", HOME=str(tmp_path))
        assert (tmp_path / "links" / "db").is_dir()
        assert not Path("~").exists()
        for name in ("SHORTD_DATA", "SHORTD_DATA_DIR"):
            environ = {name: "~/links", "HOME": str(tmp_path), "SHORTD_CONFIG": os.devnull}
            shown = bare.did("config", "show", **environ)
            assert f'data_dir = "{tmp_path}/links"' in shown
            assert bare.did("user", "list", **environ).startswith("USERID")

    @pytest.mark.parametrize("name", ["data_dir", "plugins.dir", "clicks.geoip_db"])
    def test_one_of_nobody_is_refused(self, bare: Shell, name: str) -> None:
        Path("config.toml").write_text(f"{name} = '~no-such-user/x'")
        assert bare.refused("config", "check", status=2) == (
            f"config.toml: {name}: ~no-such-user has no home directory here"
        )

    def test_other_tildes_are_names(self, bare: Shell) -> None:
        bare.did("init", "--data", "./~")
        assert Path("~/db").is_dir()
        noted = bare.noted("user", "add", "ann@nowhere.example")
        assert f"data {Path('~').absolute()}," in noted

    def test_the_settings_file_may_be_in_one(self, bare: Shell, tmp_path: Path) -> None:
        (tmp_path / "my.toml").write_text("server.port = 9000")
        shown = bare.did("config", "show", "--config", "~/my.toml", HOME=str(tmp_path))
        assert "server.port = 9000" in shown


class TestActing:
    def test_it_is_said_on_what(self, shell: Shell) -> None:
        data = Path("shortd-data").absolute()
        note = f"{NOTE}{data}, settings config.toml\n"
        assert shell.noted("user", "add", "ann@nowhere.example", "--username", "ann") == note
        for command in (
            ("user", "lock", "ann"),
            ("user", "set", "ann", "--type", "custom"),
            ("team", "add", "ann", "Shop"),
            ("domain", "add", "go.example", "shop"),
            ("stats", "rebuild"),
            ("mail", "test", "ann@nowhere.example"),
            ("user", "remove", "ann", "--yes"),
        ):
            assert shell.noted(*command) == note, command

    def test_so_it_is_of_what_is_looked_at(self, shell: Shell) -> None:
        data = Path("shortd-data").absolute()
        for command in (("config", "check"), ("plugins",), ("stats", "verify"), ("status",)):
            assert shell.noted(*command) == f"{NOTE}{data}, settings config.toml\n"
        noted = shell.noted("user", "list", "--config", os.devnull, "--data", "shortd-data")
        assert noted == f"{NOTE}{data}, settings /dev/null\nshortd: no accounts\n"

    def test_the_default_host_is_the_servers(self, bare: Shell) -> None:
        """Whatever the command's own settings call it."""
        data = Path("data")
        store = Store(data)
        import asyncio

        from shortd.hosts import register

        asyncio.run(register(store, "https://s.example", ["https://other.example"]))
        store.close()
        rows = hosts(data)
        for command in (
            ("user", "add", "ann@nowhere.example", "--username", "ann"),
            ("user", "list"),
            ("team", "add", "ann", "Shop"),
            ("domain", "add", "go.example", "shop"),
            ("user", "remove", "ann", "--yes"),
        ):
            bare.did(*command, "--data", "data")
            bare.run(*command, "--data", "data", SHORTD_PUBLIC_URL="https://new.example")
        assert hosts(data) == rows

    def test_a_directory_that_no_server_has_had_gets_the_hosts_of_the_settings(
        self, shell: Shell
    ) -> None:
        Path("config.toml").write_text("public_url = 'https://s.example'")
        shell.did("user", "add", "ann@nowhere.example")
        assert list(hosts(Path("shortd-data"))[0]) == ["s.example"]


def hosts(data: Path) -> tuple[dict[str, object], object]:
    """The hosts that are stored, and which of them is the default one."""
    store = Store(data)
    try:
        with store.read() as txn:
            return {name: row for (name,), row in HOSTS.scan(txn)}, META.get(txn, ("default_host",))
    finally:
        store.close()


class TestInit:
    def test_what_it_makes_can_be_used_at_once(self, bare: Shell) -> None:
        bare.did("init", "--config", "etc/my.toml", "--data", "data")
        assert bare.did("user", "list", "--config", "etc/my.toml").startswith("USERID")
        assert load(Path("etc/my.toml"), environ={}).data_dir == Path("data")

    def test_it_may_be_tried_again(self, bare: Shell) -> None:
        Path("data").write_text("in the way")
        assert bare.refused("init", "--data", "data") == "data is a file, not a folder"
        Path("data").unlink()
        bare.did("init", "--data", "data")

    def test_data_that_are_there_stay(self, shell: Shell) -> None:
        shell.did("user", "add", "ann@nowhere.example")
        Path("config.toml").unlink()
        shell.did("init")
        assert "ann@nowhere.example" in shell.did("user", "list")
        shutil.rmtree("shortd-data")
