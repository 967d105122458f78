"""What a call may be refused for: errors of the catalogue, by its fields and by what it does.

No list can be derived of code, so these are written down, as far as possible once for a field and
not for every call that has it. Tests hold every refusal that they are given against them.
"""

from __future__ import annotations

from collections.abc import Iterable

from shortd import errors
from shortd.api.caller import Keyed
from shortd.api.reference.schemas import Schema
from shortd.errors import ErrorKind

ANY_CALL = (
    errors.BAD_REQUEST,
    errors.METHOD_NOT_ALLOWED,
    errors.BODY_TOO_LARGE,
    errors.ANSWER_TOO_LARGE,
    errors.RATE_LIMITED,
    errors.BUSY,
    errors.STORAGE_FULL,
    errors.INTERNAL,
)
"""Any call of any API may answer these."""

_ACCOUNT = (
    errors.BAD_CREDENTIALS,
    errors.TOKEN_REQUIRED,
    errors.ACCOUNT_EXPIRED,
    errors.ACCOUNT_LOCKED,
    errors.SECOND_FACTOR_REQUIRED,
)
V1_BEARER = (
    errors.TOKEN_REQUIRED,
    errors.BAD_CREDENTIALS,
    errors.ACCOUNT_LOCKED,
    errors.SCOPE_REQUIRED,
)
SQWISH_KEY = (
    errors.BAD_CREDENTIALS,
    errors.LOGIN_LIMITED,
    errors.ACCOUNT_LOCKED,
    errors.SCOPE_REQUIRED,
)
FORM = (
    errors.BAD_FORM,
    errors.BAD_FILE,
    errors.CREDENTIALS_FIRST,
    errors.FILE_TOO_LARGE,
    errors.QUOTA_EXCEEDED,
)
"""Of calls that take a file."""

KEYED: dict[Keyed, tuple[ErrorKind, ...]] = {
    Keyed.IGNORED: (),
    Keyed.ONCE: (
        errors.INVALID_IDEMPOTENCY_KEY,
        errors.IDEMPOTENCY_KEY_IN_USE,
        errors.IDEMPOTENCY_KEY_REUSED,
        errors.IDEMPOTENCY_KEYS_LIMITED,
    ),
    Keyed.REFUSED: (errors.IDEMPOTENCY_KEY_REFUSED,),
}
"""By what the header `Idempotency-Key` means to a call."""

_DESTINATION = (
    errors.INVALID_URL,
    errors.URL_LOOPS,
    errors.DESTINATION_BLOCKED,
    errors.DESTINATION_REFUSED,
)
_PLACE = (errors.INVALID_CODE, errors.CODE_RESERVED, errors.CODE_TAKEN)
_MADE = (*_DESTINATION, errors.QUOTA_EXCEEDED)
_PASSWORD = (errors.BAD_CREDENTIALS, errors.LOGIN_LIMITED)
_LOGIN = (
    *_PASSWORD,
    errors.ACCOUNT_LOCKED,
    errors.PASSWORD_OFF,
    errors.SECOND_FACTOR_REQUIRED,
    errors.WRONG_CODE,
)
_LOOKED_UP = (
    errors.LINK_NOT_FOUND,
    errors.LINK_EXPIRED,
    errors.LINK_HELD,
    errors.LINK_PROTECTED,
    errors.NOT_A_FILE,
)
_CHANGED = (errors.ENTRY_NOT_FOUND, errors.FORBIDDEN)
_NEW_TEAM = (errors.TEAM_CODE_TAKEN, errors.QUOTA_EXCEEDED)

_BY_FIELD: dict[str, tuple[ErrorKind, ...]] = {
    "userid": _ACCOUNT,
    "url": _DESTINATION,
    "urls": _DESTINATION,
    "date_fallback": _DESTINATION,
    "code": _PLACE,
    "host": (errors.UNKNOWN_HOST,),
    "filekey": (errors.UPLOAD_NOT_FOUND,),
    "plugin": (errors.UNKNOWN_PLUGIN,),
    "teamId": (errors.TEAM_NOT_FOUND,),
    "linkId": (errors.ENTRY_NOT_FOUND,),
    "campaignId": (errors.CAMPAIGN_NOT_FOUND,),
    "domainId": (errors.DOMAIN_NOT_FOUND,),
    "trackerId": (errors.TRACKER_NOT_FOUND,),
    "teamTrackerId": (errors.TRACKER_NOT_FOUND,),
    "linkTrackerId": (errors.TRACKER_NOT_FOUND,),
    "invitationId": (errors.INVITATION_NOT_FOUND,),
    "destination": _DESTINATION,
    "destinationByDate": _DESTINATION,
}
"""Of calls of ww7 v2 and Shorten World v1 that take this field."""

