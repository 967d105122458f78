"""shortd.testing as authors use it: an app with their classes, a clock, visits."""

from __future__ import annotations

import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec import Struct

from shortd.plugin import Link, Plugin, Visit, hookimpl
from shortd.settings.config import ConfigError
from shortd.testing import AGENTS, FakeClock, StartApp, open_app
from shortd_mobile import Mobile


class Greeting(Struct, frozen=True, forbid_unknown_fields=True):
    """[plugins.greeter]."""

    url: str = "https://hello.example/"


class Greeter(Plugin[Greeting, None]):
    """Leads everybody to one place, and hates odd hours."""

    name = "greeter"
    Settings = Greeting
    everywhere = True

    @hookimpl
    def destination(self, link: Link, visit: Visit, data: None) -> str:
        if visit.utime // 3_600_000_000 % 2:
            raise RuntimeError("an odd hour")
        return self.settings.url


EVEN = FakeClock(1_699_999_200_000_000)


class TestOpenApp:
    def test_it_has_the_given_plugins_and_no_others(self, tmp_path: Path) -> None:
        with open_app(tmp_path, plugins=[Greeter], clock=EVEN) as app:
            assert list(app.services.plugin_runtime.plugins.running) == ["greeter"]
            assert app.visit(app.new_link()).headers["location"] == "https://hello.example/"
        with open_app(tmp_path / "bare", plugins=[]) as app:
            assert list(app.services.plugin_runtime.plugins.running) == []
        with open_app(tmp_path / "installed") as app:
            assert {"ab", "mobile"} <= set(app.services.plugin_runtime.plugins.running)

    def test_two_at_once_know_nothing_of_each_other(self, tmp_path: Path) -> None:
        with open_app(tmp_path / "one") as one, open_app(tmp_path / "other", seed=1) as other:
            for app, stranger in ((one, other), (other, one)):
                assert stranger.userid != app.userid, "both have been asked something"
                entry = {"userid": app.userid, "shorturl": app.new_link()}
                assert app.call("get_entry", **entry)
                assert stranger.refused("get_entry", **entry)

    def test_its_config_is_an_operators(self, tmp_path: Path) -> None:
        config = '[plugins.greeter]\nurl = "https://hi.example/"\n[links]\nredirect_status = 307'
        with open_app(tmp_path, plugins=[Greeter], clock=EVEN, config=config) as app:
            response = app.visit(app.new_link())
        assert (response.status_code, response.headers["location"]) == (307, "https://hi.example/")

    def test_settings_that_are_wrong_are_refused(self, tmp_path: Path) -> None:
        with (
            pytest.raises(ConfigError, match=r"plugins\.greeter\.url: expected `?str"),
            open_app(tmp_path, plugins=[Greeter], config="[plugins.greeter]\nurl = 5"),
        ):
            pass

    def test_a_plugin_that_cannot_be_used_is_refused(self, tmp_path: Path) -> None:
        class Nameless(Plugin[None, None]):
            """Has no name."""

        with (
            pytest.raises(AssertionError, match="Nameless: a name has"),
            open_app(tmp_path, plugins=[Nameless]),
        ):
            pass

    def test_a_failure_of_a_plugin_fails_the_test(self, tmp_path: Path) -> None:
        with open_app(tmp_path, plugins=[Greeter], clock=EVEN) as app:
            link = app.new_link()
            app.clock.advance(3600)
            with pytest.raises(AssertionError, match="greeter: destination failed: RuntimeError"):
                app.visit(link)
            app.clock.advance(-3600)
            assert app.visit(link).status_code == 302, "a fault is told once"

    def test_a_busy_machine_pauses_nothing(self, tmp_path: Path) -> None:
        class Slow(Greeter):
            """Takes too long for visitors."""

            name = "slow"

            @hookimpl
            def destination(self, link: Link, visit: Visit, data: None) -> str:
                time.sleep(0.006)
                return self.settings.url

        with open_app(tmp_path, plugins=[Slow], clock=EVEN) as app:
            link = app.new_link()
            for _ in range(7):
                assert app.visit(link).headers["location"] == "https://hello.example/"

    def test_a_tolerant_app_goes_on_as_a_server_does(self, tmp_path: Path) -> None:
        clock = FakeClock(EVEN.utime + 3_600_000_000)
        with open_app(tmp_path, plugins=[Greeter], clock=clock, tolerant=True) as app:
            assert app.visit(app.new_link("https://a.example/")).headers["location"] == (
                "https://a.example/"
            )

    def test_a_failure_while_it_closes_is_told(self, tmp_path: Path) -> None:
        class Late(Plugin[None, None]):
            """Fails at the end."""

            name = "late"

            def stop(self) -> None:
                raise RuntimeError("too late")

        with (
            pytest.raises(AssertionError, match="late: stop failed: RuntimeError: too late"),
            open_app(tmp_path, plugins=[Late]),
        ):
            pass


