"""Links and files of every kind, by names of their own."""

from __future__ import annotations

import os
import struct
from datetime import UTC, datetime
from typing import Any

from tests.store.directories.schema_2.people import People, Person, Teams
from tests.store.directories.schema_2.workshop import (
    DAY,
    GONE,
    PUBLIC_URL,
    SECOND_HOST,
    Workshop,
)

CHALLENGE = "284932ca2ea3595cf6d106ef51ca3826"
SIGNATURE = (
    "8d0734a61bc0cc213c062f3a95a01c751a4fe5f2f99e55285e24bcb459b10441a5d8aa012338edea2978b467"
)
LINK_PASSWORD = "Sesam, öffne dich"
NON_ASCII = "https://bücher.example/straße/日本?q=ä&r=%C3%A4#ö"
DEFAULT_DOMAIN = "0" * 24
"""Of v1, the first host."""
UNASKED = ("lou's", "anonymous", "forsaken", "ended")
"""Whose owners cannot call, or whose hosts do not answer any more. Lists show them."""
NOTES = b"Plain notes.\nTwo lines of them.\n"
PARTS = (b"The first part, " * 40, b"the second, " * 60, b"and the third.")
UPLOAD = (b"Half of it is here, ", b"and this is still to come.")


class Shelf:
    """Short URLs by name, and the names of those that v1 made, with their ids there."""

    def __init__(self, shop: Workshop, people: People) -> None:
        self._shop = shop
        self._people = people
        self._shop_id = ""
        self.urls: dict[str, str] = {}
        self.owners: dict[str, Person] = {}
        self.v1_ids: dict[str, str] = {}
        self.upload = ""
        """The filekey of what has not come whole."""

    def short(self, name: str, owner: Person, destination: str, **inputs: Any) -> None:
        """A link of v2."""
        entry = owner.v2("url", url=destination, **inputs)["entry"]
        self._put(name, owner, entry["shorturl"])
        self.v1_ids[name] = f"{entry['id']:024x}"

    def team_link(
        self,
        name: str,
        owner: Person,
        destination: str,
        domain: str = DEFAULT_DOMAIN,
        **inputs: Any,
    ) -> None:
        """A link of v1, the shop's unless `inputs` say otherwise."""
        given = {"teamId": self._shop_id, "domainId": domain, "noTitle": True, **inputs}
        made = owner.v1("entity/link/create", destination=destination, **given)
        self._put(name, owner, made["linkShort"])
        self.v1_ids[name] = made["linkId"]

    def change(self, name: str, call: str, **inputs: Any) -> None:
        """A call of v1 about a link."""
        self.owners[name].v1(f"entity/link/{call}", linkId=self.v1_ids[name], **inputs)

    def make_early(self) -> None:
        """What comes from before the default host had another name, and one host was given up."""
        ann = self._people.ann
        self.short("renamed", ann, "https://renamed.example/")
        self.urls["renamed"] = self.urls["renamed"].replace("first.example", "s.example")
        self.short("forsaken", ann, "https://forsaken.example/", host=GONE)

    def make_v2(self) -> None:
        ann, later = self._people.ann, self._shop.utime + 3650 * DAY
        for name in ("plain", "quiet", "busy", "famous", "image", "torn"):
            self.short(name, ann, f"https://{name}.example/page?a=b#part")
        self.short("never", ann, "https://never.example/")
        self.short("own", ann, "https://own.example/", code="OwnCode1", tag=5)
        self.short(
            "elsewhere", ann, "https://elsewhere.example/", code="OwnCode1", host=SECOND_HOST
        )
        self.short("words", ann, NON_ASCII, tag=6)
        self.short("negative", ann, "http://negative.example:8080/", tag=-(2**63))
        self.short("timed", ann, "https://timed.example/", expiration_utime=later)
        # The day before the last.
        over = self._shop.utime + 19 * DAY
        self.short("over", ann, "https://over.example/", expiration_utime=over)
        self.short("limited", ann, "https://limited.example/", expiration_count=5)
        self.short("used up", ann, "https://used.example/", expiration_count=2)
        self.short("disabled", ann, "https://disabled.example/")
        ann.v2("set_enabled", shorturl=self.urls["disabled"], enabled=False)
        self.short("moved", ann, "https://moved.example/")
        moved = f"{PUBLIC_URL}/MovedTo1"
        ann.v2("change_shorturl", shorturl_old=self.urls["moved"], shorturl_new=moved)
        self.urls["moved"] = moved
        self.short("remade", ann, "https://before.example/", code="Remade01")
        self.short("two plugins", ann, "https://two.example/")
        mobile = {"ios": "https://two.example/ios", "mobile": "https://two.example/mobile"}
        variants = [{"url": "https://two.example/b", "weight": 50}]
        for plugin, data in (("mobile", mobile), ("ab", {"variants": variants})):
            ann.v2("set_plugin", shorturl=self.urls["two plugins"], plugin=plugin, data=data)
        self.short("tim's", self._people.tim, "https://tim.example/")
        self.short("cara's", self._people.cara, "https://cara.example/")
        self.short("lou's", self._people.lou, "https://lou.example/")

    def make_v1(self, teams: Teams) -> None:
        ann, ben, cara = self._people.ann, self._people.ben, self._people.cara
        self._shop_id = teams.shop
        self.team_link(
            "sale",
            ann,
            "https://sale.example/?utm_source=old&keep=1#there",
            campaignId=teams.campaign,
            utmSource="news letter",
            utmMedium="e-mail",
            utmCampaign="frühling",
            utmTerm="shoes",
            utmContent="button",
        )
        self.change("sale", "update", title="Spring sale — 50 %", tags="spring, shoes")
        self.team_link("hidden", ann, "https://hidden.example/")
        self.change("hidden", "update", hide=True)
        self.team_link("protected", ben, "https://protected.example/")
        self.change("protected", "password", password=LINK_PASSWORD)
        self.team_link("unique", ann, "https://unique.example/")
        self.change("unique", "redirect", clickType=1, uniqueTime=60)
        self.team_link("few people", ann, "https://few.example/")
        self.change(
            "few people",
            "expiration",
            click=3,
            clickType=1,
            destinationByClick="https://few.example/later",
        )
        self.team_link("after a day", ann, "https://date.example/")
        day = datetime.fromtimestamp(self._shop.utime // 1_000_000 + 19 * 86_400, UTC)
        self.change(
            "after a day",
            "expiration",
            date=f"{day:%d/%m/%Y}",
            destinationByDate="https://date.example/later",
        )
        self.team_link("after a click", ann, "https://click.example/")
        self.change("after a click", "expiration", click=1, destinationByClick=NON_ASCII)
        self.team_link("phones", ben, "https://phones.example/")
        places = {name: f"https://phones.example/{name}" for name in ("ios", "android", "mobile")}
        self.change("phones", "redirect-mobile", **places)
        self.team_link("split", ann, "https://split.example/")
        variants = [{"link": f"https://split.example/{one}", "percentage": 30} for one in "ab"]
        self.change("split", "testing", testing=variants)
        self.team_link("told", ann, "https://told.example/")
        self.change("told", "create-tracker", type=1, teamTrackers="all-trackers")
        self.change(
            "told", "create-tracker", type=0, trackerId=teams.facebook, code="123456789012345"
        )
        listed = ann.v1("entity/domain/subscriptions", teamId=teams.shop)["subscriptions"]
        domains = {one["domainName"]: one["domainId"] for one in listed}
        self.team_link("domain", ann, "https://domain.example/", domains["go.shop.example"])
        self.team_link("ended", ann, "https://ended.example/", domains["old.shop.example"])
        self._shop.command("domain", "remove", "old.shop.example")
        self.team_link("member's", cara, "https://member.example/")
        self.team_link("own team's", ann, "https://ownteam.example/", teamId=teams.own)

    def make_sqwish(self) -> None:
        ann = self._people.ann
        for name, owner, given in (
            ("short", ann, {"api_key": ann.api_key}),
            ("custom", ann, {"api_key": ann.api_key, "custom": "sq-wish_1", "password": "1234"}),
            ("anonymous", Person(self._shop, "@anonymous"), {}),
        ):
            made = self._shop.sqwish("shorten", url=f"https://{name}.example/sqwish", **given)
            self._put(name, owner, made["shortURL"])

    def make_files(self) -> None:
        ann = self._people.ann
        self._file("notes", ann, NOTES, filename="Grüße.txt", filetype="text/plain", tag=9)
        self._file("nothing", ann, b"", filename="empty")
        self._file("once", ann, b"For one pair of eyes.", filename="once.bin", expiration_count=1)
        self._file("tim's file", self._people.tim, b"Mine.", filename="mine.txt")
        self._file(
            "locked file", ann, b"Behind a password.", filename="behind.txt", code="Behind01"
        )
        self.change("locked file", "password", password=LINK_PASSWORD)
        secrecy = {"encryption": 1, "challenge": CHALLENGE, "signature": SIGNATURE}
        self.sealed = b"".join(
            struct.pack("<I", 28 + size) + os.urandom(28 + size) for size in (9, 5)
        )
        self._file("sealed", ann, self.sealed, filename="sealed.bin", filesize=14, **secrecy)
        self._file(
            "sealed once",
            ann,
            self.sealed,
            filename="once.bin",
            filesize=14,
            expiration_count=1,
            **secrecy,
        )
        filekey = self._begin(sum(map(len, PARTS)), "parts.txt")
        for number, part in enumerate(PARTS, 1):
            self.send_part(filekey, number, part)
        entry = ann.v2("file_part_finalize", filekey=filekey)["entry"]
        self._put("parts", ann, entry["shorturl"])

    def begin_upload(self) -> None:
        self.upload = self._begin(sum(map(len, UPLOAD)), "unfinished.txt")
        self.send_part(self.upload, 0, UPLOAD[0])

    def send_part(self, filekey: str, number: int, part: bytes) -> None:
        query = {"filekey": filekey, "partnumber": number, "partsize": len(part)}
        self._shop.v2_form("file_part_upload", part, **self._people.ann.credentials, **query)

    def share_and_delete(self) -> str:
        """Leaves a blob behind that nothing names: its path in the data directory."""
        folder = self._shop.data_dir
        before = set(folder.glob("files/*/*"))
        self._file("dead", self._people.ann, b"To be deleted.", filename="dead.txt")
        self._people.ann.v2("delete", shorturl=self.urls.pop("dead"))
        [blob] = set(folder.glob("files/*/*")) - before
        return str(blob.relative_to(folder))

    def counts(self) -> dict[str, int]:
        """Clicks of all links that accounts list, by name."""
        people = self._people
        listed = {
            entry["shorturl"]: entry["count"]
            for person in (people.tim, people.ann, people.ben, people.cara)
            for entry in person.v2("get_entries", count=1000)["entries"]
        }
        return {name: listed[url] for name, url in self.urls.items() if url in listed}

    def _begin(self, filesize: int, filename: str) -> str:
        begun = {"filename": filename, "filesize": filesize, "filetype": "text/plain"}
        filekey: str = self._people.ann.v2("file_part_initialize", **begun)["filekey"]
        return filekey

    def _file(self, name: str, owner: Person, content: bytes, **inputs: Any) -> None:
        query = {"filesize": len(content), **owner.credentials, **inputs}
        entry = self._shop.v2_form("file", content, **query)["entry"]
        self._put(name, owner, entry["shorturl"])
        self.v1_ids[name] = f"{entry['id']:024x}"

    def _put(self, name: str, owner: Person, short_url: str) -> None:
        self.urls[name] = short_url
        self.owners[name] = owner