_BY_CALL: dict[str, tuple[ErrorKind, ...]] = {
    "temporary_account": (errors.SIGNUP_CLOSED, errors.QUOTA_EXCEEDED),
    "signup": (
        *(errors.SIGNUP_CLOSED, errors.EMAIL_TAKEN, errors.USERNAME_TAKEN),
        *(errors.BAD_CREDENTIALS, errors.ACCOUNT_EXPIRED, errors.PASSWORD_OFF),
    ),
    "login": _LOGIN,
    "logout": (errors.NOT_REGISTERED,),
    "verify_email": (errors.NOT_REGISTERED, errors.ALREADY_VERIFIED, errors.MAIL_LIMITED),
    "forgot_password": (errors.MAIL_LIMITED, errors.PASSWORD_OFF),
    "reset_password": (*_LOGIN, errors.WRONG_CODE),
    "change_password": (errors.NOT_REGISTERED, errors.PROOF_REQUIRED, *_LOGIN),
    "create_api_key": (errors.NOT_REGISTERED, errors.QUOTA_EXCEEDED),
    "delete_api_key": (errors.KEY_NOT_FOUND,),
    "url": (errors.QUOTA_EXCEEDED, errors.FORBIDDEN),
    "urls": (errors.QUOTA_EXCEEDED,),
    "change_shorturl": (*_CHANGED, *_PLACE, errors.UNKNOWN_HOST, errors.QUOTA_EXCEEDED),
    "set_enabled": (*_CHANGED, errors.DESTINATION_BLOCKED, errors.DESTINATION_REFUSED),
    "set_tag": _CHANGED,
    "set_expiration_count": _CHANGED,
    "set_terms": (*_CHANGED, errors.QUOTA_EXCEEDED),
    "delete": _CHANGED,
    "get_entry": (errors.ENTRY_NOT_FOUND,),
    "explain": (errors.ENTRY_NOT_FOUND,),
    "file": (errors.FORBIDDEN,),
    "file_part_initialize": (errors.FILE_TOO_LARGE, errors.QUOTA_EXCEEDED),
    "file_part_finalize": (errors.BAD_FILE, errors.QUOTA_EXCEEDED, errors.FORBIDDEN),
    "bundle": (errors.BAD_FILE, errors.QUOTA_EXCEEDED, errors.FORBIDDEN),
    "get_signature": _LOOKED_UP,
    "get_protected_file_info": (*_LOOKED_UP, errors.WRONG_CHALLENGE, errors.LOGIN_LIMITED),
    "create_box": (
        *(errors.NOT_ALLOWED, errors.NOT_REGISTERED, errors.QUOTA_EXCEEDED, errors.FORBIDDEN),
    ),
    "list_box": (errors.ENTRY_NOT_FOUND, errors.BOX_NOT_FOUND),
    "close_box": (errors.ENTRY_NOT_FOUND, errors.BOX_NOT_FOUND),
    "get_stats": (errors.ENTRY_NOT_FOUND,),
    "export_stats": (errors.ENTRY_NOT_FOUND,),
    "set_plugin": (*_CHANGED, *_DESTINATION, errors.PLUGIN_FAILED, errors.QUOTA_EXCEEDED),
    "get_plugin": (errors.ENTRY_NOT_FOUND, errors.PLUGIN_FAILED),
    "get_panels": (errors.ENTRY_NOT_FOUND,),
    "authen/token": (*_PASSWORD, errors.ACCOUNT_LOCKED),
    "authen/refresh-token": (errors.BAD_CREDENTIALS, errors.ACCOUNT_LOCKED),
    "entity/team/create": _NEW_TEAM,
    "entity/team/update": (errors.FORBIDDEN, errors.TEAM_CODE_TAKEN),
    "entity/team/delete": (errors.FORBIDDEN, errors.OWN_TEAM, errors.TEAM_NOT_EMPTY),
    "entity/team/member/add": (
        *(errors.FORBIDDEN, errors.OWN_TEAM, errors.ACCOUNT_NOT_FOUND, errors.ALREADY_MEMBER),
        errors.QUOTA_EXCEEDED,
    ),
    "entity/team/member/update": (
        *(errors.FORBIDDEN, errors.OWN_TEAM, errors.MEMBER_NOT_FOUND, errors.LAST_OWNER),
    ),
    "entity/team/member/remove": (
        *(errors.FORBIDDEN, errors.OWN_TEAM, errors.MEMBER_NOT_FOUND, errors.LAST_OWNER),
        errors.QUOTA_EXCEEDED,
    ),
    "entity/team/invitation/accept": (errors.ALREADY_MEMBER, errors.QUOTA_EXCEEDED),
    "entity/team/invitation/withdraw": (errors.FORBIDDEN,),
    "entity/campaign/create": (
        *(errors.FORBIDDEN, errors.CAMPAIGN_CODE_TAKEN, errors.QUOTA_EXCEEDED),
    ),
    "entity/campaign/update": (errors.FORBIDDEN, errors.CAMPAIGN_CODE_TAKEN),
    "entity/campaign/delete": (errors.FORBIDDEN,),
    "entity/domain/subscribe": (errors.FORBIDDEN, errors.DOMAIN_TAKEN, errors.QUOTA_EXCEEDED),
    "entity/domain/verify": (errors.FORBIDDEN, errors.DOMAIN_TAKEN, errors.DOMAIN_UNPROVEN),
    "entity/domain/update": (errors.FORBIDDEN, *_DESTINATION),
    "entity/domain/unsubscribe": (errors.FORBIDDEN,),
    "entity/team/tracker/create": (errors.FORBIDDEN, errors.QUOTA_EXCEEDED),
    "entity/team/tracker/update": (errors.FORBIDDEN,),
    "entity/team/tracker/delete": (errors.FORBIDDEN,),
    "entity/link/create": (errors.FORBIDDEN, errors.QUOTA_EXCEEDED),
    "entity/link/update": (errors.FORBIDDEN, *_PLACE, errors.QUOTA_EXCEEDED),
    "entity/link/delete": (errors.FORBIDDEN,),
    "entity/link/redirect": (errors.FORBIDDEN, errors.QUOTA_EXCEEDED),
    "entity/link/redirect-mobile": (
        *(errors.FORBIDDEN, *_DESTINATION, errors.PLUGIN_FAILED, errors.UNKNOWN_PLUGIN),
        errors.QUOTA_EXCEEDED,
    ),
    "entity/link/testing": (
        *(errors.FORBIDDEN, *_DESTINATION, errors.PLUGIN_FAILED, errors.UNKNOWN_PLUGIN),
        errors.QUOTA_EXCEEDED,
    ),
    "entity/link/expiration": (errors.FORBIDDEN, errors.QUOTA_EXCEEDED),
    "entity/link/password": (errors.FORBIDDEN, errors.QUOTA_EXCEEDED),
    "entity/link/remove-password": (errors.FORBIDDEN,),
    "entity/link/create-tracker": (
        *(errors.FORBIDDEN, errors.PLUGIN_FAILED, errors.UNKNOWN_PLUGIN, errors.QUOTA_EXCEEDED),
    ),
    "entity/link/delete-tracker": (
        *(errors.FORBIDDEN, errors.ENTRY_NOT_FOUND, errors.PLUGIN_FAILED, errors.UNKNOWN_PLUGIN),
    ),
    "find_entry": (*_DESTINATION, errors.ENTRY_NOT_FOUND),
    "put": (
        *(errors.BAD_CREDENTIALS, errors.LOGIN_LIMITED, errors.ACCOUNT_LOCKED),
        *(errors.SCOPE_REQUIRED, errors.FORBIDDEN, errors.SIGNUP_CLOSED, errors.QUOTA_EXCEEDED),
        *(errors.FILE_TOO_LARGE, errors.BAD_FILE, errors.UNKNOWN_HOST, *_PLACE),
    ),
    "shorten": (*_DESTINATION, *_PLACE, errors.QUOTA_EXCEEDED),
    "upload": (*FORM, errors.INVALID_CODE, errors.CODE_RESERVED, errors.CODE_TAKEN),
    "stats": (errors.ENTRY_NOT_FOUND, *_PASSWORD),
    "ips": (errors.ENTRY_NOT_FOUND, *_PASSWORD),
}

