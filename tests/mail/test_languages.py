"""In which language a mail is: what the account has chosen, else what its page was in, else the
server's."""

from __future__ import annotations

from email.policy import SMTP

import pytest
from msgspec.structs import replace

from shortd.languages import Language, open_languages
from shortd.mail.messages import Messages
from shortd.models.mail import Mail, MailPurpose
from shortd.testing import RunningApp
from tests.api.v2.people import PASSWORD, registered
from tests.mail.conftest import PUBLIC_URL, AppWith
from tests.mail.post_office import PostOffice, link_of, parsed, text_of
from tests.web.surfer import Surfer, derived

CODE = "9f0c48d2bb15d09b12e7881869b570bc"
SITE = PUBLIC_URL.partition("://")[2]


def subject(language: str, purpose: str) -> str:
    texts = {"verify": "Verify your e-mail address", "reset": "Choose a new password"}
    found = open_languages().named(language)
    assert found is not None
    return f"{found.gettext(texts[purpose])} ({SITE})"


@pytest.mark.parametrize("language", [*open_languages()], ids=lambda one: one.code)
@pytest.mark.parametrize("purpose", list(MailPurpose))
def test_a_mail_is_whole_in_every_language(language: Language, purpose: MailPurpose) -> None:
    row = Mail("m" * 32, "u" * 32, purpose, "a@b.example", CODE, 1_700_000_000_000_000, 0)
    rows = [replace(row, language=code) for code in ("en", language.code)]
    made = [Messages(PUBLIC_URL, "").compose(row).as_bytes(policy=SMTP) for row in rows]
    english, mail = map(parsed, made)
    link = link_of(english)
    assert link_of(mail) == link
    assert f'<html lang="{language.code}">' in text_of(mail, "html")
    lines = text_of(mail).splitlines()
    assert [line for line in lines if len(line) > 76] in ([], [link])
    if language.code != "en":
        assert mail["Subject"] != english["Subject"]
        for kind in ("plain", "html"):
            body = text_of(english, kind).rpartition("<body")[2].splitlines()[1:]
            said = [line for line in body if " " in line.strip()]
            assert [line for line in said if line in text_of(mail, kind)] == []


@pytest.mark.parametrize("language", [one.code for one in open_languages()])
def test_it_is_in_the_language_of_the_page(
    app: RunningApp, office: PostOffice, language: str
) -> None:
    surfer, asked = Surfer(app, PUBLIC_URL), {"accept-language": language}
    form = {"email": "ann@nowhere.example", "username": "ann"}
    form |= derived("password_new", PASSWORD)
    assert surfer.send("/-/signup", form, headers=asked).status_code == 303
    app.deliver()
    assert office.next()["Subject"] == subject(language, "verify")
    Surfer(app, PUBLIC_URL).send("/-/forgot", {"name": "ann"}, headers=asked)
    app.deliver()
    assert office.next()["Subject"] == subject(language, "reset")


def test_what_the_account_has_chosen_counts_more(app: RunningApp, office: PostOffice) -> None:
    surfer = Surfer(app, PUBLIC_URL)
    surfer.sign_up("ann")
    app.deliver()
    assert office.next()["Subject"] == subject("en", "verify")
    assert surfer.send("/-/account/look", {"language": "de", "theme": "auto"}).status_code == 303
    Surfer(app, PUBLIC_URL).send("/-/forgot", {"name": "ann"}, headers={"accept-language": "fr"})
    app.deliver()
    assert office.next()["Subject"] == subject("de", "reset")


def test_who_says_none_gets_the_servers(app_with: AppWith, office: PostOffice) -> None:
    with app_with(MAIL__SMTP_URL=office.url, WEB__LANGUAGE="fr") as app:
        registered(app, username="ann")
        app.call("forgot_password", username_email="ann")
        app.deliver()
        assert office.next()["Subject"] == subject("fr", "reset")
