"""Who has an account, in what state it is, and who is in which team."""

from __future__ import annotations

import hashlib
from typing import Any

from tests.store.directories.schema_2.workshop import Json, Workshop

PASSWORD = "Trial151!"
NEW_PASSWORD = "Another 8pm"


def double_sha256(password: str) -> str:
    """The derivation that the v2 document's examples use."""
    return hashlib.sha256(hashlib.sha256(password.encode()).digest()).hexdigest()


def pbkdf2(password: str) -> str:
    """The other one."""
    salt = bytes.fromhex("182c37f56e1967227ccae78af837b638")
    return hashlib.pbkdf2_hmac("sha256", password.encode(), salt, 231_581).hex()


class Person:
    """The owner of an account, with all that proves it. A temporary one has no token."""

    def __init__(self, shop: Workshop, userid: str = "", username: str = "") -> None:
        self.shop = shop
        self.userid = userid
        self.token = ""
        self.username = username
        self.email = f"{username.partition(' ')[0].casefold()}@nowhere.example"
        self.api_key = self.access = self.refresh = ""

    @property
    def credentials(self) -> dict[str, str]:
        token = {"token": self.token} if self.token else {}
        return {"userid": self.userid, **token}

    def v2(self, name: str, /, **inputs: Any) -> Json:
        return self.shop.v2(name, **self.credentials, **inputs)

    def v1(self, name: str, /, **inputs: Any) -> Json:
        return self.shop.v1(name, self.access, **inputs)

    def take_key(self, **inputs: Any) -> None:
        """Makes an API key, and logs in to v1 with it."""
        self.api_key = self.v2("create_api_key", name="scripts", **inputs)["api_key"]
        self.log_in_to_v1()

    def log_in_to_v1(self) -> None:
        login = {"username": self.username, "key": self.api_key}
        self._take(self.shop.v1("authen/token", **login))

    def rotate(self) -> tuple[str, str]:
        """Refreshes the pair of tokens: the old one, access and refresh token."""
        old = self.access, self.refresh
        self._take(self.shop.v1("authen/refresh-token", refreshToken=self.refresh))
        return old

    def log_in(self) -> None:
        login = {"username_email": self.email, "password": pbkdf2(PASSWORD)}
        self.token = self.shop.v2("login", **login)["token"]

    @property
    def own_team(self) -> str:
        team: str = self.v1("entity/team/list")["teams"][0]["id"]
        return team

    def _take(self, answer: Json) -> None:
        self.access = answer["token"]["access_token"]
        self.refresh = answer["token"]["refresh_token"]


def sign_up(shop: Workshop, username: str, email: str = "", **inputs: Any) -> Person:
    """Somebody registered, whose password opens his account in both derivations."""
    person = Person(shop, username=username)
    person.email = email or person.email
    made = shop.v2(
        "signup",
        email=person.email,
        username=username,
        password=pbkdf2(PASSWORD),
        password_alt=double_sha256(PASSWORD),
        **inputs,
    )
    person.userid, person.token = made["userid"], made["token"]
    return person


class People:
    """All of them, in the state in which their first day leaves them."""

    def __init__(self, shop: Workshop) -> None:
        self.tim = Person(shop, shop.v2("temporary_account")["userid"])
        # Whoever was temporary keeps his id.
        before = shop.v2("temporary_account")["userid"]
        self.ann = sign_up(shop, "Ann", userid=before)
        self.ben = sign_up(shop, "Ben Straße")
        self.cara = sign_up(shop, "cara")
        self.dora = sign_up(shop, "dora")
        self.emil = sign_up(shop, "emil")
        self.fay = sign_up(shop, "fay")
        self.lou = sign_up(shop, "lou")
        self.vera = sign_up(shop, "vera")
        # Two names that look alike: composed and decomposed.
        self.amelie = [
            sign_up(shop, "Am\u00e9lie", "amelie@nowhere.example"),
            sign_up(shop, "Ame\u0301lie", "amelie2@nowhere.example"),
        ]
        for person in (self.ann, self.ben, self.cara, self.lou):
            person.take_key()
        self.cara.v2(
            "create_api_key",
            name="reads for a year",
            scopes=["read"],
            expiration_utime=shop.utime + 365 * 86_400_000_000,
        )
        shop.command("user", "add", "olga@nowhere.example", "--username", "olga")
        shop.command("user", "set", "cara", "--type", "custom")

    @property
    def registered(self) -> list[Person]:
        """Those who can call."""
        known = [self.ann, self.ben, self.cara, self.dora, self.emil, self.fay, self.vera]
        return [*known, *self.amelie]


class Teams:
    """Ann's shop, in which there are others, and her own team, which she has named."""

    def __init__(self, shop: Workshop, people: People) -> None:
        ann, ben = people.ann, people.ben
        self.shop: str = ann.v1("entity/team/create", name="Shop", code="shop")["team"]["id"]
        self.own = ann.own_team
        ann.v1("entity/team/update", teamId=self.own, name="Ann's own", code="ann")
        invited = ann.v1(
            "entity/team/member/add", teamId=self.shop, member=ben.username, role="admin"
        )
        ben.v1("entity/team/invitation/accept", invitationId=invited["invitation"]["id"])
        shop.command("team", "add-member", "shop", "cara", "--role", "member")
        self.campaign: str = ann.v1(
            "entity/campaign/create", teamId=self.shop, name="Spring sale", code="spring"
        )["campaign"]["id"]
        ben.v1("entity/campaign/create", teamId=self.shop, name="Nothing yet")
        [self.facebook, self.analytics, *_] = [
            provider["id"] for provider in ann.v1("entity/tracker/list")["trackers"]
        ]
        ann.v1(
            "entity/team/tracker/create",
            teamId=self.shop,
            trackerId=self.analytics,
            code="G-TEAM12345",
            name="The shop's",
        )
        for name in ("go.shop.example", "old.shop.example"):
            shop.command("domain", "add", name, "shop")
        ann.v1("entity/domain/subscribe", teamId=self.shop, domainName="later.shop.example")

    def invite_more(self, people: People) -> str:
        """Two invitations that stay open; the id of the one to an account."""
        to_account = people.ann.v1(
            "entity/team/member/add", teamId=self.shop, member="fay", role="member"
        )
        people.ann.v1(
            "entity/team/member/add",
            teamId=self.shop,
            member="guest@elsewhere.example",
            role="admin",
        )
        invitation: str = to_account["invitation"]["id"]
        return invitation
