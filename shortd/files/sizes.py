"""A file that is larger than it may be, as its sender is told."""

from __future__ import annotations

from shortd import errors


def too_large(most: int, field: str | None = None) -> errors.ShortdError:
    """FILE_TOO_LARGE for one that may have so many bytes."""
    return errors.FILE_TOO_LARGE(
        "The file is larger than it may be: at most %(most)s bytes.", field=field, most=most
    )
