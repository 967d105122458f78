"""The call `multi`: calls in order, and outputs that feed later inputs."""

from __future__ import annotations

from typing import Any

import pytest

from shortd.testing import RunningApp
from tests.api.v2.envelopes import check_envelope, checked, everything
from tests.api.v2.people import PASSWORD, Person, double_sha256, path_of, registered

HEX = double_sha256(PASSWORD)

Json = dict[str, Any]


def multi(app: RunningApp, *queries: Json) -> list[Json]:
    """The inner envelopes; the outer one is a success, whatever they are."""
    answer = checked(app.post("multi", {"call_queries": queries}), "multi")
    assert answer["status"] == "success"
    assert answer["weight"] == 0
    assert answer["output"].keys() == {"call_responses"}
    responses: list[Json] = answer["output"]["call_responses"]
    for response, query in zip(responses, queries, strict=True):
        check_envelope(response, query["type"])
    return responses


def test_nothing(app: RunningApp) -> None:
    assert multi(app) == []


def test_in_order(app: RunningApp, guest: Person) -> None:
    shorturl = "127.0.0.1:8080/abcdef"
    responses = multi(
        app,
        {
            "type": "url",
            "input": {**guest.credentials, "url": "https://e.example/", "code": "abcdef"},
        },
        {"type": "set_tag", "input": {**guest.credentials, "shorturl": shorturl, "tag": 9}},
        {"type": "get_entry", "input": {**guest.credentials, "shorturl": shorturl}},
        {"type": "delete", "input": {**guest.credentials, "shorturl": shorturl}},
        {"type": "get_entries", "input": guest.credentials},
    )
    assert [response["status"] for response in responses] == ["success"] * 5
    assert responses[0]["output"]["entry"]["tag"] == 0
    assert responses[2]["output"]["entry"]["tag"] == 9
    assert responses[4]["output"] == {"entries": [], "total": 0}


def test_all_of_them_even_after_a_failure(app: RunningApp, guest: Person) -> None:
    responses = multi(
        app,
        {"type": "url", "input": {**guest.credentials, "url": "nonsense"}},
        {"type": "no_such_call"},
        {"type": "get_entries"},
        {"type": "url", "input": {**guest.credentials, "url": "https://example.com/"}},
    )
    codes = [response.get("error", {}).get("code") for response in responses]
    assert codes == ["invalid_url", "unknown_call", "missing_field", None]
    assert len(guest.entries()) == 1


class TestBroadcast:
    def test_of_a_new_account(self, app: RunningApp) -> None:
        responses = multi(
            app,
            {"type": "temporary_account", "broadcast": True},
            {"type": "url", "input": {"url": "https://example.com/"}},
            {"type": "get_entries"},
        )
        assert [response["status"] for response in responses] == ["success"] * 3
        userid = responses[0]["output"]["userid"]
        [entry] = responses[2]["output"]["entries"]
        assert entry["userid"] == userid
        assert app.get(path_of(entry)).status_code == 302

    def test_of_a_login(self, app: RunningApp, member: Person) -> None:
        member.shorten()
        responses = multi(
            app,
            {
                "type": "login",
                "broadcast": True,
                "input": {"username_email": "Member", "password": HEX},
            },
            {"type": "get_entries"},
            {"type": "logout"},
            {"type": "get_entries"},
        )
        assert [response["status"] for response in responses] == ["success"] * 3 + ["error"]
        assert len(responses[1]["output"]["entries"]) == 1

    def test_converts_what_the_first_call_made(self, app: RunningApp) -> None:
        responses = multi(
            app,
            {"type": "temporary_account", "broadcast": True},
            {"type": "url", "input": {"url": "https://example.com/"}},
            {
                "type": "signup",
                "input": {"email": "a@nowhere.example", "password": HEX},
                "broadcast": True,
            },
            {"type": "get_entries"},
        )
        assert [response["status"] for response in responses] == ["success"] * 4
        assert responses[2]["output"]["userid"] == responses[0]["output"]["userid"]
        assert len(responses[3]["output"]["entries"]) == 1

    def test_not_unless_asked(self, app: RunningApp) -> None:
        for query in (
            {"type": "temporary_account"},
            {"type": "temporary_account", "broadcast": False},
        ):
            responses = multi(app, query, {"type": "get_entries"})
            assert responses[1]["error"]["field"] == "userid"

    def test_explicit_inputs_win(self, app: RunningApp, guest: Person) -> None:
        responses = multi(
            app,
            {"type": "temporary_account", "broadcast": True},
            {"type": "url", "input": {**guest.credentials, "url": "https://example.com/"}},
        )
        assert responses[1]["output"]["entry"]["userid"] == guest.userid
        # An explicit null wins, too: here it takes the token away that was broadcast.
        member = registered(app, "other")
        responses = multi(
            app,
            {
                "type": "login",
                "broadcast": True,
                "input": {"username_email": "other@nowhere.example", "password": HEX},
            },
            {"type": "get_entries", "input": {"token": None}},
            {"type": "get_entries"},
        )
        assert responses[1]["error"]["code"] == "token_required"
        assert responses[2]["status"] == "success"
        assert member.userid == responses[0]["output"]["userid"]

    def test_later_ones_win_over_earlier_ones(self, app: RunningApp) -> None:
        responses = multi(
            app,
            {"type": "temporary_account", "broadcast": True},
            {"type": "temporary_account", "broadcast": True},
            {"type": "url", "input": {"url": "https://example.com/"}},
        )
        owner = responses[2]["output"]["entry"]["userid"]
        assert owner == responses[1]["output"]["userid"] != responses[0]["output"]["userid"]

    def test_failures_are_not_broadcast(self, app: RunningApp, guest: Person) -> None:
        responses = multi(
            app,
            {"type": "temporary_account", "broadcast": True},
            {"type": "get_entry", "broadcast": True, "input": {"shorturl": "nowhere"}},
            {"type": "get_entries"},
        )
        assert [response["status"] for response in responses] == ["success", "error", "success"]

    def test_it_is_forgotten_with_the_request(self, app: RunningApp) -> None:
        multi(app, {"type": "temporary_account", "broadcast": True})
        assert multi(app, {"type": "get_entries"})[0]["error"]["field"] == "userid"

    def test_what_a_call_cannot_use_is_no_warning(self, app: RunningApp, member: Person) -> None:
        """A login broadcasts an e-mail address, which `get_entries` does not take."""
        responses = multi(
            app,
            {
                "type": "login",
                "broadcast": True,
                "input": {"username_email": "Member", "password": HEX},
            },
            {"type": "get_entries", "input": {"cuont": 5}},
        )
        assert "warnings" not in responses[0]
        assert responses[1]["warnings"] == ["unknown field: cuont"]

    def test_of_a_qr_code(self, app: RunningApp, guest: Person) -> None:
        """Any output can be broadcast, also one that no call takes."""
        entry = guest.shorten()
        responses = multi(
            app,
            {
                "type": "get_entry",
                "broadcast": True,
                "input": {**guest.credentials, "shorturl": entry["shorturl"], "qr": True},
            },
            {"type": "get_entries", "input": guest.credentials},
        )
        assert [response["status"] for response in responses] == ["success"] * 2


