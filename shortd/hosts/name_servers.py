"""Names that strangers choose, asked of the name servers of /etc/resolv.conf.

Never through the system's resolver: that has four threads for everybody, mail included, and a name
whose servers do not answer keeps one of them for half a minute.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from importlib import import_module
from ipaddress import ip_address
from typing import Any, Literal

ADDRESS_SECONDS = 2.0
"""For all servers and attempts together."""


async def records(name: str, kind: Literal["A", "AAAA", "TXT"], seconds: float) -> Sequence[Any]:
    """The records of a name, as dnspython has that kind; none if there are none. TimeoutError if
    nobody answers.
    """
    # 2.6 MB that few servers ever need. A thread loads them: redirects are not to wait.
    await asyncio.to_thread(import_module, "dns.asyncresolver")
    import dns.asyncresolver
    import dns.exception
    import dns.resolver

    try:
        resolver = dns.asyncresolver.Resolver()
        # So that there is time for another server.
        resolver.timeout = min(resolver.timeout, seconds / 2)
        return list(await resolver.resolve(name, kind, lifetime=seconds))
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
    except (dns.exception.DNSException, OSError) as fault:
        raise TimeoutError(f"no answer about {name}") from fault


async def addresses_of(host: str, port: int) -> list[str]:
    """What a host's name stands for, or the address that it is; the IPv4 ones first.

    Those of one family are enough where nobody answers about the other. TimeoutError.
    """
    try:
        return [str(ip_address(host))]
    except ValueError:
        pass
    # RFC 6761 6.3
    if host == "localhost" or host.endswith(".localhost"):
        return []
    answers = await asyncio.gather(
        records(host, "A", ADDRESS_SECONDS),
        records(host, "AAAA", ADDRESS_SECONDS),
        return_exceptions=True,
    )
    found = [answer for answer in answers if not isinstance(answer, BaseException)]
    if not found:
        raise TimeoutError(f"no answer about {host}")
    return [record.to_text() for answer in found for record in answer]
