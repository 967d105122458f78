"""The calls about campaigns: entity/campaign/list, and ours that make, name and end them."""

from __future__ import annotations

import msgspec

from shortd.api.caller import Keyed
from shortd.api.v1.inputs import CodeText, HexId, Input, NameText, Paged
from shortd.api.v1.registry import ENTRY_WEIGHT, Context, Empty, Output, call
from shortd.api.v1.times import millisecond_text
from shortd.models.accounts import Scope
from shortd.models.teams import Campaign
from shortd.teams.campaigns import CampaignView


class ListCampaigns(Paged, frozen=True, kw_only=True):
    team_id: HexId | None = None


class CreateCampaign(Input, frozen=True, kw_only=True):
    team_id: HexId
    name: NameText
    code: CodeText | None = None


class UpdateCampaign(Input, frozen=True, kw_only=True):
    campaign_id: HexId
    name: NameText | None = None
    code: CodeText | None = None


class DeleteCampaign(Input, frozen=True, kw_only=True):
    campaign_id: HexId


class CampaignInfo(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A campaign with its number of links."""

    id: str
    code: str
    name: str
    links: int
    team_id: str
    created_time: str


class CampaignOutput(Output, frozen=True, kw_only=True):
    campaign: CampaignInfo


class CampaignsOutput(Output, frozen=True, kw_only=True):
    campaigns: list[CampaignInfo]
    total: int


@call("entity/campaign/list", scope=Scope.READ)
async def campaign_list(ctx: Context, args: ListCampaigns) -> CampaignsOutput:
    """Lists the campaigns of a team, newest first, or those of all teams that you are in, one
    team after the other.
    """
    campaigns = ctx.services.teams.campaigns
    if args.team_id is None:
        page = campaigns.of_account(ctx.account, args.start, args.size)
    else:
        page = campaigns.of_team(ctx.account, args.team_id, args.start, args.size)
    ctx.charge(ENTRY_WEIGHT * len(page.campaigns))
    return CampaignsOutput(campaigns=[_shown(row) for row in page.campaigns], total=page.total)


@call("entity/campaign/create", scope=Scope.WRITE, keyed=Keyed.ONCE)
async def create_campaign(ctx: Context, args: CreateCampaign) -> CampaignOutput:
    """Makes a campaign. Without a code it gets one from its name. Owners and admins may."""
    campaigns = ctx.services.teams.campaigns
    row = await ctx.once(
        lambda: campaigns.create(ctx.account, args.team_id, args.name, args.code, ctx.now),
        Campaign,
    )
    new = CampaignView(row.id, row.team, row.code, row.name, 0, row.create_utime)
    return CampaignOutput(campaign=_shown(new))


@call("entity/campaign/update", scope=Scope.WRITE)
async def update_campaign(ctx: Context, args: UpdateCampaign) -> Empty:
    """Changes a campaign's name or code. Owners and admins may."""
    await ctx.services.teams.campaigns.update(
        ctx.account, args.campaign_id, name=args.name, code=args.code
    )
    return Empty()


@call("entity/campaign/delete", scope=Scope.WRITE)
async def delete_campaign(ctx: Context, args: DeleteCampaign) -> Empty:
    """Ends a campaign; its links stay, in none. Owners and admins may."""
    await ctx.services.teams.campaigns.delete(ctx.account, args.campaign_id)
    return Empty()


def _shown(row: CampaignView) -> CampaignInfo:
    return CampaignInfo(
        id=row.id,
        code=row.code,
        name=row.name,
        links=row.links,
        team_id=row.team,
        created_time=millisecond_text(row.create_utime),
    )
