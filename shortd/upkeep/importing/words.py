"""The reasons of a report, in words."""

from __future__ import annotations

from collections.abc import Mapping

from shortd.moving import Reason

_WORDS: Mapping[Reason, str] = {
    Reason.SCHEME: "links lead to http and https alone",
    Reason.USERINFO: "the URL has a user name in it",
    Reason.TOO_LONG: "the URL is too long",
    Reason.URL: "this is no URL",
    Reason.CODE_TAKEN: "another link has this address",
    Reason.DOMAIN_ROOT: "this is the page of a domain, not a link",
    Reason.UNREADABLE: "the row cannot be read",
    Reason.URL_CHANGED: "the URL is spelled in another way",
    Reason.TITLE_CHANGED: "the title was cut, or has lost what cannot be shown",
    Reason.TAGS_CHANGED: "the tags are not all as they were",
    Reason.NOTE_CHANGED: "the note was cut, or has lost what cannot be shown",
    Reason.NUMBER_CHANGED: "a number could not be kept",
    Reason.TIME_UNREADABLE: "a time could not be read",
    Reason.TIME_UNKNOWN: "when it was made is not known",
    Reason.CODE_DRAWN: "its code is a new one",
    Reason.RULES: "rules have no place here",
    Reason.PASSWORD_UNKNOWN: "its password is not in the source: it is off",
    Reason.PASSWORD_UNUSABLE: "its password cannot be checked here: it is off",
    Reason.NO_VISITS_ALLOWED: "it allowed no visits: it is off",
    Reason.FALLBACK: "where it led once it had ended was left out",
    Reason.ALIAS: "another short URL of the same link, which has the clicks",
    Reason.SECRET: "the code holds the key of a secret link",
    Reason.HELD: "it is held until the operator has looked at it",
    Reason.NO_PLACE: "something has no place here",
}


def in_words(reason: Reason, text: str) -> str:
    """A reason in English; `text` says more of it."""
    words = _WORDS[reason]
    return f"{words} ({text})" if text else words
