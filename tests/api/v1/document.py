"""The examples of the Shorten World v1 document: its commands and answers, word for word.

`examples.txt` has them as they stand there, one after the other.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

BASE_URL = "https://api.shortenworld.com"
TOKEN = "<token>"
USERNAME = "shortenworld"
KEY = "vis5ok7k108prtieq7xeyvx4ay1me4oz"
TEAM = "6340e9c7a26da453b891b752"
DOMAIN = "63281bec3d2b0000ee0018c2"
CAMPAIGN = "639e9cb181c0a87774a72038"
LINK = "63a3d2af450da672f48d90ff"
TEAM_TRACKER = "635a3f060fc80f6428c80735"
LINK_TRACKER = "63a3ef78450da64a60b15f69"

_EXAMPLE = re.compile(r"^((?:curl .*?-d '.*?'[ \t]*\n+)+)(\{.*?^\})", re.DOTALL | re.MULTILINE)
_COMMAND = re.compile(r"^curl .*?-d '(.*?)'", re.DOTALL | re.MULTILINE)
_CALL = re.compile(rf"{re.escape(BASE_URL)}/v1/(\S+)")


class Example(NamedTuple):
    """A command of the document, and the answer that stands below it."""

    call: str
    command: str
    body: str
    """What the command sends."""
    answer: dict[str, Any]


def _examples() -> Iterator[Example]:
    text = Path(__file__).with_name("examples.txt").read_text(encoding="utf-8")
    for commands, answer in _EXAMPLE.findall(text):
        for command in _COMMAND.finditer(commands):
            [call] = _CALL.findall(command[0])
            yield Example(call, command[0], command[1], json.loads(answer))


EXAMPLES = list(_examples())
SAMPLES = {example.call: example.answer for example in EXAMPLES}
"""The document's answer to each call."""


def check_shape(answer: Any, sample: Any) -> None:
    """Asserts that an answer has the keys of the document's, and values of the same types, all
    the way down. Lists hold what the document's hold, and are empty where those are. A value that
    is null in the document may be anything.
    """
    _check([answer], [sample], "answer")


def _check(values: list[Any], samples: list[Any], place: str) -> None:
    """Compares values with all that the document has in that place."""
    known = [sample for sample in samples if sample is not None]
    kinds = {type(sample) for sample in known}
    for value in values:
        if value is None:
            assert len(known) < len(samples), f"{place} is null"
        elif kinds:
            assert {type(value)} == kinds, f"{place} is {value!r}"
    given = [value for value in values if value is not None and known]
    if kinds == {dict}:
        keys = {key for sample in known for key in sample}
        for value in given:
            assert value.keys() == keys, place
        for key in keys:
            inner = [sample[key] for sample in known if key in sample]
            if given:
                _check([value[key] for value in given], inner, f"{place}.{key}")
    elif kinds == {list}:
        inner = [item for sample in known for item in sample]
        assert inner or not any(given), f"{place} is not empty"
        for value in given:
            assert bool(value) == bool(inner), f"{place} is {value!r}"
        _check([item for value in given for item in value], inner, f"{place}[]")
