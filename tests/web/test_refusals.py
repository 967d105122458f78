"""What services refuse: pages say it in their language, programs are told it in English."""

from __future__ import annotations

import csv
import html
import io

import pytest

from shortd.testing import RunningApp
from tests.web.links.test_dashboard import make
from tests.web.links.test_editing import WHERE, page_of
from tests.web.links.test_tables import job_of
from tests.web.surfer import Surfer


def said(surfer: Surfer, path: str, form: dict[str, str], language: str = "de") -> str:
    """The page that says no, or where it leads to."""
    answer = surfer.send(path, form, accept_language=language)
    if answer.status_code == 303:
        answer = surfer.get(answer.headers["location"], accept_language=language)
    return html.unescape(answer.text)


@pytest.mark.parametrize(
    ("path", "form", "german"),
    [
        (
            "/-/tags",
            {"name": "flyer", "new": "x" * 65, "color": "1"},
            "Ein Schlagwort hat 1 bis 64 Zeichen.",
        ),
        ("/-/tags", {"name": "flyer", "color": "9"}, "Höchstens 6."),
        ("/-/links/bulk", {"do": "tag", "tag": "x" * 65, "id": "1"}, "hat 1 bis 64 Zeichen."),
        ("/-/links/bulk", {"do": "ends", "id": "1"}, "Wählen Sie erst einen Tag."),
        ("/-/import", {}, "Wählen Sie eine Datei, oder fügen Sie eine Tabelle ein."),
        ("/-/import", {"text": 'url\n"x'}, "Zeile 2 ist nicht zu lesen."),
        ("/-/tags", {"bit": "x"}, "Schreiben Sie eine ganze Zahl."),
        ("/-/account/name", {"username": "a@b"}, "Ein Name hat höchstens 64 druckbare Zeichen"),
    ],
)
def test_pages_say_it_in_their_language(
    ann: Surfer, path: str, form: dict[str, str], german: str
) -> None:
    assert german in said(ann, path, form)


@pytest.mark.parametrize(
    ("changes", "german"),
    [
        ({"title": "x" * 513}, "Höchstens 512 Zeichen."),
        ({"title": "a\x07b"}, "Enthält Steuerzeichen."),
        ({"utm_term": "ä" * 200}, "Höchstens 256 Bytes."),
        ({"destination": "https://a.example/a b"}, "schreiben Sie sie als %20."),
        ({"destination": f"https://a.example/{'x' * 8192}"}, "ist länger als 8192 Bytes."),
    ],
)
def test_a_links_settings_say_it_in_their_language(
    ann: Surfer, changes: dict[str, str], german: str
) -> None:
    edit = page_of(ann, make(ann, "autumn26"))
    assert german in said(ann, f"{edit}/where", WHERE | changes)
    assert "Schreiben Sie es wie 2026-12-31T18:00." in said(ann, f"{edit}/until", {"ends": "x"})


@pytest.mark.parametrize(
    ("variant", "german"),
    [
        ({"weight": "30"}, "Eine nötige Angabe fehlt."),
        ({"url": "ftp://x", "weight": "30"}, "muss mit http:// oder https://"),
        ({"url": "https://b.example/", "weight": "101"}, "Höchstens 100."),
        ({"url": f"https://b.example/{'ä' * 8000}", "weight": "30"}, "länger als 8192 Bytes."),
    ],
)
def test_data_of_plugins_are_refused_in_the_pages_language(
    ann: Surfer, variant: dict[str, str], german: str
) -> None:
    action = page_of(ann, make(ann, "autumn26")).replace("/edit", "/plugin/ab")
    assert german in said(
        ann, action, {f"ab.variants.0.{key}": text for key, text in variant.items()}
    )


def test_rows_of_a_table_say_it_in_the_language_of_who_looks(ann: Surfer) -> None:
    table = f"url,title,clicks\nhttps://a.example/,{'x' * 513},0\nhttps://b.example/,,7\n"
    page = said(ann, "/-/import", {"text": table})
    assert "Höchstens 512 Zeichen." in page and "Seine Klicks kommen nicht mit" in page
    form = {"job": job_of(page)}
    assert "Höchstens 512 Zeichen." in said(ann, "/-/import", form)
    assert "At most 512 characters." in said(ann, "/-/import", form, "en")
    refused = ann.get(f"/-/import/{form['job']}/refused.csv").content.decode("utf-8-sig")
    [row] = csv.DictReader(io.StringIO(refused, newline=""))
    assert row["reason"] == "Höchstens 512 Zeichen."


def test_what_a_library_says_is_said_in_english_alone(ann: Surfer) -> None:
    form = {"email": "nobody", "username": "", "password_new": "long enough"}
    form["password_again"] = form["password_new"]
    stranger = Surfer(ann.app)
    assert "Das ist keine E-Mail-Adresse." in said(stranger, "/-/signup", form)
    assert "must have an @-sign" in said(stranger, "/-/signup", form, "en")


def test_an_error_page_says_it_in_its_language(surfer: Surfer) -> None:
    page = surfer.get("/-/verify", accept_language="de")
    assert page.status_code == 400 and "Dieser Link ist nicht vollständig." in page.text


def test_programs_are_told_it_in_english(ann: Surfer, app: RunningApp) -> None:
    given = {**ann.credentials, "shorturl": make(ann, "autumn26"), "utm_term": "ä" * 200}
    asked = {"accept": "text/html", "accept-language": "de"}
    error = app.post("set_terms", given, headers=asked).json()["error"]
    assert (error["message"], error["field"]) == ("At most 256 bytes.", "utm_term")
    refused = app.get("/-/verify", headers=asked | {"accept": "application/json"}).json()
    assert refused["error"]["message"].startswith("This link is not complete.")
