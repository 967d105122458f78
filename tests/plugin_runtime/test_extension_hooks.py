"""Extension hooks, each by name: commands, routes, panel, link_panels, link_columns, importers."""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from shortd.commands.cli import main
from shortd.store import Store
from shortd.store.schema import LINKS
from shortd.testing import open_app
from tests.conftest import GENEROUS
from tests.plugin_runtime.conftest import PluginApp, Start, write_plugin

ROUTES = """
@get("/hello", access=Access.PUBLIC, media_type="text/plain", sync_to_thread=False)
def hello() -> str:
    return "hello"


@get("/raise", access=Access.PUBLIC, sync_to_thread=False)
def fail() -> str:
    raise RuntimeError("a secret")


class Pages(Plugin[None, None]):
    name = "pages"

    @hookimpl
    def routes(self) -> Sequence[Any]:
        return [hello, fail]
"""
PANEL = """
class Show(Plugin[None, Data]):
    name = "show"
    Data = Data

    @hookimpl
    def panel(self, link: Link, data: Data, counts: Counts) -> Panel | None:
        return {answer}
"""
COLUMNS = """
class Show(Plugin[None, Data]):
    name = "show"
    Data = Data

    @hookimpl
    def link_columns(self, link: Link, data: Data) -> Mapping[str, str | int]:
        return {answer}
"""
PANELS = PANEL.replace("def panel", "def link_panels").replace("Panel | None", "Sequence[Panel]")
COMMANDS = """
class Speak(Plugin[None, None]):
    \\"\\"\\"Speaks.\\"\\"\\"

    name = "speak"

    @hookimpl
    def commands(self) -> Sequence[click.Command]:
        @click.command()
        @click.argument("whom")
        def hello(whom: str) -> None:
            click.echo(f"Hello {whom}, this is {self.server.public_url}")

        @click.command()
        def fail() -> None:
            raise RuntimeError("no voice")

        return [hello, fail]
""".replace('\\"', '"')
IMPORTER = """
class Lines(Plugin[None, None]):
    name = "lines"

    @hookimpl
    def importers(self) -> Mapping[str, Any]:
        return {"lines": self.read}

    def read(self, path: Path) -> Iterator[ImportedLink]:
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if line == "raise":
                raise ValueError(f"line {number}: cannot be read")
            if line == "other":
                yield 5
            url, code, enabled, count, end, utime = line.split()
            yield ImportedLink(
                url, code.replace("-", ""), int(utime), number, tag=3, enabled=enabled == "on",
                expiration_utime=int(end), expiration_count=int(count),
            )
"""
NEVER = 576_460_752_303_423_487


class TestRoutes:
    def test_routes_answer_below_their_prefix(self, start: Start) -> None:
        plugins = start(pages=ROUTES)
        answer = plugins.app.get("/-/x/pages/hello")
        assert (answer.status_code, answer.text) == (200, "hello")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert plugins.app.get("/hello").status_code == 404

    def test_a_raising_route_answers_a_catalogued_error(self, start: Start) -> None:
        plugins = start(pages=ROUTES)
        for _ in range(6):
            answer = plugins.app.get("/-/x/pages/raise")
            assert (answer.status_code, "secret" in answer.text) == (503, False)
            assert answer.json()["error"]["code"] == "plugin_failed"
        page = plugins.app.get("/-/x/pages/raise", headers={"accept": "text/html"})
        assert (page.status_code, page.headers["content-type"]) == (503, "text/html; charset=utf-8")
        # Whoever asks for trouble gets it himself; nothing is switched off for others.
        assert plugins.state("pages") == {
            **plugins.state("pages"),
            "state": "on",
            "failures": 7,
        }
        assert plugins.app.get("/-/x/pages/hello").status_code == 200

    @pytest.mark.parametrize(
        "answer",
        [
            "5",
            "['nonsense']",
            "[lambda: 5]",
            "1 / 0",
            "[get('/x/{y:no}')(hello)]",
        ],
    )
    def test_routes_that_cannot_be_mounted_are_left_out(self, start: Start, answer: str) -> None:
        plugins = start(pages=ROUTES.replace("[hello, fail]", answer))
        assert plugins.state("pages")["failures"] == 1
        assert plugins.app.get("/-/x/pages/hello").status_code == 404
        assert plugins.visit() == "https://main.example/"

    @pytest.mark.parametrize("path", ["/../../health", "/../../../v2/url", "/%2e%2e/health"])
    def test_routes_shadow_nothing(self, start: Start, path: str) -> None:
        plugins = start(pages=ROUTES.replace('"/hello"', f'"{path}"'))
        assert plugins.app.get("/-/health").json()["status"] == "ok"
        assert plugins.make()


