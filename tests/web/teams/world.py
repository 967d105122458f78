"""A team with people of all roles and all that it can have, as browsers meet it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import unescape

from shortd.testing import RunningApp
from tests.web.surfer import Surfer

UNKNOWN = "0123456789abcdef01234567"
"""An id of nothing."""
DOMAIN = "go.shop.example"
QUORA = "0123456789abcdef" * 2
"""An id of the provider's, as links need one."""


class World:
    """Ann owns the team, adam and eve are admins, ben and bob are members; cat has nothing to do
    with it, and dan is invited."""

    def __init__(self, app: RunningApp) -> None:
        self.app = app
        people = ("ann", "adam", "eve", "ben", "bob", "cat", "dan")
        self.people = {name: person(app, name) for name in people}
        self.owner = ann = self.people["ann"]
        self.path = ann.send("/-/teams", {"name": "Shop", "code": "shop"}).headers["location"]
        self.team = self.path.rpartition("/")[2]
        for name in ("adam", "eve"):
            self.hire(name, "admin")
        for name in ("ben", "bob"):
            self.hire(name, "member")
        done(ann.send(f"{self.path}/invite", {"guest": "dan", "role": "member"}))
        done(ann.send(f"{self.path}/campaigns", {"name": "Summer"}))
        done(ann.send(f"{self.path}/domains", {"domain": DOMAIN}))
        tracker = {"name": "Pixel", "provider": "quora", "code": QUORA}
        done(ann.send(f"{self.path}/trackers", tracker))
        page = ann.get(self.path).text
        self.ids = {
            name: re.findall(rf'name="{name}" value="([0-9a-f]{{24}})"', page)[0]
            for name in ("campaign", "domain", "tracker", "invitation")
        }
        self.record = re.findall(r"<code>([^<]+)</code>", page)
        """Name and content of the domain's TXT record."""

    def hire(self, name: str, role: str) -> None:
        done(self.owner.send(f"{self.path}/invite", {"guest": name, "role": role}))
        invitation = offered(self.people[name])
        answer = self.people[name].send("/-/teams/invitations/accept", {"invitation": invitation})
        assert answer.headers["location"] == self.path

    def userid(self, name: str) -> str:
        return self.people[name].credentials["userid"]

    def prove(self) -> None:
        """Puts the domain's record into the DNS."""
        name, text = self.record
        self.app.records[name] = [text]

    def filled(self, form: Mapping[str, str]) -> dict[str, str]:
        """A form with what stands for ids in it: "@ben" for a member, "#" for the thing that the
        field names."""
        return {
            name: self.userid(value[1:])
            if value.startswith("@")
            else self.ids[name]
            if value == "#"
            else value
            for name, value in form.items()
        }


def person(app: RunningApp, name: str) -> Surfer:
    surfer = Surfer(app)
    surfer.sign_up(name)
    return surfer


def done(answer: object) -> None:
    assert getattr(answer, "status_code", 0) == 303, answer


def offered(surfer: Surfer) -> str:
    """The one invitation that somebody has."""
    [invitation] = re.findall(r'name="invitation" value="([0-9a-f]+)"', surfer.get("/-/teams").text)
    return str(invitation)


def offers(page: str, action: str, form: Mapping[str, str]) -> bool:
    """Whether a page has a form that can be sent so, by who fills it in."""
    for found in re.findall(r"<form.*?</form>", page, re.DOTALL):
        targets = re.findall(r'(?:form)?action="([^"?]*)', found)
        if action in targets and all(_can_be(found, *pair) for pair in form.items()):
            return True
    return False


def _can_be(form: str, name: str, value: str) -> bool:
    hidden = re.search(rf'<input type="hidden" name="{name}" value="([^"]*)"', form)
    if hidden:
        return unescape(hidden[1]) == value
    select = re.search(rf'<select[^>]* name="{name}".*?</select>', form, re.DOTALL)
    if select:
        return f'<option value="{value}"' in select[0]
    return f'name="{name}"' in form
