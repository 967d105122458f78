"""What can become of a visit."""

from __future__ import annotations

from enum import Enum

import msgspec

from shortd import errors
from shortd.clock import DAY, SECOND
from shortd.limits.owner_cache import Owner
from shortd.models.files import File
from shortd.models.links import Link
from shortd.plugin.types import Visit
from shortd.plugin_runtime.deciding import LinkDeciders
from shortd.plugin_runtime.pages import Page


class Outcome(Enum):
    """How a visit is answered."""

    REDIRECT = "redirect"
    INTERSTITIAL = "interstitial"
    """A plugin's page, which leads on."""
    FILE = "file"
    """On to the file's download, or to the page that unlocks it."""
    BOX = "box"
    """The page on which files are sent to the link's owner."""
    PROTECTED = "protected"
    """The page that asks for the link's password."""
    HIDDEN = "hidden"
    """The preview page without the destination."""
    HELD = "held"
    """A page that says that the link is being checked."""
    NOT_FOUND = "not_found"
    EXPIRED = "expired"
    LIMITED = "limited"


_ALIVE = (
    Outcome.REDIRECT,
    Outcome.INTERSTITIAL,
    Outcome.FILE,
    Outcome.BOX,
    Outcome.PROTECTED,
    Outcome.HIDDEN,
)

Visitor = Visit
"""Who visits, and how: what plugins are shown of it. A look that is no visit (a preview page) has
`is_get` False."""


class Decision(msgspec.Struct, frozen=True, gc=False):
    """The answer to a visit."""

    outcome: Outcome
    link: Link | None = None
    owner: Owner | None = None
    location: str = ""
    file: File | None = None
    """What the link shares, or, where it redirects, has shared: then it has ended."""
    weight: int = 0
    """What answering takes from the owner's link bucket, in weight units."""
    choice: str = ""
    """What the click keeps of a plugin's decision."""
    page: Page | None = None

    @property
    def is_alive(self) -> bool:
        """Whether the link works, so that its preview and its QR image may be shown."""
        return self.outcome in _ALIVE


class Settled(msgspec.Struct, frozen=True, gc=False):
    """A redirect that nothing but time, its owner or a write can change.

    It is small, since of many that are kept few are in the processor's caches when they are asked
    for: each piece of memory is another wait.
    """

    link_id: int
    location: str
    owner: Owner
    until: int
    """Unix time in µs."""
    decision: Decision | None = None
    """The redirect at length, where somebody must know more of the link."""
    deciders: LinkDeciders | None = None
    """Plugins that each visit is put to; then `location` is the link's own destination."""


NOT_FOUND = Decision(Outcome.NOT_FOUND)
"""For whoever visits."""
APART = Decision(Outcome.REDIRECT)
"""In the place of a redirect that says something else to search engines than most do."""


def refusal_of(decision: Decision) -> errors.ShortdError:
    """What a visit is told that gets nothing."""
    if decision.outcome is Outcome.HELD:
        return errors.LINK_HELD()
    if decision.outcome is Outcome.EXPIRED:
        return errors.LINK_EXPIRED()
    if decision.outcome is Outcome.LIMITED and decision.owner is not None:
        rate = decision.owner.limit.refill_rate
        # A budget that is spent once: the same day that calls are told to wait.
        wait = decision.weight / rate if rate else DAY / SECOND
        return errors.LINK_LIMITED(retry_after=wait)
    return errors.LINK_NOT_FOUND()
