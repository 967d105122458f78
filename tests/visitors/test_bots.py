"""Robots are kept apart from people, by what hundreds of both say."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortd.visitors.bots import OTHER_BOT, Robot, robot_of
from shortd.visitors.visitors import parse_agent
from shortd.visits.request_heads import USER_AGENT_LIMIT
from tests.visitors import agents

PIXEL = "Mozilla/5.0 (Linux; Android 15; Pixel 9 Build/AP3A.240617.008"
WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148"


def test_people_are_no_robots() -> None:
    taken = [(person.agent, robot_of(person.agent)) for person in agents.people()]
    assert len(taken) > 400
    assert [(agent, robot) for agent, robot in taken if robot] == []


def test_robots_are_no_people() -> None:
    taken = [(kind, agent, robot_of(agent)) for kind, agent in agents.robots()]
    assert len(taken) > 250
    assert [agent for _, agent, robot in taken if robot is None] == []
    previews = [(agent, robot) for kind, agent, robot in taken if kind == "preview"]
    assert len(previews) > 70
    assert [agent for agent, robot in previews if robot and not robot.is_preview] == []


def test_the_examples_of_the_list() -> None:
    known = [one for one in agents.examples() if "http-library" not in one.tags]
    missed = {one.pattern for one in known if robot_of(one.agent[:USER_AGENT_LIMIT]) is None}
    # These are people.
    missed -= {r"AP3A\.240617\.008", "MetaIAB Facebook", r"Code\/1\.", r"Trae\/", "Fluid"}
    # The list is made anew every few weeks: that a new name needs a correction is no fault of ours
    # yet.
    assert len(missed) < len(known) / 200, missed
    previews = [one for one in known if "social-preview" in one.tags]
    told = [robot for one in previews if (robot := robot_of(one.agent))]
    assert len(told) > 100
    assert all(robot.is_preview for robot in told)


def test_tools_for_scripts_on_the_list_are_visitors() -> None:
    """But for those that say "bot" or "crawler" themselves."""
    tools = [one.agent for one in agents.examples() if "http-library" in one.tags]
    assert len(tools) > 80
    taken = {agent for agent in tools if robot_of(agent[:USER_AGENT_LIMIT])}
    assert [one for one in taken if "bot" not in one.lower() and "crawl" not in one.lower()] == []


@pytest.mark.parametrize(
    ("user_agent", "robot"),
    [
        ("Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)", "AhrefsBot"),
        ("Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)", "bingbot"),
        ("Claude-Web/1.0 (web crawler; +https://www.anthropic.com/)", "Claude-Web"),
        ("sqlmap/1.7.8#stable (https://sqlmap.org)", "sqlmap"),
        ("Sogou web spider/4.0(+http://www.sogou.com/docs/help/webmasters.htm#07)", "Sogou"),
        # On no list.
        ("AcmeBot/1.0", "AcmeBot"),
        ("my_bot/1.0", "my_bot"),
        ("Mozilla/5.0 (compatible; AcmeCrawler 2.1)", "AcmeCrawler"),
        ("AcmeChat/3.1 (+https://acme.example/chat)", "AcmeChat"),
        ("AcmeChat/3.1 (+robots@acme.example)", "AcmeChat"),
        ("AcmeChat/3.1 (+ www.acme.example)", "AcmeChat"),
        ("Mozilla/5.0 (compatible; AcmeCards/1.0; +http://acme.example)", "AcmeCards"),
        (f"Mozilla/5.0 {WEBKIT[:-1]}; compatible; Acme/1.0) Chrome/140.0.0.0", "Acme"),
        (f"{PIXEL}) {WEBKIT} Mobile Safari/537.36 (compatible; Acme/2)", "Acme"),
        (f"Mozilla/5.0 (X11; Linux x86_64) {WEBKIT} (+http://acme.example)", OTHER_BOT),
    ],
)
def test_robots_have_names(user_agent: str, robot: str) -> None:
    assert robot_of(user_agent) == Robot(robot, is_preview=False)
    agent = parse_agent(user_agent)
    assert (agent.device, agent.bot, agent.bot_name) == ("Bot", True, robot)


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        ("Synapse (bot; +https://github.com/matrix-org/synapse)", "Synapse"),
        ("Viber/13.4.0.21", "Viber"),
        ("WhatsApp/2", "WhatsApp"),
        ("facebookexternalhit/1.1;line-poker/1.0", "facebookexternalhit"),
        ("http.rb/5.1.1 (Mastodon/4.2.0; +https://social.example/) Bot", "Mastodon"),
        (
            "Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0.1; Pro)",
            "Microsoft Office",
        ),
        # On no list.
        ("AcmeChat-LinkPreview/1.0", "AcmeChat-LinkPreview"),
        ("acme-unfurler/2", "acme-unfurler"),
        ("Acme URL Previewer", "Previewer"),
    ],
)
def test_previews_have_names(user_agent: str, name: str) -> None:
    assert robot_of(user_agent) == Robot(name, is_preview=True)
    for spelled in (user_agent.upper(), user_agent.lower()):
        robot = robot_of(spelled)
        assert robot is not None
        assert robot.is_preview


@pytest.mark.parametrize(
    "app",
    [
        "Viber/22.3",
        "WhatsApp/2.24",
        "Tumblr/30.1",
        "Notion/1.0",
        "Bluesky/1.9",
        "upday/5",
    ],
)
def test_a_chat_is_a_robot_and_who_browses_in_it_is_not(app: str) -> None:
    browsing = (
        f"{IPHONE} {app}",
        f"{PIXEL}; wv) {WEBKIT} Chrome/140.0.0.0 Mobile Safari/537.36 {app}",
        f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/140.0.0.0 Safari/537.36 {app}",
    )
    for user_agent in browsing:
        assert robot_of(user_agent) is None
        assert parse_agent(user_agent).device in ("Mobile", "Desktop")
    assert robot_of(app) is not None


@pytest.mark.parametrize("name", ["Sonic", "Butterfly", "M bot 60", "CUBOT X", "Expanse"])
def test_the_name_of_a_device_makes_no_robot(name: str) -> None:
    for device in (name, f"{name} Build/AP3A.240617.008", f"{name} Build/AP3A.240617.008; wv"):
        user_agent = f"Mozilla/5.0 (Linux; Android 15; {device}) {WEBKIT} Chrome/140 Safari/537.36"
        assert robot_of(user_agent) is None
        # Nor keeps one from being it.
        assert robot_of(f"{user_agent} (compatible; AcmeBot/1.0)") == Robot("AcmeBot", False)


@given(st.text(st.characters(max_codepoint=255), max_size=USER_AGENT_LIMIT))
def test_every_agent_is_a_robot_or_not(user_agent: str) -> None:
    agent, robot = parse_agent(user_agent), robot_of(user_agent)
    assert agent.bot is bool(agent.bot_name) is (agent.device == "Bot") is (robot is not None)


def test_no_agent_takes_long() -> None:
    # Python's own patterns take 70 ms for the second of these.
    for user_agent in (
        *("- " * 256, "a" * 512, "http://a.b/" * 46, "bo craw 1.0 " * 42, "[FB" * 170, "(" * 512),
        *("Android; " * 56, "Android (" * 56, "iPhone " * 73, "AppleWebKit/" * 42, "+ http" * 85),
    ):
        began = time.thread_time()
        for number in range(20):
            robot_of(f"{user_agent[:500]}{number}")
        assert time.thread_time() - began < 20 * 0.01
