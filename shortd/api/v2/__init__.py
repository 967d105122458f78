"""ww7 v2: `POST /v2/<call>`, one JSON envelope."""

from __future__ import annotations

from shortd.api.v2 import (
    account_calls,
    box_calls,
    bundle_call,
    explain_call,
    file_calls,
    key_calls,
    link_calls,
    mail_calls,
    multi_call,
    password_calls,
    plugin_calls,
    stats_calls,
    tag_calls,
    term_calls,
)

__all__ = [
    "account_calls",
    "box_calls",
    "bundle_call",
    "explain_call",
    "file_calls",
    "key_calls",
    "link_calls",
    "mail_calls",
    "multi_call",
    "password_calls",
    "plugin_calls",
    "stats_calls",
    "tag_calls",
    "term_calls",
]
