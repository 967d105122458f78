"""The API Shorten World v1: `POST /v1/authen/*` and `POST /v1/entity/*`, with bearer tokens."""

from __future__ import annotations

# Importing a module of calls enters them into the table, in this order.
from shortd.api.v1 import authen_calls, team_calls

__all__ = ["authen_calls", "team_calls"]
