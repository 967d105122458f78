"""TXT records of the DNS, asked of the machine's own resolver."""

from __future__ import annotations

import asyncio
from importlib import import_module
from typing import Protocol

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
        # 2.6 MB that few servers ever need. A thread loads them: redirects are not to wait.
        await asyncio.to_thread(import_module, "dns.asyncresolver")
        import dns.asyncresolver
        import dns.exception
        import dns.resolver

        try:
            answer = await dns.asyncresolver.Resolver().resolve(name, "TXT", lifetime=SECONDS)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []
        except (dns.exception.DNSException, OSError) as fault:
            raise TimeoutError(f"no answer about {name}") from fault
        return [b"".join(record.strings).decode("utf-8", "replace") for record in answer]
