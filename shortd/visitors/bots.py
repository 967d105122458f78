"""Which user agents are robots: the one answer for redirects, pages and statistics.

On a link with a limit a robot that passes for a person uses the link up, and a person who passes
for a robot cannot follow it. The names are those of the package crawler-user-agents; whoever says
himself that he is a robot needs no list. What the package gets wrong for visitors of links is put
right here and nowhere else, each correction with its reason. Tools for scripts (curl,
python-requests) are on its list, but no robots of ours: who runs one is a visitor.

The list is kept as data, and matched by RE2: a hostile agent costs 0.2 ms at most, where Python's
own patterns take 70 ms.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import re2

OTHER_BOT = "Other bot"
"""A robot that does not say its name."""

_PACKAGE = "crawleruseragents"
_FILE = "crawler-user-agents.json"
_SCRIPTS = "http-library"
_PREVIEW = "social-preview"
_FEEDS = "feed-reader"
"""Tags of the package."""

# Corrections of the list

_NOT_BY_THEMSELVES = frozenset(
    (
        # What people's devices and programs say, and no robot: a build of Android on millions of
        # phones, Facebook's browser, editors with a browser in them, pages made into programs.
        *(r"AP3A\.240617\.008", r"MetaIAB Facebook", r"Code\/1\.", r"Trae\/", r"Fluid"),
        # Apps that people read and listen with. Their robots say so by another word, too.
        *("Daum\\/", "Devin", "Feedly", "Goodreads", "GoogleDocs", "Netvibes", "Operator\\/"),
        *("Overcast\\/", "PocketCasts\\/", "Podimo", "Retool\\/", "Sogou", "Stripe\\/"),
        # Words that stand in anybody's agent as the name of a phone, a game or a program. So do
        # their robots.
        *("Butterfly", "Buck\\/", "fluffy", "Moreover", "RED\\/", "Sonic", "speedy", "Trove"),
        *("Vigil\\/", "Watchful"),
    )
)
"""Patterns that name a robot where something else tells that it is one, and make nobody a robot."""

_WITH_BROWSER = frozenset(
    (
        *(r"Asana\/", "Blackboard", "Disqus", r"Grammarly\/", "HubSpot", r"IFTTT\/"),
        *(r"Instapaper\/", r"PayPal\/", "Tweakers", "Zapier"),
    )
)
"""Patterns of servers whose programs people browse in, besides those that the tags tell."""

_MORE = (
    # What programs of Microsoft Office ask before they hand a link to the browser.
    r"Microsoft Office|\bms-office\b",
    # The part of Matrix servers that draws cards, and another such server.
    r"\bmatrix-media-repo\b|^Dendrite\b",
    # Chats that draw cards themselves; most of them call themselves by Facebook's name as well.
    r"\bSignal-Desktop\b|\bline-poker\b|\bkakaotalk-scrap\b|\bBluesky Cardyb\b",
    # Cards in Google's chats, in Yahoo's mail and on Pinterest.
    r"\bGoogle-PageRenderer\b|^Yahoo:LinkExpander\b|^Pinterest/0\.",
)
"""Robots for cards that the list lacks."""

_NOTHING_ELSE = re2.compile(
    # They put on a whole browser, be it of a phone.
    r"(?i)adbeat\.com|BrandVerity|Chrome-Lighthouse|Headless|Hotjar|Pingdom|\bPTST\b|Synthetic"
    # They draw cards, and are no chats.
    r"|External(?:Hit|Fetcher)|vkShare|Embedly|Iframely|-poker|-scrap\b|Cardyb|PageRenderer"
    r"|(?:Image|Img|Mail|Flipboard)Proxy"
)
"""Names of robots that no program of people has: one that says them is a robot, whatever else it
says."""

_MATCHING_BYTES = 32 << 20
"""Most memory of the automaton that matches all of the list. Strange agents let it grow; when there
is no more, matching gets slower."""
_BARE = re.compile(r"(?P<name>[A-Za-z0-9]+)(?P<end>\\/)?")
_SHORT = 8
"""Letters of a name that might be part of a word."""

# What robots say themselves

_WORD = re2.compile(
    r"(?i:crawl|spider|scrap(?:e|ing)|unfurl|preview|unshort|link.?expand)"
    # At the end of a word: a "BOTECH" is a television, and "Caboto" a bank.
    r"|[Bb]ots?(?:[^a-z]|$)|BOTS?(?:[^A-Z]|$)"
)
_PREVIEW_WORD = re2.compile(r"(?i)unfurl|preview|link.?expand")
_MAKER = re2.compile(r"(?i)\+ ?((?:https?:|www\.|mailto:|[\w.-]+@)[^\s;,)]*)")
"""Where robots, by custom, tell who made them: `(+https://…)`."""
_COMPATIBLE = re2.compile(r"AppleWebKit/.*compatible; *(?P<name>[^;/()]+)")
"""Another custom: a browser's agent, and behind its engine who it is."""
_ADDRESS = re2.compile(r"(?i)(?:https?://|\+)[^\s;,)]*")
_TOKEN = re.compile(r"[\w.-]+")
_PRODUCT = re.compile(r"(?:^(?!Mozilla/)|compatible; *)(?P<name>[^;/()+]+)")

# What people's agents say

