"""Real processes: kills, signals, a dead server that comes back, times, and the commands."""

from __future__ import annotations

import asyncio
import os
import re
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import httpx
import pytest

from shortd.models.accounts import Account, AccountType
from shortd.store import Store
from shortd.store.schema import ACCOUNTS, OUTBOX
from tests.api.v2.people import PASSWORD, double_sha256
from tests.conftest import GENEROUS
from tests.mail.authority import Authority
from tests.mail.post_office import SECONDS, PostOffice, parsed, post_office, query_of
from tests.server_process import ServerProcess, free_port

IMPATIENT = "import shortd.mail.outbox as o; o.FIRST_DELAY = o.LONGEST_DELAY = 300_000"
"""Retries after 0.3 s."""
SECRET = "hunter2"


@pytest.fixture
def dead() -> Iterator[PostOffice]:
    """A server that is not there yet."""
    office = PostOffice()
    yield office
    office.close()


def server_for(folder: Path, office: PostOffice) -> ServerProcess:
    environ = {**GENEROUS, "SHORTD_MAIL__SMTP_URL": office.url}
    server = ServerProcess(folder / "data", environ, prelude=IMPATIENT, is_late=True)
    server.start()
    server.call("signup", email="me@nowhere.example", password=double_sha256(PASSWORD))
    return server


def seen(server: ServerProcess, words: str) -> None:
    """Waits until the server's log has these words."""
    deadline = time.monotonic() + 60
    while words not in server.log:
        assert time.monotonic() < deadline, server.log
        time.sleep(0.02)


def test_a_dead_server_that_comes_back_gets_the_mail(tmp_path: Path, dead: PostOffice) -> None:
    server = server_for(tmp_path, dead)
    try:
        server.call("forgot_password", username_email="me@nowhere.example")
        seen(server, "mail_postponed")
        dead.open()
        query = query_of(dead.next())
        server.call(
            "reset_password", email=query["email"], unique_code=query["code"], password="ab" * 32
        )
        assert query["code"] not in server.log
    finally:
        assert server.stop() == 0


def test_a_mail_survives_a_kill(tmp_path: Path, dead: PostOffice) -> None:
    server = server_for(tmp_path, dead)
    try:
        server.call("forgot_password", username_email="me@nowhere.example")
        server.kill()
        dead.open()
        server.start()
        assert query_of(dead.next())["email"] == "me@nowhere.example"
    finally:
        server.stop()


def test_a_kill_before_the_row_is_gone_repeats_the_same_mail(tmp_path: Path) -> None:
    """At least once: the server has taken the mail, and we never heard it say so."""
    with post_office() as office:
        server = server_for(tmp_path, office)
        try:
            office.release = threading.Event()
            server.call("forgot_password", username_email="me@nowhere.example")
            assert office.taking.wait(SECONDS)
            server.kill()
            office.release.set()
            server.start()
            first, second = office.next(), office.next()
            assert first["Message-ID"] == second["Message-ID"]
            assert query_of(first) == query_of(second)
        finally:
            server.stop()


def test_a_stop_in_the_middle_of_a_delivery_is_swift_and_loses_nothing(tmp_path: Path) -> None:
    with post_office() as office:
        server = server_for(tmp_path, office)
        office.release = threading.Event()
        try:
            server.call("forgot_password", username_email="me@nowhere.example")
            assert office.taking.wait(SECONDS)
            began = time.monotonic()
            assert server.stop() == 0
            assert time.monotonic() - began < SECONDS / 2
            assert "Traceback" not in server.log
        finally:
            office.release.set()
        store = Store(tmp_path / "data")
        try:
            with store.read() as txn:
                ((_, mail),) = OUTBOX.scan(txn)
                assert mail.recipient == "me@nowhere.example"
        finally:
            store.close()


