"""What receivers are told: CloudEvents 1.0 in structured mode.

No credential must ever be in them: accounts have ids of their own there, as the userid of a
temporary one signs in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from shortd.plugin import Account, File, Link, SignIn, Visit
from shortd_webhooks.data import Kind

CONTENT_TYPE = "application/cloudevents+json"
Shown = Callable[[str], str]
"""The id of an account, of its userid."""

_NEVER = next(
    field.default for field in msgspec.structs.fields(Link) if field.name == "expiration_utime"
)


def body(
    kind: Kind, event: str, utime: int, source: str, subject: str, data: Mapping[str, Any]
) -> bytes:
    """An event."""
    return msgspec.json.encode(
        {
            "specversion": "1.0",
            "id": event,
            "source": source,
            "type": f"shortd.{kind}",
            "subject": subject,
            "time": time_text(utime),
            "datacontenttype": "application/json",
            "data": data,
        }
    )


def of_link(link: Link, shown: Shown) -> dict[str, Any]:
    ends = link.expiration_utime
    return {
        "id": str(link.id),
        "short_url": link.short_url,
        "code": link.code,
        "url": link.url,
        "is_file": link.is_file,
        "title": link.title,
        "tags": list(link.tags),
        "enabled": link.enabled,
        "created": time_text(link.utime),
        "ends": None if ends == _NEVER else time_text(ends),
        "most_clicks": link.expiration_count or None,
        "owner": shown(link.owner),
    }


def of_change(link: Link, before: Link, shown: Shown) -> dict[str, Any]:
    """The link, and what it was where it was something else."""
    now, then = of_link(link, shown), of_link(before, shown)
    return {"link": now, "before": {name: then[name] for name in now if now[name] != then[name]}}


def of_click(visit: Visit, choice: str, *, with_address: bool) -> dict[str, Any]:
    """What is kept of a click; of whoever asks not to be tracked, no more than that there was one
    and from which country."""
    told: dict[str, Any] = {
        "choice": choice,
        "is_qr": visit.is_qr,
        "country": visit.country,
    }
    if not visit.do_not_track:
        told |= {
            "referrer": visit.referrer,
            "user_agent": visit.user_agent,
            "language": visit.accept_language,
        }
        if with_address:
            told["address"] = visit.address
    return told


def of_file(file: File) -> dict[str, Any]:
    return {
        "filename": file.filename,
        "size": file.filesize,
        "type": file.filetype,
        "encrypted": file.encrypted,
    }


def of_account(account: Account, shown: Shown) -> dict[str, Any]:
    return {
        "id": shown(account.userid),
        "type": account.type,
        "username": account.username,
        "email": account.email,
        "created": time_text(account.utime),
    }


def of_sign_in(sign_in: SignIn) -> dict[str, Any]:
    return {
        "how": sign_in.how,
        "address": sign_in.address,
        "user_agent": sign_in.user_agent,
    }


def time_text(utime: int) -> str:
    """A time as RFC 3339 has it. Of what lies outside all calendars, the nearest that does not."""
    try:
        told = datetime.fromtimestamp(utime // 1_000_000, UTC).replace(
            microsecond=utime % 1_000_000
        )
    except (ValueError, OverflowError, OSError):
        told = (datetime.max if utime > 0 else datetime.min).replace(tzinfo=UTC)
    return told.isoformat().replace("+00:00", "Z")
