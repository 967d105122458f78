"""Passkeys: what opens an account without a password, and proves again who has signed in.

Each is made for one account and known by a name that its owner gave it. One whose count of
signatures goes back has a copy somewhere: it opens nothing any more until it is made anew. Nothing
here may tell which of an answer's parts was wrong.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from random import Random
from typing import Any, NamedTuple

import msgspec
import structlog

from shortd import errors
from shortd.accounts.accounts import label, registered
from shortd.accounts.proofs import demand_proof, note_proof
from shortd.accounts.second_factors import SecondFactors
from shortd.accounts.ways_in import WaysIn
from shortd.ids import random_id, token_digest
from shortd.models.accounts import Account, Passkey
from shortd.models.mail import FactorChange
from shortd.names import check_name
from shortd.security.guessing import Guessing, Secret
from shortd.security.tickets import Tickets
from shortd.security.webauthn import (
    Answer,
    Flawed,
    RelyingParty,
    credential_id_of,
)
from shortd.settings import Settings
from shortd.store import Store
from shortd.store.room import Reserve
from shortd.store.schema import (
    ACCOUNTS,
    IDENTITIES,
    PASSKEYS,
    PASSKEYS_BY_CREDENTIAL,
    SECOND_FACTORS,
)
from shortd.store.txn import Txn, WriteTxn

PASSKEYS_PER_ACCOUNT = 20

_SIGN_IN, _MAKE = "passkey", "new passkey"
"""Purposes of challenges."""

log = structlog.get_logger(__name__)


class _Proven(NamedTuple):
    """A passkey that has signed, and how often."""

    row: Passkey
    counter: int


class Passkeys:
    """The rules of passkeys over the store. Times are Unix µs; answers of browsers are JSON."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        guessing: Guessing,
        factors: SecondFactors,
        tickets: Tickets,
        ways_in: WaysIn,
        random: Random,
    ) -> None:
        self._store = store
        self._party = RelyingParty(settings.pages_url)
        self._ways_in = ways_in
        self._guessing = guessing
        self._factors = factors
        self._tickets = tickets
        self._random = random

    @property
    def are_possible(self) -> bool:
        """Whether browsers have any for pages like these: on https, and on localhost."""
        return bool(self._party.id)

    def are_used(self) -> bool:
        """Whether anybody here has one."""
        if not self.are_possible:
            return False
        with self._store.read() as txn:
            return PASSKEYS.count(txn) > 0

    def of_account(self, account: Account) -> list[Passkey]:
        """An account's passkeys, the newest first."""
        with self._store.read() as txn:
            rows = _rows(txn, account.userid)
        return sorted(rows, key=lambda row: (row.create_utime, row.id), reverse=True)

    def request_options(self, now: int) -> str:
        """What a browser is asked for who signs in, or proves himself again, as JSON."""
        return _json(self._party.request_options(self._tickets.issue(_SIGN_IN, "", now)))

    async def creation_options(self, account: Account, now: int) -> str:
        """What a browser is asked for a new one of this account, as JSON. NOT_REGISTERED."""

        def handle_of(txn: WriteTxn) -> bytes:
            registered(txn, account.userid)
            return self._factors.handle_of(txn, account.userid)

        known = self._store.get(SECOND_FACTORS, (account.userid,))
        handle = known.handle if known else await self._store.write(handle_of)
        with self._store.read() as txn:
            rows = _rows(txn, account.userid)
        challenge = self._tickets.issue(_MAKE, account.userid, now)
        ids = [credential_id_of(row.credential) for row in rows]
        return _json(self._party.creation_options(challenge, handle, label(account), ids))

    async def add(
        self, account: Account, token: str | None, name: str, text: str, now: int
    ) -> Passkey:
        """Keeps the passkey that a browser has made.

        INVALID_FIELD, PROOF_REQUIRED, QUOTA_EXCEEDED; BAD_CREDENTIALS for what was not made here
        and now, by this account, or not verified who its owner is.
        """
        name = check_name(name)
        try:
            answer = await self._party.read_made(text)
            self._demand_challenge(answer, _MAKE, account.userid, now)
            made = await self._party.check_made(answer)
            self._spend_challenge(answer, now)
        except Flawed as flaw:
            raise _refused(flaw) from None
        row = Passkey(
            id=random_id(self._random),
            userid=account.userid,
            credential=made.credential,
            digest=hashlib.sha256(made.credential_id).digest(),
            name=name,
            create_utime=now,
            counter=made.counter,
        )

        def keep(txn: WriteTxn) -> None:
            registered(txn, account.userid)
            demand_proof(txn, account.userid, token, now)
            if len(_rows(txn, account.userid)) >= PASSKEYS_PER_ACCOUNT:
                raise errors.QUOTA_EXCEEDED(
                    "An account has at most %(most)s passkeys.", most=PASSKEYS_PER_ACCOUNT
                )
            if PASSKEYS_BY_CREDENTIAL.has(txn, (row.digest,)):
                raise _refused(Flawed("somebody has it already"))
            PASSKEYS.put(txn, (account.userid, row.id), row)
            self._factors.tell(txn, account.userid, FactorChange.PASSKEY_ADDED, now)

        await self._store.write(keep)
        return row

    async def rename(self, account: Account, passkey_id: str, name: str) -> None:
        """INVALID_FIELD, PASSKEY_NOT_FOUND."""
        name = check_name(name)

        def put(txn: WriteTxn) -> None:
            row = _found(txn, account.userid, passkey_id)
            PASSKEYS.put(txn, (account.userid, row.id), msgspec.structs.replace(row, name=name))

        await self._store.write(put)

    async def remove(self, account: Account, token: str | None, passkey_id: str, now: int) -> None:
        """PROOF_REQUIRED, PASSKEY_NOT_FOUND; LAST_WAY if nothing else opens the account."""

        def drop(txn: WriteTxn) -> None:
            demand_proof(txn, account.userid, token, now)
            row = _found(txn, account.userid, passkey_id)
            if self._ways_in.is_one(row) and not self._is_opened_without(txn, row):
                raise errors.LAST_WAY()
            PASSKEYS.delete(txn, (account.userid, row.id))
            self._factors.tell(txn, account.userid, FactorChange.PASSKEY_REMOVED, now)

        await self._store.write(drop, Reserve.ALL)

    async def check(self, text: str, address: str, now: int) -> Account:
        """The account whose passkey has signed: nothing more is asked of its owner.

        BAD_CREDENTIALS, LOGIN_LIMITED for an address that named many such.
        """
        proven = await self._prove(text, address, now)

        def use(txn: WriteTxn) -> Account | None:
            account = ACCOUNTS.get(txn, (proven.row.userid,))
            return account if account is not None and self._count(txn, proven, now) else None

        account = await self._store.write(use, Reserve.QUARTER)
        if account is None:
            raise _refused(Flawed("its counter went back, or it is gone"))
        return account

    async def prove(
        self, account: Account, token: str | None, text: str, address: str, now: int
    ) -> None:
        """Makes the login of `token` one that has proved itself lately, by a passkey of the same
        account. BAD_CREDENTIALS, LOGIN_LIMITED."""
        proven = await self._prove(text, address, now)
        if proven.row.userid != account.userid or token is None:
            raise _refused(Flawed("another account's"))

        def note(txn: WriteTxn) -> bool:
            if not self._count(txn, proven, now):
                return False
            note_proof(txn, account.userid, token, now)
            return True

        if not await self._store.write(note, Reserve.QUARTER):
            raise _refused(Flawed("its counter went back, or it is gone"))

    async def _prove(self, text: str, address: str, now: int) -> _Proven:
        """Which passkey has signed a challenge of ours, that nobody has answered yet."""
        subject = token_digest(text).hex()
        async with self._guessing.attempt(Secret.PASSKEY, subject, address) as attempt:
            try:
                answer = await self._party.read_asserted(text)
                self._demand_challenge(answer, _SIGN_IN, "", now)
                row, account = self._named(answer)
                attempt.account = label(account)
                counter = await self._party.check_asserted(answer, row.credential)
                self._spend_challenge(answer, now)
            except Flawed as flaw:
                raise _refused(flaw) from None
            attempt.succeed()
        return _Proven(row, counter)

    def _named(self, answer: Answer) -> tuple[Passkey, Account]:
        """The passkey that answers, as that of the account that it names. Flawed."""
        digest = hashlib.sha256(answer.credential_id).digest()
        with self._store.read() as txn:
            row = PASSKEYS_BY_CREDENTIAL.get(txn, (digest,))
            factors = None if row is None else SECOND_FACTORS.get(txn, (row.userid,))
            account = None if row is None else ACCOUNTS.get(txn, (row.userid,))
        if row is None or account is None or factors is None:
            raise Flawed("unknown")
        if answer.handle != factors.handle:
            raise Flawed("named for another account")
        return row, account

    def _is_opened_without(self, txn: Txn, row: Passkey) -> bool:
        """Whether anything else opens the account of a passkey."""
        others = [one for one in _rows(txn, row.userid) if one.id != row.id]
        identities = [one for _, one in IDENTITIES.scan(txn, (row.userid,))]
        return self._ways_in.is_open(txn, row.userid, [*others, *identities])

    def _count(self, txn: WriteTxn, proven: _Proven, now: int) -> bool:
        """Notes a use, unless the passkey is gone or seems to be copied, which is noted, too."""
        row = PASSKEYS.get(txn, (proven.row.userid, proven.row.id))
        if row is None or row.doubt_utime:
            return False
        counts = proven.counter > 0 or row.counter > 0
        if counts and proven.counter <= row.counter:
            log.warning("passkey_counter_went_back", passkey=row.id)
            doubted = msgspec.structs.replace(row, doubt_utime=now)
            PASSKEYS.put(txn, (row.userid, row.id), doubted)
            return False
        used = msgspec.structs.replace(row, counter=proven.counter, use_utime=now)
        PASSKEYS.put(txn, (row.userid, row.id), used)
        return True

    def _demand_challenge(self, answer: Answer, purpose: str, about: str, now: int) -> None:
        if not self._tickets.is_good(answer.challenge, purpose, about, now):
            raise Flawed("the challenge is not ours, or too old, or was answered before")

    def _spend_challenge(self, answer: Answer, now: int) -> None:
        if not self._tickets.spend(answer.challenge, now):
            raise Flawed("the challenge was answered before")


def _json(options: dict[str, Any]) -> str:
    return msgspec.json.encode(options).decode()


def _rows(txn: Txn, userid: str) -> Sequence[Passkey]:
    return [row for _, row in PASSKEYS.scan(txn, (userid,))]


def _found(txn: Txn, userid: str, passkey_id: str) -> Passkey:
    row = PASSKEYS.get(txn, (userid, passkey_id))
    if row is None:
        raise errors.PASSKEY_NOT_FOUND(field="id")
    return row


def _refused(flaw: Flawed) -> errors.ShortdError:
    log.debug("passkey_refused", reason=str(flaw))
    return errors.BAD_CREDENTIALS(
        "This passkey was not accepted, or it took too long. Try again.", field="credential"
    )
