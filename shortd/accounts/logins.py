"""Logins: who may act for an account, the password that says so, and where he is signed in."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from random import Random
from typing import NamedTuple

import msgspec

from shortd import errors
from shortd.accounts.accounts import ID_LENGTH, find_account, label, typed_name, unlocked
from shortd.accounts.credentials import end_credentials, living_keys
from shortd.accounts.known_clients import Client, Clients, is_known, note_client
from shortd.accounts.proofs import is_proven, note_proof
from shortd.accounts.second_factors import SecondFactors, Standing, set_up_first
from shortd.accounts.sign_ins import SignIns
from shortd.accounts.tokens import OWN, Login, Proof, put_token
from shortd.accounts.uses import Uses
from shortd.blocks import blocks
from shortd.ids import random_text, token_digest
from shortd.models.accounts import Account, AccountType, Token
from shortd.security.fair_queue import Purpose, Turn
from shortd.security.guessing import Guessing, Secret
from shortd.security.passwords import PasswordHasher
from shortd.security.tickets import Tickets
from shortd.settings import LimitSettings
from shortd.store import Store
from shortd.store.room import Reserve
from shortd.store.schema import ACCOUNTS, TOKENS
from shortd.store.txn import WriteTxn

HALFWAY = "sign-in"
"""The purpose of tickets for what comes after the password."""
ID_BYTES = 12
"""Of a token's digest, by which its owner names a login."""


class SignedIn(NamedTuple):
    """A login as its owner sees it."""

    id: str
    """24 hex digits."""
    row: Token
    is_own: bool
    """Whether it is the one that asks."""


class Halfway(NamedTuple):
    """A sign-in whose password was right, and whose second factor is still to come."""

    ticket: str
    """Names it, to be sent with the code."""
    standing: Standing


