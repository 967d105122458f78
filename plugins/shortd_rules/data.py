"""What a link keeps of its rules. Nothing here knows a visit: `compiling` makes tests of it.

A list is a choice: any one of its values will do. All conditions of a rule have to hold.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

LISTED = 200
"""Most values of one list."""

Country = Annotated[str, Meta(min_length=1, max_length=16)]
City = Annotated[str, Meta(min_length=1, max_length=100)]
Language = Annotated[str, Meta(min_length=1, max_length=35)]
System = Literal["ios", "android", "windows", "macos", "linux", "chromeos"]
Device = Literal["desktop", "mobile", "tablet"]
Browser = Literal[
    "chrome",
    "firefox",
    "safari",
    "edge",
    "opera",
    "samsung",
    "android_browser",
    "brave",
    "duckduckgo",
    "vivaldi",
    "yandex",
    "ie",
    "facebook",
    "instagram",
]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Zone = Annotated[str, Meta(min_length=1, max_length=64)]
Moment = Annotated[str, Meta(max_length=40)]
Reference = Annotated[str, Meta(min_length=1, max_length=1024)]
Network = Annotated[str, Meta(min_length=1, max_length=64)]
Countries = Annotated[list[Country], Meta(max_length=LISTED)]
Cities = Annotated[list[City], Meta(max_length=LISTED)]
Languages = Annotated[list[Language], Meta(max_length=LISTED)]
Referrers = Annotated[list[Reference], Meta(max_length=LISTED)]
Networks = Annotated[list[Network], Meta(max_length=LISTED)]


class Time(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Hours of the day on some days of the week, by the clock of a zone."""

    zone: Zone = "UTC"
    """As in "Europe/Berlin"."""
    days: Annotated[list[Day], Meta(max_length=7)] = []
    """On which the hours begin; none is every day."""
    begin: Annotated[str, Meta(max_length=5)] = field(default="00:00", name="from")
    """"HH:MM". Later than `to`: the hours go on past midnight."""
    end: Annotated[str, Meta(max_length=5)] = field(default="24:00", name="to")
    """"HH:MM", the first minute that is not among them."""


class Date(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """From one moment to another; at least one of them."""

    begin: Moment = field(default="", name="from")
    """"2026-12-01" or "2026-12-01T18:00", by the clock of `zone`, or with an offset from UTC."""
    end: Moment = field(default="", name="to")
    """The same. A day belongs to it, of a moment all that is before."""
    zone: Zone = "UTC"


class Parameter(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A parameter of the visitor's query, that is of what stands behind the link's "?"."""

    key: Annotated[str, Meta(min_length=1, max_length=256)]
    match: Literal["value", "any", "empty", "missing"] = "value"
    """It has this `value`; it is there, with whatever value; it is there with none; it is not."""
    value: Annotated[str, Meta(max_length=1024)] = ""


class Conditions(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What must hold of a visit. What is left out is not asked."""

    country: Countries = []
    """ISO 3166-1 codes. Without the operator's database nobody is from anywhere."""
    city: Cities = []
    """English names. Only some databases have them."""
    language: Languages = []
    """What browsers ask for with a weight of 0.9 and more. "de" is that of all countries."""
    system: list[System] = []
    device: list[Device] = []
    browser: list[Browser] = []
    time: Time | None = None
    date: Date | None = None
    query: Annotated[list[Parameter], Meta(max_length=10)] = []
    """All of these have to hold."""
    referrer: Referrers = []
    """Hosts, with those below them, or beginnings of addresses: "https://example.com/shop"."""
    address: Networks = []
    """IP addresses and networks of them."""
    robot: bool | None = None
    weight: Annotated[int, Meta(ge=1, le=100)] | None = None
    """For so many percent of those who meet all the rest; everybody stays with his draw."""


class Rule(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where a visit goes that meets all conditions."""

    conditions: Conditions = Conditions()
    """None at all: for everybody, which only the last rule can be."""
    url: Annotated[str, Meta(max_length=8192)] = ""
    """Empty: the link's own destination, whatever later rules say."""
    name: Annotated[str, Meta(max_length=32)] = ""
    """What its clicks are counted by: a-z, 0-9, - and _. Empty: its number."""