class TestVisits:
    def test_links_carry_data(self, shortd_app: StartApp) -> None:
        app = shortd_app(Mobile)
        link = app.new_link(
            "https://all.example/",
            plugins={"mobile": {"ios": "https://ios.example/"}},
            code="abcdef",
        )
        assert link.endswith("/abcdef")
        assert app.visit(link).headers["location"] == "https://all.example/"
        visit = app.visit(link, user_agent=AGENTS["iphone"])
        assert visit.headers["location"] == "https://ios.example/"

    def test_a_visit_is_what_it_is_said_to_be(self, shortd_app: StartApp) -> None:
        met: list[Visit] = []

        class Witness(Plugin[None, None]):
            """Remembers visits."""

            name = "witness"
            everywhere = True

            @hookimpl
            def destination(self, link: Link, visit: Visit, data: None) -> None:
                met.append(visit)

        app = shortd_app(Witness)
        app.visit(
            app.new_link(),
            method="HEAD",
            user_agent="A",
            language="fr",
            referrer="https://r.example/",
            address="2001:db8::1",
            headers={"DNT": "1"},
        )
        app.visit(app.new_link())
        assert met[0] == Visit(
            utime=app.clock.now(),
            is_get=False,
            address="2001:db8::1",
            user_agent="A",
            referrer="https://r.example/",
            accept_language="fr",
            do_not_track=True,
        )
        assert (met[1].browser, met[1].language, met[1].counts) == ("Firefox", "en", True)


class TestFixture:
    def test_it_opens_again_over_the_same_data(self, shortd_app: StartApp) -> None:
        link = shortd_app().new_link("https://a.example/")
        assert shortd_app().visit(link).headers["location"] == "https://a.example/"


class TestClock:
    def test_it_is_set_to_a_moment(self) -> None:
        clock = FakeClock()
        clock.set(datetime(2026, 3, 29, 1, 0, 0, 5, tzinfo=UTC))
        assert clock.now() == 1_774_746_000_000_005

    def test_a_moment_without_zone_is_none(self) -> None:
        with pytest.raises(ValueError, match="time zone"):
            FakeClock().set(datetime(2026, 3, 29))


def test_shortd_testing_does_without_pytest() -> None:
    program = "import sys; sys.modules['pytest'] = None; import shortd.testing"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_pytest_runs_without_the_fixture_import_nothing_big() -> None:
    program = "import sys, shortd.pytest_plugin; assert 'litestar' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_single_file_is_a_plugin_until_the_restart(tmp_path: Path) -> None:
    """What docs/plugins.md says of the folder: it is read at the start alone."""
    folder = tmp_path / "plugins"
    folder.mkdir()
    source = '''
from shortd.plugin import Link, Plugin, Visit, hookimpl


class Dropped(Plugin[None, None]):
    """Leads everybody to one place."""

    name = "dropped"
    everywhere = True

    @hookimpl
    def destination(self, link: Link, visit: Visit, data: None) -> str:
        return "https://first.example/"
'''
    file = folder / "dropped.py"
    file.write_text(source)
    config = f'[plugins]\ndir = "{folder}"'
    with open_app(tmp_path / "data", config=config) as app:
        link = app.new_link()
        assert app.visit(link).headers["location"] == "https://first.example/"
        file.write_text(source.replace("first", "the-second"))
        assert app.visit(link).headers["location"] == "https://first.example/"
    with open_app(tmp_path / "data", config=config) as app:
        assert app.visit(link).headers["location"] == "https://the-second.example/"
    file.unlink()
    with open_app(tmp_path / "data", config=config) as app:
        assert app.visit(link).headers["location"] == "https://main.example/"