class Logins:
    """The rules of logins over the store. Times are Unix µs, passwords 64 hex digits."""

    def __init__(
        self,
        store: Store,
        limits: LimitSettings,
        hasher: PasswordHasher,
        guessing: Guessing,
        clients: Clients,
        factors: SecondFactors,
        tickets: Tickets,
        sign_ins: SignIns,
        random: Random,
        *,
        takes_passwords: bool,
    ) -> None:
        self._store = store
        self._limits = limits
        self._hasher = hasher
        self._guessing = guessing
        self._clients = clients
        self._factors = factors
        self._tickets = tickets
        self._random = random
        self._takes_passwords = takes_passwords
        self._sign_ins = sign_ins
        self.uses: Uses[tuple[str, bytes], Token] = Uses(store, TOKENS)

    def authenticate(self, userid: str, token: str | None, now: int) -> Account:
        """The account that these credentials prove.

        A temporary account's userid is its credential; others need a valid token.
        Raises BAD_CREDENTIALS, TOKEN_REQUIRED, ACCOUNT_EXPIRED or ACCOUNT_LOCKED.
        """
        account = self._store.get(ACCOUNTS, (userid,))
        if account is None:
            raise errors.BAD_CREDENTIALS(field="userid")
        if account.type is AccountType.TEMPORARY:
            if account.expiration_utime <= now:
                raise errors.ACCOUNT_EXPIRED(field="userid")
            return unlocked(account)
        if token is None:
            raise errors.TOKEN_REQUIRED(field="token")
        key = (userid, token_digest(token))
        login = self._store.get(TOKENS, key)
        if login is None or login.expiration_utime <= now:
            raise errors.BAD_CREDENTIALS(field="token")
        self.uses.note(key, max(login.use_utime, login.create_utime), now)
        return unlocked(account)

    def ends(self, userid: str, token: str) -> int:
        """When this login ends by itself, in Unix µs; 0 if there is none."""
        with self._store.read() as txn:
            login = TOKENS.get(txn, (userid, token_digest(token)))
        return 0 if login is None else login.expiration_utime

    def issuer_of(self, userid: str, token: str) -> str:
        """The issuer on whose word this login was opened, by its name in the settings; empty for
        none."""
        with self._store.read() as txn:
            login = TOKENS.get(txn, (userid, token_digest(token)))
        return "" if login is None else login.issuer

    def of_account(self, account: Account, token: str | None, now: int) -> list[SignedIn]:
        """An account's logins that are good, the newest first; `token` is that of who asks."""
        with self._store.read() as txn:
            rows = list(TOKENS.scan(txn, (account.userid,)))
        own = None if token is None else token_digest(token)
        found = [
            SignedIn(id_of_login(digest), row, digest == own)
            for (_, digest), row in rows
            if row.expiration_utime > now
        ]
        return sorted(found, key=lambda login: login.row.create_utime, reverse=True)

    async def end(self, account: Account, login_id: str) -> bool:
        """Ends one login of an account; whether there was one of that id."""

        def end(txn: WriteTxn) -> bool:
            keys = [key for key, _ in TOKENS.scan(txn, (account.userid,))]
            ended = [key for key in keys if id_of_login(key[1]) == login_id]
            for key in ended:
                TOKENS.delete(txn, key)
            return bool(ended)

        return await self._store.write(end)

    async def end_all(self, account: Account, token: str | None, *, end_keys: bool) -> None:
        """Ends all logins of an account in all APIs but the one of this token, and its API keys if
        they are to end; codes that were mailed for a new password, too."""
        await self._store.write(
            lambda txn: end_credentials(
                txn,
                account.userid,
                keep_token=token,
                keep_keys=not end_keys,
                # Who has no password would never come in again.
                keep_identities=not end_keys or not self.asks_password(account),
            )
        )

    async def log_in(
        self,
        name: str,
        password: str,
        address: str,
        now: int,
        user_agent: str = "",
        *,
        second_factor: str | None = None,
    ) -> Login:
        """A new token for the account of that username or e-mail address.

        Unknown names take as long as wrong passwords and answer alike: BAD_CREDENTIALS.
        LOGIN_LIMITED after many of either; ACCOUNT_LOCKED for the right one; BUSY when too many
        passwords wait to be checked. SECOND_FACTOR_REQUIRED for an account that has to prove more,
        without a `second_factor`; WRONG_CODE for one that is not its own.
        """
        account = await self.check(name, password, address, now, user_agent)
        await self.demand_second_factor(account, second_factor, address, now)
        return await self.open(account, address, now, user_agent)

    async def check(
        self,
        name: str,
        password: str,
        address: str,
        now: int,
        user_agent: str = "",
        *,
        password_alt: str = "",
    ) -> Account:
        """The account of that name, if this is its password; refuses as `log_in` does, but for what
        is still to be proved: `halfway` says it.

        `password_alt` is another derivation of what was typed, for who does not know which one the
        account was made with.
        """
        client = self._clients.of(address, user_agent)
        account, known = self._named(name, client, now)
        await self._check_password(
            Secret.LOGIN,
            account,
            typed_name(name),
            password,
            address,
            known=known,
            alt=password_alt,
        )
        if account is None:
            raise errors.BAD_CREDENTIALS()
        return account

    def halfway(self, account: Account, now: int) -> Halfway | None:
        """What is still to be proved by who has sent an account's password; None for nothing.
        ACCOUNT_LOCKED."""
        standing = self._factors.of(account)
        if not standing.is_asked:
            return None
        unlocked(account)
        ticket = self._tickets.issue(HALFWAY, _about(account), now)
        return Halfway(f"{account.userid}.{ticket.hex()}", standing)

    def still_halfway(self, ticket: str, now: int) -> Halfway:
        """The same by its ticket. BAD_CREDENTIALS if it is over, or was finished."""
        account, _ = self._ticketed(ticket, now)
        return Halfway(ticket, self._factors.of(account))

    async def finish(self, ticket: str, code: str, address: str, now: int) -> Account:
        """The account of a sign-in that was begun, by a code of its second factor.

        BAD_CREDENTIALS if it is over, WRONG_CODE, LOGIN_LIMITED.
        """
        account, raw = self._ticketed(ticket, now)
        await self._factors.prove(account, code, address, now)
        if not self._tickets.spend(raw, now):
            raise errors.BAD_CREDENTIALS("That took too long. Sign in again.")
        return account

    def _ticketed(self, ticket: str, now: int) -> tuple[Account, bytes]:
        userid, _, spelled = ticket.partition(".")
        account, raw = None, b""
        if ticket.isascii() and len(userid) == ID_LENGTH:
            account = self._store.get(ACCOUNTS, (userid,))
            with suppress(ValueError):
                raw = bytes.fromhex(spelled)
        if account is None or not self._tickets.is_good(raw, HALFWAY, _about(account), now):
            raise errors.BAD_CREDENTIALS("That took too long. Sign in again.")
        return account, raw

    async def demand_second_factor(
        self, account: Account, code: str | None, address: str, now: int
    ) -> None:
        """For who proved that an account is his and cannot be asked anything: uses up the code that
        he sent along. SECOND_FACTOR_REQUIRED for one that is missing, or that cannot be there yet;
        WRONG_CODE, LOGIN_LIMITED."""
        standing = self._factors.of(account)
        if standing.is_due:
            unlocked(account)
            raise set_up_first()
        if not standing.is_asked:
            return
        if code is None:
            unlocked(account)
            raise errors.SECOND_FACTOR_REQUIRED(field="second_factor")
        await self._factors.prove(account, code, address, now, field="second_factor")

    async def open(
        self, account: Account, address: str, now: int, user_agent: str = "", proof: Proof = OWN
    ) -> Login:
        """A new token for who has proven all that this account asks for.

        BAD_CREDENTIALS if it is gone, or its password is another one by now; ACCOUNT_LOCKED.
        """
        client = self._clients.of(address, user_agent)
        token = random_text(self._random, ID_LENGTH)

        def issue(txn: WriteTxn) -> Account:
            current = ACCOUNTS.get(txn, (account.userid,))
            if current is None or current.password != account.password:
                raise errors.BAD_CREDENTIALS()
            unlocked(current)
            lifetime = self._limits.token_lifetime(current.type)
            put_token(txn, current.userid, token, now, lifetime, client, proof)
            return current

        # Who wants to make room has to log in for it.
        current = await self._store.write(issue, Reserve.QUARTER)
        self._sign_ins.tell(current, proof.how, address, user_agent)
        return Login(current, token)

    async def log_out(self, userid: str, token: str) -> None:
        """Ends one login."""
        await self._store.write(
            lambda txn: TOKENS.delete(txn, (userid, token_digest(token))), Reserve.ALL
        )

    async def change_password(
        self,
        account: Account,
        token: str,
        *,
        password: str,
        new_passwords: Sequence[str],
        end_keys: bool,
        address: str,
        now: int,
        password_alt: str = "",
    ) -> int:
        """Sets a new password and ends every other login, and the API keys if they are to end; how
        many of these are left.

        BAD_CREDENTIALS if `password` is not the current one, LOGIN_LIMITED after many, BUSY. For an
        account that has none, PROOF_REQUIRED unless this login has proved itself lately.
        """
        client = self._clients.of(address)
        if self.asks_password(account) or not self._takes_passwords:
            await self.confirm(account, password, address, now, password_alt=password_alt)
        elif not self.is_proven(account, token, now):
            raise errors.PROOF_REQUIRED()
        new = await self._hasher.hash(new_passwords)

        def change(txn: WriteTxn) -> int:
            current = ACCOUNTS.get(txn, (account.userid,))
            if current is None or current.password != account.password:
                raise errors.BAD_CREDENTIALS(field="password")
            ACCOUNTS.put(txn, (account.userid,), msgspec.structs.replace(current, password=new))
            end_credentials(
                txn,
                account.userid,
                keep_token=token,
                keep_keys=not end_keys,
                keep_identities=not end_keys,
            )
            note_client(txn, account.userid, client.hash, now)
            return living_keys(txn, account.userid, now)

        return await self._store.write(change, Reserve.ALL)

    async def confirm(
        self, account: Account, password: str, address: str, now: int, *, password_alt: str = ""
    ) -> None:
        """Asks who is signed in for his password again, before what cannot be taken back.

        BAD_CREDENTIALS, LOGIN_LIMITED after many, BUSY.
        """
        known = self._is_known(account, self._clients.of(address), now)
        await self._check_password(
            Secret.PASSWORD,
            account,
            account.userid,
            password,
            address,
            known=known,
            alt=password_alt,
        )

    async def prove(
        self,
        account: Account,
        token: str | None,
        password: str,
        address: str,
        now: int,
        *,
        password_alt: str = "",
    ) -> None:
        """Makes a login one that has proved itself lately, by the password. As `confirm`."""
        await self.confirm(account, password, address, now, password_alt=password_alt)
        await self.note_proof(account, token, now)

    async def note_proof(self, account: Account, token: str | None, now: int) -> None:
        """Makes a login one that has proved itself lately, on another's word. BAD_CREDENTIALS for
        one that has ended."""
        if token is None:
            raise errors.PROOF_REQUIRED()
        await self._store.write(
            lambda txn: note_proof(txn, account.userid, token, now), Reserve.QUARTER
        )

    def asks_password(self, account: Account) -> bool:
        """Whether its owner proves himself by a password. Who came by an issuer or the proxy may
        have none: a sign-in of the last ten minutes stands for it."""
        return self._takes_passwords and account.password is not None

    def is_proven(self, account: Account, token: str | None, now: int) -> bool:
        """Whether a login has proved itself lately, as changing the ways to sign in takes."""
        with self._store.read() as txn:
            return is_proven(txn, account.userid, token, now)

    def _named(self, name: str, client: Client, now: int) -> tuple[Account | None, bool]:
        """The account of a name, and whether it was logged in to from there before."""
        with self._store.read() as txn:
            account = find_account(txn, name)
            return account, account is not None and is_known(txn, account.userid, client.hash, now)

    def _is_known(self, account: Account, client: Client, now: int) -> bool:
        with self._store.read() as txn:
            return is_known(txn, account.userid, client.hash, now)

    async def _check_password(
        self,
        secret: Secret,
        account: Account | None,
        subject: str,
        password: str,
        address: str,
        *,
        known: bool,
        alt: str = "",
    ) -> None:
        if not self._takes_passwords:
            raise errors.PASSWORD_OFF()
        # The budget is that of the name that was typed: were it the account's, the wait would
        # tell which names are one account's, and whether there is one.
        async with self._guessing.attempt(secret, subject, address, known=known) as attempt:
            attempt.account = label(account)
            purpose = Purpose.FIRST_LOGIN if attempt.first else Purpose.LOGIN
            turn = Turn(Purpose.KNOWN_LOGIN if known else purpose, blocks(address)[-1])
            stored = account.password if account else None
            if not await self._hasher.verify(stored, password, turn, alt):
                # Of a login nobody is to learn whether it was the name that was wrong.
                field = None if secret is Secret.LOGIN else "password"
                raise errors.BAD_CREDENTIALS(field=field)
            attempt.succeed()


def _about(account: Account) -> str:
    """An account under its present password."""
    digests = account.password.digests if account.password else ()
    return f"{account.userid}:{b''.join(digests).hex()}"


def id_of_login(digest: bytes) -> str:
    """What its owner and the operator name a login by: it opens nothing."""
    return digest[:ID_BYTES].hex()
