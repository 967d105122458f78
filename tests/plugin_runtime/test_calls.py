"""set_plugin, get_plugin, get_plugins and explain through the v2 surface."""

from __future__ import annotations

from typing import Any

import pytest

from tests.plugin_runtime.conftest import PluginApp, Start

CHECKED = """
class Where(Struct, frozen=True, forbid_unknown_fields=True):
    urls: list[str] = []
    number: int = 0


class Checked(Plugin[None, Where]):
    "Checks its data."

    name = "checked"
    Data = Where

    def check(self, data: Where, link: Link) -> None:
        for index, url in enumerate(data.urls):
            self.check_url(url, f"urls[{index}]")
        if data.number == 1:
            raise ValueError(f"not on {link.short_url}")
        if data.number == 2:
            raise BadData("Two is too many.", "number")
        if data.number == 3:
            raise KeyError("a secret")
        if data.number == 4:
            raise BadData("", "number")
        if data.number == 5:
            raise BadData("At most %(most)s.", "number", most=3)
        if data.number == 6:
            raise BadData("Never 100 %.", "number")
"""
AB = {"variants": [{"url": "https://b.example/", "weight": 50}]}


def nested(levels: int) -> Any:
    """With the object that it stands in."""
    data: Any = {}
    for _ in range(levels - 2):
        data = [data]
    return data


@pytest.fixture
def plugins(start: Start) -> PluginApp:
    return start(checked=CHECKED)


class TestSetPlugin:
    @pytest.mark.parametrize(
        ("data", "code", "field", "message"),
        [
            (5, "invalid_field", "data", "Expected `object | null`, got `int`."),
            ({"number": "1"}, "invalid_field", "data.number", "Expected `int`, got `str`."),
            ({"number": 1.5}, "invalid_field", "data.number", "Expected `int`, got `float`."),
            ({"urls": ["a", 5]}, "invalid_field", "data.urls[1]", "Expected `str`, got `int`."),
            (
                {"nonsense": 1},
                "invalid_field",
                "data",
                "Object contains unknown field `nonsense`.",
            ),
            (
                {"urls": ["https://a.example/", "javascript:alert(1)"]},
                "invalid_field",
                "data.urls[1]",
                "The URL must begin with http:// or https:// and a host.",
            ),
            (
                {"urls": ["http://127.0.0.1:8080/loop"]},
                "invalid_field",
                "data.urls[0]",
                "This URL leads back to this server.",
            ),
            ({"number": 1}, "invalid_field", "data", "not on {shorturl}"),
            ({"number": 2}, "invalid_field", "data.number", "Two is too many."),
            ({"number": 3}, "plugin_failed", "plugin", "A plugin of this server failed."),
            (
                {"number": 4},
                "invalid_field",
                "data.number",
                "A field has the wrong type or value.",
            ),
            ({"number": 5}, "invalid_field", "data.number", "At most 3."),
            ({"number": 6}, "invalid_field", "data.number", "Never 100 %."),
            ({"number": 2**64}, "invalid_field", "data", "A number is too large."),
            ({"number": -(2**63) - 1}, "invalid_field", "data", "A number is too large."),
            ({"number": nested(65)}, "invalid_field", "data", "Data can be nested 64 levels deep."),
            (
                {"number": nested(64)},
                "invalid_field",
                "data.number",
                "Expected `int`, got `array`.",
            ),
            (
                {"urls": ["https://a.example/" + "a" * 4000] * 5},
                "invalid_field",
                "data",
                "A link keeps at most 16384 bytes of a plugin's data.",
            ),
        ],
    )
    def test_bad_data_is_refused_by_field_and_changes_nothing(
        self, plugins: PluginApp, data: object, code: str, field: str, message: str
    ) -> None:
        plugins.set("checked", {"number": 9})
        error = plugins.app.refused("set_plugin", **plugins.which(), plugin="checked", data=data)
        assert (error["code"], error["field"]) == (code, field)
        assert error["message"] == message.replace("{shorturl}", plugins.shorturl)
        kept = plugins.app.call("get_plugin", **plugins.which(), plugin="checked")["data"]
        assert kept == {"urls": [], "number": 9}

    def test_data_must_be_given(self, plugins: PluginApp) -> None:
        error = plugins.app.refused("set_plugin", **plugins.which(), plugin="checked")
        assert (error["code"], error["field"]) == ("missing_field", "data")

    def test_it_replaces_and_null_removes(self, plugins: PluginApp) -> None:
        which: dict[str, Any] = {**plugins.which(), "plugin": "checked"}
        plugins.set("ab", AB)
        for number in (7, 8):
            plugins.set("checked", {"number": number})
            assert plugins.app.call("get_plugin", **which)["data"]["number"] == number
        for _ in range(2):
            plugins.app.call("set_plugin", **which, data=None)
            assert plugins.app.call("get_plugin", **which) == {
                "data": None,
                "clicks": {},
                "shares": {},
            }
        other = {**which, "plugin": "ab"}
        assert plugins.app.call("get_plugin", **other)["data"] == AB

    @pytest.mark.parametrize("call", ["set_plugin", "get_plugin"])
    def test_a_strangers_link_does_not_exist(self, plugins: PluginApp, call: str) -> None:
        stranger = plugins.app.call("temporary_account")["userid"]
        inputs = {**plugins.which(), "userid": stranger, "plugin": "ab", "data": AB}
        error = plugins.app.refused(call, **inputs)
        assert (error["code"], error["field"]) == ("entry_not_found", "shorturl")

    @pytest.mark.parametrize("call", ["set_plugin", "get_plugin"])
    def test_unknown_plugins_are_told(self, plugins: PluginApp, call: str) -> None:
        inputs = {**plugins.which(), "plugin": "nonsense", "data": {}}
        error = plugins.app.refused(call, **inputs)
        assert (error["code"], error["field"]) == ("unknown_plugin", "plugin")

    def test_a_plugin_without_data_takes_none(self, start: Start) -> None:
        source = "class Bare(Plugin[None, None]):\n    name = 'bare'\n"
        plugins = start(bare=source)
        error = plugins.app.refused("set_plugin", **plugins.which(), plugin="bare", data={})
        assert (error["code"], error["field"]) == ("invalid_field", "plugin")


