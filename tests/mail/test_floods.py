"""Nobody is flooded with mail, and nobody can use up what all others are sent."""

from __future__ import annotations

from shortd.clock import DAY, SECOND
from shortd.names import mailbox_of
from shortd.testing import RunningApp
from tests.api.v2.people import PASSWORD, Person, double_sha256, registered
from tests.mail.conftest import AppWith
from tests.mail.post_office import PostOffice

VICTIM = [
    *(f"victim+{number}@nowhere.example" for number in range(20)),
    "VICTIM+x@nowhere.example",
    "victim@\uff4eowhere.example",
    "vic.tim@nowhere.example",
    "\uff56ictim@nowhere.example",
]
"""Spellings of one mailbox."""


def sign_up(app: RunningApp, email: str) -> Person:
    output = app.call("signup", email=email, password=double_sha256(PASSWORD))
    return Person(app, output["userid"], output["token"])


def ask(app: RunningApp, call: str, address: str, **inputs: str) -> int:
    return app.post(call, inputs, address=address).status_code


def test_a_mailbox_gets_so_many_whatever_is_spelled_behind_its_name(
    app: RunningApp, office: PostOffice
) -> None:
    people = [sign_up(app, email) for email in VICTIM]
    for hour in range(30):
        for number, (email, person) in enumerate(zip(VICTIM, people, strict=True)):
            address = f"198.51.{hour}.{number}"
            ask(app, "forgot_password", address, username_email=email)
            inputs = {name: str(value) for name, value in person.credentials.items()}
            ask(app, "verify_email", address, **inputs)
            app.deliver()
        if hour == 0:
            assert len(office.all()) == 3 + 3
        elif hour < 24:
            app.deliver()
        app.clock.advance(3600)
    assert 6 <= len(office.recipients) <= 20


def test_a_day_has_ten_for_a_mailbox_and_some_are_left_for_its_owner(
    app: RunningApp, office: PostOffice
) -> None:
    member = registered(app)
    sent = {"verify_email": 0, "forgot_password": 0}
    for _ in range(8):
        for _ in range(5):
            sent["verify_email"] += member.post("verify_email").status_code == 200
            app.deliver()
        app.clock.advance(3601)
    assert sent["verify_email"] == 7
    for number in range(5):
        ask(app, "forgot_password", f"198.51.100.{number}", username_email="member@nowhere.example")
        app.deliver()
    assert len(office.all()) == 7 + 3


def test_an_address_can_ask_for_thirty_and_nobody_elses_are_among_them(
    app: RunningApp, office: PostOffice
) -> None:
    somebody = registered(app, "somebody")
    statuses = [
        ask(app, "forgot_password", "198.51.100.1", username_email=f"n{number}@nowhere.example")
        for number in range(40)
    ]
    assert statuses == [200] * 30 + [429] * 10
    refusal = app.post("forgot_password", {"username_email": "x"}, address="198.51.100.1")
    assert refusal.json()["error"]["code"] == "mail_limited"
    assert 0 < int(refusal.headers["retry-after"]) <= 180
    body = {"username_email": "somebody@nowhere.example"}
    assert app.post("forgot_password", body, address="203.0.113.7").status_code == 200
    app.deliver()
    assert len(office.all()) == 1
    assert somebody.post("verify_email").status_code == 200


def test_the_server_sends_so_many_a_day(app_with: AppWith, office: PostOffice) -> None:
    with app_with(MAIL__SMTP_URL=office.url, MAIL__PER_DAY="10") as app:
        people = [registered(app, f"person{number}") for number in range(14)]
        statuses = [person.post("verify_email").status_code for person in people]
        assert statuses == [200] * 8 + [429] * 6, "the last are for those who lost their password"
        for number in range(14):
            name = f"person{number}@nowhere.example"
            # What is told does not depend on whether a mail goes out.
            for asked in (name, "x@y.example"):
                address = f"198.51.100.{number}"
                assert ask(app, "forgot_password", address, username_email=asked) == 200
        app.deliver()
        assert len(office.all()) == 10
        wait = people[-1].post("verify_email").headers["retry-after"]
        app.clock.advance(int(wait))
        assert people[-1].post("verify_email").status_code == 200
        assert int(wait) * SECOND <= DAY


def test_what_a_mailbox_is() -> None:
    assert len({mailbox_of(email) for email in VICTIM}) == 1
    assert mailbox_of("+a@x.example") != mailbox_of("+b@x.example")
    assert mailbox_of("a+b@x.example") != mailbox_of("a+b@y.example")
    assert mailbox_of("-" * 32) == "-" * 32
