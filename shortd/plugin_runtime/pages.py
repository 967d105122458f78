"""Pages of plugins, checked before they are sent: what they hold and what they may load.

The Content-Security-Policy is made here, from parts that are checked one by one: nothing a plugin
answers can widen it beyond the origins that it names.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from shortd.plugin.types import CHOICE_PATTERN, Interstitial
from shortd.plugin_runtime.guard import GuardedCall

PAGE_BYTES = 1 << 20
"""The largest page a plugin may answer with, in UTF-8."""

_ORIGIN = re.compile(r"https://(\*\.)?[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?", re.ASCII)
REFERRER_POLICIES = frozenset(
    ("no-referrer", "origin", "same-origin", "strict-origin", "strict-origin-when-cross-origin")
)
"""Those that never show the path of a link to another site."""


class Page(NamedTuple):
    """A checked interstitial."""

    body: bytes
    policy: str
    """Its Content-Security-Policy."""
    referrer_policy: str
    choice: str = ""
    """"plugin:choice" as a click keeps it; empty if there is none."""


def full_choice(name: str, choice: str) -> str:
    """A plugin's choice as a click keeps it. ValueError for what is none."""
    if not choice:
        return ""
    if not CHOICE_PATTERN.fullmatch(choice):
        raise ValueError("a choice is up to 32 of a-z, 0-9, - and _")
    return f"{name}:{choice}"


def checked_page(call: GuardedCall, page: Interstitial, nonce: str) -> Page | None:
    """The page as it is sent; None, counted as a failure, if it cannot be."""
    try:
        return _page(page, nonce, call.guard.name)
    # A Struct's fields can hold anything.
    except Exception as fault:
        call.fail(fault)
        return None


def _page(page: Interstitial, nonce: str, name: str) -> Page:
    body = page.html.encode()
    if len(body) > PAGE_BYTES:
        raise ValueError(f"a page has at most {PAGE_BYTES} bytes")
    if page.referrer_policy not in REFERRER_POLICIES:
        raise ValueError(f"referrer_policy is one of {', '.join(sorted(REFERRER_POLICIES))}")
    sources = page.sources
    policy = [
        "default-src 'none'",
        " ".join(("script-src", f"'nonce-{nonce}'", *_origins(sources.script))),
        f"style-src 'nonce-{nonce}'",
        *(
            " ".join((directive, *_origins(origins)))
            for directive, origins in (
                ("img-src", sources.img),
                ("connect-src", sources.connect),
                ("frame-src", sources.frame),
            )
            if origins
        ),
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
    return Page(body, "; ".join(policy), page.referrer_policy, full_choice(name, page.choice))


@lru_cache(maxsize=1024)
def _origins(origins: tuple[str, ...]) -> tuple[str, ...]:
    """Origins as a policy names them. ValueError for anything else: it could change the policy."""
    for origin in origins:
        if not _ORIGIN.fullmatch(origin):
            raise ValueError(f"{origin!r} is no origin such as https://host")
    return origins
