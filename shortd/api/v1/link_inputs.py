"""What the inputs of the calls about links have in common."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Annotated

from msgspec import Meta

from shortd import errors
from shortd.api.v1.inputs import HexId, Input
from shortd.api.v1.times import DATE_FORMAT, parse_date
from shortd.clock import DAY
from shortd.ids import DRAWN_IDS
from shortd.models.common import NEVER

NOTHING = "-"
"""Stands for an empty text, which would leave things as they are: removes what is there."""

LinkText = Annotated[str, Meta(max_length=2048, description="A text on one line.")]
Flag = Annotated[int, Meta(ge=0, le=1, description="0 or 1.")]

_EPOCH = date(1970, 1, 1)
_NAMES = {
    "shorturl": "linkId",
    "link": "linkId",
    "team": "teamId",
    "domain": "domainId",
    "host": "domainId",
    "campaign": "campaignId",
    "utm_source": "utmSource",
    "utm_medium": "utmMedium",
    "utm_campaign": "utmCampaign",
    "utm_term": "utmTerm",
    "utm_content": "utmContent",
    "unique_minutes": "uniqueTime",
    "expiration_utime": "date",
    "valid_since": "startDate",
    "expiration_count": "click",
    "date_fallback": "destinationByDate",
    "count_fallback": "destinationByClick",
    "provider": "trackerId",
    "team_trackers": "teamTrackers",
}
"""What the services call a field, and the document."""
_VARIANT = re.compile(r"data\.variants(?P<place>\[[0-9]+\])?(?:\.(?P<part>url|weight))?.*")
_PARTS = {"url": ".link", "weight": ".percentage", None: ""}
_TOLD = frozenset(
    {
        *(
            "invalid_field",
            "invalid_url",
            "url_loops",
            "destination_blocked",
            "destination_refused",
            "invalid_code",
        ),
        *("unknown_host", "code_reserved"),
    }
)
"""Errors whose message needs the field's name."""


class OneLink(Input, frozen=True, kw_only=True):
    """Base of the inputs of calls about one link."""

    link_id: HexId


def number_of(link_id: str) -> int:
    """The number of a link, by its id. ENTRY_NOT_FOUND if no link can have it."""
    number = int(link_id, 16)
    if number >= DRAWN_IDS:
        raise errors.ENTRY_NOT_FOUND(field="link")
    return number


def emptied(text: str | None) -> str | None:
    """A text as the services take it: None leaves things as they are, an empty one removes."""
    return "" if text == NOTHING else text


def start_of(text: str | None) -> int | None:
    """The moment (Unix time in µs, UTC) at which a day written as dd/MM/yyyy begins; 0 for
    `NOTHING`, None for None. INVALID_FIELD.
    """
    if text is None or text == NOTHING:
        return None if text is None else 0
    return max(0, _days_to(text, "valid_since")) * DAY


def end_of(text: str | None) -> int | None:
    """The moment at which such a day is over; never for `NOTHING`, None for None. INVALID_FIELD."""
    if text is None or text == NOTHING:
        return None if text is None else NEVER
    return max(0, _days_to(text, "expiration_utime") + 1) * DAY


def _days_to(text: str, field: str) -> int:
    """Days from 1970-01-01 to a day written as dd/MM/yyyy."""
    try:
        return (parse_date(text) - _EPOCH).days
    except ValueError:
        raise errors.INVALID_FIELD(f"A day is written {DATE_FORMAT}.", field=field) from None


@contextmanager
def link_errors() -> Iterator[None]:
    """Refusals of the services, with the document's names for things."""
    try:
        yield
    except errors.ShortdError as error:
        if error.kind is errors.ENTRY_NOT_FOUND:
            raise errors.ENTRY_NOT_FOUND("You have no such link.", field="linkId") from None
        field = _name(error.field)
        message = f"{field}: {error.message}" if field and error.code in _TOLD else error.message
        raise error.kind(message, field=field, retry_after=error.retry_after) from None


def _name(field: str | None) -> str | None:
    """The document's name of a field."""
    if field is None:
        return None
    variant = _VARIANT.fullmatch(field)
    if variant is not None:
        return f"testing{variant['place'] or ''}{_PARTS[variant['part']]}"
    if field.startswith("data.trackers"):
        return "code"
    return _NAMES.get(field, field.removeprefix("data."))
