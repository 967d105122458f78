"""Leads visitors by rules: who meets all conditions of one goes where it says. The first counts.

Rules are made ready once for each version of a link (`compiling`); nothing of a visitor is kept.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated

from msgspec import Meta, Struct

from shortd.plugin import BadData, Destination, Link, Plugin, Visit, hookimpl
from shortd_rules.compiling import Ready, ready, tests_of
from shortd_rules.data import Conditions, Rule

RULES = 50
_NAME = re.compile(r"(?=[0-9]*[a-z_-])[a-z0-9_-]{1,32}", re.ASCII)
"""Of a rule. Digits alone are the numbers of those without a name."""


class Rules(Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """A link's rules, in their order. Whom none leads goes on to other plugins, in the end to the
    link's own destination."""

    rules: Annotated[list[Rule], Meta(min_length=1, max_length=RULES)]

    def __post_init__(self) -> None:
        # With the data, before any visit waits for the answer.
        self.__dict__["ready"] = ready(self.rules)

    @property
    def ready(self) -> Sequence[Ready]:
        """The same, made ready."""
        made: Sequence[Ready] = self.__dict__["ready"]
        return made


class RuleList(Plugin[None, Rules]):
    """Leads visitors by a list of rules: country, device, time, query and more."""

    name = "rules"
    Data = Rules

    # Before all others: what somebody has asked for in so many words goes before a draw.
    @hookimpl(tryfirst=True)
    def destination(self, link: Link, visit: Visit, data: Rules) -> Destination | None:
        secret = self.server.secret
        for rule in data.ready:
            for holds in rule.holds:
                if not holds(visit, link, secret):
                    break
            else:
                return rule.answer
        return None

    def explain(self, link: Link, visit: Visit, data: Rules) -> Sequence[tuple[str, str]]:
        secret = self.server.secret
        steps: list[tuple[str, str]] = []
        for rule in data.ready:
            fails = next((one for one in rule.tests if not one.holds(visit, link, secret)), None)
            if fails is None:
                return [*steps, (rule.label, "yes")]
            steps.append((rule.label, f"no: {fails.seen(visit)}"))
        return steps

    def shares(self, data: Rules, link: Link) -> Mapping[str, float]:
        # Nobody knows how many visitors come from where.
        if any(set(_asked(rule.conditions)) - {"weight"} for rule in data.rules):
            return {}
        left, found = 100.0, dict[str, float]()
        for rule, prepared in zip(data.rules, data.ready, strict=True):
            part = left * (rule.conditions.weight or 100) / 100
            choice = prepared.answer.choice
            found[choice] = found.get(choice, 0) + part
            left -= part
        return found

    def check(self, data: Rules, link: Link) -> None:
        for number, rule in enumerate(data.rules):
            place = f"rules[{number}]"
            if rule.name and not _NAME.fullmatch(rule.name):
                raise BadData(
                    "Small letters a-z, digits, - and _, not digits alone.", f"{place}.name"
                )
            if rule.url:
                self.check_url(rule.url, f"{place}.url")
            if not _asked(rule.conditions) and number < len(data.rules) - 1:
                raise BadData(
                    "A rule without conditions leads everybody: put it last.", f"{place}.conditions"
                )
            try:
                for _ in tests_of(rule.conditions):
                    pass
            except BadData as refusal:
                raise refusal.below(f"{place}.conditions") from None


def _asked(conditions: Conditions) -> Sequence[str]:
    """Names of the conditions that there are."""
    empty = Conditions()
    return [
        name
        for name in conditions.__struct_fields__
        if getattr(conditions, name) != getattr(empty, name)
    ]
