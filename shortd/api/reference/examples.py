"""Examples of calls: inputs that mean what they say, as a shell and a program would send them.

What is everybody's own, such as a token or the id of a team, is a variable of the environment, so
that an example can be run as it stands. Everything else comes from the types (`Meta.examples`). An
example must never have a value that only looks like one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from shortd.api.reference.schemas import REF, Schema

VARIABLES: dict[str, tuple[str, str]] = {
    "EMAIL": ("ann@example.com", "The e-mail address of your account, as you choose it."),
    "PASSWORD": (
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "64 hex digits that are made of your password: `printf %s secret | sha256sum`.",
    ),
    "NEW_PASSWORD": (
        "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752",
        "The same of another password.",
    ),
    "CODE": ("9f0c48d2bb15d09b12e7881869b570bc", "From the mail that `forgot_password` sends."),
    "USERID": ("FeJr3QgHeHe9D0kAxBBBo9lBidVhrRaU", "Of your account: `signup` answers it."),
    "TOKEN": ("8hSdMgDzTDXNW0Texqbq7JDcH5hOE0Z4", "From `signup` or `login`."),
    "API_KEY": ("4u2lqk0c8s7wz1m5e9x3b6vtdyh8ranf", "From `create_api_key`."),
    "KEY_ID": ("0cb7a3738735c70406b232e4", "The `id` of a key in `list_api_keys`."),
    "SHORTURL": ("https://s.example/D4AyPm", "Of an entry of yours: `url` answers it."),
    "NEW_SHORTURL": ("https://s.example/fanciest", "As you would like it."),
    "ENCRYPTED": ("https://s.example/aB3dE5", "The short URL of an encrypted file."),
    "CHALLENGE": (
        "284932ca2ea3595cf6d106ef51ca3826",
        "That file's signature, decrypted with its password.",
    ),
    "BOX": ("https://s.example/xY7zW9", "The short URL of a box of yours: `create_box`."),
    "FILEKEY": ("LcZJXWn7nYxUFTxzsJ9pDWTDZKF8IFXc", "From `file_part_initialize`."),
    "USERNAME": ("ann", "Of your account."),
    "ACCESS_TOKEN": ("NfO45J4CAUmNmRajUbTBcNP64www8I5FLxI1KPQIDu6", "From `authen/token`."),
    "REFRESH_TOKEN": ("vHg5Xwi2nnrprmW4ikqlcX3X7lJH8mJ8MlwCndLtSdA", "From `authen/token`."),
    "TEAM_ID": ("286bf62de14508a0db2908f5", "From `entity/team/list`."),
    "MEMBER": ("ben", "The username or e-mail address of somebody else."),
    "MEMBER_ID": ("c99tioGtVFaoZ1GIX0FK38jpHsN7rKPr", "From `entity/team/member/list`."),
    "INVITATION_ID": ("890516b1d00d4978e17bfb09", "From `entity/team/invitation/list`."),
    "CAMPAIGN_ID": ("5b0c8e1f2a3d4c5b6a798801", "From `entity/campaign/list`."),
    "DOMAIN": ("go.example.org", "A name of your own."),
    "DOMAIN_ID": ("0" * 24, "From `entity/domain/subscriptions`."),
    "LINK_ID": ("0000000000000004eca6b8cf", "From `entity/link/list`."),
    "LINK_TRACKER_ID": ("77aa09c4c1d24e5fb0c8e101", "From `entity/link/tracker/list`."),
    "TEAM_TRACKER_ID": ("93bd10c4c1d24e5fb0c8e102", "From `entity/team/tracker/list`."),
    "SHORT_CODE": ("hello", "The code of a link: what stands behind the host."),
}
"""What a caller has of his own: what it looks like, and where it comes from."""

_BY_FIELD = {
    **{name: name.upper() for name in ("email", "password", "userid", "token", "shorturl")},
    **{name: name.upper() for name in ("filekey", "challenge", "username", "member")},
    "username_email": "EMAIL",
    "password_new": "NEW_PASSWORD",
    "unique_code": "CODE",
    "shorturl_old": "SHORTURL",
    "shorturl_new": "NEW_SHORTURL",
    "key": "API_KEY",
    "refreshToken": "REFRESH_TOKEN",
    "teamId": "TEAM_ID",
    "userId": "MEMBER_ID",
    "invitationId": "INVITATION_ID",
    "campaignId": "CAMPAIGN_ID",
    "domainId": "DOMAIN_ID",
    "domainName": "DOMAIN",
    "linkId": "LINK_ID",
    "linkTrackerId": "LINK_TRACKER_ID",
    "teamTrackerId": "TEAM_TRACKER_ID",
}
"""Of every call that takes a field of this name, unless `_OWN` says otherwise."""

_URL = "https://example.com/"
_OWN: dict[str, dict[str, Any]] = {
    "set_terms": {"title": "Our shop", "tags": ["shop", "spring"]},
    "get_entries": {"count": 10},
    "delete_api_key": {"id": "$KEY_ID"},
    "get_stats": {"dimensions": ["country", "device"]},
    "set_plugin": {"plugin": "ab", "data": {"variants": [{"url": f"{_URL}b", "weight": 50}]}},
    "get_plugin": {"plugin": "ab"},
    "explain": {"visitor": {"country": "NL", "do_not_track": True}},
    "bundle": {
        "entries": [
            {"path": "trip/note.txt", "filesize": 3},
            {"path": "trip/more.txt", "filesize": 2},
        ]
    },
    "get_signature": {"shorturl": "$ENCRYPTED"},
    "get_protected_file_info": {"shorturl": "$ENCRYPTED"},
    "list_box": {"shorturl": "$BOX"},
    "close_box": {"shorturl": "$BOX"},
    "multi": {
        "call_queries": [
            {"type": "temporary_account", "broadcast": True},
            {"type": "url", "input": {"url": _URL}},
        ]
    },
    "entity/team/update": {"name": "The shop"},
    "entity/team/member/update": {"role": "admin"},
    "entity/campaign/update": {"name": "Autumn"},
    "entity/campaign/create": {"name": "Summer"},
    "entity/domain/update": {"ignoreCase": True},
    "entity/team/tracker/create": {
        "trackerId": "635a1844172e000047005862",
        "code": "121145523322155",
        "name": "Our pixel",
    },
    "entity/team/tracker/update": {"name": "Another pixel"},
    "entity/link/list": {"size": 20, "search": "example"},
    "entity/link/create": {"noTitle": True},
    "entity/link/update": {"title": "Our shop", "tags": ["shop", "spring"]},
    "entity/link/redirect": {"destination": _URL, "utmSource": "mail"},
    "entity/link/redirect-mobile": {"ios": f"{_URL}ios", "android": f"{_URL}android"},
    "entity/link/testing": {"testing": [{"link": f"{_URL}b", "percentage": 20}]},
    "entity/link/expiration": {"date": "31/12/2031", "destinationByDate": f"{_URL}over"},
    "entity/link/password": {"password": "open sesame"},
    "entity/link/create-tracker": {
        "type": 0,
        "code": "121145523322155",
        "trackerId": "635a1844172e000047005862",
    },
    "stats": {"code": "$SHORT_CODE"},
    "ips": {"code": "$SHORT_CODE", "limit": 10},
}
"""Fields that an example shows beside the required ones, and values that no type knows."""

_SHOWN = ("token",)
"""Shown wherever a call takes them."""


class Example(msgspec.Struct, frozen=True, kw_only=True):
    """An example of a call."""

    input: dict[str, Any]
    """Its fields; `$NAME` stands for a variable."""
    curl: str
    python: str

    @property
    def literal(self) -> dict[str, Any]:
        """The input with what variables look like."""
        put: dict[str, Any] = _with(
            self.input, {f"${n}": look for n, (look, _) in VARIABLES.items()}
        )
        return put


def input_of(name: str, schema: Schema, components: Mapping[str, Schema]) -> dict[str, Any]:
    """The fields of an example. LookupError for one that has no value."""
    own, required = _OWN.get(name, {}), schema.get("required", ())
    return {
        field: own[field] if field in own else _value(field, one, components)
        for field, one in schema.get("properties", {}).items()
        if field in required or field in _SHOWN or field in own
    }


def _value(field: str, schema: Schema, components: Mapping[str, Schema]) -> object:
    if field in _BY_FIELD:
        return f"${_BY_FIELD[field]}"
    while "$ref" in schema:
        schema = components[schema["$ref"].removeprefix(REF)]
    if "examples" in schema:
        return schema["examples"][0]
    if "enum" in schema:
        return schema["enum"][0]
    if schema.get("type") == "array":
        return [_value("", schema["items"], components)]
    if schema.get("type") == "boolean":
        return True
    raise LookupError(f"the type of {field} has no example")


def _with(value: Any, places: Mapping[str, Any]) -> Any:
    if isinstance(value, dict):
        return {name: _with(inner, places) for name, inner in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_with(inner, places) for inner in value]
    return places.get(value, value) if isinstance(value, str) else value
