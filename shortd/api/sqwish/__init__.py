"""sqwish: `GET /shorten|stats|ips.{json,xml}`, for shell scripts and old apps."""

from __future__ import annotations

from shortd.api.sqwish import calls

__all__ = ["calls"]