def test_get_plugins_tells_schema_hooks_and_summary(plugins: PluginApp) -> None:
    answer = plugins.app.call("get_plugins", userid=plugins.userid)
    by_name = {plugin["name"]: plugin for plugin in answer["plugins"]}
    assert list(by_name) == ["ab", "checked", "mobile", "rules", "safety", "trackers", "webhooks"]
    order = {"destination": ["rules", "mobile", "ab"], "interstitial": ["trackers"]}
    assert answer["order"] == order
    checked = by_name["checked"]
    assert checked["summary"] == "Checks its data."
    assert (checked["state"], checked["hooks"]) == ("on", [])
    definition = checked["data"]["$defs"]["Where"]
    assert definition["properties"]["number"] == {"type": "integer", "default": 0}
    assert definition["additionalProperties"] is False


class TestExplain:
    def test_it_tells_each_question_and_counts_nothing(self, plugins: PluginApp) -> None:
        plugins.set("ab", AB)
        plugins.set("mobile", {"ios": "https://ios.example/"})
        before = plugins.app.call("get_account_info", userid=plugins.userid)["link_balance"]
        answer = plugins.explain(user_agent="iPhone")
        assert (answer["outcome"], answer["location"], answer["choice"]) == (
            "redirect",
            "https://ios.example/",
            "",
        )
        assert answer["steps"] == [
            {"question": "is there such a link, enabled", "answer": "yes"},
            {"question": "does its account exist", "answer": "yes"},
            {"question": "has its time come", "answer": "no"},
            {"question": "can its account pay for the visit", "answer": "yes"},
            {"question": "plugin mobile", "answer": "goes to https://ios.example/"},
        ]
        answer = plugins.explain(user_agent="curl", address="203.0.113.9")
        assert [step["question"] for step in answer["steps"][4:]] == ["plugin mobile", "plugin ab"]
        after = plugins.app.call("get_account_info", userid=plugins.userid)["link_balance"]
        assert after == before
        assert plugins.app.call("get_entry", **plugins.which())["entry"]["count"] == 0
        clicks = plugins.app.call("get_plugin", **plugins.which(), plugin="ab")["clicks"]
        assert clicks == {}

    def test_it_says_what_a_visit_then_gets(self, plugins: PluginApp) -> None:
        plugins.set("ab", AB)
        for number in range(50):
            agent = f"agent {number}"
            pretended = plugins.explain(user_agent=agent, address="127.0.0.1")
            assert plugins.visit(user_agent=agent) == pretended["location"]
            assert pretended["choice"] == (
                "ab:1" if pretended["location"] == "https://b.example/" else "ab:main"
            )

    @pytest.mark.parametrize(
        ("terms", "visitor", "outcome", "last"),
        [
            ({"expiration_utime": 5}, {}, "expired", ("has its time come", "yes")),
            ({"expiration_utime": 5}, {"utime": 4}, "redirect", ("can its account pay for", "yes")),
            (
                {"expiration_count": 1},
                {"user_agent": "Slackbot"},
                "hidden",
                ("is this a visitor to whom", "no"),
            ),
            ({"expiration_count": 1}, {"head": True}, "hidden", ("is this a visitor", "no")),
            ({}, {"head": True}, "redirect", ("has its time come", "no")),
        ],
    )
    def test_outcomes(
        self,
        plugins: PluginApp,
        terms: dict[str, Any],
        visitor: dict[str, Any],
        outcome: str,
        last: tuple[str, str],
    ) -> None:
        shorturl = plugins.make(**terms)
        answer = plugins.explain(shorturl, **visitor)
        assert answer["outcome"] == outcome
        step = answer["steps"][-1]
        assert step["question"].startswith(last[0])
        assert step["answer"] == last[1]

    def test_a_disabled_link_and_a_file(self, plugins: PluginApp) -> None:
        plugins.app.call("set_enabled", **plugins.which(), enabled=False)
        answer = plugins.explain()
        assert (answer["outcome"], answer["location"]) == ("not_found", "")
        answer = plugins.explain(plugins.store_file())
        assert (answer["outcome"], answer["steps"][-1]) == (
            "file",
            {"question": "is it a file", "answer": "yes"},
        )

    def test_it_is_for_the_owner_alone(self, plugins: PluginApp) -> None:
        stranger = plugins.app.call("temporary_account")["userid"]
        inputs = {**plugins.which(), "userid": stranger}
        assert plugins.app.refused("explain", **inputs)["code"] == "entry_not_found"

    def test_an_unknown_trait_of_the_visitor_is_a_warning(self, plugins: PluginApp) -> None:
        answer = plugins.app.post("explain", {**plugins.which(), "visitor": {"agent": "x"}}).json()
        assert answer["warnings"] == ["unknown field: visitor.agent"]

    @pytest.mark.parametrize(
        ("field", "value"), [("address", "nowhere"), ("utime", 253_402_300_800_000_000)]
    )
    def test_a_visitor_who_cannot_be_is_refused(
        self, plugins: PluginApp, field: str, value: object
    ) -> None:
        # No real visit is like this, so no plugin should have to stand it.
        refusal = plugins.app.refused("explain", **plugins.which(), visitor={field: value})
        assert (refusal["code"], refusal["field"]) == ("invalid_field", f"visitor.{field}")
        plugins.explain(address="2001:db8::1", utime=253_402_300_799_999_999)