class TestPanel:
    def test_panel_is_shown_to_the_owner(self, start: Start) -> None:
        rows = "(('Clicks', counts.count), ('Leads to', data.url), ('Code', link.code))"
        plugins = start(show=PANEL.format(answer=f"Panel('Numbers', {rows})"))
        assert plugins.app.call("get_panels", **plugins.which()) == {"panels": []}
        plugins.set("show")
        plugins.visit()
        rows_shown = [
            {"label": "Clicks", "value": 1},
            {"label": "Leads to", "value": "https://plugin.example/"},
            {"label": "Code", "value": plugins.shorturl[-6:]},
        ]
        assert plugins.app.call("get_panels", **plugins.which()) == {
            "panels": [{"plugin": "show", "title": "Numbers", "rows": rows_shown}]
        }
        stranger = plugins.app.call("temporary_account")["userid"]
        inputs = {**plugins.which(), "userid": stranger}
        assert plugins.app.refused("get_panels", **inputs)["code"] == "entry_not_found"

    @pytest.mark.parametrize(
        "answer", ["5", "'text'", "Panel(5)", "Panel('x', 5)", "Panel('x', ((1, 2),))", "1 / 0"]
    )
    def test_a_panel_that_cannot_be_shown_is_left_out(self, start: Start, answer: str) -> None:
        plugins = start(show=PANEL.format(answer=answer))
        plugins.set("show")
        assert plugins.app.call("get_panels", **plugins.which()) == {"panels": []}
        assert plugins.state("show")["failures"] == 1

    def test_a_panel_knows_its_own_choices_alone(self, start: Start) -> None:
        plugins = start(show=PANEL.format(answer="Panel('x', tuple(counts.choices.items()))"))
        plugins.set("show")
        plugins.set("ab", {"variants": [{"url": "https://b.example/", "weight": 100}]})
        plugins.visit()
        [panel] = plugins.app.call("get_panels", **plugins.which())["panels"]
        assert panel["rows"] == []


class TestLinkPanels:
    def test_all_of_them_are_shown_behind_others(self, start: Start) -> None:
        both = "[Panel('One', (('Clicks', counts.count),)), Panel(data.url)]"
        plugins = start(
            show=PANELS.format(answer=both),
            more=PANEL.replace('"show"', '"more"').format(answer="Panel('Alone')"),
        )
        plugins.set("show")
        plugins.set("more")
        panels = plugins.app.call("get_panels", **plugins.which())["panels"]
        assert [(panel["plugin"], panel["title"]) for panel in panels] == [
            ("more", "Alone"),
            ("show", "One"),
            ("show", "https://plugin.example/"),
        ]

    @pytest.mark.parametrize(
        "answer",
        ["5", "'text'", "[5]", "[Panel(5)]", "{1: 2}", "1 / 0", "[Panel('t', iter(int, 1))]"],
    )
    def test_what_cannot_be_shown_is_left_out(self, start: Start, answer: str) -> None:
        plugins = start(show=PANELS.format(answer=answer))
        plugins.set("show")
        assert plugins.app.call("get_panels", **plugins.which()) == {"panels": []}
        assert plugins.state("show")["failures"] == 1

    def test_what_is_too_much_is_cut(self, start: Start) -> None:
        plugins = start(
            show=PANELS.format(
                answer="[Panel('t' * 10**6, (('l' * 10**6, 'v' * 10**6),) * 500)] * 50"
            )
        )
        plugins.set("show")
        panels = plugins.app.call("get_panels", **plugins.which())["panels"]
        assert (len(panels), len(panels[0]["rows"])) == (8, 100)
        assert panels[0]["title"] == "t" * 999 + "…"
        assert panels[0]["rows"][0] == {"label": "l" * 999 + "…", "value": "v" * 999 + "…"}


