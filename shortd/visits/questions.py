"""The questions that a visit to a link is put to: one list, in the order in which they are asked.

`Resolver.resolve` asks one after the other until one of them decides. `Resolver.settled` may answer
from memory what none of them could decide otherwise, and each says itself how long it will leave
every visit to the others. One that says nothing of it never does: a link is plain only as far as
every question vouches for it. A question must never write, wait, or know of HTTP.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import ClassVar

from shortd.clicks import Clicks
from shortd.hosts.destinations import ascii_location
from shortd.limits.buckets import Limit
from shortd.limits.budgets import REDIRECT_WEIGHT, Budgets, file_weight
from shortd.limits.owner_cache import Owner
from shortd.models.files import File
from shortd.models.links import NO_RARE_TERMS, Link
from shortd.store.schema import FILES
from shortd.store.txn import Txn
from shortd.visits.decisions import NOT_FOUND, Decision, Outcome, Visitor

ALWAYS = 2**63 - 1
"""Beyond every time that a link or an account can have, `NEVER` as well."""

Note = Callable[[str, str], None]
"""Takes a question and its answer."""


class Case:
    """A visit under way, and what has been found of it so far."""

    __slots__ = ("fallback", "file", "link", "note", "owner", "rare", "txn", "unlocked", "visitor")

    def __init__(
        self,
        txn: Txn,
        link: Link,
        owner: Owner,
        visitor: Visitor,
        note: Note,
        *,
        unlocked: bool,
    ) -> None:
        self.txn = txn
        self.link = link
        self.rare = link.rare or NO_RARE_TERMS
        self.owner = owner
        self.visitor = visitor
        self.note = note
        self.unlocked = unlocked
        """The visitor has named the link's password."""
        self.file: File | None = None
        """What the link shares."""
        self.fallback: str | None = None
        """Where visits go now that the link has ended; None while it lives."""

    @property
    def weight(self) -> int:
        """What answering takes from the owner's link bucket, in weight units."""
        return REDIRECT_WEIGHT if self.file is None or self.fallback else file_weight(self.file)


class Question:
    """Something about a link that may decide its visits."""

    asks: ClassVar[str]
    """As `explain` tells it."""

    def decide(self, case: Case) -> Decision | None:
        """What the visit gets; None leaves it to the next question."""
        raise NotImplementedError

    def silent_until(self, link: Link, owner: Owner, now: int) -> int:
        """Until when (Unix time in µs) it leaves each visit from `now` on to the next question,
        whoever comes, however, and however often.
        """
        return 0


class Enabled(Question):
    """A link that is switched off is like one that is not there."""

    asks = "is there such a link, enabled"

    def decide(self, case: Case) -> Decision | None:
        case.note(self.asks, "yes" if case.link.enabled else "no")
        return None if case.link.enabled else NOT_FOUND

    def silent_until(self, link: Link, owner: Owner, now: int) -> int:
        return ALWAYS if link.enabled else 0


class Begun(Question):
    """A link whose time has not come yet is like one that is not there."""

    asks = "has its time begun"

    def decide(self, case: Case) -> Decision | None:
        if not case.rare.valid_since:
            return None
        has_begun = case.rare.valid_since <= case.visitor.utime
        case.note(self.asks, "yes" if has_begun else "no")
        return None if has_begun else NOT_FOUND

    def silent_until(self, link: Link, owner: Owner, now: int) -> int:
        return ALWAYS if link.rare is None or link.rare.valid_since <= now else 0


class OwnerLives(Question):
    """A link is no longer there when its account has ended, or is locked."""

    asks = "does its account exist"

    def decide(self, case: Case) -> Decision | None:
        lives = case.owner.expiration_utime > case.visitor.utime
        case.note(self.asks, "yes" if lives else "no")
        return None if lives else NOT_FOUND

    def silent_until(self, link: Link, owner: Owner, now: int) -> int:
        return owner.expiration_utime


class FileExists(Question):
    """A link to a file that is gone leads nowhere."""

    asks = "does its file exist"

    def decide(self, case: Case) -> Decision | None:
        if not case.link.filekey:
            return None
        case.file = FILES.get(case.txn, (case.link.filekey,))
        if case.file is not None:
            return None
        case.note(self.asks, "no")
        return NOT_FOUND

    def silent_until(self, link: Link, owner: Owner, now: int) -> int:
        return 0 if link.filekey else ALWAYS


class LetGo(Question):
    """A link that is held leads nowhere until the operator has looked at it."""

    asks = "has it been let go, if it was held"

    def decide(self, case: Case) -> Decision | None:
        if not case.link.waits:
            return None
        case.note(self.asks, "no")
        return Decision(Outcome.HELD, case.link)

    def silent_until(self, link: Link, owner: Owner, now: int) -> int:
        return 0 if link.waits else ALWAYS


class EndedByTime(Question):
    """A link whose time has come has its fallback left, if any."""

    asks = "has its time come"

    def decide(self, case: Case) -> Decision | None:
        has_ended = case.link.expiration_utime <= case.visitor.utime
        case.note(self.asks, "yes" if has_ended else "no")
        return _end(case, case.rare.date_fallback) if has_ended else None

    def silent_until(self, link: Link, owner: Owner, now: int) -> int:
        return link.expiration_utime


class EndedByClicks(Question):
    """A link whose clicks are used up has its fallback left, if any."""

    asks = "are its clicks used up"

    def __init__(self, clicks: Clicks) -> None:
        self._clicks = clicks

    def decide(self, case: Case) -> Decision | None:
        # A box has limits of its own: who sends comes more than once.
        if case.fallback is not None or not case.link.expiration_count or case.rare.box:
            return None
        has_ended = self._clicks.are_used_up(case.txn, case.link)
        case.note(self.asks, "yes" if has_ended else "no")
        return _end(case, case.rare.count_fallback) if has_ended else None

    def silent_until(self, link: Link, owner: Owner, now: int) -> int:
        return 0 if link.expiration_count else ALWAYS


