"""Dub: what `GET /links` answers. Passwords are in the clear, and keys of other scripts may be in
Punycode.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from shortd.hosts.destinations import UTM_NAMES
from shortd.moving.drafts import Draft
from shortd.moving.peers.by_object import ObjectSource
from shortd.moving.records import Condition, HostSetting, Problem, Reason, Remark, Rule
from shortd.moving.staged import Found
from shortd.moving.texts import flag, text_of
from shortd.moving.urls import host_name, web_address

ROOT = "_root"
"""The key of a domain's own page."""
_TEXTS = (
    *("domain", "key", "url", "createdAt", "clicks", "title", "comments", "expiresAt"),
    *("expiredUrl", "disabledAt", "password", "ios", "android", "description"),
)
_UNPLACED = ("description", "image", "video")
"""What chats show of a link."""
RULES = 300


class DubAnswers(ObjectSource):
    """Pages of links."""

    title = "Dub"

    def takes(self, path: list[str], found: dict[str, Any]) -> bool:
        if not {"domain", "key", "url"} <= found.keys() or "shortLink" not in found:
            return False
        row = {name: text_of(found.get(name)) for name in (*_TEXTS, *_UNPLACED, *UTM_NAMES)}
        row["id"] = text_of(found.get("id"))
        geo, variants, tags = (found.get(name) for name in ("geo", "testVariants", "tags"))
        self.stage.add_link(
            {
                **row,
                "number": self.number(),
                "archived": flag(found.get("archived")),
                "rewrite": flag(found.get("rewrite")),
                "doIndex": flag(found.get("doIndex")),
                "geo": [[text_of(code), text_of(url)] for code, url in geo.items()][:RULES]
                if isinstance(geo, dict)
                else [],
                "variants": [
                    [text_of(variant.get("url")), _share(variant.get("percentage"))]
                    for variant in variants[:100]
                    if isinstance(variant, dict)
                ]
                if isinstance(variants, list)
                else [],
                "tags": [
                    text_of(tag.get("name")) if isinstance(tag, dict) else text_of(tag)
                    for tag in tags[:1000]
                ]
                if isinstance(tags, list)
                else [],
            },
            self.times.read(row["createdAt"]),
        )
        if row["key"] == ROOT:
            self.stage.add_fact("root", host_name(row["domain"]), row["url"])
        return True

    def remarks(self) -> Iterator[Found]:
        yield Remark(
            "ignores_case",
            "Dub takes codes in capitals and small letters for one: set ignore_case for the host.",
        )
        for host, url in self.stage.all_facts("root"):
            if place := web_address(url):
                yield HostSetting(host, root=place)

    def draft(self, row: Any) -> Draft | Problem | None:
        key = spelled(row["key"])
        draft = Draft(
            self.times,
            key=f"{row['domain']}/{key}",
            row=row["number"],
            url=row["url"],
            code=key.strip("/"),
            host=host_name(row["domain"]),
        )
        if row["key"] == ROOT:
            return draft.skipped(Reason.DOMAIN_ROOT)
        draft.created(row["createdAt"])
        draft.clicks(row["clicks"])
        draft.title(row["title"])
        if row["comments"]:
            draft.note(row["comments"])
        draft.tags(row["tags"])
        draft.ends(row["expiresAt"])
        draft.fallback("date", row["expiredUrl"])
        draft.utm({name: row[name] for name in UTM_NAMES})
        if row["disabledAt"]:
            draft.disable()
        if row["archived"]:
            draft.archive()
        if row["doIndex"]:
            draft.robots(True)
        if row["password"]:
            draft.password(row["password"])
        draft.rules(
            [
                *(
                    Rule(row[name], (Condition("device", "", name),))
                    for name in ("ios", "android")
                    if row[name]
                ),
                *(
                    Rule(url, (Condition("geolocation-country-code", "", code),))
                    for code, url in row["geo"]
                ),
            ]
        )
        draft.variants(row["url"], [(url, share) for url, share in row["variants"]])
        for name in _UNPLACED:
            if row[name]:
                draft.say(Reason.NO_PLACE, f"{name} of its preview")
        if row["rewrite"]:
            draft.say(Reason.NO_PLACE, "cloaking: it redirects")
        return draft


def _share(value: object) -> object:
    return value if isinstance(value, (int, float)) else text_of(value)


def spelled(key: str) -> str:
    """A key in its own letters: Dub keeps those of other scripts in Punycode."""
    return "/".join(_letters(part) for part in key.split("/"))


def _letters(part: str) -> str:
    if part[:4].lower() == "xn--" and len(part) <= 256:
        with suppress(UnicodeError):
            return part[4:].encode("ascii").decode("punycode")
    return part
