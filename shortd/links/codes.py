"""Which codes links may have: the one place that decides.

Ordinary codes are those of each API. Wide ones (`link_codes`) are for operators and importers, and
for accounts on hosts whose settings allow it. Whether a code is taken is told by the links, in the
transaction that makes one.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from shortd import errors
from shortd.hosts import Hosts, ShortHost
from shortd.link_codes import MOST_BYTES, composed, is_reachable
from shortd.links.addresses import CODE_PATTERN


class Codes:
    """Checks codes."""

    def __init__(self, hosts: Hosts) -> None:
        self._hosts = hosts
        self.is_own: Callable[[str], bool] | None = None
        """Whether the server itself answers at a path, told by what routes requests. Whoever makes
        links sets it before."""

    def allows(self, host: ShortHost) -> bool:
        """Whether accounts may have wide codes on a host."""
        return self._hosts.options_of(host.number).wide_codes

    def check(
        self,
        code: str,
        host: ShortHost,
        *,
        wide: bool = False,
        ordinary: re.Pattern[str] = CODE_PATTERN,
        refusal: errors.ShortdError | None = None,
        field: str = "code",
    ) -> str:
        """The code as it is kept, for a link on a host.

        `wide` is the permission of operators and importers; without it, only a host that allows
        them has codes that are not `ordinary`. INVALID_CODE, or `refusal` for what is not ordinary
        where it has to be; CODE_RESERVED for an address of the server's own.
        """
        if ordinary.fullmatch(code):
            return code
        if not (wide or self.allows(host)):
            raise refusal or errors.INVALID_CODE(field=field)
        kept = composed(code)
        if kept is None:
            raise errors.INVALID_CODE(
                "A code has 1 to %(most)s bytes of UTF-8 and no control characters.",
                field=field,
                most=MOST_BYTES,
            )
        if not is_reachable(kept):
            raise errors.INVALID_CODE(
                "Browsers take “.” and “..” between slashes out of addresses.", field=field
            )
        if CODE_PATTERN.fullmatch(kept):
            return kept
        assert self.is_own is not None, "nobody has told which addresses are the server's own"
        if self.is_own(f"/{kept}"):
            raise errors.CODE_RESERVED(field=field)
        return kept
