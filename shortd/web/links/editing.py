"""One link's settings: `/-/links/<id>/edit`, in five groups that are saved one by one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import msgspec
from litestar import Response
from msgspec import Meta

from shortd import errors
from shortd.clock import SECOND, moment
from shortd.hosts.destinations import UTM_NAMES, ascii_location, with_utm
from shortd.links.access import team_of
from shortd.links.endings import is_free
from shortd.links.plugin_data import data_of
from shortd.links.tag_lists import LIST_CHARACTERS, joined_tags, split_tags
from shortd.links.tagging import tags_of
from shortd.links.terms import (
    NOTE_CHARACTERS,
    TEXT_CHARACTERS,
    UTM_BYTES,
    WINDOW_MINUTES,
    TermChanges,
)
from shortd.models.accounts import Account
from shortd.models.common import NEVER
from shortd.models.links import NO_RARE_TERMS, Forwarding, Link
from shortd.services import Services
from shortd.teams.trackers import TRACKERS_PER_TEAM
from shortd.web import forms, session
from shortd.web.forms import Form, again, filled
from shortd.web.guard import act, show
from shortd.web.home.making import ENDING_CHARACTERS
from shortd.web.links import plugin_forms, rule_forms
from shortd.web.links.acting import forget
from shortd.web.links.contents import EditPage, PluginForm, Share
from shortd.web.links.head import asked_link, head_of
from shortd.web.links.rule_forms import RulesForm
from shortd.web.messages import Message
from shortd.web.render import language_of, page, see
from shortd.web.routing import AnyRequest, services_of

TEMPLATE = "link/edit.html"
CAMPAIGNS = 200
"""That can be chosen from."""
TRACKERS, SPLIT = "trackers", "ab"

Text = Annotated[str, Meta(max_length=TEXT_CHARACTERS)]
Url = Annotated[str, Meta(max_length=16_384)]
Parameter = Annotated[str, Meta(max_length=UTM_BYTES)]
Moment = Annotated[
    str,
    Meta(
        pattern=r"^([0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}(:[0-9]{2})?)?)?$",
        description="Write it like 2026-12-31T18:00.",
    ),
]
Number = Annotated[int, Meta(ge=0, le=2**63 - 1)]


class Where(msgspec.Struct, frozen=True, kw_only=True):
    destination: Url = ""
    ending: Annotated[str, Meta(max_length=ENDING_CHARACTERS)] = ""
    host: int | None = None
    title: Text = ""
    utm_source: Parameter = ""
    utm_medium: Parameter = ""
    utm_campaign: Parameter = ""
    utm_term: Parameter = ""
    utm_content: Parameter = ""
    forward_query: Literal["server", "no", "visitor", "link"] | None = None
    robots: Literal["server", "yes", "no"] | None = None


class Until(msgspec.Struct, frozen=True, kw_only=True):
    enabled: bool = False
    since: Moment = ""
    ends: Moment = ""
    ends_to: Url = ""
    clicks: Number | None = None
    unique: bool = False
    minutes: Annotated[int, Meta(ge=0, le=WINDOW_MINUTES)] | None = None
    clicks_to: Url = ""


class Who(msgspec.Struct, frozen=True, kw_only=True):
    password: Annotated[str, Meta(max_length=256)] = ""
    remove: bool = False


class Lists(msgspec.Struct, frozen=True, kw_only=True):
    tags: Annotated[str, Meta(max_length=LIST_CHARACTERS)] = ""
    hidden: bool = False
    note: Annotated[str, Meta(max_length=4 * NOTE_CHARACTERS)] | None = None
    place: Annotated[str, Meta(max_length=64)] = ""
    """"team:ID" or "campaign:ID"; empty for where it is."""


class Copies(msgspec.Struct, frozen=True, kw_only=True):
    tracker: Annotated[
        list[Annotated[str, Meta(max_length=64)]], Meta(max_length=TRACKERS_PER_TEAM)
    ] = []
    """Ids of trackers that the link's team keeps."""


class RuleActs(msgspec.Struct, frozen=True, kw_only=True):
    do: Annotated[str, Meta(max_length=32)] = ""
    """A button other than "Save": see `rule_forms.moved`, and "forget"."""


