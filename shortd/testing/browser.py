"""Somebody with a browser, as far as HTTP sees one: for tests of pages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http.cookies import SimpleCookie
from urllib.parse import urlencode, urljoin

import httpx

Ask = Callable[..., httpx.Response]
FORM = "application/x-www-form-urlencoded"


class Browser:
    """Keeps cookies, says where its forms come from, and follows nothing by itself."""

    def __init__(self, ask: Ask, base_url: str, cookies: Mapping[str, str], userid: str) -> None:
        self._ask = ask
        self._base_url = base_url
        self.cookies = dict(cookies)
        self.userid = userid
        """Of its account; empty for a stranger's."""

    def get(self, path: str, *, language: str = "en", **headers: str) -> httpx.Response:
        """Looks at a page."""
        return self._send("GET", path, None, {"accept-language": language, **headers})

    def post(
        self, path: str, form: Mapping[str, object] | None = None, *, origin: str | None = None
    ) -> httpx.Response:
        """Sends a form, as a page of the server's own does, or one of another `origin`."""
        own = urljoin(self._base_url, "/").rstrip("/")
        sent = {"content-type": FORM, "origin": own if origin is None else origin}
        return self._send("POST", path, urlencode(form or {}, doseq=True), sent)

    def _send(
        self, method: str, path: str, content: str | None, headers: Mapping[str, str]
    ) -> httpx.Response:
        sent = {"accept": "text/html", **headers}
        if self.cookies:
            sent["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        answer = self._ask(method, path, content=content, headers=sent)
        for line in answer.headers.get_list("set-cookie"):
            for name, morsel in SimpleCookie(line).items():
                if morsel["max-age"] == "0":
                    self.cookies.pop(name, None)
                else:
                    self.cookies[name] = morsel.value
        return answer
