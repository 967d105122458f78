"""Hosts, ours and others': short hosts, destinations, and the guard against addresses inside.

It must never let a request of the server's own reach an address that is not public.
"""

from __future__ import annotations

from shortd.hosts.base_paths import NO_PATHS, BasePaths, behind, path_of
from shortd.hosts.hosts import (
    NO_HOST,
    PAGES_HOST,
    Hosts,
    ShortHost,
    known_hosts,
    name_of,
    next_number,
    recall,
    register,
    without_scheme,
)

__all__ = [
    "NO_HOST",
    "NO_PATHS",
    "PAGES_HOST",
    "BasePaths",
    "Hosts",
    "ShortHost",
    "behind",
    "known_hosts",
    "name_of",
    "next_number",
    "path_of",
    "recall",
    "register",
    "without_scheme",
]
