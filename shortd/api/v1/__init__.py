"""Shorten World v1: `POST /v1/authen/*` and `POST /v1/entity/*`, with bearer tokens."""

from __future__ import annotations

from shortd.api.v1 import (
    authen_calls,
    campaign_calls,
    domain_calls,
    invitation_calls,
    link_analytics_call,
    link_calls,
    link_choice_calls,
    link_term_calls,
    link_tracker_calls,
    member_calls,
    team_calls,
    tracker_calls,
)

__all__ = [
    "authen_calls",
    "campaign_calls",
    "domain_calls",
    "invitation_calls",
    "link_analytics_call",
    "link_calls",
    "link_choice_calls",
    "link_term_calls",
    "link_tracker_calls",
    "member_calls",
    "team_calls",
    "tracker_calls",
]
