"""The settings: what there is, where each comes from, and whether it can be meant.

It must never guess: a setting that is not understood stops the start.
"""

from __future__ import annotations

from shortd.settings.settings import (
    ClickSettings,
    Limits,
    LimitSettings,
    LinkSettings,
    PluginSettings,
    ServerSettings,
    Settings,
    WebSettings,
)

__all__ = [
    "ClickSettings",
    "LimitSettings",
    "Limits",
    "LinkSettings",
    "PluginSettings",
    "ServerSettings",
    "Settings",
    "WebSettings",
]