class PluginData(msgspec.Struct, frozen=True, kw_only=True):
    remove: bool = False


_ROBOTS: dict[str, bool | Literal["server"]] = {"server": "server", "yes": True, "no": False}
_GROUPS: dict[str, type[Any]] = {"where": Where, "until": Until, "who": Who, "lists": Lists}
_FIELDS = {
    "code": "ending",
    "expiration_utime": "ends",
    "valid_since": "since",
    "date_fallback": "ends_to",
    "expiration_count": "clicks",
    "count_fallback": "clicks_to",
    "counts_unique": "unique",
    "unique_minutes": "minutes",
    "shorturl_new": "ending",
    "team": "place",
    "campaign": "place",
}
"""Names of fields of the form, by those that services know."""


@show("/-/links/{link_id:int}/edit")
async def edit(request: AnyRequest) -> Response[bytes]:
    found = session.needed(request)
    forms.charge(request, "")
    link = asked_link(request)
    return page(request, TEMPLATE, _content(request, found.account, link))


@act("/-/links/{link_id:int}/edit/{group:str}", status_code=303)
async def save(request: AnyRequest) -> Response[bytes]:
    """Saves one group."""
    found = session.needed(request)
    services, words = services_of(request), language_of(request).gettext
    group = request.path_params["group"]
    kind = _GROUPS.get(group)
    if kind is None:
        raise errors.NOT_FOUND()
    link = asked_link(request)
    form: Form[Any] = await forms.read(request, kind, call="set_terms")
    if form.value is not None:
        try:
            await _save(services, found.account, link, form.value)
        except errors.ShortdError as refusal:
            form = _refused(form, refusal, words)
        else:
            forget(services, found.account)
            changed = services.links.links.get(found.account, link.id)
            return _saved(request, changed, group)
    return again(request, TEMPLATE, _content(request, found.account, link, group, form), form)


@act("/-/links/{link_id:int}/plugin/{name:str}", status_code=303)
async def save_plugin(request: AnyRequest) -> Response[bytes]:
    """Saves what a plugin keeps of the link."""
    found = session.needed(request)
    services, words = services_of(request), language_of(request).gettext
    name = request.path_params["name"]
    running = services.plugin_runtime.plugins.running.get(name)
    if running is None or running.plugin.Data is None:
        raise errors.NOT_FOUND()
    link = asked_link(request)
    form: Form[Any] = await forms.read(request, PluginData, call="set_plugin", fields=500)
    if form.value is None:
        raise errors.BAD_FORM()
    group = "told" if name == TRACKERS else "way"
    data: Any = None
    try:
        if not form.value.remove:
            schema = msgspec.json.schema(running.plugin.Data)
            data = plugin_forms.data_of(schema, form.lists, name)
        await services.links.plugin_data.change(
            found.account, link.id, name, lambda link: data, services.clock.now()
        )
    except ValueError as fault:
        form = form.wrong(str(fault), words("This is no JSON."))
    except errors.ShortdError as refusal:
        if refusal.status >= 429:
            raise
        field = (refusal.field or "").removeprefix("data").replace("[", ".").replace("]", "")
        form = form.wrong(f"{name}{field}", refusal.said(words), refusal)
    else:
        return _saved(request, services.links.links.get(found.account, link.id), group)
    content = _content(request, found.account, link, group, form, {name: data})
    return again(request, TEMPLATE, content, form)


@act("/-/links/{link_id:int}/trackers", status_code=303)
async def copy_trackers(request: AnyRequest) -> Response[bytes]:
    """Gives the link trackers that its team keeps."""
    found = session.needed(request)
    services, words = services_of(request), language_of(request).gettext
    link = asked_link(request)
    form: Form[Any] = await forms.read(request, Copies, call="set_plugin")
    if form.value is not None:
        try:
            await services.teams.link_trackers.add_of_team(
                found.account, link.id, form.value.tracker, services.clock.now()
            )
        except errors.ShortdError as refusal:
            if refusal.kind is errors.FORBIDDEN:
                raise
            form = form.wrong("tracker", refusal.said(words), refusal)
        else:
            return _saved(request, services.links.links.get(found.account, link.id), "told")
    return again(request, TEMPLATE, _content(request, found.account, link, "told", form), form)


