"""Who accounts are at issuers, to the proxy and to plugins, and whose account somebody gets who
comes from there.

An account is found by what it was linked to, never by a name. An address links only where the
settings say so and the issuer has verified it, and what was opened before under an address that
nobody had verified here ends then: it may have been a stranger's. There is never a second account
for an address that has one.
"""

from __future__ import annotations

import hashlib
from random import Random

import msgspec

from shortd import errors
from shortd.accounts.accounts import ID_LENGTH, normalize_email, normalize_username, unlocked
from shortd.accounts.credentials import end_credentials
from shortd.accounts.mailboxes import verified
from shortd.accounts.second_factors import SecondFactors
from shortd.accounts.ways_in import WaysIn
from shortd.clock import HOUR
from shortd.ids import random_text
from shortd.issuers import Person, faults
from shortd.issuers.people import Voucher
from shortd.limits.owner_cache import OwnerCache
from shortd.models.accounts import Account, AccountType, Identity, Passkey
from shortd.models.mail import FactorChange
from shortd.names import folded
from shortd.store import Store
from shortd.store.room import Reserve
from shortd.store.schema import (
    ACCOUNTS,
    ACCOUNTS_BY_EMAIL,
    ACCOUNTS_BY_USERNAME,
    IDENTITIES,
    IDENTITIES_BY_DIGEST,
    PASSKEYS,
)
from shortd.store.txn import Txn, WriteTxn

PER_ACCOUNT = 20
CALLED_LENGTH = 254
SUBJECT_BYTES = 1024
_ID_BYTES = 12


class Admission(msgspec.Struct, frozen=True):
    """What a voucher's word is good for."""

    create: bool = False
    """Whether who has no account gets one."""
    link_by_email: bool = False
    """Whether an address that it has verified opens the account that has it."""


class Identities:
    """The rules of identities over the store. Times are Unix µs."""

    def __init__(
        self,
        store: Store,
        owners: OwnerCache,
        factors: SecondFactors,
        ways_in: WaysIn,
        random: Random,
    ) -> None:
        self._store = store
        self._ways_in = ways_in
        self._owners = owners
        self._factors = factors
        self._random = random

    def account_of(self, person: Person) -> Account | None:
        """The account that was linked to him, if there is one; it may be locked."""
        with self._store.read() as txn:
            return _linked(txn, digest_of(person))

    async def admit(self, person: Person, admission: Admission, now: int) -> Account:
        """The account of who has signed in elsewhere, made or linked if it may be. Fault."""
        known = self.account_of(person)
        if known is not None and not self._is_news(known, person, now):
            return _unlocked(known)
        if known is None:
            # Whom the proxy names in vain must not cost a write at every request.
            with self._store.read() as txn:
                _by_address(txn, person, admission)
        userid = random_text(self._random, ID_LENGTH)

        def admit(txn: WriteTxn) -> Account:
            account = _linked(txn, digest_of(person))
            if account is None:
                account = _by_address(txn, person, admission)
                if account is None:
                    account = _new(txn, userid, person, now)
                else:
                    account = _taken_back(txn, account)
            _unlocked(account)
            _put(txn, account.userid, person, now)
            return account

        account = await self._store.write(admit)
        self._owners.forget(account.userid)
        return account

    async def link(self, account: Account, person: Person, now: int) -> None:
        """Lets somebody open this account, too. Fault."""

        def link(txn: WriteTxn) -> None:
            if ACCOUNTS.get(txn, (account.userid,)) is None:
                raise faults.SIGNED_OUT()
            owner = _linked(txn, digest_of(person))
            if owner is not None and owner.userid != account.userid:
                raise faults.LINKED_ELSEWHERE()
            _put(txn, account.userid, person, now)
            if owner is None:
                self._factors.tell(txn, account.userid, FactorChange.WAY_ADDED, now)

        await self._store.write(link)

    def of_account(self, userid: str) -> list[Identity]:
        """Who an account is elsewhere, the oldest first."""
        with self._store.read() as txn:
            rows = [row for _, row in IDENTITIES.scan(txn, (userid,))]
        return sorted(rows, key=lambda row: row.create_utime)

    async def unlink(self, account: Account, identity_id: str, now: int) -> bool:
        """Ends one; whether there was one of that id. LAST_WAY if nothing else opens the
        account."""

        def end(txn: WriteTxn) -> bool:
            rows = [row for _, row in IDENTITIES.scan(txn, (account.userid,))]
            ended = [row for row in rows if id_of(row) == identity_id]
            others: list[Identity | Passkey] = [row for row in rows if row not in ended]
            others += [row for _, row in PASSKEYS.scan(txn, (account.userid,))]
            is_one = any(map(self._ways_in.is_one, ended))
            if is_one and not self._ways_in.is_open(txn, account.userid, others):
                raise errors.LAST_WAY()
            for row in ended:
                IDENTITIES.delete(txn, (account.userid, row.digest))
            if ended:
                self._factors.tell(txn, account.userid, FactorChange.WAY_REMOVED, now)
            return bool(ended)

        return await self._store.write(end, Reserve.ALL)

    def _is_news(self, account: Account, person: Person, now: int) -> bool:
        """Whether a use of this identity has to be written down."""
        with self._store.read() as txn:
            row = IDENTITIES.get(txn, (account.userid, digest_of(person)))
        return row is None or row.called != _called(person) or now - row.use_utime > HOUR