class TestWhatCannotStandInside:
    @pytest.mark.parametrize("name", ["multi", "file", "file_part_upload"])
    def test_fails_alone(self, app: RunningApp, name: str) -> None:
        responses = multi(
            app,
            {"type": name, "input": {"call_queries": [{"type": "temporary_account"}]}},
            {"type": "temporary_account"},
        )
        assert [response["status"] for response in responses] == ["error", "success"]
        assert responses[0]["weight"] == 0
        assert len(everything(app)["accounts"]) == 1


class TestItsOwnInput:
    def test_a_hundred(self, app: RunningApp, guest: Person) -> None:
        query = {"type": "url", "input": {**guest.credentials, "url": "https://example.com/"}}
        responses = multi(app, *[query] * 100)
        assert {response["status"] for response in responses} == {"success"}
        assert len(guest.entries(count=1000)) == 100

    def test_one_too_many_runs_none(self, app: RunningApp, guest: Person) -> None:
        query = {"type": "url", "input": {**guest.credentials, "url": "https://example.com/"}}
        before = everything(app)
        error = app.refused("multi", call_queries=[query] * 101)
        assert (error["http_status"], error["field"]) == (400, "call_queries")
        assert everything(app) == before

    @pytest.mark.parametrize(
        ("query", "field"),
        [
            (5, "call_queries[1]"),
            (None, "call_queries[1]"),
            ({}, "call_queries[1].type"),
            ({"type": 5}, "call_queries[1].type"),
            ({"type": "get_entries", "input": []}, "call_queries[1].input"),
            ({"type": "get_entries", "input": None}, "call_queries[1].input"),
            ({"type": "get_entries", "input": "{}"}, "call_queries[1].input"),
            ({"type": "get_entries", "broadcast": 1}, "call_queries[1].broadcast"),
            ({"type": "get_entries", "broadcast": None}, "call_queries[1].broadcast"),
        ],
    )
    def test_a_malformed_query_runs_none(self, app: RunningApp, query: object, field: str) -> None:
        before = everything(app)
        error = app.refused("multi", call_queries=[{"type": "temporary_account"}, query])
        assert error["http_status"] == 400
        assert error["field"].replace("[...]", "[1]") == field
        assert everything(app) == before

    def test_unknown_fields_are_named(self, app: RunningApp) -> None:
        response = app.post("multi", {"call_queries": [], "userid": "x", "calls": []})
        assert checked(response, "multi")["warnings"] == [
            "unknown field: userid",
            "unknown field: calls",
        ]


def test_inner_calls_are_charged_as_if_alone(app: RunningApp, guest: Person) -> None:
    before = guest.balance
    url = {"type": "url", "input": {**guest.credentials, "url": "https://example.com/"}}
    bad = {"type": "url", "input": {**guest.credentials, "url": "nonsense"}}
    responses = multi(app, url, bad, {"type": "get_entries", "input": guest.credentials})
    assert [response["weight"] for response in responses] == [1000, 1000, 1100]
    assert before - guest.balance == 3100


def test_signups_of_one_address_in_one_request(app: RunningApp) -> None:
    signup = {"type": "signup", "input": {"email": "a@nowhere.example", "password": HEX}}
    responses = multi(app, signup, signup)
    assert [response["status"] for response in responses] == ["success", "error"]
    assert responses[1]["error"]["code"] == "email_taken"
