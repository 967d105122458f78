"""Teams: who belongs to them, and what they share: campaigns, domains, trackers.

It must never decide who may see a link; `links.access` does.
"""

from __future__ import annotations

from shortd.teams.teams import (
    TEAMS_PER_ACCOUNT,
    Teams,
    TeamView,
)

__all__ = [
    "TEAMS_PER_ACCOUNT",
    "TeamView",
    "Teams",
]
