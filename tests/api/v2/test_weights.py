"""What calls and visits cost, who pays, and what happens to those who cannot."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from shortd.api.v2.registry import CALLS
from shortd.clock import DAY
from shortd.limits.buckets import Limit
from shortd.settings import Limits
from shortd.testing import FakeClock, RunningApp, open_app
from tests.api.v2.envelopes import checked, everything
from tests.api.v2.people import PASSWORD, Person, double_sha256, path_of, registered, temporary
from tests.api.v2.samples import World
from tests.conftest import GENEROUS

HEX = double_sha256(PASSWORD)
DESTINATION = "https://example.com/"
WEIGHTS = {
    "url": 1000,
    "urls": 1200,
    "change_shorturl": 1000,
    "set_enabled": 1000,
    "set_tag": 1000,
    "set_expiration_count": 1000,
    "delete": 1000,
    "get_entry": 1000,
    "get_entries": 1100,
    "temporary_account": 1000,
    "signup": 1000,
    "login": 1000,
    "logout": 0,
    "change_password": 1000,
    "check_credentials": 1000,
    "get_account_info": 2000,
    "forgot_password": 5000,
    "verify_email": 5000,
    "multi": 0,
}
"""The document's, for `samples`: two URLs, one entry."""
WITHOUT_ACCOUNT = ("temporary_account", "signup", "login", "forgot_password", "reset_password")


@contextmanager
def limited(tmp_path: Path, **limits: int) -> Iterator[RunningApp]:
    """An app with these limits, and no others that matter: TEMPORARY__API_CAPACITY=5000."""
    environ = {f"SHORTD_LIMITS__{name}": str(value) for name, value in limits.items()}
    with open_app(tmp_path / "limited", environ={**GENEROUS, **environ}) as app:
        yield app


def level(app: RunningApp, bucket: str, limits: Limits) -> int:
    """The balance of a bucket for calls, asked for without paying."""
    limit = Limit(limits.api_capacity, limits.api_refill_rate)
    return app.services.limits.budgets.buckets.balance(bucket, limit, app.clock.now())


def client_balance(app: RunningApp) -> int:
    key, _ = app.services.limits.budgets.client_bucket("127.0.0.1")
    return level(app, key, app.services.settings.limits.client)


class TestPrices:
    @pytest.mark.parametrize(("name", "weight"), WEIGHTS.items())
    def test_of_the_document(self, app: RunningApp, name: str, weight: int) -> None:
        world = World(app)
        account, client = world.owner.balance, client_balance(app)
        userid = world.owner.userid
        envelope = checked(app.post(name, world.good(CALLS[name])), name)
        assert envelope["status"] == "success"
        assert envelope["weight"] == weight
        # The token may be gone, the account is not.
        after = level(app, f"api:{userid}", app.services.settings.limits.registered)
        if name == "multi":
            # Its one inner call makes a temporary account.
            assert (account - after, client - client_balance(app)) == (0, 1000)
        elif name in WITHOUT_ACCOUNT:
            assert (account - after, client - client_balance(app)) == (0, weight)
        else:
            assert (account - after, client - client_balance(app)) == (weight, 0)

    @pytest.mark.parametrize("number", [1, 2, 10])
    def test_of_lists(self, guest: Person, number: int) -> None:
        urls = [DESTINATION] * number
        assert guest.post("urls", urls=urls).json()["weight"] == 1000 + 100 * number
        for count in (1, number, number + 5):
            weight = guest.post("get_entries", count=count).json()["weight"]
            assert weight == 1000 + 100 * min(count, number)

    def test_a_qr_code_costs_nothing_more(self, guest: Person) -> None:
        assert guest.post("url", url=DESTINATION, qr=True).json()["weight"] == 1000


