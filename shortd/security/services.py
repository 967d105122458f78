"""The services of this room, wired."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from shortd.clock import Clock
from shortd.security.guessing import Guessing
from shortd.security.passwords import PasswordHasher
from shortd.security.summed_log import SummedLog


@dataclass(frozen=True)
class SecurityServices:
    """What hashes passwords, how often they may be tried, and what the log is told of that."""

    hasher: PasswordHasher
    guessing: Guessing
    log: SummedLog


def open_security(
    hasher: PasswordHasher, shown: Callable[[str], str], clock: Clock
) -> SecurityServices:
    """Wires them. `shown` makes of an address what the log may have of it."""
    log = SummedLog(shown)
    return SecurityServices(hasher, Guessing(clock, log), log)
