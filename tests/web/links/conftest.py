"""Links with clicks, and whoever made them."""

from __future__ import annotations

import pytest

from shortd.testing import RunningApp
from tests.web.surfer import Surfer

IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like"
    " Gecko) Version/26.0 Mobile/15E148 Safari/604.1"
)
GOOGLEBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
DAY = 86_400
URL = "https://example.org/campaigns?a=1"


class MadeLink:
    """A link of whoever is signed in."""

    def __init__(self, surfer: Surfer, code: str = "autumn26", **terms: object) -> None:
        self.app: RunningApp = surfer.app
        self.surfer = surfer
        entry = surfer.call("url", url=URL, code=code, **terms)["entry"]
        self.id: int = entry["id"]
        self.code = code
        self.path = f"/-/links/{self.id}"

    def click(self, times: int = 1, agent: str = IPHONE, query: str = "", **headers: str) -> None:
        sent = {"user-agent": agent, **headers}
        for _ in range(times):
            answer = self.app.get(f"/{self.code}{query}", headers=sent)
            assert answer.status_code == 302

    def later(self, days: int) -> None:
        """Days pass, after which its maker has to sign in again."""
        self.app.clock.advance(days * DAY)
        self.surfer.sign_in()

    def page(self, below: str = "") -> str:
        answer = self.surfer.get(self.path + below)
        assert answer.status_code == 200, answer.text
        return answer.text


@pytest.fixture
def link(ann: Surfer) -> MadeLink:
    return MadeLink(ann)
