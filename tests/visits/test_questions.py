"""Whichever way a visit is answered, it gets the same: the full path, the quick one, both lanes.

Links, owners, times and visitors are drawn; what a visit should get is written down here once more,
as plainly as it can be. Each question is then left out of each place in turn, and must be missed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from shortd.clock import DAY, SECOND
from shortd.models.accounts import Account, AccountType, PasswordHash
from shortd.models.common import NEVER
from shortd.models.files import Box, File
from shortd.models.links import Held, HeldDestination, Link, RareTerms, Terms
from shortd.server.lane import Lane
from shortd.store.schema import ACCOUNTS, BOXES, FILES, LINKS
from shortd.store.txn import WriteTxn
from shortd.testing import RunningApp, open_app
from shortd.visits import questions
from shortd.visits.decisions import Outcome, Settled, Visitor
from shortd.visits.questions import ALWAYS, Question

MAIN, OTHER, LATER = "https://main.example/", "https://other.example/", "https://later.example/"
ANDROID = "https://android.example/"
DESKTOP = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
PHONE = "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 Chrome/142.0.0.0 Mobile"
PREVIEW = "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)"
PASSWORD = PasswordHash(b"salt", 8, 1, (b"digest",))
FILE_BYTES = 5_000_000
REDIRECT_COST, FILE_COST = 1000, 1500
VOUCHES_FOR_ALL = {"Affordable", "LeadsElsewhere"}
"""These do it anyway, and say why."""
STATUS = {
    Outcome.REDIRECT: 302,
    Outcome.FILE: 302,
    Outcome.BOX: 200,
    Outcome.PROTECTED: 200,
    Outcome.HIDDEN: 200,
    Outcome.HELD: 403,
    Outcome.NOT_FOUND: 404,
    Outcome.EXPIRED: 410,
    Outcome.LIMITED: 429,
}


class Case(msgspec.Struct, frozen=True):
    """A link and its owner. Times are days from the beginning; None is never."""

    enabled: bool
    valid_since: int | None
    ends: int | None
    clicks: int
    """That it works for; 0 is no limit."""
    date_fallback: bool
    count_fallback: bool
    password: bool
    file: bool | None
    """Whether it is there; None: the link shares none."""
    utm: bool
    mobile: bool
    """Phones are led elsewhere."""
    locked: bool
    owner_ends: int | None
    broke: bool
    """The owner cannot pay for a visit."""
    box: bool
    """Whether the link stands for one, if it shares no file."""
    held: bool
    """A plugin wants the operator to look at it."""


class Look(NamedTuple):
    """One visitor."""

    day: int
    is_get: bool
    is_prefetch: bool
    user_agent: str


class Answer(NamedTuple):
    outcome: Outcome
    location: str = ""


def _mostly(usual: object, *others: object) -> st.SearchStrategy[object]:
    return st.sampled_from([*[usual] * 3, *others])


CASES = st.builds(
    Case,
    enabled=_mostly(True, False),
    valid_since=_mostly(None, 0, 1, 2),
    ends=_mostly(None, 0, 1, 2),
    clicks=_mostly(0, 1, 3),
    date_fallback=st.booleans(),
    count_fallback=st.booleans(),
    password=_mostly(False, True),
    file=_mostly(None, True, False),
    utm=_mostly(False, True),
    mobile=_mostly(False, True),
    locked=_mostly(False, False, True),
    owner_ends=_mostly(None, 1, 2),
    broke=_mostly(False, False, True),
    box=_mostly(False, False, True),
    held=_mostly(False, False, True),
)
LOOKS = st.lists(
    st.builds(
        Look,
        day=st.integers(0, 3),
        is_get=_mostly(True, False),
        is_prefetch=_mostly(False, True),
        user_agent=st.sampled_from([DESKTOP, PHONE, PREVIEW]),
    ),
    min_size=1,
    max_size=5,
)


class World:
    """An app, and one link after the other in it."""

    def __init__(self, app: RunningApp) -> None:
        self.app = app
        self.loop = asyncio.new_event_loop()
        self.lane = Lane(app.services, self.loop)
        self.begin = app.clock.now()
        self.made = 0

    def make(self, case: Case) -> Link:
        """Puts the link and its owner into the database as rows."""
        self.made += 1
        name = f"{self.made:032}"
        filekey = "" if case.file is None else name
        link = Link(self.made, name, 0, f"code{self.made}", MAIN, self.begin, filekey=filekey)
        link = link.with_terms(
            Terms(
                enabled=case.enabled,
                valid_since=0 if case.valid_since is None else self.at(case.valid_since),
                expiration_utime=NEVER if case.ends is None else self.at(case.ends),
                expiration_count=case.clicks,
                date_fallback=LATER if case.date_fallback else "",
                count_fallback=OTHER if case.count_fallback else "",
                utm=("mail", "", "", "", "") if case.utm else None,
            )
        )
        if case.password:
            rare = msgspec.structs.replace(link.rare or RareTerms(), password=PASSWORD)
            link = msgspec.structs.replace(link, rare=rare)
        if is_box(case):
            rare = msgspec.structs.replace(link.rare or RareTerms(), box=name)
            link = msgspec.structs.replace(link, rare=rare)
        if case.held:
            why = HeldDestination(MAIN, "watch", "", self.begin)
            rare = msgspec.structs.replace(link.rare or RareTerms(), held=Held((why,)))
            link = msgspec.structs.replace(link, rare=rare)
        if case.mobile:
            data = msgspec.msgpack.encode({"android": ANDROID})
            link = msgspec.structs.replace(link, plugins={"mobile": data})
        owner = Account(name, AccountType.TEMPORARY, self.begin, locked=case.locked)
        if case.owner_ends is not None:
            ends = self.at(case.owner_ends)
            owner = msgspec.structs.replace(owner, expiration_utime=ends)

        def put(txn: WriteTxn) -> None:
            ACCOUNTS.put(txn, (name,), owner)
            LINKS.put(txn, (0, link.code), link)
            if is_box(case):
                BOXES.put(txn, (name,), Box(name, "", 1, 1, 1))
            if case.file:
                FILES.put(txn, (name,), File(name, MAIN, FILE_BYTES, "", FILE_BYTES))

        self.app.run(self.app.services.store.write(put))
        if case.broke:
            self.spend(link, self.balance(link, self.begin), self.begin)
        return link

    def at(self, day: int) -> int:
        return self.begin + day * DAY

    def balance(self, link: Link, now: int) -> int:
        limits = self.app.services.limits
        owner = limits.owners.get(link.owner)
        assert owner is not None
        return limits.budgets.buckets.balance(owner.bucket, owner.limit, now)

    def spend(self, link: Link, weight: int, now: int) -> None:
        limits = self.app.services.limits
        owner = limits.owners.get(link.owner)
        assert owner is not None
        limits.budgets.buckets.charge(owner.bucket, owner.limit, weight, now)

    def through_the_lane(self, link: Link, look: Look, headers: dict[str, str]) -> Answer | None:
        fields = [(name.encode(), value.encode()) for name, value in headers.items()]
        lines = [(b"host", b"127.0.0.1:8080"), *fields]
        head = self.lane.head(dict(lines), lines)
        assert head is not None
        method = b"GET" if look.is_get else b"HEAD"
        answer = self.lane.answer(method, f"/{link.code}".encode(), head, "127.0.0.1", [], True)
        self.lane.flush()
        if answer is None:
            return None
        status, *rest = answer.decode().split("\r\n")
        location = next((line[10:] for line in rest if line.startswith("location: ")), "")
        return Answer(next(one for one in STATUS if f" {STATUS[one]} " in status), location)

    def close(self) -> None:
        self.loop.close()


@contextmanager
def a_world(folder: Path) -> Iterator[World]:
    # Nobody earns back in days what a visit costs.
    poor = {"SHORTD_LIMITS__TEMPORARY__LINK_REFILL_RATE": "0"}
    with open_app(folder, environ=poor) as app:
        world = World(app)
        try:
            yield world
        finally:
            world.close()


def is_box(case: Case) -> bool:
    return case.box and case.file is None


def expected(world: World, case: Case, link: Link, look: Look, clicks: int) -> Answer:
    """What a visit should get after so many clicks."""
    if not case.enabled or case.locked:
        return Answer(Outcome.NOT_FOUND)
    if case.valid_since is not None and look.day < case.valid_since:
        return Answer(Outcome.NOT_FOUND)
    if case.owner_ends is not None and look.day >= case.owner_ends:
        return Answer(Outcome.NOT_FOUND)
    if case.file is False:
        return Answer(Outcome.NOT_FOUND)
    if case.held:
        return Answer(Outcome.HELD)
    fallback = None
    if case.ends is not None and look.day >= case.ends:
        fallback = LATER if case.date_fallback else ""
    elif case.clicks and clicks >= case.clicks and not is_box(case):
        fallback = OTHER if case.count_fallback else ""
    if fallback == "":
        return Answer(Outcome.EXPIRED)
    cost = FILE_COST if case.file and fallback is None else REDIRECT_COST
    if look.is_get and world.balance(link, world.at(look.day)) < cost:
        return Answer(Outcome.LIMITED)
    if fallback is not None:
        return Answer(Outcome.REDIRECT, fallback)
    if case.password:
        return Answer(Outcome.PROTECTED)
    if is_box(case):
        return Answer(Outcome.BOX)
    if case.clicks and (not look.is_get or look.is_prefetch or look.user_agent == PREVIEW):
        return Answer(Outcome.HIDDEN)
    if case.file:
        return Answer(Outcome.FILE)
    target = ANDROID if case.mobile and look.user_agent == PHONE else MAIN
    return Answer(Outcome.REDIRECT, f"{target}?utm_source=mail" if case.utm else target)


def hold_together(world: World, case: Case, looks: list[Look], *, lanes: bool = True) -> None:
    """Puts the visitors past a link, in order of time, each by every way there is; without
    `lanes`, for speed, past the resolver alone.
    """
    link, clicks = world.make(case), 0
    services = world.app.services
    for look in sorted(looks):
        now = world.at(look.day)
        world.app.clock.utime = now
        visitor = Visitor(now, look.is_get, look.is_prefetch, user_agent=look.user_agent)
        headers = {"user-agent": look.user_agent}
        if look.is_prefetch:
            headers["sec-purpose"] = "prefetch"
        want = expected(world, case, link, look, clicks)

        full = services.visits.resolver.resolve((0, link.code), visitor)
        assert (full.outcome, full.location) == (want.outcome, want.location)

        vouched_rightly(world, link, visitor)
        quick = services.visits.resolver.settled((0, link.code), now)
        if isinstance(quick, Settled):
            assert want.outcome in (Outcome.REDIRECT, Outcome.LIMITED)
            if want.outcome is Outcome.REDIRECT and quick.deciders is None:
                assert quick.location == want.location
        elif quick is not None:
            assert want.outcome is Outcome.NOT_FOUND

        if not lanes:
            services.visits.visits.apply(full, visitor)
            leads_on = want.outcome in (Outcome.REDIRECT, Outcome.FILE)
            clicks += leads_on and look.is_get and not look.is_prefetch
            continue
        answer = world.through_the_lane(link, look, headers)
        if answer is not None:
            assert answer == want
            clicks += want.outcome is Outcome.REDIRECT and look.is_get and not look.is_prefetch
            want = expected(world, case, link, look, clicks)

        method = "GET" if look.is_get else "HEAD"
        page = world.app.request(method, f"/{link.code}", headers=headers)
        assert page.status_code == STATUS[want.outcome]
        if want.outcome is Outcome.REDIRECT:
            assert page.headers["location"] == want.location
        leads_on = want.outcome in (Outcome.REDIRECT, Outcome.FILE)
        clicks += leads_on and look.is_get and not look.is_prefetch


def vouched_rightly(world: World, link: Link, visitor: Visitor) -> None:
    """No question decides what it said it would leave to the others."""
    services = world.app.services
    owner = services.limits.owners.get(link.owner)
    assert owner is not None
    with services.store.read() as txn:
        visit = questions.Case(txn, link, owner, visitor, lambda *_: None, unlocked=False)
        for question in services.visits.resolver.questions:
            if question.decide(visit) is not None:
                until = question.silent_until(link, owner, visitor.utime)
                vouches = type(question).__name__ not in VOUCHES_FOR_ALL
                assert not (vouches and until > visitor.utime), question.asks
                return


def test_every_way_answers_alike(tmp_path: Path) -> None:
    with a_world(tmp_path) as world:

        @settings(max_examples=150, suppress_health_check=list(HealthCheck))
        @given(case=CASES, looks=LOOKS)
        def check(case: Case, looks: list[Look]) -> None:
            hold_together(world, case, looks)

        check()


def missed(folder: Path) -> None:
    """Draws until something is not as it should be."""
    with a_world(folder) as world:

        @settings(
            max_examples=1000,
            database=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=CASES, looks=LOOKS)
        def check(case: Case, looks: list[Look]) -> None:
            hold_together(world, case, looks, lanes=False)

        check()


QUESTIONS = [
    *("Enabled", "Begun", "OwnerLives", "FileExists", "LetGo"),
    *("EndedByTime", "EndedByClicks"),
    *("Affordable", "LeadsElsewhere", "Protected", "ReceivesFiles", "ShownToVisitor"),
    "SharesFile",
]


def test_all_questions_are_tried(tmp_path: Path) -> None:
    with open_app(tmp_path) as app:
        services = app.services
        asked = questions.all_questions(services.clicks.clicks, services.limits.budgets)
        assert [type(question).__name__ for question in asked] == QUESTIONS


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_question_that_is_not_asked_is_missed(name: str, tmp_path: Path) -> None:
    kind: type[Question] = getattr(questions, name)
    with patch.object(kind, "decide", lambda self, case: None), pytest.raises(AssertionError):
        missed(tmp_path)


@pytest.mark.parametrize("name", [name for name in QUESTIONS if name not in VOUCHES_FOR_ALL])
def test_a_question_that_vouches_for_every_link_is_missed(name: str, tmp_path: Path) -> None:
    kind: type[Question] = getattr(questions, name)
    with (
        patch.object(kind, "silent_until", lambda self, link, owner, now: ALWAYS),
        pytest.raises(AssertionError),
    ):
        missed(tmp_path)


def test_a_question_that_says_nothing_settles_nothing() -> None:
    link = Link(1, "owner", 0, "code", MAIN, 0)
    assert Question().silent_until(link, None, SECOND) == 0  # type: ignore[arg-type]
