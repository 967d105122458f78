"""What a page says once, of what was done by the request before it.

It waits in a cookie, since a redirect has nothing else to say it with, and is forgotten as it is
shown. What stands in it came from the browser: it is shown as text, and its button leads to a path
of ours alone.
"""

from __future__ import annotations

import base64
import re
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

COOKIE = "said"
SECONDS = 60
"""How long it waits for its page."""
LONGEST = 2000
"""Characters of the cookie that are read."""

_PATH = re.compile(r"/(?![/\\])[!-~]*", re.ASCII)


class Message(msgspec.Struct, frozen=True, omit_defaults=True):
    """One sentence, already in the reader's language."""

    text: Annotated[str, Meta(max_length=500)]
    """`{link}` in it stands for the short link."""
    link: Annotated[str, Meta(max_length=300)] = ""
    """A short URL, shown as such."""
    undo: Annotated[str, Meta(max_length=300)] = ""
    """Path that a POST undoes it at; empty where nothing can be undone."""
    kind: Literal["done", "bad"] = "done"

    @property
    def before(self) -> str:
        return self.text.partition("{link}")[0]

    @property
    def after(self) -> str:
        return self.text.partition("{link}")[2]


def written(message: Message) -> str:
    """A message as the value of its cookie."""
    return base64.urlsafe_b64encode(msgspec.json.encode(message)).decode().rstrip("=")


def read(value: str) -> Message | None:
    """The message in a cookie; None for what none of our pages has written."""
    if not value or len(value) > LONGEST:
        return None
    try:
        raw = base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))
        message = msgspec.json.decode(raw, type=Message)
    except (ValueError, msgspec.MsgspecError):
        return None
    if message.undo and not is_own_path(message.undo):
        return None
    return message


def is_own_path(path: str) -> bool:
    """Whether a path leads nowhere but to this server, however a browser reads it."""
    return _PATH.fullmatch(path) is not None and "\\" not in path