class TestLinkColumns:
    def columns(self, plugins: PluginApp) -> list[tuple[str, str | int]]:
        """What stands beside the link in the list."""
        services = plugins.app.services
        address = services.links.links.address(plugins.shorturl)
        assert address is not None
        row = services.store.get(LINKS, address)
        assert row is not None
        found = services.plugin_runtime.panels.columns(row, plugins.shorturl)
        page = plugins.app.get("/-/dashboard", headers={"cookie": f"shortd={plugins.userid}"}).text
        shown = html.unescape(page)
        assert all(f"{one.title}: {one.cell}" in shown for one in found)
        return [(one.title, one.cell) for one in found]

    def test_they_stand_beside_links_with_data(self, start: Start) -> None:
        plugins = start(
            show=COLUMNS.format(answer="{'<b>Leads': data.url, 'Length': len(link.code)}")
        )
        assert self.columns(plugins) == []
        plugins.set("show")
        assert self.columns(plugins) == [("<b>Leads", "https://plugin.example/"), ("Length", 6)]

    @pytest.mark.parametrize("answer", ["5", "'text'", "[1]", "{1: 2}", "{'a': None}", "1 / 0"])
    def test_what_cannot_be_shown_is_left_out(self, start: Start, answer: str) -> None:
        plugins = start(show=COLUMNS.format(answer=answer))
        plugins.set("show")
        assert self.columns(plugins) == []
        assert plugins.state("show")["failures"] >= 1

    def test_what_is_too_much_is_cut(self, start: Start) -> None:
        many = "{f'{number}' + 't' * 10**6: 'c\\ud800' * 10**6 for number in range(50)}"
        plugins = start(show=COLUMNS.format(answer=many))
        plugins.set("show")
        columns = self.columns(plugins)
        assert [title[0] for title, _ in columns] == ["0", "1", "2"]
        assert {(len(title), len(str(cell))) for title, cell in columns} == {(80, 80)}


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_plugin(tmp_path / "plugins", "speak", COMMANDS)
    write_plugin(tmp_path / "plugins", "lines", IMPORTER)
    return tmp_path / "plugins"


