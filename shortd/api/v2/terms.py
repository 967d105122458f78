"""The terms of an entry as v2 takes and shows them: in the calls that make one, and in `set_terms`.

The document's entry has a tag and two ways to expire; the other terms are ours.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from shortd.api.v2.registry import Context, Credentials, Output
from shortd.fields import ClickLimit, HostName, Tag, Utime
from shortd.hosts.destinations import UTM_NAMES
from shortd.links.links import PLAIN_TERMS
from shortd.links.passwords import PASSWORD_CHARACTERS
from shortd.links.qr import QrOptions
from shortd.links.tag_lists import TAG_CHARACTERS, TAGS
from shortd.links.terms import (
    NOTE_CHARACTERS,
    UTM_BYTES,
    WINDOW_MINUTES,
    TermChanges,
    TermsOfNew,
)
from shortd.models.common import NEVER
from shortd.models.links import Forwarding, Link

QrInput = QrOptions | bool | None
"""`qr` of the inputs: options, `true` for the defaults; `false`, null or absence for none."""

TagName = Annotated[str, Meta(min_length=1, max_length=TAG_CHARACTERS)]
Address = Annotated[str, Meta(max_length=16_384, description="A URL; empty for none.")]
ForwardQuery = Annotated[
    Literal["server", "no", "visitor", "link"],
    Meta(
        description="Whether visitors' queries go on, and whose values count; server: as the"
        " settings have it."
    ),
]
Parameter = Annotated[str, Meta(max_length=UTM_BYTES, description="Empty for none.")]


class FurtherTerms(Credentials, frozen=True, kw_only=True):
    """What an entry can be given beside the terms of the document."""

    valid_since: (
        Annotated[Utime, Meta(description="Before it, visits find no link; 0 is no such time.")]
        | UnsetType
    ) = UNSET
    date_fallback: Address | UnsetType = UNSET
    count_fallback: Address | UnsetType = UNSET
    counts_unique: bool | UnsetType = UNSET
    unique_minutes: (
        Annotated[
            int,
            Meta(
                ge=0,
                le=WINDOW_MINUTES,
                description="A visitor's clicks within so long count as one; 0: all count.",
            ),
        ]
        | UnsetType
    ) = UNSET
    password: (
        Annotated[
            str, Meta(max_length=PASSWORD_CHARACTERS, description="For visitors; empty for none.")
        ]
        | UnsetType
    ) = UNSET
    utm_source: Parameter | UnsetType = UNSET
    utm_medium: Parameter | UnsetType = UNSET
    utm_campaign: Parameter | UnsetType = UNSET
    utm_term: Parameter | UnsetType = UNSET
    utm_content: Parameter | UnsetType = UNSET
    title: Annotated[str, Meta(max_length=2048, description="Empty for none.")] | UnsetType = UNSET
    tags: Annotated[list[TagName], Meta(max_length=TAGS)] | UnsetType = UNSET
    archived: (
        Annotated[bool, Meta(description="Left out of lists; it goes on redirecting.")] | UnsetType
    ) = UNSET
    forward_query: ForwardQuery | UnsetType = UNSET
    robots: (
        Annotated[bool | None, Meta(description="Whether search engines may list it.")] | UnsetType
    ) = UNSET
    note: (
        Annotated[str, Meta(max_length=4 * NOTE_CHARACTERS, description="Visitors never see it.")]
        | UnsetType
    ) = UNSET


class NewTerms(FurtherTerms, frozen=True, kw_only=True):
    """What any new entry can be given."""

    expiration_utime: Utime = NEVER
    tag: Tag = 0
    expiration_count: ClickLimit = 0
    host: HostName | None = None
    qr: QrInput = None


class EntryTerms(Output, frozen=True, kw_only=True):
    """All terms of an entry. Of a password, whether there is one."""

    tag: int
    enabled: bool
    valid_since: int
    expiration_utime: int
    date_fallback: str
    expiration_count: int
    count_fallback: str
    counts_unique: bool
    unique_minutes: int
    password: bool
    utm_source: str
    utm_medium: str
    utm_campaign: str
    utm_term: str
    utm_content: str
    title: str
    tags: list[str]
    archived: bool
    forward_query: str
    robots: bool | None
    note: str


_NO_UTM = ("",) * len(UTM_NAMES)
_FURTHER = tuple(
    name for name in FurtherTerms.__struct_fields__ if name not in Credentials.__struct_fields__
)
_further: Callable[[FurtherTerms], tuple[Any, ...]] = attrgetter(*_FURTHER)
_NONE_GIVEN = (UNSET,) * len(_FURTHER)


def given_terms(args: FurtherTerms) -> dict[str, Any]:
    """The further terms that an input has, as `TermChanges` takes them. INVALID_FIELD."""
    values = _further(args)
    if values == _NONE_GIVEN:
        return {}
    given = {
        name: value for name, value in zip(_FURTHER, values, strict=True) if value is not UNSET
    }
    if "archived" in given:
        given["hidden"] = given.pop("archived")
    if "forward_query" in given:
        given["forwarding"] = Forwarding[given.pop("forward_query").upper()]
    if "robots" in given and given["robots"] is None:
        given["robots"] = "server"
    return given


async def terms_of_new(ctx: Context, args: NewTerms) -> TermsOfNew:
    """The terms of an entry to be made. INVALID_FIELD, INVALID_URL, URL_LOOPS, BUSY."""
    given = given_terms(args)
    new = TermsOfNew(PLAIN_TERMS, None)
    if given:
        new = await ctx.services.links.terms.of_new(TermChanges(**given))
    # The document lets an entry have ended at any time, however long before 1970.
    if args.expiration_utime <= ctx.now:
        ctx.warnings.append("expiration_utime has passed: this is ended from the first moment on")
    terms = msgspec.structs.replace(
        new.terms,
        tag=args.tag,
        expiration_utime=args.expiration_utime,
        expiration_count=args.expiration_count,
    )
    return TermsOfNew(terms, new.password)


def shown_terms(link: Link) -> EntryTerms:
    """A link's terms."""
    fields = msgspec.structs.asdict(link.terms)
    utm = zip(UTM_NAMES, fields.pop("utm") or _NO_UTM, strict=True)
    tags = list(fields.pop("tags"))
    password = link.rare is not None and link.rare.password is not None
    fields["archived"] = fields.pop("hidden")
    fields["forward_query"] = fields.pop("forwarding").name.lower()
    return EntryTerms(**fields, **dict(utm), tags=tags, password=password)
