"""Inputs derived from the call table: a good one of every call, and bad values of every field.

A call that is added later is tested without a line here, as long as its fields are known by name.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import inspect

from shortd.api.v1.registry import CALLS, Call
from shortd.models.teams import Role
from shortd.testing import RunningApp
from tests.api.v1.people import Client, Json, client

UNKNOWN = "0123456789abcdef01234567"
"""An id of nothing."""
FACEBOOK = "635a1844172e000047005862"
DEFAULT_HOST = "0" * 24
DESTINATION = "http://127.0.0.9/page"
"""No public address: nobody is asked for its title."""
NEEDED = {
    ("entity/link/create-tracker", "code"),
    ("entity/link/create-tracker", "trackerId"),
    ("entity/team/delete", "keepLinks"),
    ("entity/team/tracker/update", "name"),
}
"""Fields that may be absent, but not here."""


class World:
    """An app with a team and all that it has, and inputs for every call about them.

    Ann owns the team, ben is a member; cat has nothing to do with it but an invitation, and offers
    ann a place in a team of her own.
    """

    def __init__(self, app: RunningApp) -> None:
        self.app = app
        self.owner = ann = client(app, "ann")
        self.member = ben = client(app, "ben")
        self.stranger = cat = client(app, "cat")
        self.team = ann.ask("entity/team/create", name="Shop")["team"]["id"]
        ann.hire(self.team, ben)
        self.offered = cat.found("Bakery").id
        offer = cat.ask("entity/team/member/add", teamId=self.offered, member="ann")
        open_place = ann.ask("entity/team/member/add", teamId=self.team, member="cat")
        campaign = ann.ask("entity/campaign/create", teamId=self.team, name="Summer")
        tracker = ann.ask(
            "entity/team/tracker/create",
            teamId=self.team,
            trackerId=FACEBOOK,
            code="121145523322155",
            name="Our pixel",
        )
        claimed = ann.ask("entity/domain/subscribe", teamId=self.team, domainName="go.example.org")
        app.records[claimed["record"]["name"]] = [claimed["record"]["text"]]
        self.link: str = ann.ask(
            "entity/link/create",
            teamId=self.team,
            domainId=DEFAULT_HOST,
            destination=DESTINATION,
        )["linkId"]
        ann.ask(
            "entity/link/create-tracker",
            linkId=self.link,
            type="0",
            code="121145523322155",
            trackerId=FACEBOOK,
        )
        [of_link] = ann.ask("entity/link/tracker/list", linkId=self.link)["linkTracker"]
        self._samples: Json = {
            "username": ann.username,
            "key": ann.key,
            "refreshToken": ann.refresh_token,
            "teamId": self.team,
            "name": "Another name",
            "code": "another-code",
            "member": "dan@nowhere.example",
            "role": "member",
            "userId": ben.userid,
            "invitationId": offer["invitation"]["id"],
            "campaignId": campaign["campaign"]["id"],
            "domainId": claimed["subscription"]["domainId"],
            "ignoreCase": "on",
            "root": DESTINATION,
            "unknown": DESTINATION,
            "ended": DESTINATION,
            "wideCodes": "off",
            "www": "true",
            "domainName": "links.example.org",
            "trackerId": FACEBOOK,
            "teamTrackerId": tracker["teamTracker"]["id"],
            "size": 20,
            "page": 0,
            "keepLinks": True,
            "linkId": self.link,
            "linkTrackerId": of_link["id"],
            "domainIds": DEFAULT_HOST,
            "campaignIds": [campaign["campaign"]["id"]],
            "hidden": "true",
            "search": "page",
            "destination": DESTINATION,
            "noTitle": "false",
            "title": "A page",
            "tags": "one,two",
            "hide": "on",
            "clickType": "1",
            "uniqueTime": 15,
            "password": "238",
            "startDate": "24/12/2022",
            "forwardQuery": "link",
            "robots": "true",
            "note": "For the flyer.",
            "archived": "false",
            "date": "10/10/2031",
            "click": "100",
            "type": "0",
            "teamTrackers": ["all-trackers"],
            "testing": [{"link": DESTINATION, "percentage": "20"}],
            "startTime": "01/01/2021",
            "endTime": "01/01/2031",
        }
        for name in ("ios", "android", "windows", "mobile"):
            self._samples[name] = DESTINATION
        for name in ("destinationByDate", "destinationByClick"):
            self._samples[name] = DESTINATION
        for name in ("utmSource", "utmMedium", "utmCampaign", "utmTerm", "utmContent"):
            self._samples[name] = "mail"
        self._others: dict[str, Json] = {
            "entity/team/invitation/withdraw": {"invitationId": open_place["invitation"]["id"]},
            "entity/link/create": {"domainId": DEFAULT_HOST},
            "entity/link/create-tracker": {"code": "55555"},
            "entity/team/tracker/create": {"code": "55555"},
            "entity/team/tracker/update": {"code": "55555"},
        }

    def good(self, call: Call) -> Json:
        """An input with all required fields, which are right for the owner."""
        return {
            field.encode_name: self.sample(call, field.encode_name)
            for field in fields(call)
            if field.required or (call.name, field.encode_name) in NEEDED
        }

    def sample(self, call: Call, name: str) -> Any:
        """A right value for a field."""
        return {**self._samples, **self._others.get(call.name, {})}[name]

    def admin(self) -> Client:
        """The member, who is an admin from now on."""
        self.owner.ask(
            "entity/team/member/update", teamId=self.team, userId=self.member.userid, role="admin"
        )
        return self.member


def fields(call: Call) -> tuple[inspect.Field, ...]:
    info = inspect.type_info(call.input_type)
    assert isinstance(info, inspect.StructType)
    return info.fields


def each_field() -> Iterator[tuple[Call, inspect.Field]]:
    for call in CALLS.values():
        for field in fields(call):
            yield call, field


def bad_values(of: inspect.Type) -> Iterator[Any]:
    """Values that no reading makes right."""
    match of:
        case inspect.UnionType(types=options):
            for option in options:
                yield from bad_values(option)
        case inspect.Metadata(type=inner):
            yield from bad_values(inner)
        case inspect.IntType(ge=least, le=most):
            yield from (True, False, [], [5], {}, 1.5, "1.5", "x", " 5", "on", 10**400, "5x")
            yield from ("9" * 400, "-", "\0")
            if least is not None:
                yield from (least - 1, str(least - 1))
            if most is not None:
                yield from (most + 1, str(most + 1))
        case inspect.BoolType():
            yield from (5, -1, 0.5, [], {}, "maybe", "2", "\0")
        case inspect.StrType(pattern=pattern, max_length=longest):
            yield from (5, 1.5, True, [], ["x"], {})
            if longest is not None:
                yield "x" * (longest + 1)
            if pattern is not None:
                yield from ("\0", "é" * 24, "x" * 10_000, "g" * 24, "a" * 23, "a" * 24 + "\n")
        case inspect.LiteralType():
            yield from (5, [], {}, "nobody", "\0")
        case inspect.EnumType():
            yield from (5, True, [], {}, Role.MEMBER.upper(), "nobody", "\0")
        case inspect.DateType():
            yield from (5, True, [], {}, "2023-01-01", "32/01/2023", "1/1/23", "x", "\0")
        case inspect.VarTupleType(item_type=item) | inspect.ListType(item_type=item):
            yield from (5, True, {})
            yield from ([value] for value in bad_values(item))
        case inspect.StructType():
            yield from (5, True, [], "x")
        case inspect.NoneType():
            pass
        case _:
            raise AssertionError(f"an input of type {of}")
