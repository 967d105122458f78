"""An account with a few links of all kinds, and a browser that has signed in to it."""

from __future__ import annotations

import re
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urljoin, urlsplit
from uuid import uuid4

from tests.server_process import ServerProcess

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

DAY = 86_400_000_000


@dataclass(frozen=True)
class Shelf:
    """Somebody's account."""

    site: ServerProcess
    userid: str
    token: str

    def call(self, name: str, /, **inputs: Any) -> dict[str, Any]:
        return self.site.call(name, userid=self.userid, token=self.token, **inputs)

    def refusal(self, name: str, **inputs: Any) -> str:
        """Why a call is refused; empty if it is not."""
        return self.site.refusal(name, userid=self.userid, token=self.token, **inputs)

    def link(self, url: str, code: str = "", clicks: int = 0, **terms: Any) -> dict[str, Any]:
        """A new link with these terms, clicked so often: its entry."""
        # Every shelf of a server has its own.
        place = {"code": f"{code}{uuid4().hex[:5]}"} if code else {}
        entry: dict[str, Any] = self.call("url", url=url, **place, **terms)["entry"]
        for _ in range(clicks):
            self.visit(entry["shorturl"])
        return entry

    def visit(self, short_url: str) -> None:
        agent = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Firefox/140.0"}
        opener = urllib.request.build_opener(_Stay)
        opener.open(urllib.request.Request(short_url, headers=agent)).close()

    def send(self, path: str, **form: str) -> str:
        """Sends a form of a page: the address that it leads to, on the site."""
        headers = {
            "Cookie": f"shortd={self.userid}.{self.token}",
            "Origin": urljoin(self.site.url, "/")[:-1],
        }
        request = urllib.request.Request(
            self.site.url + path, urlencode(form).encode(), headers, method="POST"
        )
        with urllib.request.build_opener(_Stay).open(request) as answer:
            return str(answer.headers["location"]).removeprefix(urlsplit(self.site.url).path)

    def page(self, path: str) -> str:
        """The text of a page."""
        headers = {"Cookie": f"shortd={self.userid}.{self.token}", "Accept": "text/html"}
        request = urllib.request.Request(self.site.url + path, headers=headers)
        with urllib.request.urlopen(request) as answer:
            return str(answer.read().decode())

    def enter(self, context: BrowserContext) -> None:
        """Signs the browser in."""
        value = f"{self.userid}.{self.token}" if self.token else self.userid
        context.add_cookies([{"name": "shortd", "value": value, "url": self.site.url}])


class _Stay(urllib.request.HTTPRedirectHandler):
    def http_error_302(self, request: Any, answer: Any, *_: Any) -> Any:
        return answer

    def http_error_303(self, request: Any, answer: Any, *_: Any) -> Any:
        return answer


def new_shelf(site: ServerProcess, name: str = "") -> Shelf:
    """An account that has just signed up."""
    name = name or f"ada-{uuid4().hex[:8]}"
    made = site.call("signup", email=f"{name}@nowhere.example", username=name, password="5a" * 32)
    return Shelf(site, made["userid"], made["token"])


def filled_shelf(site: ServerProcess) -> Shelf:
    """The same with links that show all that a row can show."""
    shelf = new_shelf(site)
    now = shelf.link("https://tickets.example.org/first")["utime"]
    shelf.link(
        "https://example.org/campaigns/2026/autumn/landing?utm_source=flyer",
        "autumn26",
        clicks=12,
        title="Autumn campaign",
        tags=["print", "shop"],
    )
    split = shelf.link(
        "https://jobs.example.org/open/engineer-backend-m-f-x", clicks=3, title="Backend engineer"
    )
    data: dict[str, Any] = {"variants": [{"url": "https://b.example/", "weight": 30}]}
    shelf.call("set_plugin", shorturl=split["shorturl"], plugin="ab", data=data)
    app = shelf.link("https://apps.apple.com/app/id1234567890", "getapp", title="Get the app")
    places = {"android": "https://play.example/"}
    shelf.call("set_plugin", shorturl=app["shorturl"], plugin="mobile", data=places)
    shelf.link("https://drive.example.org/f/2026-q3-board-pack", "boardq3", password="secret")
    shelf.link(
        "https://tickets.example.org/conf-2026/early",
        "earlybird",
        clicks=5,
        title="Early-bird tickets",
        expiration_utime=now + 2 * DAY + DAY // 2,
        tags=["shop"],
    )
    wifi = shelf.link("http://192.168.1.1/guest.html", "guestwifi", title="Guest Wi-Fi", tag=1)
    shelf.call("set_enabled", shorturl=wifi["shorturl"], enabled=False)
    shelf.link("https://over.example.org/", "longover", expiration_utime=1)
    hostile = '"><img src=x onerror=alert(1)>'
    shelf.link(
        f"https://hostile.example/?q={hostile.replace(' ', '%20')}", title=hostile, tags=[hostile]
    )
    return shelf


def hire(owner: Shelf, path: str, guest: Shelf, name: str, role: str = "member") -> None:
    """Has somebody of that name in the team whose page is at `path`."""
    owner.send(f"{path}/invite", guest=name, role=role)
    [invitation] = re.findall(r'name="invitation" value="([0-9a-f]+)"', guest.page("/-/teams"))
    guest.send("/-/teams/invitations/accept", invitation=invitation)


def filled_team(site: ServerProcess) -> tuple[Shelf, Shelf, str]:
    """A team with all that one can have: its owner, a member, and the address of its page."""
    number = uuid4().int % 10**7
    names = [f"ada-{number}{place}" for place in range(3)]
    owner, member, admin = (new_shelf(site, name) for name in names)
    path = owner.send("/-/teams", name="docs", code="")
    hire(owner, path, member, names[1])
    hire(owner, path, admin, names[2], "admin")
    owner.send(
        f"{path}/invite", guest="somebody-of-a-rather-long-name@mail.example.org", role="admin"
    )
    other = member.send("/-/teams", name="handbook", code="")
    member.send(f"{other}/invite", guest=names[0], role="member")
    for name in ("autumn", "A campaign whose name has as many characters as one may have, 64"):
        owner.send(f"{path}/campaigns", name=name, code="")
    domain = f"go{number}.example.org"
    owner.send(f"{path}/domains", domain=domain)
    owner.send(f"{path}/trackers", name="flyer", provider="quora", code="0123456789abcdef" * 2)
    team = path.rpartition("/")[2]
    for url in ("https://example.org/handbook", "https://example.org/docs"):
        member.send("/-/new", url=url, team=team)
    owner.send("/-/new", url="https://example.org/onboarding", team=team)
    return owner, member, path
