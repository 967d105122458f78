"""What templates say with one word: numbers, sizes, times, short links, destinations, symbols.

All of them escape what they are given, and hold for one language.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache

import ada_url
from markupsafe import Markup, escape

from shortd import errors
from shortd.clicks.statistics import day_text
from shortd.clock import moment, utc_text
from shortd.languages import Language

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")
_STEP = 1000
ATTRIBUTES = 256
"""Sets of attributes that are kept written."""
SYMBOLS = 256
"""That are kept drawn: more than there are."""

# With `%`, which takes a quarter of the time of `format`.
_TIME = Markup('<time datetime="%s"%s>%s</time>')
_SHORT = Markup('<span class="addr" translate="no"><span>%s/</span><wbr><b>%s</b></span>')
_PLACE = Markup("%s<b>%s</b>%s")
_SYMBOL = Markup('<svg class="i" aria-hidden="true"><use href="%s#%s"/></svg>')


def filters_of(language: Language) -> Mapping[str, Callable[..., object]]:
    """The filters of templates by name."""

    def size(count: int) -> str:
        """Bytes, as disks and networks count them: "2.4 MB"."""
        value, unit = float(count), 0
        while value >= _STEP - 0.5 and unit < len(_UNITS) - 1:
            value, unit = value / _STEP, unit + 1
        decimals = 1 if unit and value < 10 else 0
        return f"{language.number(value, decimals)} {_UNITS[unit]}"

    def said(refusal: errors.Sentence | errors.ShortdError) -> str:
        """What was refused, and why."""
        return refusal.said(language.gettext)

    return {
        "attributes": attributes,
        "number": language.number,
        "size": size,
        "time": time,
        "day": day,
        "date": date,
        "ago": ago,
        "said": said,
        "short": short,
        "place": place,
        "utc": utc_text,
    }


def attributes(given: Mapping[str, object]) -> Markup:
    """Attributes of an element, with a space before each; without those that are None. Names are
    our own, and most fields of all pages have the same ones.
    """
    return _attributes(tuple(given.items()))


@lru_cache(maxsize=ATTRIBUTES)
def _attributes(pairs: tuple[tuple[str, object], ...]) -> Markup:
    said = ((name, value) for name, value in pairs if value is not None)
    return Markup("").join(Markup(' %s="%s"') % pair for pair in said)


def time(utime: int) -> Markup:
    """A moment; scripts say it in the reader's own zone and language."""
    return _time(utime, "", utc_text(utime))


def ago(utime: int) -> Markup:
    """A moment that scripts call "3 days ago"."""
    return _time(utime, Markup(' data-ago=""'), utc_text(utime))


def day(utime: int) -> Markup:
    """The day of a moment."""
    return _time(utime, Markup(' data-day=""'), moment(utime).isoformat()[:10])


def date(day: int) -> Markup:
    """A day of UTC by its number since 1970-01-01, whose name no time zone changes."""
    written = day_text(day)
    return _TIME % (written, Markup(' data-date=""'), written)


def _time(utime: int, marks: str, text: str) -> Markup:
    written = f"{moment(utime).isoformat()[:19]}Z"
    return _TIME % (written, marks, text)


def short(url: str) -> Markup:
    """A short URL: its host quietly, its ending in bold."""
    host, _, ending = url.partition("://")[2].partition("/")
    return _SHORT % (host, ending)


def place(url: str, *, scheme: bool = True) -> Markup:
    """A destination, its host in bold: the one that browsers would go to."""
    before, host, after = parts(url)
    return _PLACE % (before if scheme else "", host, after) if host else escape(url)


def parts(url: str) -> tuple[str, str, str]:
    """A URL before, in and after its host. The host is empty if browsers read another one there
    than people do."""
    try:
        host = ada_url.URL(url).host
    except ValueError:
        return url, "", ""
    authority = url.find("://") + 3
    if not host or not url.lower().startswith(host, authority):
        return url, "", ""
    end = authority + len(host)
    return url[:authority], url[authority:end], url[end:]


def symbol(path: str) -> Callable[[str], Markup]:
    """Draws the symbols of the file at `path` by name."""

    @lru_cache(SYMBOLS)
    def draw(name: str) -> Markup:
        return _SYMBOL % (path, name)

    return draw
