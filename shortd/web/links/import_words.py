"""The reasons of an import's report, in the reader's words."""

from __future__ import annotations

from collections.abc import Mapping

from shortd import errors
from shortd.moving import Reason
from shortd.web.forms import Words


def reason_words(words: Words) -> Mapping[str, str]:
    """Why a row was left out, or what of it is not as it was, by the codes of reports."""
    refusals = {code: words(kind.message) for code, kind in errors.CATALOGUE.items()}
    return {
        **refusals,
        errors.INVALID_CODE.code: words("Links here cannot have such an ending."),
        Reason.SCHEME: words("Links lead to http and https alone."),
        Reason.USERINFO: words("There is a user name in the address."),
        Reason.TOO_LONG: words("The address is too long."),
        Reason.URL: words("This is no address."),
        Reason.CODE_TAKEN: words("Another link has this address here."),
        Reason.DOMAIN_ROOT: words("This is the page of a domain, not a link."),
        Reason.UNREADABLE: words("The row cannot be read."),
        Reason.URL_CHANGED: words("The destination is spelled in another way."),
        Reason.TITLE_CHANGED: words("The title was cut, or has lost what cannot be shown."),
        Reason.TAGS_CHANGED: words("The tags are not all as they were."),
        Reason.NOTE_CHANGED: words("The note was cut, or has lost what cannot be shown."),
        Reason.NUMBER_CHANGED: words("A number could not be kept."),
        Reason.TIME_UNREADABLE: words("A time could not be read."),
        Reason.TIME_UNKNOWN: words("When it was made is not known."),
        Reason.CODE_DRAWN: words("Its ending is a new one."),
        Reason.RULES: words("It led elsewhere under conditions that have no place here."),
        Reason.PASSWORD_UNKNOWN: words("Its password is not in the file: the link is off."),
        Reason.PASSWORD_UNUSABLE: words("Its password cannot be checked here: the link is off."),
        Reason.NO_VISITS_ALLOWED: words("It allowed no visits: the link is off."),
        Reason.FALLBACK: words("Where it led once it had ended was left out."),
        Reason.ALIAS: words("Another short link of the same one, which has the clicks."),
        Reason.SECRET: words("Its ending holds the key of a secret link."),
        Reason.NO_PLACE: words("Something of it has no place here; the report says what."),
        "clicks_left_out": words("The link was here before; its clicks stay behind."),
    }