STRANGE = """
class Loud:
    def __str__(self) -> str:
        raise SystemExit


class Strange(Plugin[None, Data]):
    name = "strange"
    Data = Data

    def check(self, data: Data, link: Link) -> None:
        if data.url:
            raise {refusal}

    def shares(self, data: Data, link: Link) -> dict[str, float]:
        return {shares}

    @hookimpl
    def destination(self, link: Link, visit: Visit, data: Data) -> None:
        return None

    def explain(self, link: Link, visit: Visit, data: Data) -> Any:
        return {steps}
"""


@pytest.mark.parametrize(
    "refusal", ["BadData('\ud800' + 'x' * 10**6, '\ud800')", "ValueError('\ud800' + 'x' * 10**6)"]
)
def test_whatever_a_check_says_can_be_told(start: Start, refusal: str) -> None:
    plugins = start(strange=STRANGE.format(refusal=ascii_of(refusal), shares={}, steps=[]))
    error = plugins.app.refused("set_plugin", **plugins.which(), plugin="strange", data={})
    assert (error["code"], error["message"]) == ("invalid_field", "?" + "x" * 999)
    assert error["field"] in ("data", "data.?")


@pytest.mark.parametrize(
    "steps", ["5", "[5]", "[('a',)]", "[(Loud(), Loud())]", "[('\ud800' * 1000, 'y')] * 1000"]
)
def test_whatever_it_explains_can_be_told(start: Start, steps: str) -> None:
    plugins = start(strange=STRANGE.format(refusal="ValueError", shares={}, steps=ascii_of(steps)))
    plugins.set("strange", {"url": ""})
    told = [step["question"] for step in plugins.explain()["steps"]]
    assert told[-1] == "plugin strange"
    assert told.count("plugin strange: " + "?" * 400) == (100 if "y" in steps else 0)


@pytest.mark.parametrize("shares", ["5", "{1: 2}", "{'\ud800': 50.0}", "{'a' * 10**6: 5.0}"])
def test_shares_are_of_what_can_be_a_choice(start: Start, shares: str) -> None:
    plugins = start(
        strange=STRANGE.format(refusal="ValueError", shares=ascii_of(shares), steps="()")
    )
    plugins.set("strange", {"url": ""})
    answer = plugins.app.call("get_plugin", **plugins.which(), plugin="strange")
    assert answer["shares"] == {}


def ascii_of(source: str) -> str:
    """As a file can have it."""
    return source.encode("ascii", "backslashreplace").decode()
