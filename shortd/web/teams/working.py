"""As which team somebody works: what lists show, and where new links go. The address says it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from shortd.teams.teams import TeamView


class TeamChoice(msgspec.Struct, frozen=True):
    """A team that one may work as."""

    name: str
    """Empty for all of them."""
    address: str
    on: bool


class Working(msgspec.Struct, frozen=True):
    """The switch between teams."""

    team: str = ""
    """Id; empty for all, and for an account that is in one alone."""
    name: str = ""
    choices: Sequence[TeamChoice] = ()
    """None where there is no choice."""


def working_as(teams: Sequence[TeamView], wanted: str, address: Callable[[str], str]) -> Working:
    """The switch for who is in these teams; `address` is that of the page as another team. A team
    that he is not in counts as all."""
    names = {team.id: team.name for team in teams}
    team = wanted if wanted in names else ""
    if len(names) < 2:
        return Working(team)
    everything = TeamChoice("", address(""), not team)
    return Working(
        team,
        names.get(team, ""),
        (everything, *(TeamChoice(name, address(key), key == team) for key, name in names.items())),
    )
