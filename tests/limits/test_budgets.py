"""Budgets: who pays for what, and that a restart grants nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from unittest.mock import patch

import pytest

from shortd import errors
from shortd.blocks import BlockHashes, blocks
from shortd.clock import HOUR, SECOND
from shortd.limits.budgets import REDIRECT_WEIGHT, Budgets, api_key, file_weight, link_key
from shortd.models.accounts import Account, AccountType
from shortd.models.files import File
from shortd.models.limits import Balance
from shortd.settings import Limits, LimitSettings
from shortd.store import Store
from shortd.store.schema import ACCOUNTS, BALANCES
from shortd.store.txn import WriteTxn
from shortd.testing import FakeClock, open_app
from tests.store.things import write

NOW = 1_700_000_000 * SECOND
LIMITS = LimitSettings(
    registered=Limits(api_capacity=1000, api_refill_rate=10),
    temporary=Limits(api_capacity=45, api_refill_rate=3),
    verified=Limits(api_capacity=100, api_refill_rate=1, link_capacity=5000, link_refill_rate=100),
    client=Limits(api_capacity=50, api_refill_rate=5),
)
HASHES = BlockHashes(b"key")
ADDRESS = "198.51.100.9"
GUEST = Account("guest", AccountType.VERIFIED, NOW)
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
    return Budgets(store, LIMITS, HASHES)


def client(budgets: Budgets) -> str:
    """The key of the bucket of a client's address."""
    key, _ = budgets.client_bucket("198.51.100.1")
    return key


def saved(store: Store) -> dict[str, Balance]:
    with store.read() as txn:
        return {key: row for (key,), row in BALANCES.scan(txn)}


def restarted(store: Store, budgets: Budgets) -> Budgets:
    asyncio.run(budgets.save())
    return Budgets(store, LIMITS, HASHES)


def test_an_account_spends_what_its_type_has(budgets: Budgets) -> None:
    assert budgets.api_balance(GUEST, NOW) == 100
    budgets.charge_account(GUEST, ADDRESS, 70, NOW)
    assert budgets.api_balance(GUEST, NOW) == 30
    assert budgets.api_balance(MEMBER, NOW) == 1000
    assert budgets.api_balance(GUEST, NOW + 20 * SECOND) == 50
    assert budgets.api_balance(GUEST, NOW + 1000 * SECOND) == 100


def test_a_refused_charge_takes_nothing_and_tells_how_long_to_wait(budgets: Budgets) -> None:
    budgets.charge_account(GUEST, ADDRESS, 70, NOW)
    with pytest.raises(errors.ShortdError) as refusal:
        budgets.charge_account(GUEST, ADDRESS, 31, NOW)
    assert refusal.value.kind is errors.RATE_LIMITED
    assert refusal.value.retry_after == 1
    assert budgets.api_balance(GUEST, NOW) == 30
    budgets.charge_account(GUEST, ADDRESS, 31, NOW + SECOND)


def test_a_refund_gives_back_what_was_taken(budgets: Budgets) -> None:
    budgets.charge_account(GUEST, ADDRESS, 70, NOW)
    budgets.refund_account(GUEST, ADDRESS, 20, NOW)
    assert budgets.api_balance(GUEST, NOW) == 50


def test_the_two_buckets_of_an_account_are_two(budgets: Budgets) -> None:
    limit = budgets.link_limit(GUEST.type)
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


def temporary(number: int) -> Account:
    return Account(f"temporary{number}", AccountType.TEMPORARY, NOW)


def test_temporary_accounts_spend_what_their_client_has(budgets: Budgets) -> None:
    budgets.charge_account(temporary(1), "198.51.100.1", 40, NOW)
    with pytest.raises(errors.ShortdError) as refusal:
        budgets.charge_account(temporary(2), "198.51.100.1", 11, NOW)
    assert refusal.value.kind is errors.RATE_LIMITED
    assert budgets.refusals == {"client": 1}
    # Nothing was taken, from either.
    assert budgets.api_balance(temporary(2), NOW) == 45
    budgets.charge_account(temporary(2), "198.51.100.1", 10, NOW)
    with pytest.raises(errors.ShortdError):
        budgets.charge_client("198.51.100.1", 1, NOW)
    budgets.refund_account(temporary(2), "198.51.100.1", 10, NOW)
    budgets.charge_client("198.51.100.1", 10, NOW)
    budgets.charge_account(temporary(2), "198.51.100.2", 40, NOW)
    # Its own limit holds as well.
    with pytest.raises(errors.ShortdError):
        budgets.charge_account(temporary(3), "198.51.100.3", 46, NOW)


def test_wider_blocks_have_a_little_more_for_temporary_accounts(budgets: Budgets) -> None:
    numbers = count()

    def spent(networks: Iterable[str]) -> int:
        spent = 0
        for network in networks:
            with suppress(errors.ShortdError):
                budgets.charge_account(temporary(next(numbers)), f"{network}::1", 25, NOW)
                spent += 25
        return spent

    assert spent(f"2001:db8:1:{number:x}" for number in range(40)) == 2 * 50
    assert spent(f"2001:db8:1:{number << 8:x}" for number in range(1, 40)) == 4 * 50 - 2 * 50
    assert spent(["2001:db8:2:1"]) == 25


def test_a_restart_grants_nothing(store: Store, budgets: Budgets) -> None:
    budgets.charge_account(GUEST, ADDRESS, 70, NOW)
    budgets.charge_client("198.51.100.1", 40, NOW)
    budgets.buckets.charge(link_key("guest"), budgets.link_limit(GUEST.type), 3000, NOW)
    after = restarted(store, budgets)
    assert set(saved(store)) == {"api:guest", "link:guest", client(budgets)}
    assert after.api_balance(GUEST, NOW) == 30
    assert after.link_balance(GUEST, NOW) == 2000
    with pytest.raises(errors.ShortdError):
        after.charge_client("198.51.100.1", 11, NOW)
    # Meanwhile it refilled as if nothing had been stopped.
    assert restarted(store, after).api_balance(GUEST, NOW + 20 * SECOND) == 50


