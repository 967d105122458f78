"""User agents that are kept as data, and those that the list of robots brings along."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent


class Person(NamedTuple):
    device: str
    kind: str
    agent: str


class Known(NamedTuple):
    """An example of crawler-user-agents."""

    pattern: str
    tags: frozenset[str]
    agent: str


def people() -> list[Person]:
    return [Person(*fields) for fields in _rows("agents_people.txt")]


def robots() -> list[tuple[str, str]]:
    """Kind ("preview" or "robot") and agent."""
    return [(kind, agent) for kind, agent in _rows("agents_robots.txt")]


def examples() -> list[Known]:
    text = files("crawleruseragents").joinpath("crawler-user-agents.json").read_text("utf-8")
    return [
        Known(entry["pattern"], frozenset(entry["tags"]), agent)
        for entry in json.loads(text)
        for agent in entry["instances"]
    ]


def _rows(name: str) -> list[list[str]]:
    lines = (HERE / name).read_text(encoding="utf-8").splitlines()
    return [line.split("\t") for line in lines if not line.startswith("#")]
