"""Budgets: who pays for what, and that a restart grants nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest

from shortd import errors
from shortd.budgets import REDIRECT_WEIGHT, Budgets, api_key, file_weight, link_key
from shortd.clock import SECOND
from shortd.models import Account, AccountType, Balance, File
from shortd.settings import Limits, LimitSettings
from shortd.store import Store
from shortd.store.schema import ACCOUNTS, BALANCES
from shortd.store.txn import WriteTxn
from shortd.testing import FakeClock, open_app
from tests.store.things import write

NOW = 1_700_000_000 * SECOND
LIMITS = LimitSettings(
    registered=Limits(api_capacity=1000, api_refill_rate=10),
    temporary=Limits(api_capacity=100, api_refill_rate=1, link_capacity=5000, link_refill_rate=100),
    client=Limits(api_capacity=50, api_refill_rate=5),
)
GUEST = Account("guest", AccountType.TEMPORARY, NOW)
MEMBER = Account("member", AccountType.REGISTERED, NOW)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    def put(txn: WriteTxn) -> None:
        for account in (GUEST, MEMBER):
            ACCOUNTS.put(txn, (account.userid,), account)

    opened = Store(tmp_path)
    write(opened, put)
    yield opened
    opened.close()


@pytest.fixture
def budgets(store: Store) -> Budgets:
    return Budgets(store, LIMITS)


def saved(store: Store) -> dict[str, Balance]:
    with store.read() as txn:
        return {key: row for (key,), row in BALANCES.scan(txn)}


def restarted(store: Store, budgets: Budgets) -> Budgets:
    asyncio.run(budgets.save())
    return Budgets(store, LIMITS)


def test_an_account_spends_what_its_type_has(budgets: Budgets) -> None:
    assert budgets.api_balance(GUEST, NOW) == 100
    budgets.charge_account(GUEST, 70, NOW)
    assert budgets.api_balance(GUEST, NOW) == 30
    assert budgets.api_balance(MEMBER, NOW) == 1000
    assert budgets.api_balance(GUEST, NOW + 20 * SECOND) == 50
    assert budgets.api_balance(GUEST, NOW + 1000 * SECOND) == 100


def test_a_refused_charge_takes_nothing_and_tells_how_long_to_wait(budgets: Budgets) -> None:
    budgets.charge_account(GUEST, 70, NOW)
    with pytest.raises(errors.ShortdError) as refusal:
        budgets.charge_account(GUEST, 31, NOW)
    assert refusal.value.kind is errors.RATE_LIMITED
    assert refusal.value.retry_after == 1
    assert budgets.api_balance(GUEST, NOW) == 30
    budgets.charge_account(GUEST, 31, NOW + SECOND)


def test_a_refund_gives_back_what_was_taken(budgets: Budgets) -> None:
    budgets.charge_account(GUEST, 70, NOW)
    budgets.refund_account(GUEST, 20, NOW)
    assert budgets.api_balance(GUEST, NOW) == 50


def test_the_two_buckets_of_an_account_are_two(budgets: Budgets) -> None:
    limit = budgets.link_limit(AccountType.TEMPORARY)
    budgets.buckets.charge(link_key("guest"), limit, 3000, NOW)
    assert budgets.link_balance(GUEST, NOW) == 2000
    assert budgets.api_balance(GUEST, NOW) == 100


def test_clients_pay_by_address_and_ipv6_by_network(budgets: Budgets) -> None:
    budgets.charge_client("198.51.100.1", 50, NOW)
    budgets.charge_client("198.51.100.2", 50, NOW)
    budgets.charge_client("2001:db8:1:2::1", 50, NOW)
    budgets.charge_client("2001:db8:1:3::1", 50, NOW)
    for address in ("198.51.100.1", "::ffff:198.51.100.2", "2001:db8:1:2:ffff::9"):
        with pytest.raises(errors.ShortdError):
            budgets.charge_client(address, 1, NOW)


def test_a_restart_grants_nothing(store: Store, budgets: Budgets) -> None:
    budgets.charge_account(GUEST, 70, NOW)
    budgets.charge_client("198.51.100.1", 40, NOW)
    budgets.buckets.charge(link_key("guest"), budgets.link_limit(GUEST.type), 3000, NOW)
    after = restarted(store, budgets)
    assert set(saved(store)) == {"api:guest", "link:guest", "client:198.51.100.1"}
    assert after.api_balance(GUEST, NOW) == 30
    assert after.link_balance(GUEST, NOW) == 2000
    with pytest.raises(errors.ShortdError):
        after.charge_client("198.51.100.1", 11, NOW)
    # Meanwhile it refilled as if nothing had been stopped.
    assert restarted(store, after).api_balance(GUEST, NOW + 20 * SECOND) == 50


def test_only_what_changed_is_written(store: Store, budgets: Budgets) -> None:
    budgets.charge_account(GUEST, 1, NOW)
    asyncio.run(budgets.save())
    budgets.api_balance(MEMBER, NOW)
    with patch.object(store, "write", side_effect=AssertionError("nothing has changed")):
        asyncio.run(budgets.save())


def test_a_save_that_fails_is_made_up_for(store: Store, budgets: Budgets) -> None:
    budgets.charge_account(GUEST, 70, NOW)
    full = patch.object(store, "write", side_effect=errors.STORAGE_FULL())
    with full, pytest.raises(errors.ShortdError):
        asyncio.run(budgets.save())
    assert saved(store) == {}
    assert budgets.api_balance(GUEST, NOW) == 30
    assert restarted(store, budgets).api_balance(GUEST, NOW) == 30


def test_a_bucket_that_is_full_again_leaves_no_row(store: Store, budgets: Budgets) -> None:
    budgets.charge_account(GUEST, 70, NOW)
    asyncio.run(budgets.save())
    assert set(saved(store)) == {"api:guest"}
    budgets.refund_account(GUEST, 70, NOW)
    asyncio.run(budgets.save())
    assert saved(store) == {}


def test_a_sweep_deletes_rows_that_time_has_filled_up(store: Store, budgets: Budgets) -> None:
    budgets.charge_account(GUEST, 70, NOW)  # 70 s at 1 a second
    budgets.charge_client("198.51.100.1", 50, NOW)  # 10 s at 5 a second
    asyncio.run(budgets.save())
    asyncio.run(budgets.sweep(NOW + 10 * SECOND - 1))
    assert set(saved(store)) == {"api:guest", "client:198.51.100.1"}
    asyncio.run(budgets.sweep(NOW + 10 * SECOND))
    assert set(saved(store)) == {"api:guest"}
    asyncio.run(budgets.sweep(NOW + 70 * SECOND - 1))
    assert set(saved(store)) == {"api:guest"}
    asyncio.run(budgets.sweep(NOW + 70 * SECOND))
    assert saved(store) == {}
    assert Budgets(store, LIMITS).api_balance(GUEST, NOW + 70 * SECOND) == 100


def test_a_sweep_knows_each_account_by_its_type(store: Store, budgets: Budgets) -> None:
    budgets.charge_account(MEMBER, 700, NOW)  # 70 s at 10 a second
    budgets.buckets.charge(link_key("guest"), budgets.link_limit(GUEST.type), 5000, NOW)  # 50 s
    asyncio.run(budgets.save())
    asyncio.run(budgets.sweep(NOW + 49 * SECOND))
    assert set(saved(store)) == {"api:member", "link:guest"}
    asyncio.run(budgets.sweep(NOW + 50 * SECOND))
    assert set(saved(store)) == {"api:member"}


def test_a_sweep_deletes_rows_of_accounts_that_are_gone(store: Store, budgets: Budgets) -> None:
    budgets.charge_account(GUEST, 70, NOW)
    budgets.charge_account(MEMBER, 70, NOW)
    asyncio.run(budgets.save())
    write(store, lambda txn: ACCOUNTS.delete(txn, ("guest",)))
    asyncio.run(budgets.sweep(NOW))
    assert set(saved(store)) == {api_key("member")}


def test_a_sweep_gets_through_any_number_of_rows(store: Store, budgets: Budgets) -> None:
    for number in range(2500):
        budgets.charge_client(f"10.0.{number // 256}.{number % 256}", 50, NOW)
    budgets.charge_account(MEMBER, 700, NOW)
    asyncio.run(budgets.save())
    assert len(saved(store)) == 2501
    asyncio.run(budgets.sweep(NOW + 10 * SECOND))
    assert set(saved(store)) == {"api:member"}


@pytest.mark.parametrize(
    ("filesize", "weight"),
    [(0, 1000), (999_999, 1000), (1_000_000, 1100), (2_500_000, 1200), (5 << 30, 537_800)],
)
def test_a_file_costs_by_the_megabyte(filesize: int, weight: int) -> None:
    assert file_weight(File("owner", "name", filesize, "", filesize)) == weight


def test_what_calls_and_visits_took_is_remembered_over_a_restart(tmp_path: Path) -> None:
    clock = FakeClock()
    environ = {
        "SHORTD_LIMITS__TEMPORARY__LINK_CAPACITY": "3000",
        "SHORTD_LIMITS__TEMPORARY__LINK_REFILL_RATE": "100",
    }
    with open_app(tmp_path, clock=clock, environ=environ) as app:
        userid = app.call("temporary_account")["userid"]
        entry = app.call("url", userid=userid, url="https://example.com/")["entry"]
        statuses = [app.get(entry["shorturl"]).status_code for _ in range(4)]
        assert statuses == [302, 302, 302, 429]
    with open_app(tmp_path, clock=clock, environ=environ) as app:
        refused = app.get(entry["shorturl"])
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "10")
        clock.advance(REDIRECT_WEIGHT / 100)
        statuses = [app.get(entry["shorturl"]).status_code for _ in range(2)]
        assert statuses == [302, 429]


def test_the_link_bucket_of_the_document_holds_thirty_days() -> None:
    limits = LimitSettings().registered
    assert (limits.link_capacity, limits.link_refill_rate) == (50_000 * 86_400 * 30, 50_000)
