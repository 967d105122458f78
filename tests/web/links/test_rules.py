"""The form of a link's rules: without scripts, each button its own request."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest

from shortd.testing import RunningApp
from tests.web.links.test_acting import entry
from tests.web.links.test_dashboard import make
from tests.web.surfer import Surfer

EVERYTHING: dict[str, Any] = {
    "rules": [
        {
            "name": "work",
            "url": "https://work.example/",
            "conditions": {
                "country": ["DE", "AT"],
                "city": ["Munich", "Saint-Denis"],
                "language": ["de", "fr-CH"],
                "system": ["windows", "macos"],
                "device": ["desktop"],
                "browser": ["firefox", "edge"],
                "time": {
                    "zone": "Europe/Berlin",
                    "days": ["mon", "fri"],
                    "from": "22:00",
                    "to": "06:00",
                },
                "date": {"from": "2026-12-01", "to": "2026-12-24T18:00", "zone": "Europe/Paris"},
                "query": [
                    {"key": "from", "value": "mail"},
                    {"key": "debug", "match": "missing"},
                ],
                "referrer": ["news.example.com", "https://example.com/shop"],
                "address": ["192.0.2.7", "2001:db8::/32"],
                "robot": False,
                "weight": 40,
            },
        },
        {"conditions": {"robot": True}},
        {"url": "https://rest.example/?a=1&b=2"},
    ]
}


@pytest.fixture
def short_url(ann: Surfer) -> str:
    return make(ann, "rules26", url="https://example.org/page")


def edit_of(surfer: Surfer, short_url: str) -> str:
    return f"/-/links/{entry(surfer, short_url)['id']}/edit"


def kept(surfer: Surfer, short_url: str) -> Any:
    return surfer.call("get_plugin", shorturl=short_url, plugin="rules")["data"]


def fields(page: str) -> dict[str, list[str]]:
    """What a browser would send of the form of rules."""
    form = re.search(r'<form[^>]* id="rules".*?</form>', page, re.DOTALL)
    assert form is not None
    found: dict[str, list[str]] = {}
    for tag in re.finditer(
        r"<input(?P<input>[^>]*)>|<select(?P<select>[^>]*)>(?P<options>.*?)</select>"
        r"|<textarea(?P<area>[^>]*)>(?P<text>.*?)</textarea>",
        form[0],
        re.DOTALL,
    ):
        about = tag["input"] or tag["select"] or tag["area"] or ""
        name = attribute(about, "name")
        if 'type="checkbox"' in about and " checked" not in about:
            continue
        value = attribute(about, "value")
        if tag["select"]:
            options = tag["options"]
            chosen = re.search(r'value="([^"]*)" selected', options) or re.search(
                r'value="([^"]*)"', options
            )
            value = chosen[1] if chosen else ""
        if tag["text"]:
            value = unescape(tag["text"])
        found.setdefault(name, []).append(value)
    return found


def attribute(about: str, name: str) -> str:
    match = re.search(rf'\b{name}="([^"]*)"', about)
    return unescape(match[1]) if match else ""


def test_what_is_kept_is_shown_and_saved_again_as_it_was(ann: Surfer, short_url: str) -> None:
    ann.call("set_plugin", shorturl=short_url, plugin="rules", data=EVERYTHING)
    edit = edit_of(ann, short_url)
    answer = ann.send(edit.replace("/edit", "/rules"), fields(ann.get(edit).text))
    assert answer.status_code == 303, answer.text
    assert answer.headers["location"].endswith("/edit#way")
    assert kept(ann, short_url) == EVERYTHING


def test_a_rule_is_made_and_all_are_removed(ann: Surfer, app: RunningApp, short_url: str) -> None:
    edit = edit_of(ann, short_url)
    action = edit.replace("/edit", "/rules")
    form = fields(ann.get(edit).text)
    assert form["rule"] == ["1"]
    form |= {"1.country": ["de , at"], "1.url": ["https://de.example/"], "1.system": ["ios"]}
    assert ann.send(action, form).status_code == 303
    conditions = {"country": ["de", "at"], "system": ["ios"]}
    rule = {"url": "https://de.example/", "conditions": conditions}
    assert kept(ann, short_url) == {"rules": [rule]}
    assert ann.send(action, {"do": "forget"}).status_code == 303
    assert kept(ann, short_url) is None
    ann.send(action, {"rule": ["1"], "1.weight": ["50"], "1.url": ["https://half.example/"]})
    assert kept(ann, short_url)["rules"][0]["conditions"] == {"weight": 50}
    # A form that is left empty has no rules.
    assert ann.send(action, {"rule": ["1"], "1.url": [""]}).status_code == 303
    assert kept(ann, short_url) is None


def test_rules_are_added_moved_and_removed_without_being_saved(ann: Surfer, short_url: str) -> None:
    ann.call("set_plugin", shorturl=short_url, plugin="rules", data=EVERYTHING)
    edit = edit_of(ann, short_url)
    action = edit.replace("/edit", "/rules")
    form = fields(ann.get(edit).text)

    def press(button: str) -> dict[str, list[str]]:
        answer = ann.send(action, {**form, "do": button})
        assert answer.status_code == 200
        return fields(answer.text)

    form = press("down.1")
    assert form["rule"] == ["2", "1", "3"]
    form = press("up.3")
    assert form["rule"] == ["2", "3", "1"]
    form = press("up.2")
    assert form["rule"] == ["2", "3", "1"], "the first cannot go higher"
    form = press("add")
    assert form["rule"] == ["2", "3", "1", "4"]
    form = press("remove.3")
    assert form["rule"] == ["2", "1", "4"]
    assert press("nosuch.7")["rule"] == ["2", "1", "4"]
    assert kept(ann, short_url) == EVERYTHING
    form["4.address"] = ["192.0.2.1\r\n192.0.2.2"]
    assert ann.send(action, form).status_code == 303
    first, second, _ = EVERYTHING["rules"]
    last = {"conditions": {"address": ["192.0.2.1", "192.0.2.2"]}}
    assert kept(ann, short_url) == {"rules": [second, first, last]}


def test_a_part_alone_is_answered_to_scripts(ann: Surfer, short_url: str) -> None:
    action = edit_of(ann, short_url).replace("/edit", "/rules")
    form = {"rule": ["1"], "1.url": ["https://x.example/"], "do": "add"}
    answer = ann.send(action, form, headers={"Shortd-Part": "rules"})
    assert answer.status_code == 200
    assert "<h1" not in answer.text and 'name="2.url"' in answer.text
    assert "data-focus" in answer.text


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"url": "ftp://x"}, "url"),
        ({"url": "https://x.example/", "name": "A b", "weight": "1"}, "name"),
        ({"country": "DE, Germany"}, "country"),
        ({"language": "d"}, "language"),
        ({"city": "Munich, " + "x" * 101}, "city"),
        ({"system": "beos"}, "system"),
        ({"browser": "lynx"}, "browser"),
        ({"device": "fridge"}, "device"),
        ({"days": "someday"}, "days"),
        ({"from": "25:00"}, "from"),
        ({"from": "08:00", "to": "08:00"}, "to"),
        ({"from": "08:00", "zone": "Mars/Olympus"}, "zone"),
        ({"since": "yesterday"}, "since"),
        ({"since": "2026-02-01", "until": "2026-01-01"}, "until"),
        ({"until": "2026-02-01", "datezone": "../etc/passwd"}, "datezone"),
        ({"key3": "a", "match3": "any", "value3": "b"}, "value3"),
        ({"key3": "a", "match3": "sometimes"}, "match3"),
        ({"referrer": "ok.example\nhttp://"}, "referrer"),
        ({"address": "192.0.2.0/24 300.1.1.1"}, "address"),
        ({"weight": "0"}, "weight"),
        ({"weight": "half"}, "weight"),
    ],
)
def test_what_is_refused_is_said_at_its_field(
    ann: Surfer, short_url: str, form: dict[str, str], field: str
) -> None:
    typed = {"rule": ["8", "3"], "8.robot": ["yes"]}
    typed |= {f"3.{name}": [value] for name, value in form.items()}
    answer = ann.send(edit_of(ann, short_url).replace("/edit", "/rules"), typed)
    assert answer.status_code == 422
    assert f'id="3.{field}-error"' in answer.text, answer.text
    assert answer.text.count('role="alert"') == 1
    assert fields(answer.text)["rule"] == ["8", "3"]
    assert kept(ann, short_url) is None


def test_a_rule_for_everybody_before_another_is_told_as_a_whole(
    ann: Surfer, short_url: str
) -> None:
    typed = {"rule": ["1", "2"], "1.url": ["https://x.example/"], "2.robot": ["yes"]}
    answer = ann.send(edit_of(ann, short_url).replace("/edit", "/rules"), typed)
    assert answer.status_code == 422
    assert "put it last" in answer.text


def test_strange_forms_break_nothing(ann: Surfer, short_url: str) -> None:
    action = edit_of(ann, short_url).replace("/edit", "/rules")
    for typed in (
        {"rule": ["x", "", "1", "1", "99999", "-1"], "1.robot": ["maybe"]},
        {"rule": [str(number) for number in range(200)], "do": "add"},
        {"rule": ["1"], "1.key0": ["a"], "1.key9": ["b"], "1.key10": ["c"], "1.": ["d"]},
        {"do": "up."},
        {"do": "remove.1", "rule": ["1"]},
    ):
        assert ann.send(action, typed).status_code in (200, 303)
    many = {"rule": [str(number) for number in range(60)]}
    many |= {f"{number}.robot": ["yes"] for number in range(60)}
    assert ann.send(action, many).status_code == 422
    large = {"rule": [str(number) for number in range(50)]}
    large |= {
        f"{number}.city": ["x" * 99 + ", " + "y" * 99 + "," + "z" * 99] for number in range(50)
    }
    large |= {f"{number}.url": ["https://x.example/" + "u" * 100] for number in range(50)}
    answer = ann.send(action, large)
    assert answer.status_code == 422 and "at most 16384 bytes" in answer.text
    assert ann.send(action, {"do": "x" * 33}).status_code == 400


def test_others_links_are_not_changed(ann: Surfer, app: RunningApp) -> None:
    other = app.call("url", userid=app.userid, url="https://example.org/")["entry"]["id"]
    assert ann.send(f"/-/links/{other}/rules", {"do": "add"}).status_code == 404
