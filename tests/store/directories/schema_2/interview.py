"""What the directory is asked: whatever shows something that is stored, visits, and changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from tests.store.directories.exchanges import Question
from tests.store.directories.schema_2.crowd import AGENTS, visitor
from tests.store.directories.schema_2.links import (
    CHALLENGE,
    LINK_PASSWORD,
    UNASKED,
    UPLOAD,
    Shelf,
)
from tests.store.directories.schema_2.people import (
    NEW_PASSWORD,
    PASSWORD,
    People,
    Person,
    Teams,
    double_sha256,
    pbkdf2,
)
from tests.store.directories.schema_2.recorder import Recorder
from tests.store.directories.schema_2.workshop import ENDED_HOST, PUBLIC_URL, TEAMS_HOST, form

FROM, TO = "2026-02-01", "2026-03-31"
BALANCES = ("api_balance", "api_balance_utime", "link_balance", "link_balance_utime")


class Interview:
    """All questions to a directory, over two openings."""

    def __init__(self, people: People, teams: Teams, shelf: Shelf, facts: dict[str, Any]) -> None:
        self._people = people
        self._teams = teams
        self.shelf = shelf
        self._facts = facts

    def first(self, to: Recorder) -> None:
        """Everything that can be asked, then visits, then changes."""
        self._accounts(to)
        self._links(to)
        self._statistics(to, [name for name in self.shelf.urls if name not in UNASKED])
        self._teamwork(to)
        self._explanations(to)
        self._refusals(to)
        self._files(to)
        self._visits(to)
        self._changes(to)

    def second(self, to: Recorder) -> None:
        """What became of it."""
        self._links(to)
        self._statistics(to, ["busy", "unique", "few people", "split", "told", "image", "remade"])
        self._teamwork(to)

    def _accounts(self, to: Recorder) -> None:
        people = self._people
        # Before anything else is paid by these accounts.
        for person in (people.cara, people.ann):
            balance = to.v2("get_account_info", person.credentials).json()["output"]
            assert balance["api_balance"] < balance["api_capacity"], person.username
        for person in (people.tim, *people.registered):
            # The names of two differ in form alone: whoever unites such names may change them.
            names = ("username",) if person in people.amelie else ()
            to.v2("get_account_info", person.credentials, without=(*BALANCES, *names))
            if person is not people.tim:
                to.v2("list_api_keys", person.credentials)
                login = {"username_email": person.email, "password": pbkdf2(PASSWORD)}
                to.v2("login", login, without=("token", *names))
        named = {"username_email": "ben straße", "password": double_sha256(PASSWORD)}
        to.v2("login", named, without=("token",))
        by_operator = {"username_email": "olga", "password": double_sha256(PASSWORD)}
        to.v2("login", by_operator, without=("token",))

    def _links(self, to: Recorder) -> None:
        people = self._people
        for person in (people.tim, people.ann, people.ben, people.cara):
            to.v2("get_entries", {**person.credentials, "count": 1000})
        for filter_ in (
            {"tag": 5},
            {"tagmask_and": 4},
            {"tagmask_or": 3},
            {"start": 3, "count": 2},
        ):
            to.v2("get_entries", {**people.ann.credentials, "count": 1000, **filter_})
        for name in ("plain", "elsewhere", "words", "limited", "sealed", "sale", "domain", "tim's"):
            to.v2("get_entry", self.about(name))
        for name, plugin in (
            ("two plugins", "mobile"),
            ("two plugins", "ab"),
            ("phones", "mobile"),
            ("split", "ab"),
            ("told", "trackers"),
            ("plain", "ab"),
        ):
            to.v2("get_plugin", {**self.about(name), "plugin": plugin})
        to.sqwish("stats", code=self._code("anonymous"))
        for name in ("short", "plain"):
            to.sqwish("stats", api_key=people.ann.api_key, code=self._code(name))
        custom = {"api_key": people.ann.api_key, "code": "sq-wish_1", "password": "1234"}
        to.sqwish("stats", **custom)

    def _statistics(self, to: Recorder, names: Sequence[str]) -> None:
        people = self._people
        # Whoever asks these has the journal counted first.
        for name in names:
            # Of two hundred sources everything can be seen.
            some = {"dimensions": ["source"]} if name == "famous" else {}
            to.v2("get_stats", {**self.about(name), "from": FROM, "to": TO, **some})
        for name in ("busy", "unique", "quiet", "image"):
            to.v2("export_stats", {**self.about(name), "from": FROM, "to": TO})
        for name in ("busy", "unique", "sale", "few people", "split", "member's"):
            asked = {"linkId": self.shelf.v1_ids[name]}
            dates = {"startTime": "01/02/2026", "endTime": "13/03/2026"}
            to.v1("entity/link/analytics", people.ann.access, {**asked, **dates})
        for name in ("busy", "unique", "quiet", "image", "plain", "words", "elsewhere"):
            key = {"api_key": people.ann.api_key}
            to.sqwish("ips", code=self.shelf.urls[name].partition("://")[2], **key)
        to.sqwish("ips", "xml", code=self._code("quiet"), api_key=people.ann.api_key, limit=2)

    def _teamwork(self, to: Recorder) -> None:
        people, teams = self._people, self._teams
        ann = people.ann.access
        page = {"size": 1000}
        for person in (people.ann, people.ben, people.cara, people.fay):
            to.v1("entity/team/list", person.access, page)
            to.v1("entity/team/invitation/list", person.access, page)
        for team in (teams.shop, teams.own):
            asked = {"teamId": team, **page}
            for call in (
                "team/member/list",
                "team/invitation/list",
                "campaign/list",
                "domain/subscriptions",
                "team/tracker/list",
                "link/list",
            ):
                to.v1(f"entity/{call}", ann, asked)
        for inputs in (
            {"hidden": True},
            {"campaignIds": teams.campaign},
            {"search": "Spring sale"},
        ):
            to.v1("entity/link/list", ann, {**page, **inputs})
        to.v1("entity/link/list", people.ben.access, page)
        to.v1("entity/link/list", people.cara.access, page)
        for name in ("told", "plain"):
            to.v1("entity/link/tracker/list", ann, {"linkId": self.shelf.v1_ids[name], **page})

    def _explanations(self, to: Recorder) -> None:
        for name in (
            *("plain", "words", "sale", "limited", "used up", "over", "disabled", "protected"),
            *("after a day", "after a click", "phones", "split", "told", "notes", "sealed"),
            *("domain", "unique", "few people", "once", "two plugins"),
        ):
            for agent in ("firefox", "iphone"):
                seen = {"user_agent": AGENTS[agent], "address": "198.51.100.7"}
                to.v2("explain", {**self.about(name), "visitor": seen}, without=("steps",))

    def _refusals(self, to: Recorder) -> None:
        people = self._people
        to.v2("get_entries", people.lou.credentials)
        to.v1("entity/team/list", people.lou.access, {})
        to.v2("verify_email", people.fay.credentials)
        to.v2("verify_email", people.vera.credentials)
        to.v2("get_entries", {**people.ann.credentials, "token": "A" * 32})
        to.v2("get_entry", {**people.ben.credentials, "shorturl": self.shelf.urls["plain"]})
        to.v2("url", {**people.ben.credentials, "url": "https://x.example/", "code": "OwnCode1"})
        signup = {"password": pbkdf2(PASSWORD), "email": "new@nowhere.example"}
        to.v2("signup", {**signup, "username": "ANN"})
        to.v2("signup", {**signup, "email": "Ann@nowhere.example"})
        access, _ = self._facts["rotated"]
        to.v1("entity/team/list", access, {})
        to.v1("entity/team/list", self._facts["revoked"], {})
        team = {"teamId": self._teams.own, "name": "x", "code": "shop"}
        to.v1("entity/team/update", people.ann.access, team)
        reading = self._facts["read_only"]
        to.v1("entity/team/create", reading, {"name": "Not with this key"})

    def _files(self, to: Recorder) -> None:
        urls = self.shelf.urls
        for name in ("notes", "parts", "nothing", "tim's file", "once"):
            to.visit(urls[name], visitor(), body=True)
        # It was there for one.
        to.visit(urls["once"], visitor())
        to.v2("get_signature", {"shorturl": urls["sealed"]})
        unlock = {"shorturl": urls["sealed"], "challenge": CHALLENGE}
        to.v2("get_protected_file_info", unlock, without=("url", "url_expire_utime"))
        to.v2("get_protected_file_info", unlock, then=("output", "url"), body=True)
        to.v2("get_protected_file_info", {**unlock, "challenge": "0" * 32})
        # Not of "sealed once": schema 2 did not know who had its last click; anybody got it.
        # An address that was handed out a moment ago.
        to.visit(self._facts["signed"], visitor(), body=True)

    def _visits(self, to: Recorder) -> None:
        urls = self.shelf.urls
        for name, url in urls.items():
            if name in ("notes", "parts", "nothing", "tim's file", "once", "locked file"):
                continue
            to.visit(url, visitor("safari", "192.0.2.1"))
            to.visit(url, visitor("android", "192.0.2.2"))
        for name in ("limited", "few people"):
            to.visit(urls[name], visitor("chrome", "192.0.2.3"))
        to.visit(f"{urls['plain']}+", visitor(), holds=("https://plain.example/page?a=b#part",))
        to.visit(f"{urls['notes']}+", visitor(), holds=("Grüße.txt",))
        for name in ("protected", "over", "disabled", "used up"):
            to.visit(f"{urls[name]}+", visitor())
        to.visit(urls["told"], visitor(), holds=("G-TEAM12345", "123456789012345"))
        # Who was seen before the crash is no new visitor, nor who changes sides.
        for address in ("203.0.113.9", "203.0.113.10", "203.0.113.11", "192.0.2.9"):
            to.visit(urls["unique"], visitor("chrome", address))
        for number in range(20):
            to.visit(urls["split"], visitor(address=f"198.51.100.{number}"))
        to.visit(f"{urls['image']}?qr", visitor("iphone"))
        to.visit(f"{TEAMS_HOST}/OwnCode1", visitor())
        to.visit(f"{ENDED_HOST}{urls['ended'].removeprefix(ENDED_HOST)}", visitor())
        for name in ("protected", "custom", "locked file"):
            password = "1234" if name == "custom" else LINK_PASSWORD
            sent = urlencode({"code": self._code(name), "password": password})
            headers = {**visitor(), "content-type": "application/x-www-form-urlencoded"}
            opening = Question(f"{PUBLIC_URL}/-/open", "POST", headers, sent)
            to.ask(opening, body=name == "locked file")

    def _changes(self, to: Recorder) -> None:
        people, facts = self._people, self._facts
        ann = people.ann
        query = {"filekey": self.shelf.upload, "partnumber": 1, "partsize": len(UPLOAD[1])}
        body, headers = form(UPLOAD[1], {**ann.credentials, **query})
        to.ask(Question(f"{PUBLIC_URL}/v2/file_part_upload", "POST", headers, body.decode()))
        finished = {**ann.credentials, "filekey": self.shelf.upload, "code": "Finished1"}
        to.v2("file_part_finalize", finished, without=("id",))
        response = to.visit(f"{PUBLIC_URL}/Finished1", visitor(), body=True)
        assert response.content == b"".join(UPLOAD)
        # Claimed again it still asks for the same record.
        claim = {"teamId": self._teams.shop, "domainName": "later.shop.example"}
        to.v1("entity/domain/subscribe", ann.access, claim)
        accepted = {"invitationId": facts["invitation"]}
        to.v1("entity/team/invitation/accept", people.fay.access, accepted)
        to.v1("entity/team/list", people.fay.access, {})
        reset = {"email": people.dora.email, "unique_code": facts["reset"]}
        reset["password"] = pbkdf2(NEW_PASSWORD)
        to.v2("reset_password", reset, without=("token",))
        to.v2("reset_password", reset, without=("token",))
        login = {"username_email": "dora", "password": pbkdf2(NEW_PASSWORD)}
        to.v2("login", login, without=("token",))
        # The right code again is no mistake while the address stays verified.
        verified = urlencode({"email": people.vera.email, "code": facts["verified"]})
        form_type = {"content-type": "application/x-www-form-urlencoded"}
        to.ask(Question(f"{PUBLIC_URL}/-/verify", "POST", form_type, verified))
        pair = ("access_token", "refresh_token")
        to.v1("authen/refresh-token", "", {"refreshToken": people.ben.refresh}, without=pair)
        # Somebody has copied a token: nothing of that login is good any more.
        _, used = facts["rotated"]
        to.v1("authen/refresh-token", "", {"refreshToken": used})
        to.v1("entity/team/list", facts["after rotation"], {})

    def about(self, name: str) -> dict[str, str]:
        owner: Person = self.shelf.owners[name]
        return {**owner.credentials, "shorturl": self.shelf.urls[name]}

    def _code(self, name: str) -> str:
        return self.shelf.urls[name].rpartition("/")[2]
