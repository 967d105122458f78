"""Replays the document's commands against a real server, with curl, as they are written.

What differs is what has to: where the server is, and the names of what is on it.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from shortd.ids import own_team_id
from shortd.links.trackers import PLUGIN
from shortd.testing import AGENTS
from tests.api.v1 import document
from tests.api.v1.document import Example
from tests.api.v1.people import Json, succeeded
from tests.api.v2.people import PASSWORD, double_sha256
from tests.server_process import PLAIN, ServerProcess
from tests.tools import needed

DESTINATION = "https://format.asia/json-format"
GOOGLE_ANALYTICS = "635a184a172e000047005863"


class Scene:
    """A server with the document's account on it, and what the examples speak of.

    `names` says what stands for each of the document's ids. The link and its tracker are new for
    each `replay`, and so are the tokens.
    """

    def __init__(self, server: ServerProcess) -> None:
        self.server = server
        signup = {
            "email": "user@nowhere.example",
            "username": document.USERNAME,
            "password": double_sha256(PASSWORD),
        }
        login = server.call("signup", **signup)
        self._login = {"userid": login["userid"], "token": login["token"]}
        team = own_team_id(login["userid"])
        self.names = {
            document.TEAM: team,
            document.DOMAIN: f"{0:024x}",
            document.KEY: server.call("create_api_key", **self._login, name="v1")["api_key"],
        }
        self._log_in()
        made = self.ask("entity/campaign/create", teamId=team, name="New year flash sale")
        self.names[document.CAMPAIGN] = made["campaign"]["id"]
        made = self.ask(
            "entity/team/tracker/create",
            teamId=team,
            trackerId=GOOGLE_ANALYTICS,
            code="UA-9999999988",
            name="My Google Analytics Pixel",
        )
        self.names[document.TEAM_TRACKER] = made["teamTracker"]["id"]

    def ask(self, name: str, /, **inputs: Any) -> Json:
        """A v1 call that must succeed."""
        headers = {"authorization": f"Bearer {self._access}"}
        return succeeded(self._post(name, inputs, headers))

    def replay(self, example: Example) -> Json:
        """The answer to a command of the document."""
        self._log_in()
        shorturl = self._new_link()
        self.names[document.LINK] = f"{self._entry(shorturl)['id']:024x}"
        if document.LINK_TRACKER in example.command or example.call == "entity/link/tracker/list":
            self._new_tracker(shorturl)
        if example.call == "entity/link/analytics":
            self._visit(shorturl)
        return self.run(example.command)

    def run(self, command: str) -> Json:
        """Runs a command of the document; its answer, which comes with status 200."""
        needed("curl")
        text = command.replace(document.BASE_URL, self.server.url)
        text = text.replace(
            f'"refreshToken":"{document.TOKEN}"', f'"refreshToken":"{self._refresh}"'
        )
        text = text.replace(document.TOKEN, self._access)
        for name, stands_for in self.names.items():
            text = text.replace(name, stands_for)
        done = subprocess.run(
            ["bash", "-c", f"{text} -s -w '\\n%{{http_code}}'"],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        body, _, status = done.stdout.rpartition("\n")
        assert status == "200", done.stdout
        answer: Json = json.loads(body)
        return answer

    def _post(
        self, name: str, inputs: Json, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        url = f"{self.server.url}/v1/{name}"
        return httpx.post(url, json=inputs, headers=headers, timeout=30, verify=PLAIN)

    def _log_in(self) -> None:
        body = {"username": document.USERNAME, "key": self.names[document.KEY]}
        pair = succeeded(self._post("authen/token", body))["token"]
        self._access: str = pair["access_token"]
        self._refresh: str = pair["refresh_token"]

    def _new_link(self) -> str:
        made = self.server.call("url", **self._login, url=DESTINATION)
        return str(made["entry"]["shorturl"])

    def _entry(self, shorturl: str) -> Json:
        entry: Json = self.server.call("get_entry", **self._login, shorturl=shorturl)["entry"]
        return entry

    def _visit(self, shorturl: str) -> None:
        """Somebody's visit and a robot's; the document's days reach until after them."""
        for agent in (AGENTS["firefox"], AGENTS["search engine"]):
            headers = {"user-agent": agent, "accept-language": "en"}
            assert httpx.get(shorturl, headers=headers, verify=PLAIN).status_code == 302
        tomorrow = datetime.now(UTC) + timedelta(days=1)
        self.names["01/01/2023"] = f"{tomorrow:%d/%m/%Y}"

    def _new_tracker(self, shorturl: str) -> None:
        data = {"trackers": [{"provider": "google_analytics", "id": "UA-8978698976"}]}
        self.server.call("set_plugin", **self._login, shorturl=shorturl, plugin=PLUGIN, data=data)
        listed = self.ask("entity/link/tracker/list", linkId=self.names[document.LINK])
        self.names[document.LINK_TRACKER] = listed["linkTracker"][0]["id"]
