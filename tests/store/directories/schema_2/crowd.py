"""Who visits, and when: three weeks of clicks, and those that nobody has counted yet."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle

from tests.store.directories.schema_2.links import Shelf
from tests.store.directories.schema_2.workshop import DAY, Workshop

AGENTS = {
    "firefox": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "chrome": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/131.0.0.0 Safari/537.36",
    "safari": "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like "
    "Gecko) Version/17.4 Safari/605.1.15",
    "iphone": "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, "
    "like Gecko) Version/17.4 Mobile/15E148 Safari/604.1",
    "ipad": "Mozilla/5.0 (iPad; CPU OS 16_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like "
    "Gecko) Version/16.6 Mobile/15E148 Safari/604.1",
    "android": "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/131.0.0.0 Mobile Safari/537.36",
    "curl": "curl/8.5.0",
    "search engine": "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "link preview": "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
    "none": "",
}
ADDRESSES = ("81.2.69.7", "198.51.100.7", "10.1.2.3", "2001:db8::7", "2001:218::9", "203.0.113.9")
LANGUAGES = ("en-GB,en;q=0.8", "de", "", "zh-Hant-TW,zh;q=0.9", "fr-CA")
REFERRERS = (
    "",
    "https://www.facebook.com/",
    "https://news.example/a?b=c",
    "https://www.google.com/",
    "android-app://org.telegram.messenger/",
)
# (days since the first, clicks): with holes, and with more kinds of visitors a day each time.
BUSY_DAYS = ((1, 1), (2, 3), (3, 6), (5, 11), (6, 20), (9, 30), (12, 13), (17, 40), (19, 5))
FAMOUS_REFERRERS = 215
"""More than a dimension has values."""


def visitor(
    agent: str = "firefox",
    address: str = "198.51.100.7",
    language: str = "en-GB,en;q=0.8",
    referrer: str = "",
) -> dict[str, str]:
    """The headers of a visit, as a proxy hands it on."""
    headers = {"user-agent": AGENTS[agent], "x-forwarded-for": address, "accept": "text/html"}
    if language:
        headers["accept-language"] = language
    if referrer:
        headers["referer"] = referrer
    return headers


def passers_by() -> Iterator[dict[str, str]]:
    """Ever other visitors, endlessly."""
    turns = (cycle(AGENTS), cycle(ADDRESSES), cycle(LANGUAGES), cycle(REFERRERS))
    for number, turn in enumerate(zip(*turns, strict=True)):
        agent, address, language, referrer = turn
        # The cycles have common factors: now and then one of them takes a step more.
        if number % 10 == 9:
            next(turns[number // 10 % 4])
        yield visitor(agent, address, language, referrer)


def come_early(shop: Workshop, shelf: Shelf) -> None:
    """Visits while the hosts were others."""
    for name in ("renamed", "forsaken"):
        shop.visit(shelf.urls[name], visitor("curl"))


def come_for_weeks(shop: Workshop, shelf: Shelf, morning: int) -> None:
    """All visits but those of the first and the last day."""
    crowd = passers_by()
    for days, clicks in BUSY_DAYS:
        shop.set_clock(morning + days * DAY)
        for _ in range(clicks):
            shop.visit(shelf.urls["busy"], next(crowd))
        shop.visit(f"{shelf.urls['busy']}.svg", visitor())
    shop.set_clock(morning + 4 * DAY)
    for number in range(FAMOUS_REFERRERS):
        referrer = f"https://site{number:03}.example/"
        shop.visit(shelf.urls["famous"], visitor(referrer=referrer))
    shop.set_clock(morning + 10 * DAY)
    for name in ("plain", "renamed", "own", "elsewhere", "words", "moved", "remade"):
        shop.visit(shelf.urls[name], visitor())
    for agent in ("firefox", "firefox", "chrome"):
        shop.visit(shelf.urls["quiet"], visitor(agent))
    for agent in ("iphone", "ipad", "android", "chrome", "search engine"):
        for name in ("phones", "two plugins"):
            shop.visit(shelf.urls[name], visitor(agent))
    for number in range(20):
        shop.visit(shelf.urls["split"], visitor(address=f"198.51.100.{number}"))
    for agent in ("firefox", "safari", "link preview"):
        shop.visit(shelf.urls["told"], visitor(agent))
    for name in ("sale", "hidden", "domain", "member's", "own team's", "anonymous", "short"):
        shop.visit(shelf.urls[name], visitor("safari", "10.1.2.3"))
    for name in ("tim's", "cara's", "cara's", "lou's", "limited", "limited", "used up", "timed"):
        shop.visit(shelf.urls[name], visitor("chrome", "81.2.69.7"))
    for name in ("notes", "parts", "tim's file", "sealed"):
        shop.visit(shelf.urls[name], visitor("android", "2001:218::9"))
    for kind, agent in (("", "iphone"), ("?qr", "iphone"), ("?qr", "android"), (".svg", "safari")):
        shop.visit(f"{shelf.urls['image']}{kind}", visitor(agent))
    shop.visit(f"{shelf.urls['image']}.png", visitor())
    shop.visit(shelf.urls["after a click"], visitor())
    shop.visit(shelf.urls["after a day"], visitor())
    shop.visit(shelf.urls["over"], visitor())
    # An hour counts one of a visitor's clicks; so many that visits have rows of their own.
    for number in range(30):
        shop.advance(600)
        qr = "?qr" if number % 3 == 0 else ""
        address = ADDRESSES[number % 2]
        shop.visit(f"{shelf.urls['unique']}{qr}", visitor("chrome", address))


def come_today(shop: Workshop, shelf: Shelf) -> None:
    """Visits of the last day that are counted."""
    for agent in ("firefox", "chrome"):
        shop.visit(shelf.urls["unique"], visitor(agent, "203.0.113.9"))
    for address in ("203.0.113.1", "203.0.113.1", "203.0.113.2"):
        shop.visit(shelf.urls["few people"], visitor(address=address))
    for name in ("plain", "sealed once"):
        shop.visit(shelf.urls[name], visitor())


def come_before_the_crash(shop: Workshop, shelf: Shelf) -> None:
    """Visits that are in the journal alone, with everything that a record can hold. The very last
    is the one of which half a record will be left."""
    shop.visit(shelf.urls["remade"], visitor())
    owner = shelf.owners["remade"]
    owner.v2("delete", shorturl=shelf.urls["remade"])
    shelf.short("remade", owner, "https://after.example/", code="Remade01")
    for name in ("plain", "limited", "limited", "used up", "tim's", "member's", "anonymous"):
        shop.visit(shelf.urls[name], visitor(referrer="https://news.example/a"))
    for agent in ("firefox", "iphone", "curl"):
        shop.visit(shelf.urls["busy"], visitor(agent, "10.1.2.3", "de"))
    # Seen before and counted, seen before and not counted yet, and new.
    for address in ("203.0.113.9", "203.0.113.10", "203.0.113.10", "203.0.113.11"):
        shop.visit(shelf.urls["unique"], visitor("chrome", address))
    shop.visit(shelf.urls["few people"], visitor(address="203.0.113.1"))
    for number in range(4):
        shop.visit(shelf.urls["split"], visitor(address=f"203.0.113.{number}"))
    shop.visit(shelf.urls["told"], visitor("chrome"))
    shop.visit(f"{shelf.urls['image']}?qr", visitor("iphone"))
    shop.visit(f"{shelf.urls['image']}.svg", visitor())
    shop.visit(shelf.urls["words"], visitor("none", "2001:db8::7", ""))
    for _ in range(3):
        shop.visit(shelf.urls["torn"], visitor())
