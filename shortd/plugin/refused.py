"""What the server refuses a plugin, in a form that authors can catch and raise."""

from __future__ import annotations

from collections.abc import Mapping

from shortd.errors import CATALOGUE, Sentence, ShortdError

MOST_CHARACTERS = 1000
"""Of a message, and of anything in it."""


def sendable(text: str, most: int = MOST_CHARACTERS) -> str:
    """As much of a plugin's text as is told; half a surrogate pair could not be."""
    return text[:most].encode("utf-8", "replace").decode()


def sentence(message: str, places: Mapping[str, object]) -> Sentence:
    """What a plugin says."""
    told = {name: sendable(one) if isinstance(one, str) else one for name, one in places.items()}
    return Sentence(sendable(message), told)


class Refused(ShortdError):
    """A catalogued refusal, as the API calls have it; nothing was changed.

        try:
            link = await self.links.make(url, account=caller.account, code="news")
        except Refused as refusal:
            said = refusal.message  # refusal.code is "code_taken", refusal.field "code"

    A route that lets it pass, or raises one of its own, is answered with its page or its JSON, and
    that is no failure of the plugin: `raise Refused("forbidden", "This is for admins alone.")`.
    """

    def __init__(
        self, code: str, message: str = "", field: str | None = None, /, **places: object
    ) -> None:
        """`code` is one of the catalogue (docs/api.md); without a message it says the catalogue's.
        `places` are the values of the message's `%(name)s`. ValueError for another code."""
        kind = CATALOGUE.get(code)
        if kind is None:
            raise ValueError(f"{code!r} is no code of the catalogue")
        said = sentence(message or kind.message, places)
        super().__init__(kind, said, None if field is None else sendable(field), None, None)

    @classmethod
    def because(cls, error: ShortdError) -> Refused:
        """The same refusal, for an author."""
        refused = cls(error.code, error.sentence.text, error.field, **error.sentence.places)
        refused.message = error.message
        refused.retry_after = error.retry_after
        return refused
