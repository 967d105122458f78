"""Delivery: to a real SMTP server, with TLS and without, refused, unreachable, coming back."""

from __future__ import annotations

import asyncio
import json
import socket
import stat
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from shortd import errors
from shortd.clock import SECOND
from shortd.mail import outbox, smtp
from shortd.mail.outbox import OutboxStatus
from shortd.mail.transports import Send
from shortd.testing import RunningApp, open_app
from tests.api.v2.envelopes import everything
from tests.api.v2.people import PASSWORD, Person, double_sha256, registered
from tests.mail.authority import Authority
from tests.mail.conftest import AppWith
from tests.mail.post_office import PostOffice, link_of, parsed, post_office, query_of
from tests.server_process import free_port


def forgot(app: RunningApp, name: str = "Member") -> None:
    app.call("forgot_password", username_email=name)


def waiting(app: RunningApp) -> int:
    return app.services.mail.delivery.outbox.status().waiting


def test_a_mail_arrives_and_leaves_nothing(
    app: RunningApp, office: PostOffice, member: Person
) -> None:
    forgot(app)
    assert office.all() == [], "nothing leaves with the request"
    assert waiting(app) == 1
    app.deliver()
    mail = office.next()
    assert office.recipients == ["member@nowhere.example"]
    assert office.sessions == {"s.example.org"}
    assert mail["Message-ID"].endswith("@s.example.org>")
    assert everything(app)["outbox"] == []
    app.deliver()
    assert office.all() == []


def test_one_session_takes_several(app: RunningApp, office: PostOffice) -> None:
    names = [f"person{number}" for number in range(5)]
    for name in names:
        registered(app, name)
        forgot(app, f"{name}@nowhere.example")
    app.deliver()
    assert sorted(office.recipients) == [f"{name}@nowhere.example" for name in names]


