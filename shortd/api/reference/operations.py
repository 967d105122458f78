"""What the reference says of a call, whichever API it is of: one row for page and documents.

The APIs make these of their own tables (`of_v2`, `of_v1`, `of_sqwish`, `of_put`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum

import msgspec

from shortd.api.reference.examples import Example
from shortd.api.reference.schemas import Schema
from shortd.errors import ErrorKind

JSON = "application/json"
BINARY: Schema = {
    "type": "string",
    "format": "binary",
    "contentMediaType": "application/octet-stream",
    "description": "The file.",
}
_RETRY: Schema = {
    "Retry-After": {
        "description": "Seconds until the same call may succeed.",
        "schema": {"type": "integer"},
    }
}
INT64 = {"type": "integer", "format": "int64"}


class Api(StrEnum):
    """An API, as addresses and tags have it."""

    V2 = "v2"
    V1 = "v1"
    SQWISH = "sqwish"
    PUT = "put"

    @property
    def called(self) -> str:
        """Its name, as people say it."""
        return _CALLED[self]


_CALLED = {
    Api.V2: "ww7 v2",
    Api.V1: "Shorten World v1",
    Api.SQWISH: "sqwish",
    Api.PUT: "Files by PUT",
}


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """A call."""

    api: Api
    name: str
    topic: str
    """What it is about: calls of one topic stand together."""
    path: str
    methods: Sequence[str] = ("POST",)
    summary: str
    access: str
    """What opens it, in words; empty for nothing."""
    weight: str
    """As words: "1000 + 100 per URL"."""
    is_ours: bool
    """No document has it."""
    input: Schema
    """An object: the fields that it takes."""
    output: Schema
    """An object: the fields that it answers, without what all answers have."""
    refusals: Sequence[ErrorKind]
    example: Example
    content: Schema
    """Of its request's body, by media type."""
    responses: Schema
    """By HTTP status."""
    parameters: Sequence[Schema] = ()
    """In its path and headers."""
    query: Sequence[Schema] = ()
    """Parameters of all methods but POST, which has them in its body."""
    security: Sequence[dict[str, list[str]]] = ()

    @property
    def id(self) -> str:
        """What clients call it: `url`, `v1_entity_link_create`, `sqwish_shorten`."""
        name = self.name.replace("/", "_").replace("-", "_")
        return name if self.api is Api.V2 else f"{self.api}_{name}"

    @property
    def tag(self) -> str:
        return f"{self.api} {self.topic}"


class ApiReference(msgspec.Struct, frozen=True, kw_only=True):
    """All of an API."""

    api: Api
    intro: str
    operations: Sequence[Operation]
    components: dict[str, Schema]
    security_schemes: dict[str, Schema] = {}


_TOPICS = {
    "account_calls": "accounts",
    "password_calls": "accounts",
    "mail_calls": "accounts",
    "key_calls": "keys",
    "authen_calls": "tokens",
    "link_calls": "links",
    "tag_calls": "links",
    "term_calls": "links",
    "explain_call": "links",
    "link_term_calls": "links",
    "link_choice_calls": "links",
    "link_tracker_calls": "trackers",
    "tracker_calls": "trackers",
    "file_calls": "files",
    "bundle_call": "files",
    "uploads": "files",
    "box_calls": "boxes",
    "stats_calls": "statistics",
    "link_analytics_call": "statistics",
    "plugin_calls": "plugins",
    "team_calls": "teams",
    "member_calls": "teams",
    "invitation_calls": "teams",
    "campaign_calls": "campaigns",
    "domain_calls": "domains",
    "multi_call": "multi",
}
"""By the module of a call, in the order in which they are told."""


def topic_of(handler: Callable[..., object]) -> str:
    """What a call is about: its module says so."""
    module = handler.__module__.rpartition(".")[2]
    return _TOPICS.get(module, module.removesuffix("_calls").removesuffix("_call"))


def by_topic(operations: Sequence[Operation]) -> list[Operation]:
    """The calls of one topic next to each other, each topic in its place, new ones at the end."""
    topics = [*dict.fromkeys(_TOPICS.values()), *(one.topic for one in operations)]
    return sorted(operations, key=lambda one: topics.index(one.topic))


def pascal(name: str) -> str:
    """`entity/link/create-tracker` as `EntityLinkCreateTracker`."""
    words = name.replace("/", "_").replace("-", "_").split("_")
    return "".join(word[:1].upper() + word[1:] for word in words)


def waits(status: int) -> Schema:
    """What a refusal with this HTTP status has beside its body."""
    return {"headers": _RETRY} if status in (429, 503) else {}


def answers(schema: Schema, description: str) -> Schema:
    """A response with a JSON document."""
    return {"description": description, "content": {JSON: {"schema": schema}}}