@act(
    "/-/links/{link_id:int}/rules",
    status_code=303,
    request_max_body_size=rule_forms.FORM_BYTES,
)
async def save_rules(request: AnyRequest) -> Response[bytes]:
    """Saves a link's rules; or shows them with one more, one less, or in another order."""
    found = session.needed(request)
    services, words = services_of(request), language_of(request).gettext
    if rule_forms.NAME not in services.plugin_runtime.plugins.running:
        raise errors.NOT_FOUND()
    link = asked_link(request)
    form: Form[Any] = await forms.read(
        request,
        RuleActs,
        call="set_plugin",
        most=rule_forms.FORM_BYTES,
        fields=rule_forms.FIELDS,
    )
    if form.value is None:
        raise errors.BAD_FORM()
    typed, do = form.lists, form.value.do
    if do and do != "forget":
        typed, key = rule_forms.moved(typed, do)
        focus = key if do == "add" or do.startswith("remove.") else do
        shown = _rules(services, link, typed, is_open=key, focus=focus)
        return page(request, TEMPLATE, _content(request, found.account, link, "way", rules=shown))
    data, keys = (None, ()) if do else rule_forms.data_of(typed)
    try:
        await services.links.plugin_data.change(
            found.account, link.id, rule_forms.NAME, lambda link: data, services.clock.now()
        )
    except errors.ShortdError as refusal:
        if refusal.status >= 429:
            raise
        field = rule_forms.field_of(refusal.field or "", typed, keys)
        form = form.wrong(field, refusal.said(words), refusal)
    else:
        return _saved(request, services.links.links.get(found.account, link.id), "way")
    shown = _rules(services, link, typed, errors=form.errors)
    content = _content(request, found.account, link, "way", rules=shown)
    return again(request, TEMPLATE, content, form)


def _rules(
    services: Services, link: Link, typed: dict[str, list[str]] | None = None, **options: Any
) -> RulesForm | None:
    """The form of a link's rules, as they are kept or as they are `typed`."""
    running = services.plugin_runtime.plugins.running.get(rule_forms.NAME)
    if running is None or running.decode is None:
        return None
    unreadable = False
    raw = link.plugins.get(rule_forms.NAME) if link.plugins else None
    if typed is None:
        try:
            typed = {} if raw is None else rule_forms.typed_of(running.decode(raw))
        except msgspec.MsgspecError:
            typed, unreadable = {}, True
    has_data = raw is not None
    return rule_forms.form_of(typed, has_data=has_data, unreadable=unreadable, **options)


async def _save(services: Services, account: Account, link: Link, value: Any) -> None:
    change, now = services.links.terms.change, services.clock.now()
    match value:
        case Where():
            utm = {name: getattr(value, name) for name in UTM_NAMES}
            moves = value.host is not None and value.host != link.host
            if moves:
                ending = _check_move(services, account, link, value)
            changes = TermChanges(
                destination=None if link.filekey or link.box else value.destination,
                title=value.title,
                code=None if moves or value.ending == link.code else value.ending,
                forwarding=value.forward_query and Forwarding[value.forward_query.upper()],
                robots=value.robots and _ROBOTS[value.robots],
                **utm,
            )
            await change(account, link.id, changes)
            if moves:
                old, new = (link.host, link.code), (value.host or 0, ending)
                await services.links.links.move(account, old, new)
        case Until():
            terms = link.terms
            ends, since = _utime(value.ends), _utime(value.since)
            # A field has minutes: what was not touched keeps its seconds.
            if value.ends and value.ends == _field_time(terms.expiration_utime):
                ends = terms.expiration_utime
            if value.since and value.since == _field_time(terms.valid_since):
                since = terms.valid_since
            await change(
                account,
                link.id,
                TermChanges(
                    enabled=value.enabled,
                    valid_since=since or 0,
                    expiration_utime=NEVER if ends is None else ends,
                    date_fallback=value.ends_to,
                    expiration_count=value.clicks or 0,
                    counts_unique=value.unique,
                    unique_minutes=value.minutes or 0,
                    count_fallback=value.clicks_to,
                ),
            )
        case Who():
            if value.remove:
                await change(account, link.id, TermChanges(password=""))
            elif value.password:
                await change(account, link.id, TermChanges(password=value.password))
            else:
                raise errors.MISSING_FIELD("Type a password first.", field="password")
        case Lists():
            await change(
                account,
                link.id,
                TermChanges(tags=split_tags(value.tags), hidden=value.hidden, note=value.note),
            )
            await _place(services, account, link, value.place, now)


