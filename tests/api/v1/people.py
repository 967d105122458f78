"""People who make Shorten World v1 calls: an account, an API key, a token."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import httpx

from shortd.api.v1.answers import HTTP_STATUSES, SUCCESS
from shortd.testing import RunningApp
from tests.api.v2.people import PASSWORD, double_sha256
from tests.teams.people import Colleague

Json = dict[str, Any]

_SECONDS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+0000")


def send(
    app: RunningApp, name: str, body: object, *, token: str = "", address: str = "127.0.0.1"
) -> httpx.Response:
    """A v1 call; `body` is sent as JSON unless it is bytes."""
    content = body if isinstance(body, bytes) else json.dumps(body)
    headers = {"authorization": f"Bearer {token}"} if token else {}
    return app.request("POST", f"/v1/{name}", content=content, headers=headers, address=address)


def checked(response: httpx.Response) -> Json:
    """An answer, which has the form that the document gives it, whatever it says."""
    answer: Json = response.json()
    status = answer["status"]
    assert list(status) == ["message", "code", "timestamp"]
    assert isinstance(status["message"], str) and status["message"]
    assert _SECONDS.fullmatch(status["timestamp"])
    assert type(status["code"]) is int
    if status["code"] == 0:
        assert (response.status_code, status["message"]) == (200, SUCCESS)
    else:
        assert answer.keys() == {"status"}
        assert response.status_code == (status["code"] if status["code"] in HTTP_STATUSES else 200)
    assert response.headers["content-type"] == "application/json"
    assert response.headers["cache-control"] == "no-store"
    assert "retry-after" in response.headers or status["code"] != 429
    assert ("www-authenticate" in response.headers) == (status["code"] == 401)
    return answer


def succeeded(response: httpx.Response) -> Json:
    """What a call that must succeed answers beside `status`."""
    answer = checked(response)
    assert answer["status"]["code"] == 0, answer
    return {name: value for name, value in answer.items() if name != "status"}


def refused(response: httpx.Response) -> Json:
    """`status` of a call that must fail."""
    status: Json = checked(response)["status"]
    assert status["code"] != 0
    return status


class Client(Colleague):
    """Somebody with a username, an API key and an access token, who makes v1 calls.

    His `call` and `refused` are those of v2.
    """

    def __init__(
        self, app: RunningApp, userid: str, token: str, scopes: Sequence[str] = ("read", "write")
    ) -> None:
        super().__init__(app, userid, token)
        made = self.call("create_api_key", name="v1", scopes=list(scopes))
        self.key: str = made["api_key"]
        self.key_id: str = made["key"]["id"]
        self.login()

    @property
    def username(self) -> str:
        return self.account.username

    def login(self) -> None:
        """Gets a pair of tokens."""
        body = {"username": self.username, "key": self.key}
        pair = succeeded(send(self.app, "authen/token", body))["token"]
        self.access_token: str = pair["access_token"]
        self.refresh_token: str = pair["refresh_token"]

    def send(self, name: str, /, **inputs: Any) -> httpx.Response:
        return send(self.app, name, inputs, token=self.access_token)

    def ask(self, name: str, /, **inputs: Any) -> Json:
        """A call that must succeed: what it answers beside `status`."""
        return succeeded(self.send(name, **inputs))

    def denied(self, name: str, /, **inputs: Any) -> int:
        """A call that must fail: its `status.code`."""
        code: int = refused(self.send(name, **inputs))["code"]
        return code

    @property
    def own_team(self) -> str:
        """Id of the team of his own."""
        team: str = self.ask("entity/team/list")["teams"][0]["id"]
        return team


def client(app: RunningApp, name: str, scopes: Sequence[str] = ("read", "write")) -> Client:
    """A new registered account of this username, logged in to v1."""
    output = app.call(
        "signup",
        email=f"{name}@nowhere.example",
        username=name,
        password=double_sha256(PASSWORD),
    )
    return Client(app, output["userid"], output["token"], scopes)
