"""Console sessions in documents: read, run again, and compared with what stands there.

A session is made of ```console blocks. Its values that differ with every run (ids, codes,
tokens, times) are bound to those of the new run at their first appearance: later commands
use the new ones, and a value that came twice must come twice again.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

CUT = "…"
"""Stands for anything, or nothing, in recorded output."""

_BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
_DEFINITION = re.compile(r"[a-z]+(=|\(\) \{)")
"""Of a variable or a function, for the rest of the session."""
# What differs from run to run. Named groups are identities, bound for the rest of the session.
_VARYING = re.compile(
    r"(?P<code>(?<=:8080/)(?:[A-Za-z0-9]{5,6}|[A-Za-z0-9]{10})(?![A-Za-z0-9]))"
    r"|(?P<secret>(?<![A-Za-z0-9])(?:[A-Za-z0-9]{32}|[A-Za-z0-9]{43})(?![A-Za-z0-9]))"
    r"|(?P<hex>(?<![0-9A-Za-z])[0-9a-f]{24}(?![0-9A-Za-z])|(?<=\bteam-)[0-9a-f]{12})"
    r'|(?P<id>(?<="id":)\ ?\d+)'
    r"|\d{4}-\d\d-\d\dT[\d:.]{8,12}\+0000"
    r"|(?<!\d)\d{16}(?!\d)"
    r"|(?<=^date:\ ).*?GMT"
    r'|(?<=_balance":)\ ?\d+',
    re.MULTILINE,
)


class Step(NamedTuple):
    """A command of a session, and what it printed."""

    command: str
    output: str


class Drift(AssertionError):
    """A document shows something else than what happens."""


def read_session(document: str) -> list[Step]:
    """The steps of all ```console blocks: "$ " begins a command, "> " continues it."""
    steps: list[Step] = []
    for block in _BLOCK.findall(document):
        for line in block.splitlines():
            if line.startswith("$ "):
                steps.append(Step(line[2:], ""))
            elif line.startswith("> "):
                steps[-1] = Step(f"{steps[-1].command}\n{line[2:]}", "")
            else:
                steps[-1] = steps[-1]._replace(output=f"{steps[-1].output}{line}\n")
    return steps


def run_session(steps: list[Step], folder: Path, replace: Mapping[str, str]) -> None:
    """Runs the steps with bash in `folder`; raises `Drift` at the first that differs.

    `replace` maps text of the document, such as an address, to what it is in this run.
    """
    bound: dict[str, str] = {}
    definitions = ""
    for step in steps:
        command = _replaced(step.command, {**bound, **replace})
        if _DEFINITION.match(command):
            definitions += f"{command}\n"
            continue
        done = subprocess.run(
            ["bash", "-uc", definitions + command],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=120,
        )
        back = {new: old for old, new in replace.items()}
        output = _replaced(done.stdout.replace("\r", "") + done.stderr, back)
        compare(step.output, output, bound)


def compare(recorded: str, output: str, bound: dict[str, str]) -> None:
    """Raises `Drift` unless `output` is what was recorded; binds the values that differ."""
    recorded, output = recorded.rstrip(), output.rstrip()
    pattern, names = "", []
    position = 0
    for match in _VARYING.finditer(recorded):
        pattern += _literal(recorded[position : match.start()])
        position = match.end()
        value = match[0].strip()
        if match.lastgroup is None:
            pattern += r"[^\"\n]+?"
        elif value in bound:
            pattern += re.escape(match[0].replace(value, bound[value]))
        else:
            names.append(value)
            pattern += _identity(match)
    pattern += _literal(recorded[position:])
    found = re.fullmatch(pattern, output, re.DOTALL)
    if found is None:
        raise Drift(f"recorded:\n{recorded}\nnow:\n{output}")
    bound.update(zip(names, found.groups(), strict=True))


def _identity(match: re.Match[str]) -> str:
    if match.lastgroup == "id":
        return rf"{'[ ]' if match[0].startswith(' ') else ''}(\d+)"
    kind = "[0-9a-f]" if match.lastgroup == "hex" else "[A-Za-z0-9]"
    return f"({kind}{{{len(match[0])}}})"


def _literal(text: str) -> str:
    return ".*?".join(re.escape(part) for part in text.split(CUT))


def _replaced(text: str, values: Mapping[str, str]) -> str:
    for old, new in values.items():
        text = text.replace(old, new)
    return text
