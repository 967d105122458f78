"""shortd_mobile: phones and tablets by platform, everybody else to the main destination."""

from __future__ import annotations

import pytest

from shortd.visitors.devices import is_mobile_agent, platform_of
from tests.plugin_runtime.conftest import Start

WEBKIT = "AppleWebKit/605.1.15 Version/18.5"
CHROME = "AppleWebKit/537.36 Chrome/140.0.0.0"
AGENTS = {
    "iphone": f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) {WEBKIT} Mobile/15E148",
    "ipad": f"Mozilla/5.0 (iPad; CPU OS 16_6 like Mac OS X) {WEBKIT} Mobile/15E148 Safari/604.1",
    "pixel": f"Mozilla/5.0 (Linux; Android 15; Pixel 9) {CHROME} Mobile Safari/537.36",
    "galaxy_tab": f"Mozilla/5.0 (Linux; Android 14; SM-X710) {CHROME} Safari/537.36",
    "lumia": f"Mozilla/5.0 (Windows Phone 10.0; Android 6.0.1; Lumia 950) {CHROME} Mobile",
    "kaios": "Mozilla/5.0 (Mobile; Nokia 8110 4G; rv:48.0) Gecko/48.0 Firefox/48.0 KAIOS/2.5",
    "windows": f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {CHROME} Safari/537.36",
    "tablet_pc": "Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.1; Trident/4.0; Tablet PC 2.0)",
    "mac": f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {WEBKIT} Safari/605.1.15",
    "linux": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "curl": "curl/8.1",
    "none": "",
}
ALL = {name: f"https://{name}.example/" for name in ("ios", "android", "windows", "mobile")}
MAIN = "https://main.example/"


@pytest.mark.parametrize(
    ("agent", "platform", "mobile"),
    [
        ("iphone", "ios", True),
        ("ipad", "ios", True),
        ("pixel", "android", True),
        ("galaxy_tab", "android", True),
        ("lumia", "windows", True),
        ("kaios", "other", True),
        ("windows", "windows", False),
        ("tablet_pc", "windows", False),
        ("mac", "macos", False),
        ("linux", "linux", False),
        ("curl", "other", False),
        ("none", "other", False),
    ],
)
def test_platforms(start: Start, agent: str, platform: str, mobile: bool) -> None:
    assert platform_of(AGENTS[agent]) == platform
    assert is_mobile_agent(AGENTS[agent]) is mobile
    plugins = start()
    plugins.set("mobile", ALL)
    expected = ALL.get(platform, ALL["mobile"]) if mobile else MAIN
    assert plugins.visit(user_agent=AGENTS[agent]) == expected
    plugins.set("mobile", {"mobile": ALL["mobile"]})
    assert plugins.visit(user_agent=AGENTS[agent]) == (ALL["mobile"] if mobile else MAIN)
    plugins.set("mobile", {"android": ALL["android"]})
    lone = ALL["android"] if platform == "android" else MAIN
    assert plugins.visit(user_agent=AGENTS[agent]) == lone


def test_mobile_comes_before_ab(start: Start) -> None:
    plugins = start()
    plugins.set("mobile", {"ios": ALL["ios"]})
    plugins.set("ab", {"variants": [{"url": "https://b.example/", "weight": 100}]})
    assert plugins.visit(user_agent=AGENTS["iphone"]) == ALL["ios"]
    assert plugins.visit(user_agent=AGENTS["pixel"]) == "https://b.example/"


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({}, "data"),
        ({"ios": ""}, "data"),
        ({"ios": "ios.example"}, "data.ios"),
        ({"iOS": "https://ios.example/"}, "data"),
        ({"mobile": None}, "data.mobile"),
        ({"windows": "http://127.0.0.1:8080/x"}, "data.windows"),
    ],
)
def test_places_that_cannot_be_are_refused(start: Start, data: object, field: str) -> None:
    plugins = start()
    error = plugins.app.refused("set_plugin", **plugins.which(), plugin="mobile", data=data)
    assert (error["code"], error["field"]) == ("invalid_field", field)