class Affordable(Question):
    """A visit costs the link's owner."""

    asks = "can its account pay for the visit"

    def __init__(self, budgets: Budgets) -> None:
        self._buckets = budgets.buckets

    def decide(self, case: Case) -> Decision | None:
        visitor, owner, weight = case.visitor, case.owner, case.weight
        if not visitor.is_get:
            return None
        has_enough = self._buckets.balance(owner.bucket, owner.limit, visitor.utime) >= weight
        case.note(self.asks, "yes" if has_enough else "no")
        if has_enough:
            return None
        return Decision(Outcome.LIMITED, case.link, owner, file=case.file, weight=weight)

    def silent_until(self, link: Link, owner: Owner, now: int) -> int:
        # `Visits` charges what is settled, and asks all questions where that fails.
        return ALWAYS


class LeadsElsewhere(Question):
    """An ended link with a fallback leads there, past all that the link itself would ask for."""

    asks = "where do visits go now"

    def decide(self, case: Case) -> Decision | None:
        if case.fallback is None:
            return None
        case.note(self.asks, case.fallback)
        location = ascii_location(case.fallback)
        return Decision(Outcome.REDIRECT, case.link, case.owner, location, case.file, case.weight)

    def silent_until(self, link: Link, owner: Owner, now: int) -> int:
        # Nothing has ended as long as the questions that tell so are silent.
        return ALWAYS


class Protected(Question):
    """A link with a password asks for it first."""

    asks = "does it ask for a password"

    def decide(self, case: Case) -> Decision | None:
        if case.rare.password is None or case.unlocked:
            return None
        case.note(self.asks, "yes")
        return Decision(
            Outcome.PROTECTED, case.link, case.owner, file=case.file, weight=REDIRECT_WEIGHT
        )

    def silent_until(self, link: Link, owner: Owner, now: int) -> int:
        return 0 if link.rare is not None and link.rare.password is not None else ALWAYS


class ReceivesFiles(Question):
    """A box's link leads to the page where its owner is sent something."""

    asks = "is it a box"

    def decide(self, case: Case) -> Decision | None:
        if not case.rare.box:
            return None
        case.note(self.asks, "yes")
        return Decision(Outcome.BOX, case.link, case.owner, weight=case.weight)

    def silent_until(self, link: Link, owner: Owner, now: int) -> int:
        return 0 if link.box else ALWAYS


class ShownToVisitor(Question):
    """What works a limited number of times is kept for who comes to use it."""

    asks = "is this a visitor to whom a limited link is shown"

    def decide(self, case: Case) -> Decision | None:
        if not case.link.expiration_count:
            return None
        if case.visitor.counts and not case.visitor.is_bot:
            return None
        case.note(self.asks, "no")
        return Decision(Outcome.HIDDEN, case.link, case.owner, file=case.file, weight=case.weight)

    def silent_until(self, link: Link, owner: Owner, now: int) -> int:
        return 0 if link.expiration_count else ALWAYS


class SharesFile(Question):
    """A file's link leads to the file."""

    asks = "is it a file"

    def decide(self, case: Case) -> Decision | None:
        if case.file is None:
            return None
        case.note(self.asks, "yes")
        return Decision(Outcome.FILE, case.link, case.owner, file=case.file, weight=case.weight)

    def silent_until(self, link: Link, owner: Owner, now: int) -> int:
        return 0 if link.filekey else ALWAYS


def all_questions(clicks: Clicks, budgets: Budgets) -> tuple[Question, ...]:
    """In the order in which a visit is put to them; what they leave over is a plain redirect."""
    return (
        Enabled(),
        Begun(),
        OwnerLives(),
        FileExists(),
        LetGo(),
        EndedByTime(),
        EndedByClicks(clicks),
        Affordable(budgets),
        LeadsElsewhere(),
        Protected(),
        ReceivesFiles(),
        ShownToVisitor(),
        SharesFile(),
    )


_MAY_VARY = frozenset(
    (
        "id",
        "owner",
        "host",
        "code",
        "url",
        "utime",
        "tag",
        "expiration_utime",
        "ascii_url",
        "plugins",
    )
)
"""Fields of a row that any plain link has a value of its own in. A field that comes later is not
among them: a link that has something there is asked about."""
_others = attrgetter(*(name for name in Link.__struct_fields__ if name not in _MAY_VARY))
_PLAIN_LINK = Link(0, "", 0, "", "", 0)
_NOTHING_ELSE = _others(_PLAIN_LINK)
_NOBODY = Owner("", 0, "", Limit(1, 0))


class Silence:
    """How long all questions leave the visits of a link to a plain redirect."""

    def __init__(self, questions: Sequence[Question]) -> None:
        self._all = [question.silent_until for question in questions]
        # Most links are plain. Those who vouch for one of them for ever do so for each.
        self._of_plain = [
            silent_until
            for silent_until in self._all
            if silent_until(_PLAIN_LINK, _NOBODY, 0) != ALWAYS
        ]

    def until(self, link: Link, owner: Owner, now: int) -> int:
        """Unix time in µs; `now` or before if somebody may have something to say already."""
        until = ALWAYS
        for silent_until in self._of_plain if _others(link) == _NOTHING_ELSE else self._all:
            bound = silent_until(link, owner, now)
            if bound < until:
                until = bound
        return until


def _end(case: Case, fallback: str) -> Decision | None:
    """The link has ended: what is left of it is its fallback, or nothing."""
    case.fallback = fallback
    return None if fallback else Decision(Outcome.EXPIRED, case.link, file=case.file)