@pytest.fixture
def environ(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Set for commands as for apps."""
    environ = {**GENEROUS, "SHORTD_PLUGINS__DIR": str(folder)}
    for name, value in {**environ, "SHORTD_DATA": str(tmp_path / "data")}.items():
        monkeypatch.setenv(name, value)
    return environ


class TestCommands:
    def test_commands_run_below_x(self, environ: dict[str, str]) -> None:
        outcome = run("x", "speak", "hello", "Bob")
        assert outcome.stdout == "Hello Bob, this is http://127.0.0.1:8080\n"
        assert outcome.exit_code == 0
        assert "speak  Speaks." in run("x", "--help").output

    def test_a_failing_command_is_one_line(self, environ: dict[str, str]) -> None:
        outcome = run("x", "speak", "fail")
        assert outcome.output == "shortd: a plugin's command failed: RuntimeError: no voice\n"
        assert outcome.exit_code == 1
        assert run("x", "nobody").exit_code == 2

    def test_an_argument_that_is_no_text_is_refused(self, environ: dict[str, str]) -> None:
        outcome = run("x", "speak", "hello", "\udce9")
        assert outcome.output.startswith("shortd: 'WHOM' is no text: ")
        assert outcome.exit_code == 2

    def test_commands_that_cannot_be_made_are_left_out(
        self, folder: Path, environ: dict[str, str]
    ) -> None:
        write_plugin(folder, "speak", COMMANDS.replace("[hello, fail]", "[5]"))
        outcome = run("x", "--help")
        assert outcome.exit_code == 0
        assert "plugin speak: commands: " in outcome.output


class TestImporters:
    def imported(
        self, tmp_path: Path, environ: dict[str, str], text: str
    ) -> tuple[Any, list[dict[str, Any]]]:
        """What the command said, and the account's entries after it, oldest first."""
        with open_app(tmp_path / "data", environ=environ) as app:
            userid = app.call("temporary_account")["userid"]
            app.call("url", userid=userid, url="https://before.example/", code="before")
        file = tmp_path / "links.txt"
        file.write_text(text)
        outcome = run("import", "lines", str(file), "--account", userid, "--apply")
        with open_app(tmp_path / "data", environ=environ) as app:
            entries = app.call("get_entries", userid=userid, count=1000)["entries"]
        return outcome, [entry for entry in reversed(entries) if entry["tag"] == 3]

    def test_importers_keep_what_a_link_brings_along(
        self, tmp_path: Path, environ: dict[str, str]
    ) -> None:
        outcome, entries = self.imported(
            tmp_path,
            environ,
            f"https://a.example/ x_1 on 0 {NEVER} 1600000000000000\n"
            "https://b.example/ b2 off 7 1800000000000000 1600000000000001\n"
            f"https://c.example/ - on 0 {NEVER} 0\n",
        )
        assert outcome.exit_code == 0
        assert "3 links made, 0 of them with notes; 0 unchanged, 0 skipped." in outcome.stdout
        fields = ("url", "enabled", "expiration_count", "expiration_utime", "utime")
        shown = [tuple(entry[field] for field in fields) for entry in entries]
        assert shown[:2] == [
            ("https://a.example/", True, 0, NEVER, 1600000000000000),
            ("https://b.example/", False, 7, 1800000000000000, 1600000000000001),
        ]
        codes = [entry["shorturl"].rpartition("/")[2] for entry in entries]
        assert (codes[:2], len(codes[2])) == (["x_1", "b2"], 6)

    @pytest.mark.parametrize(
        ("line", "reason"),
        [
            ("https://a.example/ before on 0 1 0", "code_taken"),
            ("https://a.example/ first on 0 1 0", "code_taken"),
            ("https://a.example/ .. on 0 1 0", "invalid_code"),
            ("javascript:alert(1) - on 0 1 0", "invalid_url"),
            ("http://127.0.0.1:8080/x - on 0 1 0", "url_loops"),
        ],
    )
    def test_a_link_that_cannot_be_leaves_the_others_alone(
        self, tmp_path: Path, environ: dict[str, str], line: str, reason: str
    ) -> None:
        good = f"https://a.example/ first on 0 {NEVER} 0\n"
        last = f"https://b.example/ - on 0 {NEVER} 0"
        outcome, entries = self.imported(tmp_path, environ, f"{good}{line}\n{last}")
        assert outcome.exit_code == 3
        assert f"skipped: {reason}" in outcome.stdout
        assert [entry["url"] for entry in entries] == ["https://a.example/", "https://b.example/"]

    @pytest.mark.parametrize(
        ("line", "message"),
        [
            ("raise", "The importer failed: "),
            ("other", "An importer yields ImportedLinks, not int"),
            ("https://a.example/", "not enough values to unpack"),
        ],
    )
    def test_an_importer_that_fails_is_told(
        self, tmp_path: Path, environ: dict[str, str], line: str, message: str
    ) -> None:
        outcome, _ = self.imported(tmp_path, environ, line)
        assert outcome.exit_code == 1
        assert message in outcome.output
        # Before it the log may say that the directory was last used years ago.
        assert len(outcome.output.splitlines()) - outcome.output.count("clock_not_believed") == 1

    def test_unknown_names_are_told(self, tmp_path: Path, environ: dict[str, str]) -> None:
        file = tmp_path / "links.txt"
        file.write_text("")
        Store(tmp_path / "data").close()
        outcome = run("import", "nonsense", str(file), "--account", "nobody")
        assert outcome.output.startswith("shortd: there is no format 'nonsense'. Formats: ")
        assert " lines," in outcome.output
        outcome = run("import", "lines", str(file), "--account", "nobody")
        assert outcome.output == "shortd: There is no account 'nobody'.\n"
