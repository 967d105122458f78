"""What a mail is made of: headers, both texts, and nothing that a user wrote."""

from __future__ import annotations

from email.message import EmailMessage
from email.policy import SMTP
from email.utils import parsedate_to_datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortd.mail.messages import Messages, mail_domain
from shortd.mail_addresses import mailbox_of
from shortd.models.mail import FactorChange, Mail, MailPurpose
from tests.mail.post_office import link_of, parsed, query_of, text_of

CODE = "9f0c48d2bb15d09b12e7881869b570bc"


def row(purpose: MailPurpose = MailPurpose.RESET, recipient: str = "a@b.example") -> Mail:
    return Mail("m" * 32, "u" * 32, purpose, recipient, CODE, 1_700_000_000_000_000, 0)


def compose(
    mail: Mail | None = None, public_url: str = "https://s.example.org", sender: str = ""
) -> EmailMessage:
    return parsed(Messages(public_url, sender).compose(mail or row()).as_bytes(policy=SMTP))


@pytest.mark.parametrize("purpose", [MailPurpose.VERIFY, MailPurpose.RESET])
def test_a_mail_has_both_texts_with_the_same_link(purpose: MailPurpose) -> None:
    mail = compose(row(purpose))
    assert mail.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]
    link = f"https://s.example.org/-/{purpose}?email=a%40b.example&code={CODE}"
    if purpose is MailPurpose.FACTORS:
        link = "https://s.example.org/-/account/second-factor"
    if purpose is MailPurpose.REPORT:
        link = "https://s.example.org/-/admin/reports"
    assert link_of(mail) == link
    assert text_of(mail, "html").count(f'href="{link.replace("&", "&amp;")}"') == 1
    assert "<script" not in text_of(mail, "html")
    assert "src=" not in text_of(mail, "html"), "nothing is loaded when it is read"


@pytest.mark.parametrize("language", ["", "de", "xx"])
@pytest.mark.parametrize("code", ["17", ""])
def test_a_mail_about_a_box_leads_to_it(language: str, code: str) -> None:
    told = msgspec.structs.replace(row(MailPurpose.BOX), code=code, language=language)
    pages = Messages("https://s.example.org", "", pages_url="https://links.example.org")
    mail = parsed(pages.compose(told).as_bytes(policy=SMTP))
    link = "https://links.example.org/-/boxes" + (f"/{code}" if code else "")
    assert link_of(mail) == link
    assert text_of(mail, "html").count(f'href="{link}"') == 1
    is_german = language == "de"
    assert ("Briefkästen" in text_of(mail)) == is_german
    assert ('lang="de"' in text_of(mail, "html")) == is_german


def test_headers() -> None:
    mail = compose()
    assert mail["To"] == "a@b.example"
    assert mail["From"] == "shortd@s.example.org"
    assert mail["Message-ID"] == f"<{'m' * 32}@s.example.org>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert parsedate_to_datetime(mail["Date"]).timestamp() == 1_700_000_000
    assert "s.example.org" in mail["Subject"]


def test_every_attempt_has_the_same_headers_and_text() -> None:
    first, second = compose(), compose()
    assert first.items()[:6] == second.items()[:6]
    assert text_of(first) == text_of(second)


@pytest.mark.parametrize(
    ("public_url", "domain"),
    [
        ("https://s.example.org:8443", "s.example.org"),
        ("http://localhost:8080", "localhost"),
        ("http://127.0.0.1:8080", "[127.0.0.1]"),
        ("http://[::1]:8080", "[IPv6:::1]"),
        ("https://xn--bcher-kva.example", "xn--bcher-kva.example"),
    ],
)
def test_the_name_of_the_server_as_mail_has_it(public_url: str, domain: str) -> None:
    assert mail_domain(public_url) == domain
    mail = compose(public_url=public_url)
    assert mail["From"].addresses[0].addr_spec == f"shortd@{domain}"
    assert link_of(mail).startswith(f"{public_url}/-/reset?")


@pytest.mark.parametrize(
    ("sender", "shown", "address"),
    [
        ("links@s.example", "", "links@s.example"),
        ("Links <links@s.example>", "Links", "links@s.example"),
        ("Lïnks <links@bücher.example>", "Lïnks", "links@xn--bcher-kva.example"),
        ("shortd@nas", "", "shortd@nas"),
    ],
)
def test_the_sender(sender: str, shown: str, address: str) -> None:
    (found,) = compose(sender=sender)["From"].addresses
    assert (found.display_name, found.addr_spec) == (shown, address)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "nobody",
        "a@b@c.example",
        "a b@c.example",
        "a@b.example\r\nBcc: x@y.example",
        "a@b.example\n",
        "a@b.example\0",
        "a@b.example, c@d.example",
        "<a@b.example>",
        '"a"@b.example',
        "a@[127.0.0.1]",
        "a@-b.example",
        "a@b..example",
        f"a@{'b' * 64}.example",
    ],
)
def test_what_is_no_address_gets_no_mail(address: str) -> None:
    with pytest.raises(ValueError):
        mailbox_of(address)


@given(st.text(max_size=30), st.text(max_size=30))
def test_no_address_breaks_a_header(local: str, domain: str) -> None:
    """Whatever passes for an address is one header and one recipient."""
    try:
        mail = compose(row(recipient=f"{local}@{domain}"))
    except ValueError:
        return
    assert len(mail["To"].addresses) == 1
    assert sorted(mail.keys()) == sorted(compose().keys())
    assert query_of(mail)["code"] == CODE


def test_a_mail_tells_of_every_change() -> None:
    changes = ",".join(FactorChange)
    told = msgspec.structs.replace(row(MailPurpose.FACTORS), code=changes)
    assert text_of(compose(told)).count("\n- ") == len(FactorChange)
    assert text_of(compose(told), "html").count("<li>") == len(FactorChange)