_DEVICES = re2.compile(
    # A device and its build, in the comment of a browser and in that of an app behind it.
    r"(?i)Android[^;()]*;(?: ?[a-z]{2}[-_][a-z]{2};)? ?(?:[^;()]|\([^()]*\))*"
    r"|Android \((?:[^()]|\([^()]*\))*\)"
    r"|\[FB[^\]]*\]"
    # Phones, programs to talk with and a browser that only sound like robots.
    r"|\bCUBOT\b|\bBOTIM\b|\bTweetbot\b|Technology(?: |%20)Preview"
)
"""What is not of the program's own choice, so that a phone called "M bot 60" is none."""
_IN_HAND = re2.compile(
    r"(?i)\bBuild/|; ?wv\)|WebView/|\b(?:iP(?:hone|ad|od)|Macintosh)\b.*\bMobile/\w|\bElectron/"
)
"""A phone's build, or a browser that is part of a program."""
_ENGINE = re2.compile(r"(?i)AppleWebKit/|Chrome/")


class Robot(msgspec.Struct, frozen=True, gc=False):
    """Who a robot is."""

    name: str
    is_preview: bool
    """Whether it fetches links to show cards of them in a chat or feed."""


class _Entry(msgspec.Struct, frozen=True):
    pattern: str
    tags: tuple[str, ...] = ()

    @property
    def has_browser(self) -> bool:
        """Whether people browse in a program of that name: in chats and readers, and some more."""
        return self.pattern in _WITH_BROWSER or set(self.tags) <= {_PREVIEW, _FEEDS}


class _Found(NamedTuple):
    name: str
    place: int
    entry: _Entry


@lru_cache(maxsize=2048)
def robot_of(user_agent: str) -> Robot | None:
    """The robot that an agent is; None for people and for scripts.

    An unseen agent takes 10 to 100 µs. The first call ever reads the list (50 ms).
    """
    text = _DEVICES.sub(" ", user_agent)
    says_so = _WORD.search(text) is not None or _tells_who(text)
    named = list(_listed(text))
    if not says_so:
        named = [found for found in named if found.entry.pattern not in _NOT_BY_THEMSELVES]
        if named and not _NOTHING_ELSE.search(text):
            is_in_hand = _IN_HAND.search(user_agent) is not None
            named = [found for found in named if not (is_in_hand or _is_inside(found, text))]
        if not named:
            return None
    name = named[0].name if named else _own_name(text)
    is_preview = any(_PREVIEW in found.entry.tags for found in named)
    return Robot(name or OTHER_BOT, is_preview or _PREVIEW_WORD.search(text) is not None)


def _is_inside(found: _Found, text: str) -> bool:
    """Whether somebody browses inside a chat, which draws cards by the same name: "Viber" alone
    is the chat itself, and has no engine in front of its name.
    """
    return found.entry.has_browser and _ENGINE.search(text, 0, found.place) is not None


def _tells_who(text: str) -> bool:
    if _COMPATIBLE.search(text):
        return True
    maker = _MAKER.search(text)
    # Of "node-fetch/1.0 (+https://github.com/bitinn/node-fetch)" it is the library's.
    return maker is not None and not _names().scripts.Match(maker[1])


def _own_name(text: str) -> str:
    """What a robot calls itself: the word by which it says so, or its product."""
    text = _ADDRESS.sub(" ", text)
    word = _WORD.search(text)
    if word:
        token = next(one for one in _TOKEN.finditer(text) if one.end() > word.start())
        return _trimmed(token[0])
    found = _COMPATIBLE.search(text) or _PRODUCT.search(text)
    return _trimmed(found["name"]) if found else ""


def _trimmed(name: str) -> str:
    return name.strip(" /;:,.()[]+-_\"'")


def _listed(text: str) -> Iterator[_Found]:
    """The entries that match, in the order of the list."""
    names = _names()
    for number in sorted(names.robots.Match(text) or ()):
        entry = names.entries[number]
        match = _whole(entry.pattern).search(text)
        if match:
            yield _Found(_trimmed(match[0]), match.start(), entry)


class _Names(msgspec.Struct, frozen=True):
    entries: list[_Entry]
    """Of robots."""
    robots: re2.Set
    """Finds the entries that match, by their places."""
    scripts: re2.Set


@cache
def _names() -> _Names:
    """The package's list. Importing the package would keep its half a megabyte of examples."""
    spec = find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise ImportError(f"{_PACKAGE} is not installed")
    raw = (Path(spec.origin).parent / _FILE).read_bytes()
    listed = msgspec.json.decode(raw, type=list[_Entry])
    robots = [entry for entry in listed if _SCRIPTS not in entry.tags]
    robots += [_Entry(pattern, (_PREVIEW,)) for pattern in _MORE]
    scripts = [entry.pattern.lstrip("^") for entry in listed if _SCRIPTS in entry.tags]
    return _Names(robots, _set_of([one.pattern for one in robots]), _set_of(scripts))


@cache
def _whole(pattern: str) -> Any:
    """The pattern; if it is a name and no more, as a whole word."""
    bare = _BARE.fullmatch(pattern)
    if bare is not None:
        pattern = rf"(?:^|www\.|[^A-Za-z0-9._-]){pattern}"
        if not bare["end"] and len(bare["name"]) <= _SHORT:
            pattern += r"(?:[^A-Za-z0-9]|$)"
    return re2.compile(pattern, _options())


def _set_of(patterns: Iterable[str]) -> re2.Set:
    found = re2.Set.SearchSet(_options())
    for pattern in patterns:
        # Words are looked at more closely one by one: the set would be a hundred times slower.
        found.Add(rf"\b{pattern}" if _BARE.fullmatch(pattern) else pattern)
    found.Compile()
    return found


def _options() -> re2.Options:
    options = re2.Options()
    options.never_capture = True
    options.case_sensitive = False
    options.max_mem = _MATCHING_BYTES
    return options