def _check_move(services: Services, account: Account, link: Link, value: Where) -> str:
    """The code that a link gets on another host, before anything is changed."""
    if str(value.host) not in dict(_hosts(services, account, link)):
        raise errors.UNKNOWN_HOST(field="host")
    host = services.hosts.numbered(value.host or 0)
    ending = services.links.codes.check(value.ending, host)
    if not is_free(services.store, services.hosts, value.host or 0, ending):
        raise errors.CODE_TAKEN(field="code")
    return ending


async def _place(services: Services, account: Account, link: Link, place: str, now: int) -> None:
    kind, _, key = place.partition(":")
    if not key or place == _place_of(link):
        return
    team, campaign = key, ""
    if kind == "campaign":
        row = next((one for one in _campaigns(services, account) if one.id == key), None)
        if row is None:
            raise errors.CAMPAIGN_NOT_FOUND(field="place")
        team, campaign = row.team, key
    outcome = await services.links.bulk.place(account, [link.id], now, team=team, campaign=campaign)
    for code in outcome.refused:
        raise errors.CATALOGUE[code](field="place")


def _saved(request: AnyRequest, link: Link, group: str) -> Response[bytes]:
    words, short_url = language_of(request).gettext, services_of(request).hosts.short_url(link)
    message = Message(words("Saved {link}"), link=short_url)
    return see(request, f"/-/links/{link.id}/edit#{group}", message)


def _refused(form: Form[Any], refusal: errors.ShortdError, words: forms.Words) -> Form[Any]:
    name = _FIELDS.get(refusal.field or "", refusal.field or "")
    if refusal.kind is errors.CODE_TAKEN:
        said = words("“%(ending)s” is taken.") % {"ending": form.text("ending")}
        return form.wrong("ending", said, refusal)
    if refusal.kind is errors.DESTINATION_BLOCKED and refusal.field == "enabled":
        # A switch has no place for what is wrong with it.
        return form.wrong("", refusal.said(words), refusal)
    return form.refuse(refusal, words, **{refusal.field or "": name})


def _content(
    request: AnyRequest,
    account: Account,
    link: Link,
    group: str = "",
    form: Form[Any] | None = None,
    typed: dict[str, Any] | None = None,
    rules: RulesForm | None = None,
) -> EditPage:
    services = services_of(request)
    rare = link.rare or NO_RARE_TERMS
    now = services.clock.now()
    with services.store.read() as txn:
        live = services.clicks.clicks.live(txn, link.id)
        is_used_up = services.clicks.clicks.are_used_up(txn, link)
    plugins = _plugins(services, link, typed or {})
    # The name of a file or a box is no address.
    location = "" if link.filekey or link.box else ascii_location(link.location)
    return EditPage(
        head=head_of(request, link),
        ended=link.expiration_utime <= now or is_used_up,
        count=live.count,
        unique=live.unique,
        forms={**_forms(link), **({group: form} if form is not None and group in _GROUPS else {})},
        group=group,
        wrong=form if form is not None and group not in _GROUPS else filled(),
        has_password=rare.password is not None,
        final=with_utm(location, rare.utm) if location and rare.utm else "",
        hosts=_hosts(services, account, link),
        host=services.hosts.numbered(link.host).name,
        places=_places(services, account, link),
        place=_place_of(link),
        tags=tags_of(link, services.accounts.preferences.of(account)),
        rules=_rules(services, link) if rules is None else rules,
        ways=[one for one in plugins if one.name != TRACKERS],
        told=[one for one in plugins if one.name == TRACKERS],
        shares=_shares(link, plugins),
        kept=services.teams.trackers.of_team(account, team_of(link)),
    )


