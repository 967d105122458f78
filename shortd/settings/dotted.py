"""Dotted names of settings, as TOML has them: a part with a dot or a space in it is quoted."""

from __future__ import annotations

import json
import re

_BARE = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_PART = re.compile(r'"(?:[^"\\]|\\.)*"|[^."]+')


def quoted(key: str) -> str:
    """A part of a name as it stands between dots."""
    if _BARE.fullmatch(key):
        return key
    return json.dumps(key, ensure_ascii=False).replace("\x7f", "\\u007f")


def dotted(path: str, key: str) -> str:
    """The name of what is called `key` under `path`, which is empty for the top."""
    return f"{path}.{quoted(key)}" if path else key and quoted(key)


def parts(name: str) -> list[str]:
    """The parts of a name, without quotes."""
    found = _PART.findall(name)
    return [json.loads(part) if part.startswith('"') else part for part in found]
