"""Devices and platforms, by what hundreds of agents say."""

from __future__ import annotations

import pytest

from shortd.visitors.devices import device_of, is_mobile_agent, platform_of
from shortd.visitors.visitors import parse_agent
from tests.visitors import agents

IPAD = ("ios", "Tablet")
WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0"


def test_what_people_hold() -> None:
    told = [(person, parse_agent(person.agent).device) for person in agents.people()]
    assert [(person, device) for person, device in told if device != person.device] == []
    assert {person.device for person, _ in told} == {"Desktop", "Mobile", "Tablet", "Unknown"}


@pytest.mark.parametrize(
    ("model", "says_mobile", "device"),
    [
        # Names of Android devices hold any word.
        ("KLIPAD_V355B", True, "Mobile"),
        ("HiPad X", False, "Tablet"),
        ("myiPhone 9", True, "Mobile"),
        ("QUMO QUEST 600", True, "Mobile"),
        ("latte_Natv", False, "Tablet"),
        ("BNTV650", False, "Tablet"),
        ("K", False, "Tablet"),
        # What is no tablet although it does not say "Mobile".
        ("SHIELD Android TV", False, "Unknown"),
        ("AFTMM Build/PS7255; wv", False, "Unknown"),
        ("BRAVIA 4K VH2", False, "Unknown"),
        ("X96Q", False, "Unknown"),
        ("Mi Box S", False, "Unknown"),
        ("MI TV Stick", False, "Unknown"),
        ("55LEX-8162/UTS2C Build/RP1A.200720.011", False, "Unknown"),
        ("Quest Pro", False, "Unknown"),
        ("Quest 3", True, "Unknown"),
        # What is one all the same.
        ("SHIELD Tablet K1", False, "Tablet"),
        ("KFTRWI", False, "Tablet"),
        ("SM-X710", False, "Tablet"),
        # A laptop.
        ("HP Chromebook x360", False, "Desktop"),
    ],
)
def test_android(model: str, says_mobile: bool, device: str) -> None:
    mobile = " Mobile" if says_mobile else ""
    user_agent = f"Mozilla/5.0 (Linux; Android 11; {model}) {WEBKIT}{mobile} Safari/537.36"
    assert platform_of(user_agent) == "android"
    assert_device(user_agent, device)


@pytest.mark.parametrize(
    ("user_agent", "platform", "device"),
    [
        # Phones with Windows name them all.
        (
            "Mozilla/5.0 (Mobile; Windows Phone 8.1; Android 4.0; ARM; Trident/7.0; rv:11.0;"
            " IEMobile/11.0; NOKIA; Lumia 635) like iPhone OS 7_0_3 Mac OS X Mobile Safari/537",
            "windows",
            "Mobile",
        ),
        ("Outlook-iOS/709.2189947.prod.iphone (3.24.0)", "ios", "Mobile"),
        ("Hulu/6.8.1 (iOS 13.3; en_US; iPhone12,1; 17C54)", "ios", "Mobile"),
        ("Xiaoyuzhou/2.55.1 (build:1506; iOS 16.6.0)", "ios", "Mobile"),
        # An app's browser on an iPad that asks for desktop pages, and that iPad's own.
        (f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15) {WEBKIT} Mobile/15E148 App/7", *IPAD),
        (f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15) {WEBKIT} Safari/605", "macos", "Desktop"),
        # Huawei's own system.
        (f"Mozilla/5.0 (Phone; OpenHarmony 5.0) {WEBKIT} Mobile", "other", "Mobile"),
        (f"Mozilla/5.0 (Tablet; OpenHarmony 5.0) {WEBKIT}", "other", "Tablet"),
        (f"Mozilla/5.0 (PC; OpenHarmony 5.0) {WEBKIT}", "other", "Desktop"),
        # Televisions without Android.
        (f"Mozilla/5.0 (Web0S; Linux/SmartTV) {WEBKIT} Safari/537.36", "linux", "Unknown"),
        (f"Mozilla/5.0 (SMART-TV; LINUX; Tizen 6.0) {WEBKIT} TV", "linux", "Unknown"),
        # Programs that are no browser never say "Mobile".
        ("Dalvik/2.1.0 (Linux; U; Android 14; SM-S918B Build/UP1A.231005)", "android", "Mobile"),
        ("Opera/9.80 (Android; Opera Mini/12.0; U; pl) Presto/2.12", "android", "Mobile"),
        ("Dalvik/2.1.0 (Linux; U; Android 11; SHIELD Android TV Build/R)", "android", "Unknown"),
    ],
)
def test_other_platforms(user_agent: str, platform: str, device: str) -> None:
    assert platform_of(user_agent) == platform
    assert_device(user_agent, device)


def assert_device(user_agent: str, device: str) -> None:
    assert device_of(user_agent) == device
    assert is_mobile_agent(user_agent) is (device in ("Mobile", "Tablet"))
    assert parse_agent(user_agent).device == device


@pytest.mark.parametrize("name", ["Darwin/23.1.0", "Darwin/9.8.0 (i386) (Macmini2%2C1)"])
def test_apps_that_tell_their_kernel_alone(name: str) -> None:
    assert parse_agent(f"Acme/1.0 CFNetwork/1490 {name}").device in ("Mobile", "Desktop")


@pytest.mark.parametrize(
    "user_agent",
    [
        "Mozilla/5.0 (compatible;PetalBot;+https://webmaster.petalsearch.com/site/petalbot)",
        f"Mozilla/5.0 (Linux; Android 7.0;) {WEBKIT} Mobile Safari/537.36 (compatible; PetalBot)",
        "Acme Reader 3",
    ],
)
def test_what_the_parser_does_not_know_is_unknown(user_agent: str) -> None:
    agent = parse_agent(user_agent)
    fields = (agent.system, agent.system_version, agent.browser, agent.brand, agent.model)
    assert not {"Other", "Spider"} & set(fields)
    assert agent.system == "Unknown"


def test_no_agent_of_a_person_has_a_value_called_other() -> None:
    for person in agents.people():
        agent = parse_agent(person.agent)
        assert "Other" not in (agent.system, agent.browser, agent.brand, agent.model), person