class TestTls:
    @pytest.fixture(autouse=True)
    def trust(self, authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))

    def sent(self, app_with: AppWith, url: str) -> str:
        """Delivers one mail; why it was not, if so."""
        with app_with(MAIL__SMTP_URL=url) as app:
            registered(app, username="Member")
            forgot(app)
            app.deliver()
            rows = everything(app)["outbox"]
            return rows[0][1].reason if rows else ""

    def test_starttls(self, app_with: AppWith, authority: Authority) -> None:
        with post_office(tls_context=authority.context(), require_starttls=True) as office:
            assert self.sent(app_with, f"{office.url}?starttls=1") == ""
            assert office.upgraded == [True]

    def test_implicit_tls(self, app_with: AppWith, authority: Authority) -> None:
        with post_office(ssl_context=authority.context()) as office:
            assert self.sent(app_with, office.url.replace("smtp:", "smtps:")) == ""
            assert link_of(office.next())

    @pytest.mark.parametrize("how", ["starttls", "smtps"])
    @pytest.mark.parametrize(
        ("name", "days", "words"),
        [("mail.example", 2, "mismatch"), ("", -1, "expired")],
        ids=["other name", "expired"],
    )
    def test_a_wrong_certificate_gets_nothing(
        self,
        app_with: AppWith,
        authority: Authority,
        how: str,
        name: str,
        days: int,
        words: str,
    ) -> None:
        context = authority.context(name, days=days)
        options = {"tls_context": context} if how == "starttls" else {"ssl_context": context}
        with post_office(**options) as office:
            url = (
                f"{office.url}?starttls=1"
                if how == "starttls"
                else office.url.replace("smtp:", "smtps:")
            )
            assert words in self.sent(app_with, url)
            assert office.all() == []

    @pytest.mark.parametrize("how", ["starttls", "smtps"])
    def test_an_unknown_authority_gets_nothing(
        self,
        app_with: AppWith,
        authority: Authority,
        how: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.delenv("SSL_CERT_FILE")
        context = authority.context()
        options = {"tls_context": context} if how == "starttls" else {"ssl_context": context}
        with post_office(**options) as office:
            url = (
                f"{office.url}?starttls=1"
                if how == "starttls"
                else office.url.replace("smtp:", "smtps:")
            )
            assert "CERTIFICATE_VERIFY_FAILED" in self.sent(app_with, url)
            assert office.all() == []

    def test_a_server_that_hides_its_starttls_gets_nothing(self, app_with: AppWith) -> None:
        """As somebody in between would have it."""
        with post_office() as office:
            assert "STARTTLS" in self.sent(app_with, f"{office.url}?starttls=1")
            assert office.all() == []

    def test_the_account_of_the_server(self, app_with: AppWith, authority: Authority) -> None:
        office = PostOffice(tls_context=authority.context(), auth_required=True)
        office._options["authenticator"] = office.authenticate
        office.open()
        try:
            url = office.url.replace("//", "//me%40nowhere.example:pa%3Ass@")
            assert self.sent(app_with, f"{url}?starttls=1") == ""
            assert office.logins == [(b"me@nowhere.example", b"pa:ss")]
            assert office.upgraded == [True]
        finally:
            office.close()

    def test_a_wrong_password_is_tried_again_and_never_told(
        self, app_with: AppWith, authority: Authority
    ) -> None:
        office = PostOffice(tls_context=authority.context(), auth_required=True)
        office._options["authenticator"] = office.authenticate
        office.open()
        try:
            url = office.url.replace("//", "//me:hunter2@")
            with capture_logs() as logged:
                reason = self.sent(app_with, f"{url}?starttls=1")
        finally:
            office.close()
        assert reason.startswith("535 ")
        assert "hunter2" not in json.dumps(logged)


class TestFailures:
    def test_the_waits_between_attempts(
        self, app: RunningApp, office: PostOffice, member: Person
    ) -> None:
        """15 s, doubling to half an hour, for a day; then it is given up for all to see."""
        office.close()
        member.call("verify_email")
        began, attempts = app.clock.now(), []
        with capture_logs() as logged:
            while waiting(app):
                before = everything(app)["outbox"]
                app.clock.utime = before[0][1].next_utime - 1
                app.deliver()
                assert everything(app)["outbox"] == before, "not a moment too early"
                app.clock.utime += 1
                attempts.append((app.clock.now() - began) // SECOND)
                app.deliver()
        waits = [later - sooner for sooner, later in pairwise(attempts)]
        assert waits[:8] == [15, 30, 60, 120, 240, 480, 960, 1800]
        assert set(waits[8:-1]) == {1800}
        # The last leaves five minutes to use the link.
        assert attempts[-1] == 24 * 3600 - 300
        ((_, mail),) = everything(app)["outbox"]
        assert (mail.code, mail.given_up_utime) == ("", app.clock.now())
        assert logged[-1]["event"] == "mail_given_up"
        assert logged[-1]["log_level"] == "error"
        assert "refused" in logged[-1]["reason"] or "Connect call failed" in logged[-1]["reason"]
        assert app.services.mail.delivery.outbox.status() == OutboxStatus(0, 1, None)
        assert 'shortd_mails_total{outcome="given_up"} 1.0' in app.get("/-/metrics").text
        office.open()
        app.clock.advance(3600)
        app.deliver()
        assert office.all() == []
        app.clock.advance(7 * 86_400)
        app.sweep()
        assert everything(app)["outbox"] == []

    def test_a_reset_mail_is_not_sent_when_its_code_is_dead(
        self, app: RunningApp, office: PostOffice, member: Person
    ) -> None:
        office.close()
        forgot(app)
        app.deliver()
        app.clock.advance(3600)
        office.open()
        app.deliver()
        assert office.all() == []
        assert app.services.mail.delivery.outbox.status() == OutboxStatus(0, 1, None)

    def test_a_server_that_comes_back_gets_the_same_mail(
        self, app: RunningApp, office: PostOffice, member: Person
    ) -> None:
        office.close()
        forgot(app)
        app.deliver()
        ((_, mail),) = everything(app)["outbox"]
        office.open()
        app.clock.advance(15)
        app.deliver()
        assert office.next()["Message-ID"] == f"<{mail.id}@s.example.org>"
        assert waiting(app) == 0

    def test_a_mail_survives_a_restart(
        self, app_with: AppWith, office: PostOffice, tmp_path: Path
    ) -> None:
        dead = f"smtp://127.0.0.1:{free_port()}"
        with app_with(MAIL__SMTP_URL=dead) as app:
            registered(app, username="Member")
            forgot(app)
            app.deliver()
            clock = app.clock
        environ = {"SHORTD_MAIL__SMTP_URL": office.url}
        clock.advance(15)
        with open_app(tmp_path / "data", clock=clock, environ=environ) as app:
            app.deliver()
            query = query_of(office.next())
            app.call("reset_password", **_inputs(query))

    def test_unreachable_postpones_all_with_one_attempt(
        self, app: RunningApp, office: PostOffice, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("one", "two", "three"):
            registered(app, name)
            forgot(app, f"{name}@nowhere.example")
        office.close()
        with capture_logs() as logged:
            app.deliver()
        assert [line["event"] for line in logged].count("mail_server_unreachable") == 1
        assert [mail.attempts for _, mail in everything(app)["outbox"]] == [1, 1, 1]

    @pytest.mark.parametrize("refusal", ["550 5.1.1 No such user", "554 5.7.1 Relay denied"])
    def test_a_recipient_refused_for_good_is_given_up_at_once(
        self, app: RunningApp, office: PostOffice, member: Person, refusal: str
    ) -> None:
        office.refusal = refusal
        forgot(app)
        app.deliver()
        ((_, mail),) = everything(app)["outbox"]
        assert mail.given_up_utime
        assert (mail.reason, mail.attempts) == (refusal, 1)

    def test_a_text_refused_for_good_is_given_up_at_once(
        self, app: RunningApp, office: PostOffice, member: Person
    ) -> None:
        office.data_refusal = "554 5.7.1 Looks like spam"
        forgot(app)
        app.deliver()
        ((_, mail),) = everything(app)["outbox"]
        assert (mail.given_up_utime, mail.code) == (app.clock.now(), "")

    @pytest.mark.parametrize("refusal", ["450 4.2.1 Greylisted", "421 4.3.2 Going down"])
    def test_a_recipient_refused_for_now_is_tried_again(
        self, app: RunningApp, office: PostOffice, member: Person, refusal: str
    ) -> None:
        office.refusal = refusal
        forgot(app)
        app.deliver()
        office.refusal = None
        app.clock.advance(15)
        app.deliver()
        assert link_of(office.next())

    def test_one_refused_mail_does_not_hold_up_others(
        self, app: RunningApp, office: PostOffice, member: Person
    ) -> None:
        other = registered(app, "other")
        office.refusal = "450 4.2.1 Greylisted"
        forgot(app)
        app.clock.advance(1)
        app.deliver()
        office.refusal = None
        other.call("verify_email")
        app.deliver()
        assert office.recipients == ["other@nowhere.example"]

    def test_what_a_server_says_is_logged_without_secrets(
        self, app: RunningApp, office: PostOffice, member: Person
    ) -> None:
        forgot(app)
        ((_, mail),) = everything(app)["outbox"]
        office.refusal = f"450 <member@nowhere.example> code {mail.code} \x1b[2J" + "x" * 400
        with capture_logs() as logged:
            app.deliver()
        text = json.dumps(logged)
        assert mail.code not in text
        assert "member@nowhere" not in text
        ((_, mail),) = everything(app)["outbox"]
        assert mail.reason.startswith("450 <…> code … [2Jxxx")
        assert len(mail.reason) == outbox.REASON_LENGTH

    @pytest.mark.parametrize("silent", ["greeting", "answers"])
    def test_a_server_that_hangs_costs_no_more_than_its_time(
        self, app_with: AppWith, monkeypatch: pytest.MonkeyPatch, silent: str
    ) -> None:
        monkeypatch.setattr(smtp, "STEP_SECONDS", 0.2)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            if silent == "answers":
                threading.Thread(target=_greet, args=(listener,), daemon=True).start()
            port = listener.getsockname()[1]
            with app_with(MAIL__SMTP_URL=f"smtp://127.0.0.1:{port}") as app:
                registered(app, username="Member")
                forgot(app)
                app.run(asyncio.wait_for(app.services.mail.delivery.deliver(), 60))
                ((_, mail),) = everything(app)["outbox"]
                assert "imed out" in mail.reason

    def test_a_disk_that_takes_no_file_postpones(self, app_with: AppWith, tmp_path: Path) -> None:
        with app_with() as app:
            registered(app, username="Member")
            (tmp_path / "data" / "outbox").write_text("in the way")
            forgot(app)
            app.deliver()
            assert waiting(app) == 1
            (tmp_path / "data" / "outbox").unlink()
            app.clock.advance(15)
            app.deliver()
            assert waiting(app) == 0

    def test_a_full_disk_does_not_have_a_mail_sent_again_and_again(
        self,
        app: RunningApp,
        office: PostOffice,
        member: Person,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        async def full(_mail: object) -> None:
            raise errors.STORAGE_FULL()

        forgot(app)
        with monkeypatch.context() as patch:
            patch.setattr(app.services.mail.delivery.outbox, "remove", full)
            for _ in range(5):
                with pytest.raises(errors.ShortdError):
                    app.deliver()
        app.deliver()
        assert len(office.all()) == 1
        assert waiting(app) == 0

    def test_an_unforeseen_fault_is_waited_out_as_well(
        self,
        app: RunningApp,
        office: PostOffice,
        member: Person,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        def broken(*_: object, **__: object) -> None:
            raise IndexError("some library's")

        forgot(app)
        with monkeypatch.context() as patch:
            patch.setattr("aiosmtplib.SMTP.send_message", broken)
            app.deliver()
        ((_, mail),) = everything(app)["outbox"]
        assert (mail.reason, mail.next_utime) == ("IndexError", app.clock.now() + 15 * SECOND)
        app.clock.advance(15)
        app.deliver()
        assert link_of(office.next())


def _greet(listener: socket.socket) -> None:
    connection, _ = listener.accept()
    connection.sendall(b"220 here\r\n")
    with connection:
        while connection.recv(1000):
            pass


def _inputs(query: dict[str, str]) -> dict[str, str]:
    return {"email": query["email"], "unique_code": query["code"], "password": "ab" * 32}


class TestUnwanted:
    """Mails whose code is of no use any more are not sent."""

    def test_a_newer_mail_takes_the_place_of_an_older(
        self, app: RunningApp, office: PostOffice, member: Person
    ) -> None:
        forgot(app)
        forgot(app)
        app.deliver()
        (mail,) = office.all()
        app.call("reset_password", **_inputs(query_of(mail)))

    def test_a_mail_is_looked_at_once_more_before_it_goes(
        self,
        app: RunningApp,
        office: PostOffice,
        member: Person,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        forgot(app)
        transport = app.services.mail.delivery.transport
        connect = transport.open

        @asynccontextmanager
        async def overtaken() -> AsyncIterator[Send]:
            """The row has been read, and the server is being connected to."""
            await app.services.accounts.mailboxes.mail_reset("Member", "", app.clock.now())
            async with connect() as send:
                yield send

        with monkeypatch.context() as patched:
            patched.setattr(transport, "open", overtaken)
            app.deliver()
        assert office.all() == []
        app.deliver()
        (mail,) = office.all()
        app.call("reset_password", **_inputs(query_of(mail)))

    def test_a_mail_on_its_way_does_not_take_a_newer_one_along(
        self, app: RunningApp, office: PostOffice, member: Person
    ) -> None:
        forgot(app)
        office.release = threading.Event()

        async def overtake() -> None:
            delivering = asyncio.ensure_future(app.services.mail.delivery.deliver())
            await asyncio.to_thread(office.taking.wait, 60)
            await app.services.accounts.mailboxes.mail_reset("Member", "", app.clock.now())
            assert office.release is not None
            office.release.set()
            await delivering

        app.run(overtake())
        assert waiting(app) == 1
        office.release = None
        app.deliver()
        codes = [query_of(mail)["code"] for mail in office.all()]
        assert len(codes) == 2
        app.call("reset_password", **_inputs({"email": "member@nowhere.example", "code": codes[1]}))

    def test_a_changed_password_calls_the_mail_back(
        self, app: RunningApp, office: PostOffice, member: Person
    ) -> None:
        forgot(app)
        member.call("change_password", password=double_sha256(PASSWORD), password_new="ab" * 32)
        app.deliver()
        assert office.all() == []
        assert everything(app)["outbox"] == []


class TestFolder:
    """Without an SMTP server."""

    def test_a_mail_is_a_file_and_a_line_in_the_log(
        self, app_with: AppWith, tmp_path: Path
    ) -> None:
        with app_with() as app:
            registered(app, username="Member")
            forgot(app)
            with capture_logs() as logged:
                app.deliver()
        folder = tmp_path / "data" / "outbox"
        (file,) = folder.iterdir()
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert file.suffix == ".eml"
        mail = parsed(file.read_bytes())
        assert mail["To"] == "member@nowhere.example"
        # To be clicked on in a terminal, too: not broken, not encoded.
        assert link_of(mail) in file.read_text()
        (line,) = logged
        assert (line["event"], line["to"]) == ("mail_delivered", str(file))
        assert query_of(mail)["code"] not in json.dumps(logged)
