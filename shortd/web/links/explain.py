"""What would happen to a visitor, question by question. All of it stands in the address; nothing is
counted."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import urlencode

import msgspec
from litestar import Response
from msgspec import Meta

from shortd.clock import SECOND
from shortd.models.links import Link
from shortd.plugin_runtime.steps import Step
from shortd.visitors.visitors import parse_agent, parser_ready
from shortd.visits.decisions import Decision, Outcome
from shortd.visits.pretending import Header, PretendedVisitor
from shortd.visits.questions import LeadsElsewhere
from shortd.web import forms, guard, render
from shortd.web.forms import Form
from shortd.web.links.head import LinkHead, asked_link, head_of
from shortd.web.routing import AnyRequest, client_address, services_of

AGENTS = {
    "iphone": (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15"
        " (KHTML, like Gecko) Version/26.0 Mobile/15E148 Safari/604.1"
    ),
    "android": (
        "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko)"
        " Chrome/142.0.0.0 Mobile Safari/537.36"
    ),
    "windows": (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"
        " Chrome/142.0.0.0 Safari/537.36"
    ),
    "mac": (
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15"
        " (KHTML, like Gecko) Version/26.0 Safari/605.1.15"
    ),
    "googlebot": ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"),
    "chat": "WhatsApp/2.24.9.78 A",
}
"""User agents of ready visitors, by the names that stand in addresses."""
SPLIT_DRAWS = 100
"""Visitors from as many addresses who are asked where a split leads."""

Word = Annotated[str, Meta(pattern=r"^(?:[A-Za-z]{2})?$", description="Two letters, as in DE.")]


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """The form's fields."""

    who: str = "iphone"
    agent: Header = ""
    country: Word = ""
    when: Annotated[str, Meta(max_length=32)] = ""
    """A moment as `<input type=datetime-local>` has it, in UTC; empty is now."""
    dnt: bool = False
    language: Header = ""
    referrer: Header = ""
    address: Annotated[str, Meta(max_length=64)] = ""
    city: Annotated[str, Meta(max_length=100)] = ""
    query: Header = ""
    qr: bool = False
    head: bool = False


class ShownStep(msgspec.Struct, frozen=True):
    """A question on the way."""

    question: str
    """Empty: there was nothing left to ask, and the destination is the link's own."""
    answer: str
    """Empty: it was not asked any more."""
    decided: bool


class ExplainPage(msgspec.Struct, frozen=True, kw_only=True):
    """explain.html."""

    head: LinkHead
    form: Form[Asked]
    who: str
    utime: int
    device: str
    outcome: str
    """As the API's `explain` has it."""
    location: str
    choice: str
    steps: tuple[ShownStep, ...]
    split: tuple[tuple[str, float], ...]
    """Places and their shares in percent, where a draw decides."""

    def ready(self, name: str) -> str:
        """The address of this page for one of `AGENTS`."""
        kept = {key: text for key, text in self.form.typed.items() if text}
        kept.pop("agent", None)
        return f"{self.head.address}/explain?{urlencode({**kept, 'who': name})}"

    @property
    def names(self) -> tuple[str, ...]:
        """Of `AGENTS`."""
        return tuple(AGENTS)


@guard.show("/-/links/{link_id:int}/explain")
async def explain(request: AnyRequest) -> Response[bytes]:
    """A link's page "What would happen?"."""
    link = asked_link(request)
    forms.charge(request, "explain")
    services = services_of(request)
    words = render.language_of(request).gettext
    now = services.clock.now()
    given = {name: request.query_params.getall(name) for name in request.query_params}
    form = forms.converted(given, Asked, words)
    asked = form.value or Asked()
    utime = _moment(asked.when)
    if asked.when and utime is None:
        form = form.wrong("when", words("Choose a day and a time."))
    agent = asked.agent or AGENTS.get(asked.who, AGENTS["iphone"])
    pretended = PretendedVisitor(
        user_agent=agent,
        accept_language=asked.language,
        referrer=asked.referrer,
        address=asked.address,
        country=asked.country.upper(),
        city=asked.city,
        query=asked.query,
        qr=asked.qr,
        head=asked.head,
        do_not_track=asked.dnt,
        utime=utime,
    )
    own = client_address(services, request.scope)
    try:
        visit = pretended.visit(now, own)
    except ValueError:
        form = form.wrong("address", words("This is no IP address."))
        pretended = msgspec.structs.replace(pretended, address="")
        visit = pretended.visit(now, own)
    decision, steps = services.visits.visits.explain(link.host, link.code, visit)
    await parser_ready()
    content = ExplainPage(
        head=head_of(request, link),
        form=form,
        who="" if asked.agent else asked.who if asked.who in AGENTS else "iphone",
        utime=visit.utime,
        device=parse_agent(agent).bot_name or parse_agent(agent).system,
        outcome=decision.outcome.value,
        location=decision.location,
        choice=decision.choice,
        steps=_shown(steps, decision, services.visits.visits.asks),
        split=await _split(request, link, pretended, now) if decision.choice else (),
    )
    status = 422 if form.errors else 200
    return render.page(request, "link/explain.html", content, status=status)


def _moment(text: str) -> int | None:
    """A typed moment in µs; None if it is none."""
    try:
        moment = datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        return None
    utime = int(moment.timestamp()) * SECOND
    return utime if utime >= 0 else None


def _shown(
    steps: list[Step], decision: Decision, questions: tuple[str, ...]
) -> tuple[ShownStep, ...]:
    """The questions that were asked, with the one that decided, and those that were not."""
    leads_on = decision.outcome in (Outcome.REDIRECT, Outcome.INTERSTITIAL)
    asked = [step.question for step in steps]
    is_plain = leads_on and not decision.choice and LeadsElsewhere.asks not in asked
    last = None if is_plain else len(steps) - 1
    told = [
        ShownStep(step.question, step.answer, place == last) for place, step in enumerate(steps)
    ]
    if is_plain:
        return (*told, ShownStep("", "", True))
    if leads_on:
        return tuple(told)
    known = [question for question in asked if question in questions]
    left = questions[questions.index(known[-1]) + 1 :] if known else ()
    return (*told, *(ShownStep(question, "", False) for question in left if question not in asked))


async def _split(
    request: AnyRequest, link: Link, pretended: PretendedVisitor, now: int
) -> tuple[tuple[str, float], ...]:
    """Where visitors like this one are led, if not all of them to one place."""
    explain = services_of(request).visits.visits.explain
    places: dict[str, int] = {}
    for draw in range(SPLIT_DRAWS):
        # Plugins may take their time, which is nobody else's.
        await asyncio.sleep(0)
        visit = pretended.visit(now, f"198.51.100.{draw}")
        decision, _ = explain(link.host, link.code, visit)
        places[decision.location] = places.get(decision.location, 0) + 1
    if len(places) < 2:
        return ()
    ranked = sorted(places.items(), key=lambda item: (-item[1], item[0]))
    return tuple((place, count * 100 / SPLIT_DRAWS) for place, count in ranked)


HANDLERS = (explain,)
