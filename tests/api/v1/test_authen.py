"""Tokens: given for a key, refreshed, revoked, and what becomes of calls without one."""

from __future__ import annotations

import httpx
import pytest

from shortd.accounts.access_tokens import ACCESS_LIFETIME, REFRESH_LIFETIME
from shortd.clock import DAY, SECOND
from shortd.testing import RunningApp
from shortd.upkeep.administration import Changes
from tests.api.v1.people import Client, client, refused, send, succeeded


class TestToken:
    def test_a_key_gives_a_pair(self, ann: Client) -> None:
        body = {"username": ann.username, "key": ann.key}
        token = succeeded(send(ann.app, "authen/token", body))["token"]
        assert list(token) == [
            *("scope", "access_token", "token_type", "refresh_token", "expires_in"),
        ]
        assert (token["scope"], token["token_type"]) == ("read write", "bearer")
        assert token["expires_in"] == 3600
        assert ann.ask("entity/team/list")["total"] == 1

    def test_the_scope_is_the_keys(self, app: RunningApp) -> None:
        reader = client(app, "reader", ["read"])
        body = {"username": "reader", "key": reader.key}
        assert succeeded(send(app, "authen/token", body))["token"]["scope"] == "read"

    def test_expires_in_is_what_a_key_has_left(self, ann: Client) -> None:
        made = ann.call("create_api_key", name="short", expiration_utime=ann.now + 90 * SECOND)
        body = {"username": ann.username, "key": made["api_key"]}
        assert succeeded(send(ann.app, "authen/token", body))["token"]["expires_in"] == 90

    @pytest.mark.parametrize("who", ["ann", "nobody", "ann" * 80, "a\x00nn", "ann@@"])
    def test_wrong_names_and_keys_are_401(self, ann: Client, who: str) -> None:
        body = {"username": who, "key": "a" * 32}
        assert refused(send(ann.app, "authen/token", body))["code"] == 401

    def test_a_key_of_somebody_else_is_401(self, ann: Client, ben: Client) -> None:
        body = {"username": ann.username, "key": ben.key}
        assert refused(send(ann.app, "authen/token", body))["code"] == 401

    def test_too_many_failures_are_429(self, ann: Client) -> None:
        address = "192.0.2.7"
        body = {"username": "nobody", "key": "a" * 32}
        codes = []
        for _ in range(11):
            codes.append(refused(send(ann.app, "authen/token", body, address=address))["code"])
        assert codes == [401] * 10 + [429]


class TestRefresh:
    def test_another_pair_takes_the_place_of_the_last(self, ann: Client) -> None:
        old = ann.access_token
        body = {"refreshToken": ann.refresh_token}
        token = succeeded(send(ann.app, "authen/refresh-token", body))["token"]
        assert refused(send(ann.app, "entity/team/list", {}, token=old))["code"] == 401
        ann.access_token = token["access_token"]
        assert ann.ask("entity/team/list")["total"] == 1

    def test_a_used_one_ends_the_family(self, ann: Client) -> None:
        body = {"refreshToken": ann.refresh_token}
        token = succeeded(send(ann.app, "authen/refresh-token", body))["token"]
        assert refused(send(ann.app, "authen/refresh-token", body))["code"] == 401
        ann.access_token = token["access_token"]
        assert ann.denied("entity/team/list") == 401

    def test_it_lasts_for_seven_days(self, ann: Client) -> None:
        ann.app.clock.advance(REFRESH_LIFETIME / SECOND)
        body = {"refreshToken": ann.refresh_token}
        assert refused(send(ann.app, "authen/refresh-token", body))["code"] == 401

    def test_an_access_token_refreshes_nothing(self, ann: Client) -> None:
        body = {"refreshToken": ann.access_token}
        assert refused(send(ann.app, "authen/refresh-token", body))["code"] == 401


class TestRevoke:
    def test_both_tokens_end(self, ann: Client) -> None:
        assert ann.ask("authen/revoke-token") == {}
        assert ann.denied("entity/team/list") == 401
        assert ann.denied("authen/revoke-token") == 401
        body = {"refreshToken": ann.refresh_token}
        assert refused(send(ann.app, "authen/refresh-token", body))["code"] == 401

    def test_other_logins_go_on(self, ann: Client) -> None:
        other = ann.access_token
        ann.login()
        ann.ask("authen/revoke-token")
        assert succeeded(send(ann.app, "entity/team/list", {}, token=other))["total"] == 1


class TestBearer:
    def test_an_access_token_lasts_an_hour(self, ann: Client) -> None:
        ann.app.clock.advance(ACCESS_LIFETIME / SECOND - 1)
        ann.ask("entity/team/list")
        ann.app.clock.advance(1)
        assert ann.denied("entity/team/list") == 401

    @pytest.mark.parametrize(
        "header",
        [b"", b"Bearer", b"Bearer ", b"Basic YTpi", b"Bearer wrong", b"Bearer \xff", b"x" * 4096],
    )
    def test_calls_without_a_valid_one_are_401(self, app: RunningApp, header: bytes) -> None:
        headers = httpx.Headers([(b"authorization", header)])
        response = app.request("POST", "/v1/entity/team/list", content="{}", headers=headers)
        assert refused(response)["code"] == 401

    def test_the_scheme_is_known_in_any_case(self, ann: Client) -> None:
        response = ann.app.request(
            "POST",
            "/v1/entity/team/list",
            content="{}",
            headers={"authorization": f"bearer  {ann.access_token}"},
        )
        assert succeeded(response)["total"] == 1

    def test_strangers_are_not_told_what_is_wrong_with_their_input(self, app: RunningApp) -> None:
        assert refused(send(app, "entity/team/list", b"{"))["code"] == 401

    def test_a_locked_account_is_403_and_may_come_back(self, ann: Client) -> None:
        custody = ann.app.services.upkeep.administration
        ann.do(custody.change(ann.userid, Changes(locked=True)))
        assert ann.denied("entity/team/list") == 403
        body = {"username": "ann", "key": ann.key}
        assert refused(send(ann.app, "authen/token", body))["code"] == 403
        ann.do(custody.change(ann.userid, Changes(locked=False)))
        ann.ask("entity/team/list")

    def test_a_deleted_key_ends_its_tokens(self, ann: Client) -> None:
        ann.call("delete_api_key", id=ann.key_id)
        assert ann.denied("entity/team/list") == 401

    def test_an_expired_key_ends_its_tokens(self, ann: Client) -> None:
        made = ann.call("create_api_key", name="short", expiration_utime=ann.now + DAY)
        ann.key = made["api_key"]
        ann.app.clock.advance(DAY / SECOND - 10)
        ann.login()
        ann.ask("entity/team/list")
        ann.app.clock.advance(10)
        assert ann.denied("entity/team/list") == 401