# What a field of this name means elsewhere.
_OTHERWISE = {
    *((name, "code") for name in ("entity/team/create", "entity/team/update")),
    *((name, "code") for name in ("entity/campaign/create", "entity/campaign/update")),
    *((name, "code") for name in ("entity/team/tracker/create", "entity/team/tracker/update")),
    *((name, "code") for name in ("entity/link/create-tracker", "stats", "ips")),
    ("signup", "userid"),
}


def key_parameter(keyed: Keyed) -> list[Schema]:
    """The header, of calls that take it."""
    if keyed is not Keyed.ONCE:
        return []
    return [
        {
            "name": "Idempotency-Key",
            "in": "header",
            "required": False,
            "description": "Has what is asked for done once, and the same answered for a day.",
            "schema": {"type": "string", "minLength": 1, "maxLength": 255},
        }
    ]


def refusals_of(name: str, schema: Schema, more: Iterable[ErrorKind]) -> list[ErrorKind]:
    """What a call with these fields may be refused for, `more` among it, in the catalogue's order;
    without what any call may."""
    fields = schema.get("properties", {})
    found = {*more, *_BY_CALL.get(name, ())}
    if fields:
        found.add(errors.INVALID_FIELD)
    # Some fields are needed by others.
    if len(fields) > 1 or schema.get("required"):
        found.add(errors.MISSING_FIELD)
    for field in fields:
        if (name, field) not in _OTHERWISE:
            found.update(_BY_FIELD.get(field, ()))
    return [kind for kind in errors.CATALOGUE.values() if kind in found and kind not in ANY_CALL]
