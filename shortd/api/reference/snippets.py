"""Calls as a shell makes them with curl, and Python with httpx.

They can be run as they stand where the variables that they name are set; texts must never be such
that a shell makes something else of them, which tests look after.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from shortd.api.reference.examples import Example

_WIDTH = 76
_VARIABLE = re.compile(r'"\$([A-Z_]+)"')
CONTENT = "Hello"
_FILE_NAME = "note.txt"


def json_call(url: str, given: dict[str, Any], bearer: str = "") -> Example:
    """A POST of a JSON object."""
    header = f' \\\n  -H "Authorization: Bearer ${bearer}"' if bearer else ""
    curl = f"curl {url}{header} -d @- <<END\n{_laid(given, 0, json.dumps)}\nEND"
    inner = f"{_laid(given, 4, _python)}"
    sent = f'\n    "{url}",\n'
    if bearer:
        sent += f'    headers={{"Authorization": f"Bearer {{os.environ[\'{bearer}\']}}"}},\n'
    call = f"answer = httpx.post({sent}    json={inner},\n)"
    return Example(input=given, curl=curl, python=_program(call))


def form_call(url: str, given: dict[str, Any]) -> Example:
    """A form of a `query` and a file."""
    curl = (
        f"printf {CONTENT} > {_FILE_NAME}\n"
        f"curl {url} -F 'query=<-' -F file=@{_FILE_NAME} <<END\n{_laid(given, 0, json.dumps)}\nEND"
    )
    call = (
        f"query = {_laid(given, 0, _python)}\n"
        f'answer = httpx.post(\n    "{url}",\n    data={{"query": json.dumps(query)}},\n'
        f'    files={{"file": ("{_FILE_NAME}", b"{CONTENT}")}},\n)'
    )
    return Example(input=given, curl=curl, python=_program(call))


def parameters_call(url: str, given: Mapping[str, Any], *, with_file: bool = False) -> Example:
    """A form of parameters, with a file behind them."""
    flag = "-F" if with_file else "-d"
    options = [f'{flag} "{name}={_for_form(value)}"' for name, value in given.items()]
    if with_file:
        options.append(f"-F file=@{_FILE_NAME}")
    curl = f"curl {url} " + " ".join(options)
    call = f'answer = httpx.post(\n    "{url}",\n    data={_laid(dict(given), 4, _python)},\n'
    if with_file:
        curl = f"printf {CONTENT} > {_FILE_NAME}\n{curl}"
        call += f'    files={{"file": ("{_FILE_NAME}", b"{CONTENT}")}},\n'
    return Example(input=dict(given), curl=curl, python=_program(f"{call})"))


def put_call(folder: str) -> Example:
    """A PUT of a file."""
    url = f"{folder}{_FILE_NAME}"
    curl = (
        f"printf {CONTENT} > {_FILE_NAME}\n"
        f'curl -T {_FILE_NAME} -H "Authorization: Bearer $API_KEY" {url}'
    )
    call = (
        f'answer = httpx.put(\n    "{url}",\n'
        '    headers={"Authorization": f"Bearer {os.environ[\'API_KEY\']}"},\n'
        f'    content=b"{CONTENT}",\n)'
    )
    program = _program(call).replace("answer.json()", "answer.text")
    return Example(input={"name": _FILE_NAME}, curl=curl, python=program)


def _for_form(value: object) -> str:
    text = str(value)
    return text if text.startswith("$") else quote(text, safe="")


def _program(call: str) -> str:
    needed = [name for name in ("json", "os") if f"{name}." in call]
    head = "".join(f"import {name}\n" for name in needed)
    return f"{head}{chr(10) if needed else ''}import httpx\n\n{call}\nprint(answer.json())"


def _python(value: object) -> str:
    """A value as Python writes it: `"$NAME"` is a variable of the environment."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)}: {_python(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_python, value)) + "]"
    if isinstance(value, str):
        return _VARIABLE.sub(r'os.environ["\1"]', json.dumps(value))
    return repr(value)


def _laid(value: dict[str, Any], indent: int, written: Any) -> str:
    """An object on one line, or its fields on a line each."""
    line: str = written(value)
    if len(line) + indent <= _WIDTH:
        return line
    space = " " * indent
    comma = "," if written is _python else ""
    rows = [f"{space}    {json.dumps(name)}: {written(one)}" for name, one in value.items()]
    return "{\n" + ",\n".join(rows) + f"{comma}\n{space}}}"
