"""The calls about trackers: entity/tracker/list, entity/team/tracker/list, and ours that keep,
change and forget a team's.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from shortd import errors
from shortd.api.caller import Keyed
from shortd.api.v1.inputs import HexId, Input, NameText, Nothing, Paged
from shortd.api.v1.link_inputs import link_errors
from shortd.api.v1.registry import Context, Empty, Output, call
from shortd.api.v1.times import millisecond_text
from shortd.models.accounts import Scope
from shortd.models.teams import TeamTracker
from shortd.teams.providers import BY_ID, BY_NAME, PROVIDERS, Provider

TrackerCode = Annotated[str, Meta(max_length=64, description="The team's id at the provider.")]


class ListTeamTrackers(Paged, frozen=True, kw_only=True):
    team_id: HexId


class CreateTeamTracker(Input, frozen=True, kw_only=True):
    team_id: HexId
    tracker_id: HexId
    code: TrackerCode
    name: NameText


class UpdateTeamTracker(Input, frozen=True, kw_only=True):
    team_tracker_id: HexId
    tracker_id: HexId | None = None
    code: TrackerCode | None = None
    name: NameText | None = None


class DeleteTeamTracker(Input, frozen=True, kw_only=True):
    team_tracker_id: HexId


class ProviderInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A provider of trackers."""

    id: str
    name: str


class TeamTrackerInfo(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A tracker that a team keeps."""

    id: str
    tracker_id: str
    code: str
    name: str
    created_time: str


class ProvidersOutput(Output, frozen=True, kw_only=True):
    trackers: list[ProviderInfo]


class TeamTrackerOutput(Output, frozen=True, kw_only=True):
    team_tracker: TeamTrackerInfo


class TeamTrackersOutput(Output, frozen=True, kw_only=True):
    team_trackers: list[TeamTrackerInfo]
    total: int


@call("entity/tracker/list", scope=Scope.READ)
async def tracker_list(ctx: Context, args: Nothing) -> ProvidersOutput:
    """Lists the providers of trackers."""
    return ProvidersOutput(
        trackers=[ProviderInfo(id=provider.id, name=provider.title) for provider in PROVIDERS]
    )


@call("entity/team/tracker/list", scope=Scope.READ)
async def team_tracker_list(ctx: Context, args: ListTeamTrackers) -> TeamTrackersOutput:
    """Lists a team's trackers, newest first."""
    rows = ctx.services.teams.trackers.of_team(ctx.account, args.team_id)
    return TeamTrackersOutput(
        team_trackers=[_shown(row) for row in ctx.page_of(rows, args)], total=len(rows)
    )


@call("entity/team/tracker/create", scope=Scope.WRITE, keyed=Keyed.ONCE)
async def create_team_tracker(ctx: Context, args: CreateTeamTracker) -> TeamTrackerOutput:
    """Keeps a tracker for a team. Owners and admins may."""
    trackers, provider = ctx.services.teams.trackers, provider_of(args.tracker_id).name
    with link_errors():
        row = await ctx.once(
            lambda: trackers.create(
                ctx.account, args.team_id, provider, args.code, args.name, ctx.now
            ),
            TeamTracker,
        )
    return TeamTrackerOutput(team_tracker=_shown(row))


@call("entity/team/tracker/update", scope=Scope.WRITE)
async def update_team_tracker(ctx: Context, args: UpdateTeamTracker) -> Empty:
    """Changes a team's tracker; links that have it stay as they are. Owners and admins may."""
    provider = None if args.tracker_id is None else provider_of(args.tracker_id).name
    with link_errors():
        await ctx.services.teams.trackers.update(
            ctx.account, args.team_tracker_id, provider=provider, code=args.code, name=args.name
        )
    return Empty()


@call("entity/team/tracker/delete", scope=Scope.WRITE)
async def delete_team_tracker(ctx: Context, args: DeleteTeamTracker) -> Empty:
    """Forgets a team's tracker; links that have it keep it. Owners and admins may."""
    await ctx.services.teams.trackers.delete(ctx.account, args.team_tracker_id)
    return Empty()


def provider_of(tracker_id: str) -> Provider:
    """The provider of that id. TRACKER_NOT_FOUND."""
    provider = BY_ID.get(tracker_id)
    if provider is None:
        raise errors.TRACKER_NOT_FOUND("There is no such provider.", field="trackerId")
    return provider


def _shown(row: TeamTracker) -> TeamTrackerInfo:
    return TeamTrackerInfo(
        id=row.id,
        tracker_id=BY_NAME[row.provider].id,
        code=row.code,
        name=row.name,
        created_time=millisecond_text(row.create_utime),
    )
