"""TXT records of the DNS, asked of the machine's own resolver."""

from __future__ import annotations

from typing import Protocol

from shortd.hosts.name_servers import records

SECONDS = 5.0
"""For all servers and attempts together."""


class TxtRecords(Protocol):
    """Where TXT records come from; a test's own knows no network."""

    async def of(self, name: str) -> list[str]:
        """The records of a name, the strings of each joined. Empty where there are none.

        TimeoutError if nobody answers.
        """
        ...


class SystemTxtRecords:
    """Asks the servers of /etc/resolv.conf."""

    async def of(self, name: str) -> list[str]:
        return [
            b"".join(record.strings).decode("utf-8", "replace")
            for record in await records(name, "TXT", SECONDS)
        ]