def digest_of(person: Person) -> bytes:
    """By what he is found again: whose word it is, and who he is there for good."""
    parts = (person.voucher.value, person.issuer, person.subject)
    return hashlib.sha256(msgspec.msgpack.encode(parts)).digest()


def id_of(row: Identity) -> str:
    """By which its owner names it: 24 hex digits."""
    return row.digest[:_ID_BYTES].hex()


def _linked(txn: Txn, digest: bytes) -> Account | None:
    row = IDENTITIES_BY_DIGEST.get(txn, (digest,))
    return None if row is None else ACCOUNTS.get(txn, (row.userid,))


def _by_address(txn: Txn, person: Person, admission: Admission) -> Account | None:
    """The account of his address, if it may become his; None if he is to get a new one. Fault."""
    email = _email(person)
    account = ACCOUNTS_BY_EMAIL.get(txn, (email.casefold(),)) if email else None
    if account is None:
        if not admission.create:
            raise faults.NO_ACCOUNT()
        if not email:
            raise faults.CLAIM("email is missing")
    elif not person.email_verified:
        raise faults.ADDRESS_UNVERIFIED()
    elif not admission.link_by_email:
        raise faults.ADDRESS_TAKEN()
    return account


def _taken_back(txn: WriteTxn, account: Account) -> Account:
    """The account, which is now his who has this address. Whoever has signed up with it need not
    have been him."""
    if account.email_verified:
        return account
    end_credentials(txn, account.userid)
    account = verified(msgspec.structs.replace(account, password=None))
    ACCOUNTS.put(txn, (account.userid,), account)
    return account


def _new(txn: WriteTxn, userid: str, person: Person, now: int) -> Account:
    account = Account(
        userid=userid,
        type=AccountType.REGISTERED,
        create_utime=now,
        email=_email(person),
        username=_username(txn, person),
    )
    if person.email_verified:
        account = verified(account)
    ACCOUNTS.put(txn, (userid,), account)
    return account


def _email(person: Person) -> str:
    try:
        return normalize_email(person.email) if person.email else ""
    except errors.ShortdError:
        raise faults.CLAIM("email is no address") from None


def _username(txn: Txn, person: Person) -> str:
    """His name there, if it can be one here and is free."""
    try:
        name = normalize_username(person.username)
    except errors.ShortdError:
        return ""
    return "" if not name or ACCOUNTS_BY_USERNAME.has(txn, (folded(name),)) else name


def _put(txn: WriteTxn, userid: str, person: Person, now: int) -> None:
    key = (userid, digest_of(person))
    old = IDENTITIES.get(txn, key)
    if old is None and sum(1 for _ in IDENTITIES.scan(txn, (userid,))) >= PER_ACCOUNT:
        raise faults.TOO_MANY()
    row = Identity(
        userid=userid,
        digest=key[1],
        voucher=person.voucher.value,
        issuer=person.issuer,
        subject=person.subject,
        called=_called(person),
        create_utime=now if old is None else old.create_utime,
        use_utime=now,
    )
    IDENTITIES.put(txn, key, row)


def _called(person: Person) -> str:
    return person.called[:CALLED_LENGTH]


def _unlocked(account: Account) -> Account:
    try:
        return unlocked(account)
    except errors.ShortdError:
        raise faults.LOCKED() from None


def person_of_proxy(name: str, email: str = "") -> Person:
    """Somebody whom the proxy has named."""
    return Person(voucher=Voucher.PROXY, issuer="", subject=name, email=email, username=name)
