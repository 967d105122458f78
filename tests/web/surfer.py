"""Somebody with a browser, as far as HTTP sees one: it keeps cookies, follows nothing by itself,
and says where its forms come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

import httpx

from shortd.testing import RunningApp
from tests.api.v2.people import PASSWORD, double_sha256

OWN = "http://127.0.0.1:8080"
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"


class Surfer:
    """A browser at pages of an app, whose origin is `own`."""

    def __init__(self, app: RunningApp, own: str = OWN, address: str = "192.0.2.1") -> None:
        self.app = app
        self.own = own
        self.address = address
        self.cookies: dict[str, str] = {}
        self.set: dict[str, Mapping[str, str]] = {}
        """Attributes of every cookie as it was set last."""

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self._ask("GET", path, None, headers)

    def send(
        self,
        path: str,
        form: Mapping[str, str | Sequence[str]] | None = None,
        *,
        origin: str | None = "",
        content: bytes | str | None = None,
        headers: Mapping[str, str] | None = None,
        **more: str,
    ) -> httpx.Response:
        """Sends a form, as a page of ours does unless `origin` says otherwise; None: none."""
        sent = {"content-type": "application/x-www-form-urlencoded", **(headers or {}), **more}
        if origin is not None:
            sent["origin"] = origin or urljoin(self.own, "/").rstrip("/")
        body = urlencode(form or {}, doseq=True) if content is None else content
        return self._ask("POST", path, body, sent)

    def follow(self, answer: httpx.Response) -> httpx.Response:
        """The page that an answer leads to."""
        assert answer.status_code == 303, answer.text
        return self.get(answer.headers["location"])

    def sign_up(self, name: str = "ann", password: str = PASSWORD, **more: str) -> httpx.Response:
        form = {"email": f"{name}@nowhere.example", "username": name, **more}
        answer = self.send("/-/signup", form | derived("password_new", password))
        assert answer.status_code == 303, answer.text
        return answer

    def sign_in(self, name: str = "ann", password: str = PASSWORD, **more: str) -> httpx.Response:
        return self.send("/-/login", {"name": name, **derived("password", password), **more})

    @property
    def credentials(self) -> dict[str, str]:
        """What its cookie holds, as the API has it."""
        userid, _, token = self.cookies[session_cookie(self.own)].partition(".")
        return {"userid": userid, "token": token} if token else {"userid": userid}

    def call(self, name: str, /, **inputs: Any) -> dict[str, Any]:
        return self.app.call(name, **{**self.credentials, **inputs})

    def is_in(self) -> bool:
        return self.get("/-/account").status_code == 200

    def _ask(
        self, method: str, path: str, content: bytes | str | None, headers: Mapping[str, str]
    ) -> httpx.Response:
        sent = {"accept": "text/html", "user-agent": FIREFOX, **headers}
        sent = {name.replace("_", "-"): value for name, value in sent.items()}
        if self.cookies:
            sent["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        url = urljoin(self.own, path)
        answer = self.app.request(method, url, content=content, headers=sent, address=self.address)
        for line in answer.headers.get_list("set-cookie"):
            self._keep(line)
        return answer

    def _keep(self, line: str) -> None:
        for name, morsel in SimpleCookie(line).items():
            self.set[name] = {key: str(value) for key, value in morsel.items() if value != ""}
            if morsel["max-age"] == "0" or not morsel.value:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = morsel.value


def new_password(password: str) -> dict[str, str]:
    """The fields of one that is chosen, as they are sent without a script."""
    return {"password_new": password, "password_again": password}


def derived(name: str, password: str) -> dict[str, str]:
    """The same as a script sends it; the slow one of both is made up, which saves a while."""
    quick = double_sha256(password)
    return {f"{name}_pbkdf2": double_sha256(quick), f"{name}_sha256": quick}


def session_cookie(own: str) -> str:
    prefix = "__Secure-" if urlsplit(own).path else "__Host-"
    return f"{prefix}shortd" if own.startswith("https:") else "shortd"
