"""Pages of teams: those that somebody is in, and one of them with all that it has.

They hold no rule: who may do what is said by the services of teams, and what they refuse is refused
here as well, whatever a page has shown.
"""

from __future__ import annotations

from shortd.web.teams import holdings, overview, people, team

HANDLERS = (*overview.HANDLERS, *team.HANDLERS, *people.HANDLERS, *holdings.HANDLERS)

__all__ = ["HANDLERS"]
