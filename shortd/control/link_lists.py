"""Links that are listed and looked for, whosever they are; a million of them, if need be."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from shortd.control.link_records import Links, LinkShown
from shortd.control.named import account_called, hosts_called, link_called
from shortd.control.reading import Walk, portions
from shortd.control.registry import Args, Portions, View, look
from shortd.links.searching import folded_text
from shortd.models.accounts import DELETED
from shortd.models.links import NO_RARE_TERMS, Link
from shortd.store.schema import LINKS, LINKS_BY_OWNER
from shortd.upkeep.moderation import leads_to

PORTION = 100
"""Links: about a millisecond of a server's time."""


class Wanted(Args, frozen=True):
    """Which links; all of it has to fit. Ages in µs."""

    words: tuple[str, ...] = ()
    owner: str | None = None
    host: str | None = None
    destination_host: str | None = None
    """With all below it."""
    tag: str | None = None
    older: int | None = None
    newer: int | None = None
    clicks_below: int | None = None
    clicks_above: int | None = None
    disabled: bool = False
    ended: bool = False
    archived: bool = False
    """These alone, which are left out otherwise."""


class OneLink(Args, frozen=True):
    link: str
    """A short URL, or a code."""
    host: str | None = None


@look("link list")
def link_list(view: View, args: Wanted) -> Portions:
    """An owner's the newest first, others in any order."""
    may_be, fits = _of_row(view, args), _of_counts(args)
    links = Links(view)
    for walk in _walks(view, args):
        for rows in portions(view.store, walk, PORTION):
            with view.store.read() as txn:
                shown = [links.shown(txn, link) for link in rows if may_be(link)]
            yield [link for link in shown if fits(link)]


@look("link show")
def link_show(view: View, args: OneLink) -> Portions:
    link = link_called(view.store, view.hosts, args.link, args.host)
    with view.store.read() as txn:
        yield [Links(view).shown(txn, link)]


def _walks(view: View, args: Wanted) -> list[Walk[Any, Link]]:
    if args.owner is not None:
        owner = account_called(view.store, args.owner).userid
        return [lambda txn, after: LINKS_BY_OWNER.rows(txn, (owner,), after=after, reverse=True)]
    if args.host is None:
        return [lambda txn, after: LINKS.scan(txn, after=after)]
    return [
        partial(lambda txn, after, number: LINKS.scan(txn, (number,), after=after), number=number)
        for number in hosts_called(view.hosts, args.host)
    ]


def _of_row(view: View, args: Wanted) -> Callable[[Link], bool]:
    """What a link's row tells."""
    numbers = None if args.host is None else set(hosts_called(view.hosts, args.host))
    leads_there = None if args.destination_host is None else leads_to(args.destination_host)
    words = folded_text(" ".join(args.words)).split()
    until = None if args.older is None else view.now - args.older
    since = None if args.newer is None else view.now - args.newer
    tag = None if args.tag is None else args.tag.strip()

    def fits(link: Link) -> bool:
        rare = link.rare or NO_RARE_TERMS
        if link.owner == DELETED or rare.hidden != args.archived:
            return False
        if args.disabled and link.enabled:
            return False
        if numbers is not None and link.host not in numbers:
            return False
        if (until is not None and link.utime > until) or (since is not None and link.utime < since):
            return False
        if tag is not None and tag not in rare.tag_names:
            return False
        if leads_there is not None and not leads_there(link):
            return False
        if not words:
            return True
        texts = (link.code, link.url, rare.title, *rare.tag_names, rare.note)
        said = folded_text("\n".join(texts))
        return all(word in said for word in words)

    return fits


def _of_counts(args: Wanted) -> Callable[[LinkShown], bool]:
    """What is counted."""

    def fits(link: LinkShown) -> bool:
        if args.ended and not link.ended:
            return False
        if args.clicks_below is not None and link.clicks >= args.clicks_below:
            return False
        return args.clicks_above is None or link.clicks > args.clicks_above

    return fits
