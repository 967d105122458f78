"""Catalogues: whole, current, and nothing that a page could stumble over."""

from __future__ import annotations

import re
from pathlib import Path

import polib
import pytest

from shortd.languages import CatalogueError, Language, Languages, open_languages
from tests.languages.catalogue import PLUGINS, ROOT, catalogues, texts, updated
from tests.languages.refusals import refusals, refusals_of

HEAD = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=utf-8\\n"\n'
COUNTED = HEAD + '"Plural-Forms: nplurals=3; plural=(n==1 ? 0 : n<5 ? 1 : 2);\\n"\n'


def named(code: str) -> Language:
    found = open_languages().named(code)
    assert found is not None
    return found


@pytest.mark.parametrize("path", catalogues(), ids=lambda path: path.stem)
class TestEveryCatalogue:
    def test_it_has_all_texts_and_no_others(self, path: Path) -> None:
        now, then = polib.pofile(path), updated(polib.pofile(path))
        assert [entry.msgid for entry in now] == [entry.msgid for entry in then], (
            "python -m tests.languages.catalogue"
        )
        assert [entry.occurrences for entry in now] == [entry.occurrences for entry in then]

    def test_nothing_is_untranslated_or_doubtful(self, path: Path) -> None:
        catalogue = polib.pofile(path)
        assert [entry.msgid for entry in catalogue.untranslated_entries()] == []
        assert [entry.msgid for entry in catalogue.fuzzy_entries()] == []
        assert catalogue.obsolete_entries() == []

    def test_translations_have_the_places_and_the_markup_of_their_texts(self, path: Path) -> None:
        marks = re.compile(r"%\(\w+\)s|\{\w+\}|</?\w+[^>]*>")
        for entry in polib.pofile(path):
            for said in entry.msgstr_plural.values() if entry.msgid_plural else [entry.msgstr]:
                texts = (entry.msgid, entry.msgid_plural or entry.msgid)
                wanted = [sorted(marks.findall(text)) for text in texts]
                assert sorted(marks.findall(said)) in wanted, entry.msgid


def test_texts_of_all_kinds_are_found() -> None:
    found = {text.one: files for text, files in texts().items()}
    assert "web/templates/visitor/gone.html" in found["This link has ended"]
    assert "web/static/copy.js" in found["Copied"]
    assert "web/visitor/mailed.py" in found["Your address is verified"]
    assert "errors.py" in found["There is no such account."]
    assert "links/tag_lists.py" in found["A tag has 1 to %(most)s characters."]
    assert "hosts/destinations.py" in found["The URL is longer than %(most)s bytes."]


def test_whatever_a_page_may_refuse_can_be_said_in_all_languages() -> None:
    found = [*refusals(ROOT), *refusals(PLUGINS)]
    assert [one for one in found if not one.is_whole] == [], (
        "a refusal is a constant sentence, whose values stand in places: shortd/errors.py"
    )


@pytest.mark.parametrize(
    ("call", "is_whole"),
    [
        ('errors.INVALID_FIELD("Too long.", field=name)', True),
        ('errors.INVALID_FIELD("At most %(most)s" " characters.", most=5)', True),
        ('errors.INVALID_FIELD(f"At most {most} characters.")', False),
        ('INVALID_FIELD(f"At most {most} characters.")', False),
        ('errors.INVALID_FIELD("At most " + most)', False),
        ('errors.INVALID_FIELD(said, field="url")', False),
        ('errors.INVALID_FIELD("At most %(most)s characters.")', False),
        ('errors.INVALID_FIELD("Too long.", most=5)', False),
        ('errors.INVALID_FIELD("At most %(most)s characters.", **places)', False),
        ('errors.INVALID_FIELD("At most 100 %.")', False),
        ('errors.CATALOGUE[code](f"Not {code}.")', False),
        ('refusal.kind(f"Not {code}.")', False),
        ('errors.Sentence("At most %(most)s characters.", {"most": 5})', True),
        ('errors.Sentence("At most %(most)s characters.", places)', False),
        ('errors.Sentence(f"At most {most} characters.")', False),
        ('Sentence(text="Too long.")', False),
        ('BadData("At most %(most)s.", "count", most=5)', True),
        ('BadData(f"At most {most}.", "count")', False),
    ],
)
def test_a_refusal_that_no_catalogue_can_have_is_noticed(call: str, is_whole: bool) -> None:
    assert [one.is_whole for one in refusals_of(f"raise {call}", "links/new.py")] == [is_whole]


def test_new_texts_have_as_many_forms_as_the_language_counts() -> None:
    catalogue = polib.POFile()
    catalogue.metadata = {"Plural-Forms": "nplurals=3; plural=(n==1 ? 0 : n<5 ? 1 : 2);"}
    made = updated(catalogue)
    assert len(made) == len(made.untranslated_entries()) == len(texts())
    assert {len(entry.msgstr_plural) for entry in made if entry.msgid_plural} == {3}