def _forms(link: Link) -> dict[str, Form[Any]]:
    """What stands in the fields, by group."""
    terms = link.terms
    utm = dict(zip(UTM_NAMES, terms.utm or ("",) * len(UTM_NAMES), strict=True))
    until = filled(
        enabled="1" if terms.enabled else "",
        since=_field_time(terms.valid_since) if terms.valid_since else "",
        ends="" if terms.expiration_utime >= NEVER else _field_time(terms.expiration_utime),
        ends_to=terms.date_fallback,
        clicks=str(terms.expiration_count or ""),
        unique="1" if terms.counts_unique else "",
        minutes=str(terms.unique_minutes or ""),
        clicks_to=terms.count_fallback,
    )
    return {
        "where": filled(
            destination=link.url,
            ending=link.code,
            host=str(link.host),
            title=terms.title,
            forward_query=terms.forwarding.name.lower(),
            robots={None: "server", True: "yes", False: "no"}[terms.robots],
            **utm,
        ),
        "until": until,
        "who": filled(),
        "lists": filled(
            tags=joined_tags(terms.tags, space=" "),
            hidden="1" if terms.hidden else "",
            note=terms.note,
            place=_place_of(link),
        ),
    }


def _plugins(services: Services, link: Link, typed: dict[str, Any]) -> list[PluginForm]:
    found = []
    for name, running in services.plugin_runtime.plugins.running.items():
        if running.plugin.Data is None or name == rule_forms.NAME:
            continue
        unreadable = False
        try:
            data = typed[name] if name in typed else data_of(link, name)
        except errors.ShortdError:
            data, unreadable = {}, True
        schema = msgspec.json.schema(running.plugin.Data)
        found.append(
            PluginForm(
                name=name,
                summary=running.found.summary,
                has_data=bool(link.plugins and name in link.plugins),
                unreadable=unreadable,
                root=plugin_forms.form_of(schema, data, name),
            )
        )
    return found


def _shares(link: Link, plugins: Sequence[PluginForm]) -> list[Share]:
    """How the next visitors are shared out, in percent, where the link splits them."""
    if not any(one.name == SPLIT and one.has_data for one in plugins):
        return []
    try:
        variants = data_of(link, SPLIT)["variants"]
        shares = [Share(str(one["url"]), int(one["weight"])) for one in variants]
    except (errors.ShortdError, KeyError, TypeError, ValueError):
        return []
    rest = 100 - sum(share.percent for share in shares)
    return [Share(link.url, max(0, rest)), *shares]


def _hosts(services: Services, account: Account, link: Link) -> list[tuple[str, str]]:
    """Numbers and names of the hosts that the link can be on."""
    hosts = {
        host.number: host.name for host in services.teams.domains.hosts(account, team_of(link))
    }
    hosts[link.host] = services.hosts.numbered(link.host).name
    return [(str(number), name) for number, name in hosts.items()]


def _campaigns(services: Services, account: Account) -> Sequence[Any]:
    return services.teams.campaigns.of_account(account, 0, CAMPAIGNS).campaigns


def _places(services: Services, account: Account, link: Link) -> list[tuple[str, str]]:
    """Teams and campaigns that the link can be in; none where there is no choice."""
    teams = {team.id: team.name for team in services.teams.teams.of_account(account)}
    campaigns = _campaigns(services, account)
    if len(teams) < 2 and not campaigns:
        return []
    places = [(f"team:{key}", name) for key, name in teams.items()]
    places += [
        (f"campaign:{row.id}", f"{teams.get(row.team, '')} · {row.name}") for row in campaigns
    ]
    here = _place_of(link)
    return places if here in dict(places) else [*places, (here, "…")]


def _place_of(link: Link) -> str:
    campaign = link.rare.campaign if link.rare is not None else ""
    return f"campaign:{campaign}" if campaign else f"team:{team_of(link)}"


def _field_time(utime: int) -> str:
    return moment(utime).strftime("%Y-%m-%dT%H:%M")


def _utime(text: str) -> int | None:
    """A time of the form in µs, in UTC; None for an empty one."""
    if not text:
        return None
    try:
        read = datetime.fromisoformat(text).replace(tzinfo=UTC)
        return max(0, round(read.timestamp())) * SECOND
    except (ValueError, OverflowError):
        raise errors.INVALID_FIELD("There is no such day.", field="ends") from None


HANDLERS = (edit, save, save_plugin, save_rules, copy_trackers)