class TestFailures:
    """A call that reaches the limiter is charged, whether it then succeeds or not."""

    @pytest.mark.parametrize(
        ("name", "inputs", "weight"),
        [
            ("url", {"url": "nonsense"}, 1000),
            ("url", {"url": DESTINATION, "host": "other.example"}, 1000),
            ("urls", {"urls": [DESTINATION, "nonsense", DESTINATION]}, 1300),
            ("get_entry", {"shorturl": "127.0.0.1:8080/nobody"}, 1000),
            ("delete", {"shorturl": "127.0.0.1:8080/nobody"}, 1000),
            ("logout", {}, 0),
            ("change_password", {"password": HEX, "password_new": HEX}, 1000),
        ],
    )
    def test_behind_the_limiter(
        self, guest: Person, name: str, inputs: dict[str, Any], weight: int
    ) -> None:
        before = guest.balance
        envelope = checked(guest.post(name, **inputs), name)
        assert envelope["status"] == "error"
        assert envelope["weight"] == weight == before - guest.balance

    def test_in_front_of_it(self, app: RunningApp, guest: Person, member: Person) -> None:
        """Malformed calls and wrong credentials cost nothing."""
        before = guest.balance, member.balance, client_balance(app)
        for response in (
            guest.post("url"),
            guest.post("url", url=5),
            guest.post("url", url=DESTINATION, code="short"),
            member.post("url", url=DESTINATION, token=None),
            member.post("url", url=DESTINATION, token="x" * 32),
            app.post("url", b"nonsense"),
            app.post("no_such_call", {}),
            app.post("login", {"username_email": "Member"}),
        ):
            assert response.json()["status"] == "error"
            assert response.json()["weight"] == 0
        assert (guest.balance, member.balance, client_balance(app)) == before

    @pytest.mark.parametrize(
        ("name", "inputs"),
        [
            ("login", {"username_email": "nobody", "password": HEX}),
            ("signup", {"email": "nonsense", "password": HEX}),
            ("signup", {"email": "a@nowhere.example", "password": HEX, "userid": "x" * 32}),
        ],
    )
    def test_without_an_account(self, app: RunningApp, name: str, inputs: dict[str, Any]) -> None:
        before = client_balance(app)
        envelope = checked(app.post(name, inputs), name)
        assert envelope["status"] == "error"
        assert envelope["weight"] == 1000 == before - client_balance(app)