def test_only_what_changed_is_written(store: Store, budgets: Budgets) -> None:
    budgets.charge_account(GUEST, ADDRESS, 1, NOW)
    asyncio.run(budgets.save())
    budgets.api_balance(MEMBER, NOW)
    with patch.object(store, "write", side_effect=AssertionError("nothing has changed")):
        asyncio.run(budgets.save())


def test_a_save_that_fails_is_made_up_for(store: Store, budgets: Budgets) -> None:
    budgets.charge_account(GUEST, ADDRESS, 70, NOW)
    full = patch.object(store, "write", side_effect=errors.STORAGE_FULL())
    with full, pytest.raises(errors.ShortdError):
        asyncio.run(budgets.save())
    assert saved(store) == {}
    assert budgets.api_balance(GUEST, NOW) == 30
    assert restarted(store, budgets).api_balance(GUEST, NOW) == 30


def test_a_bucket_that_is_full_again_leaves_no_row(store: Store, budgets: Budgets) -> None:
    budgets.charge_account(GUEST, ADDRESS, 70, NOW)
    asyncio.run(budgets.save())
    assert set(saved(store)) == {"api:guest"}
    budgets.refund_account(GUEST, ADDRESS, 70, NOW)
    asyncio.run(budgets.save())
    assert saved(store) == {}


def test_a_sweep_deletes_rows_that_time_has_filled_up(store: Store, budgets: Budgets) -> None:
    budgets.charge_account(GUEST, ADDRESS, 70, NOW)  # 70 s at 1 a second
    budgets.charge_client("198.51.100.1", 50, NOW)  # 10 s at 5 a second
    asyncio.run(budgets.save())
    asyncio.run(budgets.sweep(NOW + 10 * SECOND - 1))
    assert set(saved(store)) == {"api:guest", client(budgets)}
    asyncio.run(budgets.sweep(NOW + 10 * SECOND))
    assert set(saved(store)) == {"api:guest"}
    asyncio.run(budgets.sweep(NOW + 70 * SECOND - 1))
    assert set(saved(store)) == {"api:guest"}
    asyncio.run(budgets.sweep(NOW + 70 * SECOND))
    assert saved(store) == {}
    assert Budgets(store, LIMITS, HASHES).api_balance(GUEST, NOW + 70 * SECOND) == 100


def test_a_sweep_knows_each_account_by_its_type(store: Store, budgets: Budgets) -> None:
    budgets.charge_account(MEMBER, ADDRESS, 700, NOW)  # 70 s at 10 a second
    budgets.buckets.charge(link_key("guest"), budgets.link_limit(GUEST.type), 5000, NOW)  # 50 s
    asyncio.run(budgets.save())
    asyncio.run(budgets.sweep(NOW + 49 * SECOND))
    assert set(saved(store)) == {"api:member", "link:guest"}
    asyncio.run(budgets.sweep(NOW + 50 * SECOND))
    assert set(saved(store)) == {"api:member"}


def test_a_sweep_deletes_rows_of_accounts_that_are_gone(store: Store, budgets: Budgets) -> None:
    budgets.charge_account(GUEST, ADDRESS, 70, NOW)
    budgets.charge_account(MEMBER, ADDRESS, 70, NOW)
    asyncio.run(budgets.save())
    write(store, lambda txn: ACCOUNTS.delete(txn, ("guest",)))
    asyncio.run(budgets.sweep(NOW))
    assert set(saved(store)) == {api_key("member")}


def test_a_sweep_gets_through_any_number_of_rows(store: Store, budgets: Budgets) -> None:
    for number in range(2500):
        budgets.charge_client(f"10.0.{number // 256}.{number % 256}", 50, NOW)
    budgets.charge_account(MEMBER, ADDRESS, 700, NOW)
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


def test_mails_are_asked_for_thirty_at_once_then_twenty_an_hour(budgets: Budgets) -> None:
    def asked(address: str, now: int) -> int:
        done = 0
        with pytest.raises(errors.ShortdError) as caught:
            while True:
                budgets.charge_mail(address, now)
                done += 1
        assert caught.value.kind is errors.MAIL_LIMITED
        return done

    assert asked("198.51.100.1", NOW) == 30
    assert asked("198.51.100.2", NOW) == 30
    assert asked("198.51.100.1", NOW + HOUR) == 20
    # Blocks of IPv6: a /64, a /56 of many, a /48 of many.
    assert asked("2001:db8:1::1", NOW) == 30
    assert sum(asked(f"2001:db8:2:{number:x}::", NOW) for number in range(1, 10)) == 60
    assert sum(asked(f"2001:db8:3:{number:x}00::", NOW) for number in range(1, 10)) == 120


@pytest.mark.parametrize("address", ["198.51.100.1", "2001:db8:1:2::3"])
def test_no_address_is_stored(store: Store, budgets: Budgets, address: str) -> None:
    budgets.charge_client(address, 5, NOW)
    budgets.charge_mail(address, NOW)
    asyncio.run(budgets.save())
    keys = " ".join(saved(store))
    for spelling in (address, blocks(address)[0], blocks(address)[-1]):
        assert spelling not in keys
    # What is full again goes, of all kinds.
    asyncio.run(budgets.sweep(NOW + 2 * HOUR))
    assert saved(store) == {}
