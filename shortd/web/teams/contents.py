"""What the pages of teams show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic, TypeVar

import msgspec

from shortd.models.teams import Role, TeamTracker
from shortd.teams.campaigns import CampaignView
from shortd.teams.domains import Subscription
from shortd.teams.invitations import InvitationView
from shortd.teams.members import MemberView
from shortd.teams.providers import PROVIDERS
from shortd.teams.teams import TeamView
from shortd.web.forms import Form, filled

T = TypeVar("T")


class Part(msgspec.Struct, frozen=True):
    """Of the page, where a form stands."""

    id: str
    fields: tuple[str, ...] = ()
    """Of the form: those that tell themselves what is wrong with them."""


FORMS = {
    "name": Part("name", ("name", "code")),
    "delete": Part("delete", ("name", "keep_links")),
    "leave": Part("leave"),
    "invite": Part("offers", ("guest", "role")),
    "withdraw": Part("offers"),
    "role": Part("members", ("role",)),
    "remove": Part("members"),
    "new-campaign": Part("campaigns", ("name", "code")),
    "campaign": Part("campaigns", ("name", "code")),
    "new-domain": Part("domains", ("domain",)),
    "look": Part("domains", ("domain",)),
    "ways": Part("domains", ("root", "unknown", "ended")),
    "end": Part("domains", ("name",)),
    "new-tracker": Part("trackers", ("provider", "code", "name")),
    "tracker": Part("trackers", ("provider", "code", "name")),
}


class Window(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """Some rows of a list that may be long."""

    rows: Sequence[T] = ()
    start: int = 0
    total: int = 0
    earlier: str = ""
    """Address of the page with those before; empty if there are none."""
    later: str = ""


class TeamsPage(msgspec.Struct, frozen=True, kw_only=True):
    """teams/list.html."""

    teams: Window[TeamView]
    offers: Sequence[InvitationView]
    """Places that one has been offered."""
    form: Form[Any] = msgspec.field(default_factory=filled)
    """Of a new team."""
    wrong: str = ""
    """What was wrong with an answer to an offer."""
    is_verified: bool = True


class Refused(msgspec.Struct, frozen=True):
    """A form of the page that was refused."""

    name: str
    form: Form[Any]
    key: str | None = None
    """Of the row that it is about; None for a form that is about none."""


class TeamPage(msgspec.Struct, frozen=True, kw_only=True):
    """teams/page.html."""

    team: TeamView
    userid: str
    """Who looks."""
    managed: Sequence[Role]
    """The roles that he may give and take away."""
    members: Window[MemberView]
    offers: Window[InvitationView]
    campaigns: Window[CampaignView]
    domains: Window[Subscription]
    trackers: Window[TeamTracker]
    hosts: Sequence[Subscription]
    """Hosts that are every team's."""
    query: str = ""
    """Which rows are shown, as the address has it."""
    refused: Refused | None = None
    providers: Sequence[tuple[str, str]] = tuple((one.name, one.title) for one in PROVIDERS)

    @property
    def path(self) -> str:
        return f"/-/teams/{self.team.id}"

    @property
    def may_leave(self) -> bool:
        return not self.team.is_own

    @property
    def may_delete(self) -> bool:
        return self.team.role is Role.OWNER and not self.team.account

    @property
    def may_let_go(self) -> bool:
        """Whether he may say that links go with who leaves."""
        return self.team.role is Role.OWNER

    def manages(self, member: MemberView) -> bool:
        return member.role in self.managed and member.userid != self.team.account

    def title(self, tracker: TeamTracker) -> str:
        """Of a tracker's provider."""
        return dict(self.providers).get(tracker.provider, tracker.provider)

    def form(self, name: str, key: str | None = None) -> Form[Any]:
        """A form as it was typed, if it is the one that was refused."""
        if self.refused is None or (self.refused.name, self.refused.key) != (name, key):
            return filled()
        return self.refused.form

    @property
    def faults(self) -> Sequence[str]:
        """What is wrong and no field of the page tells."""
        if self.refused is None:
            return ()
        shown = FORMS[self.refused.name].fields if self._has(self.refused.key) else ()
        return [said for field, said in self.refused.form.errors.items() if field not in shown]

    def _has(self, key: str | None) -> bool:
        lists = (self.campaigns.rows, self.domains.rows, self.trackers.rows)
        keys = {row.id for rows in lists for row in rows}
        keys |= {member.userid for member in self.members.rows}
        return key is None or key in keys