def test_known_and_unknown_accounts_answer_alike_and_as_fast(tmp_path: Path) -> None:
    """Interleaved pairs over HTTP against a real server: the times are the same, and so is what is
    answered."""
    pairs = 150
    data = tmp_path / "data"
    store = Store(data)
    try:

        async def fill() -> None:
            for number in range(pairs):
                userid = f"{number:032d}"
                row = Account(
                    userid, AccountType.REGISTERED, 1, email=f"known{number}@nowhere.example"
                )
                await store.write(partial(ACCOUNTS.put, key=(userid,), row=row))

        asyncio.run(fill())
    finally:
        store.close()
    # Nothing is sent while it is measured: the row's wait is what is looked at.
    prelude = "import shortd.mail.delivery as d; d.POLL_SECONDS = 1000"
    # Each pair comes from an address of its own: one may ask for so many mails and no more.
    environ = {**GENEROUS, "SHORTD_SERVER__TRUSTED_PROXIES": '["127.0.0.1"]'}
    server = ServerProcess(data, environ, prelude=prelude)
    server.start()
    taken: dict[str, list[float]] = {"known": [], "strange": []}
    answers = set()
    try:
        with httpx.Client(base_url=server.url) as client:
            for number in range(pairs):
                for kind in ("known", "strange") if number % 2 else ("strange", "known"):
                    body = {"username_email": f"{kind}{number}@nowhere.example"}
                    began = time.perf_counter()
                    headers = {"x-forwarded-for": f"203.0.113.{number}"}
                    answer = client.post("/v2/forgot_password", json=body, headers=headers)
                    taken[kind].append(time.perf_counter() - began)
                    answers.add((answer.status_code, re.sub(r"\d{16}", "", answer.text)))
        assert len(answers) == 1
        waiting = httpx.get(f"{server.url}/-/health").json()["mail"]["waiting"]
    finally:
        server.stop()
    assert waiting == pairs
    # The quickest tenth: whatever else the machine does makes none of them quicker.
    known, strange = (statistics.quantiles(times, n=10)[0] for times in taken.values())
    print(f"known {known * 1e3:.3f} ms, strange {strange * 1e3:.3f} ms")
    assert 0.75 < known / strange < 1.33, (known, strange)


@pytest.mark.parametrize("how", ["starttls", "smtps"])
def test_tls_works_in_the_loop_of_the_server(
    tmp_path: Path, authority: Authority, how: str
) -> None:
    """And SSL_CERT_FILE names whom to trust, for a server as it is started."""
    context = authority.context()
    options = {"tls_context": context} if how == "starttls" else {"ssl_context": context}
    with post_office(**options) as office:
        url = f"{office.url}?starttls=1" if how == "starttls" else f"smtps{office.url[4:]}"
        environ = {
            **GENEROUS,
            "SHORTD_MAIL__SMTP_URL": url,
            "SSL_CERT_FILE": str(authority.file),
        }
        server = ServerProcess(tmp_path / "data", environ)
        server.start()
        try:
            server.call("signup", email="me@nowhere.example", password=double_sha256(PASSWORD))
            server.call("forgot_password", username_email="me@nowhere.example")
            assert query_of(office.next())["email"] == "me@nowhere.example"
            assert office.upgraded == [how == "starttls"]
        finally:
            assert server.stop() == 0