def test_no_other_file_knows_which_languages_there_are() -> None:
    known = [one for one in open_languages() if one.code != "en"]
    names = "|".join(rf"[\"']{one.code}[\"']|{re.escape(one.name)}" for one in known)
    told = re.compile(names)
    for path in ROOT.rglob("*"):
        if path.suffix in (".py", ".html", ".txt", ".js", ".css"):
            assert not told.search(path.read_text("utf-8")), path


def test_what_a_machine_has_made_says_so_where_it_is_chosen() -> None:
    for path in catalogues():
        is_machine_made = "Machine-made" in polib.pofile(path).header
        assert ("(traduction automatique)" in named(path.stem).name) is is_machine_made


def test_french_has_its_spaces() -> None:
    marks = r"(?<![\u00a0\u202f(])[;!?\u00bb](?![^<]*>)"
    wrong = re.compile(rf"{marks}|(?<!\u00a0):(?=\s|$)| %(?!\()|\u00ab(?![\u00a0\u202f])|'")
    catalogue = polib.pofile(ROOT / "languages" / "fr.po")
    said = [one for entry in catalogue for one in (entry.msgstr, *entry.msgstr_plural.values())]
    assert [one for one in said if wrong.search(one)] == []


def test_english_needs_no_catalogue() -> None:
    english = named("en")
    assert english.name == "English"
    assert english.scripts == ""
    assert english.number(1204) == "1,204"
    assert english.number(1234.5, 1) == "1,234.5"


def test_german() -> None:
    german = named("de")
    assert german.name == "Deutsch"
    assert german.gettext("This link has ended") == "Dieser Link ist zu Ende"
    assert german.number(1204) == "1.204"
    assert german.number(1234.5, 1) == "1.234,5"
    assert '"Copied":"Kopiert"' in german.scripts
    assert "Dieser Link ist zu Ende" not in german.scripts


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("", "en"),
        ("de", "de"),
        ("de-AT, tlh;q=0.9", "de"),
        ("tlh, en;q=0.5, de;q=0.8", "de"),
        ("tlh, en-GB;q=0.5, de;q=0.2", "en"),
        ("tlh", "en"),
        ("*", "en"),
        ("de;q=0", "en"),
        ("\x00;;q=,=;q=x", "en"),
    ],
)
def test_the_best_language_is_taken(header: str, code: str) -> None:
    assert open_languages().accepted(header).code == code


def test_who_asks_for_none_that_there_is_gets_the_default() -> None:
    assert open_languages("de").accepted("tlh").code == "de"
    assert open_languages("de").accepted("en").code == "en"
    with pytest.raises(CatalogueError, match="no catalogue for 'tlh'"):
        open_languages("tlh")


def test_a_further_language_is_one_file(tmp_path: Path) -> None:
    counted = (
        '\n#: web/static/list.js:\nmsgid "{n} link"\nmsgid_plural "{n} links"\n'
        'msgstr[0] "{n} a"\nmsgstr[1] "{n} b"\nmsgstr[2] "{n} c"\n'
    )
    (tmp_path / "cs.po").write_text(COUNTED + '\nmsgid "English"\nmsgstr "Čeština"\n' + counted)
    languages = open_languages("en", str(tmp_path))
    shipped = [language.code for language in open_languages()]
    assert [language.code for language in languages] == [*shipped, "cs"]
    czech = languages.accepted("cs-CZ")
    assert czech.name == "Čeština"
    assert [czech.ngettext("{n} link", "{n} links", n)[-1] for n in (1, 2, 5)] == ["a", "b", "c"]
    assert "(n) => Number((n==1 ? 0 : n<5 ? 1 : 2))" in czech.scripts
    assert czech.gettext("Undo") == "Undo"


def test_an_own_catalogue_goes_before_the_one_that_comes_along(tmp_path: Path) -> None:
    (tmp_path / "de.po").write_text(HEAD + '\nmsgid "Undo"\nmsgstr "Zurück"\n')
    german = open_languages("en", str(tmp_path)).named("de")
    assert german is not None
    assert german.gettext("Undo") == "Zurück"


@pytest.mark.parametrize(
    ("name", "body", "words"),
    [
        ("xx.po", "nonsense", "xx.po"),
        ("xx.po", HEAD + '\nmsgid "%(a)s is"\nmsgstr "%(b)s ist"\n', "no place for b"),
        ("xx.po", HEAD + '\nmsgid "All"\nmsgstr "100 % da"\n', "100 % da"),
        ("xx.po", HEAD + '\nmsgid "%(a)s"\nmsgstr "%(a"\n', "%\\(a"),
        ("../x y.po", HEAD, "named by its language"),
        ("xx.po", HEAD + '"Plural-Forms: nplurals=2; plural=alert(1);\\n"\n', "xx.po"),
    ],
)
def test_a_catalogue_that_cannot_be_used_stops_the_start(
    tmp_path: Path, name: str, body: str, words: str
) -> None:
    (tmp_path / Path(name).name).write_text(body)
    with pytest.raises(CatalogueError, match=words):
        open_languages("en", str(tmp_path))


def test_languages_are_those_that_it_was_made_of() -> None:
    english = named("en")
    assert [*Languages([english])] == [english]
