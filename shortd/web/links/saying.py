"""What is said of something that was done to links."""

from __future__ import annotations

from typing import Any

from shortd import errors
from shortd.links.bulk import Outcome
from shortd.web.messages import Message
from shortd.web.render import language_of
from shortd.web.routing import AnyRequest


def told(request: AnyRequest, outcome: Outcome) -> Message:
    """What came of something that was done to many links."""
    language = language_of(request)
    count, refused = len(outcome.done), sum(outcome.refused.values())
    text = language.ngettext("%(count)s link changed.", "%(count)s links changed.", count) % {
        "count": language.number(count)
    }
    if outcome.unchanged:
        more = language.ngettext(
            "%(count)s was so already.", "%(count)s were so already.", outcome.unchanged
        )
        text += " " + more % {"count": language.number(outcome.unchanged)}
    if refused:
        more = language.ngettext("%(count)s was refused:", "%(count)s were refused:", refused)
        kinds = [errors.CATALOGUE[code].message for code in outcome.refused]
        said = " ".join(language.gettext(kind) for kind in kinds)
        text += " " + more % {"count": language.number(refused)} + " " + said
    kind: Any = "bad" if refused and not count else "done"
    return Message(text[:500], undo=undo_address(outcome), kind=kind)


def undo_address(outcome: Outcome) -> str:
    """Where what was done is undone; empty if nothing was."""
    return f"/-/undo/{outcome.act}" if outcome.done else ""
