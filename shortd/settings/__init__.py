"""The settings: what there is, where each comes from, and whether it can be meant.

It must never guess: a setting that is not understood stops the start.
"""

from __future__ import annotations

from shortd.settings.settings import (
    AuthSettings,
    ClickSettings,
    IssuerSettings,
    Limits,
    LimitSettings,
    LinkSettings,
    PluginSettings,
    ProxyAuthSettings,
    ServerSettings,
    Settings,
    StorageSettings,
    WebSettings,
)

__all__ = [
    "AuthSettings",
    "ClickSettings",
    "IssuerSettings",
    "LimitSettings",
    "Limits",
    "LinkSettings",
    "PluginSettings",
    "ProxyAuthSettings",
    "ServerSettings",
    "Settings",
    "StorageSettings",
    "WebSettings",
]
