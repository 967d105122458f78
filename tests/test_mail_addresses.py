"""E-mail addresses: one answer for accounts, settings and mail, whichever of them asks first."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from email.policy import SMTPUTF8
from pathlib import Path

import email_validator
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortd import errors
from shortd.accounts import normalize_email
from shortd.mail import Messages
from shortd.mail_addresses import mailbox_of, normalized, sender_of
from shortd.settings.config import ConfigError, load

# As the library has them before anybody has asked.
LOCAL = [
    *("nas.local", "box.localhost", "a.test", "home.arpa", "a.invalid", "x.onion", "printer"),
    *("münchen.local", "s.internal", "a.example.local"),
]


@pytest.mark.parametrize("domain", LOCAL)
@pytest.mark.parametrize("local", ["ann", "jürgen", "ann+tag", "用户"])
def test_local_names_are_as_good_as_any(local: str, domain: str) -> None:
    address = f"{local}@{domain}"
    assert normalize_email(address) == normalized(address)
    assert mailbox_of(address).username == local
    settings = load(environ={"SHORTD_MAIL__FROM": f"Links <{address}>"})
    sender = sender_of(settings.mail.sender)
    assert (sender.display_name, sender.username) == ("Links", local)
    assert sender.domain == mailbox_of(address).domain
    assert sender.domain.isascii()


ASKED = """
from shortd.{module} import {name}
{name}({arguments!r})
print("fine")
"""


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("mail_addresses", "mailbox_of"),
        ("mail_addresses", "sender_of"),
        ("settings.config_checks", "sender"),
        ("accounts.accounts", "normalize_email"),
    ],
)
def test_it_does_not_matter_who_asks_first(module: str, name: str) -> None:
    """In a process where nothing else has been imported."""
    program = ASKED.format(module=module, name=name, arguments="ann@münchen.local")
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert shown.stdout == "fine\n", shown.stderr


@pytest.mark.parametrize(
    "text",
    [
        *("", "nobody", "a@", "@b.example", "a@b@c.example", "a b@c.example", "a@-ü.example"),
        *("a@b.example, c@d.example", "Links <>", "a@b.example\nBcc: x@y.example", "a\0@b.example"),
    ],
)
def test_what_is_no_address_is_none_for_anybody(text: str) -> None:
    takers: list[Callable[[str], object]] = [mailbox_of, sender_of, normalized]
    for take in takers:
        with pytest.raises(ValueError):
            take(text)
    with pytest.raises(errors.ShortdError):
        normalize_email(text)
    if text:
        with pytest.raises(ConfigError, match=r"mail\.from: expected one e-mail address"):
            load(environ={"SHORTD_MAIL__FROM": text})


@pytest.mark.parametrize("sender", ["Links <jürgen@example.org>", "jürgen@münchen.local"])
def test_a_sender_that_is_not_ascii_is_sent_as_it_is(sender: str) -> None:
    message = Messages("https://s.example", sender).test("ann@nas.local", "id", 0)
    (found,) = message["From"].addresses
    assert found.username == "jürgen"
    assert "jürgen@" in message.as_bytes(policy=SMTPUTF8).decode()


@given(st.text(max_size=30))
def test_a_sender_is_one_mailbox_or_none(text: str) -> None:
    try:
        sender = sender_of(text)
    except ValueError:
        return
    assert sender.username
    assert sender.domain.isascii()
    assert sender.addr_spec.isprintable()


def test_nobody_else_asks_the_library() -> None:
    """Whose list of special names is for the whole process."""
    root = Path(__file__).parents[1] / "shortd"
    users = [path.name for path in root.rglob("*.py") if "email_validator" in path.read_text()]
    assert users == ["mail_addresses.py"]
    assert email_validator.SPECIAL_USE_DOMAIN_NAMES == []