class TestCommands:
    def run(
        self, folder: Path, *arguments: str, **environ: str
    ) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "shortd", *arguments, "--data", str(folder / "data")]
        names = {name: value for name, value in os.environ.items() if "SHORTD" not in name}
        return subprocess.run(
            command, env={**names, **environ}, capture_output=True, text=True, timeout=60
        )

    def test_a_test_mail_goes_through_the_server(self, tmp_path: Path) -> None:
        with post_office() as office:
            done = self.run(
                tmp_path, "mail", "test", "me@nowhere.example", SHORTD_MAIL__SMTP_URL=office.url
            )
            assert done.returncode == 0, done.stderr
            assert "me@nowhere.example" in done.stdout
            mail = office.next()
            assert mail["To"] == "me@nowhere.example"
            assert mail["Auto-Submitted"] == "auto-generated"

    def test_without_a_server_it_is_a_file(self, tmp_path: Path) -> None:
        Store(tmp_path / "data").close()
        done = self.run(tmp_path, "mail", "test", "me@nowhere.example")
        assert done.returncode == 0, done.stderr
        (file,) = (tmp_path / "data" / "outbox").glob("*.eml")
        assert str(file) in done.stdout.replace("\n", "")
        assert parsed(file.read_bytes())["To"] == "me@nowhere.example"

    @pytest.mark.parametrize("url", ["smtp", "smtps"])
    def test_what_went_wrong_is_one_line_without_the_password(
        self, tmp_path: Path, url: str
    ) -> None:
        smtp_url = f"{url}://me:{SECRET}@127.0.0.1:{free_port()}"
        done = self.run(
            tmp_path, "mail", "test", "me@nowhere.example", SHORTD_MAIL__SMTP_URL=smtp_url
        )
        assert (done.returncode, done.stdout) == (1, "")
        (line,) = done.stderr.splitlines()
        assert line.startswith("shortd: not sent (127.0.0.1 port ")
        assert SECRET not in line

    @pytest.mark.parametrize("address", ["ann@nas.local", "jürgen@münchen.local", "ann@printer"])
    def test_local_names_get_mail(self, tmp_path: Path, address: str) -> None:
        Store(tmp_path / "data").close()
        sender = {"SHORTD_MAIL__FROM": f"Links <{address}>"}
        assert self.run(tmp_path, "config", "check", **sender).returncode == 0
        done = self.run(tmp_path, "mail", "test", address, **sender)
        assert done.returncode == 0, done.stderr
        (file,) = (tmp_path / "data" / "outbox").glob("*.eml")
        mail = parsed(file.read_bytes())
        (to,), (sent_from,) = mail["To"].addresses, mail["From"].addresses
        assert to.username == sent_from.username == address.partition("@")[0]
        assert (to.domain, sent_from.display_name) == (sent_from.domain, "Links")

    @pytest.mark.parametrize("code", ["550", "450"])
    def test_a_refusal_of_several_lines_is_told_in_one(self, tmp_path: Path, code: str) -> None:
        with post_office() as office:
            office.refusal = f"{code}-5.1.1 No such user here.\r\n{code} Ask\tsomebody\x07 else."
            done = self.run(
                tmp_path, "mail", "test", "me@nowhere.example", SHORTD_MAIL__SMTP_URL=office.url
            )
        assert (done.returncode, done.stdout) == (1, "")
        (line,) = done.stderr.splitlines()
        assert line.endswith(f"): {code} 5.1.1 No such user here. Ask somebody else.")

    @pytest.mark.parametrize("address", ["nonsense", "a@b\nBcc: x@y.example", "a@b,c@d"])
    def test_an_address_that_is_none(self, tmp_path: Path, address: str) -> None:
        Store(tmp_path / "data").close()
        done = self.run(tmp_path, "mail", "test", address)
        assert (done.returncode, done.stdout) == (1, "")
        assert len(done.stderr.splitlines()) == 1

    def test_config_check_shows_where_mail_goes_without_the_password(self, tmp_path: Path) -> None:
        url = f"smtp://me:{SECRET}@mail.example?starttls=1"
        done = self.run(tmp_path, "config", "check", SHORTD_MAIL__SMTP_URL=url)
        assert "mail.example port 587, STARTTLS" in done.stdout
        assert SECRET not in done.stdout + done.stderr

    def test_the_doctor_tells_what_waits_and_what_never_came(self, tmp_path: Path) -> None:
        with post_office() as office:
            office.refusal = "550 5.1.1 No such user"
            server = server_for(tmp_path, office)
            try:
                server.call("forgot_password", username_email="me@nowhere.example")
                seen(server, "mail_given_up")
                server.call("signup", email="you@nowhere.example", password=double_sha256(PASSWORD))
                office.refusal = "450 4.2.1 Greylisted"
                server.call("forgot_password", username_email="you@nowhere.example")
                seen(server, "mail_postponed")
            finally:
                server.stop()
        done = self.run(tmp_path, "doctor")
        assert done.returncode == 0, done.stderr
        waits, lost, fine = done.stdout.splitlines()
        assert re.fullmatch(r"Mail waiting: 1, the oldest since .* UTC\.", waits)
        assert lost.startswith("A mail to me@nowhere.example (reset) was given up at 20")
        assert lost.endswith("after 1 attempts: 550 5.1.1 No such user")
        assert fine == "Everything stored agrees with itself."
