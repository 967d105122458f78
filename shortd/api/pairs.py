"""Parameters as a query or a form has them. Which of them there are, each API says itself."""

from __future__ import annotations

from urllib.parse import parse_qsl

from shortd import errors


def pairs_of(part: bytes, most: int) -> list[tuple[str, str]]:
    """Names and values, in their order. BAD_REQUEST for what is not percent-encoded UTF-8, and for
    more than `most`."""
    try:
        return parse_qsl(
            part.decode(), keep_blank_values=True, errors="strict", max_num_fields=most
        )
    except UnicodeDecodeError:
        message = "The parameters have to be percent-encoded UTF-8."
        raise errors.BAD_REQUEST(message) from None
    except ValueError:
        raise errors.BAD_REQUEST("These are too many parameters.") from None
