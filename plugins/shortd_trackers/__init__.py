"""Tells the trackers that a link's owner names of its visits, by a page that leads on at once.

The page says where it leads and who is told. It runs no script but its own: see `providers`.
What a provider learns is that somebody at this address, with this browser and with the cookies
that the provider itself set there, visits this server; Google Analytics and Segment, which count
pages, learn the short URL, too. Nobody is told the destination or where the visitor came from.
"""

from __future__ import annotations

from functools import cache, lru_cache
from pathlib import Path
from secrets import token_hex
from typing import Annotated, NamedTuple
from uuid import uuid4

import ada_url
from jinja2 import Environment, StrictUndefined, Template
from msgspec import Meta, Struct

from shortd.plugin import (
    BadData,
    Counts,
    Interstitial,
    Link,
    Panel,
    Plugin,
    Sources,
    Visit,
    Words,
    hookimpl,
)
from shortd_trackers.keys import carries_key
from shortd_trackers.providers import PROVIDERS, Name, fill

WAIT_MS = 500
"""A visitor whose providers do not answer is led on after this time."""
PAGES = 512
"""Pages kept: some 3 kB each, 40 kB with the longest of destinations."""
TOLD = "told"
"""The choice of visits that were given the page."""


class Allowed(Struct, frozen=True, forbid_unknown_fields=True):
    """[plugins.trackers]"""

    providers: tuple[Name, ...] = tuple(Name)
    """Who may be told. Others that links name are passed over."""


class Tracker(Struct, frozen=True, forbid_unknown_fields=True):
    """A provider, and the owner's id there."""

    provider: Name
    id: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=64,
            description="Such as "
            + "; ".join(f"{name}: {one.example}" for name, one in PROVIDERS.items()),
        ),
    ]


class Trackers(Struct, frozen=True, forbid_unknown_fields=True):
    """Who is told of a link's visits."""

    trackers: Annotated[tuple[Tracker, ...], Meta(min_length=1, max_length=10)]


class Told(NamedTuple):
    """Who is told of a link's visits, and how."""

    titles: list[str]
    images: list[str]
    frames: list[str]
    sources: Sources


class Prepared(NamedTuple):
    """A page but for what is new in each response, where marks stand."""

    html: str
    sources: Sources


class TrackerPage(Plugin[Allowed, Trackers]):
    """Shows a page that tells trackers of the visit and leads on at once."""

    name = "trackers"
    Settings = Allowed
    Data = Trackers

    def start(self) -> None:
        self._template = _template()
        # Nobody knows these, so that no destination can hold them.
        self._nonce_mark, self._visitor_mark = token_hex(16), token_hex(16)
        self._page = lru_cache(maxsize=PAGES)(self._prepared)

    def check(self, data: Trackers, link: Link) -> None:
        if link.is_file:
            raise BadData("Nobody is told of visits to a file.")
        if carries_key(link.url):
            raise BadData("The link's destination seems to carry a key, of which nobody is told.")
        for index, tracker in enumerate(data.trackers):
            provider = PROVIDERS[tracker.provider]
            if tracker.provider not in self.settings.providers:
                raise BadData(
                    "This server does not tell %(provider)s.",
                    f"trackers[{index}].provider",
                    provider=provider.title,
                )
            if provider.urls(tracker.id) is None:
                raise BadData(
                    "This is no id of %(provider)s, such as %(example)s.",
                    f"trackers[{index}].id",
                    provider=provider.title,
                    example=provider.example,
                )
            if tracker in data.trackers[:index]:
                raise BadData("This tracker is named twice.", f"trackers[{index}].id")

    @hookimpl
    def interstitial(
        self, link: Link, visit: Visit, data: Trackers, destination: str, nonce: str
    ) -> Interstitial | None:
        if visit.do_not_track or visit.is_bot:
            return None
        page = self._page(data, link.short_url, destination)
        if page is None:
            return None
        first, *others = page.html.replace(self._nonce_mark, nonce).split(self._visitor_mark)
        html = first + "".join(str(uuid4()) + other for other in others)
        return Interstitial(html, page.sources, choice=TOLD)

    @hookimpl
    def panel(self, link: Link, data: Trackers, counts: Counts) -> Panel:
        rows = [
            (PROVIDERS[one.provider].title, one.id)
            if one.provider in self.settings.providers
            else (PROVIDERS[one.provider].title, f"{one.id} (not told by this server)")
            for one in data.trackers
        ]
        told = (Words("Visits told"), counts.choices.get(TOLD, 0))
        return Panel(Words("Trackers"), (*rows, told))

    def _prepared(self, data: Trackers, short_url: str, destination: str) -> Prepared | None:
        told = self._told(data)
        if not told.titles or not _is_web(destination) or carries_key(destination):
            return None
        html = self._template.render(
            destination=destination,
            host=ada_url.URL(destination).host,
            titles=_in_words(told.titles),
            images=[fill(url, short_url, self._visitor_mark) for url in told.images],
            frames=told.frames,
            nonce=self._nonce_mark,
            wait=WAIT_MS,
        )
        return Prepared(html, told.sources)

    def _told(self, data: Trackers) -> Told:
        titles: dict[str, None] = {}
        images: list[str] = []
        frames: list[str] = []
        origins: dict[bool, dict[str, None]] = {False: {}, True: {}}
        for tracker in data.trackers:
            provider = PROVIDERS[tracker.provider]
            urls = provider.urls(tracker.id)
            if tracker.provider not in self.settings.providers or urls is None:
                continue
            titles[provider.title] = None
            (frames if provider.is_frame else images).extend(urls)
            origins[provider.is_frame].update(dict.fromkeys(provider.origins))
        sources = Sources(img=tuple(origins[False]), frame=tuple(origins[True]))
        return Told(list(titles), images, frames, sources)


@cache
def _template() -> Template:
    source = (Path(__file__).parent / "page.html").read_text(encoding="utf-8")
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(source)


def _is_web(url: str) -> bool:
    """Whether a browser that goes to an address asks a web server, and runs nothing."""
    return url.lower().startswith(("http://", "https://"))


def _in_words(titles: list[str]) -> str:
    *most, last = titles
    return f"{', '.join(most)} and {last}" if most else last
