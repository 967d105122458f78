"""Servers that ask for no key, and the account that belongs to nobody."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from shortd import errors
from shortd.commands.cli import main
from shortd.models.accounts import ANONYMOUS, Account, Scope
from shortd.store.schema import ACCOUNTS, LINKS
from shortd.testing import RunningApp, open_app
from tests.api.sqwish.conftest import OPEN
from tests.api.sqwish.people import Client, client
from tests.api.v2.people import PASSWORD, double_sha256
from tests.conftest import GENEROUS
from tests.teams.people import Newcomer, refused, sound


def accounts(app: RunningApp) -> list[Account]:
    with app.services.store.read() as txn:
        return [account for _, account in ACCOUNTS.scan(txn)]


def owners(app: RunningApp) -> set[str]:
    with app.services.store.read() as txn:
        return {link.owner for _, link in LINKS.scan(txn)}


class TestWithoutAKey:
    def test_links_are_made_and_counted(self, anybody: Client, written: str) -> None:
        app = anybody.app
        answer = anybody.call("shorten", written, url="http://e.example/", custom="free")
        assert (answer["code"], answer["custom"]) == ("free", "true")
        assert app.visit("/free").headers["location"] == "http://e.example/"
        assert anybody.call("stats", written, code="free")["hits"] == "1"
        assert owners(app) == {ANONYMOUS}
        taken = anybody.refused("shorten", written, url="http://x.example/", custom="free")
        assert taken[0] == 409
        assert sound(app)

    def test_visitors_addresses_are_not_told(self, anybody: Client, written: str) -> None:
        code = anybody.shorten()
        anybody.app.visit(f"/{code}")
        assert anybody.refused("ips", written, code=code) == (401, "This call needs an API key.")
        ann = client(anybody.app, "ann")
        assert ann.refused("ips", written, code=code)[0] == 404

    def test_a_password_protects_the_count(self, anybody: Client, written: str) -> None:
        code = anybody.shorten(password="secret")
        assert anybody.refused("stats", written, code=code)[0] == 401
        assert anybody.refused("stats", written, code=code, password="wrong")[0] == 401
        assert anybody.call("stats", written, code=code, password="secret")["hits"] == "0"

    def test_a_wrong_key_is_none(self, anybody: Client, written: str) -> None:
        given = {"api_key": "x" * 32, "url": "http://e.example/"}
        assert anybody.refused("shorten", written, **given)[0] == 401
        assert accounts(anybody.app) == []

    def test_an_empty_key_is_no_key(self, anybody: Client, written: str) -> None:
        assert anybody.call("shorten", written, api_key="", url="http://e.example/")

    def test_links_of_accounts_stay_theirs(self, anybody: Client, written: str) -> None:
        ann = client(anybody.app, "ann")
        code, free = ann.shorten(), anybody.shorten()
        assert anybody.refused("stats", written, code=code)[0] == 404
        assert ann.call("stats", written, code=code)
        # Whoever has a key may ask what anybody may.
        assert ann.call("stats", written, code=free)
        assert (
            ann.person.refused("get_entry", shorturl=f"127.0.0.1:8080/{free}")["http_status"] == 404
        )

    def test_the_client_pays(self, tmp_path: Path, written: str) -> None:
        environ = {
            **OPEN,
            "SHORTD_LIMITS__CLIENT__API_CAPACITY": "2000",
            "SHORTD_LIMITS__CLIENT__API_REFILL_RATE": "100",
        }
        with open_app(tmp_path, environ=environ) as app:
            anybody = Client(app)
            code = anybody.shorten()
            assert anybody.call("stats", written, code=code)
            answer = anybody.send("shorten", written, url="http://e.example/")
            assert (answer.status_code, answer.headers["retry-after"]) == (429, "10")
            assert anybody.call("stats", written, code=code, address="198.51.100.1")
            with app.services.store.read() as txn:
                assert LINKS.count(txn) == 1

    def test_visits_to_all_these_links_have_one_budget(self, tmp_path: Path) -> None:
        environ = {
            **OPEN,
            "SHORTD_LIMITS__CLIENT__LINK_CAPACITY": "3000",
            "SHORTD_LIMITS__CLIENT__LINK_REFILL_RATE": "0",
        }
        with open_app(tmp_path, environ=environ) as app:
            one, other = Client(app).shorten(), Client(app).shorten()
            theirs = client(app, "ann").shorten()
            statuses = [app.visit(f"/{code}").status_code for code in (one, other, one, other)]
            assert statuses == [302, 302, 302, 429]
            assert app.visit(f"/{theirs}").status_code == 302


class TestTheAccount:
    def test_there_is_one_and_it_lasts(self, tmp_path: Path) -> None:
        with open_app(tmp_path, environ=OPEN) as app:
            anonymous = app.services.accounts.accounts.anonymous

            async def at_once() -> list[Account]:
                return await asyncio.gather(*(anonymous(app.clock.now()) for _ in range(10)))

            assert accounts(app) == []
            assert len(set(account.userid for account in app.run(at_once()))) == 1
            code = Client(app).shorten()
            app.clock.advance(200 * 365 * 86_400)
            app.sweep()
            assert [account.userid for account in accounts(app)] == [ANONYMOUS]
            clock = app.clock
        # Where keys are required, its links go on, and nobody is told of them.
        with open_app(tmp_path, environ=GENEROUS, clock=clock) as app:
            assert app.visit(f"/{code}").status_code == 302
            assert Client(app).refused("stats", code=code)[0] == 401
            assert client(app, "ann").refused("stats", code=code)[0] == 404
        with open_app(tmp_path, environ=OPEN, clock=clock) as app:
            assert Client(app).call("stats", code=code)["hits"] == "1"

    def test_nobody_gets_into_it(self, anybody: Client) -> None:
        app = anybody.app
        code = anybody.shorten()
        short_url = f"127.0.0.1:8080/{code}"
        for token in ({}, {"token": "x" * 32}):
            refusal = app.refused("delete", userid=ANONYMOUS, shorturl=short_url, **token)
            assert refusal["http_status"] == 400
        sign_up = {"email": "a@b.example", "password": double_sha256(PASSWORD)}
        assert app.refused("signup", **sign_up, userid=ANONYMOUS)["http_status"] == 400
        assert app.refused("signup", **sign_up, username=ANONYMOUS)["http_status"] == 400
        log_in = {"username_email": ANONYMOUS, "password": double_sha256(PASSWORD)}
        assert app.refused("login", **log_in)["code"] == "bad_credentials"
        app.call("forgot_password", username_email=ANONYMOUS)
        assert app.services.mail.delivery.outbox.status().waiting == 0
        now = app.clock.now()
        services = app.services
        account = app.run(services.accounts.accounts.anonymous(now))
        with refused(errors.TOKEN_REQUIRED):
            services.accounts.logins.authenticate(ANONYMOUS, None, now)
        with refused(errors.BAD_CREDENTIALS):
            services.accounts.logins.authenticate(ANONYMOUS, "x" * 32, now)
        with refused(errors.NOT_REGISTERED):
            app.run(services.accounts.api_keys.create(account, "x", [Scope.READ], now))
        # Somebody may be called so, and is somebody else.
        namesake = Newcomer(app)("anonymous")
        assert namesake.refused("get_entry", shorturl=short_url)["http_status"] == 404


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("SHORTD_")]:
        monkeypatch.delenv(name)
    return CliRunner(env={"SHORTD_USER_PASSWORD": PASSWORD})


class TestTheOperator:
    """Everything that he can do to anonymous links, on the command line."""

    @staticmethod
    def did(shell: CliRunner, *command: str) -> str:
        result = shell.invoke(main, list(command))
        assert result.exit_code == 0, result.output
        return result.stdout

    @staticmethod
    def refusal(shell: CliRunner, *command: str) -> str:
        result = shell.invoke(main, list(command))
        assert (result.exit_code, result.stdout) == (1, "")
        *log, said = result.stderr.splitlines()
        # These directories were last used years ago, and nothing else is to be said before.
        assert all("clock_not_believed" in line for line in log)
        return said

    @pytest.fixture
    def code(self, shell: CliRunner) -> str:
        with open_app(Path("shortd-data"), environ=OPEN) as app:
            return Client(app).shorten()

    def test_sees_the_account(self, shell: CliRunner, code: str) -> None:
        [line] = self.did(shell, "user", "list").splitlines()[1:]
        assert line.split()[:4] == [ANONYMOUS, "-", "-", "anonymous"]
        assert self.did(shell, "doctor") == "Everything stored agrees with itself.\n"

    def test_locks_and_unlocks_it(self, shell: CliRunner, code: str) -> None:
        self.did(shell, "user", "lock", ANONYMOUS)
        with open_app(Path("shortd-data"), environ=OPEN) as app:
            locked = (403, "This account is locked.")
            assert app.visit(f"/{code}").status_code == 404
            assert Client(app).refused("shorten", url="http://e.example/") == locked
            assert Client(app).refused("stats", code=code) == locked
        self.did(shell, "user", "unlock", ANONYMOUS)
        with open_app(Path("shortd-data"), environ=OPEN) as app:
            assert app.visit(f"/{code}").status_code == 302
            assert Client(app).shorten()

    def test_cannot_give_it_away(self, shell: CliRunner, code: str) -> None:
        only_locked = "shortd: The anonymous account can only be locked."
        for change in (["--email", "a@b.example"], ["--username", "x"], ["--type", "custom"]):
            assert self.refusal(shell, "user", "set", ANONYMOUS, *change) == only_locked
        assert self.refusal(shell, "user", "set", ANONYMOUS, "--verified") == only_locked
        assert self.refusal(shell, "user", "set", ANONYMOUS, "--password") == only_locked
        for command in (["user", "api-key", ANONYMOUS], ["team", "add", ANONYMOUS, "Shop"]):
            assert self.refusal(shell, *command) == "shortd: This call needs a registered account."

    def test_lets_somebody_look_after_its_links(self, shell: CliRunner, code: str) -> None:
        self.did(shell, "user", "add", "ann@nowhere.example", "--username", "ann")
        self.did(shell, "team", "add-member", ANONYMOUS, "ann", "--role", "admin")
        assert "Anonymous links" in self.did(shell, "team", "list")
        short_url = f"127.0.0.1:8080/{code}"
        with open_app(Path("shortd-data"), environ=OPEN) as app:
            login = app.call("login", username_email="ann", password=double_sha256(PASSWORD))
            who = {"userid": login["userid"], "token": login["token"]}
            entry = app.call("get_entry", **who, shorturl=short_url)["entry"]
            assert entry["userid"] == ANONYMOUS
            key = app.call("create_api_key", **who, name="x")["api_key"]
            app.visit(f"/{code}")
            assert len(Client(app).call("ips", api_key=key, code=code)["iplist"]) == 1
            app.call("delete", **who, shorturl=short_url)
            assert app.visit(f"/{code}").status_code == 404
        self.did(shell, "team", "remove-member", ANONYMOUS, "ann")

    def test_removes_it_with_its_links(self, shell: CliRunner, code: str) -> None:
        self.did(shell, "user", "remove", ANONYMOUS, "--yes")
        assert self.refusal(shell, "user", "lock", ANONYMOUS) == (
            f"shortd: There is no account '{ANONYMOUS}'."
        )
        with open_app(Path("shortd-data"), environ=OPEN) as app:
            assert app.visit(f"/{code}").status_code == 404
            assert accounts(app) == []
            assert Client(app).shorten()
            assert sound(app)
