"""The calls about the trackers of a link."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from shortd import errors
from shortd.api.v1.inputs import HexId, Input, Paged
from shortd.api.v1.link_inputs import Flag, LinkText, OneLink, link_errors, number_of
from shortd.api.v1.registry import Context, Empty, Output, call
from shortd.api.v1.times import millisecond_text
from shortd.links.trackers import Tracker
from shortd.models.accounts import Scope
from shortd.models.links import LinkTracker
from shortd.teams.providers import BY_ID, BY_NAME

ALL_TRACKERS = "all-trackers"

TeamTrackerId = Annotated[
    str,
    Meta(
        pattern=rf"^([0-9a-f]{{24}}|{ALL_TRACKERS})$(?!\n)",
        description=f"24 hex digits, or {ALL_TRACKERS}.",
    ),
]


class ListTrackers(Paged, frozen=True, kw_only=True):
    link_id: HexId


class LinkTrackerInfo(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A tracker of a link."""

    id: str
    tracker_id: str
    code: str
    created_time: str


class LinkTrackersOutput(Output, frozen=True, kw_only=True):
    link_tracker: list[LinkTrackerInfo]
    total: int


class CreateTracker(OneLink, frozen=True, kw_only=True):
    type: Flag
    team_trackers: Annotated[tuple[TeamTrackerId, ...], Meta(max_length=100)] = ()
    code: LinkText | None = None
    tracker_id: HexId | None = None


class DeleteTracker(Input, frozen=True, kw_only=True):
    link_tracker_id: HexId


@call("entity/link/tracker/list", scope=Scope.READ)
async def link_tracker_list(ctx: Context, args: ListTrackers) -> LinkTrackersOutput:
    """Lists the trackers of a link, the newest first."""
    with link_errors():
        trackers = ctx.services.teams.link_trackers.of_link(ctx.account, number_of(args.link_id))
    shown = [_shown(tracker) for tracker in ctx.page_of(trackers, args)]
    return LinkTrackersOutput(link_tracker=shown, total=len(trackers))


@call("entity/link/create-tracker", scope=Scope.WRITE)
async def link_create_tracker(ctx: Context, args: CreateTracker) -> Empty:
    """Gives a link a tracker: a new one (type 0), or copies of its team's (type 1)."""
    trackers = ctx.services.teams.link_trackers
    with link_errors():
        if args.type == 1:
            if not args.team_trackers:
                raise _missing("teamTrackers", args)
            wanted = None if ALL_TRACKERS in args.team_trackers else args.team_trackers
            await trackers.add_of_team(ctx.account, number_of(args.link_id), wanted, ctx.now)
        else:
            if args.code is None:
                raise _missing("code", args)
            if args.tracker_id is None:
                raise _missing("trackerId", args)
            provider = BY_ID.get(args.tracker_id)
            if provider is None:
                raise errors.TRACKER_NOT_FOUND(field="trackerId")
            new = Tracker(provider.name, args.code)
            await trackers.add(ctx.account, number_of(args.link_id), [new], ctx.now)
    return Empty()


@call("entity/link/delete-tracker", scope=Scope.WRITE)
async def link_delete_tracker(ctx: Context, args: DeleteTracker) -> Empty:
    """Takes a tracker from its link."""
    with link_errors():
        await ctx.services.teams.link_trackers.remove(ctx.account, args.link_tracker_id, ctx.now)
    return Empty()


def _missing(field: str, args: CreateTracker) -> errors.ShortdError:
    return errors.MISSING_FIELD(f"A type of {args.type} needs the field `{field}`.", field=field)


def _shown(tracker: LinkTracker) -> LinkTrackerInfo:
    # Whoever replaces the plugin may have providers that the document does not know.
    provider = BY_NAME.get(tracker.provider)
    return LinkTrackerInfo(
        id=tracker.id,
        tracker_id=provider.id if provider else "",
        code=tracker.code,
        created_time=millisecond_text(tracker.create_utime),
    )
