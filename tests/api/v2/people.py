"""People who make ww7 v2 calls: an account, its credentials, and what it does with them."""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import urlsplit

import httpx

from shortd.testing import RunningApp

PASSWORD = "Trial151!"
DESTINATION = "https://example.com/"


def double_sha256(password: str) -> str:
    """The derivation that the document's examples use."""
    return hashlib.sha256(hashlib.sha256(password.encode()).digest()).hexdigest()


def pbkdf2(password: str) -> str:
    """The derivation that the document's field descriptions ask for."""
    salt = bytes.fromhex("182c37f56e1967227ccae78af837b638")
    return hashlib.pbkdf2_hmac("sha256", password.encode(), salt, 231_581).hex()


class Person:
    """An account's owner; without a token, a temporary account's."""

    def __init__(self, app: RunningApp, userid: str, token: str | None = None) -> None:
        self.app = app
        self.userid = userid
        self.token = token

    @property
    def credentials(self) -> dict[str, str]:
        if self.token is None:
            return {"userid": self.userid}
        return {"userid": self.userid, "token": self.token}

    def post(self, name: str, /, **inputs: Any) -> httpx.Response:
        return self.app.post(name, {**self.credentials, **inputs})

    def call(self, name: str, /, **inputs: Any) -> dict[str, Any]:
        return self.app.call(name, **{**self.credentials, **inputs})

    def refused(self, name: str, /, **inputs: Any) -> dict[str, Any]:
        return self.app.refused(name, **{**self.credentials, **inputs})

    def shorten(self, url: str = DESTINATION, **inputs: Any) -> dict[str, Any]:
        entry: dict[str, Any] = self.call("url", url=url, **inputs)["entry"]
        return entry

    def entry(self, shorturl: str, **inputs: Any) -> dict[str, Any]:
        entry: dict[str, Any] = self.call("get_entry", shorturl=shorturl, **inputs)["entry"]
        return entry

    def entries(self, **inputs: Any) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = self.call("get_entries", **inputs)["entries"]
        return entries

    @property
    def balance(self) -> int:
        """Of the bucket for calls, asked for without paying."""
        account = self.app.services.accounts.logins.authenticate(
            self.userid, self.token, self.app.clock.now()
        )
        return self.app.services.limits.budgets.api_balance(account, self.app.clock.now())


def temporary(app: RunningApp) -> Person:
    return Person(app, app.call("temporary_account")["userid"])


def registered(app: RunningApp, name: str = "member", **inputs: Any) -> Person:
    """`name`@nowhere.example, with `PASSWORD` as the document's examples derive it."""
    output = app.call(
        "signup",
        **{"email": f"{name}@nowhere.example", "password": double_sha256(PASSWORD), **inputs},
    )
    return Person(app, output["userid"], output["token"])


def path_of(entry: dict[str, Any]) -> str:
    """`/<code>` of an entry."""
    path: str = urlsplit(entry["shorturl"]).path
    return path
