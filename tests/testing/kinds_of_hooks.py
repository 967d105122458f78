"""The kinds of hooks as docs/plugin-reference.md tells them, with bounds that the code has."""

from __future__ import annotations

from shortd.clock import DAY, SECOND
from shortd.plugin.hookspecs import CHECK, DECIDE, JOBS, OBSERVE
from shortd.plugin_runtime import checking, deliveries, guard, jobs, listeners, outbox, panels
from shortd.web.extensions import answers, offers
from tests.patience import FAR

SHOW = ("panel", "link_panels", "link_columns")
ONCE = ("commands", "routes", "authenticate", "importers")
KINDS = {
    "Decides": DECIDE,
    "Observes": OBSERVE,
    "Checks": CHECK,
    "Is a job": JOBS,
    "Shows": SHOW,
    "Adds to the server": ONCE,
}
"""Hooks by what they do. Each is in one."""


def kind_of(hook: str) -> str:
    (kind,) = [kind for kind, hooks in KINDS.items() if hook in hooks]
    return kind


def text() -> str:
    """What holds for the hooks of each kind."""
    rows = [
        (
            "Decides",
            "On the server's event loop, between request and response; perhaps more than once for"
            " one visit, and for looks that are no clicks (`visit.counts`).",
            "That carry the plugin's data; all, with None as data, if it is `everywhere`.",
            f"{guard.DECIDE_NANOSECONDS // 1_000_000} ms",
            "It has answered None: the next plugin is asked, in the end the link's own URL counts.",
        ),
        (
            "Observes, `def`",
            "In a thread of the plugin's own, one event after the other, after it is on disk or"
            f" answered. {listeners.MOST_EVENTS:,} events and {listeners.MOST_BYTES >> 20} MiB wait"
            " in memory.",
            "That carry the plugin's data; all, if it is `everywhere` or has no `Data`.",
            f"{guard.OTHER_NANOSECONDS // 1_000_000_000} s",
            "That event is gone. Each is told once at most.",
        ),
        (
            "Observes, `async def`",
            f"On an event loop of the plugin's own: up to {deliveries.AT_ONCE} links at once, the"
            f" events of one in their order. {outbox.MOST_ROWS:,} events and"
            f" {outbox.MOST_BYTES >> 20} MiB wait in the database, also while the server is down;"
            f" clicks fill {outbox.CLICK_SHARE:.0%} of that, as of what waits in memory.",
            "The same.",
            f"{deliveries.TIMEOUT_SECONDS:.0f} s",
            f"It is told again {deliveries.FIRST_RETRY // SECOND} s later, then ever more seldom,"
            f" for {deliveries.GIVEN_UP // DAY} days. Each is told once at least.",
        ),
        (
            "Checks",
            f"In a thread (`def`) or on an event loop (`async def`) of the plugin's own, up to"
            f" {checking.AT_ONCE} at once. The one who sets the destination waits.",
            "Every destination that is set, or changed to another.",
            f"{checking.SECONDS:.0f} s",
            "It has answered None: the destination is taken.",
        ),
        (
            "Is a job",
            "In a thread or on an event loop of the plugin's own, by the server's clock.",
            "None.",
            f"{jobs.DAILY_SECONDS / 3600:.0f} h; an `async def` one is ended then",
            "It is called the next day.",
        ),
        (
            "Shows",
            "On the server's event loop, when somebody looks at the link.",
            "As of those that observe.",
            f"{guard.SHOW_NANOSECONDS // 1_000_000} ms",
            "Nothing of it is shown.",
        ),
        (
            "Adds to the server",
            "`routes` and `authenticate` when the server starts; what they have made is called with"
            " each request: async handlers on the server's event loop, plain ones in threads of the"
            " plugin's own. `commands` and `importers` on the command line, of a plugin that is not"
            " started.",
            "None.",
            f"a handler: {answers.BEGINS_SECONDS:.0f} s to begin,"
            f" {answers.LASTS_SECONDS / 60:.0f} min to end",
            "What the hook adds is left out, and said; a request is answered `plugin_failed`.",
        ),
    ]
    head = (
        "A method with `@hookimpl` above it is a hook; it may leave out parameters. Plain functions"
        " can be any, `async def` those of which that is said.\n\n"
        "| The hook | Where it is called | About which links | It may take | If it fails |\n"
        "|---|---|---|---|---|\n"
    )
    table = "".join(f"| {' | '.join(row)} |\n" for row in rows)
    return f"{head}{table}\n{_bounds()}"


def _bounds() -> str:
    far = guard.DECIDE_NANOSECONDS * FAR // 1_000_000
    shown = guard.SHOW_NANOSECONDS * FAR // 1_000_000_000
    return (
        f"{guard.STRIKES} failures within {guard.WITHIN // SECOND} s pause a hook that decides,"
        " observes or checks (an observer: as many in a row), and no other. One that decides or"
        " checks is first asked again what it answered well, or something harmless: if it answers,"
        " the failures are those of some visitors or accounts, and pause nothing. So do"
        f" {guard.STRIKES} calls that took too long, if they are more than one in"
        f" {guard.CALLS_PER_OVERRUN}; those that show are paused by these alone. One call above"
        f" {far} ms (to decide) or {shown} s (to show) does so at once, and a plain observer that"
        " has not returned in its time is paused until it does. Other pauses take"
        f" {guard.FIRST_PAUSE // SECOND} s; one call tries then, and as long as that fails, the"
        f" next pause is twice as long, up to {guard.LONGEST_PAUSE // 3600 // SECOND} h.\n\n"
        f"A plugin has at most {panels.PANELS} panels of {panels.ROWS} rows, {panels.COLUMNS}"
        f" columns of {panels.CELL} characters, {offers.MOST_PAGES} pages in the navigation and"
        f" {offers.MOST_OFFERS} buttons on the page for signing in.\n"
    )
