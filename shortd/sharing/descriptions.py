"""What is said of a file before it comes: its name, size and type, as they may be kept."""

from __future__ import annotations

import re

import msgspec

from shortd import errors

NAME_CHARACTERS = 1024
FORBIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069/\\]")
"""What no name of a file may hold: slashes, controls, and what turns the direction of text."""

_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+( *; *[A-Za-z0-9=!#$&^_.+\"-]+)*")


class Description(msgspec.Struct, frozen=True):
    """What a client says of a file before it comes."""

    filename: str
    filesize: int
    """Plain size in bytes."""
    filetype: str


def described(filename: str, filesize: int, filetype: str) -> Description:
    """The same, checked. INVALID_FIELD; `field` is one of these names."""
    filename, filetype = filename.strip(" "), filetype.strip(" ")
    if not filename or filename in (".", "..") or FORBIDDEN.search(filename):
        raise errors.INVALID_FIELD(
            "A file name has no slashes and no control characters.", field="filename"
        )
    if filetype and not _TYPE.fullmatch(filetype):
        raise errors.INVALID_FIELD("This is not a MIME type.", field="filetype")
    return Description(filename, filesize, filetype)
