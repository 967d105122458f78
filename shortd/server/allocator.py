"""What the C library does with memory that is free again."""

from __future__ import annotations

import ctypes
from contextlib import suppress

LARGE_BYTES = 1 << 20
_M_MMAP_THRESHOLD = -3
"""Of mallopt(3)."""


def give_back_large_blocks() -> None:
    """Has blocks of a MiB and more, such as long answers, go back to the system as they are freed.

    glibc otherwise keeps ever larger ones among the small ones that it must not move: what a few
    large answers took stayed with the process. Other C libraries are left as they are.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, LARGE_BYTES)
