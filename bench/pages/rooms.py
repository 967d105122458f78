"""What an account has beside links: a full team, a box, several files under one link; and an
operator's pages.
"""

from __future__ import annotations

from urllib.parse import urlsplit

import httpx

from shortd.web.teams.asking import ROWS
from tests.browser.operating import PASSWORD, command
from tests.browser.shelf import Shelf, hire, new_shelf
from tests.bundles import new_bundle
from tests.server_process import ServerProcess

FILES = {f"trip/{number}.jpg": b"x" for number in range(60)}


def operator(server: ServerProcess, name: str) -> Shelf:
    """The account of that name, which is an operator's from now on."""
    command(server, "user set", user=name, changes={"operator": True})
    login = server.call("login", username_email=name, password=PASSWORD)
    return Shelf(server, login["userid"], login["token"])


def rooms(server: ServerProcess, owner: Shelf) -> dict[str, str]:
    """Addresses of pages by what they are."""
    team = owner.send("/-/teams", name="docs", code="")
    for number in range(ROWS):
        guest = f"{owner.userid[:8]}-{number}"
        hire(owner, team, new_shelf(server, guest), guest)
        owner.send(f"{team}/invite", guest=f"{number}@nowhere.example", role="member")
        owner.send(f"{team}/campaigns", name=f"Campaign {number}", code="")
        host = f"d{number}-{owner.userid[:8].lower()}.example.org"
        owner.send(f"{team}/domains", domain=host)
        owner.send(f"{team}/trackers", name=f"{number}", provider="quora", code=f"{number:032}")
    box = owner.call("create_box", name="Invoices")["entry"]
    for number in range(20):
        files = {"file": (f"invoice-{number}.pdf", b"x")}
        path = f"/-/box/{box['shorturl'].rpartition('/')[2]}"
        httpx.post(server.url + path, files=files, data={"note": "As promised"}).raise_for_status()
    visit = httpx.get(str(new_bundle(server, FILES)["shorturl"]))
    bundle = urlsplit(visit.headers["location"])
    return {
        "teams": "/-/teams",
        "team, full": team,
        "boxes": "/-/boxes",
        "box, 20 files, its owner's": f"/-/boxes/{box['id']}",
        "box, as senders see it": urlsplit(box["shorturl"]).path,
        "several files": f"{bundle.path}?{bundle.query}",
        "second factor": "/-/account/second-factor",
        "operator, now": "/-/admin",
        "operator, people": "/-/admin/people",
        "operator, links": "/-/admin/links",
        "operator, log": "/-/admin/log",
    }