class TestShortBuckets:
    def test_refused_before_anything_happens(self, tmp_path: Path) -> None:
        with limited(tmp_path, TEMPORARY__API_CAPACITY=2500, TEMPORARY__API_REFILL_RATE=100) as app:
            guest = temporary(app)
            entry = guest.shorten(code="abcdef")
            guest.shorten()
            assert guest.balance == 500
            before = everything(app)
            shorturl = entry["shorturl"]
            for name, inputs in (
                ("url", {"url": DESTINATION}),
                ("url", {"url": DESTINATION, "code": "abcdef"}),
                ("urls", {"urls": [DESTINATION]}),
                ("get_entry", {"shorturl": shorturl}),
                ("get_entries", {}),
                ("set_tag", {"shorturl": shorturl, "tag": 5}),
                ("set_enabled", {"shorturl": shorturl, "enabled": False}),
                ("set_expiration_count", {"shorturl": shorturl, "expiration_count": 5}),
                ("change_shorturl", {"shorturl_old": shorturl, "shorturl_new": shorturl + "x"}),
                ("delete", {"shorturl": shorturl}),
                ("check_credentials", {}),
                ("get_account_info", {}),
            ):
                response = guest.post(name, **inputs)
                envelope = checked(response, name)
                assert response.status_code == 429
                assert envelope["error"]["code"] == "rate_limited"
                assert envelope["weight"] == 0
                assert guest.balance == 500
            assert everything(app) == before

    @pytest.mark.parametrize("wait", [4.9, 4.0, 0.1, 0.0])
    def test_retry_after_is_when_it_succeeds(self, tmp_path: Path, wait: float) -> None:
        with limited(tmp_path, TEMPORARY__API_CAPACITY=1000, TEMPORARY__API_REFILL_RATE=200) as app:
            guest = temporary(app)
            guest.shorten()
            app.clock.advance(wait)
            response = guest.post("url", url=DESTINATION)
            assert response.status_code == 429
            # Whole seconds, never too short: 5 s minus what has passed, rounded up.
            seconds = int(response.headers["retry-after"])
            assert seconds == -(-(5 - wait) // 1)
            app.clock.advance(5 - wait - 1e-6)
            assert guest.post("url", url=DESTINATION).status_code == 429
            app.clock.advance(1e-6)
            assert guest.post("url", url=DESTINATION).status_code == 200

    def test_a_list_too_long_for_what_is_left_is_given_back(self, tmp_path: Path) -> None:
        with limited(tmp_path, TEMPORARY__API_CAPACITY=1850, TEMPORARY__API_REFILL_RATE=100) as app:
            guest = temporary(app)
            guest.call("urls", urls=[DESTINATION] * 8)
            app.clock.advance(4.5)
            assert guest.balance == 500
            app.clock.advance(9)
            assert guest.balance == 1400
            response = guest.post("get_entries", count=5)
            assert response.status_code == 429
            assert checked(response, "get_entries")["weight"] == 0
            assert guest.balance == 1400
            assert response.headers["retry-after"] == "1"
            app.clock.advance(1)
            assert len(guest.entries(count=5)) == 5
            assert guest.balance == 0

    @pytest.mark.parametrize(
        ("name", "inputs"), [("urls", {"urls": [DESTINATION] * 10}), ("get_entries", {"count": 10})]
    )
    def test_more_than_the_bucket_holds(
        self, tmp_path: Path, name: str, inputs: dict[str, Any]
    ) -> None:
        with limited(tmp_path, TEMPORARY__API_CAPACITY=1999) as app:
            guest = temporary(app)
            guest.call("urls", urls=[DESTINATION] * 9)
            app.clock.advance(3600)
            guest.call("urls", urls=[DESTINATION])
            app.clock.advance(3600)
            before = everything(app)
            response = guest.post(name, **inputs)
            assert response.status_code == 429
            assert guest.balance == 1999
            assert {**everything(app), "balances": []} == {**before, "balances": []}

    def test_a_bucket_that_never_refills(self, tmp_path: Path) -> None:
        with limited(tmp_path, TEMPORARY__API_CAPACITY=1000, TEMPORARY__API_REFILL_RATE=0) as app:
            guest = temporary(app)
            guest.shorten()
            app.clock.advance(86_400)
            response = guest.post("url", url=DESTINATION)
            assert response.status_code == 429
            assert response.headers["retry-after"] == "86400"

    def test_free_calls_are_never_refused(self, tmp_path: Path) -> None:
        with limited(tmp_path, REGISTERED__API_CAPACITY=1, CLIENT__API_CAPACITY=1000) as app:
            member = registered(app)
            assert app.call("multi", call_queries=[]) == {"call_responses": []}
            assert member.call("logout") == {}

    def test_inside_multi_it_fails_alone(self, tmp_path: Path) -> None:
        with limited(tmp_path, TEMPORARY__API_CAPACITY=2000, TEMPORARY__API_REFILL_RATE=1) as app:
            guest, other = temporary(app), temporary(app)
            queries = [
                {"type": "url", "input": {**person.credentials, "url": DESTINATION}}
                for person in (guest, guest, guest, other)
            ]
            responses = app.call("multi", call_queries=queries)["call_responses"]
            codes = [response.get("error", {}).get("code") for response in responses]
            assert codes == [None, None, "rate_limited", None]
            assert [response["weight"] for response in responses] == [1000, 1000, 0, 1000]

    def test_one_account_does_not_pay_for_another(self, tmp_path: Path) -> None:
        with limited(tmp_path, TEMPORARY__API_CAPACITY=1000) as app:
            guest, other = temporary(app), temporary(app)
            guest.shorten()
            assert guest.post("url", url=DESTINATION).status_code == 429
            assert other.post("url", url=DESTINATION).status_code == 200


class TestRefill:
    def test_by_the_rate_up_to_the_capacity(self, tmp_path: Path) -> None:
        with limited(tmp_path, TEMPORARY__API_CAPACITY=5000, TEMPORARY__API_REFILL_RATE=3) as app:
            guest = temporary(app)
            for _ in range(3):
                guest.shorten()
            assert guest.balance == 2000
            app.clock.advance(1)
            assert guest.balance == 2003
            app.clock.advance(0.5)
            assert guest.balance == 2004
            app.clock.advance(0.5)
            assert guest.balance == 2006
            app.clock.advance(86_400)
            assert guest.balance == 5000

    @pytest.mark.parametrize("away", [0.0, 100.0, 10_000.0])
    def test_balances_survive_a_restart(self, tmp_path: Path, away: float) -> None:
        environ = {
            **GENEROUS,
            "SHORTD_LIMITS__TEMPORARY__API_CAPACITY": "6000",
            "SHORTD_LIMITS__TEMPORARY__API_REFILL_RATE": "10",
            "SHORTD_LIMITS__TEMPORARY__LINK_CAPACITY": "6000",
            "SHORTD_LIMITS__TEMPORARY__LINK_REFILL_RATE": "10",
            "SHORTD_LIMITS__CLIENT__API_CAPACITY": "6000",
            "SHORTD_LIMITS__CLIENT__API_REFILL_RATE": "10",
        }
        clock = FakeClock()
        with open_app(tmp_path / "data", clock=clock, environ=environ) as app:
            guest = temporary(app)
            temporary(app)
            entry = guest.shorten()
            guest.shorten()
            for _ in range(3):
                app.get(path_of(entry))
        clock.advance(away)
        refilled = round(away * 10)
        with open_app(tmp_path / "data", clock=clock, environ=environ, seed=1) as app:
            guest = Person(app, guest.userid)
            info = guest.call("get_account_info")
            assert info["api_balance"] == min(6000, 4000 + refilled)
            assert info["link_balance"] == min(6000, 3000 + refilled)
            status = app.post("temporary_account", {}).status_code
            assert status == (200 if refilled >= 1000 else 429)

    def test_full_buckets_leave_no_rows(self, app: RunningApp, guest: Person) -> None:
        entry = guest.shorten()
        app.get(path_of(entry))
        app.run(app.services.limits.budgets.save())
        assert len(everything(app)["balances"]) == 3
        app.clock.advance(7 * 86_400)
        app.sweep()
        assert everything(app)["balances"] == []

    def test_a_converted_account_keeps_its_balance(self, tmp_path: Path) -> None:
        limits = {
            "TEMPORARY__API_CAPACITY": 5000,
            "TEMPORARY__API_REFILL_RATE": 1,
            "REGISTERED__API_CAPACITY": 9000,
            "REGISTERED__API_REFILL_RATE": 10,
        }
        with limited(tmp_path, **limits) as app:
            guest = temporary(app)
            for _ in range(4):
                guest.shorten()
            member = registered(app, userid=guest.userid)
            assert member.balance == 1000
            app.clock.advance(1)
            assert member.balance == 1010


class TestClients:
    """Calls without an account are charged to the client's address."""

    def status(self, app: RunningApp, address: str, **headers: str) -> int:
        response = app.post("temporary_account", {}, address=address, headers=headers)
        checked(response, "temporary_account")
        status: int = response.status_code
        return status

    def test_each_address_has_its_own(self, tmp_path: Path) -> None:
        with limited(tmp_path, CLIENT__API_CAPACITY=1000, CLIENT__API_REFILL_RATE=100) as app:
            assert self.status(app, "192.0.2.1") == 200
            assert self.status(app, "192.0.2.1") == 429
            assert self.status(app, "192.0.2.2") == 200
            app.clock.advance(10)
            assert self.status(app, "192.0.2.1") == 200

    def test_ipv6_by_its_64(self, tmp_path: Path) -> None:
        with limited(tmp_path, CLIENT__API_CAPACITY=1000) as app:
            assert self.status(app, "2001:db8:0:1::1") == 200
            assert self.status(app, "2001:db8:0:1::1") == 429
            assert self.status(app, "2001:db8:0:1:ffff:ffff:ffff:ffff") == 429
            assert self.status(app, "2001:db8:0:2::1") == 200

    def test_a_mapped_ipv4_address_is_that_address(self, tmp_path: Path) -> None:
        with limited(tmp_path, CLIENT__API_CAPACITY=1000) as app:
            assert self.status(app, "192.0.2.1") == 200
            assert self.status(app, "::ffff:192.0.2.1") == 429
            assert self.status(app, "::ffff:192.0.2.2") == 200

    @pytest.mark.parametrize("name", WITHOUT_ACCOUNT)
    def test_all_of_these_calls_share_it(self, tmp_path: Path, name: str) -> None:
        with limited(tmp_path, CLIENT__API_CAPACITY=1000) as app:
            temporary(app)
            before = everything(app)
            inputs = {
                "temporary_account": {},
                "signup": {"email": "a@nowhere.example", "password": HEX},
                "login": {"username_email": "Member", "password": HEX},
                "forgot_password": {"username_email": "Member"},
                "reset_password": {
                    "email": "a@nowhere.example",
                    "password": HEX,
                    "unique_code": "0" * 32,
                },
            }[name]
            assert app.refused(name, **inputs)["code"] == "rate_limited"
            assert everything(app) == before

    def test_calls_of_accounts_do_not_touch_it(self, tmp_path: Path) -> None:
        with limited(tmp_path, CLIENT__API_CAPACITY=1000) as app:
            ann = registered(app, "ann")
            assert ann.shorten()
            assert ann.call("check_credentials")

    def test_behind_a_proxy(self, tmp_path: Path) -> None:
        environ = {
            **GENEROUS,
            "SHORTD_LIMITS__CLIENT__API_CAPACITY": "1000",
            "SHORTD_SERVER__TRUSTED_PROXIES": "10.0.0.0/8",
        }
        with open_app(tmp_path / "proxied", environ=environ) as app:

            def status(peer: str, forwarded: str) -> int:
                return self.status(app, peer, **{"x-forwarded-for": forwarded})

            assert status("10.0.0.1", "192.0.2.1") == 200
            assert status("10.0.0.2", "192.0.2.1") == 429
            # What the client wrote itself stands left of what the proxy added.
            assert status("10.0.0.1", "198.51.100.7, 192.0.2.1") == 429
            assert status("10.0.0.1", "192.0.2.2") == 200
            # From anyone else the header means nothing.
            assert status("203.0.113.1", "192.0.2.3") == 200
            assert status("203.0.113.1", "192.0.2.4") == 429


class TestVisits:
    def test_cost_the_owner(self, app: RunningApp, guest: Person) -> None:
        entry = guest.shorten()
        full = guest.call("get_account_info")["link_balance"]
        app.get(path_of(entry))
        app.get(path_of(entry), headers={"sec-purpose": "prefetch"})
        for method in ("HEAD", "POST", "OPTIONS"):
            app.request(method, path_of(entry))
        app.get("/nobody")
        assert guest.call("get_account_info")["link_balance"] == full - 2000

    def test_refused_visits_cost_nothing(self, app: RunningApp, guest: Person) -> None:
        disabled, gone = guest.shorten(), guest.shorten(expiration_utime=0)
        guest.call("set_enabled", shorturl=disabled["shorturl"], enabled=False)
        full = guest.call("get_account_info")["link_balance"]
        assert app.get(path_of(disabled)).status_code == 404
        assert app.get(path_of(gone)).status_code == 410
        assert guest.call("get_account_info")["link_balance"] == full

    @pytest.mark.parametrize("rate", [0, 1, 250, 2000])
    def test_an_empty_bucket(self, tmp_path: Path, rate: int) -> None:
        with limited(
            tmp_path, TEMPORARY__LINK_CAPACITY=2000, TEMPORARY__LINK_REFILL_RATE=rate
        ) as app:
            guest = temporary(app)
            entry, other = guest.shorten(), guest.shorten()
            assert [app.get(path_of(entry)).status_code for _ in range(2)] == [302, 302]
            # It is one bucket for all links of the account, and for no others.
            for limited_entry in (entry, other):
                response = app.get(path_of(limited_entry))
                assert response.status_code == 429
                assert "location" not in response.headers
                seconds = int(response.headers["retry-after"])
                assert seconds == (-(-1000 // rate) if rate else DAY // 1_000_000)
            assert app.get(path_of(temporary(app).shorten())).status_code == 302
            assert guest.entry(entry["shorturl"])["count"] == 2
            if rate:
                app.clock.advance(seconds)
                assert app.get(path_of(entry)).status_code == 302

    def test_a_limited_visit_uses_up_no_click(self, tmp_path: Path) -> None:
        with limited(
            tmp_path, TEMPORARY__LINK_CAPACITY=1000, TEMPORARY__LINK_REFILL_RATE=1000
        ) as app:
            entry = temporary(app).shorten(expiration_count=2)
            statuses = []
            for _ in range(3):
                statuses += [app.get(path_of(entry)).status_code for _ in range(2)]
                app.clock.advance(1)
            assert statuses == [302, 429, 302, 410, 410, 410]

    def test_a_converted_account_has_its_new_limit_at_once(self, tmp_path: Path) -> None:
        limits = {
            "TEMPORARY__LINK_CAPACITY": 1000,
            "TEMPORARY__LINK_REFILL_RATE": 0,
            "REGISTERED__LINK_CAPACITY": 9000,
            "REGISTERED__LINK_REFILL_RATE": 1000,
        }
        with limited(tmp_path, **limits) as app:
            guest = temporary(app)
            entry = guest.shorten()
            assert [app.get(path_of(entry)).status_code for _ in range(2)] == [302, 429]
            registered(app, userid=guest.userid)
            app.clock.advance(1)
            assert app.get(path_of(entry)).status_code == 302
