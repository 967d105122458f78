"""What all calls of v1 have in common: bodies, answers, scopes, HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from shortd.api.v1 import answers
from shortd.api.v1.registry import CALLS, Call
from shortd.errors import CATALOGUE, ErrorKind
from shortd.models.accounts import Scope
from shortd.testing import RunningApp, open_app
from tests.api.v1.people import Client, checked, client, refused, send, succeeded
from tests.api.v1.samples import World
from tests.conftest import GENEROUS
from tests.server_process import ServerProcess

LIMIT = 1 << 20
LIST = "entity/team/list"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with open_app(tmp_path / "data", environ=GENEROUS) as app:
        yield World(app)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_every_call_succeeds(world: World, call: Call) -> None:
    succeeded(world.owner.send(call.name, **world.good(call)))


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_every_call_says_what_it_does(call: Call) -> None:
    assert call.summary.endswith(".")
    assert len(call.summary) > 20


def test_an_error_looks_like_this(ann: Client) -> None:
    response = ann.send("entity/campaign/list", teamId="0" * 24)
    assert response.status_code == 200
    assert response.json() == {
        "status": {
            "message": "You are in no such team.",
            "code": 404,
            "timestamp": "2023-11-14T22:13:20+0000",
        }
    }


@pytest.mark.parametrize("kind", CATALOGUE.values(), ids=CATALOGUE.keys())
def test_errors_come_with_documented_http_codes_alone(kind: ErrorKind) -> None:
    answer = answers.refused(kind(), 0)
    assert answer.status.code == kind.status
    assert answer.http_status == (kind.status if kind.status in (401, 403, 429, 500) else 200)


def test_the_time_is_the_servers(ann: Client) -> None:
    ann.app.clock.advance(1.5)
    answer = checked(ann.send("entity/tracker/list"))
    assert answer["status"]["timestamp"] == "2023-11-14T22:13:21+0000"


class TestScopes:
    @pytest.mark.parametrize("scope", list(Scope))
    def test_a_key_allows_its_scope_alone(self, app: RunningApp, scope: Scope) -> None:
        somebody = client(app, "somebody", [scope])
        for call in CALLS.values():
            if call.scope is None:
                continue
            code = checked(somebody.send(call.name))["status"]["code"]
            assert (code == 403) == (call.scope != scope), call.name

    def test_reading_changes_nothing_and_writing_is_all_else(self) -> None:
        reading = {call.name for call in CALLS.values() if call.scope == Scope.READ}
        ends = ("/list", "/subscriptions", "/analytics")
        assert reading == {name for name in CALLS if name.endswith(ends)}

    def test_only_calls_about_tokens_take_none(self, app: RunningApp) -> None:
        for call in CALLS.values():
            assert (call.scope is None) == call.name.startswith("authen/")
            if call.scope is not None:
                assert refused(send(app, call.name, {}))["code"] == 401


class TestBodies:
    @pytest.mark.parametrize(
        "body",
        [
            b'{"size":20,"page":0}}',
            b'{"size":20,"page":0} } }\n}',
            b' {"size":20,\r\n"page":0}\t',
            b'{"size":"20","page":"0"}',
            b'{"size":"","page":null,"unknown":[1,{"a":null}]}',
            b"{}",
            b"",
            b" \r\n",
        ],
    )
    def test_what_is_read(self, ann: Client, body: bytes) -> None:
        assert succeeded(send(ann.app, LIST, body, token=ann.access_token))["total"] == 1

    @pytest.mark.parametrize(
        "body",
        [
            b"}",
            b"{}{",
            b"{}{}",
            b"{}} x",
            b"{}]",
            b"{",
            b"null",
            b"[]",
            b'"{}"',
            b"{'size':20}",
            b'{"size":20,}',
            b'{"size":NaN}',
            b'{"size":NaN}}',
            b'{"a":"\\ud800"}',
            b'{"a":"\\ud800"}}',
            b'{"a":"\xff"}',
            b'{"a":"\xff"}}',
            b'{"a":1e400}}',
            b"\xef\xbb\xbf{}",
            "{}".encode("utf-16"),
            b"{}\0",
            b"{}\x0c",
            b'{"a":' * 100_000,
            b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
            b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}}",
            b'{"a":' + b"9" * 100_000 + b"}}",
            b"size=20&page=0",
        ],
    )
    def test_what_is_not(self, ann: Client, body: bytes) -> None:
        status = refused(send(ann.app, LIST, body, token=ann.access_token))
        assert (status["code"], status["message"]) == (400, CATALOGUE["bad_json"].message)

    @pytest.mark.parametrize(
        "content_type",
        ["application/json", "text/plain", "application/x-www-form-urlencoded", "nonsense", ""],
    )
    def test_the_content_type_does_not_matter(self, ann: Client, content_type: str) -> None:
        headers = {"authorization": f"Bearer {ann.access_token}", "content-type": content_type}
        response = ann.app.request("POST", f"/v1/{LIST}", content="{}", headers=headers)
        assert succeeded(response)["total"] == 1

    @pytest.mark.parametrize("token", [True, False])
    def test_a_mebibyte_is_enough(self, ann: Client, token: bool) -> None:
        access = ann.access_token if token else ""
        for size, code in ((LIMIT, 0 if token else 401), (LIMIT + 1, 413), (3 * LIMIT, 413)):
            body = b'{"a":"' + b"x" * (size - 8) + b'"}'
            answer = checked(send(ann.app, LIST, body, token=access))
            assert answer["status"]["code"] == code

    def test_the_refusal_of_a_larger_one_can_be_read(self, server: ServerProcess) -> None:
        body = b'{"a":"' + b"x" * (3 * LIMIT) + b'"}'
        chunks = (body[at : at + 65_536] for at in range(0, len(body), 65_536))
        for content in (body, chunks):
            response = httpx.post(f"{server.url}/v1/{LIST}", content=content, timeout=30)
            assert refused(response)["code"] == 413


class TestAddresses:
    @pytest.mark.parametrize(
        "method", ["GET", "PUT", "HEAD", "DELETE", "PATCH", "OPTIONS", "TRACE", "QUERY"]
    )
    def test_only_post(self, app: RunningApp, method: str) -> None:
        for name in ("authen/token", LIST, "nonsense"):
            response = app.request(method, f"/v1/{name}", content=b"{}")
            assert response.status_code == 200
            if method == "HEAD":
                assert response.content == b""
            else:
                assert refused(response)["code"] == 405

    @pytest.mark.parametrize(
        "path",
        [
            "nonsense",
            "entity",
            "entity/team",
            "entity/team/list/more",
            "ENTITY/TEAM/LIST",
            "entity/team/list%20",
            "entity%2fteam%2flist%00",
            "%ff",
            "..%2f..%2fetc",
            "",
            "x" * 5000,
            "v1/entity/team/list",
        ],
    )
    def test_no_call(self, ann: Client, path: str) -> None:
        for body in (b"{}", b"", b"nonsense"):
            response = send(ann.app, path, body, token=ann.access_token)
            assert refused(response)["code"] == 404

    def test_a_slash_at_the_end_does_no_harm(self, ann: Client) -> None:
        assert ann.ask(f"{LIST}/")["total"] == 1

    def test_the_query_string_means_nothing(self, ann: Client) -> None:
        assert ann.ask(f"{LIST}?size=0")["total"] == 1


def test_calls_are_counted_by_name_and_code(ann: Client) -> None:
    calls = ann.app.services.metrics.calls
    ann.ask("entity/tracker/list")
    ann.denied("entity/tracker/list/nonsense")
    ann.denied("entity/campaign/delete", campaignId="0" * 24)
    assert calls["v1/entity/tracker/list", 200] == 1
    assert calls["v1/entity/campaign/delete", 404] == 1
    assert calls["unknown", 404] == 1


def test_a_fault_of_ours_tells_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: object) -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(world.app.services.teams.teams, "of_account", broken)
    response = world.owner.send(LIST)
    assert refused(response)["code"] == 500
    assert "secret" not in response.text


def test_answers_are_no_html(ann: Client) -> None:
    team = ann.ask("entity/team/create", name="<b>Shop</b>")["team"]["id"]
    response = ann.send(LIST)
    assert response.headers["x-content-type-options"] == "nosniff"
    assert json.loads(response.content)["teams"][1]["id"] == team
